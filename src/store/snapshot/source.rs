//! Where a snapshot is read from, as often as needed.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

use crate::store::error::StoreError;

/// Read at once: 256 KiB.
const READ_BYTES: usize = 256 * 1024;

/// A snapshot or backup that can be read from its beginning several times: to check it, then to use it.
pub trait SnapshotSource {
    /// Its bytes from the first on.
    fn open(&self) -> Result<Box<dyn Read + '_>, StoreError>;

    /// What errors call it.
    fn name(&self) -> String;
}

impl SnapshotSource for Path {
    fn open(&self) -> Result<Box<dyn Read + '_>, StoreError> {
        let file = File::open(self).map_err(|source| StoreError::io("opening", self, source))?;
        Ok(Box::new(BufReader::with_capacity(READ_BYTES, file)))
    }

    fn name(&self) -> String {
        self.display().to_string()
    }
}

impl SnapshotSource for PathBuf {
    fn open(&self) -> Result<Box<dyn Read + '_>, StoreError> {
        self.as_path().open()
    }

    fn name(&self) -> String {
        self.as_path().name()
    }
}
