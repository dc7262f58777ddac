//! SaaS V1.0: every parameter row of the seven activities.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use lictor::domain::{
    Charging, InstanceStatus, OrderDetails, OrderKind, OrderLineDetails, OrderRef, PeriodUnit, PurchaseEvent,
    RefreshScene, Term,
};
use lictor::marketplace::RefusalCause;

use super::saas_v1;
use crate::v1::{encoded, now};

fn event(activity: &str, name: &str, value: &str) -> PurchaseEvent {
    saas_v1().with(activity, name, value).unwrap().event
}

fn bought(name: &str, value: &str) -> (OrderRef, OrderDetails) {
    match event("newInstance", name, value) {
        PurchaseEvent::Bought { order, details: Some(details), .. } => (order, details),
        other => panic!("{other:?}"),
    }
}

fn order(id: &str) -> OrderRef {
    OrderRef { order_id: id.into(), order_line_id: None, product_id: None }
}

fn bare_line() -> OrderLineDetails {
    OrderLineDetails {
        order_line_id: String::new(),
        charging: Charging::OneTime,
        expires_at: None,
        ends_at: None,
        period: None,
        product_id: Some("00301-666666-0--0".into()),
        sku: None,
        quantity: None,
    }
}

#[test]
fn new_instance_carries_the_order() {
    let details = OrderDetails {
        order_id: "CS1".into(),
        kind: OrderKind::New,
        created_at: now(),
        customer: Some("68cbc86abc2018ab880d92f36422fa0e".into()),
        lines: vec![bare_line()],
        extend_params: Vec::new(),
    };
    let (order, business_id) = (order("CS1"), "b-1".to_owned());
    let expected = PurchaseEvent::Bought { order, business_id, details: Some(details) };
    assert_eq!(event("newInstance", "customerName", "John Smith"), expected);
}

#[test]
fn what_new_instance_says_of_the_order_is_read() {
    let line = |name: &str, value: &str| bought(name, value).1.lines.remove(0);
    assert_eq!(line("skuCode", "SKU-1"), OrderLineDetails { sku: Some("SKU-1".into()), ..bare_line() });
    for name in ["amount", "diskSize", "bandWidth"] {
        assert_eq!(line(name, "12").quantity, Some(12), "{name}");
    }
    for (mode, charging) in [
        ("0", Charging::OnDemand),
        ("1", Charging::Period),
        ("3", Charging::OneTime),
        ("5", Charging::OnDemandPackage),
    ] {
        assert_eq!(line("chargingMode", mode).charging, charging);
    }
    let refusal = saas_v1().with("newInstance", "chargingMode", "2").unwrap_err();
    assert_eq!(refusal.cause, RefusalCause::ParameterMalformed("chargingMode"));
    assert_eq!(line("periodType", "year").period, Some((PeriodUnit::Year, 1)));
    assert_eq!(line("expireTime", "20250808025113409").period, Some((PeriodUnit::Day, 14)), "a trial");
    assert_eq!(bought("trialFlag", "1").1.kind, OrderKind::Trial);
}

#[test]
fn the_identity_is_the_order_alone_and_with_the_product_when_paid_by_use() {
    assert_eq!(bought("chargingMode", "5").0, order("CS1"));
    let by_use = OrderRef { product_id: Some("00301-666666-0--0".into()), ..order("CS1") };
    assert_eq!(bought("chargingMode", "0").0, by_use);
}

/// Whatever the form, no order is lost over what the buyer typed in.
#[test]
fn saas_extend_params_are_url_encoded_base64_of_a_json_list() {
    let list = r#"[{"name":"emailDomainName","value":"test.xxxx.com"},{"name":"主机","value":"~?>","x":1}]"#;
    let base64 = STANDARD.encode(list);
    assert!(base64.contains('+') || base64.contains('/'), "{base64}");
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let expected = vec![pair("emailDomainName", "test.xxxx.com"), pair("主机", "~?>")];
    for activity in ["newInstance", "upgrade"] {
        let read = |value: &str| match event(activity, "saasExtendParams", value) {
            PurchaseEvent::Bought { details: Some(details), .. }
            | PurchaseEvent::Changed { details: Some(details), .. } => details.extend_params,
            other => panic!("{other:?}"),
        };
        for arrives in [base64.clone(), encoded(&base64), base64.replace('+', " ")] {
            assert_eq!(read(&arrives), expected, "{arrives}");
        }
        for odd in ["no base64", "bm8ganNvbg==", "%zz", "e30="] {
            assert_eq!(read(odd), vec![pair("saasExtendParams", odd)], "{odd}");
        }
        assert_eq!(read(""), vec![]);
    }
}

/// Phone and e-mail are not needed, so that one which nobody can decrypt costs no order.
#[test]
fn encrypted_contact_fields_are_bounded_and_dropped() {
    for name in ["mobilePhone", "email"] {
        for value in ["Ab3Cd4Ef5Gh6Ij7KKXduW/zIqFody3GuncqmwqA3miTthmMWi6txw+kE9bM=", "not encrypted"] {
            assert_eq!(event("newInstance", name, value), event("newInstance", "x", "1"), "{name}");
        }
    }
}

#[test]
fn refresh_instance_says_its_scene_by_a_flag_or_a_refund() {
    let refreshed = |scene, term, resumes| PurchaseEvent::Refreshed {
        instance_id: "i-1".into(),
        order: order("CS2"),
        scene,
        ends_at: Some("2026-07-25T15:59:59Z".parse().unwrap()),
        product_id: None,
        term,
        resumes,
    };
    let renewal = refreshed(RefreshScene::Renewal, None, true);
    assert_eq!(event("refreshInstance", "x", "1"), renewal);
    assert_eq!(event("refreshInstance", "trialToFormal", "0"), renewal);
    assert_eq!(event("refreshInstance", "orderAmount", "12.780"), renewal);
    let yearly = refreshed(RefreshScene::Renewal, Some(Term::Years(1)), true);
    assert_eq!(event("refreshInstance", "periodType", "year"), yearly);
    let formal = refreshed(RefreshScene::TrialToFormal, None, true);
    assert_eq!(event("refreshInstance", "trialToFormal", "1"), formal);
    let cancelled = refreshed(RefreshScene::CancelRenewal, None, false);
    assert_eq!(event("refreshInstance", "orderAmount", "-12.78"), cancelled);
    let PurchaseEvent::Refreshed { product_id, .. } = event("refreshInstance", "productId", "P2") else {
        panic!()
    };
    assert_eq!(product_id.as_deref(), Some("P2"));
}

#[test]
fn expire_and_instance_status_stop_and_resume() {
    let changed = |status| PurchaseEvent::StatusChanged { instance_id: "i-1".into(), status };
    assert_eq!(event("expireInstance", "x", "1"), changed(InstanceStatus::Freeze));
    let status = |word: &str| event("instanceStatus", "instanceStatus", word);
    assert_eq!(status("FREEZE"), changed(InstanceStatus::Freeze));
    assert_eq!(status("NORMAL"), changed(InstanceStatus::Unfreeze));
}

#[test]
fn release_instance_names_the_purchase_and_no_cancelling_order() {
    let released = PurchaseEvent::Released { instance_id: "i-1".into(), order: None };
    assert_eq!(event("releaseInstance", "orderAmount", "-1"), released);
}

#[test]
fn upgrade_says_what_it_is_from_now_on() {
    for (name, value, quantity) in [("x", "1", None), ("amount", "5", Some(5)), ("diskSize", "6", Some(6))] {
        let line = OrderLineDetails {
            product_id: Some("P2".into()),
            sku: Some("SKU-2".into()),
            quantity,
            ..bare_line()
        };
        let details = OrderDetails {
            order_id: "CS3".into(),
            kind: OrderKind::Change,
            created_at: now(),
            customer: None,
            lines: vec![line],
            extend_params: Vec::new(),
        };
        let (instance_id, order) = ("i-1".to_owned(), order("CS3"));
        assert_eq!(
            event("upgrade", name, value),
            PurchaseEvent::Changed { instance_id, order, details: Some(details) }
        );
    }
}

#[test]
fn query_instance_names_one_to_a_hundred_instances() {
    let ids = |text: &str| match event("queryInstance", "instanceId", text) {
        PurchaseEvent::Queried { instance_ids } => instance_ids,
        other => panic!("{other:?}"),
    };
    assert_eq!(ids("i-1,i-2, i-3"), ["i-1", "i-2", "i-3"]);
    assert_eq!(ids(&vec!["a".repeat(64); 100].join(",")).len(), 100);
    let refused = |text: &str| saas_v1().with("queryInstance", "instanceId", text).unwrap_err().cause;
    let too_long = |limit| RefusalCause::ParameterTooLong { name: "instanceId", limit };
    assert_eq!(refused(&vec!["a"; 101].join(",")), too_long(100));
    assert_eq!(refused(&"a".repeat(65)), too_long(64));
    assert_eq!(refused("a,,b"), RefusalCause::ParameterMalformed("instanceId"));
    assert_eq!(refused(""), RefusalCause::ParameterMissing("instanceId"));
}

/// activity, parameter, length, mandatory, a value without the documented form.
const ROWS: &[(&str, &str, usize, bool, Option<&str>)] = &[
    ("newInstance", "customerId", 100, true, None),
    ("newInstance", "customerName", 64, false, None),
    ("newInstance", "userId", 64, false, None),
    ("newInstance", "userName", 64, false, None),
    ("newInstance", "mobilePhone", 512, false, None),
    ("newInstance", "email", 512, false, None),
    ("newInstance", "businessId", 64, true, None),
    ("newInstance", "orderId", 64, true, None),
    ("newInstance", "skuCode", 64, false, None),
    ("newInstance", "productId", 64, true, None),
    ("newInstance", "expireTime", 20, false, Some("20251301000000")),
    ("newInstance", "amount", 7, false, Some("+1")),
    ("newInstance", "diskSize", 7, false, Some("1G")),
    ("newInstance", "bandWidth", 7, false, Some("-1")),
    ("newInstance", "periodType", 10, false, Some("week")),
    ("newInstance", "periodNumber", 2, false, Some("x")),
    ("newInstance", "provisionType", 2, false, Some("x")),
    ("newInstance", "orderAmount", 20, false, None),
    ("newInstance", "saasExtendParams", 2048, false, None),
    ("refreshInstance", "orderId", 64, true, None),
    ("refreshInstance", "instanceId", 64, true, None),
    ("refreshInstance", "expireTime", 20, true, Some("20260725 155959")),
    ("refreshInstance", "productId", 64, false, None),
    ("refreshInstance", "periodType", 10, false, Some("years")),
    ("refreshInstance", "periodNumber", 2, false, Some(" 1")),
    ("refreshInstance", "orderAmount", 20, false, None),
    ("expireInstance", "instanceId", 64, true, None),
    ("expireInstance", "orderId", 64, true, None),
    ("releaseInstance", "instanceId", 64, true, None),
    ("releaseInstance", "orderId", 64, true, None),
    ("releaseInstance", "orderAmount", 20, false, None),
    ("upgrade", "instanceId", 64, true, None),
    ("upgrade", "orderId", 64, true, None),
    ("upgrade", "skuCode", 64, true, None),
    ("upgrade", "productId", 64, true, None),
    ("upgrade", "amount", 7, false, Some("1,000")),
    ("upgrade", "diskSize", 7, false, Some("x")),
    ("upgrade", "bandWidth", 7, false, Some("x")),
    ("upgrade", "saasExtendParams", 2048, false, None),
    ("instanceStatus", "instanceId", 64, true, None),
    ("instanceStatus", "instanceStatus", 32, true, Some("UNFREEZE")),
];

#[test]
fn every_row_is_held_to_presence_length_and_form() {
    saas_v1().rows_are_held(ROWS);
}

#[test]
fn flags_are_absent_or_zero_or_one() {
    let flags: Vec<_> = saas_v1().activities.iter().map(|activity| (*activity, "testFlag")).collect();
    saas_v1().flags_are_absent_or_zero_or_one(&flags);
    saas_v1().flags_are_absent_or_zero_or_one(&[
        ("newInstance", "trialFlag"),
        ("refreshInstance", "trialToFormal"),
    ]);
    saas_v1().a_probe_is_marked_and_leaves_no_identity();
}
