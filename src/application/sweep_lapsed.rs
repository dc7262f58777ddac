//! Deletes what was kept for a time that is over: answered calls, idempotency keys, authorization codes that the
//! marketplace does not know, reports of usage, answers kept for repeated requests, sessions, sign-in links. What a lapsed
//! reservation still holds is given back.

use std::time::Duration;

use super::app::{App, UseCaseError};
use super::ports::{Change, Commit, Listing, StoreError, Versioned, list};
use super::record::{Record, RecordKey};
use crate::domain::{Instant, Merchant, MerchantId, Validity};

/// Records looked at, and deleted in one commit, at a time.
const PAGE: usize = 500;
/// Pause between two pages: nobody waits for this, and others wait behind it.
pub(super) const BETWEEN_PAGES: Duration = Duration::from_millis(10);

/// Which records lapse.
#[derive(Debug, Clone, Copy)]
enum Lapsing {
    Replays,
    IdempotencyKeys,
    Codes,
    UsageReports,
    Reservations,
    KeptAnswers,
}

const ALL: [Lapsing; 6] = [
    Lapsing::Replays,
    Lapsing::IdempotencyKeys,
    Lapsing::Codes,
    Lapsing::UsageReports,
    Lapsing::Reservations,
    Lapsing::KeptAnswers,
];

impl App {
    /// Deletes every lapsed record of every merchant; says how many. May be cut off and repeated at any time: what
    /// has lapsed counts as absent whether or not it is still there.
    pub async fn sweep_lapsed(&self) -> Result<usize, UseCaseError> {
        let mut swept = self.sweep_access(None).await?;
        for merchant in list::<Merchant>(self.store.as_ref(), &Listing::Merchants, 1_000).await? {
            for kind in ALL {
                let merchant = &merchant.value.id;
                swept += self.sweep_kind(|after| listing(merchant.clone(), kind, after)).await?;
            }
            swept += self.sweep_access(Some(&merchant.value.id)).await?;
        }
        // Of requests that are about the server itself.
        swept += self.sweep_kind(|after| Listing::KeptAnswers { owner: None, after }).await?;
        Ok(swept)
    }

    /// The same for what the store has noted as lapsed, without a look at anything else; `None` when it notes nothing.
    pub async fn sweep_noted(&self) -> Result<Option<usize>, UseCaseError> {
        let mut swept = 0;
        for merchant in list::<Merchant>(self.store.as_ref(), &Listing::Merchants, 1_000).await? {
            for kind in [Lapsing::Replays, Lapsing::IdempotencyKeys, Lapsing::Codes] {
                match self.sweep_noted_of(&merchant.value.id, kind).await? {
                    Some(count) => swept += count,
                    None => return Ok(None),
                }
            }
        }
        Ok(Some(swept))
    }

    async fn sweep_noted_of(
        &self,
        merchant: &MerchantId,
        kind: Lapsing,
    ) -> Result<Option<usize>, UseCaseError> {
        let (mut swept, listing) = (0, listing(merchant.clone(), kind, None));
        loop {
            let Some(page) = self.store.lapsed(&listing, self.now(), PAGE).await? else { return Ok(None) };
            let is_last = page.len() < PAGE;
            let count = self.sweep_page(page).await?;
            swept += count;
            // A page of which nothing went would be the same page again.
            if is_last || count == 0 {
                return Ok(Some(swept));
            }
            tokio::time::sleep(BETWEEN_PAGES).await;
        }
    }

    /// Sessions that have ended and sign-in links that opened one long ago, of one merchant's tokens or of the server's.
    async fn sweep_access(&self, owner: Option<&MerchantId>) -> Result<usize, UseCaseError> {
        let sessions = self.sweep_kind(|after| Listing::Sessions { owner: owner.cloned(), after }).await?;
        let links = self.sweep_kind(|after| Listing::SignInLinks { owner: owner.cloned(), after }).await?;
        Ok(sessions + links)
    }

    async fn sweep_kind(
        &self,
        listing_behind: impl Fn(Option<RecordKey>) -> Listing + Send + Sync,
    ) -> Result<usize, UseCaseError> {
        let (mut swept, mut after) = (0, None);
        loop {
            let listing = listing_behind(after);
            let page = self.store.list(&listing, PAGE).await?;
            let is_last = page.len() < PAGE;
            after = page.last().map(|last| last.value.key());
            self.return_held(&page).await?;
            swept += self.sweep_page(page).await?;
            if is_last {
                return Ok(swept);
            }
            tokio::time::sleep(BETWEEN_PAGES).await;
        }
    }

    /// Nothing waits for this: whoever lacks what a lapsed reservation holds gives it back.
    async fn return_held(&self, page: &[Versioned<Record>]) -> Result<(), UseCaseError> {
        let now = self.now();
        for Versioned { value, revision } in page {
            if let Record::Reservation(reservation) = value
                && reservation.has_lapsed(now)
            {
                let found = Versioned { value: reservation.clone(), revision: *revision };
                self.return_one(found, now).await?;
            }
        }
        Ok(())
    }

    /// One that was claimed anew meanwhile keeps its page until the next time.
    async fn sweep_page(&self, page: Vec<Versioned<Record>>) -> Result<usize, UseCaseError> {
        let now = self.now();
        let lapsed = page.into_iter().filter(|record| has_lapsed(&record.value, now));
        let delete = |record: Versioned<Record>| Change::Delete(record.value.key(), record.revision);
        let commit = Commit { changes: lapsed.map(delete).collect(), ..Commit::new() };
        let count = commit.changes.len();
        if count == 0 {
            return Ok(0);
        }
        match self.store.commit(commit).await {
            Ok(_) => Ok(count),
            Err(StoreError::Conflict) => Ok(0),
            Err(error) => Err(error.into()),
        }
    }
}

fn listing(merchant: MerchantId, kind: Lapsing, after: Option<RecordKey>) -> Listing {
    match kind {
        Lapsing::Replays => Listing::Replays { merchant, after },
        Lapsing::IdempotencyKeys => Listing::IdempotencyKeys { merchant, after },
        Lapsing::Codes => Listing::AuthorizationCodes { merchant, after },
        Lapsing::UsageReports => Listing::UsageReports { merchant, after },
        Lapsing::Reservations => Listing::ReservationsOfMerchant { merchant, after },
        Lapsing::KeptAnswers => Listing::KeptAnswers { owner: Some(merchant), after },
    }
}

fn has_lapsed(record: &Record, now: Instant) -> bool {
    record.kept_until().is_some_and(|until| Validity::between(until, None).holds_at(now))
}
