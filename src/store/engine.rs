//! What an engine under the group commit must do.

use std::collections::HashMap;
use std::io::Write;
use std::sync::Arc;

use super::error::StoreError;
use super::key::{KeyRange, RecordKey};
use super::moving::Moved;
use super::record::{Record, Revision};
use super::snapshot::SnapshotSummary;

/// How far a store has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Position {
    /// Number of the last batch written; zero before the first.
    pub batch: u64,
    /// Greatest revision given out.
    pub revision: Revision,
}

/// One key's new content: an effect, never an operation, so that replaying it any number of times ends equal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Effect {
    /// Where.
    pub key: RecordKey,
    /// The record that stands there now; `None` when it was removed.
    pub after: Option<Arc<Record>>,
}

/// The effects of commits that become durable and visible together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// Where the store stands once this is written; its batch number is one more than before.
    pub position: Position,
    /// Per commit its effects, in order. Later ones override earlier ones.
    pub commits: Vec<Vec<Effect>>,
}

impl Batch {
    /// All effects in order.
    pub fn effects(&self) -> impl Iterator<Item = &Effect> {
        self.commits.iter().flatten()
    }
}

/// What a batch is evaluated against.
#[derive(Debug, Clone, Default)]
pub struct Prior {
    /// Where the store stands.
    pub position: Position,
    /// Those of the asked-for records that exist.
    pub records: HashMap<RecordKey, Arc<Record>>,
}

/// Which way a scan goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Ascending keys.
    Forward,
    /// Descending keys.
    Reverse,
}

/// A page of a scan takes no further record once its keys and bodies hold this many bytes: 8 MiB.
pub const SCAN_BYTES_MAX: usize = 8 * 1024 * 1024;

/// Keeps records. Blocking; called by one committer thread and any number of readers.
///
/// * **Atomicity**: a batch is written whole or not at all, also across a crash.
/// * **Durability**: when `write` returns `Ok`, the batch survives the end of the process and of the machine's
///   power. When it returns an error, the batch may or may not be kept, and the engine refuses every later
///   write until it is opened again; but for the errors that pass ([`StoreError::passes`]), after which it goes on.
/// * **Visibility**: readers see a batch only once it is durable, and then all of it at once.
/// * **Concurrency**: `get` and `scan` may run beside `write` and beside each other.
pub trait Engine: Send + Sync + 'static {
    /// Whether other processes write to the same records. Then a batch may have to be decided again
    /// ([`StoreError::Raced`]).
    fn is_shared(&self) -> bool {
        false
    }

    /// How often this engine has found that the store under it may have lost what was written: what was taken of a
    /// counter before is not given out any more.
    fn promotions(&self) -> u64 {
        0
    }

    /// Loads what a batch touching `keys`, which are sorted, is evaluated against. `write` follows, or `release`, or
    /// another `prepare`: an engine shared between processes locks the keys here and lets go of them there.
    fn prepare(&self, keys: &[RecordKey]) -> Result<Prior, StoreError>;

    /// Lets go of what `prepare` has locked, when nothing is to be written.
    fn release(&self) {}

    /// The records under `keys`, in their order, all as of one batch.
    fn get(&self, keys: &[RecordKey]) -> Result<Vec<Option<Record>>, StoreError>;

    /// The same without waiting for a disk, a lock or anybody; `None` when that cannot be said.
    fn get_at_once(&self, _keys: &[RecordKey]) -> Option<Result<Vec<Option<Record>>, StoreError>> {
        None
    }

    /// Up to `limit` records of `range` in order, all as of one batch. Fewer, but at least one, once they hold
    /// [`SCAN_BYTES_MAX`].
    fn scan(
        &self,
        range: &KeyRange,
        direction: Direction,
        limit: usize,
    ) -> Result<Vec<(RecordKey, Record)>, StoreError>;

    /// Up to `limit` records of a range within one merchant that have lapsed by `now_ms`, as far as the engine has noted
    /// it: those that a program wrote which notes nothing are not among them, and one may have been claimed anew since.
    /// `None` when the engine has no such notes: then only a scan finds them.
    fn lapsed(
        &self,
        _range: &KeyRange,
        _now_ms: u64,
        _limit: usize,
    ) -> Option<Result<Vec<(RecordKey, Record)>, StoreError>> {
        None
    }

    /// Writes one batch durably, then makes it visible.
    fn write(&self, batch: Batch) -> Result<(), StoreError>;

    /// Takes whom to tell, once, of a failure that no call hears of: one of work that goes on behind the answers.
    fn tell_failures(&self, _told: FailureTold) {}

    /// Writes a consistent snapshot into `sink` while the store runs. `progress` hears how many records were written
    /// so far. An engine that does not say how refuses.
    fn snapshot(
        &self,
        _sink: &mut dyn Write,
        _taken_at_ms: u64,
        _progress: &mut dyn FnMut(u64),
    ) -> Result<SnapshotSummary, StoreError> {
        Err(StoreError::NoSnapshots)
    }

    /// Where the store stands, if this process alone writes to it.
    fn position(&self) -> Result<Position, StoreError> {
        Err(StoreError::NotStoppable)
    }

    /// Notes for good that the records are in another store now. Nothing may be written after it but the end.
    fn leave(&self, _moved: &Moved) -> Result<(), StoreError> {
        Err(StoreError::NotStoppable)
    }

    /// Ends well: everything written is in its final place, and the store may be opened again.
    /// Every later call hears [`StoreError::Closed`].
    fn close(&self) -> Result<(), StoreError>;
}

/// Hears of a failure; must not block.
pub type FailureTold = Box<dyn Fn(&StoreError) + Send + Sync>;

impl Engine for Box<dyn Engine> {
    fn is_shared(&self) -> bool {
        self.as_ref().is_shared()
    }

    fn promotions(&self) -> u64 {
        self.as_ref().promotions()
    }

    fn release(&self) {
        self.as_ref().release();
    }

    fn prepare(&self, keys: &[RecordKey]) -> Result<Prior, StoreError> {
        self.as_ref().prepare(keys)
    }

    fn get(&self, keys: &[RecordKey]) -> Result<Vec<Option<Record>>, StoreError> {
        self.as_ref().get(keys)
    }

    fn get_at_once(&self, keys: &[RecordKey]) -> Option<Result<Vec<Option<Record>>, StoreError>> {
        self.as_ref().get_at_once(keys)
    }

    fn tell_failures(&self, told: FailureTold) {
        self.as_ref().tell_failures(told);
    }

    fn scan(
        &self,
        range: &KeyRange,
        direction: Direction,
        limit: usize,
    ) -> Result<Vec<(RecordKey, Record)>, StoreError> {
        self.as_ref().scan(range, direction, limit)
    }

    fn write(&self, batch: Batch) -> Result<(), StoreError> {
        self.as_ref().write(batch)
    }

    fn snapshot(
        &self,
        sink: &mut dyn Write,
        taken_at_ms: u64,
        progress: &mut dyn FnMut(u64),
    ) -> Result<SnapshotSummary, StoreError> {
        self.as_ref().snapshot(sink, taken_at_ms, progress)
    }

    fn position(&self) -> Result<Position, StoreError> {
        self.as_ref().position()
    }

    fn leave(&self, moved: &Moved) -> Result<(), StoreError> {
        self.as_ref().leave(moved)
    }

    fn close(&self) -> Result<(), StoreError> {
        self.as_ref().close()
    }
}
