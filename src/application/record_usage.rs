//! A merchant records what pay-per-use instances have used. It is pushed to the marketplace in its next window.

use std::collections::BTreeSet;

use super::app::{App, UseCaseError, decided};
use super::decide_usage::{KnownUsage, decide_usage};
use super::merchant_commands::IdempotencyIdentity;
use super::ports::{Versioned, find_all};
use super::queue_usage::sum_key;
use super::record::{NamedUsage, RecordKey};
use crate::domain::{
    InstanceId, LicenseId, MerchantId, MeteringSn, Reading, UsageKey, UsageRecord, UsageSum,
};

/// Most records of one request, and of one push.
pub const USAGE_ITEMS_MAX: usize = 1_000;

/// What a record is of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UsageOf {
    /// The instance that the marketplace knows.
    Instance(InstanceId),
    /// The instance of this license.
    License(LicenseId),
}

/// One record as it is asked for.
#[derive(Debug, Clone)]
pub struct UsageItem {
    /// Of what.
    pub of: UsageOf,
    /// How much, from when to when.
    pub reading: Reading,
    /// The package that it is taken from.
    pub package: Option<InstanceId>,
    /// The merchant's own name for the record.
    pub metering_sn: Option<MeteringSn>,
}

/// What is to be recorded: all of it or nothing.
#[derive(Debug, Clone)]
pub struct RecordUsage {
    /// Whose.
    pub merchant: MerchantId,
    /// What, at most [`USAGE_ITEMS_MAX`].
    pub items: Vec<UsageItem>,
    /// If the caller may ask twice.
    pub idempotency: Option<IdempotencyIdentity>,
}

/// What was recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedUsage {
    /// The records as they stand, in the order of the items.
    pub records: Vec<UsageRecord>,
    /// How many of them were not there before.
    pub new: usize,
}

/// What is wrong with one item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageItemMistake {
    /// Which item, from 0.
    pub index: usize,
    /// Which member of it.
    pub member: &'static str,
    /// What is wrong, in words.
    pub why: String,
}

/// Why nothing was recorded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecordUsageFault {
    /// Some items are wrong: each of them is named.
    #[error("{} of the records will not do", .0.len())]
    Mistakes(Vec<UsageItemMistake>),
    /// Something else.
    #[error(transparent)]
    UseCase(#[from] UseCaseError),
}

impl App {
    /// Records all of it or nothing. The same interval again with the same content changes nothing; with another one it is
    /// a mistake, because the marketplace counts the first only and gives nothing back.
    pub async fn record_usage(&self, order: &RecordUsage) -> Result<RecordedUsage, RecordUsageFault> {
        // Whoever adds to a queue commits against its outbox, so that requests of one merchant would only get in each
        // other's way.
        let _turn = self.turn(&("usage", order.merchant.as_str())).await;
        decided!(self, self.try_record_usage(order))?.map_err(RecordUsageFault::Mistakes)
    }

    async fn try_record_usage(
        &self,
        order: &RecordUsage,
    ) -> Result<Result<RecordedUsage, Vec<UsageItemMistake>>, UseCaseError> {
        let is_repeat = self.repeated(&order.merchant, order.idempotency).await?.is_some();
        let (known, now) = (self.known_usage(order).await?, self.now());
        let mut decided = match decide_usage(self, order, known, now) {
            Ok(decided) => decided,
            Err(mistakes) => return Ok(Err(mistakes)),
        };
        let (records, new) = (std::mem::take(&mut decided.records), decided.fresh.len());
        let idempotency = order.idempotency.filter(|_| !is_repeat);
        if let Some(first) = records.first()
            && (new > 0 || idempotency.is_some())
        {
            let commit = self.usage_commit(&order.merchant, decided, now).await?;
            let commit = self.with_idempotency(commit, &order.merchant, idempotency, &first.license, now);
            self.store.commit(commit).await?;
            self.signals.jobs.notify_one();
        }
        Ok(Ok(RecordedUsage { records, new }))
    }

    /// Everything that the items name, and what was recorded of it before.
    pub(super) async fn known_usage(&self, order: &RecordUsage) -> Result<KnownUsage, UseCaseError> {
        let (mut ids, mut licenses) = (BTreeSet::new(), BTreeSet::new());
        for item in &order.items {
            match &item.of {
                UsageOf::Instance(id) => ids.insert(id.clone()),
                UsageOf::License(id) => licenses.insert(id.clone()),
            };
            ids.extend(item.package.clone());
        }
        let instances = self.metered_instances(&order.merchant, ids, licenses).await?;
        let key = |item| instances.key_of(&order.merchant, item).ok();
        let keys: BTreeSet<UsageKey> = order.items.iter().filter_map(key).collect();
        let names = order.items.iter().filter_map(|item| item.metering_sn.clone());
        let names: BTreeSet<MeteringSn> = names.collect();
        let records: Vec<UsageRecord> = self.loaded(keys.iter().cloned().map(RecordKey::UsageRecord)).await?;
        let name_key = |name| RecordKey::MeteringSn(order.merchant.clone(), name);
        let named: Vec<NamedUsage> = self.loaded(names.into_iter().map(name_key)).await?;
        let mut summed: BTreeSet<InstanceId> = keys.into_iter().map(|key| key.instance).collect();
        summed.extend(order.items.iter().filter_map(|item| item.package.clone()));
        let sum_keys: Vec<RecordKey> = summed.iter().map(|id| sum_key(&order.merchant, id)).collect();
        let sums: Vec<Option<Versioned<UsageSum>>> = find_all(self.store.as_ref(), &sum_keys).await?;
        Ok(KnownUsage {
            instances,
            records: records.into_iter().map(|record| (record.key.clone(), record)).collect(),
            names: named.into_iter().map(|named| (named.metering_sn, named.record)).collect(),
            sums: sums.into_iter().flatten().map(|sum| (sum.value.instance.clone(), sum)).collect(),
        })
    }
}
