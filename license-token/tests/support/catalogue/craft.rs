//! Tokens that no issuer would make: any bytes, signed by the key of a role.

use ed25519_dalek::Signer as _;
use license_token::claims::Claims;
use license_token::{LicenseClaims, Role, TokenType, base64url};
use serde_json::Value;

use super::super::{activation, header, license, payload, status_list};

/// The private key of a role; its seed is public.
pub fn secret(role: Role) -> ed25519_dalek::SigningKey {
    let seed = match role {
        Role::Root => 0x11,
        Role::License => 0x22,
        Role::Activation => 0x33,
        Role::Status => 0x44,
    };
    ed25519_dalek::SigningKey::from_bytes(&[seed; 32])
}

/// Two segments as they are, and a signature over them.
pub fn sign_segments(role: Role, head: &str, body: &str) -> String {
    let input = format!("{head}.{body}");
    let signature = secret(role).sign(input.as_bytes()).to_bytes();
    format!("{input}.{}", base64url::encode(&signature))
}

/// Any bytes as header and payload.
pub fn sign_bytes(role: Role, head: &[u8], body: &[u8]) -> String {
    sign_segments(role, &base64url::encode(head), &base64url::encode(body))
}

/// Any bytes as the payload of a license key.
pub fn license_of(body: impl AsRef<[u8]>) -> String {
    sign_bytes(Role::License, header("license+jwt", Role::License).as_bytes(), body.as_ref())
}

/// Any text as the payload of a certificate.
pub fn certificate_of(body: &str) -> String {
    let head = header("license-activation+jwt", Role::Activation);
    sign_bytes(Role::Activation, head.as_bytes(), body.as_bytes())
}

/// Any text as the payload of a status list.
pub fn list_of(body: &str) -> String {
    sign_bytes(Role::Status, header("statuslist+jwt", Role::Status).as_bytes(), body.as_bytes())
}

/// A token of that type with any payload.
pub fn token_of(typ: TokenType, body: &str) -> String {
    match typ {
        TokenType::Activation => certificate_of(body),
        TokenType::StatusList => list_of(body),
        TokenType::License | TokenType::ActivationRequest | TokenType::KeySet => license_of(body),
    }
}

/// The usual payload of that type.
pub fn payload_of(typ: TokenType) -> String {
    match typ {
        TokenType::Activation => payload(&activation()),
        TokenType::StatusList => payload(&status_list()),
        TokenType::License | TokenType::ActivationRequest | TokenType::KeySet => payload(&license()),
    }
}

/// A payload in which the member at the pointer is this JSON text, whatever it was; without it when that is empty.
pub fn with_member(payload: &str, pointer: &str, json: &str) -> String {
    const MARK: &str = "the member that changes";
    let mut value: Value = serde_json::from_str(payload).expect("a payload is JSON");
    let (parent, name) = pointer.rsplit_once('/').expect("a pointer");
    match value.pointer_mut(parent).unwrap_or_else(|| panic!("{parent} is not in {payload}")) {
        Value::Object(members) if json.is_empty() => drop(members.remove(name)),
        Value::Object(members) => drop(members.insert(name.to_owned(), MARK.into())),
        Value::Array(items) => items[name.parse::<usize>().expect("an index")] = MARK.into(),
        other => panic!("{parent} is {other}"),
    }
    value.to_string().replace(&format!("\"{MARK}\""), json)
}

/// The license key with that member.
pub fn license_with(pointer: &str, json: &str) -> String {
    license_of(with_member(&payload(&license()), pointer, json))
}

/// Claims with that member, signed as their type is.
pub fn claims_with<C: Claims>(claims: &C, pointer: &str, json: &str) -> String {
    token_of(C::TYPE, &with_member(&payload(claims), pointer, json))
}

/// The license key of these claims, however long it becomes.
pub fn license_key(claims: &LicenseClaims) -> String {
    license_of(payload(claims))
}
