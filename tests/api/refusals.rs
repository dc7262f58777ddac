//! What holders of no genuine key learn, and what holders of one do.

use std::time::Duration;

use lictor::domain::{MerchantId, Scope, TokenOwner};
use lictor::store::MemoryEngine;
use serde_json::json;

use crate::support::api::Answer;
use crate::support::people::{activate, command, issue};
use crate::support::{Engine, Harness, World, acme, globex};

const DAY: Duration = Duration::from_secs(86_400);

#[test]
fn malformed_foreign_and_unknown_keys_get_one_answer_byte_for_byte() {
    let harness = Harness::start();
    let foreign = issue(&Harness::start(), "cad-year");
    let twin = Harness::start_in(World::with_keys_of(&harness.world), &Engine::Memory(MemoryEngine::new()));
    twin.apply(&acme(&twin.world.sandbox));
    let unknown = issue(&twin, "cad-year");
    let genuine = issue(&harness, "cad-year").text_at("/license_key");
    let certificate = activate(&harness.anonymous(), &genuine, 1, "n").expect(201).text_at("/certificate");
    let (signed, _) = genuine.rsplit_once('.').expect("a token");
    let texts = [
        String::new(),
        "nonsense".into(),
        "a.b.c".into(),
        format!("{signed}.{}", "A".repeat(86)),
        genuine.replace('.', ".."),
        "x".repeat(20_000),
        certificate,
        "AAAAA-AAAAA-AAAAA-AAAAA-AAAAA".into(),
        foreign.text_at("/license_key"),
        foreign.text_at("/claim_code"),
        unknown.text_at("/license_key"),
        unknown.text_at("/claim_code"),
    ];
    let answers: Vec<_> = texts
        .iter()
        .map(|text| activate(&harness.anonymous(), text, 9, "n").expect_problem(401, "license_key_refused"))
        .collect();
    for (text, answer) in texts.iter().zip(&answers) {
        assert_eq!(answer.without_request_id(), answers[0].without_request_id(), "{text}");
    }
    assert_eq!(answers[0].at("/next_action"), "paste_current_key");
    assert_eq!(answers[0].header("www-authenticate"), Some("License"));
}

#[test]
fn no_store_is_asked_before_the_signature_was_checked() {
    let harness = Harness::start();
    let foreign = issue(&Harness::start(), "cad-year").text_at("/license_key");
    let genuine = issue(&harness, "cad-year").text_at("/license_key");
    let (signed, _) = genuine.rsplit_once('.').expect("a token");
    harness.world.clock.advance(DAY);
    let before = harness.store.asked();
    for text in ["a.b.c", &foreign, &format!("{signed}.{}", "A".repeat(86))] {
        let api = harness.anonymous();
        activate(&api, text, 1, "n").expect_problem(401, "license_key_refused");
        let renewal = json!({ "certificate": text, "nonce": "n" });
        api.post("/v1/activations/act_1/renew", &renewal).expect_problem(401, "license_key_refused");
        let release = json!({ "certificate": text });
        api.post("/v1/activations/act_1/release", &release).expect_problem(401, "license_key_refused");
        assert_eq!(api.post("/v1/validate", &json!({ "license_key": text })).expect(200).at("/valid"), false);
        assert_eq!(harness.store.asked(), before, "{text}");
    }
    activate(&harness.anonymous(), &genuine, 1, "n").expect(201);
    assert!(harness.store.asked() > before);
}

#[test]
fn the_holder_of_a_genuine_key_is_told_the_truth_and_what_to_do() {
    let harness = Harness::start();
    let api = harness.anonymous();
    let ask = |license: &Answer| activate(&api, &license.text_at("/license_key"), 1, "n");
    let [suspended, revoked, replaced] = ["suspend", "revoke", "reissue"].map(|verb| {
        let license = issue(&harness, "cad-year");
        command(&harness, &license.text_at("/id"), verb, &json!({ "reason": "leaked" })).expect(200);
        license
    });
    let later = json!({ "product": "acme-cad", "spec": "cad-year", "starts_at": "2026-03-01T00:00:00Z" });
    let later = harness.merchant().post("/v1/merchant/licenses?reveal=true", &later).expect(201);
    let shop = harness.storefront();
    let basket =
        lictor::sandbox::orders::Basket::of("CAD-FOREVER", lictor::sandbox::orders::Billing::OneTime);
    let instance = shop.buy(basket).expect("answers").answer.instance_id().to_owned();
    harness.settle();
    let listed = harness.merchant().get(&format!("/v1/merchant/licenses?instance_id={instance}")).expect(200);
    let path = format!("/v1/merchant/licenses/{}?reveal=true", listed.text_at("/items/0/id"));
    let released = harness.merchant().get(&path).expect(200);
    assert_eq!(shop.release(&instance).expect("answers").result_code(), "000000");
    let expired = issue(&harness, "cad-month");
    let cases = [
        (&suspended, "license_suspended", Some("contact_seller")),
        (&revoked, "license_revoked", Some("contact_seller")),
        (&replaced, "license_superseded", Some("paste_current_key")),
        (&released, "license_released", Some("contact_seller")),
        (&later, "license_not_started", Some("retry")),
    ];
    for (license, code, next_action) in cases {
        let refused = ask(license).expect_problem(403, code);
        assert_eq!(refused.at("/next_action").as_str(), next_action, "{code}");
    }
    harness.world.clock.advance(29 * DAY);
    assert_eq!(ask(&expired).expect_problem(403, "license_expired").at("/next_action"), "renew");
}

#[test]
fn a_merchant_made_while_the_server_runs_is_known_at_once() {
    let harness = Harness::start();
    let operator = harness.bearer(&harness.token_of(TokenOwner::Server, &[Scope::Operator]));
    let applied = operator.post("/v1/merchant/apply", &json!({ "toml": globex() })).expect(200);
    assert_eq!(applied.at("/merchant"), "globex");
    let order = json!({ "product": "globex-sim", "spec": "sim-year" });
    let operator = operator.with("Lictor-Merchant", "globex");
    let license = operator.post("/v1/merchant/licenses?reveal=true", &order).expect(201);
    activate(&harness.anonymous(), &license.text_at("/license_key"), 1, "n").expect(201);
    let globex = MerchantId::parse("globex").expect("valid");
    let token = harness.token_of(TokenOwner::Merchant(globex), &[Scope::Read]);
    assert_eq!(
        harness.bearer(&token).get("/v1/merchant/licenses").expect(200).at("/items/0/id"),
        license.at("/id")
    );
}
