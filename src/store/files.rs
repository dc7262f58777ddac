//! Files that survive a power cut: private modes, synced folders, replacement by rename.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use super::error::StoreError;

const PRIVATE_FILE: u32 = 0o600;
const PRIVATE_FOLDER: u32 = 0o700;

/// Makes a folder, and those above it, that only its owner may enter.
pub(super) fn create_folder(path: &Path) -> Result<(), StoreError> {
    let made = DirBuilder::new().recursive(true).mode(PRIVATE_FOLDER).create(path);
    made.map_err(|source| StoreError::io("making the folder", path, source))
}

/// Opens a new file that only its owner may read; refuses to cover an old one.
pub(super) fn create_file(path: &Path) -> Result<File, StoreError> {
    let opened = OpenOptions::new().read(true).write(true).create_new(true).mode(PRIVATE_FILE).open(path);
    opened.map_err(|source| StoreError::io("creating", path, source))
}

/// Opens a file for writing, making it when it is missing.
pub(super) fn open_or_create_file(path: &Path) -> Result<File, StoreError> {
    let opened =
        OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(PRIVATE_FILE).open(path);
    opened.map_err(|source| StoreError::io("opening", path, source))
}

/// Makes what was created, renamed or removed in a folder survive a power cut.
pub(super) fn sync_folder(path: &Path) -> Result<(), StoreError> {
    let synced = File::open(path).and_then(|folder| folder.sync_all());
    synced.map_err(|source| StoreError::io("syncing the folder", path, source))
}

/// Puts a whole small file in place at once: after a crash the old or the new content is there, never a part.
pub(super) fn replace(folder: &Path, name: &str, content: &[u8]) -> Result<(), StoreError> {
    let target = folder.join(name);
    let failed = |source| StoreError::io("writing", &target, source);
    let mut fresh = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;
    fresh.write_all(content).and_then(|()| fresh.as_file().sync_all()).map_err(failed)?;
    fresh.persist(&target).map_err(|error| failed(error.error))?;
    sync_folder(folder)
}

/// Reads a whole file; `None` when there is none.
pub(super) fn read_if_there(path: &Path) -> Result<Option<Vec<u8>>, StoreError> {
    match fs::read(path) {
        Ok(content) => Ok(Some(content)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(source) => Err(StoreError::io("reading", path, source)),
    }
}

/// Removes a file or a folder with all in it, if it is there.
pub(super) fn remove(path: &Path) -> Result<(), StoreError> {
    let removed = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    match removed {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(StoreError::io("removing", path, error)),
        Ok(()) | Err(_) => Ok(()),
    }
}
