//! Who may do what: every route of the merchant API by every scope, and by whose token.

use lictor::domain::{MerchantId, Scope, TokenOwner};
use serde_json::{Value, json};

use crate::support::people::issue;
use crate::support::{Harness, globex};

struct Route {
    method: &'static str,
    path: String,
    body: Value,
    scope: Scope,
    /// Scopes without which part of the answer is not given.
    also: Option<Scope>,
}

fn routes(harness: &Harness) -> Vec<Route> {
    let license = format!("/v1/merchant/licenses/{}", issue(harness, "cad-year").text_at("/id"));
    let route =
        |method, path: &str, body, scope| Route { method, path: path.to_owned(), body, scope, also: None };
    let order = json!({ "product": "acme-cad", "spec": "cad-year" });
    let none = "/v1/merchant/api-tokens/tok_0000000000000000000000/revoke";
    vec![
        route("GET", "/v1/merchant/licenses", json!({}), Scope::Read),
        route("GET", &license, json!({}), Scope::Read),
        Route {
            also: Some(Scope::Keys),
            ..route("GET", &format!("{license}?reveal=true"), json!({}), Scope::Read)
        },
        route("POST", "/v1/merchant/licenses", order.clone(), Scope::Issue),
        Route {
            also: Some(Scope::Keys),
            ..route("POST", "/v1/merchant/licenses?reveal=true", order, Scope::Issue)
        },
        route("POST", &format!("{license}/suspend"), json!({}), Scope::Support),
        route("POST", &format!("{license}/resume"), json!({}), Scope::Support),
        route("POST", &format!("{license}/reissue"), json!({}), Scope::Support),
        route("POST", &format!("{license}/revoke"), json!({}), Scope::Revoke),
        route("GET", "/v1/merchant/keys", json!({}), Scope::Read),
        route("POST", "/v1/merchant/apply", json!({ "toml": "" }), Scope::Catalog),
        route("GET", "/v1/merchant/api-tokens", json!({}), Scope::Admin),
        route("POST", "/v1/merchant/api-tokens", json!({ "name": "n", "scopes": ["read"] }), Scope::Admin),
        route("POST", none, json!({}), Scope::Admin),
    ]
}

fn scopes() -> Vec<Scope> {
    Scope::NAMES.iter().filter_map(|name| Scope::parse(name)).collect()
}

fn send(
    harness: &Harness,
    token: Option<&str>,
    merchant: Option<&str>,
    route: &Route,
) -> crate::support::api::Answer {
    let mut api = harness.anonymous();
    if let Some(token) = token {
        api = api.with("Authorization", &format!("Bearer {token}"));
    }
    if let Some(merchant) = merchant {
        api = api.with("Lictor-Merchant", merchant);
    }
    let body = if route.method == "GET" { Vec::new() } else { route.body.to_string().into_bytes() };
    api.send(route.method, &route.path, &body)
}

#[test]
fn every_route_asks_for_its_scope_and_no_other_opens_it() {
    let harness = Harness::start();
    let routes = routes(&harness);
    for held in scopes() {
        let owner = match held {
            Scope::Operator => TokenOwner::Server,
            Scope::Read
            | Scope::Keys
            | Scope::Support
            | Scope::Issue
            | Scope::Revoke
            | Scope::Usage
            | Scope::Catalog
            | Scope::Admin => TokenOwner::Merchant(MerchantId::parse("acme").expect("valid")),
        };
        let token = harness.token_of(owner, &[held]);
        for route in &routes {
            let answer = send(&harness, Some(&token), Some("acme"), route);
            let holds_all = matches!(held, Scope::Admin | Scope::Operator);
            let lacks = if !holds_all && held != route.scope {
                Some(route.scope)
            } else {
                route.also.filter(|_| !holds_all)
            };
            match lacks {
                Some(scope) => {
                    let refused = answer.expect_problem(403, "scope_missing");
                    assert!(refused.text_at("/reason").contains(scope.as_str()), "{held:?} {}", route.path);
                }
                None => assert!(![401, 403].contains(&answer.status), "{held:?} {}: {answer:?}", route.path),
            }
        }
    }
}

#[test]
fn without_a_live_token_nothing_opens_and_all_look_the_same() {
    let harness = Harness::start();
    let revoked = harness.token(&[Scope::Admin]);
    let listed = harness.bearer(&revoked).get("/v1/merchant/api-tokens").expect(200);
    for item in listed.at("/items").as_array().expect("a list") {
        let path = format!("/v1/merchant/api-tokens/{}/revoke", item["id"].as_str().expect("an id"));
        harness.merchant().post(&path, &json!({})).expect(200);
    }
    let long = "x".repeat(4_000);
    for route in routes(&harness) {
        let first = send(&harness, None, None, &route).expect_problem(401, "token_refused");
        assert_eq!(first.header("www-authenticate"), Some("Bearer"));
        for token in [revoked.as_str(), "lictor_nothing", "", &long] {
            let refused = send(&harness, Some(token), None, &route).expect_problem(401, "token_refused");
            assert_eq!(refused.without_request_id(), first.without_request_id());
        }
    }
}

#[test]
fn a_foreign_merchant_and_its_licenses_look_like_absent_ones() {
    let harness = Harness::start();
    harness.apply(globex());
    let owner = TokenOwner::Merchant(MerchantId::parse("globex").expect("valid"));
    let token = harness.token_of(owner, &[Scope::Admin]);
    for route in routes(&harness) {
        let foreign = send(&harness, Some(&token), Some("acme"), &route).expect_problem(404, "not_found");
        let absent = send(&harness, Some(&token), Some("nobody"), &route).expect_problem(404, "not_found");
        let no_id =
            send(&harness, Some(&token), Some("No Merchant"), &route).expect_problem(404, "not_found");
        assert_eq!(foreign.without_request_id(), absent.without_request_id(), "{}", route.path);
        assert_eq!(foreign.without_request_id(), no_id.without_request_id(), "{}", route.path);
    }
    let acmes = issue(&harness, "cad-year").text_at("/id");
    let globex = harness.bearer(&token);
    for verb in ["", "/suspend", "/resume", "/revoke", "/reissue"] {
        let ask = |id: &str| {
            let path = format!("/v1/merchant/licenses/{id}{verb}");
            if verb.is_empty() { globex.get(&path) } else { globex.post(&path, &json!({})) }
        };
        let foreign = ask(&acmes).expect_problem(404, "not_found");
        for absent in ["lic_0000000000000000000000", "nothing", "%00"] {
            assert_eq!(ask(absent).without_request_id(), foreign.without_request_id(), "{verb} {absent}");
        }
    }
    assert_eq!(globex.get("/v1/merchant/licenses").expect(200).at("/items"), json!([]));
}

#[test]
fn an_operator_names_a_merchant_that_exists() {
    let harness = Harness::start();
    let token = harness.token_of(TokenOwner::Server, &[Scope::Operator]);
    let operator = harness.bearer(&token);
    operator.get("/v1/merchant/licenses").expect_problem(422, "invalid_request");
    operator.with("Lictor-Merchant", "nobody").get("/v1/merchant/licenses").expect_problem(404, "not_found");
    operator.with("Lictor-Merchant", "acme").get("/v1/merchant/licenses").expect(200);
    assert_eq!(
        harness.operator().get("/v1/merchant/keys").expect(200).at("/items").as_array().map(Vec::len),
        Some(4)
    );
}
