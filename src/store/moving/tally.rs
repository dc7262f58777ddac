//! What records come to: how many of each merchant and kind, and a hash over all of them.

use std::collections::BTreeMap;
use std::ops::{AddAssign, SubAssign};

use sha2::{Digest, Sha256};

use crate::store::key::RecordKey;
use crate::store::kind::KIND_BYTES;

/// How many records, and the sum of their SHA-256: the same in whatever order they come, and again without one that goes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sum {
    /// How many.
    pub records: u64,
    digests: [u64; 4],
}

impl Sum {
    /// Of one record in its stored form.
    pub(in crate::store) fn of(key: &RecordKey, stored: &[u8]) -> Self {
        let mut digest = Sha256::new();
        digest.update(u64::try_from(key.as_bytes().len()).unwrap_or(u64::MAX).to_le_bytes());
        digest.update(key.as_bytes());
        digest.update(stored);
        let digest = digest.finalize();
        let part = |at: usize| u64::from_le_bytes(std::array::from_fn(|byte| digest[at * 8 + byte]));
        Self { records: 1, digests: std::array::from_fn(part) }
    }
}

impl AddAssign for Sum {
    fn add_assign(&mut self, other: Self) {
        self.records = self.records.wrapping_add(other.records);
        self.digests = std::array::from_fn(|at| self.digests[at].wrapping_add(other.digests[at]));
    }
}

impl SubAssign for Sum {
    fn sub_assign(&mut self, other: Self) {
        self.records = self.records.wrapping_sub(other.records);
        self.digests = std::array::from_fn(|at| self.digests[at].wrapping_sub(other.digests[at]));
    }
}

/// Sums by merchant and kind.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally(BTreeMap<(String, [u8; KIND_BYTES]), Sum>);

impl Tally {
    /// Counts a record in its stored form.
    pub(in crate::store) fn add(&mut self, key: &RecordKey, stored: &[u8]) {
        *self.of(key) += Sum::of(key, stored);
    }

    /// Counts a record no longer.
    pub(in crate::store) fn remove(&mut self, key: &RecordKey, stored: &[u8]) {
        *self.of(key) -= Sum::of(key, stored);
    }

    /// How many there are.
    pub fn records(&self) -> u64 {
        self.0.values().map(|sum| sum.records).sum()
    }

    /// Merchant, kind and how many, without those of which there is none.
    pub fn counts(&self) -> impl Iterator<Item = (&str, String, u64)> {
        let there = self.0.iter().filter(|(_, sum)| sum.records > 0);
        there.map(|((merchant, kind), sum)| (merchant.as_str(), kind.escape_ascii().to_string(), sum.records))
    }

    /// One SHA-256 over all sums, in hex: equal where every key and every stored byte is.
    pub fn digest(&self) -> String {
        let mut digest = Sha256::new();
        for ((merchant, kind), sum) in self.0.iter().filter(|(_, sum)| **sum != Sum::default()) {
            digest.update(merchant.as_bytes());
            digest.update([0]);
            digest.update(kind);
            digest.update(sum.records.to_le_bytes());
            sum.digests.iter().for_each(|part| digest.update(part.to_le_bytes()));
        }
        digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// In words where two differ, if they do.
    pub(super) fn differs(&self, other: &Self) -> Option<String> {
        let places: std::collections::BTreeSet<_> = self.0.keys().chain(other.0.keys()).collect();
        let of = |tally: &Self, place| tally.0.get(place).copied().unwrap_or_default();
        let place = places.into_iter().find(|place| of(self, place) != of(other, place))?;
        let (left, right) = (of(self, place).records, of(other, place).records);
        let (merchant, kind) = (&place.0, place.1.escape_ascii());
        let whose = if merchant.is_empty() { "the installation" } else { merchant };
        Some(match left == right {
            true => format!("of the {left} records `{kind}` of {whose} at least one is not the same"),
            false => format!("{left} records `{kind}` of {whose} became {right}"),
        })
    }

    fn of(&mut self, key: &RecordKey) -> &mut Sum {
        self.0.entry((key.merchant().to_owned(), key.kind().bytes())).or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::kind::Kind;

    fn key(own: &str) -> RecordKey {
        RecordKey::new("acme", Kind::License, own).expect("short")
    }

    #[test]
    fn the_order_does_not_count_and_what_goes_leaves_no_trace() {
        let (mut one, mut other) = (Tally::default(), Tally::default());
        one.add(&key("a"), b"1");
        one.add(&key("b"), b"2");
        other.add(&key("b"), b"2");
        other.add(&key("c"), b"3");
        other.add(&key("a"), b"1");
        assert_eq!(one.differs(&other).as_deref(), Some("2 records `lic` of acme became 3"));
        other.remove(&key("c"), b"3");
        assert_eq!((one.differs(&other), one.digest()), (None, other.digest()));
        assert_eq!(one.counts().collect::<Vec<_>>(), [("acme", "lic".to_owned(), 2)]);
    }

    #[test]
    fn another_byte_and_a_value_under_another_key_are_another_hash() {
        let of = |key: RecordKey, stored: &[u8]| {
            let mut tally = Tally::default();
            tally.add(&key, stored);
            tally
        };
        let one = of(key("a"), b"1");
        for other in [of(key("a"), b"2"), of(key("b"), b"1"), of(key("a1"), b"")] {
            assert_ne!(one.digest(), other.digest());
            assert!(one.differs(&other).is_some_and(|words| words.contains("at least one is not the same")));
        }
    }
}
