//! Making the index anew from a snapshot and the journal after it.

use std::fs;

use lictor::store::{EmbeddedEngine, StoreError};

use crate::ground::{
    Content, content, content_of, copied, drop_index, flip, opened, refused, segments, snapshots,
    with_two_snapshots,
};

fn rebuilt(folder: &std::path::Path) -> Content {
    drop_index(folder);
    let store = opened(folder);
    assert!(!folder.join("REBUILD").exists());
    content(&store)
}

#[test]
fn a_store_is_made_anew_from_each_of_its_snapshots() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let expected = with_two_snapshots(folder.path());
    let [older, newer] = &snapshots(folder.path())[..] else { panic!("two snapshots") };
    assert_eq!(rebuilt(copied(folder.path()).path()), expected);
    for gone in [older, newer] {
        let copy = copied(folder.path());
        fs::remove_file(copy.path().join("snapshots").join(gone.file_name().expect("a name")))
            .expect("removed");
        assert_eq!(rebuilt(copy.path()), expected);
    }
}

#[test]
fn a_damaged_newest_snapshot_is_passed_over_for_the_older_one() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let expected = with_two_snapshots(folder.path());
    let newest = snapshots(folder.path()).pop().expect("two snapshots");
    let whole = fs::read(&newest).expect("read");
    for at in (0..whole.len()).step_by(97) {
        let copy = copied(folder.path());
        let mut bad = whole.clone();
        bad[at] ^= 1;
        fs::write(snapshots(copy.path()).pop().expect("two"), bad).expect("written");
        assert_eq!(rebuilt(copy.path()), expected, "byte {at}");
    }
}

#[test]
fn without_any_snapshot_the_journal_from_the_first_batch_is_enough_or_the_start_is_refused_by_name() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let running = crate::ground::Running::open(folder.path());
    running.put(0..100);
    let expected = running.close();
    assert_eq!(rebuilt(copied(folder.path()).path()), expected);
    fs::remove_file(&segments(folder.path())[0]).expect("removed");
    drop_index(folder.path());
    let StoreError::Damaged { place, what, next } = refused(folder.path()) else { panic!("not damage") };
    assert_eq!(place, folder.path().join("journal").display().to_string());
    assert!(what.contains("there is no snapshot"), "{what}");
    assert!(next.contains("restore the newest backup"), "{next}");
    assert!(!folder.path().join("sled").exists(), "nothing was made");
}

#[test]
fn with_both_snapshots_damaged_and_the_journal_cut_short_the_start_is_refused_by_name() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let running = crate::ground::Running::open(folder.path());
    running.put(0..40);
    running.close();
    // Closing has made the checkpoint: what lies before the snapshots may go.
    let running = crate::ground::Running::open(folder.path());
    running.snapshot();
    running.put(40..80);
    running.snapshot();
    running.close();
    let oldest: u64 = crate::ground::names(&folder.path().join("journal"))[0][..20].parse().expect("a batch");
    assert!(oldest > 1, "segments were retired");
    for snapshot in snapshots(folder.path()) {
        flip(&snapshot);
    }
    drop_index(folder.path());
    let StoreError::Damaged { what, .. } = refused(folder.path()) else { panic!("not damage") };
    for snapshot in snapshots(folder.path()) {
        assert!(what.contains(&snapshot.display().to_string()), "{what}");
    }
}

#[test]
fn a_damaged_frame_after_the_snapshot_is_refused_and_the_old_index_stays() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    with_two_snapshots(folder.path());
    fs::write(folder.path().join("REBUILD"), "asked for").expect("written");
    let before = crate::ground::names(&folder.path().join("sled"));
    let newest = segments(folder.path()).pop().expect("a segment");
    flip(&newest);
    let StoreError::Damaged { place, .. } = refused(folder.path()) else { panic!("not damage") };
    assert!(place.contains(&newest.display().to_string()), "{place}");
    assert_eq!(crate::ground::names(&folder.path().join("sled")), before);
}

#[test]
fn a_rebuild_that_was_interrupted_is_begun_again() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let expected = with_two_snapshots(folder.path());
    // The mark was left, the index dropped; then it was made, then filled in part.
    for state in ["dropped", "made", "half"] {
        let copy = copied(folder.path());
        fs::write(copy.path().join("REBUILD"), "asked for").expect("written");
        match state {
            "dropped" => drop_index(copy.path()),
            "made" => {
                drop_index(copy.path());
                fs::create_dir(copy.path().join("sled")).expect("made");
            }
            _ => crate::ground::with_sled(copy.path(), |db| {
                let keys: Vec<_> = db.iter().keys().map(|key| key.expect("read")).collect();
                keys.iter().skip(keys.len() / 2).for_each(|key| drop(db.remove(key).expect("removed")));
            }),
        }
        assert_eq!(content_of(copy.path()), expected, "{state}");
        assert!(!copy.path().join("REBUILD").exists(), "{state}");
    }
}

#[test]
fn a_snapshot_of_another_store_is_not_used() {
    let (folder, other) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    let expected = with_two_snapshots(folder.path());
    with_two_snapshots(other.path());
    let (own, foreign) = (snapshots(folder.path()), snapshots(other.path()));
    fs::copy(&foreign[1], &own[1]).expect("copied");
    assert_eq!(rebuilt(folder.path()), expected);
}

#[test]
fn what_an_interrupted_restore_leaves_is_no_store() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    with_two_snapshots(folder.path());
    let newest = snapshots(folder.path()).pop().expect("a snapshot");
    let data = folder.path().join("restored");
    EmbeddedEngine::restore(&data, &newest, &mut |_| ()).expect("restored");
    // Each file that is made, in the order in which it is made; FORMAT is the last.
    for missing in [&["FORMAT"][..], &["FORMAT", "journal"], &["FORMAT", "journal", "snapshots"]] {
        let copy = copied(&data);
        for name in missing {
            let path = copy.path().join(name);
            let removed = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
            removed.expect("removed");
        }
        assert!(!EmbeddedEngine::exists(copy.path()));
        assert!(matches!(refused(copy.path()), StoreError::Foreign { .. }));
        let again = EmbeddedEngine::restore(copy.path(), &newest, &mut |_| ());
        assert!(matches!(again, Err(StoreError::NotEmpty { .. })));
    }
}
