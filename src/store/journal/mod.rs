//! The journal: an append-only redo log in segments. It is the truth; the index behind it can be rebuilt.
//!
//! A frame is appended and synced before anything of its batch is visible or answered. At most the last frame
//! can be unfinished, and only if its batch was never answered. `docs/store-format.md` has the bytes.

mod frame;
mod reading;
mod sealed;
mod segment;
#[cfg(test)]
mod tests;
mod upkeep;

use std::fs::{File, OpenOptions};
use std::io::{Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::engine::{Batch, Position};
use super::error::StoreError;
use super::files;
pub(super) use frame::{FRAME_BYTES_MAX, Frame, encode as encode_frame};
use reading::{End, Span, read_span};
pub(super) use segment::StoreId;
use segment::{SEGMENT_HEADER_BYTES, SegmentHeader, path_of, sealed_path_of};

/// A segment that has reached this length is followed by a new one: 64 MiB.
pub const SEGMENT_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// The journal, open for appending. One writer.
pub(super) struct Journal {
    folder: PathBuf,
    store: StoreId,
    position: Position,
    segment: File,
    segment_first: u64,
    segment_bytes: u64,
    segment_bytes_max: u64,
    salt: u64,
    buffer: Vec<u8>,
    /// After a failed write or sync nobody knows what is on disk: nothing is appended again.
    failed: bool,
}

impl Journal {
    /// Makes the journal of a new store in a folder that exists and is empty. Its first batch follows `before`.
    pub fn create(folder: &Path, store: StoreId, before: Position) -> Result<(), StoreError> {
        begin_segment(folder, store, before, 0)?;
        Ok(())
    }

    /// Reads the journal from batch `after` + 1, handing each frame to `replay`, and opens it for appending.
    ///
    /// `acknowledged` is a batch known to have been answered: a journal that ends before it has lost data and is
    /// refused, and so is any frame at or before it that is not readable. An unfinished frame beyond it at the very
    /// end was never answered: it is cut off. What is kept is synced before this returns. A journal whose oldest
    /// batch is beyond `after` + 1 is refused: the batches between are no longer in it.
    pub fn open(
        folder: &Path,
        store: StoreId,
        after: u64,
        acknowledged: u64,
        segment_bytes_max: u64,
        replay: &mut dyn FnMut(Frame<'_>) -> Result<(), StoreError>,
    ) -> Result<Self, StoreError> {
        let span = Span { after, through: u64::MAX, acknowledged };
        let end = read_span(folder, &store, &span, replay)?;
        clear_interrupted(folder, &end)?;
        let (header, segment, segment_bytes) = if end.sealed {
            let (header, segment) = begin_segment(folder, store, end.position, end.header.first_batch())?;
            (header, segment, SEGMENT_HEADER_BYTES as u64)
        } else {
            (end.header, continue_segment(folder, &end)?, end.bytes)
        };
        Ok(Self {
            folder: folder.to_owned(),
            store,
            position: end.position,
            segment,
            segment_first: header.first_batch(),
            segment_bytes,
            segment_bytes_max,
            salt: header.salt,
            buffer: Vec::new(),
            failed: false,
        })
    }

    /// Hands the frames from batch `after` + 1 to the end to `sink`, in order, and changes nothing. Refuses what
    /// [`Journal::open`] would refuse. Returns where the store stands.
    pub fn read_to_end(
        folder: &Path,
        store: StoreId,
        after: u64,
        acknowledged: u64,
        sink: &mut dyn FnMut(Frame<'_>) -> Result<(), StoreError>,
    ) -> Result<Position, StoreError> {
        let span = Span { after, through: u64::MAX, acknowledged };
        read_span(folder, &store, &span, sink).map(|end| end.position)
    }

    /// Hands the frames of batch `after` + 1 to batch `through` to `sink`, in order, and changes nothing. All of them
    /// must be there; a writer may be appending what comes after them.
    pub fn read(
        folder: &Path,
        store: StoreId,
        after: u64,
        through: u64,
        sink: &mut dyn FnMut(Frame<'_>) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        if after >= through {
            return Ok(());
        }
        let span = Span { after, through, acknowledged: through };
        read_span(folder, &store, &span, sink).map(|_| ())
    }

    /// First batch that the journal in a folder still holds; what comes before it is only in snapshots and the index.
    pub fn oldest_batch(folder: &Path) -> Result<Option<u64>, StoreError> {
        Ok(segment::list(folder)?.first().copied())
    }

    /// Where the store stands.
    pub fn position(&self) -> Position {
        self.position
    }

    /// Appends one batch and syncs it; returns the length of its frame. After an error every later call fails: a
    /// sync that failed is never tried again, for the kernel may have dropped what it could not write.
    pub fn append(&mut self, batch: &Batch) -> Result<u64, StoreError> {
        if self.failed || batch.position.batch != self.position.batch + 1 {
            return Err(StoreError::Closed);
        }
        self.failed = true;
        let holds_a_frame = self.position.batch >= self.segment_first;
        if holds_a_frame && self.segment_bytes >= self.segment_bytes_max {
            self.begin_next()?;
        }
        self.buffer.clear();
        frame::encode(batch, self.salt, &mut self.buffer).ok_or_else(|| {
            let path = path_of(&self.folder, self.segment_first);
            StoreError::io("appending a batch over 16 MiB to", &path, std::io::ErrorKind::FileTooLarge.into())
        })?;
        let written = self.segment.write_all(&self.buffer);
        written.map_err(|source| self.io("appending to", source))?;
        self.segment.sync_data().map_err(|source| self.io("syncing", source))?;
        let bytes = self.buffer.len() as u64;
        self.segment_bytes += bytes;
        self.position = batch.position;
        self.failed = false;
        Ok(bytes)
    }

    fn begin_next(&mut self) -> Result<(), StoreError> {
        let (header, segment) = begin_segment(&self.folder, self.store, self.position, self.segment_first)?;
        self.segment = segment;
        self.segment_first = header.first_batch();
        self.segment_bytes = SEGMENT_HEADER_BYTES as u64;
        self.salt = header.salt;
        Ok(())
    }

    fn io(&self, doing: &str, source: std::io::Error) -> StoreError {
        StoreError::io(doing, &path_of(&self.folder, self.segment_first), source)
    }
}

/// Creates a segment; it and its place in the folder survive a power cut before the first frame goes in.
fn begin_segment(
    folder: &Path,
    store: StoreId,
    before: Position,
    previous_first: u64,
) -> Result<(SegmentHeader, File), StoreError> {
    let mut salt = [0; 8];
    let path = path_of(folder, before.batch + 1);
    let failed = |source| StoreError::io("creating", &path, source);
    getrandom::fill(&mut salt).map_err(|error| failed(std::io::Error::other(error.to_string())))?;
    let header = SegmentHeader { store, previous_first, before, salt: u64::from_le_bytes(salt) };
    let mut file = files::create_file(&path)?;
    file.write_all(&header.encode()).and_then(|()| file.sync_all()).map_err(failed)?;
    files::sync_folder(folder)?;
    Ok((header, file))
}

/// Removes what an interrupted process left behind: a segment that nothing was written to, half a sealed one, and a
/// sealed form of the segment that is about to be appended to.
fn clear_interrupted(folder: &Path, end: &End) -> Result<(), StoreError> {
    if let Some(unfinished) = &end.unfinished {
        files::remove(unfinished)?;
        files::sync_folder(folder)?;
    }
    if !end.sealed {
        files::remove(&sealed_path_of(folder, end.header.first_batch()))?;
    }
    files::remove_unfinished(folder)
}

/// Opens the newest segment for appending after its last whole frame.
///
/// What the last process wrote last may never have been synced, or its sync may have failed: the kernel then shows bytes
/// that are not on the disk and takes them for clean. So the header and the last frame are written once more before
/// anybody relies on them; no frame before it is in doubt, since each was synced before the next was written.
fn continue_segment(folder: &Path, end: &End) -> Result<File, StoreError> {
    let path = path_of(folder, end.header.first_batch());
    let failed = |source| StoreError::io("opening", &path, source);
    let mut segment = OpenOptions::new().read(true).write(true).open(&path).map_err(failed)?;
    let length = segment.metadata().map_err(failed)?.len();
    if length > end.bytes {
        tracing::warn!(segment = %path.display(), offset = end.bytes, "cutting off a batch that was never answered");
        segment.set_len(end.bytes).map_err(failed)?;
    }
    let at = end.bytes - end.last_frame.len() as u64;
    segment.write_all_at(&end.header.encode(), 0).map_err(failed)?;
    segment.write_all_at(&end.last_frame, at).map_err(failed)?;
    segment.seek(SeekFrom::Start(end.bytes)).map_err(failed)?;
    segment.sync_all().map_err(|source| StoreError::io("syncing", &path, source))?;
    files::sync_folder(folder)?;
    Ok(segment)
}
