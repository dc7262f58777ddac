//! Client software: places on machines, claims, the online verdict.

use std::time::Duration;

use license_token::{ActivationClaims, KeySet, LicenseClaims, UnverifiedToken};
use serde_json::{Value, json};

use crate::support::Harness;
use crate::support::people::{activate, command, issue, machine};

const DAY: Duration = Duration::from_secs(86_400);

fn key_set(harness: &Harness) -> KeySet {
    let jwks = harness.anonymous().get("/v1/keysets/acme/jwks.json").expect(200);
    KeySet::parse(jwks.text.as_bytes()).expect("a JWK Set")
}

#[test]
fn a_new_machine_gets_201_and_a_certificate_that_verifies() {
    let harness = Harness::start();
    let key = issue(&harness, "cad-year").text_at("/license_key");
    let made = activate(&harness.anonymous(), &key, 1, "n1").expect(201);
    let certificate = made.text_at("/certificate");
    let token = UnverifiedToken::parse(&certificate).expect("a token");
    let claims = token.verify::<ActivationClaims>(&key_set(&harness)).expect("ours").into_claims();
    assert_eq!(json!(claims.act), made.at("/activation_id"));
    assert_eq!(claims.nonce.as_deref(), Some("n1"));
    assert_eq!(made.at("/license_key"), json!(key));
    assert_eq!(made.at("/renew_after"), "2026-02-07T08:00:00Z");
    let uri = made.text_at("/status_list_uri");
    let path = uri.strip_prefix(&harness.url).expect("this server's own");
    assert_eq!(
        harness.anonymous().get(path).expect(200).header("content-type"),
        Some("application/statuslist+jwt")
    );
    let members: Vec<_> = made.json().as_object().expect("an object").keys().cloned().collect();
    assert_eq!(members, ["activation_id", "certificate", "license_key", "renew_after", "status_list_uri"]);
}

#[test]
pub fn the_same_machine_keeps_its_place_and_the_same_request_its_certificate() {
    let harness = Harness::start();
    let key = issue(&harness, "cad-month").text_at("/license_key");
    let api = harness.anonymous();
    let made = activate(&api, &key, 1, "n1").expect(201);
    assert_eq!(activate(&api, &key, 1, "n1").expect(200).json(), made.json());
    let later = activate(&api, &key, 1, "n2").expect(200);
    assert_eq!(later.at("/activation_id"), made.at("/activation_id"));
    assert_ne!(later.at("/certificate"), made.at("/certificate"));
    let full = activate(&api, &key, 2, "n3").expect_problem(409, "machine_limit_reached");
    assert_eq!(full.at("/next_action"), "release_a_machine");
}

#[test]
pub fn a_claim_code_activates_and_so_does_the_authorization_header() {
    let harness = Harness::start();
    let license = issue(&harness, "cad-year");
    let code = license.text_at("/claim_code");
    let request = json!({ "claim_code": code.to_lowercase(), "machine": machine(1) });
    let made = harness.anonymous().post("/v1/activations", &request).expect(201);
    assert_eq!(made.at("/license_key"), license.at("/license_key"));
    for (number, credential) in [(2, license.text_at("/license_key")), (3, code)] {
        let request = json!({ "machine": machine(number), "nonce": "n" });
        harness.customer(&credential).post("/v1/activations", &request).expect(201);
    }
}

#[test]
fn a_wrapped_license_key_is_read() {
    let harness = Harness::start();
    let key = issue(&harness, "cad-year").text_at("/license_key");
    let wrapped: Vec<_> = key.as_bytes().chunks(60).map(String::from_utf8_lossy).collect();
    activate(&harness.anonymous(), &format!(" {}\r\n", wrapped.join("\r\n")), 1, "n1").expect(201);
}

#[test]
fn a_fingerprint_of_the_marketplace_is_one_machine() {
    let harness = Harness::start();
    let key = issue(&harness, "cad-month").text_at("/license_key");
    let with = |fingerprint: &str| {
        let machine = json!({ "fingerprint": fingerprint });
        harness.anonymous().post("/v1/activations", &json!({ "license_key": key, "machine": machine }))
    };
    let made = with("00-16-EA|WD-1234|BOARD9|BFEBFBFF").expect(201);
    assert_eq!(
        with("00-16-EA|WD-1234|BOARD9|BFEBFBFF").expect(200).at("/activation_id"),
        made.at("/activation_id")
    );
    with("00-16-EB|WD-1234|BOARD9|BFEBFBFF").expect_problem(409, "machine_limit_reached");
    let pointer = with("N/A").expect_problem(422, "invalid_request").at("/pointer");
    assert_eq!(pointer, "/machine/fingerprint");
    with(&"F".repeat(5 * 1024 + 1)).expect_problem(422, "invalid_request");
}

#[test]
pub fn a_renewal_moves_on_and_repeats_and_notices_a_clone() {
    let harness = Harness::start();
    let key = issue(&harness, "cad-year").text_at("/license_key");
    let api = harness.anonymous();
    let made = activate(&api, &key, 1, "n1").expect(201);
    let path = format!("/v1/activations/{}/renew", made.text_at("/activation_id"));
    let renew = |certificate: Value, nonce: &str| {
        api.post(&path, &json!({ "certificate": certificate, "nonce": nonce, "machine": machine(1) }))
    };
    let second = renew(made.at("/certificate"), "n2").expect(200);
    assert_eq!(renew(made.at("/certificate"), "n2").expect(200).json(), second.json(), "the answer was lost");
    let third = renew(second.at("/certificate"), "n3").expect(200);
    let clone = renew(made.at("/certificate"), "n4").expect_problem(409, "clone_suspected");
    assert_eq!(clone.at("/next_action"), "go_online");
    let release = path.replace("/renew", "/release");
    let old = json!({ "certificate": made.at("/certificate") });
    api.post(&release, &old).expect_problem(409, "clone_suspected");
    harness.world.clock.advance(40 * DAY);
    renew(third.at("/certificate"), "n5").expect(200);
}

#[test]
pub fn a_renewal_by_license_key_needs_the_machine() {
    let harness = Harness::start();
    let key = issue(&harness, "cad-year").text_at("/license_key");
    let made = activate(&harness.anonymous(), &key, 1, "n1").expect(201);
    let path = format!("/v1/activations/{}/renew", made.text_at("/activation_id"));
    let with = |request: Value| harness.customer(&key).post(&path, &request);
    with(json!({ "nonce": "n2", "machine": machine(1) })).expect(200);
    let bare = with(json!({ "nonce": "n3" })).expect_problem(422, "invalid_request");
    assert_eq!(bare.at("/pointer"), "/machine");
    with(json!({ "nonce": "n3", "machine": machine(2) })).expect_problem(403, "machine_mismatch");
    let member = json!({ "license_key": key, "nonce": "n4", "machine": machine(1) });
    harness.anonymous().post(&path, &member).expect(200);
    let absent = "/v1/activations/act_0000000000000000000000/renew";
    let request = json!({ "nonce": "n5", "machine": machine(1) });
    harness.customer(&key).post(absent, &request).expect_problem(404, "not_found");
}

#[test]
pub fn a_certificate_opens_its_own_activation_only() {
    let harness = Harness::start();
    let key = issue(&harness, "cad-year").text_at("/license_key");
    let api = harness.anonymous();
    let (one, two) = (activate(&api, &key, 1, "a").expect(201), activate(&api, &key, 2, "b").expect(201));
    let (one_id, certificate) = (one.text_at("/activation_id"), two.text_at("/certificate"));
    let request = json!({ "certificate": certificate, "nonce": "n" });
    api.post(&format!("/v1/activations/{one_id}/renew"), &request).expect_problem(401, "license_key_refused");
    let request = json!({ "certificate": certificate });
    let path = format!("/v1/activations/{one_id}/release");
    api.post(&path, &request).expect_problem(401, "license_key_refused");
    let request = json!({ "certificate": key });
    api.post(&path, &request).expect_problem(401, "license_key_refused");
}

#[test]
pub fn a_place_given_back_is_free_at_once_and_twice_is_once() {
    let harness = Harness::start();
    let key = issue(&harness, "cad-month").text_at("/license_key");
    let api = harness.anonymous();
    let made = activate(&api, &key, 1, "n1").expect(201);
    let path = format!("/v1/activations/{}", made.text_at("/activation_id"));
    let holder = harness.customer(&made.text_at("/certificate"));
    let released = holder.send("DELETE", &path, b"").expect(200);
    assert_eq!(released.at("/activation_id"), made.at("/activation_id"));
    let again = json!({ "certificate": made.at("/certificate") });
    api.post(&format!("{path}/release"), &again).expect(200);
    let ended = json!({ "certificate": made.at("/certificate"), "nonce": "n2" });
    api.post(&format!("{path}/renew"), &ended).expect_problem(409, "illegal_state");
    activate(&api, &key, 2, "n3").expect(201);
}

#[test]
fn a_license_without_machines_is_told_to_use_its_key() {
    let harness = Harness::start();
    let key = issue(&harness, "cad-key-only").text_at("/license_key");
    activate(&harness.anonymous(), &key, 1, "n1").expect_problem(409, "illegal_state");
}

#[test]
pub fn a_claim_gives_the_key_and_a_code_of_another_product_is_unknown() {
    let harness = Harness::start();
    let license = issue(&harness, "cad-year");
    let code = license.text_at("/claim_code");
    let api = harness.anonymous();
    let claimed = api.post("/v1/claims", &json!({ "claim_code": code })).expect(200);
    assert_eq!(
        claimed.json(),
        json!({ "license_key": license.at("/license_key"), "license_id": license.at("/id") })
    );
    let token = claimed.text_at("/license_key");
    UnverifiedToken::parse(&token)
        .expect("a token")
        .verify::<LicenseClaims>(&key_set(&harness))
        .expect("ours");
    let other = json!({ "claim_code": code, "product": "other" });
    api.post("/v1/claims", &other).expect_problem(401, "license_key_refused");
    let no_id = json!({ "claim_code": code, "product": "Not An Id" });
    assert_eq!(
        api.post("/v1/claims", &no_id).expect_problem(422, "invalid_request").at("/pointer"),
        "/product"
    );
    command(&harness, &license.text_at("/id"), "reissue", &json!({ "reason": "leaked" })).expect(200);
    api.post("/v1/claims", &json!({ "claim_code": code })).expect_problem(401, "license_key_refused");
}

#[test]
pub fn the_online_verdict_is_200_with_the_codes_of_refusals() {
    let harness = Harness::start();
    let license = issue(&harness, "cad-year");
    let (id, key) = (license.text_at("/id"), license.text_at("/license_key"));
    let api = harness.anonymous();
    let verdict = |machine: Option<Value>| {
        api.post("/v1/validate", &json!({ "license_key": key, "machine": machine })).expect(200)
    };
    let valid = verdict(None);
    assert_eq!((valid.at("/valid"), valid.at("/code")), (json!(true), json!("valid")));
    assert_eq!((valid.at("/license_id"), valid.at("/ends_at")), (json!(id), json!("2027-01-31T08:00:00Z")));
    assert_eq!(verdict(Some(machine(1))).at("/code"), "machine_mismatch");
    activate(&api, &key, 1, "n1").expect(201);
    assert_eq!(verdict(Some(machine(1))).at("/code"), "valid");
    command(&harness, &id, "suspend", &json!({})).expect(200);
    let suspended = verdict(None);
    assert_eq!((suspended.at("/valid"), suspended.at("/code")), (json!(false), json!("license_suspended")));
    assert_eq!(suspended.at("/next_action"), "contact_seller");
    let unknown = api.post("/v1/validate", &json!({ "license_key": "a.b.c" })).expect(200);
    assert_eq!((unknown.at("/valid"), unknown.at("/code")), (json!(false), json!("license_key_refused")));
    assert_eq!(unknown.at("/license_id"), Value::Null);
    let chinese = api.with("Accept-Language", "zh-CN").post("/v1/validate", &json!({ "license_key": key }));
    assert_eq!(chinese.expect(200).at("/reason"), "许可证已暂停使用，请联系卖家。");
}
