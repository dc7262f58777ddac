//! The `license-online` adapter from outside: every parameter row, and what is answered. The instance activities are
//! those of SaaS V2.0, here held to their rows once more.
#![expect(clippy::unwrap_used, reason = "a test may fail anywhere, also in its helpers")]

use std::collections::BTreeSet;

use chrono::DateTime;
use lictor::domain::{Application, OrderRef, PurchaseEvent, PurchaseOutcome, RequestId};
use lictor::marketplace::{Call, CallRefusal, RefusalCause, protocol_for};
use serde_json::{Value, json};

use crate::signed::{self, Row, answered, read, rows_hold, rows_of, signed};

const PROTOCOL: &str = "license-online";

/// Those of SaaS V2.0: all but the application.
const SHARED: [&str; 7] = [
    "newInstance",
    "refreshInstance",
    "updateInstanceStatus",
    "releaseInstance",
    "queryInstance",
    "upgradeInstance",
    "orderNotify",
];

fn complete(activity: &str) -> Value {
    match activity {
        "getLicenseAsync" => {
            json!({ "activity": activity, "eventId": "8a1be5694d0c4cc8", "instanceId": "i-1",
            "effectiveTime": "2023-10-27 10:30:15 z" })
        }
        shared => signed::complete(shared),
    }
}

fn with(activity: &str, name: &str, value: Value) -> Result<Call, CallRefusal> {
    let mut body = complete(activity);
    body[name] = value;
    read(PROTOCOL, &signed(&body.to_string()))
}

/// Activity, parameter, length in characters, mandatory, whether any text will do.
const ROWS: &[Row] = &[
    Row("getLicenseAsync", "instanceId", 64, true, true),
    Row("getLicenseAsync", "effectiveTime", 32, true, false),
    Row("getLicenseAsync", "expireTime", 32, false, false),
    Row("getLicenseAsync", "eventId", 64, true, false),
    Row("getLicenseAsync", "deviceFingerprint", 1024, false, true),
];

#[test]
fn every_row_is_held_to_presence_length_and_type() {
    rows_hold(ROWS, with);
    rows_hold(rows_of(&SHARED), with);
}

#[test]
fn no_activity_is_without_rows() {
    let own = SHARED.into_iter().chain(ROWS.iter().map(|row| row.0));
    let rows: BTreeSet<&str> = own.collect();
    let activities = protocol_for(PROTOCOL).unwrap().activities();
    assert_eq!(rows, activities.into_iter().collect::<BTreeSet<&str>>());
}

#[test]
fn the_instance_activities_are_read_and_answered_as_those_of_saas_v2() {
    let ids = |count: usize| json!(vec!["a"; count].join(","));
    let mut read_well = 0;
    for Row(activity, name, ..) in rows_of(&SHARED) {
        for value in [
            json!(null),
            json!("CS9"),
            json!("FREEZE"),
            json!("UNFREEZE"),
            json!("RENEWAL_CHANGE"),
            json!("20221124023618256"),
            ids(100),
            ids(101),
            json!("a,,b"),
        ] {
            let mut body = complete(activity);
            body[name] = value;
            let call = signed(&body.to_string());
            let own = read(PROTOCOL, &call);
            assert_eq!(own, read("saas-v2", &call), "{body}");
            let Ok(call) = own else { continue };
            read_well += 1;
            for outcome in [
                PurchaseOutcome::Done,
                PurchaseOutcome::Accepted { instance_id: "i-1".into(), ready: false },
                PurchaseOutcome::Instances(Vec::new()),
                PurchaseOutcome::InstanceUnknown,
                PurchaseOutcome::Processing,
            ] {
                assert_eq!(answered(PROTOCOL, &call, &outcome), answered("saas-v2", &call, &outcome));
            }
        }
    }
    assert!(read_well > 60, "{read_well}");
    let event = |activity| with(activity, "x", json!(1)).unwrap().event;
    let order = |id: &str| OrderRef {
        order_id: id.into(),
        order_line_id: Some(format!("{id}-000001")),
        product_id: None,
    };
    let changed = PurchaseEvent::Changed { instance_id: "i-1".into(), order: order("CS4"), details: None };
    assert_eq!(event("upgradeInstance"), changed);
    assert_eq!(event("orderNotify"), PurchaseEvent::Noticed { order: order("CS5") });
    let queried = with("queryInstance", "instanceId", ids(100)).unwrap().event;
    assert!(matches!(queried, PurchaseEvent::Queried { instance_ids } if instance_ids.len() == 100));
}

fn application(name: &str, value: Value) -> Application {
    match with("getLicenseAsync", name, value).unwrap().event {
        PurchaseEvent::Applied { instance_id, application } if instance_id == "i-1" => application,
        other => panic!("{other:?}"),
    }
}

#[test]
fn get_license_async_is_an_application_with_its_dates_and_its_machine() {
    let from = DateTime::from_timestamp(1_698_402_615, 0).unwrap();
    let bare = Application {
        request: RequestId::parse("8a1be5694d0c4cc8").unwrap(),
        starts_at: from,
        ends_at: None,
        fingerprint: None,
    };
    assert_eq!(application("x", json!(1)), bare);
    let to = DateTime::from_timestamp(1_730_025_015, 0);
    for text in ["2024-10-27 10:30:15 z", "2024-10-27 10:30:15 Z", "20241027103015", "20241027103015000"] {
        let expected = Application { ends_at: to, ..bare.clone() };
        assert_eq!(application("expireTime", json!(text)), expected, "{text}");
    }
    let text = "04:7C:16:5E:E3:5D|001B_444A_488B_5CEC.||BFEBFBFF00090672";
    let expected = Application { fingerprint: Some(text.into()), ..bare };
    assert_eq!(application("deviceFingerprint", json!(text)), expected);
    for (name, odd) in [
        ("effectiveTime", "tomorrow"),
        ("effectiveTime", "2023-02-30 10:30:15 z"),
        ("expireTime", "2024-10-27"),
        ("expireTime", "2024-10-27 10:30:15 +08:00"),
        ("eventId", "码"),
        ("eventId", "a b"),
    ] {
        let refusal = with("getLicenseAsync", name, json!(odd)).unwrap_err();
        assert!(matches!(refusal.cause, RefusalCause::ParameterMalformed(named) if named == name), "{odd}");
    }
}

#[test]
fn the_computed_vector_with_an_unsorted_body_is_accepted() {
    let call = signed::vector_holds(PROTOCOL, "getLicenseAsync");
    assert!(
        matches!(call.event, PurchaseEvent::Applied { instance_id, .. } if instance_id == "RA2201010001LVS")
    );
    assert!(call.replay.is_some());
}

#[test]
fn every_outcome_has_its_documented_code() {
    let call = with("getLicenseAsync", "x", json!(1)).unwrap();
    for (outcome, code) in [
        (PurchaseOutcome::Done, "000000"),
        (PurchaseOutcome::InvalidParameter, "000002"),
        (PurchaseOutcome::InstanceUnknown, "000003"),
        (PurchaseOutcome::Processing, "000004"),
        (PurchaseOutcome::Unavailable, "000005"),
        (PurchaseOutcome::NoPlaceFree, "000900"),
        (PurchaseOutcome::OutsideValidity, "000901"),
        (PurchaseOutcome::EndRequired, "000902"),
        (PurchaseOutcome::FingerprintRequired, "000903"),
    ] {
        let (body, fault) = answered(PROTOCOL, &call, &outcome);
        let body: Value = serde_json::from_str(&body).unwrap();
        assert_eq!((body["resultCode"].as_str(), fault), (Some(code), None));
        assert_eq!(body.as_object().unwrap().len(), 2, "nothing but code and message");
    }
}

#[test]
fn dial_tests_are_answered_and_leave_nothing_behind() {
    for activity in SHARED.into_iter().chain(["getLicenseAsync"]) {
        let call = with(activity, "testFlag", json!("1")).unwrap();
        assert!(call.test && call.replay.is_none());
        let (body, fault) = answered(PROTOCOL, &call, &call.dial_test_outcome("https://a.example/portal"));
        let expected = if activity == "getLicenseAsync" { "000004" } else { "000000" };
        assert!(body.contains(expected) && fault.is_none(), "{activity} {body}");
        let refusal = with(activity, "testFlag", json!("yes")).unwrap_err();
        assert_eq!(refusal.cause, RefusalCause::ParameterMalformed("testFlag"));
    }
}

#[test]
fn activities_of_other_families_are_unknown_here() {
    for other in ["refreshLicenseCode", "getLicense", "instanceStatus"] {
        let refusal = with("releaseInstance", "activity", json!(other)).unwrap_err();
        assert_eq!(refusal.cause, RefusalCause::UnknownActivity, "{other}");
    }
}
