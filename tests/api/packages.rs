//! Packages that were bought by themselves: which license uses them up, and what becomes of them there.

use std::time::Duration;

use lictor::sandbox::Storefront;
use lictor::sandbox::orders::{Basket, Billing, Period};
use serde_json::{Value, json};

use crate::support::api::Answer;
use crate::support::people::command;
use crate::support::{Harness, acme};

const DAY: Duration = Duration::from_secs(86_400);

const SPECS: &str = r#"
[[spec]]
id = "pack"
product = "acme-cad"
sku = "PACK"
term = "P1M"
kind = "package"
multiply = "quota"
[[spec.quota]]
metric = "render-minutes"
unit = "minute"
amount = 50

[[spec]]
id = "metered"
product = "acme-cad"
sku = "METERED"
term = "permanent"
[[spec.quota]]
metric = "render-minutes"
unit = "minute"
amount = 1
overage = "count"

[[spec]]
id = "other-metric"
product = "acme-cad"
sku = "OTHER"
term = "P1Y"
[[spec.quota]]
metric = "pages"
amount = 1
"#;

fn start() -> Harness {
    let harness = Harness::start();
    harness.apply(&(acme(&harness.world.sandbox) + SPECS));
    harness
}

fn for_a(period: Period, sku: &str) -> Basket {
    Basket::of(sku, Billing::Period(period))
}

fn yearly() -> Basket {
    for_a(Period::Years(1), "CAD-YEAR")
}

fn pack() -> Basket {
    for_a(Period::Months(1), "PACK")
}

fn buy(harness: &Harness, shop: &Storefront, basket: Basket) -> (String, String) {
    let instance = shop.buy(basket).expect("answered").answer.instance_id().to_owned();
    harness.settle();
    let found = harness.merchant().get(&format!("/v1/merchant/licenses?instance_id={instance}")).expect(200);
    (instance, found.text_at("/items/0/id"))
}

fn shown(harness: &Harness, license: &str) -> Answer {
    harness.merchant().get(&format!("/v1/merchant/licenses/{license}?reveal=true")).expect(200)
}

/// Each package: its amount, what was used of it, what is left.
fn quota(harness: &Harness, license: &str) -> Vec<[Value; 3]> {
    let packages = shown(harness, license).at("/quota").as_array().expect("a list").clone();
    packages.iter().map(|it| ["amount", "used", "left"].map(|member| it[member].clone())).collect()
}

fn holder(harness: &Harness, package: &str) -> Value {
    shown(harness, package).at("/attached_to")
}

fn use_up(harness: &Harness, license: &str, amount: u32) -> Answer {
    let report = json!({ "license_id": license, "metric": "render-minutes", "amount": amount });
    let key = lictor::randomness::random_bytes();
    let key: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
    harness.merchant().with("Idempotency-Key", &key).post("/v1/usage", &report)
}

#[test]
fn a_package_attaches_to_the_only_running_license_that_has_its_metric_and_is_used_up_there() {
    let harness = start();
    let shop = harness.storefront();
    let (_, other) = buy(&harness, &shop, for_a(Period::Years(1), "OTHER"));
    let (gone, _) = buy(&harness, &shop, yearly());
    shop.release(&gone).expect("answered");
    let elsewhere = Basket { customer_id: Some("somebody-else".into()), ..yearly() };
    buy(&harness, &shop, elsewhere);
    let (_, license) = buy(&harness, &shop, yearly());
    let (_, package) = buy(&harness, &shop, Basket { quantity: Some(2), ..pack() });
    assert_eq!(holder(&harness, &package), json!(license));
    assert_eq!(quota(&harness, &package), Vec::<[Value; 3]>::new(), "used up in one place only");
    assert_eq!(quota(&harness, &other).len(), 1);
    use_up(&harness, &license, 1020).expect(200);
    let [own, bought] =
        [[json!(1000.5), json!(1000.5), json!(11005.5)], [json!(100), json!(19.5), json!(80.5)]];
    assert_eq!(quota(&harness, &license), [own, bought], "the window that ends first pays first");
    use_up(&harness, &package, 1).expect(422);
    let key = shown(&harness, &package).text_at("/license_key");
    crate::support::people::activate(&harness.anonymous(), &key, 1, "n").expect_problem(409, "illegal_state");
}

#[test]
fn of_several_licenses_the_one_that_is_paid_per_use_takes_it_and_then_the_newest_with_an_event() {
    let harness = start();
    let shop = harness.storefront();
    buy(&harness, &shop, yearly());
    let (_, newest) = buy(&harness, &shop, yearly());
    let (_, package) = buy(&harness, &shop, pack());
    assert_eq!(holder(&harness, &package), json!(newest));
    let events = harness.block_on(async {
        let acme = lictor::domain::MerchantId::parse("acme").expect("valid");
        let license = lictor::domain::LicenseId::parse(&newest).expect("valid");
        harness.app.license_events(&acme, &license).await.expect("they can be read")
    });
    let moved = events.iter().find(|event| event.kind.as_str() == "quota.moved").expect("it is told");
    assert_eq!(
        (moved.detail["candidates"].as_str(), moved.detail["package"].as_str()),
        ("2", package.as_str())
    );
    let (_, metered) = buy(&harness, &shop, Basket::of("METERED", Billing::OnDemand));
    buy(&harness, &shop, yearly());
    let (_, package) = buy(&harness, &shop, pack());
    assert_eq!(holder(&harness, &package), json!(metered));
}

#[test]
pub fn of_none_it_stands_by_itself_until_it_is_moved_and_what_was_used_goes_with_it() {
    let harness = start();
    let shop = harness.storefront();
    let (_, package) = buy(&harness, &shop, pack());
    assert_eq!(holder(&harness, &package), Value::Null);
    use_up(&harness, &package, 20).expect(200);
    let (_, license) = buy(&harness, &shop, yearly());
    let moved = command(&harness, &package, "move", &json!({ "to": license, "reason": "bought first" }));
    assert_eq!(moved.expect(200).text_at("/attached_to"), license);
    assert_eq!(quota(&harness, &license)[1], [json!(50), json!(20), json!(30)]);
    let again = command(&harness, &package, "move", &json!({ "to": license }));
    assert_eq!(again.expect(200).text_at("/attached_to"), license, "the same again changes nothing");
    command(&harness, &package, "move", &json!({ "to": null })).expect(200);
    assert_eq!(quota(&harness, &package), [[json!(50), json!(20), json!(30)]]);
    assert_eq!(quota(&harness, &license).len(), 1);
    use_up(&harness, &package, 30).expect(200);
    use_up(&harness, &package, 1).expect_problem(409, "quota_exhausted");
}

#[test]
fn a_package_follows_its_own_purchase_wherever_it_is_held() {
    let harness = start();
    let shop = harness.storefront();
    let (_, license) = buy(&harness, &shop, yearly());
    let (instance, _) = buy(&harness, &shop, pack());
    use_up(&harness, &license, 1020).expect(200);
    // Renewed: a package that never resets lasts longer, and gives no more.
    harness.world.clock.advance(20 * DAY);
    shop.renew(&instance, Period::Months(1)).expect("answered");
    harness.settle();
    harness.world.clock.advance(20 * DAY);
    use_up(&harness, &license, 5).expect(200);
    assert_eq!(quota(&harness, &license)[1], [json!(50), json!(24.5), json!(25.5)]);
    // Bought again by itself: one more.
    buy(&harness, &shop, pack());
    assert_eq!(quota(&harness, &license).len(), 3);
    // Paid back: what is left goes, what was used stays used.
    shop.unsubscribe(&instance).expect("answered");
    harness.settle();
    let left: Vec<_> = quota(&harness, &license);
    assert_eq!(left.len(), 2, "{left:?}");
    use_up(&harness, &license, 1045).expect(200);
    assert_eq!(quota(&harness, &license)[1], [json!(50), json!(44.5), json!(5.5)]);
}

#[test]
fn a_package_whose_purchase_is_stopped_pays_nothing_until_it_goes_on() {
    let harness = start();
    let shop = harness.storefront();
    let (_, license) = buy(&harness, &shop, yearly());
    let (instance, package) = buy(&harness, &shop, pack());
    shop.freeze(&instance).expect("answered");
    let refused = use_up(&harness, &license, 1001).expect_problem(409, "quota_exhausted");
    assert!(refused.text_at("/reason").contains("1000.5"), "{refused:?}");
    assert_eq!(quota(&harness, &license)[1], [json!(50), json!(0), json!(50)], "it stands as it did");
    shop.unfreeze(&instance).expect("answered");
    use_up(&harness, &license, 1001).expect(200);
    command(&harness, &package, "suspend", &json!({ "reason": "unpaid" })).expect(200);
    let left = use_up(&harness, &license, 1).expect_problem(409, "quota_exhausted");
    assert!(left.text_at("/reason").contains("Only 0 of"), "{left:?}");
}

#[test]
fn a_package_moves_only_to_a_license_that_can_use_it_up() {
    let harness = start();
    let shop = harness.storefront();
    let (_, package) = buy(&harness, &shop, pack());
    let (_, second) = buy(&harness, &shop, pack());
    let (_, other) = buy(&harness, &shop, for_a(Period::Years(1), "OTHER"));
    let (gone, released) = buy(&harness, &shop, yearly());
    shop.release(&gone).expect("answered");
    for (to, words) in [
        (&second, "uses up no other package"),
        (&other, "no quota of the package's metric"),
        (&released, "revoked or released"),
    ] {
        let refused =
            command(&harness, &package, "move", &json!({ "to": to })).expect_problem(422, "invalid_request");
        assert_eq!(refused.text_at("/pointer"), "/to");
        assert!(refused.text_at("/reason").contains(words), "{refused:?}");
    }
    command(&harness, &package, "move", &json!({ "to": "lic_x" })).expect_problem(422, "invalid_request");
    let (_, license) = buy(&harness, &shop, yearly());
    command(&harness, &license, "move", &json!({ "to": other })).expect_problem(409, "illegal_state");
    assert_eq!(holder(&harness, &package), Value::Null);
}
