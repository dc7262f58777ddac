//! Debugging cases that were saved in the console, replayed every morning and every afternoon for as long as the
//! product is on sale.
//!
//! Source: zh-cn_topic_0070649414 (twice a day; 5 days of failures), saascenter_usermanual_0113 (mock orders).

use chrono::{DateTime, Days, NaiveTime, TimeDelta, Utc};

use super::address::Address;
use super::caller::{CallAnswer, CallError};
use super::family::Family;
use super::orders::{Basket, Billing, MockOrder, OrderReason, Period};
use super::words::kit::{Flag, Tenant};
use super::words::v1::{Contact, Renewal};
use super::words::v2::Scene;
use super::words::{Call, code, v1, v2};
use super::written::beijing_digits;

/// Days of failures in a row after which trading stops.
pub const FAILING_DAYS_MAX: u32 = 5;
/// Morning and afternoon in Beijing, as UTC; the pages name no hours.
const HOURS_UTC: [u32; 2] = [1, 7];

/// What the marketplace does with a product.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Listing {
    OnSale,
    /// Trading is frozen and the product hidden.
    Hidden {
        since: DateTime<Utc>,
    },
}

/// The saved cases of one production address.
pub struct DialTests {
    cases: Vec<Call>,
    next: DateTime<Utc>,
    failed_today: bool,
    failing_days: u32,
    listing: Listing,
}

/// One round: activity and answer of each case.
pub type Round = Vec<(&'static str, Result<CallAnswer, CallError>)>;

impl DialTests {
    /// From `now` on.
    pub fn new(cases: Vec<Call>, now: DateTime<Utc>) -> Self {
        let cases = cases.into_iter().map(Call::as_dial_test).collect();
        let next = next_round(now);
        Self { cases, next, failed_today: false, failing_days: 0, listing: Listing::OnSale }
    }

    pub fn listing(&self) -> Listing {
        self.listing
    }

    /// Days of failures in a row so far.
    pub fn failing_days(&self) -> u32 {
        self.failing_days
    }

    /// When the next round is; none for what is no longer on sale.
    pub fn next_due(&self) -> Option<DateTime<Utc>> {
        (self.listing == Listing::OnSale).then_some(self.next)
    }

    /// Makes the next round, if it is due by `now`.
    pub fn step(&mut self, address: &Address, now: DateTime<Utc>) -> Option<Round> {
        let at = self.next_due().filter(|at| *at <= now)?;
        let round: Round = self.cases.iter().map(|case| (case.activity, address.tell(case))).collect();
        let passed = |answer: &Result<CallAnswer, CallError>| {
            answer.as_ref().is_ok_and(|answer| answer.status == 200 && answer.result_code() == "000000")
        };
        self.failed_today |= !round.iter().all(|(_, answer)| passed(answer));
        self.next = next_round(at);
        if self.next.date_naive() != at.date_naive() {
            self.failing_days = if self.failed_today { self.failing_days + 1 } else { 0 };
            self.failed_today = false;
            if self.failing_days >= FAILING_DAYS_MAX {
                self.listing = Listing::Hidden { since: at };
            }
        }
        Some(round)
    }

    /// Somebody repaired it and had it listed again.
    pub fn list_again(&mut self, now: DateTime<Utc>) {
        self.listing = Listing::OnSale;
        self.failing_days = 0;
        self.failed_today = false;
        self.next = next_round(now);
    }
}

/// The first round after `instant`.
fn next_round(instant: DateTime<Utc>) -> DateTime<Utc> {
    let today = instant.date_naive();
    let days = [Some(today), today.checked_add_days(Days::new(1))];
    let rounds = days.into_iter().flatten().flat_map(|day| {
        HOURS_UTC
            .into_iter()
            .filter_map(move |hour| NaiveTime::from_hms_opt(hour, 0, 0))
            .map(move |time| day.and_time(time).and_utc())
    });
    rounds.into_iter().find(|round| *round > instant).unwrap_or(instant + TimeDelta::days(1))
}

/// One case per activity, with the documented mock orders and ids that nobody sold.
pub fn saved_cases(family: Family, now: DateTime<Utc>) -> Vec<Call> {
    let month = Basket::of("MOCKSKU", Billing::Period(Period::Months(1)));
    let year = Basket::of("MOCKSKU", Billing::Period(Period::Years(1)));
    let bought = MockOrder::new("MOCKPERIODYEARNEW", OrderReason::New, now, year.clone());
    let renewal = MockOrder::new("MOCKMONTYRENEW", OrderReason::Renew, now, month.clone());
    let change = MockOrder::new("MOCKMONTYCHANGE", OrderReason::Change, now, month);
    let instance = "mock-instance-of-a-saved-case";
    let end = Period::Years(1).end_after(now);
    let cases = match family {
        Family::SaasV2 | Family::LicenseOnline => {
            let mut cases = vec![
                v2::new_instance(family, &bought),
                v2::query_instance(family, &[instance]),
                v2::refresh_instance(family, Scene::Renewal, instance, &renewal, end, None),
                v2::update_status(family, instance, true),
                v2::release(family, instance, None),
            ];
            if family == Family::SaasV2 {
                cases.push(v2::upgrade(family, instance, &change));
                cases.push(v2::check_change(instance, &year));
            } else {
                let span = (now, Some(end));
                cases.push(v2::get_license_async(instance, "mock-event", span, Some("04:7C:16:5E:E3:5D|||")));
            }
            cases
        }
        Family::LicenseCode => {
            let held = "PLMOCKOFASAVEDCASE";
            vec![
                code::announce(&bought),
                code::refresh(Scene::Renewal, held, &renewal, end, None),
                code::update_status(held, true),
                code::release(held, None),
            ]
        }
        Family::LicenseV1 => vec![
            v1::purchase(family, &bought, &Contact::default(), &[]),
            v1::refresh(family, Renewal::Paid, instance, &renewal, end, None),
            v1::expire(family, instance, &bought),
            v1::release(family, instance, &bought),
        ],
        Family::SaasV1 => vec![
            v1::purchase(family, &bought, &Contact::default(), &[]),
            v1::query(&[instance]),
            v1::refresh(family, Renewal::Paid, instance, &renewal, end, None),
            v1::expire(family, instance, &bought),
            v1::status(instance, true),
            v1::upgrade(instance, &change),
            v1::release(family, instance, &bought),
        ],
        Family::KitV1 | Family::KitV2 => kit_cases(family, now),
    };
    cases.into_iter().map(Call::as_dial_test).collect()
}

fn kit_cases(family: Family, now: DateTime<Utc>) -> Vec<Call> {
    let tenant = Tenant {
        tenant_id: "mock-tenant".to_owned(),
        instance_id: "mock-instance-of-a-saved-case".to_owned(),
        order_id: "MOCKPERIODYEARNEW".to_owned(),
    };
    vec![
        tenant.sync(family, Flag::Add, "华为测试"),
        tenant.application(family, Flag::Add, "mock-app", "bW9jaw=="),
        tenant.authorization(family, Flag::Add, "mock-app", &["zhangsan"], &beijing_digits(now)),
        tenant.department(family, Flag::Add, "O1", "研发"),
        tenant.all_departments(family, &[("O1", "研发")]),
    ]
}
