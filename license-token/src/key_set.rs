//! Pinned verifying keys: a JWK Set (RFC 7517) whose keys are each bound to one issuer and one role.

use alloc::borrow::ToOwned as _;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use ed25519_dalek::Signature;
use sha2::{Digest as _, Sha256};

use crate::base64url;
use crate::claims::{KeySetClaims, Withdrawal};
use crate::json::{self, JsonError, Limits, ObjectWriter, Value};

/// Largest accepted JWK Set.
pub const KEY_SET_MAX_BYTES: usize = 64 * 1024;
const LIMITS: Limits = Limits { max_bytes: KEY_SET_MAX_BYTES, max_depth: 8 };
/// Longest issuer, product, id and URI in a token or key.
pub(crate) const ISSUER_MAX_BYTES: usize = 255;

/// What a key signs. A key of one role never verifies a token of another type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// Signs key sets; kept offline.
    Root,
    /// Signs license keys.
    License,
    /// Signs activation certificates.
    Activation,
    /// Signs status lists.
    Status,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 4] = [Self::Root, Self::License, Self::Activation, Self::Status];

    /// The JWK's `role` member.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Root => "root",
            Self::License => "license",
            Self::Activation => "activation",
            Self::Status => "status",
        }
    }

    /// The role of a text.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == text)
    }
}

/// One Ed25519 public key with its id, role and issuer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifyingKey {
    kid: String,
    role: Role,
    issuer: String,
    point: ed25519_dalek::VerifyingKey,
}

impl VerifyingKey {
    /// Takes 32 public bytes (RFC 8032 §5.1.5).
    ///
    /// # Errors
    /// The bytes are no canonical point, or one of small order, for which anyone can make signatures; or the
    /// issuer is empty, longer than 255 bytes or has control characters.
    pub fn new(public: &[u8; 32], role: Role, issuer: &str) -> Result<Self, KeySetError> {
        let point = strong_point(public).ok_or(KeySetError::new("x is no strong canonical Ed25519 point"))?;
        if issuer.is_empty() || issuer.len() > ISSUER_MAX_BYTES || issuer.chars().any(char::is_control) {
            return Err(KeySetError::new("iss is empty, too long or has control characters"));
        }
        Ok(Self { kid: thumbprint(public), role, issuer: issuer.to_owned(), point })
    }

    /// RFC 7638 SHA-256 thumbprint, 43 characters of base64url: the key's name in a token's header.
    #[must_use]
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// What the key signs.
    #[must_use]
    pub const fn role(&self) -> Role {
        self.role
    }

    /// The one merchant whose tokens it verifies.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The 32 public bytes.
    #[must_use]
    pub fn public(&self) -> &[u8; 32] {
        self.point.as_bytes()
    }

    /// The key as a JWK (RFC 8037 §2) with `kid`, `alg`, `use`, `role` and `iss`.
    #[must_use]
    pub fn to_jwk(&self) -> String {
        let mut jwk = ObjectWriter::new();
        jwk.string("kty", "OKP").string("crv", "Ed25519").string("x", &base64url::encode(self.public()));
        jwk.string("kid", &self.kid).string("alg", "EdDSA").string("use", "sig");
        jwk.string("role", self.role.as_str()).string("iss", &self.issuer);
        jwk.finish()
    }

    pub(crate) fn verify(&self, message: &[u8], signature: &[u8; 64]) -> bool {
        self.point.verify_strict(message, &Signature::from_bytes(signature)).is_ok()
    }

    pub(crate) fn from_jwk(jwk: &Value) -> Result<Option<Self>, KeySetError> {
        if jwk.as_object().is_none() {
            return Err(KeySetError::new("a key is no object"));
        }
        if jwk.get("d").is_some() {
            return Err(KeySetError::new("a private key (`d`) has no place in a set of verifying keys"));
        }
        if text(jwk, "kty")? != "OKP" || jwk.get("crv").and_then(Value::as_str) != Some("Ed25519") {
            return Ok(None);
        }
        if jwk.get("use").is_some_and(|purpose| purpose.as_str() != Some("sig")) {
            return Ok(None);
        }
        let Some(role) = Role::from_text(text(jwk, "role")?) else { return Ok(None) };
        let public = base64url::decode_array(text(jwk, "x")?)
            .ok_or(KeySetError::new("x is not 32 bytes of canonical base64url"))?;
        let found = Self::new(&public, role, text(jwk, "iss")?)?;
        if text(jwk, "kid")? != found.kid {
            return Err(KeySetError::new("kid is not the key's RFC 7638 thumbprint"));
        }
        Ok(Some(found))
    }
}

fn text<'a>(jwk: &'a Value, name: &'static str) -> Result<&'a str, KeySetError> {
    jwk.get(name)
        .and_then(Value::as_str)
        .ok_or(KeySetError { detail: "is missing or no string", member: name })
}

/// RFC 7638 §3: SHA-256 over the required members in the order of their names.
#[must_use]
pub fn thumbprint(public: &[u8; 32]) -> String {
    let members = format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{}"}}"#, base64url::encode(public));
    base64url::encode(&Sha256::digest(members.as_bytes()))
}

/// Verifies one Ed25519 signature as every token is verified: RFC 8032 §5.1.7 and, beyond it, public keys and R
/// of small order and every non-canonical encoding of key, R or S refused.
#[must_use]
pub fn ed25519_verify_strict(public: &[u8; 32], message: &[u8], signature: &[u8; 64]) -> bool {
    strong_point(public)
        .is_some_and(|point| point.verify_strict(message, &Signature::from_bytes(signature)).is_ok())
}

fn strong_point(public: &[u8; 32]) -> Option<ed25519_dalek::VerifyingKey> {
    let point = ed25519_dalek::VerifyingKey::from_bytes(public).ok()?;
    (is_canonical(public) && !point.is_weak()).then_some(point)
}

/// Little-endian y below p = 2^255 − 19 (RFC 8032 §5.1.3 step 1); the top bit is the sign of x.
fn is_canonical(public: &[u8; 32]) -> bool {
    let high = public[31] & 0x7f == 0x7f && public[1..31].iter().all(|byte| *byte == 0xff);
    !(high && public[0] >= 0xed)
}

/// The keys that a verifier trusts. Which keys are in it is the whole of trust: `lictor keys public` prints it,
/// client software pins it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeySet {
    keys: Vec<VerifyingKey>,
    withdrawn: Vec<Withdrawal>,
}

impl KeySet {
    /// A set of keys, their ids unique.
    ///
    /// # Errors
    /// There is no key, or one stands twice.
    pub fn new(keys: Vec<VerifyingKey>) -> Result<Self, KeySetError> {
        if keys.is_empty() {
            return Err(KeySetError::new("no key of a known role is in the set"));
        }
        let twice =
            |(index, key): (usize, &VerifyingKey)| keys[..index].iter().any(|other| other.kid == key.kid);
        if keys.iter().enumerate().any(twice) {
            return Err(KeySetError::new("a key stands twice in the set"));
        }
        Ok(Self { keys, withdrawn: Vec::new() })
    }

    /// Reads a JWK Set of at most 64 KiB. A key of another `kty`, `crv`, `use` or `role` is ignored
    /// (RFC 7517 §5): it verifies nothing here.
    ///
    /// # Errors
    /// Not strict JSON; a private key; a weak, doubled or misnamed key; no key at all.
    pub fn parse(bytes: &[u8]) -> Result<Self, KeySetError> {
        let set = json::parse(bytes, &LIMITS).map_err(KeySetError::from)?;
        let members = set.get("keys").and_then(Value::as_array);
        let mut keys = Vec::new();
        for jwk in members.ok_or(KeySetError::new("is no JWK Set with an array `keys`"))? {
            keys.extend(VerifyingKey::from_jwk(jwk)?);
        }
        Self::new(keys)
    }

    /// The key of this id.
    #[must_use]
    pub fn get(&self, kid: &str) -> Option<&VerifyingKey> {
        self.keys.iter().find(|key| key.kid == kid)
    }

    /// These keys, taken for the pinned ones, as a key set changes them: its own are added, roots left out, and what it
    /// withdraws is no longer believed. Verify the key set first ([`crate::trust::accept`]). A root is neither added nor
    /// withdrawn by a key set: what a thief of the root could say about roots is worth nothing.
    #[must_use]
    pub fn updated_by(&self, newest: &KeySetClaims) -> Self {
        let is_new = |key: &&VerifyingKey| key.role != Role::Root && self.get(&key.kid).is_none();
        let added = newest.keys.iter().filter(is_new);
        let keys: Vec<VerifyingKey> = self.keys.iter().chain(added).cloned().collect();
        let is_root = |kid: &str| keys.iter().any(|key| key.kid == kid && key.role == Role::Root);
        let of_issuer = |kid: &str| keys.iter().any(|key| key.kid == kid && key.issuer == newest.iss);
        let counts = |withdrawal: &&Withdrawal| of_issuer(&withdrawal.kid) && !is_root(&withdrawal.kid);
        let withdrawn = newest.revoked.iter().filter(counts).cloned().collect();
        Self { keys, withdrawn }
    }

    /// The same keys, all of them believed: to recognise a text that is shown to the server that gave it out. Never for a
    /// verdict.
    #[must_use]
    pub fn as_if_none_was_withdrawn(&self) -> Self {
        Self { keys: self.keys.clone(), withdrawn: Vec::new() }
    }

    /// What is no longer believed of what the key of this id has signed.
    #[must_use]
    pub fn withdrawal(&self, kid: &str) -> Option<&Withdrawal> {
        self.withdrawn.iter().find(|withdrawal| withdrawal.kid == kid)
    }

    /// All keys, also those of which not everything is believed.
    #[must_use]
    pub fn keys(&self) -> &[VerifyingKey] {
        &self.keys
    }

    /// The set as a JWK Set document.
    #[must_use]
    pub fn to_json(&self) -> String {
        let keys: Vec<String> = self.keys.iter().map(VerifyingKey::to_jwk).collect();
        format!(r#"{{"keys":[{}]}}"#, keys.join(","))
    }
}

/// Why a set of keys was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeySetError {
    detail: &'static str,
    member: &'static str,
}

impl KeySetError {
    const fn new(detail: &'static str) -> Self {
        Self { detail, member: "" }
    }

    pub(crate) const fn detail(&self) -> &'static str {
        self.detail
    }
}

impl From<JsonError> for KeySetError {
    fn from(error: JsonError) -> Self {
        Self::new(match error {
            JsonError::TooLarge { .. } => "is longer than 64 KiB",
            JsonError::TooMany { .. } => "has too many members",
            JsonError::TooDeep { .. } => "is nested too deeply",
            JsonError::Duplicate { .. } => "has a duplicate member",
            JsonError::Malformed { .. } => "is no valid JSON",
        })
    }
}

impl fmt::Display for KeySetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("verifying keys refused: ")?;
        if !self.member.is_empty() {
            write!(f, "`{}` ", self.member)?;
        }
        f.write_str(self.detail)
    }
}

impl core::error::Error for KeySetError {}
