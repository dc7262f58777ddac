//! A start that must not be: refused with what to do next, and never an empty store in place of an old one.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use lictor::store::{EmbeddedEngine, EmbeddedOptions, StoreError};

use crate::ground::filled;

fn refusal(opened: Result<EmbeddedEngine, StoreError>) -> StoreError {
    match opened {
        Err(error) => error,
        Ok(_) => panic!("opened"),
    }
}

#[test]
fn a_folder_in_use_is_refused_and_free_again_after_the_close() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let held = EmbeddedEngine::create(folder.path()).expect("created");
    let error = refusal(EmbeddedEngine::open(folder.path()));
    assert!(matches!(error, StoreError::Locked { .. }), "{error}");
    assert!(error.to_string().contains("in use by another process"));
    drop(held);
    EmbeddedEngine::open(folder.path()).expect("free again");
}

#[test]
fn a_store_is_only_made_in_an_empty_folder() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    assert!(!EmbeddedEngine::exists(folder.path()));
    let inside = folder.path().join("new/data");
    drop(EmbeddedEngine::create(&inside).expect("missing folders are made"));
    assert!(EmbeddedEngine::exists(&inside));
    for taken in [inside.as_path(), folder.path()] {
        let error = refusal(EmbeddedEngine::create(taken));
        assert!(matches!(error, StoreError::NotEmpty { .. }), "{error}");
    }
}

#[test]
fn a_store_is_never_made_by_opening() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let missing = folder.path().join("missing");
    for (path, entries) in [(folder.path(), 0), (missing.as_path(), 0)] {
        let error = refusal(EmbeddedEngine::open(path));
        assert!(matches!(error, StoreError::Missing { .. }), "{error}");
        assert_eq!(fs::read_dir(path).map_or(0, Iterator::count), entries, "nothing was made");
    }
    fs::write(folder.path().join("notes.txt"), "mine").expect("written");
    assert!(matches!(refusal(EmbeddedEngine::open(folder.path())), StoreError::Foreign { .. }));
}

#[test]
fn a_newer_a_foreign_and_a_damaged_format_are_refused() {
    let filled = filled(1, &EmbeddedOptions::default());
    let format = filled.folder.path().join("FORMAT");
    let good = fs::read_to_string(&format).expect("read");
    let open_with = |text: &str| {
        fs::write(&format, text).expect("written");
        refusal(EmbeddedEngine::open(filled.folder.path()))
    };
    assert!(matches!(open_with("lictor-store 2\n"), StoreError::NewerSchema { found: 2, .. }));
    assert!(matches!(open_with("something else\n"), StoreError::Foreign { .. }));
    assert!(matches!(open_with(""), StoreError::Foreign { .. }));
    assert!(matches!(open_with(&good.replacen("id ", "id 0", 1)), StoreError::Damaged { .. }));
    fs::write(&format, good).expect("written");
    EmbeddedEngine::open(filled.folder.path()).expect("as before");
}

#[test]
fn only_the_owner_may_enter_or_read() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let inside = folder.path().join("data");
    drop(EmbeddedEngine::create(&inside).expect("created"));
    let mode = |path: &Path| fs::metadata(path).expect("it is there").permissions().mode() & 0o777;
    for name in ["", "journal", "sled"] {
        assert_eq!(mode(&inside.join(name)), 0o700, "{name}");
    }
    for name in ["LOCK", "FORMAT", "STOPPED", "journal/00000000000000000001.seg"] {
        assert_eq!(mode(&inside.join(name)), 0o600, "{name}");
    }
}
