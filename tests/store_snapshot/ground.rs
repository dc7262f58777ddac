//! Stores that are written to, and snapshots of them in memory.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use lictor::store::{
    CommitRequest, Direction, EmbeddedEngine, EmbeddedOptions, KeyRange, Kind, Record, RecordKey,
    RecordStore, Revision, SnapshotSummary, StoreError, Upkeep, UpkeepOptions,
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

/// What a store holds once it is opened; it is closed again.
#[track_caller]
pub fn content_of(folder: &Path) -> Content {
    let store = opened(folder);
    let content = content(&store);
    run(store.close()).expect("closed");
    content
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

/// Small, so that a few dozen commits make many segments and checkpoints.
pub const SMALL: EmbeddedOptions = EmbeddedOptions { segment_bytes_max: 1_000, checkpoint_bytes: 3_000 };

/// As fast as it goes, and due at once.
pub const AT_ONCE: UpkeepOptions = UpkeepOptions {
    snapshot_journal_bytes: 0,
    free_bytes_min: 0,
    snapshot_bytes_per_sec: u64::MAX,
    scrub_bytes_per_sec: u64::MAX,
    looks_every: Duration::from_millis(1),
    scrubs_every: Duration::from_secs(3_600),
};

/// A running store with its upkeep.
pub struct Running {
    pub store: RecordStore,
    pub upkeep: Upkeep,
}

impl Running {
    #[track_caller]
    pub fn open(folder: &Path) -> Self {
        if !EmbeddedEngine::exists(folder) {
            drop(EmbeddedEngine::create(folder).expect("created"));
        }
        let engine = EmbeddedEngine::open_with(folder, &SMALL).expect("opened");
        let upkeep = engine.upkeep();
        Self { store: RecordStore::start(engine), upkeep }
    }

    pub fn put(&self, numbers: std::ops::Range<u64>) {
        run(async {
            for n in numbers {
                self.store.commit(put(n)).await.expect("made");
            }
        });
    }

    pub fn snapshot(&self) -> SnapshotSummary {
        self.upkeep.snapshot(TAKEN_AT_MS, &AT_ONCE).expect("a snapshot")
    }

    /// Closes in good order; returns what was stored.
    pub fn close(self) -> Content {
        let content = content(&self.store);
        run(self.store.close()).expect("closed");
        content
    }
}

/// A closed store with two snapshots, segments before, between and behind them, and what it holds.
pub fn with_two_snapshots(folder: &Path) -> Content {
    let running = Running::open(folder);
    running.put(0..40);
    running.snapshot();
    running.put(40..80);
    running.snapshot();
    running.put(80..100);
    running.close()
}

pub fn names(folder: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut names: Vec<_> =
        entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// The snapshots of a store, the oldest first.
pub fn snapshots(folder: &Path) -> Vec<PathBuf> {
    let folder = folder.join("snapshots");
    names(&folder).into_iter().map(|name| folder.join(name)).collect()
}

/// The segments of a store, sealed or not, the oldest first.
pub fn segments(folder: &Path) -> Vec<PathBuf> {
    let folder = folder.join("journal");
    names(&folder).into_iter().map(|name| folder.join(name)).collect()
}

/// Flips a bit in the middle of a file.
pub fn flip(path: &Path) {
    let mut bytes = std::fs::read(path).expect("read");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 4;
    std::fs::write(path, bytes).expect("written");
}

/// Without its index, a store is made from its truth.
pub fn drop_index(folder: &Path) {
    std::fs::remove_dir_all(folder.join("sled")).expect("removed");
}

/// Changes the index behind the store's back.
pub fn with_sled(folder: &Path, change: impl FnOnce(&sled::Db)) {
    let db = sled::Config::new().path(folder.join("sled")).segment_size(4 << 20).open().expect("opened");
    change(&db);
    db.flush().expect("flushed");
    drop(db);
    // sled lets go of its file a little later.
    let file = std::fs::File::open(folder.join("sled/db")).expect("opened");
    fs4::FileExt::lock(&file).expect("free");
}

/// Loses an entry of the index, silently.
pub fn lose_an_entry(folder: &Path) {
    with_sled(folder, |db| {
        let keys: Vec<_> =
            db.iter().keys().map(|key| key.expect("read")).filter(|key| key.first() != Some(&0xff)).collect();
        db.remove(&keys[keys.len() / 2]).expect("removed");
    });
}

#[track_caller]
pub fn refused(folder: &Path) -> StoreError {
    match EmbeddedEngine::open(folder) {
        Err(error) => error,
        Ok(_) => panic!("opened"),
    }
}

pub fn copied(folder: &Path) -> tempfile::TempDir {
    let copy = tempfile::tempdir().expect("a temporary folder");
    copy_all(folder, copy.path());
    copy
}

fn copy_all(from: &Path, to: &Path) {
    if from.is_dir() {
        std::fs::create_dir_all(to).expect("a folder");
        for name in names(from) {
            copy_all(&from.join(&name), &to.join(&name));
        }
    } else {
        std::fs::copy(from, to).expect("a copy");
    }
}
