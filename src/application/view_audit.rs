//! What stands in a merchant's chain of events.

use chrono::TimeDelta;

use super::adopt_events::EventStand;
use super::app::{App, UseCaseError};
use super::ports::{Listing, StoreError, Versioned, find, list};
use super::record::{Record, RecordKey, Stored};
use crate::domain::{
    Adoption, AuditEvent, BLOCK_ENTRIES_MAX, ChainBlock, ChainEntry, ChainHead, EventId, EventKind,
    EventPlace, Instant, MerchantId, Refusal, Subject, Unsealed, Validity,
};

/// Most blocks that are read at once: they may have one entry each, or 256.
const BLOCKS_AT_ONCE_MAX: usize = 32;
/// Most marks that are counted.
const COUNTED_MAX: usize = 1_000;
/// Most blocks of one page of a chain.
pub const CHAIN_PAGE_BLOCKS_MAX: usize = 8;
/// Most events that are looked at for one page of a list: what does not fit a filter is looked at all the same.
const LOOKED_AT_MAX: usize = 2_000;
/// Most events about a subject that are read at once.
const SUBJECT_PAGE: usize = 500;
/// The clocks of servers on one database are no further apart: an event is not sealed longer than this before it happened.
const CLOCKS_APART_HOURS: i64 = 1;

/// Where a chain stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditStand {
    /// Where it ends; none before the first event was sealed.
    pub head: Option<ChainHead>,
    /// How many events wait for their place: at most 1,000 are counted.
    pub unsealed: usize,
    /// Since when the oldest of them does, by its own account.
    pub unsealed_since: Option<Instant>,
    /// How far events without a place were looked for.
    pub adoption: Option<Adoption>,
}

/// Which events are wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// About this only: found by it, also what is in no chain.
    pub subject: Option<Subject>,
    /// Of this actor, as it is written.
    pub actor: Option<String>,
    /// Of this kind.
    pub kind: Option<EventKind>,
    /// Not before.
    pub from: Option<Instant>,
    /// Before.
    pub to: Option<Instant>,
}

impl AuditFilter {
    fn wants(&self, event: &AuditEvent) -> bool {
        self.kind.is_none_or(|kind| kind == event.kind)
            && self.actor.as_ref().is_none_or(|actor| *actor == event.actor.to_string())
            && self.from.is_none_or(|from| Validity::between(from, None).holds_at(event.at))
            && self.to.is_none_or(|to| !Validity::between(to, None).holds_at(event.at))
    }
}

/// Where a page of a list goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AuditCursor {
    /// Before this number of the chain.
    Before(u64),
    /// Before this event about the subject.
    Earlier(EventId),
}

/// An event, and how it stands to the chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditItem {
    /// How it stands.
    pub stand: EventStand,
    /// The event.
    pub event: AuditEvent,
}

/// A block with its events, as they stand in the store now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlockWithEvents {
    /// The block.
    pub block: ChainBlock,
    /// The event of each entry; none where there is none, or none that can be read.
    pub events: Vec<Option<AuditEvent>>,
}

/// A stretch of a chain.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChainPage {
    /// Oldest first.
    pub blocks: Vec<BlockWithEvents>,
    /// The first number of each block that cannot be read.
    pub unreadable: Vec<u64>,
    /// The last number that was looked at, if there may be more behind it.
    pub next: Option<u64>,
}

impl App {
    /// The events behind a number of a merchant's chain, oldest first, each with its own number: at most `limit`. Numbers
    /// have no gaps; an event that is missing in the store is left out (`lictor audit verify` says which).
    pub async fn sealed_events(
        &self,
        merchant: &MerchantId,
        after_seq: u64,
        limit: usize,
    ) -> Result<Vec<(u64, AuditEvent)>, UseCaseError> {
        let (mut events, mut after) = (Vec::new(), after_seq);
        while events.len() < limit {
            let entries = self.entries_after(merchant, after, limit - events.len()).await?;
            let Some(last) = entries.last() else { break };
            after = last.seq;
            let found = self.events_of_entries(merchant, &entries).await?;
            let numbers = entries.iter().map(|entry| entry.seq);
            events.extend(numbers.zip(found).filter_map(|(seq, event)| Some((seq, event?))));
        }
        Ok(events)
    }

    /// Where the chain stands.
    pub async fn audit_stand(&self, merchant: &MerchantId) -> Result<AuditStand, UseCaseError> {
        let store = self.store.as_ref();
        // First what waits: what moves on meanwhile is in the chain then.
        let waiting: Vec<Versioned<Unsealed>> =
            list(store, &Listing::UnsealedOf(merchant.clone()), COUNTED_MAX).await?;
        let head: Option<Versioned<ChainHead>> = find(store, RecordKey::ChainHead(merchant.clone())).await?;
        let adoption: Option<Versioned<Adoption>> =
            find(store, RecordKey::Adoption(merchant.clone())).await?;
        let unsealed_since = match waiting.first() {
            Some(mark) => {
                let key = RecordKey::of_event(merchant, &mark.value.place);
                let event = self.load_readable(&[key]).await?.pop().flatten();
                event.and_then(AuditEvent::from_record).map(|event| event.at)
            }
            None => None,
        };
        let (head, adoption) = (head.map(|head| head.value), adoption.map(|adoption| adoption.value));
        Ok(AuditStand { head, unsealed: waiting.len(), unsealed_since, adoption })
    }

    /// A stretch of the chain behind a number, with its events. What somebody has spoilt is said, and hides nothing else.
    pub async fn chain_page(&self, merchant: &MerchantId, after: u64) -> Result<ChainPage, UseCaseError> {
        let from = after.saturating_add(1);
        let listing = Listing::ChainBlocks { merchant: merchant.clone(), from };
        let blocks = list::<ChainBlock>(self.store.as_ref(), &listing, CHAIN_PAGE_BLOCKS_MAX).await;
        let blocks = match blocks {
            Ok(blocks) => blocks,
            Err(StoreError::Failed(_)) => return self.chain_page_by_block(merchant, from).await,
            Err(error) => return Err(error.into()),
        };
        let next = blocks.last().filter(|_| blocks.len() == CHAIN_PAGE_BLOCKS_MAX);
        let mut page = ChainPage { next: next.map(|last| last.value.last_seq()), ..ChainPage::default() };
        for block in blocks {
            page.blocks.push(self.with_its_events(merchant, block.value).await?);
        }
        Ok(page)
    }

    /// The first block from a number on. One that cannot be read is passed over: it has so many entries at most.
    async fn chain_page_by_block(&self, merchant: &MerchantId, from: u64) -> Result<ChainPage, UseCaseError> {
        let most = u64::try_from(BLOCK_ENTRIES_MAX).unwrap_or(u64::MAX);
        let mut page = ChainPage::default();
        for from in from..=from.saturating_add(most) {
            let listing = Listing::ChainBlocks { merchant: merchant.clone(), from };
            match list::<ChainBlock>(self.store.as_ref(), &listing, 1).await {
                Ok(block) => {
                    let block = block.into_iter().next().map(|block| block.value);
                    page.next = block.as_ref().map(ChainBlock::last_seq);
                    if let Some(block) = block {
                        page.blocks.push(self.with_its_events(merchant, block).await?);
                    }
                    return Ok(page);
                }
                Err(StoreError::Failed(why)) if page.unreadable.is_empty() => {
                    tracing::error!(%merchant, from, why, "a block of the chain of events cannot be read");
                    page.unreadable.push(from);
                }
                Err(StoreError::Failed(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        page.next = Some(from.saturating_add(most));
        Ok(page)
    }

    async fn with_its_events(
        &self,
        merchant: &MerchantId,
        block: ChainBlock,
    ) -> Result<BlockWithEvents, UseCaseError> {
        let keys: Vec<_> =
            block.entries.iter().map(|entry| RecordKey::of_event(merchant, &entry.place)).collect();
        let events = self.load_readable(&keys).await?;
        let events = events.into_iter().map(|event| event.and_then(AuditEvent::from_record)).collect();
        Ok(BlockWithEvents { block, events })
    }

    /// Where events lie, behind the given one, and how each stands to the chain.
    pub async fn stored_events(
        &self,
        merchant: &MerchantId,
        after: Option<&EventPlace>,
        limit: usize,
    ) -> Result<Vec<(EventPlace, EventStand)>, UseCaseError> {
        let places = self.store.event_places(merchant, after, limit).await?;
        let stands = self.stands_of(merchant, &places).await?;
        Ok(places.into_iter().zip(stands).collect())
    }

    /// One event that has its place.
    pub async fn audit_event(&self, merchant: &MerchantId, id: &EventId) -> Result<AuditItem, UseCaseError> {
        let key = RecordKey::SealedEvent(merchant.clone(), id.clone());
        let absent = || UseCaseError::Refused(Refusal::NotFound { what: "audit event" });
        let sealed: Option<Versioned<crate::domain::SealedEvent>> = find(self.store.as_ref(), key).await?;
        let seq = sealed.ok_or_else(absent)?.value.seq;
        let entry = self.entries_after(merchant, seq - 1, 1).await?.pop().ok_or_else(absent)?;
        let event = self.events_of_entries(merchant, &[entry]).await?.pop().flatten();
        Ok(AuditItem { stand: EventStand::Sealed { seq }, event: event.ok_or_else(absent)? })
    }

    /// A page of events, newest first: about a subject by that, all others along the chain. A bounded number is looked at, so
    /// a page may have fewer than `limit` events and be followed by another.
    pub async fn audit_events(
        &self,
        merchant: &MerchantId,
        filter: &AuditFilter,
        cursor: Option<AuditCursor>,
        limit: usize,
    ) -> Result<(Vec<AuditItem>, Option<AuditCursor>), UseCaseError> {
        match (&filter.subject, cursor) {
            (Some(subject), Some(AuditCursor::Earlier(before))) => {
                self.events_about(merchant, subject, filter, Some(before), limit).await
            }
            (Some(subject), None) => self.events_about(merchant, subject, filter, None, limit).await,
            (None, None) => self.events_along(merchant, filter, None, limit).await,
            (None, Some(AuditCursor::Before(before))) => {
                self.events_along(merchant, filter, Some(before), limit).await
            }
            (Some(_), Some(AuditCursor::Before(_))) | (None, Some(AuditCursor::Earlier(_))) => {
                let why = "a cursor goes with the filters of the page before".to_owned();
                Err(Refusal::Invalid { pointer: "/cursor".into(), why }.into())
            }
        }
    }

    async fn events_about(
        &self,
        merchant: &MerchantId,
        subject: &Subject,
        filter: &AuditFilter,
        before: Option<EventId>,
        limit: usize,
    ) -> Result<(Vec<AuditItem>, Option<AuditCursor>), UseCaseError> {
        let (mut found, mut floor) = (Vec::new(), None);
        for under_license in [true, false] {
            if under_license && subject.license().is_none() {
                continue;
            }
            let (merchant, subject, before) = (merchant.clone(), subject.clone(), before.clone());
            let listing = Listing::EarlierEvents { merchant, subject, under_license, before };
            let page = list::<AuditEvent>(self.store.as_ref(), &listing, SUBJECT_PAGE).await?;
            if page.len() == SUBJECT_PAGE {
                floor = floor.max(page.last().map(|event| event.value.id.clone()));
            }
            found.extend(page.into_iter().map(|event| event.value));
        }
        found.sort_by(|one, other| other.id.cmp(&one.id));
        if let Some(floor) = &floor {
            found.retain(|event| event.id >= *floor);
        }
        let (mut wanted, mut last, mut next) = (Vec::new(), None, None);
        for event in found {
            if wanted.len() == limit {
                next = last;
                break;
            }
            last = Some(event.id.clone());
            if filter.wants(&event) {
                wanted.push(event);
            }
        }
        let next = next.or(floor).map(AuditCursor::Earlier);
        let places: Vec<_> = wanted.iter().map(AuditEvent::place).collect();
        let stands = self.stands_of(merchant, &places).await?;
        let items = wanted.into_iter().zip(stands).map(|(event, stand)| AuditItem { stand, event });
        Ok((items.collect(), next))
    }

    async fn events_along(
        &self,
        merchant: &MerchantId,
        filter: &AuditFilter,
        before: Option<u64>,
        limit: usize,
    ) -> Result<(Vec<AuditItem>, Option<AuditCursor>), UseCaseError> {
        let (mut items, mut looked_at, mut end) = (Vec::new(), 0, before);
        let mut block = self.block_before(merchant, before).await?;
        while let Some(ChainBlock { entries, sealed_at, .. }) = block.take() {
            let is_earlier = |from: &Instant| {
                let sealed_by = sealed_at + TimeDelta::hours(CLOCKS_APART_HOURS);
                !Validity::between(*from, None).holds_at(sealed_by)
            };
            if filter.from.as_ref().is_some_and(is_earlier) {
                return Ok((items, None));
            }
            let entries: Vec<ChainEntry> =
                entries.into_iter().filter(|entry| end.is_none_or(|end| entry.seq < end)).collect();
            let events = self.events_of_entries(merchant, &entries).await?;
            for (entry, event) in entries.iter().zip(events).rev() {
                if items.len() == limit || looked_at == LOOKED_AT_MAX {
                    return Ok((items, end.map(AuditCursor::Before)));
                }
                (end, looked_at) = (Some(entry.seq), looked_at + 1);
                if let Some(event) = event.filter(|event| filter.wants(event)) {
                    items.push(AuditItem { stand: EventStand::Sealed { seq: entry.seq }, event });
                }
            }
            block = self.block_before(merchant, end).await?;
        }
        Ok((items, None))
    }

    /// The block of the entry just before a number; none: the newest.
    async fn block_before(
        &self,
        merchant: &MerchantId,
        before: Option<u64>,
    ) -> Result<Option<ChainBlock>, StoreError> {
        let merchant = merchant.clone();
        let listing = match before {
            None => Listing::EarlierChainBlocks { merchant, before: None },
            Some(0 | 1) => return Ok(None),
            Some(before) => Listing::ChainBlocks { merchant, from: before - 1 },
        };
        let block: Option<Versioned<ChainBlock>> = list(self.store.as_ref(), &listing, 1).await?.pop();
        Ok(block.map(|block| block.value))
    }

    async fn entries_after(
        &self,
        merchant: &MerchantId,
        after: u64,
        limit: usize,
    ) -> Result<Vec<ChainEntry>, StoreError> {
        let listing = Listing::ChainBlocks { merchant: merchant.clone(), from: after.saturating_add(1) };
        let blocks = limit.clamp(1, BLOCKS_AT_ONCE_MAX);
        let blocks: Vec<Versioned<ChainBlock>> = list(self.store.as_ref(), &listing, blocks).await?;
        let entries = blocks.into_iter().flat_map(|block| block.value.entries);
        Ok(entries.filter(|entry| entry.seq > after).take(limit).collect())
    }

    /// The events of entries, in their order; none where there is none that can be read.
    async fn events_of_entries(
        &self,
        merchant: &MerchantId,
        entries: &[ChainEntry],
    ) -> Result<Vec<Option<AuditEvent>>, StoreError> {
        let mut events = Vec::with_capacity(entries.len());
        for entries in entries.chunks(LOADED_AT_ONCE_MAX) {
            let keys: Vec<_> =
                entries.iter().map(|entry| RecordKey::of_event(merchant, &entry.place)).collect();
            let found = self.load_readable(&keys).await?;
            events.extend(found.into_iter().map(|event| event.and_then(AuditEvent::from_record)));
        }
        Ok(events)
    }

    /// Loads records, at most 1,000; one that cannot be read is as one that is not there, and is told.
    pub(super) async fn load_readable(&self, keys: &[RecordKey]) -> Result<Vec<Option<Record>>, StoreError> {
        match self.store.load(keys).await {
            Ok(found) => return Ok(found.into_iter().map(|found| found.map(|found| found.value)).collect()),
            Err(StoreError::Failed(_)) => {}
            Err(error) => return Err(error),
        }
        let mut found = Vec::with_capacity(keys.len());
        for key in keys {
            found.push(match self.store.load(std::slice::from_ref(key)).await {
                Ok(record) => record.into_iter().next().flatten().map(|record| record.value),
                Err(StoreError::Failed(why)) => {
                    tracing::error!(why, "an audit record cannot be read");
                    None
                }
                Err(error) => return Err(error),
            });
        }
        Ok(found)
    }
}

/// Most records that are loaded at once.
const LOADED_AT_ONCE_MAX: usize = 1_000;
