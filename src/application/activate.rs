//! A machine asks for a place.

use std::collections::BTreeMap;

use chrono::TimeDelta;

use super::app::{App, UseCaseError, decided};
use super::continue_after_restore::LastRestore;
use super::merchant_commands::freed;
use super::ports::{ABSENT, CertificateOrder, Commit, StoreError, Urgency, Versioned, find};
use super::record::{LicensePlaces, Record, RecordKey};
use super::settle_device::{DeviceRequest, KeyChange, SettledDevice, Settling, bound_machine};
use crate::domain::{
    Activation, ActivationId, ActivationState, Actor, Binding, EndCause, EventKind, GENERATION_FIRST,
    Instant, Lease, License, LicenseId, Machine, Merchant, MerchantId, PlaceDecision, Places, Refusal,
    TokenId, Validity,
};

/// What a machine asks for, after the signature of its license key was checked.
#[derive(Debug, Clone)]
pub struct Activate {
    /// Whose.
    pub merchant: MerchantId,
    /// Which license.
    pub license: LicenseId,
    /// Which of its key texts was presented; `None` when it was a claim code.
    pub token_id: Option<TokenId>,
    /// The machine.
    pub machine: Machine,
    /// What the holder calls it.
    pub name: String,
    /// The same for the same request.
    pub nonce: String,
    /// The machine's own key, if it has one.
    pub device: DeviceRequest,
}

/// What a machine gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Activated {
    /// Whether it took a place, or had one.
    pub is_new: bool,
    /// Which activation.
    pub activation: ActivationId,
    /// The signed certificate.
    pub certificate: String,
    /// The current license key.
    pub license_key: String,
    /// When to ask for the next certificate.
    pub renew_after: Instant,
    /// Where the certificate's status list is found.
    pub status_list_uri: String,
}

/// The certificate that is to be signed.
pub(super) struct NextLease<'a> {
    pub(super) generation: u64,
    /// The generation that was shown for it, where that is not the one below.
    pub(super) follows: Option<u64>,
    /// The caller's nonce.
    pub(super) nonce: &'a str,
    /// For a machine that is never online.
    pub(super) is_air_gap: bool,
    pub(super) starts_at: Instant,
}

/// A license with its places, as loaded.
pub(super) struct Loaded {
    pub(super) merchant: Merchant,
    pub(super) license: Versioned<License>,
    pub(super) places: Versioned<LicensePlaces>,
    /// Whether the license begins with what is being committed.
    pub(super) begins: bool,
}

impl App {
    /// Gives the machine a place, or tells why not. The same machine again keeps its place; the same request
    /// again gets the same certificate.
    pub async fn activate(&self, command: &Activate) -> Result<Activated, UseCaseError> {
        let _turn = self.turn(&command.license).await;
        self.believed_if_there(&command.merchant, &command.license).await?;
        let activated = decided!(self, self.try_activate(command))?;
        self.note_use(&command.merchant, &command.license, activated.activation.as_str()).await;
        Ok(activated)
    }

    async fn try_activate(&self, command: &Activate) -> Result<Activated, UseCaseError> {
        let mut loaded = self.load_with_places(&command.merchant, &command.license).await?;
        let (now, license) = (self.now(), &loaded.license.value);
        let restore = self.last_restore().await?;
        let checked = match &command.token_id {
            Some(token_id) => license.check_key(token_id, restore.is_some(), now),
            None => license.check(now),
        };
        match checked {
            // A key is there already only where a restore has lost the beginning.
            Err(Refusal::AwaitsActivation) => loaded = self.beginning(loaded, now).await?,
            other => other?,
        }
        self.give_place(loaded, command, &restore, false, now).await
    }

    /// `had_one`: the machine has proved that it had a place in a time that a restore has lost.
    pub(super) async fn give_place(
        &self,
        loaded: Loaded,
        command: &Activate,
        restore: &LastRestore,
        had_one: bool,
        now: Instant,
    ) -> Result<Activated, UseCaseError> {
        let license = &loaded.license.value;
        if license.is_package() {
            let why = "a quota package runs on no machine: activate the license that uses it up";
            return Err(Refusal::IllegalState { why }.into());
        }
        if license.sold.machine.binding == Binding::Unbound {
            let why = "the license is not bound to machines: the license key alone is enough";
            return Err(Refusal::IllegalState { why }.into());
        }
        let machine = bound_machine(license, &command.machine, command.device.proof.as_ref())?;
        let mut command = Activate { machine, ..command.clone() };
        let kept = loaded.places.value.places.of_machine(&command.machine).map(|place| &place.activation);
        if let Some(proof) = &mut command.device.proof
            && proof.activation.as_ref() != kept
            && self.merge_former_ledger(&loaded.license, proof, now).await?
        {
            proof.ledger = None;
        }
        let command = &command;
        let places = &loaded.places.value.places;
        let limit = license.sold.machines;
        let needs_leases = places.of_machine(&command.machine).is_none() && places.are_taken(limit);
        let activations =
            if needs_leases { self.activations_of(license, places).await? } else { BTreeMap::new() };
        let freeing = self.freeing(license, now);
        match places.decide(&command.machine, limit, &activations, freeing) {
            Ok(PlaceDecision::Keep(id)) => self.activate_again(&loaded, command, &id, restore, now).await,
            Ok(PlaceDecision::Take) => self.take_place(loaded, command, None, now).await,
            Ok(PlaceDecision::TakeFrom(id)) => {
                let key = RecordKey::Activation(command.merchant.clone(), command.license.clone(), id);
                let old: Option<Versioned<Activation>> = find(self.store.as_ref(), key).await?;
                // It may have been renewed since it was looked at: then its certificate holds again.
                let old = old.filter(|old| freeing.frees(&old.value)).ok_or(StoreError::Conflict)?;
                self.take_place(loaded, command, Some(old), now).await
            }
            Err(full @ Refusal::MachineLimitReached { .. }) if had_one => {
                let freed = self.place_freed_in_lost_time(license, places, restore).await?;
                self.take_place(loaded, command, Some(freed.ok_or(full)?), now).await
            }
            Err(refusal) => Err(refusal.into()),
        }
    }

    /// A machine that had a place in the lost time got one that was free then. If only one of those that are taken now
    /// is still as the backup had it, it is that one: whoever asked since has his.
    async fn place_freed_in_lost_time(
        &self,
        license: &License,
        places: &Places,
        restore: &LastRestore,
    ) -> Result<Option<Versioned<Activation>>, UseCaseError> {
        let mut untouched = Vec::new();
        for place in &places.held {
            let id = place.activation.clone();
            let key = RecordKey::Activation(license.merchant.clone(), license.id.clone(), id);
            let found: Option<Versioned<Activation>> = find(self.store.as_ref(), key).await?;
            untouched.extend(found.filter(|found| restore.untouched(found.revision).is_some()));
        }
        Ok(if untouched.len() == 1 { untouched.pop() } else { None })
    }

    pub(super) async fn load_with_places(
        &self,
        merchant: &MerchantId,
        id: &LicenseId,
    ) -> Result<Loaded, UseCaseError> {
        let license = self.find_license(merchant, id).await?.ok_or(Refusal::LicenseKeyRefused)?;
        let key = RecordKey::Places(merchant.clone(), id.clone());
        let empty = || {
            let value =
                LicensePlaces { merchant: merchant.clone(), license: id.clone(), places: Places::default() };
            Versioned { value, revision: ABSENT }
        };
        let places = find(self.store.as_ref(), key).await?.unwrap_or_else(empty);
        Ok(Loaded { merchant: self.merchant(merchant).await?, license, places, begins: false })
    }

    pub(super) async fn activations_of(
        &self,
        license: &License,
        places: &Places,
    ) -> Result<BTreeMap<ActivationId, Activation>, UseCaseError> {
        let key = |id: &ActivationId| {
            RecordKey::Activation(license.merchant.clone(), license.id.clone(), id.clone())
        };
        let mut activations = BTreeMap::new();
        for chunk in places.held.chunks(500) {
            let keys: Vec<_> = chunk.iter().map(|place| key(&place.activation)).collect();
            for record in self.store.load(&keys).await?.into_iter().flatten() {
                if let Record::Activation(activation) = record.value {
                    activations.insert(activation.id.clone(), activation);
                }
            }
        }
        Ok(activations)
    }

    async fn take_place(
        &self,
        loaded: Loaded,
        command: &Activate,
        old: Option<Versioned<Activation>>,
        now: Instant,
    ) -> Result<Activated, UseCaseError> {
        let license = &loaded.license.value;
        let mut activation = Activation {
            id: ActivationId::from_uuid(self.ids.uuid_v7(now)),
            merchant: license.merchant.clone(),
            license: license.id.clone(),
            machine: command.machine.clone(),
            name: command.name.clone(),
            slot: self.take_status_slot(&license.merchant).await?,
            created_at: now,
            state: ActivationState::Ended { at: now, cause: EndCause::Holder },
        };
        let is_air_gap = command.device.air_gap.is_some();
        let (generation, nonce) = (GENERATION_FIRST, &command.nonce);
        let starts_at = self.lease_start(license, None, now);
        let first = NextLease { generation, follows: None, nonce, is_air_gap, starts_at };
        let settling = Settling {
            license: &loaded.license,
            activation: &activation,
            request: &command.device,
            generation: 0,
            change: KeyChange::Allowed,
            usable_until: Some(usable_until(license, is_air_gap, starts_at)),
            now,
        };
        let settled = self.settle_device(&settling).await?;
        self.refuse_ledger(&activation, &settled).await?;
        self.sign_lease(&loaded, &mut activation, &settled, &first)?;
        let mut places = loaded.places.value.clone();
        let mut commit = self.holding(Commit::new().with_urgency(Urgency::Grow), &loaded);
        if let Some(Versioned { value: mut displaced, revision }) = old {
            places.places.free(&displaced.id);
            displaced.end(EndCause::Displaced, now);
            let event = self.activation_event(&displaced, EventKind::ActivationReleased);
            commit = commit.set(freed(&displaced)).put(event, ABSENT).put(displaced, revision);
        }
        places.places.take(activation.id.clone(), activation.machine.clone());
        let event = self.activation_event(&activation, EventKind::ActivationCreated);
        let answer = self.activated(&loaded, &activation, true)?;
        let commit = commit.put(places, loaded.places.revision).put(event, ABSENT).put(activation, ABSENT);
        let commit = settled.add_to(commit);
        self.store.commit(commit).await?;
        self.signals.flips.notify_one();
        Ok(answer)
    }

    async fn activate_again(
        &self,
        loaded: &Loaded,
        command: &Activate,
        id: &ActivationId,
        restore: &LastRestore,
        now: Instant,
    ) -> Result<Activated, UseCaseError> {
        let key = RecordKey::Activation(command.merchant.clone(), command.license.clone(), id.clone());
        let found: Option<Versioned<Activation>> = find(self.store.as_ref(), key).await?;
        let found =
            found.ok_or_else(|| StoreError::Failed(format!("a place names {id}, which is not there")))?;
        let lease = found.value.lease()?;
        let untouched_since = restore.untouched(found.revision);
        let is_good = !self.is_withdrawn_lease(&command.merchant, lease);
        if lease.nonce == command.nonce
            && !lease.validity.has_ended(now)
            && untouched_since.is_none()
            && is_good
        {
            return self.activated(loaded, &found.value, false);
        }
        let generation = lease.next_generation(untouched_since);
        let is_air_gap = command.device.air_gap.is_some();
        let starts_at = self.lease_start(&loaded.license.value, Some(&found.value), now);
        let next = NextLease { generation, follows: None, nonce: &command.nonce, is_air_gap, starts_at };
        let settling = Settling {
            license: &loaded.license,
            activation: &found.value,
            request: &command.device,
            generation: lease.generation,
            change: KeyChange::Allowed,
            usable_until: Some(usable_until(&loaded.license.value, is_air_gap, starts_at)),
            now,
        };
        let settled = self.settle_device(&settling).await?;
        self.next_lease(loaded, found, Some(&command.machine), &settled, &next).await
    }

    /// Signs and stores the next certificate; the machine's components as it offers them now are kept.
    pub(super) async fn next_lease(
        &self,
        loaded: &Loaded,
        found: Versioned<Activation>,
        machine: Option<&Machine>,
        settled: &SettledDevice,
        next: &NextLease<'_>,
    ) -> Result<Activated, UseCaseError> {
        let Versioned { value: mut activation, revision } = found;
        self.refuse_ledger(&activation, settled).await?;
        let mut commit = self.holding(Commit::new(), loaded);
        if let Some(machine) = machine.filter(|machine| **machine != activation.machine) {
            activation.machine = machine.clone();
            let mut places = loaded.places.value.clone();
            for place in places.places.held.iter_mut().filter(|place| place.activation == activation.id) {
                place.machine = machine.clone();
            }
            commit = commit.put(places, loaded.places.revision);
        }
        self.sign_lease(loaded, &mut activation, settled, next)?;
        let answer = self.activated(loaded, &activation, false)?;
        if self.renewals_are_asked_for(&activation.merchant).await? {
            commit = commit.put(self.activation_event(&activation, EventKind::ActivationRenewed), ABSENT);
        }
        self.store.commit(settled.add_to(commit.put(activation, revision))).await?;
        Ok(answer)
    }

    /// A lease from now that never outlasts the license.
    fn sign_lease(
        &self,
        loaded: &Loaded,
        activation: &mut Activation,
        settled: &SettledDevice,
        next: &NextLease<'_>,
    ) -> Result<(), UseCaseError> {
        let now = next.starts_at;
        let license = &loaded.license.value;
        let (validity, renew) = lease_of(license, next.is_air_gap, now);
        let half = validity.ends_at.map_or(now, |end| now + (end - now) / 2);
        let lease = Lease {
            validity,
            renew_after: crate::domain::whole_seconds((now + renew).min(half)),
            generation: next.generation,
            follows: next.follows,
            nonce: next.nonce.to_owned(),
            token_id: TokenId::from_uuid(self.ids.uuid_v7(now)),
            certificate: String::new(),
        };
        activation.state = ActivationState::Held(lease);
        let device = settled.device.as_ref();
        let order = CertificateOrder { merchant: &loaded.merchant, license, activation, device };
        let text = self.signer.certificate(&order)?;
        if let ActivationState::Held(lease) = &mut activation.state {
            lease.certificate = text;
        }
        Ok(())
    }

    pub(super) fn activated(
        &self,
        loaded: &Loaded,
        activation: &Activation,
        is_new: bool,
    ) -> Result<Activated, UseCaseError> {
        let lease = activation.lease()?;
        Ok(Activated {
            is_new,
            activation: activation.id.clone(),
            certificate: lease.certificate.clone(),
            license_key: loaded.license.value.license_key.clone(),
            renew_after: lease.renew_after,
            status_list_uri: self.signer.status_list_uri(&activation.merchant, activation.slot.list),
        })
    }

    pub(super) fn activation_event(
        &self,
        activation: &Activation,
        kind: EventKind,
    ) -> crate::domain::AuditEvent {
        let detail = [("activation", activation.id.to_string())];
        self.event(&activation.merchant, &activation.license, &Actor::Customer, kind, &detail)
    }
}

/// The span of a lease that begins now, and after how long it is renewed.
fn lease_of(license: &License, is_air_gap: bool, now: Instant) -> (Validity, TimeDelta) {
    let (machine, offline) = (&license.sold.machine, &license.sold.offline);
    let (length, renew) = match machine.binding {
        Binding::Floating => (machine.floating_lease, machine.floating_lease / 3),
        // What is carried by hand is asked for as late as is safe: at half of the lease.
        Binding::Hardware | Binding::DeviceKey | Binding::Unbound if is_air_gap => {
            (offline.air_gap_lease, offline.air_gap_lease)
        }
        Binding::Hardware | Binding::DeviceKey | Binding::Unbound => (offline.lease, offline.renew_after),
    };
    let span = |length| TimeDelta::from_std(length).unwrap_or(TimeDelta::days(366));
    let validity = Validity::between(now, Some(now + span(length))).ending_within(&license.validity);
    (validity, span(renew))
}

/// How long software goes on with a lease that begins now: grace belongs to the license's end, so a lease that is cut
/// there lasts through it.
pub(super) fn usable_until(license: &License, is_air_gap: bool, now: Instant) -> Instant {
    let end = lease_of(license, is_air_gap, now).0.ends_at.unwrap_or(now);
    let grace = TimeDelta::from_std(license.sold.offline.grace).unwrap_or_default();
    if license.validity.ends_at == Some(end) { end + grace } else { end }
}
