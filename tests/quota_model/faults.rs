//! A store that does what must never be: pays back twice, loses what was reserved, gives the same to two machines. The model
//! has to notice each.

use std::sync::Arc;

use async_trait::async_trait;
use lictor::application::ports::{Change, Commit, Committed, Listing, Store, StoreError, Versioned, find};
use lictor::application::record::{CounterKey, Record, RecordKey, UsedHour};
use lictor::domain::{Amount, EventPlace, Instant, MerchantId, Meter, QuotaAccount};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    DoubleRefund,
    LostReservation,
    DoubleEscrow,
}

struct Faulty {
    inner: Arc<dyn Store>,
    fault: Fault,
}

/// What is paid back of a package is paid back once more.
pub fn double_refund(inner: Arc<dyn Store>) -> Arc<dyn Store> {
    Arc::new(Faulty { inner, fault: Fault::DoubleRefund })
}

/// A reservation is made, and nothing is kept back for it.
pub fn lost_reservation(inner: Arc<dyn Store>) -> Arc<dyn Store> {
    Arc::new(Faulty { inner, fault: Fault::LostReservation })
}

/// A machine gets its share, and it can be given once more.
pub fn double_escrow(inner: Arc<dyn Store>) -> Arc<dyn Store> {
    Arc::new(Faulty { inner, fault: Fault::DoubleEscrow })
}

impl Faulty {
    /// The same commit, but nothing more is taken or reserved of any package.
    fn taking_nothing(commit: Commit) -> Commit {
        let takes = |change: &Change| {
            let (Change::Add(CounterKey::Quota(_, key), delta)
            | Change::AddWithin { counter: CounterKey::Quota(_, key), delta, .. }) = change
            else {
                return false;
            };
            *delta > 0 && matches!(key.meter, Meter::Taken | Meter::Reserved)
        };
        let changes = commit.changes.into_iter().filter(|change| !takes(change)).collect();
        Commit { changes, ..commit }
    }

    async fn account(&self, commit: &Commit) -> Result<Option<Versioned<QuotaAccount>>, StoreError> {
        let key = |change: &Change| {
            let Change::Put(record @ Record::QuotaAccount(_), _) = change else { return None };
            Some(record.key())
        };
        match commit.changes.iter().find_map(key) {
            Some(key) => find(self.inner.as_ref(), key).await,
            None => Ok(None),
        }
    }

    async fn refund_twice(&self, commit: Commit) -> Result<Committed, StoreError> {
        let before = self.account(&commit).await?;
        let committed = self.inner.commit(commit.clone()).await?;
        let (Some(before), Some(Versioned { value: mut account, revision })) =
            (before, self.account(&commit).await?)
        else {
            return Ok(committed);
        };
        let mut is_changed = false;
        for held in &mut account.packages {
            let known = before.value.packages.iter().find(|known| known.id == held.id);
            let again = known.map_or(Amount::ZERO, |known| held.refunded.less(known.refunded));
            is_changed |= again > Amount::ZERO;
            held.refunded = held.refunded.plus(again).map_err(|it| StoreError::Failed(it.to_string()))?;
        }
        if is_changed {
            self.inner.commit(Commit::new().put(account, revision)).await?;
        }
        Ok(committed)
    }
}

#[async_trait]
impl Store for Faulty {
    async fn load(&self, keys: &[RecordKey]) -> Result<Vec<Option<Versioned<Record>>>, StoreError> {
        self.inner.load(keys).await
    }

    async fn list(&self, listing: &Listing, limit: usize) -> Result<Vec<Versioned<Record>>, StoreError> {
        self.inner.list(listing, limit).await
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
        let puts = |is_meant: fn(&Record) -> bool| {
            commit.changes.iter().any(|change| matches!(change, Change::Put(record, _) if is_meant(record)))
        };
        let strikes = match self.fault {
            Fault::DoubleRefund => return self.refund_twice(commit).await,
            Fault::LostReservation => puts(|record| matches!(record, Record::Reservation(_))),
            Fault::DoubleEscrow => puts(|record| matches!(record, Record::Device(_))),
        };
        self.inner.commit(if strikes { Self::taking_nothing(commit) } else { commit }).await
    }
}
