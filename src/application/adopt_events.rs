//! Finds events that have no place in their merchant's chain: from before there was one, or written by servers that know none
//! while old and new ones ran side by side.

use chrono::TimeDelta;

use super::app::{App, UseCaseError, decided};
use super::ports::{ABSENT, Commit, Listing, StoreError, Versioned, find, list};
use super::record::{RecordKey, Stored};
use crate::domain::{
    Actor, Adoption, EventKind, EventPlace, Instant, Merchant, MerchantId, SealedEvent, Subject, Unsealed,
    Validity,
};

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
        let page = self.store.event_places(merchant, adoption.after.as_ref(), PAGE).await?;
        let has_more = page.len() == PAGE;
        if let Some(last) = page.last() {
            adoption.after = Some(last.clone());
        }
        adoption.looked_at += u64::try_from(page.len()).unwrap_or(0);
        let stands = self.stands_of(merchant, &page).await?;
        let homeless = page.into_iter().zip(stands).filter(|(_, stand)| *stand == EventStand::InNoChain);
        let mark = |(place, _)| Unsealed { merchant: merchant.clone(), place, adopted: true };
        let marks: Vec<_> = homeless.map(mark).collect();
        adoption.adopted += u64::try_from(marks.len()).unwrap_or(0);
        adoption.done_at = (!has_more).then(|| self.now());
        self.store.commit(Commit::new().put(adoption, revision).set_all(marks)).await?;
        Ok(has_more)
    }

    /// Looks through all events of a merchant once more, because somebody asks for it: what stands in no chain gets a place
    /// and stays marked as found late.
    pub async fn adopt_events(
        &self,
        merchant: &MerchantId,
        actor: &Actor,
        reason: Option<&str>,
    ) -> Result<Adoption, UseCaseError> {
        decided!(self, self.try_adopt_events(merchant, actor, reason))
    }

    async fn try_adopt_events(
        &self,
        merchant: &MerchantId,
        actor: &Actor,
        reason: Option<&str>,
    ) -> Result<Adoption, UseCaseError> {
        let key = RecordKey::Adoption(merchant.clone());
        let found: Option<Versioned<Adoption>> = find(self.store.as_ref(), key).await?;
        let revision = found.as_ref().map_or(ABSENT, |found| found.revision);
        let pass = found.map_or(0, |found| found.value.pass).max(PASSES - 1) + 1;
        let adoption = Adoption::begin(merchant.clone(), pass, self.now());
        let detail: Vec<_> = reason.map(|reason| ("reason", reason.to_owned())).into_iter().collect();
        let event = self.event_about(merchant, Subject::audit(), actor, EventKind::AuditAdopted, &detail);
        self.store.commit(Commit::new().put(adoption.clone(), revision).put(event, ABSENT)).await?;
        Ok(adoption)
    }

    /// How events stand to the chain. An event gets its mark in its own commit and loses it in the one that gives it a
    /// place: which has neither, at one moment, is in no chain.
    pub(super) async fn stands_of(
        &self,
        merchant: &MerchantId,
        places: &[EventPlace],
    ) -> Result<Vec<EventStand>, StoreError> {
        let mut stands = Vec::with_capacity(places.len());
        for places in places.chunks(PAGE) {
            let keys = places.iter().flat_map(|place| {
                let event = || (merchant.clone(), place.event.clone());
                let ((merchant, unsealed), (owner, sealed)) = (event(), event());
                [RecordKey::Unsealed(merchant, unsealed), RecordKey::SealedEvent(owner, sealed)]
            });
            let found = self.store.load(&keys.collect::<Vec<_>>()).await?;
            let mut found = found.into_iter();
            for _ in places {
                let mark = found.next().flatten();
                let sealed = found.next().flatten().and_then(|found| SealedEvent::from_record(found.value));
                stands.push(match (sealed, mark) {
                    (Some(SealedEvent { seq, .. }), _) => EventStand::Sealed { seq },
                    (None, Some(_)) => EventStand::Waits,
                    (None, None) => EventStand::InNoChain,
                });
            }
        }
        Ok(stands)
    }
}

/// How an event stands to the chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventStand {
    /// It has its place.
    Sealed {
        /// Which.
        seq: u64,
    },
    /// It will get one.
    Waits,
    /// It has none, and nobody is about to give it one.
    InNoChain,
}

/// The look that is to be gone on with, or begun, now.
fn going_on(found: Option<Adoption>, merchant: &MerchantId, now: Instant) -> Option<Adoption> {
    let Some(adoption) = found else { return Some(Adoption::begin(merchant.clone(), 1, now)) };
    let Some(_) = adoption.done_at else { return Some(adoption) };
    let next_from = adoption.began_at + TimeDelta::hours(SECOND_LOOK_AFTER_HOURS);
    let is_due = adoption.pass < PASSES && Validity::between(next_from, None).holds_at(now);
    is_due.then(|| Adoption::begin(merchant.clone(), adoption.pass + 1, now))
}
