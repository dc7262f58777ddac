use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use super::reader::Members;
#[cfg(feature = "signing")]
use super::shared::writing;
use super::{
    CLAIMS_VERSION, Claims, Env, Facts, LedgerClaim, MachineBinding, SpecClaim, StatusRef, URI_MAX_BYTES,
    shared,
};
#[cfg(feature = "signing")]
use crate::json::ObjectWriter;
use crate::json::Value;
use crate::{Binding, Commitment, Component, MachineClaim, Policy, QuotaClaim, Refusal, Term, TokenType};

/// An activation certificate, `license-activation+jwt`: this license on this machine, for a lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActivationClaims {
    /// Merchant issuer.
    pub iss: String,
    /// Product.
    pub aud: String,
    /// License id.
    pub sub: String,
    /// This token's id.
    pub jti: String,
    /// When it was signed, by the server's clock: a floor for the client's.
    pub iat: i64,
    /// First second of the lease.
    pub nbf: i64,
    /// First second after the lease; always there.
    pub exp: i64,
    /// `cnf.jkt`: RFC 7638 thumbprint of the device key (RFC 9449 §6.1).
    pub device_key: Option<String>,
    /// Named features.
    pub entitlements: Vec<String>,
    /// Where this activation's standing is published.
    pub status: Option<StatusRef>,
    /// The nonce of the request that this answers.
    pub nonce: Option<String>,
    /// `lic.env`
    pub env: Env,
    /// `lic.act`: activation id.
    pub act: String,
    /// `lic.gen`: generation, one more with each renewal: finds clones.
    pub generation: i64,
    /// `lic.renew`: renew from then on.
    pub renew: i64,
    /// `lic.end`: end of the license without grace; `None` only with [`Term::Permanent`].
    pub end: Option<i64>,
    /// `lic.term`
    pub term: Term,
    /// `lic.spec`
    pub spec: SpecClaim,
    /// `lic.quota`: the share that belongs to this machine.
    pub quota: Vec<QuotaClaim>,
    /// `lic.ledger`: how far this machine's usage ledger was merged; there when it may use quota offline.
    pub ledger: Option<LedgerClaim>,
    /// `lic.machine`
    pub machine: Option<MachineClaim>,
    /// `lic.upd`: builds released before this are covered; absent: all.
    pub upd: Option<i64>,
    /// `lic.policy`
    pub policy: Policy,
    /// `lic.grace_secs`: how long the software goes on after `end`, in seconds; absent: 0.
    pub grace_secs: i64,
}

impl Claims for ActivationClaims {
    const TYPE: TokenType = TokenType::Activation;

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
            exp: payload.integer("exp")?,
            device_key: device_key(payload)?,
            entitlements: shared::entitlements(payload)?,
            status: shared::status(payload)?,
            nonce: payload.text_if("nonce", super::NAME_MAX_BYTES)?,
            env: lic.word("env", Env::from_text)?,
            act: lic.name("act")?,
            generation: lic.integer("gen")?,
            renew: lic.integer("renew")?,
            end: lic.integer_if("end")?,
            term: shared::term(lic)?,
            spec: shared::spec(lic)?,
            quota: shared::quota(lic)?,
            ledger: shared::ledger(lic)?,
            machine: lic.object_if("machine")?.map(machine).transpose()?,
            upd: lic.integer_if("upd")?,
            policy: shared::policy(lic)?,
            grace_secs: lic.integer_if("grace_secs")?.unwrap_or(0),
        };
        shared::span(claims.nbf, Some(claims.exp))?;
        shared::end_fits_term("end", claims.end, claims.term)?;
        Ok(claims)
    }

    fn facts(&self) -> Facts<'_> {
        let bound =
            MachineBinding::Bound { machine: self.machine.as_ref(), device_key: self.device_key.as_deref() };
        let nothing_enrolled = self.machine.is_none() && self.device_key.is_none();
        Facts {
            issuer: &self.iss,
            audience: Some(&self.aud),
            subject: &self.sub,
            env: self.env,
            issued_at: self.iat,
            not_before: self.nbf,
            expires_at: Some(self.exp),
            status: self.status.as_ref(),
            policy: Some(&self.policy),
            binding: match self.policy.binding {
                Binding::None | Binding::Floating if nothing_enrolled => MachineBinding::Unbound,
                Binding::None | Binding::Floating | Binding::Hardware | Binding::DeviceKey => bound,
            },
            entitlements: &self.entitlements,
            quota: &self.quota,
        }
    }

    #[cfg(feature = "signing")]
    fn write(&self, payload: &mut ObjectWriter) {
        payload.string("iss", &self.iss).string("aud", &self.aud).string("sub", &self.sub);
        payload.string("jti", &self.jti).integer("iat", self.iat).integer("nbf", self.nbf);
        payload.integer("exp", self.exp);
        if let Some(device_key) = &self.device_key {
            payload.object("cnf", |cnf| {
                cnf.string("jkt", device_key);
            });
        }
        writing::entitlements(payload, &self.entitlements);
        writing::status(payload, self.status.as_ref());
        if let Some(nonce) = &self.nonce {
            payload.string("nonce", nonce);
        }
        payload.object("lic", |lic| {
            writing::lic_start(lic, self.env);
            lic.string("act", &self.act).integer("gen", self.generation).integer("renew", self.renew);
            writing::instant_if(lic, "end", self.end);
            lic.string("term", &alloc::format!("{}", self.term));
            writing::spec(lic, &self.spec);
            writing::quota(lic, &self.quota);
            writing::ledger(lic, self.ledger.as_ref());
            if let Some(machine) = &self.machine {
                write_machine(lic, machine);
            }
            writing::instant_if(lic, "upd", self.upd);
            writing::policy(lic, &self.policy);
            writing::instant_if(lic, "grace_secs", Some(self.grace_secs).filter(|secs| *secs != 0));
        });
    }
}

fn device_key(payload: Members<'_>) -> Result<Option<String>, Refusal> {
    let Some(cnf) = payload.object_if("cnf")? else { return Ok(None) };
    let thumbprint = |text: &str| crate::base64url::decode_array::<32>(text).map(|_| String::from(text));
    cnf.word("jkt", thumbprint).map(Some)
}

fn machine(machine: Members<'_>) -> Result<MachineClaim, Refusal> {
    if machine.integer("v")? != CLAIMS_VERSION {
        return Err(Refusal::claim("machine", "is of a version that this reader does not know"));
    }
    let mut enrolled = BTreeMap::new();
    for (name, value) in machine.object("c")?.entries() {
        let component = Component::from_text(name);
        let commitment = value.as_str().and_then(Commitment::parse);
        let (Some(component), Some(commitment)) = (component, commitment) else {
            return Err(Refusal::claim("machine", "has an unknown component or no 16 bytes of base64url"));
        };
        enrolled.insert(component, commitment);
    }
    let claim = MachineClaim::enroll(enrolled).ok_or(Refusal::claim("machine", "has no component"))?;
    if machine.integer("k")? != i64::try_from(claim.needed()).unwrap_or(i64::MAX) {
        return Err(Refusal::claim("machine", "asks for another number of matches than the format"));
    }
    Ok(claim)
}

#[cfg(feature = "signing")]
fn write_machine(lic: &mut ObjectWriter, machine: &MachineClaim) {
    lic.object("machine", |out| {
        out.integer("v", CLAIMS_VERSION).integer("k", i64::try_from(machine.needed()).unwrap_or(i64::MAX));
        out.object("c", |components| {
            for (component, commitment) in machine.components() {
                components.string(component.as_str(), &commitment.to_text());
            }
        });
    });
}
