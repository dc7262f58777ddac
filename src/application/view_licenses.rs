//! What a merchant sees: licenses, and purchases that will become one.

use std::collections::BTreeSet;

use super::app::{App, UseCaseError};
use super::hide_code::order_id_shown;
use super::ports::{Listing, Versioned, find, list};
use super::record::{Instance, PendingLicense, RecordKey};
use crate::domain::{
    AuditEvent, Env, EventId, InstanceId, Instant, License, LicenseId, LicenseState, Marketplace, MerchantId,
    OrderId, OrderLineKey, Origin, Purchase, PurchaseState, Refusal, TermField,
};

/// Most events that are listed at once.
const EVENTS_LISTED_MAX: usize = 1_000;

/// A license, or the purchase that waits to become one.
#[derive(Debug, Clone)]
pub enum LicenseOrPurchase {
    /// A license with its revision.
    License(Box<Versioned<License>>),
    /// A purchase that is not minted.
    Purchase(Box<Versioned<Purchase>>),
}

impl LicenseOrPurchase {
    /// The id it has, or will have.
    pub fn id(&self) -> &LicenseId {
        match self {
            Self::License(license) => &license.value.id,
            Self::Purchase(purchase) => &purchase.value.license,
        }
    }

    /// The state that is shown.
    pub fn state(&self, now: crate::domain::Instant) -> LicenseState {
        match self {
            Self::License(license) => license.value.state(now),
            Self::Purchase(purchase) => match purchase.value.state {
                PurchaseState::Received | PurchaseState::Held { .. } | PurchaseState::Minted => {
                    LicenseState::Pending
                }
                PurchaseState::Ended { .. } => LicenseState::Released,
            },
        }
    }
}

/// Which licenses are asked for; all that is given must fit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LicenseFilter {
    /// Bought in this order, or changed or renewed by it.
    pub order_id: Option<String>,
    /// Known to the marketplace by this id.
    pub instance_id: Option<String>,
    /// In this state.
    pub state: Option<LicenseState>,
    /// Of this product.
    pub product: Option<String>,
    /// Of this spec.
    pub spec: Option<String>,
    /// Sold under this SKU.
    pub sku: Option<String>,
    /// Bought by this customer.
    pub customer: Option<String>,
    /// Live or test.
    pub env: Option<Env>,
    /// Ends before this instant, and not at it.
    pub ends_before: Option<Instant>,
    /// Ends at this instant or later; what is permanent has no end.
    pub ends_after: Option<Instant>,
    /// What somebody types or pastes: the beginning of an order, instance, customer, label or machine name, a license
    /// key's last 8 characters, a whole license key, claim code or authorization code, also a superseded one, or a license
    /// id. Whoever asks bounds it.
    pub q: Option<String>,
    /// The license of `q`, where that is a license key that was verified: also one from before there was an index.
    pub q_names: Option<LicenseId>,
}

impl LicenseFilter {
    /// Whether every license fits.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether a license fits all of it as it is now, but for `q`.
    pub fn fits(&self, entry: &LicenseOrPurchase, now: Instant) -> bool {
        let facts = Facts::of(entry);
        let is = |wanted: &Option<String>, actual: Option<&str>| {
            wanted.as_deref().is_none_or(|wanted| actual == Some(wanted))
        };
        let ends = |fits: &dyn Fn(Instant) -> bool| facts.ends_at.is_some_and(fits);
        self.state.is_none_or(|state| state == entry.state(now))
            && is(&self.product, facts.product)
            && is(&self.spec, facts.spec)
            && is(&self.sku, facts.sku)
            && is(&self.customer, facts.customer)
            && is(&self.instance_id, facts.instance)
            && self.order_id.as_deref().is_none_or(|order_id| facts.orders.iter().any(|own| own == order_id))
            && self.env.is_none_or(|env| env == facts.env)
            && self.ends_before.is_none_or(|before| ends(&|at| at < before))
            && self.ends_after.is_none_or(|after| ends(&|at| after <= at))
    }
}

/// What a filter looks at.
struct Facts<'a> {
    product: Option<&'a str>,
    spec: Option<&'a str>,
    sku: Option<&'a str>,
    customer: Option<&'a str>,
    instance: Option<&'a str>,
    orders: Vec<String>,
    env: Env,
    ends_at: Option<Instant>,
}

impl<'a> Facts<'a> {
    fn of(entry: &'a LicenseOrPurchase) -> Self {
        match entry {
            LicenseOrPurchase::License(license) => Self::of_license(&license.value),
            LicenseOrPurchase::Purchase(purchase) => Self::of_purchase(&purchase.value),
        }
    }

    fn of_license(license: &'a License) -> Self {
        let ids = marketplace_ids(license);
        let mut orders: Vec<_> = license.orders.iter().map(|order| order.order_id.clone()).collect();
        orders.extend(license.changes.iter().map(|change| change.order_id.clone()));
        orders.extend(ids.into_iter().flat_map(|(key, instance)| orders_of(key, instance)));
        Self {
            product: Some(license.product.as_str()),
            spec: Some(license.sold.spec.as_str()),
            sku: license.sold.sku.as_ref().map(|sku| sku.as_str()),
            customer: license.customer.as_ref().map(|customer| customer.as_str()),
            instance: ids.map(|(_, instance)| instance.as_str()),
            orders,
            env: license.env,
            ends_at: license.known_end(),
        }
    }

    fn of_purchase(purchase: &'a Purchase) -> Self {
        let facts = purchase.facts.as_ref();
        Self {
            product: None,
            spec: None,
            sku: facts.and_then(|facts| facts.sku.as_ref()).map(|sku| sku.as_str()),
            customer: facts.and_then(|facts| facts.customer.as_ref()).map(|customer| customer.as_str()),
            instance: Some(purchase.instance.as_str()),
            orders: orders_of(&purchase.key, &purchase.instance),
            env: purchase.env,
            ends_at: None,
        }
    }
}

/// As the marketplace names it, and as it is shown.
fn orders_of(key: &OrderLineKey, instance: &InstanceId) -> Vec<String> {
    vec![key.order_id.to_string(), order_id_shown(key, instance)]
}

/// Licenses that are read together.
const BATCH: usize = 200;

impl App {
    /// One license, or the purchase that will become it.
    pub async fn view_license(
        &self,
        merchant: &MerchantId,
        id: &LicenseId,
    ) -> Result<LicenseOrPurchase, UseCaseError> {
        if let Some(license) = self.find_license(merchant, id).await? {
            return Ok(LicenseOrPurchase::License(Box::new(license)));
        }
        let key = RecordKey::PendingLicense(merchant.clone(), id.clone());
        let pending: Option<Versioned<PendingLicense>> = find(self.store.as_ref(), key).await?;
        // It is minted by now, or nothing waits for it.
        let Some(pending) = pending else {
            return Ok(LicenseOrPurchase::License(Box::new(self.load_license(merchant, id).await?)));
        };
        let purchase = find(self.store.as_ref(), RecordKey::Purchase(pending.value.purchase)).await?;
        let purchase: Versioned<Purchase> =
            purchase.ok_or(UseCaseError::Refused(Refusal::NotFound { what: "license" }))?;
        match purchase.value.state {
            PurchaseState::Minted => {
                let license = self.load_license(merchant, id).await?;
                Ok(LicenseOrPurchase::License(Box::new(license)))
            }
            PurchaseState::Received | PurchaseState::Held { .. } | PurchaseState::Ended { .. } => {
                Ok(LicenseOrPurchase::Purchase(Box::new(purchase)))
            }
        }
    }

    /// Licenses and waiting purchases, merged by id: ids sort by time.
    pub(super) async fn newest_before(
        &self,
        merchant: &MerchantId,
        before: Option<&LicenseId>,
    ) -> Result<Vec<LicenseOrPurchase>, UseCaseError> {
        let (merchant, before) = (merchant.clone(), before.cloned());
        // What waits is read first: what is minted in between is found among the licenses.
        let listing = Listing::PendingLicenses { merchant: merchant.clone(), before: before.clone() };
        let pending: Vec<Versioned<PendingLicense>> = list(self.store.as_ref(), &listing, BATCH).await?;
        let listing = Listing::Licenses { merchant: merchant.clone(), before };
        let licenses: Vec<Versioned<License>> = list(self.store.as_ref(), &listing, BATCH).await?;
        let mut all: Vec<_> =
            licenses.into_iter().map(|license| LicenseOrPurchase::License(Box::new(license))).collect();
        for pending in pending {
            match self.view_license(&merchant, &pending.value.id).await {
                Ok(entry) => all.push(entry),
                Err(UseCaseError::Refused(_)) => {}
                Err(error) => return Err(error),
            }
        }
        all.sort_by(|one, other| other.id().cmp(one.id()));
        all.dedup_by(|one, other| one.id() == other.id());
        all.truncate(BATCH);
        Ok(all)
    }

    /// The licenses of an order, or of an instance, at every marketplace.
    pub(super) async fn licenses_meant(
        &self,
        merchant: &MerchantId,
        field: TermField,
        text: &str,
    ) -> Result<BTreeSet<LicenseId>, UseCaseError> {
        let mut found = BTreeSet::new();
        for marketplace in [Marketplace::KooGallery, Marketplace::Generic] {
            let purchases = if field == TermField::Instance {
                self.purchase_known_as(merchant, marketplace, text).await?
            } else {
                self.purchases_of_order(merchant, marketplace, text).await?
            };
            found.extend(purchases.into_iter().map(|purchase| purchase.value.license));
        }
        Ok(found)
    }

    async fn purchase_known_as(
        &self,
        merchant: &MerchantId,
        marketplace: Marketplace,
        text: &str,
    ) -> Result<Vec<Versioned<Purchase>>, UseCaseError> {
        let Ok(id) = InstanceId::parse(text) else { return Ok(Vec::new()) };
        let key = RecordKey::Instance(merchant.clone(), marketplace, id);
        let instance: Option<Versioned<Instance>> = find(self.store.as_ref(), key).await?;
        let Some(instance) = instance else { return Ok(Vec::new()) };
        let purchase = find(self.store.as_ref(), RecordKey::Purchase(instance.value.purchase)).await?;
        Ok(purchase.into_iter().collect())
    }

    async fn purchases_of_order(
        &self,
        merchant: &MerchantId,
        marketplace: Marketplace,
        text: &str,
    ) -> Result<Vec<Versioned<Purchase>>, UseCaseError> {
        let Ok(order_id) = OrderId::parse(text) else { return Ok(Vec::new()) };
        let listing = Listing::PurchasesOfOrder { merchant: merchant.clone(), marketplace, order_id };
        Ok(list(self.store.as_ref(), &listing, 1_000).await?)
    }

    /// What happened to a license, oldest first.
    pub async fn license_events(
        &self,
        merchant: &MerchantId,
        license: &LicenseId,
    ) -> Result<Vec<AuditEvent>, UseCaseError> {
        let listing = Listing::Events(merchant.clone(), license.clone());
        let mut others = self.other_events_about(merchant, license).await?;
        let events: Vec<Versioned<AuditEvent>> =
            list(self.store.as_ref(), &listing, EVENTS_LISTED_MAX).await?;
        let events = events.into_iter().map(|event| event.value).collect();
        Ok(in_order(events, &mut others, None))
    }

    /// Its events that lie by themselves ([`AuditEvent::lies_under`]), oldest first.
    pub(super) async fn other_events_about(
        &self,
        merchant: &MerchantId,
        license: &LicenseId,
    ) -> Result<Vec<AuditEvent>, UseCaseError> {
        let (merchant, subject) = (merchant.clone(), license.clone().into());
        let listing = Listing::OtherEvents { merchant, subject, after: None };
        let events: Vec<Versioned<AuditEvent>> =
            list(self.store.as_ref(), &listing, EVENTS_LISTED_MAX).await?;
        Ok(events.into_iter().map(|event| event.value).collect())
    }
}

/// Puts events that lie by themselves between those of a page, as they happened: those up to its last, or all.
pub(super) fn in_order(
    mut page: Vec<AuditEvent>,
    others: &mut Vec<AuditEvent>,
    up_to: Option<&EventId>,
) -> Vec<AuditEvent> {
    let end = up_to.map_or(others.len(), |last| others.partition_point(|event| event.id <= *last));
    if end > 0 {
        page.extend(others.drain(..end));
        page.sort_by(|one, other| one.id.cmp(&other.id));
    }
    page
}

/// The ids under which a marketplace knows a license.
pub fn marketplace_ids(license: &License) -> Option<(&crate::domain::OrderLineKey, &InstanceId)> {
    match &license.origin {
        Origin::Order { key, instance, .. } => Some((key, instance)),
        Origin::Issued { .. } => None,
    }
}
