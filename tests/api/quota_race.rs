//! Many clients consume one package at once, and repeat themselves.

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use serde_json::{Value, json};

use crate::engines::{EngineName, for_engines};
use crate::service::engine_on;
use crate::support::people::issue;
use crate::support::{Harness, World, acme};

for_engines! { at_once [memory embedded postgres] {
    every_unit_of_a_package_is_granted_once,
    identical_reports_at_once_are_one_report,
} }

const USAGE: &str = "/v1/usage";
/// Of so many requests each one that follows is a repeat: 30 %.
const REPEATS: [bool; 10] = [false, true, false, false, true, false, false, true, false, false];

fn spec(amount: u64) -> String {
    format!(
        r#"
[merchant]
id = "acme"
name = "Acme Software"
issuer = "https://license.acme.example"

[[spec]]
id = "raced"
product = "acme-cad"
name = "One package"
term = "P1Y"
[[spec.quota]]
metric = "pages"
unit = "page"
amount = {amount}
reset = "none"
alert_percent = [80, 95]
"#
    )
}

/// `clients` take one page at a time until each was refused. Each repeats three of ten requests: at once, or with the
/// request before it.
fn race(harness: &Harness, clients: u64, amount: u64) {
    harness.apply(&spec(amount));
    let license = issue(harness, "raced");
    let key = license.text_at("/license_key");
    let (granted, repeated) = (AtomicU64::new(0), AtomicU64::new(0));
    thread::scope(|scope| {
        for client in 0..clients {
            let api = harness.customer(&key);
            let (granted, repeated) = (&granted, &repeated);
            scope.spawn(move || {
                let report = json!({ "metric": "pages", "amount": 1 });
                let ask = |number: usize| {
                    let api = api.with("Idempotency-Key", &format!("{client}-{number}"));
                    loop {
                        let answer = api.post(USAGE, &report);
                        // Somebody else was faster eight times: ask again, as the answer says.
                        if answer.status != 503 {
                            return answer;
                        }
                    }
                };
                for number in 0.. {
                    let first = ask(number);
                    if first.status == 409 {
                        assert_eq!(first.at("/code"), "quota_exhausted", "{first:?}");
                        assert_eq!(ask(number).at("/left"), json!(0));
                        return;
                    }
                    assert_eq!((first.status, first.at("/granted")), (200, json!(1)), "{first:?}");
                    granted.fetch_add(1, Ordering::Relaxed);
                    if REPEATS[number % REPEATS.len()] {
                        let (mine, again) =
                            (ask(number), api.with("Idempotency-Key", &format!("{client}-{number}")));
                        assert_eq!(mine.json(), first.json(), "a repeat is answered as the first time");
                        let other = again.post(USAGE, &json!({ "metric": "pages", "amount": 2 }));
                        assert_eq!(other.status, 409, "{other:?}");
                        repeated.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    assert_eq!(granted.load(Ordering::Relaxed), amount);
    let shown =
        harness.merchant().get(&format!("/v1/merchant/licenses/{}", license.text_at("/id"))).expect(200);
    assert_eq!((shown.at("/quota/0/used"), shown.at("/quota/0/left")), (json!(amount), json!(0)));
    let merchant = lictor::domain::MerchantId::parse("acme").expect("valid");
    let id = lictor::domain::LicenseId::parse(&license.text_at("/id")).expect("valid");
    let events = harness.block_on(harness.app.license_events(&merchant, &id)).expect("they can be read");
    let told: Vec<_> = events.iter().filter_map(|event| event.detail.get("percent").cloned()).collect();
    assert_eq!(told, ["80", "95", "100"], "the merchant is told once of each");
    println!("{clients} clients, {amount} granted, {} repeats answered alike", repeated.into_inner());
}

/// As many as are asked for, or what takes a few seconds.
fn scale() -> (u64, u64) {
    #[expect(clippy::disallowed_methods, reason = "a test has no settings; the count only makes it longer")]
    let count = std::env::var("LICTOR_PROVE_COUNT");
    match count.ok().and_then(|count| count.parse().ok()) {
        Some(amount) => (256, amount),
        None => (32, 400),
    }
}

fn every_unit_of_a_package_is_granted_once(on: EngineName) {
    let harness = Harness::start_in(World::new(), &engine_on(on));
    harness.apply(&acme(&harness.world.sandbox));
    let (clients, amount) = scale();
    race(&harness, clients, amount);
}

/// Each round is about a license of its own; what is reported is a part of its package, or all of it: the last unit is then
/// taken by one of the identical reports, and the others are answered as that one.
fn identical_reports_at_once_are_one_report(on: EngineName) {
    let harness = Harness::start_in(World::new(), &engine_on(on));
    harness.apply(&acme(&harness.world.sandbox));
    harness.apply(&spec(10));
    for amount in [5, 10].repeat(8) {
        let license = issue(&harness, "raced");
        let api = harness.customer(&license.text_at("/license_key")).with("Idempotency-Key", "one");
        let report = json!({ "metric": "pages", "amount": amount });
        let answers: Vec<Value> = thread::scope(|scope| {
            let one = || scope.spawn(|| api.post(USAGE, &report).expect(200).json());
            let all: Vec<_> = (0..8).map(|_| one()).collect();
            all.into_iter().map(|one| one.join().expect("no client panics")).collect()
        });
        assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
        let path = format!("/v1/merchant/licenses/{}", license.text_at("/id"));
        assert_eq!(harness.merchant().get(&path).expect(200).at("/quota/0/used"), json!(amount));
    }
}
