//! Carries durable batches into the index, behind the answers.
//!
//! The journal has a batch before it comes here, so nothing is lost if the process ends first: the next start
//! replays from the checkpoint. The overlay shows the batch to readers until the index has it.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use super::super::engine::{Batch, Position};
use super::super::error::StoreError;
use super::folder::Mark;
use super::index::Index;
use super::shared::Shared;

/// Batches that may wait for the index; one more makes the group commit wait.
const BACKLOG_BATCHES_MAX: usize = 8;

/// A batch that is durable and visible.
pub(super) struct Durable {
    pub batch: Arc<Batch>,
    /// What it takes in the journal.
    pub frame_bytes: u64,
}

/// The thread that applies batches.
pub(super) struct Applier {
    sender: SyncSender<Durable>,
    thread: JoinHandle<()>,
}

impl Applier {
    pub fn start(
        shared: Arc<Shared>,
        index: Index,
        checkpointed: Position,
        checkpoint_bytes: u64,
    ) -> Result<Self, StoreError> {
        let (sender, receiver) = sync_channel(BACKLOG_BATCHES_MAX);
        let mut applying =
            Applying { shared, index, checkpoint_bytes, at: checkpointed, checkpointed, journal_bytes: 0 };
        let spawned =
            std::thread::Builder::new().name("store-apply".to_owned()).spawn(move || applying.run(&receiver));
        let thread = spawned
            .map_err(|error| StoreError::Index { doing: "starting its thread", what: error.to_string() })?;
        Ok(Self { sender, thread })
    }

    /// Waits while the backlog is full.
    pub fn send(&self, durable: Durable) -> Result<(), StoreError> {
        self.sender.send(durable).map_err(|_| StoreError::Closed)
    }

    /// Waits until the backlog is applied and checkpointed; what failed on the way has been noted.
    pub fn finish(self) -> Result<(), StoreError> {
        drop(self.sender);
        self.thread.join().map_err(|_| StoreError::Closed)
    }
}

struct Applying {
    shared: Arc<Shared>,
    index: Index,
    checkpoint_bytes: u64,
    /// What the index has.
    at: Position,
    /// What it would have after a power cut.
    checkpointed: Position,
    /// Journal written since.
    journal_bytes: u64,
}

impl Applying {
    fn run(&mut self, receiver: &Receiver<Durable>) {
        let outcome =
            receiver.iter().try_for_each(|durable| self.apply(&durable)).and_then(|()| self.checkpoint());
        if let Err(error) = outcome {
            self.shared.fail(error);
        }
    }

    fn apply(&mut self, durable: &Durable) -> Result<(), StoreError> {
        let batch = &durable.batch;
        let stored = batch.effects().map(|effect| {
            let record = effect.after.as_ref().map(|record| record.encode(&effect.key));
            (effect.key.as_bytes(), record)
        });
        self.index.apply(stored, batch.position).map_err(|error| self.shared.folder.told(error))?;
        self.shared.hidden_by_index(batch);
        self.at = batch.position;
        self.journal_bytes += durable.frame_bytes;
        if self.journal_bytes >= self.checkpoint_bytes { self.checkpoint() } else { Ok(()) }
    }

    fn checkpoint(&mut self) -> Result<(), StoreError> {
        if self.at != self.checkpointed {
            self.index.sync().map_err(|error| self.shared.folder.told(error))?;
            self.shared.folder.write_mark(Mark::Checkpoint, self.at)?;
            self.checkpointed = self.at;
            self.journal_bytes = 0;
        }
        Ok(())
    }
}
