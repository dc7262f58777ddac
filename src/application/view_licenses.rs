//! What a merchant sees: licenses, and purchases that will become one.

use super::app::{App, UseCaseError};
use super::ports::{Listing, Versioned, find, list};
use super::record::{Instance, PendingLicense, RecordKey};
use crate::domain::{
    AuditEvent, EventId, InstanceId, License, LicenseId, LicenseState, Marketplace, MerchantId, OrderId,
    Origin, Purchase, PurchaseState, Refusal,
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
#[derive(Debug, Clone, Default)]
pub struct LicenseFilter {
    /// Bought in this order.
    pub order_id: Option<String>,
    /// Known to the marketplace by this id.
    pub instance_id: Option<String>,
    /// In this state.
    pub state: Option<LicenseState>,
    /// Of this product.
    pub product: Option<String>,
    /// Sold under this SKU.
    pub sku: Option<String>,
    /// Bought by this customer.
    pub customer: Option<String>,
    /// Live or test.
    pub env: Option<String>,
}

/// Records looked at for one page of a filtered list, so that a rare filter cannot hold up the server.
const LOOKED_AT_MAX: usize = 5_000;
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
        let Some(pending) = pending else { return Err(Refusal::NotFound { what: "license" }.into()) };
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

    /// A page, newest first; the second value is where the next page starts.
    pub async fn view_licenses(
        &self,
        merchant: &MerchantId,
        filter: &LicenseFilter,
        before: Option<LicenseId>,
        limit: usize,
    ) -> Result<(Vec<LicenseOrPurchase>, Option<LicenseId>), UseCaseError> {
        if filter.order_id.is_some() || filter.instance_id.is_some() {
            return Ok((self.licenses_by_order(merchant, filter).await?, None));
        }
        let (mut page, mut before, mut looked_at) = (Vec::new(), before, 0);
        loop {
            let batch = self.newest_before(merchant, before.as_ref()).await?;
            looked_at += batch.len();
            let is_last = batch.len() < BATCH;
            for entry in batch {
                before = Some(entry.id().clone());
                if self.fits(&entry, filter) {
                    page.push(entry);
                }
                if page.len() >= limit {
                    return Ok((page, before));
                }
            }
            if is_last {
                return Ok((page, None));
            }
            if looked_at >= LOOKED_AT_MAX {
                return Ok((page, before));
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
        let listing = Listing::Licenses { merchant: merchant.clone(), before: before.clone() };
        let licenses: Vec<Versioned<License>> = list(self.store.as_ref(), &listing, BATCH).await?;
        let listing = Listing::PendingLicenses { merchant: merchant.clone(), before };
        let pending: Vec<Versioned<PendingLicense>> = list(self.store.as_ref(), &listing, BATCH).await?;
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

    async fn licenses_by_order(
        &self,
        merchant: &MerchantId,
        filter: &LicenseFilter,
    ) -> Result<Vec<LicenseOrPurchase>, UseCaseError> {
        let mut found = Vec::new();
        for marketplace in [Marketplace::KooGallery, Marketplace::Generic] {
            found.extend(self.purchases_meant(merchant, marketplace, filter).await?);
        }
        let mut entries = Vec::new();
        for purchase in found {
            let entry = match purchase.value.state {
                PurchaseState::Minted => {
                    let license = self.load_license(merchant, &purchase.value.license).await?;
                    LicenseOrPurchase::License(Box::new(license))
                }
                PurchaseState::Received | PurchaseState::Held { .. } | PurchaseState::Ended { .. } => {
                    LicenseOrPurchase::Purchase(Box::new(purchase))
                }
            };
            if self.fits(&entry, filter) {
                entries.push(entry);
            }
        }
        entries.sort_by(|one, other| other.id().cmp(one.id()));
        Ok(entries)
    }

    async fn purchases_meant(
        &self,
        merchant: &MerchantId,
        marketplace: Marketplace,
        filter: &LicenseFilter,
    ) -> Result<Vec<Versioned<Purchase>>, UseCaseError> {
        if let Some(text) = &filter.instance_id {
            let Ok(id) = InstanceId::parse(text) else { return Ok(Vec::new()) };
            let key = RecordKey::Instance(merchant.clone(), marketplace, id);
            let instance: Option<Versioned<Instance>> = find(self.store.as_ref(), key).await?;
            let Some(instance) = instance else { return Ok(Vec::new()) };
            let purchase: Option<Versioned<Purchase>> =
                find(self.store.as_ref(), RecordKey::Purchase(instance.value.purchase)).await?;
            let in_order = |purchase: &Versioned<Purchase>| {
                filter.order_id.as_deref().is_none_or(|id| id == purchase.value.key.order_id.as_str())
            };
            return Ok(purchase.into_iter().filter(in_order).collect());
        }
        let Some(Ok(order_id)) = filter.order_id.as_deref().map(OrderId::parse) else {
            return Ok(Vec::new());
        };
        let listing = Listing::PurchasesOfOrder { merchant: merchant.clone(), marketplace, order_id };
        Ok(list(self.store.as_ref(), &listing, 1_000).await?)
    }

    fn fits(&self, entry: &LicenseOrPurchase, filter: &LicenseFilter) -> bool {
        let (product, sku, customer, env) = match entry {
            LicenseOrPurchase::License(license) => {
                let license = &license.value;
                let sku = license.sold.sku.as_ref().map(|sku| sku.as_str());
                let customer = license.customer.as_ref().map(|customer| customer.as_str());
                (Some(license.product.as_str()), sku, customer, license.env)
            }
            LicenseOrPurchase::Purchase(purchase) => {
                let facts = purchase.value.facts.as_ref();
                let sku = facts.and_then(|facts| facts.sku.as_ref()).map(|sku| sku.as_str());
                let customer =
                    facts.and_then(|facts| facts.customer.as_ref()).map(|customer| customer.as_str());
                (None, sku, customer, purchase.value.env)
            }
        };
        let is = |wanted: &Option<String>, actual: Option<&str>| {
            wanted.as_deref().is_none_or(|wanted| actual == Some(wanted))
        };
        filter.state.is_none_or(|state| state == entry.state(self.now()))
            && is(&filter.product, product)
            && is(&filter.sku, sku)
            && is(&filter.customer, customer)
            && is(&filter.env, Some(env.as_str()))
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
