//! Revocation that reaches offline machines: IETF Token Status List with two bits per entry.

use super::{Instant, MerchantId, Restore};

/// Entries of one list.
pub const STATUS_SLOTS_PER_LIST: u32 = 1 << 17;
const STATUS_BITS: usize = 2;

/// What an entry says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// Nothing against it.
    Valid,
    /// Final: revoked or released.
    Invalid,
    /// Can be lifted.
    Suspended,
    /// There is a newer one: ask for the current license key.
    Superseded,
}

impl Status {
    /// The entry's value.
    pub fn value(self) -> u8 {
        match self {
            Self::Valid => 0,
            Self::Invalid => 1,
            Self::Suspended => 2,
            Self::Superseded => 3,
        }
    }

    /// Reads an entry's value.
    pub fn from_value(value: u8) -> Option<Self> {
        [Self::Valid, Self::Invalid, Self::Suspended, Self::Superseded]
            .into_iter()
            .find(|status| status.value() == value)
    }
}

/// Which list of a merchant.
pub type StatusListNumber = u32;

/// One entry of one list; never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StatusSlot {
    /// Which list of the merchant.
    pub list: StatusListNumber,
    /// Which entry, below [`STATUS_SLOTS_PER_LIST`].
    pub idx: u32,
}

/// An entry that is to change at the next publication.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusFlip {
    /// Whose list.
    pub merchant: MerchantId,
    /// Which entry.
    pub slot: StatusSlot,
    /// What it will say.
    pub status: Status,
}

/// A published list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusList {
    /// Whose.
    pub merchant: MerchantId,
    /// Which.
    pub number: StatusListNumber,
    /// Two bits per entry, least significant bits first.
    pub bits: Vec<u8>,
    /// Strictly increasing.
    pub seq: u64,
    /// The signed token, as every client reads it.
    pub token: String,
    /// When it was signed.
    pub published_at: Instant,
    /// When clients refuse it as too old.
    pub expires_at: Instant,
}

impl StatusList {
    /// The bits of a list in which nothing was ever said.
    pub fn blank_bits() -> Vec<u8> {
        let bytes = usize::try_from(STATUS_SLOTS_PER_LIST).expect("2^17 fits") * STATUS_BITS / 8;
        vec![0; bytes]
    }

    /// Writes one entry.
    pub fn write(bits: &mut [u8], idx: u32, status: Status) {
        let (byte, shift) = Self::place(idx);
        bits[byte] = (bits[byte] & !(0b11 << shift)) | (status.value() << shift);
    }

    /// Reads one entry.
    pub fn read(bits: &[u8], idx: u32) -> Option<Status> {
        let (byte, shift) = Self::place(idx);
        bits.get(byte).and_then(|byte| Status::from_value((byte >> shift) & 0b11))
    }

    fn place(idx: u32) -> (usize, usize) {
        let bit = usize::try_from(idx).expect("32 bits fit") * STATUS_BITS;
        (bit / 8, bit % 8)
    }

    /// The next `seq`: the clock's seconds, and always more than before. A list that nobody has published since a restore
    /// moves above whatever was published in the lost time.
    pub fn next_seq(previous: Option<u64>, untouched_since: Option<&Restore>, now: Instant) -> u64 {
        let clock = u64::try_from(now.timestamp()).unwrap_or(0);
        let least = untouched_since.map_or(clock, |restore| restore.seq_above(now));
        previous.map_or(least, |seq| least.max(seq + 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_do_not_disturb_their_neighbours() {
        let mut bits = StatusList::blank_bits();
        for idx in [0, 1, 2, 3, STATUS_SLOTS_PER_LIST - 1] {
            StatusList::write(&mut bits, idx, Status::Superseded);
        }
        StatusList::write(&mut bits, 1, Status::Suspended);
        StatusList::write(&mut bits, 2, Status::Valid);
        let read = |idx| StatusList::read(&bits, idx);
        assert_eq!(
            [read(0), read(1), read(2), read(3), read(4)].map(|status| status.map(Status::value)),
            [Some(3), Some(2), Some(0), Some(3), Some(0)]
        );
        assert_eq!(read(STATUS_SLOTS_PER_LIST - 1), Some(Status::Superseded));
        assert_eq!(read(STATUS_SLOTS_PER_LIST), None);
    }

    #[test]
    fn seq_moves_forward_even_when_the_clock_does_not() {
        let now: Instant = "2026-01-01T00:00:00Z".parse().expect("valid");
        let first = StatusList::next_seq(None, None, now);
        assert_eq!(StatusList::next_seq(Some(first), None, now), first + 1);
        assert_eq!(StatusList::next_seq(Some(first + 9), None, now), first + 10);
    }

    #[test]
    fn a_list_of_the_backup_moves_above_what_was_published_in_the_lost_time() {
        let taken_at: Instant = "2026-11-22T09:00:00Z".parse().expect("valid");
        let now = taken_at + chrono::TimeDelta::hours(1);
        let restore = Restore { taken_at, restored_at: now };
        let clock = u64::try_from(now.timestamp()).expect("after 1970");
        // The list may have been published many times in every second of the lost hour.
        assert!(StatusList::next_seq(Some(5), Some(&restore), now) > clock + 32 * 3_600);
        assert_eq!(StatusList::next_seq(Some(1 << 50), Some(&restore), now), (1 << 50) + 1);
    }
}
