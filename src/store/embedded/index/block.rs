//! The bytes of one block: neighbouring records in one entry of sled.
//!
//! ```text
//! format u8 (2) | CRC-32C u32 | epoch u64 | bound length u16 | bound | per record: key length u16 | stored length u32
//! | key | stored record
//! ```
//! Integers are little-endian. The checksum covers the key the block lies under and everything else in it. The bound is
//! the key of the block that follows, none after the last: a block that is missing is noticed by the one before it.

use sled::IVec;

use super::super::super::kind::{KIND_BYTES, Kind};

/// A block longer than this is split; a single record may be longer: 8 KiB, three licenses.
pub(super) const BLOCK_BYTES_MAX: usize = 8 * 1024;

/// The same where keys come in no order, so that each new record rewrites another block: 1 KiB.
const SCATTERED_BYTES_MAX: usize = 1024;

const FORMAT: u8 = 2;
const CRC_AT: usize = 1;
const EPOCH_AT: usize = 5;
const BOUND_AT: usize = 13;
const HEADER_BYTES: usize = 15;
const ENTRY_HEADER_BYTES: usize = 6;

/// One record inside a block: its key and its stored form.
pub(super) type Entry<'a> = (&'a [u8], &'a [u8]);

/// A block whose checksum holds.
#[derive(Clone)]
pub(super) struct Block {
    pub crc: u32,
    /// In which stretch between two checkpoints it was written.
    pub epoch: u64,
    bytes: IVec,
    records_at: usize,
}

impl Block {
    /// `None` when these bytes are not a whole block that was written under this key.
    pub fn read(lower: &[u8], bytes: IVec) -> Option<Self> {
        let header: &[u8; HEADER_BYTES] = bytes.first_chunk()?;
        let crc = u32::from_le_bytes(std::array::from_fn(|i| header[CRC_AT + i]));
        if header[0] != FORMAT || crc != checksum(lower, &bytes) {
            return None;
        }
        let epoch = u64::from_le_bytes(std::array::from_fn(|i| header[EPOCH_AT + i]));
        let bound_bytes = u16::from_le_bytes(std::array::from_fn(|i| header[BOUND_AT + i]));
        let records_at = HEADER_BYTES + usize::from(bound_bytes);
        (records_at <= bytes.len()).then_some(Self { crc, epoch, bytes, records_at })
    }

    /// The key of the block that follows; `None` after the last.
    pub fn upper(&self) -> Option<&[u8]> {
        let bound = &self.bytes[HEADER_BYTES..self.records_at];
        (!bound.is_empty()).then_some(bound)
    }

    /// Its records in order. What is not of this form ends it: the checksum has held, so there is nothing such.
    pub fn entries(&self) -> impl Iterator<Item = Entry<'_>> {
        let mut rest = &self.bytes[self.records_at..];
        std::iter::from_fn(move || {
            let (header, tail) = rest.split_first_chunk::<ENTRY_HEADER_BYTES>()?;
            let key_bytes = usize::from(u16::from_le_bytes([header[0], header[1]]));
            let stored_bytes = u32::from_le_bytes([header[2], header[3], header[4], header[5]]);
            let (key, tail) = tail.split_at_checked(key_bytes)?;
            let (stored, tail) = tail.split_at_checked(usize::try_from(stored_bytes).ok()?)?;
            rest = tail;
            Some((key, stored))
        })
    }

    /// The stored form of one record.
    pub fn find(&self, key: &[u8]) -> Option<&[u8]> {
        self.entries()
            .take_while(|(found, _)| *found <= key)
            .find(|(found, _)| *found == key)
            .map(|(_, stored)| stored)
    }
}

/// The bytes of a block, and their checksum.
pub(super) fn encode<'a>(
    lower: &[u8],
    upper: Option<&[u8]>,
    epoch: u64,
    entries: impl Iterator<Item = Entry<'a>>,
) -> (Vec<u8>, u32) {
    let bound = upper.unwrap_or_default();
    let mut out = Vec::with_capacity(BLOCK_BYTES_MAX + 512);
    out.extend_from_slice(&[FORMAT, 0, 0, 0, 0]);
    out.extend_from_slice(&epoch.to_le_bytes());
    out.extend_from_slice(&short(bound).to_le_bytes());
    out.extend_from_slice(bound);
    for (key, stored) in entries {
        out.extend_from_slice(&short(key).to_le_bytes());
        let stored_bytes = u32::try_from(stored.len()).expect("a body has at most 256 KiB");
        out.extend_from_slice(&stored_bytes.to_le_bytes());
        out.extend_from_slice(key);
        out.extend_from_slice(stored);
    }
    let crc = checksum(lower, &out);
    out[CRC_AT..EPOCH_AT].copy_from_slice(&crc.to_le_bytes());
    (out, crc)
}

fn short(key: &[u8]) -> u16 {
    u16::try_from(key.len()).expect("a key has at most 512 bytes")
}

fn checksum(lower: &[u8], block: &[u8]) -> u32 {
    let crc = crc32c::crc32c_append(crc32c::crc32c(lower), &block[..CRC_AT]);
    crc32c::crc32c_append(crc, &block[EPOCH_AT..])
}

/// One record of a block that is about to be written.
#[derive(Clone, Copy)]
pub(super) struct Merged<'a> {
    pub entry: Entry<'a>,
    /// It was not in the block before.
    pub is_new: bool,
}

/// Cuts what has become too long for one block into pieces, in order; one piece when it fits, or holds nothing.
///
/// Keys mostly come in order: what was appended to a stretch of keys fills blocks to the brim, and what follows the
/// stretch gets a block of its own. Everything else is cut into pieces of like length.
pub(super) fn cut<'a, 'b>(merged: &'b [Merged<'a>]) -> Vec<&'b [Merged<'a>]> {
    let total: usize = merged.iter().map(bytes).sum();
    let bytes_max = merged.first().map_or(BLOCK_BYTES_MAX, |first| bytes_max(first.entry.0));
    if total <= bytes_max {
        return vec![merged];
    }
    if let Some(end) = appended_up_to(merged) {
        let (stretch, rest) = merged.split_at(end);
        let mut pieces = filled(stretch, bytes_max);
        if !rest.is_empty() {
            pieces.extend(cut_evenly(rest, bytes_max));
        }
        return pieces;
    }
    cut_evenly(merged, bytes_max)
}

fn cut_evenly<'a, 'b>(merged: &'b [Merged<'a>], bytes_max: usize) -> Vec<&'b [Merged<'a>]> {
    let total: usize = merged.iter().map(bytes).sum();
    let pieces = total.div_ceil(bytes_max).max(1);
    filled(merged, total.div_ceil(pieces).max(1))
}

/// How long a block may be that starts with this key.
fn bytes_max(key: &[u8]) -> usize {
    let prefix = prefix(key);
    let kind = prefix.len().checked_sub(KIND_BYTES).and_then(|at| Kind::from_bytes(&prefix[at..]));
    match kind {
        Some(kind) if Kind::DIGESTS.contains(&kind) => SCATTERED_BYTES_MAX,
        Some(_) | None => BLOCK_BYTES_MAX,
    }
}

/// Pieces of up to so many bytes and at least one record.
fn filled<'a, 'b>(merged: &'b [Merged<'a>], piece_bytes: usize) -> Vec<&'b [Merged<'a>]> {
    let mut pieces = Vec::new();
    let (mut start, mut sum) = (0, 0);
    for (at, record) in merged.iter().enumerate() {
        if sum + bytes(record) > piece_bytes && at > start {
            pieces.push(&merged[start..at]);
            (start, sum) = (at, 0);
        }
        sum += bytes(record);
    }
    pieces.push(&merged[start..]);
    pieces
}

/// The end of the new records, when they follow each other and so look like keys that come in order.
fn appended_up_to(merged: &[Merged<'_>]) -> Option<usize> {
    let first = merged.iter().position(|record| record.is_new)?;
    let last = merged.iter().rposition(|record| record.is_new)?;
    if merged[first..=last].iter().any(|record| !record.is_new) {
        return None;
    }
    let end_of_its_kind =
        merged.get(last + 1).is_none_or(|next| prefix(next.entry.0) != prefix(merged[last].entry.0));
    (end_of_its_kind || last > first).then_some(last + 1)
}

/// Merchant and kind of a key.
fn prefix(key: &[u8]) -> &[u8] {
    let separator = key.iter().position(|byte| *byte == 0).unwrap_or(key.len());
    &key[..key.len().min(separator + 1 + KIND_BYTES)]
}

fn bytes(Merged { entry: (key, stored), .. }: &Merged<'_>) -> usize {
    ENTRY_HEADER_BYTES + key.len() + stored.len()
}
