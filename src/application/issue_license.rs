//! A merchant issues a license by hand.

use super::app::{App, UseCaseError, decided};
use super::merchant_commands::IdempotencyIdentity;
use super::mint::{sold_spec, term_of};
use super::ports::{ABSENT, StoreError, Urgency, Versioned, find};
use super::record::{Owned, RecordKey};
use crate::domain::{
    Actor, Attachment, CustomerId, DelayedStart, Env, Instant, License, LicenseId, Merchant, MerchantId,
    NewLicense, Origin, ProductId, Refusal, Spec, SpecId, SpecKind, SpecTerm, Term, Validity,
};

/// What is to be issued.
#[derive(Debug, Clone)]
pub struct IssueLicense {
    /// Whose.
    pub merchant: MerchantId,
    /// Who asks.
    pub actor: Actor,
    /// Of which product.
    pub product: ProductId,
    /// Which spec.
    pub spec: SpecId,
    /// How much of it; at least 1.
    pub quantity: u32,
    /// For whom.
    pub customer: Option<CustomerId>,
    /// The merchant's own note.
    pub label: String,
    /// Another term than the spec's.
    pub term: Option<Term>,
    /// Later than now.
    pub starts_at: Option<Instant>,
    /// Live or test.
    pub env: Env,
    /// If the caller may ask twice.
    pub idempotency: Option<IdempotencyIdentity>,
}

/// A license that may be minted.
pub(super) struct PreparedIssue {
    pub(super) merchant: Merchant,
    pub(super) new: NewLicense,
    pub(super) start: Option<DelayedStart>,
    pub(super) attachment: Option<Attachment>,
}

fn invalid(pointer: &str, why: &str) -> UseCaseError {
    UseCaseError::Refused(Refusal::Invalid { pointer: pointer.to_owned(), why: why.to_owned() })
}

impl App {
    /// Mints it; the same request again gives the same license.
    pub async fn issue_license(&self, order: &IssueLicense) -> Result<Versioned<License>, UseCaseError> {
        decided!(self, self.try_issue(order))
    }

    /// What would be minted; refuses what cannot be.
    pub(super) async fn prepare_issue(
        &self,
        order: &IssueLicense,
        now: Instant,
    ) -> Result<PreparedIssue, UseCaseError> {
        let merchant = self.merchant(&order.merchant).await?;
        let key = RecordKey::Spec(order.merchant.clone(), order.spec.clone());
        let spec: Option<Versioned<Owned<Spec>>> = find(self.store.as_ref(), key).await?;
        let spec = spec.map(|spec| spec.value.value).filter(|spec| spec.product == order.product);
        let spec = spec.ok_or_else(|| invalid("/spec", "the product has no such spec"))?;
        let term = match (order.term, spec.term) {
            (Some(term), _) => term,
            (None, SpecTerm::Fixed(term)) => term_of(&spec, term),
            (None, SpecTerm::AsOrdered) => {
                return Err(invalid("/term", "the spec leaves the term to the order: give one, such as P1Y"));
            }
        };
        let validity = Validity::lasting(term, order.starts_at.unwrap_or(now))
            .map_err(|error| invalid("/term", &error.to_string()))?;
        let new = NewLicense {
            id: LicenseId::from_uuid(self.ids.uuid_v7(now)),
            merchant: merchant.id.clone(),
            product: order.product.clone(),
            origin: Origin::Issued { by: order.actor.to_string() },
            customer: order.customer.clone(),
            label: order.label.clone(),
            env: order.env,
            sold: sold_spec(&spec, None, term, order.quantity, validity)?,
            validity,
            ordered_at: None,
        };
        let start = DelayedStart::awaited(spec.starts, spec.updates, false);
        if start.is_some() && order.starts_at.is_some() {
            let why = format!("the spec starts with {}: leave this out", spec.starts.as_str());
            return Err(invalid("/starts_at", &why));
        }
        let attachment = (spec.kind == SpecKind::Package).then_some(Attachment::Own);
        Ok(PreparedIssue { merchant, new, start, attachment })
    }

    /// Refuses what [`Self::issue_license`] would refuse; nothing is written.
    pub async fn check_issue(&self, order: &IssueLicense) -> Result<(), UseCaseError> {
        self.prepare_issue(order, self.now()).await.map(drop)
    }

    async fn try_issue(&self, order: &IssueLicense) -> Result<Versioned<License>, UseCaseError> {
        if let Some(repeated) = self.repeated(&order.merchant, order.idempotency).await? {
            return self.load_license(&order.merchant, &repeated).await;
        }
        let now = self.now();
        let PreparedIssue { merchant, new, start, attachment } = self.prepare_issue(order, now).await?;
        let license = self.make_license(&merchant, new, (start, attachment), now).await?;
        let commit =
            self.minted(&license, &order.actor, now).with_urgency(Urgency::Grow).put(license.clone(), ABSENT);
        let revision_at = 2;
        let commit = self.with_idempotency(commit, &order.merchant, order.idempotency, &license.id, now);
        let committed = self.store.commit(commit).await?;
        let revision = committed.revisions.get(revision_at).copied();
        let revision = revision.ok_or_else(|| StoreError::Failed("a put without a revision".into()))?;
        Ok(Versioned { value: license, revision })
    }
}
