//! A license that waits begins: with the first activation, with the claim of one that is bound to no machine, or with
//! the buyer's acceptance. Its first license key is signed then.

use super::activate::Loaded;
use super::app::{App, UseCaseError};
use super::ports::{ABSENT, Change, Commit, Urgency, Versioned};
use super::record::RecordKey;
use super::refresh_instance::end_text;
use crate::domain::{
    Actor, AuditEvent, Binding, DelayedStart, EventKind, Instant, License, LicenseEnd, LicenseId, Merchant,
    MerchantId, OldKeyFate, Refusal, StartEvent, TermError, Validity,
};

/// What a claim code, or a marketplace's own code, is shown for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CodeUse {
    /// For the license key.
    Reading,
    /// For a place on a machine: what waits for that may be opened.
    Activation,
}

impl App {
    /// The license as it is once it has begun, with its first key; not stored yet.
    async fn begun(
        &self,
        merchant: &Merchant,
        license: &mut License,
        at: Instant,
        now: Instant,
    ) -> Result<bool, UseCaseError> {
        let has_begun = license.begin(at).map_err(beyond)?;
        if has_begun {
            license.updated_at = now;
            self.sign_new_key(merchant, license, OldKeyFate::StaysValid, now).await?;
        }
        Ok(has_begun)
    }

    /// The same for a license whose first machine is being activated: it begins in the commit of the activation.
    pub(super) async fn beginning(&self, mut loaded: Loaded, now: Instant) -> Result<Loaded, UseCaseError> {
        let license = &mut loaded.license.value;
        loaded.begins |= self.begun(&loaded.merchant, license, now, now).await?;
        Ok(loaded)
    }

    /// The license is as it was when it was loaded; or it begins in this commit, and nobody else began it.
    pub(super) fn holding(&self, commit: Commit, loaded: &Loaded) -> Commit {
        let Versioned { value: license, revision } = &loaded.license;
        if !loaded.begins {
            let key = RecordKey::License(license.merchant.clone(), license.id.clone());
            return commit.with(Change::Check(key, *revision));
        }
        commit.put(license.clone(), *revision).put(self.start_event(license, &Actor::Customer), ABSENT)
    }

    pub(super) fn start_event(&self, license: &License, actor: &Actor) -> AuditEvent {
        let detail = [
            ("by", license.starts().as_str().to_owned()),
            ("starts_at", license.validity.starts_at.to_rfc3339()),
            ("ends_at", end_text(license)),
        ];
        self.event(&license.merchant, &license.id, actor, EventKind::LicenseStarted, &detail)
    }

    /// What a code opens that was shown for `code_use`. Where nothing is bound to a machine there will be no
    /// activation: reading the license key is the beginning.
    pub(super) async fn opened(&self, license: License, code_use: CodeUse) -> Result<License, UseCaseError> {
        match (license.check(self.now()), code_use) {
            (Ok(()), _) => Ok(license),
            (Err(Refusal::AwaitsActivation), CodeUse::Activation) => Ok(license),
            (Err(Refusal::AwaitsActivation), CodeUse::Reading)
                if license.sold.machine.binding == Binding::Unbound =>
            {
                self.begin_by_claim(&license.merchant, &license.id).await
            }
            (Err(refusal), _) => Err(refusal.into()),
        }
    }

    /// Takes no turn: whoever redeems may hold one.
    async fn begin_by_claim(&self, merchant: &MerchantId, id: &LicenseId) -> Result<License, UseCaseError> {
        let Versioned { value: mut license, revision } = self.load_license(merchant, id).await?;
        let (now, merchant) = (self.now(), self.merchant(merchant).await?);
        if self.begun(&merchant, &mut license, now, now).await? {
            let event = self.start_event(&license, &Actor::Customer);
            let commit = Commit::new().with_urgency(Urgency::Grow);
            self.store.commit(commit.put(license.clone(), revision).put(event, ABSENT)).await?;
        }
        license.check(now)?;
        Ok(license)
    }
}

/// Whether a license that waits for its buyer's acceptance may begin at `at`; one that has begun so does not begin again.
pub(super) fn check_acceptance(license: &License, at: Instant, now: Instant) -> Result<bool, Refusal> {
    match &license.start {
        Some(DelayedStart::Awaited { event: StartEvent::Acceptance, .. }) => {}
        Some(DelayedStart::Came { event: StartEvent::Acceptance, .. }) => return Ok(false),
        Some(
            DelayedStart::Awaited { event: StartEvent::FirstActivation, .. }
            | DelayedStart::Came { event: StartEvent::FirstActivation, .. },
        ) => {
            let why = "the license begins with its first activation: nothing is accepted";
            return Err(Refusal::IllegalState { why });
        }
        None => {
            let why = "the license began with its purchase: nothing is accepted";
            return Err(Refusal::IllegalState { why });
        }
    }
    if license.end != LicenseEnd::Running {
        let why = "a license that was revoked or released cannot be accepted";
        return Err(Refusal::IllegalState { why });
    }
    // Before its beginning the validity starts with the purchase.
    let since_purchase = Validity::between(license.validity.starts_at, None);
    if !since_purchase.holds_at(at) || !Validity::between(at, None).holds_at(now) {
        let from = license.validity.starts_at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
        let why = format!("an acceptance lies between the purchase, {from}, and now");
        return Err(Refusal::Invalid { pointer: "/starts_at".into(), why });
    }
    Ok(true)
}

pub(super) fn beyond(error: TermError) -> UseCaseError {
    Refusal::Invalid { pointer: "/starts_at".into(), why: error.to_string() }.into()
}
