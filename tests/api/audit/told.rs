//! Every change of the merchant's world is told, with who did it and what was before and after.

use lictor::domain::{Scope, TokenOwner};
use serde_json::{Value, json};

use super::seal;
use crate::support::api::Api;
use crate::support::{Harness, channel_speaking, globex};

/// The events of a kind, the newest first.
fn told(harness: &Harness, kind: &str) -> Vec<Value> {
    seal(harness);
    let page = harness.merchant().get(&format!("/v1/merchant/audit?kind={kind}")).expect(200);
    page.at("/items").as_array().expect("a list").iter().map(|item| item["event"].clone()).collect()
}

#[test]
fn tokens_are_told_without_their_text() {
    let harness = Harness::start();
    let made = harness
        .merchant()
        .post("/v1/merchant/api-tokens", &json!({ "name": "support", "scopes": ["read", "support"] }))
        .expect(201);
    let id = made.text_at("/id");
    harness.merchant().post(&format!("/v1/merchant/api-tokens/{id}/revoke"), &json!({})).expect(200);
    let created = told(&harness, "api_token.created");
    let of_it: Vec<_> =
        created.iter().filter(|event| event["subject"] == format!("api_token/{id}")).collect();
    assert_eq!(of_it.len(), 1);
    assert_eq!(of_it[0]["actor"], "token:test");
    assert_eq!(of_it[0]["detail"], json!({ "name": "support", "scopes": "read support" }));
    let revoked = told(&harness, "api_token.revoked");
    assert_eq!(revoked[0]["subject"], format!("api_token/{id}"));
    // A token of the server's own acts for every merchant.
    harness.token_of(TokenOwner::Server, &[Scope::Operator]);
    let created = told(&harness, "api_token.created");
    assert!(created.iter().any(|event| event["detail"]["owner"] == "server"), "{created:?}");
}

#[test]
fn an_applied_file_is_told_by_entry_and_member() {
    let harness = Harness::start();
    let created: Vec<_> = told(&harness, "catalog.created");
    let has = |subject: &str| created.iter().any(|event| event["subject"] == subject);
    assert!(
        has("merchant/acme")
            && has("product/acme-cad")
            && has("spec/cad-year")
            && has("channel/cad-koogallery")
    );
    let file = crate::support::acme(&harness.world.sandbox).replace("machines = 3", "machines = 5");
    harness.apply(&file);
    let changed = told(&harness, "catalog.changed");
    assert_eq!(changed.len(), 1, "{changed:?}");
    assert_eq!((&changed[0]["subject"], &changed[0]["actor"]), (&json!("spec/cad-year"), &json!("server")));
    let detail = &changed[0]["detail"];
    assert_eq!(
        (&detail["before.machines"], &detail["after.machines"]),
        (&json!("3"), &json!("5")),
        "{detail}"
    );
    // The same again changes nothing, and tells nothing.
    harness.apply(&file);
    assert_eq!(told(&harness, "catalog.changed").len(), 1);
    harness.apply(&channel_speaking("license-code", "cad-codes", &harness.world.sandbox));
    assert!(told(&harness, "catalog.created").iter().any(|event| event["subject"] == "channel/cad-codes"));
}

#[test]
fn rotations_are_told_with_the_key_before_and_the_key_after() {
    let harness = Harness::start();
    let rotated = harness.operator().post("/v1/merchant/keys/rotate", &json!({ "role": "status" }));
    rotated.expect(200);
    let told = told(&harness, "key.rotated");
    assert_eq!(told.len(), 1, "{told:?}");
    let detail = &told[0]["detail"];
    assert_eq!((&detail["role"], &told[0]["actor"]), (&json!("status"), &json!("token:test")));
    assert_ne!(detail["before.kid"], detail["after.kid"]);
    assert_eq!(told[0]["subject"], format!("key/{}", detail["after.kid"].as_str().expect("a key")));
    assert_eq!(self::told(&harness, "key_set.published").len(), 1);
    // Heads of the key before and of the one after lie on one chain.
    let client = super::client(&harness);
    assert_eq!(super::found(&super::verified(&super::keys(&harness), &super::exported(&client), &[])), []);
}

#[test]
fn an_erasure_is_told_without_the_customer() {
    let harness = Harness::start();
    let order = json!({ "product": "acme-cad", "spec": "cad-year", "customer": "cust-0815" });
    harness.merchant().post("/v1/merchant/licenses", &order).expect(201);
    harness.merchant().post("/v1/merchant/customers/cust-0815/erase", &json!({})).expect(200);
    let told = told(&harness, "customer.erased");
    assert_eq!(told.len(), 1);
    assert!(!told[0].to_string().contains("cust-0815"), "{told:?}");
    assert!(told[0]["subject"].as_str().is_some_and(|subject| subject.starts_with("customer/")));
}

/// A page of the list, by its query.
fn page(merchant: &Api, query: &str) -> (Vec<Value>, Value) {
    let answer = merchant.get(&format!("/v1/merchant/audit?{query}")).expect(200);
    let items = answer.at("/items").as_array().expect("a list").clone();
    (items, answer.at("/next_cursor"))
}

/// All pages.
fn all(merchant: &Api, query: &str) -> Vec<Value> {
    let (mut items, mut cursor) = page(merchant, query);
    while let Some(next) = cursor.as_str() {
        let (more, behind) = page(merchant, &format!("{query}&cursor={next}"));
        (items, cursor) = ([items, more].concat(), behind);
    }
    items
}

#[test]
pub fn events_are_found_by_what_they_are_about_who_did_it_what_and_when() {
    let harness = Harness::start();
    let licenses = super::busy(&harness, 10);
    let merchant = harness.merchant();
    let everything = all(&merchant, "limit=7");
    let numbers: Vec<u64> = everything.iter().map(|item| item["seq"].as_u64().expect("sealed")).collect();
    assert!(numbers.windows(2).all(|pair| pair[0] == pair[1] + 1), "newest first, without gaps: {numbers:?}");
    assert_eq!(numbers.last(), Some(&1));
    let of_license = all(&merchant, &format!("license={}&limit=2", licenses[0]));
    let kinds: Vec<_> = of_license.iter().map(|item| item["event"]["kind"].clone()).collect();
    assert_eq!(kinds, ["license.resumed", "license.suspended", "license.issued"]);
    assert!(of_license.iter().all(|item| item["license"] == licenses[0] && item["seq"].is_u64()));
    let by_subject = all(&merchant, &format!("subject=license/{}", licenses[0]));
    assert_eq!(by_subject, of_license);
    let suspended = all(&merchant, "kind=license.suspended&limit=1");
    assert_eq!(suspended.len(), 4);
    assert!(all(&merchant, "actor=token:nobody").is_empty());
    assert_eq!(all(&merchant, "kind=license.issued&actor=token:test&limit=3").len(), 10);
    assert!(all(&merchant, "to=2026-01-01T00:00:00Z").is_empty());
    assert!(all(&merchant, "from=2027-01-01T00:00:00Z").is_empty());
    assert_eq!(all(&merchant, "from=2026-01-01T00:00:00Z&to=2027-01-01T00:00:00Z").len(), everything.len());
    let one = &of_license[0];
    let id = one["event"]["id"].as_str().expect("an id");
    assert_eq!(merchant.get(&format!("/v1/merchant/audit/events/{id}")).expect(200).json(), *one);
}

#[test]
pub fn questions_that_cannot_be_answered_are_refused_and_foreign_events_are_not_there() {
    let harness = Harness::start();
    let licenses = super::busy(&harness, 1);
    let merchant = harness.merchant();
    for (query, pointer) in [
        ("subject=nothing", "/subject"),
        ("license=lic_1", "/license"),
        ("kind=license.eaten", "/kind"),
        ("from=yesterday", "/from"),
        ("to=2026-01-01T00:00:00%2B08:00", "/to"),
        ("limit=0", "/limit"),
        ("cursor=x", "/cursor"),
        ("cursor=evt_0000000000000000000001", "/cursor"),
        ("colour=red", "/colour"),
    ] {
        let refused = merchant.get(&format!("/v1/merchant/audit?{query}")).expect(422);
        assert_eq!(refused.at("/pointer"), pointer, "{query}");
    }
    let both = format!("subject=store/store&license={}", licenses[0]);
    assert_eq!(merchant.get(&format!("/v1/merchant/audit?{both}")).expect(422).at("/pointer"), "/subject");
    assert_eq!(merchant.get("/v1/merchant/audit/stored?cursor=1,x").expect(422).at("/pointer"), "/cursor");
    assert_eq!(merchant.get("/v1/merchant/audit/chain?cursor=-1").expect(422).at("/pointer"), "/cursor");
    harness.apply(globex());
    let id = all(&merchant, "limit=1")[0]["event"]["id"].as_str().expect("an id").to_owned();
    let globex = lictor::domain::MerchantId::parse("globex").expect("valid");
    let other = harness.bearer(&harness.token_of(TokenOwner::Merchant(globex), &[Scope::Admin]));
    other.get(&format!("/v1/merchant/audit/events/{id}")).expect(404);
    assert!(all(&other, "limit=200").iter().all(|item| item["event"]["merchant"] == "globex"));
    harness.bearer(&harness.token(&[Scope::Usage])).get("/v1/merchant/audit").expect(403);
    harness.bearer(&harness.token(&[Scope::Read])).post("/v1/merchant/audit/adopt", &json!({})).expect(403);
}
