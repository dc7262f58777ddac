//! `verify_store` finds each planted fault and says where it is.

use std::fs;
use std::path::Path;

use lictor::store::{EmbeddedEngine, StoreError, StorePart, VerifyReport, verify_store};

use crate::ground::{
    content_of, copied, flip, lose_an_entry, opened, segments, snapshots, with_sled, with_two_snapshots,
};

fn verified(folder: &Path) -> VerifyReport {
    verify_store(folder, &mut |_| ()).expect("read")
}

#[track_caller]
fn one_fault(folder: &Path, part: StorePart, place: &str) {
    let report = verified(folder);
    let found: Vec<_> = report.faults.iter().map(|fault| (fault.part, fault.place.as_str())).collect();
    assert!(found.iter().any(|(p, at)| *p == part && at.contains(place)), "{part:?} {place}: {found:?}");
    assert!(found.iter().all(|(p, _)| *p == part), "{found:?}");
    assert_eq!(report.heals_itself(), matches!(part, StorePart::Index | StorePart::Snapshots));
}

#[test]
fn a_flip_in_any_segment_or_snapshot_is_found_by_its_file() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    with_two_snapshots(folder.path());
    let files = |folder: &Path| (segments(folder), snapshots(folder));
    let (all_segments, all_snapshots) = files(folder.path());
    for at in 0..all_segments.len() {
        let copy = copied(folder.path());
        let path = &files(copy.path()).0[at];
        flip(path);
        one_fault(copy.path(), StorePart::Journal, &path.display().to_string());
    }
    for at in 0..all_snapshots.len() {
        let copy = copied(folder.path());
        let path = &files(copy.path()).1[at];
        flip(path);
        one_fault(copy.path(), StorePart::Snapshots, &path.display().to_string());
    }
}

#[test]
fn every_fault_is_reported_not_only_the_first() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    with_two_snapshots(folder.path());
    let (segments, snapshots) = (segments(folder.path()), snapshots(folder.path()));
    let damaged = [&segments[0], &segments[2], &snapshots[0], &snapshots[1]];
    damaged.iter().for_each(|path| flip(path));
    fs::write(folder.path().join("STOPPED"), "batch 1\nrevision 1\ncrc32c 00000000\n").expect("written");
    let report = verified(folder.path());
    let places: Vec<_> = report.faults.iter().map(|fault| fault.place.as_str()).collect();
    for path in damaged.into_iter().chain([&folder.path().join("STOPPED")]) {
        assert!(
            places.iter().any(|place| place.contains(&path.display().to_string())),
            "{path:?}: {places:?}"
        );
    }
}

#[test]
fn a_record_that_the_index_lost_is_found_and_made_anew() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let content = with_two_snapshots(folder.path());
    lose_an_entry(folder.path());
    one_fault(folder.path(), StorePart::Index, "");
    fs::write(folder.path().join("REBUILD"), "asked for").expect("written");
    one_fault(folder.path(), StorePart::Index, "sled");
    assert_eq!(content_of(folder.path()), content);
    assert!(verified(folder.path()).is_whole());
}

#[test]
fn an_older_record_and_one_that_was_removed_are_found() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    with_two_snapshots(folder.path());
    let (older, kept) = (copied(folder.path()), copied(folder.path()));
    let all = |folder: &Path| {
        let mut all = Vec::new();
        with_sled(folder, |db| all.extend(db.iter().map(|entry| entry.expect("read"))));
        all
    };
    let before = all(folder.path());
    // Change one record and remove another, then put back what the index had of them.
    let store = opened(older.path());
    crate::ground::run(async {
        let (key, other) = (crate::ground::key(3), crate::ground::key(5));
        let changed = store.get(&key).await.expect("read").expect("there").revision;
        let removed = store.get(&other).await.expect("read").expect("there").revision;
        let request = lictor::store::CommitRequest::new().put(key, changed, 1, "new").delete(other, removed);
        store.commit(request).await.expect("made");
        store.close().await.expect("closed");
    });
    assert!(verified(older.path()).is_whole());
    with_sled(older.path(), |db| {
        for (key, stored) in before.iter().filter(|(key, _)| key.first() != Some(&0xff)) {
            db.insert(key, stored).expect("inserted");
        }
    });
    let faults = verified(older.path()).faults;
    assert!(!faults.is_empty() && faults.iter().all(|fault| fault.part == StorePart::Index), "{faults:?}");
    assert!(verified(kept.path()).is_whole());
}

#[test]
fn a_store_that_was_killed_is_verified_with_what_its_start_replays() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let running = crate::ground::Running::open(folder.path());
    running.put(0..60);
    running.snapshot();
    running.put(60..90);
    let copy = copied(folder.path());
    let report = verified(copy.path());
    assert_eq!(report.faults, []);
    assert!(report.records + report.replayed >= 90, "{report:?}");
    assert_eq!(content_of(copy.path()).len(), 90);
}

#[test]
fn a_store_in_use_and_a_folder_without_one_cannot_be_verified() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let missing = verify_store(folder.path(), &mut |_| ());
    assert!(matches!(missing, Err(StoreError::Missing { .. })));
    let data = folder.path().join("data");
    let held = EmbeddedEngine::create(&data).expect("created");
    assert!(matches!(verify_store(&data, &mut |_| ()), Err(StoreError::Locked { .. })));
    drop(held);
    let mut parts = Vec::new();
    assert!(verify_store(&data, &mut |progress| parts.push(progress.part)).expect("read").is_whole());
}
