//! A marketplace tells of the companies that use what they bought: the last word on each is kept.

use super::app::{App, UseCaseError, decided};
use super::handle_purchase_event::{PurchaseAnswer, PurchaseCall};
use super::ports::{Change, Commit};
use super::record::{KitRecord, RecordKey};
use crate::domain::{KitSync, PurchaseOutcome};

impl App {
    pub(super) async fn sync_kit(
        &self,
        call: &PurchaseCall<'_>,
        sync: &KitSync,
    ) -> Result<PurchaseOutcome, UseCaseError> {
        decided!(self, self.try_sync(call, sync))
    }

    /// Nothing here depends on what is stored, so that the only conflict is the same request at the same time.
    ///
    /// What is told again changes nothing, and what was never told of can be told to be gone.
    async fn try_sync(
        &self,
        call: &PurchaseCall<'_>,
        sync: &KitSync,
    ) -> Result<PurchaseOutcome, UseCaseError> {
        if let Some(PurchaseAnswer::Outcome(outcome)) = self.replayed(call).await? {
            return Ok(outcome);
        }
        let (merchant, marketplace) = (call.merchant.clone(), call.channel.marketplace);
        let mut commit = Commit::new();
        for entity in &sync.entities {
            let (merchant, interface, id) = (merchant.clone(), sync.interface, entity.id.clone());
            commit = match entity.body.clone() {
                Some(body) => {
                    let (channel, received_at) = (call.channel.id.clone(), call.now);
                    commit.set(KitRecord { merchant, marketplace, interface, id, channel, body, received_at })
                }
                None => commit.with(Change::Remove(RecordKey::Kit { merchant, marketplace, interface, id })),
            };
        }
        self.store.commit(call.remembered(commit, &PurchaseOutcome::Done)).await?;
        Ok(PurchaseOutcome::Done)
    }
}
