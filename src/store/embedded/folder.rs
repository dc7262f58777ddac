//! The folder of an embedded store: its layout, its marks, its lock.
//!
//! ```text
//! LOCK        held for the life of the store
//! FORMAT      store schema and id; written last when a store is made
//! journal/    the truth
//! sled/       the index, which can be rebuilt
//! snapshots/  the state at some batches: what the index is rebuilt from, with the journal after them
//! sled.new/   an index that a compaction is making, sled.old/ the one that it replaces: removed by the next start
//! CHECKPOINT  up to here the index is synced: a start replays from here
//! STOPPED     up to here everything was answered when the store was last closed in good order
//! REBUILD     the index was found damaged: the next start makes it anew
//! ```
//! The marks are text, each line `name value`, the last one a CRC-32C over the lines before it.

use std::fs::File;
use std::path::{Path, PathBuf};

use fs4::{FileExt, TryLockError};

use super::super::engine::Position;
use super::super::error::StoreError;
use super::super::files;
use super::super::journal::StoreId;
use super::super::record::Revision;
use super::index::IndexError;

/// The store schema that this program writes, and the newest it reads.
pub const STORE_SCHEMA: u32 = 1;

const FORMAT: &str = "FORMAT";
const LOCK: &str = "LOCK";
const REBUILD: &str = "REBUILD";

/// A mark that holds a position.
#[derive(Debug, Clone, Copy)]
pub(super) enum Mark {
    Checkpoint,
    Stopped,
}

impl Mark {
    fn name(self) -> &'static str {
        match self {
            Self::Checkpoint => "CHECKPOINT",
            Self::Stopped => "STOPPED",
        }
    }
}

/// Holds a folder until dropped, or until the process ends.
pub(super) struct FolderLock(File);

impl Drop for FolderLock {
    /// Closing the file is not enough: a process that is just being started may hold it for a moment longer.
    fn drop(&mut self) {
        if let Err(error) = FileExt::unlock(&self.0) {
            tracing::warn!(%error, "the folder's lock is only let go of when the process ends");
        }
    }
}

/// The paths of a store.
#[derive(Debug, Clone)]
pub(super) struct Folder(PathBuf);

impl Folder {
    pub fn at(path: &Path) -> Self {
        Self(path.to_owned())
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    pub fn journal(&self) -> PathBuf {
        self.0.join("journal")
    }

    pub fn snapshots(&self) -> PathBuf {
        self.0.join("snapshots")
    }

    pub fn index(&self) -> PathBuf {
        self.0.join("sled")
    }

    /// Where another index is made, beside the one in use.
    pub fn new_index(&self) -> PathBuf {
        self.0.join("sled.new")
    }

    /// Where the index in use goes when the other takes its place.
    pub fn old_index(&self) -> PathBuf {
        self.0.join("sled.old")
    }

    /// Removes what a compaction left behind that was interrupted.
    pub fn remove_leftovers(&self) -> Result<(), StoreError> {
        files::remove(&self.new_index())?;
        files::remove(&self.old_index())?;
        if self.snapshots().is_dir() {
            files::remove_unfinished(&self.snapshots())?;
        }
        Ok(())
    }

    /// True when a store was made here, readable or not.
    pub fn holds_a_store(&self) -> bool {
        self.0.join(FORMAT).exists()
    }

    /// Locks the folder against every other process, and against this one opening it twice.
    pub fn lock(&self) -> Result<FolderLock, StoreError> {
        let path = self.0.join(LOCK);
        let file = files::open_or_create_file(&path)?;
        match FileExt::try_lock(&file) {
            Ok(()) => Ok(FolderLock(file)),
            Err(TryLockError::WouldBlock) => Err(StoreError::Locked { folder: self.shown() }),
            Err(TryLockError::Error(source)) => Err(StoreError::io("locking", &path, source)),
        }
    }

    /// Makes the folder if it is missing; refuses one that holds anything.
    pub fn claim_empty(&self) -> Result<(), StoreError> {
        files::create_folder(&self.0)?;
        let failed = |source| StoreError::io("listing", &self.0, source);
        let mut entries = std::fs::read_dir(&self.0).map_err(failed)?;
        if entries.next().is_some() {
            return Err(StoreError::NotEmpty { folder: self.shown() });
        }
        Ok(())
    }

    /// Refuses a folder that holds no store, before anything is written to it.
    pub fn require_a_store(&self) -> Result<(), StoreError> {
        if self.holds_a_store() {
            return Ok(());
        }
        let mut entries = std::fs::read_dir(&self.0).into_iter().flatten().flatten();
        if entries.next().is_none() {
            return Err(StoreError::Missing { folder: self.shown() });
        }
        Err(StoreError::Foreign { folder: self.shown(), what: "it has no file FORMAT".to_owned() })
    }

    pub fn write_format(&self, store: &StoreId) -> Result<(), StoreError> {
        let id: String = store.iter().map(|byte| format!("{byte:02x}")).collect();
        files::replace(&self.0, FORMAT, &sealed(&format!("lictor-store {STORE_SCHEMA}\nid {id}\n")))
    }

    /// The store's id, if this program can read the store.
    pub fn read_format(&self) -> Result<StoreId, StoreError> {
        let content = files::read_if_there(&self.0.join(FORMAT))?.unwrap_or_default();
        let foreign = |what: &str| StoreError::Foreign { folder: self.shown(), what: what.to_owned() };
        let text = std::str::from_utf8(&content).map_err(|_| foreign("its FORMAT is not text"))?;
        // A newer schema may look different but for its first line: say "newer" before "not readable".
        let schema: Option<u32> = text.lines().next().and_then(|line| number(line, "lictor-store"));
        match schema.ok_or_else(|| foreign("its FORMAT is another program's"))? {
            STORE_SCHEMA => {}
            found if found > STORE_SCHEMA => {
                return Err(StoreError::NewerSchema { folder: self.shown(), found, known: STORE_SCHEMA });
            }
            _ => return Err(foreign("its schema is not known")),
        }
        let damaged = || self.damaged_mark(FORMAT, "restore it from a backup");
        let lines = unsealed(text).ok_or_else(damaged)?;
        lines.lines().nth(1).and_then(|line| line.strip_prefix("id ")).and_then(store_id).ok_or_else(damaged)
    }

    pub fn write_mark(&self, mark: Mark, position: Position) -> Result<(), StoreError> {
        let text = format!("batch {}\nrevision {}\n", position.batch, position.revision.number());
        files::replace(&self.0, mark.name(), &sealed(&text))
    }

    /// The position in a mark; the start of the store when there is none.
    pub fn read_mark(&self, mark: Mark) -> Result<Position, StoreError> {
        let Some(content) = files::read_if_there(&self.0.join(mark.name()))? else {
            return Ok(Position::default());
        };
        let next = "move this file away; the next start then reads the whole journal";
        let text = std::str::from_utf8(&content).ok().and_then(unsealed);
        let position = text.and_then(|text| {
            let mut lines = text.lines();
            let batch = number(lines.next()?, "batch")?;
            Some(Position { batch, revision: Revision::from_number(number(lines.next()?, "revision")?) })
        });
        position.ok_or_else(|| self.damaged_mark(mark.name(), next))
    }

    pub fn wants_rebuild(&self) -> bool {
        self.0.join(REBUILD).exists()
    }

    pub fn mark_rebuild(&self) -> Result<(), StoreError> {
        files::replace(&self.0, REBUILD, b"the index was found damaged; the next start makes it anew\n")
    }

    /// Leaves the mark `REBUILD` when the index is damaged.
    pub fn told(&self, error: IndexError) -> StoreError {
        if let IndexError::Damaged { place, what } = &error {
            tracing::error!(%place, %what, "the index is damaged; the next start rebuilds it");
            if let Err(error) = self.mark_rebuild() {
                tracing::error!(%error, "the mark for the rebuild could not be left");
            }
        }
        error.into()
    }

    pub fn unmark_rebuild(&self) -> Result<(), StoreError> {
        files::remove(&self.0.join(REBUILD))?;
        files::sync_folder(&self.0)
    }

    /// Makes an empty index folder, dropping what is there.
    pub fn renew_index(&self) -> Result<(), StoreError> {
        files::remove(&self.index())?;
        files::create_folder(&self.index())?;
        files::sync_folder(&self.0)
    }

    pub fn sync(&self) -> Result<(), StoreError> {
        files::sync_folder(&self.0)
    }

    fn shown(&self) -> String {
        self.0.display().to_string()
    }

    fn damaged_mark(&self, name: &str, next: &'static str) -> StoreError {
        let place = self.0.join(name).display().to_string();
        StoreError::Damaged { place, what: "its checksum does not hold".to_owned(), next }
    }
}

const SEAL: &str = "crc32c ";

fn sealed(lines: &str) -> Vec<u8> {
    format!("{lines}{SEAL}{:08x}\n", crc32c::crc32c(lines.as_bytes())).into_bytes()
}

/// The lines before the seal, if it holds.
fn unsealed(text: &str) -> Option<&str> {
    let (lines, _) = text.split_at_checked(text.rfind(SEAL)?)?;
    (sealed(lines) == text.as_bytes()).then_some(lines)
}

fn number<N: std::str::FromStr>(line: &str, name: &str) -> Option<N> {
    line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok()
}

fn store_id(hex: &str) -> Option<StoreId> {
    let mut id = StoreId::default();
    if hex.len() != 2 * id.len() || !hex.is_ascii() {
        return None;
    }
    for (byte, digits) in id.iter_mut().zip(hex.as_bytes().chunks_exact(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    }
    Some(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> (tempfile::TempDir, Folder) {
        let temporary = tempfile::tempdir().expect("a temporary folder");
        let folder = Folder::at(temporary.path());
        (temporary, folder)
    }

    #[test]
    fn a_mark_is_read_back_and_a_changed_one_is_refused() {
        let (temporary, folder) = folder();
        let position = Position { batch: 12, revision: Revision::from_number(34) };
        folder.write_mark(Mark::Checkpoint, position).expect("written");
        assert_eq!(folder.read_mark(Mark::Checkpoint).expect("read"), position);
        std::fs::write(temporary.path().join("CHECKPOINT"), "batch 13\nrevision 34\ncrc32c 00000000\n")
            .expect("overwritten");
        assert!(matches!(folder.read_mark(Mark::Checkpoint), Err(StoreError::Damaged { .. })));
    }

    #[test]
    fn a_missing_mark_is_the_start_of_the_store() {
        assert_eq!(folder().1.read_mark(Mark::Stopped).expect("no mark"), Position::default());
    }

    #[test]
    fn a_format_is_read_back_and_a_newer_one_and_a_foreign_one_are_refused() {
        let (temporary, folder) = folder();
        folder.write_format(&[9; 16]).expect("written");
        assert_eq!(folder.read_format().expect("read"), [9; 16]);
        let format = temporary.path().join("FORMAT");
        std::fs::write(&format, "lictor-store 2\nanything").expect("overwritten");
        assert!(matches!(folder.read_format(), Err(StoreError::NewerSchema { found: 2, .. })));
        std::fs::write(&format, "something else").expect("overwritten");
        assert!(matches!(folder.read_format(), Err(StoreError::Foreign { .. })));
    }
}
