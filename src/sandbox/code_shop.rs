//! Sells authorization codes, and tells one production address what becomes of them.
//!
//! Source: zh-cn_topic_0070649173 (model), zh-cn_topic_0070649167 to zh-cn_topic_0070649169 (callbacks).

use std::sync::Arc;

use super::Clock;
use super::caller::{CallAnswer, CallError, Caller, random_text};
use super::codes::{Codes, SoldCode};
use super::dial_tests::saved_cases;
use super::family::Family;
use super::orders::{Basket, Billing, MockOrder, OrderReason, Orders, Period};
use super::words;
use super::words::v2::Scene;

/// A shop for one production address. Every method blocks until the address has answered.
pub struct CodeShop {
    caller: Caller,
    orders: Arc<Orders>,
    codes: Arc<Codes>,
    clock: Clock,
}

/// What a buyer holds in the hand.
#[derive(Debug, Clone)]
pub struct CodeSale {
    pub order: MockOrder,
    pub code: String,
}

impl CodeShop {
    pub(super) fn new(caller: Caller, orders: Arc<Orders>, codes: Arc<Codes>, clock: Clock) -> Self {
        Self { caller, orders, codes, clock }
    }

    /// For calls that are not as they should be.
    pub fn caller(&self) -> &Caller {
        &self.caller
    }

    /// What is known of the codes.
    pub fn codes(&self) -> &Codes {
        &self.codes
    }

    /// Somebody pays and gets a code; the production address is told nothing.
    pub fn sell(&self, basket: Basket) -> Result<CodeSale, CallError> {
        let order = self.place(OrderReason::New, basket)?;
        self.one_more(&order)
    }

    /// One more code of the same order.
    pub fn one_more(&self, order: &MockOrder) -> Result<CodeSale, CallError> {
        let code = format!("PL{}", random_text(12)?.to_uppercase());
        self.codes.sell(&code, order.clone());
        Ok(CodeSale { order: order.clone(), code })
    }

    /// `newInstance`, which no table of this family names.
    pub fn announce(&self, order: &MockOrder) -> Result<CallAnswer, CallError> {
        self.caller.tell(&words::code::announce(order))
    }

    /// `refreshLicenseCode` RENEWAL: the new term begins where the last one ends.
    pub fn renew(&self, code: &str, period: Period) -> Result<CallAnswer, CallError> {
        let Some(mut sold) = self.codes.find(code) else { return self.refresh(code, Scene::Renewal, None) };
        let start = sold.ends.last().copied().unwrap_or_else(|| (self.clock)());
        let end = period.end_after(start);
        sold.ends.push(end);
        let basket = Basket { billing: Billing::Period(period), ..sold.order.basket.clone() };
        let mut order = self.place(OrderReason::Renew, basket)?;
        order.expires_at = Some(end);
        self.orders.register(order.clone());
        self.codes.change(code, |known| known.ends.clone_from(&sold.ends));
        self.refresh(code, Scene::Renewal, Some((&sold, &order)))
    }

    /// `refreshLicenseCode` UNSUBSCRIBE_RENEWAL_PERIOD: the last renewal is refunded.
    pub fn cancel_renewal(&self, code: &str) -> Result<CallAnswer, CallError> {
        let scene = Scene::CancelRenewal;
        let Some(mut sold) = self.codes.find(code) else { return self.refresh(code, scene, None) };
        if sold.ends.len() > 1 {
            sold.ends.pop();
        }
        let order = self.place(OrderReason::Unsubscribe, sold.order.basket.clone())?;
        self.codes.change(code, |known| known.ends.clone_from(&sold.ends));
        self.refresh(code, scene, Some((&sold, &order)))
    }

    /// `updateLicenseCodeStatus` FREEZE.
    pub fn freeze(&self, code: &str) -> Result<CallAnswer, CallError> {
        self.caller.tell(&words::code::update_status(code, true))
    }

    /// `updateLicenseCodeStatus` UNFREEZE.
    pub fn unfreeze(&self, code: &str) -> Result<CallAnswer, CallError> {
        self.caller.tell(&words::code::update_status(code, false))
    }

    /// `releaseLicenseCode` after a natural end: no order is named.
    pub fn release(&self, code: &str) -> Result<CallAnswer, CallError> {
        self.codes.change(code, |known| known.released = true);
        self.caller.tell(&words::code::release(code, None))
    }

    /// Replays the saved debugging cases: activity and answer of each.
    pub fn dial_test(&self) -> Result<Vec<(&'static str, CallAnswer)>, CallError> {
        let cases = saved_cases(Family::LicenseCode, (self.clock)());
        cases.iter().map(|case| Ok((case.activity, self.caller.tell(case)?))).collect()
    }

    fn refresh(
        &self,
        code: &str,
        scene: Scene,
        known: Option<(&SoldCode, &MockOrder)>,
    ) -> Result<CallAnswer, CallError> {
        let now = (self.clock)();
        let end = known.and_then(|(sold, _)| sold.ends.last().copied()).unwrap_or(now);
        let nobodys =
            MockOrder::new("CSUNKNOWN", OrderReason::Renew, now, Basket::of("UNKNOWN", Billing::OneTime));
        let order = known.map_or(&nobodys, |(_, order)| order);
        self.caller.tell(&words::code::refresh(scene, code, order, end, None))
    }

    fn place(&self, reason: OrderReason, basket: Basket) -> Result<MockOrder, CallError> {
        let order_id = format!("CS{}", random_text(8)?.to_uppercase());
        let order = MockOrder::new(&order_id, reason, (self.clock)(), basket);
        self.orders.register(order.clone());
        Ok(order)
    }
}
