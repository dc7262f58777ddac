//! Opening: lock, marks, index, replay; or rebuilding the index from the journal.

use std::collections::VecDeque;
use std::path::Path;

use super::super::engine::Position;
use super::super::error::StoreError;
use super::super::files;
use super::super::journal::Journal;
use super::EmbeddedOptions;
use super::backlog::{BACKLOG_BYTES_MAX, Durable};
use super::folder::{Folder, FolderLock, Mark, this_boot};
use super::index::{Index, IndexError};
use super::rebuild::rebuild;
use super::replay::Replay;
use super::restore::new_store_id;

/// A store that was opened: everything in the journal is in the index, or in `replayed`.
pub(super) struct Opened {
    pub folder: Folder,
    pub lock: FolderLock,
    pub journal: Journal,
    pub index: Index,
    /// What the index has seen; its position never moves back behind it.
    pub seen: Position,
    /// Up to here the index is synced.
    pub checkpointed: Position,
    /// What follows and is still to be applied, in order.
    pub replayed: VecDeque<Durable>,
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
    folder.refuse_moved()?;
    folder.require_a_store()?;
    let lock = folder.lock()?;
    folder.refuse_moved()?;
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
    // A new index is only relied on once it is whole and synced.
    let keep_bytes = if rebuilt { 0 } else { BACKLOG_BYTES_MAX / 2 };
    let mut replay = Replay::keeping(keep_bytes, &folder, &index, applied);
    let journal = Journal::open(
        &folder.journal(),
        store,
        replay_after.batch,
        answered.max(applied.batch),
        options.segment_bytes_max,
        &mut |frame| replay.frame(frame),
    )?;
    let frames = replay.frames();
    let replayed = replay.finish()?;
    tracing::info!(frames, waiting = replayed.len(), "read the journal after the checkpoint");
    let checkpointed = if rebuilt { settle(&folder, &index, journal.position())? } else { replay_after };
    let seen = index.position().map_err(|error| folder.told(error))?;
    Ok(Opened { folder, lock, journal, index, seen, checkpointed, replayed })
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
    let synced = index.synced();
    if synced.batch < checkpoint.batch {
        return damaged(format!("it was synced at batch {}, not at {}", synced.batch, checkpoint.batch));
    }
    Ok((index, applied))
}

/// A new index is synced, and then the mark that asked for it goes.
fn settle(folder: &Folder, index: &Index, end: Position) -> Result<Position, StoreError> {
    index.sync(end).map_err(|error| folder.told(error))?;
    folder.write_mark(Mark::Checkpoint, end)?;
    if folder.wants_rebuild() {
        folder.unmark_rebuild()?;
    }
    Ok(end)
}
