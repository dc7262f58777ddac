//! Real purchases of mock orders: what only shows when something is really bought and called again.

use super::exchange::{Exchange, Expected};
use super::rule::Rule;
use super::{Examiner, Family};
use crate::sandbox::caller::{CallError, random_text};
use crate::sandbox::manner::Manner;
use crate::sandbox::orders::{Basket, MockOrder, OrderReason};
use crate::sandbox::words::v1::Contact;
use crate::sandbox::words::{Call, v1, v2};

/// How often a purchase that goes on is called again before it counts as stuck.
const REPEATS_MAX: usize = 25;

/// Where orders have to be known before a merchant is told of them: the open API.
pub trait Shelf {
    /// Makes an order known.
    fn register(&self, order: MockOrder);

    /// Lets the other side get on with its work, before it is called again.
    fn wait(&mut self);
}

/// What is bought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Purchases {
    pub basket: Basket,
    pub count: u32,
}

impl Examiner {
    /// Buys, calls again in every way, and ends what was bought. Codes are bought at the marketplace, so that family
    /// has nothing to look at here.
    pub fn buy(
        &self,
        family: Family,
        purchases: &Purchases,
        shelf: &mut dyn Shelf,
        told: &mut dyn FnMut(&str),
    ) -> Result<(), CallError> {
        match family {
            Family::SaasV2 | Family::LicenseOnline | Family::LicenseV1 | Family::SaasV1 => {
                for _ in 0..purchases.count {
                    self.buy_one(family, purchases.basket.clone(), shelf, told)?;
                }
                Ok(())
            }
            Family::LicenseCode | Family::KitV1 | Family::KitV2 => Ok(()),
        }
    }

    fn buy_one(
        &self,
        family: Family,
        basket: Basket,
        shelf: &mut dyn Shelf,
        told: &mut dyn FnMut(&str),
    ) -> Result<(), CallError> {
        let order_id = format!("CS{}", random_text(8)?.to_uppercase());
        let order = MockOrder::new(&order_id, OrderReason::New, self.now(), basket);
        shelf.register(order.clone());
        let call = if family.is_get() {
            v1::purchase(family, &order, &Contact::default(), &[])
        } else {
            v2::new_instance(family, &order)
        };
        // First with the same business id, so that what goes by it is told from what goes by nothing.
        let same = call.clone().with("businessId", random_text(16)?);
        let mut last = None;
        for call in [&same, &same, &call] {
            told(call.activity);
            last = Some(self.real(call)?);
        }
        let settled = self.settle(&call, last, shelf, told)?;
        if let Some(instance) = settled {
            self.look_again(family, &call, &instance, told)?;
            self.end(family, &order, &instance, told)?;
        }
        Ok(())
    }

    /// The instance, once the purchase is done.
    fn settle(
        &self,
        call: &Call,
        mut last: Option<Exchange>,
        shelf: &mut dyn Shelf,
        told: &mut dyn FnMut(&str),
    ) -> Result<Option<String>, CallError> {
        for _ in 0..REPEATS_MAX {
            let answer = last.as_ref().and_then(|exchange| exchange.outcome.as_ref().ok());
            match answer.map(|answer| answer.result_code()).as_deref() {
                Some("000000") => {
                    self.judge().told(Rule::PurchaseSettles, None);
                    let instance = answer
                        .and_then(|answer| Some(answer.object()?.get("instanceId")?.as_str()?.to_owned()));
                    return Ok(instance.filter(|instance| !instance.is_empty()));
                }
                Some("000004") => {}
                _ => return Ok(None),
            }
            shelf.wait();
            told(call.activity);
            last = Some(self.real(call)?);
        }
        let stuck = "newInstance: it is still being processed; is the SKU known there?";
        self.judge().told(Rule::PurchaseSettles, Some(stuck.to_owned()));
        Ok(None)
    }

    /// Reads, calls the purchase again, reads again.
    fn look_again(
        &self,
        family: Family,
        call: &Call,
        instance: &str,
        told: &mut dyn FnMut(&str),
    ) -> Result<(), CallError> {
        let query = match family {
            Family::SaasV2 | Family::LicenseOnline => Some(v2::query_instance(family, &[instance])),
            Family::SaasV1 => Some(v1::query(&[instance])),
            Family::LicenseV1 | Family::LicenseCode | Family::KitV1 | Family::KitV2 => None,
        };
        for call in [query.as_ref(), Some(call), query.as_ref()].into_iter().flatten() {
            told(call.activity);
            self.real(call)?;
        }
        Ok(())
    }

    /// Stops it, and releases it twice.
    fn end(
        &self,
        family: Family,
        order: &MockOrder,
        instance: &str,
        told: &mut dyn FnMut(&str),
    ) -> Result<(), CallError> {
        let (stop, release) = if family.is_get() {
            (v1::expire(family, instance, order), v1::release(family, instance, order))
        } else {
            (v2::update_status(family, instance, true), v2::release(family, instance, None))
        };
        for call in [&stop, &stop, &release, &release] {
            told(call.activity);
            self.real(call)?;
        }
        Ok(())
    }

    fn real(&self, call: &Call) -> Result<Exchange, CallError> {
        self.ask(call, &Manner::default(), Expected::Accepted)
    }
}
