//! Instances that were sold before live on like our own: imported, renewed, stopped, let go on, queried, released by real
//! signed calls, in every family.

#[path = "import_life/naughty.rs"]
mod naughty;
#[path = "import_life/search.rs"]
mod search;
mod support;
#[path = "support/koogallery_v1.rs"]
#[expect(dead_code, reason = "the tests of the families use the rest")]
mod v1;

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use lictor::application::ports::Clock;
use lictor::application::{LicenseFilter, LicenseOrPurchase};
use lictor::domain::{License, LicenseEnd, MerchantId, Scope, SoldSpec};
use lictor::sandbox::caller::CallAnswer;
use lictor::sandbox::orders::{Basket, Billing, MockOrder, OrderReason, Period, digits};
use lictor::sandbox::{CodeShop, Storefront};
use serde_json::{Map, Value, json};
use support::api::{Answer, Api};
use support::{ACCESS_KEY, Harness, channel_speaking};

/// Instances of each family; `./scripts/prove import` sets another number.
fn instances() -> usize {
    #[expect(clippy::disallowed_methods, reason = "the count of a proof is given from outside")]
    let given = std::env::var("LICTOR_PROVE_COUNT").ok();
    given.and_then(|text| text.parse().ok()).unwrap_or(100)
}

fn rows(count: usize, row: impl Fn(usize) -> Value) -> Vec<Value> {
    (0..count).map(row).collect()
}

fn import(merchant: &Api, rows: &[Value]) -> Answer {
    merchant.post("/v1/merchant/licenses/import", &json!({ "rows": rows }))
}

/// Imports in requests of 250, and again: the second time nothing changes.
fn import_twice(merchant: &Api, rows: &[Value]) {
    for (outcome, other) in [("imported", "unchanged"), ("unchanged", "imported")] {
        let mut count = 0;
        for rows in rows.chunks(250) {
            let report = import(merchant, rows).expect(200);
            assert_eq!(
                (report.at(&format!("/{other}")), report.at("/refused")),
                (json!(0), json!(0)),
                "{report:?}"
            );
            count += report.at(&format!("/{outcome}")).as_u64().expect("a number");
        }
        assert_eq!(count, rows.len() as u64, "{outcome}");
    }
}

/// Where every renewal of these tests leads.
fn renewed_end() -> DateTime<Utc> {
    "2027-06-15T15:59:59Z".parse().expect("an instant")
}

/// The license of an instance, as it is kept.
fn license(harness: &Harness, instance: &str) -> License {
    let merchant = MerchantId::parse("acme").expect("a slug");
    let filter = LicenseFilter { instance_id: Some(instance.to_owned()), ..LicenseFilter::default() };
    let found = harness.block_on(harness.app.view_licenses(&merchant, &filter, None, 1)).expect("readable").0;
    match found.into_iter().next() {
        Some(LicenseOrPurchase::License(license)) => license.value,
        other => panic!("{instance}: {other:?}"),
    }
}

fn state(harness: &Harness, instance: &str) -> &'static str {
    license(harness, instance).state(harness.app.now()).as_str()
}

fn end_of(harness: &Harness, instance: &str) -> Option<DateTime<Utc>> {
    license(harness, instance).validity.ends_at
}

/// What two licenses that lived alike have in common: what is granted, how it stands, each order and each key.
fn likeness(harness: &Harness, instance: &str) -> String {
    let license = license(harness, instance);
    let state = license.state(harness.app.now()).as_str();
    let License {
        product, label, env, sold, validity, holds, end, generation, issued, orders, changes, ..
    } = license;
    let orders: Vec<_> = orders.iter().map(|order| (order.scene, order.in_force)).collect();
    let keys: Vec<_> = issued.iter().map(|key| (key.superseded, key.leaked)).collect();
    let is_released = matches!(end, LicenseEnd::Released { .. });
    // Quota counts from the start, which is long past; not every import knows the SKU.
    let sold = SoldSpec { quota: Vec::new(), sku: None, ..sold };
    format!(
        "{product} {label} {env:?} {state} {:?} {:?} {is_released} {generation} {keys:?} {orders:?} {changes:?} {sold:?}",
        validity.ends_at,
        holds.is_empty()
    )
}

fn success(answer: &CallAnswer) {
    assert_eq!((answer.status, answer.result_code()), (200, "000000"), "{answer:?}");
}

/// A channel of this family, and a merchant.
fn scene(protocol: &str, channel: &str) -> (Harness, Api) {
    let harness = Harness::start();
    harness.apply(&channel_speaking(protocol, channel, &harness.world.sandbox));
    let merchant = harness.merchant();
    (harness, merchant)
}

/// The marketplace's side of a family that calls by GET.
struct GetShop<'a> {
    harness: &'a Harness,
    channel: &'a str,
    is_saas: bool,
}

impl GetShop<'_> {
    fn call(&self, parameters: &[(&str, &str)]) -> Value {
        self.harness.world.clock.advance(Duration::from_millis(1));
        let time = v1::time_stamp(self.harness.world.clock.now());
        let query = v1::signed_with(ACCESS_KEY, parameters, &time);
        let answer = self.harness.anonymous().get(&format!("/marketplace/acme/{}?{query}", self.channel));
        assert_eq!(answer.status, 200, "{answer:?}");
        let expected = v1::body_sign(ACCESS_KEY, answer.text.as_bytes());
        assert_eq!(answer.header("body-sign"), Some(expected.as_str()));
        answer.json()
    }

    fn buy(&self, activity: &str, order_id: &str, business_id: &str) -> Value {
        self.call(&[
            ("activity", activity),
            ("customerId", "buyer-1"),
            ("businessId", business_id),
            ("orderId", order_id),
            ("skuCode", "CAD-YEAR"),
            ("productId", "00301-666666-0--0"),
            ("chargingMode", "1"),
            ("periodType", "year"),
            ("periodNumber", "1"),
        ])
    }
}

fn code(answer: &Value) -> &str {
    answer["resultCode"].as_str().unwrap_or("")
}

/// The life of one instance of a family that calls by GET, the same for an imported one and our own.
fn live_by_get(shop: &GetShop<'_>, instance: &str, order: &str, words: [&str; 3]) -> [String; 2] {
    let harness = shop.harness;
    let [refresh, expire, release] = words;
    let (later, latest) = (format!("R{order}"), format!("S{order}"));
    let end = renewed_end();
    let own = |activity, order_id, more: &[(&str, &str)]| {
        let parameters = [("activity", activity), ("orderId", order_id), ("instanceId", instance)];
        assert_eq!(code(&shop.call(&[&parameters, more].concat())), "000000", "{activity} {instance}");
    };
    let state = || state(harness, instance);
    own(refresh, &later, &[("expireTime", &digits(end))]);
    assert_eq!(end_of(harness, instance), Some(end), "renewed");
    if shop.is_saas {
        for (status, state_then) in [("FREEZE", "suspended"), ("NORMAL", "active")] {
            own("instanceStatus", order, &[("instanceStatus", status)]);
            assert_eq!(state(), state_then);
        }
        let queried = shop.call(&[("activity", "queryInstance"), ("instanceId", instance)]);
        let info = queried.to_string();
        assert!(code(&queried) == "000000" && info.contains(instance) && info.contains("memo"), "{queried}");
    } else {
        let license = shop.buy("getLicense", order, "the buyer looks at it");
        assert_eq!((code(&license), &license["instanceId"]), ("000000", &json!(instance)));
        assert!(license["license"].as_str().is_some_and(|key| key.len() > 100), "{license}");
    }
    own(expire, order, &[]);
    assert_eq!(state(), "suspended");
    // A renewal ends the stop: no call of its own will.
    let further = end + TimeDelta::days(365);
    own(refresh, &latest, &[("expireTime", &digits(further))]);
    let renewed = likeness(harness, instance);
    assert_eq!((state(), end_of(harness, instance)), ("active", Some(further)));
    own(release, order, &[]);
    assert_eq!(state(), "released");
    [renewed, likeness(harness, instance)]
}

fn get_family(protocol: &str, buy: &'static str, words: [&'static str; 3]) {
    let (harness, merchant) = scene(protocol, "cad-old");
    let shop = GetShop { harness: &harness, channel: "cad-old", is_saas: protocol == "saas-v1" };
    let rows = rows(instances(), |number| {
        json!({ "channel": "cad-old", "instance_id": format!("old-{number}"), "order_id": format!("CSOLD{number}"),
            "sku": "CAD-YEAR", "product_id": "00301-666666-0--0", "term": "P1Y", "starts_at": "2025-06-01T00:00:00Z",
            "ends_at": "2026-06-01T15:59:59Z", "customer": "buyer-1", "label": "" })
    });
    import_twice(&merchant, &rows);
    assert_eq!(code(&shop.buy(buy, "CSNEW", "own")), "000000");
    let repeat = shop.buy(buy, "CSOLD7", "another-business-id");
    assert_eq!((code(&repeat), &repeat["instanceId"]), ("000000", &json!("old-7")), "the order is known");
    let own = live_by_get(&shop, "own", "CSNEW", words);
    for number in 0..instances() {
        let (instance, order) = (format!("old-{number}"), format!("CSOLD{number}"));
        assert_eq!(live_by_get(&shop, &instance, &order, words), own, "{instance}");
    }
    assert_eq!(code(&shop.buy(buy, "CSOLD7", "again")), code(&shop.buy(buy, "CSNEW", "again")));
}

#[test]
fn imported_instances_of_saas_v1_live_like_our_own() {
    get_family("saas-v1", "newInstance", ["refreshInstance", "expireInstance", "releaseInstance"]);
}

#[test]
fn imported_instances_of_license_v1_live_like_our_own() {
    get_family("license-v1", "getLicense", ["refreshLicense", "expireLicense", "releaseLicense"]);
}

/// The life of one instance of a newer family.
fn live_by_post(harness: &Harness, shop: &Storefront, instance: &str) -> [String; 2] {
    let call = |members: Value| {
        let Value::Object(members) = members else { panic!("an object") };
        let answer = shop.caller().call(members).expect("answers");
        success(&answer);
        answer
    };
    let queried = || {
        let members = json!({ "activity": "queryInstance", "instanceId": instance });
        let answer = call(members);
        let memo =
            answer.app_info(instance).and_then(|info| info["memo"].as_str()).expect("a memo").to_owned();
        assert!(memo.starts_with("Claim code"), "{memo}");
    };
    let state = || state(harness, instance);
    queried();
    let basket = Basket::of("CAD-YEAR", Billing::Period(Period::Years(1)));
    let end = renewed_end();
    let renewal = shop.place(OrderReason::Renew, basket).expect("placed");
    call(json!({ "activity": "refreshInstance", "scene": "RENEWAL", "orderId": renewal.order_id,
        "orderLineId": renewal.order_line_id, "instanceId": instance, "expireTime": digits(end) }));
    harness.settle();
    assert_eq!(end_of(harness, instance), Some(end), "renewed");
    success(&shop.freeze(instance).expect("answers"));
    assert_eq!(state(), "suspended");
    success(&shop.unfreeze(instance).expect("answers"));
    let running = likeness(harness, instance);
    assert_eq!(state(), "active");
    queried();
    success(&shop.release(instance).expect("answers"));
    assert_eq!(state(), "released");
    [running, likeness(harness, instance)]
}

fn post_family(protocol: &str) {
    let (harness, merchant) = scene(protocol, "cad-old");
    let address = format!("{}/marketplace/acme/cad-old", harness.url);
    let shop = harness.world.sandbox.storefront(&address, ACCESS_KEY.to_owned().into());
    let rows = rows(instances(), |number| {
        json!({ "channel": "cad-old", "instance_id": format!("old-{number}"), "order_id": format!("CSOLD{number}"),
            "order_line_id": format!("CSOLD{number}-1"), "sku": "CAD-YEAR", "starts_at": "2025-06-01T00:00:00Z",
            "ends_at": "2026-06-01T15:59:59Z", "customer": "buyer-1" })
    });
    import_twice(&merchant, &rows);
    let basket = Basket::of("CAD-YEAR", Billing::Period(Period::Years(1)));
    let own = shop.buy(basket.clone()).expect("answers");
    harness.settle();
    let mut known = MockOrder::new("CSOLD7", OrderReason::New, harness.world.clock.now(), basket);
    known.order_line_id = "CSOLD7-1".into();
    let repeat = shop.deliver(&known).expect("answers");
    assert_eq!((repeat.result_code(), repeat.instance_id()), ("000000", "old-7"), "the order line is known");
    let own = live_by_post(&harness, &shop, own.answer.instance_id());
    for number in 0..instances() {
        let instance = format!("old-{number}");
        assert_eq!(live_by_post(&harness, &shop, &instance), own, "{instance}");
    }
}

#[test]
fn imported_instances_of_saas_v2_live_like_our_own() {
    post_family("saas-v2");
}

#[test]
fn imported_instances_of_license_online_live_like_our_own() {
    post_family("license-online");
}

#[test]
fn imported_authorization_codes_live_like_those_redeemed_here() {
    let harness = Harness::start();
    let (shop, merchant) = (harness.code_shop(), harness.merchant());
    let rows = rows(instances(), |number| {
        json!({ "channel": "cad-codes", "instance_id": format!("PLOLD{number}"), "order_id": format!("CSOLD{number}"),
            "spec": "cad-month", "starts_at": "2026-01-10T00:00:00Z", "ends_at": "2026-02-10T15:59:59Z" })
    });
    import_twice(&merchant, &rows);
    let sale = shop.sell(Basket::of("CAD-MONTH", Billing::Period(Period::Months(1)))).expect("sold");
    harness.anonymous().post("/v1/claims", &json!({ "claim_code": sale.code })).expect(202);
    harness.settle();
    let own = live_by_code(&harness, &shop, &sale.code);
    for number in 0..instances() {
        let code = format!("PLOLD{number}");
        assert_eq!(live_by_code(&harness, &shop, &code), own, "{code}");
    }
}

fn live_by_code(harness: &Harness, shop: &CodeShop, code: &str) -> [String; 2] {
    let opened = harness.anonymous().post("/v1/claims", &json!({ "claim_code": code })).expect(200);
    assert!(opened.text_at("/license_key").len() > 100);
    let end = renewed_end();
    let renewal = MockOrder::new(
        &format!("R{code}"),
        OrderReason::Renew,
        harness.world.clock.now(),
        Basket::of("CAD-MONTH", Billing::Period(Period::Months(1))),
    );
    harness.world.sandbox.register(renewal.clone());
    let members = json!({ "activity": "refreshLicenseCode", "scene": "RENEWAL", "orderId": renewal.order_id,
        "orderLineId": renewal.order_line_id, "license": code, "expireTime": digits(end) });
    let members: Map<String, Value> = members.as_object().cloned().expect("an object");
    success(&shop.caller().call(members).expect("answers"));
    harness.settle();
    assert_eq!(end_of(harness, code), Some(end));
    success(&shop.freeze(code).expect("answers"));
    assert_eq!(state(harness, code), "suspended");
    success(&shop.unfreeze(code).expect("answers"));
    let running = likeness(harness, code);
    success(&shop.release(code).expect("answers"));
    [running, likeness(harness, code)]
}

#[test]
fn what_the_marketplace_said_of_a_code_before_its_import_counts() {
    let harness = Harness::start();
    let (shop, merchant) = (harness.code_shop(), harness.merchant());
    success(&shop.freeze("PLOLD1").expect("answers"));
    success(&shop.release("PLOLD2").expect("answers"));
    let row = |code: &str, order: &str| {
        json!({ "channel": "cad-codes", "instance_id": code, "order_id": order, "spec": "cad-month",
            "starts_at": "2026-01-10T00:00:00Z" })
    };
    let refused = import(&merchant, &[row("PLOLD1", "CS1"), row("PLOLD2", "CS2")])
        .expect_problem(422, "invalid_request");
    assert_eq!(
        (refused.at("/mistakes/0/line"), refused.text_at("/mistakes/0/pointer")),
        (json!(2), "/instance_id".into())
    );
    assert!(refused.text_at("/mistakes/0/message").contains("released"), "{refused:?}");
    assert_eq!(import(&merchant, &[row("PLOLD1", "CS1")]).expect(200).at("/imported"), json!(1));
    let lined = |code| with(row(code, "CS3"), "order_line_id", json!("CS3-000001"));
    assert_eq!(import(&merchant, &[lined("PLOLD3")]).expect(200).at("/imported"), json!(1));
    let contradicted = import(&merchant, &[lined("PLOLD4")]).expect_problem(422, "invalid_request");
    let told = contradicted.text_at("/mistakes/0/message");
    assert!(told.contains("with another code") && !contradicted.text.contains("PLOLD3"), "{contradicted:?}");
    assert_eq!(state(&harness, "PLOLD1"), "suspended");
    success(&shop.unfreeze("PLOLD1").expect("answers"));
    assert_eq!(state(&harness, "PLOLD1"), "active");
}

fn row(number: usize) -> Value {
    json!({ "line": number + 2, "channel": "cad-koogallery", "instance_id": format!("old-{number}"),
        "order_id": format!("CSOLD{number}"), "order_line_id": "1", "sku": "CAD-YEAR", "starts_at": "2025-06-01T00:00:00Z" })
}

fn with(mut row: Value, member: &str, value: Value) -> Value {
    row[member] = value;
    row
}

#[test]
fn every_mistake_of_every_row_is_told_with_its_line_and_nothing_is_imported() {
    let harness = Harness::start();
    let merchant = harness.merchant();
    let cases = [
        ("channel", json!("none"), "/channel", "there is no channel"),
        ("instance_id", json!(""), "/instance_id", "missing"),
        ("order_id", json!("CS 1"), "/order_id", "visible ASCII"),
        ("order_line_id", Value::Null, "/order_line_id", "orderLineId"),
        ("sku", json!("CAD-NONE"), "/sku", "no spec knows"),
        ("spec", json!("cad-month"), "/spec", "mean the spec cad-year"),
        ("term", json!("P1M"), "/term", "always P1Y"),
        ("term", json!("1 year"), "/term", "P1M, P1Y"),
        ("starts_at", json!("yesterday"), "/starts_at", "RFC 3339"),
        ("ends_at", json!("2025-05-01T00:00:00Z"), "/ends_at", "behind the start"),
        ("quantity", json!(0), "/quantity", "1 to"),
        ("state", json!("released"), "/state", "active, suspended or expired"),
        ("label", json!("a\nb"), "/label", "control characters"),
        ("charging", json!("daily"), "/charging", "one_time"),
        ("instance_id", json!("old-0"), "/instance_id", "line 2 names the same"),
    ];
    let wrong =
        (1..).zip(&cases).map(|(number, (member, value, ..))| with(row(number), member, value.clone()));
    let rows: Vec<_> = [row(0)].into_iter().chain(wrong).collect();
    let refused = import(&merchant, &rows).expect_problem(422, "invalid_request");
    let told = refused.at("/mistakes");
    assert_eq!(told.as_array().map(Vec::len), Some(cases.len()), "{told}");
    for (number, (.., pointer, words)) in cases.iter().enumerate() {
        let mistake = &told[number];
        assert_eq!(
            (&mistake["line"], &mistake["pointer"]),
            (&json!(number + 3), &json!(pointer)),
            "{mistake}"
        );
        assert!(mistake["message"].as_str().is_some_and(|text| text.contains(words)), "{mistake}");
    }
    let none = || merchant.get("/v1/merchant/licenses").expect(200).at("/items");
    assert_eq!(none(), json!([]));
    let body = json!({ "rows": rows, "partial": true, "dry_run": true });
    let judged = merchant.post("/v1/merchant/licenses/import", &body).expect(200);
    assert_eq!((judged.at("/imported"), judged.at("/refused")), (json!(1), json!(cases.len())));
    assert_eq!(none(), json!([]), "a dry run");
    let body = json!({ "rows": rows, "partial": true });
    assert_eq!(merchant.post("/v1/merchant/licenses/import", &body).expect(200).at("/imported"), json!(1));
    assert_eq!(none().as_array().map(Vec::len), Some(1));
}

/// Two rows whose records would have one key: the second is told with the line of both, and nothing is imported.
fn are_twins(merchant: &Api, first: &Value, second: &Value, pointer: &str) {
    let rows = [with(first.clone(), "line", json!(7)), with(second.clone(), "line", json!(9))];
    let refused = import(merchant, &rows).expect_problem(422, "invalid_request");
    let told = refused.at("/mistakes");
    assert_eq!(told.as_array().map(Vec::len), Some(1), "{told}");
    assert_eq!((&told[0]["line"], &told[0]["pointer"]), (&json!(9), &json!(pointer)), "{told}");
    assert!(told[0]["message"].as_str().is_some_and(|text| text.contains("line 7 names the same")), "{told}");
    assert_eq!(merchant.get("/v1/merchant/licenses").expect(200).at("/items"), json!([]));
}

#[test]
fn two_codes_of_one_order_line_are_twins_and_codes_of_one_order_are_not() {
    let harness = Harness::start();
    let (_shop, merchant) = (harness.code_shop(), harness.merchant());
    let row = |code: &str, line: Value| {
        json!({ "channel": "cad-codes", "instance_id": code, "order_id": "CS1", "order_line_id": line,
            "spec": "cad-month", "starts_at": "2026-01-10T00:00:00Z" })
    };
    are_twins(&merchant, &row("PLOLD1", json!("CS1-1")), &row("PLOLD2", json!("CS1-1")), "/order_id");
    are_twins(&merchant, &row("PLOLD1", json!("CS1-1")), &row("PLOLD1", json!("CS1-2")), "/instance_id");
    are_twins(&merchant, &row("PLOLD1", Value::Null), &row("PLOLD1", Value::Null), "/instance_id");
    let honest = [
        row("PLOLD1", json!("CS1-1")),
        row("PLOLD2", json!("CS1-2")),
        row("PLOLD3", Value::Null),
        row("PLOLD4", Value::Null),
    ];
    import_twice(&merchant, &honest);
}

#[test]
fn an_instance_that_looks_like_a_code_is_compared_by_its_order_where_there_are_no_codes() {
    let (harness, merchant) = scene("saas-v1", "cad-old");
    let row = |instance: &str, order: &str, product: &str, charging: &str| {
        json!({ "channel": "cad-old", "instance_id": instance, "order_id": order, "product_id": product,
            "charging": charging, "sku": "CAD-YEAR", "starts_at": "2025-06-01T00:00:00Z" })
    };
    let first = row("PLOLD1", "CS1", "P1", "period");
    are_twins(&merchant, &first, &row("PLOLD2", "CS1", "P1", "period"), "/order_id");
    // The calls of this family name the product of pay-per-use orders only.
    are_twins(&merchant, &first, &row("PLOLD2", "CS1", "P2", "period"), "/order_id");
    let demand = row("PLOLD3", "CS3", "P1", "on_demand");
    are_twins(&merchant, &demand, &row("PLOLD4", "CS3", "P1", "on_demand"), "/order_id");
    let honest =
        [first, row("PLOLD2", "CS2", "P1", "period"), demand, row("PLOLD4", "CS3", "P2", "on_demand")];
    import_twice(&merchant, &honest);
    assert_eq!(state(&harness, "PLOLD4"), "active");
}

#[test]
fn one_order_line_in_two_products_is_a_twin_where_lines_have_ids() {
    let harness = Harness::start();
    let merchant = harness.merchant();
    let in_product = |number, product: &str| with(row(number), "product_id", json!(product));
    let twin = with(in_product(1, "P2"), "order_id", json!("CSOLD0"));
    are_twins(&merchant, &in_product(0, "P1"), &twin, "/order_id");
    let other_line = with(twin, "order_line_id", json!("2"));
    let honest = [with(row(0), "line", json!(7)), with(other_line, "line", json!(9))];
    import_twice(&merchant, &honest);
}

#[test]
fn a_row_that_contradicts_what_is_known_is_told_and_changes_nothing() {
    let harness = Harness::start();
    let (merchant, shop) = (harness.merchant(), harness.storefront());
    import(&merchant, &[row(0)]).expect(200);
    let before = likeness(&harness, "old-0");
    for (member, value, pointer) in [
        ("order_id", json!("CSOTHER"), "/instance_id"),
        ("instance_id", json!("other"), "/order_id"),
        ("quantity", json!(2), "/quantity"),
        ("customer", json!("somebody"), "/customer"),
        ("starts_at", json!("2025-06-02T00:00:00Z"), "/starts_at"),
        ("ends_at", json!("2027-06-02T00:00:00Z"), "/ends_at"),
        ("label", json!("vip"), "/label"),
    ] {
        let refused =
            import(&merchant, &[with(row(0), member, value)]).expect_problem(422, "invalid_request");
        assert!(refused.at("/mistakes").to_string().contains(pointer), "{member}: {refused:?}");
    }
    assert_eq!(likeness(&harness, "old-0"), before);
    // What the marketplace has changed since is no contradiction.
    success(&shop.renew("old-0", Period::Years(1)).expect("answers").answer);
    success(&shop.freeze("old-0").expect("answers"));
    assert_eq!(import(&merchant, &[row(0)]).expect(200).at("/unchanged"), json!(1));
    assert_eq!(state(&harness, "old-0"), "suspended");
    let suspended = with(row(1), "state", json!("suspended"));
    import(&merchant, &[suspended]).expect(200);
    assert_eq!(state(&harness, "old-1"), "suspended");
    success(&shop.unfreeze("old-1").expect("answers"));
    assert_eq!(state(&harness, "old-1"), "active", "the stop was the marketplace's");
    let reader = harness.bearer(&harness.token(&[Scope::Support, Scope::Read]));
    import(&reader, &[row(2)]).expect_problem(403, "scope_missing");
    for odd in
        [json!({ "rows": [] }), json!({ "rows": [{ "price": 1 }] }), json!({ "rows": vec![row(3); 1_001] })]
    {
        merchant.post("/v1/merchant/licenses/import", &odd).expect_problem(422, "invalid_request");
    }
}
