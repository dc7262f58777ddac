//! Places: floating ones under clocks that jump and servers that restart, and idle ones that are replaced.

use std::time::Duration;

use chrono::TimeDelta;
use license_token::{ActivationClaims, KeySet, StatusListClaims, StatusValue, UnverifiedToken};
use lictor::application::ports::Clock as _;
use lictor::store::MemoryEngine;
use serde_json::json;

use crate::support::people::{activate, issue, machine};
use crate::support::{Engine, Harness};

const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(86_400);

/// Two floating seats of ten minutes; one place of which the idle holder is replaced; two floating ones of that kind.
const SPECS: &str = r#"
[merchant]
id = "acme"
name = "Acme Software"
issuer = "https://license.acme.example"

[[spec]]
id = "floating"
product = "acme-cad"
name = "Floating"
term = "P1Y"
machines = 2
[spec.machine]
binding = "floating"
floating_lease_minutes = 10

[[spec]]
id = "replacing"
product = "acme-cad"
name = "The idle one is replaced"
term = "P1Y"
machines = 2
[spec.machine]
when_full = "replace-idle"

[[spec]]
id = "floating-replacing"
product = "acme-cad"
name = "The idle one is replaced"
term = "P1Y"
[spec.machine]
binding = "floating"
floating_lease_minutes = 30
when_full = "replace-idle"
"#;

fn started() -> (Harness, MemoryEngine) {
    let engine = MemoryEngine::new();
    let harness = Harness::start_over(&engine);
    harness.apply(SPECS);
    (harness, engine)
}

/// Lets the server run for so long with a clock that nobody sets.
fn steady(harness: &Harness, minutes: u32) {
    for _ in 0..minutes {
        harness.world.clock.advance(MINUTE);
        harness.app.watch_clock();
    }
}

fn set_clock(harness: &Harness, by: TimeDelta) {
    harness.world.clock.set(harness.world.clock.now() + by);
    harness.app.watch_clock();
}

/// Software with a network: it renews in time, and goes by a clock of its own that is right.
struct Holder {
    number: u8,
    id: String,
    certificate: String,
    renewals: u32,
    /// The highest time that a certificate has proved to it.
    floor: i64,
}

fn claims(harness: &Harness, certificate: &str) -> ActivationClaims {
    let jwks = harness.anonymous().get("/v1/keysets/acme/jwks.json").expect(200);
    let keys = KeySet::parse(jwks.text.as_bytes()).expect("a set");
    let token = UnverifiedToken::parse(certificate).expect("a token");
    token.verify::<ActivationClaims>(&keys).expect("ours").into_claims()
}

impl Holder {
    fn new(harness: &Harness, key: &str, number: u8) -> Self {
        let made = activate(&harness.anonymous(), key, number, "first").expect(201);
        let (id, certificate) = (made.text_at("/activation_id"), made.text_at("/certificate"));
        let floor = claims(harness, &certificate).iat;
        Self { number, id, certificate, renewals: 0, floor }
    }

    fn asks(&mut self, harness: &Harness) -> crate::support::api::Answer {
        self.renewals += 1;
        let nonce = format!("renewal-{}", self.renewals);
        let body =
            json!({ "certificate": self.certificate, "nonce": nonce, "machine": machine(self.number) });
        harness.anonymous().post(&format!("/v1/activations/{}/renew", self.id), &body)
    }

    /// It renews, and may run at `right`, the true time, and up to the next renewal.
    #[track_caller]
    fn goes_on(&mut self, harness: &Harness, right: i64) {
        self.certificate = self.asks(harness).expect(200).text_at("/certificate");
        let claims = claims(harness, &self.certificate);
        self.floor = self.floor.max(claims.iat);
        let effective_now = right.max(self.floor);
        assert!(claims.nbf <= effective_now && claims.exp >= effective_now + 4 * 60, "{claims:?} at {right}");
    }
}

fn full(harness: &Harness, key: &str, number: u8) {
    activate(&harness.anonymous(), key, number, "n").expect_problem(409, "machine_limit_reached");
}

#[test]
fn a_floating_seat_returns_at_the_end_of_its_lease() {
    let (harness, _) = started();
    let key = issue(&harness, "floating").text_at("/license_key");
    steady(&harness, 10);
    let (mut stays, mut leaves) = (Holder::new(&harness, &key, 1), Holder::new(&harness, &key, 2));
    steady(&harness, 3);
    stays.goes_on(&harness, harness.world.clock.now().timestamp());
    steady(&harness, 6);
    stays.goes_on(&harness, harness.world.clock.now().timestamp());
    full(&harness, &key, 3);
    steady(&harness, 1);
    activate(&harness.anonymous(), &key, 3, "n").expect(201);
    leaves.asks(&harness).expect_problem(409, "illegal_state");
    stays.goes_on(&harness, harness.world.clock.now().timestamp());
    full(&harness, &key, 2);
}

#[test]
fn a_clock_that_jumps_an_hour_and_back_evicts_no_live_holder() {
    for jump in [TimeDelta::hours(1), TimeDelta::hours(-1)] {
        let (harness, _) = started();
        let key = issue(&harness, "floating").text_at("/license_key");
        harness.world.clock.advance(DAY);
        steady(&harness, 20);
        let mut holders = [Holder::new(&harness, &key, 1), Holder::new(&harness, &key, 2)];
        let mut right = harness.world.clock.now();
        let mut rounds = |harness: &Harness, count: u32| {
            for round in 0..count {
                full(harness, &key, 3);
                steady(harness, 3);
                right += TimeDelta::minutes(3);
                full(harness, &key, 4);
                for holder in &mut holders {
                    holder.goes_on(harness, right.timestamp());
                }
                assert!(round < 100);
            }
        };
        rounds(&harness, 2);
        set_clock(&harness, jump);
        rounds(&harness, 12);
        set_clock(&harness, -jump);
        rounds(&harness, 12);
        // The second machine is switched off: its seat returns, at the latest an hour and a lease later.
        let mut waited = 0;
        while activate(&harness.anonymous(), &key, 5, "n").status == 409 {
            steady(&harness, 3);
            holders[0].goes_on(&harness, 0);
            waited += 3;
            assert!(waited <= 73, "{jump}");
        }
        assert!(waited >= 9, "{jump}: not before its lease has ended");
    }
}

#[test]
fn a_restart_evicts_no_live_holder_whatever_the_clock_shows_then() {
    for jump in [TimeDelta::zero(), TimeDelta::minutes(59), TimeDelta::minutes(-59)] {
        let (harness, engine) = started();
        let key = issue(&harness, "floating").text_at("/license_key");
        harness.world.clock.advance(DAY);
        steady(&harness, 20);
        let mut holders = [Holder::new(&harness, &key, 1), Holder::new(&harness, &key, 2)];
        harness.world.clock.advance(MINUTE);
        harness.world.clock.set(harness.world.clock.now() + jump);
        let harness = harness.restarted(&Engine::Memory(engine));
        full(&harness, &key, 3);
        for holder in &mut holders {
            holder.certificate = holder.asks(&harness).expect(200).text_at("/certificate");
        }
        for _ in 0..5 {
            steady(&harness, 3);
            full(&harness, &key, 3);
            for holder in &mut holders {
                holder.certificate = holder.asks(&harness).expect(200).text_at("/certificate");
            }
        }
    }
}

#[test]
fn the_machine_that_was_idle_longest_makes_room_and_learns_of_it() {
    let (harness, _) = started();
    let key = issue(&harness, "replacing").text_at("/license_key");
    let mut first = Holder::new(&harness, &key, 1);
    harness.world.clock.advance(DAY);
    let mut second = Holder::new(&harness, &key, 2);
    // After 7 days software asks; after 14 it has not asked twice.
    harness.world.clock.advance(13 * DAY - MINUTE);
    full(&harness, &key, 3);
    harness.world.clock.advance(MINUTE);
    activate(&harness.anonymous(), &key, 3, "n").expect(201);
    first.asks(&harness).expect_problem(409, "illegal_state");
    second.asks(&harness).expect(200);
    harness.settle();
    let replaced = claims(&harness, &first.certificate).status.expect("an entry");
    let path = replaced.uri.strip_prefix(&harness.url).expect("this server's own").to_owned();
    let jwks = harness.anonymous().get("/v1/keysets/acme/jwks.json").expect(200);
    let keys = KeySet::parse(jwks.text.as_bytes()).expect("a set");
    let list = harness.anonymous().get(&path).expect(200).text;
    let list = UnverifiedToken::parse_status_list(&list).expect("a token");
    let list = list.verify::<StatusListClaims>(&keys).expect("ours").into_claims().list;
    assert_eq!(list.status(usize::try_from(replaced.idx).expect("small")), Some(StatusValue::Superseded));
    // Who renewed a moment ago and who came a moment ago both stay.
    full(&harness, &key, 1);
}

#[test]
fn a_floating_seat_of_an_idle_holder_is_given_on_and_one_in_use_never() {
    let (harness, _) = started();
    let key = issue(&harness, "floating-replacing").text_at("/license_key");
    steady(&harness, 30);
    let mut holder = Holder::new(&harness, &key, 1);
    for _ in 0..4 {
        steady(&harness, 11);
        full(&harness, &key, 2);
        holder.goes_on(&harness, harness.world.clock.now().timestamp());
    }
    steady(&harness, 19);
    full(&harness, &key, 2);
    set_clock(&harness, TimeDelta::minutes(50));
    full(&harness, &key, 2);
    set_clock(&harness, TimeDelta::minutes(-50));
    holder.goes_on(&harness, harness.world.clock.now().timestamp());
    steady(&harness, 130);
    activate(&harness.anonymous(), &key, 2, "n").expect(201);
}
