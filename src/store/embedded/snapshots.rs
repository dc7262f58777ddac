//! The snapshots in a store's folder, named by the batch they lead to.

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use super::super::error::StoreError;
use super::super::files;
use super::super::journal::StoreId;
use super::super::snapshot::{SnapshotReader, SnapshotSummary};

const EXTENSION: &str = "snap";

/// The name of the snapshot of this batch; names sort like batches.
pub(super) fn path_of(folder: &Path, batch: u64) -> PathBuf {
    folder.join(format!("{batch:020}.{EXTENSION}"))
}

/// The batches of the snapshots in a folder, the newest first; none when there is no such folder.
pub(super) fn list(folder: &Path) -> Result<Vec<u64>, StoreError> {
    let failed = |source| StoreError::io("listing", folder, source);
    let mut batches = Vec::new();
    let entries = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(batches),
        entries => entries.map_err(failed)?,
    };
    for entry in entries {
        let path = entry.map_err(failed)?.path();
        if path.extension().is_some_and(|extension| extension == EXTENSION) {
            batches.extend(
                path.file_stem().and_then(|stem| stem.to_str()).and_then(|stem| stem.parse::<u64>().ok()),
            );
        }
    }
    batches.sort_unstable_by(|a, b| b.cmp(a));
    Ok(batches)
}

/// Begins to read a snapshot.
pub(super) fn open(path: &Path) -> Result<SnapshotReader<BufReader<File>>, StoreError> {
    let file = File::open(path).map_err(|source| StoreError::io("opening", path, source))?;
    SnapshotReader::begin(BufReader::with_capacity(READ_BYTES, file), path.display().to_string())
}

/// Begins to read a snapshot of this store.
pub(super) fn open_own(path: &Path, store: StoreId) -> Result<SnapshotReader<BufReader<File>>, StoreError> {
    let reader = open(path)?;
    if reader.header().store == store { Ok(reader) } else { Err(misplaced(path)) }
}

/// Reads a whole snapshot of this store; `read` hears how many bytes were read just now and may end it.
pub(super) fn check(
    path: &Path,
    store: StoreId,
    batch: u64,
    read: &mut dyn FnMut(usize) -> Result<(), StoreError>,
) -> Result<SnapshotSummary, StoreError> {
    let reader = open_own(path, store)?;
    let summary = reader.read_to_end(&mut |section| read(section.bytes()), &mut |_| ())?;
    if summary.position.batch == batch { Ok(summary) } else { Err(misplaced(path)) }
}

/// Damage of a snapshot that is another's.
pub(super) fn misplaced(path: &Path) -> StoreError {
    StoreError::Damaged {
        place: path.display().to_string(),
        what: "it belongs to another store or batch".to_owned(),
        next: "move it away",
    }
}

/// Read at once: 256 KiB.
const READ_BYTES: usize = 256 * 1024;

/// Makes the folder, if it is missing.
pub(super) fn create_folder(folder: &Path) -> Result<(), StoreError> {
    if folder.is_dir() { Ok(()) } else { files::create_folder(folder) }
}
