//! Making a store in a database from a snapshot.

use std::collections::BTreeMap;

use super::address::DatabaseAddress;
use super::bulk::BulkWriter;
use crate::store::embedded::REVISION_JUMP;
use crate::store::error::StoreError;
use crate::store::key::RecordKey;
use crate::store::snapshot::{Section, SnapshotReader, SnapshotSource, SnapshotSummary};

/// Records that batches changed during the backup are gathered up to so many, then written over what is there.
const CHANGED_MAX: usize = 5_000;

pub(super) fn restore(
    address: &DatabaseAddress,
    snapshot: &(impl SnapshotSource + ?Sized),
    progress: &mut dyn FnMut(u64),
) -> Result<(SnapshotSummary, BulkWriter), StoreError> {
    let checked = SnapshotReader::of(snapshot)?.read_to_end(&mut |_| Ok(()), progress)?;
    let mut database = BulkWriter::begin(address)?;
    let mut changed = BTreeMap::new();
    let mut put = |section: &Section| put(section, &mut database, &mut changed);
    SnapshotReader::of(snapshot)?.read_to_end(&mut put, progress)?;
    database.apply(&changed)?;
    let revision = checked.position.revision.number().saturating_add(REVISION_JUMP);
    let records = database.settle(revision, progress)?;
    Ok((SnapshotSummary { records, ..checked }, database))
}

fn put(
    section: &Section,
    database: &mut BulkWriter,
    changed: &mut BTreeMap<RecordKey, Option<Vec<u8>>>,
) -> Result<(), StoreError> {
    match section {
        Section::Records(content) => {
            Section::records(content).try_for_each(|(key, stored)| database.put(&key_of(key)?, stored))
        }
        Section::Frames(content) => {
            for (frame, _) in Section::frames(content) {
                for (key, stored) in frame.effects().unwrap_or_default() {
                    changed.insert(key_of(key)?, stored.map(<[u8]>::to_vec));
                }
                if changed.len() >= CHANGED_MAX {
                    database.apply(changed)?;
                    changed.clear();
                }
            }
            Ok(())
        }
    }
}

fn key_of(key: &[u8]) -> Result<RecordKey, StoreError> {
    RecordKey::decode(key).map_err(|error| StoreError::Damaged {
        place: key.escape_ascii().to_string(),
        what: error.to_string(),
        next: "use another backup",
    })
}
