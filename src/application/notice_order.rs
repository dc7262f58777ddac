//! The marketplace tells that an order was placed, and nothing else.

use chrono::TimeDelta;

use super::app::{App, UseCaseError};
use super::fetch_order::lines_bought;
use super::handle_purchase_event::PurchaseCall;
use super::ports::{ABSENT, Commit, Listing, OrderSourceError, Urgency, Versioned, find, list};
use super::record::{Job, Lane, Owned, Rank, RecordKey, Task};
use super::settle_purchase::{Settled, Trouble};
use crate::domain::{
    Channel, ChannelId, FailingWork, Instant, MerchantId, NoticeKind, OrderDetails, OrderKind, OrderLineKey,
    OrderRef, Purchase, PurchaseOutcome, call_text,
};

/// So long an order is asked for that the marketplace does not show.
const ASKED_FOR_DAYS: i64 = 3;
/// Jobs of a lane among which the same one is looked for: a call has to be answered within seconds.
const LOOKED_AT_MAX: usize = 1_000;

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
        let _turn = self.turn(&("look at order", call.merchant.as_str(), order.order_id.as_str())).await;
        if self.is_looked_at(&call.channel.id, &task).await? {
            return Ok(PurchaseOutcome::Done);
        }
        let job = self.job_through(&call.channel.id, task, call.now);
        let commit = Commit::new().with_urgency(Urgency::Grow).put(job, ABSENT);
        self.store.commit(call.remembered(commit, &PurchaseOutcome::Done)).await?;
        self.signals.jobs.notify_one();
        Ok(PurchaseOutcome::Done)
    }

    /// Whether a job waits that does the same; among the next [`LOOKED_AT_MAX`] of the channel.
    pub(super) async fn is_looked_at(&self, channel: &ChannelId, task: &Task) -> Result<bool, UseCaseError> {
        for rank in [Rank::Purchase, Rank::ByHand] {
            let lane = Lane { merchant: task.subject().0.clone(), channel: Some(channel.clone()), rank };
            let listing = Listing::JobsOfLane { lane, from: None };
            let jobs: Vec<Versioned<Job>> = list(self.store.as_ref(), &listing, LOOKED_AT_MAX).await?;
            if jobs.iter().any(|job| job.value.task == *task) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// A purchase that nothing else has told of is received; later orders have calls of their own. `since`: when it was
    /// told of. After [`ASKED_FOR_DAYS`] an answer that will not change ends it, and the merchant is told.
    pub async fn look_at_order(
        &self,
        merchant: &MerchantId,
        channel: &ChannelId,
        order: &OrderRef,
        since: Option<Instant>,
    ) -> Result<Settled, UseCaseError> {
        let old = since.filter(|since| self.now() - *since >= TimeDelta::days(ASKED_FOR_DAYS));
        let key = RecordKey::Channel(merchant.clone(), channel.clone());
        let found: Option<Versioned<Owned<Channel>>> = find(self.store.as_ref(), key).await?;
        let Some(channel) = found.map(|channel| channel.value.value) else {
            if old.is_some() {
                let order = order.order_id.as_str();
                tracing::warn!(%merchant, %channel, order, "an order is given up: its channel is gone");
                return Ok(Settled::Done);
            }
            return Ok(Settled::Later("the channel of the order is gone".into()));
        };
        let line = order.order_line_id.as_deref();
        let details = match self.orders.order(merchant, &channel, &order.order_id, line).await {
            Ok(details) => details,
            Err(error @ OrderSourceError::Unavailable(_)) => return Ok(Settled::Later(error.into())),
            Err(
                error @ (OrderSourceError::UnknownOrder(_)
                | OrderSourceError::Refused(_)
                | OrderSourceError::NotConfigured),
            ) => {
                let trouble = Trouble::from(error);
                let (Some(since), Some(fault)) = (old, trouble.fault) else {
                    return Ok(Settled::Later(trouble));
                };
                let order_id = Some(call_text(&order.order_id));
                let failing = FailingWork { order_id, ..FailingWork::new(fault, &trouble.why, since) };
                return self.give_up_order(merchant, &channel.id, failing).await;
            }
        };
        self.receive_noticed(merchant, &channel, order, &details).await
    }

    /// The notice is durable before the job ends.
    async fn give_up_order(
        &self,
        merchant: &MerchantId,
        channel: &ChannelId,
        failing: FailingWork,
    ) -> Result<Settled, UseCaseError> {
        let (order, why) = (failing.order_id.as_deref(), failing.why.as_str());
        tracing::warn!(%merchant, %channel, order, why, "an order is given up");
        let kind = NoticeKind::OrderGivenUp;
        let notice = self.notice_of(merchant, channel, kind, failing);
        self.store.commit(Commit::new().set(notice)).await?;
        self.calls.count(&(merchant.clone(), channel.clone()), kind);
        Ok(Settled::Done)
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
