//! The merchant API: many licenses in one request.

use lictor::domain::Scope;
use serde_json::{Value, json};

use crate::support::Harness;
use crate::support::api::Api;

const BULK: &str = "/v1/merchant/licenses/bulk";

fn items(count: usize) -> Vec<Value> {
    (0..count)
        .map(
            |number| json!({ "product": "acme-cad", "spec": "cad-month", "label": format!("seat {number}") }),
        )
        .collect()
}

fn count(api: &Api) -> usize {
    let listed = api.get("/v1/merchant/licenses?limit=200").expect(200);
    listed.at("/items").as_array().map_or(0, Vec::len)
}

#[test]
fn licenses_are_issued_in_bulk_once_however_often_the_request_is_sent() {
    let harness = Harness::start();
    let token = harness.token(&[Scope::Issue, Scope::Keys, Scope::Read]);
    let api = harness.bearer(&token).with("Idempotency-Key", "batch-1");
    let body = json!({ "items": items(60) });
    let first = api.post(&format!("{BULK}?reveal=true"), &body).expect(200);
    assert_eq!((first.at("/issued"), first.at("/refused")), (json!(60), json!(0)));
    assert_eq!((first.at("/lines/59/line"), first.at("/lines/59/reason")), (json!(60), Value::Null));
    assert!(first.text_at("/lines/0/license_key").contains('.'));
    assert_eq!(first.text_at("/lines/0/claim_code").len(), 29);
    let repeat = api.post(&format!("{BULK}?reveal=true"), &body).expect(200);
    assert_eq!(repeat.text, first.text);
    // Without the kept answer each line is known by itself: another view of the same request issues nothing either.
    let ids = |answer: &crate::support::api::Answer| -> Vec<Value> {
        let lines = answer.at("/lines").as_array().expect("lines").clone();
        lines.into_iter().map(|line| line["license_id"].clone()).collect()
    };
    let bare = api.post(BULK, &body).expect(200);
    assert_eq!(ids(&bare), ids(&first));
    assert_eq!(bare.at("/lines/0/license_key"), Value::Null);
    assert_eq!(count(&harness.merchant()), 60);
    let shown =
        harness.merchant().get(&format!("/v1/merchant/licenses/{}", ids(&first)[7].as_str().expect("an id")));
    assert_eq!(shown.expect(200).at("/label"), "seat 7");
    let other = json!({ "items": items(59) });
    api.post(BULK, &other).expect_problem(409, "idempotency_conflict");
}

#[test]
pub fn one_wrong_line_stops_all_of_them_unless_the_rest_is_wanted() {
    let harness = Harness::start();
    let api = |key: &str| harness.merchant().with("Idempotency-Key", key);
    let mut lines = items(4);
    lines[1]["spec"] = json!("unknown");
    lines[3]["quantity"] = json!(0);
    let refused = api("a").post(BULK, &json!({ "items": lines })).expect_problem(422, "invalid_request");
    let pointers: Vec<_> = refused
        .at("/mistakes")
        .as_array()
        .expect("a report")
        .iter()
        .map(|it| it["pointer"].clone())
        .collect();
    assert_eq!(pointers, ["/items/1/spec", "/items/3/quantity"]);
    assert_eq!(count(&harness.merchant()), 0);
    let looked_at =
        api("b").post(BULK, &json!({ "items": lines, "partial": true, "check": true })).expect(200);
    assert_eq!((looked_at.at("/issued"), looked_at.at("/refused")), (json!(0), json!(2)));
    assert_eq!(count(&harness.merchant()), 0);
    let rest = api("c").post(BULK, &json!({ "items": lines, "partial": true })).expect(200);
    assert_eq!((rest.at("/issued"), rest.at("/refused")), (json!(2), json!(2)));
    assert_eq!((rest.at("/lines/1/license_id"), rest.at("/lines/1/pointer")), (Value::Null, json!("/spec")));
    assert_eq!(count(&harness.merchant()), 2);
}

#[test]
fn a_bulk_request_has_its_bounds_its_key_and_its_scope() {
    let harness = Harness::start();
    let api = harness.merchant();
    let unnamed = api.post(BULK, &json!({ "items": items(1) })).expect_problem(422, "invalid_request");
    assert!(unnamed.text_at("/reason").contains("Idempotency-Key"));
    let named = api.with("Idempotency-Key", "k");
    for body in [json!({ "items": [] }), json!({ "items": items(1_001) })] {
        assert_eq!(named.post(BULK, &body).expect_problem(422, "invalid_request").at("/pointer"), "/items");
    }
    let odd =
        named.post(BULK, &json!({ "items": [{ "product": "acme-cad", "spec": "cad-month", "colour": 1 }] }));
    assert_eq!(odd.expect_problem(422, "invalid_request").at("/mistakes/0/pointer"), "/items/0/colour");
    let reader = harness.bearer(&harness.token(&[Scope::Read])).with("Idempotency-Key", "k");
    reader.post(BULK, &json!({ "items": items(1) })).expect_problem(403, "scope_missing");
    let issuer = harness.bearer(&harness.token(&[Scope::Issue])).with("Idempotency-Key", "k");
    issuer
        .post(&format!("{BULK}?reveal=true"), &json!({ "items": items(1) }))
        .expect_problem(403, "scope_missing");
}
