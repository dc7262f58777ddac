//! Finds events that have no place in their merchant's chain: from before there was one, or written by servers that know none
//! while old and new ones ran side by side.

use chrono::TimeDelta;

use super::app::{App, UseCaseError};
use super::ports::{ABSENT, Commit, Listing, StoreError, Versioned, find, list};
use super::record::RecordKey;
use crate::domain::{Adoption, AuditEvent, Instant, Merchant, MerchantId, Unsealed, Validity};

/// Events looked at in one commit.
const PAGE: usize = 400;
/// A second look that long after the first began: servers that know no chain may have run beside the first new one. There is
/// no third: what has no place then is told of, and only adopted when somebody asks for it.
const SECOND_LOOK_AFTER_HOURS: i64 = 24;
const PASSES: u32 = 2;

impl App {
    /// Looks at one page of events of each merchant that has not been looked through yet; says whether there is more.
    pub async fn adopt_some_events(&self) -> Result<bool, UseCaseError> {
        let mut has_more = false;
        for merchant in list::<Merchant>(self.store.as_ref(), &Listing::Merchants, 1_000).await? {
            match self.adopt_page(&merchant.value.id).await {
                Ok(more) => has_more |= more,
                // Another server is at it.
                Err(StoreError::Conflict) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(has_more)
    }

    async fn adopt_page(&self, merchant: &MerchantId) -> Result<bool, StoreError> {
        let key = RecordKey::Adoption(merchant.clone());
        let found: Option<Versioned<Adoption>> = find(self.store.as_ref(), key).await?;
        let revision = found.as_ref().map_or(ABSENT, |found| found.revision);
        let Some(mut adoption) = going_on(found.map(|found| found.value), merchant, self.now()) else {
            return Ok(false);
        };
        let after = adoption.after.as_ref().map(|place| RecordKey::of_event(merchant, place));
        let listing = Listing::EventsOfMerchant { merchant: merchant.clone(), after };
        let page: Vec<Versioned<AuditEvent>> = list(self.store.as_ref(), &listing, PAGE).await?;
        let has_more = page.len() == PAGE;
        if let Some(last) = page.last() {
            adoption.after = Some(last.value.place());
        }
        adoption.looked_at += u64::try_from(page.len()).unwrap_or(0);
        let marks = self.marks_of_homeless(page).await?;
        adoption.adopted += u64::try_from(marks.len()).unwrap_or(0);
        adoption.done_at = (!has_more).then(|| self.now());
        self.store.commit(Commit::new().put(adoption, revision).set_all(marks)).await?;
        Ok(has_more)
    }

    /// An event gets its mark in its own commit and loses it in the one that gives it a place: which has neither, at one
    /// moment, is in no chain.
    async fn marks_of_homeless(&self, page: Vec<Versioned<AuditEvent>>) -> Result<Vec<Unsealed>, StoreError> {
        let keys = page.iter().flat_map(|event| {
            let (merchant, id) = (&event.value.merchant, &event.value.id);
            [
                RecordKey::Unsealed(merchant.clone(), id.clone()),
                RecordKey::SealedEvent(merchant.clone(), id.clone()),
            ]
        });
        let found = self.store.load(&keys.collect::<Vec<_>>()).await?;
        let mark = |(event, found): (Versioned<AuditEvent>, &[Option<_>])| {
            let is_homeless = found.iter().all(Option::is_none);
            is_homeless.then(|| {
                let place = event.value.place();
                Unsealed { merchant: event.value.merchant, place, adopted: true }
            })
        };
        Ok(page.into_iter().zip(found.chunks(2)).filter_map(mark).collect())
    }
}

/// The look that is to be gone on with, or begun, now.
fn going_on(found: Option<Adoption>, merchant: &MerchantId, now: Instant) -> Option<Adoption> {
    let Some(adoption) = found else { return Some(Adoption::begin(merchant.clone(), 1, now)) };
    let Some(_) = adoption.done_at else { return Some(adoption) };
    let next_from = adoption.began_at + TimeDelta::hours(SECOND_LOOK_AFTER_HOURS);
    let is_due = adoption.pass < PASSES && Validity::between(next_from, None).holds_at(now);
    is_due.then(|| Adoption::begin(merchant.clone(), adoption.pass + 1, now))
}
