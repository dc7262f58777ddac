//! Reading the journal: its segments in order, each held against the one before it.

use std::path::{Path, PathBuf};

use super::super::engine::Position;
use super::super::error::StoreError;
use super::frame::Frame;
use super::segment::{
    self, Segment, SegmentHeader, StoreId, Tail, damaged, is_unfinished, path_of, sealed_path_of,
};

/// Which batches are wanted, and what must hold of them.
pub(super) struct Span {
    /// The batch before the first that is handed over.
    pub after: u64,
    /// The last batch that is handed over.
    pub through: u64,
    /// A batch known to have been answered: every frame up to it must be readable.
    pub acknowledged: u64,
}

/// Where reading ended.
pub(super) struct End {
    /// Header of the last segment that was read.
    pub header: SegmentHeader,
    /// That segment has only its sealed form: nothing can be appended to it.
    pub sealed: bool,
    /// Where the store stands.
    pub position: Position,
    /// Length of the segment up to the end of its last whole frame.
    pub bytes: u64,
    /// That frame; empty when the segment holds none.
    pub last_frame: Vec<u8>,
    /// A newer segment whose making was interrupted before anything went in.
    pub unfinished: Option<PathBuf>,
}

/// Reads the segments that hold a span, each as a whole and one at a time, and changes nothing.
pub(super) fn read_span(
    folder: &Path,
    store: &StoreId,
    span: &Span,
    sink: &mut dyn FnMut(Frame<'_>) -> Result<(), StoreError>,
) -> Result<End, StoreError> {
    let mut firsts = segment::list(folder)?;
    let unfinished = take_unfinished(folder, &mut firsts)?;
    refuse_retired(folder, &firsts, span.after)?;
    let from = firsts.partition_point(|first| *first <= span.after.saturating_add(1)).saturating_sub(1);
    let mut end: Option<End> = None;
    for (at, first) in firsts.iter().enumerate().skip(from).take_while(|(_, first)| **first <= span.through) {
        let segment = Segment::read(folder, *first, store)?;
        let previous_first = if at == 0 { segment.header.previous_first } else { firsts[at - 1] };
        let follows = end.as_ref().is_none_or(|before| before.position == segment.header.before);
        if segment.header.previous_first != previous_first || !follows {
            let what = "the segment before it is not the one it was written after";
            return Err(damaged(&segment.path, 0, what));
        }
        let tail = segment.frames(&mut |frame| {
            let batch = frame.position.batch;
            if span.after < batch && batch <= span.through { sink(frame) } else { Ok(()) }
        })?;
        // A segment is only begun once all before it was synced: nothing before the newest one can be unfinished.
        let may_be_torn = at + 1 == firsts.len() && unfinished.is_none() && !segment.sealed;
        if tail.torn && !may_be_torn {
            return Err(damaged(&segment.path, tail.whole, "a frame that was answered is not readable"));
        }
        end = Some(End::of(&segment, tail));
    }
    let end = end.ok_or_else(|| damaged(folder, 0, "it holds no segment"))?;
    refuse_lost(folder, &end, span.acknowledged)?;
    Ok(End { unfinished, ..end })
}

impl End {
    fn of(segment: &Segment, tail: Tail) -> Self {
        Self {
            header: segment.header,
            sealed: segment.sealed,
            position: tail.position,
            bytes: tail.whole as u64,
            last_frame: segment.bytes[tail.last_frame].to_vec(),
            unfinished: None,
        }
    }
}

/// Takes a newest segment off the list whose making was interrupted before anything went in.
fn take_unfinished(folder: &Path, firsts: &mut Vec<u64>) -> Result<Option<PathBuf>, StoreError> {
    let [.., _, newest] = firsts[..] else { return Ok(None) };
    let path = path_of(folder, newest);
    if !is_unfinished(&path)? {
        return Ok(None);
    }
    firsts.pop();
    Ok(Some(path))
}

/// Batches that were retired are no longer here: whoever needs them needs a snapshot.
fn refuse_retired(folder: &Path, firsts: &[u64], after: u64) -> Result<(), StoreError> {
    match firsts.first() {
        Some(oldest) if *oldest > after.saturating_add(1) => Err(StoreError::Damaged {
            place: folder.display().to_string(),
            what: format!("its oldest batch is {oldest}, but batch {} is needed", after.saturating_add(1)),
            next: "the journal was left as it is; copy the folder away and restore the newest backup",
        }),
        _ => Ok(()),
    }
}

fn refuse_lost(folder: &Path, end: &End, acknowledged: u64) -> Result<(), StoreError> {
    if end.position.batch >= acknowledged {
        return Ok(());
    }
    let first = end.header.first_batch();
    let path = if end.sealed { sealed_path_of(folder, first) } else { path_of(folder, first) };
    let at = usize::try_from(end.bytes).unwrap_or(usize::MAX);
    let lost = end.position.batch + 1;
    let what = format!("batch {lost} is missing or not readable, but batch {acknowledged} was answered");
    Err(damaged(&path, at, &what))
}
