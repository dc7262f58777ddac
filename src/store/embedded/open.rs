//! Opening: lock, marks, index, replay; or rebuilding the index from the journal.

use std::fs::File;
use std::path::Path;

use super::super::engine::Position;
use super::super::error::StoreError;
use super::super::files;
use super::super::journal::{Frame, Journal};
use super::EmbeddedOptions;
use super::folder::{Folder, Mark};
use super::index::{Index, IndexError};

/// A store that was opened: everything in the journal is in the index.
pub(super) struct Opened {
    pub folder: Folder,
    pub lock: File,
    pub journal: Journal,
    pub index: Index,
    pub checkpointed: Position,
}

/// Makes the folder of a new store. `FORMAT` comes last: without it there is no store.
pub(super) fn create(path: &Path) -> Result<(), StoreError> {
    let folder = Folder::at(path);
    folder.claim_empty()?;
    let _lock = folder.lock()?;
    let mut store = [0; 16];
    getrandom::fill(&mut store)
        .map_err(|error| StoreError::io("creating", path, std::io::Error::other(error.to_string())))?;
    files::create_folder(&folder.journal())?;
    Journal::create(&folder.journal(), store)?;
    folder.renew_index()?;
    folder.write_format(&store)?;
    folder.sync()
}

pub(super) fn open(path: &Path, options: &EmbeddedOptions) -> Result<Opened, StoreError> {
    let folder = Folder::at(path);
    folder.require_a_store()?;
    let lock = folder.lock()?;
    let store = folder.read_format()?;
    let checkpoint = folder.read_mark(Mark::Checkpoint)?;
    let stopped = folder.read_mark(Mark::Stopped)?;
    let (index, usable) = open_index(&folder, checkpoint)?;
    let replay_after = usable.map_or(Position::default(), |_| checkpoint);
    let applied = usable.unwrap_or_default();
    let acknowledged = applied.batch.max(checkpoint.batch).max(stopped.batch);
    if replay_after == Position::default() {
        refuse_without_the_first_batch(&folder)?;
    }
    let mut replay = Replay { index: &index, applied, frames: 0 };
    let journal = Journal::open(
        &folder.journal(),
        store,
        replay_after.batch,
        acknowledged,
        options.segment_bytes_max,
        &mut |frame| replay.frame(frame),
    )?;
    let frames = replay.frames;
    let checkpointed = settle(&folder, &index, frames, replay_after, journal.position())?;
    Ok(Opened { folder, lock, journal, index, checkpointed })
}

/// The index and where it stands; an empty one and `None` when it is to be rebuilt from the first batch.
fn open_index(folder: &Folder, checkpoint: Position) -> Result<(Index, Option<Position>), StoreError> {
    let why = if folder.wants_rebuild() {
        "it was marked as damaged".to_owned()
    } else {
        match usable_index(folder, checkpoint) {
            Ok(usable) => return Ok(usable),
            Err(IndexError::Failed(error)) => return Err(error),
            Err(IndexError::Damaged { place, what }) => format!("{place}: {what}"),
        }
    };
    tracing::warn!(%why, "rebuilding the index from the journal");
    folder.mark_rebuild()?;
    folder.renew_index()?;
    Ok((Index::open(&folder.index())?, None))
}

fn usable_index(folder: &Folder, checkpoint: Position) -> Result<(Index, Option<Position>), IndexError> {
    if !folder.index().is_dir() {
        return Err(IndexError::damaged(folder.index().display().to_string(), "it is missing"));
    }
    let index = Index::open(&folder.index())?;
    let position = index.position()?;
    if position.batch < checkpoint.batch {
        let what = format!("it stands at batch {} but was synced at {}", position.batch, checkpoint.batch);
        return Err(IndexError::damaged(folder.index().display().to_string(), what));
    }
    Ok((index, Some(position)))
}

/// An index can only be made from the first batch on.
fn refuse_without_the_first_batch(folder: &Folder) -> Result<(), StoreError> {
    match Journal::oldest_batch(&folder.journal())? {
        Some(1) | None => Ok(()),
        Some(oldest) => Err(StoreError::Damaged {
            place: folder.journal().display().to_string(),
            what: format!("its oldest batch is {oldest}, and the index must be made from the first"),
            next: "copy the folder away and restore the newest backup",
        }),
    }
}

struct Replay<'a> {
    index: &'a Index,
    /// Where the index stood before: what it has seen was answered, so its position never moves back.
    applied: Position,
    frames: u64,
}

/// Progress of a long replay is told every so many batches.
const PROGRESS_BATCHES: u64 = 10_000;

impl Replay<'_> {
    fn frame(&mut self, frame: Frame<'_>) -> Result<(), StoreError> {
        let effects = frame.effects().ok_or_else(|| StoreError::Damaged {
            place: format!("batch {} of the journal", frame.position.batch),
            what: "its effects are not readable though its checksum holds".to_owned(),
            next: "start the program that wrote it, or restore the newest backup",
        })?;
        let stored = effects.into_iter().map(|(key, record)| (key, record.map(<[u8]>::to_vec)));
        let position = if frame.position.batch > self.applied.batch { frame.position } else { self.applied };
        self.index.apply(stored, position)?;
        self.frames += 1;
        if self.frames.is_multiple_of(PROGRESS_BATCHES) {
            tracing::info!(batch = frame.position.batch, "replaying the journal");
        }
        Ok(())
    }
}

/// After a replay the index is synced, so that the next start need not do it again.
fn settle(
    folder: &Folder,
    index: &Index,
    frames: u64,
    replayed_after: Position,
    end: Position,
) -> Result<Position, StoreError> {
    if frames > 0 {
        tracing::info!(frames, batch = end.batch, "replayed the journal");
        index.sync()?;
        folder.write_mark(Mark::Checkpoint, end)?;
    }
    if folder.wants_rebuild() {
        folder.unmark_rebuild()?;
    }
    Ok(if frames > 0 { end } else { replayed_after })
}
