//! What a license is called where customers read it.

use super::app::{App, UseCaseError};
use super::ports::{Versioned, find};
use super::record::{Owned, RecordKey};
use crate::domain::{License, LocalizedText, Product, Spec};

/// Names that people read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SoldNames {
    /// Of the product.
    pub product: LocalizedText,
    /// Of the spec.
    pub spec: LocalizedText,
}

impl App {
    /// As the catalog calls them now; by their ids where it does not know them any more.
    pub async fn sold_names(&self, license: &License) -> Result<SoldNames, UseCaseError> {
        let merchant = || license.merchant.clone();
        let key = RecordKey::Product(merchant(), license.product.clone());
        let product: Option<Versioned<Owned<Product>>> = find(self.store.as_ref(), key).await?;
        let key = RecordKey::Spec(merchant(), license.sold.spec.clone());
        let spec: Option<Versioned<Owned<Spec>>> = find(self.store.as_ref(), key).await?;
        let product = product.map(|product| product.value.value.name);
        let spec = spec.map(|spec| spec.value.value.name);
        Ok(SoldNames {
            product: product.unwrap_or_else(|| LocalizedText::plain(license.product.as_str())),
            spec: spec.unwrap_or_else(|| LocalizedText::plain(license.sold.spec.as_str())),
        })
    }
}
