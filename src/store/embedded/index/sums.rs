//! What each block was at the last checkpoint, kept outside sled.
//!
//! sled can lose an entry, or bring an older one back, without a word. The checksum of every block as it was synced is
//! kept in a file of our own: a block that is read must be that one, or have been written after. What was written after
//! is replayed from the journal, so nothing of it rests on sled.
//!
//! ```text
//! magic 8 | epoch u64 | batch u64 | revision u64 | blocks u64 | per block: hash of its key u64 | checksum u32 | CRC-32C u32
//! ```
//! Integers are little-endian; the last checksum covers everything before it.

use std::collections::HashMap;
use std::path::Path;

use super::super::super::engine::Position;
use super::super::super::error::StoreError;
use super::super::super::files;
use super::super::super::record::Revision;

const NAME: &str = "lictor-blocks";
const MAGIC: [u8; 8] = *b"lictorBS";
const HEADER_BYTES: usize = 40;
const ROW_BYTES: usize = 12;

/// Checksums of all blocks as of one checkpoint.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Sums {
    /// How many checkpoints this index has had. What is written after this one is of the next epoch.
    pub epoch: u64,
    /// What the index had when it was synced.
    pub position: Position,
    blocks: HashMap<u64, u32>,
}

/// What became of blocks since: their new checksum, or removed.
pub(super) type Changes = HashMap<u64, Option<u32>>;

impl Sums {
    /// True when the block under this key is the one that was synced, or was written after.
    pub fn vouch_for(&self, lower: &[u8], epoch: u64, crc: u32) -> bool {
        epoch == self.epoch + 1 || self.blocks.get(&hash(lower)) == Some(&crc)
    }

    /// Every block that was there.
    pub fn blocks(&self) -> impl Iterator<Item = u64> {
        self.blocks.keys().copied()
    }

    /// Bytes of the file.
    pub fn file_bytes(&self) -> usize {
        HEADER_BYTES + self.blocks.len() * ROW_BYTES + 4
    }

    /// The sums of the next checkpoint.
    #[must_use]
    pub fn next(&self, position: Position, changes: &Changes) -> Self {
        let mut blocks = self.blocks.clone();
        for (block, crc) in changes {
            match crc {
                Some(crc) => blocks.insert(*block, *crc),
                None => blocks.remove(block),
            };
        }
        Self { epoch: self.epoch + 1, position, blocks }
    }

    /// `Ok(None)` when there are none; `Err` in words when they are not readable.
    pub fn read(folder: &Path) -> Result<Option<Result<Self, &'static str>>, StoreError> {
        let content = files::read_if_there(&folder.join(NAME))?;
        Ok(content.map(|content| Self::decode(&content).ok_or("its block sums are not readable")))
    }

    /// Puts them in place; they survive a power cut on return.
    pub fn write(&self, folder: &Path) -> Result<(), StoreError> {
        files::replace(folder, NAME, &self.encode())
    }

    fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.file_bytes());
        out.extend_from_slice(&MAGIC);
        let numbers =
            [self.epoch, self.position.batch, self.position.revision.number(), self.blocks.len() as u64];
        for number in numbers {
            out.extend_from_slice(&number.to_le_bytes());
        }
        for (block, crc) in &self.blocks {
            out.extend_from_slice(&block.to_le_bytes());
            out.extend_from_slice(&crc.to_le_bytes());
        }
        let crc = crc32c::crc32c(&out);
        out.extend_from_slice(&crc.to_le_bytes());
        out
    }

    fn decode(content: &[u8]) -> Option<Self> {
        let (covered, crc) = content.split_last_chunk::<4>()?;
        let header: &[u8; HEADER_BYTES] = covered.first_chunk()?;
        if header[..8] != MAGIC || crc32c::crc32c(covered) != u32::from_le_bytes(*crc) {
            return None;
        }
        let u64_at = |at: usize| u64::from_le_bytes(std::array::from_fn(|i| header[at + i]));
        let row = |row: &[u8]| {
            let (block, crc) = row.split_first_chunk::<8>()?;
            Some((u64::from_le_bytes(*block), u32::from_le_bytes(crc.try_into().ok()?)))
        };
        let blocks: HashMap<u64, u32> =
            covered[HEADER_BYTES..].chunks(ROW_BYTES).map(row).collect::<Option<_>>()?;
        let position = Position { batch: u64_at(16), revision: Revision::from_number(u64_at(24)) };
        (blocks.len() as u64 == u64_at(32)).then_some(Self { epoch: u64_at(8), position, blocks })
    }
}

/// FNV-1a: two keys that meet by accident would look like damage, which is safe, and among 10^7 do with odds of 10^-5.
pub(in crate::store::embedded) fn hash(lower: &[u8]) -> u64 {
    lower.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_read_back_and_every_flipped_bit_and_cut_is_noticed() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        assert!(Sums::read(folder.path()).expect("no file").is_none());
        let position = Position { batch: 7, revision: Revision::from_number(9) };
        let changes = Changes::from([(1, Some(2)), (hash(b"key"), Some(4)), (5, None)]);
        let sums = Sums::default().next(position, &changes);
        sums.write(folder.path()).expect("written");
        assert_eq!(Sums::read(folder.path()).expect("a file"), Some(Ok(sums.clone())));
        let bytes = sums.encode();
        assert_eq!(bytes.len(), sums.file_bytes());
        for bit in 0..bytes.len() * 8 {
            let mut bad = bytes.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Sums::decode(&bad), None, "bit {bit}");
        }
        for length in 0..bytes.len() {
            assert_eq!(Sums::decode(&bytes[..length]), None, "{length} bytes");
        }
    }
}
