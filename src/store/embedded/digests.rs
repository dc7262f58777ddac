//! Which records that are looked up by a digest may be there: what the filter does not know is absent.
//!
//! Digests have no order, so a new one lies anywhere among the old ones and [`super::greatest`] says nothing of it; each
//! look for one that is not there would read another page of the index. A Bloom filter over their keys answers instead:
//! ten bits a key and seven looks, so one absent key in a hundred is still asked for, and a record that is there never
//! reads as absent. It is filled behind the first answers, and says nothing until it knows every key.

use std::sync::Arc;

use super::super::engine::{Batch, Direction};
use super::super::error::StoreError;
use super::super::key::{KeyRange, RecordKey};
use super::super::kind::Kind;
use super::shared::Shared;

/// Keys that the filter has room for at least; with more it is still right, and asks for more of the absent ones.
const KEYS_MIN: usize = 1024 * 1024;
const BITS_PER_KEY: usize = 10;
const LOOKS: u64 = 7;
/// How many keys are read at a time, and readers let in between.
const PAGE_RECORDS: usize = 500;

/// A Bloom filter over the keys of [`Kind::DIGESTS`]. A removal leaves its key in it.
#[derive(Default)]
pub(super) struct Digests {
    bits: Vec<u64>,
    /// Every key of the index was added; until then those that became visible meanwhile wait here.
    is_complete: bool,
    early: Vec<u64>,
}

impl Digests {
    /// True when no record lies under this key.
    pub fn is_absent(&self, key: &RecordKey) -> bool {
        self.is_complete && Kind::DIGESTS.contains(&key.kind()) && !self.may_hold(hash(key.as_bytes()))
    }

    /// A batch becomes visible.
    pub fn add(&mut self, batch: &Batch) {
        for effect in batch.effects() {
            if effect.after.is_some() && Kind::DIGESTS.contains(&effect.key.kind()) {
                let hash = hash(effect.key.as_bytes());
                if self.is_complete { self.insert(hash) } else { self.early.push(hash) }
            }
        }
    }

    /// A filter that knows these keys, and answers.
    fn holding(stored: &[u64]) -> Self {
        let keys = KEYS_MIN.max(2 * stored.len());
        let mut whole =
            Self { bits: vec![0; keys * BITS_PER_KEY / 64], is_complete: true, early: Vec::new() };
        stored.iter().for_each(|hash| whole.insert(*hash));
        whole
    }

    /// All keys that the index has are in `whole`: with those that came meanwhile, it answers from now on.
    fn complete(&mut self, mut whole: Self) {
        self.early.iter().for_each(|hash| whole.insert(*hash));
        *self = whole;
    }

    fn insert(&mut self, hash: u64) {
        for look in 0..LOOKS {
            let (word, bit) = self.place(hash, look);
            self.bits[word] |= bit;
        }
    }

    fn may_hold(&self, hash: u64) -> bool {
        (0..LOOKS).all(|look| {
            let (word, bit) = self.place(hash, look);
            self.bits[word] & bit != 0
        })
    }

    fn place(&self, hash: u64, look: u64) -> (usize, u64) {
        let at = hash.wrapping_add(look.wrapping_mul(hash.rotate_left(32) | 1));
        let word = usize::try_from(at >> 6).unwrap_or(usize::MAX) % self.bits.len();
        (word, 1 << (at & 63))
    }
}

/// Reads the keys of an open store page by page and completes its filter. Ends early when the store is closed.
pub(super) fn learn(shared: &Shared) -> Result<(), StoreError> {
    let mut stored = Vec::new();
    let mut merchants = KeyRange::all();
    while let Some((first, _)) = shared.scan(&merchants, Direction::Forward, 1)?.pop() {
        let merchant = first.merchant();
        for kind in Kind::DIGESTS {
            let Ok(range) = KeyRange::kind(merchant, kind) else { continue };
            read(shared, range, &mut stored)?;
        }
        let Ok(all_of_it) = KeyRange::merchant(merchant) else { break };
        merchants = merchants.beyond(&all_of_it);
    }
    let whole = Digests::holding(&stored);
    shared.with_digests(|digests| digests.complete(whole));
    Ok(())
}

fn read(shared: &Shared, mut range: KeyRange, stored: &mut Vec<u64>) -> Result<(), StoreError> {
    loop {
        let page = if range.is_empty() {
            Vec::new()
        } else {
            shared.scan(&range, Direction::Forward, PAGE_RECORDS)?
        };
        let Some((last, _)) = page.last() else { return Ok(()) };
        range = range.after(last);
        stored.extend(page.iter().map(|(key, _)| hash(key.as_bytes())));
        std::thread::yield_now();
    }
}

/// Fills the filter of a store that was just opened, behind its first answers. Nobody waits for it.
pub(super) fn learn_behind(shared: &Arc<Shared>) {
    let shared = Arc::clone(shared);
    let spawned = std::thread::Builder::new().name("store-digests".to_owned()).spawn(move || {
        match learn(&shared) {
            // Damage that it met has stopped the store by itself.
            Ok(()) | Err(StoreError::Closed) => {}
            Err(error) => tracing::warn!(%error, "absent digests are looked for in the index"),
        }
    });
    if let Err(error) = spawned {
        tracing::warn!(%error, "absent digests are looked for in the index");
    }
}

/// FNV-1a, and the bits mixed once more.
fn hash(key: &[u8]) -> u64 {
    let hash = super::index::hash(key);
    (hash ^ (hash >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Effect, Position, Record, Revision};

    fn key(n: u64) -> RecordKey {
        RecordKey::new("m", Kind::ClaimCode, n.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes())
            .expect("short")
    }

    fn batch(n: u64) -> Batch {
        let record =
            Record { revision: Revision::from_number(1), until_ms: None, schema: 1, body: Vec::new() };
        let effect = Effect { key: key(n), after: Some(Arc::new(record)) };
        Batch { position: Position::default(), commits: vec![vec![effect]] }
    }

    #[test]
    fn a_key_that_was_added_never_reads_as_absent_and_few_others_are_asked_for() {
        let mut digests = Digests::default();
        assert!(!digests.is_absent(&key(0)), "nothing is known yet");
        digests.add(&batch(0));
        let stored: Vec<u64> = (1..100_000).map(|n| hash(key(n).as_bytes())).collect();
        digests.complete(Digests::holding(&stored));
        digests.add(&batch(100_000));
        for n in 0..=100_000 {
            assert!(!digests.is_absent(&key(n)), "{n}");
        }
        let asked_for = (200_000..210_000).filter(|n| !digests.is_absent(&key(*n))).count();
        assert!(asked_for < 100, "{asked_for} of 10,000");
    }

    #[test]
    fn other_kinds_are_never_said_to_be_absent() {
        let mut digests = Digests::default();
        digests.complete(Digests::holding(&[]));
        assert!(digests.is_absent(&key(1)));
        let license = RecordKey::new("m", Kind::License, "x").expect("short");
        assert!(!digests.is_absent(&license));
    }
}
