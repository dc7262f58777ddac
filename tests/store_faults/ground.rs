//! Folders of embedded stores, and what their journals look like from outside.

use std::fs;
use std::path::{Path, PathBuf};

use lictor::store::{
    CommitRequest, Direction, EmbeddedEngine, EmbeddedOptions, KeyRange, Kind, Record, RecordKey,
    RecordStore, Revision, StoreError,
};

pub fn run<T>(test: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().expect("a runtime").block_on(test)
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
pub fn content(store: &RecordStore) -> Vec<(RecordKey, Record)> {
    run(async {
        let mut all = Vec::new();
        let mut range = KeyRange::all();
        loop {
            let page = store.scan(range.clone(), Direction::Forward, 500).await.expect("a scan");
            let Some((last, _)) = page.last() else { return all };
            range = range.after(last);
            all.extend(page);
        }
    })
}

/// A store that was filled commit by commit and closed in good order.
pub struct Filled {
    pub folder: tempfile::TempDir,
    /// The journal's newest segment.
    pub segment: PathBuf,
    /// Where each frame of it starts, and its length.
    pub frames: Vec<(u64, u64)>,
    pub content: Vec<(RecordKey, Record)>,
}

pub const SMALL: EmbeddedOptions = EmbeddedOptions { segment_bytes_max: 1_000, checkpoint_bytes: 3_000 };

pub fn filled(commits: u64, options: &EmbeddedOptions) -> Filled {
    filled_with(commits, options, put)
}

pub fn filled_with(
    commits: u64,
    options: &EmbeddedOptions,
    request: impl Fn(u64) -> CommitRequest,
) -> Filled {
    let folder = tempfile::tempdir().expect("a temporary folder");
    drop(EmbeddedEngine::create(folder.path()).expect("created"));
    let store = RecordStore::start(EmbeddedEngine::open_with(folder.path(), options).expect("opened"));
    let mut frames = Vec::new();
    for n in 0..commits {
        let before = fs::metadata(newest_segment(folder.path())).expect("a segment").len();
        run(store.commit(request(n))).expect("made");
        let after = fs::metadata(newest_segment(folder.path())).expect("a segment").len();
        frames.push((before, after.saturating_sub(before)));
    }
    let content = content(&store);
    run(store.close()).expect("closed");
    let segment = newest_segment(folder.path());
    Filled { folder, segment, frames, content }
}

impl Filled {
    /// A copy of the journal alone: as if nothing were known of what was answered.
    pub fn journal_alone(&self) -> tempfile::TempDir {
        self.copied(&["FORMAT", "journal"])
    }

    pub fn copied(&self, names: &[&str]) -> tempfile::TempDir {
        let copy = tempfile::tempdir().expect("a temporary folder");
        for name in names {
            copy_all(&self.folder.path().join(name), &copy.path().join(name));
        }
        copy
    }

    pub fn everything(&self) -> tempfile::TempDir {
        self.copied(&["FORMAT", "journal", "sled", "CHECKPOINT", "STOPPED"])
    }

    /// The newest segment inside a copy.
    pub fn segment_in(&self, copy: &Path) -> PathBuf {
        copy.join("journal").join(self.segment.file_name().expect("a file"))
    }
}

pub fn copy_all(from: &Path, to: &Path) {
    if from.is_dir() {
        fs::create_dir_all(to).expect("a folder");
        for entry in fs::read_dir(from).expect("a folder") {
            let name = entry.expect("an entry").file_name();
            copy_all(&from.join(&name), &to.join(&name));
        }
    } else {
        fs::copy(from, to).expect("a copy");
    }
}

pub fn segments(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder.join("journal")).expect("a journal");
    let mut segments: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
    segments.sort();
    segments
}

pub fn newest_segment(folder: &Path) -> PathBuf {
    segments(folder).pop().expect("at least one segment")
}

pub fn cut(path: &Path, length: u64) {
    fs::OpenOptions::new().write(true).open(path).and_then(|file| file.set_len(length)).expect("cut");
}

pub fn flip(path: &Path, byte: u64, bit: u8) {
    let mut bytes = fs::read(path).expect("read");
    bytes[usize::try_from(byte).expect("small")] ^= 1 << bit;
    fs::write(path, bytes).expect("written");
}

/// Opens, which must be refused as damage; returns where.
#[track_caller]
pub fn refused(folder: &Path) -> String {
    match EmbeddedEngine::open(folder) {
        Err(StoreError::Damaged { place, .. }) => place,
        Err(other) => panic!("not refused as damage: {other}"),
        Ok(_) => panic!("opened"),
    }
}

#[track_caller]
pub fn opened(folder: &Path) -> RecordStore {
    RecordStore::start(EmbeddedEngine::open(folder).expect("opened"))
}
