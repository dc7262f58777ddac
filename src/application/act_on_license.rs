//! What an act of the merchant makes of a license, before anything is signed or stored: so that doing it and previewing it
//! cannot differ.

use super::app::{App, UseCaseError};
use super::begin_license::{beyond, check_acceptance};
use super::mint::sold_spec;
use super::ports::{Urgency, Versioned, find};
use super::record::{Owned, RecordKey};
use super::refresh_instance::end_text;
use crate::domain::{
    ActivationId, AppliedChange, EventId, EventKind, HoldBy, Instant, License, LicenseEnd, OldKeyFate,
    Refusal, Spec, SpecId, Term, Validity,
};

/// Most key texts of one license that have not ended. A revocation writes the status-list entry of each, all in one
/// commit; so no more are made than that commit can hold.
pub(super) const KEYS_MAX: usize = 500;
/// Most changes of one license that are remembered with it; beyond them none is made by hand.
const CHANGES_MAX: usize = 500;

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LicenseAction {
    /// Stop it for the merchant's cause.
    Suspend,
    /// Lift the merchant's cause; with `override_marketplace` the marketplace's too.
    Resume {
        /// Whether the marketplace's cause is lifted as well; needs a reason.
        override_marketplace: bool,
    },
    /// End it for good.
    Revoke,
    /// A new key and claim code; the old ones end.
    Reissue {
        /// Which machines keep their places.
        keep: KeepActivations,
        /// Whether the old key opens nothing any more.
        leaked: bool,
    },
    /// The buyer has accepted: a license that waits for that begins.
    Accept {
        /// When; by default now.
        starts_at: Option<Instant>,
    },
    /// A later end than was bought.
    Extend {
        /// Which.
        to: ExtendTo,
        /// Whether it may lie further beyond what was bought than support gives
        /// ([`crate::domain::SUPPORT_EXTENSION_DAYS_MAX`]).
        beyond_support: bool,
    },
    /// What was bought becomes something else of the same product; end and term stay.
    ChangeSpec {
        /// What.
        spec: SpecId,
        /// How much of it; at least 1.
        quantity: u32,
    },
}

/// How far an end is moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExtendTo {
    /// So long beyond the present end.
    By(Term),
    /// To here.
    Until(Instant),
}

impl LicenseAction {
    /// The word in addresses and answers.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Suspend => "suspend",
            Self::Resume { .. } => "resume",
            Self::Revoke => "revoke",
            Self::Reissue { .. } => "reissue",
            Self::Accept { .. } => "accept",
            Self::Extend { .. } => "extend",
            Self::ChangeSpec { .. } => "change",
        }
    }

    /// Another key takes room as a new license does, but may be what ends a leaked one: it waits for the last only.
    pub(super) fn urgency(&self) -> Urgency {
        match self {
            Self::Suspend | Self::Resume { .. } | Self::Revoke => Urgency::Essential,
            Self::Reissue { .. } => Urgency::Ordinary,
            Self::Accept { .. } | Self::Extend { .. } | Self::ChangeSpec { .. } => Urgency::Grow,
        }
    }
}

/// Which machines keep their places when a license is re-issued.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeepActivations {
    /// All of them.
    All,
    /// None of them.
    Nothing,
    /// These.
    These(Vec<ActivationId>),
}

impl KeepActivations {
    pub(super) fn keeps(&self, activation: &ActivationId) -> bool {
        match self {
            Self::All => true,
            Self::Nothing => false,
            Self::These(kept) => kept.contains(activation),
        }
    }
}

/// What an act has made of a license.
pub(super) struct Deed {
    /// Whether anything is different now.
    pub(super) changed: bool,
    /// As the audit log names it.
    pub(super) kind: EventKind,
    /// What becomes of the key that a new one replaces; none where the present one stays.
    pub(super) fate: Option<OldKeyFate>,
    /// Facts for the audit log beside the reason.
    pub(super) detail: Vec<(&'static str, String)>,
}

impl Deed {
    fn of(changed: bool, kind: EventKind) -> Self {
        Self { changed, kind, fate: None, detail: Vec::new() }
    }
}

/// What needs to be explained is explained.
pub(super) fn check_reason(action: &LicenseAction, reason: Option<&str>) -> Result<(), Refusal> {
    let needed = matches!(action, LicenseAction::Resume { override_marketplace: true });
    if needed && reason.is_none_or(|reason| reason.trim().is_empty()) {
        let why = "lifting the marketplace's suspension needs a reason".to_owned();
        return Err(Refusal::Invalid { pointer: "/reason".into(), why });
    }
    Ok(())
}

impl App {
    /// Does it to a license in memory.
    pub(super) async fn act(
        &self,
        license: &mut License,
        action: &LicenseAction,
        reason: Option<&String>,
        now: Instant,
    ) -> Result<Deed, UseCaseError> {
        Ok(match action {
            LicenseAction::Suspend => {
                let changed = license.suspend(HoldBy::Merchant, reason.cloned(), now)?;
                Deed::of(changed, EventKind::LicenseSuspended)
            }
            LicenseAction::Resume { override_marketplace } => {
                let merchants = license.resume(HoldBy::Merchant)?;
                let marketplaces = *override_marketplace && license.resume(HoldBy::Marketplace)?;
                Deed::of(merchants || marketplaces, EventKind::LicenseResumed)
            }
            LicenseAction::Revoke => {
                Deed::of(license.revoke(reason.cloned(), now), EventKind::LicenseRevoked)
            }
            LicenseAction::Reissue { leaked, .. } => {
                check_reissue(license)?;
                let fate = if *leaked { OldKeyFate::Leaked } else { OldKeyFate::Reissued };
                Deed { fate: Some(fate), ..Deed::of(true, EventKind::LicenseReissued) }
            }
            LicenseAction::Accept { starts_at } => accept(license, *starts_at, now)?,
            LicenseAction::Extend { to, beyond_support } => extend(license, *to, *beyond_support, now)?,
            LicenseAction::ChangeSpec { spec, quantity } => {
                self.change_spec(license, spec, *quantity, now).await?
            }
        })
    }

    /// As a later order at the marketplace would change it. It counts as the latest change: an order that was placed before
    /// it does not undo it, one that is placed later does.
    async fn change_spec(
        &self,
        license: &mut License,
        id: &SpecId,
        quantity: u32,
        now: Instant,
    ) -> Result<Deed, UseCaseError> {
        if license.end != LicenseEnd::Running {
            let why = "a license that was revoked or released cannot be changed: issue another";
            return Err(Refusal::IllegalState { why }.into());
        }
        if license.changes.len() >= CHANGES_MAX || license.issued.len() >= KEYS_MAX {
            let why = "the license was changed too often: revoke it and issue another";
            return Err(Refusal::IllegalState { why }.into());
        }
        let key = RecordKey::Spec(license.merchant.clone(), id.clone());
        let spec: Option<Versioned<Owned<Spec>>> = find(self.store.as_ref(), key).await?;
        let invalid = |why: &str| Refusal::Invalid { pointer: "/spec".into(), why: why.to_owned() };
        let spec = spec.ok_or_else(|| invalid("there is no such spec"))?.value.value;
        if !spec.suits(license) {
            return Err(
                invalid("the spec is of another product, or of another kind, than the license").into()
            );
        }
        let before = license.clone();
        let sold = sold_spec(&spec, None, license.sold.term, quantity, license.validity)?;
        license.sell(sold, spec.updates);
        if license.sold == before.sold {
            return Ok(Deed::of(false, EventKind::LicenseChanged));
        }
        let order_id = format!("by-hand:{}", EventId::from_uuid(self.ids.uuid_v7(now)));
        license.changes.push(AppliedChange { order_id, ordered_at: Some(now) });
        let detail = vec![
            ("spec", license.sold.spec.to_string()),
            ("spec_before", before.sold.spec.to_string()),
            ("quantity", quantity.to_string()),
        ];
        let fate = license.key_fate_since(&before);
        Ok(Deed { fate, detail, ..Deed::of(true, EventKind::LicenseChanged) })
    }
}

fn check_reissue(license: &License) -> Result<(), Refusal> {
    if license.end != LicenseEnd::Running {
        let why = "a license that was revoked or released cannot be re-issued";
        return Err(Refusal::IllegalState { why });
    }
    if license.issued.len() >= KEYS_MAX {
        let why = "the license was re-issued too often: revoke it and issue a new one";
        return Err(Refusal::IllegalState { why });
    }
    Ok(())
}

/// A repeat changes nothing.
fn accept(license: &mut License, starts_at: Option<Instant>, now: Instant) -> Result<Deed, UseCaseError> {
    let at = starts_at.unwrap_or(now);
    let begins = check_acceptance(license, at, now)? && license.begin(at).map_err(beyond)?;
    let detail = vec![
        ("by", license.starts().as_str().to_owned()),
        ("starts_at", license.validity.starts_at.to_rfc3339()),
        ("ends_at", end_text(license)),
    ];
    let fate = begins.then_some(OldKeyFate::StaysValid);
    Ok(Deed { fate, detail, ..Deed::of(begins, EventKind::LicenseStarted) })
}

fn extend(
    license: &mut License,
    to: ExtendTo,
    beyond_support: bool,
    now: Instant,
) -> Result<Deed, UseCaseError> {
    let present = license.check_extendable()?;
    let invalid = |pointer: &str, why: String| Refusal::Invalid { pointer: pointer.into(), why };
    let (pointer, until) = match to {
        ExtendTo::Until(until) => ("/ends_at", Some(until)),
        ExtendTo::By(term) => {
            let until = term.end_after(present, 1);
            ("/by", until.map_err(|error| invalid("/by", error.to_string()))?)
        }
    };
    let Some(until) = until else {
        let why = "an extension has an end: to make a license permanent, change its spec or issue another";
        return Err(invalid(pointer, why.into()).into());
    };
    let shown = |at: Instant| at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
    if !Validity::between(now, Some(until)).holds_at(now) {
        let why = format!("the license would still have ended, at {}: give a later ends_at", shown(until));
        return Err(invalid(pointer, why).into());
    }
    if until == present {
        return Ok(Deed::of(false, EventKind::LicenseExtended));
    }
    if Validity::between(now, Some(until)).ends_before(&license.validity) {
        let why = format!("the license ends later, at {}: an extension only adds time", shown(present));
        return Err(invalid(pointer, why).into());
    }
    if license.issued.len() >= KEYS_MAX {
        let why = "the license got too many keys: revoke it and issue another";
        return Err(Refusal::IllegalState { why }.into());
    }
    if license.is_beyond_support(until) && !beyond_support {
        return Err(Refusal::ScopeMissing { scope: crate::domain::Scope::Issue.as_str() }.into());
    }
    let before = license.clone();
    license.extend(until)?;
    let bought = license.bought_end().map(shown).unwrap_or_default();
    let detail =
        vec![("ends_at", end_text(license)), ("ends_at_before", shown(present)), ("bought_end", bought)];
    let fate = license.key_fate_since(&before);
    Ok(Deed { fate, detail, ..Deed::of(true, EventKind::LicenseExtended) })
}
