//! What a merchant sees of recorded usage.

use std::collections::BTreeSet;

use super::app::{App, UseCaseError};
use super::metered_instances::METERING_MARKETPLACE;
use super::ports::{Listing, Versioned, list};
use crate::domain::{InstanceId, License, MerchantId, UsageKey, UsageRecord};

/// Which records are asked for.
#[derive(Debug, Clone, Default)]
pub struct UsageFilter {
    /// Of this instance.
    pub instance: Option<InstanceId>,
    /// In this state, by its word.
    pub state: Option<String>,
}

/// Records looked at for one page of a filtered list.
const LOOKED_AT_MAX: usize = 5_000;
const BATCH: usize = 500;

impl App {
    /// The pay-per-use instance of a license; only such have records.
    pub async fn metered_instance(&self, license: &License) -> Result<Option<InstanceId>, UseCaseError> {
        let wanted = BTreeSet::from([license.id.clone()]);
        let found = self.metered_instances(&license.merchant, BTreeSet::new(), wanted).await?;
        let Some(id) = found.instance_of(&license.id) else { return Ok(None) };
        Ok(found.instance(id).is_ok_and(|instance| instance.is_pay_per_use()).then(|| id.clone()))
    }

    /// A page: by instance, the newest interval first. The second value is where the next page starts.
    pub async fn view_usage(
        &self,
        merchant: &MerchantId,
        filter: &UsageFilter,
        mut before: Option<UsageKey>,
        limit: usize,
    ) -> Result<(Vec<UsageRecord>, Option<UsageKey>), UseCaseError> {
        let (mut page, mut looked_at) = (Vec::new(), 0);
        loop {
            let instance = filter.instance.clone().map(|instance| (METERING_MARKETPLACE, instance));
            let listing =
                Listing::UsageRecords { merchant: merchant.clone(), instance, before: before.clone() };
            let records: Vec<Versioned<UsageRecord>> = list(self.store.as_ref(), &listing, BATCH).await?;
            let is_last = records.len() < BATCH;
            looked_at += records.len();
            for record in records {
                if page.len() >= limit {
                    return Ok((page, before));
                }
                before = Some(record.value.key.clone());
                if filter.state.as_ref().is_none_or(|state| record.value.state.as_str() == state) {
                    page.push(record.value);
                }
            }
            if is_last {
                return Ok((page, None));
            }
            if page.len() >= limit || looked_at >= LOOKED_AT_MAX {
                return Ok((page, before));
            }
        }
    }
}
