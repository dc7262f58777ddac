use alloc::string::String;
use alloc::vec::Vec;

#[cfg(feature = "signing")]
use super::shared::writing;
use super::{Claims, Env, Facts, MachineBinding, SpecClaim, StatusRef, URI_MAX_BYTES, shared};
#[cfg(feature = "signing")]
use crate::json::ObjectWriter;
use crate::json::Value;
use crate::{Binding, Policy, QuotaClaim, Refusal, Term, TokenType};

/// A license key, `license+jwt`: the signed text that the customer pastes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LicenseClaims {
    /// Merchant issuer; an identity, never fetched.
    pub iss: String,
    /// Product.
    pub aud: String,
    /// License id, stable over renewals.
    pub sub: String,
    /// This token's id.
    pub jti: String,
    /// When it was signed.
    pub iat: i64,
    /// First second of validity.
    pub nbf: i64,
    /// First second after validity, without grace; `None` only with [`Term::Permanent`].
    pub exp: Option<i64>,
    /// Named features.
    pub entitlements: Vec<String>,
    /// Where this key's standing is published.
    pub status: Option<StatusRef>,
    /// `lic.env`
    pub env: Env,
    /// `lic.term`
    pub term: Term,
    /// `lic.spec`
    pub spec: SpecClaim,
    /// `lic.machines`: a positive integer; absent means unlimited.
    pub machines: Option<u32>,
    /// `lic.quota`
    pub quota: Vec<QuotaClaim>,
    /// `lic.upd`: builds released before this are covered; absent: all.
    pub upd: Option<i64>,
    /// `lic.policy`
    pub policy: Policy,
    /// `lic.grace_secs`: how long the software goes on after `exp`, in seconds; absent: 0.
    pub grace_secs: i64,
}

impl Claims for LicenseClaims {
    const TYPE: TokenType = TokenType::License;

    fn read(payload: &Value) -> Result<Self, Refusal> {
        let payload = shared::payload(payload)?;
        let lic = shared::lic(payload)?;
        let claims = Self {
            iss: payload.text("iss", URI_MAX_BYTES)?,
            aud: payload.name("aud")?,
            sub: payload.name("sub")?,
            jti: payload.name("jti")?,
            iat: payload.integer("iat")?,
            nbf: payload.integer("nbf")?,
            exp: payload.integer_if("exp")?,
            entitlements: shared::entitlements(payload)?,
            status: shared::status(payload)?,
            env: lic.word("env", Env::from_text)?,
            term: shared::term(lic)?,
            spec: shared::spec(lic)?,
            machines: lic.count_if("machines")?,
            quota: shared::quota(lic)?,
            upd: lic.integer_if("upd")?,
            policy: shared::policy(lic)?,
            grace_secs: lic.integer_if("grace_secs")?.unwrap_or(0),
        };
        shared::span(claims.nbf, claims.exp)?;
        shared::end_fits_term("exp", claims.exp, claims.term)?;
        Ok(claims)
    }

    fn facts(&self) -> Facts<'_> {
        Facts {
            issuer: &self.iss,
            audience: Some(&self.aud),
            subject: &self.sub,
            env: self.env,
            issued_at: self.iat,
            not_before: self.nbf,
            expires_at: self.exp,
            status: self.status.as_ref(),
            policy: Some(&self.policy),
            binding: match self.policy.binding {
                Binding::None => MachineBinding::Unbound,
                Binding::Hardware | Binding::DeviceKey | Binding::Floating => MachineBinding::NeedsActivation,
            },
            entitlements: &self.entitlements,
            quota: &self.quota,
        }
    }

    #[cfg(feature = "signing")]
    fn write(&self, payload: &mut ObjectWriter) {
        payload.string("iss", &self.iss).string("aud", &self.aud).string("sub", &self.sub);
        payload.string("jti", &self.jti).integer("iat", self.iat).integer("nbf", self.nbf);
        writing::instant_if(payload, "exp", self.exp);
        writing::entitlements(payload, &self.entitlements);
        writing::status(payload, self.status.as_ref());
        payload.object("lic", |lic| {
            writing::lic_start(lic, self.env);
            lic.string("term", &alloc::format!("{}", self.term));
            writing::spec(lic, &self.spec);
            writing::instant_if(lic, "machines", self.machines.map(i64::from));
            writing::quota(lic, &self.quota);
            writing::instant_if(lic, "upd", self.upd);
            writing::policy(lic, &self.policy);
            writing::instant_if(lic, "grace_secs", Some(self.grace_secs).filter(|secs| *secs != 0));
        });
    }
}
