//! What happens to a buyer's purchase, told to one production address: the five activities of SaaS V2.0.
//!
//! Source: zh-cn_topic_0070649414, zh-cn_topic_0070649427 to zh-cn_topic_0070649431.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};

use super::Clock;
use super::caller::{CallAnswer, CallError, Caller, random_text};
use super::orders::{Basket, MockOrder, OrderReason, Orders, Period, digits};
use super::uploads::{Upload, Uploads};
use super::usage::UsageLedger;

/// Sells, renews, freezes and releases. Every method blocks until the production address has answered.
pub struct Storefront {
    caller: Caller,
    orders: Arc<Orders>,
    uploads: Arc<Uploads>,
    usage: Arc<UsageLedger>,
    clock: Clock,
    /// By instance id: what was bought, and the ends that each paid term reached, the latest last.
    instances: Mutex<HashMap<String, Instance>>,
}

#[derive(Clone)]
struct Instance {
    basket: Basket,
    ends: Vec<DateTime<Utc>>,
}

/// An order and what the production address said to it.
#[derive(Debug, Clone)]
pub struct Purchase {
    pub order: MockOrder,
    pub answer: CallAnswer,
}

impl Storefront {
    pub(super) fn new(caller: Caller, orders: Arc<Orders>, uploads: Arc<Uploads>, clock: Clock) -> Self {
        let (usage, instances) = (Arc::default(), Mutex::default());
        Self { caller, orders, uploads, usage, clock, instances }
    }

    /// The same, telling this ledger what is opened and closed.
    #[must_use]
    pub(super) fn with_usage(mut self, usage: Arc<UsageLedger>) -> Self {
        self.usage = usage;
        self
    }

    /// For calls that are not as they should be.
    pub fn caller(&self) -> &Caller {
        &self.caller
    }

    /// Somebody pays: a new order, and its first `newInstance`.
    pub fn buy(&self, basket: Basket) -> Result<Purchase, CallError> {
        let reason = if basket.trial { OrderReason::Trial } else { OrderReason::New };
        let order = self.place(reason, basket)?;
        let answer = self.deliver(&order)?;
        Ok(Purchase { order, answer })
    }

    /// Places an order without telling anybody.
    pub fn place(&self, reason: OrderReason, basket: Basket) -> Result<MockOrder, CallError> {
        let order_id = format!("CS{}", random_text(8)?.to_uppercase());
        let order = MockOrder::new(&order_id, reason, (self.clock)(), basket);
        self.orders.register(order.clone());
        Ok(order)
    }

    /// `newInstance` for an order, also again: a fresh business id and nonce each time.
    pub fn deliver(&self, order: &MockOrder) -> Result<CallAnswer, CallError> {
        let answer = self.call(json!({
            "activity": "newInstance",
            "orderId": order.order_id,
            "orderLineId": order.order_line_id,
            "businessId": business_id()?,
        }))?;
        if matches!(answer.result_code(), "000000" | "000004") && !answer.instance_id().is_empty() {
            self.usage.opened(answer.instance_id(), &order.basket, order.created_at);
            let ends = order.expires_at.into_iter().collect();
            let instance = Instance { basket: order.basket.clone(), ends };
            self.lock().entry(answer.instance_id().to_owned()).or_insert(instance);
        }
        Ok(answer)
    }

    /// `queryInstance` for up to 100 ids.
    pub fn query(&self, instance_ids: &[&str]) -> Result<CallAnswer, CallError> {
        self.call(json!({ "activity": "queryInstance", "instanceId": instance_ids.join(",") }))
    }

    /// Somebody renews: the new term begins where the last one ends.
    pub fn renew(&self, instance_id: &str, period: Period) -> Result<Purchase, CallError> {
        self.extend(instance_id, OrderReason::Renew, "RENEWAL", period)
    }

    /// A trial becomes a paid purchase.
    pub fn convert_trial(&self, instance_id: &str, period: Period) -> Result<Purchase, CallError> {
        self.extend(instance_id, OrderReason::TrialToFormal, "TRIAL_TO_FORMAL", period)
    }

    /// A renewal that also changes what was bought.
    pub fn renew_as(&self, instance_id: &str, basket: Basket, period: Period) -> Result<Purchase, CallError> {
        let mut instance = self.known(instance_id);
        instance.basket = basket;
        self.extend_as(instance_id, instance, OrderReason::Renew, "RENEWAL_CHANGE", period)
    }

    /// The last renewal is refunded: the end falls back to the one before.
    pub fn cancel_renewal(&self, instance_id: &str) -> Result<Purchase, CallError> {
        let mut instance = self.known(instance_id);
        if instance.ends.len() > 1 {
            instance.ends.pop();
        }
        let order = self.place(OrderReason::Unsubscribe, instance.basket.clone())?;
        self.refresh(instance_id, "UNSUBSCRIBE_RENEWAL_PERIOD", instance, order)
    }

    /// `updateInstanceStatus` FREEZE.
    pub fn freeze(&self, instance_id: &str) -> Result<CallAnswer, CallError> {
        self.status(instance_id, "FREEZE")
    }

    /// `updateInstanceStatus` UNFREEZE.
    pub fn unfreeze(&self, instance_id: &str) -> Result<CallAnswer, CallError> {
        self.status(instance_id, "UNFREEZE")
    }

    /// `releaseInstance` after a natural end: no order is named.
    pub fn release(&self, instance_id: &str) -> Result<CallAnswer, CallError> {
        self.usage.closed(instance_id, (self.clock)());
        self.call(json!({ "activity": "releaseInstance", "instanceId": instance_id }))
    }

    /// `releaseInstance` because the buyer unsubscribed: names the order that did it.
    pub fn unsubscribe(&self, instance_id: &str) -> Result<Purchase, CallError> {
        let order = self.place(OrderReason::Unsubscribe, self.known(instance_id).basket)?;
        self.usage.closed(instance_id, (self.clock)());
        let answer = self.call(json!({
            "activity": "releaseInstance",
            "instanceId": instance_id,
            "orderId": order.order_id,
            "orderLineId": order.order_line_id,
        }))?;
        Ok(Purchase { order, answer })
    }

    /// Somebody buys more of it, or another spec, at once: a CHANGE order and its `upgradeInstance`.
    pub fn upgrade(&self, instance_id: &str, basket: Basket) -> Result<Purchase, CallError> {
        let order = self.place(OrderReason::Change, basket)?;
        let answer = self.tell_upgrade(instance_id, &order)?;
        Ok(Purchase { order, answer })
    }

    /// `upgradeInstance`, also again.
    pub fn tell_upgrade(&self, instance_id: &str, order: &MockOrder) -> Result<CallAnswer, CallError> {
        self.call(json!({
            "activity": "upgradeInstance",
            "instanceId": instance_id,
            "orderId": order.order_id,
            "orderLineId": order.order_line_id,
        }))
    }

    /// `changeInstanceCheck`: may the instance become this at its renewal?
    pub fn check_change(&self, instance_id: &str, basket: &Basket) -> Result<CallAnswer, CallError> {
        let Basket { sku, product_id, quantity, .. } = basket;
        self.call(json!({
            "activity": "changeInstanceCheck",
            "instanceId": instance_id,
            "productInfo": { "productId": product_id, "skuCode": sku, "linearValue": quantity },
        }))
    }

    /// `orderNotify`.
    pub fn notify(&self, order: &MockOrder) -> Result<CallAnswer, CallError> {
        self.call(json!({
            "activity": "orderNotify",
            "orderId": order.order_id,
            "orderLineId": order.order_line_id,
        }))
    }

    /// `getLicenseAsync`: somebody wants the License of an instance, for the machine of this fingerprint if there is
    /// one. Both instants as the page prints them.
    pub fn apply(
        &self,
        instance_id: &str,
        event_id: &str,
        (from, to): (DateTime<Utc>, Option<DateTime<Utc>>),
        fingerprint: Option<&str>,
    ) -> Result<CallAnswer, CallError> {
        self.uploads.expect(event_id);
        let printed = |instant: DateTime<Utc>| instant.format("%Y-%m-%d %H:%M:%S z").to_string();
        self.call(json!({
            "activity": "getLicenseAsync",
            "instanceId": instance_id,
            "effectiveTime": printed(from),
            "expireTime": to.map(printed),
            "eventId": event_id,
            "deviceFingerprint": fingerprint,
        }))
    }

    /// What was uploaded for an application, in order of arrival.
    pub fn uploads(&self, event_id: &str) -> Vec<Upload> {
        self.uploads.of(event_id)
    }

    /// Replays the saved debugging cases, as happens every morning and afternoon: activity and answer of each.
    pub fn dial_test(&self) -> Result<Vec<(&'static str, CallAnswer)>, CallError> {
        let cases = dial_test_cases(&digits((self.clock)()), &business_id()?);
        cases.into_iter().map(|(activity, members)| Ok((activity, self.caller.call(members)?))).collect()
    }

    fn extend(
        &self,
        instance_id: &str,
        reason: OrderReason,
        scene: &str,
        period: Period,
    ) -> Result<Purchase, CallError> {
        self.extend_as(instance_id, self.known(instance_id), reason, scene, period)
    }

    fn extend_as(
        &self,
        instance_id: &str,
        mut instance: Instance,
        reason: OrderReason,
        scene: &str,
        period: Period,
    ) -> Result<Purchase, CallError> {
        instance.basket.billing = super::orders::Billing::Period(period);
        instance.basket.trial = false;
        let now = (self.clock)();
        let start =
            if reason == OrderReason::Renew { instance.ends.last().map_or(now, |end| *end) } else { now };
        let end = period.end_after(start);
        instance.ends.push(end);
        let mut order = self.place(reason, instance.basket.clone())?;
        order.expires_at = Some(end);
        self.orders.register(order.clone());
        self.refresh(instance_id, scene, instance, order)
    }

    /// `refreshInstance`; what the sandbox remembers of the instance moves only when the call succeeded.
    fn refresh(
        &self,
        instance_id: &str,
        scene: &str,
        instance: Instance,
        order: MockOrder,
    ) -> Result<Purchase, CallError> {
        let end = instance.ends.last().copied().unwrap_or_else(|| (self.clock)());
        let answer = self.call(json!({
            "activity": "refreshInstance",
            "scene": scene,
            "orderId": order.order_id,
            "orderLineId": order.order_line_id,
            "instanceId": instance_id,
            "expireTime": digits(end),
        }))?;
        if answer.result_code() == "000000" {
            self.lock().insert(instance_id.to_owned(), instance);
        }
        Ok(Purchase { order, answer })
    }

    fn status(&self, instance_id: &str, status: &str) -> Result<CallAnswer, CallError> {
        self.call(json!({ "activity": "updateInstanceStatus", "instanceId": instance_id, "status": status }))
    }

    /// An instance that was not bought here is taken for one without an end.
    fn known(&self, instance_id: &str) -> Instance {
        self.lock().get(instance_id).cloned().unwrap_or_else(|| Instance {
            basket: Basket::of("UNKNOWN", super::orders::Billing::OneTime),
            ends: Vec::new(),
        })
    }

    fn call(&self, members: Value) -> Result<CallAnswer, CallError> {
        self.caller.call(object(members))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Instance>> {
        self.instances.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn dial_test_cases(expire_time: &str, business_id: &str) -> Vec<(&'static str, Map<String, Value>)> {
    let order = json!({ "orderId": "MOCKPERIODYEARNEW", "orderLineId": "MOCKPERIODYEARNEW-000001" });
    let instance = json!({ "instanceId": "mock-instance-of-a-saved-case" });
    let cases = [
        ("newInstance", vec![order.clone(), json!({ "businessId": business_id })]),
        ("queryInstance", vec![instance.clone()]),
        (
            "refreshInstance",
            vec![order, instance.clone(), json!({ "scene": "RENEWAL", "expireTime": expire_time })],
        ),
        ("updateInstanceStatus", vec![instance.clone(), json!({ "status": "FREEZE" })]),
        ("releaseInstance", vec![instance]),
    ];
    let with_common = |(activity, parts): (&'static str, Vec<Value>)| {
        let mut members = object(json!({ "activity": activity, "testFlag": "1" }));
        members.extend(parts.into_iter().flat_map(object));
        (activity, members)
    };
    cases.into_iter().map(with_common).collect()
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}

/// 32 hex digits, new on every call.
fn business_id() -> Result<String, CallError> {
    random_text(16)
}
