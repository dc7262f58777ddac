//! What a merchant sells: products and specs.

use super::app::{App, UseCaseError};
use super::ports::{Listing, Versioned, find, list};
use super::record::{Owned, RecordKey};
use crate::domain::{MerchantId, Product, ProductId, Refusal, Spec, SpecId};

/// Most products, and most specs, of one merchant.
const CATALOG_MAX: usize = 1_000;

impl App {
    /// The products of a merchant, by id.
    pub async fn view_products(
        &self,
        merchant: &MerchantId,
    ) -> Result<Vec<Versioned<Owned<Product>>>, UseCaseError> {
        Ok(list(self.store.as_ref(), &Listing::Products(merchant.clone()), CATALOG_MAX).await?)
    }

    /// One product.
    pub async fn view_product(
        &self,
        merchant: &MerchantId,
        id: &ProductId,
    ) -> Result<Versioned<Owned<Product>>, UseCaseError> {
        let found = find(self.store.as_ref(), RecordKey::Product(merchant.clone(), id.clone())).await?;
        Ok(found.ok_or(Refusal::NotFound { what: "product" })?)
    }

    /// The specs of a merchant, by id; of one product where it is named.
    pub async fn view_specs(
        &self,
        merchant: &MerchantId,
        product: Option<&ProductId>,
    ) -> Result<Vec<Versioned<Owned<Spec>>>, UseCaseError> {
        let listing = Listing::Specs(merchant.clone());
        let all: Vec<Versioned<Owned<Spec>>> = list(self.store.as_ref(), &listing, CATALOG_MAX).await?;
        let is_asked = |spec: &Spec| product.is_none_or(|product| spec.product == *product);
        Ok(all.into_iter().filter(|spec| is_asked(&spec.value.value)).collect())
    }

    /// One spec.
    pub async fn view_spec(
        &self,
        merchant: &MerchantId,
        id: &SpecId,
    ) -> Result<Versioned<Owned<Spec>>, UseCaseError> {
        let found = find(self.store.as_ref(), RecordKey::Spec(merchant.clone(), id.clone())).await?;
        Ok(found.ok_or(Refusal::NotFound { what: "spec" })?)
    }
}
