//! The merchant API: API tokens, keys, apply files.

use lictor::domain::{Scope, TokenOwner};
use serde_json::{Value, json};

use crate::support::{Harness, acme, globex};

const TOKENS: &str = "/v1/merchant/api-tokens";

#[test]
pub fn a_token_is_shown_once_works_and_ends_when_revoked() {
    let harness = Harness::start();
    let merchant = harness.merchant();
    let made =
        merchant.post(TOKENS, &json!({ "name": "ci", "scopes": ["read", "keys", "read"] })).expect(201);
    let text = made.text_at("/token");
    assert!(text.starts_with("lictor_") && text.len() == "lictor_".len() + 43, "{text}");
    assert_eq!(made.at("/scopes"), json!(["read", "keys"]));
    harness.bearer(&text).get("/v1/merchant/licenses").expect(200);
    let listed = merchant.get(TOKENS).expect(200);
    assert!(!listed.text.contains(&text));
    assert_eq!(listed.at("/next_cursor"), Value::Null);
    let revoke = format!("{TOKENS}/{}/revoke", made.text_at("/id"));
    let revoked = merchant.post(&revoke, &json!({})).expect(200);
    assert_eq!(revoked.at("/revoked_at"), "2026-01-31T08:00:00Z");
    assert_eq!(merchant.post(&revoke, &json!({})).expect(200).json(), revoked.json());
    harness.bearer(&text).get("/v1/merchant/licenses").expect_problem(401, "token_refused");
    merchant.post(&format!("{TOKENS}/nothing/revoke"), &json!({})).expect_problem(404, "not_found");
}

#[test]
fn the_same_request_under_an_idempotency_key_makes_one_token() {
    let harness = Harness::start();
    let request = json!({ "name": "ci", "scopes": ["read"] });
    let repeating = harness.merchant().with("Idempotency-Key", "ci-1");
    let made = repeating.post(TOKENS, &request).expect(201);
    assert_eq!(repeating.post(TOKENS, &request).expect(201).json(), made.json());
    let wider = json!({ "name": "ci", "scopes": ["admin"] });
    repeating.post(TOKENS, &wider).expect_problem(409, "idempotency_conflict");
    harness.bearer(&made.text_at("/token")).get("/v1/merchant/licenses").expect(200);
    let other = harness.merchant().with("Idempotency-Key", "ci-2").post(TOKENS, &request).expect(201);
    assert_ne!(other.at("/token"), made.at("/token"));
    // Made on its own, each is another.
    assert_ne!(harness.merchant().post(TOKENS, &request).expect(201).at("/token"), made.at("/token"));
}

#[test]
fn a_token_ends_at_its_time() {
    let harness = Harness::start();
    let request = json!({ "name": "ci", "scopes": ["read"], "expires_at": "2026-02-01T00:00:00Z" });
    let text = harness.merchant().post(TOKENS, &request).expect(201).text_at("/token");
    harness.bearer(&text).get("/v1/merchant/licenses").expect(200);
    harness.world.clock.set("2026-02-01T00:00:00Z".parse().expect("valid"));
    harness.bearer(&text).get("/v1/merchant/licenses").expect_problem(401, "token_refused");
    let past = json!({ "name": "ci", "scopes": ["read"], "expires_at": "2026-02-01T00:00:00Z" });
    let refused = harness.merchant().post(TOKENS, &past).expect_problem(422, "invalid_request");
    assert_eq!(refused.at("/pointer"), "/expires_at");
}

#[test]
fn nobody_makes_a_token_that_may_do_more_than_theirs() {
    let harness = Harness::start();
    let merchant = harness.merchant();
    let operators = json!({ "name": "root", "scopes": ["operator"] });
    merchant.post(TOKENS, &operators).expect_problem(403, "scope_missing");
    let refused = harness.operator().post(TOKENS, &operators).expect_problem(422, "invalid_request");
    assert_eq!(refused.at("/pointer"), "/scopes/0");
    let server = harness.bearer(&harness.token_of(TokenOwner::Server, &[Scope::Operator]));
    let text = server.post(TOKENS, &operators).expect(201).text_at("/token");
    harness.bearer(&text).with("Lictor-Merchant", "acme").get("/v1/merchant/licenses").expect(200);
    for (request, pointer) in [
        (json!({ "name": "n", "scopes": [] }), "/scopes"),
        (json!({ "name": "n", "scopes": ["read", "write"] }), "/scopes/1"),
        (json!({ "name": " ", "scopes": ["read"] }), "/name"),
        (json!({ "name": "n" }), "/scopes"),
        (json!({ "name": "n", "scopes": ["read"], "expires_at": "soon" }), "/expires_at"),
    ] {
        let refused = merchant.post(TOKENS, &request).expect_problem(422, "invalid_request");
        assert_eq!(refused.at("/pointer"), pointer, "{request}");
    }
    let owns_catalog = harness.bearer(&harness.token(&[Scope::Catalog]));
    harness.world.set_secret("GIVEN", "lictor_given");
    let toml = "[[api_token]]\nname = \"ci\"\nscopes = [\"admin\"]\nvalue = \"env:GIVEN\"\n";
    let file = json!({ "toml": toml });
    owns_catalog.post("/v1/merchant/apply", &file).expect_problem(403, "scope_missing");
    let inline =
        json!({ "toml": "api_token = [{ name = \"ci\", scopes = [\"admin\"], value = \"env:GIVEN\" }]" });
    owns_catalog.post("/v1/merchant/apply", &inline).expect_problem(403, "scope_missing");
    harness.bearer("lictor_given").get(TOKENS).expect_problem(401, "token_refused");
    harness.merchant().post("/v1/merchant/apply", &file).expect(200);
    harness.bearer("lictor_given").get(TOKENS).expect(200);
}

#[test]
fn a_token_given_from_outside_is_taken_from_nobody_and_stays_ended() {
    let harness = Harness::start();
    harness.world.set_secret("GIVEN", "lictor_given");
    let given = |name: &str| json!({ "toml": format!("[[api_token]]\nname = \"{name}\"\nscopes = [\"admin\"]\nvalue = \"env:GIVEN\"\n") });
    harness.merchant().post("/v1/merchant/apply", &given("ci")).expect(200);
    let own = harness.bearer("lictor_given").get(TOKENS).expect(200);
    let items = own.at("/items").as_array().expect("a list").clone();
    let id = items.iter().find(|item| item["name"] == "ci").expect("listed")["id"].clone();
    let revoke = format!("{TOKENS}/{}/revoke", id.as_str().expect("an id"));
    harness.merchant().post(&revoke, &json!({})).expect(200);
    for name in ["ci", "other"] {
        harness.merchant().post("/v1/merchant/apply", &given(name)).expect(200);
        harness.bearer("lictor_given").get(TOKENS).expect_problem(401, "token_refused");
    }
    let servers = harness.token_of(TokenOwner::Server, &[Scope::Operator]);
    harness.world.set_secret("GIVEN", &servers);
    let refused = harness.merchant().post("/v1/merchant/apply", &given("mine"));
    assert_eq!(refused.expect_problem(422, "invalid_request").at("/pointer"), "/api_token/0");
    harness.bearer(&servers).get(TOKENS).expect(200);
}

#[test]
fn a_token_is_listed_and_revoked_however_many_others_there_are() {
    let harness = Harness::start();
    for _ in 0..1_050 {
        harness.token_of(TokenOwner::Server, &[Scope::Read]);
    }
    let merchant = harness.merchant();
    for _ in 0..20 {
        let made = merchant.post(TOKENS, &json!({ "name": "ci", "scopes": ["read"] })).expect(201);
        let listed = merchant.get(TOKENS).expect(200).at("/items").as_array().expect("a list").clone();
        assert!(listed.iter().any(|item| item["id"] == made.at("/id")));
        merchant.post(&format!("{TOKENS}/{}/revoke", made.text_at("/id")), &json!({})).expect(200);
    }
}

#[test]
fn keys_are_listed_by_role() {
    let harness = Harness::start();
    let listed = harness.merchant().get("/v1/merchant/keys").expect(200);
    let items = listed.at("/items").as_array().expect("a list").clone();
    let roles: std::collections::BTreeSet<_> =
        items.iter().filter_map(|item| item["role"].as_str()).collect();
    assert_eq!(roles.into_iter().collect::<Vec<_>>(), ["activation", "license", "root", "status"]);
    let jwks = harness.anonymous().get("/v1/keysets/acme/jwks.json").expect(200);
    assert!(items.iter().all(|item| jwks.text.contains(item["kid"].as_str().expect("a kid"))));
}

#[test]
fn an_apply_file_says_what_it_changes_and_changes_nothing_when_dry() {
    let harness = Harness::start();
    let merchant = harness.merchant();
    let file = acme(&harness.world.sandbox).replace("machines = 3", "machines = 4");
    let change_of = |answer: &crate::support::api::Answer, id: &str| {
        let entries = answer.at("/entries").as_array().expect("a list").clone();
        let entry = entries.into_iter().find(|entry| entry["id"] == id).expect("it is named");
        entry["change"].as_str().expect("a word").to_owned()
    };
    for dry_run in [true, true, false] {
        let applied =
            merchant.post("/v1/merchant/apply", &json!({ "toml": file, "dry_run": dry_run })).expect(200);
        assert_eq!(applied.at("/dry_run"), dry_run);
        assert_eq!(change_of(&applied, "cad-year"), "changed");
        assert_eq!(change_of(&applied, "cad-month"), "unchanged");
    }
    let again = merchant.post("/v1/merchant/apply", &json!({ "toml": file })).expect(200);
    assert_eq!(change_of(&again, "cad-year"), "unchanged");
}

#[test]
fn every_mistake_in_an_apply_file_is_named_with_its_line() {
    let harness = Harness::start();
    let file = "[merchant]\nid = \"acme\"\nname = 7\n\n[[spec]]\nid = \"x\"\nterm = \"P0M\"\n";
    let refused = harness.merchant().post("/v1/merchant/apply", &json!({ "toml": file }));
    let refused = refused.expect_problem(422, "invalid_request");
    let lines = refused.at("/mistakes").as_array().expect("a list").clone();
    assert!(lines.len() >= 2, "{refused:?}");
    assert!(lines.iter().all(|mistake| mistake["line"].is_u64() && mistake["message"].is_string()));
}

/// What only the server knows is told with its line too: what it has sold already, what it cannot find.
#[test]
fn what_the_server_refuses_in_an_apply_file_is_named_with_its_line() {
    let harness = Harness::start();
    let merchant = harness.merchant();
    merchant.post("/v1/merchant/licenses", &json!({ "product": "acme-cad", "spec": "cad-year" })).expect(201);
    let spec = "[[spec]]\nid = \"s\"\nproduct = \"acme-cad\"\n";
    let long = "x".repeat(120);
    for (file, line, pointer) in [
        (
            "[merchant]\nid = \"acme\"\nissuer = \"https://other.example\"\n".to_owned(),
            3,
            "/merchant/issuer",
        ),
        (
            format!(
                "{spec}term = \"P1Y\"\n\n{spec}attributes = {{ a = \"{long}\", b = \"{long}\", c = \"{long}\" }}\n"
            )
            .replacen("id = \"s\"", "id = \"short\"", 1),
            6,
            "/spec/1",
        ),
        (
            "\n[[api_token]]\nname = \"ci\"\nscopes = [\"read\"]\nvalue = \"env:NOWHERE\"\n".to_owned(),
            2,
            "/api_token/0",
        ),
    ] {
        for dry_run in [true, false] {
            let refused = merchant.post("/v1/merchant/apply", &json!({ "toml": file, "dry_run": dry_run }));
            let refused = refused.expect_problem(422, "invalid_request");
            assert_eq!(refused.at("/mistakes/0/line"), line, "{file}: {refused:?}");
            assert_eq!(refused.at("/mistakes/0/pointer"), pointer, "{refused:?}");
        }
    }
}

#[test]
fn an_operators_file_may_add_to_what_the_merchant_it_names_has() {
    let harness = Harness::start();
    let operator = harness.bearer(&harness.token_of(TokenOwner::Server, &[Scope::Operator]));
    let file = "[merchant]\nid = \"acme\"\nissuer = \"https://license.acme.example\"\n\
        [[spec]]\nid = \"cad-day\"\nproduct = \"acme-cad\"\nterm = \"P3D\"\n";
    operator.post("/v1/merchant/apply", &json!({ "toml": file })).expect(200);
}

#[test]
fn a_merchant_applies_to_itself_only() {
    let harness = Harness::start();
    let foreign = json!({ "toml": globex() });
    harness.merchant().post("/v1/merchant/apply", &foreign).expect_problem(404, "not_found");
    let operator = harness.operator();
    operator.post("/v1/merchant/apply", &foreign).expect_problem(404, "not_found");
}

#[test]
fn a_merchant_that_has_the_server_to_itself_names_its_environment_and_no_files() {
    let harness = Harness::start();
    let (file, merchant) = (acme(&harness.world.sandbox), harness.merchant());
    let with = |reference: &str| json!({ "toml": file.replace("\"env:OPEN_API_AK\"", reference) });
    let keeps_catalog = harness.bearer(&harness.token(&[Scope::Catalog, Scope::Issue]));
    keeps_catalog
        .post("/v1/merchant/apply", &with("\"env:ADMIN_TOKEN\""))
        .expect_problem(422, "invalid_request");
    merchant.post("/v1/merchant/apply", &with("\"env:ANOTHER_AK\"")).expect(200);
    for foreign in ["\"file:/srv/lictor/data/operator-token\"", "\"env:LICTOR_TOKEN\""] {
        merchant.post("/v1/merchant/apply", &with(foreign)).expect_problem(422, "invalid_request");
    }
}

#[test]
fn a_merchants_token_points_no_channel_at_a_secret_that_the_operator_did_not_give_it_for_that() {
    let harness = Harness::start();
    harness.apply(globex());
    let file = acme(&harness.world.sandbox);
    let of_operator = harness.operator();
    for scope in [Scope::Catalog, Scope::Admin] {
        let merchant = harness.bearer(&harness.token(&[scope]));
        merchant.post("/v1/merchant/apply", &json!({ "toml": file })).expect(200);
        for (own, foreign) in [
            ("access_key = \"env:OPEN_API_AK\"", "access_key = \"file:/srv/lictor/data/operator-token\""),
            ("access_key = \"env:OPEN_API_AK\"", "access_key = \"env:CALLBACK_KEY\""),
            ("secret_key = \"env:OPEN_API_SK\"", "secret_key = \"env:GLOBEX_SK\""),
            ("access_keys = [\"env:CALLBACK_KEY\"]", "access_keys = [\"env:CALLBACK_KEY\", \"env:HOME\"]"),
        ] {
            let pointed = json!({ "toml": file.replace(own, foreign), "dry_run": scope == Scope::Admin });
            assert!(pointed["toml"] != file, "{own}");
            let refused =
                merchant.post("/v1/merchant/apply", &pointed).expect_problem(422, "invalid_request");
            assert_eq!(refused.at("/pointer"), "/channel/cad-koogallery", "{foreign}");
        }
        let second = file.replace("id = \"cad-koogallery\"", "id = \"cad-second\"");
        merchant.post("/v1/merchant/apply", &json!({ "toml": second })).expect(200);
    }
    let newer = file.replace("[\"env:CALLBACK_KEY\"]", "[\"env:NEWER_KEY\", \"env:CALLBACK_KEY\"]");
    of_operator.post("/v1/merchant/apply", &json!({ "toml": newer })).expect(200);
    harness.merchant().post("/v1/merchant/apply", &json!({ "toml": newer })).expect(200);
}

#[test]
fn a_sku_means_one_spec_per_channel_also_across_files() {
    let harness = Harness::start();
    let second = "[merchant]\nid = \"acme\"\nissuer = \"https://license.acme.example\"\n\
        [[spec]]\nid = \"cad-other\"\nproduct = \"acme-cad\"\nsku = \"CAD-YEAR\"\nterm = \"P1M\"\n";
    let refused = harness
        .operator()
        .post("/v1/merchant/apply", &json!({ "toml": second }))
        .expect_problem(422, "invalid_request");
    assert!(refused.text.contains("CAD-YEAR means both"), "{}", refused.text);
    let other = second.replace("CAD-YEAR", "CAD-OTHER");
    harness.operator().post("/v1/merchant/apply", &json!({ "toml": other })).expect(200);
}
