//! Quota over HTTP: reports, repeats, reservations, and what is shown of packages.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use lictor::application::ports::{ABSENT, Commit, Store as _, Versioned, find};
use lictor::application::record::RecordKey;
use lictor::domain::{
    Amount, AuditEvent, License, LicenseId, MerchantId, Overage, QuotaAccount, QuotaPackage, QuotaTemplate,
    ResetWindow, Scope, Term, WindowAlignment,
};
use serde_json::{Value, json};

use crate::support::Harness;
use crate::support::api::{Answer, Api};
use crate::support::people::{activate, command, issue};

const USAGE: &str = "/v1/usage";
const RESERVATIONS: &str = "/v1/usage/reservations";
const DAY: Duration = Duration::from_secs(86_400);

/// More specs of `acme`, each with quota of its own kind.
const METERED: &str = r#"
[merchant]
id = "acme"
name = "Acme Software"
issuer = "https://license.acme.example"

[[spec]]
id = "large"
product = "acme-cad"
name = "For a year"
term = "P1Y"
[[spec.quota]]
metric = "pages"
unit = "page"
amount = 100
reset = "none"

[[spec]]
id = "counts-on"
product = "acme-cad"
name = "What is beyond is counted"
term = "P1M"
[[spec.quota]]
metric = "pages"
unit = "page"
amount = 10
reset = "none"
overage = "count"

[[spec]]
id = "alerts"
product = "acme-cad"
name = "Its merchant is told"
term = "P1Y"
[[spec.quota]]
metric = "pages"
unit = "page"
amount = 10
reset = "day"
alert_percent = [50, 80]
[[spec.quota]]
metric = "calls"
unit = "call"
amount = 3
reset = "none"
"#;

fn metered() -> Harness {
    let harness = Harness::start();
    harness.apply(METERED);
    harness
}

fn keyed(api: &Api, key: &str) -> Api {
    api.with("Idempotency-Key", key)
}

fn pages(amount: Value) -> Value {
    json!({ "metric": "pages", "amount": amount })
}

/// A license with a large package, and beside it one of ten pages each day that was bought by itself.
fn with_two_packages(harness: &Harness) -> Answer {
    let license = issue(harness, "large");
    let merchant = MerchantId::parse("acme").expect("valid");
    let id = LicenseId::parse(&license.text_at("/id")).expect("valid");
    let key = RecordKey::License(merchant, id);
    let sold: Versioned<License> =
        harness.block_on(find(harness.store.as_ref(), key)).expect("it can be read").expect("it is there");
    let mut account = QuotaAccount::open(&sold.value);
    let template = QuotaTemplate {
        metric: "pages".into(),
        unit: "page".into(),
        amount: Amount::parse("10").expect("valid"),
        reset: ResetWindow::Day,
        window: WindowAlignment::Calendar,
        overage: Overage::Stop,
        alert_percent: vec![],
    };
    let term = Term::parse("P1Y").expect("valid");
    let package = QuotaPackage::bought(&template, 1, term, sold.value.validity).expect("small");
    let bought = package.bought_in_all().ok();
    account.attach(&LicenseId::from_uuid(77), package, bought);
    harness.block_on(harness.store.commit(Commit::new().put(account, ABSENT))).expect("it is stored");
    license
}

/// The packages of a license as its merchant sees them.
fn packages(harness: &Harness, license: &Answer) -> Vec<Value> {
    let path = format!("/v1/merchant/licenses/{}", license.text_at("/id"));
    let shown = harness.merchant().get(&path).expect(200);
    let packages = shown.at("/quota").as_array().expect("a list").clone();
    for package in &packages {
        let part = |name: &str| (package[name].as_f64().unwrap_or(0.0) * 10_000.0).round();
        let parts = ["used", "reserved", "left", "expired", "refunded"].map(part);
        if !package["total"].is_null() {
            assert!((part("total") - parts.iter().sum::<f64>()).abs() < 0.5, "{package}");
        }
        assert!(parts.iter().all(|part| *part >= 0.0), "{package}");
    }
    packages
}

fn events(harness: &Harness, license: &Answer) -> Vec<String> {
    let (merchant, id) = (license.text_at("/merchant"), license.text_at("/id"));
    let merchant = MerchantId::parse(&merchant).expect("valid");
    let id = LicenseId::parse(&id).expect("valid");
    let events = harness.block_on(harness.app.license_events(&merchant, &id)).expect("they can be read");
    let shown = |event: &AuditEvent| {
        let percent = event.detail.get("percent").map(|percent| format!(" {percent}")).unwrap_or_default();
        format!("{}{percent}", event.kind.as_str())
    };
    events.iter().map(shown).filter(|event| event.starts_with("quota.")).collect()
}

#[test]
fn a_report_counts_once_and_its_repeat_is_answered_as_the_first_time() {
    let harness = metered();
    let license = issue(&harness, "cad-year");
    let api = harness.customer(&license.text_at("/license_key"));
    let report = json!({ "metric": "render-minutes", "amount": 0.25 });
    let first = keyed(&api, "a").post(USAGE, &report).expect(200);
    let package = license.text_at("/id").replace("lic_", "pkg_") + "_0";
    let expected = json!({
        "granted": 0.25, "left": 1000.25, "window_ends_at": "2026-02-28T08:00:00Z",
        "metrics": [{
            "metric": "render-minutes", "granted": 0.25, "left": 1000.25, "window_ends_at": "2026-02-28T08:00:00Z",
        }],
        "packages": [{
            "id": package, "metric": "render-minutes", "amount": 0.25, "overage": 0,
            "window_starts_at": "2026-01-31T08:00:00Z", "window_ends_at": "2026-02-28T08:00:00Z",
            "window_left": 1000.25,
        }],
    });
    assert_eq!(first.json(), expected);
    keyed(&api, "b").post(USAGE, &json!({ "metric": "render-minutes", "amount": "100" })).expect(200);
    // A number that is written another way is the same report.
    let again = json!({ "amount": "0.2500", "metric": "render-minutes" });
    assert_eq!(keyed(&api, "a").post(USAGE, &again).expect(200).json(), expected);
    let shown = &packages(&harness, &license)[0];
    assert_eq!((&shown["used"], &shown["left"]), (&json!(100.25), &json!(11905.75)));
    assert_eq!((&shown["window_used"], &shown["window_left"]), (&json!(100.25), &json!(900.25)));
    let other = json!({ "metric": "render-minutes", "amount": 0.26 });
    keyed(&api, "a").post(USAGE, &other).expect_problem(409, "idempotency_conflict");
    assert_eq!(packages(&harness, &license)[0]["used"], json!(100.25));
}

#[test]
fn the_same_key_of_two_licenses_is_two_reports() {
    let harness = metered();
    for _ in 0..2 {
        let license = issue(&harness, "counts-on");
        let api = harness.customer(&license.text_at("/license_key"));
        keyed(&api, "1").post(USAGE, &pages(json!(4))).expect(200);
        assert_eq!(packages(&harness, &license)[0]["used"], json!(4));
    }
}

#[test]
fn the_package_whose_window_ends_first_pays_first_and_a_report_is_split() {
    let harness = metered();
    let license = with_two_packages(&harness);
    let api = harness.customer(&license.text_at("/license_key"));
    let used = keyed(&api, "a").post(USAGE, &pages(json!(25))).expect(200);
    let paid = |answer: &Answer| {
        let packages = answer.at("/packages");
        let packages = packages.as_array().expect("a list").iter();
        packages
            .map(|package| (package["amount"].clone(), package["window_ends_at"].clone()))
            .collect::<Vec<_>>()
    };
    let (day, year) = (json!("2026-02-01T00:00:00Z"), json!("2027-01-31T08:00:00Z"));
    assert_eq!(paid(&used), [(json!(10), day.clone()), (json!(15), year.clone())]);
    assert_eq!((used.at("/left"), used.at("/window_ends_at")), (json!(85), day));
    // The next day has its own ten; what was not used of the day before is gone.
    harness.world.clock.advance(DAY);
    let used = keyed(&api, "b").post(USAGE, &pages(json!(3))).expect(200);
    assert_eq!(paid(&used), [(json!(3), json!("2026-02-02T00:00:00Z"))]);
    let shown = packages(&harness, &license);
    assert_eq!((&shown[1]["used"], &shown[1]["expired"]), (&json!(13), &json!(0)));
    harness.world.clock.advance(DAY);
    assert_eq!(packages(&harness, &license)[1]["expired"], json!(0));
}

#[test]
pub fn at_the_limit_nothing_is_counted_and_the_refusal_says_what_is_left_and_when_it_resets() {
    let harness = metered();
    let license = issue(&harness, "cad-year");
    let api = harness.customer(&license.text_at("/license_key"));
    let minutes = |amount: f64| json!({ "metric": "render-minutes", "amount": amount });
    keyed(&api, "a").post(USAGE, &minutes(1000.0)).expect(200);
    let refused = keyed(&api, "b").post(USAGE, &minutes(1.0)).expect_problem(409, "quota_exhausted");
    assert_eq!((refused.at("/left"), refused.at("/metric")), (json!(0.5), json!("render-minutes")));
    assert_eq!(refused.at("/window_ends_at"), "2026-02-28T08:00:00Z");
    assert_eq!(
        (refused.at("/resets_at"), refused.at("/next_action")),
        (json!("2026-02-28T08:00:00Z"), json!("retry"))
    );
    assert_eq!(refused.at("/pointer"), "/amount");
    keyed(&api, "d").post(RESERVATIONS, &minutes(1.0)).expect_problem(409, "quota_exhausted");
    keyed(&api, "c").post(USAGE, &minutes(0.5)).expect(200);
    // All of a list or nothing of it.
    let list = json!({ "items": [minutes(0.0001)] });
    let refused = keyed(&api, "d").post(USAGE, &list).expect_problem(409, "quota_exhausted");
    assert_eq!(refused.at("/pointer"), "/items/0/amount");
    assert_eq!(packages(&harness, &license)[0]["used"], json!(1000.5));
    // What was refused was not counted under its key: in the next window it is.
    harness.world.clock.advance(28 * DAY);
    keyed(&api, "b").post(USAGE, &minutes(1.0)).expect(200);
    let shown = &packages(&harness, &license)[0];
    assert_eq!(
        (&shown["used"], &shown["window_used"], &shown["expired"]),
        (&json!(1001.5), &json!(1), &json!(0))
    );
}

#[test]
fn what_is_beyond_a_package_that_counts_on_is_counted_apart() {
    let harness = metered();
    let license = issue(&harness, "counts-on");
    let api = harness.customer(&license.text_at("/license_key"));
    let used = keyed(&api, "a").post(USAGE, &pages(json!(12.5))).expect(200);
    assert_eq!((used.at("/granted"), used.at("/left")), (json!(12.5), json!(0)));
    assert_eq!((used.at("/packages/0/amount"), used.at("/packages/0/overage")), (json!(10), json!(2.5)));
    keyed(&api, "b").post(USAGE, &pages(json!(1))).expect(200);
    let shown = &packages(&harness, &license)[0];
    assert_eq!(
        (&shown["used"], &shown["left"], &shown["overage_used"]),
        (&json!(10), &json!(0), &json!(3.5))
    );
}

#[test]
fn everything_that_is_wrong_with_a_report_is_pointed_at_and_nothing_is_counted() {
    let harness = metered();
    let license = issue(&harness, "counts-on");
    let api = keyed(&harness.customer(&license.text_at("/license_key")), "a");
    for (body, pointer) in [
        (json!({ "metric": "pages", "amount": 0 }), "/amount"),
        (json!({ "metric": "pages", "amount": -1 }), "/amount"),
        (json!({ "metric": "pages", "amount": 0.00001 }), "/amount"),
        (json!({ "metric": "pages", "amount": "1e3" }), "/amount"),
        (json!({ "metric": "pages", "amount": 900_000_000_000_u64 }), "/amount"),
        (json!({ "metric": "pages", "amount": "x" }), "/amount"),
        (json!({ "metric": "pages" }), "/amount"),
        (json!({ "amount": 1 }), "/metric"),
        (json!({ "metric": "sheets", "amount": 1 }), "/metric"),
        (json!({ "metric": "pages", "amount": 1, "occured_at": "2026-01-31T08:00:00Z" }), "/occured_at"),
        (json!({ "metric": "pages", "amount": 1, "occurred_at": "yesterday" }), "/occurred_at"),
        (json!({ "metric": "pages", "amount": 1, "occurred_at": "2026-01-31T09:00:00Z" }), "/occurred_at"),
        (json!({ "items": [] }), "/items"),
        (json!({ "items": [{ "metric": "pages", "amount": 1 }], "metric": "pages", "amount": 1 }), "/items"),
        (
            json!({ "items": [{ "metric": "pages", "amount": 1 }, { "metric": "pages", "amount": 0 }] }),
            "/items/1/amount",
        ),
        (
            json!({ "items": [{ "metric": "pages", "amount": 1 }, { "metric": "x", "amount": 1 }] }),
            "/items/1/metric",
        ),
        (json!({ "items": vec![json!({ "metric": "pages", "amount": 1 }); 1_001] }), "/items"),
        (json!({ "metric": "pages", "amount": 1, "license_id": license.at("/id") }), "/license_id"),
    ] {
        let refused = api.post(USAGE, &body).expect_problem(422, "invalid_request");
        assert_eq!(refused.at("/pointer"), pointer, "{body}: {refused:?}");
    }
    let body = json!({ "metric": "pages", "amount": 1, "occurred_at": "2026-01-01T07:59:59Z" });
    let refused = api.post(USAGE, &body).expect_problem(422, "usage_too_old");
    assert_eq!(refused.at("/pointer"), "/occurred_at");
    let unnamed = harness.customer(&license.text_at("/license_key"));
    let refused = unnamed.post(USAGE, &pages(json!(1))).expect_problem(422, "invalid_request");
    assert!(refused.text_at("/reason").contains("Idempotency-Key"));
    assert_eq!(packages(&harness, &license)[0]["used"], json!(0));
    // None of them has used up the key.
    api.post(USAGE, &pages(json!(1))).expect(200);
}

#[test]
fn a_late_report_counts_in_the_window_in_which_it_happened() {
    let harness = metered();
    let license = issue(&harness, "alerts");
    let api = harness.customer(&license.text_at("/license_key"));
    harness.world.clock.advance(3 * DAY);
    let late = |amount: u32, at: &str| json!({ "metric": "pages", "amount": amount, "occurred_at": at });
    let used = keyed(&api, "a").post(USAGE, &late(9, "2026-02-01T09:00:00Z")).expect(200);
    assert_eq!(used.at("/packages/0/window_starts_at"), "2026-02-01T08:00:00Z");
    // What is left is told of the present window.
    assert_eq!((used.at("/left"), used.at("/window_ends_at")), (json!(10), json!("2026-02-04T08:00:00Z")));
    let refused = keyed(&api, "b").post(USAGE, &late(2, "2026-02-02T07:59:59Z"));
    refused.expect_problem(409, "quota_exhausted");
    keyed(&api, "b").post(USAGE, &late(2, "2026-02-02T08:00:00Z")).expect(200);
    let shown = &packages(&harness, &license)[0];
    assert_eq!(
        (&shown["used"], &shown["window_used"], &shown["expired"]),
        (&json!(11), &json!(0), &json!(19))
    );
    // Before there was a package, nothing pays.
    let refused = keyed(&api, "c").post(USAGE, &late(1, "2026-01-31T07:59:59Z"));
    refused.expect_problem(409, "quota_exhausted");
}

#[test]
fn a_report_of_a_thousand_items_is_one_report() {
    let harness = metered();
    let license = issue(&harness, "alerts");
    let api = harness.customer(&license.text_at("/license_key"));
    harness.world.clock.advance(20 * DAY);
    let start: DateTime<Utc> = "2026-01-31T08:00:00Z".parse().expect("valid");
    let item = |number: i64| {
        let at = (start + TimeDelta::minutes(28 * number)).to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
        json!({ "metric": "pages", "amount": "0.1", "occurred_at": at })
    };
    let mut items: Vec<Value> = (0..999).map(item).collect();
    items.push(json!({ "metric": "calls", "amount": 2 }));
    let list = json!({ "items": items });
    let used = keyed(&api, "a").post(USAGE, &list).expect(200);
    assert_eq!((used.at("/granted"), used.at("/left")), (Value::Null, Value::Null));
    assert_eq!(used.at("/metrics/0/granted"), json!(99.9));
    assert_eq!(
        used.at("/metrics/1"),
        json!({
            "metric": "calls", "granted": 2, "left": 1, "window_ends_at": "2027-01-31T08:00:00Z",
        })
    );
    assert_eq!(keyed(&api, "a").post(USAGE, &list).expect(200).json(), used.json());
    let shown = packages(&harness, &license);
    assert_eq!((&shown[0]["used"], &shown[1]["used"]), (&json!(99.9), &json!(2)));
}

#[test]
fn a_merchant_is_told_once_of_each_percentage_in_each_window() {
    let harness = metered();
    let license = issue(&harness, "alerts");
    let api = harness.customer(&license.text_at("/license_key"));
    let mut told = Vec::new();
    for (key, amount, more) in [
        ("a", 4.9999, vec![]),
        ("b", 0.0001, vec!["quota.low 50"]),
        ("c", 4.0, vec!["quota.low 80"]),
        ("d", 1.0, vec!["quota.exhausted 100"]),
    ] {
        keyed(&api, key).post(USAGE, &pages(json!(amount))).expect(200);
        told.extend(more);
        assert_eq!(events(&harness, &license), told, "{key}");
    }
    harness.world.clock.advance(DAY);
    keyed(&api, "e").post(USAGE, &pages(json!(10))).expect(200);
    told.extend(["quota.low 50", "quota.low 80", "quota.exhausted 100"]);
    assert_eq!(events(&harness, &license), told);
}

#[test]
fn whoever_may_report_is_known_by_key_code_certificate_or_token() {
    let harness = metered();
    let license = with_two_packages(&harness);
    let key = license.text_at("/license_key");
    let certificate = activate(&harness.anonymous(), &key, 1, "n").expect(201).text_at("/certificate");
    let code = license.text_at("/claim_code");
    for (number, credential) in [&key, &code, &certificate].into_iter().enumerate() {
        let api = keyed(&harness.customer(credential), &format!("header {number}"));
        api.post(USAGE, &pages(json!(1))).expect(200);
    }
    for (member, credential) in [("license_key", &key), ("claim_code", &code), ("certificate", &certificate)]
    {
        let mut body = pages(json!(1));
        body[member] = json!(credential);
        keyed(&harness.anonymous(), member).post(USAGE, &body).expect(200);
    }
    let mut named = pages(json!(1));
    named["license_id"] = license.at("/id");
    let backend = harness.bearer(&harness.token(&[Scope::Usage]));
    keyed(&backend, "backend").post(USAGE, &named).expect(200);
    let used: f64 = packages(&harness, &license).iter().filter_map(|package| package["used"].as_f64()).sum();
    assert!((used - 7.0).abs() < 0.001, "{used}");

    let reader = harness.bearer(&harness.token(&[Scope::Read]));
    keyed(&reader, "r").post(USAGE, &named).expect_problem(403, "scope_missing");
    keyed(&backend, "r").post(USAGE, &pages(json!(1))).expect_problem(422, "invalid_request");
    let mut unknown = pages(json!(1));
    unknown["instance_id"] = json!("no-such-instance");
    keyed(&backend, "r").post(USAGE, &unknown).expect_problem(404, "not_found");
    let foreign = keyed(&harness.customer(&key.replace('.', ".x")), "r");
    foreign.post(USAGE, &pages(json!(1))).expect_problem(401, "license_key_refused");
    keyed(&harness.anonymous(), "r").post(USAGE, &pages(json!(1))).expect_problem(422, "invalid_request");
}

#[test]
pub fn a_license_that_is_stopped_uses_nothing_and_goes_on_where_it_was() {
    let harness = metered();
    let license = issue(&harness, "counts-on");
    let (id, api) = (license.text_at("/id"), harness.customer(&license.text_at("/license_key")));
    keyed(&api, "a").post(USAGE, &pages(json!(3))).expect(200);
    command(&harness, &id, "suspend", &json!({})).expect(200);
    keyed(&api, "b").post(USAGE, &pages(json!(1))).expect_problem(403, "license_suspended");
    command(&harness, &id, "resume", &json!({})).expect(200);
    keyed(&api, "b").post(USAGE, &pages(json!(1))).expect(200);
    command(&harness, &id, "revoke", &json!({ "reason": "chargeback" })).expect(200);
    keyed(&api, "c").post(USAGE, &pages(json!(1))).expect_problem(403, "license_revoked");
    let shown = &packages(&harness, &license)[0];
    assert_eq!((&shown["used"], &shown["left"], &shown["refunded"]), (&json!(4), &json!(0), &json!(6)));
    assert_eq!(shown["window_left"], json!(0));
    // However often it is looked at, and however late.
    harness.world.clock.advance(90 * DAY);
    assert_eq!(packages(&harness, &license)[0]["refunded"], json!(6));
}

#[test]
fn an_expired_license_uses_nothing_and_what_was_left_has_expired() {
    let harness = metered();
    let license = issue(&harness, "counts-on");
    let api = harness.customer(&license.text_at("/license_key"));
    keyed(&api, "a").post(USAGE, &pages(json!(3))).expect(200);
    harness.world.clock.advance(28 * DAY);
    keyed(&api, "b").post(USAGE, &pages(json!(1))).expect_problem(403, "license_expired");
    let shown = &packages(&harness, &license)[0];
    assert_eq!(
        (&shown["left"], &shown["expired"], &shown["window_ends_at"]),
        (&json!(0), &json!(7), &Value::Null)
    );
}

#[test]
pub fn what_is_reserved_is_used_by_nobody_else_until_it_is_confirmed_or_given_back() {
    let harness = metered();
    let license = with_two_packages(&harness);
    let api = harness.customer(&license.text_at("/license_key"));
    let made = keyed(&api, "r").post(RESERVATIONS, &pages(json!(15))).expect(200);
    assert_eq!((made.at("/state"), made.at("/until")), (json!("open"), json!("2026-01-31T09:00:00Z")));
    assert_eq!(
        (made.at("/amount"), made.at("/granted"), made.at("/left")),
        (json!(15), json!(15), json!(95))
    );
    assert_eq!(keyed(&api, "r").post(RESERVATIONS, &pages(json!(15))).expect(200).json(), made.json());
    let shown = packages(&harness, &license);
    assert_eq!(
        (&shown[0]["reserved"], &shown[0]["left"], &shown[0]["used"]),
        (&json!(5), &json!(95), &json!(0))
    );
    assert_eq!((&shown[1]["reserved"], &shown[1]["window_left"]), (&json!(10), &json!(0)));
    keyed(&api, "u").post(USAGE, &pages(json!(96))).expect_problem(409, "quota_exhausted");

    let path = format!("{RESERVATIONS}/{}", made.text_at("/id"));
    let confirm = |amount: f64| api.post(&format!("{path}/confirm"), &json!({ "amount": amount }));
    assert_eq!(confirm(15.5).expect_problem(422, "invalid_request").at("/pointer"), "/amount");
    let confirmed = confirm(12.5).expect(200);
    assert_eq!((confirmed.at("/state"), confirmed.at("/granted")), (json!("confirmed"), json!(12.5)));
    assert_eq!(confirmed.at("/left"), json!(97.5));
    assert_eq!(confirm(12.5).expect(200).json(), confirmed.json());
    confirm(12.0).expect_problem(409, "illegal_state");
    api.post(&format!("{path}/release"), &json!({})).expect_problem(409, "illegal_state");
    let shown = packages(&harness, &license);
    assert_eq!(
        (&shown[0]["used"], &shown[0]["reserved"], &shown[0]["left"]),
        (&json!(2.5), &json!(0), &json!(97.5))
    );
    assert_eq!((&shown[1]["used"], &shown[1]["reserved"]), (&json!(10), &json!(0)));

    let made = keyed(&api, "s").post(RESERVATIONS, &pages(json!(7))).expect(200);
    let path = format!("{RESERVATIONS}/{}", made.text_at("/id"));
    assert_eq!(packages(&harness, &license)[0]["reserved"], json!(7));
    for _ in 0..2 {
        let released = api.post(&format!("{path}/release"), &json!({})).expect(200);
        assert_eq!(released.at("/state"), "released");
    }
    assert_eq!(packages(&harness, &license)[0]["left"], json!(97.5));
    api.post(&format!("{path}/confirm"), &json!({ "amount": 1 })).expect_problem(409, "illegal_state");
    let unknown = made.text_at("/id").replace("rsv_0", "rsv_1");
    api.post(&format!("{RESERVATIONS}/{unknown}/release"), &json!({})).expect_problem(404, "not_found");
}

#[test]
fn an_unconfirmed_reservation_lapses_by_time_and_its_units_are_there_again() {
    let harness = metered();
    let license = issue(&harness, "alerts");
    let api = harness.customer(&license.text_at("/license_key"));
    let calls =
        |amount: u32, secs: u32| json!({ "metric": "calls", "amount": amount, "lifetime_secs": secs });
    let made = keyed(&api, "r").post(RESERVATIONS, &calls(3, 60)).expect(200);
    keyed(&api, "u")
        .post(USAGE, &json!({ "metric": "calls", "amount": 1 }))
        .expect_problem(409, "quota_exhausted");
    harness.world.clock.advance(Duration::from_secs(60));
    // Shown as free before anybody has given it back.
    let shown = &packages(&harness, &license)[1];
    assert_eq!((&shown["reserved"], &shown["left"]), (&json!(0), &json!(3)));
    let used = keyed(&api, "u").post(USAGE, &json!({ "metric": "calls", "amount": 1 })).expect(200);
    assert_eq!(used.at("/left"), json!(2));
    let path = format!("{RESERVATIONS}/{}/confirm", made.text_at("/id"));
    api.post(&path, &json!({ "amount": 3 })).expect_problem(409, "illegal_state");
    for secs in [0, 7 * 86_400 + 1] {
        let refused =
            keyed(&api, "x").post(RESERVATIONS, &calls(1, secs)).expect_problem(422, "invalid_request");
        assert_eq!(refused.at("/pointer"), "/lifetime_secs");
    }
    // The sweep gives back what nobody has asked for, and forgets reports and reservations in time.
    keyed(&api, "s").post(RESERVATIONS, &calls(2, 60)).expect(200);
    harness.world.clock.advance(DAY);
    harness.block_on(harness.app.sweep_lapsed()).expect("it sweeps");
    let shown = &packages(&harness, &license)[1];
    assert_eq!((&shown["used"], &shown["reserved"], &shown["left"]), (&json!(1), &json!(0), &json!(2)));
    harness.world.clock.advance(32 * DAY);
    assert!(harness.block_on(harness.app.sweep_lapsed()).expect("it sweeps") >= 5);
    assert_eq!(packages(&harness, &license)[1]["left"], json!(2));
}

#[test]
fn a_repeat_is_answered_as_the_first_time_for_thirty_one_days() {
    let harness = metered();
    let license = issue(&harness, "alerts");
    let api = harness.customer(&license.text_at("/license_key"));
    let report = json!({ "metric": "calls", "amount": 1, "occurred_at": "2026-01-31T08:00:00Z" });
    let first = keyed(&api, "a").post(USAGE, &report).expect(200);
    harness.world.clock.advance(31 * DAY - Duration::from_secs(1));
    harness.block_on(harness.app.sweep_lapsed()).expect("it sweeps");
    assert_eq!(keyed(&api, "a").post(USAGE, &report).expect(200).json(), first.json());
    // Then it is forgotten, and too old to count again.
    harness.world.clock.advance(Duration::from_secs(1));
    keyed(&api, "a").post(USAGE, &report).expect_problem(422, "usage_too_old");
    assert_eq!(packages(&harness, &license)[1]["used"], json!(1));
}
