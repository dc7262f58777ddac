//! Writes what changed into the status lists and signs them anew.

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
/// Most entries that change in one publication; the next one follows at once.
const FLIPS_MAX: usize = 500;

impl App {
    /// The list as published; signed anew when it is older than its `ttl`. The first reader of a list makes it.
    pub async fn status_list(
        &self,
        merchant: &MerchantId,
        number: StatusListNumber,
    ) -> Result<StatusList, UseCaseError> {
        let now = self.now();
        match self.stored_list(merchant, number).await? {
            Some(list) if is_fresh(&list.value, now) => Ok(list.value),
            _ => self.publish_status_list(merchant, number).await,
        }
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

    /// Publishes every list that has entries waiting; says how many entries were written.
    pub async fn publish_pending_flips(&self) -> Result<usize, UseCaseError> {
        let mut written = 0;
        for merchant in list::<Merchant>(self.store.as_ref(), &Listing::Merchants, 1_000).await? {
            let merchant = merchant.value.id;
            loop {
                let flips = self.pending_flips(&merchant).await?;
                let Some(first) = flips.first() else { break };
                let number = first.value.slot.list;
                written += flips.iter().filter(|flip| flip.value.slot.list == number).count();
                self.publish_status_list(&merchant, number).await?;
            }
        }
        Ok(written)
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
        let seq = StatusList::next_seq(stored.as_ref().map(|list| list.value.seq), now);
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
