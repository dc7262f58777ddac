//! Packages: what is taken from them, and what the buyer sees.

use lictor::sandbox::orders::{Basket, Billing, Period};
use serde_json::{Value, json};

use super::ground::{Ground, at, hour};

const STOPPING: &str = "{ push = \"new\", packages = \"stop-before-excess\" }";

fn of_package(mut item: Value, package: &str) -> Value {
    item["package_instance_id"] = json!(package);
    item
}

#[test]
fn a_stop_before_excess_record_names_its_package_and_both_are_summed() {
    let ground = Ground::with(STOPPING);
    let (sms, mms) = (ground.meter(), ground.meter());
    let package = ground.buy("SMS-PACK", Billing::OnDemandPackage);
    let end = at("2026-01-31T10:00:00Z");
    ground.run_until(end);
    let missing = ground.record(&[hour(&sms, end, "1")]).expect_problem(422, "invalid_request");
    assert_eq!(missing.text_at("/pointer"), "/items/0/package_instance_id");
    let portal = format!("{}/portal", ground.harness.url);
    let empty = json!([{ "usageValue": 0, "statisticalTime": "20260131080000000", "dashboardUrl": portal }]);
    assert_eq!(ground.usage_info(&package), empty);
    let items = [
        of_package(hour(&sms, end, "100"), &package),
        of_package(hour(&mms, at("2026-01-31T09:30:00Z"), "50.5"), &package),
        of_package(hour(&sms, at("2026-01-31T09:00:00Z"), "0.25"), &package),
    ];
    ground.record(&items).expect(200);
    assert_eq!(
        ground.usage_info(&package),
        json!([
            { "relatedInstanceId": sms, "usageValue": 100.25, "statisticalTime": "20260131100000000", "dashboardUrl": portal },
            { "relatedInstanceId": mms, "usageValue": 50.5, "statisticalTime": "20260131100000000", "dashboardUrl": portal },
        ])
    );
    assert_eq!(
        ground.usage_info(&sms),
        json!([{ "usageValue": 100.25, "statisticalTime": "20260131100000000", "dashboardUrl": portal }])
    );
    ground.run_for(14);
    let checked = ground.checked();
    assert_eq!(checked.len(), 3);
    assert!(checked.iter().all(|record| record.code.is_none()), "{checked:?}");
    assert!(checked.iter().all(|record| record.text("relate_pkg_instance") == package));
}

#[test]
fn what_is_bought_for_a_time_has_no_usage() {
    let ground = Ground::new();
    let month = ground.buy("CAD-MONTH", Billing::Period(Period::Months(1)));
    assert_eq!(ground.usage_info(&month), Value::Null);
    ground.run_for(60);
    let refused = ground.record(&[hour(&month, ground.now(), "1")]).expect_problem(422, "invalid_request");
    assert_eq!(refused.text_at("/pointer"), "/items/0/instance_id");
    assert!(refused.text_at("/mistakes/0/message").contains("not pay-per-use"));
}

#[test]
fn a_package_is_a_package_of_the_same_customer_and_not_released() {
    let ground = Ground::new();
    let meter = ground.meter();
    let package = ground.buy("SMS-PACK", Billing::OnDemandPackage);
    let shop = ground.harness.storefront();
    let other =
        Basket { customer_id: Some("another".into()), ..Basket::of("SMS-PACK", Billing::OnDemandPackage) };
    let foreign = shop.buy(other).expect("answered").answer.instance_id().to_owned();
    ground.harness.settle();
    let end = at("2026-01-31T10:00:00Z");
    ground.run_until(at("2026-01-31T09:30:00Z"));
    assert_eq!(shop.release(&package).expect("answered").result_code(), "000000");
    ground.run_until(end);
    let item = |end, package: &str| of_package(hour(&meter, end, "1"), package);
    for (item, words) in [
        (item(end, &meter), "no package"),
        (item(end, &foreign), "another customer"),
        (item(end, "unknown"), "no such instance"),
        (item(end, &package), "released"),
    ] {
        let refused = ground.record(&[item]).expect_problem(422, "invalid_request");
        assert_eq!(refused.text_at("/pointer"), "/items/0/package_instance_id");
        assert!(refused.text_at("/mistakes/0/message").contains(words), "{refused:?}");
    }
    ground.record(&[item(at("2026-01-31T09:30:00Z"), &package)]).expect(200);
}

#[test]
fn the_old_push_takes_no_package() {
    let ground = Ground::with("{ push = \"old\" }");
    let (meter, package) = (ground.meter(), ground.buy("SMS-PACK", Billing::OnDemandPackage));
    ground.run_for(60);
    let item = of_package(hour(&meter, ground.now(), "1"), &package);
    let refused = ground.record(&[item]).expect_problem(422, "invalid_request");
    assert_eq!(refused.text_at("/pointer"), "/items/0/package_instance_id");
}

#[test]
fn usage_ends_where_the_instance_does() {
    let ground = Ground::new();
    let meter = ground.meter();
    ground.run_until(at("2026-01-31T09:30:00Z"));
    let shop = ground.harness.storefront();
    assert_eq!(shop.release(&meter).expect("answered").result_code(), "000000");
    ground.run_until(at("2026-01-31T10:00:00Z"));
    let refused = ground.record(&[hour(&meter, ground.now(), "1")]).expect_problem(422, "invalid_request");
    assert_eq!(refused.text_at("/pointer"), "/items/0/end");
    ground.record(&[hour(&meter, at("2026-01-31T09:30:00Z"), "1")]).expect(200);
    ground.run_for(14);
    assert_eq!(ground.checked().iter().map(|record| record.code).collect::<Vec<_>>(), [None]);
}
