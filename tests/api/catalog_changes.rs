//! Apply files that change what there is: what they say beforehand, and what they must not take away.

use lictor::sandbox::orders::{Basket, Billing, Period};
use serde_json::{Value, json};

use crate::support::api::Answer;
use crate::support::{ACCESS_KEY, Harness, acme};

const APPLY: &str = "/v1/merchant/apply";

fn monthly() -> Basket {
    Basket::of("CAD-MONTH", Billing::Period(Period::Months(1)))
}

/// A purchase of one month through `cad-koogallery`: instance and license.
fn buy(harness: &Harness) -> (String, String) {
    let instance = harness.storefront().buy(monthly()).expect("answered").answer.instance_id().to_owned();
    harness.settle();
    let found = harness.merchant().get(&format!("/v1/merchant/licenses?instance_id={instance}")).expect(200);
    (instance, found.text_at("/items/0/id"))
}

fn entry(answer: &Answer, id: &str) -> Value {
    let entries = answer.at("/entries").as_array().expect("a list").clone();
    entries.into_iter().find(|entry| entry["id"] == id).expect("it is named")
}

fn line_of(file: &str, words: &str) -> usize {
    let at = file.find(words).unwrap_or_else(|| panic!("{words} is in the file"));
    file[..at].matches('\n').count() + 1
}

#[test]
fn a_dry_run_shows_each_member_before_and_after_and_no_secret() {
    let harness = Harness::start();
    let file = acme(&harness.world.sandbox)
        .replace("machines = 3", "machines = 4\nupdates = \"P1Y\"")
        .replace("term = \"P1Y\"\nmachines = 4", "term = \"permanent\"\nmachines = 4")
        .replace("reset = \"month\"", "reset = \"year\"")
        .replace("env:OPEN_API_SK", "env:NEWER_SK");
    let shown = harness.merchant().post(APPLY, &json!({ "toml": file, "dry_run": true })).expect(200);
    let expected = json!([
        { "member": "term", "before": "\"P1Y\"", "after": "\"permanent\"" },
        { "member": "machines", "before": "3", "after": "4" },
        { "member": "updates", "before": null, "after": "\"P1Y\"" },
        { "member": "quota.render-minutes.reset", "before": "\"month\"", "after": "\"year\"" },
    ]);
    assert_eq!(entry(&shown, "cad-year")["members"], expected);
    let secret = json!([{ "member": "open_api.secret_key", "before": "\"env:OPEN_API_SK\"",
        "after": "\"env:NEWER_SK\"" }]);
    assert_eq!(entry(&shown, "cad-koogallery")["members"], secret);
    assert!(!shown.text.contains(ACCESS_KEY), "a reference, never the secret");
    assert_eq!(entry(&shown, "cad-month")["members"], Value::Null);
}

#[test]
fn a_changed_spec_changes_nothing_that_was_sold() {
    let harness = Harness::start();
    let (_, license) = buy(&harness);
    let path = format!("/v1/merchant/licenses/{license}?reveal=true");
    let before = harness.merchant().get(&path).expect(200);
    let file = acme(&harness.world.sandbox).replace(
        "term = \"P1M\"\n",
        "term = \"P3M\"\nmachines = 9\nentitlements = [\"all\"]\n[[spec.quota]]\nmetric = \"m\"\namount = 1\n",
    );
    let applied = harness.merchant().post(APPLY, &json!({ "toml": file })).expect(200);
    assert_eq!(entry(&applied, "cad-month")["change"], "changed");
    assert_eq!(harness.merchant().get(&path).expect(200).json(), before.json());
    let (_, later) = buy(&harness);
    let later = harness.merchant().get(&format!("/v1/merchant/licenses/{later}")).expect(200);
    assert_eq!((later.at("/machines"), later.text_at("/term")), (json!(9), "P3M".to_owned()));
}

/// A piece of the file, what stands in its place, where that is told, and what to do.
const STRANDING: &[(&str, &str, &str, &str)] = &[
    (
        "issuer = \"https://license.acme.example\"",
        "issuer = \"https://other.example\"",
        "issuer = \"https://other.example\"",
        "write `issuer = \"https://license.acme.example\"`",
    ),
    (
        "id = \"cad-month\"\nproduct = \"acme-cad\"",
        "id = \"cad-month\"\nproduct = \"acme-cam\"",
        "product = \"acme-cam\"",
        "write `product = \"acme-cad\"`, and give the other product a spec of its own",
    ),
    ("sku = \"CAD-MONTH\"", "sku = \"CAD-M\"", "sku = \"CAD-M\"", "keep it here, or give it to another spec"),
    (
        "products = [\"acme-cad\"]",
        "products = [\"acme-cam\"]",
        "products = [\"acme-cam\"]",
        "keep it in the list until they have ended",
    ),
    (
        "protocol = \"saas-v2\"",
        "protocol = \"license-online\"",
        "protocol = \"license-online\"",
        "make a second channel for the other one",
    ),
];

#[test]
fn what_would_strand_sold_licenses_is_refused_with_line_number_example_and_what_to_do() {
    let harness = Harness::start();
    let merchant = harness.merchant();
    let second_product =
        "\n[[product]]\nid = \"acme-cam\"\nname = \"Acme CAM\"\n\n[[spec]]\nid = \"cad-year\"";
    let plain = acme(&harness.world.sandbox).replacen("\n[[spec]]\nid = \"cad-year\"", second_product, 1);
    let (first, license) = buy(&harness);
    let (second, _) = buy(&harness);
    let mut all = plain.clone();
    for (right, wrong, place, words) in STRANDING {
        let file = plain.replacen(right, wrong, 1);
        assert_ne!(file, plain, "{right}");
        all = all.replacen(right, wrong, 1);
        for dry_run in [true, false] {
            let refused = merchant.post(APPLY, &json!({ "toml": file, "dry_run": dry_run }));
            let refused = refused.expect_problem(422, "invalid_request");
            assert_eq!(refused.at("/mistakes").as_array().map(Vec::len), Some(1), "{refused:?}");
            assert_eq!(refused.at("/mistakes/0/line"), line_of(&file, place), "{refused:?}");
            let told = refused.text_at("/mistakes/0/message");
            assert!(told.contains("2 licenses") && told.contains(words), "{told}");
            assert!(told.contains(&license) || told.contains("such as lic_"), "{told}");
        }
    }
    let refused = merchant.post(APPLY, &json!({ "toml": all })).expect_problem(422, "invalid_request");
    let lines: Vec<_> =
        refused.at("/mistakes").as_array().expect("a list").iter().map(|it| it["line"].clone()).collect();
    assert_eq!(lines.len(), STRANDING.len(), "all at once: {refused:?}");
    let unchanged = merchant.post(APPLY, &json!({ "toml": plain, "dry_run": true })).expect(200);
    assert_eq!(entry(&unchanged, "cad-month")["change"], "unchanged", "nothing of it was applied");
    // Whoever is gone is not stranded; only the issuer is for ever.
    for instance in [first, second] {
        harness.storefront().release(&instance).expect("answered");
    }
    for (right, wrong, place, _) in STRANDING {
        let file = plain.replacen(right, wrong, 1);
        let answer = merchant.post(APPLY, &json!({ "toml": file, "dry_run": true }));
        let is_issuer = place.starts_with("issuer");
        answer.expect(if is_issuer { 422 } else { 200 });
    }
}

#[test]
fn a_sku_may_move_to_another_spec_and_a_month_that_is_long_over_strands_nobody() {
    let harness = Harness::start();
    let merchant = harness.merchant();
    buy(&harness);
    let plain = acme(&harness.world.sandbox);
    let moved = plain
        .replace("sku = \"CAD-MONTH\"", "sku = \"CAD-M\"")
        .replace("sku = \"CAD-YEAR\"", "sku = [\"CAD-YEAR\", \"CAD-MONTH\"]");
    merchant.post(APPLY, &json!({ "toml": moved, "dry_run": true })).expect(200);
    let gone = plain.replace("sku = \"CAD-MONTH\"", "sku = \"CAD-M\"");
    let at = |text: &str| harness.world.clock.set(text.parse().expect("valid"));
    // Bought on 31 January for a month; marketplaces renew up to 15 days after the end.
    at("2026-03-14T00:00:00Z");
    merchant.post(APPLY, &json!({ "toml": gone, "dry_run": true })).expect(422);
    at("2026-03-17T00:00:00Z");
    merchant.post(APPLY, &json!({ "toml": gone, "dry_run": true })).expect(200);
}

#[test]
fn pruning_removes_what_the_file_leaves_out_unless_licenses_hang_on_it() {
    let harness = Harness::start();
    let merchant = harness.merchant();
    let (instance, license) = buy(&harness);
    let plain = acme(&harness.world.sandbox);
    let start = plain.find("[[spec]]\nid = \"cad-month\"").expect("it is there");
    let end = plain.find("[[spec]]\nid = \"cad-forever\"").expect("it is there");
    let without_month = format!("{}{}", &plain[..start], &plain[end..]);
    let only_product = &plain[..plain.find("[[spec]]").expect("it is there")];
    let asked = |file: &str, prune: bool, dry_run: bool| {
        merchant.post(APPLY, &json!({ "toml": file, "prune": prune, "dry_run": dry_run }))
    };
    asked(only_product, false, false).expect(200);
    let refused = asked(only_product, true, false).expect_problem(422, "invalid_request");
    let told: Vec<String> = refused
        .at("/mistakes")
        .as_array()
        .expect("a list")
        .iter()
        .map(|it| {
            format!("{} {}", it["pointer"].as_str().expect("text"), it["message"].as_str().expect("text"))
        })
        .collect();
    assert_eq!(told.len(), 2, "the month and its channel: {told:?}");
    assert!(told.iter().any(|it| it.starts_with("/spec/cad-month ") && it.contains(&license)), "{told:?}");
    assert!(told.iter().any(|it| it.starts_with("/channel/cad-koogallery ")), "{told:?}");
    asked(&without_month, true, false).expect_problem(422, "invalid_request");
    harness.storefront().release(&instance).expect("answered");
    let dry = asked(&without_month, true, true).expect(200);
    assert_eq!(entry(&dry, "cad-month")["change"], "removed");
    asked(&without_month, true, false).expect(200);
    let issue = json!({ "product": "acme-cad", "spec": "cad-month" });
    merchant.post("/v1/merchant/licenses", &issue).expect_problem(422, "invalid_request");
    let again = asked(&without_month, true, false).expect(200);
    assert!(!again.text.contains("removed"), "{again:?}");
    asked(&plain, false, false).expect(200);
}

#[test]
fn a_channel_with_a_purchase_that_waits_is_not_pruned() {
    let harness = Harness::start();
    let bought = harness.storefront().buy(Basket::of("CAD-UNKNOWN", Billing::OneTime)).expect("answered");
    harness.settle();
    let plain = acme(&harness.world.sandbox);
    let without = &plain[..plain.find("[[channel]]").expect("it is there")];
    let refused = harness.merchant().post(APPLY, &json!({ "toml": without, "prune": true }));
    let refused = refused.expect_problem(422, "invalid_request");
    assert_eq!(refused.at("/mistakes/0/pointer"), "/channel/cad-koogallery", "{bought:?}");
}

#[test]
fn mistakes_of_form_and_those_that_only_the_server_sees_are_told_in_one_answer() {
    let harness = Harness::start();
    buy(&harness);
    let file = acme(&harness.world.sandbox)
        .replace("machines = 3", "machines = 0")
        .replace("sku = \"CAD-MONTH\"", "sku = \"CAD-M\"")
        + "\n[[api_token]]\nname = \"ci\"\nscopes = [\"read\"]\nvalue = \"env:NOWHERE\"\n";
    let refused = harness.merchant().post(APPLY, &json!({ "toml": file }));
    let refused = refused.expect_problem(422, "invalid_request");
    let lines: Vec<u64> = refused
        .at("/mistakes")
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|it| it["line"].as_u64())
        .collect();
    let expected =
        ["machines = 0", "sku = \"CAD-M\"", "[[api_token]]"].map(|words| line_of(&file, words) as u64);
    assert_eq!(lines, expected, "{refused:?}");
}
