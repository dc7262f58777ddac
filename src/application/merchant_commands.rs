//! What a merchant does to a license, in one commit with its event and its status-list entries.

use std::collections::BTreeMap;

use super::act_on_license::{KeepActivations, LicenseAction, check_reason};
use super::app::{App, UseCaseError, decided};
use super::license_change::flips_between;
use super::ports::{ABSENT, Change, Commit, Listing, StoreError, Versioned, find, list};
use super::record::{ClaimTarget, Idempotency, LicensePlaces, Record, RecordKey};
use crate::domain::{
    Activation, Actor, EndCause, Instant, License, LicenseId, MerchantId, Refusal, Status, StatusFlip,
};

/// How long the answer to an idempotency key is kept, in days.
pub(super) const IDEMPOTENCY_DAYS: i64 = 31;

/// Most activations of a license that are shown, besides those that hold a place.
const ACTIVATIONS_SHOWN_MAX: usize = 1_000;
/// The identity of a request, so that the same request again changes nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IdempotencyIdentity {
    /// Digest of the key, the token's owner included.
    pub key_digest: [u8; 32],
    /// Digest of the request itself.
    pub request_digest: [u8; 32],
}

/// Who asks for a change of which license.
#[derive(Debug, Clone)]
pub struct MerchantCommand {
    /// Whose.
    pub merchant: MerchantId,
    /// Which.
    pub license: LicenseId,
    /// Who asks.
    pub actor: Actor,
    /// Why, in words, for the audit log.
    pub reason: Option<String>,
    /// The revision that the caller read, if it insists.
    pub if_revision: Option<u64>,
    /// If the caller may ask twice.
    pub idempotency: Option<IdempotencyIdentity>,
}

impl App {
    /// Does it, with its event and its status-list entries in one commit.
    pub async fn command_license(
        &self,
        command: &MerchantCommand,
        action: &LicenseAction,
    ) -> Result<Versioned<License>, UseCaseError> {
        let _turn = self.turn(&command.license).await;
        decided!(self, self.try_command(command, action))
    }

    async fn try_command(
        &self,
        command: &MerchantCommand,
        action: &LicenseAction,
    ) -> Result<Versioned<License>, UseCaseError> {
        if let Some(repeated) = self.repeated(&command.merchant, command.idempotency).await? {
            return self.load_license(&command.merchant, &repeated).await;
        }
        let loaded = self.load_license(&command.merchant, &command.license).await?;
        if command.if_revision.is_some_and(|revision| revision != loaded.revision) {
            return Err(Refusal::RevisionConflict { current: loaded.revision }.into());
        }
        check_reason(action, command.reason.as_deref())?;
        let (now, Versioned { value: before, revision }) = (self.now(), loaded);
        let mut license = before.clone();
        let deed = self.act(&mut license, action, command.reason.as_ref(), now).await?;
        let changed = deed.changed;
        if let Some(fate) = deed.fate {
            let merchant = self.merchant(&command.merchant).await?;
            self.sign_new_key(&merchant, &mut license, fate, now).await?;
        }
        let mut commit = match action {
            LicenseAction::Reissue { keep, .. } => self.replace_code(&mut license, keep, now).await?,
            LicenseAction::Suspend
            | LicenseAction::Resume { .. }
            | LicenseAction::Revoke
            | LicenseAction::Accept { .. }
            | LicenseAction::Extend { .. }
            | LicenseAction::ChangeSpec { .. } => Commit::new(),
        };
        if !changed && command.idempotency.is_none() {
            return Ok(Versioned { value: before, revision });
        }
        license.updated_at = if changed { now } else { license.updated_at };
        commit.urgency = action.urgency();
        let flips = flips_between(Some(&before), &license, now);
        commit = commit.put(license.clone(), revision).set_all(flips);
        if changed {
            let mut detail = vec![("reason", command.reason.clone().unwrap_or_default())];
            detail.extend(deed.detail);
            let event = self.event(&command.merchant, &license.id, &command.actor, deed.kind, &detail);
            commit = commit.put(event, ABSENT);
        }
        let commit = self.book_change(commit, &before, &license, now).await?;
        let commit = self.with_idempotency(commit, &command.merchant, command.idempotency, &license.id, now);
        let put_at = commit.changes.iter().filter(|change| counts_a_revision(change));
        let position = put_at.take_while(|change| !is_license(change)).count();
        let committed = self.store.commit(commit).await?;
        self.signals.flips.notify_one();
        let revision = committed.revisions.get(position).copied();
        let revision = revision.ok_or_else(|| StoreError::Failed("a put without a revision".into()))?;
        Ok(Versioned { value: license, revision })
    }

    /// Another claim code, and the places of the machines that do not keep theirs are free.
    async fn replace_code(
        &self,
        license: &mut License,
        keep: &KeepActivations,
        now: Instant,
    ) -> Result<Commit, UseCaseError> {
        license.generation += 1;
        let code = self.signer.claim_code(&license.id, license.generation);
        let claim = ClaimTarget {
            merchant: license.merchant.clone(),
            digest: self.signer.claim_digest(&code),
            license: license.id.clone(),
            generation: license.generation,
        };
        let mut commit = Commit::new().put(claim, ABSENT);
        let key = RecordKey::Places(license.merchant.clone(), license.id.clone());
        let places: Option<Versioned<LicensePlaces>> = find(self.store.as_ref(), key.clone()).await?;
        let Some(Versioned { value: mut places, revision }) = places else {
            // The first machine may be taking its place at this moment, with the key that is being replaced.
            return Ok(commit.with(Change::Check(key, ABSENT)));
        };
        let ending: Vec<_> = places.places.held.iter().map(|place| place.activation.clone()).collect();
        for id in ending.into_iter().filter(|id| !keep.keeps(id)) {
            places.places.free(&id);
            let key = RecordKey::Activation(license.merchant.clone(), license.id.clone(), id);
            if let Some(Versioned { value: mut activation, revision }) =
                find::<Activation>(self.store.as_ref(), key).await?
            {
                activation.end(EndCause::Reissued, now);
                commit = commit.set(freed(&activation)).put(activation, revision);
            }
        }
        Ok(commit.put(places, revision))
    }

    /// The license that a repeated request made or changed.
    pub(super) async fn repeated(
        &self,
        merchant: &MerchantId,
        identity: Option<IdempotencyIdentity>,
    ) -> Result<Option<LicenseId>, UseCaseError> {
        let Some(identity) = identity else { return Ok(None) };
        let key = RecordKey::Idempotency(merchant.clone(), identity.key_digest);
        let found: Option<Versioned<Idempotency>> = find(self.store.as_ref(), key).await?;
        match found.map(|found| found.value).filter(|found| self.now() < found.until) {
            Some(found) if found.request_digest != identity.request_digest => {
                Err(Refusal::IdempotencyConflict.into())
            }
            found => Ok(found.map(|found| found.license)),
        }
    }

    pub(super) fn with_idempotency(
        &self,
        commit: Commit,
        merchant: &MerchantId,
        identity: Option<IdempotencyIdentity>,
        license: &LicenseId,
        now: Instant,
    ) -> Commit {
        let Some(identity) = identity else { return commit };
        let record = Idempotency {
            merchant: merchant.clone(),
            key_digest: identity.key_digest,
            request_digest: identity.request_digest,
            until: now + chrono::TimeDelta::days(IDEMPOTENCY_DAYS),
            license: license.clone(),
        };
        commit.with(Change::Claim(Record::Idempotency(record), now))
    }

    /// The activations of a license, oldest first: all that hold a place, and of those that ended the oldest
    /// [`ACTIVATIONS_SHOWN_MAX`], so that nobody hides a machine behind many that came and went.
    pub async fn activations(
        &self,
        merchant: &MerchantId,
        license: &LicenseId,
    ) -> Result<Vec<Activation>, UseCaseError> {
        let listing = Listing::Activations(merchant.clone(), license.clone());
        let shown = list(self.store.as_ref(), &listing, ACTIVATIONS_SHOWN_MAX).await?;
        let shown =
            shown.into_iter().map(|found: Versioned<Activation>| (found.value.id.clone(), found.value));
        let mut shown: BTreeMap<_, _> = shown.collect();
        if shown.len() >= ACTIVATIONS_SHOWN_MAX {
            let loaded = self.load_with_places(merchant, license).await?;
            shown.extend(self.activations_of(&loaded.license.value, &loaded.places.value.places).await?);
        }
        Ok(shown.into_values().collect())
    }
}

/// What the status list says of an activation that lost its place: it can ask again.
pub(super) fn freed(activation: &Activation) -> StatusFlip {
    StatusFlip { merchant: activation.merchant.clone(), slot: activation.slot, status: Status::Superseded }
}

fn counts_a_revision(change: &Change) -> bool {
    match change {
        Change::Put(..) | Change::Claim(..) => true,
        Change::Check(..)
        | Change::Set(..)
        | Change::Delete(..)
        | Change::Remove(..)
        | Change::Add(..)
        | Change::AddWithin { .. }
        | Change::Forget(..) => false,
    }
}

fn is_license(change: &Change) -> bool {
    matches!(change, Change::Put(Record::License(_), _))
}
