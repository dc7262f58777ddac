//! What a world stands on: an engine that outlives the processes on it, and fails where a test has planned it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use lictor::store::{
    Batch, Direction, EmbeddedEngine, Engine, Fault, KeyRange, MemoryEngine, PostgresEngine, Prior, Record,
    RecordKey, StoreError,
};

use super::engines::EngineName;
use super::postgres::{Cluster, Database};
use super::world::locked;

/// Where the records of one world are.
pub struct Ground {
    pub on: EngineName,
    place: Place,
    plan: Arc<Mutex<Plan>>,
}

enum Place {
    Memory(MemoryEngine),
    Embedded(tempfile::TempDir),
    Postgres(Lent),
}

/// What becomes of the writes.
#[derive(Default)]
struct Plan {
    /// Each fault strikes that many writes after the one before.
    faults: VecDeque<(u64, Fault)>,
    writes: u64,
    struck: u64,
    starts: u64,
    /// The start that may read and write; `None` while the engine is down.
    running: Option<u64>,
}

impl Plan {
    fn due_fault(&mut self) -> Option<Fault> {
        self.writes += 1;
        let (left, _) = self.faults.front_mut()?;
        *left -= 1;
        if *left > 0 {
            return None;
        }
        self.struck += 1;
        self.faults.pop_front().map(|(_, fault)| fault)
    }
}

impl Ground {
    pub fn new(on: EngineName) -> Self {
        let place = match on {
            EngineName::Memory => Place::Memory(MemoryEngine::new()),
            EngineName::Embedded => Place::Embedded(tempfile::tempdir().expect("a temporary folder")),
            EngineName::Postgres => Place::Postgres(Lent::take()),
        };
        Self { on, place, plan: Arc::default() }
    }

    /// Opens it for a new start of so many replicas, each with an engine of its own where there can be several; whatever
    /// ran on it before is shut out, as the end of its process would.
    pub fn open(&self, replicas: usize) -> Vec<FailingEngine> {
        let start = {
            let mut plan = locked(&self.plan);
            plan.starts += 1;
            plan.running = Some(plan.starts);
            plan.starts
        };
        let engines = match self.on {
            EngineName::Memory | EngineName::Embedded => 1,
            EngineName::Postgres => replicas,
        };
        let engine = |_| FailingEngine { inner: self.engine(), plan: Arc::clone(&self.plan), start };
        (0..engines).map(engine).collect()
    }

    fn engine(&self) -> Box<dyn Engine> {
        match &self.place {
            Place::Memory(memory) => Box::new(memory.reopen()),
            Place::Embedded(folder) if EmbeddedEngine::exists(folder.path()) => {
                Box::new(EmbeddedEngine::open(folder.path()).expect("the one before is closed"))
            }
            Place::Embedded(folder) => {
                Box::new(EmbeddedEngine::create(folder.path()).expect("the folder is new"))
            }
            Place::Postgres(Lent(database)) => {
                Box::new(PostgresEngine::open(&database.parsed()).expect("the database is there"))
            }
        }
    }

    /// Each fault strikes that many writes after the one before.
    pub fn plan_faults(&self, faults: &[(u64, Fault)]) {
        locked(&self.plan).faults = faults.iter().copied().collect();
    }

    /// How many batches were tried to be written.
    pub fn writes(&self) -> u64 {
        locked(&self.plan).writes
    }

    /// How many faults have struck.
    pub fn faults_struck(&self) -> u64 {
        locked(&self.plan).struck
    }
}

/// A database that other worlds have used before and will use after this one.
struct Lent(Database);

static FREE: Mutex<Vec<Database>> = Mutex::new(Vec::new());

impl Lent {
    fn take() -> Self {
        let (cluster, free) = (Cluster::shared(), locked(&FREE).pop());
        match free {
            Some(database) => {
                cluster.sql(&database.name, "truncate lictor_records");
                Self(database)
            }
            None => Self(cluster.database()),
        }
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        // One in which a test has failed may be looked at later.
        if !std::thread::panicking() {
            locked(&FREE).push(self.0.clone());
        }
    }
}

/// Fails as planned. An engine of one process is down after it, until it is opened again; a database goes on.
pub struct FailingEngine {
    inner: Box<dyn Engine>,
    plan: Arc<Mutex<Plan>>,
    start: u64,
}

impl FailingEngine {
    fn running(&self) -> Result<(), StoreError> {
        let running = locked(&self.plan).running;
        if running == Some(self.start) { Ok(()) } else { Err(StoreError::Closed) }
    }

    fn fail(&self, fault: Fault, batch: Batch) -> StoreError {
        match fault {
            Fault::Lost => self.inner.release(),
            Fault::KeptButReportedLost => match self.inner.write(batch) {
                Ok(()) => {}
                // A race is no fault yet: the batch is decided again, and the fault strikes that.
                Err(error) => {
                    let mut plan = locked(&self.plan);
                    plan.faults.push_front((1, fault));
                    plan.struck -= 1;
                    return error;
                }
            },
        }
        if !self.inner.is_shared() {
            locked(&self.plan).running = None;
            return StoreError::Planned;
        }
        match fault {
            Fault::Lost => StoreError::Unreachable { doing: PLANNED, why: PLANNED.to_owned() },
            Fault::KeptButReportedLost => StoreError::OutcomeLost { why: PLANNED.to_owned() },
        }
    }
}

/// What a database says that fails as planned.
pub const PLANNED: &str = "as planned";

impl Engine for FailingEngine {
    fn is_shared(&self) -> bool {
        self.inner.is_shared()
    }

    fn prepare(&self, keys: &[RecordKey]) -> Result<Prior, StoreError> {
        self.running()?;
        self.inner.prepare(keys)
    }

    fn release(&self) {
        self.inner.release();
    }

    fn get(&self, keys: &[RecordKey]) -> Result<Vec<Option<Record>>, StoreError> {
        self.running()?;
        self.inner.get(keys)
    }

    fn get_at_once(&self, keys: &[RecordKey]) -> Option<Result<Vec<Option<Record>>, StoreError>> {
        self.running().map_or_else(|error| Some(Err(error)), |()| self.inner.get_at_once(keys))
    }

    fn scan(
        &self,
        range: &KeyRange,
        direction: Direction,
        limit: usize,
    ) -> Result<Vec<(RecordKey, Record)>, StoreError> {
        self.running()?;
        self.inner.scan(range, direction, limit)
    }

    fn write(&self, batch: Batch) -> Result<(), StoreError> {
        self.running()?;
        let due = locked(&self.plan).due_fault();
        due.map_or_else(|| self.inner.write(batch.clone()), |fault| Err(self.fail(fault, batch.clone())))
    }

    fn close(&self) -> Result<(), StoreError> {
        {
            let mut plan = locked(&self.plan);
            if plan.running == Some(self.start) {
                plan.running = None;
            }
        }
        self.inner.close()
    }
}
