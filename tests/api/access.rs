//! Who may do what: every route of the merchant API by every scope, and by whose token.

use lictor::domain::{MerchantId, Scope, TokenOwner};
use serde_json::{Value, json};

use crate::support::people::{activate, issue};
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

/// Two merchants side by side: what `acme` has, and somebody of `globex` who may do everything there.
struct Neighbours {
    harness: Harness,
    /// `admin` of `globex`.
    globex: crate::support::api::Api,
    license: String,
    activation: String,
}

impl Neighbours {
    fn new() -> Self {
        let harness = Harness::start();
        harness.apply(globex());
        let issued = issue(&harness, "cad-year");
        let (license, key) = (issued.text_at("/id"), issued.text_at("/license_key"));
        let activation = activate(&harness.anonymous(), &key, 1, "n1").expect(201).text_at("/activation_id");
        let owner = TokenOwner::Merchant(MerchantId::parse("globex").expect("valid"));
        let globex = harness.bearer(&harness.token_of(owner, &[Scope::Admin]));
        Self { harness, globex, license, activation }
    }

    fn own_license(&self) -> String {
        let order = json!({ "product": "globex-sim", "spec": "sim-year" });
        self.globex.post("/v1/merchant/licenses", &order).expect(201).text_at("/id")
    }
}

/// The answer as it would be for any id: nothing tells which of the two was asked for.
fn whatever_the_id(answer: &crate::support::api::Answer, id: &str) -> (u16, Vec<(String, String)>, String) {
    let (status, headers, text) = answer.without_request_id();
    let headers = headers.into_iter().filter(|(name, _)| name != "content-length").collect();
    (status, headers, text.replace(id, "ID"))
}

#[test]
fn an_id_of_another_merchant_inside_a_body_is_as_good_as_none() {
    let here = Neighbours::new();
    let own = here.own_license();
    let none = "lic_0000000000000000000000";
    let move_own = format!("/v1/merchant/licenses/{own}/move");
    type Body = fn(&str) -> Value;
    let cases: [(&str, &str, &str, Body); 4] = [
        (&move_own, &here.license, none, |id| json!({ "to": id })),
        ("/v1/usage", &here.license, none, |id| json!({ "license_id": id, "metric": "m", "amount": 1 })),
        (
            "/v1/merchant/licenses",
            "acme-cad",
            "no-product",
            |id| json!({ "product": id, "spec": "cad-year" }),
        ),
        ("/v1/merchant/licenses", "cad-year", "no-spec", |id| json!({ "product": "globex-sim", "spec": id })),
    ];
    for (path, foreign, absent, body) in cases {
        let ask = |id: &str| whatever_the_id(&here.globex.post(path, &body(id)), id);
        let (theirs, nobodys) = (ask(foreign), ask(absent));
        assert!((400..500).contains(&theirs.0), "{path}: {theirs:?}");
        assert_eq!(theirs, nobodys, "{path}");
    }
    // Keeping or ending machines of one's own license touches nobody else's.
    let keep = json!({ "keep": [here.activation] });
    here.globex.post(&format!("/v1/merchant/licenses/{own}/reissue"), &keep).expect(200);
    // Nothing came of it where they are.
    let shown = here.harness.merchant().get(&format!("/v1/merchant/licenses/{}", here.license)).expect(200);
    assert_eq!((shown.at("/state"), shown.at("/activations/0/state")), (json!("active"), json!("held")));
}

#[test]
fn a_cursor_of_another_merchant_shows_nothing_of_theirs() {
    let here = Neighbours::new();
    let own = here.own_license();
    let acme = here.harness.merchant();
    for _ in 0..2 {
        issue(&here.harness, "cad-year");
    }
    let page = acme.get("/v1/merchant/licenses?limit=1").expect(200);
    let cursor = page.text_at("/next_cursor");
    // Theirs are older than the cursor says: exactly the own ones that are older too.
    let shown = here.globex.get(&format!("/v1/merchant/licenses?cursor={cursor}")).expect(200);
    let items = shown.at("/items").as_array().cloned().unwrap_or_default();
    assert_eq!(items.iter().map(|item| item["id"].clone()).collect::<Vec<_>>(), [json!(own)]);
    for list in ["orders", "outbox", "usage-records", "erasures", "customers/c", "audit"] {
        let path = format!("/v1/merchant/{list}");
        let theirs = here.globex.get(&format!("{path}?cursor={cursor}"));
        let nobodys = here.globex.get(&format!("{path}?cursor=lic_0000000000000000000000"));
        assert!(!theirs.text.contains("acme"), "{list}: {theirs:?}");
        assert_eq!(theirs.status, nobodys.status, "{list}");
    }
}

#[test]
fn idempotency_keys_of_two_merchants_never_meet() {
    let here = Neighbours::new();
    let acme = here.harness.merchant().with("Idempotency-Key", "same");
    let globex = here.globex.with("Idempotency-Key", "same");
    let order = |product: &str, spec: &str| json!({ "product": product, "spec": spec });
    let first = acme.post("/v1/merchant/licenses", &order("acme-cad", "cad-year")).expect(201);
    let second = globex.post("/v1/merchant/licenses", &order("globex-sim", "sim-year")).expect(201);
    assert_ne!(first.at("/id"), second.at("/id"));
    // An operator's too, whichever merchant is named; and what is secret differs.
    let operator = here.harness.token_of(TokenOwner::Server, &[Scope::Operator]);
    let token = |merchant: &str, key: &str| {
        let api = here.harness.bearer(&operator).with("Lictor-Merchant", merchant);
        let body = json!({ "name": "n", "scopes": ["read"] });
        api.with("Idempotency-Key", key).post("/v1/merchant/api-tokens", &body).expect(201).text_at("/token")
    };
    assert_ne!(token("acme", "key"), token("globex", "other key"));
    let made = token("acme", "key");
    let shown = here.harness.bearer(&made).get("/v1/merchant/licenses").expect(200);
    assert_eq!(shown.at("/items/0/merchant"), json!("acme"));
}

#[test]
fn a_session_opens_its_own_merchants_pages_only() {
    let here = Neighbours::new();
    let owner = TokenOwner::Merchant(MerchantId::parse("globex").expect("valid"));
    let browser = here.harness.browser();
    let token = here.harness.token_of(owner, &[Scope::Admin]);
    browser.submit("/console/sign-in", &[("token", &token)]).expect(303);
    let none = "lic_0000000000000000000000";
    for page in ["", "/explanation", "/suspend", "/revoke", "/reissue"] {
        let ask = |id: &str| {
            let answer = browser.get(&format!("/console/licenses/{id}{page}"));
            whatever_the_id(&answer, id)
        };
        let theirs = ask(&here.license);
        assert_eq!(theirs.0, 404, "{page}");
        assert_eq!(theirs, ask(none), "{page}");
    }
    let found = browser.get(&format!("/console/licenses?q={}", here.license)).expect(200);
    assert!(!found.text.contains("acme-cad") && !found.text.contains("Acme"), "{}", found.text);
    // A cookie with another merchant's name in front opens nothing at all.
    let cookie = browser.cookie("lictor-session").expect("a session");
    let forged = here.harness.browser();
    forged.plant("lictor-session", &cookie.replace("globex.", "acme."));
    let sent_away = forged.get(&format!("/console/licenses/{}", here.license)).expect(303);
    let to = format!("/console/sign-in?next=%2Fconsole%2Flicenses%2F{}", here.license.replace('_', "%5F"));
    assert_eq!(sent_away.header("location"), Some(to.as_str()));
}

#[test]
fn a_merchant_is_made_on_a_running_server_by_its_operator_alone_and_has_keys_of_its_own() {
    let harness = Harness::start();
    let file = globex().replace("globex", "initech").replace("Globex", "Initech");
    let body = json!({ "toml": file });
    let refused = harness.merchant().post("/v1/merchant/apply", &body);
    assert!([404, 422].contains(&refused.status), "{refused:?}");
    harness.anonymous().get("/v1/keysets/initech").expect(404);
    let operator = harness.token_of(TokenOwner::Server, &[Scope::Operator]);
    harness.bearer(&operator).post("/v1/merchant/apply", &body).expect(200);
    let kids = |merchant: &str| {
        let api = harness.bearer(&operator).with("Lictor-Merchant", merchant);
        let listed = api.get("/v1/merchant/keys").expect(200).at("/items");
        let kid = |key: &Value| key["kid"].as_str().expect("a kid").to_owned();
        listed.as_array().expect("a list").iter().map(kid).collect::<Vec<_>>()
    };
    let (acme, initech) = (kids("acme"), kids("initech"));
    assert_eq!(initech.len(), acme.len());
    assert!(initech.iter().all(|kid| !acme.contains(kid)), "{acme:?} {initech:?}");
    let set = harness.anonymous().get("/v1/keysets/initech/jwks.json").expect(200);
    assert!(acme.iter().all(|kid| !set.text.contains(kid.as_str())));
}

#[test]
fn what_tokens_sessions_and_links_do_stands_in_their_own_merchants_log() {
    let here = Neighbours::new();
    let browser = here.harness.browser();
    let admin = here.harness.token(&[Scope::Admin]);
    let body = json!({ "name": "Li", "scopes": ["read"] });
    let made = here.harness.bearer(&admin).post("/v1/merchant/sign-in-links", &body).expect(201);
    let link = made.text_at("/path").split_once("link=").expect("a link").1.to_owned();
    browser.submit("/console/sign-in", &[("link", &link)]).expect(303);
    let page = browser.get("/console/sign-in").expect(200);
    browser.submit_with(&page, "/console/sign-out", &[]).expect(303);
    here.harness.block_on(async { while here.harness.app.seal_events().await.expect("sealed").has_more {} });
    let told = |api: &crate::support::api::Api| {
        let items = api.get("/v1/merchant/audit").expect(200).at("/items");
        let line = |item: &Value| {
            let event = &item["event"];
            format!("{} {}", event["kind"].as_str().unwrap_or(""), event["actor"].as_str().unwrap_or(""))
        };
        items.as_array().expect("a list").iter().map(line).collect::<Vec<_>>()
    };
    let acme = told(&here.harness.bearer(&admin));
    for line in ["sign_in_link.created token:test", "session.begun token:Li", "session.ended token:Li"] {
        assert!(acme.iter().any(|told| told == line), "{line}: {acme:?}");
    }
    let globex = told(&here.globex);
    assert!(!globex.iter().any(|told| told.contains("session") || told.contains("link")), "{globex:?}");
}
