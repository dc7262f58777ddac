//! Snapshots of a running store: when they are due, what they make superfluous, and what they never harm.

use std::fs;
use std::time::{Duration, Instant};

use lictor::store::{Maintenance, StoreError, UpkeepOptions, verify_snapshot, verify_store};

use crate::ground::{
    AT_ONCE, Running, TAKEN_AT_MS, content, content_of, drop_index, names, segments, snapshots,
    with_two_snapshots,
};

#[test]
fn a_snapshot_is_due_when_the_journal_behind_the_newest_has_grown() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let running = Running::open(folder.path());
    running.put(0..10);
    let wide = UpkeepOptions { snapshot_journal_bytes: 1 << 30, ..AT_ONCE };
    assert!(running.upkeep.snapshot_if_due(TAKEN_AT_MS, &wide).expect("looked").is_none());
    assert!(running.upkeep.snapshot_if_due(TAKEN_AT_MS, &AT_ONCE).expect("taken").is_some());
    assert!(
        running.upkeep.snapshot_if_due(TAKEN_AT_MS, &AT_ONCE).expect("looked").is_none(),
        "nothing is new"
    );
    running.put(10..60);
    let second = running.upkeep.snapshot_if_due(TAKEN_AT_MS, &AT_ONCE).expect("taken").expect("due");
    assert_eq!(second.records, 60);
    for path in snapshots(folder.path()) {
        verify_snapshot(fs::File::open(path).expect("opened"), &mut |_| ()).expect("whole");
    }
}

#[test]
fn without_room_no_snapshot_is_taken_and_commits_go_on() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let running = Running::open(folder.path());
    running.put(0..10);
    let full = UpkeepOptions { free_bytes_min: u64::MAX, ..AT_ONCE };
    assert!(running.upkeep.snapshot_if_due(TAKEN_AT_MS, &full).expect("looked").is_none());
    assert!(snapshots(folder.path()).is_empty());
    running.put(10..12);
}

#[test]
fn the_newest_two_snapshots_are_kept_and_the_segments_before_the_older_one_go() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let running = Running::open(folder.path());
    let mut positions = Vec::new();
    for round in 0..4 {
        running.put(round * 40..(round + 1) * 40);
        // The checkpoint follows by itself; a segment behind it would stay.
        run_until_checkpointed(folder.path(), positions.last().copied().unwrap_or(0));
        positions.push(running.snapshot().position.batch);
    }
    let kept: Vec<_> = snapshots(folder.path());
    assert_eq!(kept.len(), 2);
    for (path, batch) in kept.iter().zip(&positions[2..]) {
        assert!(path.ends_with(format!("{batch:020}.snap")), "{path:?}");
    }
    let oldest: u64 = names(&folder.path().join("journal"))[0][..20].parse().expect("a batch");
    assert!(1 < oldest && oldest <= positions[2] + 1, "{oldest} of {positions:?}");
    assert!(segments(folder.path()).iter().any(|path| path.extension().is_some_and(|form| form == "sealed")));
    let content = running.close();
    assert!(verify_store(folder.path(), &mut |_| ()).expect("read").is_whole());
    drop_index(folder.path());
    assert_eq!(content_of(folder.path()), content);
}

/// Waits until the applier has synced the index behind this batch.
fn run_until_checkpointed(folder: &std::path::Path, batch: u64) {
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(60) {
        let mark = fs::read_to_string(folder.join("CHECKPOINT")).unwrap_or_default();
        let at = mark.lines().next().and_then(|line| line.strip_prefix("batch ")?.parse::<u64>().ok());
        if at.is_some_and(|at| at > batch) {
            return;
        }
        std::thread::yield_now();
    }
    panic!("no checkpoint behind batch {batch}");
}

#[test]
fn what_a_start_replays_is_never_retired() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    // One long segment would hide it; checkpoints far apart show it.
    let options = lictor::store::EmbeddedOptions { segment_bytes_max: 1_000, checkpoint_bytes: u64::MAX };
    drop(lictor::store::EmbeddedEngine::create(folder.path()).expect("created"));
    let engine = lictor::store::EmbeddedEngine::open_with(folder.path(), &options).expect("opened");
    let upkeep = engine.upkeep();
    let running = Running { store: lictor::store::RecordStore::start(engine), upkeep };
    for round in 0..3 {
        running.put(round * 20..(round + 1) * 20);
        running.snapshot();
    }
    let oldest: u64 = names(&folder.path().join("journal"))[0][..20].parse().expect("a batch");
    assert_eq!(oldest, 1, "the index was never synced");
    // As after a kill.
    let copy = crate::ground::copied(folder.path());
    assert_eq!(content_of(copy.path()), content(&running.store));
}

#[test]
fn a_snapshot_that_fails_harms_no_commit_and_leaves_nothing_behind() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let running = Running::open(folder.path());
    running.put(0..10);
    fs::write(folder.path().join("snapshots"), "a file where the folder should be").expect("written");
    assert!(matches!(running.upkeep.snapshot(TAKEN_AT_MS, &AT_ONCE), Err(StoreError::Io { .. })));
    running.put(10..20);
    fs::remove_file(folder.path().join("snapshots")).expect("removed");
    running.snapshot();
    assert_eq!(names(&folder.path().join("snapshots")).len(), 1);
    assert_eq!(running.close().len(), 20);
}

#[test]
fn no_turn_begins_once_the_store_is_closed() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let running = Running::open(folder.path());
    running.put(0..3);
    let upkeep = running.upkeep.clone();
    running.close();
    assert!(matches!(upkeep.snapshot(TAKEN_AT_MS, &AT_ONCE), Err(StoreError::Closed)));
    assert!(matches!(upkeep.scrub(TAKEN_AT_MS, &AT_ONCE), Err(StoreError::Closed)));
    assert!(upkeep.closes_within(Duration::from_secs(3_600)), "at once");
}

#[test]
fn a_slow_snapshot_ends_when_the_store_closes() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let running = Running::open(folder.path());
    running.put(0..50);
    let upkeep = running.upkeep.clone();
    let slow = UpkeepOptions { snapshot_bytes_per_sec: 1, ..AT_ONCE };
    let taking = std::thread::spawn(move || upkeep.snapshot(TAKEN_AT_MS, &slow));
    running.close();
    assert!(matches!(taking.join().expect("no panic"), Err(StoreError::Closed)));
    assert!(snapshots(folder.path()).is_empty(), "{:?}", snapshots(folder.path()));
}

#[test]
fn the_maintenance_takes_the_snapshots_that_are_due_and_ends_with_the_store() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let running = Running::open(folder.path());
    let maintenance = Maintenance::start(running.upkeep.clone(), AT_ONCE, || TAKEN_AT_MS).expect("started");
    let begun = Instant::now();
    let mut next = 0;
    while maintenance.state().newest_snapshot.is_none_or(|newest| newest.records < 50) {
        assert!(begun.elapsed() < Duration::from_secs(60), "{:?}", maintenance.state());
        running.put(next..next + 10);
        next += 10;
    }
    assert_eq!(maintenance.state().newest_snapshot.expect("taken").taken_at_ms, TAKEN_AT_MS);
    running.close();
    assert!(verify_store(folder.path(), &mut |_| ()).expect("nobody holds it").is_whole());
}

#[test]
fn a_store_with_snapshots_is_verified_whole() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let content = with_two_snapshots(folder.path());
    let report = verify_store(folder.path(), &mut |_| ()).expect("read");
    assert_eq!(report.faults, []);
    assert_eq!((report.records, report.replayed), (content.len() as u64, 0));
    assert_eq!((report.snapshots.len(), report.position.batch), (2, 100));
}
