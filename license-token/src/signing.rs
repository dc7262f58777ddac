//! Making tokens. The server's business: client software does not build this.

use alloc::format;
use alloc::string::String;
use core::fmt;

use ed25519_dalek::Signer as _;

use crate::claims::Claims;
use crate::json::ObjectWriter;
use crate::key_set::KeySetError;
use crate::token::LICENSE_KEY_END_CHARS;
use crate::{KeySet, Refusal, Role, TokenType, UnverifiedToken, VerifyingKey, base64url};

/// A private key with its role and issuer. Wiped from memory when dropped, never printed.
pub struct SigningKey {
    secret: ed25519_dalek::SigningKey,
    public: KeySet,
    verifying: VerifyingKey,
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey").field("public", &self.verifying).finish_non_exhaustive()
    }
}

impl SigningKey {
    /// Takes a key pair.
    ///
    /// # Errors
    /// The issuer is empty, longer than 255 bytes or has control characters.
    pub fn new(secret: ed25519_dalek::SigningKey, role: Role, issuer: &str) -> Result<Self, KeySetError> {
        let verifying = VerifyingKey::new(secret.verifying_key().as_bytes(), role, issuer)?;
        let public = KeySet::new(alloc::vec![verifying.clone()])?;
        Ok(Self { secret, public, verifying })
    }

    /// Takes a 32-byte seed (RFC 8032 §5.1.5).
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn from_seed(seed: &[u8; 32], role: Role, issuer: &str) -> Result<Self, KeySetError> {
        Self::new(ed25519_dalek::SigningKey::from_bytes(seed), role, issuer)
    }

    /// The public half.
    #[must_use]
    pub fn verifying_key(&self) -> &VerifyingKey {
        &self.verifying
    }

    /// The public half as a JWK.
    #[must_use]
    pub fn public_jwk(&self) -> String {
        self.verifying.to_jwk()
    }

    /// Signs claims and verifies what it made before it leaves: signature, role, issuer, and that the text reads
    /// back as the same claims.
    ///
    /// # Errors
    /// The claims are out of bounds, of another issuer or of a type that this role does not sign; a license key
    /// would have 1,024 characters or more.
    pub fn sign<C: Claims>(&self, claims: &C) -> Result<String, SigningError> {
        let mut payload = ObjectWriter::new();
        claims.write(&mut payload);
        let text = self.sign_payload(C::TYPE, &payload.finish());
        let parsed = UnverifiedToken::parse_as(&text, C::TYPE);
        let verified =
            parsed.and_then(|token| token.verify::<C>(&self.public)).map_err(SigningError::Refused)?;
        if verified.claims() != claims {
            return Err(SigningError::ReadsBackDifferently);
        }
        if C::TYPE == TokenType::License && text.len() >= LICENSE_KEY_END_CHARS {
            return Err(SigningError::LicenseKeyTooLong { chars: text.len() });
        }
        Ok(text)
    }

    /// Signs any payload text under any type, unchecked. For vectors of tokens that must be refused.
    #[must_use]
    pub fn sign_payload(&self, typ: TokenType, payload_json: &str) -> String {
        let mut header = ObjectWriter::new();
        header.string("alg", "EdDSA").string("typ", typ.as_str()).string("kid", self.verifying.kid());
        self.sign_segments(&header.finish(), payload_json)
    }

    /// Signs any header and payload text, unchecked. For vectors of tokens that must be refused.
    #[must_use]
    pub fn sign_segments(&self, header_json: &str, payload_json: &str) -> String {
        let header = base64url::encode(header_json.as_bytes());
        let payload = base64url::encode(payload_json.as_bytes());
        let signing_input = format!("{header}.{payload}");
        let signature = self.secret.sign(signing_input.as_bytes()).to_bytes();
        format!("{signing_input}.{}", base64url::encode(&signature))
    }
}

/// Why claims were not signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SigningError {
    /// The token would be refused by every verifier.
    Refused(Refusal),
    /// The text does not carry these claims, for example an absent list that stands for an empty one.
    ReadsBackDifferently,
    /// A marketplace's upload takes fewer than 1,024 characters.
    LicenseKeyTooLong {
        /// How many it would have.
        chars: usize,
    },
}

impl fmt::Display for SigningError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(refusal) => write!(f, "these claims make no valid token: {refusal}"),
            Self::ReadsBackDifferently => f.write_str("these claims do not survive their text"),
            Self::LicenseKeyTooLong { chars } => {
                write!(
                    f,
                    "the license key has {chars} characters; fewer than {LICENSE_KEY_END_CHARS} are allowed"
                )
            }
        }
    }
}

impl core::error::Error for SigningError {}
