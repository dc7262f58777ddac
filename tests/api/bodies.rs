//! Bodies that are not as they should be: a code, a pointer, and nothing stored.

use lictor::store::MemoryEngine;
use serde_json::json;

use crate::support::Harness;
use crate::support::api::Api;
use crate::support::people::{issue, machine};

/// Every route that takes a body, with a caller that may use it.
fn routes(harness: &Harness) -> Vec<(Api, String)> {
    let license = issue(harness, "cad-year").text_at("/id");
    let (anonymous, merchant) = (harness.anonymous(), harness.merchant());
    let open =
        ["/v1/activations", "/v1/activations/act_1/renew", "/v1/activations/act_1/release", "/v1/claims"];
    let mut routes: Vec<_> = open.map(|path| (anonymous.clone(), path.to_owned())).to_vec();
    routes.push((anonymous, "/v1/validate".into()));
    for path in ["licenses", "api-tokens", "api-tokens/tok_0000000000000000000000/revoke", "apply"] {
        routes.push((merchant.clone(), format!("/v1/merchant/{path}")));
    }
    for verb in ["suspend", "resume", "revoke", "reissue"] {
        routes.push((merchant.clone(), format!("/v1/merchant/licenses/{license}/{verb}")));
    }
    routes
}

#[test]
fn a_body_that_is_no_strict_json_is_refused_everywhere_and_changes_nothing() {
    let engine = MemoryEngine::new();
    let harness = Harness::start_over(&engine);
    let routes = routes(&harness);
    let before = engine.records().len();
    let deep = format!("{{\"a\":{}1{}}}", "[".repeat(40), "]".repeat(40));
    for (api, path) in &routes {
        for body in ["{", "{\"reason\":\"x\"", "not json", "{} {}", &deep, "{\"a\":\"\u{1}\"}"] {
            api.send("POST", path, body.as_bytes()).expect_problem(400, "malformed_json");
        }
        let twice = api.send("POST", path, br#"{"reason":"a","reason":"b"}"#);
        assert_eq!(twice.expect_problem(400, "duplicate_member").at("/pointer"), "/reason", "{path}");
        let unknown = api.post(path, &json!({ "surprise": 1 })).expect_problem(422, "invalid_request");
        assert_eq!(unknown.at("/pointer"), "/surprise", "{path}");
        api.send("POST", path, b"[]").expect_problem(422, "invalid_request");
        api.send("POST", path, b"null").expect_problem(422, "invalid_request");
        api.send("POST", path, b"{\"a\":\"\xff\"}").expect_problem(400, "malformed_json");
    }
    assert_eq!(engine.records().len(), before);
}

#[test]
fn a_body_over_the_limit_is_refused_however_far() {
    let harness = Harness::start();
    for (api, path) in &routes(&harness) {
        let limit = if path.ends_with("apply") { 1024 * 1024 } else { 64 * 1024 };
        for length in [limit + 1, limit * 2] {
            let body = format!("{{\"a\":\"{}\"}}", "x".repeat(length - 8));
            let refused = api.send("POST", path, body.as_bytes()).expect_problem(413, "too_large");
            assert!(refused.text_at("/reason").contains(&limit.to_string()), "{path}");
        }
        let fits = format!("{{\"a\":\"{}\"}}", "x".repeat(limit - 8));
        api.send("POST", path, fits.as_bytes()).expect_problem(422, "invalid_request");
    }
}

#[test]
fn what_breaks_a_rule_is_pointed_at() {
    let harness = Harness::start();
    let key = issue(&harness, "cad-year").text_at("/license_key");
    let cases = [
        (json!({}), "/machine"),
        (json!({ "machine": machine(1) }), "/license_key"),
        (json!({ "license_key": key, "claim_code": "A", "machine": machine(1) }), "/claim_code"),
        (json!({ "license_key": 7, "machine": machine(1) }), "/license_key"),
        (json!({ "license_key": key, "machine": {} }), "/machine"),
        (json!({ "license_key": key, "machine": { "components": {}, "fingerprint": "F" } }), "/machine"),
        (json!({ "license_key": key, "machine": { "components": {} } }), "/machine/components"),
        (
            json!({ "license_key": key, "machine": { "components": { "os": "short" } } }),
            "/machine/components/os",
        ),
        (
            json!({ "license_key": key, "machine": { "components": { "cpu": "x" } } }),
            "/machine/components/cpu",
        ),
        (
            json!({ "license_key": key, "machine": { "components": { "net": "AAAAAAAAAAAAAAAAAAAAAA" } } }),
            "/machine/components",
        ),
        (json!({ "license_key": key, "machine": { "request": "e30.e30.AA" } }), "/machine/request"),
        (json!({ "license_key": key, "machine": machine(1), "nonce": "" }), "/nonce"),
        (json!({ "license_key": key, "machine": machine(1), "nonce": "n".repeat(129) }), "/nonce"),
        (json!({ "license_key": key, "machine": machine(1), "name": "a\nb" }), "/name"),
    ];
    for (request, pointer) in cases {
        let refused =
            harness.anonymous().post("/v1/activations", &request).expect_problem(422, "invalid_request");
        assert_eq!(refused.at("/pointer"), pointer, "{request}");
    }
    let renew = "/v1/activations/act_1/renew";
    for (request, pointer) in
        [(json!({ "certificate": "a.b.c" }), "/nonce"), (json!({ "nonce": "n" }), "/certificate")]
    {
        let refused = harness.anonymous().post(renew, &request).expect_problem(422, "invalid_request");
        assert_eq!(refused.at("/pointer"), pointer, "{request}");
    }
    // Who holds no certificate hears nothing of the rest.
    let forged = json!({ "certificate": "a.b.c", "nonce": "n", "proof": "a.b.c" });
    harness.anonymous().post(renew, &forged).expect_problem(401, "license_key_refused");
    let asked = json!({ "license_key": key, "machine": machine(1) });
    let held = harness.anonymous().post("/v1/activations", &asked).expect(201);
    let renew = format!("/v1/activations/{}/renew", held.text_at("/activation_id"));
    let request = json!({ "certificate": held.at("/certificate"), "nonce": "n", "proof": "a.b.c" });
    let refused = harness.anonymous().post(&renew, &request).expect_problem(422, "invalid_request");
    assert_eq!(refused.at("/pointer"), "/proof");
}

#[test]
fn problems_are_worded_in_the_readers_language() {
    let harness = Harness::start();
    let request = json!({ "license_key": "a.b.c", "machine": machine(1) });
    let english =
        harness.anonymous().post("/v1/activations", &request).expect_problem(401, "license_key_refused");
    let reader = harness.anonymous().with("Accept-Language", "zh-CN,zh;q=0.9,en;q=0.8");
    let chinese = reader.post("/v1/activations", &request).expect_problem(401, "license_key_refused");
    assert_eq!(english.at("/title"), "License key refused");
    assert_eq!(chinese.at("/title"), "许可证密钥无效");
    assert_eq!(chinese.at("/reason"), "无法识别该许可证密钥，请完整粘贴当前的密钥。");
    assert_eq!(
        (english.header("content-language"), chinese.header("content-language")),
        (Some("en"), Some("zh-CN"))
    );
    assert_eq!(chinese.header("vary"), Some("Accept-Language"));
}

#[test]
fn addresses_that_lead_nowhere_and_wrong_methods_are_problems_too() {
    let harness = Harness::start();
    let api = harness.anonymous();
    for path in ["/", "/v1", "/v1/nothing", "/v1/activations/%ff", "/v1/status-lists/acme", "/console/x"] {
        let status = api.get(path).status;
        assert!([404, 405].contains(&status), "{path}: {status}");
    }
    api.get("/v1/nothing").expect_problem(404, "not_found");
    api.get("/v1/status-lists/%ff/0").expect_problem(404, "not_found");
    api.get("/v1/activations").expect_problem(405, "method_not_allowed");
    api.send("DELETE", "/v1/claims", b"").expect_problem(405, "method_not_allowed");
}
