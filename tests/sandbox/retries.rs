//! What the marketplace does with calls that are not answered well, and with dial tests that fail: on a clock that
//! goes from one due instant to the next.
#![expect(clippy::unwrap_used, reason = "a test may fail anywhere, also in its helpers")]

use std::collections::BTreeSet;
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::RawQuery;
use axum::http::{StatusCode, Uri};
use axum::response::IntoResponse as _;
use chrono::{DateTime, TimeDelta, Utc};
use lictor::application::ports::Clock as _;
use lictor::clock::ManualClock;
use lictor::sandbox::address::{Address, AddressKeys};
use lictor::sandbox::courier::{Attempt, Courier, ParcelState};
use lictor::sandbox::dial_tests::{DialTests, Listing, saved_cases};
use lictor::sandbox::judge::Family;
use lictor::sandbox::orders::{Basket, Billing, Period};
use lictor::sandbox::retry::{Afterwards, RETRY_RULES, retry_rule};
use lictor::sandbox::words::Call;
use lictor::sandbox::{OpenApiKeys, Sandbox, Shop, Step};
use serde_json::Value;

const SELLING: [Family; 5] =
    [Family::SaasV2, Family::LicenseOnline, Family::LicenseCode, Family::LicenseV1, Family::SaasV1];

/// What a call is answered, by the number of calls of its activity so far.
type Script = Box<dyn Fn(&str, usize) -> (u16, &'static str) + Send>;

/// Says what it is told to say, and remembers what it heard.
struct Merchant {
    script: Mutex<Script>,
    heard: Mutex<Vec<(String, Value)>>,
}

impl Merchant {
    fn answer(&self, uri: &Uri, query: &str, body: &[u8]) -> (StatusCode, String) {
        let members: Value = serde_json::from_slice(body).unwrap_or_else(|_| {
            let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
            Value::Object(pairs.map(|(name, value)| (name.to_owned(), value.into())).collect())
        });
        let interface = uri.path().rsplit('/').next().unwrap_or_default().to_owned();
        let activity = members["activity"].as_str().map_or(interface, str::to_owned);
        let mut heard = self.heard.lock().unwrap();
        let count = heard.iter().filter(|(known, _)| *known == activity).count();
        heard.push((activity.clone(), members));
        let (status, code) = (self.script.lock().unwrap())(&activity, count);
        let text = format!(r#"{{"resultCode":"{code}","resultMsg":"","instanceId":"i-1","license":"L"}}"#);
        (StatusCode::from_u16(status).unwrap(), text)
    }

    fn of(&self, activity: &str) -> Vec<Value> {
        let heard = self.heard.lock().unwrap();
        heard.iter().filter(|(known, _)| known == activity).map(|(_, members)| members.clone()).collect()
    }
}

struct Ground {
    clock: Arc<ManualClock>,
    sandbox: Sandbox,
    merchant: Arc<Merchant>,
    url: String,
}

fn start() -> DateTime<Utc> {
    "2026-01-31T08:00:00Z".parse().unwrap()
}

impl Ground {
    fn new(script: impl Fn(&str, usize) -> (u16, &'static str) + Send + 'static) -> Self {
        let clock = Arc::new(ManualClock::at(start()));
        let told = Arc::clone(&clock);
        let keys = OpenApiKeys { access_key: "AK".into(), secret_key: "SK".into() };
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let sandbox = Sandbox::start(listener, keys, Arc::new(move || told.now())).unwrap();
        let script = Mutex::new(Box::new(script) as Script);
        let merchant = Arc::new(Merchant { script, heard: Mutex::default() });
        let url = serve(Arc::clone(&merchant));
        Self { clock, sandbox, merchant, url }
    }

    fn shop(&self, family: Family) -> Shop {
        self.sandbox.shop(family, &self.url, AddressKeys::one("key".into()))
    }

    /// Repeats until nothing is on its way.
    fn run(&self, courier: &mut Courier, shop: &Shop) -> Vec<Attempt> {
        courier.run(shop, |due| self.clock.set(due))
    }
}

/// Serves for as long as the test runs.
fn serve(merchant: Arc<Merchant>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}/marketplace", listener.local_addr().unwrap());
    listener.set_nonblocking(true).unwrap();
    let handler = move |RawQuery(query): RawQuery, uri: Uri, body: Bytes| {
        let answer = merchant.answer(&uri, &query.unwrap_or_default(), &body);
        async move { answer.into_response() }
    };
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let router = Router::new().fallback(handler);
            axum::serve(tokio::net::TcpListener::from_std(listener).unwrap(), router).await.unwrap();
        });
    });
    address
}

fn monthly() -> Basket {
    Basket::of("CAD-MONTH", Billing::Period(Period::Months(1)))
}

/// One right call of every activity that is repeated.
fn calls() -> Vec<Call> {
    Family::ALL.into_iter().flat_map(|family| saved_cases(family, start())).collect()
}

fn minutes(attempts: &[Attempt]) -> Vec<i64> {
    attempts.iter().map(|attempt| (attempt.at - start()).num_minutes()).collect()
}

#[test]
fn every_activity_is_repeated_as_its_rule_says_and_then_given_up() {
    let ground = Ground::new(|_, _| (500, ""));
    let mut ruled = 0;
    for call in calls() {
        let rule = retry_rule(call.family, call.activity);
        let shop = ground.shop(call.family);
        ground.clock.set(start());
        let mut courier = Courier::default();
        let parcel = courier.post(call.clone(), start());
        let attempts = ground.run(&mut courier, &shop);
        let expected: Vec<i64> =
            (0..i64::from(rule.tries)).map(|number| number * rule.every.num_minutes()).collect();
        assert_eq!(minutes(&attempts), expected, "{} {}", call.family.name(), call.activity);
        let state = match rule.afterwards {
            Afterwards::Refund => ParcelState::Refunded,
            Afterwards::ManualRestart => ParcelState::WaitsForRestart,
            Afterwards::Nothing => ParcelState::GivenUp,
        };
        assert_eq!(courier.parcel(parcel).state, state, "{} {}", call.family.name(), call.activity);
        ruled += usize::from(RETRY_RULES.contains(&rule));
    }
    // orderNotify of three families and the upgrade of online License have no saved case.
    assert_eq!(ruled, RETRY_RULES.len() - 4);
}

/// The documents' own figures, by the minutes of the last try.
#[test]
fn the_spans_are_those_of_the_documents() {
    for (family, activity, tries, last_minute) in [
        (Family::SaasV2, "newInstance", 4, 180),
        (Family::SaasV2, "upgradeInstance", 4, 180),
        (Family::SaasV2, "refreshInstance", 13, 120),
        (Family::SaasV2, "updateInstanceStatus", 7, 60),
        (Family::SaasV2, "orderNotify", 19, 180),
        (Family::LicenseOnline, "newInstance", 61, 120),
        (Family::LicenseOnline, "updateInstanceStatus", 61, 120),
        (Family::LicenseCode, "refreshLicenseCode", 60, 118),
        (Family::LicenseV1, "getLicense", 4, 180),
        (Family::LicenseV1, "refreshLicense", 1, 0),
        (Family::LicenseV1, "releaseLicense", 1, 0),
        (Family::SaasV1, "newInstance", 61, 180),
        (Family::SaasV1, "expireInstance", 21, 60),
        (Family::KitV1, "tenantSync", 5, 8),
        (Family::KitV2, "authSync", 5, 8),
        (Family::SaasV2, "changeInstanceCheck", 1, 0),
    ] {
        let rule = retry_rule(family, activity);
        let last = rule.every.num_minutes() * i64::from(rule.tries - 1);
        assert_eq!((rule.tries, last), (tries, last_minute), "{} {activity}", family.name());
    }
}

#[test]
fn a_purchase_that_fails_at_first_is_repeated_with_other_business_ids_and_the_same_order() {
    for family in SELLING {
        let purchase = if family == Family::LicenseV1 { "getLicense" } else { "newInstance" };
        let ground = Ground::new(|_, count| if count < 3 { (503, "000005") } else { (200, "000000") });
        let shop = ground.shop(family);
        let mut courier = Courier::default();
        let sale = shop.sell(monthly()).unwrap();
        let parcel = courier.post_purchase(&shop, sale.clone(), start()).unwrap();
        let attempts = ground.run(&mut courier, &shop);
        let every = retry_rule(family, purchase).every.num_minutes();
        assert_eq!(minutes(&attempts), [0, every, 2 * every, 3 * every], "{}", family.name());
        assert_eq!(courier.parcel(parcel).state, ParcelState::Delivered);
        let heard = ground.merchant.of(purchase);
        let distinct = |name: &str| heard.iter().map(|call| call[name].to_string()).collect::<BTreeSet<_>>();
        assert_eq!((distinct("businessId").len(), distinct("orderId").len()), (4, 1));
    }
}

#[test]
fn a_purchase_that_never_succeeds_is_refunded_or_waits_for_a_restart_by_hand() {
    for (family, refunds) in [
        (Family::SaasV2, true),
        (Family::LicenseOnline, true),
        (Family::SaasV1, true),
        (Family::LicenseV1, false),
        (Family::LicenseCode, false),
    ] {
        let ground = Ground::new(|_, _| (200, "000005"));
        let shop = ground.shop(family);
        let mut courier = Courier::default();
        let parcel = courier.post_purchase(&shop, shop.sell(monthly()).unwrap(), start()).unwrap();
        ground.run(&mut courier, &shop);
        let state = courier.parcel(parcel).state;
        let name = family.name();
        assert_eq!(state == ParcelState::Refunded, refunds, "{name}");
        assert_eq!(courier.parcels().len(), 1, "{name}: no instance was named, so none is released");
        if !refunds {
            assert_eq!(state, ParcelState::WaitsForRestart, "{name}");
            *ground.merchant.script.lock().unwrap() = Box::new(|_, _| (200, "000000"));
            courier.restart(parcel, ground.clock.now());
            assert_eq!(ground.run(&mut courier, &shop).len(), 1);
            assert_eq!(courier.parcel(parcel).state, ParcelState::Delivered, "{name}");
        }
    }
}

/// Answered "in progress" for ever: the instance has a name, so the refund releases it.
#[test]
fn a_refund_releases_what_has_a_name_and_names_the_order_that_unsubscribed() {
    for (family, release, names_order) in
        [(Family::LicenseOnline, "releaseInstance", true), (Family::SaasV1, "releaseInstance", false)]
    {
        let ground =
            Ground::new(|activity, _| (200, if activity == "newInstance" { "000004" } else { "000000" }));
        let shop = ground.shop(family);
        let mut courier = Courier::default();
        let sale = shop.sell(monthly()).unwrap();
        let parcel = courier.post_purchase(&shop, sale.clone(), start()).unwrap();
        ground.run(&mut courier, &shop);
        assert_eq!(courier.parcel(parcel).state, ParcelState::Refunded, "{}", family.name());
        let [released] = &ground.merchant.of(release)[..] else { panic!("{}", family.name()) };
        assert_eq!(released["instanceId"], "i-1");
        assert_eq!(released["orderId"] != sale.order.order_id.as_str(), names_order);
        assert!(released["orderId"].is_string());
    }
}

#[test]
fn an_instance_that_is_being_made_is_polled_until_its_data_come() {
    let ground = Ground::new(|activity, count| match activity {
        "newInstance" => (200, "000004"),
        _ => (200, if count < 5 { "000004" } else { "000000" }),
    });
    let shop = ground.shop(Family::SaasV2);
    let mut courier = Courier::default();
    courier.post_purchase(&shop, shop.sell(monthly()).unwrap(), start()).unwrap();
    let attempts = ground.run(&mut courier, &shop);
    assert_eq!(ground.merchant.of("newInstance").len(), 1, "000004 is an answer");
    assert_eq!(minutes(&attempts), [0, 0, 2, 4, 6, 8, 10]);
    assert!(courier.parcels().iter().all(|parcel| parcel.state == ParcelState::Delivered));
}

#[test]
fn an_upgrade_that_fails_is_refunded_and_leaves_the_instance_alone() {
    let ground =
        Ground::new(|activity, _| (200, if activity == "newInstance" { "000000" } else { "000005" }));
    let shop = ground.shop(Family::SaasV2);
    let (mut sale, _) = shop.buy(monthly()).unwrap();
    let mut courier = Courier::default();
    let call = shop.call_for(&mut sale, &Step::Upgrade(monthly()), start()).unwrap().unwrap();
    let parcel = courier.post(call, start());
    ground.run(&mut courier, &shop);
    assert_eq!(courier.parcel(parcel).state, ParcelState::Refunded);
    assert_eq!(ground.merchant.of("releaseInstance").len(), 0);
}

#[test]
fn an_address_that_is_not_there_is_tried_again_like_one_that_fails() {
    let ground = Ground::new(|_, _| (200, "000000"));
    let nowhere = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let shop =
        ground.sandbox.shop(Family::SaasV2, &format!("http://{nowhere}/m"), AddressKeys::one("k".into()));
    let mut courier = Courier::default();
    let parcel = courier.post_purchase(&shop, shop.sell(monthly()).unwrap(), start()).unwrap();
    assert_eq!(ground.run(&mut courier, &shop).len(), 4);
    assert_eq!(courier.parcel(parcel).state, ParcelState::Refunded);
    assert!(!courier.parcel(parcel).last.is_empty());
}

fn address(ground: &Ground) -> Address {
    ground.shop(Family::SaasV2).address().clone()
}

/// Steps through dial tests until `until` or until nothing is due; gives the instants.
fn dial(ground: &Ground, tests: &mut DialTests, until: DateTime<Utc>) -> Vec<DateTime<Utc>> {
    let mut rounds = Vec::new();
    while let Some(due) = tests.next_due().filter(|due| *due < until) {
        ground.clock.set(due);
        assert!(tests.step(&address(ground), due).is_some());
        rounds.push(due);
    }
    rounds
}

#[test]
fn saved_cases_are_replayed_every_morning_and_afternoon_marked_as_tests() {
    for family in Family::ALL {
        let ground = Ground::new(|_, _| (200, "000000"));
        let cases = saved_cases(family, start());
        let mut tests = DialTests::new(cases.clone(), start());
        let rounds = dial(&ground, &mut tests, start() + TimeDelta::days(10));
        assert_eq!(rounds.len(), 20, "{}", family.name());
        assert_eq!((tests.listing(), tests.failing_days()), (Listing::OnSale, 0));
        let heard = ground.merchant.heard.lock().unwrap();
        assert_eq!(heard.len(), 20 * cases.len());
        for (activity, members) in heard.iter() {
            assert!(members["testFlag"] == "1" || members["testFlag"] == 1, "{activity}");
        }
    }
}

#[test]
fn five_days_of_failing_dial_tests_hide_the_product_and_a_repaired_one_is_listed_again() {
    let ground =
        Ground::new(|activity, _| (200, if activity == "releaseInstance" { "000005" } else { "000000" }));
    let mut tests = DialTests::new(saved_cases(Family::SaasV2, start()), start());
    let rounds = dial(&ground, &mut tests, start() + TimeDelta::days(30));
    assert_eq!(rounds.len(), 10, "five whole days: the first begins the next morning");
    assert_eq!(tests.listing(), Listing::Hidden { since: rounds[9] });
    assert_eq!(tests.next_due(), None, "what is not on sale is left alone");
    *ground.merchant.script.lock().unwrap() = Box::new(|_, _| (200, "000000"));
    tests.list_again(ground.clock.now());
    assert!(!dial(&ground, &mut tests, ground.clock.now() + TimeDelta::days(3)).is_empty());
    assert_eq!(tests.listing(), Listing::OnSale);
}

#[test]
fn one_good_day_among_bad_ones_starts_the_count_anew() {
    let bad_until = Arc::new(Mutex::new(0));
    let rounds_heard = Arc::clone(&bad_until);
    let ground = Ground::new(move |activity, _| {
        let mut calls = rounds_heard.lock().unwrap();
        *calls += usize::from(activity == "newInstance");
        // The fourth day is good.
        (200, if matches!(*calls, 7 | 8) { "000000" } else { "000001" })
    });
    let mut tests = DialTests::new(saved_cases(Family::SaasV2, start()), start());
    let rounds = dial(&ground, &mut tests, start() + TimeDelta::days(30));
    assert_eq!(rounds.len(), 2 * (3 + 1 + 5));
}
