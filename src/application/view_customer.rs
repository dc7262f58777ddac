//! What is kept of a customer, for the customer who asks.

use super::app::{App, UseCaseError};
use super::erase_customer::customer_digest;
use super::ports::{Listing, Versioned, find, list};
use super::record::{KitRecord, RecordKey};
use super::view_licenses::LicenseOrPurchase;
use crate::domain::{Activation, AppInfo, LicenseId, MerchantId, Origin, Purchase};

/// Licenses looked at for one answer.
const LOOKED_AT_MAX: usize = 5_000;
/// Licenses of one answer.
const HELD_MAX: usize = 50;

/// One license of a customer, and what is kept around it.
#[derive(Debug, Clone)]
pub struct HeldOfCustomer {
    /// The license, or the purchase that will become one.
    pub entry: LicenseOrPurchase,
    /// The purchase, where there is one.
    pub purchase: Option<Purchase>,
    /// A text for the buyer that its merchant has set.
    pub memo: Option<String>,
    /// Its machines.
    pub activations: Vec<Activation>,
    /// What the marketplace told of the companies and people who use it.
    pub kit: Vec<KitRecord>,
}

impl App {
    /// Newest first; the second value is where the next page starts.
    pub async fn view_customer(
        &self,
        merchant: &MerchantId,
        customer: &str,
        before: Option<LicenseId>,
    ) -> Result<(Vec<HeldOfCustomer>, Option<LicenseId>), UseCaseError> {
        let wanted = customer_digest(merchant, customer);
        let (mut held, mut before, mut looked_at) = (Vec::new(), before, 0);
        loop {
            let batch = self.newest_before(merchant, before.as_ref()).await?;
            if batch.is_empty() {
                return Ok((held, None));
            }
            looked_at += batch.len();
            for entry in batch {
                before = Some(entry.id().clone());
                let is_wanted =
                    entry.customer().is_some_and(|it| customer_digest(merchant, it.as_str()) == wanted);
                if is_wanted {
                    held.push(self.held(merchant, entry).await?);
                }
                if held.len() >= HELD_MAX {
                    return Ok((held, before));
                }
            }
            if looked_at >= LOOKED_AT_MAX {
                return Ok((held, before));
            }
        }
    }

    async fn held(
        &self,
        merchant: &MerchantId,
        entry: LicenseOrPurchase,
    ) -> Result<HeldOfCustomer, UseCaseError> {
        let purchase = match &entry {
            LicenseOrPurchase::Purchase(purchase) => Some(purchase.value.clone()),
            LicenseOrPurchase::License(license) => match &license.value.origin {
                Origin::Order { key, .. } => {
                    let key = RecordKey::Purchase(key.clone());
                    find(self.store.as_ref(), key).await?.map(|it: Versioned<Purchase>| it.value)
                }
                Origin::Issued { .. } => None,
            },
        };
        let listing = Listing::Activations(merchant.clone(), entry.id().clone());
        let activations: Vec<Versioned<Activation>> = list(self.store.as_ref(), &listing, 1_000).await?;
        let kit = match entry.instance() {
            Some((marketplace, instance)) => self.kit_of_instance(merchant, marketplace, &instance).await?,
            None => Vec::new(),
        };
        let key = RecordKey::AppInfo(merchant.clone(), entry.id().clone());
        let shown: Option<Versioned<AppInfo>> = find(self.store.as_ref(), key).await?;
        let memo = shown.and_then(|shown| shown.value.memo);
        let activations = activations.into_iter().map(|it| it.value).collect();
        Ok(HeldOfCustomer { entry, purchase, memo, activations, kit })
    }
}
