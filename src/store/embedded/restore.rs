//! Making a store from a snapshot.

use std::path::Path;

use super::super::engine::Position;
use super::super::error::StoreError;
use super::super::files;
use super::super::journal::{Journal, StoreId};
use super::super::record::Revision;
use super::super::snapshot::{
    Section, SnapshotHeader, SnapshotReader, SnapshotSource, SnapshotSummary, SnapshotWriter,
};
use super::folder::{FORMAT, Folder, STORE_SCHEMA};
use super::snapshots;

/// How far revisions jump. Those given out after the snapshot was taken are lost with the old store; no store gives
/// out this many in the time between, so none of them ever stands for another record.
pub(in crate::store) const REVISION_JUMP: u64 = 1 << 32;

/// Makes a store in a folder that is missing or empty. Its index is made by the first open. Nothing is made before the whole snapshot was checked, and
/// there is no store before all of it is in place.
pub(super) fn restore(
    path: &Path,
    snapshot: &(impl SnapshotSource + ?Sized),
    progress: &mut dyn FnMut(u64),
) -> Result<SnapshotSummary, StoreError> {
    let checked = SnapshotReader::of(snapshot)?.read_to_end(&mut |_| Ok(()), progress)?;
    let folder = Folder::at(path);
    folder.claim_empty()?;
    let _lock = folder.lock()?;
    let store = new_store_id(path)?;
    let revision = Revision::from_number(checked.position.revision.number().saturating_add(REVISION_JUMP));
    let position = Position { batch: checked.position.batch, revision };
    snapshots::create_folder(&folder.snapshots())?;
    let summary = copy(snapshot, &folder, store, position, progress)?;
    files::create_folder(&folder.journal())?;
    Journal::create(&folder.journal(), store, position)?;
    folder.sync()?;
    folder.write_format(&store)?;
    Ok(SnapshotSummary { bytes: checked.bytes, ..summary })
}

/// Moves a closed store, its mark last.
pub(super) fn adopt(from: &Path, to: &Path) -> Result<(), StoreError> {
    let (source, target) = (Folder::at(from), Folder::at(to));
    source.require_a_store()?;
    let _lock = source.lock()?;
    let listing = |error| StoreError::io("listing", from, error);
    let mut names = Vec::new();
    for entry in std::fs::read_dir(from).map_err(listing)? {
        names.push(entry.map_err(listing)?.file_name());
    }
    // The folder that is left behind must not look like a store either.
    names.sort_by_key(|name| name == FORMAT);
    for name in names {
        if name == FORMAT {
            target.sync()?;
        }
        let path = to.join(&name);
        std::fs::rename(from.join(&name), &path).map_err(|error| StoreError::io("moving", &path, error))?;
    }
    source.sync()?;
    target.sync()
}

pub(super) fn new_store_id(path: &Path) -> Result<StoreId, StoreError> {
    let mut store = StoreId::default();
    getrandom::fill(&mut store)
        .map_err(|error| StoreError::io("creating", path, std::io::Error::other(error.to_string())))?;
    Ok(store)
}

/// Puts the snapshot into the folder as the new store's first, read back once it is there.
fn copy(
    snapshot: &(impl SnapshotSource + ?Sized),
    folder: &Folder,
    store: StoreId,
    position: Position,
    progress: &mut dyn FnMut(u64),
) -> Result<SnapshotSummary, StoreError> {
    let target = snapshots::path_of(&folder.snapshots(), position.batch);
    let source = SnapshotReader::of(snapshot)?;
    let header = SnapshotHeader { store, schema: STORE_SCHEMA, ..source.header() };
    let mut copy = SnapshotWriter::begin(files::create_file(&target)?, header)?;
    source.read_to_end(&mut |section| add(section, &mut copy), progress)?;
    let (_, file) = copy.finish(position)?;
    file.sync_all().map_err(|source| StoreError::io("syncing", &target, source))?;
    files::sync_folder(&folder.snapshots())?;
    snapshots::open(&target)?.read_to_end(&mut |_| Ok(()), &mut |_| ())
}

fn add<W: std::io::Write>(section: &Section, copy: &mut SnapshotWriter<W>) -> Result<(), StoreError> {
    match section {
        Section::Records(content) => {
            Section::records(content).try_for_each(|(key, stored)| copy.record(key, stored))
        }
        Section::Frames(content) => Section::frames(content).try_for_each(|(_, bytes)| copy.frame(bytes)),
    }
}
