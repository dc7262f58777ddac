//! Production addresses.

use std::collections::BTreeMap;
use std::time::Duration;

use lictor::sandbox::caller::BodySign;
use lictor::sandbox::orders::{Basket, Billing, Period};
use lictor::store::{MemoryEngine, RecordKey};
use serde_json::json;

use crate::support::Harness;

const HOUR: Duration = Duration::from_secs(3_600);

fn year() -> Basket {
    Basket::of("CAD-YEAR", Billing::Period(Period::Years(1)))
}

fn records(engine: &MemoryEngine) -> BTreeMap<RecordKey, Vec<u8>> {
    engine.records().into_iter().map(|(key, record)| (key, record.body.to_vec())).collect()
}

#[test]
fn a_signed_purchase_becomes_a_license_that_the_buyer_can_claim() {
    let harness = Harness::start();
    let shop = harness.storefront();
    let bought = shop.buy(year()).expect("the service answers");
    assert_eq!((bought.answer.status, bought.answer.result_code()), (200, "000004"));
    assert_eq!(bought.answer.body_sign, BodySign::Right);
    let instance = bought.answer.instance_id().to_owned();
    assert_eq!(shop.query(&[&instance]).expect("answers").result_code(), "000004");
    harness.settle();
    let again = shop.deliver(&bought.order).expect("answers");
    assert_eq!((again.result_code(), again.instance_id()), ("000000", instance.as_str()));
    let shown = shop.query(&[&instance]).expect("answers");
    assert_eq!((shown.result_code(), shown.body_sign), ("000000", BodySign::Right));
    let memo = shown.app_info(&instance).expect("appInfo")["memo"].as_str().expect("a memo").to_owned();
    let code = memo.trim_start_matches("Claim code ").split(',').next().expect("a code").to_owned();
    let claimed =
        harness.anonymous().post("/v1/claims", &json!({ "claim_code": code, "product": "acme-cad" }));
    let found = harness.merchant().get(&format!("/v1/merchant/licenses?order_id={}", bought.order.order_id));
    assert_eq!(found.expect(200).at("/items/0/id"), claimed.expect(200).at("/license_id"));
}

/// Nonces and idempotency keys are kept for their time and not for ever.
#[test]
fn what_was_kept_for_a_time_is_deleted_after_it_and_nothing_else_is() {
    let engine = MemoryEngine::new();
    let harness = Harness::start_over(&engine);
    harness.storefront().buy(year()).expect("the service answers");
    harness.settle();
    let issuing = harness.merchant().with("Idempotency-Key", "once");
    let order = json!({ "product": "acme-cad", "spec": "cad-year" });
    let made = issuing.post("/v1/merchant/licenses", &order).expect(201);
    let kept = || engine.records().len();
    let sweep = || harness.block_on(harness.app.sweep_lapsed()).expect("it sweeps");
    let before = kept();
    assert_eq!((sweep(), kept()), (0, before));
    harness.world.clock.advance(HOUR);
    assert_eq!((sweep(), kept()), (1, before - 1), "the nonce of newInstance");
    assert_eq!(issuing.post("/v1/merchant/licenses", &order).expect(201).json(), made.json());
    harness.world.clock.advance(31 * 24 * HOUR);
    assert_eq!((sweep(), kept()), (2, before - 3), "the idempotency key, and the answer kept under it");
    assert_eq!(sweep(), 0);
}

#[test]
fn the_whole_life_of_an_instance_is_answered_with_success() {
    let harness = Harness::start();
    let shop = harness.storefront();
    let instance = shop.buy(year()).expect("answers").answer.instance_id().to_owned();
    harness.settle();
    assert_eq!(shop.renew(&instance, Period::Years(1)).expect("answers").answer.result_code(), "000000");
    harness.settle();
    assert_eq!(shop.freeze(&instance).expect("answers").result_code(), "000000");
    let path = format!("/v1/merchant/licenses?instance_id={instance}");
    let frozen = harness.merchant().get(&path).expect(200);
    assert_eq!(frozen.at("/items/0/state"), "suspended");
    assert_eq!(frozen.at("/items/0/suspensions/0/by"), "marketplace");
    assert_eq!(shop.unfreeze(&instance).expect("answers").result_code(), "000000");
    assert_eq!(shop.release(&instance).expect("answers").result_code(), "000000");
    assert_eq!(harness.merchant().get(&path).expect(200).at("/items/0/state"), "released");
}

#[test]
fn a_dial_test_succeeds_and_leaves_nothing_behind() {
    let engine = MemoryEngine::new();
    let harness = Harness::start_over(&engine);
    let before = records(&engine);
    let answers = harness.storefront().dial_test().expect("answers");
    assert_eq!(answers.len(), 5);
    for (activity, answer) in answers {
        assert_eq!((answer.status, answer.result_code()), (200, "000000"), "{activity}");
        assert_eq!(answer.body_sign, BodySign::Right, "{activity}");
    }
    assert_eq!(records(&engine), before);
}

#[test]
fn a_wrong_signature_is_told_so_and_stores_nothing() {
    let engine = MemoryEngine::new();
    let harness = Harness::start_over(&engine);
    let shop = harness.storefront();
    let before = records(&engine);
    let order =
        json!({ "activity": "newInstance", "orderId": "CS1", "orderLineId": "CS1-1", "businessId": "b1" });
    let members = order.as_object().expect("an object").clone();
    let mut altered = shop.caller().sign(members.clone()).expect("signed");
    altered.body = String::from_utf8(altered.body).expect("text").replace("CS1-1", "CS1-2").into_bytes();
    let mut forged = shop.caller().sign(members).expect("signed");
    forged.signature.signature = "0".repeat(forged.signature.signature.len());
    for call in [altered, forged] {
        let answer = shop.caller().send(&call).expect("answers");
        assert_eq!((answer.status, answer.result_code()), (200, "000001"));
        assert_eq!(answer.body_sign, BodySign::Right);
    }
    assert_eq!(records(&engine), before);
}

#[test]
fn the_same_request_again_gets_the_same_answer_and_another_with_its_nonce_is_refused() {
    let engine = MemoryEngine::new();
    let harness = Harness::start_over(&engine);
    let shop = harness.storefront();
    let order = |id: &str| {
        let members =
            json!({ "activity": "newInstance", "orderId": id, "orderLineId": id, "businessId": "b1" });
        members.as_object().expect("an object").clone()
    };
    let call = shop.caller().sign(order("CS1")).expect("signed");
    let first = shop.caller().send(&call).expect("answers");
    let stored = records(&engine);
    let second = shop.caller().send(&call).expect("answers");
    assert_eq!((first.result_code(), &first.body), ("000004", &second.body));
    assert_eq!(records(&engine), stored);
    let nonce = &call.signature.nonce;
    let timestamp = &call.signature.timestamp;
    let body = serde_json::to_vec(&order("CS2")).expect("serializes");
    let signature =
        lictor::sandbox::signer::sign_callback(crate::support::ACCESS_KEY, timestamp, nonce, &body);
    let other = lictor::sandbox::caller::SignedCall { signature, body };
    let refused = shop.caller().send(&other).expect("answers");
    assert_eq!((refused.status, refused.result_code()), (200, "000002"));
    assert_eq!(records(&engine), stored);
}

#[test]
fn an_unknown_merchant_and_an_unknown_channel_look_the_same() {
    let harness = Harness::start();
    let api = harness.anonymous();
    let merchant = api.get("/marketplace/nobody/cad-koogallery").expect_problem(404, "not_found");
    let channel = api.get("/marketplace/acme/nothing").expect_problem(404, "not_found");
    let no_id = api.get("/marketplace/ACME/%20").expect_problem(404, "not_found");
    assert_eq!(merchant.without_request_id(), channel.without_request_id());
    assert_eq!(merchant.without_request_id(), no_id.without_request_id());
}

#[test]
fn what_is_no_call_is_answered_in_http_words() {
    let engine = MemoryEngine::new();
    let harness = Harness::start_over(&engine);
    let before = records(&engine);
    let (api, path) =
        (harness.anonymous(), "/marketplace/acme/cad-koogallery?signature=a&timestamp=1&nonce=n");
    let nested = "[".repeat(2_000);
    let cases: [(&str, &str, &[u8], u16); 6] = [
        ("POST", path, b"{\"activity\":", 400),
        ("POST", path, b"{\"a\":1,\"a\":2}", 400),
        ("POST", path, nested.as_bytes(), 400),
        ("POST", path, &vec![b' '; 64 * 1024 + 1], 413),
        ("GET", path, b"", 405),
        ("POST", "/marketplace/acme/cad-koogallery/nothing/here", b"{}", 404),
    ];
    for (method, path, body, status) in cases {
        let answer = api.send(method, path, body);
        assert_eq!(answer.status, status, "{answer:?}");
        assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{answer:?}");
    }
    assert_eq!(api.send("PUT", path, b"{}").expect_problem(405, "method_not_allowed").status, 405);
    assert_eq!(records(&engine), before);
}

#[test]
fn a_missing_access_key_is_refused_without_a_hint_and_the_others_go_on_working() {
    let harness = Harness::start();
    let with_two = crate::support::acme(&harness.world.sandbox)
        .replace(r#"["env:CALLBACK_KEY"]"#, r#"["env:NOT_SET", "env:CALLBACK_KEY"]"#);
    harness.apply(&with_two);
    assert_eq!(harness.storefront().buy(year()).expect("answers").answer.result_code(), "000004");
}

/// What is answered with success is kept: a renewal that a waiting purchase has no room for is asked for again.
#[test]
fn a_renewal_that_cannot_be_kept_yet_is_never_answered_with_success() {
    let harness = Harness::start();
    let shop = harness.storefront();
    let bought = shop.buy(year()).expect("the service answers");
    let instance = bought.answer.instance_id().to_owned();
    let mut successes = 0;
    for _ in 0..=lictor::domain::EARLY_EVENTS_MAX {
        let renewed = shop.renew(&instance, Period::Days(1)).expect("the service answers");
        match renewed.answer.result_code() {
            "000000" => successes += 1,
            code => assert_eq!(code, "000005"),
        }
    }
    assert_eq!(successes, lictor::domain::EARLY_EVENTS_MAX, "the one too many is refused, not swallowed");
    harness.settle();
    let late = shop.renew(&instance, Period::Days(1)).expect("the service answers");
    assert_eq!(late.answer.result_code(), "000000", "once the license exists there is room");
}
