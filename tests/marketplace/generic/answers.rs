//! What a shop is answered.

use lictor::domain::{InstanceInfo, LicenseId, LicenseShown, LicenseState, PurchaseOutcome};
use lictor::marketplace::{Call, RawAnswer, RefusalCause};
use serde_json::{Value, json};

use super::support::*;

fn call(event_type: &str) -> Call {
    Sent::of(&event(event_type)).read().unwrap()
}

fn words(answer: &RawAnswer) -> (u16, Value) {
    let body: Value = serde_json::from_slice(&answer.body).unwrap();
    let word = body["result"].as_str().or(body["code"].as_str());
    assert_eq!(word, answer.result_code);
    (answer.status, body)
}

fn answered(event_type: &str, outcome: &PurchaseOutcome) -> (u16, Value) {
    let answer = protocol().answer(&call(event_type), outcome, &keys());
    assert_eq!(answer.fault, None);
    words(&answer)
}

fn info() -> InstanceInfo {
    InstanceInfo {
        instance_id: "A-1001#1".into(),
        front_end_url: "https://license.acme.example/portal".into(),
        memo: "激活码 ABC".into(),
        sign_in: None,
        usage: Vec::new(),
        license: Some(Box::new(LicenseShown {
            id: LicenseId::from_uuid(1),
            state: LicenseState::Active,
            ends_at: Some("2027-01-31T08:00:00Z".parse().unwrap()),
            license_key: Some("eyJ".into()),
            claim_code: "ABCDE-FGHJK".into(),
        })),
    }
}

fn minted() -> Value {
    json!({
        "result": "minted",
        "instance_id": "A-1001#1",
        "license_id": LicenseId::from_uuid(1).as_str(),
        "state": "active",
        "ends_at": "2027-01-31T08:00:00Z",
        "license_key": "eyJ",
        "claim_code": "ABCDE-FGHJK",
        "memo": "激活码 ABC",
        "portal_url": "https://license.acme.example/portal",
    })
}

#[test]
fn a_purchase_and_a_query_are_answered_with_the_license() {
    let delivered = PurchaseOutcome::Delivered { info: info(), license_key: Some("eyJ".into()) };
    assert_eq!(answered("purchase.created", &delivered), (200, minted()));
    assert_eq!(answered("purchase.queried", &delivered), (200, minted()));
    let mut for_good = info();
    for_good.license.as_mut().unwrap().ends_at = None;
    let answer =
        answered("purchase.queried", &PurchaseOutcome::Delivered { info: for_good, license_key: None });
    assert_eq!(answer.1["ends_at"], Value::Null);
    let ended = InstanceInfo { license: None, memo: String::new(), ..info() };
    let (status, body) =
        answered("purchase.created", &PurchaseOutcome::Delivered { info: ended, license_key: None });
    assert_eq!((status, &body["result"], &body["license_key"]), (200, &json!("ended"), &Value::Null));
}

#[test]
fn what_waits_for_a_sku_is_accepted_when_it_is_kept_and_asked_for_again_when_it_is_not() {
    let held = PurchaseOutcome::Accepted { instance_id: "A-1001#1".into(), ready: false };
    let waits = json!({ "result": "held", "instance_id": "A-1001#1" });
    assert_eq!(answered("purchase.created", &held), (202, waits.clone()));
    assert_eq!(answered("purchase.queried", &held), (202, waits));
    let answer = protocol().answer(&call("purchase.changed"), &PurchaseOutcome::Processing, &keys());
    assert_eq!(words(&answer).0, 503);
    assert_eq!(answer.result_code, Some("sku_not_mapped"));
    assert_eq!(answer.headers[1], ("Retry-After", "600".to_owned()));
}

#[test]
fn every_other_outcome_has_its_status_and_word() {
    for (outcome, status, word) in [
        (PurchaseOutcome::Done, 200, "done"),
        (PurchaseOutcome::InstanceUnknown, 404, "purchase_unknown"),
        (PurchaseOutcome::InvalidParameter, 422, "contradiction"),
        (PurchaseOutcome::Unavailable, 503, "unavailable"),
    ] {
        let answer = protocol().answer(&call("purchase.renewed"), &outcome, &keys());
        assert_eq!((answer.status, answer.result_code), (status, Some(word)));
        let retry = answer.headers.iter().any(|(name, _)| *name == "Retry-After");
        assert_eq!(retry, status == 503, "{word}");
        words(&answer);
    }
    for never in [PurchaseOutcome::NoPlaceFree, PurchaseOutcome::ChangeRefused, PurchaseOutcome::EndRequired]
    {
        let answer = protocol().answer(&call("purchase.renewed"), &never, &keys());
        assert_eq!((answer.status, answer.fault.is_some()), (500, true));
    }
    let refusal = call("purchase.renewed").refused(RefusalCause::NonceReused);
    let (status, body) = refused(&refusal);
    assert_eq!((status, body["code"].as_str()), (409, Some("webhook_id_reused")));
}

#[test]
fn a_test_is_answered_as_its_event_would_be_and_says_so() {
    for (event_type, word) in
        [("purchase.created", "minted"), ("purchase.queried", "minted"), ("purchase.renewed", "done")]
    {
        let call = Sent::of(&event_with(event_type, "/test", json!(true))).read().unwrap();
        let outcome = call.dial_test_outcome("https://license.acme.example/portal");
        let (status, body) = words(&protocol().answer(&call, &outcome, &keys()));
        assert_eq!(
            (status, &body["result"], &body["test"]),
            (200, &json!(word), &json!(true)),
            "{event_type}"
        );
        assert_eq!(body["license_key"], Value::Null, "nothing that could be taken for a license");
    }
    let call = Sent::of(&json!({ "type": "test", "timestamp": "2026-01-31T08:00:00Z" })).read().unwrap();
    let (status, body) = words(&protocol().answer(&call, &call.dial_test_outcome(""), &keys()));
    assert_eq!((status, body), (200, json!({ "result": "done", "test": true })));
}

#[test]
fn no_word_of_another_marketplace_is_in_an_answer() {
    let refusal = Sent::of(&event("purchase.created")).with("webhook-id", None).read().unwrap_err();
    let answers = [
        protocol().refuse(&refusal, &keys()),
        protocol().answer(&call("purchase.renewed"), &PurchaseOutcome::Done, &keys()),
    ];
    for answer in answers {
        assert!(answer.headers.iter().all(|(name, _)| *name != "Body-Sign"));
        assert!(!String::from_utf8(answer.body).unwrap().contains("resultCode"));
    }
}
