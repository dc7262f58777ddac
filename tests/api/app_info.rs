//! Instances that are ready once their merchant has said where the buyer finds them; and what an instance may become.

use std::time::Duration;

use lictor::domain::Scope;
use lictor::sandbox::Storefront;
use lictor::sandbox::orders::{Basket, Billing, Period};
use serde_json::{Value, json};

use crate::support::api::{Answer, Api};
use crate::support::naughty::joined;
use crate::support::{Harness, acme};

fn monthly() -> Basket {
    Basket::of("CAD-MONTH", Billing::Period(Period::Months(1)))
}

fn yearly() -> Basket {
    Basket::of("CAD-YEAR", Billing::Period(Period::Years(1)))
}

fn put(api: &Api, license: &str, body: &Value) -> Answer {
    api.send("PUT", &format!("/v1/merchant/licenses/{license}/app-info"), body.to_string().as_bytes())
}

fn buy(harness: &Harness, shop: &Storefront, basket: Basket) -> (String, String) {
    let instance = shop.buy(basket).expect("answered").answer.instance_id().to_owned();
    harness.settle();
    let found = harness.merchant().get(&format!("/v1/merchant/licenses?instance_id={instance}")).expect(200);
    (instance, found.text_at("/items/0/id"))
}

#[test]
fn a_memo_reaches_the_marketplace_byte_for_byte() {
    let harness = Harness::start();
    harness.apply(&acme(&harness.world.sandbox));
    let shop = harness.storefront();
    let (instance, license) = buy(&harness, &shop, monthly());
    let merchant = harness.merchant();
    let memos = joined(800, "\n", |text| !text.contains('{') && !text.chars().any(char::is_control));
    assert!(memos.len() > 10, "{}", memos.len());
    for memo in memos {
        let said = json!({ "front_end_url": "https://t1.cad.example", "memo": memo });
        assert_eq!(put(&merchant, &license, &said).expect(200).at("/memo"), json!(memo));
        let shown = shop.query(&[&instance]).expect("answered");
        assert_eq!(shown.app_info(&instance).expect("it is there")["memo"], json!(memo));
    }
}

#[test]
pub fn an_instance_is_in_progress_until_its_app_info_is_set_and_shows_it_from_then_on() {
    let harness = Harness::start();
    let waiting = acme(&harness.world.sandbox)
        .replace("protocol = \"saas-v2\"", "protocol = \"saas-v2\"\nready = \"app-info\"");
    harness.apply(&waiting);
    let shop = harness.storefront();
    let (instance, license) = buy(&harness, &shop, monthly());
    let asked = || shop.query(&[&instance]).expect("answered");
    assert_eq!(asked().result_code(), "000004");
    let merchant = harness.bearer(&harness.token(&[Scope::Issue, Scope::Read]));
    let path = format!("/v1/merchant/licenses/{license}/app-info");
    merchant.get(&path).expect_problem(404, "not_found");
    for (body, pointer) in [
        (json!({ "front_end_url": "t1.cad.example" }), "/front_end_url"),
        (json!({ "front_end_url": format!("https://{}", "a".repeat(520)) }), "/front_end_url"),
        (json!({ "front_end_url": "https://t1.cad.example", "memo": "{license_key}" }), "/memo"),
        (json!({ "memo": "Welcome" }), "/front_end_url"),
        (json!({ "front_end_url": "https://t1.cad.example", "password": "p" }), "/password"),
    ] {
        let refused = put(&merchant, &license, &body).expect_problem(422, "invalid_request");
        assert_eq!(refused.text_at("/pointer"), pointer, "{body}");
        assert_eq!(asked().result_code(), "000004");
    }
    let reader = harness.bearer(&harness.token(&[Scope::Support]));
    put(&reader, &license, &json!({ "front_end_url": "https://t1.cad.example" }))
        .expect_problem(403, "scope_missing");
    let said = json!({ "front_end_url": "https://t1.cad.example/start?t=1", "memo": "Code {claim_code}." });
    let late = merchant.with("If-Match", "\"999999\"");
    put(&late, &license, &said).expect_problem(412, "revision_conflict");
    put(&merchant.with("If-Match", "*"), &license, &said).expect_problem(412, "revision_conflict");
    let set = put(&merchant, &license, &said).expect(200);
    put(&late, &license, &said).expect_problem(412, "revision_conflict");
    harness.world.clock.advance(Duration::from_secs(60));
    assert_eq!(
        put(&merchant, &license, &said).expect(200).json(),
        set.json(),
        "the same again changes nothing"
    );
    assert_eq!(merchant.get(&path).expect(200).json(), set.json());
    let answer = asked();
    assert_eq!(answer.result_code(), "000000");
    let info = answer.app_info(&instance).expect("it is there").clone();
    assert_eq!(info["frontEndUrl"], "https://t1.cad.example/start?t=1");
    let code = harness.merchant().get(&format!("/v1/merchant/licenses/{license}?reveal=true")).expect(200);
    assert_eq!(info["memo"], format!("Code {}.", code.text_at("/claim_code")));
    put(&merchant, &license, &json!({ "front_end_url": "https://t2.cad.example" })).expect(200);
    let info = asked().app_info(&instance).expect("it is there").clone();
    assert_eq!(info["frontEndUrl"], "https://t2.cad.example");
    assert!(
        info["memo"].as_str().is_some_and(|memo| memo.starts_with("Claim code ")),
        "the product's own: {info}"
    );
    // What has ended waits for nobody.
    let (gone, license) = buy(&harness, &shop, monthly());
    shop.release(&gone).expect("answered");
    assert_eq!(shop.query(&[&gone]).expect("answered").result_code(), "000000");
    put(&merchant, &license, &said).expect_problem(409, "illegal_state");
    put(&merchant, "lic_none", &said).expect_problem(404, "not_found");
}

#[test]
fn an_instance_becomes_only_what_its_spec_leads_to_and_never_another_product() {
    let harness = Harness::start();
    let shop = harness.storefront();
    let leads = acme(&harness.world.sandbox)
        .replace("term = \"P1M\"\n", "term = \"P1M\"\nchanges_to = [\"cad-year\"]\n")
        .replace("products = [\"acme-cad\"]", "products = [\"acme-cad\", \"acme-cam\"]")
        + "\n[[product]]\nid = \"acme-cam\"\n\n[[spec]]\nid = \"cam\"\nproduct = \"acme-cam\"\nsku = \"CAM\"\n";
    harness.apply(&leads);
    let (instance, license) = buy(&harness, &shop, monthly());
    let asked =
        |basket: &Basket| shop.check_change(&instance, basket).expect("answered").result_code().to_owned();
    assert_eq!(asked(&monthly()), "000000", "more or less of the same");
    assert_eq!(asked(&yearly()), "000000");
    assert_eq!(asked(&Basket::of("CAD-FOREVER", Billing::OneTime)), "000002", "not on its path");
    let cam = Basket::of("CAM", Billing::Period(Period::Months(1)));
    assert_eq!(asked(&cam), "000002");
    // Paid all the same: tokens of one product are never made those of another; it waits for the merchant.
    let upgraded = shop.upgrade(&instance, cam).expect("answered");
    harness.settle();
    assert_eq!(shop.tell_upgrade(&instance, &upgraded.order).expect("answered").result_code(), "000004");
    let shown = harness.merchant().get(&format!("/v1/merchant/licenses/{license}")).expect(200);
    assert_eq!((shown.text_at("/product"), shown.text_at("/spec")), ("acme-cad".into(), "cad-month".into()));
    let outbox = harness.merchant().get("/v1/merchant/outbox").expect(200);
    assert!(outbox.text.contains("the SKU means a spec of another product"), "{outbox:?}");
    // The yearly spec leads anywhere: nothing is said.
    let (instance, _) = buy(&harness, &shop, yearly());
    let back = shop.check_change(&instance, &monthly()).expect("answered");
    assert_eq!(back.result_code(), "000000");
}

#[test]
fn a_hidden_spec_is_sold_like_any_other_and_quantity_multiplies_what_its_spec_says() {
    let harness = Harness::start();
    let shop = harness.storefront();
    let hidden = "\n[[spec]]\nid = \"hidden\"\nproduct = \"acme-cad\"\nsku = \"HIDDEN\"\nterm = \"order\"\nmachines = 2\n\
        multiply = \"quota\"\n[[spec.quota]]\nmetric = \"m\"\namount = 0.5\n";
    harness.apply(&(acme(&harness.world.sandbox) + hidden));
    let basket = Basket { quantity: Some(7), ..Basket::of("HIDDEN", Billing::Period(Period::Months(18))) };
    let (_, license) = buy(&harness, &shop, basket);
    let shown = harness.merchant().get(&format!("/v1/merchant/licenses/{license}")).expect(200);
    assert_eq!((shown.text_at("/term"), shown.at("/machines")), ("P18M".into(), json!(2)));
    assert_eq!(shown.at("/quota/0/amount"), json!(3.5));
    let basket = Basket { quantity: Some(7), ..yearly() };
    let (_, license) = buy(&harness, &shop, basket);
    let shown = harness.merchant().get(&format!("/v1/merchant/licenses/{license}")).expect(200);
    assert_eq!((shown.at("/machines"), shown.at("/quota/0/amount")), (json!(21), json!(1000.5)));
}
