//! Endpoints are changed as they were seen, and sent again what they missed.

use std::time::Duration;

use lictor::domain::Scope;
use serde_json::{Value, json};

use super::browser::{Browser, Page, shows};
use crate::support::Harness;
use crate::support::people::issue;
use crate::support::receiver::Receiver;

fn made(harness: &Harness, hook: &Value) -> String {
    harness.merchant().post("/v1/merchant/webhooks", hook).expect(201).text_at("/id")
}

fn webhook(harness: &Harness, id: &str) -> Value {
    let shown = harness.merchant().get(&format!("/v1/merchant/webhooks/{id}")).expect(200);
    json!(["/url", "/description", "/events", "/expiring_days"].map(|pointer| shown.at(pointer)))
}

#[test]
fn a_webhook_is_changed_and_mistakes_stand_at_their_fields() {
    let harness = Harness::start();
    let hook = json!({ "url": "http://127.0.0.1:9/one", "events": ["license.revoked", "license.issued"] });
    let id = made(&harness, &hook);
    let mut admin = Browser::signed_in(&harness, &[Scope::Admin], "en");
    let page = format!("/console/webhooks/{id}");
    shows(&admin.get(&page), 200, &["Days before an end 30, 7, 1"]);
    let path = format!("{page}/change");
    let form = admin.get(&path).form(&path);
    let events = |form: &super::browser::Form| {
        let ticked = form.fields.iter().filter(|(name, _)| name == "events");
        ticked.map(|(_, value)| value.clone()).collect::<Vec<_>>()
    };
    assert_eq!((form.value("url"), form.value("expiring_days")), ("http://127.0.0.1:9/one", "30, 7, 1"));
    assert_eq!(events(&form), ["license.issued", "license.revoked"]);
    // Nothing was typed: nothing is changed, not even the order of the events.
    let before = harness.merchant().get(&format!("/v1/merchant/webhooks/{id}")).expect(200).at("/revision");
    shows(&admin.submit(&form), 200, &["It is saved."]);
    let after = harness.merchant().get(&format!("/v1/merchant/webhooks/{id}")).expect(200).at("/revision");
    assert_eq!(before, after);

    let typed = form.fill("url", "ftp://nowhere").fill("description", "desk").fill("expiring_days", "soon");
    let wrong = admin.submit(&typed);
    shows(&wrong, 422, &["Please change this", "Write at most 8 whole numbers"]);
    has_mistake(&wrong, "expiring_days");
    let kept = wrong.form(&path);
    assert_eq!(["url", "description"].map(|name| kept.value(name)), ["ftp://nowhere", "desk"]);
    let wrong = admin.submit(&kept.fill("expiring_days", "7 60"));
    assert_eq!(wrong.answer.status, 422, "{}", wrong.answer.text);
    has_mistake(&wrong, "url");
    let right = wrong.form(&path).fill("url", "http://127.0.0.1:9/two").without("events");
    shows(&admin.submit(&right), 200, &["It is saved.", "Days before an end 60, 7", "all, but those"]);
    let expected = json!(["http://127.0.0.1:9/two", "desk", [], [60, 7]]);
    assert_eq!(webhook(&harness, &id), expected);
    // Sent twice, as by two clicks: it is so already.
    shows(&admin.submit(&right), 200, &["It is saved."]);
    assert_eq!(webhook(&harness, &id), expected);
}

#[test]
fn a_webhook_that_was_changed_meanwhile_is_shown_as_it_is_and_what_was_typed_stays() {
    let harness = Harness::start();
    let id = made(&harness, &json!({ "url": "http://127.0.0.1:9/one" }));
    let mut admin = Browser::signed_in(&harness, &[Scope::Admin], "en");
    let path = format!("/console/webhooks/{id}/change");
    let form = admin.get(&path).form(&path).fill("description", "typed before");
    let other = json!({ "description": "by somebody else" });
    let address = format!("/v1/merchant/webhooks/{id}");
    harness.merchant().send("PATCH", &address, other.to_string().as_bytes()).expect(200);
    let late = admin.submit(&form);
    shows(&late, 412, &["Somebody changed this webhook", "by somebody else"]);
    assert_eq!(webhook(&harness, &id)[1], "by somebody else", "nothing was done");
    let again = late.form(&path);
    assert_eq!(again.value("description"), "typed before");
    shows(&admin.submit(&again), 200, &["It is saved.", "typed before"]);
    let mut chinese = admin.reading(&harness, "zh-CN");
    shows(&chinese.submit(&form.fill("description", "typed later")), 412, &["已被他人修改", "当前状态"]);
}

#[test]
fn a_new_webhook_is_told_of_ends_on_the_days_that_were_typed() {
    let harness = Harness::start();
    let mut admin = Browser::signed_in(&harness, &[Scope::Admin], "en");
    let path = "/console/webhooks/new";
    let form = admin.get(path).form(path);
    assert_eq!(form.value("expiring_days"), "30, 7, 1");
    let form = form.fill("url", "http://127.0.0.1:9/hook");
    let wrong = admin.submit(&form.clone().fill("expiring_days", "400"));
    shows(&wrong, 422, &["Write at most 8 whole numbers"]);
    has_mistake(&wrong, "expiring_days");
    shows(&admin.submit(&wrong.form(path).fill("expiring_days", "")), 200, &["Days before an end none"]);
    let kept = harness.merchant().get("/v1/merchant/webhooks").expect(200);
    assert_eq!(kept.at("/items/0/expiring_days"), json!([]));
}

#[track_caller]
fn has_mistake(page: &Page, name: &str) {
    page.read(|document| {
        let field = document.descendants().find(|node| node.attribute("name") == Some(name)).expect("it");
        let told = field.attribute("aria-describedby").unwrap_or_default();
        assert!(told.contains(&format!("field-{name}-error")), "{name}: {told}");
        assert_eq!(field.attribute("aria-invalid"), Some("true"));
    });
}

#[test]
fn events_since_a_time_are_sent_again_after_it_was_shown_which() {
    let harness = Harness::start();
    let receiver = Receiver::start(&harness.world.clock);
    let hook = json!({ "url": receiver.url(), "events": ["license.issued"] });
    let id = made(&harness, &hook);
    for _ in 0..4 {
        let license = issue(&harness, "cad-year").text_at("/id");
        // This is not asked for.
        let suspend = format!("/v1/merchant/licenses/{license}/suspend");
        harness.merchant().post(&suspend, &json!({})).expect(200);
        deliver(&harness);
        harness.world.clock.advance(Duration::from_secs(60));
    }
    assert_eq!(receiver.received().len(), 4);
    let mut admin = Browser::signed_in(&harness, &[Scope::Admin], "en");
    let path = format!("/console/webhooks/{id}/since");
    let form = admin.get(&path).form(&path);
    let wrong = admin.submit(&form.clone().fill("since", "soon").fill("limit", "0"));
    shows(&wrong, 422, &["Write a day, or a day and a time", "from 1 to 10000"]);
    for name in ["since", "limit"] {
        has_mistake(&wrong, name);
    }
    assert_eq!(["since", "limit"].map(|name| wrong.form(&path).value(name).to_owned()), ["soon", "0"]);
    let later = admin.submit(&form.clone().fill("since", "2027-01-01"));
    shows(&later, 200, &["Events 0", "asks for nothing that has happened since then"]);

    // 08:00 in UTC is 16:00 in Shanghai: the first minute is left out, and the last by the limit.
    let form = form.fill("since", "2026-01-31 16:01").fill("limit", "2");
    let shown = admin.submit(&form);
    shows(
        &shown,
        200,
        &["Events 2", "31 Jan 2026, 16:01", "31 Jan 2026, 16:02", "the later ones are not sent"],
    );
    deliver(&harness);
    assert_eq!(receiver.received().len(), 4, "showing changes nothing");
    // Something else than what was shown is shown first.
    let shown = admin.submit(&shown.form(&path).fill("limit", "10"));
    shows(&shown, 200, &["Events 3", "16:03"]);
    let change = json!({ "events": ["license.issued", "license.suspended"] });
    let address = format!("/v1/merchant/webhooks/{id}");
    harness.merchant().send("PATCH", &address, change.to_string().as_bytes()).expect(200);
    let shown = admin.submit(&shown.form(&path));
    shows(&shown, 200, &["Events 6"]);
    let confirmed = shown.form(&path);
    shows(&admin.submit(&confirmed), 200, &["They are sent again"]);
    deliver(&harness);
    // Sent once more, as by going back: it is done.
    shows(&admin.submit(&confirmed), 200, &["They are sent again"]);
    deliver(&harness);
    let received = receiver.received();
    assert_eq!(received.len(), 10);
    let ids = |range: std::ops::Range<usize>| {
        let issued = received[range].iter().filter(|it| it.kind() == "license.issued");
        issued.map(|it| it.id.clone()).collect::<Vec<_>>()
    };
    assert_eq!(ids(4..10), ids(1..4), "under the ids that they had");

    harness.merchant().post(&format!("{address}/disable"), &json!({})).expect(200);
    shows(&admin.submit(&form), 409, &["enable it first"]);
    let page = admin.get(&format!("/console/webhooks/{id}"));
    assert!(!page.answer.text.contains(&path), "nothing is sent again while nothing is sent");
}

/// Seals what has happened, and sends what is due.
fn deliver(harness: &Harness) {
    harness.block_on(async {
        while harness.app.seal_events().await.expect("events are sealed").has_more {}
        while harness.app.deliver_due_events().await.expect("events are sent") > 0 {}
    });
}
