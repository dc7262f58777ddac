//! The key that a machine keeps: it signs the machine's requests and its usage ledger.

use alloc::format;
use alloc::string::String;
use core::fmt;

use ed25519_dalek::Signer as _;

use crate::json::ObjectWriter;
use crate::key_set::thumbprint;
use crate::ledger::{Entry, signing_input};
use crate::{RequestClaims, TokenType, base64url};

/// A machine's private key. Wiped from memory when dropped, never printed.
pub struct DeviceKey {
    secret: ed25519_dalek::SigningKey,
    thumbprint: String,
}

impl fmt::Debug for DeviceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeviceKey").field("thumbprint", &self.thumbprint).finish_non_exhaustive()
    }
}

impl DeviceKey {
    /// Takes a 32-byte seed (RFC 8032 §5.1.5).
    #[must_use]
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        let secret = ed25519_dalek::SigningKey::from_bytes(seed);
        let thumbprint = thumbprint(secret.verifying_key().as_bytes());
        Self { secret, thumbprint }
    }

    /// The public half.
    #[must_use]
    pub fn public(&self) -> [u8; 32] {
        self.secret.verifying_key().to_bytes()
    }

    /// RFC 7638 thumbprint of the public half.
    #[must_use]
    pub fn thumbprint(&self) -> &str {
        &self.thumbprint
    }

    /// The line of an entry, without its end.
    #[must_use]
    pub fn sign_entry(&self, entry: &Entry) -> String {
        self.sign_line(&entry.to_json())
    }

    /// The line of any text, unchecked. For vectors of lines that must be refused.
    #[must_use]
    pub fn sign_line(&self, json: &str) -> String {
        let signature = self.secret.sign(&signing_input(json)).to_bytes();
        format!("{json} {}", base64url::encode(&signature))
    }

    /// A signed request.
    #[must_use]
    pub fn sign_request(&self, claims: &RequestClaims) -> String {
        let mut header = ObjectWriter::new();
        header.string("alg", "EdDSA").string("typ", TokenType::ActivationRequest.as_str());
        header.object("jwk", |jwk| {
            jwk.string("kty", "OKP").string("crv", "Ed25519").string("x", &base64url::encode(&self.public()));
        });
        let segment = |text: String| base64url::encode(text.as_bytes());
        let signing_input = format!("{}.{}", segment(header.finish()), segment(claims.to_json()));
        let signature = self.secret.sign(signing_input.as_bytes()).to_bytes();
        format!("{signing_input}.{}", base64url::encode(&signature))
    }
}
