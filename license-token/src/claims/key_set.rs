use alloc::string::String;
use alloc::vec::Vec;

use super::reader::Members;
use super::{Claims, Env, Facts, ITEMS_MAX, MachineBinding, URI_MAX_BYTES, shared};
#[cfg(feature = "signing")]
use crate::json::ObjectWriter;
use crate::json::Value;
use crate::policy::words;
use crate::{Refusal, TokenType, VerifyingKey, base64url};

words! {
    /// What is no longer believed of what a withdrawn key has signed.
    WithdrawalMode {
        /// All of it, whenever it was signed: the key was stolen, and whoever has it chooses `iat`.
        All => "all",
        /// What was signed at `at` or later, by the token's own `iat`: older texts stay good. Whoever has the key can
        /// write an earlier `iat`, so that this is for a key that is given up, or known to be lost from then on.
        After => "after",
    }
}

/// A key that is no longer believed: an item of `lic.revoked`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Withdrawal {
    /// Which key: its RFC 7638 thumbprint.
    pub kid: String,
    /// From when, in Unix seconds. With [`WithdrawalMode::All`] it only says when it was withdrawn.
    pub at: i64,
    /// What is no longer believed.
    pub mode: WithdrawalMode,
}

impl Withdrawal {
    /// Whether something that says to have been signed at `iat` is no longer believed. What says nothing is not.
    #[must_use]
    pub fn covers(&self, iat: Option<i64>) -> bool {
        match self.mode {
            WithdrawalMode::All => true,
            WithdrawalMode::After => iat.is_none_or(|iat| iat >= self.at),
        }
    }
}

/// A key set, `license-keyset+jwt`: which keys verify, and which are no longer believed. Signed by a pinned root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeySetClaims {
    /// Merchant issuer; every key in it is this issuer's.
    pub iss: String,
    /// When it was signed.
    pub iat: i64,
    /// From then on a newer one should be asked for. What it says goes on to count.
    pub exp: i64,
    /// `lic.env`: `live`. Keys are the same for both environments.
    pub env: Env,
    /// `lic.seq`: greater in each newer set of the issuer.
    pub seq: i64,
    /// Every key that verifies besides the root, at most 64, none twice.
    pub keys: Vec<VerifyingKey>,
    /// `lic.revoked`: every key that was ever withdrawn, at most 64, none twice.
    pub revoked: Vec<Withdrawal>,
}

impl Claims for KeySetClaims {
    const TYPE: TokenType = TokenType::KeySet;

    fn read(payload: &Value) -> Result<Self, Refusal> {
        let payload = shared::payload(payload)?;
        let lic = shared::lic(payload)?;
        let iss = payload.text("iss", URI_MAX_BYTES)?;
        let claims = Self {
            iat: payload.integer("iat")?,
            exp: payload.integer("exp")?,
            env: lic.word("env", Env::from_text)?,
            seq: lic.integer("seq")?,
            keys: keys(payload, &iss)?,
            revoked: lic.items("revoked", withdrawal)?,
            iss,
        };
        shared::span(claims.iat, Some(claims.exp))?;
        let kids = claims.revoked.iter().map(|withdrawal| withdrawal.kid.as_str());
        if has_twice(kids) {
            return Err(Refusal::claim("revoked", "names a key twice"));
        }
        Ok(claims)
    }

    fn facts(&self) -> Facts<'_> {
        Facts {
            issuer: &self.iss,
            audience: None,
            subject: &self.iss,
            env: self.env,
            issued_at: self.iat,
            not_before: self.iat,
            expires_at: Some(self.exp),
            status: None,
            policy: None,
            binding: MachineBinding::Unbound,
            entitlements: &[],
            quota: &[],
        }
    }

    #[cfg(feature = "signing")]
    fn write(&self, payload: &mut ObjectWriter) {
        payload.string("iss", &self.iss).integer("iat", self.iat).integer("exp", self.exp);
        let keys: Vec<String> = self.keys.iter().map(VerifyingKey::to_jwk).collect();
        payload.json("keys", &alloc::format!("[{}]", keys.join(",")));
        payload.object("lic", |lic| {
            shared::writing::lic_start(lic, self.env);
            lic.integer("seq", self.seq);
            if self.revoked.is_empty() {
                return;
            }
            let item = |withdrawal: &Withdrawal| {
                let mut out = ObjectWriter::new();
                out.string("kid", &withdrawal.kid).integer("at", withdrawal.at);
                out.string("mode", withdrawal.mode.as_str());
                out.finish()
            };
            let items: Vec<String> = self.revoked.iter().map(item).collect();
            lic.json("revoked", &alloc::format!("[{}]", items.join(",")));
        });
    }
}

/// The keys that a verifier knows how to use; those of an unknown kind are ignored as in any JWK Set.
fn keys(payload: Members<'_>, issuer: &str) -> Result<Vec<VerifyingKey>, Refusal> {
    let members = payload.value("keys").and_then(Value::as_array).filter(|keys| keys.len() <= ITEMS_MAX);
    let mut keys = Vec::new();
    for jwk in members.ok_or(Refusal::claim("keys", "is not an array of at most 64 keys"))? {
        keys.extend(VerifyingKey::from_jwk(jwk).map_err(|error| Refusal::claim("keys", error.detail()))?);
    }
    if keys.iter().any(|key| key.issuer() != issuer) {
        return Err(Refusal::claim("keys", "has a key of another issuer"));
    }
    if has_twice(keys.iter().map(VerifyingKey::kid)) {
        return Err(Refusal::claim("keys", "has a key twice"));
    }
    Ok(keys)
}

fn withdrawal(item: &Value) -> Result<Withdrawal, Refusal> {
    let item = Members::of(item, "revoked")?;
    let kid = |text: &str| base64url::decode_array::<32>(text).map(|_| String::from(text));
    Ok(Withdrawal {
        kid: item.word("kid", kid)?,
        at: item.integer("at")?,
        mode: item.word("mode", WithdrawalMode::from_text)?,
    })
}

fn has_twice<'a>(kids: impl Iterator<Item = &'a str> + Clone) -> bool {
    let mut before = 0;
    kids.clone().any(|kid| {
        let known = kids.clone().take(before).any(|earlier| earlier == kid);
        before += 1;
        known
    })
}
