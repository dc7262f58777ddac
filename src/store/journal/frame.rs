//! The bytes of one batch in the journal.
//!
//! ```text
//! header  magic 4 | payload length u32 | batch u64 | revision u64 | commits u32 | CRC-32C u32
//! payload per commit: effects u32, then per effect:
//!         tag u8 (1 record, 0 removed) | key length u16 | key | record: length u32 | stored record
//! ```
//! Integers are little-endian. The checksum covers the segment's salt, the header before it, and the payload.
//! The salt is random: bytes that a caller put into a body can never pass for a frame.

use super::super::engine::{Batch, Position};
use super::super::record::Revision;

/// First bytes of a frame.
pub(super) const FRAME_MAGIC: [u8; 4] = *b"LJF1";

/// Bytes before the payload.
pub(super) const FRAME_HEADER_BYTES: usize = 32;

/// Longest frame: 16 MiB. The group commit makes at most 6 MiB.
pub(in crate::store) const FRAME_BYTES_MAX: usize = 16 * 1024 * 1024;

const CRC_AT: usize = 28;
const REMOVED: u8 = 0;
const RECORD: u8 = 1;

/// Appends the frame of a batch. `None` when it would be longer than [`FRAME_BYTES_MAX`].
pub(in crate::store) fn encode(batch: &Batch, salt: u64, out: &mut Vec<u8>) -> Option<()> {
    let start = out.len();
    out.extend_from_slice(&[0; FRAME_HEADER_BYTES]);
    for effects in &batch.commits {
        out.extend_from_slice(&u32::try_from(effects.len()).ok()?.to_le_bytes());
        for effect in effects {
            let key = effect.key.as_bytes();
            out.push(if effect.after.is_some() { RECORD } else { REMOVED });
            out.extend_from_slice(&u16::try_from(key.len()).ok()?.to_le_bytes());
            out.extend_from_slice(key);
            if let Some(record) = &effect.after {
                out.extend_from_slice(&u32::try_from(record.stored_bytes()).ok()?.to_le_bytes());
                record.encode_into(&effect.key, out);
            }
        }
    }
    let frame = &mut out[start..];
    if frame.len() > FRAME_BYTES_MAX {
        return None;
    }
    let payload_bytes = u32::try_from(frame.len() - FRAME_HEADER_BYTES).ok()?;
    frame[0..4].copy_from_slice(&FRAME_MAGIC);
    frame[4..8].copy_from_slice(&payload_bytes.to_le_bytes());
    frame[8..16].copy_from_slice(&batch.position.batch.to_le_bytes());
    frame[16..24].copy_from_slice(&batch.position.revision.number().to_le_bytes());
    frame[24..28].copy_from_slice(&u32::try_from(batch.commits.len()).ok()?.to_le_bytes());
    let crc = checksum(salt, frame);
    frame[CRC_AT..FRAME_HEADER_BYTES].copy_from_slice(&crc.to_le_bytes());
    Some(())
}

/// A frame whose checksum holds.
#[derive(Debug, Clone, Copy)]
pub(in crate::store) struct Frame<'a> {
    /// Where the store stands after it.
    pub position: Position,
    commits: u32,
    payload: &'a [u8],
}

/// One stored effect: the key in its encoded form, and the record in its stored form unless it was removed.
pub(in crate::store) type StoredEffect<'a> = (&'a [u8], Option<&'a [u8]>);

impl<'a> Frame<'a> {
    /// The frame at the start of `bytes`; `None` unless a whole one with the right checksum lies there.
    pub(in crate::store) fn read(bytes: &'a [u8], salt: u64) -> Option<Self> {
        let header: &[u8; FRAME_HEADER_BYTES] = bytes.first_chunk()?;
        let u32_at = |at: usize| u32::from_le_bytes(std::array::from_fn(|i| header[at + i]));
        let u64_at = |at: usize| u64::from_le_bytes(std::array::from_fn(|i| header[at + i]));
        let length = FRAME_HEADER_BYTES + usize::try_from(u32_at(4)).ok()?;
        if header[..4] != FRAME_MAGIC || length > FRAME_BYTES_MAX {
            return None;
        }
        let frame = bytes.get(..length)?;
        if checksum(salt, frame) != u32_at(CRC_AT) {
            return None;
        }
        let position = Position { batch: u64_at(8), revision: Revision::from_number(u64_at(16)) };
        Some(Self { position, commits: u32_at(24), payload: &frame[FRAME_HEADER_BYTES..] })
    }

    /// Its length with the header.
    pub(in crate::store) fn bytes(&self) -> usize {
        FRAME_HEADER_BYTES + self.payload.len()
    }

    /// All effects in order; `None` when the payload is not of this form though its checksum holds.
    pub(in crate::store) fn effects(&self) -> Option<Vec<StoredEffect<'a>>> {
        let mut rest = self.payload;
        let mut effects = Vec::new();
        for _ in 0..self.commits {
            let count = u32::from_le_bytes(take(&mut rest)?);
            for _ in 0..count {
                effects.push(read_effect(&mut rest)?);
            }
        }
        rest.is_empty().then_some(effects)
    }
}

fn read_effect<'a>(rest: &mut &'a [u8]) -> Option<StoredEffect<'a>> {
    let [tag] = take(rest)?;
    let key_bytes = u16::from_le_bytes(take(rest)?);
    let key = take_slice(rest, key_bytes.into())?;
    match tag {
        REMOVED => Some((key, None)),
        RECORD => {
            let record_bytes = u32::from_le_bytes(take(rest)?);
            Some((key, Some(take_slice(rest, usize::try_from(record_bytes).ok()?)?)))
        }
        _ => None,
    }
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (head, tail) = rest.split_first_chunk::<N>()?;
    *rest = tail;
    Some(*head)
}

fn take_slice<'a>(rest: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (head, tail) = rest.split_at_checked(length)?;
    *rest = tail;
    Some(head)
}

fn checksum(salt: u64, frame: &[u8]) -> u32 {
    let crc = crc32c::crc32c_append(crc32c::crc32c(&salt.to_le_bytes()), &frame[..CRC_AT]);
    crc32c::crc32c_append(crc, &frame[FRAME_HEADER_BYTES..])
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::store::{Effect, Kind, Record, RecordKey};

    const SALT: u64 = 77;

    fn batch() -> Batch {
        let effect = |own: &str, body: Option<&[u8]>| Effect {
            key: RecordKey::new("m", Kind::License, own).expect("short"),
            after: body.map(|body| {
                let revision = Revision::from_number(3);
                Arc::new(Record { revision, until_ms: None, schema: 1, body: body.to_vec() })
            }),
        };
        Batch {
            position: Position { batch: 9, revision: Revision::from_number(3) },
            commits: vec![vec![effect("a", Some(b"one")), effect("b", None)], vec![effect("c", Some(b""))]],
        }
    }

    fn encoded() -> Vec<u8> {
        let mut out = Vec::new();
        encode(&batch(), SALT, &mut out).expect("a small batch fits");
        out
    }

    #[test]
    fn a_frame_gives_back_the_effects_of_its_batch_in_order() {
        let bytes = encoded();
        let frame = Frame::read(&bytes, SALT).expect("a whole frame");
        assert_eq!((frame.position, frame.bytes()), (batch().position, bytes.len()));
        let stored: Vec<_> = batch()
            .effects()
            .map(|effect| {
                let record = effect.after.as_ref().map(|record| record.encode(&effect.key));
                (effect.key.as_bytes().to_vec(), record)
            })
            .collect();
        let read = frame.effects().expect("a well-formed payload");
        let read: Vec<_> =
            read.into_iter().map(|(key, record)| (key.to_vec(), record.map(<[u8]>::to_vec))).collect();
        assert_eq!(read, stored);
    }

    #[test]
    fn every_flipped_bit_and_every_cut_makes_a_frame_unreadable() {
        let bytes = encoded();
        for bit in 0..bytes.len() * 8 {
            let mut bad = bytes.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert!(Frame::read(&bad, SALT).is_none(), "bit {bit}");
        }
        for length in 0..bytes.len() {
            assert!(Frame::read(&bytes[..length], SALT).is_none(), "{length} bytes");
        }
    }

    #[test]
    fn a_frame_of_another_segment_does_not_pass() {
        assert!(Frame::read(&encoded(), SALT + 1).is_none());
    }
}
