//! The `license-code` adapter from outside: every parameter row of its callbacks, and what is answered.
#![expect(clippy::unwrap_used, reason = "a test may fail anywhere, also in its helpers")]

use std::collections::BTreeSet;

use chrono::DateTime;
use lictor::domain::{InstanceStatus, OrderRef, PurchaseEvent, PurchaseOutcome, RefreshScene};
use lictor::marketplace::{Call, CallRefusal, RefusalCause, protocol_for};
use serde_json::{Value, json};

use crate::signed::{self, Row, answered, read, rows_hold, rows_of, signed};

const PROTOCOL: &str = "license-code";

const ACTIVITIES: [&str; 5] =
    ["newInstance", "refreshLicenseCode", "updateLicenseCodeStatus", "releaseLicenseCode", "orderNotify"];

fn complete(activity: &str) -> Value {
    match activity {
        "refreshLicenseCode" => json!({ "activity": activity, "scene": "RENEWAL", "orderId": "CS2",
            "orderLineId": "CS2-000001", "license": "PL1", "expireTime": "20230523201932" }),
        "updateLicenseCodeStatus" => json!({ "activity": activity, "license": "PL1", "status": "FREEZE" }),
        "releaseLicenseCode" => json!({ "activity": activity, "license": "PL1" }),
        shared => signed::complete(shared),
    }
}

fn with(activity: &str, name: &str, value: Value) -> Result<Call, CallRefusal> {
    let mut body = complete(activity);
    body[name] = value;
    read(PROTOCOL, &signed(&body.to_string()))
}

fn event(activity: &str, name: &str, value: Value) -> PurchaseEvent {
    with(activity, name, value).unwrap().event
}

fn order(id: &str) -> OrderRef {
    OrderRef { order_id: id.into(), order_line_id: Some(format!("{id}-000001")), product_id: None }
}

/// Activity, parameter, length in characters, mandatory, whether any text will do.
const ROWS: &[Row] = &[
    Row("newInstance", "orderId", 64, true, true),
    Row("newInstance", "orderLineId", 64, true, true),
    Row("newInstance", "businessId", 64, true, true),
    Row("refreshLicenseCode", "scene", 64, true, false),
    Row("refreshLicenseCode", "orderId", 64, true, true),
    Row("refreshLicenseCode", "orderLineId", 64, true, true),
    Row("refreshLicenseCode", "license", 64, true, true),
    Row("refreshLicenseCode", "productId", 64, false, true),
    Row("refreshLicenseCode", "expireTime", 20, true, false),
    Row("updateLicenseCodeStatus", "license", 64, true, true),
    Row("updateLicenseCodeStatus", "status", 32, true, false),
    Row("releaseLicenseCode", "license", 64, true, true),
    Row("releaseLicenseCode", "orderId", 64, false, true),
    Row("releaseLicenseCode", "orderLineId", 64, false, true),
];

#[test]
fn every_row_is_held_to_presence_length_and_type() {
    rows_hold(ROWS, with);
    rows_hold(rows_of(&["orderNotify"]), with);
}

#[test]
fn no_activity_is_without_rows() {
    let rows: BTreeSet<&str> = ROWS.iter().map(|row| row.0).chain(["orderNotify"]).collect();
    let activities = protocol_for(PROTOCOL).unwrap().activities();
    assert_eq!(rows, activities.into_iter().collect::<BTreeSet<&str>>());
    assert_eq!(rows, ACTIVITIES.into_iter().collect::<BTreeSet<&str>>());
}

#[test]
fn order_notify_tells_of_an_order() {
    let call = with("orderNotify", "x", json!(null)).unwrap();
    assert_eq!(call.event, PurchaseEvent::Noticed { order: order("CS5") });
    assert!(call.replay.is_some());
}

#[test]
fn new_instance_is_an_announcement_that_leaves_nothing_behind() {
    let call = with("newInstance", "x", json!(null)).unwrap();
    assert_eq!(call.event, PurchaseEvent::Announced { order: order("CS1") });
    assert_eq!(call.replay, None);
    let accepted = PurchaseOutcome::Accepted { instance_id: "CS1-000001".into(), ready: true };
    assert_eq!(
        answered(PROTOCOL, &call, &accepted).0,
        r#"{"resultCode":"000000","resultMsg":"success.","instanceId":"CS1-000001"}"#
    );
}

#[test]
fn refresh_license_code_has_two_scenes_and_an_absolute_end() {
    for (word, scene) in
        [("RENEWAL", RefreshScene::Renewal), ("UNSUBSCRIBE_RENEWAL_PERIOD", RefreshScene::CancelRenewal)]
    {
        let ends_at = DateTime::from_timestamp(1_684_873_172, 0);
        let (instance_id, order) = ("PL1".to_owned(), order("CS2"));
        let (product_id, term, resumes) = (None, None, false);
        assert_eq!(
            event("refreshLicenseCode", "scene", json!(word)),
            PurchaseEvent::Refreshed { instance_id, order, scene, ends_at, product_id, term, resumes }
        );
    }
    let PurchaseEvent::Refreshed { product_id, .. } = event("refreshLicenseCode", "productId", json!("P2"))
    else {
        panic!()
    };
    assert_eq!(product_id.as_deref(), Some("P2"));
    for (name, odd) in [
        ("scene", "TRIAL_TO_FORMAL"),
        ("scene", "RENEWAL_CHANGE"),
        ("scene", "renewal"),
        ("expireTime", "2023"),
        ("expireTime", "20230230000000"),
    ] {
        let refusal = with("refreshLicenseCode", name, json!(odd)).unwrap_err();
        assert!(matches!(refusal.cause, RefusalCause::ParameterMalformed(named) if named == name), "{odd}");
    }
}

#[test]
fn update_license_code_status_freezes_and_unfreezes() {
    let changed = |status| PurchaseEvent::StatusChanged { instance_id: "PL1".into(), status };
    let said = |word: &str| event("updateLicenseCodeStatus", "status", json!(word));
    assert_eq!(said("FREEZE"), changed(InstanceStatus::Freeze));
    assert_eq!(said("UNFREEZE"), changed(InstanceStatus::Unfreeze));
    for odd in ["NORMAL", "freeze"] {
        let refusal = with("updateLicenseCodeStatus", "status", json!(odd)).unwrap_err();
        assert_eq!(refusal.cause, RefusalCause::ParameterMalformed("status"));
    }
}

#[test]
fn release_license_code_names_the_unsubscribing_order_if_there_is_one() {
    let released = |order| PurchaseEvent::Released { instance_id: "PL1".into(), order };
    assert_eq!(event("releaseLicenseCode", "x", json!(1)), released(None));
    let without_line = OrderRef { order_id: "CS3".into(), order_line_id: None, product_id: None };
    assert_eq!(event("releaseLicenseCode", "orderId", json!("CS3")), released(Some(without_line)));
}

#[test]
fn answers_are_exact_and_signed() {
    for activity in &ACTIVITIES[1..] {
        let call = with(activity, "x", json!(1)).unwrap();
        assert!(call.replay.is_some(), "{activity}");
        for (outcome, expected) in [
            (PurchaseOutcome::Done, r#"{"resultCode":"000000","resultMsg":"success."}"#),
            (
                PurchaseOutcome::InstanceUnknown,
                r#"{"resultCode":"000003","resultMsg":"the instance does not exist."}"#,
            ),
            (
                PurchaseOutcome::Processing,
                r#"{"resultCode":"000004","resultMsg":"the request is being processed."}"#,
            ),
            (PurchaseOutcome::Unavailable, r#"{"resultCode":"000005","resultMsg":"internal error."}"#),
            (
                PurchaseOutcome::InvalidParameter,
                r#"{"resultCode":"000002","resultMsg":"invalid request parameter."}"#,
            ),
        ] {
            assert_eq!(answered(PROTOCOL, &call, &outcome), (expected.to_owned(), None), "{activity}");
        }
    }
}

#[test]
fn dial_tests_are_answered_for_any_code_and_leave_nothing_behind() {
    for activity in ACTIVITIES {
        for on in [json!("1"), json!(1)] {
            let call = with(activity, "testFlag", on).unwrap();
            assert!(call.test && call.replay.is_none());
            let outcome = call.dial_test_outcome("https://a.example/portal");
            let (body, fault) = answered(PROTOCOL, &call, &outcome);
            assert!(body.starts_with(r#"{"resultCode":"000000""#) && fault.is_none(), "{activity} {body}");
        }
        for off in [json!(null), json!(""), json!("0"), json!(0)] {
            assert!(!with(activity, "testFlag", off).unwrap().test);
        }
        let refusal = with(activity, "testFlag", json!("2")).unwrap_err();
        assert_eq!(refusal.cause, RefusalCause::ParameterMalformed("testFlag"));
    }
}

#[test]
fn activities_of_other_families_are_unknown_here() {
    for other in ["refreshInstance", "queryInstance", "getLicenseAsync", "getLicense", "REFRESHLICENSECODE"] {
        let refusal = with("releaseLicenseCode", "activity", json!(other)).unwrap_err();
        assert_eq!((refusal.cause, refusal.signed_by), (RefusalCause::UnknownActivity, Some(0)), "{other}");
    }
}

#[test]
fn the_computed_vector_of_this_family_is_accepted() {
    let call = signed::vector_holds(PROTOCOL, "refreshLicenseCode");
    assert!(call.test);
    assert!(
        matches!(call.event, PurchaseEvent::Refreshed { instance_id, .. } if instance_id == "PLTEST0001")
    );
}
