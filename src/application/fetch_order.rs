//! An order whose call never came, or was lost with a store: asked for by hand, and received as if it had called.

use std::time::Duration;

use super::app::{App, UseCaseError};
use super::breakers::{CallSeen, Destination};
use super::handle_purchase_event::PurchaseCall;
use super::ports::{ABSENT, Commit, OrderSourceError, Urgency, Versioned, find};
use super::record::{Owned, RecordKey, Task};
use super::view_orders::OrderView;
use crate::domain::{
    Channel, ChannelId, Charging, MerchantId, OrderDetails, OrderKind, OrderLineKey, OrderRef, Purchase,
    Refusal,
};

/// How long the caller waits for the marketplace; then the outbox goes on asking.
const WAIT_MAX: Duration = Duration::from_secs(6);

/// Which order, and how it is known there.
#[derive(Debug, Clone, Copy)]
pub struct FetchOrder<'a> {
    /// Whose.
    pub merchant: &'a MerchantId,
    /// Through which channel.
    pub channel: &'a ChannelId,
    /// The marketplace's order id.
    pub order_id: &'a str,
    /// Only this line.
    pub line_id: Option<&'a str>,
    /// What the marketplace was told to call it before a restore lost it: its later calls then find it. Whoever names one
    /// asks again himself while the marketplace does not answer.
    pub instance_id: Option<&'a str>,
}

/// What came of it.
#[derive(Debug, Clone)]
pub enum Fetched {
    /// The lines of the order, those that were known included.
    Received(Vec<OrderView>),
    /// The marketplace has not answered yet: the outbox asks until it does.
    Asking {
        /// What it last said, in words.
        why: String,
    },
}

impl App {
    /// Asks the marketplace and receives what it tells. May be repeated: a line that is known stays as it is.
    pub async fn fetch_order(&self, fetch: &FetchOrder<'_>) -> Result<Fetched, UseCaseError> {
        let FetchOrder { merchant, channel, order_id, line_id, instance_id } = *fetch;
        let key = RecordKey::Channel(merchant.clone(), channel.clone());
        let found: Option<Versioned<Owned<Channel>>> = find(self.store.as_ref(), key).await?;
        let channel = found.map(|found| found.value.value);
        let channel = channel.ok_or(UseCaseError::Refused(Refusal::NotFound { what: "channel" }))?;
        let named = OrderRef {
            order_id: order_id.to_owned(),
            order_line_id: line_id.map(str::to_owned).filter(|_| channel.protocol.has_order_lines()),
            product_id: None,
        };
        let invalid = || Refusal::Invalid {
            pointer: "/order_id".into(),
            why: "an order id has 1 to 128 visible ASCII characters".into(),
        };
        let line = OrderLineKey::of(merchant, channel.marketplace, &named).ok_or_else(invalid)?;
        let known: Option<Versioned<Purchase>> = find(self.store.as_ref(), RecordKey::Purchase(line)).await?;
        if let Some(known) = known {
            return Ok(Fetched::Received(self.views(merchant, vec![known]).await?));
        }
        if channel.protocol.has_authorization_codes() {
            let why =
                "orders of this family are received when their code is redeemed: lictor license redeem CODE";
            return Err(Refusal::IllegalState { why }.into());
        }
        let asked = self.orders.order(merchant, &channel, order_id, line_id);
        let asked = tokio::time::timeout(WAIT_MAX, asked).await;
        match asked {
            Ok(Ok(details)) => {
                let instance_id = instance_id.unwrap_or_default();
                self.receive_fetched(merchant, &channel, &named, instance_id, &details).await
            }
            // The outbox would receive it under an id of its own.
            Ok(Err(OrderSourceError::Unavailable(why))) if instance_id.is_some() => {
                Ok(Fetched::Asking { why })
            }
            Ok(Err(OrderSourceError::Unavailable(why))) => {
                self.ask_later(&channel, merchant, named, why).await
            }
            Err(_elapsed) => {
                self.saw_no_answer(&channel);
                let why = format!("no answer within {} s", WAIT_MAX.as_secs());
                if instance_id.is_some() {
                    return Ok(Fetched::Asking { why });
                }
                self.ask_later(&channel, merchant, named, why).await
            }
            Ok(Err(OrderSourceError::UnknownOrder(_))) => {
                Err(Refusal::NotFound { what: "order at the marketplace" }.into())
            }
            Ok(Err(error @ (OrderSourceError::Refused(_) | OrderSourceError::NotConfigured))) => {
                Err(Refusal::OrderNotTaken { why: error.to_string() }.into())
            }
        }
    }

    /// The call was dropped before its end: its breaker has not seen what became of it.
    fn saw_no_answer(&self, channel: &Channel) {
        if let Some(destination) = Destination::of(channel) {
            let die = self.ids.random_bytes()[0];
            self.breakers.saw(&destination, &CallSeen::Failed, self.now(), die);
        }
    }

    async fn ask_later(
        &self,
        channel: &Channel,
        merchant: &MerchantId,
        order: OrderRef,
        why: String,
    ) -> Result<Fetched, UseCaseError> {
        let task = Task::LookAtOrder { merchant: merchant.clone(), channel: channel.id.clone(), order };
        let _turn = self.turn(&("look at order", merchant.as_str(), task.subject().1)).await;
        if self.is_looked_at(&channel.id, &task).await? {
            return Ok(Fetched::Asking { why });
        }
        let job = self.job_through(&channel.id, task.clone(), self.now());
        let commit = Commit::new().with_urgency(Urgency::Grow).put(job, ABSENT);
        self.store.commit(commit).await?;
        self.signals.jobs.notify_one();
        Ok(Fetched::Asking { why })
    }

    async fn receive_fetched(
        &self,
        merchant: &MerchantId,
        channel: &Channel,
        named: &OrderRef,
        instance_id: &str,
        details: &OrderDetails,
    ) -> Result<Fetched, UseCaseError> {
        if let Some(word) = no_purchase(details.kind) {
            let why = format!(
                "the order is {word}, not a purchase: the marketplace tells of it by a call of its own"
            );
            return Err(Refusal::OrderNotTaken { why }.into());
        }
        let call = PurchaseCall { merchant, channel, replay: None, now: self.now(), occurred_at: None };
        let mut views = Vec::new();
        for order in lines_bought(channel, named, details) {
            // Of several lines none is more the instance than another: an id that is taken makes room for an own one.
            self.receive_purchase(&call, &order, instance_id, Some(details)).await?;
            let Some(line) = OrderLineKey::of(merchant, channel.marketplace, &order) else { continue };
            let received: Option<Versioned<Purchase>> =
                find(self.store.as_ref(), RecordKey::Purchase(line)).await?;
            views.extend(self.views(merchant, received.into_iter().collect()).await?);
        }
        self.signals.flips.notify_one();
        self.signals.jobs.notify_one();
        if views.is_empty() {
            let why = "the order has no lines".to_owned();
            return Err(Refusal::OrderNotTaken { why }.into());
        }
        Ok(Fetched::Received(views))
    }
}

/// As the marketplace's own call would name them, so that it finds what was received here.
pub(super) fn lines_bought(channel: &Channel, named: &OrderRef, details: &OrderDetails) -> Vec<OrderRef> {
    if named.order_line_id.is_some() {
        return vec![named.clone()];
    }
    let mut lines: Vec<OrderRef> = Vec::new();
    for line in &details.lines {
        let order = if channel.protocol.has_order_lines() {
            OrderRef { order_line_id: Some(line.order_line_id.clone()), ..named.clone() }
        } else {
            let product_id = line.product_id.clone().filter(|_| line.charging == Charging::OnDemand);
            OrderRef { product_id, ..named.clone() }
        };
        if !lines.contains(&order) {
            lines.push(order);
        }
    }
    lines
}

fn no_purchase(kind: OrderKind) -> Option<&'static str> {
    match kind {
        OrderKind::New | OrderKind::Trial => None,
        OrderKind::TrialToFormal => Some("a trial that became formal (TRIAL_TO_FORMAL)"),
        OrderKind::Unsubscribe => Some("a cancellation (UNSUBSCRIBE)"),
        OrderKind::Renew => Some("a renewal (RENEW)"),
        OrderKind::Change => Some("a change (CHANGE)"),
    }
}
