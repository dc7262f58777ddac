//! `lictor store compact`: makes the index anew beside the one in use, and puts it in its place.

use std::fs;
use std::path::Path;

use super::super::engine::{Direction, Position};
use super::super::error::StoreError;
use super::super::files;
use super::super::journal::{Journal, SEGMENT_BYTES_MAX};
use super::super::key::KeyRange;
use super::folder::{Folder, Mark, this_boot};
use super::index::Index;
use super::rebuild::fill;
use super::truth::{Truth, Until};
use super::upkeep::retain;

/// What a compaction did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CompactReport {
    /// Records in the new index.
    pub records: u64,
    /// Room that the folder took before.
    pub bytes_before: u64,
    /// Room that it takes now.
    pub bytes_after: u64,
}

/// Makes the index of a store that no process has open anew from snapshot and journal, and drops what is no longer
/// needed: old snapshots and segments, and what was left by interrupted work. `progress` hears how many records were
/// written so far.
///
/// The old index goes once the new one is whole, synced and counted. An end at any moment leaves a store that opens: with
/// the old index, with the new one, or, between two renames, with none, which is then made anew.
pub fn compact_store(folder: &Path, progress: &mut dyn FnMut(u64)) -> Result<CompactReport, StoreError> {
    let folder = Folder::at(folder);
    folder.require_a_store()?;
    let _lock = folder.lock()?;
    let store = folder.read_format()?;
    let bytes_before = bytes_in(folder.path())?;
    folder.remove_leftovers()?;
    folder.upgrade_format()?;
    folder.begin_running(this_boot().as_deref())?;
    let checkpoint = folder.read_mark(Mark::Checkpoint)?;
    let answered = checkpoint.batch.max(folder.read_mark(Mark::Stopped)?.batch);
    let truth = Truth::read(&folder, store, u64::MAX, Until::End { answered }, &mut |_, _| Ok(()))?;
    let position = truth.position;
    // What a killed process wrote last is synced before an index relies on it.
    drop(Journal::open(&folder.journal(), store, position.batch, answered, SEGMENT_BYTES_MAX, &mut |_| {
        Ok(())
    })?);
    let records = make_beside(&folder, truth, progress)?;
    swap(&folder, position)?;
    folder.write_mark(Mark::Stopped, position)?;
    folder.end_running()?;
    retain(&folder, store, &mut |_| Ok(()))?;
    Ok(CompactReport { records, bytes_before, bytes_after: bytes_in(folder.path())? })
}

fn make_beside(folder: &Folder, truth: Truth, progress: &mut dyn FnMut(u64)) -> Result<u64, StoreError> {
    files::create_folder(&folder.new_index())?;
    let index = Index::open(&folder.new_index())?;
    let records = fill(&index, truth, progress)?;
    let mut counted = 0;
    for entry in index.scan(&KeyRange::all(), Direction::Forward) {
        entry?;
        counted += 1;
    }
    index.close()?;
    if counted == records {
        return Ok(records);
    }
    Err(StoreError::Damaged {
        place: folder.new_index().display().to_string(),
        what: format!("{records} records were written, {counted} are there"),
        next: "the store is as it was; try again, and look at the disk",
    })
}

fn swap(folder: &Folder, position: Position) -> Result<(), StoreError> {
    let (old, new, index) = (folder.old_index(), folder.new_index(), folder.index());
    let failed = |source| StoreError::io("putting the new index in the place of", &index, source);
    if index.exists() {
        fs::rename(&index, &old).map_err(failed)?;
    }
    fs::rename(&new, &index).map_err(failed)?;
    folder.sync()?;
    folder.write_mark(Mark::Checkpoint, position)?;
    if folder.wants_rebuild() {
        folder.unmark_rebuild()?;
    }
    folder.remove_leftovers()
}

/// Room that a folder takes, with all in it.
fn bytes_in(folder: &Path) -> Result<u64, StoreError> {
    let failed = |source| StoreError::io("measuring", folder, source);
    let mut bytes = 0;
    for entry in fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let metadata = entry.metadata().map_err(failed)?;
        bytes += if metadata.is_dir() { bytes_in(&entry.path())? } else { metadata.len() };
    }
    Ok(bytes)
}
