//! The port of the use cases over the raw store: nouns in, rows below.

use async_trait::async_trait;

use super::rows::{Scan, Table, Written, raw_counter_key, raw_key, used_hour_of, used_hours_before};
use super::{
    CommitAnswer, CommitError, CommitRequest, Direction, Primitive, Record as RawRecord, RecordKey as RawKey,
    RecordStore, Revision, SCAN_BYTES_MAX,
};
use crate::application::ports::{Change, Commit, Committed, DiskState, Listing, Store, StoreError};
use crate::application::record::{CounterKey, Record, RecordKey, UsedHour, Versioned};
use crate::domain::{Instant, MerchantId};

/// Most records of one page.
pub const LIST_RECORDS_MAX: usize = 1_000;

/// The records of a raw store as nouns. Cheap to clone; every clone is the same store.
#[derive(Debug, Clone)]
pub struct Repository {
    raw: RecordStore,
}

impl Repository {
    /// Over a store that runs.
    pub fn new(raw: RecordStore) -> Self {
        Self { raw }
    }
}

#[async_trait]
impl Store for Repository {
    async fn load(&self, keys: &[RecordKey]) -> Result<Vec<Option<Versioned<Record>>>, StoreError> {
        let raw_keys = keys.iter().map(raw_key).collect::<Result<Vec<_>, _>>()?;
        let found = self.raw.get_many(&raw_keys).await.map_err(|error| failed(&error))?;
        let versioned = |((key, raw_key), raw): ((&RecordKey, _), Option<_>)| {
            raw.map(|raw| Table::of_key(key).versioned(raw_key, &raw)).transpose()
        };
        keys.iter().zip(&raw_keys).zip(found).map(versioned).collect()
    }

    /// A greater `limit` than [`LIST_RECORDS_MAX`] is that. A shorter list is the end: pages that are short for their
    /// bytes are joined.
    async fn list(&self, listing: &Listing, limit: usize) -> Result<Vec<Versioned<Record>>, StoreError> {
        let Scan { table, range, direction } = Scan::of(listing)?;
        let (limit, mut rest, mut found) = (limit.min(LIST_RECORDS_MAX), range, Vec::new());
        while found.len() < limit {
            let wanted = limit - found.len();
            let page =
                self.raw.scan(rest.clone(), direction, wanted).await.map_err(|error| failed(&error))?;
            let Some((last, _)) = page.last() else { break };
            rest = match direction {
                Direction::Forward => rest.after(last),
                Direction::Reverse => rest.before(last),
            };
            let is_end = page.len() < wanted && bytes(&page) < SCAN_BYTES_MAX;
            found.extend(page);
            if is_end {
                break;
            }
        }
        found.iter().map(|(key, raw)| table.versioned(key, raw)).collect()
    }

    async fn counts(&self, counters: &[CounterKey]) -> Result<Vec<i64>, StoreError> {
        let keys = counters.iter().map(raw_counter_key).collect::<Result<Vec<_>, _>>()?;
        let found = self.raw.get_many(&keys).await.map_err(|error| failed(&error))?;
        keys.iter().zip(found).map(|(key, raw)| raw.map_or(Ok(0), |raw| counted(key, &raw))).collect()
    }

    async fn used_hours(
        &self,
        merchant: &MerchantId,
        before: Instant,
        after: Option<&UsedHour>,
        limit: usize,
    ) -> Result<Vec<(UsedHour, i64)>, StoreError> {
        let range = used_hours_before(merchant, before, after)?;
        let found = self.raw.scan(range, Direction::Forward, limit.min(LIST_RECORDS_MAX)).await;
        let found = found.map_err(|error| failed(&error))?;
        found.iter().map(|(key, raw)| Ok((used_hour_of(merchant, key)?, counted(key, raw)?))).collect()
    }

    async fn commit(&self, commit: Commit) -> Result<Committed, StoreError> {
        let Commit { changes, urgency } = commit;
        let primitives = changes.into_iter().map(primitive).collect::<Result<_, _>>()?;
        let answer = self.raw.commit(CommitRequest { primitives, urgency }).await;
        answer.map(committed).map_err(|error| refused(&error))
    }

    fn disk(&self) -> Option<DiskState> {
        self.raw.disk()
    }
}

fn counted(key: &RawKey, raw: &RawRecord) -> Result<i64, StoreError> {
    raw.counter().ok_or_else(|| StoreError::Failed(format!("{key} is no counter")))
}

fn bytes(page: &[(RawKey, RawRecord)]) -> usize {
    page.iter().map(|(key, record)| key.as_bytes().len() + record.body.len()).sum()
}

fn primitive(change: Change) -> Result<Primitive, StoreError> {
    Ok(match change {
        Change::Check(key, revision) => {
            Primitive::Check { key: raw_key(&key)?, revision: Revision::from_number(revision) }
        }
        Change::Put(record, revision) => put(Written::of(record)?, Revision::from_number(revision)),
        Change::Set(record) => {
            let Written { key, schema, body, until_ms } = Written::of(record)?;
            Primitive::Index { key, schema, body, until_ms }
        }
        Change::Claim(record, now) => claim(Written::of(record)?, now),
        Change::Delete(key, revision) => {
            Primitive::Delete { key: raw_key(&key)?, revision: Revision::from_number(revision) }
        }
        Change::Remove(key) => Primitive::Unindex { key: raw_key(&key)? },
        Change::Add(counter, delta) => {
            Primitive::Add { key: raw_counter_key(&counter)?, delta, min: 0, max: i64::MAX }
        }
        Change::AddWithin { counter, delta, min, max } => {
            Primitive::Add { key: raw_counter_key(&counter)?, delta, min, max }
        }
    })
}

fn put(Written { key, schema, body, until_ms }: Written, revision: Revision) -> Primitive {
    Primitive::Put { key, revision, schema, body, until_ms }
}

/// A record that is kept for ever never lapses: it can only be claimed where there is none.
fn claim(written: Written, now: Instant) -> Primitive {
    let now_ms = u64::try_from(now.timestamp_millis()).unwrap_or(0);
    match written {
        Written { key, schema, body, until_ms: Some(until_ms) } => {
            Primitive::Claim { key, now_ms, until_ms, schema, body }
        }
        for_ever @ Written { until_ms: None, .. } => put(for_ever, Revision::ABSENT),
    }
}

fn committed(CommitAnswer { revisions, counters }: CommitAnswer) -> Committed {
    Committed { revisions: revisions.into_iter().map(Revision::number).collect(), counters }
}

fn refused(error: &CommitError) -> StoreError {
    match error {
        CommitError::Conflict { .. } | CommitError::CounterBounds { .. } => StoreError::Conflict,
        CommitError::Full => StoreError::Busy,
        CommitError::NoRoom { .. } => StoreError::NoRoom,
        CommitError::Unknown => StoreError::OutcomeUnknown,
        CommitError::Invalid { .. } | CommitError::Closed | CommitError::Storage(_) => failed(error),
    }
}

fn failed(error: &impl std::error::Error) -> StoreError {
    StoreError::Failed(error.to_string())
}
