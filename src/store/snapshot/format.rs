//! The bytes of a snapshot.
//!
//! ```text
//! header   magic 8 | format u32 | store schema u32 | store 16 | batch u64 | revision u64 | taken at u64 | zero u32
//!          | CRC-32C u32
//! section  kind 4 | plain bytes u32 | stored bytes u32 | items u32 | CRC-32C u32 | content, as raw DEFLATE (RFC 1951)
//!          where that is shorter
//!          REC1: records in the order of their keys: key length u16 | key | length u32 | stored record
//!          FRM1: frames of the journal, with a salt of zero
//! trailer  kind 4 (END1) | zero u32 | batch u64 | revision u64 | records u64 | frames u64 | SHA-256 32
//! ```
//! Integers are little-endian; instants are Unix milliseconds. The position in the header is the one before the
//! scan, that in the trailer the one that the frames lead to. A section's checksum covers its offset in the file,
//! its header and its content as stored; the digest covers every byte before it. Nothing follows the trailer.

use super::super::embedded::STORE_SCHEMA;
use super::super::engine::Position;
use super::super::journal::{FRAME_BYTES_MAX, StoreId};
use super::super::record::Revision;

pub(super) const HEADER_BYTES: usize = 64;
pub(super) const SECTION_HEADER_BYTES: usize = 20;
pub(super) const TRAILER_BYTES: usize = 72;

/// Bytes of the trailer that its digest covers.
pub(super) const TRAILER_DIGESTED_BYTES: usize = TRAILER_BYTES - 32;

/// A section ends once it holds this many bytes: 256 KiB.
pub(super) const SECTION_BYTES: usize = 256 * 1024;

/// Longest content of a section: the longest frame on top of a full section.
pub(super) const SECTION_BYTES_MAX: usize = SECTION_BYTES + FRAME_BYTES_MAX;

pub(super) const KIND_RECORDS: [u8; 4] = *b"REC1";
pub(super) const KIND_FRAMES: [u8; 4] = *b"FRM1";
pub(super) const KIND_END: [u8; 4] = *b"END1";

/// The salt of a snapshot's frames: a section says where they are, nothing is searched for.
pub(super) const FRAME_SALT: u64 = 0;

const MAGIC: [u8; 8] = *b"lictorSN";
const FORMAT: u32 = 1;
const HEADER_CRC_AT: usize = 60;
const SECTION_CRC_AT: usize = 16;

/// What a snapshot's header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store) struct SnapshotHeader {
    pub store: StoreId,
    pub schema: u32,
    /// Where the store stood before the scan.
    pub before: Position,
    /// When it was taken, in Unix milliseconds.
    pub taken_at_ms: u64,
}

/// Why bytes are no header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BadHeader {
    /// Another program's, or none.
    Foreign,
    /// Changed since it was written.
    Damaged,
    /// A later version of this program wrote it.
    Newer { schema: u32 },
}

impl SnapshotHeader {
    pub(super) fn encode(&self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        bytes[0..8].copy_from_slice(&MAGIC);
        bytes[8..12].copy_from_slice(&FORMAT.to_le_bytes());
        bytes[12..16].copy_from_slice(&self.schema.to_le_bytes());
        bytes[16..32].copy_from_slice(&self.store);
        bytes[32..40].copy_from_slice(&self.before.batch.to_le_bytes());
        bytes[40..48].copy_from_slice(&self.before.revision.number().to_le_bytes());
        bytes[48..56].copy_from_slice(&self.taken_at_ms.to_le_bytes());
        let crc = crc32c::crc32c(&bytes[..HEADER_CRC_AT]);
        bytes[HEADER_CRC_AT..].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    pub(super) fn decode(bytes: &[u8; HEADER_BYTES]) -> Result<Self, BadHeader> {
        if bytes[..8] != MAGIC {
            return Err(BadHeader::Foreign);
        }
        if u32_at(bytes, HEADER_CRC_AT) != crc32c::crc32c(&bytes[..HEADER_CRC_AT]) {
            return Err(BadHeader::Damaged);
        }
        let schema = u32_at(bytes, 12);
        if u32_at(bytes, 8) != FORMAT || schema > STORE_SCHEMA {
            return Err(BadHeader::Newer { schema });
        }
        Ok(Self {
            store: std::array::from_fn(|i| bytes[16 + i]),
            schema,
            before: position_at(bytes, 32),
            taken_at_ms: u64_at(bytes, 48),
        })
    }
}

/// What stands before a section's content.
pub(super) struct SectionHeader {
    pub kind: [u8; 4],
    /// Length of the content as it is read.
    pub plain_bytes: u32,
    /// Its length in the file: less where it is compressed.
    pub stored_bytes: u32,
    pub items: u32,
}

impl SectionHeader {
    /// With the checksum over this header and the content as stored, at `offset` of the file.
    pub fn encode(&self, offset: u64, stored: &[u8]) -> [u8; SECTION_HEADER_BYTES] {
        let mut bytes = [0; SECTION_HEADER_BYTES];
        bytes[0..4].copy_from_slice(&self.kind);
        bytes[4..8].copy_from_slice(&self.plain_bytes.to_le_bytes());
        bytes[8..12].copy_from_slice(&self.stored_bytes.to_le_bytes());
        bytes[12..16].copy_from_slice(&self.items.to_le_bytes());
        let crc = checksum(offset, &bytes, stored);
        bytes[SECTION_CRC_AT..].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    pub fn decode(bytes: &[u8; SECTION_HEADER_BYTES]) -> Self {
        let kind = std::array::from_fn(|i| bytes[i]);
        Self { kind, plain_bytes: u32_at(bytes, 4), stored_bytes: u32_at(bytes, 8), items: u32_at(bytes, 12) }
    }

    /// True when the checksum holds.
    pub fn vouches_for(bytes: &[u8; SECTION_HEADER_BYTES], offset: u64, stored: &[u8]) -> bool {
        u32_at(bytes, SECTION_CRC_AT) == checksum(offset, bytes, stored)
    }
}

/// What the end of a snapshot says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Trailer {
    pub after: Position,
    pub records: u64,
    pub frames: u64,
}

impl Trailer {
    /// Without the digest that follows.
    pub fn encode(&self) -> [u8; TRAILER_DIGESTED_BYTES] {
        let mut bytes = [0; TRAILER_DIGESTED_BYTES];
        bytes[0..4].copy_from_slice(&KIND_END);
        bytes[8..16].copy_from_slice(&self.after.batch.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.after.revision.number().to_le_bytes());
        bytes[24..32].copy_from_slice(&self.records.to_le_bytes());
        bytes[32..40].copy_from_slice(&self.frames.to_le_bytes());
        bytes
    }

    pub fn decode(bytes: &[u8; TRAILER_DIGESTED_BYTES]) -> Self {
        Self { after: position_at(bytes, 8), records: u64_at(bytes, 24), frames: u64_at(bytes, 32) }
    }
}

fn checksum(offset: u64, header: &[u8; SECTION_HEADER_BYTES], stored: &[u8]) -> u32 {
    let crc = crc32c::crc32c_append(crc32c::crc32c(&offset.to_le_bytes()), &header[..SECTION_CRC_AT]);
    crc32c::crc32c_append(crc, stored)
}

/// What stands beside key and stored record in a section.
pub(super) const RECORD_LENGTHS_BYTES: usize = 2 + 4;

/// Appends one record to the content of a section.
pub(super) fn put_record(key: &[u8], stored: &[u8], content: &mut Vec<u8>) {
    // A key has at most 512 bytes, a record little more than 256 KiB.
    content.extend_from_slice(&u16::try_from(key.len()).unwrap_or(u16::MAX).to_le_bytes());
    content.extend_from_slice(key);
    content.extend_from_slice(&u32::try_from(stored.len()).unwrap_or(u32::MAX).to_le_bytes());
    content.extend_from_slice(stored);
}

/// Takes the first record off the content of a section: its key and its stored form.
pub(super) fn take_record<'a>(rest: &mut &'a [u8]) -> Option<(&'a [u8], &'a [u8])> {
    let (length, tail) = rest.split_first_chunk::<2>()?;
    let (key, tail) = tail.split_at_checked(u16::from_le_bytes(*length).into())?;
    let (length, tail) = tail.split_first_chunk::<4>()?;
    let (stored, tail) = tail.split_at_checked(usize::try_from(u32::from_le_bytes(*length)).ok()?)?;
    *rest = tail;
    Some((key, stored))
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(std::array::from_fn(|i| bytes[at + i]))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(std::array::from_fn(|i| bytes[at + i]))
}

fn position_at(bytes: &[u8], at: usize) -> Position {
    Position { batch: u64_at(bytes, at), revision: Revision::from_number(u64_at(bytes, at + 8)) }
}
