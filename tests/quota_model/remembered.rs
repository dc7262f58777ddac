//! Records as they were read last: reading a row costs far more than all that is decided over it. Each is still written to the
//! engine and read from it after every change; counters are always read there.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use lictor::application::ports::{Change, Commit, Committed, Listing, Store, StoreError, Versioned};
use lictor::application::record::{CounterKey, Record, RecordKey, UsedHour};
use lictor::domain::{EventPlace, Instant, MerchantId};

type Found = Option<Versioned<Record>>;

/// In front of a store that nobody else writes to.
pub struct Remembered {
    inner: Arc<dyn Store>,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    records: HashMap<RecordKey, Found>,
    lists: HashMap<String, Vec<Versioned<Record>>>,
}

impl Remembered {
    pub fn new(inner: Arc<dyn Store>) -> Self {
        Self { inner, known: Mutex::default() }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn forget(&self, commit: &Commit) {
        let mut known = self.known();
        for change in &commit.changes {
            let key = match change {
                Change::Put(record, _) | Change::Set(record) | Change::Claim(record, _) => record.key(),
                Change::Delete(key, _) | Change::Remove(key) => key.clone(),
                Change::Check(..) | Change::Add(..) | Change::AddWithin { .. } | Change::Forget(_) => {
                    continue;
                }
            };
            if let RecordKey::Reservation(_, license, _) | RecordKey::Device(_, license, _) = &key {
                known.lists.retain(|listing, _| !listing.contains(license.as_str()));
            }
            if let RecordKey::Spec(..) = &key {
                known.lists.clear();
            }
            known.records.remove(&key);
        }
    }
}

#[async_trait]
impl Store for Remembered {
    async fn load(&self, keys: &[RecordKey]) -> Result<Vec<Found>, StoreError> {
        let known = |key: &RecordKey| self.known().records.get(key).cloned();
        let missing: Vec<RecordKey> = keys.iter().filter(|key| known(key).is_none()).cloned().collect();
        if !missing.is_empty() {
            let found = self.inner.load(&missing).await?;
            self.known().records.extend(missing.into_iter().zip(found));
        }
        Ok(keys.iter().map(|key| known(key).flatten()).collect())
    }

    async fn list(&self, listing: &Listing, limit: usize) -> Result<Vec<Versioned<Record>>, StoreError> {
        if !matches!(listing, Listing::Reservations(..) | Listing::Devices(..) | Listing::Specs(_)) {
            return self.inner.list(listing, limit).await;
        }
        let name = format!("{listing:?} {limit}");
        let known = self.known().lists.get(&name).cloned();
        if let Some(known) = known {
            return Ok(known);
        }
        let found = self.inner.list(listing, limit).await?;
        self.known().lists.insert(name, found.clone());
        Ok(found)
    }

    async fn counts(&self, counters: &[CounterKey]) -> Result<Vec<i64>, StoreError> {
        self.inner.counts(counters).await
    }

    async fn used_hours(
        &self,
        merchant: &MerchantId,
        before: Instant,
        after: Option<&UsedHour>,
        limit: usize,
    ) -> Result<Vec<(UsedHour, i64)>, StoreError> {
        self.inner.used_hours(merchant, before, after, limit).await
    }

    async fn event_places(
        &self,
        merchant: &MerchantId,
        after: Option<&EventPlace>,
        limit: usize,
    ) -> Result<Vec<EventPlace>, StoreError> {
        self.inner.event_places(merchant, after, limit).await
    }

    async fn commit(&self, commit: Commit) -> Result<Committed, StoreError> {
        let committed = self.inner.commit(commit.clone()).await;
        // Also of what failed: it may have been kept.
        self.forget(&commit);
        committed
    }
}
