//! What the index must hold: the newest whole snapshot, and all that was done after it.
//!
//! Everything is read and checked first, in constant memory; then it can be had as one stream in the order of keys.
//! An index is made from this stream, held against it, and replaced by what it says.

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use super::super::engine::Position;
use super::super::error::StoreError;
use super::super::journal::{Frame, Journal, StoreId};
use super::super::snapshot::{Section, SnapshotReader, SnapshotSummary};
use super::folder::Folder;
use super::runs::{Last, Merge, RUN_BYTES, Runs};
use super::snapshots;

/// Up to where the journal is read.
#[derive(Debug, Clone, Copy)]
pub(super) enum Until {
    /// To its end, which may not lie before this batch: it was answered.
    End { answered: u64 },
    /// To this batch, while more is appended behind it.
    Batch(Position),
}

/// Hears how many records and effects were read so far, and how many bytes just now; may end the reading.
pub(super) type Progress<'a> = &'a mut dyn FnMut(u64, usize) -> Result<(), StoreError>;

/// The truth, read and whole.
pub(super) struct Truth {
    /// What it leads to.
    pub position: Position,
    /// How many records and effects it is made of.
    pub items: u64,
    /// The snapshot it begins with.
    pub snapshot: Option<PathBuf>,
    effects: Runs,
}

impl Truth {
    /// Reads the newest whole snapshot and the journal after it; the journal also where it lies before the snapshot's end,
    /// but after `also_after`, so that the stream has what was removed there. Damaged snapshots are passed over while the journal
    /// reaches back to an older one, or to the first batch; damage of the journal is refused.
    pub fn read(
        folder: &Folder,
        store: StoreId,
        also_after: u64,
        until: Until,
        progress: Progress<'_>,
    ) -> Result<Self, StoreError> {
        let base = Base::newest(folder, store, progress)?;
        refuse_a_gap(folder, &base)?;
        let Base { snapshot, position: from, mut items, mut effects, .. } = base;
        // Effects in order over what a snapshot had seen of them already: the last of each key counts.
        let after = from.batch.min(also_after);
        let mut add = |frame: Frame<'_>| {
            items += add_frame(&mut effects, frame)?;
            progress(items, frame.bytes())
        };
        let position = match until {
            Until::End { answered } => {
                Journal::read_to_end(&folder.journal(), store, after, answered, &mut add)?
            }
            Until::Batch(position) => {
                Journal::read(&folder.journal(), store, after, position.batch, &mut add)?;
                // A snapshot that was taken meanwhile is later than what was asked for.
                if position.batch < from.batch { from } else { position }
            }
        };
        Ok(Self { position, items, snapshot, effects })
    }

    /// The last that was done to each key, in the order of keys, removals too.
    pub fn into_stream(self) -> Result<Merge<'static>, StoreError> {
        match &self.snapshot {
            Some(path) => self.effects.merged_over(Box::new(SnapshotRecords::of(path)?)),
            None => self.effects.merged_over(Box::new(std::iter::empty())),
        }
    }
}

/// What the journal is read on top of.
struct Base {
    snapshot: Option<PathBuf>,
    position: Position,
    items: u64,
    effects: Runs,
    /// Newer snapshots that are damaged.
    damaged: Vec<String>,
}

impl Base {
    fn newest(folder: &Folder, store: StoreId, progress: Progress<'_>) -> Result<Self, StoreError> {
        let mut damaged = Vec::new();
        for batch in snapshots::list(&folder.snapshots())? {
            let path = snapshots::path_of(&folder.snapshots(), batch);
            let mut effects = Runs::new(folder.path(), RUN_BYTES);
            match read_snapshot(&path, store, batch, &mut effects, progress) {
                Ok(SnapshotSummary { position, records, .. }) => {
                    return Ok(Self { snapshot: Some(path), position, items: records, effects, damaged });
                }
                Err(StoreError::Damaged { place, what, .. }) => {
                    tracing::error!(%place, %what, "a snapshot is damaged; the one before it is used");
                    damaged.push(place);
                }
                Err(error) => return Err(error),
            }
        }
        let effects = Runs::new(folder.path(), RUN_BYTES);
        Ok(Self { snapshot: None, position: Position::default(), items: 0, effects, damaged })
    }
}

/// Checks a whole snapshot and collects the effects of its frames.
fn read_snapshot(
    path: &Path,
    store: StoreId,
    batch: u64,
    effects: &mut Runs,
    progress: Progress<'_>,
) -> Result<SnapshotSummary, StoreError> {
    let reader = snapshots::open_own(path, store)?;
    let mut records = 0;
    let summary = reader.read_to_end(
        &mut |section| {
            match section {
                Section::Records(content) => records += Section::records(content).count() as u64,
                Section::Frames(content) => {
                    Section::frames(content)
                        .try_for_each(|(frame, _)| add_frame(effects, frame).map(|_| ()))?;
                }
            }
            progress(records, section.bytes())
        },
        &mut |_| (),
    )?;
    if summary.position.batch == batch { Ok(summary) } else { Err(snapshots::misplaced(path)) }
}

/// Collects a frame's effects; returns how many.
fn add_frame(effects: &mut Runs, frame: Frame<'_>) -> Result<u64, StoreError> {
    let batch = frame.position.batch;
    let found = frame.effects().ok_or_else(|| StoreError::Damaged {
        place: format!("batch {batch} of the journal"),
        what: "its effects are not readable though its checksum holds".to_owned(),
        next: "start the program that wrote it, or restore the newest backup",
    })?;
    for (key, stored) in &found {
        effects.add(batch, key, *stored)?;
    }
    Ok(found.len() as u64)
}

/// The journal must go on where the snapshot ends, or begin with the first batch.
fn refuse_a_gap(folder: &Folder, base: &Base) -> Result<(), StoreError> {
    let Some(oldest) = Journal::oldest_batch(&folder.journal())? else { return Ok(()) };
    if oldest <= base.position.batch.saturating_add(1) {
        return Ok(());
    }
    let reached = match (&base.snapshot, &base.damaged[..]) {
        (Some(path), _) => {
            format!("the newest whole snapshot, {}, ends with batch {}", path.display(), base.position.batch)
        }
        (None, []) => "there is no snapshot of what came before".to_owned(),
        (None, damaged) => format!("no snapshot of what came before is whole: {}", damaged.join(", ")),
    };
    Err(StoreError::Damaged {
        place: folder.journal().display().to_string(),
        what: format!("its oldest batch is {oldest}, and {reached}"),
        next: "nothing was changed; copy the folder away and restore the newest backup",
    })
}

/// The records of a snapshot that was checked before.
struct SnapshotRecords {
    reader: SnapshotReader<BufReader<File>>,
    content: Vec<u8>,
    at: usize,
}

impl SnapshotRecords {
    fn of(path: &Path) -> Result<Self, StoreError> {
        Ok(Self { reader: snapshots::open(path)?, content: Vec::new(), at: 0 })
    }
}

impl Iterator for SnapshotRecords {
    type Item = Result<Last, StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some((key, stored)) = Section::records(&self.content[self.at..]).next() {
                self.at += Section::record_bytes(key, stored);
                return Some(Ok(Last { key: key.to_owned(), batch: 0, stored: Some(stored.to_owned()) }));
            }
            match self.reader.next_section() {
                Ok(Some(Section::Records(content))) => (self.content, self.at) = (content, 0),
                // Frames were collected when the snapshot was checked.
                Ok(Some(Section::Frames(_)) | None) => return None,
                Err(error) => return Some(Err(error)),
            }
        }
    }
}
