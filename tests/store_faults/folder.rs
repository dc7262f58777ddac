//! A start that must not be: refused with what to do next, and never an empty store in place of an old one.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use lictor::store::{CommitRequest, EmbeddedEngine, EmbeddedOptions, Revision, STORE_SCHEMA, StoreError};

use crate::ground::{content, cut, filled, flip, key, opened, put, run};

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
    assert!(matches!(open_with("lictor-store 3\n"), StoreError::NewerSchema { found: 3, .. }));
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
    let open = EmbeddedEngine::open(&inside).expect("opened");
    assert_eq!(mode(&inside.join("RUNNING")), 0o600);
    drop(open);
    for name in ["LOCK", "FORMAT", "STOPPED", "journal/00000000000000000001.seg"] {
        assert_eq!(mode(&inside.join(name)), 0o600, "{name}");
    }
}

/// A mark as the store writes it.
fn sealed(lines: &str) -> String {
    format!("{lines}crc32c {:08x}\n", crc32c::crc32c(lines.as_bytes()))
}

/// Makes the index say something else than the journal, in a way that its own checks cannot see.
fn make_the_index_lie(folder: &Path) {
    let lying = filled(1, &EmbeddedOptions::default());
    let store = opened(lying.folder.path());
    run(store.commit(CommitRequest::new().put(key(1_000), Revision::ABSENT, 1, "a lie"))).expect("made");
    run(store.close()).expect("closed");
    fs::remove_dir_all(folder.join("sled")).expect("removed");
    crate::ground::copy_all(&lying.folder.path().join("sled"), &folder.join("sled"));
    fs::remove_file(folder.join("CHECKPOINT")).expect("removed");
}

#[test]
fn after_a_restart_of_the_machine_the_index_of_a_store_that_was_open_is_made_anew() {
    let filled = filled(5, &EmbeddedOptions::default());
    let believes_the_lie = |running: Option<String>| {
        let copy = filled.everything();
        make_the_index_lie(copy.path());
        if let Some(running) = running {
            fs::write(copy.path().join("RUNNING"), running).expect("written");
        }
        let store = opened(copy.path());
        let read = content(&store);
        run(store.close()).expect("closed");
        assert!(!copy.path().join("RUNNING").exists(), "removed at a close in good order");
        assert!(!copy.path().join("REBUILD").exists());
        if read == filled.content {
            return false;
        }
        assert_eq!(read.len(), filled.content.len() + 1, "the lie can only be seen if the index is believed");
        true
    };
    let this = fs::read_to_string("/proc/sys/kernel/random/boot_id").expect("Linux says");
    assert!(believes_the_lie(None), "closed in good order");
    assert!(believes_the_lie(Some(sealed(&format!("boot {}\n", this.trim())))), "killed, the machine ran on");
    assert!(believes_the_lie(Some(sealed("boot unknown\n"))), "nobody can tell");
    let other = "01234567-89ab-cdef-0123-456789abcdef";
    assert!(!believes_the_lie(Some(sealed(&format!("boot {other}\n")))), "restarted");
    assert!(!believes_the_lie(Some(format!("boot {}\n", this.trim()))), "not readable");
    assert!(!believes_the_lie(Some(String::new())), "empty, as after a power cut");
}

#[test]
fn a_store_of_schema_1_is_opened_whole_and_an_older_program_then_refuses_it() {
    let filled = filled(5, &EmbeddedOptions::default());
    let copy = filled.everything();
    let format = copy.path().join("FORMAT");
    let text = fs::read_to_string(&format).expect("read");
    assert!(text.starts_with(&format!("lictor-store {STORE_SCHEMA}\n")), "{text}");
    let id = text.lines().nth(1).expect("its id");
    fs::write(&format, sealed(&format!("lictor-store 1\n{id}\n"))).expect("written");
    let store = opened(copy.path());
    assert_eq!(content(&store), filled.content);
    run(store.close()).expect("closed");
    assert_eq!(fs::read_to_string(&format).expect("read"), text, "the same id, the new schema");
}

/// CHECKPOINT, STOPPED and FORMAT are refused; RUNNING only costs a rebuild; none ever gives another content.
#[test]
fn a_mark_with_a_flipped_bit_or_cut_short_never_gives_a_wrong_store() {
    let filled = filled(3, &EmbeddedOptions::default());
    let running = {
        let copy = filled.everything();
        let _open = EmbeddedEngine::open(copy.path()).expect("opened");
        fs::read(copy.path().join("RUNNING")).expect("it is open")
    };
    for (name, refused) in [("FORMAT", true), ("CHECKPOINT", true), ("STOPPED", true), ("RUNNING", false)] {
        let copy = filled.everything();
        let path = copy.path().join(name);
        fs::write(copy.path().join("RUNNING"), &running).expect("written");
        let good = fs::read(&path).expect("read");
        let length = good.len() as u64;
        for byte in 0..length {
            fs::write(&path, &good).expect("written");
            if byte % 2 == 0 {
                flip(&path, byte, u8::try_from(byte / 2 % 8).expect("small"));
            } else {
                cut(&path, byte);
            }
            match EmbeddedEngine::open(copy.path()) {
                Ok(engine) => {
                    assert!(!refused, "{name}, byte {byte}");
                    let store = lictor::store::RecordStore::start(engine);
                    assert_eq!(content(&store), filled.content, "{name}, byte {byte}");
                    run(store.close()).expect("closed");
                }
                Err(error) => {
                    assert!(refused, "{name}, byte {byte}: {error}");
                    assert!(
                        error.to_string().contains(&copy.path().display().to_string()),
                        "{name}, byte {byte}: {error}"
                    );
                }
            }
        }
    }
}

#[test]
fn a_store_without_its_marks_is_read_from_the_journal_and_takes_commits() {
    let filled = filled(5, &EmbeddedOptions::default());
    for names in
        [&["FORMAT", "journal"][..], &["FORMAT", "journal", "sled"], &["FORMAT", "journal", "STOPPED"]]
    {
        let copy = filled.copied(names);
        let store = opened(copy.path());
        assert_eq!(content(&store), filled.content, "{names:?}");
        run(store.commit(put(99))).expect("made");
    }
}
