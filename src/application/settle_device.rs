//! A machine shows its own key: the key is kept with its activation, and what its usage ledger says is counted.

use sha2::{Digest, Sha256};

use super::app::{App, UseCaseError};
use super::ports::{ABSENT, Commit, Versioned, find};
use super::record::RecordKey;
use crate::domain::{
    Activation, Binding, Device, EventKind, LedgerPlace, License, LineHash, Machine, Refusal, SentLedger,
};

/// What a machine's own key vouches for, after its signature was checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceProof {
    /// The public key.
    pub key: [u8; 32],
    /// Its RFC 7638 thumbprint.
    pub thumbprint: [u8; 32],
    /// What it has consumed since it was last asked.
    pub ledger: Option<SentLedger>,
}

/// What a machine shows besides its certificate.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeviceRequest {
    /// Its key, and what that vouches for.
    pub proof: Option<DeviceProof>,
}

/// What became of an activation's device record.
pub(super) struct SettledDevice {
    /// As it is now; none where no key was ever shown.
    pub(super) device: Option<Device>,
    /// Revision of what is stored.
    revision: u64,
    is_changed: bool,
    /// Where the ledger was refused.
    place: Option<LedgerPlace>,
}

impl SettledDevice {
    fn nothing() -> Self {
        Self { device: None, revision: ABSENT, is_changed: false, place: None }
    }

    /// What must be stored together with the activation.
    pub(super) fn add_to(&self, commit: Commit) -> Commit {
        match &self.device {
            Some(device) if self.is_changed => commit.put(device.clone(), self.revision),
            Some(_) | None => commit,
        }
    }
}

/// Whether a machine may come with another key than before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum KeyChange {
    /// It shows a license key, and its components say which machine it is.
    Allowed,
    /// It goes on with the certificate of the key that it had.
    Refused,
}

/// The machine as the license's spec tells machines apart.
pub(super) fn bound_machine(
    license: &License,
    offered: &Machine,
    proof: Option<&DeviceProof>,
) -> Result<Machine, Refusal> {
    match (license.sold.machine.binding, proof) {
        (Binding::DeviceKey, Some(proof)) => Ok(Machine::of_device_key(&proof.thumbprint)),
        (Binding::DeviceKey, None) => Err(invalid("/machine", DEVICE_KEY_NEEDED)),
        (Binding::Hardware | Binding::Floating | Binding::Unbound, _) if offered.is_distinct() => {
            Ok(offered.clone())
        }
        (Binding::Hardware | Binding::Floating | Binding::Unbound, _) => Err(invalid(
            "/machine/request",
            "the license is bound to components: at least os or fw is needed",
        )),
    }
}

const DEVICE_KEY_NEEDED: &str = "the license is bound to a device key: a request signed by it is needed";

pub(super) fn invalid(pointer: &str, why: &str) -> Refusal {
    Refusal::Invalid { pointer: pointer.into(), why: why.into() }
}

impl App {
    /// Takes in what a machine's key vouches for. Nothing is stored yet; a ledger that is wrong is refused by
    /// [`App::refuse_ledger`], after what stands before the place was taken.
    pub(super) async fn settle_device(
        &self,
        activation: &Activation,
        request: &DeviceRequest,
        generation: u64,
        change: KeyChange,
    ) -> Result<SettledDevice, UseCaseError> {
        let found = self.find_device(activation).await?;
        let Some(proof) = &request.proof else {
            return Ok(match found {
                Some(Versioned { value, revision }) => {
                    SettledDevice { device: Some(value), revision, is_changed: false, place: None }
                }
                None => SettledDevice::nothing(),
            });
        };
        let (before, revision) = found.map_or((None, ABSENT), |it| (Some(it.value), it.revision));
        let mut device = before.clone().unwrap_or_else(|| new_device(activation, proof));
        if device.key != proof.key {
            match change {
                KeyChange::Allowed => device.change_key((proof.key, proof.thumbprint)),
                KeyChange::Refused => return Err(Refusal::MachineMismatch.into()),
            }
        }
        let merged = proof.ledger.as_ref().map(|ledger| device.merge(ledger, generation)).unwrap_or_default();
        let is_changed = before.as_ref() != Some(&device);
        Ok(SettledDevice { device: Some(device), revision, is_changed, place: merged.place })
    }

    /// Stores what stands before the place where a ledger is wrong, with an event, and refuses it; `Ok` where nothing
    /// is wrong.
    pub(super) async fn refuse_ledger(
        &self,
        activation: &Activation,
        settled: &SettledDevice,
    ) -> Result<(), UseCaseError> {
        let Some(place) = settled.place else { return Ok(()) };
        let detail = [
            ("activation", activation.id.to_string()),
            ("entry", place.seq.to_string()),
            ("fault", place.fault.as_str().to_owned()),
        ];
        let (merchant, license) = (&activation.merchant, &activation.license);
        let kind = EventKind::LedgerRefused;
        let event = self.event(merchant, license, &crate::domain::Actor::Customer, kind, &detail);
        self.store.commit(settled.add_to(Commit::new().put(event, ABSENT))).await?;
        Err(Refusal::LedgerRefused(place).into())
    }

    pub(super) async fn find_device(
        &self,
        activation: &Activation,
    ) -> Result<Option<Versioned<Device>>, UseCaseError> {
        let (merchant, license) = (activation.merchant.clone(), activation.license.clone());
        let key = RecordKey::Device(merchant, license, activation.id.clone());
        Ok(find(self.store.as_ref(), key).await?)
    }
}

/// A license that is bound to a device key is renewed and released by that key alone.
pub(super) fn check_proof(
    license: &License,
    activation: &Activation,
    proof: Option<&DeviceProof>,
) -> Result<(), Refusal> {
    match (license.sold.machine.binding, proof) {
        (Binding::DeviceKey, None) => Err(invalid("/proof", DEVICE_KEY_NEEDED)),
        (Binding::DeviceKey, Some(proof))
            if !activation.machine.is_same_as(&Machine::of_device_key(&proof.thumbprint)) =>
        {
            Err(Refusal::MachineMismatch)
        }
        (Binding::DeviceKey | Binding::Hardware | Binding::Floating | Binding::Unbound, _) => Ok(()),
    }
}

fn new_device(activation: &Activation, proof: &DeviceProof) -> Device {
    let owner = (activation.merchant.clone(), activation.license.clone(), activation.id.clone());
    Device::new(owner, (proof.key, proof.thumbprint), ledger_start(activation.id.as_str()))
}

/// Where the ledger of an activation begins (`docs/usage-ledger.md`).
fn ledger_start(activation: &str) -> LineHash {
    Sha256::new().chain_update(b"lictor-usage-v1\0").chain_update(activation).finalize().into()
}
