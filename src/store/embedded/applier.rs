//! Carries durable batches into the index, behind the answers.
//!
//! The journal has a batch before it comes here, so nothing is lost if the process ends first: the next start
//! replays from the checkpoint. The overlay shows the batch to readers until the index has it.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::thread::JoinHandle;

use super::super::engine::Position;
use super::super::error::StoreError;
use super::EmbeddedOptions;
use super::backlog::{BACKLOG_BYTES_MAX, Backlog, Durable};
use super::folder::Mark;
use super::index::{Index, IndexError};
use super::shared::Shared;

/// A checkpoint writes down what each block is; the journal it is for is at least so many times as long.
const SUMS_SHARE: u64 = 8;

/// The thread that applies batches.
pub(super) struct Applier {
    backlog: Arc<Backlog>,
    thread: JoinHandle<()>,
}

impl Applier {
    pub fn start(
        shared: Arc<Shared>,
        index: Index,
        (seen, checkpointed): (Position, Position),
        replayed: VecDeque<Durable>,
        options: &EmbeddedOptions,
    ) -> Result<Self, StoreError> {
        for durable in &replayed {
            shared.show(&durable.batch);
        }
        let adopted = replayed.is_empty();
        let backlog = Arc::new(Backlog::holding(replayed, BACKLOG_BYTES_MAX, options.checkpoint_bytes));
        let mut applying = Applying {
            shared,
            index,
            checkpoint_bytes: options.checkpoint_bytes,
            seen,
            adopted,
            at: checkpointed,
            checkpointed,
            journal_bytes: 0,
        };
        let taken = EndsWith(Arc::clone(&backlog));
        let spawned =
            std::thread::Builder::new().name("store-apply".to_owned()).spawn(move || applying.run(&taken.0));
        let thread = spawned
            .map_err(|error| StoreError::Index { doing: "starting its thread", what: error.to_string() })?;
        Ok(Self { backlog, thread })
    }

    /// Waits while the backlog is full.
    pub fn send(&self, durable: Durable) -> Result<(), StoreError> {
        if self.backlog.add(durable) { Ok(()) } else { Err(StoreError::Closed) }
    }

    /// A handle that holds the applier back.
    pub fn pause(&self) -> IndexPause {
        IndexPause(Arc::clone(&self.backlog))
    }

    /// Waits until the backlog is applied and checkpointed, or left to the next start if it is paused; what failed on the way has been noted.
    pub fn finish(self) -> Result<(), StoreError> {
        self.backlog.end();
        self.thread.join().map_err(|_| StoreError::Closed)
    }
}

/// Holds back what writes the index, for as long as the disk has little room: then only the journal grows, and only
/// until the backlog is full.
#[derive(Clone)]
pub struct IndexPause(Arc<Backlog>);

impl IndexPause {
    /// From now on the index is not written, unless the backlog is full.
    pub fn pause(&self) {
        self.0.pause(true);
    }

    /// The index is written again.
    pub fn resume(&self) {
        self.0.pause(false);
    }
}

/// However the thread ends, nobody waits for it.
struct EndsWith(Arc<Backlog>);

impl Drop for EndsWith {
    fn drop(&mut self) {
        self.0.end();
    }
}

struct Applying {
    shared: Arc<Shared>,
    index: Index,
    checkpoint_bytes: u64,
    /// What the index had seen at the start.
    seen: Position,
    /// Whether what an earlier process has left in the index is known.
    adopted: bool,
    /// What the index has.
    at: Position,
    /// What it would have after a power cut.
    checkpointed: Position,
    /// Journal written since.
    journal_bytes: u64,
}

impl Applying {
    fn run(&mut self, backlog: &Backlog) {
        let drained = self.drain(backlog);
        // An index that is held back stays as it is: the next start goes on from the checkpoint before.
        let ended = if backlog.is_paused() { drained } else { drained.and_then(|()| self.checkpoint()) };
        if let Err(error) = ended {
            self.shared.fail(error);
        }
    }

    fn drain(&mut self, backlog: &Backlog) -> Result<(), StoreError> {
        loop {
            let group = backlog.take();
            let Some(last) = group.last() else { return Ok(()) };
            apply(&self.index, &group, self.seen).map_err(|error| self.shared.folder.told(error))?;
            for durable in &group {
                self.shared.hidden_by_index(&durable.batch);
            }
            self.at = last.batch.position;
            let bytes = group.iter().map(|durable| durable.frame_bytes).sum();
            backlog.done(bytes);
            self.journal_bytes += bytes;
            let worth_it = self.checkpoint_bytes.max(SUMS_SHARE * self.index.sums_bytes());
            if self.journal_bytes >= worth_it {
                self.checkpoint()?;
            }
        }
    }

    fn checkpoint(&mut self) -> Result<(), StoreError> {
        if self.at != self.checkpointed {
            if !self.adopted {
                self.index.adopt().map_err(|error| self.shared.folder.told(error))?;
                self.adopted = true;
            }
            self.index.sync(self.at).map_err(|error| self.shared.folder.told(error))?;
            self.shared.folder.write_mark(Mark::Checkpoint, self.at)?;
            self.checkpointed = self.at;
            self.journal_bytes = 0;
        }
        Ok(())
    }
}

/// Applies a group that is not empty. Each key once, with the last that was done to it, and in order: neighbours share
/// a page of the index. The index's position does not move back behind what it had seen.
pub(super) fn apply(index: &Index, group: &[Durable], seen: Position) -> Result<(), IndexError> {
    let effects = group.iter().flat_map(|durable| durable.batch.effects());
    let last: BTreeMap<_, _> = effects.map(|effect| (&effect.key, effect.after.as_ref())).collect();
    let stored =
        last.into_iter().map(|(key, after)| (key.as_bytes(), after.map(|record| record.encode(key))));
    let reached = group.last().map_or(seen, |durable| durable.batch.position);
    index.apply(stored, if reached.batch > seen.batch { reached } else { seen })
}
