//! What a machine asks for, signed by its own key: `license-activation-request+jwt`.
//!
//! The key stands in the header's `jwk`. A signature that fits proves that whoever asks has that key, and nothing
//! else: whether the key is the one that belongs there is the server's to know.

use alloc::collections::BTreeMap;
use alloc::string::String;

use crate::claims::reader::Members;
use crate::claims::{CLAIMS_VERSION, NAME_MAX_BYTES};
use crate::json::{ObjectWriter, Value};
use crate::key_set::{ed25519_verify_strict, thumbprint};
use crate::ledger::{Head, hash_of};
use crate::policy::words;
use crate::token::LICENSE_KEY_END_CHARS;
use crate::{Code, Commitment, Component, Env, Refusal, TokenType, UnverifiedToken, base64url};

words! {
    /// What is asked for. A request for one thing is none for another.
    Ask {
        /// A place on this machine.
        Activate => "activate",
        /// The next certificate.
        Renew => "renew",
        /// To give the place back.
        Release => "release",
    }
}

/// The usage ledger that goes with a request, and its end: the machine vouches for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedgerMark {
    /// Number of the first entry sent.
    pub from: i64,
    /// The last entry that was sent.
    pub head: Head,
    /// SHA-256 of the text sent, in base64url.
    pub digest: String,
    /// The machine has more entries behind `head`: they come with the next request.
    pub more: bool,
}

/// The claims of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestClaims {
    /// Product.
    pub aud: String,
    /// License id; empty where a claim code stands for a license whose id is not known yet.
    pub sub: String,
    /// The nonce of the request that it stands in.
    pub jti: String,
    /// When, by the machine's clock: informative.
    pub iat: i64,
    /// Live or test.
    pub env: Env,
    /// What is asked for.
    pub ask: Ask,
    /// Activation id; needed to renew and to release.
    pub act: Option<String>,
    /// Committed components of the machine; none where the key alone tells machines apart.
    pub machine: BTreeMap<Component, Commitment>,
    /// The usage ledger that goes with it.
    pub ledger: Option<LedgerMark>,
    /// License key or claim code: of a request that is carried to the server by hand, and of no other.
    pub token: Option<String>,
    /// What people call the machine, likewise.
    pub name: Option<String>,
}

/// A request whose signature fits the key in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedRequest {
    /// What it says.
    pub claims: RequestClaims,
    /// The public key that signed it.
    pub key: [u8; 32],
    /// Its RFC 7638 thumbprint.
    pub thumbprint: String,
}

impl VerifiedRequest {
    /// Reads a request and checks its signature against the key in its header.
    ///
    /// # Errors
    /// `malformed`, `bad_header`, `bad_signature` or `wrong_type`.
    pub fn read(text: &str) -> Result<Self, Refusal> {
        let token = UnverifiedToken::parse(text)?;
        let shown = token.inspect();
        let key = header_key(shown.header)?;
        if !ed25519_verify_strict(&key, token.signing_input().as_bytes(), token.signature()) {
            return Err(Refusal::new(Code::BadSignature, "the signature does not verify"));
        }
        Ok(Self { claims: RequestClaims::read(shown.claims)?, key, thumbprint: thumbprint(&key) })
    }
}

/// Exactly `alg`, `typ` and `jwk`, and of the key exactly `kty`, `crv` and `x`.
fn header_key(header: &Value) -> Result<[u8; 32], Refusal> {
    let text = |value: &Value, name| value.get(name).and_then(Value::as_str).map(String::from);
    let count = |value: &Value| value.as_object().map_or(0, BTreeMap::len);
    let bad = |detail| Refusal::new(Code::BadHeader, detail);
    let jwk = header.get("jwk").filter(|jwk| count(header) == 3 && count(jwk) == 3);
    let jwk = jwk.ok_or(bad("the header is not exactly `alg`, `typ` and `jwk` {`kty`, `crv`, `x`}"))?;
    if !matches!(text(header, "alg").as_deref(), Some("EdDSA" | "Ed25519")) {
        return Err(bad("`alg` is neither EdDSA nor Ed25519"));
    }
    if text(jwk, "kty").as_deref() != Some("OKP") || text(jwk, "crv").as_deref() != Some("Ed25519") {
        return Err(bad("`jwk` is no Ed25519 key"));
    }
    let typ = text(header, "typ").and_then(|typ| TokenType::from_typ(&typ));
    if typ != Some(TokenType::ActivationRequest) {
        return Err(Refusal::new(Code::WrongType, "the token is no activation request"));
    }
    text(jwk, "x").and_then(|x| base64url::decode_array(&x)).ok_or(bad("`x` is not 32 bytes of base64url"))
}

impl RequestClaims {
    fn read(payload: &Value) -> Result<Self, Refusal> {
        let payload = Members::of(payload, "payload")?;
        let lic = payload.object("lic")?;
        if lic.integer("v")? != CLAIMS_VERSION {
            return Err(Refusal::claim("v", "is a version that this reader does not know"));
        }
        let claims = Self {
            aud: payload.name("aud")?,
            sub: payload.text_if("sub", NAME_MAX_BYTES)?.unwrap_or_default(),
            jti: payload.name("jti")?,
            iat: payload.integer("iat")?,
            env: lic.word("env", Env::from_text)?,
            ask: lic.word("ask", Ask::from_text)?,
            act: lic.text_if("act", NAME_MAX_BYTES)?,
            machine: lic.object_if("machine")?.map_or(Ok(BTreeMap::new()), components)?,
            ledger: lic.object_if("ledger")?.map(mark).transpose()?,
            token: lic.text_if("token", LICENSE_KEY_END_CHARS)?,
            name: lic.text_if("name", NAME_MAX_BYTES)?,
        };
        if claims.sub.is_empty() && claims.token.is_none() {
            return Err(Refusal::claim("sub", "is missing"));
        }
        if claims.act.is_none() && claims.ask != Ask::Activate {
            return Err(Refusal::claim("act", "is missing"));
        }
        Ok(claims)
    }

    /// The payload's JSON.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut payload = ObjectWriter::new();
        payload.string("aud", &self.aud);
        if !self.sub.is_empty() {
            payload.string("sub", &self.sub);
        }
        payload.string("jti", &self.jti).integer("iat", self.iat);
        payload.object("lic", |lic| {
            lic.integer("v", CLAIMS_VERSION).string("env", self.env.as_str());
            lic.string("ask", self.ask.as_str());
            if let Some(act) = &self.act {
                lic.string("act", act);
            }
            lic.object("machine", |machine| {
                for (component, commitment) in &self.machine {
                    machine.string(component.as_str(), &commitment.to_text());
                }
            });
            if let Some(mark) = &self.ledger {
                lic.object("ledger", |out| {
                    out.integer("from", mark.from).integer("seq", mark.head.seq);
                    out.string("head", &mark.head.text()).string("digest", &mark.digest);
                    if mark.more {
                        out.json("more", "true");
                    }
                });
            }
            for (member, text) in [("token", &self.token), ("name", &self.name)] {
                if let Some(text) = text {
                    lic.string(member, text);
                }
            }
        });
        payload.finish()
    }
}

fn components(members: Members<'_>) -> Result<BTreeMap<Component, Commitment>, Refusal> {
    let read = |(name, value): (&str, &Value)| {
        let component = Component::from_text(name);
        let commitment = value.as_str().and_then(Commitment::parse);
        component.zip(commitment).ok_or(Refusal::claim("machine", "has an unknown component or no 16 bytes"))
    };
    members.entries().map(read).collect()
}

fn mark(mark: Members<'_>) -> Result<LedgerMark, Refusal> {
    let hash = |name| {
        let wrong = Refusal::claim(name, "is not 32 bytes of base64url");
        mark.value(name).and_then(hash_of).ok_or(wrong)
    };
    Ok(LedgerMark {
        from: mark.integer("from")?,
        head: Head { seq: mark.integer("seq")?, hash: hash("head")? },
        digest: base64url::encode(&hash("digest")?),
        more: match mark.value("more") {
            None | Some(Value::Bool(false)) => false,
            Some(Value::Bool(true)) => true,
            Some(_) => return Err(Refusal::claim("more", "is neither true nor false")),
        },
    })
}
