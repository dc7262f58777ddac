//! A machine asks for the next certificate, or gives its place back.

use super::activate::{Activate, Activated, Loaded, NextLease, usable_until};
use super::app::{App, UseCaseError, decided};
use super::continue_after_restore::LastRestore;
use super::merchant_commands::freed;
use super::ports::{ABSENT, Change, Commit, Urgency, Versioned, find};
use super::record::RecordKey;
use super::settle_device::{DeviceRequest, KeyChange, Settling, bound_machine, check_proof};
use crate::domain::{
    Activation, ActivationId, Binding, EndCause, EventKind, LicenseId, Machine, MerchantId, Refusal,
    RenewalDecision, TokenId,
};

/// What the holder shows, after its signature was checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Credential {
    /// The activation's certificate, expired or not.
    Certificate {
        /// Its generation.
        generation: u64,
        /// The machine that it was signed for, if it names one.
        enrolled: Option<Machine>,
    },
    /// Any license key ever issued for the license, for an activation whose certificate was lost.
    LicenseKey {
        /// Its `jti`.
        token_id: TokenId,
    },
}

/// What a machine asks for.
#[derive(Debug, Clone)]
pub struct RenewActivation {
    /// Whose.
    pub merchant: MerchantId,
    /// Which license.
    pub license: LicenseId,
    /// Which activation.
    pub activation: ActivationId,
    /// What it shows.
    pub credential: Credential,
    /// The machine as it is now; needed with a license key.
    pub machine: Option<Machine>,
    /// The same for the same request.
    pub nonce: String,
    /// What the machine's own key vouches for.
    pub device: DeviceRequest,
}

impl App {
    /// The next certificate and the current license key: a renewal paid at the marketplace reaches the software
    /// without a new paste.
    pub async fn renew_activation(&self, command: &RenewActivation) -> Result<Activated, UseCaseError> {
        let _turn = self.turn(&command.license).await;
        self.believed_if_there(&command.merchant, &command.license).await?;
        let renewed = decided!(self, self.try_renew(command))?;
        self.note_use(&command.merchant, &command.license, command.activation.as_str()).await;
        Ok(renewed)
    }

    async fn try_renew(&self, command: &RenewActivation) -> Result<Activated, UseCaseError> {
        let mut loaded = self.load_with_places(&command.merchant, &command.license).await?;
        let (now, restore) = (self.now(), self.last_restore().await?);
        match loaded.license.value.check(now) {
            // Nothing of it was signed before it began: a restore has lost the beginning.
            Err(Refusal::AwaitsActivation) if restore.is_some() => {
                loaded = self.beginning(loaded, now).await?;
            }
            other => other?,
        }
        let license = &loaded.license.value;
        let found = self.find_activation(&command.merchant, &command.license, &command.activation).await?;
        let Some(found) = found else { return self.activate_lost(loaded, command, &restore).await };
        let lease = found.value.lease()?;
        let proof = command.device.proof.as_ref();
        check_proof(license, &found.value, proof)?;
        // A device key is the machine, whatever components come with it.
        let is_by_key = license.sold.machine.binding == Binding::DeviceKey;
        let machine = if is_by_key { Some(&found.value.machine) } else { command.machine.as_ref() };
        if machine.is_some_and(|machine| !found.value.machine.is_same_as(machine)) {
            return Err(Refusal::MachineMismatch.into());
        }
        let untouched_since = restore.untouched(found.revision);
        let (generation, follows) = match &command.credential {
            Credential::Certificate { generation, .. } => {
                match found.value.decide_renewal(*generation, &command.nonce, untouched_since) {
                    // What is not believed any more is no answer: the machine gets another one under the same number.
                    Ok(RenewalDecision::Repeat(lease))
                        if self.is_withdrawn_lease(&command.merchant, lease) =>
                    {
                        (lease.generation + 1, Some(*generation))
                    }
                    Ok(RenewalDecision::Repeat(_)) => return self.activated(&loaded, &found.value, false),
                    Ok(RenewalDecision::Next { generation, follows }) => (generation, follows),
                    Err(refusal) => return self.refuse_renewal(&found.value, refusal).await,
                }
            }
            Credential::LicenseKey { token_id } => {
                if license.is_leaked(token_id) {
                    return Err(Refusal::LicenseSuperseded.into());
                }
                if machine.is_none() {
                    let why = "a renewal with a license key needs the machine".to_owned();
                    return Err(Refusal::Invalid { pointer: "/machine".into(), why }.into());
                }
                let is_good = !self.is_withdrawn_lease(&command.merchant, lease);
                if lease.nonce == command.nonce && untouched_since.is_none() && is_good {
                    return self.activated(&loaded, &found.value, false);
                }
                (lease.next_generation(untouched_since), None)
            }
        };
        let is_air_gap = command.device.air_gap.is_some();
        let starts_at = self.lease_start(license, Some(&found.value), now);
        let next = NextLease { generation, follows, nonce: &command.nonce, is_air_gap, starts_at };
        let settling = Settling {
            license: &loaded.license,
            activation: &found.value,
            request: &command.device,
            // After a restore the machine may have a newer certificate than is known here.
            generation: generation.saturating_sub(1).max(follows.unwrap_or(0)),
            change: KeyChange::Refused,
            usable_until: Some(usable_until(license, is_air_gap, starts_at)),
            now,
        };
        let settled = self.settle_device(&settling).await?;
        let machine = machine.cloned();
        self.next_lease(&loaded, found, machine.as_ref(), &settled, &next).await
    }

    /// The certificate is genuine and its activation is not there: a restore has lost it. The machine gets a place
    /// again, so that its software goes on by itself.
    async fn activate_lost(
        &self,
        loaded: Loaded,
        command: &RenewActivation,
        restore: &LastRestore,
    ) -> Result<Activated, UseCaseError> {
        let (Credential::Certificate { enrolled: Some(enrolled), .. }, true) =
            (&command.credential, restore.is_some())
        else {
            return Err(no_activation());
        };
        let offered = command.machine.as_ref().unwrap_or(enrolled);
        let machine = &bound_machine(&loaded.license.value, offered, command.device.proof.as_ref())?;
        if !enrolled.is_same_as(machine) {
            return Err(Refusal::MachineMismatch.into());
        }
        let again = Activate {
            merchant: command.merchant.clone(),
            license: command.license.clone(),
            token_id: None,
            machine: machine.clone(),
            name: String::new(),
            nonce: command.nonce.clone(),
            device: command.device.clone(),
        };
        let now = self.now();
        self.give_place(loaded, &again, restore, true, now).await
    }

    /// A clone is worth an event; the refusal stands whether or not it could be written.
    async fn refuse_renewal(
        &self,
        activation: &Activation,
        refusal: Refusal,
    ) -> Result<Activated, UseCaseError> {
        if refusal == Refusal::CloneSuspected {
            let event = self.activation_event(activation, EventKind::ActivationConflict);
            self.store.commit(Commit::new().put(event, ABSENT)).await?;
        }
        Err(refusal.into())
    }

    pub(super) async fn find_activation(
        &self,
        merchant: &MerchantId,
        license: &LicenseId,
        id: &ActivationId,
    ) -> Result<Option<Versioned<Activation>>, UseCaseError> {
        let key = RecordKey::Activation(merchant.clone(), license.clone(), id.clone());
        Ok(find(self.store.as_ref(), key).await?)
    }

    /// Frees the place that the certificate of `generation` stands for. Giving back what was given back already
    /// changes nothing.
    pub async fn release_activation(
        &self,
        merchant: &MerchantId,
        license: &LicenseId,
        id: &ActivationId,
        generation: u64,
        device: &DeviceRequest,
    ) -> Result<(), UseCaseError> {
        let _turn = self.turn(license).await;
        decided!(self, self.try_release_activation(merchant, license, id, generation, device))
    }

    async fn try_release_activation(
        &self,
        merchant: &MerchantId,
        license: &LicenseId,
        id: &ActivationId,
        generation: u64,
        device: &DeviceRequest,
    ) -> Result<(), UseCaseError> {
        let loaded = self.load_with_places(merchant, license).await?;
        let Some(found) = self.find_activation(merchant, license, id).await? else {
            // What a restore has lost holds no place.
            return if self.last_restore().await?.is_some() { Ok(()) } else { Err(no_activation()) };
        };
        let Versioned { value: mut activation, revision } = found;
        activation.check_release(generation)?;
        check_proof(&loaded.license.value, &activation, device.proof.as_ref())?;
        let settling = Settling {
            license: &loaded.license,
            activation: &activation,
            request: device,
            generation,
            change: KeyChange::Refused,
            usable_until: None,
            now: self.now(),
        };
        let settled = self.settle_device(&settling).await?;
        self.refuse_ledger(&activation, &settled).await?;
        if !activation.end(EndCause::Holder, self.now()) {
            return Ok(());
        }
        let Versioned { value: mut places, revision: places_revision } = loaded.places;
        places.places.free(id);
        let license_key = RecordKey::License(merchant.clone(), license.clone());
        let event = self.activation_event(&activation, EventKind::ActivationReleased);
        let commit = Commit::new()
            .with_urgency(Urgency::Essential)
            .with(Change::Check(license_key, loaded.license.revision))
            .set(freed(&activation))
            .put(places, places_revision)
            .put(activation, revision)
            .put(event, ABSENT);
        self.store.commit(settled.add_to(commit)).await?;
        self.signals.flips.notify_one();
        Ok(())
    }
}

fn no_activation() -> UseCaseError {
    Refusal::NotFound { what: "activation" }.into()
}
