//! Files that survive a power cut: private modes, synced folders, replacement by rename.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use tempfile::NamedTempFile;

use super::error::StoreError;

const PRIVATE_FILE: u32 = 0o600;
const PRIVATE_FOLDER: u32 = 0o700;

/// First part of the name of a file that is not in place yet.
const UNFINISHED: &str = ".unfinished-";

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
    replace_with(folder, name, |file| {
        file.write_all(content).map_err(|source| StoreError::io("writing", &folder.join(name), source))
    })
}

/// Puts a file in place at once, once `write` has written it and it is synced.
pub(super) fn replace_with(
    folder: &Path,
    name: &str,
    write: impl FnOnce(&mut File) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let mut fresh = begin(folder)?;
    write(fresh.as_file_mut())?;
    put_in_place(fresh, folder, name)
}

/// A file that is gone with the process unless it is put in place.
pub(super) fn begin(folder: &Path) -> Result<NamedTempFile, StoreError> {
    let begun = tempfile::Builder::new().prefix(UNFINISHED).tempfile_in(folder);
    begun.map_err(|source| StoreError::io("writing in", folder, source))
}

/// Syncs a file and gives it its name at once.
pub(super) fn put_in_place(fresh: NamedTempFile, folder: &Path, name: &str) -> Result<(), StoreError> {
    let target = folder.join(name);
    let failed = |source| StoreError::io("writing", &target, source);
    fresh.as_file().sync_all().map_err(failed)?;
    fresh.persist(&target).map_err(|error| failed(error.error))?;
    sync_folder(folder)
}

/// Removes what replacements left behind that were interrupted by the end of the process.
pub(super) fn remove_unfinished(folder: &Path) -> Result<(), StoreError> {
    let failed = |source| StoreError::io("listing", folder, source);
    for entry in fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        if entry.file_name().to_string_lossy().starts_with(UNFINISHED) {
            remove(&entry.path())?;
        }
    }
    Ok(())
}

/// Reads a whole file; `None` when there is none.
pub(super) fn read_if_there(path: &Path) -> Result<Option<Vec<u8>>, StoreError> {
    unless_missing(fs::read(path)).map_err(|source| StoreError::io("reading", path, source))
}

/// Opens a file for reading; `None` when there is none.
pub(super) fn open_if_there(path: &Path) -> Result<Option<File>, StoreError> {
    unless_missing(File::open(path)).map_err(|source| StoreError::io("opening", path, source))
}

fn unless_missing<T>(done: std::io::Result<T>) -> std::io::Result<Option<T>> {
    match done {
        Ok(done) => Ok(Some(done)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
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
