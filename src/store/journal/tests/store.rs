//! A whole store over sealed and retired segments.

use super::*;
use crate::store::{CommitRequest, EmbeddedEngine, EmbeddedOptions, RecordStore};

const OPTIONS: EmbeddedOptions = EmbeddedOptions { segment_bytes_max: SMALL, checkpoint_bytes: SMALL };
const COMMITS: u64 = 20;

fn run<T>(test: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().expect("a runtime").block_on(test)
}

fn keys() -> Vec<RecordKey> {
    (0..COMMITS).map(|n| RecordKey::new("m", Kind::License, n.to_be_bytes()).expect("short")).collect()
}

fn opened(folder: &Path) -> RecordStore {
    RecordStore::start(EmbeddedEngine::open_with(folder, &OPTIONS).expect("opened"))
}

fn content(store: &RecordStore) -> Vec<Option<Record>> {
    run(store.get_many(&keys())).expect("read")
}

/// A closed store, its id, and what is in it.
fn filled() -> (tempfile::TempDir, StoreId, Vec<Option<Record>>) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    drop(EmbeddedEngine::create(folder.path()).expect("created"));
    let store = opened(folder.path());
    for key in keys() {
        run(store.commit(CommitRequest::new().put(key, Revision::ABSENT, 1, "a license"))).expect("made");
    }
    let content = content(&store);
    assert!(content.iter().all(Option::is_some));
    run(store.close()).expect("closed");
    let bytes = fs::read(path_of(&folder.path().join("journal"), 1)).expect("read");
    let store = SegmentHeader::decode(&bytes).expect("a header").store;
    (folder, store, content)
}

#[test]
fn an_index_is_made_anew_from_sealed_segments() {
    let (folder, id, expected) = filled();
    let journal = folder.path().join("journal");
    assert!(Journal::seal_before(&journal, id, u64::MAX).expect("sealed") > 3);
    fs::remove_dir_all(folder.path().join("sled")).expect("removed");
    let store = opened(folder.path());
    assert_eq!(content(&store), expected);
    run(store.close()).expect("closed");
}

#[test]
fn a_store_opens_without_the_segments_before_its_checkpoint_and_never_starts_empty_without_them() {
    let (folder, _, expected) = filled();
    let journal = folder.path().join("journal");
    assert!(Journal::retire(&journal, u64::MAX).expect("retired") > 3);
    let store = opened(folder.path());
    assert_eq!(content(&store), expected);
    run(store.close()).expect("closed");

    fs::rename(folder.path().join("CHECKPOINT"), folder.path().join("kept")).expect("moved");
    let Err(error) = EmbeddedEngine::open(folder.path()) else { panic!("opened") };
    assert!(error.to_string().contains("but batch 1 is needed"), "{error}");
    fs::rename(folder.path().join("kept"), folder.path().join("CHECKPOINT")).expect("moved back");
    assert_eq!(content(&opened(folder.path())), expected);
}

#[test]
fn segments_are_sealed_and_retired_beside_the_writer() {
    let (folder, id, expected) = filled();
    let journal = folder.path().join("journal");
    let store = opened(folder.path());
    for n in COMMITS..COMMITS * 3 {
        let key = RecordKey::new("m", Kind::License, n.to_be_bytes()).expect("short");
        run(store.commit(CommitRequest::new().put(key, Revision::ABSENT, 1, "a license"))).expect("made");
        Journal::seal_before(&journal, id, n).expect("sealed");
        Journal::retire(&journal, n.saturating_sub(COMMITS)).expect("retired");
    }
    run(store.close()).expect("closed");
    let oldest = Journal::oldest_batch(&journal).expect("listed").expect("a segment");
    assert!(oldest > COMMITS, "{oldest}");
    assert_eq!(content(&opened(folder.path())), expected);
}
