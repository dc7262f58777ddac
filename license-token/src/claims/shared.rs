use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use super::reader::{self, Members};
use super::{CLAIMS_VERSION, NAME_MAX_BYTES, URI_MAX_BYTES};
#[cfg(feature = "signing")]
use crate::json::ObjectWriter;
use crate::json::Value;
use crate::ledger::Head;
use crate::policy::words;
use crate::{Binding, Enforcement, Policy, QuotaClaim, Refusal, Reset, ShareClaim, StatusRule, Term};

words! {
    /// Whether real money stands behind a token.
    Env {
        /// It does.
        Live => "live",
        /// It does not.
        Test => "test",
    }
}

/// Where a token's standing is published: `status.status_list`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusRef {
    /// Index in the list.
    pub idx: i64,
    /// The list's address, which is also the list's `sub`; at most 255 bytes.
    pub uri: String,
}

/// What was bought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpecClaim {
    /// SKU code, at most 128 bytes.
    pub sku: String,
    /// Free attributes, at most 64 of at most 128 bytes each.
    pub attributes: BTreeMap<String, String>,
}

/// How far the usage ledger of an activation was merged, and whose key signs it: the server's receipt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedgerClaim {
    /// RFC 7638 thumbprint of the device key that signs the entries.
    pub key: String,
    /// The last entry that counts; the next one follows it.
    pub head: Head,
}

/// The `lic` object, its version checked.
pub(super) fn lic(payload: Members<'_>) -> Result<Members<'_>, Refusal> {
    let lic = payload.object("lic")?;
    if lic.integer("v")? != CLAIMS_VERSION {
        return Err(Refusal::claim("v", "is a version that this reader does not know"));
    }
    Ok(lic)
}

pub(super) fn entitlements(payload: Members<'_>) -> Result<Vec<String>, Refusal> {
    payload.items("entitlements", |item| reader::text(item, "entitlements", NAME_MAX_BYTES))
}

pub(super) fn status(payload: Members<'_>) -> Result<Option<StatusRef>, Refusal> {
    let Some(status) = payload.object_if("status")? else { return Ok(None) };
    let list = status.object("status_list")?;
    Ok(Some(StatusRef { idx: list.integer("idx")?, uri: list.text("uri", URI_MAX_BYTES)? }))
}

pub(super) fn term(lic: Members<'_>) -> Result<Term, Refusal> {
    lic.word("term", Term::parse)
}

/// An end may be absent only for a permanent term.
pub(super) fn end_fits_term(name: &'static str, end: Option<i64>, term: Term) -> Result<(), Refusal> {
    if end.is_none() && term != Term::Permanent {
        return Err(Refusal::claim(name, "is missing although the term is not permanent"));
    }
    Ok(())
}

pub(super) fn spec(lic: Members<'_>) -> Result<SpecClaim, Refusal> {
    let spec = lic.object("spec")?;
    Ok(SpecClaim { sku: spec.name("sku")?, attributes: spec.texts("attributes")? })
}

pub(super) fn quota(lic: Members<'_>) -> Result<Vec<QuotaClaim>, Refusal> {
    lic.items("quota", |item| {
        let package = Members::of(item, "quota")?;
        Ok(QuotaClaim {
            metric: package.name("metric")?,
            unit: package.name("unit")?,
            amount: package.amount("amount")?,
            reset: package.word("reset", Reset::from_text)?,
            total: package.amount_if("total")?,
            share: share(package)?,
        })
    })
}

/// `share`, `from` and `until`: all of them or none.
fn share(package: Members<'_>) -> Result<Option<ShareClaim>, Refusal> {
    if ["share", "from", "until"].iter().all(|name| package.value(name).is_none()) {
        return Ok(None);
    }
    let (number, from) = (package.integer("share")?, package.integer("from")?);
    let share = ShareClaim { number, from, until: package.integer("until")? };
    span(share.from, Some(share.until))?;
    Ok(Some(share))
}

/// `lic.ledger`: how far the usage ledger of this activation was merged.
pub(super) fn ledger(lic: Members<'_>) -> Result<Option<LedgerClaim>, Refusal> {
    let Some(ledger) = lic.object_if("ledger")? else { return Ok(None) };
    let digest = |text: &str| crate::base64url::decode_array::<32>(text);
    let key = |text: &str| digest(text).map(|_| String::from(text));
    let head = Head { seq: ledger.integer("seq")?, hash: ledger.word("head", digest)? };
    Ok(Some(LedgerClaim { key: ledger.word("key", key)?, head }))
}

pub(super) fn policy(lic: Members<'_>) -> Result<Policy, Refusal> {
    let default = Policy::default();
    let Some(policy) = lic.object_if("policy")? else { return Ok(default) };
    Ok(Policy {
        status: policy.word_if("status", StatusRule::from_text)?.unwrap_or(default.status),
        max_status_age: policy.integer_if("max_status_age")?,
        max_offline: policy.integer_if("max_offline")?,
        enforcement: policy.word_if("enforcement", Enforcement::from_text)?.unwrap_or(default.enforcement),
        binding: policy.word_if("binding", Binding::from_text)?.unwrap_or(default.binding),
    })
}

/// `nbf` before `exp`, where there is one: an empty span is a mistake of the issuer.
pub(super) fn span(nbf: i64, exp: Option<i64>) -> Result<(), Refusal> {
    if exp.is_some_and(|exp| nbf >= exp) {
        return Err(Refusal::claim("exp", "is not after `nbf`"));
    }
    Ok(())
}

pub(super) fn payload(value: &Value) -> Result<Members<'_>, Refusal> {
    Members::of(value, "payload")
}

#[cfg(feature = "signing")]
pub(super) mod writing {
    use super::*;
    use alloc::format;
    use alloc::string::ToString as _;

    pub fn status(payload: &mut ObjectWriter, status: Option<&StatusRef>) {
        if let Some(status) = status {
            payload.object("status", |outer| {
                outer.object("status_list", |list| {
                    list.integer("idx", status.idx).string("uri", &status.uri);
                });
            });
        }
    }

    pub fn entitlements(payload: &mut ObjectWriter, entitlements: &[String]) {
        payload.strings("entitlements", entitlements.iter().map(String::as_str));
    }

    pub fn instant_if(out: &mut ObjectWriter, name: &str, instant: Option<i64>) {
        if let Some(instant) = instant {
            out.integer(name, instant);
        }
    }

    pub fn lic_start(lic: &mut ObjectWriter, env: Env) {
        lic.integer("v", CLAIMS_VERSION).string("env", env.as_str());
    }

    pub fn spec(lic: &mut ObjectWriter, spec: &SpecClaim) {
        lic.object("spec", |out| {
            out.string("sku", &spec.sku);
            out.object("attributes", |attributes| {
                for (name, value) in &spec.attributes {
                    attributes.string(name, value);
                }
            });
        });
    }

    pub fn quota(lic: &mut ObjectWriter, quota: &[QuotaClaim]) {
        if quota.is_empty() {
            return;
        }
        let package = |claim: &QuotaClaim| {
            let mut out = ObjectWriter::new();
            out.string("metric", &claim.metric).string("unit", &claim.unit);
            out.json("amount", &claim.amount.to_json().to_string()).string("reset", claim.reset.as_str());
            if let Some(total) = claim.total {
                out.json("total", &total.to_json().to_string());
            }
            if let Some(share) = claim.share {
                out.integer("share", share.number).integer("from", share.from).integer("until", share.until);
            }
            out.finish()
        };
        let packages: Vec<String> = quota.iter().map(package).collect();
        lic.json("quota", &format!("[{}]", packages.join(",")));
    }

    pub fn ledger(lic: &mut ObjectWriter, ledger: Option<&LedgerClaim>) {
        let Some(ledger) = ledger else { return };
        lic.object("ledger", |out| {
            out.string("key", &ledger.key).integer("seq", ledger.head.seq);
            out.string("head", &ledger.head.text());
        });
    }

    pub fn policy(lic: &mut ObjectWriter, policy: &Policy) {
        let default = Policy::default();
        lic.object("policy", |out| {
            if policy.status != default.status {
                out.string("status", policy.status.as_str());
            }
            instant_if(out, "max_status_age", policy.max_status_age);
            instant_if(out, "max_offline", policy.max_offline);
            if policy.enforcement != default.enforcement {
                out.string("enforcement", policy.enforcement.as_str());
            }
            if policy.binding != default.binding {
                out.string("binding", policy.binding.as_str());
            }
        });
    }
}
