//! What the journal holds after the checkpoint, on its way into an index at the start.
//!
//! A store whose index is whole serves at once: what was read waits in the applier's backlog, and the overlay shows
//! it. Only what is more than the backlog may hold goes into the index before.

use std::collections::VecDeque;
use std::sync::Arc;

use super::super::engine::{Batch, Effect, Position};
use super::super::error::StoreError;
use super::super::journal::Frame;
use super::super::key::RecordKey;
use super::super::record::Record;
use super::applier::apply;
use super::backlog::{Durable, GROUP_BYTES_MAX, taken};
use super::folder::Folder;
use super::index::Index;

/// Takes frames in order; applies the oldest in groups once more than `keep_bytes` wait.
pub(super) struct Replay<'a> {
    folder: &'a Folder,
    index: &'a Index,
    /// Where the index stood before: what it has seen was answered, so its position never moves back.
    seen: Position,
    keep_bytes: u64,
    waiting: VecDeque<Durable>,
    waiting_bytes: u64,
    frames: u64,
}

/// Progress of a long replay is told every so many batches.
const PROGRESS_BATCHES: u64 = 10_000;

impl<'a> Replay<'a> {
    /// Keeps up to so many bytes of journal for the applier: zero to have everything in the index at the end.
    pub fn keeping(keep_bytes: u64, folder: &'a Folder, index: &'a Index, seen: Position) -> Self {
        Self { folder, index, seen, keep_bytes, waiting: VecDeque::new(), waiting_bytes: 0, frames: 0 }
    }

    /// Takes the next frame.
    pub fn frame(&mut self, frame: Frame<'_>) -> Result<(), StoreError> {
        let durable = durable(frame)?;
        self.waiting_bytes += durable.frame_bytes;
        self.waiting.push_back(durable);
        self.frames += 1;
        if self.frames.is_multiple_of(PROGRESS_BATCHES) {
            tracing::info!(batch = frame.position.batch, "replaying the journal");
        }
        while self.waiting_bytes > self.keep_bytes + GROUP_BYTES_MAX {
            self.apply_group()?;
        }
        Ok(())
    }

    /// How many frames came.
    pub fn frames(&self) -> u64 {
        self.frames
    }

    /// Applies what is more than may be kept and hands over the rest, in order.
    pub fn finish(mut self) -> Result<VecDeque<Durable>, StoreError> {
        while self.waiting_bytes > self.keep_bytes {
            self.apply_group()?;
        }
        Ok(self.waiting)
    }

    fn apply_group(&mut self) -> Result<(), StoreError> {
        let group = taken(&mut self.waiting, GROUP_BYTES_MAX);
        self.waiting_bytes -= group.iter().map(|durable| durable.frame_bytes).sum::<u64>();
        apply(self.index, &group, self.seen).map_err(|error| self.folder.told(error))
    }
}

/// A frame as the batch it was made from; its commits are joined into one, which changes nothing once it is durable.
fn durable(frame: Frame<'_>) -> Result<Durable, StoreError> {
    let unreadable = || StoreError::Damaged {
        place: format!("batch {} of the journal", frame.position.batch),
        what: "its effects are not readable though its checksum holds".to_owned(),
        next: "start the program that wrote it, or restore the newest backup",
    };
    let effect = |(key, stored): (&[u8], Option<&[u8]>)| {
        let key = RecordKey::decode(key).ok()?;
        let record = stored.map(|stored| Record::decode(&key, stored)).transpose().ok()?;
        Some(Effect { after: record.map(Arc::new), key })
    };
    let stored = frame.effects().ok_or_else(unreadable)?;
    let effects = stored.into_iter().map(effect).collect::<Option<_>>().ok_or_else(unreadable)?;
    let batch = Batch { position: frame.position, commits: vec![effects] };
    Ok(Durable { batch: Arc::new(batch), frame_bytes: frame.bytes() as u64 })
}
