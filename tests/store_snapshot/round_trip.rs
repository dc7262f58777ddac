//! A snapshot that was taken under writers holds exactly the state at its position.

use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use lictor::store::{
    Batch, CommitRequest, Direction, EmbeddedEngine, Engine, KeyRange, MemoryEngine, Primitive, Prior,
    Record, RecordKey, RecordStore, Revision, SnapshotSummary, StoreError, verify_snapshot,
};

use crate::ground::{Content, Restored, content, content_of, count, created, key, opened, put, run, taken};

/// Records that the writers put, change and remove.
const KEYS: u64 = 3_000;

#[test]
fn a_restored_store_holds_what_was_there_and_goes_on() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let store = created(&folder.path().join("data"));
    let (summary, snapshot) = run(async {
        for n in 0..50 {
            store.commit(put(n)).await.expect("made");
        }
        taken(&store).await
    });
    let restored = Restored::of(&snapshot);
    assert_eq!(restored.summary.records, 50);
    let jump = restored.summary.position.revision.number() - summary.position.revision.number();
    assert_eq!(jump, 1 << 32, "no revision of the lost time can match");
    let new = opened(&restored.data());
    assert_eq!(content(&new), content(&store));
    run(new.commit(put(99))).expect("made");
    let record = run(new.get(&key(99))).expect("a read").expect("it is there");
    assert!(record.revision > restored.summary.position.revision);
    run(new.close()).expect("closed");
    assert_eq!(content_of(&restored.data()).len(), 51);
}

#[test]
fn a_snapshot_of_the_memory_engine_is_restored_on_disk() {
    let store = RecordStore::start(MemoryEngine::new());
    let (_, snapshot) = run(async {
        for n in 0..2_500 {
            store.commit(put(n)).await.expect("made");
        }
        taken(&store).await
    });
    assert_eq!(content_of(&Restored::of(&snapshot).data()), content(&store));
}

#[test]
fn an_empty_store_is_restored_empty() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let store = created(&folder.path().join("data"));
    let (_, snapshot) = run(taken(&store));
    assert!(content_of(&Restored::of(&snapshot).data()).is_empty());
}

/// Writes, changes and removes records of its own until told to stop.
async fn writer(store: RecordStore, own: u64, stop: Arc<AtomicBool>) {
    let mut random = own + 1;
    while !stop.load(Ordering::Relaxed) {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let at = key((random >> 33) % KEYS);
        let primitive = if random.is_multiple_of(3) {
            Primitive::Unindex { key: at }
        } else {
            Primitive::Index { key: at, schema: 1, body: random.to_le_bytes().to_vec(), until_ms: None }
        };
        store.commit(CommitRequest::new().with(primitive)).await.expect("made");
    }
}

/// The state at every batch, as the engine was told it.
#[derive(Clone)]
struct Recorded {
    engine: Arc<EmbeddedEngine>,
    batches: Arc<Mutex<Vec<Batch>>>,
}

impl Engine for Recorded {
    fn prepare(&self, keys: &[RecordKey]) -> Result<Prior, StoreError> {
        self.engine.prepare(keys)
    }

    fn get(&self, keys: &[RecordKey]) -> Result<Vec<Option<Record>>, StoreError> {
        self.engine.get(keys)
    }

    fn scan(
        &self,
        range: &KeyRange,
        direction: Direction,
        limit: usize,
    ) -> Result<Vec<(RecordKey, Record)>, StoreError> {
        self.engine.scan(range, direction, limit)
    }

    fn write(&self, batch: Batch) -> Result<(), StoreError> {
        self.batches.lock().expect("no panic").push(batch.clone());
        self.engine.write(batch)
    }

    fn snapshot(
        &self,
        sink: &mut dyn Write,
        taken_at_ms: u64,
        progress: &mut dyn FnMut(u64),
    ) -> Result<SnapshotSummary, StoreError> {
        self.engine.snapshot(sink, taken_at_ms, progress)
    }

    fn close(&self) -> Result<(), StoreError> {
        self.engine.close()
    }
}

impl Recorded {
    /// The model: every batch up to this one, applied to nothing.
    fn state_at(&self, batch: u64) -> Content {
        let mut state = Content::new();
        let batches = self.batches.lock().expect("no panic");
        let until = batches.iter().take_while(|known| known.position.batch <= batch);
        for effect in until.flat_map(Batch::effects) {
            match &effect.after {
                Some(record) => state.insert(effect.key.clone(), record.as_ref().clone()),
                None => state.remove(&effect.key),
            };
        }
        state
    }
}

#[test]
fn a_snapshot_under_writers_is_the_state_at_its_position() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let engine = Arc::new(EmbeddedEngine::create(&folder.path().join("data")).expect("created"));
    let recorded = Recorded { engine, batches: Arc::default() };
    let store = RecordStore::start(recorded.clone());
    let snapshots = run(async {
        for first in (0..KEYS).step_by(500) {
            let many = (first..first + 500).fold(CommitRequest::new(), |request, n| {
                request.put(key(n), Revision::ABSENT, 1, vec![0; 200])
            });
            store.commit(many).await.expect("made");
        }
        let stop = Arc::new(AtomicBool::new(false));
        let writers: Vec<_> =
            (0..8).map(|own| tokio::spawn(writer(store.clone(), own, Arc::clone(&stop)))).collect();
        let mut snapshots = Vec::new();
        // On a busy machine the writers may have slept through the first ones.
        while snapshots.len() < count(5) || (!snapshots.iter().any(met_a_writer) && snapshots.len() < 100) {
            snapshots.push(taken(&store).await);
        }
        stop.store(true, Ordering::Relaxed);
        for writer in writers {
            writer.await.expect("no panic");
        }
        snapshots
    });
    assert!(snapshots.iter().any(met_a_writer), "no snapshot met a writer: this proves nothing");
    for (summary, snapshot) in snapshots {
        assert_eq!(verify_snapshot(snapshot.as_slice(), &mut |_| ()).expect("whole"), summary);
        let restored = content_of(&Restored::of(&snapshot).data());
        assert_eq!(restored, recorded.state_at(summary.position.batch), "{summary:?}");
    }
}

/// Its scan began at an earlier position than the one that it is of.
fn met_a_writer((summary, snapshot): &(SnapshotSummary, Vec<u8>)) -> bool {
    u64::from_le_bytes(std::array::from_fn(|i| snapshot[32 + i])) < summary.position.batch
}
