//! What every change of a license has in common: the new key text, the entries of the status lists.

use super::app::{App, UseCaseError};
use super::ports::{LicenseKeyOrder, StoreError, Versioned, find};
use super::record::{Job, Lane, RecordKey, Task};
use crate::domain::{
    ChannelId, Instant, IssuedKey, JobId, License, LicenseId, Merchant, MerchantId, OldKeyFate, Refusal,
    Status, StatusFlip, TokenId,
};

impl App {
    pub(super) async fn load_license(
        &self,
        merchant: &MerchantId,
        id: &LicenseId,
    ) -> Result<Versioned<License>, UseCaseError> {
        let found = self.find_license(merchant, id).await?;
        found.ok_or(UseCaseError::Refused(Refusal::NotFound { what: "license" }))
    }

    pub(super) async fn find_license(
        &self,
        merchant: &MerchantId,
        id: &LicenseId,
    ) -> Result<Option<Versioned<License>>, StoreError> {
        find(self.store.as_ref(), RecordKey::License(merchant.clone(), id.clone())).await
    }

    /// Signs a key for the license as it stands, and puts it in the place of the current one. What has not begun has none.
    pub(super) async fn sign_new_key(
        &self,
        merchant: &Merchant,
        license: &mut License,
        fate: OldKeyFate,
        now: Instant,
    ) -> Result<(), UseCaseError> {
        if license.awaits().is_some() {
            return Ok(());
        }
        let slot = self.take_status_slot(&merchant.id).await?;
        let token_id = TokenId::from_uuid(self.ids.uuid_v7(now));
        let order = LicenseKeyOrder { merchant, license, token_id: &token_id, slot, now };
        let text = self.signer.license_key(&order)?;
        let ends_at = license.validity.ends_at;
        let key = IssuedKey { token_id, slot, issued_at: now, ends_at, superseded: false, leaked: false };
        license.replace_key(key, text, fate, now);
        Ok(())
    }

    /// The new key that a change since `before` asks for, if there was one that keys tell of.
    pub(super) async fn sign_what_changed(
        &self,
        merchant: &Merchant,
        before: &License,
        license: &mut License,
        now: Instant,
    ) -> Result<(), UseCaseError> {
        match license.key_fate_since(before) {
            Some(fate) => self.sign_new_key(merchant, license, fate, now).await,
            None => Ok(()),
        }
    }

    /// Work that is due now. Whose call it waits for is found out when a worker comes to it.
    pub(super) fn job(&self, task: Task, now: Instant) -> Job {
        let id = JobId::from_uuid(self.ids.uuid_v7(now));
        let since = Some(now);
        Job { id, lane: None, since, due_at: now, leased_until: None, attempts: 0, last_failure: None, task }
    }

    /// Work that is due now, and whose call it waits for is known.
    pub(super) fn job_through(&self, channel: &ChannelId, task: Task, now: Instant) -> Job {
        let (merchant, rank) = (task.subject().0.clone(), task.rank());
        let lane = Lane { merchant, channel: Some(channel.clone()), rank };
        Job { lane: Some(lane), ..self.job(task, now) }
    }
}

/// The entries that a change of a license changes.
pub(super) fn flips_between(before: Option<&License>, after: &License, now: Instant) -> Vec<StatusFlip> {
    let said_before = |flip: &StatusFlip| {
        let key = before.and_then(|license| license.issued.iter().find(|key| key.slot == flip.slot));
        key.zip(before).map_or(Status::Valid, |(key, license)| license.status_of(key))
    };
    after.flips(now).into_iter().filter(|flip| said_before(flip) != flip.status).collect()
}
