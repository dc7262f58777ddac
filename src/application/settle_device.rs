//! A machine shows its own key: the key is kept with its activation, and what its usage ledger says is counted.

use sha2::{Digest, Sha256};

use super::app::{App, UseCaseError};
use super::escrow_quota::{Escrow, QuotaAsk, Rest};
use super::ports::{ABSENT, Change, Commit, StoreError, Versioned, find};
use super::record::RecordKey;
use crate::domain::{
    Activation, ActivationId, Binding, Device, EventKind, Instant, LedgerPlace, License, LineHash, Machine,
    Refusal, SentLedger, Share,
};

/// What a machine's own key vouches for, after its signature was checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceProof {
    /// The public key.
    pub key: [u8; 32],
    /// Its RFC 7638 thumbprint.
    pub thumbprint: [u8; 32],
    /// The activation that the machine had, or has.
    pub activation: Option<ActivationId>,
    /// What it has consumed since it was last asked.
    pub ledger: Option<SentLedger>,
}

/// What a machine shows besides its certificate.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeviceRequest {
    /// Its key, and what that vouches for.
    pub proof: Option<DeviceProof>,
    /// What it wants to hold for use without the server; at most [`super::QUOTA_ASKS_MAX`] metrics.
    pub quota: Vec<QuotaAsk>,
    /// Of a machine that is never online: what its request is known by. Such a request is answered once, and again while
    /// its answer is the newest; what is granted holds for the air-gap lease.
    pub air_gap: Option<[u8; 32]>,
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
    /// What is counted of quota.
    counted: Vec<Change>,
}

impl SettledDevice {
    fn nothing() -> Self {
        Self { device: None, revision: ABSENT, is_changed: false, place: None, counted: Vec::new() }
    }

    /// What must be stored together with the activation.
    pub(super) fn add_to(&self, commit: Commit) -> Commit {
        let commit = self.counted.iter().cloned().fold(commit, Commit::with);
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

/// An activation that settles with its machine.
pub(super) struct Settling<'a> {
    pub(super) license: &'a Versioned<License>,
    pub(super) activation: &'a Activation,
    pub(super) request: &'a DeviceRequest,
    /// Of the newest certificate that the machine can have.
    pub(super) generation: u64,
    pub(super) change: KeyChange,
    /// How long the machine can use what it holds; none where it gives its place back.
    pub(super) usable_until: Option<Instant>,
    pub(super) now: Instant,
}

impl App {
    /// Takes in what a machine's key vouches for, and gives it its share. Nothing is stored yet; a ledger that is wrong
    /// is refused by [`App::refuse_ledger`], after what stands before the place was counted.
    pub(super) async fn settle_device(&self, settling: &Settling<'_>) -> Result<SettledDevice, UseCaseError> {
        let Settling { activation, request, .. } = settling;
        let found = self.find_device(activation).await?;
        let Some(proof) = &request.proof else {
            if !request.quota.is_empty() {
                return Err(invalid("/quota", "a share of quota needs a device key").into());
            }
            return Ok(match found {
                Some(Versioned { value, revision }) => {
                    SettledDevice { device: Some(value), revision, ..SettledDevice::nothing() }
                }
                None => SettledDevice::nothing(),
            });
        };
        let (before, revision) = found.map_or((None, ABSENT), |it| (Some(it.value), it.revision));
        let mut device = before.clone().unwrap_or_else(|| new_device(activation, proof));
        if device.key != proof.key {
            match settling.change {
                KeyChange::Allowed => device.change_key((proof.key, proof.thumbprint)),
                KeyChange::Refused => return Err(Refusal::MachineMismatch.into()),
            }
        }
        let remembered = self.remember_air_gap(settling).await?;
        let (place, mut counted) = self.settle_shares(settling, &mut device, proof).await?;
        counted.extend(remembered);
        let is_changed = before.as_ref() != Some(&device);
        Ok(SettledDevice { device: Some(device), revision, is_changed, place, counted })
    }

    async fn settle_shares(
        &self,
        settling: &Settling<'_>,
        device: &mut Device,
        proof: &DeviceProof,
    ) -> Result<(Option<LedgerPlace>, Vec<Change>), UseCaseError> {
        let (license, now) = (settling.license, settling.now);
        if device.shares.iter().any(|share| share.has_lapsed(now)) {
            // It may have been given to somebody else, had anybody lacked it: what is told of it now is told late.
            self.return_lapsed_shares(&license.value.merchant, &license.value.id, now).await?;
            return Err(StoreError::Conflict.into());
        }
        let sent = proof.ledger.as_ref();
        let merged = sent.map(|sent| device.merge(sent, settling.generation)).unwrap_or_default();
        let asks = &settling.request.quota;
        if device.shares.is_empty() && asks.is_empty() {
            return Ok((merged.place, Vec::new()));
        }
        let counts_hours = self.is_pay_per_use(&license.value).await?;
        let escrow = Escrow { license, now, counts_hours };
        let mut counted = self.count_share_uses(&escrow, device, &merged.uses).await?;
        if merged.place.is_some() {
            for (share, rest) in device.close(|_| true) {
                counted.extend(escrow.end(&share, rest, Rest::Used));
            }
            return Ok((merged.place, counted));
        }
        if sent.is_some_and(|sent| sent.is_complete) {
            // The machine has told of everything: what it cannot use any more is free again.
            let is_over = |share: &Share| settling.usable_until.is_none() || !share.is_usable(now);
            for (share, rest) in device.close(is_over) {
                counted.extend(escrow.end(&share, rest, Rest::Returned));
            }
        }
        if let Some(usable_until) = settling.usable_until {
            device.extend(usable_until, now);
            // What was told late takes what is left before anybody asks for more of it.
            let is_late = merged.uses.iter().any(|used| used.is_late);
            if !asks.is_empty() && !is_late {
                let granted = self.grant_shares(&escrow, device, asks, usable_until).await?;
                // What is checked about the books comes before what is counted in them.
                counted = [granted, counted].concat();
            }
        }
        Ok((None, counted))
    }

    /// A machine that asks for a place anew brings the ledger of the activation that it had before: it is merged there,
    /// and what that still held is free again.
    pub(super) async fn merge_former_ledger(
        &self,
        license: &Versioned<License>,
        proof: &DeviceProof,
        now: Instant,
    ) -> Result<bool, UseCaseError> {
        let (Some(id), Some(_)) = (&proof.activation, &proof.ledger) else { return Ok(false) };
        let owner = &license.value;
        let key = RecordKey::Activation(owner.merchant.clone(), owner.id.clone(), id.clone());
        let found: Option<Versioned<Activation>> = find(self.store.as_ref(), key).await?;
        let Some(Versioned { value: activation, .. }) = found else { return Ok(false) };
        let request = DeviceRequest { proof: Some(proof.clone()), ..DeviceRequest::default() };
        let settling = Settling {
            license,
            activation: &activation,
            request: &request,
            generation: u64::MAX,
            change: KeyChange::Refused,
            usable_until: None,
            now,
        };
        let settled = self.settle_device(&settling).await?;
        self.refuse_ledger(&activation, &settled).await?;
        let commit = settled.add_to(Commit::new());
        if !commit.changes.is_empty() {
            self.store.commit(commit).await?;
        }
        Ok(true)
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
