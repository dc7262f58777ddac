//! A marketplace's list of orders against what is kept here: which lines have never been heard of, or were lost.

use super::app::{App, UseCaseError};
use super::ports::Versioned;
use super::view_orders::OrderView;
use crate::domain::{Marketplace, MerchantId, Purchase, Restore};

/// Orders compared at once.
pub const COMPARED_MAX: usize = 1_000;

/// One line of the marketplace's list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ListedOrder {
    /// The marketplace's order id.
    pub order_id: String,
    /// Its line id, where the list names one.
    pub order_line_id: Option<String>,
    /// What was bought, where the list says it.
    pub sku: Option<String>,
}

/// What is kept of one line of the list.
#[derive(Debug, Clone)]
pub struct ComparedOrder {
    /// The lines that are known here; none: it is missing.
    pub known: Vec<OrderView>,
    /// Whether something else was bought by what is known than the list says.
    pub differs: bool,
}

impl App {
    /// Looks for each line, in the order of the list.
    pub async fn compare_orders(
        &self,
        merchant: &MerchantId,
        listed: &[ListedOrder],
    ) -> Result<Vec<ComparedOrder>, UseCaseError> {
        let mut compared = Vec::with_capacity(listed.len());
        for listed in listed {
            let mut known = Vec::new();
            for marketplace in [Marketplace::KooGallery, Marketplace::Generic] {
                known.extend(self.lines_of_order(merchant, marketplace, &listed.order_id).await?);
            }
            known.retain(|purchase: &Versioned<Purchase>| listed.means(&purchase.value));
            let differs = known.iter().any(|purchase| listed.differs_from(&purchase.value));
            let known = self.views(merchant, known).await?;
            compared.push(ComparedOrder { known, differs });
        }
        Ok(compared)
    }

    /// From when to when this store has lost what happened: from the backup that it was made from to the restore.
    pub async fn restored(&self) -> Result<Option<Restore>, UseCaseError> {
        Ok(self.last_restore().await?.into_restore())
    }
}

impl ListedOrder {
    /// Families whose calls name no line have one purchase for the whole order.
    fn means(&self, purchase: &Purchase) -> bool {
        match (&self.order_line_id, &purchase.key.line_id) {
            (Some(listed), Some(known)) => listed == known.as_str(),
            (None, _) | (_, None) => true,
        }
    }

    fn differs_from(&self, purchase: &Purchase) -> bool {
        let known = purchase.facts.as_ref().and_then(|facts| facts.sku.as_ref());
        self.sku.as_deref().zip(known).is_some_and(|(listed, known)| listed != known.as_str())
    }
}
