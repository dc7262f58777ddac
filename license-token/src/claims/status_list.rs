use alloc::string::String;

use super::{Claims, Env, Facts, MachineBinding, URI_MAX_BYTES, shared};
#[cfg(feature = "signing")]
use crate::json::ObjectWriter;
use crate::json::Value;
use crate::{Refusal, StatusList, TokenType};

/// A status list, `statuslist+jwt` (draft-ietf-oauth-status-list §5.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusListClaims {
    /// Merchant issuer.
    pub iss: String,
    /// The list's address; equals `status.status_list.uri` of the tokens it speaks about.
    pub sub: String,
    /// When it was signed.
    pub iat: i64,
    /// From then on it is stale; always there.
    pub exp: i64,
    /// Ask again after this many seconds.
    pub ttl: Option<i64>,
    /// `lic.env`
    pub env: Env,
    /// `lic.seq`: strictly increasing over the list's life.
    pub seq: i64,
    /// The entries: 2 bits, 2^17 of them.
    pub list: StatusList,
}

impl Claims for StatusListClaims {
    const TYPE: TokenType = TokenType::StatusList;

    fn read(payload: &Value) -> Result<Self, Refusal> {
        const LST_MAX_BYTES: usize = 64 * 1024;
        let payload = shared::payload(payload)?;
        let lic = shared::lic(payload)?;
        let packed = payload.object("status_list")?;
        let bits = u8::try_from(packed.integer("bits")?).unwrap_or(u8::MAX);
        let lst = packed.text("lst", LST_MAX_BYTES)?;
        let claims = Self {
            iss: payload.text("iss", URI_MAX_BYTES)?,
            sub: payload.text("sub", URI_MAX_BYTES)?,
            iat: payload.integer("iat")?,
            exp: payload.integer("exp")?,
            ttl: payload.integer_if("ttl")?,
            env: lic.word("env", Env::from_text)?,
            seq: lic.integer("seq")?,
            list: StatusList::decode_exact(bits, &lst)
                .map_err(|error| Refusal::claim("status_list", error.detail()))?,
        };
        shared::span(claims.iat, Some(claims.exp))?;
        Ok(claims)
    }

    fn facts(&self) -> Facts<'_> {
        Facts {
            issuer: &self.iss,
            audience: None,
            subject: &self.sub,
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
        payload.string("iss", &self.iss).string("sub", &self.sub).integer("iat", self.iat);
        payload.integer("exp", self.exp);
        shared::writing::instant_if(payload, "ttl", self.ttl);
        payload.object("status_list", |packed| {
            packed.integer("bits", i64::from(self.list.bits())).string("lst", &self.list.encode());
        });
        payload.object("lic", |lic| {
            shared::writing::lic_start(lic, self.env);
            lic.integer("seq", self.seq);
        });
    }
}
