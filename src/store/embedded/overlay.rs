//! What is durable in the journal but not yet in the index.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use super::super::engine::{Batch, Direction};
use super::super::key::{KeyRange, RecordKey};
use super::super::record::Record;

/// The newest effect on each key that the index may not have. Wins over the index.
#[derive(Default)]
pub(super) struct Overlay(BTreeMap<RecordKey, Entry>);

struct Entry {
    /// The batch that left it so.
    batch: u64,
    after: Option<Arc<Record>>,
}

/// A key that the overlay knows: its record, or that it was removed.
pub(super) type Known = (RecordKey, Option<Arc<Record>>);

impl Overlay {
    pub fn add(&mut self, batch: &Batch) {
        for effect in batch.effects() {
            let entry = Entry { batch: batch.position.batch, after: effect.after.clone() };
            self.0.insert(effect.key.clone(), entry);
        }
    }

    /// Forgets a batch that the index now has, but not what later batches did to its keys.
    pub fn forget(&mut self, batch: &Batch) {
        for effect in batch.effects() {
            if self.0.get(&effect.key).is_some_and(|entry| entry.batch <= batch.position.batch) {
                self.0.remove(&effect.key);
            }
        }
    }

    /// `None`: ask the index. `Some(None)`: there is no such record, whatever the index says.
    pub fn get(&self, key: &RecordKey) -> Option<Option<&Arc<Record>>> {
        self.0.get(key).map(|entry| entry.after.as_ref())
    }

    pub fn scan<'a>(
        &'a self,
        range: &KeyRange,
        direction: Direction,
    ) -> Box<dyn Iterator<Item = Known> + 'a> {
        if range.is_empty() {
            return Box::new(std::iter::empty());
        }
        let bounds = (Bound::Included(range.start()), Bound::Excluded(range.end()));
        let found = self.0.range::<[u8], _>(bounds).map(|(key, entry)| (key.clone(), entry.after.clone()));
        match direction {
            Direction::Forward => Box::new(found),
            Direction::Reverse => Box::new(found.rev()),
        }
    }
}

/// Merges the index's records with what the overlay knows, both in the same order; the overlay wins. Ends at `limit`
/// records, or with the one that makes `bytes_max` full.
pub(super) fn merge<E>(
    index: impl Iterator<Item = Result<(RecordKey, Record), E>>,
    overlay: impl Iterator<Item = Known>,
    direction: Direction,
    limit: usize,
    bytes_max: usize,
) -> Result<Vec<(RecordKey, Record)>, E> {
    let (mut index, mut overlay) = (index.peekable(), overlay.peekable());
    let mut merged = Page::default();
    while merged.records.len() < limit && merged.bytes < bytes_max {
        let overlay_is_next = match (index.peek(), overlay.peek()) {
            (None, None) => break,
            (Some(_), None) | (Some(Err(_)), Some(_)) => false,
            (None, Some(_)) => true,
            (Some(Ok((stored, _))), Some((known, _))) => match direction {
                Direction::Forward => known <= stored,
                Direction::Reverse => known >= stored,
            },
        };
        if !overlay_is_next {
            merged.take(index.next().transpose()?);
            continue;
        }
        let Some((key, after)) = overlay.next() else { break };
        // What the index says of the same key is older.
        index.next_if(|entry| entry.as_ref().is_ok_and(|(stored, _)| *stored == key));
        merged.take(after.map(|record| (key, Arc::unwrap_or_clone(record))));
    }
    Ok(merged.records)
}

#[derive(Default)]
struct Page {
    records: Vec<(RecordKey, Record)>,
    bytes: usize,
}

impl Page {
    fn take(&mut self, entry: Option<(RecordKey, Record)>) {
        if let Some((key, record)) = entry {
            self.bytes += key.as_bytes().len() + record.body.len();
            self.records.push((key, record));
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::store::{Effect, Kind, Position, Revision};

    fn key(own: u8) -> RecordKey {
        RecordKey::new("m", Kind::License, [own]).expect("short")
    }

    fn record(revision: u64) -> Record {
        Record { revision: Revision::from_number(revision), until_ms: None, schema: 1, body: vec![] }
    }

    fn batch(number: u64, effects: &[(u8, bool)]) -> Batch {
        let effect = |(own, kept): &(u8, bool)| Effect {
            key: key(*own),
            after: kept.then(|| Arc::new(record(number))),
        };
        let position = Position { batch: number, revision: Revision::from_number(number) };
        Batch { position, commits: vec![effects.iter().map(effect).collect()] }
    }

    #[test]
    fn forgetting_a_batch_keeps_what_a_later_one_did() {
        let mut overlay = Overlay::default();
        let (first, second) = (batch(1, &[(1, true), (2, true)]), batch(2, &[(2, false)]));
        overlay.add(&first);
        overlay.add(&second);
        overlay.forget(&first);
        assert!(overlay.get(&key(1)).is_none());
        assert!(matches!(overlay.get(&key(2)), Some(None)));
        overlay.forget(&second);
        assert!(overlay.get(&key(2)).is_none());
    }

    proptest! {
        #[test]
        fn a_merged_scan_is_the_scan_of_the_merged_records(
            stored in prop::collection::btree_set(0u8..20, 0..12),
            known in prop::collection::btree_map(0u8..20, any::<bool>(), 0..12),
            limit in 0usize..20,
            reverse: bool,
        ) {
            let direction = if reverse { Direction::Reverse } else { Direction::Forward };
            let effects: Vec<_> = known.iter().map(|(own, kept)| (*own, *kept)).collect();
            let mut overlay = Overlay::default();
            overlay.add(&batch(2, &effects));

            let mut expected: BTreeMap<u8, u64> = stored.iter().map(|own| (*own, 1)).collect();
            for (own, kept) in &known {
                if *kept { expected.insert(*own, 2); } else { expected.remove(own); }
            }
            let mut expected: Vec<_> = expected.into_iter().map(|(own, at)| (key(own), record(at))).collect();
            let mut index: Vec<_> = stored.iter().map(|own| Ok::<_, ()>((key(*own), record(1)))).collect();
            if reverse {
                expected.reverse();
                index.reverse();
            }
            expected.truncate(limit);
            let merged = merge(index.into_iter(), overlay.scan(&KeyRange::all(), direction), direction, limit, usize::MAX);
            prop_assert_eq!(merged, Ok(expected));
        }
    }
}
