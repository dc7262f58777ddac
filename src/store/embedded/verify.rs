//! `lictor store verify`: reads everything of a closed store and says all that is wrong with it.

use std::path::Path;

use super::super::engine::{Direction, Position};
use super::super::error::StoreError;
use super::super::journal::{Journal, StoreId};
use super::super::key::{KeyRange, RecordKey};
use super::super::record::Record;
use super::super::snapshot::SnapshotSummary;
use super::compare::{Pair, join};
use super::folder::{Folder, Mark, this_boot};
use super::index::{Index, IndexError};
use super::runs::Last;
use super::snapshots;
use super::truth::{Truth, Until};

/// Most faults that a report names; the others are counted.
pub const FAULTS_MAX: usize = 100;

/// A part of a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StorePart {
    /// The files that say where it stands.
    Marks,
    /// The truth: every segment.
    Journal,
    /// What the index is made from, with the journal after it.
    Snapshots,
    /// What can be made anew.
    Index,
}

/// How far the reading is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VerifyProgress {
    /// What is being read.
    pub part: StorePart,
    /// How many bytes of the store were read so far.
    pub bytes: u64,
}

/// Something that is not as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifyFault {
    /// Of what.
    pub part: StorePart,
    /// File and offset, or key.
    pub place: String,
    /// What does not hold.
    pub what: String,
}

/// What was found.
#[derive(Debug, Clone, Default)]
pub struct VerifyReport {
    /// Where the journal ends.
    pub position: Position,
    /// Segments that were read.
    pub segments: u64,
    /// Snapshots that are whole, the newest first.
    pub snapshots: Vec<SnapshotSummary>,
    /// Records of the index that were held against snapshot and journal.
    pub records: u64,
    /// Records that the next start replays from the journal, whatever the index holds.
    pub replayed: u64,
    /// The first [`FAULTS_MAX`] faults.
    pub faults: Vec<VerifyFault>,
    /// Further faults.
    pub more_faults: u64,
}

impl VerifyReport {
    /// True when nothing is wrong.
    pub fn is_whole(&self) -> bool {
        self.faults.is_empty()
    }

    /// True when only the index or a snapshot is wrong: the next start mends it from what is whole.
    pub fn heals_itself(&self) -> bool {
        let mended = |fault: &VerifyFault| matches!(fault.part, StorePart::Index | StorePart::Snapshots);
        self.faults.iter().all(mended)
    }
}

/// Reads everything of a store that no process has open: the marks, every segment and frame, every snapshot, and every
/// record of the index, which must be exactly what the newest whole snapshot and the journal after it lead to. Constant
/// memory; what is sorted goes to files without a name in the folder. Changes nothing but the files that the index keeps
/// for itself.
///
/// The comparison is exact: both sides are read in the order of their keys, side by side, every record in full.
///
/// An error means that the store could not be read at all: it is in use, missing, foreign, of a newer schema, or the
/// system refuses. What is damaged stands in the report.
pub fn verify_store(
    folder: &Path,
    progress: &mut dyn FnMut(VerifyProgress),
) -> Result<VerifyReport, StoreError> {
    let folder = Folder::at(folder);
    folder.require_a_store()?;
    let _lock = folder.lock()?;
    let store = folder.read_format()?;
    let mut verifying =
        Verifying { folder: &folder, store, progress, bytes: 0, report: VerifyReport::default() };
    let (checkpoint, answered) = verifying.marks()?;
    verifying.snapshots()?;
    verifying.journal(answered)?;
    verifying.index(checkpoint, answered)?;
    Ok(verifying.report)
}

struct Verifying<'a> {
    folder: &'a Folder,
    store: StoreId,
    progress: &'a mut dyn FnMut(VerifyProgress),
    bytes: u64,
    report: VerifyReport,
}

impl Verifying<'_> {
    fn read(&mut self, part: StorePart, bytes: usize) {
        self.bytes += bytes as u64;
        (self.progress)(VerifyProgress { part, bytes: self.bytes });
    }

    fn fault(&mut self, part: StorePart, place: String, what: String) {
        let fault = VerifyFault { part, place, what };
        if self.report.faults.contains(&fault) {
            return;
        }
        if self.report.faults.len() < FAULTS_MAX {
            self.report.faults.push(fault);
        } else {
            self.report.more_faults += 1;
        }
    }

    /// Damage is noted; what was read otherwise is handed back.
    fn noted<T>(&mut self, part: StorePart, read: Result<T, StoreError>) -> Result<Option<T>, StoreError> {
        match read {
            Ok(found) => Ok(Some(found)),
            Err(StoreError::Damaged { place, what, .. }) => {
                self.fault(part, place, what);
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// The checkpoint, and the last batch that is known to have been answered.
    fn marks(&mut self) -> Result<(Position, u64), StoreError> {
        let mut read = |mark| {
            let read = self.folder.read_mark(mark);
            self.noted(StorePart::Marks, read).map(Option::unwrap_or_default)
        };
        let (checkpoint, stopped) = (read(Mark::Checkpoint)?, read(Mark::Stopped)?);
        Ok((checkpoint, checkpoint.batch.max(stopped.batch)))
    }

    fn snapshots(&mut self) -> Result<(), StoreError> {
        let folder = self.folder.snapshots();
        for batch in snapshots::list(&folder)? {
            let path = snapshots::path_of(&folder, batch);
            let checked = snapshots::check(&path, self.store, batch, &mut |bytes| {
                self.read(StorePart::Snapshots, bytes);
                Ok(())
            });
            let whole = self.noted(StorePart::Snapshots, checked)?;
            self.report.snapshots.extend(whole);
        }
        Ok(())
    }

    /// Each segment by itself, so that damage of one does not hide that of another.
    fn journal(&mut self, answered: u64) -> Result<(), StoreError> {
        let (folder, store) = (self.folder.journal(), self.store);
        let Some(firsts) = self.noted(StorePart::Journal, Journal::segments(&folder))? else { return Ok(()) };
        if firsts.is_empty() {
            self.fault(StorePart::Journal, folder.display().to_string(), "it holds no segment".to_owned());
        }
        self.report.segments = firsts.len() as u64;
        for (at, first) in firsts.iter().enumerate() {
            let mut count = |frame: super::super::journal::Frame<'_>| {
                self.read(StorePart::Journal, frame.bytes());
                Ok(())
            };
            let read = match firsts.get(at + 1) {
                Some(next) => Journal::read(&folder, store, first - 1, next - 1, &mut count).map(|()| None),
                None => Journal::read_to_end(&folder, store, first - 1, answered, &mut count).map(Some),
            };
            let end = self.noted(StorePart::Journal, read)?.flatten();
            self.report.position = end.unwrap_or(self.report.position);
        }
        Ok(())
    }

    fn index(&mut self, checkpoint: Position, answered: u64) -> Result<(), StoreError> {
        let place = self.folder.index().display().to_string();
        if self.folder.wants_rebuild() {
            let what = "it is marked as not to be trusted; the next start makes it anew".to_owned();
            self.fault(StorePart::Index, place, what);
            return Ok(());
        }
        if self.folder.ran_through_a_restart(this_boot().as_deref())? {
            let what =
                "the machine was restarted while the store was open; the next start makes it anew".to_owned();
            self.fault(StorePart::Index, place, what);
            return Ok(());
        }
        if !self.folder.index().is_dir() {
            self.fault(StorePart::Index, place, "it is missing; the next start makes it anew".to_owned());
            return Ok(());
        }
        let opened = Index::open(&self.folder.index()).and_then(|index| {
            let position = index.position()?;
            Ok((index, position))
        });
        let Some((index, position)) = self.noted(StorePart::Index, opened.map_err(StoreError::from))? else {
            return Ok(());
        };
        if position.batch < checkpoint.batch {
            let what =
                format!("it stands at batch {}, but was synced at {}", position.batch, checkpoint.batch);
            self.fault(StorePart::Index, place, what);
        }
        let answered = answered.max(position.batch);
        let truth = Truth::read(
            self.folder,
            self.store,
            checkpoint.batch,
            Until::End { answered },
            &mut |_, bytes| {
                self.read(StorePart::Journal, bytes);
                Ok(())
            },
        );
        // Without a truth every record is still read.
        let truth = match self.noted(StorePart::Journal, truth)? {
            Some(truth) => Some(truth.into_stream()?),
            None => None,
        };
        let compared = self.compare(&index, truth, checkpoint);
        let closed = index.close();
        compared?;
        closed
    }

    fn compare(
        &mut self,
        index: &Index,
        truth: Option<super::runs::Merge<'_>>,
        checkpoint: Position,
    ) -> Result<(), StoreError> {
        let found = index.scan(&KeyRange::all(), Direction::Forward);
        let found = found.map(|entry| entry.map_err(|error: IndexError| StoreError::from(error)));
        let Some(truth) = truth else {
            for entry in found {
                let Some((_, record)) = self.noted(StorePart::Index, entry)? else { break };
                self.read(StorePart::Index, record.stored_bytes());
            }
            return Ok(());
        };
        for pair in join(truth, found) {
            let Some(pair) = self.noted(StorePart::Index, pair)? else { break };
            self.read(StorePart::Index, pair.bytes());
            // What came after the checkpoint is replayed, and hides what the index has.
            if pair.truth.as_ref().is_some_and(|last| last.batch > checkpoint.batch) {
                self.report.replayed += 1;
                continue;
            }
            self.report.records += u64::from(pair.found.is_some());
            if let Err(what) = judge(&pair) {
                let place = RecordKey::decode(&pair.key)
                    .map_or_else(|_| pair.key.escape_ascii().to_string(), |key| key.to_string());
                self.fault(StorePart::Index, format!("the record {place}"), what.to_owned());
            }
        }
        Ok(())
    }
}

fn judge(Pair { key, truth, found }: &Pair) -> Result<(), &'static str> {
    let expected = match truth {
        Some(Last { stored: Some(stored), .. }) => {
            let key = RecordKey::decode(key).map_err(|_| "it is no record key")?;
            Some(Record::decode(&key, stored).map_err(|_| "its checksum does not hold")?)
        }
        Some(Last { stored: None, .. }) | None => None,
    };
    match (expected, found) {
        (Some(_), None) => Err("it is missing"),
        (None, Some(_)) => Err("it stands there, but was removed"),
        (Some(expected), Some(found)) if expected != *found => Err("another record stands there"),
        (Some(_), Some(_)) | (None, None) => Ok(()),
    }
}
