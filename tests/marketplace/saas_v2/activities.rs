//! SaaS V2.0: every parameter row of the five activities, and what is answered.

use super::support::*;
use crate::signed::{complete, rows_hold, rows_of};
use chrono::DateTime;
use lictor::domain::{
    Amount, InstanceInfo, InstanceStatus, InstanceUsage, OrderRef, PurchaseEvent, PurchaseOutcome,
    RefreshScene, Target,
};
use lictor::marketplace::koogallery::result_code::ResultCode;
use lictor::marketplace::{Call, CallRefusal, RefusalCause, protocol_for};
use lictor::sandbox::signer;
use serde_json::{Value, json};

const ACTIVITIES: [&str; 8] = [
    "newInstance",
    "queryInstance",
    "refreshInstance",
    "updateInstanceStatus",
    "releaseInstance",
    "upgradeInstance",
    "changeInstanceCheck",
    "orderNotify",
];

fn with(activity: &str, name: &str, value: Value) -> Result<Call, CallRefusal> {
    let mut body = complete(activity);
    body[name] = value;
    read(&signed(&body.to_string()))
}

fn event(activity: &str, name: &str, value: Value) -> PurchaseEvent {
    with(activity, name, value).unwrap().event
}

fn order(id: &str) -> OrderRef {
    OrderRef { order_id: id.into(), order_line_id: Some(format!("{id}-000001")), product_id: None }
}

#[test]
fn new_instance_is_a_purchase_by_ids_only() {
    let call = with("newInstance", "x", json!(null)).unwrap();
    assert_eq!(call.activity, "newInstance");
    assert!(!call.test && call.replay.is_some());
    assert_eq!(
        call.event,
        PurchaseEvent::Bought { order: order("CS1"), business_id: "b-1".into(), details: None }
    );
    let PurchaseEvent::Bought { order, .. } = event("newInstance", "productId", json!("P1")) else {
        panic!()
    };
    assert_eq!(order.product_id.as_deref(), Some("P1"));
}

#[test]
fn query_instance_names_one_to_a_hundred_instances() {
    let queried = |text: &str| with("queryInstance", "instanceId", json!(text));
    let ids = |text: &str| match queried(text).unwrap().event {
        PurchaseEvent::Queried { instance_ids } => instance_ids,
        other => panic!("{other:?}"),
    };
    assert_eq!(ids("i-1"), ["i-1"]);
    assert_eq!(ids("i-1,i-2, i-3"), ["i-1", "i-2", "i-3"]);
    assert_eq!(ids(&vec!["a".repeat(64); 100].join(",")).len(), 100);
    assert_eq!(queried("i-1").unwrap().replay, None);
    let too_long = |limit| RefusalCause::ParameterTooLong { name: "instanceId", limit };
    assert_eq!(queried(&vec!["a"; 101].join(",")).unwrap_err().cause, too_long(100));
    assert_eq!(queried(&"a".repeat(65)).unwrap_err().cause, too_long(64));
    for odd in ["a,,b", ",a", "a,", ","] {
        assert_eq!(queried(odd).unwrap_err().cause, RefusalCause::ParameterMalformed("instanceId"), "{odd}");
    }
}

#[test]
fn refresh_instance_has_four_scenes_and_an_absolute_end() {
    for (word, expected) in [
        ("TRIAL_TO_FORMAL", RefreshScene::TrialToFormal),
        ("RENEWAL", RefreshScene::Renewal),
        ("UNSUBSCRIBE_RENEWAL_PERIOD", RefreshScene::CancelRenewal),
        ("RENEWAL_CHANGE", RefreshScene::RenewalChange),
    ] {
        let ends_at = DateTime::from_timestamp(1_684_873_172, 0);
        let (instance_id, order) = ("i-1".to_owned(), order("CS2"));
        assert_eq!(
            event("refreshInstance", "scene", json!(word)),
            PurchaseEvent::Refreshed {
                instance_id,
                order,
                scene: expected,
                ends_at,
                product_id: None,
                term: None,
                resumes: false
            }
        );
    }
    let PurchaseEvent::Refreshed { product_id, .. } = event("refreshInstance", "productId", json!("P2"))
    else {
        panic!()
    };
    assert_eq!(product_id.as_deref(), Some("P2"));
    let PurchaseEvent::Refreshed { ends_at, .. } =
        event("refreshInstance", "expireTime", json!("20221124023618256"))
    else {
        panic!()
    };
    assert_eq!(ends_at.unwrap().to_rfc3339(), "2022-11-24T02:36:18.256+00:00");
    for (name, odd) in
        [("scene", "GIFT"), ("scene", "renewal"), ("expireTime", "2023"), ("expireTime", "20230230000000")]
    {
        let refusal = with("refreshInstance", name, json!(odd)).unwrap_err();
        assert!(matches!(refusal.cause, RefusalCause::ParameterMalformed(named) if named == name), "{odd}");
    }
}

#[test]
fn update_instance_status_freezes_and_unfreezes() {
    let changed = |status| PurchaseEvent::StatusChanged { instance_id: "i-1".into(), status };
    assert_eq!(event("updateInstanceStatus", "status", json!("FREEZE")), changed(InstanceStatus::Freeze));
    assert_eq!(event("updateInstanceStatus", "status", json!("UNFREEZE")), changed(InstanceStatus::Unfreeze));
    for odd in ["NORMAL", "freeze"] {
        let refusal = with("updateInstanceStatus", "status", json!(odd)).unwrap_err();
        assert_eq!(refusal.cause, RefusalCause::ParameterMalformed("status"));
    }
}

#[test]
fn release_instance_names_the_unsubscribing_order_if_there_is_one() {
    let released = |order| PurchaseEvent::Released { instance_id: "i-1".into(), order };
    assert_eq!(event("releaseInstance", "x", json!(1)), released(None));
    assert_eq!(event("releaseInstance", "orderLineId", json!("CS3-000001")), released(None));
    let without_line = OrderRef { order_id: "CS3".into(), order_line_id: None, product_id: None };
    assert_eq!(event("releaseInstance", "orderId", json!("CS3")), released(Some(without_line)));
    let mut body = complete("releaseInstance");
    body["orderId"] = json!("CS3");
    body["orderLineId"] = json!("CS3-000001");
    assert_eq!(read(&signed(&body.to_string())).unwrap().event, released(Some(order("CS3"))));
}

#[test]
fn upgrade_instance_names_the_changing_order() {
    let changed = PurchaseEvent::Changed { instance_id: "i-1".into(), order: order("CS4"), details: None };
    assert_eq!(event("upgradeInstance", "x", json!(1)), changed);
    assert_eq!(event("orderNotify", "x", json!(1)), PurchaseEvent::Noticed { order: order("CS5") });
}

#[test]
fn change_instance_check_names_its_target() {
    let asked = |product: Value| with("changeInstanceCheck", "productInfo", product);
    let target = |product: Value| match asked(product).unwrap().event {
        PurchaseEvent::ChangeAsked { instance_id, target } if instance_id == "i-1" => target,
        other => panic!("{other:?}"),
    };
    let expected = |quantity| Target { product_id: "P1".into(), sku: "S1".into(), quantity };
    for (value, quantity) in [
        (json!(null), None),
        (json!(""), None),
        (json!(3), Some(3)),
        (json!("4"), Some(4)),
        (json!(5.0), Some(5)),
    ] {
        let product = json!({ "productId": "P1", "skuCode": "S1", "linearValue": value, "productName": "x" });
        assert_eq!(target(product.clone()), expected(quantity));
        assert_eq!(target(json!([product])), expected(quantity), "a list of one");
    }
    for odd in [json!(-1), json!(1.5), json!("x"), json!([1]), json!(true), json!(99_999_999_999_u64)] {
        let refusal = asked(json!({ "productId": "P1", "skuCode": "S1", "linearValue": odd })).unwrap_err();
        assert_eq!(refusal.cause, RefusalCause::ParameterMalformed("linearValue"));
    }
    for (name, limit) in [("productId", 64), ("skuCode", 64)] {
        let with_member = |value: Value| {
            let mut product = json!({ "productId": "P1", "skuCode": "S1" });
            product[name] = value;
            asked(product).err().map(|refusal| refusal.cause)
        };
        assert_eq!(with_member(json!(null)), Some(RefusalCause::ParameterMissing(name)));
        assert_eq!(with_member(json!(7)), Some(RefusalCause::ParameterMalformed(name)));
        let too_long = RefusalCause::ParameterTooLong { name, limit };
        assert_eq!(with_member(json!("1".repeat(limit + 1))), Some(too_long));
        assert_eq!(with_member(json!("1".repeat(limit))), None);
    }
    assert_eq!(asked(json!(null)).unwrap_err().cause, RefusalCause::ParameterMissing("productInfo"));
    for odd in [json!("x"), json!([]), json!([{}, {}]), json!(1)] {
        assert_eq!(asked(odd).unwrap_err().cause, RefusalCause::ParameterMalformed("productInfo"));
    }
    let call = asked(json!({ "productId": "P1", "skuCode": "S1" })).unwrap();
    assert_eq!(call.replay, None, "a question changes nothing");
}

#[test]
fn every_row_is_held_to_presence_length_and_type() {
    rows_hold(rows_of(&ACTIVITIES), with);
}

#[test]
fn the_test_flag_is_absent_or_zero_or_one_as_text_or_number() {
    for activity in ACTIVITIES {
        for off in [json!(null), json!(""), json!("0"), json!(0)] {
            assert!(!with(activity, "testFlag", off).unwrap().test);
        }
        for on in [json!("1"), json!(1)] {
            let call = with(activity, "testFlag", on).unwrap();
            assert!(call.test && call.replay.is_none());
        }
        for odd in [json!("2"), json!(2), json!(true), json!(1.0), json!("true"), json!([1])] {
            let refusal = with(activity, "testFlag", odd.clone()).unwrap_err();
            assert_eq!(refusal.cause, RefusalCause::ParameterMalformed("testFlag"), "{odd}");
        }
    }
}

#[test]
fn an_unknown_activity_is_an_invalid_parameter_and_known_only_to_signed_callers() {
    for (value, cause) in [
        (json!("orderCoffee"), RefusalCause::UnknownActivity),
        (json!("NEWINSTANCE"), RefusalCause::UnknownActivity),
        (json!(1), RefusalCause::UnknownActivity),
        (json!(null), RefusalCause::ParameterMissing("activity")),
    ] {
        let refusal = with("newInstance", "activity", value).unwrap_err();
        assert_eq!((refusal.cause.clone(), refusal.signed_by, refusal.activity), (cause, Some(0), None));
        assert_eq!(saas_v2().refuse(&refusal, &keys()).result_code, Some("000002"));
    }
}

#[test]
fn a_dial_test_is_answered_plausibly_for_any_instance() {
    for activity in ACTIVITIES {
        let call = with(activity, "testFlag", json!("1")).unwrap();
        let answer = saas_v2().answer(&call, &call.dial_test_outcome("https://a.example/portal"), &keys());
        let body: Value = serde_json::from_slice(&answer.body).unwrap();
        assert_eq!((body["resultCode"].as_str(), answer.fault), (Some("000000"), None), "{activity}");
        match activity {
            "newInstance" => assert_eq!(body["instanceId"], "b-1"),
            "queryInstance" => assert_eq!(body["info"][0]["instanceId"], "i-1"),
            _ => assert_eq!(body.as_object().unwrap().len(), 2),
        }
    }
}

fn answered(activity: &str, outcome: &PurchaseOutcome) -> (String, Option<String>) {
    let call = with(activity, "x", json!(1)).unwrap();
    let answer = saas_v2().answer(&call, outcome, &keys());
    assert_eq!(answer.status, 200);
    assert_eq!(header(&answer, "Content-Type"), Some("application/json"));
    assert_eq!(header(&answer, "Body-Sign"), Some(signer::body_sign(KEY, &answer.body).as_str()));
    assert!(answer.body.is_ascii());
    (String::from_utf8(answer.body).unwrap(), answer.fault)
}

#[test]
fn answers_are_exact() {
    let accepted = |ready| PurchaseOutcome::Accepted { instance_id: "b-1".into(), ready };
    assert_eq!(
        answered("newInstance", &accepted(true)).0,
        r#"{"resultCode":"000000","resultMsg":"success.","instanceId":"b-1"}"#
    );
    assert_eq!(
        answered("newInstance", &accepted(false)).0,
        r#"{"resultCode":"000004","resultMsg":"the request is being processed.","instanceId":"b-1"}"#
    );
    let info = InstanceInfo {
        instance_id: "i-1".into(),
        front_end_url: "https://a.example/portal".into(),
        memo: "激活码 ABC".into(),
        sign_in: None,
        license: None,
        usage: Vec::new(),
    };
    assert_eq!(
        answered("queryInstance", &PurchaseOutcome::Instances(vec![info.clone()])).0,
        r#"{"resultCode":"000000","resultMsg":"success.","info":[{"instanceId":"i-1","appInfo":{"frontEndUrl":"https://a.example/portal","memo":"\u6fc0\u6d3b\u7801 ABC"}}]}"#
    );
    let entry = |related: Option<&str>, value: &str| InstanceUsage {
        related_instance_id: related.map(str::to_owned),
        value: Amount::parse(value).unwrap(),
        as_of: "2026-03-01T12:00:00Z".parse().unwrap(),
        dashboard_url: "https://a.example/portal".into(),
    };
    let usage = vec![entry(None, "100"), entry(Some("sms"), "50.25")];
    let metered = InstanceInfo { memo: "m".into(), usage, ..info };
    assert_eq!(
        answered("queryInstance", &PurchaseOutcome::Instances(vec![metered])).0,
        r#"{"resultCode":"000000","resultMsg":"success.","info":[{"instanceId":"i-1","appInfo":{"frontEndUrl":"https://a.example/portal","memo":"m"},"usageInfo":[{"usageValue":100,"statisticalTime":"20260301120000000","dashboardUrl":"https://a.example/portal"},{"relatedInstanceId":"sms","usageValue":50.25,"statisticalTime":"20260301120000000","dashboardUrl":"https://a.example/portal"}]}]}"#
    );
    for activity in ACTIVITIES {
        for (outcome, code) in [
            (PurchaseOutcome::InstanceUnknown, "000003"),
            (PurchaseOutcome::Processing, "000004"),
            (PurchaseOutcome::Unavailable, "000005"),
            (PurchaseOutcome::InvalidParameter, "000002"),
        ] {
            let result = ResultCode::ALL.into_iter().find(|result| result.code() == code).unwrap();
            let expected = format!(r#"{{"resultCode":"{code}","resultMsg":"{}"}}"#, result.message());
            assert_eq!(answered(activity, &outcome), (expected, None), "{activity}");
        }
    }
    for activity in [
        "refreshInstance",
        "updateInstanceStatus",
        "releaseInstance",
        "upgradeInstance",
        "changeInstanceCheck",
        "orderNotify",
    ] {
        let success = r#"{"resultCode":"000000","resultMsg":"success."}"#.to_owned();
        assert_eq!(answered(activity, &PurchaseOutcome::Done), (success, None));
    }
}

#[test]
fn what_breaks_a_documented_length_becomes_an_internal_error_with_a_reason_for_the_log() {
    let info = |id: String, url: String, memo: String| {
        let (sign_in, license, usage) = (None, None, Vec::new());
        let info = InstanceInfo { instance_id: id, front_end_url: url, memo, sign_in, license, usage };
        answered("queryInstance", &PurchaseOutcome::Instances(vec![info]))
    };
    let (id, url) = ("i".repeat(64), "u".repeat(512));
    assert_eq!(info(id.clone(), url.clone(), "码".repeat(1024)).1, None);
    for (body, fault) in [
        info(format!("{id}i"), url.clone(), String::new()),
        info(id.clone(), format!("{url}u"), String::new()),
        info(id.clone(), String::new(), String::new()),
        info(id, url, "码".repeat(1025)),
        answered("newInstance", &PurchaseOutcome::Accepted { instance_id: "i".repeat(65), ready: true }),
        answered("newInstance", &PurchaseOutcome::Accepted { instance_id: String::new(), ready: true }),
        answered("newInstance", &PurchaseOutcome::Done),
        answered("queryInstance", &PurchaseOutcome::Done),
        answered("releaseInstance", &PurchaseOutcome::Instances(vec![])),
    ] {
        assert_eq!(body, r#"{"resultCode":"000005","resultMsg":"internal error."}"#);
        assert!(fault.is_some());
    }
}

#[test]
fn a_hundred_instances_with_full_memos_fit_one_answer() {
    let full = |n: usize| InstanceInfo {
        instance_id: format!("{n:064}"),
        front_end_url: "u".repeat(512),
        memo: "码".repeat(1024),
        sign_in: None,
        license: None,
        usage: Vec::new(),
    };
    let (body, fault) = answered("queryInstance", &PurchaseOutcome::Instances((0..100).map(full).collect()));
    assert_eq!((body.matches("appInfo").count(), fault), (100, None));
}

#[test]
fn an_answer_is_signed_with_the_key_that_signed_the_call() {
    let body = complete("releaseInstance").to_string();
    let call = read(&signed_with(OLD_KEY, &body, &now().timestamp_millis().to_string(), "n")).unwrap();
    let answer = saas_v2().answer(&call, &PurchaseOutcome::Done, &keys());
    assert_eq!(header(&answer, "Body-Sign").unwrap(), signer::body_sign(OLD_KEY, &answer.body));
    let refusal = call.refused(RefusalCause::NonceReused);
    let answer = saas_v2().refuse(&refusal, &keys());
    assert_eq!(header(&answer, "Body-Sign").unwrap(), signer::body_sign(OLD_KEY, &answer.body));
    assert_eq!(answer.result_code, Some("000002"));
}

#[test]
fn only_the_families_that_are_built_are_found() {
    assert_eq!(protocol_for("saas-v2").unwrap().name(), "saas-v2");
    assert!(protocol_for("SAAS-V2").is_none() && protocol_for("").is_none());
}
