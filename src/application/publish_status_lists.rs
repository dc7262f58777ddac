//! Writes what changed into the status lists and signs them anew.

use std::sync::PoisonError;
use std::time::Duration;

use super::app::{App, UseCaseError, decided};
use super::ports::{Change, Commit, Listing, StoreError, Urgency, Versioned, find, list};
use super::record::{RecordKey, Stored};
use crate::domain::{
    Instant, Merchant, MerchantId, Refusal, StatusFlip, StatusList, StatusListNumber, Validity,
};

/// How long clients may keep a list before they ask again, in hours.
pub const STATUS_LIST_TTL_HOURS: i64 = 12;
/// How long a list holds, in days.
pub const STATUS_LIST_LIFETIME_DAYS: i64 = 7;
/// Most entries that change in one publication.
const FLIPS_MAX: usize = 500;
/// Most publications of one merchant in one round.
const PUBLICATIONS_PER_ROUND_MAX: usize = 16;

/// Most lists of one merchant that are told at once: 2^17 entries each.
const LISTS_MAX: usize = 1_000;

/// What a round of publications did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Published {
    /// How many entries were written.
    pub entries: usize,
    /// Whether no entry was left waiting.
    pub is_all: bool,
}

impl App {
    /// The list as published; signed anew when it is older than its `ttl` or comes from a backup. The first reader of a
    /// list makes it.
    pub async fn status_list(
        &self,
        merchant: &MerchantId,
        number: StatusListNumber,
    ) -> Result<StatusList, UseCaseError> {
        let now = self.now();
        let Some(list) = self.stored_list(merchant, number).await? else {
            return self.publish_status_list(merchant, number).await;
        };
        // What the backup has may be older than what clients have: it is never served.
        let is_current = self.last_restore().await?.untouched(list.revision).is_none();
        let is_believed = !self.signer.is_withdrawn(merchant, &list.value.token);
        if is_current && is_believed && is_fresh(&list.value, now) {
            return Ok(list.value);
        }
        self.publish_status_list(merchant, number).await
    }

    /// The list, if it was ever published: tokens never name one that was not.
    pub async fn published_status_list(
        &self,
        merchant: &MerchantId,
        number: StatusListNumber,
    ) -> Result<StatusList, UseCaseError> {
        match self.stored_list(merchant, number).await? {
            Some(_) => self.status_list(merchant, number).await,
            None => Err(Refusal::NotFound { what: "status list" }.into()),
        }
    }

    /// The lists of a merchant that were published, as they were.
    pub async fn status_lists(&self, merchant: &MerchantId) -> Result<Vec<StatusList>, UseCaseError> {
        let lists = list(self.store.as_ref(), &Listing::StatusLists(merchant.clone()), LISTS_MAX).await?;
        Ok(lists.into_iter().map(|list: Versioned<StatusList>| list.value).collect())
    }

    /// How long ago no entry was waiting for its publication, as far as this process knows: no change is older and
    /// unpublished.
    pub fn status_lists_age(&self) -> Duration {
        let current_at = *self.lists_current_at.lock().unwrap_or_else(PoisonError::into_inner);
        (self.now() - current_at).to_std().unwrap_or_default()
    }

    /// Publishes every list that has entries waiting, a list at most [`PUBLICATIONS_PER_ROUND_MAX`] times; says
    /// whether entries are left. Whoever calls it again and again waits a second in between, so that no `seq` runs
    /// away from the clock: a restored server must know how far it can have come.
    pub async fn publish_pending_flips(&self) -> Result<Published, UseCaseError> {
        let began_at = self.now();
        let mut published = Published { entries: 0, is_all: true };
        for merchant in list::<Merchant>(self.store.as_ref(), &Listing::Merchants, 1_000).await? {
            let merchant = merchant.value.id;
            for round in 0.. {
                let flips = self.pending_flips(&merchant).await?;
                let Some(first) = flips.first() else { break };
                if round == PUBLICATIONS_PER_ROUND_MAX {
                    published.is_all = false;
                    break;
                }
                let number = first.value.slot.list;
                published.entries += flips.iter().filter(|flip| flip.value.slot.list == number).count();
                self.publish_status_list(&merchant, number).await?;
            }
        }
        if published.is_all {
            *self.lists_current_at.lock().unwrap_or_else(PoisonError::into_inner) = began_at;
        }
        Ok(published)
    }

    async fn stored_list(
        &self,
        merchant: &MerchantId,
        number: StatusListNumber,
    ) -> Result<Option<Versioned<StatusList>>, StoreError> {
        find(self.store.as_ref(), RecordKey::StatusList(merchant.clone(), number)).await
    }

    async fn pending_flips(&self, merchant: &MerchantId) -> Result<Vec<Versioned<StatusFlip>>, StoreError> {
        list(self.store.as_ref(), &Listing::StatusFlips(merchant.clone()), FLIPS_MAX).await
    }

    async fn publish_status_list(
        &self,
        merchant: &MerchantId,
        number: StatusListNumber,
    ) -> Result<StatusList, UseCaseError> {
        let merchant = self.merchant(merchant).await?;
        decided!(self, self.try_publish(&merchant, number))
    }

    /// The loser of two publishers sees a conflict and starts again from what the winner wrote.
    async fn try_publish(
        &self,
        merchant: &Merchant,
        number: StatusListNumber,
    ) -> Result<StatusList, UseCaseError> {
        let now = self.now();
        let flips = self.pending_flips(&merchant.id).await?;
        let flips: Vec<_> = flips.into_iter().filter(|flip| flip.value.slot.list == number).collect();
        let stored = self.stored_list(&merchant.id, number).await?;
        let revision = stored.as_ref().map_or(super::ports::ABSENT, |list| list.revision);
        let restore = self.last_restore().await?;
        let untouched_since = restore.untouched(revision);
        let seq = StatusList::next_seq(stored.as_ref().map(|list| list.value.seq), untouched_since, now);
        let mut bits = stored.map_or_else(StatusList::blank_bits, |list| list.value.bits);
        for flip in &flips {
            StatusList::write(&mut bits, flip.value.slot.idx, flip.value.status);
        }
        let expires_at = now + chrono::TimeDelta::days(STATUS_LIST_LIFETIME_DAYS);
        let id = merchant.id.clone();
        let mut list = StatusList {
            merchant: id,
            number,
            bits,
            seq,
            token: String::new(),
            published_at: now,
            expires_at,
        };
        list.token = self.signer.status_list(merchant, &list)?;
        let mut commit = Commit::new().with_urgency(Urgency::Essential).put(list.clone(), revision);
        for flip in flips {
            let key = flip.value.into_record().key();
            commit = commit.with(Change::Delete(key, flip.revision));
        }
        self.store.commit(commit).await?;
        Ok(list)
    }
}

fn is_fresh(list: &StatusList, now: Instant) -> bool {
    let ttl = chrono::TimeDelta::hours(STATUS_LIST_TTL_HOURS);
    Validity::between(list.published_at, Some(list.published_at + ttl)).holds_at(now)
}
