//! Gives out status-list entries: blocks at a time, so that most tokens need no commit for theirs.

use std::collections::BTreeMap;
use std::ops::Range;

use tokio::sync::Mutex;

use super::app::{App, UseCaseError};
use super::ports::{Change, Commit, StoreError};
use super::record::CounterKey;
use crate::domain::{MerchantId, Restore, STATUS_SLOTS_PER_LIST, StatusListNumber, StatusSlot};

/// Entries taken at a time; what is left at exit is never used.
const BLOCK: i64 = 256;

/// What this process has taken and not yet given out, per merchant.
#[derive(Debug, Default)]
pub(super) struct StatusSlots(Mutex<BTreeMap<MerchantId, Taken>>);

/// A block, and how often the store had lost what was written when it was taken.
#[derive(Debug, Default)]
struct Taken {
    counts: Range<u64>,
    promotions: u64,
}

impl App {
    /// An entry that no other token has or will have. Its list is published before this returns.
    pub(super) async fn take_status_slot(&self, merchant: &MerchantId) -> Result<StatusSlot, UseCaseError> {
        let mut taken = self.slots.0.lock().await;
        let block = taken.entry(merchant.clone()).or_default();
        while block.counts.is_empty() || block.promotions != self.store.promotions() {
            // Asked before: a block that is taken while the store changes is not used.
            let promotions = self.store.promotions();
            *block = Taken { counts: self.take_block(merchant).await?, promotions };
        }
        let count = block
            .counts
            .next()
            .ok_or_else(|| StoreError::Failed("an empty block of status entries".into()))?;
        Ok(self.signer.status_slot(merchant, count))
    }

    /// No entry of a list that the backup knows is given out any more, nor of one that was opened since: which of them
    /// were used in the lost time is not known. Says which list comes next.
    pub(super) async fn seal_open_lists(
        &self,
        merchant: &MerchantId,
        restore: &Restore,
    ) -> Result<StatusListNumber, UseCaseError> {
        let used = self.move_slots(merchant, 0).await?;
        let per_list = i64::from(STATUS_SLOTS_PER_LIST);
        let unopened = StatusListNumber::try_from(used.unsigned_abs().div_ceil(per_list.unsigned_abs()));
        let unopened = unopened.map_err(|_| StoreError::Failed("there is no further status list".into()))?;
        let next = restore.first_list(unopened);
        self.move_slots(merchant, i64::from(next) * per_list - used).await?;
        self.slots.0.lock().await.remove(merchant);
        Ok(next)
    }

    /// Moves the counter of entries given out; says where it stands then.
    async fn move_slots(&self, merchant: &MerchantId, by: i64) -> Result<i64, UseCaseError> {
        let commit = Commit::new().with(Change::Add(CounterKey::StatusSlots(merchant.clone()), by));
        let committed = self.store.commit(commit).await?;
        Ok(committed.counters.first().copied().unwrap_or(0))
    }

    async fn take_block(&self, merchant: &MerchantId) -> Result<Range<u64>, UseCaseError> {
        let end = self.move_slots(merchant, BLOCK).await?;
        let block = u64::try_from(end - BLOCK).and_then(|start| u64::try_from(end).map(|end| start..end));
        let block =
            block.map_err(|_| StoreError::Failed("the counter of status entries went backwards".into()))?;
        let list = self.signer.status_slot(merchant, block.start).list;
        self.status_list(merchant, list).await?;
        Ok(block)
    }
}
