//! A store that was restored from a backup: what it must leave free for what it cannot know.
//!
//! Between the backup and the restore other records were written, signed from and read by clients: numbers that were
//! given out then must not be given out again. Every number here therefore follows the clock of the restore: whatever
//! was given out before it, also after an earlier restore of the same backup, lies below.

use super::{Instant, StatusListNumber};

/// 2026-01-01T00:00:00Z in Unix seconds: no store is older.
const FIRST_STORE_UNIX_SECS: i64 = 1_767_225_600;
/// More than one status list can be published in a second.
const SEQ_PER_SEC: u64 = 64;
/// More than one activation can be renewed in a second.
const GENERATIONS_PER_SEC: u64 = 64;

/// How long people are reminded that something was lost.
const RECENT_DAYS: i64 = 30;

/// That this store was restored from a backup. Its own revision is the boundary: a record of a smaller one is as the
/// backup had it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restore {
    /// When the backup was taken, by the clock of the server that it is of.
    pub taken_at: Instant,
    /// When it was restored.
    pub restored_at: Instant,
}

impl Restore {
    /// Whether what was lost may still be worth looking for.
    pub fn is_recent(&self, now: Instant) -> bool {
        (now - self.restored_at).num_days() < RECENT_DAYS
    }

    fn secs(&self) -> u64 {
        u64::try_from(self.restored_at.timestamp() - FIRST_STORE_UNIX_SECS).unwrap_or(0)
    }

    /// The first status list that may give out entries; `unopened` is the first that the backup knows nothing of.
    /// Less than one list a second is ever opened.
    pub fn first_list(&self, unopened: StatusListNumber) -> StatusListNumber {
        unopened.max(StatusListNumber::try_from(self.secs()).unwrap_or(StatusListNumber::MAX))
    }

    /// Greater than every `seq` that was published until `now` from records of the lost time.
    pub fn seq_above(&self, now: Instant) -> u64 {
        u64::try_from(now.timestamp()).unwrap_or(0) + SEQ_PER_SEC * self.secs()
    }

    /// Greater than every generation of any certificate that was signed before the restore, if `stored` is what the
    /// backup has and `shown` what the machine shows.
    pub fn generation_above(&self, stored: u64, shown: u64) -> u64 {
        (GENERATIONS_PER_SEC * self.secs()).max(stored).max(shown) + 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn restore(restored_at: &str) -> Restore {
        let at = |text: &str| text.parse().expect("a test writes valid instants");
        Restore { taken_at: at("2026-11-22T09:00:00Z"), restored_at: at(restored_at) }
    }

    #[test]
    fn a_second_restore_a_second_later_gives_out_nothing_that_the_first_could() {
        let (first, second) = (restore("2026-11-22T10:00:00Z"), restore("2026-11-22T10:00:01Z"));
        assert!(second.first_list(1) > first.first_list(1));
        // As much as one second can use up.
        assert!(second.seq_above(second.restored_at) > first.seq_above(second.restored_at) + 32);
        assert!(second.generation_above(7, 0) > first.generation_above(7, 0) + 32);
    }

    #[test]
    fn what_is_known_to_be_higher_counts() {
        let restore = restore("2026-11-22T10:00:00Z");
        assert_eq!(restore.first_list(StatusListNumber::MAX), StatusListNumber::MAX);
        assert_eq!(restore.generation_above(1 << 40, 0), (1 << 40) + 1);
        assert_eq!(restore.generation_above(0, 1 << 40), (1 << 40) + 1);
    }

    #[test]
    fn numbers_stay_within_what_tokens_carry_for_a_thousand_years() {
        let late = restore("2161-01-01T00:00:00Z");
        assert!(late.first_list(0) < StatusListNumber::MAX);
        let late = restore("3026-01-01T00:00:00Z");
        assert!(late.seq_above(late.restored_at) < 1 << 53);
        assert!(late.generation_above(0, 0) < 1 << 53);
    }
}
