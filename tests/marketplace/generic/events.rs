//! What each event says, and what each of its members may be.

use lictor::domain::{
    Charging, InstanceStatus, OrderDetails, OrderKind, OrderLineDetails, OrderRef, PeriodUnit, PurchaseEvent,
    RefreshScene, Term,
};
use lictor::marketplace::RefusalCause;
use serde_json::{Value, json};

use super::support::*;

const INSTANCE: &str = "A-1001#1";

fn read(body: &Value) -> PurchaseEvent {
    Sent::of(body).read().unwrap_or_else(|refusal| panic!("{refusal}: {body}")).event
}

fn cause_of(body: &Value) -> Option<RefusalCause> {
    let refusal = Sent::of(body).read().err()?;
    assert_eq!(refusal.signed_by, Some(0), "{refusal}");
    Some(refusal.cause)
}

fn later(order_id: &str) -> OrderRef {
    OrderRef { order_id: order_id.into(), order_line_id: None, product_id: None }
}

#[test]
fn a_purchase_carries_its_order() {
    let order = OrderRef { order_id: "A-1001".into(), order_line_id: Some("1".into()), product_id: None };
    let line = OrderLineDetails {
        order_line_id: "1".into(),
        charging: Charging::Period,
        expires_at: None,
        ends_at: Some("2027-02-01T00:00:00Z".parse().unwrap()),
        period: Some((PeriodUnit::Year, 1)),
        product_id: None,
        sku: Some("CAD-YEAR".into()),
        quantity: Some(3),
    };
    let details = OrderDetails {
        order_id: "A-1001".into(),
        kind: OrderKind::New,
        created_at: "2026-01-31T07:59:58Z".parse().unwrap(),
        customer: Some("cus_88".into()),
        lines: vec![line],
        extend_params: Vec::new(),
    };
    let business_id = INSTANCE.to_owned();
    let whole = PurchaseEvent::Bought { order, business_id, details: Some(details) };
    assert_eq!(read(&event("purchase.created")), whole);
}

fn line_of(body: &Value) -> (OrderLineDetails, OrderKind) {
    let PurchaseEvent::Bought { details: Some(details), .. } = read(body) else { panic!("{body}") };
    (details.lines[0].clone(), details.kind)
}

#[test]
fn a_purchase_says_its_term_or_its_end_or_both() {
    let mut body = event_with("purchase.created", "/data/ends_at", Value::Null);
    for (term, charging, period) in [
        ("P14D", Charging::Period, Some((PeriodUnit::Day, 14))),
        ("P1M", Charging::Period, Some((PeriodUnit::Month, 1))),
        ("P2Y", Charging::Period, Some((PeriodUnit::Year, 2))),
        ("permanent", Charging::OneTime, None),
    ] {
        body["data"]["term"] = json!(term);
        let (line, _) = line_of(&body);
        assert_eq!((line.charging, line.period, line.ends_at), (charging, period, None), "{term}");
    }
    let (line, _) = line_of(&event_with("purchase.created", "/data/term", Value::Null));
    assert_eq!(line.period, Some((PeriodUnit::Day, 365)), "days, where only the end is said");
    let mut neither = body.clone();
    neither["data"].as_object_mut().unwrap().remove("term");
    assert_eq!(cause_of(&neither), Some(RefusalCause::ParameterMissing("data.term")));
    for over in ["2026-01-31T07:59:58Z", "2026-01-31T08:00:00Z", "2025-01-01T00:00:00Z"] {
        let body = event_with("purchase.created", "/data/ends_at", json!(over));
        assert_eq!(cause_of(&body), Some(RefusalCause::ParameterMalformed("data.ends_at")), "{over}");
    }
    let body = event_with("purchase.created", "/data/term", json!("permanent"));
    assert_eq!(cause_of(&body), Some(RefusalCause::ParameterMalformed("data.ends_at")));
    let (_, kind) = line_of(&event_with("purchase.created", "/data/trial", json!(true)));
    assert_eq!(kind, OrderKind::Trial);
}

#[test]
fn later_orders_name_themselves_and_an_absolute_end() {
    for (event_type, scene, term, ends_at) in [
        ("purchase.renewed", RefreshScene::Renewal, Some(Term::Years(1)), "2027-01-31T08:00:00Z"),
        (
            "purchase.trial_converted",
            RefreshScene::TrialToFormal,
            Some(Term::Years(1)),
            "2027-01-31T08:00:00Z",
        ),
        ("purchase.renewal_cancelled", RefreshScene::CancelRenewal, None, "2026-06-30T08:00:00Z"),
    ] {
        let refreshed = PurchaseEvent::Refreshed {
            instance_id: INSTANCE.into(),
            order: later("R-1"),
            scene,
            ends_at: Some(ends_at.parse().unwrap()),
            product_id: None,
            term,
            resumes: false,
        };
        assert_eq!(read(&event(event_type)), refreshed);
    }
    let mut for_good = event_with("purchase.renewed", "/data/term", json!("permanent"));
    assert_eq!(cause_of(&for_good), Some(RefusalCause::ParameterMalformed("data.ends_at")));
    for_good["data"].as_object_mut().unwrap().remove("ends_at");
    let PurchaseEvent::Refreshed { ends_at: None, term: Some(Term::Permanent), .. } = read(&for_good) else {
        panic!("{for_good}")
    };
}

#[test]
fn a_change_says_another_sku_or_another_quantity_or_both() {
    let changed = |body: &Value| match read(body) {
        PurchaseEvent::Changed { instance_id, order, details: Some(details) } => {
            assert_eq!((instance_id.as_str(), order), (INSTANCE, later("C-1")));
            assert_eq!((details.order_id.as_str(), details.kind), ("C-1", OrderKind::Change));
            (details.lines[0].sku.clone(), details.lines[0].quantity)
        }
        other => panic!("{other:?}"),
    };
    let whole = event("purchase.changed");
    assert_eq!(changed(&whole), (Some("CAD-PRO".into()), Some(5)));
    let without = |name: &str| event_with("purchase.changed", &format!("/data/{name}"), Value::Null);
    assert_eq!(changed(&without("sku")), (None, Some(5)));
    assert_eq!(changed(&without("quantity")), (Some("CAD-PRO".into()), None));
    let mut neither = without("sku");
    neither["data"].as_object_mut().unwrap().remove("quantity");
    assert_eq!(cause_of(&neither), Some(RefusalCause::ParameterMissing("data.sku")));
}

#[test]
fn the_other_events_need_the_purchase_alone() {
    let instance_id = || INSTANCE.to_owned();
    let status = |status| PurchaseEvent::StatusChanged { instance_id: instance_id(), status };
    assert_eq!(read(&event("purchase.suspended")), status(InstanceStatus::Freeze));
    assert_eq!(read(&event("purchase.resumed")), status(InstanceStatus::Unfreeze));
    let released = PurchaseEvent::Released { instance_id: instance_id(), order: None };
    assert_eq!(read(&event("purchase.released")), released);
    let queried = PurchaseEvent::LicenseAsked { instance_id: instance_id() };
    assert_eq!(read(&event("purchase.queried")), queried);
}

/// What a member may hold.
enum Form {
    Word(usize),
    Quantity,
    Flag,
    Instant,
    Term,
}

use Form::{Flag, Instant, Quantity, Term as TermForm, Word};

/// Type of event, member, whether it must be there, what it may hold.
const ROWS: &[(&str, &str, bool, Form)] = &[
    ("purchase.created", "order_id", true, Word(64)),
    ("purchase.created", "line_id", false, Word(60)),
    ("purchase.created", "sku", true, Word(128)),
    ("purchase.created", "quantity", false, Quantity),
    ("purchase.created", "customer", false, Word(128)),
    ("purchase.created", "term", false, TermForm),
    ("purchase.created", "ends_at", false, Instant),
    ("purchase.created", "trial", false, Flag),
    ("purchase.renewed", "order_id", true, Word(64)),
    ("purchase.renewed", "line_id", false, Word(60)),
    ("purchase.renewed", "renewal_id", true, Word(64)),
    ("purchase.renewed", "ends_at", true, Instant),
    ("purchase.renewed", "term", false, TermForm),
    ("purchase.trial_converted", "order_id", true, Word(64)),
    ("purchase.trial_converted", "line_id", false, Word(60)),
    ("purchase.trial_converted", "renewal_id", true, Word(64)),
    ("purchase.trial_converted", "ends_at", true, Instant),
    ("purchase.trial_converted", "term", false, TermForm),
    ("purchase.renewal_cancelled", "order_id", true, Word(64)),
    ("purchase.renewal_cancelled", "line_id", false, Word(60)),
    ("purchase.renewal_cancelled", "renewal_id", true, Word(64)),
    ("purchase.renewal_cancelled", "ends_at", true, Instant),
    ("purchase.changed", "order_id", true, Word(64)),
    ("purchase.changed", "line_id", false, Word(60)),
    ("purchase.changed", "change_id", true, Word(64)),
    ("purchase.changed", "sku", false, Word(128)),
    ("purchase.changed", "quantity", false, Quantity),
    ("purchase.suspended", "order_id", true, Word(64)),
    ("purchase.suspended", "line_id", false, Word(60)),
    ("purchase.resumed", "order_id", true, Word(64)),
    ("purchase.resumed", "line_id", false, Word(60)),
    ("purchase.released", "order_id", true, Word(64)),
    ("purchase.released", "line_id", false, Word(60)),
    ("purchase.queried", "order_id", true, Word(64)),
    ("purchase.queried", "line_id", false, Word(60)),
];

#[test]
fn every_member_has_its_presence_type_and_length() {
    for (event_type, name, mandatory, form) in ROWS {
        let cause = |value: Value| cause_of(&event_with(event_type, &format!("/data/{name}"), value));
        let told = |cause: Option<RefusalCause>| match cause {
            Some(
                RefusalCause::ParameterMissing(member)
                | RefusalCause::ParameterMalformed(member)
                | RefusalCause::ParameterTooLong { name: member, .. },
            ) => {
                assert_eq!(member, format!("data.{name}"), "{event_type}");
                true
            }
            None => false,
            other => panic!("{event_type} {name}: {other:?}"),
        };
        assert_eq!(told(cause(Value::Null)), *mandatory, "{event_type} {name} absent");
        let mut explicit = event(event_type);
        explicit["data"][*name] = Value::Null;
        assert_eq!(told(cause_of(&explicit)), *mandatory, "{event_type} {name} null");
        let (fine, odd) = samples(form);
        for value in fine {
            assert!(!told(cause(value.clone())), "{event_type} {name} {value}");
        }
        for value in odd {
            assert!(told(cause(value.clone())), "{event_type} {name} {value}");
        }
    }
}

fn samples(form: &Form) -> (Vec<Value>, Vec<Value>) {
    match form {
        Word(limit) => (
            vec![json!("a"), json!("~!@$^&*()/\\\"'"), json!("x".repeat(*limit))],
            vec![
                json!(""),
                json!("x".repeat(limit + 1)),
                json!("a b"),
                json!("a\nb"),
                json!("码"),
                json!(1),
                json!(true),
                json!(["a"]),
                json!({}),
            ],
        ),
        Quantity => (
            vec![json!(1), json!(1_000_000)],
            vec![
                json!(0),
                json!(-1),
                json!(1.5),
                json!(1_000_001),
                json!(u64::MAX),
                json!("3"),
                json!(true),
                json!([1]),
            ],
        ),
        Flag => (vec![json!(true), json!(false)], vec![json!(1), json!("true"), json!(""), json!([])]),
        Instant => (
            vec![
                json!("2027-01-31T08:00:00Z"),
                json!("2027-01-31T16:00:00.123456789+08:00"),
                json!("9999-12-31T23:59:59Z"),
            ],
            vec![
                json!(""),
                json!("2027-01-31"),
                json!("2027-01-31T08:00:00"),
                json!("2027-02-30T08:00:00Z"),
                json!("2027-01-31T08:00:60Z"),
                json!("1969-12-31T23:59:59Z"),
                json!(1_801_382_400),
                json!("2027-01-31T08:00:00.00000000000000000000000000Z"),
            ],
        ),
        // An end is said beside it: `permanent` would contradict it.
        TermForm => (
            vec![json!("P1M"), json!("P1Y"), json!("P14D"), json!("P1200M")],
            vec![json!(""), json!("P1W"), json!("P0M"), json!("P1201M"), json!("1 year"), json!(12)],
        ),
    }
}

#[test]
fn the_envelope_has_a_type_a_time_and_data() {
    let whole = |pointer: &str, value: Value| cause_of(&event_with("purchase.suspended", pointer, value));
    assert_eq!(whole("/type", Value::Null), Some(RefusalCause::ParameterMissing("type")));
    assert_eq!(whole("/timestamp", Value::Null), Some(RefusalCause::ParameterMissing("timestamp")));
    assert_eq!(whole("/data", Value::Null), Some(RefusalCause::ParameterMissing("data")));
    for (pointer, name, odd) in [
        ("/type", "type", json!(1)),
        ("/type", "type", json!("")),
        ("/timestamp", "timestamp", json!("yesterday")),
        ("/timestamp", "timestamp", json!(1_769_846_398)),
        ("/timestamp", "timestamp", json!("2026-01-31T08:05:01Z")),
        ("/data", "data", json!([])),
        ("/data", "data", json!("{}")),
        ("/test", "test", json!("yes")),
        ("/test", "test", json!(1)),
    ] {
        assert_eq!(whole(pointer, odd.clone()), Some(RefusalCause::ParameterMalformed(name)), "{odd}");
    }
    assert_eq!(whole("/timestamp", json!("2026-01-31T08:05:00Z")), None, "as far ahead as a clock may be");
    assert_eq!(whole("/timestamp", json!("2020-01-01T00:00:00Z")), None, "however late it is told");
    let too_long = Some(RefusalCause::ParameterTooLong { name: "type", limit: 64 });
    assert_eq!(whole("/type", json!("x".repeat(65))), too_long);
}

#[test]
fn a_type_that_nobody_knows_is_refused_and_named() {
    for odd in ["purchase.create", "Purchase.Created", "purchase.created ", "invoice.paid", "ping"] {
        let refusal = Sent::of(&event_with("purchase.suspended", "/type", json!(odd))).read().unwrap_err();
        let fine =
            matches!(refusal.cause, RefusalCause::UnknownActivity | RefusalCause::ParameterMalformed("type"));
        assert!(fine && refusal.activity.is_none(), "{refusal}");
        assert_eq!(refused(&refusal).1["pointer"], "/type");
    }
}

#[test]
fn unknown_members_are_ignored_and_double_ones_refused() {
    let mut body = event("purchase.created");
    (body["extra"], body["data"]["extra"]) = (json!({ "a": [1, null] }), json!("x"));
    assert_eq!(read(&body), read(&event("purchase.created")));
    let text = event("purchase.created").to_string();
    for twice in [
        text.replacen(r#""order_id":"A-1001""#, r#""order_id":"A-1001","order_id":"A-1001""#, 1),
        text.replacen(r#""type":"#, r#""type":"test","type":"#, 1),
    ] {
        assert_ne!(twice, text);
        let refusal = Sent::at(NEW, now(), twice.as_bytes()).read().unwrap_err();
        assert_eq!((&refusal.cause, refusal.signed_by), (&RefusalCause::DuplicateMember, Some(0)));
        assert_eq!(refused(&refusal).0, 400);
    }
    let deep = format!("{}{}", "{\"a\":".repeat(20), "}".repeat(20));
    for (odd, code) in
        [("", "malformed_json"), ("[]", "malformed_json"), ("{", "malformed_json"), (&deep, "malformed_json")]
    {
        let refusal = Sent::at(NEW, now(), odd.as_bytes()).read().unwrap_err();
        let (status, body) = refused(&refusal);
        assert_eq!((status, body["code"].as_str()), (400, Some(code)), "{odd}");
    }
}

#[test]
fn no_two_order_lines_share_an_instance() {
    let instance = |order_id: &str, line_id: Option<&str>| {
        let mut body = event_with("purchase.suspended", "/data/order_id", json!(order_id));
        body["data"]["line_id"] = json!(line_id);
        match read(&body) {
            PurchaseEvent::StatusChanged { instance_id, .. } => instance_id,
            other => panic!("{other:?}"),
        }
    };
    let parts = ["a", "b", "#", "%", "a#b", "#a", "a%23b", "%23", "%25", "gid://shopify/Order/450789469"];
    let mut seen = std::collections::BTreeMap::new();
    for order_id in parts {
        for line_id in parts.into_iter().map(Some).chain([None]) {
            let before = seen.insert(instance(order_id, line_id), (order_id, line_id));
            assert_eq!(before, None, "{order_id} {line_id:?}");
        }
    }
    let mut long = event_with("purchase.suspended", "/data/order_id", json!("#".repeat(64)));
    assert_eq!(cause_of(&long), Some(RefusalCause::ParameterTooLong { name: "data.order_id", limit: 64 }));
    long["data"]["order_id"] = json!("x".repeat(64));
    long["data"]["line_id"] = json!("y".repeat(60));
    assert_eq!(cause_of(&long), None);
}

#[test]
fn a_test_leaves_no_identity_behind() {
    for event_type in TYPES {
        let call = Sent::of(&event_with(event_type, "/test", json!(true))).read().unwrap();
        assert!(call.test && call.replay.is_none(), "{event_type}");
    }
    let bare = json!({ "type": "test", "timestamp": "2026-01-31T08:00:00Z" });
    let call = Sent::of(&bare).read().unwrap();
    assert!(call.test && call.replay.is_none());
}
