//! Tokens as the server issues them, one of each kind and term.

use std::collections::BTreeMap;

use license_token::claims::Claims;
use license_token::{
    ActivationClaims, Amount, Component, Env, KeySet, LicenseClaims, Machine, MachineClaim, Policy,
    QuotaClaim, Reset, Role, SigningKey, SpecClaim, StatusList, StatusListClaims, StatusRef, StatusValue,
    Term,
};
use serde_json::{Value, json};

use crate::oracle::Question;

pub const ISSUER: &str = "https://license.acme.example";
pub const PRODUCT: &str = "acme-cad";
pub const LIST: &str = "https://license.acme.example/v1/status-lists/acme/0";

/// 2023-11-14. The oracles go by the machine's clock, so that issued tokens begin in the past and end far away.
pub const ISSUED_AT: i64 = 1_700_000_000;
/// 2100-01-01
pub const FAR_END: i64 = 4_102_444_800;

/// The keys of one merchant: one per role, from a seed.
pub struct Keys {
    license: SigningKey,
    activation: SigningKey,
    status: SigningKey,
}

impl Keys {
    pub fn from_seed(seed: u8) -> Self {
        let key = |offset: u8, role| {
            SigningKey::from_seed(&[seed + offset; 32], role, ISSUER).expect("the issuer is well-formed")
        };
        Self {
            license: key(0, Role::License),
            activation: key(1, Role::Activation),
            status: key(2, Role::Status),
        }
    }

    pub fn jwks(&self) -> Value {
        serde_json::from_str(&self.key_set().to_json()).expect("a JWK Set is JSON")
    }

    pub fn key_set(&self) -> KeySet {
        let keys = [&self.license, &self.activation, &self.status].map(|key| key.verifying_key().clone());
        KeySet::new(keys.to_vec()).expect("three different keys")
    }

    pub fn license(&self, claims: &LicenseClaims) -> Question {
        self.question("license+jwt", sign(&self.license, claims), Some(&claims.aud))
    }

    pub fn certificate(&self, claims: &ActivationClaims) -> Question {
        self.question("license-activation+jwt", sign(&self.activation, claims), Some(&claims.aud))
    }

    pub fn status_list(&self, claims: &StatusListClaims) -> Question {
        self.question("statuslist+jwt", sign(&self.status, claims), None)
    }

    /// A month, a year, for ever, with a quota package; a certificate; a status list.
    pub fn one_of_each(&self) -> Vec<Question> {
        let year = license(Term::Years(1));
        let permanent = LicenseClaims { exp: None, machines: None, ..license(Term::Permanent) };
        let quota = LicenseClaims { quota: vec![quota()], ..license(Term::Years(1)) };
        vec![
            self.license(&license(Term::Months(1))),
            self.license(&year),
            self.license(&permanent),
            self.license(&quota),
            self.certificate(&certificate()),
            self.status_list(&status_list()),
        ]
    }

    fn question(&self, typ: &'static str, token: String, audience: Option<&str>) -> Question {
        let audience = audience.map(str::to_owned);
        Question { jwks: self.jwks(), token, typ, audience, issuer: ISSUER.to_owned(), now: ISSUED_AT + 1 }
    }

    /// What a forger without a private key can do: the right `kid`, another `alg`, and for HMAC the public key as the secret.
    pub fn forged(&self, algorithm: &str) -> Question {
        use hmac::{Hmac, KeyInit as _, Mac as _};
        use license_token::base64url::encode;

        let genuine = self.license(&license(Term::Years(1)));
        let payload = genuine.token.split('.').nth(1).expect("three segments");
        let kid = self.license.verifying_key().kid();
        let header = json!({ "alg": algorithm, "typ": genuine.typ, "kid": kid }).to_string();
        let signed = format!("{}.{payload}", encode(header.as_bytes()));
        let mut mac = Hmac::<sha2::Sha256>::new_from_slice(self.license.verifying_key().public())
            .expect("HMAC takes a key of any length");
        mac.update(signed.as_bytes());
        let signature =
            if algorithm == "none" { String::new() } else { encode(&mac.finalize().into_bytes()) };
        Question { token: format!("{signed}.{signature}"), ..genuine }
    }
}

fn sign<C: Claims>(key: &SigningKey, claims: &C) -> String {
    key.sign(claims).expect("the claims are in bounds")
}

pub fn license(term: Term) -> LicenseClaims {
    LicenseClaims {
        iss: ISSUER.to_owned(),
        aud: PRODUCT.to_owned(),
        sub: "lic_01J9ZQ5T8Y3V7W2X4B6N".to_owned(),
        jti: "01J9ZQ5T8Y3V7W2X4B6P".to_owned(),
        iat: ISSUED_AT,
        nbf: ISSUED_AT,
        exp: Some(FAR_END),
        entitlements: vec!["export".to_owned(), "render".to_owned()],
        status: Some(status(4711)),
        env: Env::Live,
        term,
        spec: spec(),
        machines: Some(3),
        quota: Vec::new(),
        upd: None,
        policy: Policy::default(),
        grace_secs: 259_200,
    }
}

pub fn certificate() -> ActivationClaims {
    let components =
        [(Component::Os, "4c4c4544-0042"), (Component::Fw, "9f2d-77aa"), (Component::Dsk, "S3Z9NB0K")];
    let machine = Machine::commit(ISSUER, PRODUCT, components);
    ActivationClaims {
        iss: ISSUER.to_owned(),
        aud: PRODUCT.to_owned(),
        sub: "lic_01J9ZQ5T8Y3V7W2X4B6N".to_owned(),
        jti: "01J9ZQ5T8Y3V7W2X4B6Q".to_owned(),
        iat: ISSUED_AT,
        nbf: ISSUED_AT,
        exp: FAR_END,
        device_key: None,
        entitlements: vec!["export".to_owned()],
        status: Some(status(4712)),
        nonce: Some("MDEyMzQ1Njc4OWFiY2RlZg".to_owned()),
        env: Env::Live,
        act: "act_01J9ZQ5T8Y3V7W2X4B6R".to_owned(),
        generation: 1,
        renew: ISSUED_AT + 604_800,
        end: Some(FAR_END),
        term: Term::Years(1),
        spec: spec(),
        quota: vec![quota()],
        ledger: None,
        machine: MachineClaim::enroll(machine.components),
        upd: None,
        policy: Policy::default(),
        grace_secs: 259_200,
    }
}

pub fn status_list() -> StatusListClaims {
    let mut list = StatusList::all_valid();
    assert!(list.set(4711, StatusValue::Invalid.bits()), "the index is in range");
    StatusListClaims {
        iss: ISSUER.to_owned(),
        sub: LIST.to_owned(),
        iat: ISSUED_AT,
        exp: FAR_END,
        ttl: Some(43_200),
        env: Env::Live,
        seq: ISSUED_AT,
        list,
    }
}

fn status(idx: i64) -> StatusRef {
    StatusRef { idx, uri: LIST.to_owned() }
}

fn spec() -> SpecClaim {
    let attributes = BTreeMap::from([("edition".to_owned(), "pro 专业版".to_owned())]);
    SpecClaim { sku: "CAD-PRO".to_owned(), attributes }
}

fn quota() -> QuotaClaim {
    let amount = |text| Amount::parse(text).expect("an amount");
    QuotaClaim {
        metric: "render-minutes".to_owned(),
        unit: "minute".to_owned(),
        amount: amount("1000"),
        reset: Reset::Month,
        total: Some(amount("12000")),
        share: None,
    }
}
