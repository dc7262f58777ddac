//! Snapshots: the whole state of a store at one position, in one file that proves itself. A backup is the same file.
//!
//! A snapshot is taken while the server runs: the position before, then every record, page by page, then the batches
//! that were written meanwhile. Each page shows the store as of some batch between the two positions. The batches
//! are effects, so applying them all over the records gives the state at the second position, whatever each page
//! had already seen of them.

mod format;
mod reader;
mod source;
mod tap;
mod writer;

use std::io::Read;

use super::engine::Position;
use super::error::StoreError;
pub(super) use format::SnapshotHeader;
pub(super) use reader::{Section, SnapshotReader};
pub use source::SnapshotSource;
pub(super) use tap::{TAP_BYTES_MAX, Tap};
pub(super) use writer::SnapshotWriter;

/// What a snapshot holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SnapshotSummary {
    /// The state it leads to.
    pub position: Position,
    /// How many records were scanned; the batches written meanwhile may have added or removed some.
    pub records: u64,
    /// Length of the file.
    pub bytes: u64,
    /// When it was taken, in Unix milliseconds, as the caller said.
    pub taken_at_ms: u64,
}

/// Reads and checks a whole snapshot or backup: every checksum, every count, the order of its keys, and the digest
/// over all of it. Changes nothing; holds one section in memory. `progress` hears how many records were read so far.
///
/// Damage is refused by the offset where it was met; a snapshot of a newer program by its schema.
pub fn verify_snapshot(
    source: impl Read,
    progress: &mut dyn FnMut(u64),
) -> Result<SnapshotSummary, StoreError> {
    SnapshotReader::begin(source, "the snapshot".to_owned())?.read_to_end(&mut |_| Ok(()), progress)
}
