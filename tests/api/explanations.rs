//! Why a license was valid or not: asked afterwards, it is what was really answered then.

use std::time::Duration;

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use lictor::application::ports::Clock as _;
use lictor::domain::Scope;
use lictor::sandbox::Storefront;
use lictor::sandbox::orders::{Basket, Billing, Period};
use lictor::store::MemoryEngine;
use serde_json::{Value, json};

use crate::support::people::{command, issue};
use crate::support::{Engine, Harness, World, acme};

const DAY: i64 = 86_400;

/// A moment of the license's life and what its holders were told.
struct Point {
    when: DateTime<Utc>,
    what: &'static str,
    /// By its merchant's current key, and by the very first one.
    told: [Value; 2],
    keys: [String; 2],
}

struct Life {
    harness: Harness,
    shop: Storefront,
    license: String,
    instance: String,
    first_key: String,
    points: Vec<Point>,
}

fn text(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// The `jti` of a license key.
fn id_of(license_key: &str) -> String {
    let payload = license_key.split('.').nth(1).and_then(license_token::base64url::decode);
    let claims: Value = serde_json::from_slice(&payload.expect("three segments")).expect("claims are JSON");
    claims["jti"].as_str().expect("a text").to_owned()
}

fn explain(harness: &Harness, license: &str, at: DateTime<Utc>) -> Value {
    let path = format!("/v1/merchant/licenses/{license}/explanation?at={}", text(at));
    harness.bearer(&harness.token(&[Scope::Read])).get(&path).expect(200).json()
}

impl Life {
    fn begin(engine: &MemoryEngine) -> Self {
        let harness = Harness::start_in(World::at_one_address(), &Engine::Memory(engine.clone()));
        harness.apply(&acme(&harness.world.sandbox));
        let (shop, basket) =
            (harness.storefront(), Basket::of("CAD-MONTH", Billing::Period(Period::Months(1))));
        let bought = shop.buy(basket).expect("answers");
        harness.settle();
        let instance = bought.answer.instance_id().to_owned();
        let listed = harness.merchant().get("/v1/merchant/licenses").expect(200);
        let license = listed.text_at("/items/0/id");
        let mut life =
            Self { harness, shop, license, instance, first_key: String::new(), points: Vec::new() };
        life.first_key = life.shown().0;
        life
    }

    /// The current key, and when the license ends.
    fn shown(&self) -> (String, DateTime<Utc>) {
        let path = format!("/v1/merchant/licenses/{}?reveal=true", self.license);
        let shown = self.harness.merchant().get(&path).expect(200);
        (shown.text_at("/license_key"), shown.text_at("/ends_at").parse().expect("an instant"))
    }

    fn now(&self) -> DateTime<Utc> {
        self.harness.world.clock.now()
    }

    fn pass(&self, seconds: i64) {
        let seconds = u64::try_from(seconds).expect("time passes forwards");
        self.harness.world.clock.advance(Duration::from_secs(seconds));
    }

    /// What is answered now is remembered.
    fn note(&mut self, what: &'static str) {
        self.harness.settle();
        let keys = [self.shown().0, self.first_key.clone()];
        let told = keys.each_ref().map(|key| {
            let asked = json!({ "license_key": key });
            self.harness.anonymous().post("/v1/validate", &asked).expect(200).at("/code")
        });
        self.points.push(Point { when: self.now(), what, told, keys });
        self.pass(DAY);
    }

    fn merchant(&self, verb: &str, body: &Value) {
        command(&self.harness, &self.license, verb, body).expect(200);
    }

    fn live(&mut self) {
        self.note("bought");
        self.shop.freeze(&self.instance).expect("answers");
        self.note("frozen by the marketplace");
        self.note("and still");
        self.shop.unfreeze(&self.instance).expect("answers");
        self.note("let go on");
        self.merchant("suspend", &json!({ "reason": "chargeback" }));
        self.note("suspended by the merchant");
        self.shop.freeze(&self.instance).expect("answers");
        self.note("suspended by both");
        self.merchant("resume", &json!({}));
        self.note("resumed by one of them");
        self.shop.unfreeze(&self.instance).expect("answers");
        self.note("resumed by both");
        let (_, end) = self.shown();
        self.pass((end - self.now()).num_seconds() - 1);
        self.note("a second before its end");
        self.points.last_mut().expect("one").what = "its last second";
        self.note("expired");
        self.shop.renew(&self.instance, Period::Months(1)).expect("answers");
        self.note("renewed after its end");
        self.shop.renew(&self.instance, Period::Years(1)).expect("answers");
        self.note("renewed for a year");
        self.shop.cancel_renewal(&self.instance).expect("answers");
        self.note("the renewal is cancelled");
    }

    /// Another process over the same records.
    fn restarted(self, engine: &MemoryEngine) -> Self {
        Self { harness: self.harness.restarted(&Engine::Memory(engine.clone())), ..self }
    }

    fn end(&mut self) {
        self.note("the server was restarted");
        self.merchant("reissue", &json!({ "reason": "leaked" }));
        self.note("re-issued");
        let (_, end) = self.shown();
        self.pass((end - self.now()).num_seconds());
        self.note("expired again");
        self.shop.renew(&self.instance, Period::Years(1)).expect("answers");
        self.note("renewed again");
        self.shop
            .upgrade(&self.instance, Basket::of("CAD-YEAR", Billing::Period(Period::Years(1))))
            .expect("answers");
        self.note("upgraded");
        self.shop.unsubscribe(&self.instance).expect("answers");
        self.note("released by the marketplace");
        self.merchant("revoke", &json!({ "reason": "fraud" }));
        self.note("revoked by the merchant");
    }
}

#[test]
fn at_twenty_points_of_a_life_the_explanation_is_what_was_answered_then() {
    let engine = MemoryEngine::new();
    let mut life = Life::begin(&engine);
    life.live();
    let mut life = life.restarted(&engine);
    life.end();
    assert_eq!(life.points.len(), 20);
    let mut codes = Vec::new();
    for point in &life.points {
        let explanation = explain(&life.harness, &life.license, point.when);
        let told_of = |key: &String| {
            let keys = explanation["license_keys"].as_array().expect("a list");
            let state =
                keys.iter().find(|known| known["id"] == id_of(key)).map(|known| known["state"].clone());
            match (&explanation["code"], state.expect("every key is told of")) {
                (code, state) if code == "valid" && state == "superseded" => json!("license_superseded"),
                (code, _) => code.clone(),
            }
        };
        assert_eq!(point.keys.each_ref().map(told_of), point.told, "{}: {explanation}", point.what);
        assert_eq!(explanation["valid"], json!(point.told[0] == "valid"), "{}", point.what);
        assert_eq!(explanation["at"], text(point.when));
        let last =
            explanation["events"].as_array().and_then(|events| events.last()).expect("events led there");
        assert!(last["at"].as_str() <= Some(&text(point.when)), "{last}");
        codes.extend(point.told.iter().filter_map(|code| code.as_str().map(str::to_owned)));
    }
    for code in [
        "valid",
        "license_suspended",
        "license_expired",
        "license_superseded",
        "license_released",
        "license_revoked",
    ] {
        assert!(codes.iter().any(|told| told == code), "{code} was told in this life: {codes:?}");
    }
}

#[test]
fn before_it_was_issued_there_was_no_license_and_ahead_is_as_things_stand() {
    let harness = Harness::start();
    let license = issue(&harness, "cad-month");
    let id = license.text_at("/id");
    let now = harness.world.clock.now();
    let before = explain(&harness, &id, now - TimeDelta::seconds(1));
    assert_eq!(
        (&before["valid"], &before["code"], &before["state"]),
        (&json!(false), &json!("not_issued"), &Value::Null)
    );
    assert_eq!((&before["events"], &before["license_keys"]), (&json!([]), &json!([])));
    let end: DateTime<Utc> = license.text_at("/ends_at").parse().expect("an instant");
    let ahead = |at| explain(&harness, &id, at)["code"].clone();
    assert_eq!([ahead(end - TimeDelta::seconds(1)), ahead(end)], [json!("valid"), json!("license_expired")]);
    let merchant = harness.merchant();
    let plain = merchant.get(&format!("/v1/merchant/licenses/{id}/explanation")).expect(200);
    assert_eq!((plain.at("/at"), plain.at("/code")), (json!(text(now)), json!("valid")));
    assert_eq!(plain.at("/events/0/kind"), "license.issued");
    assert!(plain.at("/events/0/detail/standing").is_null(), "what only the explanation needs is not shown");
}

#[test]
fn every_event_is_read_also_beyond_a_thousand() {
    let harness = Harness::start();
    let license = issue(&harness, "cad-year");
    let id = license.text_at("/id");
    let merchant = harness.merchant();
    for _ in 0..503 {
        for verb in ["suspend", "resume"] {
            merchant.post(&format!("/v1/merchant/licenses/{id}/{verb}"), &json!({})).expect(200);
        }
    }
    merchant.post(&format!("/v1/merchant/licenses/{id}/suspend"), &json!({})).expect(200);
    let explanation = explain(&harness, &id, harness.world.clock.now());
    assert_eq!(explanation["code"], "license_suspended");
    assert_eq!(explanation["events"].as_array().map(Vec::len), Some(1_000));
    assert_eq!(explanation["events_left_off"], json!(1 + 503 * 2 + 1 - 1_000));
}

#[test]
fn what_cannot_be_explained_is_refused() {
    let harness = Harness::start();
    let id = issue(&harness, "cad-month").text_at("/id");
    let merchant = harness.merchant();
    let path = format!("/v1/merchant/licenses/{id}/explanation");
    for query in ["at=yesterday", "at=2026-01-31T08:00:00", "at=2026-01-31T08:00:00.5Z"] {
        let refused = merchant.get(&format!("{path}?{query}")).expect_problem(422, "invalid_request");
        assert_eq!(refused.text_at("/pointer"), "/at", "{query}");
    }
    merchant.get(&format!("{path}?when=now")).expect_problem(422, "invalid_request");
    let unknown = format!("/v1/merchant/licenses/lic_{}/explanation", "0".repeat(22));
    merchant.get(&unknown).expect_problem(404, "not_found");
    harness.anonymous().get(&path).expect_problem(401, "token_refused");
    harness.bearer(&harness.token(&[Scope::Usage])).get(&path).expect_problem(403, "scope_missing");
}

#[test]
fn the_packages_that_paid_are_named_with_what_they_paid_in_the_window_of_then() {
    let harness = Harness::start();
    let license = issue(&harness, "cad-year");
    let id = license.text_at("/id");
    let start = harness.world.clock.now();
    let report = |amount: &str, name: &str| {
        let body = json!({ "license_id": id, "metric": "render-minutes", "amount": amount });
        harness.merchant().with("Idempotency-Key", name).post("/v1/usage", &body).expect(200);
    };
    report("12.5", "january");
    harness.world.clock.advance(Duration::from_secs(40 * 86_400));
    report("7", "march");
    let paid = |at| {
        let packages = explain(&harness, &id, at)["packages"].clone();
        (packages[0]["window_used"].clone(), packages[0]["window_starts_at"].clone())
    };
    assert_eq!(paid(start), (json!(12.5), json!("2026-01-31T08:00:00Z")));
    assert_eq!(paid(start + TimeDelta::days(30)).1, json!("2026-02-28T08:00:00Z"), "2 March");
    assert_eq!(paid(harness.world.clock.now()), (json!(7), json!("2026-02-28T08:00:00Z")));
    let before = explain(&harness, &id, start - TimeDelta::seconds(1));
    assert_eq!(before["packages"], json!([]));
}

#[test]
fn the_command_says_in_words_what_the_address_says_in_json() {
    let harness = Harness::start();
    let id = issue(&harness, "cad-year").text_at("/id");
    command(&harness, &id, "suspend", &json!({ "reason": "chargeback" })).expect(200);
    let run = |args: &[&str]| {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_lictor"))
            .env_clear()
            .env("LICTOR_URL", &harness.url)
            .env("LICTOR_TOKEN", harness.token(&[Scope::Read]))
            .args(["license", "explain"])
            .args(args)
            .output()
            .expect("the program starts");
        (output.status.code(), String::from_utf8(output.stdout).expect("UTF-8"))
    };
    let at = text(harness.world.clock.now());
    let (code, words) = run(&[&id, "--at", &at]);
    assert_eq!(code, Some(0), "{words}");
    for told in [
        format!("{id} at {at}: not valid (license_suspended)").as_str(),
        "It was suspended by the merchant since 2026-01-31T08:00:00Z.",
        "render-minutes",
        "license.suspended",
        "reason chargeback",
    ] {
        assert!(words.contains(told), "{told}: {words}");
    }
    let (code, answer) = run(&[&id, "--json"]);
    let answer: Value = serde_json::from_str(&answer).expect("JSON");
    assert_eq!((code, &answer["code"]), (Some(0), &json!("license_suspended")));
    assert_eq!(run(&["lic_0000000000000000000000"]).0, Some(1));
    assert_eq!(run(&[&id, "--at", "yesterday"]).0, Some(1));
}
