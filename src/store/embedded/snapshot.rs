//! Taking a snapshot of the running store.

use std::io::Write;

use super::super::engine::Direction;
use super::super::error::StoreError;
use super::super::handle::SCAN_RECORDS_MAX;
use super::super::key::KeyRange;
use super::super::snapshot::{SnapshotHeader, SnapshotSummary, SnapshotWriter, TAP_BYTES_MAX, Tap};
use super::folder::STORE_SCHEMA;
use super::shared::Shared;

/// Scans all records into `sink`, then adds what was written meanwhile. `progress` hears after each page how many records
/// were written so far and how many bytes just now, and may end it.
pub(super) fn write(
    shared: &Shared,
    sink: &mut dyn Write,
    taken_at_ms: u64,
    progress: &mut dyn FnMut(u64, usize) -> Result<(), StoreError>,
) -> Result<SnapshotSummary, StoreError> {
    let store = shared.folder.read_format()?;
    let tap = OpenTap { shared, tap: Tap::new(shared.folder.path(), TAP_BYTES_MAX) };
    let before = shared.open_tap(&tap.tap);
    let header = SnapshotHeader { store, schema: STORE_SCHEMA, before, taken_at_ms };
    let mut snapshot = SnapshotWriter::begin(sink, header)?;
    let mut records = 0;
    let mut range = KeyRange::all();
    let mut stored = Vec::new();
    loop {
        let page = shared.scan(&range, Direction::Forward, SCAN_RECORDS_MAX)?;
        let Some((last, _)) = page.last() else { break };
        range = range.after(last);
        records += page.len() as u64;
        let mut bytes = 0;
        for (key, record) in page {
            stored.clear();
            record.encode_into(&key, &mut stored);
            bytes += key.as_bytes().len() + stored.len();
            snapshot.record(key.as_bytes(), &stored)?;
        }
        progress(records, bytes)?;
    }
    let after = shared.close_tap(&tap.tap);
    tap.tap.empty_into(&mut snapshot)?;
    Ok(snapshot.finish(after)?.0)
}

/// However the snapshot ends, nothing is kept for it any more.
struct OpenTap<'a> {
    shared: &'a Shared,
    tap: Tap,
}

impl Drop for OpenTap<'_> {
    fn drop(&mut self) {
        self.shared.close_tap(&self.tap);
    }
}
