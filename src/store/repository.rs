//! The port of the use cases over the raw store: nouns in, rows below.

use std::collections::{BTreeSet, HashMap};

use async_trait::async_trait;

use super::handle::GET_KEYS_MAX;
use super::rows::{
    Scan, Table, Written, WrittenSupplement, event_place_of, events_behind, misplaced_jobs,
    place_of_misplaced, raw_counter_key, raw_key, supplement_key, used_hour_of, used_hours_before,
};
use super::{
    CommitAnswer, CommitError, CommitRequest, Direction, Primitive, Record as RawRecord, RecordKey as RawKey,
    RecordStore, Revision, SCAN_BYTES_MAX,
};
use crate::application::ports::{ABSENT, Change, Commit, Committed, DiskState, Listing, Store, StoreError};
use crate::application::record::{CounterKey, Record, RecordKey, UsedHour, Versioned};
use crate::application::{is_kept, terms_of};
use crate::domain::{EventPlace, Instant, MerchantId};

/// Jobs that are moved in one commit.
const MOVED_AT_A_TIME: usize = 500;

/// A record, and what stands beside it.
type Found = (RawRecord, Option<RawRecord>);

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

    /// Moves jobs that an earlier build kept elsewhere to where they are looked for; says how many. May be cut off and
    /// repeated at any time.
    pub async fn move_misplaced_jobs(&self) -> Result<usize, StoreError> {
        let mut moved = 0;
        loop {
            let page = self.raw.scan(misplaced_jobs()?, Direction::Forward, MOVED_AT_A_TIME).await;
            let page = page.map_err(|error| unread(&error))?;
            if page.is_empty() {
                return Ok(moved);
            }
            let mut request = CommitRequest::new();
            for (key, RawRecord { revision, until_ms, schema, body }) in page {
                let to = place_of_misplaced(&key)?;
                request.primitives.push(Primitive::Put {
                    key: to,
                    revision: Revision::ABSENT,
                    schema,
                    body,
                    until_ms,
                });
                request.primitives.push(Primitive::Delete { key, revision });
            }
            let count = request.primitives.len() / 2;
            match self.raw.commit(request).await {
                Ok(_) => moved += count,
                // Another server moves them too.
                Err(CommitError::Conflict { .. }) => {}
                Err(error) => return Err(refused(&error)),
            }
        }
    }

    /// Records, each with what stands beside it, all as of one moment.
    async fn with_supplements(&self, keys: &[RawKey]) -> Result<Vec<Option<Found>>, StoreError> {
        let beside = keys.iter().map(supplement_key).collect::<Result<Vec<_>, _>>()?;
        let mut wanted = keys.to_vec();
        wanted.extend(beside.iter().flatten().cloned());
        if wanted.len() > GET_KEYS_MAX && keys.len() <= GET_KEYS_MAX {
            // More than one read may ask for.
            let (first, rest) = keys.split_at(keys.len() / 2);
            let mut found = Box::pin(self.with_supplements(first)).await?;
            found.extend(Box::pin(self.with_supplements(rest)).await?);
            return Ok(found);
        }
        let mut found = self.raw.get_many(&wanted).await.map_err(|error| unread(&error))?;
        let mut supplements = found.split_off(keys.len()).into_iter();
        let with_beside = found.into_iter().zip(beside).map(|(raw, beside)| {
            let beside = beside.and_then(|_| supplements.next().flatten());
            raw.map(|raw| (raw, beside))
        });
        Ok(with_beside.collect())
    }

    /// What these changes make of the words by which licenses are found: those of what is replaced go, those of what is
    /// written come. Nothing where they stay the same. What is replaced is at the revision that guards the change, or else
    /// nothing of the commit is done.
    async fn terms_changed(&self, changes: &[Change]) -> Result<Vec<Change>, StoreError> {
        let replaced: Vec<_> = changes.iter().filter_map(replaced_by).collect();
        let before = if replaced.is_empty() { Vec::new() } else { self.load(&replaced).await? };
        let mut before = before.into_iter();
        let (mut gone, mut here) = (BTreeSet::new(), BTreeSet::new());
        for change in changes {
            let old = replaced_by(change).and_then(|_| before.next().flatten());
            let old = old.map(|old| terms_of(&old.value)).unwrap_or_default();
            let new = match change {
                Change::Put(record, _) | Change::Set(record) | Change::Claim(record, _) => terms_of(record),
                Change::Check(..)
                | Change::Delete(..)
                | Change::Remove(_)
                | Change::Add(..)
                | Change::AddWithin { .. }
                | Change::Forget(_) => BTreeSet::new(),
            };
            if old != new {
                gone.extend(old.into_iter().filter(|term| !is_kept(term)));
                here.extend(new);
            }
        }
        gone.retain(|term| !here.contains(term));
        let gone = gone.into_iter().map(|term| Change::Remove(RecordKey::SearchTerm(term)));
        Ok(gone.chain(here.into_iter().map(|term| Change::Set(Record::SearchTerm(term)))).collect())
    }

    /// What stands beside records, by their keys.
    async fn supplements_of(
        &self,
        keys: impl Iterator<Item = &RawKey> + Send,
    ) -> Result<HashMap<RawKey, RawRecord>, StoreError> {
        let mut wanted = Vec::new();
        for key in keys {
            wanted.extend(supplement_key(key)?.map(|beside| (key.clone(), beside)));
        }
        if wanted.is_empty() {
            return Ok(HashMap::new());
        }
        let (owners, beside): (Vec<_>, Vec<_>) = wanted.into_iter().unzip();
        let found = self.raw.get_many(&beside).await.map_err(|error| unread(&error))?;
        Ok(owners.into_iter().zip(found).filter_map(|(owner, found)| Some((owner, found?))).collect())
    }
}

#[async_trait]
impl Store for Repository {
    async fn load(&self, keys: &[RecordKey]) -> Result<Vec<Option<Versioned<Record>>>, StoreError> {
        let raw_keys = keys.iter().map(raw_key).collect::<Result<Vec<_>, _>>()?;
        let found = self.with_supplements(&raw_keys).await?;
        let versioned = |((key, raw_key), found): ((&RecordKey, _), Option<Found>)| {
            let versioned =
                |(raw, beside): Found| Table::of_key(key).versioned(raw_key, &raw, beside.as_ref());
            found.map(versioned).transpose()
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
                self.raw.scan(rest.clone(), direction, wanted).await.map_err(|error| unread(&error))?;
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
        let beside = self.supplements_of(found.iter().map(|(key, _)| key)).await?;
        found.iter().map(|(key, raw)| table.versioned(key, raw, beside.get(key))).collect()
    }

    async fn counts(&self, counters: &[CounterKey]) -> Result<Vec<i64>, StoreError> {
        let keys = counters.iter().map(raw_counter_key).collect::<Result<Vec<_>, _>>()?;
        let found = self.raw.get_many(&keys).await.map_err(|error| unread(&error))?;
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
        let found = found.map_err(|error| unread(&error))?;
        found.iter().map(|(key, raw)| Ok((used_hour_of(merchant, key)?, counted(key, raw)?))).collect()
    }

    async fn event_places(
        &self,
        merchant: &MerchantId,
        after: Option<&EventPlace>,
        limit: usize,
    ) -> Result<Vec<EventPlace>, StoreError> {
        let (limit, mut places) = (limit.min(LIST_RECORDS_MAX), Vec::new());
        let begins_by_itself = after.is_some_and(|after| !after.under_license);
        for under_license in [true, false] {
            if under_license && begins_by_itself {
                continue;
            }
            let after = after.filter(|after| after.under_license == under_license);
            let mut rest = events_behind(merchant, under_license, after)?;
            while places.len() < limit {
                let page = self.raw.scan(rest.clone(), Direction::Forward, limit - places.len()).await;
                let page = page.map_err(|error| unread(&error))?;
                let Some((last, _)) = page.last() else { break };
                rest = rest.after(last);
                for (key, _) in &page {
                    places.push(event_place_of(key)?);
                }
            }
        }
        Ok(places)
    }

    async fn lapsed(
        &self,
        listing: &Listing,
        now: Instant,
        limit: usize,
    ) -> Result<Option<Vec<Versioned<Record>>>, StoreError> {
        let Scan { table, range, .. } = Scan::of(listing)?;
        let now_ms = u64::try_from(now.timestamp_millis()).unwrap_or(0);
        let found = self.raw.lapsed(range, now_ms, limit.min(LIST_RECORDS_MAX)).await;
        let found = found.map_err(|error| unread(&error))?;
        let versioned = |page: Vec<(RawKey, RawRecord)>| {
            page.iter().map(|(key, raw)| table.versioned(key, raw, None)).collect()
        };
        found.map(versioned).transpose()
    }

    async fn commit(&self, commit: Commit) -> Result<Committed, StoreError> {
        let Commit { changes, urgency } = commit;
        let terms = self.terms_changed(&changes).await?;
        let mut primitives = Vec::with_capacity(changes.len() + terms.len());
        for change in changes.into_iter().chain(terms) {
            let (primitive, beside) = primitive(change)?;
            primitives.push(primitive);
            primitives.extend(beside.map(supplement));
        }
        let answer = self.raw.commit(CommitRequest { primitives, urgency }).await;
        answer.map(committed).map_err(|error| refused(&error))
    }

    fn disk(&self) -> Option<DiskState> {
        self.raw.disk()
    }

    fn is_moving(&self) -> bool {
        self.raw.is_moving()
    }

    fn promotions(&self) -> u64 {
        self.raw.promotions()
    }
}

/// The record that a change replaces or deletes, where it may be one that is found by words.
fn replaced_by(change: &Change) -> Option<RecordKey> {
    let key = match change {
        Change::Put(Record::License(_) | Record::Purchase(_) | Record::Activation(_), ABSENT) => return None,
        Change::Put(record @ (Record::License(_) | Record::Purchase(_) | Record::Activation(_)), _)
        | Change::Set(record @ (Record::License(_) | Record::Purchase(_) | Record::Activation(_))) => {
            record.key()
        }
        Change::Delete(key, _) | Change::Remove(key) => key.clone(),
        Change::Put(..)
        | Change::Set(_)
        | Change::Claim(..)
        | Change::Check(..)
        | Change::Add(..)
        | Change::AddWithin { .. }
        | Change::Forget(_) => return None,
    };
    matches!(key, RecordKey::License(..) | RecordKey::Purchase(_) | RecordKey::Activation(..)).then_some(key)
}

fn counted(key: &RawKey, raw: &RawRecord) -> Result<i64, StoreError> {
    raw.counter().ok_or_else(|| StoreError::Failed(format!("{key} is no counter")))
}

fn bytes(page: &[(RawKey, RawRecord)]) -> usize {
    page.iter().map(|(key, record)| key.as_bytes().len() + record.body.len()).sum()
}

/// A change, and what is written beside what it writes.
fn primitive(change: Change) -> Result<(Primitive, Option<WrittenSupplement>), StoreError> {
    let alone = match change {
        Change::Put(record, revision) => {
            let (written, beside) = parted(Written::of(record)?);
            return Ok((put(written, Revision::from_number(revision)), beside));
        }
        Change::Set(record) => {
            let (Written { key, schema, body, until_ms, .. }, beside) = parted(Written::of(record)?);
            return Ok((Primitive::Index { key, schema, body, until_ms }, beside));
        }
        Change::Claim(record, now) => {
            let (written, beside) = parted(Written::of(record)?);
            return Ok((claim(written, now), beside));
        }
        Change::Check(key, revision) => {
            Primitive::Check { key: raw_key(&key)?, revision: Revision::from_number(revision) }
        }
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
        Change::Forget(counter) => Primitive::Unindex { key: raw_counter_key(&counter)? },
    };
    Ok((alone, None))
}

fn parted(mut written: Written) -> (Written, Option<WrittenSupplement>) {
    let beside = written.supplement.take();
    (written, beside)
}

/// Its record's revision guards it.
fn supplement(WrittenSupplement { key, schema, body }: WrittenSupplement) -> Primitive {
    Primitive::Index { key, schema, body, until_ms: None }
}

fn put(Written { key, schema, body, until_ms, .. }: Written, revision: Revision) -> Primitive {
    Primitive::Put { key, revision, schema, body, until_ms }
}

/// A record that is kept for ever never lapses: it can only be claimed where there is none.
fn claim(written: Written, now: Instant) -> Primitive {
    let now_ms = u64::try_from(now.timestamp_millis()).unwrap_or(0);
    match written {
        Written { key, schema, body, until_ms: Some(until_ms), .. } => {
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
        CommitError::Moving => StoreError::Moving,
        CommitError::Unknown => StoreError::OutcomeUnknown,
        CommitError::Invalid { .. } | CommitError::Closed | CommitError::Storage(_) => failed(error),
    }
}

fn unread(error: &super::StoreError) -> StoreError {
    match error {
        super::StoreError::LeftBehind => StoreError::Moving,
        other => failed(other),
    }
}

fn failed(error: &impl std::error::Error) -> StoreError {
    StoreError::Failed(error.to_string())
}
