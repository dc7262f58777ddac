//! The index: sled, kept at arm's length.
//!
//! Known of sled 0.34.7, by measurement: its `flush` does not sync; its `flush_async` hangs under load and is never
//! called; a damaged file makes it panic or, worse, answer without some records. So: the journal is the truth,
//! every value has a checksum, every call runs behind a guard, and we sync its files ourselves.

use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use fs4::FileExt;

use super::super::engine::{Direction, Position};
use super::super::error::StoreError;
use super::super::files;
use super::super::key::{KeyRange, RecordKey};
use super::super::record::{Record, Revision};

/// Memory that sled may use for its pages: 256 MiB.
const CACHE_BYTES: u64 = 256 * 1024 * 1024;

/// Where the index stands. Above every record key: those start with UTF-8 or zero.
const POSITION_KEY: &[u8] = b"\xffposition";

/// What can go wrong in the index.
#[derive(Debug)]
pub(super) enum IndexError {
    /// It is not what was written: rebuild it from the journal.
    Damaged { place: String, what: String },
    /// It could not be read or written.
    Failed(StoreError),
}

impl IndexError {
    pub fn damaged(place: impl Into<String>, what: impl Into<String>) -> Self {
        Self::Damaged { place: place.into(), what: what.into() }
    }
}

impl From<IndexError> for StoreError {
    fn from(error: IndexError) -> Self {
        match error {
            IndexError::Damaged { place, what } => {
                Self::Damaged { place, what, next: "start again: the index is then rebuilt from the journal" }
            }
            IndexError::Failed(error) => error,
        }
    }
}

/// The index, open. Cheap to clone.
#[derive(Clone)]
pub(super) struct Index {
    db: sled::Db,
    path: PathBuf,
}

impl Index {
    /// Opens or makes the index in a folder that exists.
    pub fn open(path: &Path) -> Result<Self, IndexError> {
        let config = sled::Config::new().path(path).cache_capacity(CACHE_BYTES).flush_every_ms(None);
        let db = guarded("opening", || config.open())?;
        Ok(Self { db, path: path.to_owned() })
    }

    /// Where the index stands; the start of the store when it is new.
    pub fn position(&self) -> Result<Position, IndexError> {
        match guarded("reading", || self.db.get(POSITION_KEY))? {
            Some(stored) => decode_position(&stored)
                .ok_or_else(|| IndexError::damaged(self.shown(), "its position is not readable")),
            None if guarded("reading", || self.db.first())?.is_none() => Ok(Position::default()),
            None => Err(IndexError::damaged(self.shown(), "it has lost its position")),
        }
    }

    pub fn get(&self, key: &RecordKey) -> Result<Option<Record>, IndexError> {
        let stored = guarded("reading", || self.db.get(key.as_bytes()))?;
        stored.map(|stored| decode(key, &stored)).transpose()
    }

    /// The records of a range, in order, each read when it is asked for.
    pub fn scan(
        &self,
        range: &KeyRange,
        direction: Direction,
    ) -> impl Iterator<Item = Result<(RecordKey, Record), IndexError>> + use<> {
        let mut found = self.db.range(range.start()..range.end());
        std::iter::from_fn(move || {
            let next = guarded("scanning", || match direction {
                Direction::Forward => found.next().transpose(),
                Direction::Reverse => found.next_back().transpose(),
            });
            next.and_then(|entry| entry.map(|(key, stored)| decode_entry(&key, &stored)).transpose())
                .transpose()
        })
    }

    /// Applies effects in their stored form, in order, then the position they lead to.
    ///
    /// Key by key, not as one batch of sled's: readers look through the overlay meanwhile, a start replays from the
    /// checkpoint, so nothing needs the batch to be whole here; and `apply_batch` stops all readers for as long as
    /// it runs, and with large batches made a later `flush` wait for ever.
    pub fn apply<'a>(
        &self,
        effects: impl Iterator<Item = (&'a [u8], Option<Vec<u8>>)>,
        position: Position,
    ) -> Result<(), IndexError> {
        guarded("applying", || {
            for (key, stored) in effects {
                match stored {
                    Some(stored) => self.db.insert(key, stored)?,
                    None => self.db.remove(key)?,
                };
            }
            self.db.insert(POSITION_KEY, &encode_position(position)).map(|_| ())
        })
    }

    /// Makes everything applied so far survive a power cut.
    pub fn sync(&self) -> Result<(), IndexError> {
        guarded("flushing", || self.db.flush())?;
        Self::sync_files(&self.path).map_err(IndexError::Failed)
    }

    /// Closes the index. The last clone does it: sled's threads let go of its file a little later than we do, and
    /// until then it cannot be opened again; this waits for its lock. What sled wrote while it closed is synced then.
    pub fn close(self) -> Result<(), StoreError> {
        let path = self.path.clone();
        let file = path.join("db");
        drop(self);
        let released = File::open(&file).and_then(|file| FileExt::lock(&file));
        released.map_err(|source| StoreError::io("waiting for the lock of", &file, source))?;
        Self::sync_files(&path)
    }

    fn sync_files(path: &Path) -> Result<(), StoreError> {
        for folder in [path.join("blobs"), path.to_owned()] {
            let failed = |source| StoreError::io("syncing the files in", &folder, source);
            let entries = match std::fs::read_dir(&folder) {
                Ok(entries) => entries,
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
                Err(error) => return Err(failed(error)),
            };
            for entry in entries {
                let path = entry.map_err(failed)?.path();
                if path.is_file() {
                    sync_unless_gone(&path)?;
                }
            }
            files::sync_folder(&folder)?;
        }
        Ok(())
    }

    fn shown(&self) -> String {
        self.path.display().to_string()
    }
}

/// sled removes files of its own in the background.
fn sync_unless_gone(path: &Path) -> Result<(), StoreError> {
    match File::open(path).and_then(|file| file.sync_data()) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(StoreError::io("syncing", path, error))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Runs a call into sled: a panic inside it means damage.
fn guarded<T>(doing: &'static str, call: impl FnOnce() -> sled::Result<T>) -> Result<T, IndexError> {
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(told(doing, error)),
        Err(_) => Err(IndexError::damaged("the index", format!("sled panicked while {doing}"))),
    }
}

fn told(doing: &'static str, error: sled::Error) -> IndexError {
    use std::io::ErrorKind::{InvalidData, UnexpectedEof};
    match error {
        sled::Error::Io(source) if !matches!(source.kind(), InvalidData | UnexpectedEof) => {
            IndexError::Failed(StoreError::Index { doing, what: source.to_string() })
        }
        // Every other error of sled speaks of content that it did not expect.
        damage => IndexError::damaged("the index", format!("sled said while {doing}: {damage}")),
    }
}

fn decode(key: &RecordKey, stored: &[u8]) -> Result<Record, IndexError> {
    Record::decode(key, stored)
        .map_err(|_| IndexError::damaged(format!("the record {key}"), "its checksum does not hold"))
}

fn decode_entry(key: &[u8], stored: &[u8]) -> Result<(RecordKey, Record), IndexError> {
    let key = RecordKey::decode(key)
        .map_err(|_| IndexError::damaged(format!("the key {}", key.escape_ascii()), "it is no record key"))?;
    let record = decode(&key, stored)?;
    Ok((key, record))
}

const POSITION_BYTES: usize = 20;

fn encode_position(position: Position) -> [u8; POSITION_BYTES] {
    let mut bytes = [0; POSITION_BYTES];
    bytes[..8].copy_from_slice(&position.batch.to_le_bytes());
    bytes[8..16].copy_from_slice(&position.revision.number().to_le_bytes());
    let crc = crc32c::crc32c(&bytes[..16]);
    bytes[16..].copy_from_slice(&crc.to_le_bytes());
    bytes
}

fn decode_position(stored: &[u8]) -> Option<Position> {
    let bytes: &[u8; POSITION_BYTES] = stored.try_into().ok()?;
    let u64_at = |at: usize| u64::from_le_bytes(std::array::from_fn(|i| bytes[at + i]));
    let position = Position { batch: u64_at(0), revision: Revision::from_number(u64_at(8)) };
    (encode_position(position) == *bytes).then_some(position)
}
