//! One stored record, and the bytes it is kept in.

use super::key::RecordKey;

/// Longest body of a record: 256 KiB.
pub const BODY_BYTES_MAX: usize = 256 * 1024;

/// Marks a counter; its body is the value, eight bytes little-endian. No caller may write it with a put.
pub const COUNTER_SCHEMA: u16 = u16::MAX;

/// Schema of an index write that says no other: a look-up key whose body has no shape of its own.
pub const INDEX_SCHEMA: u16 = 0;

/// A record's place in the order of all writes to the store; greater is later.
///
/// Drawn from one sequence for the whole store and kept with each batch, so a revision is never used twice:
/// not by another key, not by a key deleted and made again, not after a restart. A commit against a
/// revision therefore cannot succeed on a successor that merely looks the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Revision(u64);

impl Revision {
    /// Stands for "there is no such record".
    pub const ABSENT: Self = Self(0);

    /// Wraps a number that an engine or an answer gave out.
    pub const fn from_number(number: u64) -> Self {
        Self(number)
    }

    /// The number inside.
    pub const fn number(self) -> u64 {
        self.0
    }
}

/// What lies under a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// What a later commit checks against.
    pub revision: Revision,
    /// When a claim or lease ends, in Unix milliseconds; half-open: it holds up to and not at this instant.
    /// The store never removes a record because of it.
    pub until_ms: Option<u64>,
    /// Which shape the body has; the repositories' own number.
    pub schema: u16,
    /// The bytes a repository wrote.
    pub body: Vec<u8>,
}

impl Record {
    /// The value, if this is a counter.
    pub fn counter(&self) -> Option<i64> {
        if self.schema != COUNTER_SCHEMA {
            return None;
        }
        Some(i64::from_le_bytes(self.body.as_slice().try_into().ok()?))
    }

    /// A counter's record.
    pub(super) fn of_counter(revision: Revision, value: i64) -> Self {
        Self { revision, until_ms: None, schema: COUNTER_SCHEMA, body: value.to_le_bytes().to_vec() }
    }

    /// Appends the stored form: CRC-32C of key and rest, layout, flags, schema, revision, until, body.
    pub(super) fn encode_into(&self, key: &RecordKey, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(&[0; CRC_BYTES]);
        out.push(LAYOUT);
        out.push(if self.until_ms.is_some() { HAS_UNTIL } else { 0 });
        out.extend_from_slice(&self.schema.to_le_bytes());
        out.extend_from_slice(&self.revision.0.to_le_bytes());
        out.extend_from_slice(&self.until_ms.unwrap_or(0).to_le_bytes());
        out.extend_from_slice(&self.body);
        let crc = checksum(key, &out[start + CRC_BYTES..]);
        out[start..start + CRC_BYTES].copy_from_slice(&crc.to_le_bytes());
    }

    /// The stored form by itself.
    pub(super) fn encode(&self, key: &RecordKey) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.stored_bytes());
        self.encode_into(key, &mut out);
        out
    }

    /// Length of the stored form.
    pub(super) fn stored_bytes(&self) -> usize {
        STORED_HEADER_BYTES + self.body.len()
    }

    /// Reads the stored form. The checksum covers the key too: a value under a wrong key is refused.
    pub(super) fn decode(key: &RecordKey, stored: &[u8]) -> Result<Self, BadRecord> {
        let header: &[u8; STORED_HEADER_BYTES] = stored.first_chunk().ok_or(BadRecord)?;
        let crc = u32::from_le_bytes([header[0], header[1], header[2], header[3]]);
        if crc != checksum(key, &stored[CRC_BYTES..]) || header[4] != LAYOUT || header[5] & !HAS_UNTIL != 0 {
            return Err(BadRecord);
        }
        let u64_at = |at: usize| u64::from_le_bytes(std::array::from_fn(|i| header[at + i]));
        Ok(Self {
            revision: Revision(u64_at(8)),
            until_ms: (header[5] & HAS_UNTIL != 0).then(|| u64_at(16)),
            schema: u16::from_le_bytes([header[6], header[7]]),
            body: stored[STORED_HEADER_BYTES..].to_vec(),
        })
    }
}

/// The stored form of a record does not match its checksum or is of an unknown layout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BadRecord;

/// Bytes before the body in the stored form.
pub(super) const STORED_HEADER_BYTES: usize = 24;
const CRC_BYTES: usize = 4;
const LAYOUT: u8 = 1;
const HAS_UNTIL: u8 = 1;

fn checksum(key: &RecordKey, rest: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(key.as_bytes()), rest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::kind::Kind;

    fn key(own: &str) -> RecordKey {
        RecordKey::new("m", Kind::License, own).expect("short")
    }

    fn record() -> Record {
        Record { revision: Revision(7), until_ms: Some(99), schema: 3, body: b"body".to_vec() }
    }

    #[test]
    fn a_stored_record_is_read_back_as_it_was() {
        for until_ms in [None, Some(0), Some(u64::MAX)] {
            let record = Record { until_ms, ..record() };
            assert_eq!(Record::decode(&key("a"), &record.encode(&key("a"))), Ok(record));
        }
    }

    #[test]
    fn every_flipped_bit_of_a_stored_record_is_noticed() {
        let stored = record().encode(&key("a"));
        for bit in 0..stored.len() * 8 {
            let mut bad = stored.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Record::decode(&key("a"), &bad), Err(BadRecord), "bit {bit}");
        }
    }

    #[test]
    fn a_cut_record_and_a_record_under_a_wrong_key_are_noticed() {
        let stored = record().encode(&key("a"));
        for length in 0..stored.len() {
            assert_eq!(Record::decode(&key("a"), &stored[..length]), Err(BadRecord), "{length} bytes");
        }
        assert_eq!(Record::decode(&key("b"), &stored), Err(BadRecord));
    }

    #[test]
    fn only_a_counter_has_a_counter_value() {
        assert_eq!(Record::of_counter(Revision(1), -5).counter(), Some(-5));
        assert_eq!(record().counter(), None);
    }
}
