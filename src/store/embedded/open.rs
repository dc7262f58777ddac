//! Opening: lock, marks, index, replay; or rebuilding the index from the journal.

use std::path::Path;

use super::super::engine::Position;
use super::super::error::StoreError;
use super::super::files;
use super::super::journal::{Frame, Journal};
use super::EmbeddedOptions;
use super::folder::{Folder, FolderLock, Mark, this_boot};
use super::index::{Index, IndexError};
use super::rebuild::rebuild;
use super::restore::new_store_id;

/// A store that was opened: everything in the journal is in the index.
pub(super) struct Opened {
    pub folder: Folder,
    pub lock: FolderLock,
    pub journal: Journal,
    pub index: Index,
    pub checkpointed: Position,
}

/// Makes the folder of a new store. `FORMAT` comes last: without it there is no store.
pub(super) fn create(path: &Path) -> Result<(), StoreError> {
    let folder = Folder::at(path);
    folder.claim_empty()?;
    let _lock = folder.lock()?;
    let store = new_store_id(path)?;
    files::create_folder(&folder.journal())?;
    Journal::create(&folder.journal(), store, Position::default())?;
    folder.renew_index()?;
    folder.write_format(&store)?;
    folder.sync()
}

pub(super) fn open(path: &Path, options: &EmbeddedOptions) -> Result<Opened, StoreError> {
    let folder = Folder::at(path);
    folder.require_a_store()?;
    let lock = folder.lock()?;
    let store = folder.read_format()?;
    folder.remove_leftovers()?;
    folder.upgrade_format()?;
    folder.begin_running(this_boot().as_deref())?;
    let checkpoint = folder.read_mark(Mark::Checkpoint)?;
    let answered = checkpoint.batch.max(folder.read_mark(Mark::Stopped)?.batch);
    let (base, rebuilt) = match find_index(&folder, checkpoint)? {
        Found::Usable(index, applied) => (Base { index, applied, replay_after: checkpoint }, false),
        Found::Damaged(why) => {
            let (index, position) = rebuild(&folder, store, answered, &why)?;
            (Base { index, applied: position, replay_after: position }, true)
        }
    };
    let Base { index, applied, replay_after } = base;
    let mut replay = Replay { folder: &folder, index: &index, applied, frames: 0 };
    let journal = Journal::open(
        &folder.journal(),
        store,
        replay_after.batch,
        answered.max(applied.batch),
        options.segment_bytes_max,
        &mut |frame| replay.frame(frame),
    )?;
    let frames = replay.frames;
    let settled = rebuilt || frames > 0;
    let checkpointed =
        if settled { settle(&folder, &index, frames, journal.position())? } else { replay_after };
    Ok(Opened { folder, lock, journal, index, checkpointed })
}

/// An index, and what must be replayed into it.
struct Base {
    index: Index,
    /// What it has seen.
    applied: Position,
    /// What it surely has, also after a power cut.
    replay_after: Position,
}

enum Found {
    Usable(Index, Position),
    Damaged(String),
}

fn find_index(folder: &Folder, checkpoint: Position) -> Result<Found, StoreError> {
    if folder.wants_rebuild() {
        return Ok(Found::Damaged("it is marked as not to be trusted".to_owned()));
    }
    match usable_index(folder, checkpoint) {
        Ok((index, applied)) => Ok(Found::Usable(index, applied)),
        Err(IndexError::Failed(error)) => Err(error),
        Err(IndexError::Damaged { place, what }) => Ok(Found::Damaged(format!("{place}: {what}"))),
    }
}

fn usable_index(folder: &Folder, checkpoint: Position) -> Result<(Index, Position), IndexError> {
    let damaged = |what: String| Err(IndexError::damaged(folder.index().display().to_string(), what));
    if !folder.index().is_dir() {
        return damaged("it is missing".to_owned());
    }
    let index = Index::open(&folder.index())?;
    let applied = index.position()?;
    if applied.batch < checkpoint.batch {
        return damaged(format!(
            "it stands at batch {} but was synced at {}",
            applied.batch, checkpoint.batch
        ));
    }
    Ok((index, applied))
}

struct Replay<'a> {
    folder: &'a Folder,
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
        self.index.apply(stored, position).map_err(|error| self.folder.told(error))?;
        self.frames += 1;
        if self.frames.is_multiple_of(PROGRESS_BATCHES) {
            tracing::info!(batch = frame.position.batch, "replaying the journal");
        }
        Ok(())
    }
}

/// After a replay the index is synced, so that the next start need not do it again. A new one is relied on from here.
fn settle(folder: &Folder, index: &Index, frames: u64, end: Position) -> Result<Position, StoreError> {
    tracing::info!(frames, batch = end.batch, "replayed the journal");
    index.sync().map_err(|error| folder.told(error))?;
    folder.write_mark(Mark::Checkpoint, end)?;
    if folder.wants_rebuild() {
        folder.unmark_rebuild()?;
    }
    Ok(end)
}
