//! A merchant's own shop over real HTTP: the whole life of what it sells, told by Standard Webhooks.

use std::sync::Arc;
use std::time::Duration;

use license_token::claims::Claims;
use license_token::{LicenseClaims, StatusListClaims, StatusValue, UnverifiedToken};
use lictor::application::ports::Clock as _;
use lictor::sandbox::event_shop::{EventAnswer, EventShop};
use lictor::store::MemoryEngine;
use secrecy::SecretString;
use serde_json::{Value, json};

use crate::support::Harness;
use crate::support::api::Answer;
use crate::support::people::{activate, command};

const DAY: Duration = Duration::from_secs(86_400);
const NEW: &str = "whsec_bGljdG9yIHRlc3Qgc2VjcmV0IG51bWJlciAxISEh";
const OLD: &str = "whsec_bGljdG9yIHRlc3Qgc2VjcmV0IG51bWJlciAyISEh";
const SPARE: &str = "whsec_bGljdG9yIHRlc3Qgc2VjcmV0IG51bWJlciAzISEh";

fn channel(access_keys: &str) -> String {
    format!(
        r#"
[merchant]
id = "acme"
name = "Acme Software"
issuer = "https://license.acme.example"

[[channel]]
id = "cad-shop"
marketplace = "generic"
protocol = "standard-webhooks"
products = ["acme-cad"]
access_keys = {access_keys}
"#
    )
}

fn start() -> Harness {
    start_over(&MemoryEngine::new())
}

fn start_over(engine: &MemoryEngine) -> Harness {
    let harness = Harness::start_over(engine);
    for (name, secret) in [("SHOP_NEW", NEW), ("SHOP_OLD", OLD), ("SHOP_SPARE", SPARE)] {
        harness.world.set_secret(name, secret);
    }
    harness.apply(&channel(r#"["env:SHOP_NEW", "env:SHOP_OLD"]"#));
    harness
}

fn shop_with(harness: &Harness, secrets: &[&str]) -> EventShop {
    let clock = Arc::clone(&harness.world.clock);
    let secrets = secrets.iter().map(|secret| SecretString::from((*secret).to_owned())).collect();
    let address = format!("{}/marketplace/acme/cad-shop", harness.url);
    EventShop::new(&address, secrets, Arc::new(move || clock.now()))
}

fn shop(harness: &Harness) -> EventShop {
    shop_with(harness, &[NEW])
}

/// Tells an event of `A-1` and expects this.
#[track_caller]
fn tell(shop: &EventShop, event_type: &str, members: Value, status: u16, word: &str) -> EventAnswer {
    let answer = shop.tell(event_type, data(members)).expect("answered");
    let said = if answer.text("result").is_empty() { answer.text("code") } else { answer.text("result") };
    assert_eq!((answer.status, said), (status, word), "{event_type}: {}", answer.json);
    answer
}

fn data(members: Value) -> Value {
    let mut data = json!({ "order_id": "A-1", "line_id": "1" });
    for (name, value) in members.as_object().expect("an object") {
        data[name] = value.clone();
    }
    data
}

fn month() -> Value {
    json!({ "sku": "CAD-MONTH", "quantity": 2, "customer": "cus_88", "term": "P1M" })
}

fn licenses(harness: &Harness) -> Vec<Value> {
    let found = harness.merchant().get("/v1/merchant/licenses?order_id=A-1").expect(200);
    found.at("/items").as_array().expect("a list").clone()
}

fn shown(harness: &Harness) -> Answer {
    let [license] = &licenses(harness)[..] else { panic!("{:?}", licenses(harness)) };
    let id = license["id"].as_str().expect("an id");
    harness.merchant().get(&format!("/v1/merchant/licenses/{id}?reveal=true")).expect(200)
}

/// What the status list says of a license key.
fn listed(harness: &Harness, license_key: &str) -> StatusValue {
    harness.settle();
    let token = UnverifiedToken::parse(license_key).expect("a token");
    let claims = LicenseClaims::read(token.inspect().claims).expect("a license key");
    let status = claims.status.expect("every key has an entry");
    let path = status.uri.strip_prefix(&harness.url).expect("this server's own").to_owned();
    let list = harness.anonymous().get(&path).expect(200).text;
    let list = UnverifiedToken::parse_status_list(&list).expect("a token");
    let list = StatusListClaims::read(list.inspect().claims).expect("a status list").list;
    list.status(usize::try_from(status.idx).expect("a small number")).expect("an entry")
}

fn verdict(harness: &Harness, license_key: &str) -> String {
    let asked = json!({ "license_key": license_key });
    harness.anonymous().post("/v1/validate", &asked).expect(200).text_at("/code")
}

/// State, license key, its claims, the status list, online verdict and what the shop is told agree; the current key.
#[track_caller]
fn agree(harness: &Harness, state: &str, ends_at: &str, code: &str, listed_as: StatusValue) -> String {
    let license = shown(harness);
    assert_eq!((license.text_at("/state").as_str(), license.text_at("/ends_at").as_str()), (state, ends_at));
    let key = license.text_at("/license_key");
    let claims = UnverifiedToken::parse(&key).expect("a token");
    let claims = LicenseClaims::read(claims.inspect().claims).expect("a license key");
    let end: chrono::DateTime<chrono::Utc> = ends_at.parse().expect("an instant");
    assert_eq!(claims.exp, Some(end.timestamp()));
    assert_eq!(claims.sub, license.text_at("/id"));
    assert_eq!(listed(harness, &key), listed_as);
    assert_eq!(verdict(harness, &key), code);
    let told = tell(&shop(harness), "purchase.queried", json!({}), 200, "minted");
    for (ours, theirs) in [
        ("id", "license_id"),
        ("state", "state"),
        ("ends_at", "ends_at"),
        ("license_key", "license_key"),
        ("claim_code", "claim_code"),
    ] {
        assert_eq!(license.text_at(&format!("/{ours}")), told.text(theirs), "{theirs}");
    }
    key
}

#[test]
fn a_whole_life_agrees_at_every_step() {
    let harness = start();
    let shop = shop(&harness);
    let clock = &harness.world.clock;
    let bought = tell(&shop, "purchase.created", month(), 200, "minted");
    assert_eq!(bought.text("instance_id"), "A-1#1");
    assert!(bought.text("memo").contains(bought.text("claim_code")));
    let first = agree(&harness, "active", "2026-02-28T08:00:00Z", "valid", StatusValue::Valid);
    assert_eq!(bought.text("license_key"), first);
    let license = shown(&harness);
    assert_eq!((license.at("/machines"), license.at("/customer")), (json!(2), json!("cus_88")));
    assert_eq!(license.at("/channel"), json!("cad-shop"));
    activate(&harness.anonymous(), &first, 1, "n").expect(201);
    activate(&harness.anonymous(), &first, 2, "n").expect(201);

    clock.advance(DAY);
    let renewal = json!({ "renewal_id": "R-1", "ends_at": "2026-03-31T08:00:00Z" });
    tell(&shop, "purchase.renewed", renewal.clone(), 200, "done");
    let second = agree(&harness, "active", "2026-03-31T08:00:00Z", "valid", StatusValue::Valid);
    assert_ne!(first, second);
    assert_eq!(listed(&harness, &first), StatusValue::Valid, "who has paid need not hurry");

    clock.advance(DAY);
    let year = json!({ "renewal_id": "R-2", "ends_at": "2027-03-31T08:00:00Z", "term": "P1Y" });
    tell(&shop, "purchase.renewed", year, 200, "done");
    agree(&harness, "active", "2027-03-31T08:00:00Z", "valid", StatusValue::Valid);
    assert_eq!(shown(&harness).at("/term"), json!("P1Y"));

    clock.advance(DAY);
    tell(
        &shop,
        "purchase.changed",
        json!({ "change_id": "C-1", "sku": "CAD-YEAR", "quantity": 4 }),
        200,
        "done",
    );
    agree(&harness, "active", "2027-03-31T08:00:00Z", "valid", StatusValue::Valid);
    let license = shown(&harness);
    assert_eq!((license.at("/machines"), license.text_at("/spec").as_str()), (json!(12), "cad-year"));

    clock.advance(DAY);
    tell(&shop, "purchase.suspended", json!({}), 200, "done");
    agree(&harness, "suspended", "2027-03-31T08:00:00Z", "license_suspended", StatusValue::Suspended);
    clock.advance(DAY);
    tell(&shop, "purchase.resumed", json!({}), 200, "done");
    let before = agree(&harness, "active", "2027-03-31T08:00:00Z", "valid", StatusValue::Valid);

    clock.advance(DAY);
    let back = json!({ "renewal_id": "R-2", "ends_at": "2026-03-31T08:00:00Z" });
    tell(&shop, "purchase.renewal_cancelled", back, 200, "done");
    agree(&harness, "active", "2026-03-31T08:00:00Z", "valid", StatusValue::Valid);
    assert_eq!(listed(&harness, &before), StatusValue::Superseded, "the longer one is taken back");

    tell(&shop, "purchase.renewed", renewal, 200, "done");
    agree(&harness, "active", "2026-03-31T08:00:00Z", "valid", StatusValue::Valid);

    clock.advance(DAY);
    tell(&shop, "purchase.released", json!({}), 200, "done");
    agree(&harness, "released", "2026-03-31T08:00:00Z", "license_released", StatusValue::Invalid);
    for (event_type, members) in [
        ("purchase.released", json!({})),
        ("purchase.resumed", json!({})),
        ("purchase.suspended", json!({})),
        ("purchase.changed", json!({ "change_id": "C-2", "quantity": 9 })),
    ] {
        tell(&shop, event_type, members, 200, "done");
        agree(&harness, "released", "2026-03-31T08:00:00Z", "license_released", StatusValue::Invalid);
    }
    let paid = json!({ "renewal_id": "R-3", "ends_at": "2029-01-01T00:00:00Z" });
    tell(&shop, "purchase.renewed", paid, 200, "done");
    let license = shown(&harness);
    let key = license.text_at("/license_key");
    assert_eq!(license.text_at("/state"), "released", "what is paid now is recorded and gives nothing back");
    assert_eq!(
        (listed(&harness, &key), verdict(&harness, &key).as_str()),
        (StatusValue::Invalid, "license_released")
    );
    assert_eq!(licenses(&harness).len(), 1);
}

#[test]
fn a_trial_becomes_paid_for_good() {
    let harness = start();
    let shop = shop(&harness);
    let trial = json!({ "sku": "CAD-ORDERED", "term": "P14D", "trial": true });
    harness.apply(&format!(
        "{}\n[[spec]]\nid = \"cad-ordered\"\nproduct = \"acme-cad\"\nsku = \"CAD-ORDERED\"\nterm = \"order\"\n",
        channel(r#"["env:SHOP_NEW"]"#)
    ));
    tell(&shop, "purchase.created", trial, 200, "minted");
    agree(&harness, "active", "2026-02-14T08:00:00Z", "valid", StatusValue::Valid);
    harness.world.clock.advance(20 * DAY);
    agree(&harness, "expired", "2026-02-14T08:00:00Z", "license_expired", StatusValue::Valid);
    let converted = json!({ "renewal_id": "R-1", "term": "permanent" });
    tell(&shop, "purchase.trial_converted", converted, 200, "done");
    let license = shown(&harness);
    assert_eq!((license.text_at("/state").as_str(), license.at("/ends_at")), ("active", Value::Null));
    assert_eq!(license.at("/term"), json!("permanent"));
    assert_eq!(verdict(&harness, &license.text_at("/license_key")), "valid");
}

#[test]
fn the_same_purchase_in_parallel_late_and_by_every_id_becomes_one_license() {
    let harness = start();
    let shop = shop(&harness);
    let first = shop.sign(&shop.event("purchase.created", data(month()))).expect("signed");
    let answers: Vec<EventAnswer> = std::thread::scope(|scope| {
        let callers: Vec<_> = (0..16)
            .map(|number| {
                let (shop, first) = (shop.clone(), first.clone());
                scope.spawn(move || match number % 2 {
                    0 => shop.send(&first).expect("answered"),
                    _ => shop.tell("purchase.created", data(month())).expect("answered"),
                })
            })
            .collect();
        callers.into_iter().map(|caller| caller.join().expect("no panic")).collect()
    });
    let key = shown(&harness).text_at("/license_key");
    for answer in &answers {
        assert_eq!((answer.status, answer.text("license_key")), (200, key.as_str()), "{}", answer.json);
    }
    harness.world.clock.advance(10 * DAY);
    let again = shop.sign_as(&first.id, &first.body);
    assert_eq!(shop.send(&again).expect("answered").text("license_key"), key, "tried again, days later");
    assert_eq!(shop.send(&first).expect("answered").text("code"), "timestamp_too_old", "a replay is not");
    assert_eq!(licenses(&harness).len(), 1);
}

#[test]
fn an_id_belongs_to_one_event() {
    let harness = start();
    let shop = shop(&harness);
    tell(&shop, "purchase.created", month(), 200, "minted");
    let body = |event_type| shop.event(event_type, data(json!({}))).to_string();
    let (stop, go_on) = (body("purchase.suspended"), body("purchase.resumed"));
    let send = |id: &str, body: &str| {
        let answer = shop.send(&shop.sign_as(id, body.as_bytes())).expect("answered");
        (answer.status, answer.text("result").to_owned() + answer.text("code"))
    };
    let done = (200, "done".to_owned());
    assert_eq!(send("msg_1", &stop), done);
    assert_eq!(send("msg_1", &go_on), (409, "webhook_id_reused".to_owned()));
    assert_eq!(shown(&harness).text_at("/state"), "suspended");
    assert_eq!(send("msg_2", &go_on), done);
    harness.world.clock.advance(20 * DAY);
    assert_eq!(send("msg_1", &stop), done, "the first event again, days later");
    assert_eq!(shown(&harness).text_at("/state"), "active", "has no second effect");
}

#[test]
fn a_held_purchase_is_minted_when_its_sku_is_known_with_all_that_came_before() {
    let harness = start();
    let shop = shop(&harness);
    let unknown = json!({ "sku": "CAD-NEW", "quantity": 2, "term": "P1Y" });
    let body = shop.event("purchase.created", data(unknown)).to_string();
    let send = || shop.send(&shop.sign_as("msg_1", body.as_bytes())).expect("answered");
    let held = send();
    assert_eq!((held.status, held.text("result"), held.text("instance_id")), (202, "held", "A-1#1"));
    tell(&shop, "purchase.queried", json!({}), 202, "held");
    tell(&shop, "purchase.suspended", json!({}), 200, "done");
    harness.world.clock.advance(DAY);
    tell(&shop, "purchase.resumed", json!({}), 200, "done");
    let renewal = json!({ "renewal_id": "R-1", "ends_at": "2028-01-31T08:00:00Z" });
    tell(&shop, "purchase.renewed", renewal, 200, "done");
    tell(&shop, "purchase.changed", json!({ "change_id": "C-1", "quantity": 5 }), 200, "done");
    assert_eq!(send().status, 202, "the same event again, and nothing is lost");
    harness.apply(&format!(
        "{}\n[[spec]]\nid = \"cad-new\"\nproduct = \"acme-cad\"\nsku = \"CAD-NEW\"\nterm = \"P1Y\"\n",
        channel(r#"["env:SHOP_NEW"]"#)
    ));
    harness.settle();
    let key = agree(&harness, "active", "2028-01-31T08:00:00Z", "valid", StatusValue::Valid);
    assert_eq!(shown(&harness).at("/machines"), json!(5));
    let minted = send();
    assert_eq!((minted.status, minted.text("license_key")), (200, key.as_str()));
}

#[test]
fn a_purchase_released_while_it_waits_never_gets_a_license() {
    let harness = start();
    let shop = shop(&harness);
    tell(&shop, "purchase.created", json!({ "sku": "CAD-NEW", "term": "P1Y" }), 202, "held");
    tell(&shop, "purchase.released", json!({}), 200, "done");
    let ended = tell(&shop, "purchase.created", json!({ "sku": "CAD-NEW", "term": "P1Y" }), 200, "ended");
    assert_eq!(ended.json["license_key"], Value::Null);
    tell(&shop, "purchase.queried", json!({}), 200, "ended");
}

#[test]
fn events_of_a_purchase_that_nobody_told_of_are_asked_for_again() {
    let harness = start();
    let shop = shop(&harness);
    for (event_type, members) in [
        ("purchase.renewed", json!({ "renewal_id": "R-1", "ends_at": "2027-01-31T08:00:00Z" })),
        ("purchase.changed", json!({ "change_id": "C-1", "quantity": 2 })),
        ("purchase.suspended", json!({})),
        ("purchase.released", json!({})),
        ("purchase.queried", json!({})),
    ] {
        tell(&shop, event_type, members, 404, "purchase_unknown");
    }
    tell(&shop, "purchase.created", month(), 200, "minted");
    let unknown = json!({ "change_id": "C-1", "sku": "CAD-WHAT" });
    let later = tell(&shop, "purchase.changed", unknown, 503, "sku_not_mapped");
    assert_eq!(later.retry_after.as_deref(), Some("600"));
    let other_line = data(json!({ "line_id": "2" }));
    assert_eq!(shop.tell("purchase.suspended", other_line).expect("answered").status, 404);
    agree(&harness, "active", "2026-02-28T08:00:00Z", "valid", StatusValue::Valid);
}

#[test]
fn a_secret_is_changed_without_a_call_refused() {
    let harness = start();
    let by = |secrets: &[&str]| {
        let answer = shop_with(&harness, secrets).tell("purchase.created", data(month())).expect("answered");
        (answer.status, answer.text("code").to_owned())
    };
    let refused = (401, "signature_mismatch".to_owned());
    assert_eq!(by(&[OLD]).0, 200);
    assert_eq!(by(&[SPARE]), refused);
    harness.apply(&channel(r#"["env:SHOP_SPARE", "env:SHOP_NEW"]"#));
    assert_eq!(by(&[SPARE]).0, 200, "the new one");
    assert_eq!(by(&[NEW]).0, 200, "the one before");
    assert_eq!(by(&[OLD, SPARE]).0, 200, "a sender that signs with both");
    assert_eq!(by(&[OLD]), refused, "the retired one");
    harness.world.set_secret("SHOP_SPARE", "not a secret of this kind");
    assert_eq!(by(&[NEW]).0, 200, "one that cannot be used does not stand in the way of the other");
    assert_eq!(by(&[SPARE]), refused);
}

#[test]
fn a_secret_that_cannot_be_one_is_refused_when_it_is_applied_and_named_without_being_shown() {
    use lictor::application::ApplyFault;
    let harness = start();
    harness.world.set_secret("SHOP_TYPO", "geheim-0123456789");
    let text = channel(r#"["env:SHOP_NEW", "env:SHOP_TYPO"]"#);
    let Err(ApplyFault::Mistakes(mistakes)) = harness.try_apply(&text) else { panic!("it cannot be used") };
    let [mistake] = &mistakes[..] else { panic!("{mistakes:?}") };
    assert!(mistake.message.contains("env:SHOP_TYPO") && mistake.message.contains("whsec_"), "{mistake:?}");
    assert!(!mistake.message.contains("geheim"), "{mistake:?}");
    assert_eq!(mistake.line, 7, "{mistake:?}");
    let not_there_yet = channel(r#"["env:SHOP_NEW", "env:SHOP_NEXT_YEAR"]"#);
    harness.apply(&not_there_yet);
}

#[test]
fn wrong_calls_change_nothing_and_a_test_leaves_nothing_behind() {
    let engine = MemoryEngine::new();
    let harness = start_over(&engine);
    let shop = shop(&harness);
    let event = shop.sign(&shop.event("purchase.created", data(month()))).expect("signed");
    let writes = engine.writes();
    let mut wrong = Vec::new();
    for bit in 0..event.body.len() {
        let mut mutant = event.clone();
        mutant.body[bit] ^= 1 << (bit % 7);
        wrong.push(mutant);
    }
    wrong.push(lictor::sandbox::event_shop::SignedEvent { id: "msg_other".into(), ..event.clone() });
    for mutant in &wrong {
        let answer = shop.send(mutant).expect("answered");
        assert_eq!((answer.status, answer.text("code")), (401, "signature_mismatch"));
    }
    for odd in [
        json!({ "sku": 7, "term": "P1M" }),
        json!({ "sku": "CAD-MONTH" }),
        json!({ "sku": "CAD-MONTH", "term": "P1W" }),
    ] {
        tell(&shop, "purchase.created", odd, 422, "invalid_request");
    }
    tell(&shop, "purchase.create", month(), 422, "unknown_type");
    for event_type in ["purchase.created", "purchase.renewed", "purchase.released"] {
        let more = json!({ "renewal_id": "R-1", "ends_at": "2027-01-31T08:00:00Z" });
        let more = if event_type == "purchase.created" { month() } else { more };
        let mut body = shop.event(event_type, data(more));
        body["test"] = json!(true);
        let answer = shop.send(&shop.sign(&body).expect("signed")).expect("answered");
        assert_eq!((answer.status, &answer.json["test"]), (200, &json!(true)), "{}", answer.json);
    }
    let bare = json!({ "type": "test", "timestamp": "2026-01-31T08:00:00Z" });
    assert_eq!(shop.send(&shop.sign(&bare).expect("signed")).expect("answered").status, 200);
    assert_eq!(engine.writes(), writes, "nothing was written");
    assert_eq!(licenses(&harness), Vec::<Value>::new());
}

#[test]
fn a_header_that_stands_there_twice_is_no_header() {
    let harness = start();
    let shop = shop(&harness);
    let event = shop.sign(&shop.event("purchase.created", data(month()))).expect("signed");
    let headers = [
        ("webhook-id", event.id.as_str()),
        ("webhook-timestamp", event.timestamp.as_str()),
        ("webhook-signature", event.signature.as_str()),
    ];
    for (twice, code) in headers.iter().zip(["missing_id", "missing_timestamp", "missing_signature"]) {
        let api = headers.iter().fold(harness.anonymous(), |api, (name, value)| api.with(name, value));
        let answer = api.with(twice.0, twice.1).send("POST", "/marketplace/acme/cad-shop", &event.body);
        assert_eq!((answer.status, answer.text_at("/code").as_str()), (400, code));
    }
    assert_eq!(licenses(&harness), Vec::<Value>::new());
    assert_eq!(shop.send(&event).expect("answered").status, 200, "once each it is a purchase");
}

#[test]
fn what_the_merchant_revoked_stays_revoked() {
    let harness = start();
    let shop = shop(&harness);
    let license = tell(&shop, "purchase.created", month(), 200, "minted").text("license_id").to_owned();
    command(&harness, &license, "revoke", &json!({ "reason": "chargeback" })).expect(200);
    let renewal = json!({ "renewal_id": "R-1", "ends_at": "2027-01-31T08:00:00Z" });
    tell(&shop, "purchase.renewed", renewal, 200, "done");
    let told = tell(&shop, "purchase.queried", json!({}), 200, "minted");
    assert_eq!(told.text("state"), "revoked");
}
