//! One segment of the journal: its names, its header, and what can be read from it.
//!
//! ```text
//! header  magic 8 | format u32 | zero u32 | store 16 | first batch u64 | first batch of the segment before u64
//!         | revision before the first batch u64 | salt u64 | zero u32 | CRC-32C u32
//! ```

use std::fs::File;
use std::io::Read;
use std::ops::Range;
use std::path::{Path, PathBuf};

use super::super::engine::Position;
use super::super::error::StoreError;
use super::super::files;
use super::super::record::Revision;
use super::frame::{FRAME_BYTES_MAX, FRAME_MAGIC, Frame};
use super::{SEGMENT_BYTES_MAX, sealed};

/// What tells one store's files from another's.
pub(in crate::store) type StoreId = [u8; 16];

/// Bytes before the first frame.
pub(super) const SEGMENT_HEADER_BYTES: usize = 72;

const MAGIC: [u8; 8] = *b"lictorJL";
const FORMAT: u32 = 1;
const CRC_AT: usize = 68;
const PLAIN: &str = "seg";
const SEALED: &str = "sealed";
const NAME_DIGITS: usize = 20;

/// Longest plain segment: it is followed by another once it is full, and its last frame may cross that line.
pub(super) const PLAIN_BYTES_MAX: u64 = SEGMENT_BYTES_MAX + (SEGMENT_HEADER_BYTES + FRAME_BYTES_MAX) as u64;

/// What a segment's header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SegmentHeader {
    pub store: StoreId,
    /// First batch of the segment before; zero in the first segment of all.
    pub previous_first: u64,
    /// Where the store stood when this segment was begun: its first batch is the next one.
    pub before: Position,
    /// Random; part of every frame's checksum.
    pub salt: u64,
}

impl SegmentHeader {
    pub fn first_batch(&self) -> u64 {
        self.before.batch + 1
    }

    pub fn encode(&self) -> [u8; SEGMENT_HEADER_BYTES] {
        let mut bytes = [0; SEGMENT_HEADER_BYTES];
        bytes[0..8].copy_from_slice(&MAGIC);
        bytes[8..12].copy_from_slice(&FORMAT.to_le_bytes());
        bytes[16..32].copy_from_slice(&self.store);
        bytes[32..40].copy_from_slice(&self.first_batch().to_le_bytes());
        bytes[40..48].copy_from_slice(&self.previous_first.to_le_bytes());
        bytes[48..56].copy_from_slice(&self.before.revision.number().to_le_bytes());
        bytes[56..64].copy_from_slice(&self.salt.to_le_bytes());
        let crc = crc32c::crc32c(&bytes[..CRC_AT]);
        bytes[CRC_AT..].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    /// `None` when these bytes are no whole header of a known format.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let header: &[u8; SEGMENT_HEADER_BYTES] = bytes.first_chunk()?;
        let u64_at = |at: usize| u64::from_le_bytes(std::array::from_fn(|i| header[at + i]));
        let crc = u32::from_le_bytes(std::array::from_fn(|i| header[CRC_AT + i]));
        if header[..8] != MAGIC
            || header[8..12] != FORMAT.to_le_bytes()
            || crc != crc32c::crc32c(&header[..CRC_AT])
        {
            return None;
        }
        let batch = u64_at(32).checked_sub(1)?;
        Some(Self {
            store: std::array::from_fn(|i| header[16 + i]),
            previous_first: u64_at(40),
            before: Position { batch, revision: Revision::from_number(u64_at(48)) },
            salt: u64_at(56),
        })
    }
}

/// The name of the segment that starts with this batch; names sort like batches.
pub(super) fn path_of(folder: &Path, first_batch: u64) -> PathBuf {
    folder.join(format!("{first_batch:020}.{PLAIN}"))
}

/// The name of the same segment once it is sealed.
pub(super) fn sealed_path_of(folder: &Path, first_batch: u64) -> PathBuf {
    folder.join(format!("{first_batch:020}.{SEALED}"))
}

/// The first batches of the segments in a folder, plain or sealed or both, in order.
pub(super) fn list(folder: &Path) -> Result<Vec<u64>, StoreError> {
    let failed = |source| StoreError::io("listing", folder, source);
    let mut firsts = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.extension().is_some_and(|extension| extension == PLAIN || extension == SEALED) {
            firsts.push(first_in(&path).ok_or_else(|| damaged(&path, 0, "its name is no batch number"))?);
        }
    }
    firsts.sort_unstable();
    firsts.dedup();
    Ok(firsts)
}

fn first_in(path: &Path) -> Option<u64> {
    let stem = path.file_stem()?.to_str()?;
    let digits = stem.len() == NAME_DIGITS && stem.bytes().all(|byte| byte.is_ascii_digit());
    stem.parse().ok().filter(|_| digits)
}

/// True when a file holds no more than a header that was never finished: no frame was ever in it.
pub(super) fn is_unfinished(path: &Path) -> Result<bool, StoreError> {
    let Some(file) = files::open_if_there(path)? else { return Ok(false) };
    let mut start = Vec::new();
    let read = file.take(SEGMENT_HEADER_BYTES as u64 + 1).read_to_end(&mut start);
    read.map_err(|source| StoreError::io("reading", path, source))?;
    Ok(start.len() <= SEGMENT_HEADER_BYTES && SegmentHeader::decode(&start).is_none())
}

/// How a segment ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tail {
    /// Where the store stands after its last whole frame.
    pub position: Position,
    /// Where that frame lies; empty when there is none.
    pub last_frame: Range<usize>,
    /// Up to here there are only whole frames.
    pub whole: usize,
    /// Nothing readable follows, and little enough to be one frame that was never finished.
    pub torn: bool,
}

/// A segment read into memory, with its header checked.
pub(super) struct Segment {
    pub path: PathBuf,
    pub header: SegmentHeader,
    pub bytes: Vec<u8>,
    /// It was read from its sealed form: nothing can be appended to it.
    pub sealed: bool,
}

impl Segment {
    /// Reads the plain file, or the sealed one when there is no other: a sealed one beside its plain one comes from a
    /// sealing that was interrupted.
    pub fn read(folder: &Path, first_batch: u64, store: &StoreId) -> Result<Self, StoreError> {
        let path = path_of(folder, first_batch);
        let segment = match files::open_if_there(&path)? {
            Some(file) => {
                let bytes = read_bounded(&path, file)?;
                let header = SegmentHeader::decode(&bytes)
                    .ok_or_else(|| damaged(&path, 0, "its header is not readable"))?;
                Self { path, header, bytes, sealed: false }
            }
            None => Self::read_sealed(folder, first_batch)?,
        };
        if segment.header.first_batch() != first_batch || segment.header.store != *store {
            return Err(damaged(&segment.path, 0, "its header belongs to another file"));
        }
        Ok(segment)
    }

    fn read_sealed(folder: &Path, first_batch: u64) -> Result<Self, StoreError> {
        let path = sealed_path_of(folder, first_batch);
        let Some(file) = files::open_if_there(&path)? else {
            return Err(damaged(&path_of(folder, first_batch), 0, "it is missing"));
        };
        let mut bytes = Vec::new();
        let header = sealed::read(&path, file, &mut |block| {
            bytes.extend_from_slice(block);
            Ok(())
        })?;
        Ok(Self { path, header, bytes, sealed: true })
    }

    /// Hands each frame to `sink`, in order, checking that batches follow each other.
    pub fn frames(
        &self,
        sink: &mut dyn FnMut(Frame<'_>) -> Result<(), StoreError>,
    ) -> Result<Tail, StoreError> {
        let mut position = self.header.before;
        let mut offset = SEGMENT_HEADER_BYTES;
        let mut last_frame = 0..0;
        while offset < self.bytes.len() {
            let Some(frame) = Frame::read(&self.bytes[offset..], self.header.salt) else {
                self.refuse_if_frames_follow(offset)?;
                return Ok(Tail { position, last_frame, whole: offset, torn: true });
            };
            if frame.position.batch != position.batch + 1 || frame.position.revision < position.revision {
                return Err(damaged(&self.path, offset, "a batch is missing before it"));
            }
            position = frame.position;
            sink(frame)?;
            last_frame = offset..offset + frame.bytes();
            offset = last_frame.end;
        }
        Ok(Tail { position, last_frame, whole: offset, torn: false })
    }

    /// A frame is written only after the one before it was synced: a good one after a bad one is damage.
    fn refuse_if_frames_follow(&self, offset: usize) -> Result<(), StoreError> {
        let rest = &self.bytes[offset..];
        if rest.len() > FRAME_BYTES_MAX {
            return Err(damaged(&self.path, offset, "what follows is longer than an unfinished frame"));
        }
        let starts = rest.windows(FRAME_MAGIC.len()).enumerate().skip(1);
        let mut candidates = starts.filter(|(_, window)| *window == FRAME_MAGIC).map(|(at, _)| at);
        match candidates.find(|at| Frame::read(&rest[*at..], self.header.salt).is_some()) {
            None => Ok(()),
            Some(_) => Err(damaged(&self.path, offset, "a frame is not readable, but one after it is")),
        }
    }
}

fn read_bounded(path: &Path, file: File) -> Result<Vec<u8>, StoreError> {
    let failed = |source| StoreError::io("reading", path, source);
    let length = file.metadata().map_err(failed)?.len();
    if length > PLAIN_BYTES_MAX {
        return Err(damaged(path, 0, "it is longer than any segment"));
    }
    let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or(0));
    // The file may be growing at this moment.
    file.take(PLAIN_BYTES_MAX).read_to_end(&mut bytes).map_err(failed)?;
    Ok(bytes)
}

/// Damage of the journal: nothing can be rebuilt from it, so the start is refused.
pub(super) fn damaged(path: &Path, offset: usize, what: &str) -> StoreError {
    StoreError::Damaged {
        place: format!("{} at byte {offset}", path.display()),
        what: what.to_owned(),
        next: "the journal was left as it is; copy the folder away and restore the newest backup",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_read_back_and_every_flipped_bit_in_it_is_noticed() {
        let before = Position { batch: 41, revision: Revision::from_number(99) };
        let header = SegmentHeader { store: [7; 16], previous_first: 12, before, salt: 5 };
        let bytes = header.encode();
        assert_eq!(SegmentHeader::decode(&bytes), Some(header));
        for bit in 0..bytes.len() * 8 {
            let mut bad = bytes;
            bad[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(SegmentHeader::decode(&bad), None, "bit {bit}");
        }
    }
}
