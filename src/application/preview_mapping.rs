//! What would be minted if an order's code meant a spec, told before it is said: nothing is written.

use super::app::{App, UseCaseError};
use super::map_order::{MapOrder, code_of};
use super::mint::{sold_spec, term_of, validity_of};
use super::ports::{Listing, Versioned, list};
use super::record::{MarketplaceCode, PendingLicense, RecordKey, Stored};
use crate::domain::{MerchantId, Purchase, PurchaseState, Refusal, SoldSpec, Validity};

/// Purchases that are not minted and are looked at for how many mean the same, the newest of them.
const LOOKED_AT_MAX: usize = 1_000;

/// What would be minted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MappingPreview {
    /// What would be remembered to mean the spec.
    pub code: MarketplaceCode,
    /// What the order would be given.
    pub sold: SoldSpec,
    /// When it would be valid, unless the spec starts later than with the purchase.
    pub validity: Validity,
    /// Orders of the same code that are held, as far as the newest were looked at.
    pub orders: usize,
    /// Whether there may be more of them.
    pub has_more: bool,
}

impl App {
    /// Refuses what [`App::map_order`] would refuse.
    pub async fn preview_mapping(&self, map: &MapOrder<'_>) -> Result<MappingPreview, UseCaseError> {
        let lines = self.orders_named(map.merchant, map.order).await?;
        let line = &self.line_to_map(map, &lines).await?.value;
        let unknown = || {
            let why = "the order names neither a SKU nor a product id: look at it again with `order retry`";
            UseCaseError::Refused(Refusal::IllegalState { why })
        };
        let code = code_of(line).ok_or_else(unknown)?;
        let facts = line.facts.as_ref().ok_or_else(unknown)?;
        let spec = self.check_spec(map, line, &code).await?;
        let term = term_of(&spec, facts.term);
        let validity = validity_of(line, facts, term)?;
        let sold = sold_spec(&spec, facts.sku.clone(), term, facts.quantity, validity)?;
        let (orders, has_more) = self.held_under(map.merchant, &code).await?;
        Ok(MappingPreview { code, sold, validity, orders, has_more })
    }

    async fn held_under(
        &self,
        merchant: &MerchantId,
        code: &MarketplaceCode,
    ) -> Result<(usize, bool), UseCaseError> {
        let listing = Listing::PendingLicenses { merchant: merchant.clone(), before: None };
        let pending: Vec<Versioned<PendingLicense>> =
            list(self.store.as_ref(), &listing, LOOKED_AT_MAX).await?;
        let has_more = pending.len() == LOOKED_AT_MAX;
        let keys: Vec<_> =
            pending.into_iter().map(|pending| RecordKey::Purchase(pending.value.purchase)).collect();
        let purchases = self.store.load(&keys).await?.into_iter().flatten();
        let purchases = purchases.filter_map(|record| Purchase::from_record(record.value));
        let is_meant = |purchase: &Purchase| {
            matches!(purchase.state, PurchaseState::Held { .. }) && code_of(purchase).as_ref() == Some(code)
        };
        Ok((purchases.filter(is_meant).count(), has_more))
    }
}
