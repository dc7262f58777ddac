//! What an agent does to a license.

use lictor::domain::Scope;
use lictor::sandbox::orders::{Basket, Billing, Period};
use serde_json::{Value, json};

use super::browser::{Browser, shows};
use crate::support::Harness;
use crate::support::people::{activate, command, issue};

fn sold(harness: &Harness) -> (String, String) {
    let license = issue(harness, "cad-year");
    (license.text_at("/id"), license.text_at("/license_key"))
}

fn state(harness: &Harness, license: &str) -> Value {
    harness.merchant().get(&format!("/v1/merchant/licenses/{license}")).expect(200).at("/state")
}

fn events(harness: &Harness, license: &str, kind: &str) -> Vec<Value> {
    let told = harness.merchant().get(&format!("/v1/merchant/licenses/{license}/explanation")).expect(200);
    let all = told.at("/events").as_array().cloned().unwrap_or_default();
    all.into_iter().filter(|event| event["kind"] == kind).collect()
}

fn at(license: &str, act: &str) -> String {
    format!("/console/licenses/{license}/{act}")
}

#[test]
fn an_agent_suspends_resumes_and_revokes_and_reads_all_of_it_in_the_history() {
    let harness = Harness::start();
    let (license, key) = sold(&harness);
    activate(&harness.anonymous(), &key, 1, "n1").expect(201);
    let mut agent = Browser::signed_in(&harness, &[Scope::Read, Scope::Support, Scope::Revoke], "en");
    let page = agent.get(&format!("/console/licenses/{license}"));
    // Suspending is offered before revoking.
    let links = page.read(|page| {
        let links = page.descendants().filter(|node| node.has_tag_name("a"));
        let acts = links
            .filter_map(|link| link.attribute("href")?.strip_prefix(&at(&license, "")).map(str::to_owned));
        acts.filter(|act| !act.contains('/')).collect::<Vec<_>>()
    });
    assert_eq!(&links[..2], ["suspend", "revoke"], "{links:?}");

    let asked = agent.get(&at(&license, "suspend"));
    shows(
        &asked,
        200,
        &["Suspend this license?", "desk 1", "stops; it keeps its place", "active → becomes suspended"],
    );
    assert_eq!(state(&harness, &license), json!("active"), "asking changes nothing");
    let done = agent.submit(&asked.form(&at(&license, "suspend")).fill("reason", "has not paid"));
    shows(&done, 200, &["The license is suspended.", "has not paid", "The license was suspended", "test"]);
    assert_eq!(state(&harness, &license), json!("suspended"));

    let asked = agent.get(&at(&license, "resume"));
    let done = agent.submit(&asked.form(&at(&license, "resume")));
    shows(&done, 200, &["The license was resumed."]);

    let asked = agent.get(&at(&license, "revoke"));
    // When each machine knows: at its next contact, and without any at the end of its lease.
    shows(
        &asked,
        200,
        &["This cannot be undone", "stops for good", "desk 1", "a revoked one is never resumed", "UTC+8"],
    );
    let done = agent.submit(&asked.form(&at(&license, "revoke")).fill("reason", "fraud"));
    shows(&done, 200, &["The license is revoked.", "fraud", "The license was revoked"]);
    assert_eq!(state(&harness, &license), json!("revoked"));
    let asked = agent.get(&at(&license, "suspend"));
    shows(&asked, 200, &["cannot be suspended"]);
    assert_eq!(events(&harness, &license, "license.suspended").len(), 1);
    assert_eq!(events(&harness, &license, "license.suspended")[0]["actor"], "token:test");
}

#[test]
fn a_form_that_is_sent_again_does_nothing_again() {
    let harness = Harness::start();
    let (license, _) = sold(&harness);
    let mut agent = Browser::signed_in(&harness, &[Scope::Admin], "en");
    let form = agent.get(&at(&license, "reissue")).form(&at(&license, "reissue"));
    let form = form.fill("reason", "lost");
    let first = agent.send(&form);
    let again = agent.send(&form);
    assert_eq!((first.status, again.status), (303, 303), "{again:?}");
    assert_eq!(first.header("location"), again.header("location"));
    assert_eq!(events(&harness, &license, "license.reissued").len(), 1);
    // The same form with other content is told apart.
    let other = agent.submit(&form.fill("reason", "something else"));
    shows(&other, 409, &["This form was sent before with other content"]);
    assert_eq!(events(&harness, &license, "license.reissued").len(), 1);
}

#[test]
fn what_was_changed_meanwhile_is_shown_and_what_was_typed_stays() {
    let harness = Harness::start();
    let (license, _) = sold(&harness);
    let mut agent = Browser::signed_in(&harness, &[Scope::Admin], "en");
    let form = agent.get(&at(&license, "revoke")).form(&at(&license, "revoke"));
    command(&harness, &license, "suspend", &json!({ "reason": "by somebody else" })).expect(200);
    let late = agent.submit(&form.fill("reason", "typed before"));
    shows(&late, 412, &["Somebody changed this license", "by somebody else", "suspended"]);
    assert_eq!(state(&harness, &license), json!("suspended"), "nothing was done");
    let form = late.form(&at(&license, "revoke"));
    assert_eq!(form.value("reason"), "typed before");
    shows(&agent.submit(&form), 200, &["The license is revoked."]);
}

#[test]
fn nothing_is_done_but_what_was_shown() {
    let harness = Harness::start();
    let (license, key) = sold(&harness);
    activate(&harness.anonymous(), &key, 1, "n1").expect(201);
    activate(&harness.anonymous(), &key, 2, "n2").expect(201);
    let mut agent = Browser::signed_in(&harness, &[Scope::Admin], "en");
    let path = at(&license, "reissue");
    let form = agent.get(&path).form(&path).fill("leaked", "yes").fill("keep", "none");
    let shown = agent.submit(&form);
    shows(&shown, 200, &["Nothing is done yet", "loses its place", "no old key opens anything"]);
    assert_eq!(events(&harness, &license, "license.reissued").len(), 0);
    shows(&agent.submit(&shown.form(&path)), 200, &["The license has a new key."]);

    let path = at(&license, "extend");
    let form = agent.get(&path).form(&path).fill("by", "7");
    let shown = agent.submit(&form);
    shows(&shown, 200, &["31 Jan 2027", "7 Feb 2027", "an end is not moved back by hand"]);
    shows(&agent.submit(&shown.form(&path)), 200, &["The license ends later now.", "7 Feb 2027"]);
    let form = agent.get(&path).form(&path).fill("by", "soon");
    let wrong = agent.submit(&form);
    shows(&wrong, 422, &["Write a number of days, or a time."]);
    assert_eq!(wrong.form(&path).value("by"), "soon", "what was typed stays");

    let path = at(&license, "change");
    let form = agent.get(&path).form(&path).fill("spec", "cad-forever");
    let shown = agent.submit(&form);
    shows(&shown, 200, &["cad-year → becomes cad-forever"]);
    shows(&agent.submit(&shown.form(&path)), 200, &["The license has another spec now."]);
}

#[test]
fn a_machine_is_released_and_keys_are_shown_only_on_request() {
    let harness = Harness::start();
    let (license, key) = sold(&harness);
    let activation = activate(&harness.anonymous(), &key, 1, "n1").expect(201).text_at("/activation_id");
    let mut agent = Browser::signed_in(&harness, &[Scope::Read, Scope::Support, Scope::Keys], "zh-CN");
    let page = agent.get(&format!("/console/licenses/{license}"));
    assert!(!page.answer.text.contains(&key), "a key is not shown by itself");
    let path = at(&license, "key");
    let shown = agent.submit(&page.form(&path));
    assert!(shown.answer.text.contains(&key) && shown.answer.text.contains("<svg"), "{}", shown.answer.text);
    let path = at(&license, &format!("machines/{activation}/release"));
    let asked = agent.get(&path);
    shows(&asked, 200, &["确定释放这台机器吗？", "desk 1"]);
    let form = asked.form(&path);
    let wrong = agent.submit(&form.clone().fill("reason", &"x".repeat(1_001)));
    assert_eq!(wrong.answer.status, 422, "{}", wrong.answer.text);
    assert_eq!(wrong.form(&path).value("reason").len(), 1_001, "what was typed stays");
    shows(
        &agent.submit(&form.fill("reason", "returned by the customer")),
        200,
        &["机器已释放。", "returned by the"],
    );
    let mut reader = Browser::signed_in(&harness, &[Scope::Read], "en");
    let page = reader.get(&format!("/console/licenses/{license}"));
    assert!(!page.answer.text.contains("/key\""), "nobody is offered what they may not do");
    assert!(!page.answer.text.contains("/suspend\""), "{}", page.answer.text);
}

#[test]
fn the_marketplaces_suspension_is_lifted_only_by_an_override_with_a_reason() {
    let harness = Harness::start();
    let storefront = harness.storefront();
    storefront.buy(Basket::of("CAD-YEAR", Billing::Period(Period::Years(1)))).expect("answered");
    harness.settle();
    let listed = harness.merchant().get("/v1/merchant/licenses").expect(200);
    let (license, instance) = (listed.text_at("/items/0/id"), listed.text_at("/items/0/instance_id"));
    storefront.freeze(&instance).expect("answered");
    let mut agent = Browser::signed_in(&harness, &[Scope::Admin], "en");
    let path = at(&license, "resume");
    let asked = agent.get(&path);
    shows(&asked, 200, &["The marketplace has suspended it as well"]);
    let form = asked.form(&path).fill("override", "yes");
    let refused = agent.submit(&form);
    shows(&refused, 422, &["needs a reason"]);
    let form = refused.form(&path);
    assert_eq!(form.value("override"), "yes", "what was chosen stays");
    let shown = agent.submit(&form.fill("reason", "the buyer has paid us"));
    shows(&shown, 200, &["A freeze by the marketplace stops it again.", "suspended → becomes active"]);
    shows(&agent.submit(&shown.form(&path)), 200, &["The license was resumed.", "the buyer has paid us"]);
    assert_eq!(state(&harness, &license), json!("active"));
}
