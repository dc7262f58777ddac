//! One file of the journal: its name, its header, and what can be read from it.
//!
//! ```text
//! header  magic 8 | format u32 | zero u32 | store 16 | first batch u64 | first batch of the segment before u64
//!         | revision before the first batch u64 | salt u64 | zero u32 | CRC-32C u32
//! ```

use std::path::{Path, PathBuf};

use super::super::engine::Position;
use super::super::error::StoreError;
use super::super::files;
use super::super::record::Revision;
use super::frame::{FRAME_BYTES_MAX, FRAME_MAGIC, Frame};

/// What tells one store's files from another's.
pub(in crate::store) type StoreId = [u8; 16];

/// Bytes before the first frame.
pub(super) const SEGMENT_HEADER_BYTES: usize = 72;

const MAGIC: [u8; 8] = *b"lictorJL";
const FORMAT: u32 = 1;
const CRC_AT: usize = 68;
const EXTENSION: &str = "seg";

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
    folder.join(format!("{first_batch:020}.{EXTENSION}"))
}

/// The first batches of the segments in a folder, in order.
pub(super) fn list(folder: &Path) -> Result<Vec<u64>, StoreError> {
    let failed = |source| StoreError::io("listing", folder, source);
    let mut firsts = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.extension().is_some_and(|extension| extension == EXTENSION) {
            let first = path.file_stem().and_then(|stem| stem.to_str()).and_then(|stem| stem.parse().ok());
            firsts.push(first.ok_or_else(|| damaged(&path, 0, "its name is no batch number"))?);
        }
    }
    firsts.sort_unstable();
    Ok(firsts)
}

/// Why the bytes at an offset are not the frame that must follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// The file ends with a whole frame.
    Whole,
    /// Nothing readable from this offset on, and little enough to be one frame that was never finished.
    Torn { offset: usize },
}

/// A segment read into memory, with its header checked.
pub(super) struct Segment {
    pub path: PathBuf,
    pub header: SegmentHeader,
    bytes: Vec<u8>,
}

impl Segment {
    /// `Ok(None)` when the file holds no more than a header that was never finished.
    pub fn read(folder: &Path, first_batch: u64, store: &StoreId) -> Result<Option<Self>, StoreError> {
        let path = path_of(folder, first_batch);
        let bytes = files::read_if_there(&path)?.ok_or_else(|| damaged(&path, 0, "it is missing"))?;
        let Some(header) = SegmentHeader::decode(&bytes) else {
            let unfinished = bytes.len() <= SEGMENT_HEADER_BYTES;
            return if unfinished { Ok(None) } else { Err(damaged(&path, 0, "its header is not readable")) };
        };
        if header.first_batch() != first_batch || header.store != *store {
            return Err(damaged(&path, 0, "its header belongs to another file"));
        }
        Ok(Some(Self { path, header, bytes }))
    }

    /// Length of the file.
    pub fn length(&self) -> usize {
        self.bytes.len()
    }

    /// Hands each frame to `sink`, in order, checking that batches follow each other. Returns where the store
    /// stands at the end, and how the file ends.
    pub fn frames(
        &self,
        sink: &mut dyn FnMut(Frame<'_>) -> Result<(), StoreError>,
    ) -> Result<(Position, Ending), StoreError> {
        let mut position = self.header.before;
        let mut offset = SEGMENT_HEADER_BYTES;
        while offset < self.bytes.len() {
            let Some(frame) = Frame::read(&self.bytes[offset..], self.header.salt) else {
                self.refuse_if_frames_follow(offset)?;
                return Ok((position, Ending::Torn { offset }));
            };
            if frame.position.batch != position.batch + 1 || frame.position.revision < position.revision {
                return Err(damaged(&self.path, offset, "a batch is missing before it"));
            }
            position = frame.position;
            sink(frame)?;
            offset += frame.bytes();
        }
        Ok((position, Ending::Whole))
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

/// Damage of the journal: nothing can be rebuilt from it, so the start is refused.
pub(super) fn damaged(path: &Path, offset: usize, what: &str) -> StoreError {
    StoreError::Damaged {
        place: format!("{} at byte {offset}", path.display()),
        what: what.to_owned(),
        next: "nothing was changed; copy the folder away and restore the newest backup",
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
