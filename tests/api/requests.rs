//! What every request of the merchant API has: done once, its ETag, its rate.

use std::time::Duration;

use lictor::application::{App, Begun, IdempotencyIdentity};
use lictor::domain::{RateLimit, Scope, TokenOwner};
use lictor::http::{HttpLimits, RateRules};
use lictor::sandbox::orders::{Basket, Billing, Period};
use lictor::store::MemoryEngine;
use serde_json::{Value, json};

use crate::support::people::{activate, command, issue};
use crate::support::{Engine, Harness, World, acme};

const LICENSES: &str = "/v1/merchant/licenses";

/// A harness with these rules.
fn limited(rates: RateRules) -> Harness {
    let engine = Engine::Memory(MemoryEngine::new());
    let limits = HttpLimits { rates, ..HttpLimits::default() };
    let harness = Harness::start_with(World::new(), &engine, limits);
    harness.apply(&acme(&harness.world.sandbox));
    harness
}

fn per_minute(requests: u32) -> Option<RateLimit> {
    Some(RateLimit { requests, window: Duration::from_secs(60) })
}

#[test]
fn what_was_begun_by_a_process_that_is_no_more_is_done_at_once_where_nobody_else_has_the_store() {
    let harness = Harness::start();
    let identity = IdempotencyIdentity { key_digest: [1; 32], request_digest: [2; 32] };
    let begin = |app: &App, limit| {
        harness.block_on(app.begin_answer(None, identity, limit)).expect("the store takes it")
    };
    let (limit, process) = (Some(Duration::from_secs(30)), || harness.another_worker(|calls| calls));
    assert_eq!(begin(&process(), None), Begun::First);
    assert_eq!(begin(&process(), limit), Begun::First);
    assert_eq!(begin(&process(), limit), Begun::Elsewhere, "another server may be at it");
    let alone = process().with_own_store(true);
    assert_eq!((begin(&alone, limit), begin(&alone, limit)), (Begun::First, Begun::Elsewhere));
}

#[test]
fn a_repeat_is_answered_as_the_first_and_done_once_whatever_is_posted() {
    let harness = Harness::start();
    let operator = || {
        let token = harness.token_of(TokenOwner::Server, &[Scope::Operator]);
        harness.bearer(&token).with("Lictor-Merchant", "acme")
    };
    let caller = operator();
    let once = |key: &str| caller.with("Idempotency-Key", key);
    // A rotation would make another key each time.
    let rotate = json!({ "role": "license" });
    let first = once("r-1").post("/v1/merchant/keys/rotate", &rotate).expect(200);
    let keys = harness.merchant().get("/v1/merchant/keys").expect(200);
    assert_eq!(once("r-1").post("/v1/merchant/keys/rotate", &rotate).expect(200).text, first.text);
    assert_eq!(harness.merchant().get("/v1/merchant/keys").expect(200).text, keys.text);
    let other = json!({ "role": "status" });
    once("r-1").post("/v1/merchant/keys/rotate", &other).expect_problem(409, "idempotency_conflict");
    once("r-1").post(LICENSES, &rotate).expect_problem(409, "idempotency_conflict");
    // The answer is the first, not what the license has become.
    let id = issue(&harness, "cad-year").text_at("/id");
    let suspend = format!("{LICENSES}/{id}/suspend");
    let suspended = once("s-1").post(&suspend, &json!({})).expect(200);
    command(&harness, &id, "revoke", &json!({})).expect(200);
    let repeated = once("s-1").post(&suspend, &json!({})).expect(200);
    assert_eq!(
        (repeated.text.clone(), repeated.header("etag")),
        (suspended.text.clone(), suspended.header("etag"))
    );
    // What was refused is decided again.
    once("s-2").post(&suspend, &json!({})).expect_problem(409, "illegal_state");
    once("s-2").post(&suspend, &json!({ "reason": "x" })).expect_problem(409, "illegal_state");
    // A key is its token's own, and of one token its merchant's.
    let elsewhere = operator().with("Idempotency-Key", "r-1");
    assert_ne!(elsewhere.post("/v1/merchant/keys/rotate", &rotate).expect(200).text, first.text);
}

#[test]
fn an_answer_that_is_kept_cannot_be_read_in_the_store_and_lapses() {
    let engine = MemoryEngine::new();
    let harness = Harness::start_over(&engine);
    let token = harness.token(&[Scope::Admin]);
    let once = harness.bearer(&token).with("Idempotency-Key", "secret-1");
    let order = json!({ "product": "acme-cad", "spec": "cad-year" });
    let path = format!("{LICENSES}?reveal=true");
    let made = once.post(&path, &order).expect(201);
    let code = made.text_at("/claim_code");
    assert_eq!(once.post(&path, &order).expect(201).text, made.text);
    let records = engine.records();
    let bodies = records.iter().map(|(_, record)| String::from_utf8_lossy(&record.body).into_owned());
    let stored: String = bodies.collect();
    assert!(stored.contains("sealed"), "the answer is kept");
    assert!(!stored.contains(&code) && !stored.contains(&token), "nothing is kept in clear");
    harness.world.clock.advance(Duration::from_secs(32 * 86_400));
    assert!(harness.block_on(harness.app.sweep_lapsed()).expect("swept") >= 2);
    assert_ne!(once.post(&path, &order).expect(201).text_at("/id"), made.text_at("/id"));
}

#[test]
fn everything_that_is_shown_has_an_etag_and_whoever_has_it_already_is_told_so() {
    let harness = Harness::start();
    let license = issue(&harness, "cad-year");
    let id = license.text_at("/id");
    let machine = activate(&harness.anonymous(), &license.text_at("/license_key"), 1, "n").expect(201);
    let machine = format!("/v1/merchant/activations/{}", machine.text_at("/activation_id"));
    let merchant = harness.merchant();
    for path in [
        format!("{LICENSES}/{id}"),
        format!("{LICENSES}/{id}/quota"),
        machine.clone(),
        "/v1/merchant/products/acme-cad".to_owned(),
        "/v1/merchant/specs/cad-year".to_owned(),
        "/v1/merchant/channels/cad-koogallery".to_owned(),
    ] {
        let shown = merchant.get(&path).expect(200);
        let tag = shown.header("etag").unwrap_or_else(|| panic!("{path} has no ETag")).to_owned();
        let again = merchant.with("If-None-Match", &tag).get(&path).expect(304);
        assert_eq!((again.text.as_str(), again.header("etag")), ("", Some(tag.as_str())), "{path}");
        merchant.with("If-None-Match", "\"other\"").get(&path).expect(200);
    }
}

#[test]
pub fn a_lost_update_is_told_with_what_is_there_now() {
    let harness = Harness::start();
    let license = issue(&harness, "cad-year");
    let id = license.text_at("/id");
    let machine = activate(&harness.anonymous(), &license.text_at("/license_key"), 1, "n").expect(201);
    let machine = format!("/v1/merchant/activations/{}", machine.text_at("/activation_id"));
    let merchant = harness.merchant();
    for path in [
        "/v1/merchant/products",
        "/v1/merchant/products/acme-cad",
        "/v1/merchant/specs",
        "/v1/merchant/specs/cad-year",
    ] {
        merchant.get(path).expect(200);
    }
    merchant.get(&format!("{LICENSES}/{id}/quota")).expect(200);
    let read = merchant.get(&format!("{LICENSES}/{id}")).expect(200).header("etag").expect("one").to_owned();
    let changed = command(&harness, &id, "suspend", &json!({})).expect(200);
    let late = merchant.with("If-Match", &read).post(&format!("{LICENSES}/{id}/revoke"), &json!({}));
    let late = late.expect_problem(412, "revision_conflict");
    assert_eq!(
        (late.at("/current_revision"), late.at("/current/state")),
        (changed.at("/revision"), json!("suspended"))
    );
    assert_eq!(late.at("/current/license_key"), Value::Null);
    let stale = merchant.with("If-Match", "\"0123\"").post(&format!("{machine}/release"), &json!({}));
    assert_eq!(stale.expect_problem(412, "revision_conflict").at("/current/state"), "held");
    let tag = merchant.get(&machine).expect(200).header("etag").expect("one").to_owned();
    let freed =
        merchant.with("If-Match", &tag).post(&format!("{machine}/release"), &json!({ "reason": "stolen" }));
    let freed = freed.expect(200);
    assert_eq!((freed.at("/state"), freed.at("/end_cause")), (json!("ended"), json!("merchant")));
}

#[test]
pub fn an_order_that_changed_meanwhile_is_not_mapped_and_told_as_it_is() {
    let harness = Harness::start();
    let (shop, merchant) = (harness.storefront(), harness.merchant());
    let bought = shop.buy(Basket::of("CAD-NEW", Billing::Period(Period::Years(1)))).expect("answers");
    harness.settle();
    let path = format!("/v1/merchant/orders/{}", bought.order.order_id);
    let read = merchant.get(&path).expect(200);
    let tag = read.header("etag").expect("one").to_owned();
    assert_eq!(tag, format!("\"{}\"", read.at("/revision")));
    // What the marketplace tells of it waits until it is issued.
    shop.freeze(bought.answer.instance_id()).expect("answered");
    let map = |tag: &str| {
        merchant.with("If-Match", tag).post(&format!("{path}/map"), &json!({ "spec": "cad-key-only" }))
    };
    let late = map(&tag).expect_problem(412, "revision_conflict");
    let now = merchant.get(&path).expect(200);
    assert_eq!((now.at("/state"), now.at("/waiting_events")), (json!("held"), json!(1)), "nothing was done");
    assert_eq!(late.at("/current_revision"), now.at("/revision"));
    assert_eq!(
        (late.at("/current/id"), late.at("/current/waiting_events")),
        (now.at("/id"), now.at("/waiting_events"))
    );
    map(now.header("etag").expect("one")).expect(200);
    let minted = merchant.get(&path).expect(200);
    assert_eq!(minted.at("/state"), "minted");
    map(now.header("etag").expect("one")).expect_problem(412, "revision_conflict");
    map("*").expect(200);
}

#[test]
pub fn machines_are_found_by_license_and_by_name_and_never_another_merchants() {
    let harness = Harness::start();
    harness.apply(crate::support::globex());
    let license = issue(&harness, "cad-year");
    let key = license.text_at("/license_key");
    let first = activate(&harness.anonymous(), &key, 1, "n").expect(201).text_at("/activation_id");
    activate(&harness.anonymous(), &key, 2, "n").expect(201);
    let merchant = harness.merchant();
    let list = |query: &str| merchant.get(&format!("/v1/merchant/activations?{query}"));
    let of_license = list(&format!("license={}", license.text_at("/id"))).expect(200);
    let names: Vec<_> =
        of_license.at("/items").as_array().expect("a list").iter().map(|it| it["name"].clone()).collect();
    assert_eq!(names, ["desk 2", "desk 1"]);
    let page = list(&format!("license={}&limit=1", license.text_at("/id"))).expect(200);
    let cursor = page.text_at("/next_cursor");
    let rest = list(&format!("license={}&limit=1&cursor={cursor}", license.text_at("/id"))).expect(200);
    assert_eq!((rest.at("/items/0/name"), rest.at("/next_cursor")), (json!("desk 1"), Value::Null));
    let named = list("name=DESK%201").expect(200);
    assert_eq!((named.at("/items/0/id"), named.at("/items/1")), (json!(first), Value::Null));
    assert_eq!(list("name=desk").expect(200).at("/items").as_array().map(Vec::len), Some(2));
    assert_eq!(list("").expect_problem(422, "invalid_request").at("/pointer"), "/license");
    list("license=lic_0&name=x").expect_problem(422, "invalid_request");
    let globex = lictor::domain::MerchantId::parse("globex").expect("valid");
    let foreign = harness.bearer(&harness.token_of(TokenOwner::Merchant(globex), &[Scope::Admin]));
    let foreign_machine =
        foreign.get(&format!("/v1/merchant/activations/{first}")).expect_problem(404, "not_found");
    let absent =
        foreign.get("/v1/merchant/activations/act_0000000000000000000000").expect_problem(404, "not_found");
    assert_eq!(foreign_machine.without_request_id().2, absent.without_request_id().2);
    let too_long = list(&format!("name={}", "x".repeat(129)));
    assert_eq!(too_long.expect_problem(422, "invalid_request").at("/pointer"), "/name");
    assert_eq!(foreign.get("/v1/merchant/activations?name=desk").expect(200).at("/items"), json!([]));
    foreign
        .post(&format!("/v1/merchant/activations/{first}/release"), &json!({}))
        .expect_problem(404, "not_found");
}

#[test]
fn a_token_that_asks_too_often_waits_and_nobody_else_does() {
    let harness = limited(RateRules { per_token: per_minute(3), refused_per_address: None });
    let (busy, calm) = (harness.merchant(), harness.merchant());
    for left in [2, 1, 0] {
        let shown = busy.get(LICENSES).expect(200);
        assert_eq!(shown.header("ratelimit-policy"), Some("\"token\";q=3;w=60"));
        assert!(
            shown.header("ratelimit").is_some_and(|it| it.starts_with(&format!("\"token\";r={left};t=")))
        );
    }
    let refused = busy.post(LICENSES, &json!({ "product": "acme-cad", "spec": "cad-year" }));
    let refused = refused.expect_problem(429, "rate_limited");
    assert_eq!((refused.header("retry-after"), refused.at("/next_action")), (Some("20"), json!("retry")));
    calm.get(LICENSES).expect(200);
    assert_eq!(calm.get(LICENSES).expect(200).at("/items"), json!([]), "nothing was issued");
    harness.anonymous().get("/v1/keysets/acme/jwks.json").expect(200);
    harness.world.clock.advance(Duration::from_secs(20));
    busy.get(LICENSES).expect(200);
    busy.get(LICENSES).expect_problem(429, "rate_limited");
}

#[test]
fn an_address_that_presents_wrong_tokens_waits_before_any_store_is_asked() {
    let harness = limited(RateRules { per_token: None, refused_per_address: per_minute(2) });
    let merchant = harness.merchant();
    for number in 0..2 {
        harness.bearer(&format!("lictor_wrong-{number}")).get(LICENSES).expect_problem(401, "token_refused");
    }
    harness.bearer("lictor_wrong-3").get(LICENSES).expect_problem(429, "rate_limited");
    merchant.get(LICENSES).expect_problem(429, "rate_limited");
    harness.anonymous().get("/healthz").expect(200);
    harness.world.clock.advance(Duration::from_secs(30));
    let shown = merchant.get(LICENSES).expect(200);
    assert_eq!(shown.header("ratelimit"), None, "tokens are not limited here");
}
