//! What an operator watches of the work that waits.

use std::time::Duration;

use super::app::{App, UseCaseError};
use super::ports::{Listing, Versioned, list};
use super::record::{Job, PendingLicense, Record, RecordKey};
use crate::domain::{Merchant, MerchantId, PurchaseState};

/// Most records that one gauge counts: a scrape must stay cheap.
pub const COUNTED_MAX: usize = 1_000;

/// Work that waits, of all merchants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gauges {
    /// Orders whose SKU no spec knows; of each merchant's newest [`COUNTED_MAX`] that are not minted.
    pub orders_held: usize,
    /// Jobs, also those that lie ahead; at most [`COUNTED_MAX`].
    pub jobs: usize,
    /// How long the oldest job has been due.
    pub oldest_due: Duration,
}

impl App {
    /// Counts anew each time.
    pub async fn gauges(&self) -> Result<Gauges, UseCaseError> {
        let jobs: Vec<Versioned<Job>> = list(self.store.as_ref(), &Listing::Jobs, COUNTED_MAX).await?;
        let heads = self.lane_heads().await?;
        let oldest = heads.iter().map(|head| head.value.due_at).min().map(|due_at| self.now() - due_at);
        let mut orders_held = 0;
        for merchant in list::<Merchant>(self.store.as_ref(), &Listing::Merchants, COUNTED_MAX).await? {
            orders_held += self.orders_held(merchant.value.id).await?;
        }
        let oldest_due = oldest.and_then(|age| age.to_std().ok()).unwrap_or_default();
        Ok(Gauges { orders_held, jobs: jobs.len(), oldest_due })
    }

    async fn orders_held(&self, merchant: MerchantId) -> Result<usize, UseCaseError> {
        let listing = Listing::PendingLicenses { merchant, before: None };
        let pending: Vec<Versioned<PendingLicense>> =
            list(self.store.as_ref(), &listing, COUNTED_MAX).await?;
        let keys: Vec<_> =
            pending.into_iter().map(|pending| RecordKey::Purchase(pending.value.purchase)).collect();
        let purchases = self.store.load(&keys).await?;
        Ok(purchases.into_iter().flatten().filter(|purchase| is_held(&purchase.value)).count())
    }
}

fn is_held(record: &Record) -> bool {
    matches!(record, Record::Purchase(purchase) if matches!(purchase.state, PurchaseState::Held { .. }))
}
