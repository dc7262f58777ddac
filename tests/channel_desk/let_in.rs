//! Calls that were let in: what is kept of them, and why one is not done yet.

use lictor::sandbox::orders::{Basket, Billing, Period};
use serde_json::json;

use crate::desk::{Desk, V1_KEY, dial_test, good, new_instance};
use crate::support::channel_speaking;

const CAD: &str = "cad-koogallery";

#[test]
fn a_call_is_noted_with_what_it_was_about_and_who_signed_it() {
    let desk = Desk::open();
    let bought = desk.harness.storefront().buy(Basket::of("CAD-YEAR", Billing::OneTime)).expect("answers");
    let call = desk.newest(CAD);
    assert_eq!(call["activity"], "newInstance");
    assert_eq!((&call["result_code"], &call["status"]), (&json!("000004"), &json!(200)));
    assert_eq!((&call["signed_by"], &call["refused"]), (&json!("cad-2026"), &json!(false)));
    assert_eq!(call["order_id"], bought.order.order_id.as_str());
    assert_eq!(call["cause_code"], "in_progress");
    assert!(call["took_ms"].is_u64() && call["test"] == json!(false));
    desk.harness.settle();
    desk.harness.storefront().deliver(&bought.order).expect("answers");
    let call = desk.newest(CAD);
    assert_eq!((&call["result_code"], &call["cause"]), (&json!("000000"), &json!(null)));
    let instance = bought.answer.instance_id();
    desk.harness.storefront().freeze(instance).expect("answers");
    assert_eq!(desk.newest(CAD)["instance_id"], instance);
}

#[test]
fn an_order_whose_sku_nobody_knows_says_so() {
    let desk = Desk::open();
    let shop = desk.harness.storefront();
    let bought = shop.buy(Basket::of("CAD-UNKNOWN", Billing::Period(Period::Years(1)))).expect("answers");
    desk.harness.settle();
    let again = shop.deliver(&bought.order).expect("answers");
    assert_eq!(again.result_code(), "000004");
    let call = desk.newest(CAD);
    assert_eq!(
        call["cause"],
        "the order is held because no spec knows the SKU CAD-UNKNOWN: map it with `lictor order map`"
    );
    assert_eq!(call["refused"], false, "the marketplace asks again, and no money is lost");
    shop.query(&[bought.answer.instance_id()]).expect("answers");
    assert_eq!(desk.newest(CAD)["cause_code"], "order_held");
}

#[test]
fn an_authorization_code_is_never_kept_with_a_call() {
    let desk = Desk::open();
    desk.harness.apply(&channel_speaking("license-code", "cad-codes", &desk.harness.world.sandbox));
    let address = format!("{}/marketplace/acme/cad-codes", desk.harness.url);
    let shop = desk.harness.world.sandbox.code_shop(&address, good().to_owned().into());
    let sold = shop.sell(Basket::of("CAD-YEAR", Billing::OneTime)).expect("answers");
    shop.freeze(&sold.code).expect("answers");
    desk.flush();
    let calls = desk.calls("cad-codes", "limit=200");
    assert_eq!(calls["items"].as_array().expect("a list").len(), 1);
    assert_eq!(calls["items"][0]["activity"], "updateLicenseCodeStatus");
    assert_eq!(calls["items"][0]["instance_id"], json!(null));
    assert!(!calls.to_string().contains(&sold.code), "{calls}");
    let stored: Vec<_> = desk
        .engine
        .records()
        .into_iter()
        .filter(|(key, _)| key.kind() == lictor::store::Kind::Call)
        .collect();
    assert!(stored.iter().all(|(_, record)| !String::from_utf8_lossy(&record.body).contains(&sold.code)));
}

#[test]
fn a_call_that_is_given_up_is_noted_as_cut_off() {
    use std::future::Future as _;
    use std::task::{Context, Waker};
    let desk = Desk::open_with_time(1_500);
    let sent = desk.v2(CAD, good(), 0, &new_instance("CS1"));
    let store = std::sync::Arc::clone(&desk.harness.store);
    let asked = store.asked();
    let first = desk.harness.block_on(store.hold());
    let answer = std::thread::scope(|scope| {
        let calling = scope.spawn(|| desk.send(&sent));
        desk.harness.block_on(store.asked_beyond(asked));
        // The look at the address goes through, and whatever the call asks after it is held up.
        let mut second = Box::pin(store.hold());
        assert!(second.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        drop(first);
        let _held = desk.harness.block_on(second);
        calling.join().expect("it is answered")
    });
    assert_eq!(answer.status, 503);
    let call = desk.newest(CAD);
    assert_eq!(call["cause"], "the caller hung up before it was answered, or the time limit came first");
    assert_eq!(
        (&call["activity"], &call["status"], &call["order_id"]),
        (&json!("newInstance"), &json!(null), &json!("CS1"))
    );
}

#[test]
fn a_call_that_breaks_something_of_ours_is_not_blamed_on_the_caller() {
    let desk = Desk::open();
    let sent = desk.v2(CAD, good(), 0, &new_instance("CS1"));
    desk.harness.store.panic_once();
    // The look at the address comes first: there is no channel to note it at.
    desk.send(&sent).expect_problem(500, "internal_error");
    assert_eq!(desk.calls(CAD, "")["items"], json!([]));
    desk.harness.store.panic_at(2);
    desk.send(&desk.v2(CAD, good(), 0, &new_instance("CS2"))).expect_problem(500, "internal_error");
    let call = desk.newest(CAD);
    assert_eq!(call["cause"], "internal error: something broke; see the server's log");
    assert_eq!((&call["status"], &call["order_id"]), (&json!(500), &json!("CS2")));
}

#[test]
fn a_dial_test_stores_nothing_but_its_place_among_the_calls() {
    let desk = Desk::open();
    let before = desk.records();
    let answer = desk.send(&desk.v2(CAD, good(), 0, &dial_test()));
    assert_eq!(answer.at("/resultCode"), "000000");
    let v1 = [
        ("activity", "newInstance"),
        ("customerId", "c"),
        ("businessId", "b"),
        ("orderId", "CS1"),
        ("productId", "P"),
        ("testFlag", "1"),
    ];
    assert_eq!(desk.send(&desk.v1("cad-old", V1_KEY, &v1)).at("/resultCode"), "000000");
    desk.flush();
    assert_eq!(desk.records(), before);
    assert_eq!(desk.newest(CAD)["test"], true);
    assert_eq!(desk.newest("cad-old")["test"], true);
}
