//! The thread that keeps a running store in order: snapshots when they are due, and the slow scrub.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::embedded::{ScrubReport, Upkeep, UpkeepOptions};
use super::error::StoreError;
use super::snapshot::SnapshotSummary;

/// How long after the start the first scrub begins.
const FIRST_SCRUB_AFTER: Duration = Duration::from_secs(10 * 60);

/// How long a snapshot or scrub that failed is not tried again.
const TRIES_AGAIN_AFTER: Duration = Duration::from_secs(60);

/// What the maintenance has done since the start.
#[derive(Debug, Clone, Default)]
pub struct MaintenanceState {
    /// The newest snapshot that it took.
    pub newest_snapshot: Option<SnapshotSummary>,
    /// How many snapshots failed; each is tried again.
    pub failed_snapshots: u64,
    /// What the last scrub found; `None` before one has ended.
    pub last_scrub: Option<ScrubReport>,
    /// How many scrubs ended without a result.
    pub failed_scrubs: u64,
}

/// Maintains an open store until it closes. Cheap to clone.
#[derive(Clone)]
pub struct Maintenance {
    state: Arc<Mutex<MaintenanceState>>,
}

impl Maintenance {
    /// Starts the thread. It ends by itself when the store closes, which waits for it to leave the folder alone. `now_ms`
    /// tells the time in Unix milliseconds.
    pub fn start(
        upkeep: Upkeep,
        options: UpkeepOptions,
        now_ms: impl Fn() -> u64 + Send + 'static,
    ) -> Result<Self, StoreError> {
        let state = Arc::new(Mutex::default());
        let mut thread = Thread {
            upkeep,
            options,
            now_ms: Box::new(now_ms),
            state: Arc::clone(&state),
            snapshot_not_before: Instant::now(),
            scrub_not_before: Instant::now() + FIRST_SCRUB_AFTER,
        };
        let spawned: std::io::Result<JoinHandle<()>> =
            std::thread::Builder::new().name("store-upkeep".to_owned()).spawn(move || thread.run());
        spawned.map_err(|source| StoreError::Io {
            doing: "starting the store's maintenance".to_owned(),
            source: Arc::new(source),
        })?;
        Ok(Self { state })
    }

    /// What it has done so far.
    pub fn state(&self) -> MaintenanceState {
        lock(&self.state).clone()
    }
}

struct Thread {
    upkeep: Upkeep,
    options: UpkeepOptions,
    now_ms: Box<dyn Fn() -> u64 + Send>,
    state: Arc<Mutex<MaintenanceState>>,
    snapshot_not_before: Instant,
    scrub_not_before: Instant,
}

impl Thread {
    fn run(&mut self) {
        while !self.upkeep.closes_within(self.options.looks_every) {
            if Instant::now() >= self.snapshot_not_before {
                self.snapshot_if_due();
            }
            if Instant::now() >= self.scrub_not_before {
                self.scrub();
            }
        }
    }

    fn snapshot_if_due(&mut self) {
        match self.upkeep.snapshot_if_due((self.now_ms)(), &self.options) {
            Ok(taken) => {
                let mut state = lock(&self.state);
                state.newest_snapshot = taken.or(state.newest_snapshot);
            }
            Err(StoreError::Closed) => {}
            Err(error) => {
                tracing::error!(%error, "no snapshot was taken; commits go on, and it is tried again");
                lock(&self.state).failed_snapshots += 1;
                self.snapshot_not_before = Instant::now() + TRIES_AGAIN_AFTER;
            }
        }
    }

    fn scrub(&mut self) {
        self.scrub_not_before = Instant::now() + self.options.scrubs_every;
        match self.upkeep.scrub((self.now_ms)(), &self.options) {
            Ok(report) => lock(&self.state).last_scrub = Some(report),
            Err(StoreError::Closed) => {}
            Err(error) => {
                tracing::error!(%error, "the scrub did not come to its end");
                lock(&self.state).failed_scrubs += 1;
                self.scrub_not_before = Instant::now() + TRIES_AGAIN_AFTER;
            }
        }
    }
}

fn lock(state: &Mutex<MaintenanceState>) -> MutexGuard<'_, MaintenanceState> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}
