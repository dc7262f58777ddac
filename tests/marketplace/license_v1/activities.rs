//! License 1.0: every parameter row of the four activities, and what is answered.

use lictor::domain::{
    Charging, InstanceInfo, InstanceStatus, OrderDetails, OrderKind, OrderLineDetails, OrderRef, PeriodUnit,
    PurchaseEvent, PurchaseOutcome, RefreshScene, Term,
};
use serde_json::Value;

use super::license_v1;
use crate::v1::{KEY, body_sign, header, keys, now, text_of};

fn bought(name: &str, value: &str) -> (OrderRef, OrderDetails) {
    match license_v1().with("getLicense", name, value).unwrap().event {
        PurchaseEvent::Bought { order, details: Some(details), .. } => (order, details),
        other => panic!("{other:?}"),
    }
}

fn order(id: &str) -> OrderRef {
    OrderRef { order_id: id.into(), order_line_id: None, product_id: None }
}

#[test]
fn get_license_carries_the_order() {
    let call = license_v1().with("getLicense", "customerName", "测试 a+b").unwrap();
    assert_eq!(call.activity, "getLicense");
    assert!(!call.test && call.replay.is_some());
    let line = OrderLineDetails {
        order_line_id: String::new(),
        charging: Charging::OneTime,
        expires_at: None,
        ends_at: None,
        period: None,
        product_id: Some("00301-666666-0--0".into()),
        sku: None,
        quantity: None,
    };
    let details = OrderDetails {
        order_id: "CS1".into(),
        kind: OrderKind::New,
        created_at: now(),
        customer: Some("3736bb8ad93b43fca8012c64a82cac10".into()),
        lines: vec![line],
        extend_params: Vec::new(),
    };
    let (order, business_id) = (order("CS1"), "b-1".to_owned());
    assert_eq!(call.event, PurchaseEvent::Bought { order, business_id, details: Some(details) });
}

#[test]
fn what_get_license_says_of_the_order_is_read() {
    let line = |name: &str, value: &str| bought(name, value).1.lines.remove(0);
    assert_eq!(line("skuCode", "SKU-1").sku.as_deref(), Some("SKU-1"));
    assert_eq!(line("amount", "12").quantity, Some(12));
    assert_eq!(line("diskSize", "7").quantity, Some(7));
    assert_eq!(line("bandWidth", "9999999").quantity, Some(9_999_999));
    assert_eq!(line("periodType", "year").period, Some((PeriodUnit::Year, 1)));
    assert_eq!(line("periodType", "month").charging, Charging::Period);
    assert_eq!(line("chargingMode", "1").charging, Charging::Period);
    assert_eq!(line("chargingMode", "3").charging, Charging::OneTime);
    assert_eq!(line("chargingMode", "5").charging, Charging::OnDemandPackage);
    assert_eq!(bought("trialFlag", "1").1.kind, OrderKind::Trial);
}

#[test]
fn the_identity_is_the_order_alone_and_with_the_product_when_paid_by_use() {
    assert_eq!(bought("chargingMode", "1").0, order("CS1"));
    let by_use = OrderRef { product_id: Some("00301-666666-0--0".into()), ..order("CS1") };
    assert_eq!(bought("chargingMode", "0").0, by_use);
}

/// A trial says its end and no period.
#[test]
fn an_order_that_says_only_its_end_lasts_the_whole_days_until_then() {
    for (text, days) in
        [("20250801025113", 6), ("20250802025114", 8), ("20250725030000", 1), ("20240101000000", 1)]
    {
        let line = bought("expireTime", text).1.lines.remove(0);
        assert_eq!((line.charging, line.period), (Charging::Period, Some((PeriodUnit::Day, days))), "{text}");
        assert!(line.expires_at.is_some());
    }
    assert_eq!(
        bought("expireTime", "20250801025113409").1.lines[0].period,
        Some((PeriodUnit::Day, 7)),
        "with milliseconds"
    );
}

#[test]
fn refresh_license_moves_the_end_and_lifts_the_stop() {
    let (instance_id, scene) = ("i-1".to_owned(), RefreshScene::Renewal);
    let ends_at = Some("2026-07-25T15:59:59Z".parse().unwrap());
    let refreshed = |product_id, term| PurchaseEvent::Refreshed {
        instance_id: instance_id.clone(),
        order: order("CS2"),
        scene,
        ends_at,
        product_id,
        term,
        resumes: true,
    };
    let event = |name, value| license_v1().with("refreshLicense", name, value).unwrap().event;
    assert_eq!(event("periodNumber", "1"), refreshed(None, None));
    assert_eq!(event("periodType", "month"), refreshed(None, Some(Term::Months(1))));
    assert_eq!(event("productId", "P2"), refreshed(Some("P2".into()), None));
}

#[test]
fn expire_license_stops_and_release_license_ends() {
    let instance_id = || "i-1".to_owned();
    let event = |activity| license_v1().with(activity, "x", "1").unwrap().event;
    let stopped = PurchaseEvent::StatusChanged { instance_id: instance_id(), status: InstanceStatus::Freeze };
    assert_eq!(event("expireLicense"), stopped);
    let released = PurchaseEvent::Released { instance_id: instance_id(), order: None };
    assert_eq!(event("releaseLicense"), released, "the order is the purchase's, not one that cancelled it");
}

/// activity, parameter, length, mandatory, a value without the documented form.
const ROWS: &[(&str, &str, usize, bool, Option<&str>)] = &[
    ("getLicense", "customerId", 100, true, None),
    ("getLicense", "customerName", 64, false, None),
    ("getLicense", "businessId", 64, true, None),
    ("getLicense", "orderId", 64, true, None),
    ("getLicense", "skuCode", 64, false, None),
    ("getLicense", "productId", 64, true, None),
    ("getLicense", "expireTime", 20, false, Some("20250230000000")),
    ("getLicense", "periodType", 10, false, Some("decade")),
    ("getLicense", "periodNumber", 2, false, Some("-1")),
    ("getLicense", "amount", 7, false, Some("1.5")),
    ("getLicense", "orderAmount", 20, false, None),
    ("getLicense", "provisionType", 2, false, Some("x")),
    ("refreshLicense", "orderId", 64, true, None),
    ("refreshLicense", "instanceId", 64, true, None),
    ("refreshLicense", "productId", 64, false, None),
    ("refreshLicense", "expireTime", 20, true, Some("2025-07-25")),
    ("refreshLicense", "periodType", 10, false, Some("YEAR")),
    ("refreshLicense", "periodNumber", 2, false, Some("1a")),
    ("expireLicense", "orderId", 64, true, None),
    ("expireLicense", "instanceId", 64, true, None),
    ("releaseLicense", "orderId", 64, true, None),
    ("releaseLicense", "instanceId", 64, true, None),
];

#[test]
fn every_row_is_held_to_presence_length_and_form() {
    license_v1().rows_are_held(ROWS);
}

#[test]
fn flags_are_absent_or_zero_or_one() {
    let flags: Vec<_> = license_v1().activities.iter().map(|activity| (*activity, "testFlag")).collect();
    license_v1().flags_are_absent_or_zero_or_one(&flags);
    license_v1().flags_are_absent_or_zero_or_one(&[("getLicense", "trialFlag")]);
    license_v1().a_probe_is_marked_and_leaves_no_identity();
}

fn info(instance_id: &str) -> InstanceInfo {
    InstanceInfo {
        instance_id: instance_id.into(),
        front_end_url: "https://a.example".into(),
        memo: "激活码".into(),
        sign_in: None,
        license: None,
        usage: Vec::new(),
    }
}

fn answered(activity: &str, outcome: &PurchaseOutcome) -> (String, Option<String>) {
    let family = license_v1();
    let call = family.with(activity, "x", "1").unwrap();
    text_of(family.protocol.answer(&call, outcome, &keys()))
}

#[test]
fn get_license_answers_with_the_license_in_exactly_these_bytes() {
    let delivered = |instance_id: &str, license_key: Option<&str>| PurchaseOutcome::Delivered {
        info: info(instance_id),
        license_key: license_key.map(str::to_owned),
    };
    let said = |outcome| answered("getLicense", &outcome);
    assert_eq!(
        said(delivered("03pf80c2bae96vc49b80b917bea776d7", Some("LIC-0001"))).0,
        r#"{"resultCode":"000000","resultMsg":"success.","license":"LIC-0001","instanceId":"03pf80c2bae96vc49b80b917bea776d7"}"#
    );
    assert_eq!(
        said(PurchaseOutcome::Accepted { instance_id: "b-1".into(), ready: false }).0,
        r#"{"resultCode":"000004","resultMsg":"the request is being processed.","instanceId":"b-1"}"#
    );
    assert_eq!(
        said(delivered("b-1", None)).0,
        r#"{"resultCode":"000100","resultMsg":"no instance resource is available.","instanceId":"b-1"}"#
    );
    assert!(said(delivered(&"i".repeat(64), Some("码"))).0.contains(r#""license":"\u7801""#));
    for (unfit, words) in [
        (delivered(&"i".repeat(65), Some("L")), "instanceId would have 65"),
        (delivered("", Some("L")), "empty"),
        (delivered("i", Some("")), "empty"),
        (PurchaseOutcome::Accepted { instance_id: "i".into(), ready: true }, "needs its text"),
        (PurchaseOutcome::Done, "needs its text"),
    ] {
        let (body, fault) = said(unfit);
        assert_eq!(body, r#"{"resultCode":"000005","resultMsg":"internal error."}"#);
        assert!(fault.as_ref().unwrap().contains(words), "{fault:?}");
    }
}

#[test]
fn the_other_activities_answer_with_a_code_only() {
    for activity in ["refreshLicense", "expireLicense", "releaseLicense"] {
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
            assert_eq!(answered(activity, &outcome), (expected.to_owned(), None), "{activity}");
        }
        let unfit = PurchaseOutcome::Accepted { instance_id: "i".into(), ready: true };
        assert!(answered(activity, &unfit).1.is_some());
    }
}

#[test]
fn a_dial_test_is_answered_plausibly_for_any_instance() {
    let family = license_v1();
    for activity in family.activities {
        let call = family.with(activity, "testFlag", "1").unwrap();
        let outcome = call.dial_test_outcome("https://a.example/portal");
        let answer = family.protocol.answer(&call, &outcome, &keys());
        let body: Value = serde_json::from_slice(&answer.body).unwrap();
        assert_eq!((body["resultCode"].as_str(), answer.fault), (Some("000000"), None), "{activity}");
        if *activity == "getLicense" {
            assert_eq!(body["instanceId"], "b-1");
            assert!(!body["license"].as_str().unwrap().is_empty());
        }
    }
}

#[test]
fn a_refusal_is_signed_with_the_newest_key_when_none_fitted() {
    let family = license_v1();
    let refusal = family.read("activity=getLicense").unwrap_err();
    let answer = family.protocol.refuse(&refusal, &keys());
    assert_eq!((answer.status, answer.result_code), (200, Some("000002")));
    assert_eq!(header(&answer, "Body-Sign"), Some(body_sign(KEY, &answer.body).as_str()));
}
