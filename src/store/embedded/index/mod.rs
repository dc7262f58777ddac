//! The index: sled, kept at arm's length.
//!
//! Known of sled 0.34.7, by measurement: its `flush` does not sync; its `flush_async` hangs under load and is never
//! called; a damaged file makes it panic or, worse, answer without some records; an entry costs 10 µs and a sixteenth
//! of a page, however short it is. So: the journal is the truth, records go into sled in [`blocks`], what sled must have
//! is known outside of it ([`sums`]), every call runs behind a guard, and we sync its files ourselves.

mod block;
mod blocks;
mod sums;

use std::collections::VecDeque;
use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use fs4::FileExt;
use sled::IVec;

use super::super::engine::{Direction, Position};
use super::super::error::StoreError;
use super::super::files;
use super::super::key::{KeyRange, RecordKey};
use super::super::record::{Record, Revision};
use block::Block;
use blocks::{Blocks, Ordered};
use sums::Sums;
pub(super) use sums::hash;

/// Memory that sled may use for its pages: 256 MiB.
const CACHE_BYTES: u64 = 256 * 1024 * 1024;

/// sled's own segments: 4 MiB, so that a page of sixteen blocks never becomes a file of its own.
const SEGMENT_BYTES: usize = 4 * 1024 * 1024;

/// After so much in blocks a close spares the next start sled's look at it: 64 MiB.
const LONG_LOG_BYTES: u64 = 64 * 1024 * 1024;

/// Where the index stands. An index that has none, but entries, is of an older form or has lost it.
const POSITION_KEY: &[u8] = b"\xffblocks position";

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
    blocks: Arc<Blocks<Guarded>>,
    path: PathBuf,
}

impl Index {
    /// Opens or makes the index in a folder that exists.
    pub fn open(path: &Path) -> Result<Self, IndexError> {
        let sums = Sums::read(path).map_err(IndexError::Failed)?.unwrap_or_else(|| Ok(Sums::default()));
        let sums = sums.map_err(|what| IndexError::damaged(path.display().to_string(), what))?;
        let db = opened(path)?;
        let entries = Guarded { db, written_bytes: AtomicU64::new(0) };
        Ok(Self { blocks: Arc::new(Blocks::over(entries, sums)), path: path.to_owned() })
    }

    /// Where the index stands; the start of the store when it is new. Never before what was synced.
    pub fn position(&self) -> Result<Position, IndexError> {
        let db = self.db();
        let position = match guarded("reading", || db.get(POSITION_KEY))? {
            Some(stored) => decode_position(&stored)
                .ok_or_else(|| IndexError::damaged(self.shown(), "its position is not readable"))?,
            None if guarded("reading", || db.first())?.is_none() => Position::default(),
            None => {
                return Err(IndexError::damaged(
                    self.shown(),
                    "it is of an older form or has lost its position",
                ));
            }
        };
        let synced = self.synced();
        if position.batch < synced.batch {
            let what = format!("it stands at batch {} but was synced at {}", position.batch, synced.batch);
            return Err(IndexError::damaged(self.shown(), what));
        }
        Ok(position)
    }

    /// What the index had when it was last synced.
    pub fn synced(&self) -> Position {
        self.blocks.sums().position
    }

    pub fn get(&self, key: &RecordKey) -> Result<Option<Record>, IndexError> {
        let Some((_, block)) = self.blocks.block_of(key.as_bytes())? else { return Ok(None) };
        block.find(key.as_bytes()).map(|stored| decode(key, stored)).transpose()
    }

    /// The records of a range, in order, a block at a time as they are asked for.
    pub fn scan(
        &self,
        range: &KeyRange,
        direction: Direction,
    ) -> impl Iterator<Item = Result<(RecordKey, Record), IndexError>> + use<> {
        let mut scan = Scan {
            blocks: Arc::clone(&self.blocks),
            direction,
            from: range.start().to_vec(),
            to: range.end().to_vec(),
            read: VecDeque::new(),
            done: range.is_empty(),
        };
        std::iter::from_fn(move || scan.next().transpose())
    }

    /// Applies effects in their stored form, sorted by key and each key once, then the position they lead to.
    ///
    /// Entry by entry, not as one batch of sled's: readers look through the overlay meanwhile, a start replays from the
    /// checkpoint, so nothing needs the batch to be whole here; and `apply_batch` stops all readers for as long as
    /// it runs, and with large batches made a later `flush` wait for ever.
    pub fn apply<'a>(
        &self,
        effects: impl Iterator<Item = (&'a [u8], Option<Vec<u8>>)>,
        position: Position,
    ) -> Result<(), IndexError> {
        self.blocks.apply(effects)?;
        self.blocks.entries().insert(POSITION_KEY, encode_position(position).to_vec())
    }

    /// Reads every block, to take over what a process that did not end well has written since the checkpoint. Comes
    /// before the first sync after such an end.
    pub fn adopt(&self) -> Result<(), IndexError> {
        self.blocks.adopt()
    }

    /// Makes everything applied so far survive a power cut, and known outside of sled: the index has `position`.
    pub fn sync(&self, position: Position) -> Result<(), IndexError> {
        guarded("flushing", || self.db().flush())?;
        Self::sync_files(&self.path).map_err(IndexError::Failed)?;
        let sums = self.blocks.next_sums(position);
        sums.write(&self.path).map_err(IndexError::Failed)?;
        self.blocks.begin_epoch(sums);
        Ok(())
    }

    /// What a sync writes beside sled's own files, in bytes.
    pub fn sums_bytes(&self) -> u64 {
        self.blocks.sums().file_bytes() as u64
    }

    fn db(&self) -> &sled::Db {
        &self.blocks.entries().db
    }

    /// Closes the index. The last clone does it: sled's threads let go of its file a little later than we do, and
    /// until then it cannot be opened again; this waits for its lock. What sled wrote while it closed is synced then.
    ///
    /// sled writes down where its pages lie only when it is opened, from a look at all that was written since the last
    /// time. After much of that it is opened once more here, so that the next start need not wait for the look.
    pub fn close(self) -> Result<(), StoreError> {
        let is_long = self.blocks.entries().written_bytes.load(Ordering::Relaxed) >= LONG_LOG_BYTES;
        let path = self.path.clone();
        drop(self);
        released(&path)?;
        if is_long {
            if let Err(error) = guarded("opening", || configured(&path).open()) {
                // What is wrong, if anything, the next start finds.
                tracing::warn!(?error, "the next start will take longer");
            }
            released(&path)?;
        }
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

fn configured(path: &Path) -> sled::Config {
    let config = sled::Config::new().path(path).cache_capacity(CACHE_BYTES);
    config.segment_size(SEGMENT_BYTES).flush_every_ms(None)
}

/// Waits until sled's threads have let go of its file.
fn released(path: &Path) -> Result<(), StoreError> {
    let file = path.join("db");
    let released = File::open(&file).and_then(|file| FileExt::lock(&file));
    released.map_err(|source| StoreError::io("waiting for the lock of", &file, source))
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

/// sled behind the guard.
struct Guarded {
    db: sled::Db,
    /// By this process.
    written_bytes: AtomicU64,
}

impl Ordered for Guarded {
    fn at_or_before(&self, key: &[u8]) -> Result<Option<(IVec, IVec)>, IndexError> {
        guarded("reading", || self.db.range(..=key).next_back().transpose())
    }

    fn before(&self, key: &[u8]) -> Result<Option<(IVec, IVec)>, IndexError> {
        guarded("reading", || self.db.get_lt(key))
    }

    fn key_after(&self, key: &[u8]) -> Result<Option<IVec>, IndexError> {
        guarded("reading", || self.db.get_gt(key)).map(|found| found.map(|(key, _)| key))
    }

    fn insert(&self, key: &[u8], value: Vec<u8>) -> Result<(), IndexError> {
        self.written_bytes.fetch_add(value.len() as u64, Ordering::Relaxed);
        guarded("applying", || self.db.insert(key, value)).map(|_| ())
    }

    fn remove(&self, key: &[u8]) -> Result<(), IndexError> {
        guarded("applying", || self.db.remove(key)).map(|_| ())
    }
}

/// A scan under way: what is left lies from `from`, up to and not at `to`.
struct Scan<O> {
    blocks: Arc<Blocks<O>>,
    direction: Direction,
    from: Vec<u8>,
    to: Vec<u8>,
    read: VecDeque<(RecordKey, Record)>,
    done: bool,
}

impl<O: Ordered> Scan<O> {
    fn next(&mut self) -> Result<Option<(RecordKey, Record)>, IndexError> {
        while self.read.is_empty() && !self.done {
            let read = match self.direction {
                Direction::Forward => self.read_forward(),
                Direction::Reverse => self.read_reverse(),
            };
            // After an error there is nothing more to be said.
            self.done |= read.is_err();
            read?;
        }
        Ok(match self.direction {
            Direction::Forward => self.read.pop_front(),
            Direction::Reverse => self.read.pop_back(),
        })
    }

    fn read_forward(&mut self) -> Result<(), IndexError> {
        let Some(placed) = self.blocks.block_of(&self.from)? else {
            self.done = true;
            return Ok(());
        };
        let end = self.blocks.end_of(&placed)?.filter(|end| end.as_ref() < self.to.as_slice());
        self.take(&placed.1, &self.from.clone(), end.as_deref().unwrap_or(&self.to).to_vec())?;
        match end {
            // The block was split below `from` since it was read: the piece that holds `from` comes next.
            Some(end) if end.as_ref() <= self.from.as_slice() => {}
            Some(end) => self.from = end.to_vec(),
            None => self.done = true,
        }
        Ok(())
    }

    fn read_reverse(&mut self) -> Result<(), IndexError> {
        let Some((lower, block)) = self.blocks.block_below(&self.to)? else {
            self.done = true;
            return Ok(());
        };
        let start = lower.as_ref().max(&self.from).to_vec();
        self.take(&block, &start, self.to.clone())?;
        self.done = lower.as_ref() <= self.from.as_slice();
        self.to = lower.to_vec();
        Ok(())
    }

    fn take(&mut self, block: &Block, start: &[u8], end: Vec<u8>) -> Result<(), IndexError> {
        for (key, stored) in block.entries() {
            if start <= key && key < end.as_slice() {
                self.read.push_back(decode_entry(key, stored)?);
            }
        }
        Ok(())
    }
}

/// sled's own lock can outlive a store that this process has just let go of: a child process that is being started holds
/// every open file until it becomes its program. The folder's lock is ours, so nobody else has sled's for long.
fn opened(path: &Path) -> Result<sled::Db, IndexError> {
    for _ in 0..LOCK_TRIES {
        match guarded("opening", || configured(path).open()) {
            Err(IndexError::Failed(StoreError::Index { what, .. })) if what.contains(LOCK_HELD) => {
                std::thread::park_timeout(LOCK_PAUSE);
            }
            done => return done,
        }
    }
    guarded("opening", || configured(path).open())
}

/// What sled says of a lock that is held.
const LOCK_HELD: &str = "could not acquire lock";
const LOCK_TRIES: u32 = 200;
const LOCK_PAUSE: Duration = Duration::from_millis(10);

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
