//! Commits of the embedded store beside raw appending of the same bytes.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use lictor::store::{CommitRequest, EmbeddedEngine, RecordStore};
use tokio::runtime::Runtime;

use crate::figures::Figures;
use crate::raw::{RawLog, append};
use crate::shape::Shape;

/// As many as commit at once.
pub const CLIENTS: usize = 64;

/// The store in a folder, made if it is not there.
pub fn opened(folder: &Path) -> RecordStore {
    let engine = if EmbeddedEngine::exists(folder) {
        EmbeddedEngine::open(folder)
    } else {
        EmbeddedEngine::create(folder)
    };
    RecordStore::start(engine.expect("the folder is the benchmark's own"))
}

/// Commits the shape's next licenses.
pub fn commit(runtime: &Runtime, store: &RecordStore, shape: &Arc<Shape>, count: u64) -> Figures {
    let (store, shape) = (store.clone(), Arc::clone(shape));
    clients(runtime, count, move || {
        let (store, request) = (store.clone(), shape.next());
        async move {
            store.commit(request).await.expect("the keys are new and the disk takes it");
        }
    })
}

/// Appends as many bytes per call as a commit takes in the journal.
pub fn append_raw(runtime: &Runtime, log: &RawLog, bytes: usize, count: u64) -> Figures {
    let queue = log.handle();
    clients(runtime, count, move || {
        let queue = queue.clone();
        async move { append(&queue, vec![0x5a; bytes]).await }
    })
}

/// Commits these, made beforehand so that only committing is measured.
pub fn commit_prepared(runtime: &Runtime, store: &RecordStore, requests: Vec<CommitRequest>) -> Figures {
    let (store, count) = (store.clone(), requests.len() as u64);
    let waiting = Arc::new(Mutex::new(requests));
    clients(runtime, count, move || {
        let request = waiting.lock().expect("nobody panics here").pop().expect("one for each");
        let store = store.clone();
        async move {
            store.commit(request).await.expect("the keys are new and the disk takes it");
        }
    })
}

fn clients<F: Future<Output = ()> + Send>(
    runtime: &Runtime,
    count: u64,
    one: impl Fn() -> F + Clone + Send + Sync + 'static,
) -> Figures {
    let begun = Instant::now();
    let left = Arc::new(AtomicU64::new(count));
    let client = |_| {
        let (one, left) = (one.clone(), Arc::clone(&left));
        runtime.spawn(async move {
            let mut micros = Vec::new();
            while taken(&left) {
                let asked = Instant::now();
                one().await;
                micros.push(u32::try_from(asked.elapsed().as_micros()).unwrap_or(u32::MAX));
            }
            micros
        })
    };
    let tasks: Vec<_> = (0..CLIENTS).map(client).collect();
    let mut micros = Vec::new();
    for task in tasks {
        micros.extend(runtime.block_on(task).expect("no client panics"));
    }
    Figures::of(begun.elapsed(), micros)
}

fn taken(left: &AtomicU64) -> bool {
    left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok()
}
