//! Each member with the wrong types that are nearest at hand. A wrong type never means "absent".

use license_token::ledger::Head;
use license_token::{ActivationClaims, Code, LedgerClaim, ShareClaim, TokenType};

use super::super::vector::Vector;
use super::super::{DAY, LEASE, START, activation, license, payload, render_minutes, status_list};
use super::craft;

enum Kind {
    Text,
    Integer,
    Amount,
    Array,
    Object,
}
use Kind::{Amount, Array, Integer, Object, Text};

impl Kind {
    /// Name and JSON of what stands where this kind should.
    fn wrong(&self) -> [(&'static str, &'static str); 3] {
        match self {
            Text => [("null", "null"), ("number", "7"), ("array", r#"["x"]"#)],
            Integer => [("null", "null"), ("string", r#""1800000000""#), ("boolean", "true")],
            Amount => [("null", "null"), ("boolean", "true"), ("object", r#"{"amount":1}"#)],
            Array => [("null", "null"), ("object", "{}"), ("string", r#""x""#)],
            Object => [("null", "null"), ("array", "[]"), ("string", r#""x""#)],
        }
    }
}

const LICENSE: &[(&str, Kind)] = &[
    ("/aud", Text),
    ("/sub", Text),
    ("/jti", Text),
    ("/iat", Integer),
    ("/nbf", Integer),
    ("/exp", Integer),
    ("/entitlements", Array),
    ("/entitlements/0", Text),
    ("/status", Object),
    ("/status/status_list", Object),
    ("/status/status_list/idx", Integer),
    ("/status/status_list/uri", Text),
    ("/lic", Object),
    ("/lic/v", Integer),
    ("/lic/env", Text),
    ("/lic/term", Text),
    ("/lic/spec", Object),
    ("/lic/spec/sku", Text),
    ("/lic/spec/attributes", Object),
    ("/lic/spec/attributes/edition", Text),
    ("/lic/machines", Integer),
    ("/lic/quota", Array),
    ("/lic/quota/0", Object),
    ("/lic/quota/0/metric", Text),
    ("/lic/quota/0/unit", Text),
    ("/lic/quota/0/amount", Amount),
    ("/lic/quota/0/reset", Text),
    ("/lic/quota/0/total", Amount),
    ("/lic/upd", Integer),
    ("/lic/policy", Object),
    ("/lic/policy/status", Text),
    ("/lic/policy/max_status_age", Integer),
    ("/lic/policy/max_offline", Integer),
    ("/lic/policy/enforcement", Text),
    ("/lic/policy/binding", Text),
    ("/lic/grace_secs", Integer),
];

/// What only a certificate has.
const ACTIVATION: &[(&str, Kind)] = &[
    ("/exp", Integer),
    ("/nonce", Text),
    ("/cnf", Object),
    ("/cnf/jkt", Text),
    ("/lic/act", Text),
    ("/lic/gen", Integer),
    ("/lic/renew", Integer),
    ("/lic/end", Integer),
    ("/lic/machine", Object),
    ("/lic/machine/v", Integer),
    ("/lic/machine/k", Integer),
    ("/lic/machine/c", Object),
    ("/lic/machine/c/os", Text),
    ("/lic/ledger", Object),
    ("/lic/ledger/key", Text),
    ("/lic/ledger/head", Text),
    ("/lic/ledger/seq", Integer),
    ("/lic/quota/0/share", Integer),
    ("/lic/quota/0/from", Integer),
    ("/lic/quota/0/until", Integer),
];

const STATUS_LIST: &[(&str, Kind)] = &[
    ("/sub", Text),
    ("/iat", Integer),
    ("/exp", Integer),
    ("/ttl", Integer),
    ("/status_list", Object),
    ("/status_list/bits", Integer),
    ("/status_list/lst", Text),
    ("/lic", Object),
    ("/lic/v", Integer),
    ("/lic/env", Text),
    ("/lic/seq", Integer),
];

/// A certificate with every member that one can have.
pub fn whole_certificate() -> ActivationClaims {
    let thumbprint = "zBgVIDpAQVmqIR_vGpRHPP2yQBDOO6AHQ-Mg1Yl4Wfc";
    let mut share = render_minutes(10);
    share.share = Some(ShareClaim { number: 1, from: START, until: START + LEASE });
    ActivationClaims {
        device_key: Some(thumbprint.into()),
        quota: vec![share],
        ledger: Some(LedgerClaim { key: thumbprint.into(), head: Head { seq: 4, hash: [7; 32] } }),
        ..activation()
    }
}

pub fn all() -> Vec<Vector> {
    let certificate = payload(&whole_certificate());
    let tables = [
        ("license", TokenType::License, payload(&license()), LICENSE),
        ("certificate", TokenType::Activation, certificate.clone(), ACTIVATION),
        ("list", TokenType::StatusList, payload(&status_list()), STATUS_LIST),
    ];
    let mut vectors = Vec::new();
    for (word, typ, payload, members) in &tables {
        for (pointer, kind) in *members {
            vectors.extend(kind.wrong().map(|wrong| one(word, *typ, payload, pointer, wrong)));
        }
        vectors.push(foreign_issuer(word, *typ, payload));
    }
    let token = craft::certificate_of(&certificate);
    let whole = Vector::new(
        "ok-certificate-with-every-member",
        "Device key, share and ledger beside the rest.",
        TokenType::Activation,
        token,
        START + DAY,
    );
    let device = whole_certificate().device_key.expect("it has one");
    vectors.push(whole.expect("device_key", device.into()).valid());
    vectors
}

fn one(word: &str, typ: TokenType, payload: &str, pointer: &str, wrong: (&str, &str)) -> Vector {
    let (type_name, json) = wrong;
    let member = pointer[1..].replace(['/', '_'], "-");
    let about = format!("The member {pointer} is of type {type_name}.");
    let token = craft::token_of(typ, &craft::with_member(payload, pointer, json));
    Vector::new(&format!("type-{word}-{member}-{type_name}"), &about, typ, token, START + DAY)
        .refused(Code::Malformed)
        .profile()
}

/// The issuer is looked at already when the key is found.
fn foreign_issuer(word: &str, typ: TokenType, payload: &str) -> Vector {
    let token = craft::token_of(typ, &craft::with_member(payload, "/iss", "7"));
    let about = "An issuer that is no string is not the key's, which is looked at first.";
    Vector::new(&format!("type-{word}-iss-number"), about, typ, token, START + DAY)
        .refused(Code::UnknownKey)
        .profile()
}
