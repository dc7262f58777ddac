//! Many records at once into an empty database: a backup that is restored, a store that moves in.
//!
//! The database is marked before the first record comes, and until the last step is done: no program starts on it
//! meanwhile, not even one that does not know the mark, because the schema then asks for a newer program than there will
//! ever be. Whoever begins again begins anew; what an earlier try still writes is refused, because the mark is not its own.
//!
//! What is written is added up: one SHA-256 of each record, and all of them one sum. Everything is read back and must come
//! to the same sum.

use std::collections::BTreeMap;
use std::ops::AddAssign;
use std::sync::Arc;

use sha2::{Digest, Sha256};
use tokio::sync::Mutex;

use super::address::DatabaseAddress;
use super::connection::Driver;
use super::filling::Filling;
use super::write::Columns;
use crate::store::error::StoreError;
use crate::store::key::{KeyRange, RecordKey};
use crate::store::record::Record;

/// A part is written once it holds so many records,
const PART_RECORDS: u64 = 5_000;
/// or so many bytes: 8 MiB.
const PART_BYTES: usize = 8 * 1024 * 1024;

/// Stands for one try to fill a database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FillMark(pub(super) i64);

/// How many records, and what their digests come to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Sum {
    records: u64,
    digests: [u64; 4],
}

impl Sum {
    pub(super) fn of(key: &RecordKey, stored: &[u8]) -> Self {
        let mut digest = Sha256::new();
        digest.update(u64::try_from(key.as_bytes().len()).unwrap_or(u64::MAX).to_le_bytes());
        digest.update(key.as_bytes());
        digest.update(stored);
        let digest = digest.finalize();
        let part = |at: usize| u64::from_le_bytes(std::array::from_fn(|byte| digest[at * 8 + byte]));
        Self { records: 1, digests: std::array::from_fn(part) }
    }

    fn without(self, other: Self) -> Self {
        let digests = std::array::from_fn(|at| self.digests[at].wrapping_sub(other.digests[at]));
        Self { records: self.records.wrapping_sub(other.records), digests }
    }
}

impl AddAssign for Sum {
    fn add_assign(&mut self, other: Self) {
        self.records = self.records.wrapping_add(other.records);
        self.digests = std::array::from_fn(|at| self.digests[at].wrapping_add(other.digests[at]));
    }
}

/// Fills an empty database. Dropped unfinished, it leaves the mark: nothing starts there until somebody begins again.
pub struct BulkWriter {
    driver: Driver,
    filling: Arc<Mutex<Filling>>,
    mark: FillMark,
    part: Columns,
    part_bytes: usize,
    written: Sum,
}

impl BulkWriter {
    /// Brings the schema up, marks the database and empties it of what an earlier try has left. A database that holds
    /// records of a store is refused.
    pub fn begin(address: &DatabaseAddress) -> Result<Self, StoreError> {
        let (driver, address, mark) = (Driver::start()?, address.clone(), new_mark()?);
        let filling = driver.wait(async move { Filling::begin(address, mark).await })?;
        Ok(Self {
            driver,
            filling: Arc::new(Mutex::new(filling)),
            mark,
            part: Columns::default(),
            part_bytes: 0,
            written: Sum::default(),
        })
    }

    /// By which the store that is made here may be opened before it is finished.
    pub fn mark(&self) -> FillMark {
        self.mark
    }

    /// Adds a record in its stored form; its key is new.
    pub(in crate::store) fn put(&mut self, key: &RecordKey, stored: &[u8]) -> Result<(), StoreError> {
        self.part.push_stored(key, revision_of(key, stored)?, stored);
        self.part_bytes += key.as_bytes().len() + stored.len();
        self.written += Sum::of(key, stored);
        if self.part.len() >= PART_RECORDS || self.part_bytes >= PART_BYTES { self.flush() } else { Ok(()) }
    }

    /// Writes over what is there: records in their stored form, or nothing where one was removed.
    pub(in crate::store) fn apply(
        &mut self,
        effects: &BTreeMap<RecordKey, Option<Vec<u8>>>,
    ) -> Result<(), StoreError> {
        self.flush()?;
        let (mut keys, mut added) = (Columns::default(), Columns::default());
        for (key, stored) in effects {
            keys.push(key, None);
            if let Some(stored) = stored {
                added.push_stored(key, revision_of(key, stored)?, stored);
                self.written += Sum::of(key, stored);
            }
        }
        let filling = Arc::clone(&self.filling);
        let replaced = self.driver.wait(async move { filling.lock().await.replace(keys, added).await })?;
        self.written = self.written.without(replaced);
        Ok(())
    }

    /// Writes what waits, reads everything back, and lets revisions go on behind `revision`. Says how many records
    /// there are; `progress` hears how many were read back so far.
    pub fn settle(&mut self, revision: u64, progress: &mut dyn FnMut(u64)) -> Result<u64, StoreError> {
        self.flush()?;
        let (mut range, mut found) = (KeyRange::all(), Sum::default());
        loop {
            let (filling, part) = (Arc::clone(&self.filling), range.clone());
            let page = self.driver.wait(async move { filling.lock().await.page(&part).await })?;
            let Some((last, _)) = page.last() else { break };
            range = range.after(last);
            page.iter().for_each(|(key, record)| found += Sum::of(key, &record.encode(key)));
            progress(found.records);
        }
        if found != self.written {
            return Err(differs(found.records, self.written.records));
        }
        let filling = Arc::clone(&self.filling);
        self.driver.wait(async move { filling.lock().await.set_revision(revision).await })?;
        Ok(found.records)
    }

    /// Takes the mark away: from now on programs start on it.
    pub fn finish(self) -> Result<(), StoreError> {
        let filling = self.filling;
        self.driver.wait(async move { filling.lock().await.end(false).await })
    }

    /// Empties the database and takes the mark away: nothing was filled.
    pub fn undo(self) -> Result<(), StoreError> {
        let filling = self.filling;
        self.driver.wait(async move { filling.lock().await.end(true).await })
    }

    fn flush(&mut self) -> Result<(), StoreError> {
        if self.part.len() == 0 {
            return Ok(());
        }
        let (part, filling) = (std::mem::take(&mut self.part), Arc::clone(&self.filling));
        self.part_bytes = 0;
        self.driver.wait(async move { filling.lock().await.add(part).await })
    }
}

fn revision_of(key: &RecordKey, stored: &[u8]) -> Result<u64, StoreError> {
    let record = Record::decode(key, stored).map_err(|_| StoreError::Damaged {
        place: key.to_string(),
        what: "the record does not have its checksum".to_owned(),
        next: "use another backup",
    })?;
    Ok(record.revision.number())
}

/// Greater than zero, and no one else's.
fn new_mark() -> Result<FillMark, StoreError> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).map_err(|error| StoreError::Io {
        doing: "marking the database".to_owned(),
        source: Arc::new(std::io::Error::other(error.to_string())),
    })?;
    Ok(FillMark((i64::from_le_bytes(bytes) & i64::MAX).max(1)))
}

fn differs(found: u64, written: u64) -> StoreError {
    StoreError::Database {
        what: format!(
            "what the database reads back is not what was written into it ({found} records, {written} written)"
        ),
        next: "see that nobody else writes to it, and begin again",
    }
}
