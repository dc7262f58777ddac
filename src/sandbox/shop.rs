//! Sells and tells in any family, in words that are nobody's.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::Clock;
use super::address::Address;
use super::caller::{CallAnswer, CallError, random_text};
use super::codes::Codes;
use super::family::Family;
use super::judge::wire::Wire;
use super::orders::{Basket, Billing, MockOrder, OrderReason, Orders, Period};
use super::sensitive::KeySize;
use super::uploads::{Upload, Uploads};
use super::words::v1::{Contact, Renewal};
use super::words::v2::Scene;
use super::words::{Call, code, v1, v2};

/// One thing that happens to what somebody bought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// The purchase, also again.
    Buy,
    /// What does the buyer see?
    Query,
    /// A notice of the order.
    Notify,
    /// Another term behind the last.
    Renew(Period),
    /// A trial becomes a paid purchase.
    Formalize(Period),
    /// A renewal that also changes what was bought.
    RenewAs(Basket, Period),
    /// The last renewal is paid back.
    CancelRenewal,
    /// May it become this at its renewal?
    Check(Basket),
    /// Another spec, or more of the same, at once.
    Upgrade(Basket),
    /// Over, in arrears or misused.
    Freeze,
    /// Goes on.
    Unfreeze,
    /// The end, after nobody renewed.
    Release,
    /// The end, because the buyer wants his money back.
    Unsubscribe,
}

impl Step {
    pub fn name(&self) -> &'static str {
        match self {
            Self::Buy => "buy",
            Self::Query => "query",
            Self::Notify => "notify",
            Self::Renew(_) => "renew",
            Self::Formalize(_) => "formalize",
            Self::RenewAs(..) => "renew as",
            Self::CancelRenewal => "cancel renewal",
            Self::Check(_) => "check",
            Self::Upgrade(_) => "upgrade",
            Self::Freeze => "freeze",
            Self::Unfreeze => "unfreeze",
            Self::Release => "release",
            Self::Unsubscribe => "unsubscribe",
        }
    }
}

/// What somebody bought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sale {
    /// The order of the purchase.
    pub order: MockOrder,
    /// What it is now.
    pub basket: Basket,
    /// The instance id, once the address has given one; with authorization codes the code.
    pub instance: String,
    /// The ends that each paid term reached, the latest last.
    pub ends: Vec<DateTime<Utc>>,
    contact: Contact,
}

/// A shop for one production address. What sends blocks until the address has answered.
pub struct Shop {
    family: Family,
    address: Address,
    orders: Arc<Orders>,
    codes: Arc<Codes>,
    uploads: Arc<Uploads>,
    clock: Clock,
}

impl Shop {
    pub(super) fn new(
        family: Family,
        address: Address,
        (orders, codes, uploads): (Arc<Orders>, Arc<Codes>, Arc<Uploads>),
        clock: Clock,
    ) -> Self {
        Self { family, address, orders, codes, uploads, clock }
    }

    /// The same shop by another client.
    #[must_use]
    pub fn with_wire(self, wire: &Wire) -> Self {
        Self { address: self.address.with_wire(wire.clone()), ..self }
    }

    pub fn family(&self) -> Family {
        self.family
    }

    /// For calls that are not as they should be.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// What was uploaded for an application, in order of arrival.
    pub fn uploads(&self, event_id: &str) -> Vec<Upload> {
        self.uploads.of(event_id)
    }

    /// What is known of the codes.
    pub fn codes(&self) -> &Codes {
        &self.codes
    }

    /// Somebody pays, and the address is told nothing yet.
    pub fn sell(&self, basket: Basket) -> Result<Sale, CallError> {
        self.sell_at(basket, (self.clock)())
    }

    /// The same at some other time.
    pub fn sell_at(&self, basket: Basket, at: DateTime<Utc>) -> Result<Sale, CallError> {
        let reason = if basket.trial { OrderReason::Trial } else { OrderReason::New };
        let order = self.place(reason, basket.clone(), at)?;
        let mut instance = String::new();
        if self.family == Family::LicenseCode {
            instance = format!("PL{}", random_text(12)?.to_uppercase());
            self.codes.sell(&instance, order.clone());
        }
        let ends = order.expires_at.into_iter().collect();
        let contact = if self.family == Family::SaasV1 { self.contact()? } else { Contact::default() };
        Ok(Sale { order, basket, instance, ends, contact })
    }

    fn contact(&self) -> Result<Contact, CallError> {
        let field = |size, plain: &str| {
            let iv = random_text(8)?;
            let iv = iv.as_bytes().try_into().unwrap_or(*b"0123456789abcdef");
            Ok::<_, CallError>(Some(self.address.encrypted(size, iv, plain)))
        };
        Ok(Contact {
            mobile_phone: field(KeySize::Bits256, "13900000000")?,
            email: field(KeySize::Bits256, "buyer@example.com")?,
        })
    }

    /// What the address is told of a step, with the order that it takes placed at `at`. None when the family has no
    /// words for it.
    pub fn call_for(
        &self,
        sale: &mut Sale,
        step: &Step,
        at: DateTime<Utc>,
    ) -> Result<Option<Call>, CallError> {
        let family = self.family;
        let v1 = family.is_get();
        let codes = family == Family::LicenseCode;
        let instance = sale.instance.clone();
        Ok(match step {
            Step::Buy if v1 => Some(v1::purchase(
                family,
                &sale.order,
                &sale.contact,
                &[("emailDomainName", "试.example.com")],
            )),
            Step::Buy if codes => Some(code::announce(&sale.order)),
            Step::Buy => Some(v2::new_instance(family, &sale.order)),
            Step::Query if codes || family == Family::LicenseV1 => None,
            Step::Query if v1 => Some(v1::query(&[&instance])),
            Step::Query => Some(v2::query_instance(family, &[&instance])),
            Step::Notify => (!v1).then(|| v2::order_notify(family, &sale.order)),
            Step::Renew(period) => self.extended(sale, (Scene::Renewal, OrderReason::Renew), *period, at)?,
            Step::Formalize(period) => {
                self.extended(sale, (Scene::TrialToFormal, OrderReason::TrialToFormal), *period, at)?
            }
            Step::RenewAs(basket, period) => {
                if family == Family::SaasV2 {
                    sale.basket = basket.clone();
                }
                self.extended(sale, (Scene::RenewalChange, OrderReason::Renew), *period, at)?
            }
            Step::CancelRenewal => self.cancelled(sale, at)?,
            Step::Check(basket) => (family == Family::SaasV2).then(|| v2::check_change(&instance, basket)),
            Step::Upgrade(basket) => self.upgraded(sale, basket, at)?,
            Step::Freeze | Step::Unfreeze => self.status(sale, *step == Step::Freeze),
            Step::Release => self.released(sale, None),
            Step::Unsubscribe => {
                let order = self.place(OrderReason::Unsubscribe, sale.basket.clone(), at)?;
                self.released(sale, Some(&order))
            }
        })
    }

    /// Takes a step: the address is told at once. What is known of the sale moves only when it accepts.
    pub fn take(&self, sale: &mut Sale, step: &Step) -> Result<CallAnswer, CallError> {
        let mut moved = sale.clone();
        let call = self.call_for(&mut moved, step, (self.clock)())?;
        let none = CallError::NotInFamily { family: self.family.name(), step: step.name() };
        let answer = self.address.tell(&call.ok_or(none)?)?;
        if answer.is_accepted() {
            *sale = moved;
            self.hear(sale, &answer);
        }
        Ok(answer)
    }

    /// Learns the instance id from an answer.
    pub fn hear(&self, sale: &mut Sale, answer: &CallAnswer) {
        if sale.instance.is_empty() && answer.is_accepted() {
            answer.instance_id().clone_into(&mut sale.instance);
        }
    }

    /// Sells and tells of it.
    pub fn buy(&self, basket: Basket) -> Result<(Sale, CallAnswer), CallError> {
        let mut sale = self.sell(basket)?;
        let answer = self.take(&mut sale, &Step::Buy)?;
        Ok((sale, answer))
    }

    /// Somebody applies for the License of an instance, for the machine of this fingerprint if there is one.
    pub fn apply(
        &self,
        sale: &Sale,
        event_id: &str,
        span: (DateTime<Utc>, Option<DateTime<Utc>>),
        fingerprint: Option<&str>,
    ) -> Call {
        self.uploads.expect(event_id);
        v2::get_license_async(&sale.instance, event_id, span, fingerprint)
    }

    /// A later order, known to the order query.
    pub fn place(
        &self,
        reason: OrderReason,
        basket: Basket,
        at: DateTime<Utc>,
    ) -> Result<MockOrder, CallError> {
        let order_id = format!("CS{}", random_text(8)?.to_uppercase());
        let order = MockOrder::new(&order_id, reason, at, basket);
        self.orders.register(order.clone());
        Ok(order)
    }

    fn extended(
        &self,
        sale: &mut Sale,
        (scene, reason): (Scene, OrderReason),
        period: Period,
        at: DateTime<Utc>,
    ) -> Result<Option<Call>, CallError> {
        if !has_scene(self.family, scene) {
            return Ok(None);
        }
        let behind = reason == OrderReason::Renew;
        let start = sale.ends.last().copied().filter(|_| behind).unwrap_or(at);
        let end = period.end_after(start);
        sale.ends.push(end);
        let changes_period = !matches!(
            (sale.basket.billing, period),
            (Billing::Period(Period::Days(_)), Period::Days(_))
                | (Billing::Period(Period::Months(_)), Period::Months(_))
                | (Billing::Period(Period::Years(_)), Period::Years(_))
        );
        sale.basket.billing = Billing::Period(period);
        sale.basket.trial = false;
        if changes_period {
            // One product id per kind of period.
            sale.basket.product_id = format!("{}-{}", sale.basket.product_id, sale.ends.len());
        }
        let mut order = self.place(reason, sale.basket.clone(), at)?;
        order.expires_at = Some(end);
        self.orders.register(order.clone());
        let product = changes_period.then_some(sale.basket.product_id.as_str());
        let renewal = if scene == Scene::TrialToFormal { Renewal::TrialToFormal } else { Renewal::Paid };
        Ok(Some(self.refresh(sale, (scene, renewal), &order, end, product)))
    }

    fn cancelled(&self, sale: &mut Sale, at: DateTime<Utc>) -> Result<Option<Call>, CallError> {
        if !has_scene(self.family, Scene::CancelRenewal) {
            return Ok(None);
        }
        if sale.ends.len() > 1 {
            sale.ends.pop();
        }
        let order = self.place(OrderReason::Unsubscribe, sale.basket.clone(), at)?;
        let end = sale.ends.last().copied().unwrap_or(at);
        Ok(Some(self.refresh(sale, (Scene::CancelRenewal, Renewal::Cancelled), &order, end, None)))
    }

    fn refresh(
        &self,
        sale: &Sale,
        (scene, renewal): (Scene, Renewal),
        order: &MockOrder,
        end: DateTime<Utc>,
        product: Option<&str>,
    ) -> Call {
        match self.family {
            Family::LicenseV1 | Family::SaasV1 => {
                v1::refresh(self.family, renewal, &sale.instance, order, end, product)
            }
            Family::LicenseCode => {
                self.codes.change(&sale.instance, |known| known.ends.clone_from(&sale.ends));
                code::refresh(scene, &sale.instance, order, end, product)
            }
            Family::SaasV2 | Family::LicenseOnline | Family::KitV1 | Family::KitV2 => {
                v2::refresh_instance(self.family, scene, &sale.instance, order, end, product)
            }
        }
    }

    fn upgraded(
        &self,
        sale: &mut Sale,
        basket: &Basket,
        at: DateTime<Utc>,
    ) -> Result<Option<Call>, CallError> {
        if matches!(self.family, Family::LicenseCode | Family::LicenseV1) {
            return Ok(None);
        }
        sale.basket = basket.clone();
        let order = self.place(OrderReason::Change, basket.clone(), at)?;
        Ok(Some(if self.family == Family::SaasV1 {
            v1::upgrade(&sale.instance, &order)
        } else {
            v2::upgrade(self.family, &sale.instance, &order)
        }))
    }

    /// SaaS 1.0 has a call for the end of a period and another for everything else; License 1.0 only the first, and a
    /// renewal instead of an unfreezing.
    fn status(&self, sale: &Sale, frozen: bool) -> Option<Call> {
        let instance = &sale.instance;
        let is_period = matches!(sale.basket.billing, Billing::Period(_));
        match self.family {
            Family::LicenseV1 => frozen.then(|| v1::expire(self.family, instance, &sale.order)),
            Family::SaasV1 if frozen && is_period => Some(v1::expire(self.family, instance, &sale.order)),
            Family::SaasV1 => Some(v1::status(instance, frozen)),
            Family::LicenseCode => Some(code::update_status(instance, frozen)),
            Family::SaasV2 | Family::LicenseOnline | Family::KitV1 | Family::KitV2 => {
                Some(v2::update_status(self.family, instance, frozen))
            }
        }
    }

    fn released(&self, sale: &Sale, by: Option<&MockOrder>) -> Option<Call> {
        Some(match self.family {
            Family::LicenseV1 | Family::SaasV1 => v1::release(self.family, &sale.instance, &sale.order),
            Family::LicenseCode => {
                self.codes.change(&sale.instance, |known| known.released = true);
                code::release(&sale.instance, by)
            }
            Family::SaasV2 | Family::LicenseOnline | Family::KitV1 | Family::KitV2 => {
                v2::release(self.family, &sale.instance, by)
            }
        })
    }
}

fn has_scene(family: Family, scene: Scene) -> bool {
    match scene {
        Scene::Renewal => true,
        Scene::TrialToFormal => family != Family::LicenseCode,
        Scene::CancelRenewal => family != Family::LicenseV1,
        Scene::RenewalChange => family == Family::SaasV2,
    }
}
