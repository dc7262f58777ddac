//! Pinned sets of keys: which are refused as a whole, which keys are ignored, how large a set may be.

use license_token::key_set::KEY_SET_MAX_BYTES;
use license_token::{Code, Role, SigningKey};
use serde_json::{Value, json};

use super::super::vector::Vector;
use super::super::{ISS, keys, license};
use super::{changed_set, key_vector, license_text};

pub fn all() -> Vec<Vector> {
    [documents(), members(), ignored(), sizes()].into_iter().flatten().collect()
}

fn with(name: &str, about: &str, set: impl Into<String>) -> Vector {
    key_vector(&format!("keys-{name}"), about, license_text()).keys(set)
}

fn refused(name: &str, about: &str, set: impl Into<String>) -> Vector {
    with(name, about, set).refused(Code::UnknownKey).profile()
}

/// The usual set, the root key changed: nothing but the set as a whole can refuse the license key then.
fn root_changed(change: impl Fn(&mut Value)) -> String {
    let mut set: Value = serde_json::from_str(&keys().to_json()).expect("JSON");
    let jwks = set["keys"].as_array_mut().expect("an array");
    change(jwks.iter_mut().find(|jwk| jwk["role"] == "root").expect("a root key"));
    set.to_string()
}

/// The usual set and one more entry.
fn and(entry: Value) -> String {
    let mut set: Value = serde_json::from_str(&keys().to_json()).expect("JSON");
    set["keys"].as_array_mut().expect("an array").push(entry);
    set.to_string()
}

fn documents() -> Vec<Vector> {
    let usual = keys().to_json();
    let list = &usual[r#"{"keys":"#.len()..usual.len() - 1];
    vec![
        refused("empty-text", "No text.", ""),
        refused("no-json", "No JSON.", "keys"),
        refused("cut", "The last brace is missing.", &usual[..usual.len() - 1]),
        refused("trailing-bytes", "Something follows the set.", format!("{usual};")),
        refused("byte-order-mark", "A byte order mark.", format!("\u{feff}{usual}")),
        refused("list-only", "The list without its object.", list),
        refused("member-missing", "An object without keys.", "{}"),
        refused("member-object", "keys is an object.", r#"{"keys":{}}"#),
        refused("none", "No key.", r#"{"keys":[]}"#),
        refused("duplicate-member", "keys stands twice.", format!(r#"{{"keys":[],"keys":{list}}}"#)),
        refused(
            "duplicate-in-key",
            "role stands twice in the root key.",
            usual.replacen(r#""role":"root""#, r#""role":"status","role":"root""#, 1),
        ),
        refused("trailing-comma", "A comma behind the last key.", usual.replace("]}", ",]}")),
        refused("too-deep", "Nine levels.", format!(r#"{{"x":[[[[[[[[]]]]]]]],{}"#, &usual[1..])),
        refused("entry-string", "An entry that is no object.", and(json!("x"))),
        refused("entry-null", "An entry that is null.", and(Value::Null)),
        with(
            "white-space",
            "White space and other members are free.",
            format!(" {{\n\t\"issuer\": null, {} \r\n", &usual[1..]),
        )
        .valid(),
    ]
}

fn members() -> Vec<Vector> {
    let mut vectors = Vec::new();
    for member in ["kty", "x", "kid", "role", "iss"] {
        let without = root_changed(|jwk| drop(jwk.as_object_mut().expect("an object").remove(member)));
        vectors.push(refused(&format!("{member}-missing"), &format!("A key without {member}."), without));
        let number = root_changed(|jwk| jwk[member] = json!(7));
        vectors.push(refused(
            &format!("{member}-number"),
            &format!("A key whose {member} is a number."),
            number,
        ));
    }
    let x = |change: &dyn Fn(&str) -> String| {
        root_changed(|jwk| jwk["x"] = json!(change(jwk["x"].as_str().expect("a text"))))
    };
    let twice = {
        let mut set: Value = serde_json::from_str(&keys().to_json()).expect("JSON");
        let first = set["keys"][0].clone();
        set["keys"].as_array_mut().expect("an array").push(first);
        set.to_string()
    };
    vectors.extend([
        refused("x-padded", "x with padding.", x(&|x| format!("{x}="))),
        refused("x-short", "x of 31 bytes.", x(&|x| x[..42].to_owned())),
        refused("x-long", "x of 33 bytes.", x(&|x| format!("{x}A"))),
        // The last character of 32 bytes has two unused bits: the next one of the alphabet sets one of them.
        refused(
            "x-unused-bits",
            "x with an unused bit set.",
            x(&|x| {
                let last = x.chars().last().expect("not empty");
                format!("{}{}", &x[..42], char::from_u32(u32::from(last) + 1).expect("a letter"))
            }),
        ),
        refused("x-line-feed", "x with a line feed.", x(&|x| format!("{x}\n"))),
        refused(
            "kid-of-another",
            "A key under the name of another.",
            root_changed(|jwk| {
                jwk["kid"] = json!(super::key(Role::Status).verifying_key().kid());
            }),
        ),
        refused(
            "kid-line-feed",
            "A name with a line feed.",
            root_changed(|jwk| {
                jwk["kid"] = json!(format!("{}\n", jwk["kid"].as_str().expect("a text")));
            }),
        ),
        refused("iss-empty", "A key of no issuer.", root_changed(|jwk| jwk["iss"] = json!(""))),
        refused(
            "iss-256-bytes",
            "An issuer that is too long.",
            root_changed(|jwk| jwk["iss"] = json!("i".repeat(256))),
        ),
        refused(
            "iss-control",
            "An issuer with a control character.",
            root_changed(|jwk| jwk["iss"] = json!("a\u{85}")),
        ),
        refused(
            "private-root",
            "A private part in another key.",
            root_changed(|jwk| jwk["d"] = json!("AAAA")),
        ),
        refused(
            "private-null",
            "A private part that is null is there.",
            root_changed(|jwk| jwk["d"] = Value::Null),
        ),
        refused(
            "private-rsa",
            "A private part in a key that would be ignored.",
            and(json!({ "kty": "RSA", "d": "AAAA" })),
        ),
        refused("same-key-twice", "A key stands twice.", twice),
        with(
            "root-of-another-issuer",
            "Each key has its own issuer.",
            root_changed(|jwk| jwk["iss"] = json!("https://root.example")),
        )
        .valid(),
    ]);
    vectors
}

fn ignored() -> Vec<Vector> {
    let beside = |name: &str, about: &str, entry: Value| with(name, about, and(entry)).valid();
    let gone = |name: &str, about: &str, member: &str, value: Value| {
        refused(name, about, changed_set(|jwk| jwk[member] = value.clone()))
    };
    let kept = |name: &str, about: &str, member: &str, value: Value| {
        with(name, about, changed_set(|jwk| jwk[member] = value.clone())).valid()
    };
    let without =
        |member: &str| changed_set(|jwk| drop(jwk.as_object_mut().expect("an object").remove(member)));
    let second = SigningKey::from_seed(&[0x66; 32], Role::License, ISS).expect("a valid issuer");
    let other = SigningKey::from_seed(&[0x67; 32], Role::License, "https://other.example").expect("valid");
    let jwk = |signing: &SigningKey| serde_json::from_str::<Value>(&signing.public_jwk()).expect("JSON");
    vec![
        beside(
            "rsa-ignored",
            "A key of another kind.",
            json!({ "kty": "RSA", "n": "AQAB", "e": "AQAB", "kid": 7 }),
        ),
        beside(
            "x25519-ignored",
            "A key for another purpose.",
            json!({ "kty": "OKP", "crv": "X25519", "x": "AAAA" }),
        ),
        beside("without-crv-ignored", "A key without a curve.", json!({ "kty": "OKP" })),
        beside("crv-number-ignored", "A curve that is a number.", json!({ "kty": "OKP", "crv": 7 })),
        beside(
            "use-ignored",
            "A key that is not for signatures.",
            json!({ "kty": "OKP", "crv": "Ed25519", "use": "enc" }),
        ),
        beside(
            "role-ignored",
            "A key of a role that is not known.",
            json!({ "kty": "OKP", "crv": "Ed25519", "role": "escrow", "x": "AAAA", "kid": "x" }),
        ),
        gone("use-enc", "The license key's key is not for signatures.", "use", json!("enc")),
        gone("use-null", "Its use is null.", "use", Value::Null),
        gone("use-capital", "Its use is written otherwise.", "use", json!("Sig")),
        gone("role-of-another", "Its role is another.", "role", json!("activation")),
        gone("role-capital", "Its role is written otherwise.", "role", json!("License")),
        gone("crv-lower-case", "Its curve is written otherwise.", "crv", json!("ed25519")),
        gone("iss-of-another", "Its issuer is another.", "iss", json!("https://license.acme.example/")),
        kept("alg-not-read", "alg selects nothing.", "alg", json!("ES256")),
        kept("key-ops-not-read", "Members that are not listed are ignored.", "key_ops", json!(["encrypt"])),
        with("without-use", "use may be absent.", without("use")).valid(),
        with("without-alg", "alg may be absent.", without("alg")).valid(),
        key_vector(
            "keys-second-of-a-role",
            "Signed by the second key of its role.",
            second.sign(&license()).expect("signed"),
        )
        .keys(and(jwk(&second)))
        .valid(),
        key_vector(
            "keys-two-issuers",
            "A set with the keys of two merchants, a token of one that is not expected.",
            {
                other
                    .sign(&license_token::LicenseClaims { iss: "https://other.example".into(), ..license() })
                    .expect("signed")
            },
        )
        .keys(and(jwk(&other)))
        .refused(Code::WrongIssuer),
        key_vector(
            "keys-other-merchants-key",
            "The other merchant's key under this one's name.",
            other.sign_segments(
                &super::header("license+jwt", Role::License)
                    .replace(super::key(Role::License).verifying_key().kid(), other.verifying_key().kid()),
                &super::payload(&license()),
            ),
        )
        .keys(and(jwk(&other)))
        .refused(Code::UnknownKey)
        .profile(),
    ]
}

fn sizes() -> Vec<Vector> {
    let usual = keys().to_json();
    let padded = |bytes: usize| format!("{usual}{}", " ".repeat(bytes - usual.len()));
    vec![
        with("64-kib", "The largest set.", padded(KEY_SET_MAX_BYTES)).valid(),
        refused("more-than-64-kib", "One byte more.", padded(KEY_SET_MAX_BYTES + 1)),
    ]
}
