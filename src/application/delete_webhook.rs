//! Deletes an endpoint.

use super::app::{App, UseCaseError, decided};
use super::change_webhook::WebhookCommand;
use super::ports::{ABSENT, Change, Commit, Listing, Versioned, list};
use super::record::RecordKey;
use crate::domain::{Delivery, EventKind, MerchantId, WebhookId};

/// Deliveries of one endpoint that are looked at when it is deleted or goes on without them.
const DELIVERIES_MAX: usize = 1_000;

impl App {
    /// Deletes an endpoint with everything that was on its way to it.
    pub async fn delete_webhook(&self, command: &WebhookCommand) -> Result<(), UseCaseError> {
        decided!(self, self.try_delete_webhook(command))?;
        self.endpoints_changed(&command.merchant);
        Ok(())
    }

    async fn try_delete_webhook(&self, command: &WebhookCommand) -> Result<(), UseCaseError> {
        let found = self.webhook_for(command).await?;
        let (merchant, id) = (command.merchant.clone(), command.webhook.clone());
        let event = self.webhook_event(&found.value, &command.actor, EventKind::WebhookDeleted, &[]);
        let mut commit = Commit::new()
            .with(Change::Delete(RecordKey::Webhook(merchant.clone(), id.clone()), found.revision))
            .with(Change::Remove(RecordKey::WebhookProgress(merchant.clone(), id.clone())))
            .with(Change::Remove(RecordKey::WebhookReplay(merchant.clone(), id.clone())))
            .put(event, ABSENT);
        let ended =
            Listing::EndedDeliveries { merchant: merchant.clone(), webhook: id.clone(), before: None };
        let ended: Vec<Versioned<Delivery>> = list(self.store.as_ref(), &ended, DELIVERIES_MAX).await?;
        for delivery in self.pending_deliveries(&merchant, &id).await?.into_iter().chain(ended) {
            commit = commit.with(Change::Remove(super::record::Record::Delivery(delivery.value).key()));
        }
        self.store.commit(commit).await?;
        Ok(())
    }

    /// Everything that is on its way to an endpoint.
    pub(super) async fn pending_deliveries(
        &self,
        merchant: &MerchantId,
        webhook: &WebhookId,
    ) -> Result<Vec<Versioned<Delivery>>, UseCaseError> {
        let listing = Listing::PendingDeliveries(merchant.clone(), webhook.clone());
        Ok(list(self.store.as_ref(), &listing, DELIVERIES_MAX).await?)
    }
}
