//! What happens to a buyer's purchase, told to one production address: the five activities of SaaS V2.0.
//!
//! Source: zh-cn_topic_0070649414, zh-cn_topic_0070649427 to zh-cn_topic_0070649431.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};

use super::Clock;
use super::caller::{CallAnswer, CallError, Caller, random_text};
use super::dial_tests::saved_cases;
use super::family::Family;
use super::orders::{Basket, MockOrder, OrderReason, Orders, Period};
use super::uploads::{Upload, Uploads};
use super::usage::UsageLedger;
use super::words::v2::{self, Scene};

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
        let answer = self.caller.tell(&v2::new_instance(Family::SaasV2, order))?;
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
        self.caller.tell(&v2::query_instance(Family::SaasV2, instance_ids))
    }

    /// Somebody renews: the new term begins where the last one ends.
    pub fn renew(&self, instance_id: &str, period: Period) -> Result<Purchase, CallError> {
        self.extend(instance_id, OrderReason::Renew, Scene::Renewal, period)
    }

    /// A trial becomes a paid purchase.
    pub fn convert_trial(&self, instance_id: &str, period: Period) -> Result<Purchase, CallError> {
        self.extend(instance_id, OrderReason::TrialToFormal, Scene::TrialToFormal, period)
    }

    /// A renewal that also changes what was bought.
    pub fn renew_as(&self, instance_id: &str, basket: Basket, period: Period) -> Result<Purchase, CallError> {
        let mut instance = self.known(instance_id);
        instance.basket = basket;
        self.extend_as(instance_id, instance, OrderReason::Renew, Scene::RenewalChange, period)
    }

    /// The last renewal is refunded: the end falls back to the one before.
    pub fn cancel_renewal(&self, instance_id: &str) -> Result<Purchase, CallError> {
        let mut instance = self.known(instance_id);
        if instance.ends.len() > 1 {
            instance.ends.pop();
        }
        let order = self.place(OrderReason::Unsubscribe, instance.basket.clone())?;
        self.refresh(instance_id, Scene::CancelRenewal, instance, order)
    }

    /// `updateInstanceStatus` FREEZE.
    pub fn freeze(&self, instance_id: &str) -> Result<CallAnswer, CallError> {
        self.status(instance_id, true)
    }

    /// `updateInstanceStatus` UNFREEZE.
    pub fn unfreeze(&self, instance_id: &str) -> Result<CallAnswer, CallError> {
        self.status(instance_id, false)
    }

    /// `releaseInstance` after a natural end: no order is named.
    pub fn release(&self, instance_id: &str) -> Result<CallAnswer, CallError> {
        self.usage.closed(instance_id, (self.clock)());
        self.caller.tell(&v2::release(Family::SaasV2, instance_id, None))
    }

    /// `releaseInstance` because the buyer unsubscribed: names the order that did it.
    pub fn unsubscribe(&self, instance_id: &str) -> Result<Purchase, CallError> {
        let order = self.place(OrderReason::Unsubscribe, self.known(instance_id).basket)?;
        self.usage.closed(instance_id, (self.clock)());
        let answer = self.caller.tell(&v2::release(Family::SaasV2, instance_id, Some(&order)))?;
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
        self.caller.tell(&v2::upgrade(Family::SaasV2, instance_id, order))
    }

    /// `changeInstanceCheck`: may the instance become this at its renewal?
    pub fn check_change(&self, instance_id: &str, basket: &Basket) -> Result<CallAnswer, CallError> {
        self.caller.tell(&v2::check_change(instance_id, basket))
    }

    /// `orderNotify`.
    pub fn notify(&self, order: &MockOrder) -> Result<CallAnswer, CallError> {
        self.caller.tell(&v2::order_notify(Family::SaasV2, order))
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
        self.caller.tell(&v2::get_license_async(instance_id, event_id, (from, to), fingerprint))
    }

    /// An application is withdrawn: an upload for it is answered `91381034`.
    pub fn withdraw(&self, event_id: &str) {
        self.uploads.close(event_id);
    }

    /// What was uploaded for an application, in order of arrival.
    pub fn uploads(&self, event_id: &str) -> Vec<Upload> {
        self.uploads.of(event_id)
    }

    /// Replays the saved debugging cases, as happens every morning and afternoon: activity and answer of each.
    pub fn dial_test(&self) -> Result<Vec<(&'static str, CallAnswer)>, CallError> {
        let cases = saved_cases(Family::SaasV2, (self.clock)());
        // The oldest five are what every product has to have.
        cases.iter().take(5).map(|case| Ok((case.activity, self.caller.tell(case)?))).collect()
    }

    fn extend(
        &self,
        instance_id: &str,
        reason: OrderReason,
        scene: Scene,
        period: Period,
    ) -> Result<Purchase, CallError> {
        self.extend_as(instance_id, self.known(instance_id), reason, scene, period)
    }

    fn extend_as(
        &self,
        instance_id: &str,
        mut instance: Instance,
        reason: OrderReason,
        scene: Scene,
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
        scene: Scene,
        instance: Instance,
        order: MockOrder,
    ) -> Result<Purchase, CallError> {
        let end = instance.ends.last().copied().unwrap_or_else(|| (self.clock)());
        let call = v2::refresh_instance(Family::SaasV2, scene, instance_id, &order, end, None);
        let answer = self.caller.tell(&call)?;
        if answer.result_code() == "000000" {
            self.lock().insert(instance_id.to_owned(), instance);
        }
        Ok(Purchase { order, answer })
    }

    fn status(&self, instance_id: &str, frozen: bool) -> Result<CallAnswer, CallError> {
        self.caller.tell(&v2::update_status(Family::SaasV2, instance_id, frozen))
    }

    /// An instance that was not bought here is taken for one without an end.
    fn known(&self, instance_id: &str) -> Instance {
        self.lock().get(instance_id).cloned().unwrap_or_else(|| Instance {
            basket: Basket::of("UNKNOWN", super::orders::Billing::OneTime),
            ends: Vec::new(),
        })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Instance>> {
        self.instances.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
