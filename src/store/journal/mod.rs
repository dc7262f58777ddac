//! The journal: an append-only redo log in segments. It is the truth; the index behind it can be rebuilt.
//!
//! A frame is appended and synced before anything of its batch is visible or answered. At most the last frame
//! can be unfinished, and only if its batch was never answered.

mod frame;
mod segment;

use std::fs::{File, OpenOptions};
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::engine::{Batch, Position};
use super::error::StoreError;
use super::files;
pub(super) use frame::{FRAME_BYTES_MAX, Frame, encode as encode_frame};
pub(super) use segment::StoreId;
use segment::{Ending, SEGMENT_HEADER_BYTES, Segment, SegmentHeader, damaged, path_of};

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
    /// end was never answered: it is cut off. What is kept is synced before this returns.
    pub fn open(
        folder: &Path,
        store: StoreId,
        after: u64,
        acknowledged: u64,
        segment_bytes_max: u64,
        replay: &mut dyn FnMut(Frame<'_>) -> Result<(), StoreError>,
    ) -> Result<Self, StoreError> {
        let newest = read_all(folder, &store, after, acknowledged, replay)?;
        let Newest { header, position, bytes } = newest;
        let path = path_of(folder, header.first_batch());
        let failed = |source| StoreError::io("opening", &path, source);
        let mut segment = OpenOptions::new().read(true).write(true).open(&path).map_err(failed)?;
        segment.set_len(bytes).map_err(failed)?;
        segment.seek(SeekFrom::End(0)).map_err(failed)?;
        // A killed process may have left a whole frame that was not synced; readers are about to see it.
        segment.sync_all().map_err(|source| StoreError::io("syncing", &path, source))?;
        files::sync_folder(folder)?;
        Ok(Self {
            folder: folder.to_owned(),
            store,
            position,
            segment,
            segment_first: header.first_batch(),
            segment_bytes: bytes,
            segment_bytes_max,
            salt: header.salt,
            buffer: Vec::new(),
            failed: false,
        })
    }

    /// Reads the journal from batch `after` + 1, handing each frame to `replay`, and changes nothing in its frames.
    /// Refuses what [`Journal::open`] would refuse. Returns where the store stands.
    pub fn read_to_end(
        folder: &Path,
        store: StoreId,
        after: u64,
        acknowledged: u64,
        replay: &mut dyn FnMut(Frame<'_>) -> Result<(), StoreError>,
    ) -> Result<Position, StoreError> {
        read_all(folder, &store, after, acknowledged, replay).map(|newest| newest.position)
    }

    /// Hands the frames of batch `after` + 1 to batch `through` to `sink`.
    pub fn read(
        folder: &Path,
        store: StoreId,
        after: u64,
        through: u64,
        sink: &mut dyn FnMut(Frame<'_>) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let mut wanted =
            |frame: Frame<'_>| if frame.position.batch <= through { sink(frame) } else { Ok(()) };
        read_all(folder, &store, after, through, &mut wanted).map(|_| ())
    }

    /// First batch that the journal in a folder still holds.
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
        if self.segment_bytes >= self.segment_bytes_max {
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

/// The segment to append to.
struct Newest {
    header: SegmentHeader,
    position: Position,
    bytes: u64,
}

/// Reads the segments from the one that holds batch `after` + 1 to the newest, which is always read whole.
fn read_all(
    folder: &Path,
    store: &StoreId,
    after: u64,
    acknowledged: u64,
    replay: &mut dyn FnMut(Frame<'_>) -> Result<(), StoreError>,
) -> Result<Newest, StoreError> {
    let firsts = present_segments(folder, store)?;
    let from = firsts.partition_point(|first| *first <= after + 1).saturating_sub(1);
    let mut newest: Option<Newest> = None;
    for (at, first) in firsts.iter().enumerate().skip(from) {
        let segment = Segment::read(folder, *first, store)?
            .ok_or_else(|| damaged(&path_of(folder, *first), 0, "its header is not readable"))?;
        let previous_first = if at == 0 { segment.header.previous_first } else { firsts[at - 1] };
        let follows = newest.as_ref().is_none_or(|before| before.position == segment.header.before);
        if segment.header.previous_first != previous_first || !follows {
            return Err(damaged(
                &segment.path,
                0,
                "the segment before it is not the one it was written after",
            ));
        }
        let mut beyond = |frame: Frame<'_>| if frame.position.batch > after { replay(frame) } else { Ok(()) };
        let (position, ending) = segment.frames(&mut beyond)?;
        let bytes = match ending {
            Ending::Whole => segment.length(),
            Ending::Torn { offset } if at + 1 == firsts.len() && position.batch >= acknowledged => {
                tracing::warn!(segment = %segment.path.display(), offset, "cut off a batch that was never answered");
                offset
            }
            Ending::Torn { offset } => {
                return Err(damaged(&segment.path, offset, "a frame that was answered is not readable"));
            }
        };
        newest = Some(Newest { header: segment.header, position, bytes: bytes as u64 });
    }
    let newest = newest.ok_or_else(|| damaged(folder, 0, "it holds no segment"))?;
    if newest.position.batch < acknowledged {
        let path = path_of(folder, newest.header.first_batch());
        let at = usize::try_from(newest.bytes).unwrap_or(usize::MAX);
        return Err(damaged(
            &path,
            at,
            &format!("it ends with batch {}, but batch {acknowledged} was answered", newest.position.batch),
        ));
    }
    Ok(newest)
}

/// The segments in order, without a newest one whose making was interrupted before anything went in.
fn present_segments(folder: &Path, store: &StoreId) -> Result<Vec<u64>, StoreError> {
    let mut firsts = segment::list(folder)?;
    if let [.., _, newest] = firsts[..]
        && Segment::read(folder, newest, store)?.is_none()
    {
        files::remove(&path_of(folder, newest))?;
        files::sync_folder(folder)?;
        firsts.pop();
    }
    Ok(firsts)
}
