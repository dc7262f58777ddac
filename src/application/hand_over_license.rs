//! Somebody applies at the marketplace for the license of an instance, as a text or file: an offline activation.
//!
//! The call is answered at once; what was made is stored with it and uploaded afterwards. The same application again
//! gets the same file.

use std::collections::BTreeMap;

use chrono::TimeDelta;

use super::activate::Loaded;
use super::app::{App, UseCaseError, decided};
use super::handle_purchase_event::PurchaseCall;
use super::merchant_commands::freed;
use super::ports::{
    ABSENT, CertificateOrder, Commit, LicenseKeyOrder, MarketplaceCallError, StoreError, Urgency, Versioned,
    find,
};
use super::record::{Owned, RecordKey, Task};
use super::settle_purchase::Settled;
use crate::domain::{
    Activation, ActivationId, ActivationState, Actor, Application, Binding, Channel, ChannelId, Component,
    EarlyEvent, EndCause, EventKind, GENERATION_FIRST, HandedOver, HandedOverKey, Instant, IssuedKey, Lease,
    License, Machine, MerchantId, OrderLineKey, PlaceDecision, Purchase, PurchaseOutcome, PurchaseState,
    Refusal, TokenId, Validity, call_text,
};

/// How far an application may begin before the license does: the two clocks of one purchase.
const EARLY_START_HOURS: i64 = 48;

/// What an application leads to.
enum Verdict {
    /// The commit that makes it so.
    Done(Commit),
    /// Nothing is changed.
    Answer(PurchaseOutcome),
}

impl App {
    pub(super) async fn apply_for_license(
        &self,
        call: &PurchaseCall<'_>,
        instance_id: &str,
        application: &Application,
    ) -> Result<PurchaseOutcome, UseCaseError> {
        let _turn = self.turn(&instance_id).await;
        decided!(self, self.try_apply_for_license(call, instance_id, application))
    }

    async fn try_apply_for_license(
        &self,
        call: &PurchaseCall<'_>,
        instance_id: &str,
        application: &Application,
    ) -> Result<PurchaseOutcome, UseCaseError> {
        let Some(purchase) = self.purchase_of_instance(call, instance_id).await? else {
            return Ok(PurchaseOutcome::InstanceUnknown);
        };
        match purchase.value.state {
            PurchaseState::Received | PurchaseState::Held { .. } => {
                let (at, application) = (call.now, application.clone());
                let kept =
                    self.keep_early(call, purchase, EarlyEvent::Applied { at, application }, None).await?;
                Ok(if kept == PurchaseOutcome::Done { PurchaseOutcome::Processing } else { kept })
            }
            PurchaseState::Ended { .. } => Ok(PurchaseOutcome::OutsideValidity),
            PurchaseState::Minted => match self.judge(&purchase.value, application, call.now).await? {
                Verdict::Answer(outcome) => Ok(outcome),
                Verdict::Done(commit) => {
                    let outcome = PurchaseOutcome::Processing;
                    self.store.commit(call.remembered(commit, &outcome)).await?;
                    self.signals.jobs.notify_one();
                    self.signals.flips.notify_one();
                    Ok(outcome)
                }
            },
        }
    }

    /// An application that came before the license did. Whoever applied reads no refusal any more, the log does.
    pub async fn settle_application(
        &self,
        key: &OrderLineKey,
        application: &Application,
    ) -> Result<Settled, UseCaseError> {
        let known: Option<Versioned<Purchase>> =
            find(self.store.as_ref(), RecordKey::Purchase(key.clone())).await?;
        let Some(purchase) = known.map(|purchase| purchase.value) else { return Ok(Settled::Done) };
        let _turn = self.turn(&purchase.instance.as_str()).await;
        decided!(self, self.try_settle_application(&purchase, application))
    }

    async fn try_settle_application(
        &self,
        purchase: &Purchase,
        application: &Application,
    ) -> Result<Settled, UseCaseError> {
        match self.judge(purchase, application, self.now()).await? {
            Verdict::Done(commit) => {
                self.store.commit(commit).await?;
                self.signals.jobs.notify_one();
                self.signals.flips.notify_one();
            }
            Verdict::Answer(PurchaseOutcome::Processing) => {}
            Verdict::Answer(outcome) => {
                let (merchant, license) = (&purchase.key.merchant, &purchase.license);
                tracing::warn!(%merchant, %license, ?outcome, "an early application for a license was refused");
            }
        }
        Ok(Settled::Done)
    }

    async fn judge(
        &self,
        purchase: &Purchase,
        application: &Application,
        now: Instant,
    ) -> Result<Verdict, UseCaseError> {
        let mut loaded = self.load_with_places(&purchase.key.merchant, &purchase.license).await?;
        let license = &loaded.license.value;
        let machine = match &application.fingerprint {
            Some(text) if is_bound(license) => {
                let component = self.signer.commit_fingerprint(&loaded.merchant, &license.product, text);
                component.map(|value| Machine { components: BTreeMap::from([(Component::Opaque, value)]) })
            }
            Some(_) | None => None,
        };
        let key = HandedOverKey {
            merchant: license.merchant.clone(),
            marketplace: purchase.key.marketplace,
            request: application.request.clone(),
            fingerprint: machine.as_ref().and_then(|it| it.components.get(&Component::Opaque).copied()),
        };
        let known: Option<Versioned<HandedOver>> =
            find(self.store.as_ref(), RecordKey::HandedOver(key.clone())).await?;
        if let Some(known) = known {
            return Ok(self.hand_over_again(known, now));
        }
        if license.check(now) == Err(Refusal::AwaitsActivation) {
            loaded = self.beginning(loaded, now).await?;
        }
        let license = &loaded.license.value;
        let span = match span_of(application, license, now) {
            Ok(span) => span,
            Err(outcome) => return Ok(Verdict::Answer(*outcome)),
        };
        let handing = Handing { purchase, key, span, now };
        match machine {
            Some(machine) => self.certify(&loaded, handing, machine).await,
            None if is_bound(license) => Ok(Verdict::Answer(PurchaseOutcome::FingerprintRequired)),
            None => self.sign_key_for(&loaded, handing).await,
        }
    }

    /// The same file again, unless it is on its way already.
    fn hand_over_again(&self, known: Versioned<HandedOver>, now: Instant) -> Verdict {
        let Versioned { value: mut handed_over, revision } = known;
        if handed_over.is_waiting {
            return Verdict::Answer(PurchaseOutcome::Processing);
        }
        handed_over.is_waiting = true;
        let task = Task::UploadLicense { key: handed_over.key.clone() };
        let job = self.job_through(&handed_over.channel, task, now);
        Verdict::Done(Commit::new().put(handed_over, revision).put(job, ABSENT))
    }

    /// A license that is bound to no machine: a key of its own with the dates of the application. The license's own
    /// key stays the current one.
    async fn sign_key_for(&self, loaded: &Loaded, handing: Handing<'_>) -> Result<Verdict, UseCaseError> {
        let Versioned { value: mut license, revision } = loaded.license.clone();
        let (slot, now) = (self.take_status_slot(&license.merchant).await?, handing.now);
        let token_id = TokenId::from_uuid(self.ids.uuid_v7(now));
        let stated = License { validity: handing.span, ..license.clone() };
        let order =
            LicenseKeyOrder { merchant: &loaded.merchant, license: &stated, token_id: &token_id, slot, now };
        let text = self.signer.license_key(&order)?;
        let ends_at = handing.span.ends_at;
        let key = IssuedKey { token_id, slot, issued_at: now, ends_at, superseded: false, leaked: false };
        license.add_key(key);
        let mut commit = Commit::new().with_urgency(Urgency::Grow);
        if loaded.begins {
            commit = commit.put(self.start_event(&license, &Actor::Customer), ABSENT);
        }
        Ok(Verdict::Done(self.with_upload(commit.put(license, revision), handing, text)))
    }

    /// The machine takes a place, and its certificate is what is handed over.
    async fn certify(
        &self,
        loaded: &Loaded,
        handing: Handing<'_>,
        machine: Machine,
    ) -> Result<Verdict, UseCaseError> {
        let (license, places) = (&loaded.license.value, &loaded.places.value.places);
        let activations = self.activations_of(license, places).await?;
        let freeing = self.freeing(license, handing.now);
        let decision = places.decide(&machine, license.sold.machines, &activations, freeing);
        let mut commit = self.holding(Commit::new(), loaded);
        let displaced = match decision {
            Ok(PlaceDecision::Keep(id)) => {
                return self.certify_again(loaded, handing, &id, commit).await;
            }
            Ok(PlaceDecision::Take) => None,
            Ok(PlaceDecision::TakeFrom(id)) => {
                let old = self.activation_at(license, &id).await?;
                // It may have been renewed since it was looked at: then its certificate holds again.
                let old = Some(old).filter(|old| freeing.frees(&old.value));
                Some(old.ok_or(StoreError::Conflict)?)
            }
            Err(Refusal::MachineLimitReached { .. }) => {
                return Ok(Verdict::Answer(PurchaseOutcome::NoPlaceFree));
            }
            Err(refusal) => return Err(refusal.into()),
        };
        commit = commit.with_urgency(Urgency::Grow);
        let mut places = loaded.places.value.clone();
        if let Some(Versioned { value: mut old, revision }) = displaced {
            places.places.free(&old.id);
            old.end(EndCause::Displaced, handing.now);
            let event = self.activation_event(&old, EventKind::ActivationReleased);
            commit = commit.set(freed(&old)).put(event, ABSENT).put(old, revision);
        }
        let mut activation = Activation {
            id: ActivationId::from_uuid(self.ids.uuid_v7(handing.now)),
            merchant: license.merchant.clone(),
            license: license.id.clone(),
            machine: machine.clone(),
            name: String::new(),
            slot: self.take_status_slot(&license.merchant).await?,
            created_at: handing.now,
            state: ActivationState::Ended { at: handing.now, cause: EndCause::Holder },
        };
        let text = self.sign_span(loaded, &mut activation, GENERATION_FIRST, &handing)?;
        places.places.take(activation.id.clone(), machine);
        let event = self.activation_event(&activation, EventKind::ActivationCreated);
        let commit = commit.put(places, loaded.places.revision).put(event, ABSENT).put(activation, ABSENT);
        Ok(Verdict::Done(self.with_upload(commit, handing, text)))
    }

    /// This machine has a place: the next certificate, with the dates of this application.
    async fn certify_again(
        &self,
        loaded: &Loaded,
        handing: Handing<'_>,
        id: &ActivationId,
        commit: Commit,
    ) -> Result<Verdict, UseCaseError> {
        let Versioned { value: mut activation, revision } =
            self.activation_at(&loaded.license.value, id).await?;
        let restore = self.last_restore().await?;
        let generation = activation.lease()?.next_generation(restore.untouched(revision));
        let text = self.sign_span(loaded, &mut activation, generation, &handing)?;
        Ok(Verdict::Done(self.with_upload(commit.put(activation, revision), handing, text)))
    }

    async fn activation_at(
        &self,
        license: &License,
        id: &ActivationId,
    ) -> Result<Versioned<Activation>, UseCaseError> {
        let key = RecordKey::Activation(license.merchant.clone(), license.id.clone(), id.clone());
        let found: Option<Versioned<Activation>> = find(self.store.as_ref(), key).await?;
        Ok(found.ok_or_else(|| StoreError::Failed(format!("a place names {id}, which is not there")))?)
    }

    fn sign_span(
        &self,
        loaded: &Loaded,
        activation: &mut Activation,
        generation: u64,
        handing: &Handing<'_>,
    ) -> Result<String, UseCaseError> {
        let license = &loaded.license.value;
        let longest = TimeDelta::from_std(license.sold.offline.air_gap_lease).unwrap_or(TimeDelta::days(366));
        // A certificate has an end also where the license has none.
        let end = handing.span.ends_at.unwrap_or(handing.span.starts_at.max(handing.now) + longest);
        let lease = Lease {
            validity: handing.span.with_end(Some(end)),
            renew_after: end,
            generation,
            follows: None,
            nonce: handing.key.request.to_string(),
            token_id: TokenId::from_uuid(self.ids.uuid_v7(handing.now)),
            certificate: String::new(),
        };
        activation.state = ActivationState::Held(lease);
        let order = CertificateOrder { merchant: &loaded.merchant, license, activation, device: None };
        let text = self.signer.certificate(&order)?;
        if let ActivationState::Held(lease) = &mut activation.state {
            lease.certificate.clone_from(&text);
        }
        Ok(text)
    }

    fn with_upload(&self, commit: Commit, handing: Handing<'_>, text: String) -> Commit {
        let task = Task::UploadLicense { key: handing.key.clone() };
        let (merchant, license) = (&handing.key.merchant, &handing.purchase.license);
        let actor = Actor::Marketplace(handing.purchase.channel.to_string());
        let event = self.event(merchant, license, &actor, EventKind::LicenseRequested, &[]);
        let handed_over = HandedOver {
            key: handing.key,
            channel: handing.purchase.channel.clone(),
            license: handing.purchase.license.clone(),
            text,
            is_waiting: true,
        };
        let job = self.job_through(&handed_over.channel, task, handing.now);
        commit.put(handed_over, ABSENT).put(event, ABSENT).put(job, ABSENT)
    }

    /// Uploads what was made. May be repeated at any time: the marketplace keeps one file per application.
    pub async fn upload_license(&self, key: &HandedOverKey) -> Result<Settled, UseCaseError> {
        let record_key = RecordKey::HandedOver(key.clone());
        let known: Option<Versioned<HandedOver>> = find(self.store.as_ref(), record_key).await?;
        let Some(known) = known.filter(|known| known.value.is_waiting) else { return Ok(Settled::Done) };
        let Some(channel) = self.channel_of(&key.merchant, &known.value.channel).await? else {
            return Ok(Settled::Later("the channel of the application is gone".into()));
        };
        let Some(calls) = self.marketplaces.as_deref() else {
            return Ok(Settled::Later(MarketplaceCallError::NotConfigured.into()));
        };
        let mut commit = Commit::new();
        match calls.upload_license(&channel, &key.request, &known.value.text).await {
            Ok(()) => {}
            Err(MarketplaceCallError::RequestClosed(why)) => {
                let (merchant, license) = (&key.merchant, &known.value.license);
                tracing::warn!(%merchant, %license, why, "the marketplace does not take the license");
                let detail = [("request", call_text(key.request.as_str())), ("why", call_text(&why))];
                let kind = EventKind::LicenseUploadRefused;
                commit = commit.put(self.event(merchant, license, &Actor::Server, kind, &detail), ABSENT);
            }
            Err(
                error @ (MarketplaceCallError::Unavailable(_)
                | MarketplaceCallError::Refused(_)
                | MarketplaceCallError::NotConfigured
                | MarketplaceCallError::CodeUnknown
                | MarketplaceCallError::CodeNotReceived
                | MarketplaceCallError::CodeState),
            ) => return Ok(Settled::Later(error.into())),
        }
        let Versioned { value: mut handed_over, revision } = known;
        handed_over.is_waiting = false;
        self.store.commit(commit.put(handed_over, revision)).await?;
        Ok(Settled::Done)
    }

    async fn channel_of(
        &self,
        merchant: &MerchantId,
        id: &ChannelId,
    ) -> Result<Option<Channel>, UseCaseError> {
        let key = RecordKey::Channel(merchant.clone(), id.clone());
        let channel: Option<Versioned<Owned<Channel>>> = find(self.store.as_ref(), key).await?;
        Ok(channel.map(|channel| channel.value.value))
    }
}

/// What is being made for an application.
struct Handing<'a> {
    purchase: &'a Purchase,
    key: HandedOverKey,
    span: Validity,
    now: Instant,
}

fn is_bound(license: &License) -> bool {
    license.sold.machine.binding != Binding::Unbound
}

/// The span that was asked for, which has to lie within the license's.
fn span_of(
    application: &Application,
    license: &License,
    now: Instant,
) -> Result<Validity, Box<PurchaseOutcome>> {
    let own = &license.validity;
    let asked = Validity::between(application.starts_at, application.ends_at);
    if asked.has_ended(application.starts_at) {
        return Err(PurchaseOutcome::InvalidParameter.into());
    }
    if application.ends_at.is_none() && own.ends_at.is_some() {
        return Err(PurchaseOutcome::EndRequired.into());
    }
    let earliest = own.starts_at - TimeDelta::hours(EARLY_START_HOURS);
    let begins_before = !Validity::between(earliest, None).holds_at(application.starts_at);
    let stopped = !matches!(license.check(now), Ok(()) | Err(Refusal::LicenseNotStarted));
    if stopped || begins_before || own.ends_before(&asked) {
        return Err(PurchaseOutcome::OutsideValidity.into());
    }
    Ok(Validity::between(application.starts_at.max(own.starts_at), application.ends_at))
}
