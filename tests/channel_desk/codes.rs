//! A test authorization code is tried at the marketplace, and nothing is sold.

use lictor::domain::Scope;
use lictor::sandbox::open_api::Trouble;
use lictor::sandbox::orders::{Basket, Billing};
use serde_json::{Value, json};

use crate::desk::{Desk, good};
use crate::support::channel_speaking;

fn with_codes() -> Desk {
    let desk = Desk::open();
    desk.harness.apply(&channel_speaking("license-code", "cad-codes", &desk.harness.world.sandbox));
    desk
}

fn tried(desk: &Desk, channel: &str, code: &str) -> Value {
    let path = format!("/v1/merchant/channels/{channel}/test-code");
    desk.api.post(&path, &json!({ "code": code })).expect(200).json()
}

#[test]
fn a_test_code_is_activated_and_queried_and_leaves_nothing() {
    let desk = with_codes();
    let address = format!("{}/marketplace/acme/cad-codes", desk.harness.url);
    let shop = desk.harness.world.sandbox.code_shop(&address, good().to_owned().into());
    let sold = shop.sell(Basket::of("CAD-YEAR", Billing::OneTime)).expect("answers");
    let before = desk.records();
    let answer = tried(&desk, "cad-codes", &sold.code);
    assert_eq!(
        (&answer["ok"], &answer["activate"]["ok"], &answer["heartbeat"]["ok"]),
        (&json!(true), &json!(true), &json!(true))
    );
    assert_eq!(desk.records(), before);
    let again = tried(&desk, "cad-codes", &sold.code);
    assert_eq!(
        (&again["ok"], &again["activate"]["reason"]),
        (&json!(true), &json!("it was activated before"))
    );
    let unknown = tried(&desk, "cad-codes", "PLNOBODYKNOWS");
    assert_eq!((&unknown["ok"], &unknown["heartbeat"]), (&json!(false), &json!(null)));
    assert!(
        unknown["activate"]["reason"]
            .as_str()
            .expect("words")
            .starts_with("the marketplace does not know the code")
    );
}

#[test]
fn what_stands_in_the_way_is_said_with_what_to_do() {
    let desk = with_codes();
    desk.harness.apply(
        "[merchant]\nid = \"acme\"\nname = \"Acme\"\nissuer = \"https://license.acme.example\"\n[[channel]]\nid = \"cad-bare\"\n\
         protocol = \"license-code\"\nproducts = [\"acme-cad\"]\naccess_keys = [\"env:OTHER_KEY\"]\n",
    );
    let none = tried(&desk, "cad-bare", "PL1");
    assert_eq!(
        none["activate"]["reason"],
        "the channel has no open_api: give it access_key and secret_key in the apply file"
    );
    desk.harness.world.sandbox.trouble(Trouble::Status(503), 1);
    let busy = tried(&desk, "cad-codes", "PL1");
    let words = busy["activate"]["reason"].as_str().expect("words").to_owned();
    assert!(words.starts_with("no answer (") && words.contains("try again in a minute"), "{words}");
    desk.harness.world.set_secret("OPEN_API_SK", "another one");
    let refused = tried(&desk, "cad-codes", "PL1");
    let words = refused["activate"]["reason"].as_str().expect("words").to_owned();
    assert!(
        words.contains("APIGW.0301") && words.contains("access key and secret key of open_api"),
        "{words}"
    );
}

#[test]
fn a_channel_that_sells_no_codes_tries_none() {
    let desk = Desk::open();
    let path = "/v1/merchant/channels/cad-koogallery/test-code";
    let refused = desk.api.post(path, &json!({ "code": "PL1" })).expect_problem(409, "illegal_state");
    assert!(refused.text_at("/reason").contains("license-code"), "{refused:?}");
}

#[test]
fn a_code_that_was_sold_is_not_tried_and_who_only_reads_tries_none() {
    let desk = with_codes();
    let address = format!("{}/marketplace/acme/cad-codes", desk.harness.url);
    let shop = desk.harness.world.sandbox.code_shop(&address, good().to_owned().into());
    let sold = shop.sell(Basket::of("CAD-YEAR", Billing::OneTime)).expect("answers");
    desk.harness.anonymous().post("/v1/claims", &json!({ "claim_code": sold.code })).expect(202);
    let path = "/v1/merchant/channels/cad-codes/test-code";
    let body = json!({ "code": sold.code });
    desk.api.post(path, &body).expect_problem(409, "illegal_state");
    let reader = desk.harness.bearer(&desk.harness.token(&[Scope::Read]));
    reader.post(path, &body).expect_problem(403, "scope_missing");
    let merchant = &desk.api;
    merchant.post(path, &json!({ "code": "" })).expect_problem(422, "invalid_request");
    merchant.post(path, &json!({ "cod": "x" })).expect_problem(422, "invalid_request");
    merchant.post("/v1/merchant/channels/nothing/test-code", &body).expect_problem(404, "not_found");
}
