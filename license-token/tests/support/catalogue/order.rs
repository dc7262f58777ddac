//! Several things are wrong at once: the first step that fails gives the code.

use license_token::{
    ActivationClaims, Binding, Code, Env, LicenseClaims, Policy, Role, StatusListClaims, StatusRef,
    StatusRule, TokenType, base64url,
};
use serde_json::json;

use super::super::vector::Vector;
use super::super::{
    DAY, LEASE, LICENSE_IDX, LIST_URI, START, YEAR, activation, header, license, machine_with, payload, sign,
    status_list, status_list_with,
};
use super::{craft, key_vector, require, with_header};

pub fn all() -> Vec<Vector> {
    [forms(), standings()].into_iter().flatten().collect()
}

fn forms() -> Vec<Vector> {
    let spoil = |token: String| {
        let (input, _) = token.rsplit_once('.').expect("three segments");
        format!("{input}.{}", base64url::encode(&[1; 64]))
    };
    let head = header("license+jwt", Role::License);
    let both = |name: &str, about: &str, token: String, code: Code| {
        key_vector(&format!("order-{name}"), about, token).refused(code)
    };
    let stranger = head.replace(r#""kid":""#, r#""kid":"x"#);
    let body = craft::with_member(&payload(&license()), "/exp", "null");
    vec![
        both(
            "form-before-header",
            "No JSON in the payload, and no alg.",
            craft::sign_bytes(Role::License, br#"{"typ":"license+jwt"}"#, b"{"),
            Code::Malformed,
        ),
        both(
            "header-before-key",
            "Another alg, and a name that is not pinned.",
            spoil(with_header(&stranger.replace("EdDSA", "ES256"))),
            Code::BadHeader,
        ),
        both(
            "key-before-signature",
            "A name that is not pinned, and a signature that is none.",
            spoil(with_header(&stranger)),
            Code::UnknownKey,
        ),
        both(
            "signature-before-type",
            "A signature that is none, and another type.",
            spoil(with_header(&head.replace("license+jwt", "JWT"))),
            Code::BadSignature,
        ),
        both(
            "type-before-claims",
            "Another type, and a wrong claim.",
            craft::sign_bytes(Role::License, header("JWT", Role::License).as_bytes(), body.as_bytes()),
            Code::WrongType,
        )
        .profile(),
        both(
            "claims-before-recipient",
            "A wrong claim, and another product.",
            craft::license_of(&body),
            Code::Malformed,
        )
        .expect("aud", json!("acme-cam"))
        .profile(),
    ]
}

fn standings() -> Vec<Vector> {
    let other_place = |vector: Vector, members: &[&str]| {
        members.iter().fold(vector, |vector, member| vector.expect(member, json!("test-of-order")))
    };
    let on_another = |vector: Vector| vector.machine(&machine_with(&["z-b", "z-c", "z-d", "z-e", "z-f"]));
    let test = || craft::license_key(&LicenseClaims { env: Env::Test, ..license() });
    let required = craft::license_key(&require(license().status));
    let beyond = craft::license_key(&require(Some(StatusRef { idx: 1 << 20, uri: LIST_URI.into() })));
    let bound = craft::license_key(&LicenseClaims {
        policy: Policy { binding: Binding::Hardware, status: StatusRule::Require, ..license().policy },
        ..license()
    });
    let strict = Policy { status: StatusRule::Require, ..activation().policy };
    let certificate = sign(Role::Activation, &ActivationClaims { policy: strict, ..activation() });
    let activated = |name: &str, about: &str, now: i64| {
        Vector::new(&format!("order-{name}"), about, TokenType::Activation, certificate.clone(), now)
    };
    let revoked = sign(Role::Status, &status_list_with(LICENSE_IDX, 1));
    let old = sign(Role::Status, &StatusListClaims { seq: START - 1, ..status_list_with(LICENSE_IDX, 1) });
    let fresh = sign(Role::Status, &status_list());
    let at = |name: &str, about: &str, token: &str, now: i64| {
        Vector::new(&format!("order-{name}"), about, TokenType::License, token.into(), now)
    };
    let day2 = START + DAY;
    vec![
        other_place(
            at("issuer-before-audience", "Another issuer and another product.", &test(), day2),
            &["iss", "aud"],
        )
        .refused(Code::WrongIssuer),
        other_place(
            at("audience-before-environment", "Another product and the other environment.", &test(), day2),
            &["aud"],
        )
        .refused(Code::WrongAudience),
        at("environment-before-time", "The other environment, and over.", &test(), START + YEAR)
            .refused(Code::WrongEnvironment),
        at("end-before-clock", "Over by what signed time proves, and the clock is far behind.", &required, 0)
            .expect("floor", json!(START + YEAR))
            .refused(Code::Expired),
        on_another(activated("time-before-machine", "Over, and another machine.", START + LEASE))
            .refused(Code::Expired),
        on_another(activated("clock-before-machine", "The clock is far behind, and another machine.", 0))
            .refused(Code::ClockSuspect),
        on_another(activated("machine-before-status", "Another machine, and no list.", day2))
            .refused(Code::WrongMachine),
        on_another(at("activation-before-status", "Not activated, and no list.", &bound, day2))
            .refused(Code::ActivationRequired),
        at("rollback-before-entry", "A list that is rolled back says revoked.", &required, day2)
            .list(old.clone())
            .seen(START, START, None)
            .refused(Code::StatusRolledBack),
        at("rollback-before-range", "A list that is rolled back, and no entry of this index.", &beyond, day2)
            .list(old)
            .seen(START, START, None)
            .refused(Code::StatusRolledBack),
        at("range-before-age", "No entry of this index, and the list is old.", &beyond, START + 30 * DAY)
            .list(fresh.clone())
            .refused(Code::StatusMissing),
        at("entry-before-age", "An old list says revoked.", &required, START + 30 * DAY)
            .list(revoked.clone())
            .refused(Code::Revoked),
        at("entry-before-entitlement", "Revoked, and not entitled.", &required, day2)
            .list(revoked)
            .expect("entitlements", json!(["simulate"]))
            .refused(Code::Revoked),
        at("age-before-entitlement", "An old list, and not entitled.", &required, START + 30 * DAY)
            .list(fresh.clone())
            .expect("entitlements", json!(["simulate"]))
            .refused(Code::StatusStale),
        at("entitlement-before-quota", "Neither entitlement nor quota.", &required, day2)
            .list(fresh)
            .expect("entitlements", json!(["simulate"]))
            .expect("quota", json!([{ "metric": "api-calls", "amount": "1" }]))
            .refused(Code::NotEntitled),
        at("missing-before-quota", "No list, and no quota.", &required, day2)
            .expect("quota", json!([{ "metric": "api-calls", "amount": "1" }]))
            .refused(Code::StatusMissing),
    ]
}
