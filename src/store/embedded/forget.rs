//! `lictor store compact --forget`: nothing of what was changed or removed before stays in the folder.

use std::path::Path;
use std::sync::Arc;

use super::super::engine::{Batch, Effect, Engine as _, Position};
use super::super::error::StoreError;
use super::super::key::RecordKey;
use super::super::kind::Kind;
use super::super::record::{Record, Revision};
use super::compact::{CompactReport, compact_store};
use super::upkeep::UpkeepOptions;
use super::{EmbeddedEngine, EmbeddedOptions};

/// A record that comes and goes again.
const PASSING: &[u8] = b"passing";
const PASSING_SCHEMA: u16 = 1;

/// Compacts a store that no process has open, so that its files hold what it holds now and nothing older: the journal is begun
/// anew, two snapshots of the present replace the older ones, and the index is made from them. What the disk itself remembers of
/// files that are removed is the disk's. May be cut off and repeated.
pub fn forget_store(
    folder: &Path,
    taken_at_ms: u64,
    progress: &mut dyn FnMut(u64),
) -> Result<CompactReport, StoreError> {
    // Two snapshots let go of every segment before the older one, and a batch that follows each begins the next segment.
    for is_there in [true, false] {
        let options = EmbeddedOptions { segment_bytes_max: 1, ..EmbeddedOptions::default() };
        let engine = EmbeddedEngine::open_with(folder, &options)?;
        let options = UpkeepOptions { snapshot_bytes_per_sec: u64::MAX, ..UpkeepOptions::default() };
        let taken = pass(&engine, is_there).and_then(|()| engine.upkeep().snapshot(taken_at_ms, &options));
        engine.close()?;
        taken?;
    }
    compact_store(folder, progress)
}

fn pass(engine: &EmbeddedEngine, is_there: bool) -> Result<(), StoreError> {
    let key = RecordKey::new("", Kind::Meta, PASSING)
        .map_err(|error| StoreError::Index { doing: "a batch", what: error.to_string() })?;
    let Position { batch, revision } = engine.prepare(std::slice::from_ref(&key))?.position;
    let revision = Revision::from_number(revision.number() + 1);
    let record = Record { revision, until_ms: None, schema: PASSING_SCHEMA, body: b"{}".to_vec() };
    let after = is_there.then(|| Arc::new(record));
    let position = Position { batch: batch + 1, revision };
    engine.write(Batch { position, commits: vec![vec![Effect { key, after }]] })
}
