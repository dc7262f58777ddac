//! Keys, claims and vectors that the tests share. Every key here is public by design.
#![expect(dead_code, reason = "each test binary uses its own part")]

pub mod catalogue;
pub mod keyset_catalogue;
pub mod vector;

use std::collections::BTreeMap;
use std::path::PathBuf;

use license_token::claims::Claims;
use license_token::json::ObjectWriter;
use license_token::{
    ActivationClaims, Amount, Binding, Component, Env, KeySet, LicenseClaims, Machine, MachineClaim, Policy,
    QuotaClaim, Reset, Role, SigningKey, SpecClaim, StatusList, StatusListClaims, StatusRef, Term,
};

pub const ISS: &str = "https://license.acme.example";
pub const AUD: &str = "acme-cad";
pub const LIST_URI: &str = "https://license.acme.example/v1/status-lists/acme/1";
/// 2027-01-15T08:00:00Z: the start of everything.
pub const START: i64 = 1_800_000_000;
pub const DAY: i64 = 86_400;
pub const YEAR: i64 = 365 * DAY;
pub const LEASE: i64 = 30 * DAY;
pub const LICENSE_IDX: usize = 4_711;
pub const ACTIVATION_IDX: usize = 131_071;

/// The key of a role: its seed is one byte repeated.
pub fn key(role: Role) -> SigningKey {
    let seed = match role {
        Role::Root => 0x11,
        Role::License => 0x22,
        Role::Activation => 0x33,
        Role::Status => 0x44,
    };
    SigningKey::from_seed(&[seed; 32], role, ISS).expect("a valid issuer")
}

pub fn keys() -> KeySet {
    KeySet::new(Role::ALL.map(|role| key(role).verifying_key().clone()).to_vec()).expect("four keys")
}

pub fn license() -> LicenseClaims {
    LicenseClaims {
        iss: ISS.into(),
        aud: AUD.into(),
        sub: "lic_0f3jv5c8m2x7q9t4w6z1bk".into(),
        jti: "tok_5h8n2r4v7y9b1d3g6k8m0p".into(),
        iat: START,
        nbf: START,
        exp: Some(START + YEAR),
        entitlements: vec!["export".into(), "render".into()],
        status: Some(StatusRef { idx: LICENSE_IDX as i64, uri: LIST_URI.into() }),
        env: Env::Live,
        term: Term::Years(1),
        spec: SpecClaim { sku: "CAD-PRO".into(), attributes: [("edition".into(), "pro".into())].into() },
        machines: Some(3),
        quota: vec![render_minutes(1_000)],
        upd: None,
        policy: Policy { max_status_age: Some(14 * DAY), binding: Binding::None, ..Policy::default() },
        grace_secs: 3 * DAY,
    }
}

pub fn render_minutes(units: i64) -> QuotaClaim {
    QuotaClaim {
        metric: "render-minutes".into(),
        unit: "minute".into(),
        amount: Amount::from_units(units).expect("small"),
        reset: Reset::Month,
        total: Amount::from_units(12 * units),
        share: None,
    }
}

/// The machine that certificates are issued for: all five components.
pub fn machine() -> Machine {
    machine_with(&["a-os", "a-fw", "a-brd", "a-dsk", "a-net"])
}

/// Values in the order os, fw, brd, dsk, net; an empty one cannot be read.
pub fn machine_with(values: &[&str; 5]) -> Machine {
    let components = [Component::Os, Component::Fw, Component::Brd, Component::Dsk, Component::Net];
    Machine::commit(ISS, AUD, components.into_iter().zip(values.iter().copied()))
}

pub fn activation() -> ActivationClaims {
    let key_claims = license();
    ActivationClaims {
        iss: key_claims.iss,
        aud: key_claims.aud,
        sub: key_claims.sub,
        jti: "tok_9c2f4h6j8l0n3q5s7u1w3y".into(),
        iat: START,
        nbf: START,
        exp: START + LEASE,
        device_key: None,
        entitlements: key_claims.entitlements,
        status: Some(StatusRef { idx: ACTIVATION_IDX as i64, uri: LIST_URI.into() }),
        nonce: Some("bm9uY2Ugb2YgdGhpcyByZXF1ZXN0".into()),
        env: Env::Live,
        act: "act_7d1g3k5m7p9r2t4v6x8z0b".into(),
        generation: 1,
        renew: START + 7 * DAY,
        end: Some(START + YEAR),
        term: Term::Years(1),
        spec: key_claims.spec,
        quota: vec![],
        ledger: None,
        machine: MachineClaim::enroll(machine().components),
        upd: None,
        policy: Policy { max_status_age: Some(14 * DAY), ..Policy::default() },
        grace_secs: 3 * DAY,
    }
}

pub fn status_list() -> StatusListClaims {
    StatusListClaims {
        iss: ISS.into(),
        sub: LIST_URI.into(),
        iat: START,
        exp: START + 7 * DAY,
        ttl: Some(DAY / 2),
        env: Env::Live,
        seq: START,
        list: StatusList::all_valid(),
    }
}

/// A list in which one entry has `value`.
pub fn status_list_with(index: usize, value: u8) -> StatusListClaims {
    let mut claims = status_list();
    assert!(claims.list.set(index, value));
    claims
}

/// The payload text of claims, for vectors that damage it.
pub fn payload<C: Claims>(claims: &C) -> String {
    let mut out = ObjectWriter::new();
    claims.write(&mut out);
    out.finish()
}

/// The header text of a role's key.
pub fn header(typ: &str, role: Role) -> String {
    format!(r#"{{"alg":"EdDSA","typ":"{typ}","kid":"{}"}}"#, key(role).verifying_key().kid())
}

pub fn sign<C: Claims>(role: Role, claims: &C) -> String {
    key(role).sign(claims).expect("claims that can be signed")
}

pub fn no_attributes() -> BTreeMap<String, String> {
    BTreeMap::new()
}

pub fn repository() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..")
}
