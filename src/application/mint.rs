//! From a spec and what was ordered to a license with its key.

use chrono::TimeDelta;

use super::app::{App, UseCaseError};
use crate::domain::{
    Attachment, Charging, DelayedStart, Instant, License, Merchant, Multiply, NewLicense, OldKeyFate,
    Purchase, PurchaseFacts, QuotaPackage, Refusal, Sku, SoldSpec, Spec, SpecTerm, Term, Validity,
};

/// How far the marketplace's own end may lie behind start + term: it rounds up to the end of a day in Beijing.
const EXPIRY_ROUNDING_HOURS: i64 = 48;
/// How long before its arrival a purchase may have been ordered and still start then.
const ORDER_AGE_HOURS: i64 = 48;

fn invalid(pointer: &str, why: impl ToString) -> UseCaseError {
    UseCaseError::Refused(Refusal::Invalid { pointer: pointer.to_owned(), why: why.to_string() })
}

/// The spec as sold: `quantity` multiplies what the spec says.
pub(super) fn sold_spec(
    spec: &Spec,
    sku: Option<Sku>,
    term: Term,
    quantity: u32,
    validity: Validity,
) -> Result<SoldSpec, UseCaseError> {
    let (machines, amounts) = match spec.multiply {
        Multiply::Machines => (spec.machines.times(quantity), 1),
        Multiply::Quota => (spec.machines.times(1), quantity),
        Multiply::Nothing => (spec.machines.times(1), 1),
    };
    let package = |template| QuotaPackage::bought(template, amounts, term, validity);
    let quota = spec.quota.iter().map(package).collect::<Result<_, _>>();
    let updates_until = match spec.updates {
        Some(updates) => {
            updates.end_after(validity.starts_at, 1).map_err(|error| invalid("/updates", error))?
        }
        None => None,
    };
    Ok(SoldSpec {
        spec: spec.id.clone(),
        sku,
        term,
        machines,
        entitlements: spec.entitlements.clone(),
        attributes: spec.attributes.clone(),
        updates_until,
        offline: spec.offline.clone(),
        machine: spec.machine.clone(),
        quota: quota.map_err(|error| invalid("/quantity", error))?,
    })
}

/// The term of a purchase: the spec's own, or as the order says.
pub(super) fn term_of(spec: &Spec, ordered: Term) -> Term {
    match spec.term {
        SpecTerm::AsOrdered => ordered,
        SpecTerm::Fixed(term) => term,
    }
}

/// When a purchase is valid. It starts when it was ordered, unless that lies further back than a purchase is
/// ever late; the first end of a period order is the marketplace's own when that is start + term rounded up.
pub(super) fn validity_of(
    purchase: &Purchase,
    facts: &PurchaseFacts,
    term: Term,
) -> Result<Validity, UseCaseError> {
    let age = purchase.received_at - facts.ordered_at;
    let ordered_just_now = age >= TimeDelta::zero() && age <= TimeDelta::hours(ORDER_AGE_HOURS);
    let starts_at = if ordered_just_now { facts.ordered_at } else { purchase.received_at };
    let counted = Validity::lasting(term, starts_at).map_err(|error| invalid("/term", error))?;
    if let (Some(_), Some(fixed)) = (counted.ends_at, facts.ends_at) {
        return Ok(counted.with_end(Some(fixed)));
    }
    let rounded = match (facts.charging, counted.ends_at, facts.expires_at) {
        (Charging::Period, Some(end), Some(expires_at)) => {
            let rounding = expires_at - end;
            let fits = rounding >= TimeDelta::zero() && rounding <= TimeDelta::hours(EXPIRY_ROUNDING_HOURS);
            fits.then_some(expires_at)
        }
        (Charging::Period | Charging::OnDemand | Charging::OneTime | Charging::OnDemandPackage, _, _) => None,
    };
    Ok(rounded.map_or(counted, |end| counted.with_end(Some(end))))
}

impl App {
    /// A license that no order bought, with its first key unless it waits; not stored yet.
    pub(super) async fn make_license(
        &self,
        merchant: &Merchant,
        new: NewLicense,
        (start, attachment): (Option<DelayedStart>, Option<Attachment>),
        now: Instant,
    ) -> Result<License, UseCaseError> {
        let mut license = License::new(new, None, now, now);
        (license.start, license.attachment) = (start, attachment);
        self.sign_new_key(merchant, &mut license, OldKeyFate::StaysValid, now).await?;
        Ok(license)
    }
}
