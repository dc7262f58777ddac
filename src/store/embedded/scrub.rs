//! The slow scrub: reads every file of an open store and holds what readers see against the truth.

use std::collections::BTreeMap;

use super::super::engine::{Direction, Position};
use super::super::error::StoreError;
use super::super::handle::SCAN_RECORDS_MAX;
use super::super::journal::{Journal, StoreId};
use super::super::key::{KeyRange, RecordKey};
use super::super::record::Record;
use super::super::snapshot::SnapshotSummary;
use super::compare::{Pair, join};
use super::index::IndexError;
use super::runs::Last;
use super::shared::Shared;
use super::snapshots;
use super::truth::{Truth, Until};
use super::turns::Pace;

/// What a scrub found.
#[derive(Debug, Clone, Default)]
pub struct ScrubReport {
    /// Records that were compared.
    pub records: u64,
    /// Damaged segments and snapshots. The state itself is whole.
    pub damaged_files: Vec<StoreError>,
    /// The snapshot that was taken because of them.
    pub healed_by: Option<SnapshotSummary>,
}

/// More records that seem to be missing than this are looked up at once.
const SUSPECTS_MAX: usize = 4_096;

pub(super) fn scrub(shared: &Shared, pace: &mut Pace<'_>) -> Result<ScrubReport, StoreError> {
    let store = shared.folder.read_format()?;
    let through = shared.position();
    let mut damaged_files = files(shared, store, through, pace)?;
    // Without a truth to hold it against, the state was still read by the snapshot that heals.
    let truth = match Truth::read(&shared.folder, store, u64::MAX, Until::Batch(through), &mut |_, bytes| {
        pace.spend(bytes)
    }) {
        Err(error @ StoreError::Damaged { .. }) => {
            if damaged_files.is_empty() {
                damaged_files.push(error);
            }
            return Ok(ScrubReport { damaged_files, ..ScrubReport::default() });
        }
        truth => truth?,
    };
    let mut state = StateCheck { shared, store, through, suspects: BTreeMap::new() };
    let records = state.run(truth, pace)?;
    Ok(ScrubReport { records, damaged_files, healed_by: None })
}

/// Reads every snapshot and every segment; returns what is damaged.
fn files(
    shared: &Shared,
    store: StoreId,
    through: Position,
    pace: &mut Pace<'_>,
) -> Result<Vec<StoreError>, StoreError> {
    let mut damaged = Vec::new();
    let mut note = |read: Result<(), StoreError>| match read {
        Err(error @ StoreError::Damaged { .. }) => {
            tracing::error!(%error, "the scrub found a damaged file");
            damaged.push(error);
            Ok(())
        }
        read => read,
    };
    let (snapshots, journal) = (shared.folder.snapshots(), shared.folder.journal());
    for batch in snapshots::list(&snapshots)? {
        let path = snapshots::path_of(&snapshots, batch);
        note(snapshots::check(&path, store, batch, &mut |bytes| pace.spend(bytes)).map(|_| ()))?;
    }
    let firsts = Journal::segments(&journal)?;
    for (at, first) in firsts.iter().enumerate() {
        let last = firsts.get(at + 1).map_or(through.batch, |next| next - 1).min(through.batch);
        note(Journal::read(&journal, store, first - 1, last, &mut |frame| pace.spend(frame.bytes())))?;
    }
    Ok(damaged)
}

/// Holds what readers see against the truth, while batches are written.
struct StateCheck<'a> {
    shared: &'a Shared,
    store: StoreId,
    /// The truth leads to here; what was written later is newer.
    through: Position,
    /// Records that readers do not see: each must have been removed since.
    suspects: BTreeMap<Vec<u8>, u64>,
}

impl StateCheck<'_> {
    fn run(&mut self, truth: Truth, pace: &mut Pace<'_>) -> Result<u64, StoreError> {
        let mut records = 0;
        let (shared, seen) =
            (self.shared, Seen { shared: self.shared, range: KeyRange::all(), page: Vec::new().into_iter() });
        for pair in join(truth.into_stream()?, seen) {
            let pair = pair?;
            records += 1;
            pace.spend(pair.bytes())?;
            if let Err(what) = self.judge(&pair) {
                return Err(stop(shared, &pair.key, what));
            }
            if self.suspects.len() >= SUSPECTS_MAX {
                self.clear_suspects()?;
            }
        }
        self.clear_suspects()?;
        Ok(records)
    }

    fn judge(&mut self, pair: &Pair) -> Result<(), &'static str> {
        match (&pair.truth, &pair.found) {
            (Some(Last { stored: Some(stored), .. }), Some(found)) => {
                let Ok(key) = RecordKey::decode(&pair.key) else { return Err("it is no record key") };
                let Ok(expected) = Record::decode(&key, stored) else {
                    return Err("its checksum does not hold");
                };
                if found.revision < expected.revision {
                    return Err("an older record stands there");
                }
                if found.revision == expected.revision && *found != expected {
                    return Err("another record stands there");
                }
            }
            (Some(Last { stored: Some(_), batch, .. }), None) => {
                self.suspects.insert(pair.key.clone(), *batch);
            }
            (Some(Last { stored: None, .. }) | None, Some(found))
                if found.revision <= self.through.revision =>
            {
                return Err("a record stands there that was removed");
            }
            (Some(Last { stored: None, .. }) | None, _) => {}
        }
        Ok(())
    }

    /// A record that readers do not see was removed after the truth was read, or is lost.
    fn clear_suspects(&mut self) -> Result<(), StoreError> {
        if self.suspects.is_empty() {
            return Ok(());
        }
        let (after, through) = (self.through.batch, self.shared.position().batch);
        let suspects = &mut self.suspects;
        Journal::read(&self.shared.folder.journal(), self.store, after, through, &mut |frame| {
            for (key, stored) in frame.effects().unwrap_or_default() {
                if stored.is_none() {
                    suspects.remove(key);
                }
            }
            Ok(())
        })?;
        match suspects.pop_first() {
            Some((key, _)) => Err(stop(self.shared, &key, "it is missing, and nobody removed it")),
            None => Ok(()),
        }
    }
}

/// The index gave a wrong answer: nothing is answered any more, and the next start makes it anew.
fn stop(shared: &Shared, key: &[u8], what: &str) -> StoreError {
    let place = RecordKey::decode(key).map_or_else(|_| key.escape_ascii().to_string(), |key| key.to_string());
    let error = shared.folder.told(IndexError::damaged(format!("the record {place}"), what));
    shared.fail(error.clone());
    error
}

/// What readers see, page by page, each as of one batch.
struct Seen<'a> {
    shared: &'a Shared,
    range: KeyRange,
    page: std::vec::IntoIter<(RecordKey, Record)>,
}

impl Iterator for Seen<'_> {
    type Item = Result<(RecordKey, Record), StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.page.len() == 0 {
            match self.shared.scan(&self.range, Direction::Forward, SCAN_RECORDS_MAX) {
                Ok(page) => self.page = page.into_iter(),
                Err(error) => return Some(Err(error)),
            }
        }
        let (key, record) = self.page.next()?;
        self.range = self.range.clone().after(&key);
        Some(Ok((key, record)))
    }
}
