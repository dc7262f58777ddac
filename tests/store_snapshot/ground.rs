//! Stores that are written to, and snapshots of them in memory.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use lictor::store::{
    CommitRequest, Direction, EmbeddedEngine, KeyRange, Kind, Record, RecordKey, RecordStore, Revision,
    SnapshotSummary,
};

pub const TAKEN_AT_MS: u64 = 1_790_000_000_000;

pub fn run<T>(test: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().expect("a runtime").block_on(test)
}

/// How often a test repeats its round: more by `LICTOR_PROVE_COUNT`.
#[expect(clippy::disallowed_methods, reason = "a test has no settings file")]
pub fn count(normal: usize) -> usize {
    std::env::var("LICTOR_PROVE_COUNT").ok().and_then(|count| count.parse().ok()).unwrap_or(normal)
}

pub fn key(n: u64) -> RecordKey {
    RecordKey::new("merchant", Kind::License, n.to_be_bytes()).expect("a short key")
}

pub fn put(n: u64) -> CommitRequest {
    CommitRequest::new().put(key(n), Revision::ABSENT, 1, format!("license {n}"))
}

/// Everything that is stored.
pub type Content = BTreeMap<RecordKey, Record>;

pub fn content(store: &RecordStore) -> Content {
    run(async {
        let mut all = Content::new();
        let mut range = KeyRange::all();
        loop {
            let page = store.scan(range.clone(), Direction::Forward, 1_000).await.expect("a scan");
            let Some((last, _)) = page.last() else { return all };
            range = range.after(last);
            all.extend(page);
        }
    })
}

pub fn created(folder: &Path) -> RecordStore {
    RecordStore::start(EmbeddedEngine::create(folder).expect("created"))
}

#[track_caller]
pub fn opened(folder: &Path) -> RecordStore {
    RecordStore::start(EmbeddedEngine::open(folder).expect("opened"))
}

/// A sink that keeps what it gets.
#[derive(Clone, Default)]
pub struct Kept(Arc<Mutex<Vec<u8>>>);

impl Kept {
    pub fn bytes(&self) -> Vec<u8> {
        self.0.lock().expect("no panic").clone()
    }
}

impl Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("no panic").write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

pub async fn taken(store: &RecordStore) -> (SnapshotSummary, Vec<u8>) {
    let sink = Kept::default();
    let summary = store.write_snapshot(sink.clone(), TAKEN_AT_MS, |_| ()).await.expect("a snapshot");
    (summary, sink.bytes())
}

/// A store made from a snapshot, in a folder of its own.
pub struct Restored {
    pub folder: tempfile::TempDir,
    pub summary: SnapshotSummary,
}

impl Restored {
    pub fn of(snapshot: &[u8]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let file = file_of(folder.path(), snapshot);
        let summary =
            EmbeddedEngine::restore(&folder.path().join("data"), &file, &mut |_| ()).expect("restored");
        Self { folder, summary }
    }

    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }
}

/// A snapshot as a file.
pub fn file_of(folder: &Path, snapshot: &[u8]) -> PathBuf {
    let file = folder.join("backup");
    std::fs::write(&file, snapshot).expect("written");
    file
}
