//! The embedded engine: a journal that is the truth, and sled behind it as the index.
//!
//! A batch is appended to the journal and synced, then shown to readers by the overlay, then answered; the applier
//! carries it into sled. A checkpoint syncs sled, and a start hands what came after to the overlay and the applier.

mod applier;
mod arriving;
mod backlog;
mod compact;
mod compare;
mod digests;
mod folder;
mod forget;
mod greatest;
mod index;
mod leaving;
mod moved;
mod open;
mod overlay;
mod rebuild;
mod replay;
mod restore;
mod runs;
mod scrub;
mod shared;
mod snapshot;
mod snapshots;
mod truth;
mod turns;
mod upkeep;
mod verify;

use std::io::Write;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::engine::{Batch, Direction, Engine, FailureTold, Position, Prior};
use super::error::StoreError;
use super::journal::{Journal, SEGMENT_BYTES_MAX};
use super::key::{KeyRange, RecordKey};
use super::moving::Moved;
use super::record::Record;
use super::snapshot::{SnapshotSource, SnapshotSummary};
use applier::Applier;
pub use applier::IndexPause;
pub use arriving::Arriving;
use backlog::Durable;
pub use compact::{CompactReport, compact_store};
pub use folder::STORE_SCHEMA;
use folder::{Folder, FolderLock, Mark};
pub use forget::forget_store;
pub use leaving::EmbeddedFiles;
pub(super) use restore::REVISION_JUMP;
use shared::SharedStore;
pub use upkeep::{ScrubReport, Upkeep, UpkeepOptions};
pub use verify::{FAULTS_MAX, StorePart, VerifyFault, VerifyProgress, VerifyReport, verify_store};

/// The index is synced after this much journal: 64 MiB.
pub const CHECKPOINT_BYTES: u64 = 64 * 1024 * 1024;

/// Sizes that tests make small.
#[derive(Debug, Clone)]
pub struct EmbeddedOptions {
    /// When a new segment of the journal is begun.
    pub segment_bytes_max: u64,
    /// How much journal makes a checkpoint.
    pub checkpoint_bytes: u64,
}

impl Default for EmbeddedOptions {
    fn default() -> Self {
        Self { segment_bytes_max: SEGMENT_BYTES_MAX, checkpoint_bytes: CHECKPOINT_BYTES }
    }
}

/// A store in a folder of this machine. One process at a time.
pub struct EmbeddedEngine {
    shared: SharedStore,
    /// `None` once closed.
    writer: Mutex<Option<Writer>>,
}

struct Writer {
    journal: Journal,
    applier: Applier,
    /// Held until everything else is let go of.
    lock: FolderLock,
}

impl EmbeddedEngine {
    /// Makes a new store in a folder that is missing or empty, and opens it. Never covers anything.
    pub fn create(folder: &Path) -> Result<Self, StoreError> {
        open::create(folder)?;
        Self::open(folder)
    }

    /// Opens the store in a folder, never making one. What its index had not yet is shown by the overlay and applied
    /// behind; an index that is missing or damaged is made anew before this returns.
    pub fn open(folder: &Path) -> Result<Self, StoreError> {
        Self::open_with(folder, &EmbeddedOptions::default())
    }

    /// Opens with other sizes.
    pub fn open_with(folder: &Path, options: &EmbeddedOptions) -> Result<Self, StoreError> {
        let opened = open::open(folder, options)?;
        let position = opened.journal.position();
        let shared = Arc::new(shared::Shared::new(opened.folder, opened.index.clone(), position));
        let positions = (opened.seen, opened.checkpointed);
        let applier = Applier::start(Arc::clone(&shared), opened.index, positions, opened.replayed, options)?;
        digests::learn_behind(&shared);
        let writer = Writer { journal: opened.journal, applier, lock: opened.lock };
        Ok(Self { shared, writer: Mutex::new(Some(writer)) })
    }

    /// Makes a store in a missing or empty folder from a snapshot, which is checked whole before anything is made. The
    /// store is there once everything is in place; its index is made when it is first opened. It is a new store: its
    /// revisions go on 2^32 behind the snapshot's, so that none that was given out and lost stands for another record.
    ///
    /// Returns what the new store's first snapshot holds. `progress` hears how many records were read so far: first
    /// while they are checked, then again while they are copied.
    pub fn restore(
        folder: &Path,
        snapshot: &(impl SnapshotSource + ?Sized),
        progress: &mut dyn FnMut(u64),
    ) -> Result<SnapshotSummary, StoreError> {
        restore::restore(folder, snapshot, progress)
    }

    /// Moves a closed store into another folder of the same file system. It is there once all of it is; cut off
    /// before, neither folder holds a store.
    pub fn adopt(from: &Path, folder: &Path) -> Result<(), StoreError> {
        restore::adopt(from, folder)
    }

    /// True while a process holds the store in this folder.
    pub fn is_held(folder: &Path) -> Result<bool, StoreError> {
        match Folder::at(folder).lock() {
            Ok(_lock) => Ok(false),
            Err(StoreError::Locked { .. }) => Ok(true),
            Err(other) => Err(other),
        }
    }

    /// Refuses a folder whose store was moved to another place.
    pub fn refuse_moved(folder: &Path) -> Result<(), StoreError> {
        Folder::at(folder).refuse_moved()
    }

    /// True when a store was made in this folder, readable or not.
    pub fn exists(folder: &Path) -> bool {
        Folder::at(folder).holds_a_store()
    }

    /// What holds the index back while the disk has little room; `None` once closed.
    pub fn index_pause(&self) -> Option<IndexPause> {
        self.writer().as_ref().map(|writer| writer.applier.pause())
    }

    /// What is done to the store behind its commits: somebody must ask for it.
    pub fn upkeep(&self) -> Upkeep {
        Upkeep::of(Arc::clone(&self.shared))
    }

    fn writer(&self) -> MutexGuard<'_, Option<Writer>> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Engine for EmbeddedEngine {
    fn prepare(&self, keys: &[RecordKey]) -> Result<Prior, StoreError> {
        self.shared.refuse_after_failure()?;
        let position = self.writer().as_ref().ok_or(StoreError::Closed)?.journal.position();
        let mut prior = Prior { position, ..Prior::default() };
        self.shared.read(|view, index| {
            for key in keys {
                let record = view.record(index, key)?;
                prior.records.extend(record.map(|record| (key.clone(), record)));
            }
            Ok(())
        })?;
        Ok(prior)
    }

    fn get(&self, keys: &[RecordKey]) -> Result<Vec<Option<Record>>, StoreError> {
        let owned = |record: Option<Arc<Record>>| record.map(Arc::unwrap_or_clone);
        self.shared.read(|view, index| keys.iter().map(|key| view.record(index, key).map(owned)).collect())
    }

    fn get_at_once(&self, keys: &[RecordKey]) -> Option<Result<Vec<Option<Record>>, StoreError>> {
        self.shared.known(keys)
    }

    fn scan(
        &self,
        range: &KeyRange,
        direction: Direction,
        limit: usize,
    ) -> Result<Vec<(RecordKey, Record)>, StoreError> {
        if range.is_empty() {
            return Ok(Vec::new());
        }
        self.shared.scan(range, direction, limit)
    }

    fn snapshot(
        &self,
        sink: &mut dyn Write,
        taken_at_ms: u64,
        progress: &mut dyn FnMut(u64),
    ) -> Result<SnapshotSummary, StoreError> {
        snapshot::write(&self.shared, sink, taken_at_ms, &mut |records, _| {
            progress(records);
            Ok(())
        })
    }

    fn write(&self, batch: Batch) -> Result<(), StoreError> {
        self.shared.refuse_after_failure()?;
        let mut writer = self.writer();
        let writer = writer.as_mut().ok_or(StoreError::Closed)?;
        let appended = writer.journal.append(&batch);
        let frame_bytes = appended.inspect_err(|error| self.shared.fail(error.clone()))?;
        let batch = Arc::new(batch);
        self.shared.show(&batch);
        let sent = writer.applier.send(Durable { batch, frame_bytes });
        sent.inspect_err(|error| self.shared.fail(error.clone()))
    }

    fn tell_failures(&self, told: FailureTold) {
        self.shared.tell_failures(told);
    }

    fn position(&self) -> Result<Position, StoreError> {
        self.shared.refuse_after_failure()?;
        Ok(self.shared.position())
    }

    /// A mark that may or may not be there is the end of the store: only a look at the folder can tell.
    fn leave(&self, moved: &Moved) -> Result<(), StoreError> {
        self.shared.refuse_after_failure()?;
        self.shared.folder.write_moved(moved).inspect_err(|error| {
            if !matches!(self.shared.folder.moved(), Ok(None)) {
                self.shared.fail(error.clone());
            }
        })
    }

    fn close(&self) -> Result<(), StoreError> {
        // The lock is dropped last: whoever gets the folder next finds everything in place.
        let Some(Writer { lock: _lock, journal, applier }) = self.writer().take() else { return Ok(()) };
        // A turn of the upkeep still writes to the folder: it ends first.
        self.shared.upkeep.end();
        let finished = applier.finish();
        let index = self.shared.close();
        self.shared.refuse_after_failure()?;
        finished?;
        index.map_or(Ok(()), index::Index::close)?;
        self.shared.folder.write_mark(Mark::Stopped, journal.position())?;
        self.shared.folder.end_running()?;
        if self.shared.folder.moved()?.is_some() { self.shared.folder.end_moved() } else { Ok(()) }
    }
}

impl Drop for EmbeddedEngine {
    fn drop(&mut self) {
        if let Err(error) = self.close() {
            tracing::error!(%error, "the store was not closed in good order");
        }
    }
}
