use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use proptest::prelude::*;

use super::super::Scan;
use super::*;
use crate::store::{Direction, Kind, Record, RecordKey, Revision};

type Map = BTreeMap<Vec<u8>, Vec<u8>>;

/// What was put under a key, or that it was removed.
type Written = (Vec<u8>, Option<Vec<u8>>);

/// An ordered map that can end at any write, and remembers what lay under each key.
#[derive(Default)]
struct Fake {
    map: RefCell<Map>,
    history: RefCell<Vec<Written>>,
    /// Writes until the process ends; `None`: it lives.
    left: Cell<Option<usize>>,
    /// What the map is once somebody asks for a key above another: the writer's work between two looks.
    soon: RefCell<Option<Map>>,
}

impl Fake {
    fn write(&self, key: &[u8], value: Option<Vec<u8>>) -> Result<(), IndexError> {
        match self.left.get() {
            Some(0) => return Err(IndexError::damaged("the process", "it has ended")),
            Some(left) => self.left.set(Some(left - 1)),
            None => {}
        }
        self.history.borrow_mut().push((key.to_vec(), value.clone()));
        match value {
            Some(value) => self.map.borrow_mut().insert(key.to_vec(), value),
            None => self.map.borrow_mut().remove(key),
        };
        Ok(())
    }
}

fn owned((key, value): (&Vec<u8>, &Vec<u8>)) -> (IVec, IVec) {
    (key.as_slice().into(), value.as_slice().into())
}

impl Ordered for Fake {
    fn at_or_before(&self, key: &[u8]) -> Result<Option<(IVec, IVec)>, IndexError> {
        Ok(self.map.borrow().range(..=key.to_vec()).next_back().map(owned))
    }

    fn before(&self, key: &[u8]) -> Result<Option<(IVec, IVec)>, IndexError> {
        Ok(self.map.borrow().range(..key.to_vec()).next_back().map(owned))
    }

    fn key_after(&self, key: &[u8]) -> Result<Option<IVec>, IndexError> {
        if let Some(soon) = self.soon.take() {
            *self.map.borrow_mut() = soon;
        }
        let above = (std::ops::Bound::Excluded(key.to_vec()), std::ops::Bound::Unbounded);
        Ok(self.map.borrow().range(above).next().map(|entry| owned(entry).0))
    }

    fn insert(&self, key: &[u8], value: Vec<u8>) -> Result<(), IndexError> {
        self.write(key, Some(value))
    }

    fn remove(&self, key: &[u8]) -> Result<(), IndexError> {
        self.write(key, None)
    }
}

/// Effects of one group: per key its new value, or removed.
type Group = BTreeMap<Vec<u8>, Option<Vec<u8>>>;

fn key(n: u16) -> Vec<u8> {
    // Three prefixes, so that stretches of keys meet.
    format!("m\0{}{n:05}", ["act", "clm", "lic"][usize::from(n % 3)]).into_bytes()
}

fn group() -> impl Strategy<Value = Group> {
    let value = prop_oneof![
        8 => (1usize..400).prop_map(Some),
        1 => (4_000usize..19_000).prop_map(Some),
        4 => Just(None),
    ];
    let scattered = prop::collection::btree_map(0u16..120, value.clone(), 0..12);
    let in_order = (0u16..100, prop::collection::vec(value, 0..40));
    (scattered, in_order, any::<u8>()).prop_map(|(scattered, (start, run), fill)| {
        let run = run.into_iter().enumerate().map(|(at, value)| (start + 3 * at as u16, value));
        let body = |bytes: Option<usize>| bytes.map(|bytes| vec![fill; bytes]);
        scattered.into_iter().chain(run).map(|(n, bytes)| (key(n), body(bytes))).collect()
    })
}

fn apply(blocks: &Blocks<Fake>, group: &Group) -> Result<(), IndexError> {
    blocks.apply(group.iter().map(|(key, value)| (key.as_slice(), value.clone())))
}

fn model(map: &mut Map, group: &Group) {
    for (key, value) in group {
        match value {
            Some(value) => map.insert(key.clone(), value.clone()),
            None => map.remove(key),
        };
    }
}

fn checkpoint(blocks: &Blocks<Fake>) {
    let sums = blocks.next_sums(Position::default());
    blocks.begin_epoch(sums);
}

/// What a new process finds: what was written, and the sums of the last checkpoint.
fn reopened(blocks: Blocks<Fake>) -> Blocks<Fake> {
    let sums = blocks.sums().clone();
    blocks.entries.left.set(None);
    Blocks::over(blocks.entries, sums)
}

fn get(blocks: &Blocks<Fake>, key: &[u8]) -> Result<Option<Vec<u8>>, IndexError> {
    Ok(blocks.block_of(key)?.and_then(|(_, block)| block.find(key).map(<[u8]>::to_vec)))
}

fn forward(blocks: &Blocks<Fake>) -> Result<Map, IndexError> {
    let (mut all, mut next) = (Map::new(), Some(IVec::default()));
    while let Some(from) = next {
        let Some(placed) = blocks.block_of(&from)? else { break };
        let end = blocks.end_of(&placed)?;
        let inside =
            |key: &&[u8]| from.as_ref() <= *key && end.as_ref().is_none_or(|end| *key < end.as_ref());
        let entries = placed.1.entries().filter(|(key, _)| inside(key));
        all.extend(entries.map(|(key, value)| (key.to_vec(), value.to_vec())));
        next = end;
    }
    Ok(all)
}

fn backward(blocks: &Blocks<Fake>) -> Result<Map, IndexError> {
    let (mut all, mut end) = (Map::new(), IVec::from(END));
    while !end.is_empty() {
        let Some((lower, block)) = blocks.block_below(&end)? else { break };
        let entries = block.entries().filter(|(key, _)| *key < end.as_ref());
        all.extend(entries.map(|(key, value)| (key.to_vec(), value.to_vec())));
        end = lower;
    }
    Ok(all)
}

fn assert_holds(blocks: &Blocks<Fake>, expected: &Map) {
    for n in 0..250 {
        let read = get(blocks, &key(n)).expect("a read");
        assert_eq!(read.as_ref(), expected.get(&key(n)), "key {n}");
    }
    assert_eq!(&forward(blocks).expect("a scan"), expected);
    assert_eq!(&backward(blocks).expect("a scan"), expected);
}

/// Every block is as long as it may be or shorter, unless one record alone is longer.
fn assert_shape(blocks: &Blocks<Fake>) {
    for (lower, value) in blocks.entries.map.borrow().iter() {
        let block = Block::read(lower, value.as_slice().into()).expect("a whole block");
        let bytes: usize = block.entries().map(|(key, value)| 6 + key.len() + value.len()).sum();
        assert!(bytes <= block::BLOCK_BYTES_MAX || block.entries().count() == 1, "{bytes} bytes");
        assert!(lower.is_empty() || block.entries().count() > 0, "an empty block was left");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn blocks_hold_what_a_plain_map_holds(groups in prop::collection::vec(group(), 1..12)) {
        let (blocks, mut expected) = (Blocks::over(Fake::default(), Sums::default()), Map::new());
        for (at, group) in groups.iter().enumerate() {
            apply(&blocks, group).expect("applied");
            model(&mut expected, group);
            assert_shape(&blocks);
            if at % 3 == 2 {
                checkpoint(&blocks);
            }
        }
        assert_holds(&blocks, &expected);
        assert_holds(&reopened(blocks), &expected);
    }

    /// The process ends at every single write; what follows the checkpoint is replayed, in other groups.
    #[test]
    fn an_end_at_any_write_loses_no_record_and_brings_none_back(
        before in prop::collection::vec(group(), 0..4),
        after in prop::collection::vec(group(), 1..4),
        later in group(),
    ) {
        let mut end = 0;
        loop {
            let (mut blocks, mut expected) = (Blocks::over(Fake::default(), Sums::default()), Map::new());
            for group in &before {
                apply(&blocks, group).expect("applied");
                model(&mut expected, group);
            }
            checkpoint(&blocks);
            let untouched = expected.clone();
            blocks.entries.left.set(Some(end));
            let ended = after.iter().try_for_each(|group| apply(&blocks, group)).is_err();

            blocks = reopened(blocks);
            let touched = |key: &Vec<u8>| after.iter().any(|group| group.contains_key(key));
            for (key, value) in untouched.iter().filter(|(key, _)| !touched(key)) {
                let read = get(&blocks, key).expect("a read");
                prop_assert_eq!(read.as_ref(), Some(value));
            }
            let mut joined = Group::new();
            for group in &after {
                model(&mut expected, group);
                joined.extend(group.clone());
            }
            let (first, second): (Group, Group) = joined.into_iter().partition(|(key, _)| key[9] % 2 == 0);
            apply(&blocks, &first).expect("replayed");
            apply(&blocks, &second).expect("replayed");
            assert_holds(&blocks, &expected);
            blocks.adopt().expect("adopted");
            checkpoint(&blocks);
            assert_holds(&blocks, &expected);
            apply(&blocks, &later).expect("applied");
            model(&mut expected, &later);
            assert_holds(&blocks, &expected);
            if !ended {
                break;
            }
            end += 1;
        }
    }

    /// Whatever sled loses or brings back: what stood at the checkpoint is read as it was, or damage is.
    #[test]
    fn an_entry_that_is_lost_or_older_than_it_was_is_noticed(
        before in prop::collection::vec(group(), 2..7),
        after in prop::collection::vec(group(), 0..2),
        checkpoints in any::<u8>(),
        which in any::<prop::sample::Index>(),
        to in any::<prop::sample::Index>(),
    ) {
        let (blocks, mut expected) = (Blocks::over(Fake::default(), Sums::default()), Map::new());
        for (at, group) in before.iter().enumerate() {
            apply(&blocks, group).expect("applied");
            model(&mut expected, group);
            if checkpoints & (1 << at) != 0 {
                checkpoint(&blocks);
            }
        }
        checkpoint(&blocks);
        for group in &after {
            apply(&blocks, group).expect("applied");
            expected.retain(|key, _| !group.contains_key(key));
        }
        let blocks = reopened(blocks);
        {
            let history = blocks.entries.history.borrow();
            prop_assume!(!history.is_empty());
            let under = &which.get(&history).0;
            let mut states: Vec<_> = history.iter().filter(|(key, _)| key == under).map(|(_, was)| was).collect();
            states.push(&None);
            match to.get(&states) {
                Some(value) => blocks.entries.map.borrow_mut().insert(under.clone(), value.clone()),
                None => blocks.entries.map.borrow_mut().remove(under),
            };
        }
        let changed = |key: &Vec<u8>| after.iter().any(|group| group.contains_key(key));
        for n in 0..250 {
            let key = key(n);
            if let Ok(read) = get(&blocks, &key) && !changed(&key) {
                prop_assert_eq!(read.as_ref(), expected.get(&key), "key {}", n);
            }
        }
        for mut read in [forward(&blocks), backward(&blocks)].into_iter().flatten() {
            read.retain(|key, _| !changed(key));
            prop_assert_eq!(&read, &expected);
        }
    }
}

#[test]
#[expect(clippy::arc_with_non_send_sync, reason = "a scan shares its blocks; this one stays on its thread")]
fn a_block_that_is_split_under_a_scan_does_not_send_it_back() {
    let key = |n: u8| RecordKey::new("m", Kind::License, [n]).expect("short");
    let records = |numbers: std::ops::Range<u8>| -> Group {
        let stored = |n: u8| {
            let record =
                Record { revision: Revision::from_number(1), until_ms: None, schema: 1, body: vec![n; 300] };
            (key(n).as_bytes().to_vec(), Some(record.encode(&key(n))))
        };
        numbers.map(stored).collect()
    };
    let blocks = Blocks::over(Fake::default(), Sums::default());
    apply(&blocks, &records(20..40)).expect("written");
    let whole = blocks.entries.map.borrow().clone();
    apply(&blocks, &records(0..20)).expect("written");
    let split = blocks.entries.map.replace(whole);
    assert!(split.len() > blocks.entries.map.borrow().len(), "the second group has split the block");
    blocks.entries.soon.replace(Some(split));

    let (from, to) = (key(35).as_bytes().to_vec(), END.to_vec());
    let (direction, read) = (Direction::Forward, std::collections::VecDeque::new());
    let mut scan = Scan { blocks: std::sync::Arc::new(blocks), direction, from, to, read, done: false };
    let found: Vec<_> = std::iter::from_fn(|| scan.next().expect("whole")).map(|(key, _)| key).collect();
    assert_eq!(found, (35..40).map(key).collect::<Vec<_>>());
}
