//! What stands in a merchant's chain of events.

use super::app::{App, UseCaseError};
use super::ports::{Listing, StoreError, Versioned, find, find_all, list};
use super::record::RecordKey;
use crate::domain::{Adoption, AuditEvent, ChainBlock, ChainEntry, ChainHead, Instant, MerchantId, Unsealed};

/// Most blocks that are read at once: they may have one entry each, or 256.
const BLOCKS_AT_ONCE_MAX: usize = 32;
/// Most marks that are counted.
const COUNTED_MAX: usize = 1_000;

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
                find::<AuditEvent>(store, key).await?.map(|event| event.value.at)
            }
            None => None,
        };
        let (head, adoption) = (head.map(|head| head.value), adoption.map(|adoption| adoption.value));
        Ok(AuditStand { head, unsealed: waiting.len(), unsealed_since, adoption })
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

    /// The events of entries, in their order; none where there is none.
    pub(super) async fn events_of_entries(
        &self,
        merchant: &MerchantId,
        entries: &[ChainEntry],
    ) -> Result<Vec<Option<AuditEvent>>, StoreError> {
        let keys: Vec<_> = entries.iter().map(|entry| RecordKey::of_event(merchant, &entry.place)).collect();
        let found = find_all::<AuditEvent>(self.store.as_ref(), &keys).await?;
        Ok(found.into_iter().map(|event| event.map(|event| event.value)).collect())
    }
}
