//! What happens to one purchase at the marketplace, in neutral words: when, and what the marketplace then knows.

use chrono::{DateTime, TimeDelta, Utc};
use lictor::sandbox::orders::{Basket, Billing, MockOrder, OrderReason, Period};

pub type Moment = DateTime<Utc>;

/// One event of a purchase.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    Buy,
    /// The trial becomes a paid month.
    Formal,
    /// Renewed for a year.
    Renew,
    /// More of a larger spec, at once.
    Upgrade,
    /// Renewed for two years, for less than before.
    RenewAs,
    /// More again.
    UpgradeMore,
    Freeze,
    Unfreeze,
    /// The last renewal is paid back.
    Cancel,
    Release,
}

impl Step {
    /// Hours after the start.
    fn hour(self) -> i64 {
        let days = match self {
            Self::Buy => 0,
            Self::Formal => 5,
            Self::Freeze => 7,
            Self::Unfreeze => 8,
            Self::Renew => 10,
            Self::Upgrade => 12,
            Self::RenewAs => 13,
            Self::UpgradeMore => 15,
            Self::Cancel => 19,
            Self::Release => 24,
        };
        days * 24
    }

    pub fn happens_at(self) -> Moment {
        at_hour(self.hour())
    }

    /// Whether its order says anew until when the purchase lasts.
    pub fn moves_end(self) -> bool {
        match self {
            Self::Formal | Self::Renew | Self::RenewAs | Self::Cancel => true,
            Self::Buy | Self::Upgrade | Self::UpgradeMore | Self::Freeze | Self::Unfreeze | Self::Release => {
                false
            }
        }
    }

    /// Whether its order says anew what is granted.
    pub fn changes_grants(self) -> bool {
        matches!(self, Self::Upgrade | Self::UpgradeMore | Self::RenewAs)
    }
}

/// So many hours after the first purchase.
pub fn at_hour(hour: i64) -> Moment {
    let start: Moment = "2026-02-02T08:00:00Z".parse().expect("valid");
    start + TimeDelta::hours(hour)
}

/// What the marketplace's call says of a step, or its order when it is asked for.
#[derive(Debug, Clone)]
pub struct Told {
    pub step: Step,
    pub order: MockOrder,
    /// The end from here on.
    pub ends_at: Moment,
    pub period: Period,
}

/// The steps of one purchase and what is told of each.
#[derive(Debug, Clone)]
pub struct Script {
    pub told: Vec<Told>,
}

impl Script {
    /// The story of `steps`, whose orders begin with `prefix`. `cancels_by_name`: a renewal is cancelled under its own
    /// order id, as the pages for Licenses have it; else the cancelling order has an id of its own, as those for SaaS.
    pub fn of(steps: &[Step], prefix: &str, first_sku: &str, cancels_by_name: bool) -> Self {
        let is_trial = steps.contains(&Step::Formal);
        let (mut ends, mut told): (Vec<Moment>, Vec<Told>) = (Vec::new(), Vec::new());
        let mut steps = steps.to_vec();
        steps.sort_by_key(|step| step.happens_at());
        let (mut sku, mut quantity) = (first_sku, 1);
        let mut renewals: Vec<MockOrder> = Vec::new();
        for step in steps {
            let at = step.happens_at();
            let last = ends.last().copied().unwrap_or(at);
            let period = match step {
                Step::Buy if is_trial => Period::Days(14),
                Step::RenewAs => Period::Years(2),
                Step::Renew => Period::Years(1),
                _ => Period::Months(1),
            };
            match step {
                Step::Buy | Step::Formal => ends.push(period.end_after(at)),
                Step::Renew | Step::RenewAs => ends.push(period.end_after(last)),
                Step::Cancel => drop(ends.pop()),
                Step::Upgrade | Step::UpgradeMore | Step::Freeze | Step::Unfreeze | Step::Release => {}
            }
            (sku, quantity) = match step {
                Step::Upgrade => ("LIFE-PLUS", 3),
                Step::UpgradeMore => ("LIFE-PLUS", 4),
                Step::RenewAs => ("LIFE-BASIC", 2),
                _ => (sku, quantity),
            };
            let ends_at = ends.last().copied().expect("every story begins with a purchase");
            let basket = Basket {
                quantity: Some(quantity),
                trial: step == Step::Buy && is_trial,
                customer_id: Some("buyer-1".to_owned()),
                ..Basket::of(sku, Billing::Period(period))
            };
            let mut order = MockOrder::new(&format!("{prefix}-{step:?}"), reason(step, is_trial), at, basket);
            order.expires_at = Some(ends_at);
            match step {
                Step::Renew | Step::RenewAs => renewals.push(order.clone()),
                Step::Cancel if cancels_by_name => {
                    order = renewals.pop().expect("a renewal is cancelled after it was bought");
                }
                _ => {}
            }
            told.push(Told { step, order, ends_at, period });
        }
        Self { told }
    }

    pub fn of_step(&self, step: Step) -> &Told {
        self.told.iter().find(|told| told.step == step).expect("the story has this step")
    }

    pub fn steps(&self) -> impl Iterator<Item = Step> + '_ {
        self.told.iter().map(|told| told.step)
    }

    /// The end that the marketplace knows at a moment.
    pub fn end_at(&self, now: Moment) -> Moment {
        let until_now = self.told.iter().rfind(|told| told.step.happens_at() <= now);
        until_now.unwrap_or(&self.told[0]).ends_at
    }
}

fn reason(step: Step, is_trial: bool) -> OrderReason {
    match step {
        Step::Buy if is_trial => OrderReason::Trial,
        Step::Buy => OrderReason::New,
        Step::Formal => OrderReason::TrialToFormal,
        Step::Renew | Step::RenewAs => OrderReason::Renew,
        Step::Upgrade | Step::UpgradeMore => OrderReason::Change,
        Step::Freeze | Step::Unfreeze | Step::Cancel | Step::Release => OrderReason::Unsubscribe,
    }
}
