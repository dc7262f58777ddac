//! Compaction keeps every byte and gives room back; an end at any moment leaves a store.

use std::fs;

use lictor::store::{CommitRequest, StoreError, compact_store, verify_store};

use crate::ground::{
    Content, Running, content_of, copied, flip, key, run, segments, snapshots, with_two_snapshots,
};

/// A store whose records were changed many times.
fn churned(folder: &std::path::Path) -> Content {
    let running = Running::open(folder);
    running.put(0..50);
    run(async {
        for round in 0..20u8 {
            for n in 0..50 {
                let revision = running.store.get(&key(n)).await.expect("read").expect("there").revision;
                let body = vec![round.wrapping_mul(31); 2_000];
                running
                    .store
                    .commit(CommitRequest::new().put(key(n), revision, 1, body))
                    .await
                    .expect("made");
            }
        }
    });
    running.snapshot();
    running.put(50..60);
    running.snapshot();
    running.close()
}

#[test]
fn a_compacted_store_holds_the_same_bytes_in_less_room() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let expected = churned(folder.path());
    let report = compact_store(folder.path(), &mut |_| ()).expect("compacted");
    assert_eq!(report.records, expected.len() as u64);
    assert!(report.bytes_after < report.bytes_before, "{report:?}");
    assert!(verify_store(folder.path(), &mut |_| ()).expect("read").is_whole());
    assert_eq!(content_of(folder.path()), expected);
    assert!(!folder.path().join("sled.old").exists() && !folder.path().join("sled.new").exists());
}

#[test]
fn an_end_at_any_step_of_a_compaction_leaves_a_store() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let expected = with_two_snapshots(folder.path());
    for step in ["making", "made", "between the renames", "renamed"] {
        let copy = copied(folder.path());
        let (index, new, old) =
            (copy.path().join("sled"), copy.path().join("sled.new"), copy.path().join("sled.old"));
        match step {
            "making" => fs::create_dir(&new).expect("made"),
            "made" => fs::rename(copied(&index).keep(), &new).expect("moved"),
            "between the renames" => fs::rename(&index, &old).expect("moved"),
            _ => fs::rename(copied(&index).keep(), &old).expect("moved"),
        }
        assert_eq!(content_of(copy.path()), expected, "{step}");
        assert!(!new.exists() && !old.exists(), "{step}: what was left is gone");
        assert!(verify_store(copy.path(), &mut |_| ()).expect("read").is_whole(), "{step}");
    }
}

#[test]
fn a_store_marked_for_a_rebuild_is_compacted_from_its_truth() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let expected = with_two_snapshots(folder.path());
    crate::ground::lose_an_entry(folder.path());
    fs::write(folder.path().join("REBUILD"), "asked for").expect("written");
    compact_store(folder.path(), &mut |_| ()).expect("compacted");
    assert!(!folder.path().join("REBUILD").exists());
    assert_eq!(content_of(folder.path()), expected);
}

#[test]
fn a_store_whose_truth_is_damaged_is_left_as_it_is() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let expected = with_two_snapshots(folder.path());
    let copy = copied(folder.path());
    flip(segments(copy.path()).last().expect("a segment"));
    assert!(matches!(compact_store(copy.path(), &mut |_| ()), Err(StoreError::Damaged { .. })));
    assert_eq!(snapshots(copy.path()).len(), 2);
    // The index itself is whole: what lies there is what lay there.
    let sizes = |folder: &std::path::Path| fs::metadata(folder.join("sled/db")).expect("a file").len();
    assert_eq!(sizes(copy.path()), sizes(folder.path()));
    assert_eq!(content_of(folder.path()), expected);
}
