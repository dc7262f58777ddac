//! Many records at once into an empty database: a backup that is restored, a store that moves in.
//!
//! The database is marked before the first record comes, and until the last step is done: no program starts on it
//! meanwhile, not even one that does not know the mark, because the schema then asks for a newer program than there will
//! ever be. Whoever begins again begins anew; what an earlier try still writes is refused, because the mark is not its own.
//!
//! What is written is added up: one SHA-256 of each record, and all of them one sum. Everything is read back and must come
//! to the same sum.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::Mutex;

use super::address::DatabaseAddress;
use super::connection::Driver;
use super::filling::{self, Filling};
use super::schema;
use super::write::Columns;
use crate::store::error::StoreError;
use crate::store::key::{KeyRange, RecordKey};
use crate::store::moving::{MoveId, Sum};
use crate::store::record::Record;

/// A part is written once it holds so many records,
const PART_RECORDS: u64 = 5_000;
/// or so many bytes: 8 MiB.
const PART_BYTES: usize = 8 * 1024 * 1024;

/// Stands for one try to fill a database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FillMark(pub(super) i64);

impl FillMark {
    fn id(self) -> MoveId {
        MoveId::from_number(u128::from(self.0.unsigned_abs()))
    }

    /// That of a move; none when it is of a move to somewhere else.
    pub(super) fn of(id: MoveId) -> Option<Self> {
        i64::try_from(id.number()).ok().map(Self)
    }

    pub(super) fn read(value: i64) -> MoveId {
        Self(value).id()
    }
}

/// Hears of a key and its record in its stored form.
type EachRecord<'a> = &'a mut dyn FnMut(&RecordKey, &[u8]) -> Result<(), StoreError>;

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
        self.part.push_stored(key, &read(key, stored)?, stored);
        self.part_bytes += key.as_bytes().len() + stored.len();
        self.written += Sum::of(key, stored);
        if self.part.len() >= PART_RECORDS || self.part_bytes >= PART_BYTES { self.flush() } else { Ok(()) }
    }

    /// Writes over what is there: records in their stored form, or nothing where one was removed. Says what stood there.
    pub(in crate::store) fn apply(
        &mut self,
        effects: &BTreeMap<RecordKey, Option<Vec<u8>>>,
    ) -> Result<Vec<(RecordKey, Vec<u8>)>, StoreError> {
        self.flush()?;
        let (mut keys, mut added) = (Columns::default(), Columns::default());
        for (key, stored) in effects {
            keys.push(key, None);
            if let Some(stored) = stored {
                added.push_stored(key, &read(key, stored)?, stored);
                self.written += Sum::of(key, stored);
            }
        }
        let filling = Arc::clone(&self.filling);
        let replaced = self.driver.wait(async move { filling.lock().await.replace(keys, added).await })?;
        for (key, stored) in &replaced {
            self.written -= Sum::of(key, stored);
        }
        Ok(replaced)
    }

    /// What stands under these keys now, in their stored form.
    pub(in crate::store) fn stored(
        &mut self,
        keys: Vec<RecordKey>,
    ) -> Result<Vec<(RecordKey, Vec<u8>)>, StoreError> {
        let filling = Arc::clone(&self.filling);
        self.driver.wait(async move { filling.lock().await.stored(keys).await })
    }

    /// Writes what waits and hands over everything that is there, in the order of keys.
    pub(in crate::store) fn read_back(&mut self, each: EachRecord<'_>) -> Result<(), StoreError> {
        self.flush()?;
        let mut range = KeyRange::all();
        loop {
            let (filling, part) = (Arc::clone(&self.filling), range.clone());
            let page = self.driver.wait(async move { filling.lock().await.page(&part).await })?;
            let Some((last, _)) = page.last() else { return Ok(()) };
            range = range.after(last);
            page.iter().try_for_each(|(key, record)| each(key, &record.encode(key)))?;
        }
    }

    /// Lets revisions go on behind this one.
    pub(in crate::store) fn set_revision(&mut self, revision: u64) -> Result<(), StoreError> {
        let filling = Arc::clone(&self.filling);
        self.driver.wait(async move { filling.lock().await.set_revision(revision).await })
    }

    /// Writes what waits, reads everything back, and lets revisions go on behind `revision`. Says how many records
    /// there are; `progress` hears how many were read back so far.
    pub fn settle(&mut self, revision: u64, progress: &mut dyn FnMut(u64)) -> Result<u64, StoreError> {
        let mut found = Sum::default();
        self.read_back(&mut |key, stored| {
            found += Sum::of(key, stored);
            progress(found.records);
            Ok(())
        })?;
        if found != self.written {
            return Err(differs(found.records, self.written.records));
        }
        self.set_revision(revision)?;
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

    /// Which move into this database it is.
    pub fn id(&self) -> MoveId {
        self.mark.id()
    }

    /// Refuses a database that holds a store, before anything is written to it.
    pub fn look(address: &DatabaseAddress) -> Result<(), StoreError> {
        let address = address.clone();
        Driver::start()?.wait(async move {
            schema::suits_for_writing(&address).await?;
            filling::refuse_a_store(&address).await
        })
    }

    /// Whether the store of this move is in its place.
    pub fn has_arrived(address: &DatabaseAddress, id: MoveId) -> Result<bool, StoreError> {
        let address = address.clone();
        Driver::start()?.wait(async move { Ok(Filling::arrived(&address).await? == Some(id)) })
    }

    /// Goes on with a move that was cut off after the other place had let go of its records: takes the mark away. `false`
    /// when none of this move is here.
    pub fn go_on(address: &DatabaseAddress, id: MoveId) -> Result<bool, StoreError> {
        if Self::has_arrived(address, id)? {
            return Ok(true);
        }
        let address = address.clone();
        Driver::start()?.wait(async move {
            match Filling::of(address, id).await? {
                Some(mut filling) => filling.end(false).await.map(|()| true),
                None => Ok(false),
            }
        })
    }

    /// Writes what waits.
    pub(in crate::store) fn flush(&mut self) -> Result<(), StoreError> {
        if self.part.len() == 0 {
            return Ok(());
        }
        let (part, filling) = (std::mem::take(&mut self.part), Arc::clone(&self.filling));
        self.part_bytes = 0;
        self.driver.wait(async move { filling.lock().await.add(part).await })
    }
}

fn read(key: &RecordKey, stored: &[u8]) -> Result<Record, StoreError> {
    Record::decode(key, stored).map_err(|_| StoreError::Damaged {
        place: key.to_string(),
        what: "the record does not have its checksum".to_owned(),
        next: "use another backup",
    })
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
