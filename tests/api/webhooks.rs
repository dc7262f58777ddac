//! Outbound events: endpoints of a merchant, what they are sent and when, and what becomes of it when they fail.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use lictor::application::ports::Clock as _;
use lictor::application::{AnsweredCall, App, CallSubject, Filled};
use lictor::domain::{CallCause, ChannelId, Instant, MerchantId, Scope, WebhookId};
use lictor::store::MemoryEngine;
use serde_json::{Value, json};

use crate::support::api::{Answer, Api};
use crate::support::people::activate;
use crate::support::receiver::{HANG_UP, NEVER, Receiver};
use crate::support::{Engine, Harness, World, acme, globex};

const WEBHOOKS: &str = "/v1/merchant/webhooks";

fn merchant_id() -> MerchantId {
    MerchantId::parse("acme").expect("a slug")
}

/// An endpoint of the receiver, and its secret.
fn endpoint(harness: &Harness, receiver: &Receiver, more: &Value) -> (String, String) {
    let mut body = json!({ "url": receiver.url() });
    for (name, value) in more.as_object().expect("an object") {
        body[name] = value.clone();
    }
    let made = harness.merchant().post(WEBHOOKS, &body).expect(201);
    (made.text_at("/id"), made.text_at("/secret"))
}

fn issue(harness: &Harness, label: &str) -> String {
    let order = json!({ "product": "acme-cad", "spec": "cad-year", "customer": "c-1", "label": label });
    harness.merchant().post("/v1/merchant/licenses", &order).expect(201).text_at("/id")
}

fn act(harness: &Harness, license: &str, action: &str) {
    let path = format!("/v1/merchant/licenses/{license}/{action}");
    harness.merchant().post(&path, &json!({ "reason": "asked for by Jane Doe" })).expect(200);
}

/// What the workers do: events get their place in the chain, and what is due is sent. Says how many attempts were made.
fn deliver(harness: &Harness) -> usize {
    deliver_by(harness, &harness.app)
}

fn deliver_by(harness: &Harness, app: &App) -> usize {
    harness.block_on(async {
        let mut attempts = 0;
        while harness.app.seal_events().await.expect("events are sealed").has_more {}
        loop {
            match app.deliver_due_events().await.expect("the store works") {
                0 => return attempts,
                more => attempts += more,
            }
        }
    })
}

fn deliveries(harness: &Harness, webhook: &str, query: &str) -> Vec<Value> {
    let path = format!("{WEBHOOKS}/{webhook}/deliveries{query}");
    harness.merchant().get(&path).expect(200).at("/items").as_array().expect("a list").clone()
}

fn show(harness: &Harness, webhook: &str) -> Answer {
    harness.merchant().get(&format!("{WEBHOOKS}/{webhook}")).expect(200)
}

fn send(api: &Api, method: &str, path: &str, body: &Value) -> Answer {
    api.send(method, path, body.to_string().as_bytes())
}

#[test]
pub fn an_endpoint_is_made_shown_changed_and_deleted_and_its_secret_is_told_once() {
    let harness = Harness::start();
    let merchant = harness.merchant();
    let body = json!({ "url": "https://shop.example/hooks?key=k", "description": "the shop's 商城" });
    let made = merchant.post(WEBHOOKS, &body).expect(201);
    let (id, secret) = (made.text_at("/id"), made.text_at("/secret"));
    assert!(id.starts_with("whk_") && secret.starts_with("whsec_"), "{made:?}");
    assert_eq!(made.header("location"), Some(format!("{WEBHOOKS}/{id}").as_str()));
    assert_eq!((made.at("/events"), made.at("/expiring_days")), (json!([]), json!([30, 7, 1])));
    let path = format!("{WEBHOOKS}/{id}");
    for answer in [merchant.get(&path).expect(200), merchant.get(WEBHOOKS).expect(200)] {
        assert!(!answer.text.contains(&secret) && !answer.text.contains("whsec_"), "{answer:?}");
    }
    let etag = made.header("etag").expect("a revision").to_owned();
    let change = json!({ "events": ["license.issued", "activation.renewed"], "expiring_days": [14] });
    let changed = send(&merchant.with("If-Match", &etag), "PATCH", &path, &change).expect(200);
    assert_eq!(changed.at("/events"), change["events"]);
    assert_eq!(changed.at("/url"), body["url"]);
    let lost = send(&merchant.with("If-Match", &etag), "PATCH", &path, &json!({ "description": "x" }));
    let lost = lost.expect_problem(412, "revision_conflict");
    assert_eq!(lost.at("/current_revision"), changed.at("/revision"));
    merchant.with("If-Match", &etag).send("DELETE", &path, b"").expect_problem(412, "revision_conflict");
    assert_eq!(merchant.get(&path).expect(200).at("/description"), body["description"]);
    assert_eq!(merchant.send("DELETE", &path, b"").expect(204).text, "");
    merchant.get(&path).expect_problem(404, "not_found");
    assert_eq!(merchant.get(WEBHOOKS).expect(200).at("/items"), json!([]));
}

#[test]
fn the_same_request_under_an_idempotency_key_makes_one_endpoint_with_one_secret() {
    let harness = Harness::start();
    let repeating = harness.merchant().with("Idempotency-Key", "hook-1");
    let body = json!({ "url": "https://shop.example/" });
    let made = repeating.post(WEBHOOKS, &body).expect(201);
    assert_eq!(repeating.post(WEBHOOKS, &body).expect(201).at("/secret"), made.at("/secret"));
    repeating
        .post(WEBHOOKS, &json!({ "url": "https://other.example/" }))
        .expect_problem(409, "idempotency_conflict");
    assert_eq!(harness.merchant().get(WEBHOOKS).expect(200).at("/items").as_array().map(Vec::len), Some(1));
    let rotate = format!("{WEBHOOKS}/{}/secrets", made.text_at("/id"));
    let repeating = harness.merchant().with("Idempotency-Key", "hook-2");
    let rotated = repeating.post(&rotate, &json!({})).expect(200);
    assert_eq!(repeating.post(&rotate, &json!({})).expect(200).at("/secret"), rotated.at("/secret"));
    assert_ne!(rotated.at("/secret"), made.at("/secret"));
    assert_eq!(show(&harness, &made.text_at("/id")).at("/secrets").as_array().map(Vec::len), Some(2));
}

#[test]
pub fn what_is_wrong_with_an_endpoint_is_pointed_at_and_changes_nothing() {
    let harness = Harness::start();
    let merchant = harness.merchant();
    for (body, pointer) in [
        (json!({}), "/url"),
        (json!({ "url": "shop.example" }), "/url"),
        (json!({ "url": "https://10.0.0.1/" }), "/url"),
        (json!({ "url": "https://[::1]/" }), "/url"),
        (json!({ "url": "https://169.254.169.254/latest" }), "/url"),
        (json!({ "url": "https://user:word@shop.example/" }), "/url"),
        (json!({ "url": "https://shop.example/", "events": ["license.isued"] }), "/events/0"),
        (json!({ "url": "https://shop.example/", "events": ["lictor.test"] }), "/events/0"),
        (json!({ "url": "https://shop.example/", "events": ["quota.low", "quota.low"] }), "/events/1"),
        (json!({ "url": "https://shop.example/", "expiring_days": [7, 30] }), "/expiring_days"),
        (json!({ "url": "https://shop.example/", "expiring_days": [0] }), "/expiring_days"),
        (json!({ "url": "https://shop.example/", "description": "a\u{1b}[31m" }), "/description"),
        (json!({ "url": "https://shop.example/", "secret": "whsec_abc" }), "/secret"),
        (json!({ "url": "https://shop.example/", "secret": "env:NOT_SET" }), "/secret"),
        (json!({ "url": "https://shop.example/", "uri": "x" }), "/uri"),
    ] {
        let refused = merchant.post(WEBHOOKS, &body).expect_problem(422, "invalid_request");
        assert_eq!(refused.at("/pointer"), pointer, "{body}");
    }
    assert_eq!(merchant.get(WEBHOOKS).expect(200).at("/items"), json!([]));
    let (id, _) = endpoint(&harness, &Receiver::start(&harness.world.clock), &json!({}));
    for (body, pointer) in [
        (json!({}), ""),
        (json!({ "since": "yesterday" }), "/since"),
        (json!({ "since": "2026-01-31T08:00:00Z", "limit": 0 }), "/limit"),
        (json!({ "since": "2026-01-31T08:00:00Z", "limit": 10_001 }), "/limit"),
        (json!({ "since": "2026-01-31T08:00:00Z", "delivery": "dlv_x" }), ""),
    ] {
        let refused = merchant.post(&format!("{WEBHOOKS}/{id}/replay"), &body);
        assert_eq!(refused.expect_problem(422, "invalid_request").at("/pointer"), pointer, "{body}");
    }
    merchant.get(&format!("{WEBHOOKS}/{id}/deliveries?state=lost")).expect_problem(422, "invalid_request");
}

#[test]
fn who_may_look_may_not_change_and_other_merchants_see_nothing() {
    let harness = Harness::start();
    harness.apply(globex());
    let receiver = Receiver::start(&harness.world.clock);
    let (id, _) = endpoint(&harness, &receiver, &json!({}));
    let reader = harness.bearer(&harness.token(&[Scope::Read]));
    let path = format!("{WEBHOOKS}/{id}");
    for below in ["", "/deliveries"] {
        reader.get(&format!("{path}{below}")).expect(200);
    }
    let body = json!({ "url": receiver.url() });
    reader.post(WEBHOOKS, &body).expect_problem(403, "scope_missing");
    send(&reader, "PATCH", &path, &json!({})).expect_problem(403, "scope_missing");
    reader.send("DELETE", &path, b"").expect_problem(403, "scope_missing");
    for below in ["/test", "/enable", "/disable", "/secrets", "/replay"] {
        reader.post(&format!("{path}{below}"), &json!({})).expect_problem(403, "scope_missing");
    }
    let globex = lictor::domain::TokenOwner::Merchant(MerchantId::parse("globex").expect("a slug"));
    let foreign = harness.bearer(&harness.token_of(globex, &[Scope::Admin]));
    assert_eq!(foreign.get(WEBHOOKS).expect(200).at("/items"), json!([]));
    let absent = format!("{WEBHOOKS}/{}", WebhookId::from_uuid(7));
    for below in ["", "/deliveries"] {
        let seen = foreign.get(&format!("{path}{below}")).expect_problem(404, "not_found");
        let none = foreign.get(&format!("{absent}{below}")).expect_problem(404, "not_found");
        assert_eq!(seen.without_request_id(), none.without_request_id());
    }
    for below in ["/test", "/enable", "/disable", "/secrets"] {
        foreign.post(&format!("{path}{below}"), &json!({})).expect_problem(404, "not_found");
    }
    foreign.send("DELETE", &path, b"").expect_problem(404, "not_found");
    assert_eq!(receiver.connections(), 0);
}

#[test]
fn the_life_of_a_license_is_sent_signed_and_without_its_key_or_what_people_typed() {
    let harness = Harness::start();
    let receiver = Receiver::start(&harness.world.clock);
    let (id, secret) = endpoint(&harness, &receiver, &json!({}));
    let license = issue(&harness, "Jane Doe's laptop");
    for action in ["suspend", "resume", "revoke"] {
        act(&harness, &license, action);
    }
    assert_eq!(deliver(&harness), 4);
    assert_eq!(
        receiver.taken(),
        ["license.issued", "license.suspended", "license.resumed", "license.revoked"]
    );
    let shown = harness.bearer(&harness.token(&[Scope::Read, Scope::Keys]));
    let shown = shown.get(&format!("/v1/merchant/licenses/{license}?reveal=true")).expect(200);
    for received in receiver.received() {
        assert!(received.verifies_with(&secret), "{received:?}");
        assert!(!received.verifies_with("whsec_bGljdG9yIHRlc3Qgc2VjcmV0IG51bWJlciAxISEh"));
        let event = received.json();
        assert_eq!(event["data"]["license"]["id"], json!(license));
        assert_eq!(event["data"]["license"]["customer"], "c-1");
        assert_eq!(event["timestamp"], "2026-01-31T08:00:00Z");
        assert!(received.id.starts_with("evt_"), "{received:?}");
        for hidden in [shown.text_at("/license_key"), shown.text_at("/claim_code"), "Jane Doe".to_owned()] {
            assert!(!received.body.contains(&hidden), "{hidden} in {}", received.body);
        }
    }
    println!("{:#}", receiver.received()[0].json());
    let ids: BTreeSet<String> = receiver.received().into_iter().map(|it| it.id).collect();
    assert_eq!(ids.len(), 4, "each event has its own id");
    let kept = deliveries(&harness, &id, "?state=delivered");
    assert_eq!(kept.len(), 4);
    assert_eq!(kept[0]["last_attempt"]["status"], 204);
    assert_eq!(show(&harness, &id).at("/progress/pending"), 0);
    assert_eq!(deliver(&harness), 0, "nothing is sent twice");
}

#[test]
fn an_endpoint_is_sent_what_it_asks_for_and_what_happens_from_now_on() {
    let harness = Harness::start();
    issue(&harness, "before");
    deliver(&harness);
    let receiver = Receiver::start(&harness.world.clock);
    endpoint(&harness, &receiver, &json!({ "events": ["license.suspended"] }));
    let license = issue(&harness, "after");
    act(&harness, &license, "suspend");
    deliver(&harness);
    assert_eq!(receiver.taken(), ["license.suspended"]);
}

#[test]
fn every_live_secret_signs_and_an_old_one_ends_at_its_time() {
    let harness = Harness::start();
    let receiver = Receiver::start(&harness.world.clock);
    let (id, old) = endpoint(&harness, &receiver, &json!({}));
    let rotate = format!("{WEBHOOKS}/{id}/secrets");
    let rotated = harness.merchant().post(&rotate, &json!({ "overlap_secs": 3_600 })).expect(200);
    let new = rotated.text_at("/secret");
    issue(&harness, "both");
    deliver(&harness);
    let both = receiver.received().pop().expect("one came");
    assert!(both.verifies_with(&old) && both.verifies_with(&new), "{both:?}");
    assert_eq!(both.signature.split(' ').count(), 2);
    harness.world.clock.advance(Duration::from_secs(3_600));
    issue(&harness, "new only");
    deliver(&harness);
    let after = receiver.received().pop().expect("one came");
    assert!(!after.verifies_with(&old) && after.verifies_with(&new), "{after:?}");
    // One that leaked ends at once.
    let at_once = harness.merchant().post(&rotate, &json!({ "overlap_secs": 0 })).expect(200);
    issue(&harness, "newest only");
    deliver(&harness);
    let last = receiver.received().pop().expect("one came");
    assert!(!last.verifies_with(&new) && last.verifies_with(&at_once.text_at("/secret")));
    harness
        .merchant()
        .post(&rotate, &json!({ "overlap_secs": 3_000_000 }))
        .expect_problem(422, "invalid_request");
}

#[test]
fn a_secret_may_lie_where_the_server_finds_it() {
    let harness = Harness::start();
    let receiver = Receiver::start(&harness.world.clock);
    let secret = "whsec_bGljdG9yIHRlc3Qgc2VjcmV0IG51bWJlciAxISEh";
    harness.world.set_secret("HOOK", secret);
    let body = json!({ "url": receiver.url(), "secret": "env:HOOK" });
    let made = harness.merchant().post(WEBHOOKS, &body).expect(201);
    assert_eq!((made.at("/secret"), made.at("/secrets/0/reference")), (Value::Null, json!("env:HOOK")));
    issue(&harness, "x");
    deliver(&harness);
    assert!(receiver.received()[0].verifies_with(secret));
    // What it says now counts.
    harness.world.set_secret("HOOK", "nothing of the kind");
    issue(&harness, "y");
    deliver(&harness);
    let waiting = deliveries(&harness, &made.text_at("/id"), "?state=pending");
    assert!(
        waiting[0]["last_attempt"]["words"].as_str().is_some_and(|it| it.contains("env:HOOK")),
        "{waiting:?}"
    );
    assert_eq!(receiver.received().len(), 1);
}

#[test]
pub fn a_test_event_says_at_once_what_the_endpoint_answers() {
    let harness = Harness::start();
    let receiver = Receiver::start(&harness.world.clock);
    let (id, secret) = endpoint(&harness, &receiver, &json!({ "events": ["license.issued"] }));
    let test = format!("{WEBHOOKS}/{id}/test");
    let tested = harness.merchant().post(&test, &json!({})).expect(200);
    assert_eq!((tested.at("/state"), tested.at("/type")), (json!("delivered"), json!("lictor.test")));
    let received = receiver.received().pop().expect("it came");
    assert!(received.verifies_with(&secret));
    assert_eq!(
        received.json(),
        json!({ "type": "lictor.test", "timestamp": "2026-01-31T08:00:00Z", "data": { "webhook_id": id } })
    );
    receiver.answer(500);
    let failed = harness.merchant().with("Idempotency-Key", "t1").post(&test, &json!({})).expect(200);
    assert_eq!(failed.at("/state"), "given_up");
    assert_eq!(failed.at("/last_attempt/words"), "because I say so");
    let again = harness.merchant().with("Idempotency-Key", "t1").post(&test, &json!({})).expect(200);
    assert_eq!(again.json(), failed.json());
    assert_eq!(receiver.connections(), 2, "the same request makes no further attempt");
    assert_eq!(deliver(&harness), 0, "a test is not tried again");
    // Also while it is disabled: that is when it is needed.
    receiver.answer(204);
    harness.merchant().post(&format!("{WEBHOOKS}/{id}/disable"), &json!({})).expect(200);
    assert_eq!(harness.merchant().post(&test, &json!({})).expect(200).at("/state"), "delivered");
}

#[test]
pub fn what_was_sent_is_sent_again_on_demand_under_the_same_id() {
    let harness = Harness::start();
    let receiver = Receiver::start(&harness.world.clock);
    let (id, _) = endpoint(&harness, &receiver, &json!({}));
    let mut at = Vec::new();
    for number in 0..5 {
        at.push(harness.world.clock.now());
        issue(&harness, &format!("license {number}"));
        deliver(&harness);
        harness.world.clock.advance(Duration::from_secs(60));
    }
    let replay = format!("{WEBHOOKS}/{id}/replay");
    let newest = deliveries(&harness, &id, "?limit=1");
    let one = json!({ "delivery": newest[0]["id"] });
    harness.merchant().post(&replay, &one).expect(200);
    assert_eq!(deliver(&harness), 1);
    let received = receiver.received();
    assert_eq!(received[5].id, received[4].id, "receivers know it again");
    let since = json!({ "since": at[2].to_rfc3339_opts(chrono::SecondsFormat::Secs, true), "limit": 2 });
    let span = harness.merchant().post(&replay, &since).expect(200);
    assert_eq!(span.at("/events_max"), 2);
    assert_eq!(deliver(&harness), 2);
    let again: Vec<String> = receiver.received().into_iter().skip(6).map(|it| it.id).collect();
    assert_eq!(again, [received[2].id.clone(), received[3].id.clone()]);
    // More than there is.
    let all = json!({ "since": at[0].to_rfc3339_opts(chrono::SecondsFormat::Secs, true) });
    harness.merchant().post(&replay, &all).expect(200);
    assert_eq!(deliver(&harness), 5);
    let later = json!({ "since": "2027-01-01T00:00:00Z" });
    harness.merchant().post(&replay, &later).expect(200);
    assert_eq!(deliver(&harness), 0);
    harness
        .merchant()
        .post(&replay, &json!({ "delivery": "dlv_0000000000000000000000" }))
        .expect_problem(404, "not_found");
}

#[test]
fn an_endpoint_that_is_gone_is_disabled_at_once_and_the_others_are_told() {
    let harness = Harness::start();
    let (gone, other) = (Receiver::start(&harness.world.clock), Receiver::start(&harness.world.clock));
    let (id, _) = endpoint(&harness, &gone, &json!({}));
    endpoint(&harness, &other, &json!({ "events": ["webhook.disabled"] }));
    gone.answer(410);
    issue(&harness, "x");
    assert_eq!(deliver(&harness), 1);
    deliver(&harness);
    assert_eq!(other.taken(), ["webhook.disabled"]);
    let told = other.received()[0].json();
    assert_eq!(told["data"], json!({ "webhook_id": id, "cause": "gone" }));
    let shown = show(&harness, &id);
    assert_eq!((shown.at("/state"), shown.at("/disabled/cause")), (json!("disabled"), json!("gone")));
    issue(&harness, "y");
    harness.world.clock.advance(Duration::from_secs(7 * 86_400));
    deliver(&harness);
    assert_eq!(gone.connections(), 1, "nothing is sent there any more");
    // It was mended: what was missed comes after all.
    gone.answer(204);
    harness.merchant().post(&format!("{WEBHOOKS}/{id}/enable"), &json!({})).expect(200);
    deliver(&harness);
    assert_eq!(gone.taken(), ["license.issued", "license.issued"]);
}

#[test]
fn what_happened_while_an_endpoint_was_off_comes_later_or_not_at_all_as_it_is_asked() {
    let harness = Harness::start();
    let receiver = Receiver::start(&harness.world.clock);
    let (id, _) = endpoint(&harness, &receiver, &json!({}));
    let (off, on) = (format!("{WEBHOOKS}/{id}/disable"), format!("{WEBHOOKS}/{id}/enable"));
    harness.merchant().post(&off, &json!({})).expect(200);
    issue(&harness, "missed");
    assert_eq!(deliver(&harness), 0);
    harness.merchant().post(&on, &json!({ "skip_missed": true })).expect(200);
    assert_eq!(deliver(&harness), 0);
    harness.merchant().post(&off, &json!({})).expect(200);
    issue(&harness, "kept");
    deliver(&harness);
    harness.merchant().post(&on, &json!({})).expect(200);
    assert_eq!(deliver(&harness), 1);
    assert_eq!(receiver.taken().len(), 1);
}

/// The workers go on for so long, looking as often as they do without anything to do.
fn run_for(harness: &Harness, span: TimeDelta, step: TimeDelta) -> usize {
    let end = harness.world.clock.now() + span;
    let mut attempts = 0;
    while harness.world.clock.now() < end {
        attempts += deliver(harness);
        harness.world.clock.advance(step.to_std().expect("a step"));
    }
    attempts
}

#[test]
fn an_endpoint_that_takes_nothing_for_five_days_is_disabled_with_a_notice() {
    let harness = Harness::start();
    let (dead, other) = (Receiver::start(&harness.world.clock), Receiver::start(&harness.world.clock));
    let (id, _) = endpoint(&harness, &dead, &json!({ "events": ["license.issued"] }));
    endpoint(&harness, &other, &json!({ "events": ["webhook.disabled"] }));
    dead.answer(500);
    for day in 0..5 {
        for number in 0..3 {
            issue(&harness, &format!("day {day}, {number}"));
        }
        run_for(&harness, TimeDelta::days(1), TimeDelta::minutes(30));
    }
    assert_eq!(other.taken(), Vec::<String>::new());
    run_for(&harness, TimeDelta::hours(12), TimeDelta::minutes(30));
    assert_eq!(show(&harness, &id).at("/disabled/cause"), "failing");
    deliver(&harness);
    assert_eq!(other.taken(), ["webhook.disabled"]);
    let given_up = deliveries(&harness, &id, "?state=given_up");
    assert!(!given_up.is_empty(), "what was tried for three days is given up");
    let attempts = dead.connections();
    println!("{attempts} attempts in five days; {} events given up", given_up.len());
    assert!(attempts < 5 * 200, "{attempts}");
}

/// A receiver that is down for a day: every event arrives, and what it is asked to bear is bounded.
fn down_for_a_day(harness: &Harness) {
    let receiver = Receiver::start(&harness.world.clock);
    let (id, secret) = endpoint(harness, &receiver, &json!({}));
    let licenses: Vec<String> = (0..20).map(|number| issue(harness, &format!("{number}"))).collect();
    deliver(harness);
    assert_eq!(receiver.taken().len(), 20);
    receiver.answer(HANG_UP);
    let down_from = harness.world.clock.now();
    // Something happens every quarter of an hour, 96 times, twice each.
    for quarter in 0..96 {
        let license = &licenses[quarter % licenses.len()];
        for action in ["suspend", "resume"] {
            act(harness, license, action);
        }
        run_for(harness, TimeDelta::minutes(15), TimeDelta::minutes(5));
    }
    let up_from = harness.world.clock.now();
    assert_eq!(up_from - down_from, TimeDelta::days(1));
    let tried = receiver.received().iter().filter(|it| it.status == HANG_UP).count();
    let waiting = show(harness, &id).at("/progress/pending");
    assert_eq!(waiting, 64, "a bounded number is on its way, the rest waits in the chain");
    receiver.answer(200);
    run_for(harness, TimeDelta::minutes(30), TimeDelta::minutes(1));
    let received = receiver.received();
    let taken: Vec<_> = received.iter().filter(|it| it.status != HANG_UP).collect();
    let events: BTreeSet<&str> = taken.iter().map(|it| it.id.as_str()).collect();
    assert_eq!(events.len(), 20 + 2 * 96, "each event at least once");
    assert_eq!(taken.len(), events.len(), "and in the ordinary case once");
    assert!(taken.iter().all(|it| it.verifies_with(&secret)));
    let mut by_minute: BTreeMap<i64, usize> = BTreeMap::new();
    for it in &received {
        *by_minute.entry(it.at.timestamp() / 60).or_default() += 1;
    }
    let most_down = by_minute.range(..up_from.timestamp() / 60).skip(1).map(|(_, count)| *count).max();
    let most = by_minute.values().copied().max().unwrap_or(0);
    println!(
        "{tried} attempts while it was down for a day, at most {most_down:?} in a minute; {most} in the busiest minute after; \
         {} events, each taken once",
        events.len()
    );
    assert!(tried < 250, "{tried} attempts at a receiver that is down");
    assert!(most_down.unwrap_or(0) <= 10 && most <= 600, "{most_down:?} {most}");
    assert_eq!(show(harness, &id).at("/progress/failing_since"), Value::Null);
}

#[test]
fn a_receiver_that_is_down_for_a_day_gets_each_event_in_bounded_load() {
    let harness = Harness::start_in(World::new(), &Engine::Embedded);
    harness.apply(&acme(&harness.world.sandbox));
    down_for_a_day(&harness);
}

#[test]
fn one_event_that_fails_for_ever_holds_up_no_other() {
    let harness = Harness::start();
    let receiver = Receiver::start(&harness.world.clock);
    let (id, _) = endpoint(&harness, &receiver, &json!({}));
    receiver.answer(500);
    issue(&harness, "poison");
    deliver(&harness);
    receiver.answer(204);
    for number in 0..100 {
        issue(&harness, &format!("{number}"));
    }
    deliver(&harness);
    assert_eq!(receiver.taken().len(), 100);
    assert_eq!(show(&harness, &id).at("/progress/pending"), 1);
}

#[test]
fn a_server_that_ends_between_sending_and_recording_sends_again() {
    let harness = Harness::start();
    let receiver = Receiver::start(&harness.world.clock);
    let (id, _) = endpoint(&harness, &receiver, &json!({}));
    issue(&harness, "x");
    receiver.answer(NEVER);
    harness.block_on(async { while harness.app.seal_events().await.expect("sealed").has_more {} });
    let (app, webhook) = (Arc::clone(&harness.app), WebhookId::parse(&id).expect("an id"));
    let sending = harness.spawn(async move { app.deliver_to(&merchant_id(), &webhook, &|| true).await });
    receiver.wait_for_arrival();
    // The process is gone: the request is out, and nothing is written of it.
    sending.abort();
    receiver.answer(204);
    assert_eq!(deliver(&harness), 0, "nobody else sends while it may still be sending");
    harness.world.clock.advance(Duration::from_secs(61));
    assert_eq!(deliver(&harness), 1);
    let received = receiver.received();
    assert_eq!(received.len(), 2);
    assert_eq!((&received[0].id, &received[0].body), (&received[1].id, &received[1].body));
    assert_eq!(deliveries(&harness, &id, "?state=delivered").len(), 1);
}

#[test]
fn two_servers_send_each_event_once() {
    let harness = Harness::start();
    let receiver = Receiver::start(&harness.world.clock);
    endpoint(&harness, &receiver, &json!({}));
    let other = harness.another_worker(|calls| calls);
    for round in 0..10 {
        for number in 0..5 {
            issue(&harness, &format!("{round}/{number}"));
        }
        harness.block_on(async {
            while harness.app.seal_events().await.expect("sealed").has_more {}
            for _ in 0..4 {
                let both = tokio::join!(harness.app.deliver_due_events(), other.deliver_due_events());
                both.0.expect("one server works");
                both.1.expect("the other works");
            }
        });
    }
    deliver(&harness);
    let received = receiver.received();
    let ids: BTreeSet<&str> = received.iter().map(|it| it.id.as_str()).collect();
    assert_eq!((received.len(), ids.len()), (50, 50));
}

/// Up to the instant, looking as servers do that are often away: once in ten hours. Says of how many ends was told.
fn tell_ends_until(harness: &Harness, apps: &[&App], until: Instant) -> usize {
    let mut told = 0;
    while harness.world.clock.now() < until {
        let step = (until - harness.world.clock.now()).min(TimeDelta::hours(10));
        harness.world.clock.advance(step.to_std().expect("it lies ahead"));
        for app in apps {
            harness.block_on(async { while app.fill_index().await.expect("filled") == Filled::Some {} });
            told += harness.block_on(app.tell_ends()).expect("the store works");
        }
    }
    told
}

#[test]
fn the_end_of_a_license_is_told_once_some_days_ahead_and_once_when_it_comes() {
    let engine = MemoryEngine::new();
    let harness = Harness::start_over(&engine);
    let receiver = Receiver::start(&harness.world.clock);
    endpoint(
        &harness,
        &receiver,
        &json!({ "events": ["license.expiring", "license.expired"], "expiring_days": [30, 1] }),
    );
    let other = harness.another_worker(|calls| calls);
    let began = harness.world.clock.now() + TimeDelta::hours(1);
    assert_eq!(tell_ends_until(&harness, &[&harness.app], began), 0);
    let license = issue(&harness, "a year");
    let revoked = issue(&harness, "revoked");
    act(&harness, &revoked, "revoke");
    let ends_at: Instant = "2027-01-31T09:00:00Z".parse().expect("an instant");
    let apps = [harness.app.as_ref(), &other];
    assert_eq!(tell_ends_until(&harness, &apps, ends_at - TimeDelta::days(31)), 0);
    assert_eq!(tell_ends_until(&harness, &apps, ends_at - TimeDelta::days(29)), 1);
    // Another life of the server on the same records.
    let world = Arc::clone(&harness.world);
    drop(other);
    let harness = harness.restarted(&Engine::Memory(engine.clone()));
    assert_eq!(tell_ends_until(&harness, &[&harness.app], ends_at - TimeDelta::hours(2)), 1);
    assert_eq!(tell_ends_until(&harness, &[&harness.app], ends_at + TimeDelta::days(40)), 1);
    deliver(&harness);
    let told: Vec<Value> = receiver.received().iter().map(told_of_end).collect();
    assert_eq!(
        told,
        [
            json!(["license.expiring", license, 30, "2027-01-31T09:00:00Z"]),
            json!(["license.expiring", license, 1, "2027-01-31T09:00:00Z"]),
            json!(["license.expired", license, null, "2027-01-31T09:00:00Z"]),
        ]
    );
    drop(world);
}

fn told_of_end(received: &crate::support::receiver::Received) -> Value {
    let event = received.json();
    let data = &event["data"];
    json!([event["type"], data["license"]["id"], data["days"], data["ends_at"]])
}

#[test]
fn what_is_wrong_with_a_channel_is_sent_with_its_cause() {
    let harness = Harness::start();
    let receiver = Receiver::start(&harness.world.clock);
    endpoint(&harness, &receiver, &json!({}));
    let call = |test: bool, cause: CallCause| AnsweredCall {
        merchant: merchant_id(),
        channel: ChannelId::parse("cad-koogallery").expect("a slug"),
        activity: Some("newInstance"),
        test,
        status: 200,
        result_code: Some("000001"),
        took: Duration::from_millis(3),
        signer: None,
        cause: Some(cause),
        subject: CallSubject::default(),
    };
    harness.app.record_call(call(
        false,
        CallCause::UnknownActivity { protocol: "saas-v2".into(), spoken_by: Vec::new(), meant: None },
    ));
    harness.block_on(harness.app.flush_calls(true)).expect("written");
    deliver(&harness);
    let told: Vec<String> = receiver.taken();
    assert_eq!(told, ["callback.rejected"]);
    let event = receiver.received()[0].json();
    assert_eq!(event["data"]["channel"], "cad-koogallery");
    assert_eq!(event["data"]["cause"], "unknown_activity");
}

#[test]
fn the_end_of_the_served_certificate_is_told_once_for_each_step() {
    let harness = Harness::start();
    let receiver = Receiver::start(&harness.world.clock);
    endpoint(&harness, &receiver, &json!({ "events": ["certificate.expiring"] }));
    let ends_at = harness.world.clock.now() + TimeDelta::days(31);
    let mut told = 0;
    for _ in 0..32 {
        told += harness.block_on(harness.app.tell_certificate_end(ends_at)).expect("the store works");
        harness.world.clock.advance(Duration::from_secs(86_400));
    }
    assert_eq!(told, 4);
    deliver(&harness);
    let days: Vec<Value> = receiver.received().iter().map(|it| it.json()["data"]["days"].clone()).collect();
    assert_eq!(days, [30, 14, 7, 1]);
}

#[test]
fn renewals_are_sent_and_kept_only_where_somebody_asks_for_them_by_name() {
    let harness = Harness::start();
    let (all, named) = (Receiver::start(&harness.world.clock), Receiver::start(&harness.world.clock));
    endpoint(&harness, &all, &json!({}));
    let license = issue(&harness, "x");
    let renew = |harness: &Harness| {
        let shown = harness.bearer(&harness.token(&[Scope::Read, Scope::Keys]));
        let key = shown
            .get(&format!("/v1/merchant/licenses/{license}?reveal=true"))
            .expect(200)
            .text_at("/license_key");
        let made = activate(&harness.anonymous(), &key, 1, &format!("{:?} a", harness.world.clock.now()));
        let path = format!("/v1/activations/{}/renew", made.text_at("/activation_id"));
        let nonce = format!("{:?}", harness.world.clock.now());
        let renewal = json!({ "certificate": made.at("/certificate"), "nonce": nonce });
        harness.anonymous().post(&path, &renewal).expect(200);
        harness.world.clock.advance(Duration::from_secs(60));
    };
    renew(&harness);
    deliver(&harness);
    assert_eq!(all.taken(), ["license.issued", "activation.created"]);
    endpoint(&harness, &named, &json!({ "events": ["activation.renewed"] }));
    renew(&harness);
    deliver(&harness);
    // Activating the same machine again renews it as well.
    assert_eq!(named.taken(), ["activation.renewed", "activation.renewed"]);
    assert_eq!(all.taken().len(), 2);
}

#[test]
fn deleting_an_endpoint_forgets_what_was_on_its_way() {
    let harness = Harness::start();
    let receiver = Receiver::start(&harness.world.clock);
    let (id, _) = endpoint(&harness, &receiver, &json!({}));
    receiver.answer(500);
    issue(&harness, "x");
    deliver(&harness);
    harness.merchant().send("DELETE", &format!("{WEBHOOKS}/{id}"), b"").expect(204);
    receiver.answer(204);
    harness.world.clock.advance(Duration::from_secs(86_400));
    assert_eq!(deliver(&harness), 0);
    assert_eq!(receiver.connections(), 1);
    harness.merchant().get(&format!("{WEBHOOKS}/{id}/deliveries")).expect_problem(404, "not_found");
}

#[test]
fn what_is_on_its_way_is_counted_for_whoever_watches() {
    let harness = Harness::start();
    let receiver = Receiver::start(&harness.world.clock);
    endpoint(&harness, &receiver, &json!({}));
    receiver.answer(500);
    issue(&harness, "x");
    issue(&harness, "y");
    deliver(&harness);
    harness.world.clock.advance(Duration::from_secs(30));
    let text = harness.anonymous().get("/metrics").expect(200).text;
    for line in [
        "lictor_outbox_pending 2",
        "lictor_outbox_oldest_seconds 0",
        "lictor_webhook_events_pending 2",
        "lictor_webhook_oldest_seconds 30",
    ] {
        assert!(text.lines().any(|written| written == line), "{line} in\n{text}");
    }
}

#[test]
fn every_event_is_documented_in_both_languages_with_an_example() {
    let doc = |name: &str| {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(name);
        std::fs::read_to_string(path).expect("the document is there")
    };
    let (english, chinese) = (doc("webhooks.md"), doc("webhooks.zh-CN.md"));
    let same_as_suspended =
        ["license.issued", "license.renewed", "license.resumed", "license.released", "license.revoked"];
    for name in lictor::domain::WebhookEvent::NAMES {
        let told = format!("`{name}`");
        assert!(english.contains(&told) && chinese.contains(&told), "{name}");
        let example = format!("\"type\": \"{name}\"");
        assert!(english.contains(&example) || same_as_suspended.contains(name), "{name} has no example");
    }
    // The long example has the members that are sent, and no others.
    let harness = Harness::start();
    let receiver = Receiver::start(&harness.world.clock);
    endpoint(&harness, &receiver, &json!({}));
    issue(&harness, "x");
    deliver(&harness);
    let written = english.split("```json\n").nth(1).and_then(|rest| rest.split("\n```").next());
    let written: Value = serde_json::from_str(written.expect("an example")).expect("it is JSON");
    let members = |event: &Value| {
        let license = event["data"]["license"].as_object().expect("a license").clone();
        license.keys().cloned().collect::<BTreeSet<_>>()
    };
    assert_eq!(members(&written), members(&receiver.received()[0].json()));
    for line in english.lines().filter(|line| line.starts_with("{ \"type\"")) {
        serde_json::from_str::<Value>(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    }
}
