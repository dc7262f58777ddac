//! What was bought is changed: at once, at a renewal, and by an order that only a notice tells of. Over real HTTP.

use lictor::application::ports::Clock as _;
use lictor::sandbox::address::AddressKeys;
use lictor::sandbox::family::Family;
use lictor::sandbox::open_api::Trouble;
use lictor::sandbox::orders::{Basket, Billing, OrderReason, Period};
use lictor::sandbox::{Step, Storefront};
use serde_json::json;

use crate::support::Harness;
use crate::support::api::Answer;
use crate::support::people::activate;

const HOUR: std::time::Duration = std::time::Duration::from_secs(3_600);

fn monthly(quantity: u32) -> Basket {
    Basket { quantity: Some(quantity), ..Basket::of("CAD-MONTH", Billing::Period(Period::Months(1))) }
}

fn yearly() -> Basket {
    Basket::of("CAD-YEAR", Billing::Period(Period::Years(1)))
}

fn buy(harness: &Harness, shop: &Storefront, basket: Basket) -> (String, String) {
    let bought = shop.buy(basket).expect("answered");
    harness.settle();
    let instance = bought.answer.instance_id().to_owned();
    let found = harness.merchant().get(&format!("/v1/merchant/licenses?instance_id={instance}")).expect(200);
    (instance, found.text_at("/items/0/id"))
}

fn shown(harness: &Harness, license: &str) -> Answer {
    harness.merchant().get(&format!("/v1/merchant/licenses/{license}?reveal=true")).expect(200)
}

#[test]
fn an_upgrade_is_answered_at_once_applied_once_and_leaves_the_end_alone() {
    let harness = Harness::start();
    let shop = harness.storefront();
    let (instance, license) = buy(&harness, &shop, monthly(1));
    let before = shown(&harness, &license);
    let upgraded = shop.upgrade(&instance, monthly(3)).expect("answered");
    assert_eq!(upgraded.answer.result_code(), "000004");
    assert_eq!(shop.tell_upgrade(&instance, &upgraded.order).expect("answered").result_code(), "000004");
    harness.settle();
    assert_eq!(shop.tell_upgrade(&instance, &upgraded.order).expect("answered").result_code(), "000000");
    harness.settle();
    let after = shown(&harness, &license);
    assert_eq!((before.at("/machines"), after.at("/machines")), (json!(1), json!(3)));
    assert_eq!(after.text_at("/ends_at"), before.text_at("/ends_at"));
    assert_ne!(after.text_at("/license_key"), before.text_at("/license_key"));
    let customer = harness.anonymous();
    let verdict = customer.post("/v1/validate", &json!({ "license_key": before.text_at("/license_key") }));
    assert_eq!(verdict.expect(200).text_at("/code"), "valid", "who has more now need not hurry");
    for number in 1..=3 {
        activate(&customer, &after.text_at("/license_key"), number, "n").expect(201);
    }
}

#[test]
fn an_upgrade_to_another_spec_changes_what_is_granted() {
    let harness = Harness::start();
    let shop = harness.storefront();
    let (instance, license) = buy(&harness, &shop, monthly(1));
    shop.upgrade(&instance, yearly()).expect("answered");
    harness.settle();
    let after = shown(&harness, &license);
    assert_eq!(after.text_at("/spec"), "cad-year");
    assert_eq!(after.at("/entitlements"), json!(["export", "render"]));
}

#[test]
fn an_upgrade_before_the_license_exists_and_one_while_the_marketplace_is_down_are_not_lost() {
    let harness = Harness::start();
    let shop = harness.storefront();
    let bought = shop.buy(monthly(1)).expect("answered");
    let instance = bought.answer.instance_id().to_owned();
    let early = shop.upgrade(&instance, monthly(2)).expect("answered");
    assert_eq!(early.answer.result_code(), "000004");
    harness.settle();
    let found = harness.merchant().get(&format!("/v1/merchant/licenses?instance_id={instance}")).expect(200);
    let license = found.text_at("/items/0/id");
    assert_eq!(shown(&harness, &license).at("/machines"), json!(2));
    harness.world.clock.advance(HOUR);
    harness.world.sandbox.trouble(Trouble::Status(503), u32::MAX);
    shop.upgrade(&instance, monthly(4)).expect("answered");
    harness.settle();
    assert_eq!(shown(&harness, &license).at("/machines"), json!(2));
    harness.world.sandbox.trouble(Trouble::Status(503), 0);
    harness.world.clock.advance(HOUR);
    harness.settle();
    assert_eq!(shown(&harness, &license).at("/machines"), json!(4));
}

#[test]
fn of_two_upgrades_the_later_ordered_one_counts_whichever_arrives_last() {
    let harness = Harness::start();
    let shop = harness.storefront();
    let (instance, license) = buy(&harness, &shop, monthly(1));
    let earlier = shop.place(OrderReason::Change, monthly(2)).expect("placed");
    harness.world.clock.advance(HOUR);
    shop.upgrade(&instance, monthly(5)).expect("answered");
    harness.settle();
    shop.tell_upgrade(&instance, &earlier).expect("answered");
    harness.settle();
    assert_eq!(shown(&harness, &license).at("/machines"), json!(5));
    assert_eq!(shop.tell_upgrade(&instance, &earlier).expect("answered").result_code(), "000000");
}

#[test]
fn a_change_is_allowed_only_when_the_machines_in_use_fit() {
    let harness = Harness::start();
    let shop = harness.storefront();
    let (instance, license) = buy(&harness, &shop, monthly(3));
    let key = shown(&harness, &license).text_at("/license_key");
    for number in 1..=2 {
        activate(&harness.anonymous(), &key, number, "n").expect(201);
    }
    let asked =
        |basket: &Basket| shop.check_change(&instance, basket).expect("answered").result_code().to_owned();
    assert_eq!(asked(&monthly(2)), "000000");
    assert_eq!(asked(&monthly(1)), "000002");
    assert_eq!(asked(&Basket::of("CAD-NEVER-SEEN", Billing::OneTime)), "000000", "never refused unknown");
    assert_eq!(shop.check_change("nobody", &monthly(1)).expect("answered").result_code(), "000003");
    assert_eq!(shown(&harness, &license).at("/machines"), json!(3), "a question changes nothing");
    shop.release(&instance).expect("answered");
    assert_eq!(asked(&monthly(2)), "000002");
}

#[test]
fn a_renewal_that_changes_the_spec_changes_the_license_and_supersedes_keys_that_promise_more() {
    let harness = Harness::start();
    let shop = harness.storefront();
    let (instance, license) = buy(&harness, &shop, yearly());
    let before = shown(&harness, &license).text_at("/license_key");
    harness.world.clock.advance(HOUR);
    let renewed = shop.renew_as(&instance, monthly(1), Period::Months(1)).expect("answered");
    assert_eq!(renewed.answer.result_code(), "000000");
    harness.settle();
    let after = shown(&harness, &license);
    assert_eq!((after.text_at("/spec"), after.at("/machines")), ("cad-month".into(), json!(1)));
    let end = renewed.order.expires_at.expect("a period");
    assert_eq!(after.text_at("/ends_at").parse(), Ok(end));
    let validate = |key: &str| {
        harness.anonymous().post("/v1/validate", &json!({ "license_key": key })).expect(200).text_at("/code")
    };
    assert_eq!(validate(&before), "license_superseded");
    assert_eq!(validate(&after.text_at("/license_key")), "valid");
}

#[test]
fn a_notice_alone_is_enough_for_a_purchase_and_never_makes_a_second_license() {
    let harness = Harness::start();
    let shop = harness.storefront();
    let count = || {
        let all = harness.merchant().get("/v1/merchant/licenses").expect(200);
        all.at("/items").as_array().map_or(0, Vec::len)
    };
    let order = shop.place(OrderReason::New, monthly(1)).expect("placed");
    assert_eq!(shop.notify(&order).expect("answered").result_code(), "000000");
    assert_eq!(count(), 0, "answered first");
    harness.settle();
    assert_eq!(count(), 1);
    let first = shop.deliver(&order).expect("answered");
    assert_eq!(first.result_code(), "000000");
    assert_eq!(shop.notify(&order).expect("answered").result_code(), "000000");
    harness.settle();
    let again = shop.deliver(&order).expect("answered");
    assert_eq!((first.instance_id(), count()), (again.instance_id(), 1));
    let renewal = shop.place(OrderReason::Renew, monthly(1)).expect("placed");
    assert_eq!(shop.notify(&renewal).expect("answered").result_code(), "000000");
    harness.settle();
    assert_eq!(count(), 1, "a renewal is no purchase");
}

#[test]
fn a_hundred_instances_are_queried_in_one_call() {
    let harness = Harness::start();
    let shop = harness.storefront();
    let mut instances = Vec::new();
    for _ in 0..100 {
        instances.push(shop.buy(monthly(1)).expect("answered").answer.instance_id().to_owned());
    }
    harness.settle();
    let ids: Vec<&str> = instances.iter().map(String::as_str).collect();
    let answer = shop.query(&ids).expect("answered");
    assert_eq!(answer.result_code(), "000000");
    for id in &ids {
        let memo = answer.app_info(id).and_then(|info| info["memo"].as_str()).expect("a memo");
        assert!(memo.starts_with("Claim code "), "{memo}");
    }
    let too_many: Vec<&str> = ids.iter().copied().chain(["one-more"]).collect();
    assert_eq!(shop.query(&too_many).expect("answered").result_code(), "000002");
}

#[test]
fn the_same_notice_many_times_at_once_is_answered_alike() {
    let harness = Harness::start();
    let shop = harness.storefront();
    for round in 0..10 {
        let order = shop.place(OrderReason::New, monthly(1)).expect("placed");
        let members = json!({ "activity": "orderNotify", "orderId": order.order_id,
            "orderLineId": order.order_line_id });
        let call = shop.caller().sign(members.as_object().expect("an object").clone()).expect("signed");
        let codes: Vec<String> = std::thread::scope(|scope| {
            let ask = || shop.caller().send(&call).expect("answered").result_code().to_owned();
            let callers: Vec<_> = (0..8).map(|_| scope.spawn(ask)).collect();
            callers.into_iter().map(|caller| caller.join().expect("answered")).collect()
        });
        assert_eq!(codes, vec!["000000"; 8], "round {round}");
    }
}

/// Two later orders of one instance, told in both orders of arrival: the license after each.
fn after_both(first: &Step, second: &Step) -> [(String, String); 2] {
    [false, true].map(|reversed| {
        let harness = Harness::start();
        let address = format!("{}/marketplace/acme/cad-koogallery", harness.url);
        let keys = AddressKeys::one(crate::support::ACCESS_KEY.to_owned().into());
        let shop = harness.world.sandbox.shop(Family::SaasV2, &address, keys);
        let (mut sale, _) = shop.buy(monthly(1)).expect("answered");
        harness.settle();
        let now = harness.world.clock.now();
        let mut call = |step: &Step, minutes| {
            let at = now + chrono::TimeDelta::minutes(minutes);
            shop.call_for(&mut sale, step, at).expect("placed").expect("the family has it")
        };
        let mut calls = [call(first, 1), call(second, 2)];
        if reversed {
            calls.reverse();
        }
        for call in calls {
            harness.world.clock.advance(HOUR);
            let code = shop.address().tell(&call).expect("answered").result_code().to_owned();
            assert!(["000000", "000004"].contains(&code.as_str()), "{code}");
            harness.settle();
        }
        let path = format!("/v1/merchant/licenses?instance_id={}", sale.instance);
        let found = harness.merchant().get(&path).expect(200);
        let end: chrono::DateTime<chrono::Utc> = found.text_at("/items/0/ends_at").parse().expect("an end");
        assert_eq!(Some(&end), sale.ends.last());
        (found.text_at("/items/0/spec"), end.to_rfc3339())
    })
}

#[test]
fn a_changing_renewal_is_not_lost_when_a_later_renewal_arrives_before_it() {
    let [timely, reversed] =
        after_both(&Step::RenewAs(yearly(), Period::Years(1)), &Step::Renew(Period::Months(1)));
    assert_eq!(timely.0, "cad-year");
    assert_eq!(reversed, timely);
}

#[test]
fn of_a_changing_renewal_and_an_upgrade_the_later_ordered_one_counts() {
    let [timely, reversed] =
        after_both(&Step::RenewAs(monthly(2), Period::Months(1)), &Step::Upgrade(yearly()));
    assert_eq!(timely.0, "cad-year");
    assert_eq!(reversed, timely);
}
