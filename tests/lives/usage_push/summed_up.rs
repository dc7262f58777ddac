//! What is reported hour by hour reaches the marketplace summed up: each interval once, within its window.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDateTime, SubsecRound, TimeDelta, Timelike, Utc};
use lictor::application::ports::MarketplaceCalls;
use lictor::domain::{Amount, Instant};
use lictor::sandbox::open_api::Trouble;
use lictor::sandbox::orders::Billing;
use lictor::store::Fault;
use serde_json::json;

use super::ground::{Ground, at};
use crate::support::api::Api;

/// Days in the suite; `./scripts/prove usage-months` takes more.
const DAYS: u32 = 4;

/// What was granted, by instance and begin of the interval, in ten-thousandths.
type Truth = BTreeMap<(String, DateTime<Utc>), i64>;

/// What the marketplace counts, and how often, by instance, begin and end.
type Sums = BTreeMap<(String, DateTime<Utc>, DateTime<Utc>), (i64, u32)>;

/// A generator of its own (SplitMix64), so that the same months come everywhere.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }
}

fn days() -> u32 {
    #[expect(clippy::disallowed_methods, reason = "a test has no settings; the count only makes it longer")]
    let count = std::env::var("LICTOR_PROVE_COUNT");
    count.map_or(DAYS, |count| count.parse().expect("a whole number"))
}

/// A merchant's backend that reports as work is done.
struct Backend {
    api: Api,
    reports: u64,
}

impl Backend {
    fn of(ground: &Ground) -> Self {
        Self { api: ground.harness.merchant(), reports: 0 }
    }

    /// The same backend once the service is another one.
    fn again(&self, ground: &Ground) -> Self {
        Self { api: ground.harness.merchant(), reports: self.reports }
    }

    /// Reports an amount of ten-thousandths, `times` over under one key: it counts once.
    fn report(&mut self, meter: &str, amount: u64, occurred_at: Option<Instant>, times: u32) {
        self.reports += 1;
        let amount = Amount::from_ten_thousandths(i64::try_from(amount).expect("small")).expect("small");
        let mut body = json!({ "instance_id": meter, "metric": "sms", "amount": amount.to_string() });
        if let Some(at) = occurred_at {
            body["occurred_at"] = json!(super::ground::text(at));
        }
        let caller = self.api.with("Idempotency-Key", &format!("report-{}", self.reports));
        for _ in 0..times {
            caller.post("/v1/usage", &body).expect(200);
        }
    }
}

impl Ground {
    /// The same as [`Ground::run_until`], with the worker that sums up looking every few minutes.
    fn run_with_sums_until(&self, end: Instant) {
        while self.now() < end {
            let next = self.now() + TimeDelta::minutes(3);
            self.run_until(next.min(end));
            self.sum_up();
        }
    }

    fn sum_up(&self) -> usize {
        self.harness.block_on(self.harness.app.roll_up_usage()).expect("usage is summed up")
    }

    /// What the marketplace counts: value, and how often, by instance, begin and end.
    fn sums(&self) -> Sums {
        let mut sums = BTreeMap::new();
        for checked in self.checked().iter().filter(|checked| checked.code.is_none()) {
            let instant = |name| {
                let digits = NaiveDateTime::parse_from_str(checked.text(name), "%Y%m%dT%H%M%SZ");
                digits.expect("digits").and_utc()
            };
            let key = (checked.text("instance_id").to_owned(), instant("begin_time"), instant("end_time"));
            let value = Amount::parse(checked.text("usage_value")).expect("an amount").ten_thousandths();
            let (sum, times) = sums.entry(key).or_insert((0, 0));
            (*sum, *times) = (*sum + value, *times + 1);
        }
        sums
    }
}

fn metered(ground: &Ground) -> String {
    ground.buy("SMS-COUNTED", Billing::OnDemand)
}

fn hour_of(at: DateTime<Utc>) -> DateTime<Utc> {
    at.trunc_subsecs(0)
        .with_minute(0)
        .and_then(|at| at.with_second(0))
        .expect("every hour has a first second")
}

/// The marketplace's troubles, and the server's own, in a week: (hour, what begins).
fn trouble_at(hour: i64) -> Option<(Trouble, u32)> {
    match hour % 168 {
        9 => Some((Trouble::AnswerLost, 1)),
        21 => Some((Trouble::Status(503), u32::MAX)),
        30 => Some((Trouble::Status(503), 0)),
        47 => Some((Trouble::AnswerLost, u32::MAX)),
        49 => Some((Trouble::AnswerLost, 0)),
        77 => Some((Trouble::Status(406), 2)),
        _ => None,
    }
}

/// Hours of a week in which the server does not run.
fn is_down(hour: i64) -> bool {
    matches!(hour % 168, 60..=65 | 100 | 130..=141)
}

#[test]
fn weeks_of_hourly_usage_are_counted_once_each_hour_within_its_window_through_restarts_and_outages() {
    let mut ground = Ground::new();
    let meters = [metered(&ground), metered(&ground)];
    let (mut backend, mut dice, mut truth) = (Backend::of(&ground), Dice(20_261_130), Truth::new());
    let start = ground.now();
    let hours = i64::from(days()) * 24;
    // What was done while the server was down is reported once it is back, with its own time.
    let mut kept: Vec<(usize, u64, Instant)> = Vec::new();
    let mut untroubled = 0;
    for hour in 0..hours {
        let begins = start + TimeDelta::hours(hour);
        if let Some((trouble, calls)) = trouble_at(hour) {
            ground.harness.world.sandbox.trouble(trouble, calls);
        }
        for minute in [4, 13, 37, 59] {
            let now = begins
                + TimeDelta::minutes(minute)
                + TimeDelta::seconds(i64::try_from(dice.below(60)).expect("small"));
            let (meter, amount) = (usize::from(dice.below(2) == 1), dice.below(90_000) + 1);
            if dice.below(3) == 0 {
                continue;
            }
            if is_down(hour) {
                kept.push((meter, amount, now));
                continue;
            }
            ground.run_with_sums_until(now);
            for (meter, amount, occurred_at) in kept.drain(..) {
                backend.report(&meters[meter], amount, Some(occurred_at), 1);
                *truth.entry((meters[meter].clone(), hour_of(now))).or_default() +=
                    i64::try_from(amount).expect("small");
            }
            backend.report(&meters[meter], amount, None, 1 + u32::from(dice.below(4) == 0));
            *truth.entry((meters[meter].clone(), hour_of(now))).or_default() +=
                i64::try_from(amount).expect("small");
        }
        let next = begins + TimeDelta::hours(1);
        if is_down(hour) {
            ground.harness.world.clock.set(next);
        } else {
            ground.run_with_sums_until(next);
            untroubled += 1;
        }
        if hour % 19 == 7 || (is_down(hour) && !is_down(hour + 1)) {
            ground = ground.restarted();
            backend = backend.again(&ground);
        }
    }
    ground.harness.world.sandbox.trouble(Trouble::Status(503), 0);
    ground.run_with_sums_until(ground.now() + TimeDelta::minutes(75));
    let sums = ground.sums();
    for ((instance, begin, end), (value, times)) in &sums {
        assert_eq!((*end - *begin, *times), (TimeDelta::hours(1), 1), "{instance} {begin}");
        assert_eq!(truth.get(&(instance.clone(), *begin)), Some(value), "{instance} {begin}");
    }
    assert_eq!(sums.len(), truth.len(), "no hour is missing");
    let checked = ground.checked();
    let in_first_window = checked.iter().filter(|checked| {
        assert!(checked.received_at.minute() < 15, "{checked:?}");
        assert!(matches!(checked.code, None | Some("005")), "{checked:?}");
        let end = NaiveDateTime::parse_from_str(checked.text("end_time"), "%Y%m%dT%H%M%SZ").expect("digits");
        checked.code.is_none() && hour_of(checked.received_at) == end.and_utc()
    });
    let (in_first_window, all) = (in_first_window.count(), truth.len());
    assert!(
        in_first_window * 10 >= all * 8,
        "{in_first_window} of {all} hours of {untroubled} went in their first window"
    );
    assert_eq!((ground.listed("waiting").len(), ground.listed("dropped").len()), (0, 0));
    for meter in &meters {
        let all: i64 =
            truth.iter().filter(|((instance, _), _)| instance == meter).map(|(_, value)| value).sum();
        let shown = Amount::from_ten_thousandths(all).expect("small").to_string();
        assert_eq!(ground.usage_info(meter)[0]["usageValue"].to_string(), shown, "what the buyer is shown");
    }
}

#[test]
fn an_hour_of_an_instance_that_begins_or_ends_in_it_is_what_the_instance_has_of_it() {
    let ground = Ground::new();
    ground.run_until(at("2026-01-31T08:20:00Z"));
    let meter = metered(&ground);
    let mut backend = Backend::of(&ground);
    backend.report(&meter, 10_000, None, 1);
    ground.run_with_sums_until(at("2026-01-31T09:30:00Z"));
    backend.report(&meter, 20_000, None, 3);
    ground.run_until(at("2026-01-31T09:40:00Z"));
    assert_eq!(ground.harness.storefront().release(&meter).expect("answered").result_code(), "000000");
    ground.run_with_sums_until(at("2026-01-31T10:20:00Z"));
    let sums: Vec<_> =
        ground.sums().into_iter().map(|((_, begin, end), (value, _))| (begin, end, value)).collect();
    let expected = [
        (at("2026-01-31T08:20:00Z"), at("2026-01-31T09:00:00Z"), 10_000),
        (at("2026-01-31T09:00:00Z"), at("2026-01-31T09:40:00Z"), 20_000),
    ];
    assert_eq!(sums, expected);
}

#[test]
fn a_channel_that_is_billed_by_the_day_has_one_record_for_each_of_its_days() {
    let ground = Ground::with("{ push = \"new\", billing = \"daily\" }");
    let meter = metered(&ground);
    let mut backend = Backend::of(&ground);
    for now in
        ["2026-01-31T09:00:00Z", "2026-01-31T15:59:59Z", "2026-01-31T16:00:00Z", "2026-02-01T12:00:00Z"]
    {
        ground.run_with_sums_until(at(now));
        backend.report(&meter, 10_000, None, 1);
    }
    ground.run_with_sums_until(at("2026-02-01T17:00:00Z"));
    let sums: Vec<_> =
        ground.sums().into_iter().map(|((_, begin, end), (value, _))| (begin, end, value)).collect();
    let expected = [
        (at("2026-01-31T08:00:00Z"), at("2026-01-31T16:00:00Z"), 20_000),
        (at("2026-01-31T16:00:00Z"), at("2026-02-01T16:00:00Z"), 20_000),
    ];
    assert_eq!(sums, expected);
}

#[test]
fn whoever_sums_up_second_finds_nothing_and_where_one_ends_the_hour_is_counted_once() {
    for (write, fault) in
        (1..=4).flat_map(|write| [(write, Fault::Lost), (write, Fault::KeptButReportedLost)])
    {
        let ground = Ground::new();
        let meters = [metered(&ground), metered(&ground)];
        let mut backend = Backend::of(&ground);
        ground.run_until(at("2026-01-31T08:30:00Z"));
        meters.iter().for_each(|meter| backend.report(meter, 70_000, None, 1));
        ground.run_until(at("2026-01-31T09:05:00Z"));
        ground.engine.fail_write(write, fault);
        // It may end before it is done.
        let _ = ground.harness.block_on(ground.harness.app.roll_up_usage());
        ground.run_until_it_fails(at("2026-01-31T09:06:00Z"));
        ground.engine.fail_write(u64::MAX, Fault::Lost);
        let ground = ground.restarted();
        ground.harness.block_on(ground.harness.app.take_back_job_leases()).expect("leases are taken back");
        let other = ground.harness.another_worker(|calls: std::sync::Arc<dyn MarketplaceCalls>| calls);
        let both = ground
            .harness
            .block_on(async { tokio::join!(ground.harness.app.roll_up_usage(), other.roll_up_usage()) });
        assert!(both.0.is_ok() && both.1.is_ok(), "{both:?}");
        assert_eq!(ground.sum_up(), 0, "nothing is left");
        ground.run_until(at("2026-01-31T10:14:00Z"));
        let sums: Vec<_> = ground.sums().into_values().collect();
        assert_eq!(sums, [(70_000, 1), (70_000, 1)], "write {write}, {fault:?}");
    }
}

#[test]
fn an_interval_that_was_recorded_by_hand_stays_and_what_was_summed_up_goes_into_the_next() {
    let ground = Ground::new();
    let meter = metered(&ground);
    let mut backend = Backend::of(&ground);
    ground.run_until(at("2026-01-31T08:30:00Z"));
    backend.report(&meter, 30_000, None, 1);
    ground.run_until(at("2026-01-31T09:00:00Z"));
    ground.record(&[super::ground::hour(&meter, at("2026-01-31T09:00:00Z"), "5")]).expect(200);
    ground.run_with_sums_until(at("2026-01-31T09:30:00Z"));
    backend.report(&meter, 40_000, None, 1);
    ground.run_with_sums_until(at("2026-01-31T10:20:00Z"));
    let sums: Vec<_> = ground.sums().into_iter().map(|((_, begin, _), (value, _))| (begin, value)).collect();
    assert_eq!(sums, [(at("2026-01-31T08:00:00Z"), 50_000), (at("2026-01-31T09:00:00Z"), 70_000)]);
}

#[test]
fn what_the_server_slept_through_is_given_up_with_words_once_the_marketplace_takes_it_no_more() {
    let ground = Ground::new();
    let meter = metered(&ground);
    let mut backend = Backend::of(&ground);
    ground.run_until(at("2026-01-31T08:30:00Z"));
    backend.report(&meter, 30_000, None, 1);
    ground.harness.world.clock.set(at("2026-02-21T07:30:00Z"));
    assert_eq!(ground.sum_up(), 0);
    assert_eq!(ground.sum_up(), 0, "and it is not looked at again");
    let listed = ground.harness.merchant().get("/v1/merchant/licenses").expect(200);
    let path = format!("/v1/merchant/licenses/{}/explanation", listed.text_at("/items/0/id"));
    let events = ground.harness.merchant().get(&path).expect(200).at("/events");
    let dropped: Vec<_> =
        events.as_array().expect("a list").iter().filter(|it| it["kind"] == "usage.dropped").collect();
    assert_eq!(dropped.len(), 1);
    assert_eq!(dropped[0]["detail"]["value"], "3");
    assert!(
        dropped[0]["detail"]["reason"].as_str().is_some_and(|why| why.contains("21 days")),
        "{dropped:?}"
    );
}

#[test]
fn where_packages_stop_each_is_named_and_an_hour_of_two_packages_is_two_intervals() {
    let ground = Ground::with("{ push = \"new\", packages = \"stop-before-excess\" }");
    let meter = metered(&ground);
    let packages =
        [ground.buy("SMS-TEN", Billing::OnDemandPackage), ground.buy("SMS-TEN", Billing::OnDemandPackage)];
    let mut backend = Backend::of(&ground);
    ground.run_with_sums_until(at("2026-01-31T09:30:00Z"));
    backend.report(&meter, 40_000, None, 1);
    ground.run_with_sums_until(at("2026-01-31T10:10:00Z"));
    backend.report(&meter, 110_000, None, 1);
    ground.run_with_sums_until(at("2026-01-31T11:20:00Z"));
    let checked = ground.checked();
    let told: Vec<_> = checked
        .iter()
        .map(|record| {
            let text = |name| record.text(name);
            (
                text("begin_time"),
                text("end_time"),
                text("usage_value"),
                text("relate_pkg_instance"),
                record.code,
            )
        })
        .collect();
    let of = |value: &str| told.iter().find(|record| record.2 == value).copied().expect("it was pushed");
    let first = of("4");
    assert_eq!((first.0, first.1, first.4), ("20260131T090000Z", "20260131T100000Z", None));
    assert!(packages.iter().any(|package| package == first.3));
    let (rest, other) = (of("6"), of("5"));
    assert_eq!((rest.3 == first.3, other.3 == first.3), (true, false), "the rest of one, and then the other");
    let mut halves = [(rest.0, rest.1), (other.0, other.1)];
    halves.sort_unstable();
    assert_eq!(halves, [("20260131T100000Z", "20260131T103000Z"), ("20260131T103000Z", "20260131T110000Z")]);
    assert!(told.iter().all(|record| record.4.is_none()) && told.len() == 3, "{told:?}");
}
