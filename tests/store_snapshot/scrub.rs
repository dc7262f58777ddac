//! The scrub of a running store finds what `verify_store` finds, while commits go on.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use lictor::store::{CommitError, Primitive, StoreError, StoreState};

use crate::ground::{
    AT_ONCE, Running, TAKEN_AT_MS, content_of, count, flip, key, lose_an_entry, run, segments, snapshots,
    with_two_snapshots,
};

#[test]
fn a_whole_store_is_scrubbed_under_writers_without_a_false_alarm() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let running = Running::open(folder.path());
    running.put(0..400);
    running.snapshot();
    let stop = Arc::new(AtomicBool::new(false));
    let writing = {
        let (store, stop) = (running.store.clone(), Arc::clone(&stop));
        std::thread::spawn(move || {
            run(async {
                let mut n = 0;
                while !stop.load(Ordering::Relaxed) {
                    let primitive = if n % 2 == 0 {
                        Primitive::Unindex { key: key(n * 7 % 400) }
                    } else {
                        Primitive::Index {
                            key: key(n * 7 % 400),
                            schema: 1,
                            body: vec![1; 40],
                            until_ms: None,
                        }
                    };
                    store.commit(lictor::store::CommitRequest::new().with(primitive)).await.expect("made");
                    n += 1;
                }
            });
        })
    };
    for _ in 0..count(10) {
        let report = running.upkeep.scrub(TAKEN_AT_MS, &AT_ONCE).expect("scrubbed");
        assert!(report.damaged_files.is_empty() && report.records > 0, "{report:?}");
    }
    stop.store(true, Ordering::Relaxed);
    writing.join().expect("no panic");
    running.close();
}

#[test]
fn a_record_that_the_index_lost_stops_the_store_and_the_next_start_has_it() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let expected = with_two_snapshots(folder.path());
    lose_an_entry(folder.path());
    let running = Running::open(folder.path());
    let found = running.upkeep.scrub(TAKEN_AT_MS, &AT_ONCE);
    assert!(matches!(found, Err(StoreError::Damaged { .. })), "{found:?}");
    assert!(folder.path().join("REBUILD").exists());
    // Nothing is answered from what may be wrong, and nothing is acknowledged.
    assert!(run(running.store.get(&key(1))).is_err());
    assert!(matches!(run(running.store.stopped()), StoreState::Failed(StoreError::Damaged { .. })));
    let refused = run(running.store.commit(crate::ground::put(500)));
    assert!(matches!(refused, Err(CommitError::Storage(_) | CommitError::Closed | CommitError::Unknown)));
    assert!(run(running.store.close()).is_err());
    assert_eq!(content_of(folder.path()), expected);
}

#[test]
fn a_damaged_segment_or_snapshot_is_told_and_healed_by_a_fresh_snapshot() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    with_two_snapshots(folder.path());
    let damaged: Vec<_> =
        segments(folder.path()).into_iter().take(1).chain(snapshots(folder.path())).collect();
    for path in damaged {
        let copy = crate::ground::copied(folder.path());
        let path = copy.path().join(path.strip_prefix(folder.path()).expect("inside"));
        let running = Running::open(copy.path());
        running.put(200..203);
        flip(&path);
        let report = running.upkeep.scrub(TAKEN_AT_MS, &AT_ONCE).expect("the state is whole");
        assert!(report.damaged_files[0].to_string().contains(&path.display().to_string()), "{report:?}");
        assert_eq!(report.healed_by.expect("a snapshot").records, 103);
        let expected = running.close();
        fs::remove_dir_all(copy.path().join("sled")).expect("removed");
        assert_eq!(content_of(copy.path()), expected, "{path:?}");
    }
}
