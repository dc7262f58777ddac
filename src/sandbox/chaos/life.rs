//! What happens to one order line, and in which order it may be told.
//!
//! Of what names an order the marketplace knows when it was placed: such calls may arrive in any order where the
//! merchant can ask for it (SaaS 2.0, online License, authorization codes). A change of status names none, and the
//! older families can ask for nothing: there the order of arrival counts.

use chrono::{DateTime, TimeDelta, Utc};

use super::aftermath::EndState;
use crate::sandbox::caller::CallError;
use crate::sandbox::dice::Dice;
use crate::sandbox::family::Family;
use crate::sandbox::orders::{Basket, Billing, Period};
use crate::sandbox::shop::{Sale, Shop, Step};
use crate::sandbox::words::Call;

/// One thing to say.
#[derive(Debug, Clone)]
pub struct Saying {
    pub call: Call,
    /// Milliseconds of its end, which every copy of it says alike.
    pub expire_millis: Option<u32>,
    /// Whether a copy may arrive at any later time and change nothing.
    pub may_be_late: bool,
    /// Whether any answer will do: what was said before may forbid it.
    pub any_answer: bool,
}

/// Sayings that may be told in any order among each other.
pub type Phase = Vec<Saying>;

/// A line and all that will be said of it.
pub struct Life {
    pub sale: Sale,
    pub phases: Vec<Phase>,
    pub state: EndState,
    pub ends_at: Option<DateTime<Utc>>,
    pub event_id: Option<String>,
}

struct Planner<'a> {
    shop: &'a Shop,
    dice: Dice,
    baskets: &'a [Basket],
    /// When the next order is placed; each a minute after the one before, so that they can be told apart.
    at: DateTime<Utc>,
    life: Life,
    /// By order or, where the address cannot ask, by arrival.
    is_ordered: bool,
}

/// Plans a life; the purchase itself is the first phase.
pub fn plan(shop: &Shop, dice: Dice, baskets: &[Basket], now: DateTime<Utc>) -> Result<Life, CallError> {
    let mut dice = dice;
    let is_ordered = !shop.family().is_get();
    // The older families take the time of the call for the time of the order.
    let at = if is_ordered { now - TimeDelta::hours(2) } else { now };
    let mut basket = baskets[dice.below(baskets.len())].clone();
    let is_trial = matches!(basket.billing, Billing::Period(_))
        && shop.family() != Family::LicenseCode
        && dice.one_in(6);
    if is_trial {
        basket.trial = true;
        basket.billing = Billing::Period(Period::Days(14));
    }
    let sale = shop.sell_at(basket, at)?;
    let ends_at = sale.ends.last().copied();
    let life = Life { sale, phases: Vec::new(), state: EndState::Active, ends_at, event_id: None };
    let mut planner = Planner { shop, dice, baskets, at, life, is_ordered };
    planner.purchase()?;
    Ok(planner.life)
}

impl Planner<'_> {
    fn purchase(&mut self) -> Result<(), CallError> {
        let bought = self.say(&Step::Buy)?;
        self.life.phases.push(bought);
        Ok(())
    }

    fn rest(&mut self) -> Result<(), CallError> {
        let is_period = matches!(self.life.sale.basket.billing, Billing::Period(_));
        let mut changes = Vec::new();
        if self.life.sale.basket.trial {
            changes.push(Step::Formalize(Period::Months(1)));
        } else if is_period {
            changes.extend((0..self.dice.below(3)).map(|_| Step::Renew(self.period())).collect::<Vec<_>>());
            if !changes.is_empty() && self.dice.one_in(3) {
                changes.push(Step::CancelRenewal);
            }
            if self.dice.one_in(5) {
                changes.push(Step::RenewAs(self.other_basket(), Period::Months(1)));
                if self.dice.one_in(2) {
                    changes.push(Step::Renew(Period::Months(1)));
                }
            }
        }
        if self.dice.one_in(4) && !changes.iter().any(|step| matches!(step, Step::RenewAs(..))) {
            changes.push(Step::Upgrade(self.other_basket()));
        }
        let stops = self.dice.below(4);
        let ends = self.dice.one_in(3);
        let ends_among_them = ends && self.dice.one_in(2);
        self.changes(&changes, ends_among_them, stops == 0 && !ends)?;
        if stops > 0 {
            self.stop(stops)?;
        }
        if ends && self.life.state != EndState::Released {
            let step = if self.dice.one_in(2) { Step::Release } else { Step::Unsubscribe };
            let said = self.say(&step)?;
            self.life.phases.push(said);
            self.life.state = EndState::Released;
        }
        Ok(())
    }

    fn period(&mut self) -> Period {
        match self.dice.below(3) {
            0 => Period::Months(1),
            1 => Period::Months(3),
            _ => Period::Years(1),
        }
    }

    fn other_basket(&mut self) -> Basket {
        let lasts = |basket: &Basket| matches!(basket.billing, Billing::Period(_));
        let own = &self.life.sale.basket;
        let fitting: Vec<&Basket> =
            self.baskets.iter().filter(|basket| lasts(basket) == lasts(own)).collect();
        let found = fitting.get(self.dice.below(fitting.len())).copied();
        let mut basket = found.unwrap_or(own).clone();
        basket.quantity = Some(u32::try_from(1 + self.dice.below(3)).unwrap_or(1));
        basket
    }

    /// All orders of later changes, with what is asked beside them; with a release among them, which ends everything
    /// whenever it arrives. A License is applied for only where nothing stops it.
    fn changes(&mut self, steps: &[Step], releases: bool, may_apply: bool) -> Result<(), CallError> {
        let mut phase = Vec::new();
        for step in steps {
            let said = self.say(step)?;
            self.push(&mut phase, said);
        }
        for step in [Step::Query, Step::Notify] {
            let said = self.say(&step)?;
            self.push(&mut phase, said);
        }
        if self.shop.family() == Family::LicenseOnline && may_apply && self.dice.one_in(2) {
            self.apply(&mut phase)?;
        }
        if releases {
            phase.iter_mut().for_each(|saying| saying.any_answer = true);
            let said = self.say(&Step::Unsubscribe)?;
            self.push(&mut phase, said);
            self.life.state = EndState::Released;
        }
        self.life.phases.push(phase);
        self.life.phases.retain(|phase| !phase.is_empty());
        Ok(())
    }

    /// Where arrival counts each saying is a phase of its own.
    fn push(&mut self, phase: &mut Phase, said: Phase) {
        if self.is_ordered {
            phase.extend(said);
        } else {
            self.life.phases.push(said);
        }
    }

    fn apply(&mut self, phase: &mut Phase) -> Result<(), CallError> {
        let event = crate::sandbox::caller::random_text(8)?;
        let sale = &self.life.sale;
        let span = (sale.order.created_at, sale.ends.first().copied());
        let call = self.shop.apply(sale, &event, span, Some("04:7C:16:5E:E3:5D|001B_444A|BFEB"));
        phase.push(Saying { call, expire_millis: None, may_be_late: false, any_answer: false });
        self.life.event_id = Some(event);
        Ok(())
    }

    /// Frozen once or twice, and perhaps let go on.
    fn stop(&mut self, times: usize) -> Result<(), CallError> {
        for round in 0..times.min(2) {
            let frozen = self.say(&Step::Freeze)?;
            self.life.phases.push(frozen);
            if self.life.state != EndState::Released {
                self.life.state = EndState::Suspended;
            }
            if round == 0 && self.dice.one_in(3) {
                break;
            }
            // License 1.0 knows no other way out than a renewal.
            let step = if self.shop.family() == Family::LicenseV1 {
                if !matches!(self.life.sale.basket.billing, Billing::Period(_)) {
                    break;
                }
                Step::Renew(Period::Months(1))
            } else {
                Step::Unfreeze
            };
            let goes_on = self.say(&step)?;
            self.life.phases.push(goes_on);
            if self.life.state != EndState::Released {
                self.life.state = EndState::Active;
            }
        }
        Ok(())
    }

    /// Nothing when the family has no words for it.
    fn say(&mut self, step: &Step) -> Result<Phase, CallError> {
        let family = self.shop.family();
        let Some(call) = self.shop.call_for(&mut self.life.sale, step, self.at)? else {
            return Ok(Vec::new());
        };
        self.at += if self.is_ordered { TimeDelta::minutes(1) } else { TimeDelta::zero() };
        let moves_end =
            matches!(step, Step::Renew(_) | Step::Formalize(_) | Step::RenewAs(..) | Step::CancelRenewal);
        let mut expire_millis = None;
        if moves_end {
            // The marketplace's own query of a code knows no milliseconds.
            let millis = if family == Family::LicenseCode { 0 } else { self.dice.below(1_000) };
            expire_millis = u32::try_from(millis).ok().filter(|_| self.dice.one_in(3));
            let millis = TimeDelta::milliseconds(expire_millis.unwrap_or(0).into());
            self.life.ends_at = self.life.sale.ends.last().map(|end| *end + millis);
        }
        let may_be_late = !matches!(step, Step::Freeze | Step::Unfreeze);
        // What comes behind the end may be refused, but the end itself may come again.
        let any_answer =
            self.life.state == EndState::Released && !matches!(step, Step::Release | Step::Unsubscribe);
        Ok(vec![Saying { call, expire_millis, may_be_late, any_answer }])
    }
}

/// Plans what comes after the purchase, once it is known which instance it is about.
pub fn plan_rest(
    shop: &Shop,
    dice: Dice,
    baskets: &[Basket],
    life: Life,
    now: DateTime<Utc>,
) -> Result<Life, CallError> {
    let is_ordered = !shop.family().is_get();
    let at = if is_ordered { life.sale.order.created_at + TimeDelta::minutes(1) } else { now };
    let life = Life { phases: Vec::new(), ..life };
    let mut planner = Planner { shop, dice, baskets, at, life, is_ordered };
    planner.rest()?;
    Ok(planner.life)
}
