//! From text to a verified token: JWS compact serialization (RFC 7515 §7.1), Ed25519 only (RFC 8037).

use alloc::borrow::ToOwned as _;
use alloc::string::String;

use crate::claims::{AnyClaims, Claims};
use crate::json::{self, Limits, Value};
use crate::{Code, KeySet, Refusal, TokenType, VerifyingKey, base64url};

/// Longest token, checked before anything is decoded.
pub const TOKEN_MAX_BYTES: usize = 8 * 1024;
/// Longest status list token: 32 KiB that do not compress, encoded twice, and its claims.
pub const STATUS_LIST_TOKEN_MAX_BYTES: usize = 64 * 1024;
/// Longest key set token: 64 keys, 64 withdrawals, encoded twice.
pub const KEY_SET_TOKEN_MAX_BYTES: usize = 64 * 1024;
/// Most JSON values in the header or payload of such a longer token: far more than one has, and few enough to hold.
pub const LONG_TOKEN_VALUES_MAX: usize = 2_048;
/// Longest license key that may be issued, in characters: a marketplace's string upload takes fewer than this.
pub const LICENSE_KEY_END_CHARS: usize = 1_024;

/// A text that has the form of a token. Nothing in it may be believed.
#[derive(Debug, Clone)]
pub struct UnverifiedToken<'a> {
    text: &'a str,
    signing_input: &'a str,
    header: Value,
    payload: Value,
    signature: [u8; 64],
}

/// Header and claims that nobody has vouched for: for people's eyes, never for a decision.
#[derive(Debug, Clone, Copy)]
pub struct Untrusted<'a> {
    /// The header as JSON.
    pub header: &'a Value,
    /// The claims as JSON.
    pub claims: &'a Value,
}

impl<'a> UnverifiedToken<'a> {
    /// Reads the form of a license key or certificate: at most 8 KiB, three non-empty segments of canonical
    /// unpadded base64url, a header and a payload that are strict JSON objects, 64 bytes of signature.
    ///
    /// # Errors
    /// `malformed`.
    pub fn parse(text: &'a str) -> Result<Self, Refusal> {
        Self::parse_within(text, TOKEN_MAX_BYTES)
    }

    /// As [`Self::parse`], for a text that may be a status list: at most 64 KiB.
    ///
    /// # Errors
    /// `malformed`.
    pub fn parse_status_list(text: &'a str) -> Result<Self, Refusal> {
        Self::parse_within(text, STATUS_LIST_TOKEN_MAX_BYTES)
    }

    /// As [`Self::parse`], for a text that may be a key set: at most 64 KiB.
    ///
    /// # Errors
    /// `malformed`.
    pub fn parse_key_set(text: &'a str) -> Result<Self, Refusal> {
        Self::parse_within(text, KEY_SET_TOKEN_MAX_BYTES)
    }

    /// As [`Self::parse`], bounded as the type is.
    ///
    /// # Errors
    /// `malformed`.
    pub fn parse_as(text: &'a str, typ: TokenType) -> Result<Self, Refusal> {
        match typ {
            TokenType::StatusList => Self::parse_status_list(text),
            TokenType::KeySet => Self::parse_key_set(text),
            TokenType::License | TokenType::Activation | TokenType::ActivationRequest => Self::parse(text),
        }
    }

    fn parse_within(text: &'a str, max_bytes: usize) -> Result<Self, Refusal> {
        if text.len() > max_bytes {
            return Err(malformed("the text is too long for a token"));
        }
        let (signing_input, signature) = text.rsplit_once('.').ok_or(malformed("not three segments"))?;
        let (header, payload) = signing_input.split_once('.').ok_or(malformed("not three segments"))?;
        if header.is_empty() || payload.is_empty() || signature.is_empty() || payload.contains('.') {
            return Err(malformed("not three non-empty segments"));
        }
        let signature = base64url::decode_array(signature)
            .ok_or(malformed("the signature is not 64 bytes of canonical base64url"))?;
        let max_values = if max_bytes > TOKEN_MAX_BYTES { LONG_TOKEN_VALUES_MAX } else { usize::MAX };
        let (header, payload) = (object(header, max_values)?, object(payload, max_values)?);
        Ok(Self { text, signing_input, header, payload, signature })
    }

    /// Header and claims without any trust.
    #[must_use]
    pub fn inspect(&self) -> Untrusted<'_> {
        Untrusted { header: &self.header, claims: &self.payload }
    }

    /// `iat` as the text says it; a withdrawn key may still be believed for what is older.
    fn issued_at(&self) -> Option<i64> {
        self.payload.get("iat").and_then(Value::as_integer)
    }

    pub(crate) fn signing_input(&self) -> &str {
        self.signing_input
    }

    pub(crate) fn signature(&self) -> &[u8; 64] {
        &self.signature
    }

    /// Checks header, key, signature, type and the form of the claims, in this order. Whether the token is meant
    /// for the caller, and holds now, is [`crate::verdict`]'s.
    ///
    /// # Errors
    /// `bad_header`, `unknown_key`, `bad_signature`, `wrong_type` or `malformed`.
    pub fn verify<C: Claims>(&self, keys: &KeySet) -> Result<VerifiedToken<C>, Refusal> {
        let key = self.verify_signature(keys, C::TYPE)?;
        Ok(self.verified(key, C::read(&self.payload)?))
    }

    /// As [`Self::verify`], for a type that is known only while running.
    ///
    /// # Errors
    /// As [`Self::verify`].
    pub fn verify_as(&self, keys: &KeySet, expected: TokenType) -> Result<VerifiedToken<AnyClaims>, Refusal> {
        let key = self.verify_signature(keys, expected)?;
        Ok(self.verified(key, AnyClaims::read(expected, &self.payload)?))
    }

    fn verified<C>(&self, key: &VerifyingKey, claims: C) -> VerifiedToken<C> {
        let kid = key.kid().to_owned();
        VerifiedToken { text: self.text.to_owned(), kid, payload: self.payload.clone(), claims }
    }

    fn verify_signature<'k>(
        &self,
        keys: &'k KeySet,
        expected: TokenType,
    ) -> Result<&'k VerifyingKey, Refusal> {
        let header = Header::read(&self.header)?;
        let actual = TokenType::from_typ(header.typ);
        let key = keys.get(header.kid).ok_or(Refusal::new(Code::UnknownKey, "no pinned key has this kid"))?;
        if actual.is_some_and(|actual| actual.role() != Some(key.role())) {
            return Err(Refusal::new(Code::UnknownKey, "the key's role does not sign this type"));
        }
        if self.payload.get("iss").and_then(Value::as_str) != Some(key.issuer()) {
            return Err(Refusal::new(Code::UnknownKey, "the key belongs to another issuer"));
        }
        if keys.withdrawal(header.kid).is_some_and(|withdrawal| withdrawal.covers(self.issued_at())) {
            return Err(Refusal::new(Code::UnknownKey, "the key was withdrawn before this was signed"));
        }
        if !key.verify(self.signing_input.as_bytes(), &self.signature) {
            return Err(Refusal::new(Code::BadSignature, "the signature does not verify"));
        }
        if actual != Some(expected) {
            return Err(Refusal::new(Code::WrongType, "the token is of another type than expected here"));
        }
        Ok(key)
    }
}

fn object(segment: &str, max_values: usize) -> Result<Value, Refusal> {
    let bytes = base64url::decode(segment).ok_or(malformed("a segment is not canonical base64url"))?;
    let value = json::parse_few(&bytes, &Limits::TOKEN, max_values).map_err(|error| match error {
        json::JsonError::Duplicate { .. } => malformed("a member stands twice in one object"),
        json::JsonError::TooDeep { .. }
        | json::JsonError::TooLarge { .. }
        | json::JsonError::TooMany { .. } => malformed("JSON beyond the limits"),
        json::JsonError::Malformed { .. } => malformed("header or payload is no JSON"),
    })?;
    if value.as_object().is_none() {
        return Err(malformed("header or payload is no JSON object"));
    }
    Ok(value)
}

const fn malformed(detail: &'static str) -> Refusal {
    Refusal::new(Code::Malformed, detail)
}

struct Header<'a> {
    typ: &'a str,
    kid: &'a str,
}

impl<'a> Header<'a> {
    /// Exactly `alg`, `typ` and `kid`, all strings. `alg` selects nothing: there is one algorithm.
    fn read(header: &'a Value) -> Result<Self, Refusal> {
        let text = |name| header.get(name).and_then(Value::as_str);
        let members = header.as_object().map_or(0, alloc::collections::BTreeMap::len);
        let (Some(alg), Some(typ), Some(kid), 3) = (text("alg"), text("typ"), text("kid"), members) else {
            return Err(Refusal::new(Code::BadHeader, "the header is not exactly `alg`, `typ` and `kid`"));
        };
        if !matches!(alg, "EdDSA" | "Ed25519") {
            return Err(Refusal::new(Code::BadHeader, "`alg` is neither EdDSA nor Ed25519"));
        }
        Ok(Self { typ, kid })
    }
}

/// A token whose signature, type and claims were checked. Made by verifying only.
#[derive(Debug, Clone)]
pub struct VerifiedToken<C> {
    text: String,
    kid: String,
    payload: Value,
    claims: C,
}

impl<C> VerifiedToken<C> {
    /// The claims.
    #[must_use]
    pub fn claims(&self) -> &C {
        &self.claims
    }

    /// The claims, the rest forgotten.
    #[must_use]
    pub fn into_claims(self) -> C {
        self.claims
    }

    /// The whole payload as JSON, members that this version does not know included.
    #[must_use]
    pub fn payload(&self) -> &Value {
        &self.payload
    }

    /// The key that signed it.
    #[must_use]
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// The text, as received.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }
}
