//! An embedded store that is being made from records that move in.
//!
//! It is made in a folder inside the data folder, where no start looks for one, and put in its place as the last step.

use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};

use super::super::engine::Position;
use super::super::error::StoreError;
use super::super::files;
use super::super::journal::{Journal, StoreId};
use super::super::moving::MoveId;
use super::super::record::Revision;
use super::super::snapshot::{SnapshotHeader, SnapshotWriter};
use super::EmbeddedEngine;
use super::folder::{Folder, FolderLock, STORE_SCHEMA};
use super::restore::{REVISION_JUMP, adopt, new_store_id};
use super::snapshots;

/// Inside the data folder, for as long as a store moves in.
const MOVING: &str = ".moving";
/// The store in it.
const STORE: &str = "store";

/// What is written at once: 1 MiB.
const WRITE_BYTES: usize = 1 << 20;

/// A data folder that a store moves into.
pub struct Arriving {
    data: PathBuf,
    store: StoreId,
    _lock: FolderLock,
}

/// The records of a store that moves in, in the order of their keys.
pub struct ArrivingRecords {
    snapshot: SnapshotWriter<BufWriter<File>>,
    position: Position,
}

impl Arriving {
    /// Takes a data folder that is missing or empty, but for what `may_hold` names and what an earlier try has left, which
    /// is dropped. Refused while another move into it goes on.
    pub fn begin(data: &Path, may_hold: &[&str]) -> Result<Self, StoreError> {
        refuse_a_full_folder(data, may_hold)?;
        let moving = data.join(MOVING);
        files::create_folder(&moving)?;
        let lock = Folder::at(&moving).lock()?;
        files::remove(&moving.join(STORE))?;
        Ok(Self { data: data.to_owned(), store: new_store_id(data)?, _lock: lock })
    }

    /// Which move it is: the id of the store that is made.
    pub fn id(&self) -> MoveId {
        MoveId::from_number(u128::from_be_bytes(self.store))
    }

    /// Begins with the records. Revisions go on 2^32 behind `revision`, so that none that was given out at the other place
    /// is ever given out here, however far it gets until the end of the move.
    pub fn records(&self, revision: Revision, taken_at_ms: u64) -> Result<ArrivingRecords, StoreError> {
        let folder = self.folder();
        snapshots::create_folder(folder.path())?;
        snapshots::create_folder(&folder.snapshots())?;
        let revision = Revision::from_number(revision.number().saturating_add(REVISION_JUMP));
        let position = Position { batch: 1, revision };
        let file = files::create_file(&snapshots::path_of(&folder.snapshots(), position.batch))?;
        let header =
            SnapshotHeader { store: self.store, schema: STORE_SCHEMA, before: position, taken_at_ms };
        let file = BufWriter::with_capacity(WRITE_BYTES, file);
        Ok(ArrivingRecords { snapshot: SnapshotWriter::begin(file, header)?, position })
    }

    /// All records are there: makes the store of them and opens it, where only a move looks for it.
    pub fn open(&self, records: ArrivingRecords) -> Result<EmbeddedEngine, StoreError> {
        let (folder, ArrivingRecords { snapshot, position }) = (self.folder(), records);
        let path = snapshots::path_of(&folder.snapshots(), position.batch);
        let (_, file) = snapshot.finish(position)?;
        file.get_ref().sync_all().map_err(|source| StoreError::io("syncing", &path, source))?;
        files::sync_folder(&folder.snapshots())?;
        files::create_folder(&folder.journal())?;
        Journal::create(&folder.journal(), self.store, position)?;
        folder.sync()?;
        folder.write_format(&self.store)?;
        EmbeddedEngine::open(folder.path())
    }

    /// Puts the store, which is closed, in its place: from now on a server starts on it.
    pub fn finish(self) -> Result<(), StoreError> {
        put_in_place(&self.data)
    }

    /// Drops everything that this move or an earlier one has left.
    pub fn undo(data: &Path, may_hold: &[&str]) -> Result<(), StoreError> {
        let moving = data.join(MOVING);
        if !moving.is_dir() {
            return Ok(());
        }
        let _lock = Folder::at(&moving).lock()?;
        for path in entries(data)?.into_iter().filter(|path| !path.ends_with(MOVING)) {
            if !may_hold.iter().any(|name| path.ends_with(name)) {
                files::remove(&path)?;
            }
        }
        files::remove(&moving)
    }

    /// Whether the store of this move is in its place.
    pub fn has_arrived(data: &Path, id: MoveId) -> Result<bool, StoreError> {
        holds(&Folder::at(data), id)
    }

    /// Goes on with a move that was cut off after the other place had let go of its records: puts the store in its place.
    /// `false` when none of this move is here.
    pub fn go_on(data: &Path, id: MoveId) -> Result<bool, StoreError> {
        let moving = data.join(MOVING);
        if holds(&Folder::at(data), id)? {
            files::remove(&moving)?;
            return Ok(true);
        }
        if !holds(&Folder::at(&moving.join(STORE)), id)? {
            return Ok(false);
        }
        let _lock = Folder::at(&moving).lock()?;
        put_in_place(data)?;
        Ok(true)
    }

    fn folder(&self) -> Folder {
        Folder::at(&self.data.join(MOVING).join(STORE))
    }
}

impl ArrivingRecords {
    /// Adds a record in its stored form.
    pub(in crate::store) fn put(&mut self, key: &[u8], stored: &[u8]) -> Result<(), StoreError> {
        self.snapshot.record(key, stored)
    }
}

fn put_in_place(data: &Path) -> Result<(), StoreError> {
    let moving = data.join(MOVING);
    adopt(&moving.join(STORE), data)?;
    files::remove(&moving)?;
    files::sync_folder(data)
}

fn holds(folder: &Folder, id: MoveId) -> Result<bool, StoreError> {
    Ok(folder.holds_a_store() && u128::from_be_bytes(folder.read_format()?) == id.number())
}

/// Nothing is written into a folder that holds anything else.
fn refuse_a_full_folder(data: &Path, may_hold: &[&str]) -> Result<(), StoreError> {
    let folder = Folder::at(data);
    let refused = |what: String, next| Err(StoreError::Database { what, next });
    let shown = data.display();
    if let Some(moved) = folder.moved()? {
        let what = format!("{shown} holds what was moved to {} at {}", moved.to, moved.at());
        return refused(what, "move that folder away, or name another one");
    }
    if folder.holds_a_store() {
        let what = format!("{shown} holds a store, and nothing is ever written over one");
        return refused(what, "stop its server and move the folder away, or name another one");
    }
    let is_strange =
        |path: &PathBuf| !path.ends_with(MOVING) && !may_hold.iter().any(|name| path.ends_with(name));
    match entries(data)?.into_iter().find(is_strange) {
        Some(path) => {
            let name = path.file_name().unwrap_or_default().display().to_string();
            refused(format!("{shown} is not empty: it holds {name}"), "name an empty folder")
        }
        None => Ok(()),
    }
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, StoreError> {
    let failed = |error| StoreError::io("listing", folder, error);
    match std::fs::read_dir(folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(failed(error)),
        Ok(found) => found.map(|entry| Ok(entry.map_err(failed)?.path())).collect(),
    }
}
