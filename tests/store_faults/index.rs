//! Damage of the index: it is made again from the journal, and no wrong answer is given before.

use std::fs;
use std::path::Path;

use lictor::store::{
    CommitError, CommitRequest, Direction, EmbeddedOptions, KeyRange, Kind, Record, RecordKey, RecordStore,
    Revision, StoreError, StoreState,
};

use crate::ground::{Filled, SMALL, content, count, filled, filled_with, flip, key, opened, put, run};

/// Length of sled's own segments, as the index asks for it.
const SLED_SEGMENT_BYTES: u64 = 4 * 1024 * 1024;

#[test]
fn an_index_that_is_deleted_is_made_again_with_the_same_content() {
    for options in [EmbeddedOptions::default(), SMALL] {
        let filled = filled(60, &options);
        let copy = filled.copied(&["FORMAT", "journal", "CHECKPOINT", "STOPPED"]);
        let store = opened(copy.path());
        assert_eq!(content(&store), filled.content);
        run(store.commit(put(99))).expect("made");
        run(store.close()).expect("closed");
        assert_eq!(content(&opened(copy.path())).len(), 61);
    }
}

#[test]
fn an_index_behind_its_checkpoint_is_made_again() {
    let filled = filled(20, &EmbeddedOptions::default());
    let copy = filled.everything();
    fs::remove_file(copy.path().join("sled/db")).expect("removed");
    assert_eq!(content(&opened(copy.path())), filled.content);
}

/// A store of many blocks that sled keeps in several of its own segments; its records are as long as licenses.
fn large() -> Filled {
    filled_with(1_200, &EmbeddedOptions::default(), |n| {
        let body: Vec<u8> = (0..9_000_u64).map(|at| (at.wrapping_mul(n + 7) >> 3) as u8).collect();
        CommitRequest::new().put(key(n), Revision::ABSENT, 1, body)
    })
}

/// Over the whole file, alone and beside sled's snapshot of it: the two states a store is found in.
#[test]
fn an_index_with_a_flipped_bit_gives_no_wrong_answer_and_is_made_again() {
    let filled = large();
    let length = fs::metadata(filled.folder.path().join("sled/db")).expect("a file").len();
    assert!(length > 2 * SLED_SEGMENT_BYTES, "several segments: {length} bytes");
    let places = count(12) as u64;
    for place in 0..places {
        let copy = filled.everything();
        if place % 2 == 1 {
            run(opened(copy.path()).close()).expect("closed");
        } else {
            without_snapshot(copy.path());
        }
        let byte = (length / places) * place + (place * 7_919) % (length / places);
        flip(&copy.path().join("sled/db"), byte, u8::try_from(place % 8).expect("small"));
        heals(copy.path(), &filled.content);
    }
}

/// The headers of sled's own segments: one that is not readable takes its whole segment away without a word.
#[test]
fn a_segment_of_the_index_that_sled_cannot_read_is_noticed() {
    let filled = large();
    let length = fs::metadata(filled.folder.path().join("sled/db")).expect("a file").len();
    for segment in 0..length / SLED_SEGMENT_BYTES {
        for snapshot in [false, true] {
            let copy = filled.everything();
            if snapshot {
                run(opened(copy.path()).close()).expect("closed");
            } else {
                without_snapshot(copy.path());
            }
            flip(&copy.path().join("sled/db"), segment * SLED_SEGMENT_BYTES + 5, 1);
            heals(copy.path(), &filled.content);
        }
    }
}

fn without_snapshot(folder: &Path) {
    for entry in fs::read_dir(folder.join("sled")).expect("an index") {
        let path = entry.expect("an entry").path();
        if path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("snap.")) {
            fs::remove_file(path).expect("removed");
        }
    }
}

#[test]
fn an_index_without_its_block_sums_or_with_changed_ones_is_made_again() {
    let filled = filled(20, &EmbeddedOptions::default());
    let sums = "sled/lictor-blocks";
    let length = fs::metadata(filled.folder.path().join(sums)).expect("a file").len();
    for byte in 0..length {
        let copy = filled.everything();
        flip(&copy.path().join(sums), byte, u8::try_from(byte % 8).expect("small"));
        assert_eq!(content(&opened(copy.path())), filled.content, "byte {byte}");
    }
    let copy = filled.everything();
    fs::remove_file(copy.path().join(sums)).expect("removed");
    assert_eq!(content(&opened(copy.path())), filled.content);
}

/// One record per entry, as versions before blocks wrote it.
#[test]
fn an_index_of_an_older_form_is_made_again() {
    let filled = filled(20, &EmbeddedOptions::default());
    for segment_bytes in [512 * 1024, usize::try_from(SLED_SEGMENT_BYTES).expect("small")] {
        let copy = filled.copied(&["FORMAT", "journal", "CHECKPOINT", "STOPPED"]);
        {
            let folder = copy.path().join("sled");
            let config = sled::Config::new().path(folder).segment_size(segment_bytes);
            let index = config.open().expect("a new index");
            for (key, record) in &filled.content {
                index.insert(key.as_bytes(), record.body.as_slice()).expect("written");
            }
            index.insert(b"\xffposition", &[0; 20]).expect("written");
            index.flush().expect("flushed");
        }
        assert_eq!(content(&opened(copy.path())), filled.content);
    }
}

/// Every key and whole scans both ways: right, or damage; and right at last.
fn heals(folder: &Path, expected: &[(RecordKey, Record)]) {
    for _start in 0..2 {
        let store = opened(folder);
        let mut damaged = false;
        for (key, record) in expected {
            match run(store.get(key)) {
                Ok(read) => assert_eq!(read.as_ref(), Some(record), "a wrong answer for {key}"),
                Err(StoreError::Damaged { .. } | StoreError::Closed) => damaged = true,
                Err(other) => panic!("{other}"),
            }
        }
        for (key, _) in expected {
            let own: Vec<u8> = key.own().iter().copied().chain([0]).collect();
            let above = RecordKey::new("merchant", Kind::License, own).expect("short");
            damaged |= !matches!(run(store.get(&above)), Ok(None));
        }
        for direction in [Direction::Forward, Direction::Reverse] {
            match scanned(&store, direction) {
                Ok(read) => assert_eq!(read, expected, "a wrong scan {direction:?}"),
                Err(StoreError::Damaged { .. } | StoreError::Closed) => damaged = true,
                Err(other) => panic!("{other}"),
            }
        }
        let closed = run(store.close());
        if !damaged && closed.is_ok() {
            return;
        }
    }
    panic!("the index is still damaged after a rebuild");
}

/// In the order of keys, whichever way they were read.
fn scanned(store: &RecordStore, direction: Direction) -> Result<Vec<(RecordKey, Record)>, StoreError> {
    let (mut all, mut range) = (Vec::new(), KeyRange::all());
    loop {
        let page = run(store.scan(range.clone(), direction, 500))?;
        let Some((last, _)) = page.last() else { break };
        range = match direction {
            Direction::Forward => range.after(last),
            Direction::Reverse => range.before(last),
        };
        all.extend(page);
    }
    all.sort_by(|(one, _), (other, _)| one.cmp(other));
    Ok(all)
}

#[test]
fn a_block_that_fails_its_checksum_stops_the_store_and_the_next_start_makes_the_index_again() {
    let filled = filled(400, &EmbeddedOptions::default());
    let copy = filled.everything();
    {
        let config = sled::Config::new().path(copy.path().join("sled"));
        let segment_bytes = usize::try_from(SLED_SEGMENT_BYTES).expect("small");
        let index = config.segment_size(segment_bytes).open().expect("the index alone");
        let (lower, stored) = index.get_lt(key(200).as_bytes()).expect("a read").expect("it is there");
        assert!(lower.as_ref() > key(6).as_bytes(), "not the first block");
        let mut stored = stored.to_vec();
        let last = stored.len() - 1;
        stored[last] ^= 1;
        index.insert(lower, stored).expect("written");
        index.flush().expect("flushed");
    }
    let store = opened(copy.path());
    assert!(run(store.get(&key(6))).expect("a good block").is_some());
    assert!(matches!(run(store.get(&key(199))), Err(StoreError::Damaged { .. })));
    assert!(matches!(run(store.stopped()), StoreState::Failed(StoreError::Damaged { .. })));
    assert!(matches!(run(store.commit(put(999))), Err(CommitError::Storage(_) | CommitError::Closed)));
    assert!(copy.path().join("REBUILD").exists());
    run(store.close()).expect_err("it was not closed in good order");
    let store: RecordStore = opened(copy.path());
    assert_eq!(content(&store), filled.content);
    assert!(!copy.path().join("REBUILD").exists());
}
