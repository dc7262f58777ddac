//! The merchant API: a later end, another spec, and what an act would bring about before it is done.

use std::time::Duration;

use lictor::domain::Scope;
use lictor::sandbox::orders::{Basket, Billing, Period};
use serde_json::{Value, json};

use crate::support::Harness;
use crate::support::api::{Answer, Api};
use crate::support::people::{activate, command, issue};

const PATH: &str = "/v1/merchant/licenses";

fn extend(api: &Api, license: &str, body: &Value) -> Answer {
    api.post(&format!("{PATH}/{license}/extend"), body)
}

/// A license that was bought, and its instance.
fn bought(harness: &Harness) -> (String, String) {
    let basket = Basket::of("CAD-YEAR", Billing::Period(Period::Years(1)));
    let purchase = harness.storefront().buy(basket).expect("answers");
    let instance = purchase.answer.instance_id().to_owned();
    harness.settle();
    let listed = harness.merchant().get(&format!("{PATH}?instance_id={instance}")).expect(200);
    (listed.text_at("/items/0/id"), instance)
}

#[test]
pub fn support_adds_31_days_to_what_was_bought_however_often_it_asks_and_more_takes_another_scope() {
    let harness = Harness::start();
    let id = issue(&harness, "cad-year").text_at("/id");
    let support = harness.bearer(&harness.token(&[Scope::Support]));
    let week = extend(&support, &id, &json!({ "by": "P7D", "reason": "our outage" })).expect(200);
    assert_eq!(week.at("/ends_at"), "2027-02-07T08:00:00Z");
    let extension = json!({ "bought_end": "2027-01-31T08:00:00Z", "until": "2027-02-07T08:00:00Z" });
    assert_eq!((week.at("/extension"), week.at("/later_calls")), (extension, json!([])));
    extend(&support, &id, &json!({ "by": "P24D" })).expect(200);
    let more = extend(&support, &id, &json!({ "by": "P1D" })).expect_problem(403, "scope_missing");
    assert!(more.text_at("/reason").contains("issue"));
    let until = json!({ "ends_at": "2027-03-03T08:00:01Z" });
    extend(&support, &id, &until).expect_problem(403, "scope_missing");
    extend(&harness.bearer(&harness.token(&[Scope::Issue])), &id, &until)
        .expect_problem(403, "scope_missing");
    let both = harness.bearer(&harness.token(&[Scope::Support, Scope::Issue]));
    extend(&both, &id, &json!({ "by": "P1Y" })).expect(200);
    let far = extend(&harness.merchant(), &id, &json!({ "by": "P1M" })).expect(200);
    assert_eq!(far.at("/ends_at"), "2028-04-03T08:00:00Z");
    assert_eq!(far.at("/extension/bought_end"), "2027-01-31T08:00:00Z");
    assert_eq!(far.at("/term"), "P1Y");
}

#[test]
pub fn an_extension_that_adds_nothing_or_cannot_be_is_refused_and_changes_nothing() {
    let harness = Harness::start();
    let id = issue(&harness, "cad-year").text_at("/id");
    let before = harness.merchant().get(&format!("{PATH}/{id}")).expect(200);
    for (body, pointer) in [
        (json!({}), "/by"),
        (json!({ "by": "P7D", "ends_at": "2027-02-07T08:00:00Z" }), "/ends_at"),
        (json!({ "by": "7 days" }), "/by"),
        (json!({ "by": "permanent" }), "/by"),
        (json!({ "ends_at": "2027-01-31T07:59:59Z" }), "/ends_at"),
        (json!({ "ends_at": "2020-01-01T00:00:00Z" }), "/ends_at"),
        (json!({ "days": 7 }), "/days"),
    ] {
        let refused = extend(&harness.merchant(), &id, &body).expect_problem(422, "invalid_request");
        assert_eq!(refused.at("/pointer"), pointer, "{body}");
    }
    let same = extend(&harness.merchant(), &id, &json!({ "ends_at": "2027-01-31T08:00:00Z" })).expect(200);
    assert_eq!(same.header("etag"), before.header("etag"));
    let forever = issue(&harness, "cad-forever").text_at("/id");
    extend(&harness.merchant(), &forever, &json!({ "by": "P7D" })).expect_problem(409, "illegal_state");
    command(&harness, &id, "revoke", &json!({})).expect(200);
    extend(&harness.merchant(), &id, &json!({ "by": "P7D" })).expect_problem(409, "illegal_state");
}

#[test]
fn clients_get_the_extended_key_by_renewal_and_the_old_one_stays_valid() {
    let harness = Harness::start();
    let license = issue(&harness, "cad-year");
    let made = activate(&harness.anonymous(), &license.text_at("/license_key"), 1, "n1").expect(201);
    let extended = extend(&harness.merchant(), &license.text_at("/id"), &json!({ "by": "P7D" })).expect(200);
    assert_ne!(extended.at("/status/idx"), license.at("/status/idx"));
    let renew = format!("/v1/activations/{}/renew", made.text_at("/activation_id"));
    let request = json!({ "certificate": made.at("/certificate"), "nonce": "n2" });
    let renewed = harness.anonymous().post(&renew, &request).expect(200);
    assert_ne!(renewed.at("/license_key"), license.at("/license_key"));
    let check = json!({ "license_key": license.at("/license_key") });
    assert_eq!(harness.anonymous().post("/v1/validate", &check).expect(200).at("/code"), "valid");
    let explained = format!("{PATH}/{}/explanation", license.text_at("/id"));
    let events = harness.merchant().get(&explained).expect(200).at("/events");
    let last = events.as_array().and_then(|all| all.last()).expect("events").clone();
    assert_eq!(
        (&last["kind"], &last["detail"]["ends_at_before"]),
        (&json!("license.extended"), &json!("2027-01-31T08:00:00Z"))
    );
}

#[test]
fn a_later_renewal_sets_its_own_end_and_an_old_order_that_is_ranked_late_takes_nothing_back() {
    let harness = Harness::start();
    let (id, instance) = bought(&harness);
    let shop = harness.storefront();
    let merchant = harness.merchant();
    let bought_end = merchant.get(&format!("{PATH}/{id}")).expect(200).text_at("/ends_at");
    shop.renew(&instance, Period::Years(2)).expect("answers");
    let renewed = merchant.get(&format!("{PATH}/{id}")).expect(200).text_at("/ends_at");
    assert_ne!(renewed, bought_end);
    // The renewal is not ranked yet: its order is asked for after the extension.
    let extended = extend(&merchant, &id, &json!({ "by": "P14D" })).expect(200);
    assert_eq!(extended.at("/extension/bought_end"), json!(renewed));
    assert_eq!(extended.at("/later_calls/0/code"), "renewal_sets_end");
    harness.settle();
    let ranked = merchant.get(&format!("{PATH}/{id}")).expect(200);
    assert_eq!(
        (ranked.at("/ends_at"), ranked.at("/extension")),
        (extended.at("/ends_at"), extended.at("/extension"))
    );
    harness.world.clock.advance(Duration::from_secs(60));
    shop.renew(&instance, Period::Years(3)).expect("answers");
    harness.settle();
    let again = merchant.get(&format!("{PATH}/{id}")).expect(200);
    assert_eq!(again.at("/extension"), Value::Null);
    assert_ne!(again.at("/ends_at"), extended.at("/ends_at"));
    // What support may give counts from the new end.
    let support = harness.bearer(&harness.token(&[Scope::Support]));
    extend(&support, &id, &json!({ "by": "P31D" })).expect(200);
}

#[test]
pub fn a_spec_that_is_changed_by_hand_grants_what_the_other_one_does_and_keeps_end_and_term() {
    let harness = Harness::start();
    let license = issue(&harness, "cad-year");
    let id = license.text_at("/id");
    let merchant = harness.merchant();
    let change = |body: &Value| merchant.post(&format!("{PATH}/{id}/change"), body);
    let changed = change(&json!({ "spec": "cad-year", "quantity": 2, "reason": "more seats" })).expect(200);
    assert_eq!((changed.at("/machines"), changed.at("/ends_at")), (json!(6), license.at("/ends_at")));
    let same = change(&json!({ "spec": "cad-year", "quantity": 2 })).expect(200);
    assert_eq!(same.header("etag"), changed.header("etag"));
    let other = change(&json!({ "spec": "cad-month" })).expect(200);
    assert_eq!((other.at("/spec"), other.at("/term")), (json!("cad-month"), json!("P1Y")));
    assert_eq!(
        (other.at("/machines"), other.at("/entitlements"), other.at("/quota")),
        (json!(1), json!([]), json!([]))
    );
    for (body, pointer) in [
        (json!({ "spec": "nothing" }), "/spec"),
        (json!({ "spec": "cad-year", "quantity": 0 }), "/quantity"),
        (json!({}), "/spec"),
    ] {
        assert_eq!(change(&body).expect_problem(422, "invalid_request").at("/pointer"), pointer, "{body}");
    }
    let support = harness.bearer(&harness.token(&[Scope::Support]));
    support
        .post(&format!("{PATH}/{id}/change"), &json!({ "spec": "cad-year" }))
        .expect_problem(403, "scope_missing");
}

#[test]
fn an_upgrade_ordered_later_overrules_a_spec_that_was_changed_by_hand() {
    let harness = Harness::start();
    let (id, instance) = bought(&harness);
    let merchant = harness.merchant();
    let changed = merchant.post(&format!("{PATH}/{id}/change"), &json!({ "spec": "cad-month" })).expect(200);
    assert_eq!(changed.at("/later_calls/0/code"), "upgrade_sets_grant");
    harness.world.clock.advance(Duration::from_secs(60));
    let basket = Basket::of("CAD-YEAR", Billing::Period(Period::Years(1)));
    harness.storefront().upgrade(&instance, basket).expect("answers");
    harness.settle();
    assert_eq!(merchant.get(&format!("{PATH}/{id}")).expect(200).at("/spec"), "cad-year");
}

#[test]
pub fn a_preview_tells_who_stops_and_when_each_knows_and_writes_nothing() {
    let harness = Harness::start();
    let license = issue(&harness, "cad-year");
    let (id, key) = (license.text_at("/id"), license.text_at("/license_key"));
    let first = activate(&harness.anonymous(), &key, 1, "n").expect(201).text_at("/activation_id");
    activate(&harness.anonymous(), &key, 2, "n").expect(201);
    let reader = harness.bearer(&harness.token(&[Scope::Read]));
    let preview = |body: &Value| reader.post(&format!("{PATH}/{id}/preview"), body);
    let before = reader.get(&format!("{PATH}/{id}")).expect(200);
    let revoke = preview(&json!({ "command": "revoke" })).expect(200);
    assert_eq!((revoke.at("/before/state"), revoke.at("/after/state")), (json!("active"), json!("revoked")));
    let machine = json!({
        "activation_id": first, "name": "desk 1", "fate": "stops_for_good", "asks_at": "2026-02-07T08:00:00Z",
        "reads_list_by": "2026-01-31T20:00:00Z", "runs_until": "2026-03-02T08:00:00Z",
    });
    assert_eq!((revoke.at("/machines/0"), revoke.at("/machines/1/fate")), (machine, json!("stops_for_good")));
    let gone = revoke.at("/irreversible");
    let codes: Vec<_> = gone.as_array().into_iter().flatten().map(|it| it["code"].clone()).collect();
    assert_eq!(codes, ["license", "quota"]);
    assert_eq!(
        (revoke.at("/quota/0/left_before"), revoke.at("/quota/0/left_after")),
        (json!(12006), json!(0))
    );
    let kept = preview(&json!({ "command": "reissue", "reason": "leaked", "keep": [first] })).expect(200);
    assert_eq!(
        (kept.at("/machines/0/fate"), kept.at("/machines/1/fate")),
        (json!("runs_on_renewed"), json!("loses_place"))
    );
    assert_eq!(kept.at("/license_key"), "replaced_as_leaked");
    let change = preview(&json!({ "command": "change", "spec": "cad-month" })).expect(200);
    assert_eq!(
        (change.at("/machines/1/fate"), change.at("/after/machines")),
        (json!("beyond_limit"), json!(1))
    );
    let summary = change.at("/summary").to_string();
    assert!(summary.contains("export, render") && summary.contains("beyond the new limit"), "{summary}");
    let after = reader.get(&format!("{PATH}/{id}")).expect(200);
    assert_eq!(after.json(), before.json());
    // The act with the revision of the preview does what it said.
    let etag = revoke.header("etag").expect("a preview has one").to_owned();
    assert_eq!(Some(etag.as_str()), before.header("etag"));
    let done = harness.merchant().with("If-Match", &etag).post(&format!("{PATH}/{id}/revoke"), &json!({}));
    assert_eq!(done.expect(200).at("/state"), revoke.at("/after/state"));
    let again = preview(&json!({ "command": "revoke" })).expect(200);
    assert_eq!((again.at("/changes"), again.at("/irreversible")), (json!(false), json!([])));
}

#[test]
pub fn a_preview_refuses_what_the_act_would_refuse_and_members_of_another_command() {
    let harness = Harness::start();
    let id = issue(&harness, "cad-forever").text_at("/id");
    let merchant = harness.merchant();
    let preview = |body: &Value| merchant.post(&format!("{PATH}/{id}/preview"), body);
    preview(&json!({ "command": "extend", "by": "P7D" })).expect_problem(409, "illegal_state");
    for (body, pointer) in [
        (json!({ "command": "delete" }), "/command"),
        (json!({ "command": "revoke", "keep": "all" }), "/keep"),
        (json!({ "command": "change" }), "/spec"),
        (json!({}), "/command"),
    ] {
        assert_eq!(preview(&body).expect_problem(422, "invalid_request").at("/pointer"), pointer, "{body}");
    }
    let absent = format!("{PATH}/lic_00000000000000000000000000/preview");
    merchant.post(&absent, &json!({ "command": "revoke" })).expect_problem(404, "not_found");
    let chinese = merchant.with("Accept-Language", "zh-CN");
    let told = chinese.post(&format!("{PATH}/{id}/preview"), &json!({ "command": "suspend" })).expect(200);
    assert!(told.text_at("/summary/0").contains("已暂停"));
}
