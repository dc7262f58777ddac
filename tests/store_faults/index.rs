//! Damage of the index: it is made again from the journal, and no wrong answer is given before.

use std::fs;

use lictor::store::{CommitError, EmbeddedOptions, RecordStore, StoreError, StoreState};

use crate::ground::{SMALL, content, count, filled, flip, key, opened, put, run};

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

/// The file alone, and the file beside its snapshot: the two states a store is found in.
#[test]
fn an_index_with_a_flipped_bit_gives_no_wrong_answer_and_is_made_again() {
    let filled = filled(40, &EmbeddedOptions::default());
    let length = fs::metadata(filled.folder.path().join("sled/db")).expect("a file").len();
    let places = count(24) as u64;
    for place in 0..places {
        let copy = filled.everything();
        if place % 2 == 1 {
            run(opened(copy.path()).close()).expect("closed");
        }
        let byte = (length.min(24_000) * place) / places;
        flip(&copy.path().join("sled/db"), byte, u8::try_from(place % 8).expect("small"));
        heals(copy.path(), &filled.content);
    }
}

fn heals(folder: &std::path::Path, expected: &[(lictor::store::RecordKey, lictor::store::Record)]) {
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
        let closed = run(store.close());
        if !damaged && closed.is_ok() {
            return;
        }
    }
    panic!("the index is still damaged after a rebuild");
}

#[test]
fn a_record_that_fails_its_checksum_stops_the_store_and_the_next_start_makes_the_index_again() {
    let filled = filled(20, &EmbeddedOptions::default());
    let copy = filled.everything();
    {
        let index = sled::open(copy.path().join("sled")).expect("the index alone");
        let mut stored = index.get(key(7).as_bytes()).expect("a read").expect("it is there").to_vec();
        let last = stored.len() - 1;
        stored[last] ^= 1;
        index.insert(key(7).as_bytes(), stored).expect("written");
        index.flush().expect("flushed");
    }
    let store = opened(copy.path());
    assert!(run(store.get(&key(6))).expect("a good record").is_some());
    assert!(matches!(run(store.get(&key(7))), Err(StoreError::Damaged { .. })));
    assert!(matches!(run(store.stopped()), StoreState::Failed(StoreError::Damaged { .. })));
    assert!(matches!(run(store.commit(put(99))), Err(CommitError::Storage(_) | CommitError::Closed)));
    assert!(copy.path().join("REBUILD").exists());
    run(store.close()).expect_err("it was not closed in good order");
    let store: RecordStore = opened(copy.path());
    assert_eq!(content(&store), filled.content);
    assert!(!copy.path().join("REBUILD").exists());
}
