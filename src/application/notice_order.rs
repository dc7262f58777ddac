//! The marketplace tells that an order was placed, and nothing else.

use super::app::{App, UseCaseError};
use super::fetch_order::lines_bought;
use super::handle_purchase_event::PurchaseCall;
use super::ports::{ABSENT, Commit, OrderSourceError, Urgency, Versioned, find};
use super::record::{Owned, RecordKey, Task};
use super::settle_purchase::Settled;
use crate::domain::{
    Channel, ChannelId, MerchantId, OrderDetails, OrderKind, OrderLineKey, OrderRef, Purchase,
    PurchaseOutcome,
};

impl App {
    /// Keeps the notice as a job and answers.
    pub(super) async fn notice_order(
        &self,
        call: &PurchaseCall<'_>,
        order: &OrderRef,
    ) -> Result<PurchaseOutcome, UseCaseError> {
        let Some(key) = OrderLineKey::of(call.merchant, call.channel.marketplace, order) else {
            return Ok(PurchaseOutcome::InvalidParameter);
        };
        let known: Option<Versioned<Purchase>> = find(self.store.as_ref(), RecordKey::Purchase(key)).await?;
        if known.is_some() || call.channel.protocol.has_authorization_codes() {
            return Ok(PurchaseOutcome::Done);
        }
        let (merchant, channel) = (call.merchant.clone(), call.channel.id.clone());
        let task = Task::LookAtOrder { merchant, channel, order: order.clone() };
        let job = self.job_through(&call.channel.id, task, call.now);
        let commit = Commit::new().with_urgency(Urgency::Grow).put(job, ABSENT);
        self.store.commit(call.remembered(commit, &PurchaseOutcome::Done)).await?;
        self.signals.jobs.notify_one();
        Ok(PurchaseOutcome::Done)
    }

    /// A purchase that nothing else has told of is received; later orders have calls of their own.
    pub async fn look_at_order(
        &self,
        merchant: &MerchantId,
        channel: &ChannelId,
        order: &OrderRef,
    ) -> Result<Settled, UseCaseError> {
        let key = RecordKey::Channel(merchant.clone(), channel.clone());
        let found: Option<Versioned<Owned<Channel>>> = find(self.store.as_ref(), key).await?;
        let Some(channel) = found.map(|channel| channel.value.value) else {
            return Ok(Settled::Later("the channel of the order is gone".into()));
        };
        let line = order.order_line_id.as_deref();
        let details = match self.orders.order(merchant, &channel, &order.order_id, line).await {
            Ok(details) => details,
            Err(
                error @ (OrderSourceError::Unavailable(_)
                | OrderSourceError::UnknownOrder(_)
                | OrderSourceError::Refused(_)
                | OrderSourceError::NotConfigured),
            ) => return Ok(Settled::Later(error.to_string())),
        };
        self.receive_noticed(merchant, &channel, order, &details).await
    }

    async fn receive_noticed(
        &self,
        merchant: &MerchantId,
        channel: &Channel,
        order: &OrderRef,
        details: &OrderDetails,
    ) -> Result<Settled, UseCaseError> {
        match details.kind {
            OrderKind::New | OrderKind::Trial => {}
            OrderKind::TrialToFormal | OrderKind::Unsubscribe | OrderKind::Renew | OrderKind::Change => {
                return Ok(Settled::Done);
            }
        }
        let call = PurchaseCall { merchant, channel, replay: None, occurred_at: None, now: self.now() };
        // Without a business id the license's own id becomes the instance id.
        for order in lines_bought(channel, order, details) {
            self.receive_purchase(&call, &order, "", Some(details)).await?;
        }
        Ok(Settled::Done)
    }
}
