//! Held orders, the outbox, channels, files of offline machines, issuing by hand, customers, keys.

use lictor::domain::{Scope, TokenOwner};
use lictor::sandbox::orders::{Basket, Billing, Period};
use serde_json::json;

use super::browser::{Browser, Page, shows};
use crate::support::Harness;
use crate::support::people::{activate, issue};
use crate::support::receiver::Receiver;

#[test]
fn a_held_order_is_mapped_after_it_was_shown_what_is_issued() {
    let harness = Harness::start();
    let basket = Basket { quantity: Some(2), ..Basket::of("NEW-SKU", Billing::Period(Period::Years(1))) };
    harness.storefront().buy(basket).expect("answered");
    harness.settle();
    let order = harness.merchant().get("/v1/merchant/orders?state=held").expect(200).text_at("/items/0/id");
    let mut agent = Browser::signed_in(&harness, &[Scope::Read, Scope::Catalog, Scope::Support], "en");
    shows(&agent.get("/console"), 200, &["Orders held: 1."]);
    shows(&agent.get("/console/orders"), 200, &[&order, "NEW-SKU", "held"]);
    shows(
        &agent.get(&format!("/console/orders/{order}")),
        200,
        &["No spec knows what was bought", "Refunded"],
    );
    let path = format!("/console/orders/{order}/map");
    let form = agent.get(&path).form(&path);
    let monthly = agent.submit(&form.clone().fill("spec", "cad-month"));
    shows(&monthly, 409, &["always P1M"]);
    let shown = agent.submit(&form.fill("spec", "cad-year"));
    shows(
        &shown,
        200,
        &["What is issued then", "Machines allowed 6", "1,000.5 minute", "Orders of this code that wait 1"],
    );
    let state = || harness.merchant().get(&format!("/v1/merchant/orders/{order}")).expect(200).at("/state");
    assert_eq!(state(), json!("held"), "showing changes nothing");
    let done = agent.submit(&shown.form(&path));
    shows(&done, 200, &["what waited for it is issued", "issued"]);
    assert_eq!(state(), json!("minted"));
    shows(&agent.get("/console/orders"), 200, &["No orders of this kind"]);
}

#[test]
fn an_order_that_changed_meanwhile_is_shown_as_it_is_and_twice_is_once() {
    let harness = Harness::start();
    let basket = Basket::of("NEW-SKU", Billing::Period(Period::Years(1)));
    let bought = harness.storefront().buy(basket).expect("answered");
    harness.settle();
    let order = harness.merchant().get("/v1/merchant/orders?state=held").expect(200).text_at("/items/0/id");
    let mut agent = Browser::signed_in(&harness, &[Scope::Read, Scope::Catalog], "en");
    let path = format!("/console/orders/{order}/map");
    let shown = |agent: &mut Browser| {
        let form = agent.get(&path).form(&path).fill("spec", "cad-year");
        let shown = agent.submit(&form);
        shows(&shown, 200, &["What is issued then"]);
        shown.form(&path)
    };
    let form = shown(&mut agent);
    harness.storefront().freeze(bought.answer.instance_id()).expect("answered");
    let late = agent.submit(&form);
    shows(&late, 412, &["Somebody changed this order", "Calls that wait for the license 1", "held"]);
    let state = || harness.merchant().get(&format!("/v1/merchant/orders/{order}")).expect(200).at("/state");
    assert_eq!(state(), json!("held"), "nothing was done");
    let form = shown(&mut agent);
    shows(&agent.submit(&form), 200, &["what waited for it is issued"]);
    shows(&agent.submit(&form), 200, &["what waited for it is issued"]);
    assert_eq!(state(), json!("minted"));
    let other = agent.submit(&form.fill("spec", "cad-month").fill("seen", "cad-month"));
    shows(&other, 412, &["Somebody changed this order", "issued"]);
}

#[test]
fn work_that_failed_is_done_again_and_a_channel_says_what_is_wrong() {
    let harness = Harness::start();
    harness.world.set_secret("OPEN_API_SK", "wrong");
    harness.storefront().buy(Basket::of("CAD-YEAR", Billing::Period(Period::Years(1)))).expect("answered");
    harness.settle();
    let mut agent = Browser::signed_in(&harness, &[Scope::Admin], "en");
    let outbox = agent.get("/console/outbox?failed=yes");
    shows(&outbox, 200, &["ask what the order says", "cad-koogallery"]);
    harness.world.set_secret("OPEN_API_SK", "SK");
    let job = harness.merchant().get("/v1/merchant/outbox").expect(200).text_at("/items/0/id");
    let done = agent.submit(&outbox.form(&format!("/console/outbox/{job}/retry")));
    shows(&done, 200, &["It is looked at again now."]);
    harness.settle();
    shows(&agent.get("/console/outbox"), 200, &["Nothing waits."]);
    // The address is on this machine and without TLS: the test says so, and what to do.
    let path = "/console/channels/cad-koogallery";
    let channel = agent.get(path);
    shows(&channel, 200, &[&format!("{}/marketplace/acme/cad-koogallery", harness.url)]);
    let report = agent.submit(&channel.form(&format!("{path}/check")));
    shows(&report, 200, &["What the test found", "LICTOR_PUBLIC_URL", "Access key", "succeeded"]);
    shows(&agent.get(&format!("{path}/calls")), 200, &["newInstance"]);
    let mut chinese = agent.reading(&harness, "zh-CN");
    let report = chinese.get(path).form(&format!("{path}/check"));
    shows(&chinese.submit(&report), 200, &["测试结果", "密钥"]);
}

#[test]
fn a_license_is_issued_by_hand_once_and_mistakes_stand_at_their_fields() {
    let harness = Harness::start();
    let mut agent = Browser::signed_in(&harness, &[Scope::Read, Scope::Issue], "en");
    let form = agent.get("/console/issue").form("/console/issue").fill("spec", "cad-year");
    let wrong = agent.submit(
        &form
            .clone()
            .fill("quantity", "none")
            .fill("customer", "two words")
            .fill("label", " Room  7 ")
            .fill("term", "1 year"),
    );
    shows(&wrong, 422, &["Please change this", "Write a whole number", "Write an id without blanks", "P14D"]);
    wrong.read(|page| {
        for name in ["quantity", "customer", "term"] {
            let field =
                page.descendants().find(|node| node.attribute("name") == Some(name)).expect("the field");
            let told = field.attribute("aria-describedby").unwrap_or_default();
            assert!(told.contains(&format!("field-{name}-error")), "{name}: {told}");
            assert_eq!(field.attribute("aria-invalid"), Some("true"));
        }
    });
    let typed = wrong.form("/console/issue");
    let kept = ["quantity", "customer", "label", "term", "spec"].map(|name| typed.value(name));
    assert_eq!(kept, ["none", "two words", " Room  7 ", "1 year", "cad-year"]);
    let right = typed.fill("quantity", "2").fill("customer", "customer-9").fill("term", "");
    let first = agent.send(&right);
    assert_eq!(first.header("location"), agent.send(&right).header("location"), "once");
    let page = agent.get(first.header("location").expect("it leads to the license"));
    shows(&page, 200, &["The license was issued.", "customer-9", "Machines allowed 6"]);
    let listed = harness.merchant().get("/v1/merchant/licenses?customer=customer-9").expect(200);
    assert_eq!(listed.at("/items").as_array().map(Vec::len), Some(1));
    assert_eq!(listed.at("/items/0/label"), json!(" Room  7 "));
}

#[test]
fn a_customers_data_is_shown_handed_out_and_erased_after_a_question() {
    let harness = Harness::start();
    let order =
        json!({ "product": "acme-cad", "spec": "cad-year", "customer": "customer-7", "label": "Room 12" });
    let sold = harness.merchant().post("/v1/merchant/licenses?reveal=true", &order).expect(201);
    activate(&harness.anonymous(), &sold.text_at("/license_key"), 1, "n1").expect(201);
    let mut admin = Browser::signed_in(&harness, &[Scope::Admin], "en");
    let kept = look_up(&mut admin);
    shows(&kept, 200, &["Room 12", "desk 1"]);
    let file = admin.send(&kept.form("/console/customers/export"));
    assert_eq!(file.at("/items/0/label"), json!("Room 12"), "{file:?}");
    assert!(file.header("content-disposition").is_some_and(|it| it.starts_with("attachment")));
    let asked = admin.submit(&kept.form("/console/customers/erase"));
    shows(&asked, 200, &["Erase this customer's personal data?", "cannot be undone"]);
    let again = look_up(&mut admin);
    shows(&again, 200, &["Room 12"]);
    shows(
        &admin.submit(&asked.form("/console/customers/erase")),
        200,
        &["Licenses 1", "Names of machines 1"],
    );
    let gone = look_up(&mut admin);
    shows(&gone, 200, &["Nothing is kept of this customer."]);
}

fn look_up(admin: &mut Browser) -> Page {
    let path = "/console/customers";
    let form = admin.get(path).form(path).fill("customer", "customer-7");
    admin.submit(&form)
}

#[test]
fn an_offline_machines_file_is_answered_and_a_damaged_one_is_told_of() {
    let harness = Harness::start();
    let key = issue(&harness, "cad-forever").text_at("/license_key");
    let folder = tempfile::tempdir().expect("a folder");
    let keys = harness.anonymous().get("/v1/keysets/acme/jwks.json").expect(200).text;
    let clock = std::sync::Arc::clone(&harness.world.clock);
    let config =
        license_client::Config::new("acme-cad", "https://license.acme.example", &keys, folder.path())
            .expect("a valid configuration")
            .machine_name("lab 1")
            .clock(move || lictor::application::ports::Clock::now(clock.as_ref()).timestamp())
            .environment(|_| None)
            .machine(|| [(license_token::Component::Os, "an id".to_owned())].to_vec());
    let request = license_client::request(&config, Some(&key)).expect("a request");
    let mut agent = Browser::signed_in(&harness, &[Scope::Support, Scope::Read], "en");
    let form = agent.get("/console/air-gap").form("/console/air-gap").without("file");
    let nothing = agent.submit(&form);
    shows(&nothing, 422, &["Choose a file or paste its text."]);
    let middle = request.len() / 2;
    let other = if request[middle..].starts_with('A') { "B" } else { "A" };
    let damaged = format!("{}{other}{}", &request[..middle], &request[middle + 1..]);
    let told = agent.submit(&form.clone().fill("request", &damaged));
    assert_eq!(told.answer.status, 422, "{}", told.answer.text);
    assert_eq!(told.form("/console/air-gap").value("request").trim(), damaged.trim());
    let answered = agent.submit(&form.fill("request", &request));
    shows(&answered, 200, &["A machine took a place.", "BEGIN"]);
    assert!(answered.answer.text.contains("<svg"));
    let file = agent.send(&answered.form("/console/air-gap"));
    assert!(
        file.header("content-disposition").is_some_and(|it| it.contains("license-response.txt")),
        "{file:?}"
    );
    let verdict = license_client::take_response(&config, &file.text).expect("a response");
    assert_eq!(verdict.code(), "valid");
}

#[test]
fn the_operator_rotates_and_revokes_keys_as_they_were_seen() {
    let harness = Harness::start();
    let token = harness.token_of(TokenOwner::Server, &[Scope::Operator]);
    let mut operator = Browser::with_token(&harness, &token, "en");
    let choice = operator.get("/console/merchants");
    let chosen = operator.submit(&choice.form("/console/merchants").fill("merchant", "acme"));
    assert_eq!((chosen.path.as_str(), chosen.answer.status), ("/console", 200), "{}", chosen.answer.text);
    let path = "/console/keys/rotate";
    let form = operator.get(path).form(path).fill("role", "status");
    shows(&operator.submit(&form), 200, &["The keys are rotated.", "signs no more, is believed"]);
    let stale = operator.submit(&form);
    shows(&stale, 412, &["The keys were changed while you decided"]);
    let keys = harness.merchant().get("/v1/merchant/keys").expect(200);
    let keys = keys.at("/items").as_array().cloned().expect("a list");
    let old = keys.iter().find(|key| key["state"] == "verifying").expect("the one before");
    let path = format!("/console/keys/{}/revoke", old["kid"].as_str().expect("a name"));
    let form = operator.get(&path).form(&path).fill("at", "2026-01-01");
    let wrong = operator.submit(&form);
    shows(&wrong, 422, &["nothing for the first choice", "This cannot be undone"]);
    shows(&operator.submit(&form.fill("at", "")), 200, &["The key is revoked", "revoked"]);
}

#[test]
fn a_webhook_is_made_tried_out_and_deleted_and_the_audit_log_tells_of_it() {
    let harness = Harness::start();
    let receiver = Receiver::start(&harness.world.clock);
    let mut admin = Browser::signed_in(&harness, &[Scope::Admin], "en");
    let path = "/console/webhooks/new";
    let form = admin.get(path).form(path);
    let wrong = admin.submit(&form.clone().fill("url", "ftp://nowhere").fill("description", "desk"));
    assert_eq!(wrong.answer.status, 422, "{}", wrong.answer.text);
    assert_eq!(wrong.form(path).value("description"), "desk");
    let made = admin.submit(&wrong.form(path).fill("url", &receiver.url()));
    shows(&made, 200, &["It is shown only now", &receiver.url()]);
    let secret = made.read(|page| {
        let field =
            page.descendants().find(|node| node.attribute("id") == Some("new-secret")).expect("it is shown");
        field.text().unwrap_or_default().trim().to_owned()
    });
    assert!(secret.starts_with("whsec_"), "{secret}");
    let id = harness.merchant().get("/v1/merchant/webhooks").expect(200).text_at("/items/0/id");
    let page = admin.get(&format!("/console/webhooks/{id}"));
    assert!(!page.answer.text.contains(&secret), "it is shown once");
    let tested = admin.submit(&page.form(&format!("/console/webhooks/{id}/test")));
    shows(&tested, 200, &["The test event was accepted.", "lictor.test"]);
    let off = admin.submit(&tested.form(&format!("/console/webhooks/{id}/disable")));
    shows(&off, 200, &["It is switched off", "off by hand"]);
    let late = admin.submit(&page.form(&format!("/console/webhooks/{id}/disable")));
    assert_eq!(late.answer.status, 412, "{}", late.answer.text);
    let path = format!("/console/webhooks/{id}/delete");
    let asked = admin.get(&path);
    shows(&asked, 200, &["Delete this webhook?", "cannot be undone"]);
    shows(&admin.submit(&asked.form(&path)), 200, &["The webhook is deleted.", "There is no webhook yet."]);
    harness.block_on(async { while harness.app.seal_events().await.expect("events are sealed").has_more {} });
    shows(&admin.get("/console/audit"), 200, &["A webhook was made", "A webhook was deleted", "test"]);
}
