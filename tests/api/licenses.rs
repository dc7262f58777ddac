//! The merchant API: licenses.

use lictor::application::Filled;
use lictor::sandbox::orders::{Basket, Billing, Period};
use serde_json::{Value, json};

use crate::support::Harness;
use crate::support::people::{activate, command, issue};

const PATH: &str = "/v1/merchant/licenses";

#[test]
fn an_issued_license_has_every_documented_member() {
    let harness = Harness::start();
    let order = json!({
        "product": "acme-cad", "spec": "cad-year", "quantity": 2, "customer": "C-7", "label": "Lab 4",
    });
    let made = harness.merchant().post(PATH, &order).expect(201);
    let id = made.text_at("/id");
    assert_eq!(made.header("location"), Some(format!("{PATH}/{id}").as_str()));
    assert_eq!(made.header("etag"), Some(format!("\"{}\"", made.at("/revision")).as_str()));
    let status = made.at("/status");
    assert!(status["idx"].is_u64() && status["uri"].is_string());
    let quota = json!([{
            "id": id.replace("lic_", "pkg_") + "_0",
            "metric": "render-minutes", "unit": "minute", "amount": 1000.5, "reset": "month", "total": 12006,
            "used": 0, "reserved": 0, "left": 12006, "expired": 0, "refunded": 0,
            "window_used": 0, "window_left": 1000.5, "window_ends_at": "2026-02-28T08:00:00Z",
            "overage": "stop", "overage_used": 0,
            "starts_at": "2026-01-31T08:00:00Z", "ends_at": "2027-01-31T08:00:00Z",
    }]);
    let mut expected = json!({
        "id": id, "merchant": "acme", "product": "acme-cad", "spec": "cad-year", "sku": null, "term": "P1Y",
        "state": "active", "suspensions": [], "channel": null, "order_id": null, "order_line_id": null,
        "instance_id": null, "customer": "C-7", "label": "Lab 4", "env": "live",
        "starts": "purchase", "starts_at": "2026-01-31T08:00:00Z", "ends_at": "2027-01-31T08:00:00Z", "machines": 6,
        "entitlements": ["export", "render"], "attributes": { "edition": "pro" },
        "quota": quota,
        "status": status, "revision": made.at("/revision"),
    });
    for member in ["created_at", "updated_at"] {
        expected[member] = json!("2026-01-31T08:00:00Z");
    }
    assert_eq!(made.json(), expected);
    let listed = harness.merchant().get(PATH).expect(200);
    assert_eq!(listed.json(), json!({ "items": [expected.clone()], "next_cursor": null }));
    expected["activations"] = json!([]);
    let shown = harness.merchant().get(&format!("{PATH}/{id}")).expect(200);
    assert_eq!(shown.json(), expected);
    assert_eq!(shown.header("etag"), made.header("etag"));
    let revealed = harness.merchant().get(&format!("{PATH}/{id}?reveal=true")).expect(200);
    assert!(revealed.text_at("/license_key").contains('.') && revealed.text_at("/claim_code").len() == 29);
}

#[test]
fn a_permanent_license_has_no_end_and_unlimited_machines_say_so() {
    let harness = Harness::start();
    let made = issue(&harness, "cad-forever");
    assert_eq!((made.at("/ends_at"), made.at("/term")), (Value::Null, json!("permanent")));
    assert_eq!(made.at("/machines"), "unlimited");
}

#[test]
fn activations_are_shown_with_the_license() {
    let harness = Harness::start();
    let license = issue(&harness, "cad-year");
    let made = activate(&harness.anonymous(), &license.text_at("/license_key"), 1, "n").expect(201);
    let shown = harness.merchant().get(&format!("{PATH}/{}", license.text_at("/id"))).expect(200);
    let shown = shown.at("/activations/0");
    assert_eq!((&shown["id"], &shown["name"]), (&made.at("/activation_id"), &json!("desk 1")));
    assert_eq!((&shown["state"], &shown["generation"]), (&json!("held"), &json!(1)));
    assert_eq!(shown["lease_ends_at"], "2026-03-02T08:00:00Z");
}

#[test]
fn a_purchase_of_an_unknown_sku_is_pending_with_what_is_known() {
    let harness = Harness::start();
    let basket = Basket::of("NOT-MAPPED", Billing::Period(Period::Years(1)));
    let bought = harness.storefront().buy(basket).expect("answers");
    harness.settle();
    let listed = harness.merchant().get(&format!("{PATH}?state=pending&sku=NOT-MAPPED")).expect(200);
    let pending = listed.at("/items/0");
    for member in ["product", "spec", "term", "starts_at", "ends_at", "machines", "status"] {
        assert_eq!(pending[member], Value::Null, "{member}");
    }
    assert_eq!((&pending["sku"], &pending["state"]), (&json!("NOT-MAPPED"), &json!("pending")));
    assert_eq!(pending["order_id"], json!(bought.order.order_id));
    assert_eq!(pending["channel"], "cad-koogallery");
    let path = format!("{PATH}/{}?reveal=true", pending["id"].as_str().expect("an id"));
    let shown = harness.merchant().get(&path).expect(200);
    assert_eq!((shown.at("/license_key"), shown.at("/claim_code")), (Value::Null, Value::Null));
    assert_eq!(shown.at("/activations"), json!([]));
}

#[test]
fn lists_are_newest_first_page_by_page_and_filtered() {
    let harness = Harness::start();
    let made: Vec<_> = (0..5)
        .map(|number| issue(&harness, if number % 2 == 0 { "cad-year" } else { "cad-month" }).text_at("/id"))
        .collect();
    harness.block_on(async { while harness.app.fill_index().await.expect("filled") == Filled::Some {} });
    let merchant = harness.merchant();
    let (mut seen, mut path) = (Vec::new(), format!("{PATH}?limit=2"));
    loop {
        let page = merchant.get(&path).expect(200);
        let items = page.at("/items").as_array().expect("a list").clone();
        assert!(items.len() <= 2);
        seen.extend(items.iter().map(|item| item["id"].as_str().expect("an id").to_owned()));
        let Some(cursor) = page.at("/next_cursor").as_str().map(str::to_owned) else { break };
        path = format!("{PATH}?limit=2&cursor={cursor}");
    }
    assert_eq!(seen, made.iter().rev().cloned().collect::<Vec<_>>());
    command(&harness, &made[0], "revoke", &json!({})).expect(200);
    let revoked = merchant.get(&format!("{PATH}?state=revoked&product=acme-cad&env=live")).expect(200);
    assert_eq!(revoked.at("/items").as_array().map(Vec::len), Some(1));
    assert_eq!(revoked.at("/items/0/id"), json!(made[0]));
    for empty in
        ["customer=nobody", "sku=CAD-YEAR", "env=test", "order_id=CS1", "instance_id=x", "product=other"]
    {
        let none = merchant.get(&format!("{PATH}?{empty}")).expect(200);
        assert_eq!(none.json(), json!({ "items": [], "next_cursor": null }), "{empty}");
    }
    for (query, pointer) in [
        ("limit=0", "/limit"),
        ("limit=201", "/limit"),
        ("limit=x", "/limit"),
        ("cursor=x", "/cursor"),
        ("state=gone", "/state"),
        ("env=dev", "/env"),
        ("colour=red", "/colour"),
        ("limit=1&limit=2", "/limit"),
    ] {
        let refused = merchant.get(&format!("{PATH}?{query}")).expect_problem(422, "invalid_request");
        assert_eq!(refused.at("/pointer"), pointer, "{query}");
    }
}

#[test]
fn an_order_that_breaks_a_rule_is_pointed_at() {
    let harness = Harness::start();
    for (member, value) in [
        ("product", json!("No Slug")),
        ("spec", json!("no such spec")),
        ("spec", json!("unknown")),
        ("quantity", json!(0)),
        ("quantity", json!(100_001)),
        ("quantity", json!(-1)),
        ("quantity", json!(1.5)),
        ("customer", json!("two words")),
        ("label", json!("x".repeat(256))),
        ("label", json!("\u{1b}[2J")),
        ("term", json!("P0M")),
        ("starts_at", json!("2026-03-01")),
        ("starts_at", json!("2026-03-01T00:00:00+00:00")),
        ("starts_at", json!("2026-03-01T00:00:00.5Z")),
        ("starts_at", json!("1969-12-31T23:59:59Z")),
        ("starts_at", json!("0000-01-01T00:00:00Z")),
        ("starts_at", json!("2016-12-31T23:59:60Z")),
    ] {
        let mut order = json!({ "product": "acme-cad", "spec": "cad-year" });
        order[member] = value.clone();
        let refused = harness.merchant().post(PATH, &order).expect_problem(422, "invalid_request");
        assert_eq!(refused.at("/pointer"), format!("/{member}"), "{member} {value}");
    }
}

#[test]
pub fn a_license_is_suspended_resumed_reissued_and_revoked() {
    let harness = Harness::start();
    let license = issue(&harness, "cad-year");
    let id = license.text_at("/id");
    let suspended = command(&harness, &id, "suspend", &json!({ "reason": "chargeback" })).expect(200);
    assert_eq!(suspended.at("/state"), "suspended");
    assert_eq!(
        suspended.at("/suspensions"),
        json!([{ "by": "merchant", "since": "2026-01-31T08:00:00Z", "reason": "chargeback" }])
    );
    assert_eq!(command(&harness, &id, "resume", &json!({})).expect(200).at("/state"), "active");
    let replaced =
        harness.merchant().post(&format!("{PATH}/{id}/reissue?reveal=true"), &json!({})).expect(200);
    assert_ne!(replaced.at("/license_key"), license.at("/license_key"));
    assert_ne!(replaced.at("/claim_code"), license.at("/claim_code"));
    let revoked = harness.merchant().send("POST", &format!("{PATH}/{id}/revoke"), b"").expect(200);
    assert_eq!(revoked.at("/state"), "revoked");
    for verb in ["suspend", "resume", "reissue"] {
        command(&harness, &id, verb, &json!({})).expect_problem(409, "illegal_state");
    }
    assert_eq!(command(&harness, &id, "revoke", &json!({})).expect(200).json(), revoked.json());
}

#[test]
fn a_leaked_key_is_reissued_without_its_machines_and_another_with_those_named() {
    let harness = Harness::start();
    let held = |license: &str| -> Vec<String> {
        let shown = harness.merchant().get(&format!("{PATH}/{license}")).expect(200);
        let activations = shown.at("/activations").as_array().expect("a list").clone();
        let held = activations.iter().filter(|one| one["state"] == "held");
        held.map(|one| one["name"].as_str().expect("a name").to_owned()).collect()
    };
    let with_two = || {
        let license = issue(&harness, "cad-year");
        let key = license.text_at("/license_key");
        let two = [1, 2].map(|number| {
            activate(&harness.anonymous(), &key, number, "n").expect(201).text_at("/activation_id")
        });
        (license.text_at("/id"), two)
    };
    let (id, _) = with_two();
    command(&harness, &id, "reissue", &json!({ "reason": "leaked" })).expect(200);
    assert_eq!(held(&id), Vec::<String>::new());
    let (id, [_, second]) = with_two();
    command(&harness, &id, "reissue", &json!({ "reason": "moved", "keep": [second] })).expect(200);
    assert_eq!(held(&id), ["desk 2"]);
    let (id, _) = with_two();
    command(&harness, &id, "reissue", &json!({ "reason": "leaked", "keep": "all" })).expect(200);
    assert_eq!(held(&id).len(), 2);
    for (keep, pointer) in [(json!("some"), "/keep"), (json!(["act_x"]), "/keep/0"), (json!(7), "/keep")] {
        let refused = command(&harness, &id, "reissue", &json!({ "keep": keep }));
        assert_eq!(refused.expect_problem(422, "invalid_request").at("/pointer"), pointer);
    }
}

#[test]
fn an_override_needs_a_reason_and_lifts_the_marketplaces_cause() {
    let harness = Harness::start();
    let shop = harness.storefront();
    let bought = shop.buy(Basket::of("CAD-FOREVER", Billing::OneTime)).expect("answers");
    harness.settle();
    shop.freeze(bought.answer.instance_id()).expect("answers");
    let id = harness.merchant().get(PATH).expect(200).text_at("/items/0/id");
    assert_eq!(command(&harness, &id, "resume", &json!({})).expect(200).at("/state"), "suspended");
    let bare = command(&harness, &id, "resume", &json!({ "override": true }));
    assert_eq!(bare.expect_problem(422, "invalid_request").at("/pointer"), "/reason");
    let lifted = command(&harness, &id, "resume", &json!({ "override": true, "reason": "paid by wire" }));
    assert_eq!(lifted.expect(200).at("/state"), "active");
}

#[test]
pub fn a_lost_update_is_noticed() {
    let harness = Harness::start();
    let license = issue(&harness, "cad-year");
    let (path, etag) =
        (format!("{PATH}/{}", license.text_at("/id")), license.header("etag").expect("one").to_owned());
    let changed = harness.merchant().with("If-Match", &etag).post(&format!("{path}/suspend"), &json!({}));
    let changed = changed.expect(200);
    assert_ne!(changed.header("etag"), Some(etag.as_str()));
    let late = harness.merchant().with("If-Match", &etag).post(&format!("{path}/revoke"), &json!({}));
    let late = late.expect_problem(412, "revision_conflict");
    assert_eq!(late.at("/current_revision"), changed.at("/revision"));
    let foreign = harness.merchant().with("If-Match", "\"x\"").post(&format!("{path}/revoke"), &json!({}));
    foreign.expect_problem(412, "revision_conflict");
    assert_eq!(harness.merchant().get(&path).expect(200).at("/state"), "suspended");
    let any = harness.merchant().with("If-Match", "*").post(&format!("{path}/resume"), &json!({}));
    assert_eq!(any.expect(200).at("/state"), "active");
}

#[test]
pub fn the_same_request_under_an_idempotency_key_is_done_once() {
    let harness = Harness::start();
    let merchant = harness.merchant().with("Idempotency-Key", "order-77");
    let order = json!({ "product": "acme-cad", "spec": "cad-year" });
    let made = merchant.post(PATH, &order).expect(201);
    assert_eq!(merchant.post(PATH, &order).expect(201).json(), made.json());
    let other = json!({ "product": "acme-cad", "spec": "cad-month" });
    merchant.post(PATH, &other).expect_problem(409, "idempotency_conflict");
    let path = format!("{PATH}/{}", made.text_at("/id"));
    merchant.post(&format!("{path}/revoke"), &json!({})).expect_problem(409, "idempotency_conflict");
    let twice = harness.merchant().with("Idempotency-Key", "reissue-1");
    let first = twice.post(&format!("{path}/reissue?reveal=true"), &json!({})).expect(200);
    let second = twice.post(&format!("{path}/reissue?reveal=true"), &json!({})).expect(200);
    assert_eq!(first.at("/license_key"), second.at("/license_key"));
    let too_long = harness.merchant().with("Idempotency-Key", &"k".repeat(256));
    too_long.post(PATH, &order).expect_problem(422, "invalid_request");
    assert_eq!(harness.merchant().get(PATH).expect(200).at("/items").as_array().map(Vec::len), Some(1));
}

#[test]
fn a_license_can_be_revoked_however_often_it_was_reissued() {
    let harness = Harness::start();
    let id = issue(&harness, "cad-forever").text_at("/id");
    let merchant = harness.merchant();
    let reissued = (0..1_100).map(|_| merchant.post(&format!("{PATH}/{id}/reissue"), &json!({})));
    let refused = reissued.into_iter().find(|answer| answer.status != 200).expect("there is a bound");
    refused.expect_problem(409, "illegal_state");
    assert_eq!(command(&harness, &id, "revoke", &json!({})).expect(200).at("/state"), "revoked");
}

#[test]
fn a_reason_breaks_no_terminal() {
    let harness = Harness::start();
    let id = issue(&harness, "cad-year").text_at("/id");
    let refused = command(&harness, &id, "suspend", &json!({ "reason": "\u{1b}]0;x\u{7}" }));
    assert_eq!(refused.expect_problem(422, "invalid_request").at("/pointer"), "/reason");
    command(&harness, &id, "suspend", &json!({ "reason": "chargeback\nby phone" })).expect(200);
}

#[test]
fn a_machine_that_holds_a_place_is_shown_however_many_came_and_went() {
    let harness = Harness::start();
    let license = issue(&harness, "cad-year");
    let (key, api) = (license.text_at("/license_key"), harness.anonymous());
    for _ in 0..1_001 {
        let made = activate(&api, &key, 1, "n").expect(201);
        let path = format!("/v1/activations/{}/release", made.text_at("/activation_id"));
        api.post(&path, &json!({ "certificate": made.at("/certificate") })).expect(200);
    }
    let held = activate(&api, &key, 2, "n").expect(201).at("/activation_id");
    let shown = harness.merchant().get(&format!("{PATH}/{}", license.text_at("/id"))).expect(200);
    let last = shown.at("/activations").as_array().expect("a list").last().expect("many").clone();
    assert_eq!((&last["id"], last["state"].as_str()), (&held, Some("held")));
}
