//! The signed head of a chain of events: a small JWS with a type and an audience of its own, so that it passes for no token and
//! no token passes for it. Signed by the key of the role `status` (ADR 0015).

use license_token::json::{ObjectWriter, Value};
use license_token::key_set::ed25519_verify_strict;
use license_token::{KeySet, Role, SigningKey, UnverifiedToken, base64url};

/// `typ`: no type of token that client software knows.
const TYP: &str = "lictor-audit-head+jwt";
/// `aud`: the colon stands in the id of no product.
const AUDIENCE: &str = "lictor:audit";
/// Version of the claims.
const VERSION: i64 = 1;

/// What a head says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditHead {
    /// The merchant's issuer.
    pub issuer: String,
    /// The merchant whose chain it is.
    pub merchant: String,
    /// When it was signed, in Unix seconds.
    pub issued_at: i64,
    /// The number of the last entry.
    pub seq: i64,
    /// Digest of the chain up to it.
    pub link: [u8; 32],
}

/// Why a text is no head that may be believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HeadFault {
    /// It is no such text.
    #[error("it is no signed head")]
    Malformed,
    /// Nobody here can say whether it is genuine.
    #[error("the key that it names is not in the key set, or signs something else")]
    UnknownKey,
    /// Somebody else made it, or changed it.
    #[error("its signature does not verify")]
    BadSignature,
}

impl AuditHead {
    /// Signs, and verifies before it leaves.
    pub(super) fn sign(&self, key: &SigningKey) -> Result<String, HeadFault> {
        let verifying = key.verifying_key();
        let mut header = ObjectWriter::new();
        header.string("alg", "EdDSA").string("typ", TYP).string("kid", verifying.kid());
        let mut claims = ObjectWriter::new();
        claims.string("iss", &self.issuer).string("aud", AUDIENCE).string("sub", &self.merchant);
        claims.integer("iat", self.issued_at);
        claims.object("audit", |audit| {
            audit.integer("v", VERSION).integer("seq", self.seq);
            audit.string("link", &base64url::encode(&self.link));
        });
        let text = key.sign_segments(&header.finish(), &claims.finish());
        let keys = KeySet::new(vec![verifying.clone()]).map_err(|_| HeadFault::UnknownKey)?;
        if Self::verify(&text, &keys)? == *self { Ok(text) } else { Err(HeadFault::Malformed) }
    }

    /// Reads a head that one of these keys has signed.
    pub fn verify(text: &str, keys: &KeySet) -> Result<Self, HeadFault> {
        let token = UnverifiedToken::parse(text).map_err(|_| HeadFault::Malformed)?;
        let kid = named_key(token.inspect().header).ok_or(HeadFault::Malformed)?;
        let head = Self::read(token.inspect().claims).ok_or(HeadFault::Malformed)?;
        let key = keys.get(kid).filter(|key| key.role() == Role::Status && key.issuer() == head.issuer);
        let key = key.ok_or(HeadFault::UnknownKey)?;
        let (signed, signature) = text.rsplit_once('.').ok_or(HeadFault::Malformed)?;
        let signature = base64url::decode_array(signature).ok_or(HeadFault::Malformed)?;
        let is_genuine = ed25519_verify_strict(key.public(), signed.as_bytes(), &signature);
        if is_genuine { Ok(head) } else { Err(HeadFault::BadSignature) }
    }

    fn read(claims: &Value) -> Option<Self> {
        let text = |name| claims.get(name).and_then(Value::as_str);
        let audit = claims.get("audit")?;
        let number = |name| audit.get(name).and_then(Value::as_integer);
        if text("aud")? != AUDIENCE || number("v")? != VERSION {
            return None;
        }
        Some(Self {
            issuer: text("iss")?.to_owned(),
            merchant: text("sub")?.to_owned(),
            issued_at: claims.get("iat").and_then(Value::as_integer)?,
            seq: number("seq")?,
            link: base64url::decode_array(audit.get("link").and_then(Value::as_str)?)?,
        })
    }
}

/// Exactly `alg`, `typ` and `kid`, as of every token.
fn named_key(header: &Value) -> Option<&str> {
    let text = |name| header.get(name).and_then(Value::as_str);
    let is_head = matches!(text("alg")?, "EdDSA" | "Ed25519") && text("typ")? == TYP;
    (is_head && header.as_object()?.len() == 3).then_some(text("kid")?)
}

#[cfg(test)]
mod tests {
    use license_token::{Code, StatusListClaims};

    use super::*;

    const ISSUER: &str = "https://license.acme.example";

    fn key(role: Role, seed: u8) -> SigningKey {
        SigningKey::from_seed(&[seed; 32], role, ISSUER).expect("a short issuer")
    }

    fn set(key: &SigningKey) -> KeySet {
        KeySet::new(vec![key.verifying_key().clone()]).expect("one key")
    }

    fn head() -> AuditHead {
        AuditHead {
            issuer: ISSUER.into(),
            merchant: "acme".into(),
            issued_at: 1_796_000_000,
            seq: 7,
            link: [9; 32],
        }
    }

    #[test]
    fn a_head_reads_back_under_its_key_and_under_no_other() {
        let signer = key(Role::Status, 1);
        let text = head().sign(&signer).expect("it can be signed");
        assert_eq!(AuditHead::verify(&text, &set(&signer)), Ok(head()));
        assert_eq!(AuditHead::verify(&text, &set(&key(Role::Status, 2))), Err(HeadFault::UnknownKey));
        // The same key under another role is another key.
        assert_eq!(AuditHead::verify(&text, &set(&key(Role::License, 1))), Err(HeadFault::UnknownKey));
        assert_eq!(head().sign(&key(Role::License, 1)), Err(HeadFault::UnknownKey));
    }

    #[test]
    fn a_head_of_which_any_letter_was_changed_is_not_believed() {
        let signer = key(Role::Status, 1);
        let text = head().sign(&signer).expect("it can be signed");
        for at in 0..text.len() {
            let mut changed = text.clone().into_bytes();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).expect("ASCII");
            assert!(AuditHead::verify(&changed, &set(&signer)).is_err(), "{at}");
        }
    }

    #[test]
    fn a_head_passes_for_no_token_and_a_token_passes_for_no_head() {
        let signer = key(Role::Status, 1);
        let text = head().sign(&signer).expect("it can be signed");
        let token = UnverifiedToken::parse(&text).expect("it has the form of one");
        for typ in license_token::TokenType::ALL {
            let refused = token.verify_as(&set(&signer), typ).expect_err("no token");
            assert_eq!(refused.code(), Code::WrongType, "{typ:?}");
        }
        let list = signer.sign_payload(license_token::TokenType::StatusList, r#"{"iss":"x"}"#);
        assert_eq!(AuditHead::verify(&list, &set(&signer)), Err(HeadFault::Malformed));
        assert!(token.verify::<StatusListClaims>(&set(&signer)).is_err());
    }
}
