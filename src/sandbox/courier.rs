//! Keeps what was not answered well, and repeats it as the marketplace does. Nothing here waits: whoever drives it
//! moves the clock to the next due instant.
//!
//! Source of every rule: [`RETRY_RULES`](super::retry::RETRY_RULES); what counts as an answer: 0082027567.

use chrono::{DateTime, Utc};

use super::caller::{CallAnswer, CallError};
use super::family::Family;
use super::orders::MockOrder;
use super::retry::{Afterwards, RetryRule, retry_rule};
use super::shop::{Sale, Shop, Step};
use super::words::{Call, v2};

/// What became of a parcel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParcelState {
    /// Goes out, or again, at this instant.
    Due(DateTime<Utc>),
    /// Answered well.
    Delivered,
    /// The buyer got his money back.
    Refunded,
    /// Somebody has to restart it: [`Courier::restart`].
    WaitsForRestart,
    /// Given up.
    GivenUp,
}

/// A call on its way.
#[derive(Debug, Clone)]
pub struct Parcel {
    pub call: Call,
    pub rule: RetryRule,
    /// Tries since the start or the last restart.
    pub tries: u32,
    pub state: ParcelState,
    /// What came of the last try, in words.
    pub last: String,
    /// What was bought, when this is a purchase.
    sale: Option<Sale>,
}

/// One try.
#[derive(Debug)]
pub struct Attempt {
    /// Which parcel.
    pub parcel: usize,
    pub at: DateTime<Utc>,
    pub answer: Result<CallAnswer, CallError>,
}

/// Parcels, by number.
#[derive(Debug, Default)]
pub struct Courier {
    parcels: Vec<Parcel>,
}

impl Courier {
    pub fn parcel(&self, number: usize) -> &Parcel {
        &self.parcels[number]
    }

    pub fn parcels(&self) -> &[Parcel] {
        &self.parcels
    }

    /// Takes a call; it goes out at `now`. Gives its number.
    pub fn post(&mut self, call: Call, now: DateTime<Utc>) -> usize {
        self.accept(call, None, now)
    }

    /// Takes a purchase: when it fails for good it is refunded, and polled for when it is being provisioned.
    pub fn post_purchase(
        &mut self,
        shop: &Shop,
        mut sale: Sale,
        now: DateTime<Utc>,
    ) -> Result<usize, CallError> {
        let call = shop.call_for(&mut sale, &Step::Buy, now)?;
        let none = CallError::NotInFamily { family: shop.family().name(), step: Step::Buy.name() };
        Ok(self.accept(call.ok_or(none)?, Some(sale), now))
    }

    fn accept(&mut self, call: Call, sale: Option<Sale>, now: DateTime<Utc>) -> usize {
        let rule = retry_rule(call.family, call.activity);
        let state = ParcelState::Due(now);
        self.parcels.push(Parcel { call, rule, tries: 0, state, last: String::new(), sale });
        self.parcels.len() - 1
    }

    /// When the next try is due; none when nothing is on its way.
    pub fn next_due(&self) -> Option<DateTime<Utc>> {
        self.due().map(|(at, _)| at)
    }

    fn due(&self) -> Option<(DateTime<Utc>, usize)> {
        let due = self.parcels.iter().enumerate().filter_map(|(number, parcel)| match parcel.state {
            ParcelState::Due(at) => Some((at, number)),
            ParcelState::Delivered
            | ParcelState::Refunded
            | ParcelState::WaitsForRestart
            | ParcelState::GivenUp => None,
        });
        due.min()
    }

    /// Makes the next try, if one is due by `now`.
    pub fn step(&mut self, shop: &Shop, now: DateTime<Utc>) -> Option<Attempt> {
        let (at, number) = self.due().filter(|(at, _)| *at <= now)?;
        let answer = shop.address().tell(&self.parcels[number].call);
        self.judge(shop, number, &answer, now);
        Some(Attempt { parcel: number, at, answer })
    }

    /// Moves the clock from one due instant to the next until nothing is on its way, and makes every try.
    pub fn run(&mut self, shop: &Shop, mut advance_to: impl FnMut(DateTime<Utc>)) -> Vec<Attempt> {
        let mut attempts = Vec::new();
        while let Some(due) = self.next_due() {
            advance_to(due);
            attempts.extend(self.step(shop, due));
        }
        attempts
    }

    /// 重新启动: everything from the start.
    pub fn restart(&mut self, number: usize, now: DateTime<Utc>) {
        let parcel = &mut self.parcels[number];
        if parcel.state == ParcelState::WaitsForRestart {
            parcel.tries = 0;
            parcel.state = ParcelState::Due(now);
        }
    }

    fn judge(
        &mut self,
        shop: &Shop,
        number: usize,
        answer: &Result<CallAnswer, CallError>,
        now: DateTime<Utc>,
    ) {
        let parcel = &mut self.parcels[number];
        parcel.tries += 1;
        parcel.last = told(answer);
        let heard = answer.as_ref().ok().filter(|answer| answer.is_accepted());
        if let (Some(sale), Some(answer)) = (&mut parcel.sale, heard) {
            shop.hear(sale, answer);
        }
        if let Some(answer) = heard.filter(|answer| is_done(&parcel.call, answer)) {
            parcel.state = ParcelState::Delivered;
            let polled = answer.result_code() == "000004" && parcel.sale.is_some();
            let instance = answer.instance_id().to_owned();
            if polled && !instance.is_empty() {
                self.post(v2::query_instance(shop.family(), &[&instance]), now);
            }
            return;
        }
        if parcel.tries < parcel.rule.tries {
            parcel.state = ParcelState::Due(now + parcel.rule.every);
            return;
        }
        parcel.state = match parcel.rule.afterwards {
            Afterwards::ManualRestart => ParcelState::WaitsForRestart,
            Afterwards::Nothing => ParcelState::GivenUp,
            Afterwards::Refund => ParcelState::Refunded,
        };
        let refunded = parcel.sale.clone().filter(|_| parcel.state == ParcelState::Refunded);
        if let Some(call) = refunded.and_then(|mut sale| refund(shop, &mut sale, now)) {
            self.post(call, now);
        }
    }
}

/// What is released when a purchase is refunded: nothing, as long as the address has named no instance. SaaS 2.0 names
/// the order that unsubscribed.
fn refund(shop: &Shop, sale: &mut Sale, now: DateTime<Utc>) -> Option<Call> {
    if sale.instance.is_empty() {
        return None;
    }
    shop.call_for(sale, &Step::Unsubscribe, now).ok().flatten()
}

/// 000004 is an answer where the page says so: to a purchase of SaaS 2.0, which is polled for afterwards, and to an
/// application, which is followed by an upload. Elsewhere it is asked again.
fn is_done(call: &Call, answer: &CallAnswer) -> bool {
    if answer.result_code() == "000000" {
        return true;
    }
    let asynchronous = (call.family == Family::SaasV2 && call.activity == "newInstance")
        || call.activity == "getLicenseAsync";
    asynchronous && (call.activity != "newInstance" || !answer.instance_id().is_empty())
}

fn told(answer: &Result<CallAnswer, CallError>) -> String {
    match answer {
        Ok(answer) => format!("status {}, resultCode {:?}", answer.status, answer.result_code()),
        Err(error) => error.to_string(),
    }
}

/// The order of a parcel's purchase.
impl Parcel {
    pub fn order(&self) -> Option<&MockOrder> {
        self.sale.as_ref().map(|sale| &sale.order)
    }

    /// What was bought, as far as it is known.
    pub fn sale(&self) -> Option<&Sale> {
        self.sale.as_ref()
    }
}
