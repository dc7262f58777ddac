//! Gives out status-list entries: blocks at a time, so that most tokens need no commit for theirs.

use std::collections::BTreeMap;
use std::ops::Range;

use tokio::sync::Mutex;

use super::app::{App, UseCaseError};
use super::ports::{Change, Commit, StoreError};
use super::record::CounterKey;
use crate::domain::{MerchantId, StatusSlot};

/// Entries taken at a time; what is left at exit is never used.
const BLOCK: i64 = 256;

/// What this process has taken and not yet given out, per merchant.
#[derive(Debug, Default)]
pub(super) struct StatusSlots(Mutex<BTreeMap<MerchantId, Range<u64>>>);

impl App {
    /// An entry that no other token has or will have. Its list is published before this returns.
    pub(super) async fn take_status_slot(&self, merchant: &MerchantId) -> Result<StatusSlot, UseCaseError> {
        let mut taken = self.slots.0.lock().await;
        let block = taken.entry(merchant.clone()).or_insert(0..0);
        if block.is_empty() {
            *block = self.take_block(merchant).await?;
        }
        let count =
            block.next().ok_or_else(|| StoreError::Failed("an empty block of status entries".into()))?;
        Ok(self.signer.status_slot(merchant, count))
    }

    async fn take_block(&self, merchant: &MerchantId) -> Result<Range<u64>, UseCaseError> {
        let commit = Commit::new().with(Change::Add(CounterKey::StatusSlots(merchant.clone()), BLOCK));
        let committed = self.store.commit(commit).await?;
        let end = committed.counters.first().copied().unwrap_or(0);
        let block = u64::try_from(end - BLOCK).and_then(|start| u64::try_from(end).map(|end| start..end));
        let block =
            block.map_err(|_| StoreError::Failed("the counter of status entries went backwards".into()))?;
        let list = self.signer.status_slot(merchant, block.start).list;
        self.status_list(merchant, list).await?;
        Ok(block)
    }
}
