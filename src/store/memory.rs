//! An engine in memory, for tests: keeps nothing across processes, asserts the rules, injects faults.

use std::collections::BTreeMap;
use std::io::Write;
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::embedded::STORE_SCHEMA;
use super::engine::{Batch, Direction, Effect, Engine, Position, Prior, SCAN_BYTES_MAX};
use super::error::StoreError;
use super::journal::StoreId;
use super::key::{KeyRange, RecordKey};
use super::kind::Kind;
use super::record::Record;
use super::snapshot::{SnapshotHeader, SnapshotSummary, SnapshotWriter};

/// How a write fails. Both look the same to the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Nothing is kept.
    Lost,
    /// Everything is kept, but reported as lost.
    KeptButReportedLost,
}

impl Fault {
    /// The pair, for tests that try both.
    pub const PAIR: [Self; 2] = [Self::Lost, Self::KeptButReportedLost];
}

/// Records in memory. A clone is the same memory: keep one to plan faults and to open it again. Opening it again
/// shuts out the store that ran on it before, as the end of its process would.
///
/// Panics when a batch breaks a rule of the store: numbers that do not follow, a revision used twice, a counter
/// turned into a record, a counter of use below zero, an instance that is pointed elsewhere.
#[derive(Debug, Clone)]
pub struct MemoryEngine {
    state: Arc<Mutex<State>>,
    /// Which start this is.
    start: u64,
}

#[derive(Debug)]
struct State {
    records: BTreeMap<RecordKey, Arc<Record>>,
    position: Position,
    /// Writes until the planned fault: the next write is number 1.
    planned: Option<(u64, Fault)>,
    writes: u64,
    starts: u64,
    /// The start that may read and write; `None` while the engine is down.
    running: Option<u64>,
}

impl Default for MemoryEngine {
    fn default() -> Self {
        let state = State {
            records: BTreeMap::new(),
            position: Position::default(),
            planned: None,
            writes: 0,
            starts: 0,
            running: Some(0),
        };
        Self { state: Arc::new(Mutex::new(state)), start: 0 }
    }
}

impl MemoryEngine {
    /// An empty memory.
    pub fn new() -> Self {
        Self::default()
    }

    /// Plans the `n`-th write from now, starting at 1, to fail. After it the engine is down until reopened.
    pub fn fail_write(&self, n: u64, fault: Fault) {
        self.state().planned = Some((n, fault));
    }

    /// The same records for a new start, as after the end of a process. A fault not yet met stays planned.
    #[must_use]
    pub fn reopen(&self) -> Self {
        let mut state = self.state();
        state.starts += 1;
        state.running = Some(state.starts);
        Self { state: Arc::clone(&self.state), start: state.starts }
    }

    /// How many batches were tried to be written.
    pub fn writes(&self) -> u64 {
        self.state().writes
    }

    /// Every record, for a test that derives invariants from them; also while the engine is down.
    pub fn records(&self) -> Vec<(RecordKey, Record)> {
        self.state().records.iter().map(|(key, record)| (key.clone(), Record::clone(record))).collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A rule that failed has panicked already; what follows may still look.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn running(&self) -> Result<MutexGuard<'_, State>, StoreError> {
        let state = self.state();
        if state.running == Some(self.start) { Ok(state) } else { Err(StoreError::Closed) }
    }
}

impl Engine for MemoryEngine {
    fn prepare(&self, keys: &[RecordKey]) -> Result<Prior, StoreError> {
        let state = self.running()?;
        let found = |key: &RecordKey| Some((key.clone(), Arc::clone(state.records.get(key)?)));
        Ok(Prior { position: state.position, records: keys.iter().filter_map(found).collect() })
    }

    fn get(&self, keys: &[RecordKey]) -> Result<Vec<Option<Record>>, StoreError> {
        let state = self.running()?;
        Ok(keys.iter().map(|key| state.records.get(key).map(|record| Record::clone(record))).collect())
    }

    fn scan(
        &self,
        range: &KeyRange,
        direction: Direction,
        limit: usize,
    ) -> Result<Vec<(RecordKey, Record)>, StoreError> {
        let state = self.running()?;
        if range.is_empty() {
            return Ok(Vec::new());
        }
        let found =
            state.records.range::<[u8], _>((Bound::Included(range.start()), Bound::Excluded(range.end())));
        let owned = |(key, record): (&RecordKey, &Arc<Record>)| (key.clone(), Record::clone(record));
        let mut bytes = 0;
        let fits = |(key, record): &(&RecordKey, &Arc<Record>)| {
            let is_room = bytes < SCAN_BYTES_MAX;
            bytes += key.as_bytes().len() + record.body.len();
            is_room
        };
        Ok(match direction {
            Direction::Forward => found.take(limit).take_while(fits).map(owned).collect(),
            Direction::Reverse => found.rev().take(limit).take_while(fits).map(owned).collect(),
        })
    }

    fn get_at_once(&self, keys: &[RecordKey]) -> Option<Result<Vec<Option<Record>>, StoreError>> {
        Some(self.get(keys))
    }

    fn write(&self, batch: Batch) -> Result<(), StoreError> {
        let mut state = self.running()?;
        state.writes += 1;
        match state.due_fault() {
            None => state.keep(batch),
            Some(fault) => {
                if fault == Fault::KeptButReportedLost {
                    state.keep(batch);
                }
                state.running = None;
                return Err(StoreError::Planned);
            }
        }
        Ok(())
    }

    fn snapshot(
        &self,
        sink: &mut dyn Write,
        taken_at_ms: u64,
        progress: &mut dyn FnMut(u64),
    ) -> Result<SnapshotSummary, StoreError> {
        let (records, before) = {
            let state = self.running()?;
            (state.records.clone(), state.position)
        };
        let header = SnapshotHeader { store: StoreId::default(), schema: STORE_SCHEMA, before, taken_at_ms };
        let mut snapshot = SnapshotWriter::begin(sink, header)?;
        for (key, record) in &records {
            snapshot.record(key.as_bytes(), &record.encode(key))?;
        }
        progress(records.len() as u64);
        Ok(snapshot.finish(before)?.0)
    }

    fn close(&self) -> Result<(), StoreError> {
        let mut state = self.state();
        if state.running == Some(self.start) {
            state.running = None;
        }
        Ok(())
    }
}

impl State {
    fn due_fault(&mut self) -> Option<Fault> {
        let (left, fault) = self.planned?;
        self.planned = (left > 1).then(|| (left - 1, fault));
        (left <= 1).then_some(fault)
    }

    fn keep(&mut self, batch: Batch) {
        assert_eq!(batch.position.batch, self.position.batch + 1, "batches follow each other");
        assert!(batch.effects().next().is_some(), "a batch without effects is not written");
        for effect in batch.effects() {
            self.keep_effect(effect);
        }
        assert!(self.position.revision <= batch.position.revision, "a batch knows its greatest revision");
        self.position = batch.position;
    }

    fn keep_effect(&mut self, Effect { key, after }: &Effect) {
        let before = self.records.get(key);
        let Some(after) = after else {
            assert!(before.is_some(), "{key} is removed but was not there");
            self.records.remove(key);
            return;
        };
        assert!(self.position.revision < after.revision, "{key} reuses a revision");
        if let Some(before) = before {
            assert_eq!(
                before.counter().is_some(),
                after.counter().is_some(),
                "{key} stays a counter or a record"
            );
        }
        match key.kind() {
            Kind::Quota | Kind::StatusListSlots => {
                assert!(after.counter().is_none_or(|value| value >= 0), "{key} is below zero");
            }
            Kind::Instance => {
                assert!(before.is_none_or(|before| before.body == after.body), "{key} is pointed elsewhere");
            }
            Kind::Purchase
            | Kind::AuthorizationCode
            | Kind::HandedOver
            | Kind::AppInfo
            | Kind::License
            | Kind::ClaimCode
            | Kind::Places
            | Kind::Activation
            | Kind::Escrow
            | Kind::Reservation
            | Kind::Nonce
            | Kind::Idempotency
            | Kind::StatusListBits
            | Kind::StatusListFlip
            | Kind::Job
            | Kind::LaneJob
            | Kind::Supplement
            | Kind::Event
            | Kind::Audit
            | Kind::Index
            | Kind::Catalog
            | Kind::Kit
            | Kind::Meta
            | Kind::Call
            | Kind::Standing
            | Kind::Notice
            | Kind::Usage
            | Kind::Webhook
            | Kind::Access => {}
        }
        self.position.revision = after.revision;
        self.records.insert(key.clone(), Arc::clone(after));
    }
}
