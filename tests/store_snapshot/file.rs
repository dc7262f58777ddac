//! The file of a snapshot: whole, or refused.

use std::fs;

use lictor::store::{EmbeddedEngine, StoreError, verify_snapshot};

use crate::ground::{TAKEN_AT_MS, content_of, count, created, file_of, put, run, taken};

/// A snapshot of a few records.
fn small() -> Vec<u8> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let store = created(&folder.path().join("data"));
    run(async {
        for n in 0..6 {
            store.commit(put(n)).await.expect("made");
        }
        taken(&store).await.1
    })
}

fn refused(bytes: &[u8]) -> StoreError {
    verify_snapshot(bytes, &mut |_| ()).expect_err("refused")
}

#[test]
fn a_snapshot_says_what_it_holds() {
    let bytes = small();
    let mut progress = Vec::new();
    let summary = verify_snapshot(bytes.as_slice(), &mut |records| progress.push(records)).expect("whole");
    assert_eq!((summary.records, summary.position.batch), (6, 6));
    assert_eq!((summary.bytes, summary.taken_at_ms), (bytes.len() as u64, TAKEN_AT_MS));
    assert_eq!(progress.last(), Some(&6));
}

#[test]
fn every_flipped_bit_is_refused() {
    let mut bytes = small();
    for byte in 0..bytes.len() {
        for bit in [0, 3, 7] {
            bytes[byte] ^= 1 << bit;
            let error = refused(&bytes);
            let named = matches!(&error, StoreError::Damaged { place, .. } if place.contains("at byte "));
            assert!(named || matches!(error, StoreError::NewerSchema { .. }), "byte {byte}: {error}");
            bytes[byte] ^= 1 << bit;
        }
    }
    verify_snapshot(bytes.as_slice(), &mut |_| ()).expect("whole again");
}

#[test]
fn every_cut_and_every_added_byte_is_refused() {
    let mut bytes = small();
    for length in 0..bytes.len() {
        assert!(matches!(refused(&bytes[..length]), StoreError::Damaged { .. }), "{length} bytes");
    }
    let end = bytes.len();
    bytes.push(0);
    let StoreError::Damaged { place, .. } = refused(&bytes) else { panic!("not refused as damage") };
    assert_eq!(place, format!("the snapshot at byte {end}"));
}

#[test]
fn a_bad_snapshot_is_refused_before_anything_is_made() {
    let bytes = small();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let data = folder.path().join("data");
    for at in (0..bytes.len()).step_by(bytes.len() / count(20)) {
        let mut bad = bytes.clone();
        bad[at] ^= 1;
        let file = file_of(folder.path(), &bad);
        let error = EmbeddedEngine::restore(&data, &file, &mut |_| ()).expect_err("refused");
        assert!(error.to_string().contains(&file.display().to_string()), "{error}");
        assert!(!data.exists(), "byte {at}");
    }
}

#[test]
fn a_folder_that_holds_anything_is_not_restored_into() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = file_of(folder.path(), &small());
    let data = folder.path().join("data");
    drop(EmbeddedEngine::create(&data).expect("created"));
    let notes = folder.path().join("notes");
    fs::create_dir(&notes).expect("a folder");
    fs::write(notes.join("notes.txt"), "mine").expect("written");
    for taken in [&data, &notes] {
        let error = EmbeddedEngine::restore(taken, &file, &mut |_| ()).expect_err("refused");
        assert!(matches!(error, StoreError::NotEmpty { .. }), "{error}");
    }
    assert_eq!(content_of(&data).len(), 0, "the store is as it was");
    let missing =
        EmbeddedEngine::restore(&folder.path().join("new"), &folder.path().join("none"), &mut |_| ());
    assert!(matches!(missing, Err(StoreError::Io { .. })));
}
