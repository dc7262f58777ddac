//! The handle that the rest of the program holds.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::{mpsc, oneshot, watch};

use super::committer::{self, Command, Order, QUEUE_COMMITS_MAX, StoreState};
use super::disk::DiskReserve;
use super::engine::{Direction, Engine, Position};
use super::error::{CommitError, StoreError};
use super::key::{KeyRange, RecordKey};
use super::moving::Moved;
use super::primitive::{CommitAnswer, CommitRequest};
use super::record::Record;
use super::snapshot::SnapshotSummary;
use crate::application::ports::DiskState;
use crate::telemetry::COMMIT_DURATION;

/// Most keys of one `get_many`.
pub const GET_KEYS_MAX: usize = 1_024;

/// Most records of one page of a scan.
pub const SCAN_RECORDS_MAX: usize = 1_000;

/// A running store. Cheap to clone; every clone is the same store.
///
/// * **Atomicity**: a commit is made whole or not at all. Commits are serial: each is decided on what all
///   before it left.
/// * **Durability**: a commit that returned `Ok` survives the end of the process and of the machine's power.
/// * **Visibility**: reads see only what is durable, and see a commit before its `Ok` is returned. One
///   `get_many` and one page of a scan show the store as of one moment; two calls may show two moments, which
///   is why a commit checks revisions.
/// * **Failure**: when the engine fails, everything waiting hears [`CommitError::Unknown`] and nothing is
///   acknowledged again; see [`RecordStore::stopped`].
///
/// When the last clone is dropped, what waits is finished and the engine is closed in the background;
/// [`RecordStore::close`] waits for it.
#[derive(Clone)]
pub struct RecordStore {
    engine: Arc<dyn Engine>,
    queue: mpsc::Sender<Command>,
    state: Arc<watch::Sender<StoreState>>,
    /// Refuses what must wait when the disk runs full.
    reserve: Option<Arc<DiskReserve>>,
    /// Its sender goes with the committer, once the engine is closed.
    ended: watch::Receiver<()>,
    /// Whether commits are refused because the records are being moved.
    is_paused: Arc<AtomicBool>,
}

impl RecordStore {
    /// Starts the group commit over an engine.
    pub fn start(engine: impl Engine) -> Self {
        Self::start_with_queue(engine, QUEUE_COMMITS_MAX)
    }

    /// Starts with room for another number of waiting commits.
    pub fn start_with_queue(engine: impl Engine, queue_commits_max: usize) -> Self {
        let engine: Arc<dyn Engine> = Arc::new(engine);
        let (sender, receiver) = mpsc::channel(queue_commits_max);
        let state = Arc::new(watch::Sender::new(StoreState::Running));
        let failing = Arc::clone(&state);
        engine.tell_failures(Box::new(move |error| {
            committer::tell(&failing, StoreState::Failed(error.clone()));
        }));
        let (served, told) = (Arc::clone(&engine), Arc::clone(&state));
        let (end, ended) = watch::channel(());
        std::thread::Builder::new()
            .name("store-commit".to_owned())
            .spawn(move || {
                // Dropped last, also by a panic.
                let _end = end;
                committer::run(served.as_ref(), receiver, &told);
            })
            .expect("the operating system grants one thread at the start");
        Self { engine, queue: sender, state, reserve: None, ended, is_paused: Arc::default() }
    }

    /// The same store, with an eye on its disk.
    #[must_use]
    pub fn with_reserve(mut self, reserve: Arc<DiskReserve>) -> Self {
        self.reserve = Some(reserve);
        self
    }

    /// The disk, if one is watched.
    pub fn disk(&self) -> Option<DiskState> {
        self.reserve.as_ref().map(|reserve| reserve.state())
    }

    /// How often the store under it may have lost what was written.
    pub fn promotions(&self) -> u64 {
        self.engine.promotions()
    }

    /// The record under `key`; `None` when there is none. A failed read is an error, never `None`.
    pub async fn get(&self, key: &RecordKey) -> Result<Option<Record>, StoreError> {
        Ok(self.read(std::slice::from_ref(key)).await?.pop().flatten())
    }

    /// The records under `keys` in their order, all as of one moment. At most [`GET_KEYS_MAX`].
    pub async fn get_many(&self, keys: &[RecordKey]) -> Result<Vec<Option<Record>>, StoreError> {
        within(keys.len(), GET_KEYS_MAX)?;
        self.read(keys).await
    }

    /// At once where the engine need not wait for anything, and else where waiting does no harm.
    async fn read(&self, keys: &[RecordKey]) -> Result<Vec<Option<Record>>, StoreError> {
        self.refuse_what_was_left()?;
        if let Some(known) = self.engine.get_at_once(keys) {
            return self.told(known);
        }
        let (engine, keys) = (Arc::clone(&self.engine), keys.to_vec());
        self.told(blocking(move || engine.get(&keys)).await)
    }

    /// Up to `limit` records of `range` in order, as of one moment. At most [`SCAN_RECORDS_MAX`], and no further one
    /// once they hold [`SCAN_BYTES_MAX`](super::SCAN_BYTES_MAX): a page that is short of both is the last. Go on with
    /// [`KeyRange::after`] or [`KeyRange::before`] the last key.
    pub async fn scan(
        &self,
        range: KeyRange,
        direction: Direction,
        limit: usize,
    ) -> Result<Vec<(RecordKey, Record)>, StoreError> {
        within(limit, SCAN_RECORDS_MAX)?;
        self.refuse_what_was_left()?;
        let engine = Arc::clone(&self.engine);
        self.told(blocking(move || engine.scan(&range, direction, limit)).await)
    }

    /// Up to `limit` records of a range within one merchant that the engine has noted as lapsed by `now_ms`; `None` when
    /// it notes none, see [`Engine::lapsed`]. At most [`SCAN_RECORDS_MAX`].
    pub async fn lapsed(
        &self,
        range: KeyRange,
        now_ms: u64,
        limit: usize,
    ) -> Result<Option<Vec<(RecordKey, Record)>>, StoreError> {
        within(limit, SCAN_RECORDS_MAX)?;
        let engine = Arc::clone(&self.engine);
        self.told(blocking(move || engine.lapsed(&range, now_ms, limit).transpose()).await)
    }

    /// Writes a consistent snapshot of the running store into `sink`, on a thread for blocking work: the state at the
    /// position that is returned. Commits go on meanwhile. The snapshot carries `taken_at_ms`, in Unix milliseconds;
    /// `progress` hears how many records were written so far.
    ///
    /// When the future is dropped the snapshot is still written to its end, unless the sink refuses.
    pub async fn write_snapshot(
        &self,
        mut sink: impl Write + Send + 'static,
        taken_at_ms: u64,
        mut progress: impl FnMut(u64) + Send + 'static,
    ) -> Result<SnapshotSummary, StoreError> {
        let engine = Arc::clone(&self.engine);
        let write = move || engine.snapshot(&mut sink, taken_at_ms, &mut progress);
        self.told(tokio::task::spawn_blocking(write).await.unwrap_or(Err(StoreError::Closed)))
    }

    /// Makes a commit: all of it or nothing, durable and visible on return.
    ///
    /// Cancel safe in this sense: dropping the future leaves the outcome unknown, like
    /// [`CommitError::Unknown`].
    pub async fn commit(&self, request: CommitRequest) -> Result<CommitAnswer, CommitError> {
        let _timed = COMMIT_DURATION.timed();
        request.validate()?;
        self.reserve.as_ref().map_or(Ok(()), |reserve| reserve.admit(&request))?;
        let (caller, outcome) = oneshot::channel();
        self.queue.try_send(Command::Commit(request, caller)).map_err(|refused| match refused {
            mpsc::error::TrySendError::Full(_) => CommitError::Full,
            mpsc::error::TrySendError::Closed(_) if self.is_moved() => CommitError::Moving,
            mpsc::error::TrySendError::Closed(_) => CommitError::Closed,
        })?;
        outcome.await.unwrap_or(Err(CommitError::Unknown))
    }

    /// Where the store stands, if this process alone writes to it: everything up to there is durable.
    pub async fn position(&self) -> Result<Position, StoreError> {
        let engine = Arc::clone(&self.engine);
        self.told(blocking(move || engine.position()).await)
    }

    /// Makes no further commit until [`RecordStore::resume`]: each hears [`CommitError::Moving`]. Those that were asked
    /// for before are made first; says where that led. Reads go on.
    pub async fn pause(&self) -> Result<Position, StoreError> {
        self.is_paused.store(true, Ordering::Release);
        let paused = self.order(Order::Pause).await.and_then(|paused| paused);
        if paused.is_err() {
            self.is_paused.store(false, Ordering::Release);
        }
        paused
    }

    /// Makes commits again.
    pub async fn resume(&self) -> Result<(), StoreError> {
        self.order(Order::Resume).await?;
        self.is_paused.store(false, Ordering::Release);
        Ok(())
    }

    /// Ends for good, after a pause that still holds: the records are in another store. Every later call hears so.
    pub async fn leave(&self, moved: Moved) -> Result<(), StoreError> {
        self.order(|asked| Order::Leave(moved, asked)).await.and_then(|left| left)
    }

    /// Whether commits are refused because the records are being moved, or were.
    pub fn is_moving(&self) -> bool {
        self.is_paused.load(Ordering::Acquire)
    }

    async fn order<T>(&self, order: impl FnOnce(oneshot::Sender<T>) -> Order) -> Result<T, StoreError> {
        let (asked, answer) = oneshot::channel();
        self.queue.send(Command::Order(order(asked))).await.map_err(|_| self.closed())?;
        answer.await.map_err(|_| self.closed())
    }

    /// What was left is no longer what is true.
    fn refuse_what_was_left(&self) -> Result<(), StoreError> {
        if self.is_moving() && self.is_moved() { Err(StoreError::LeftBehind) } else { Ok(()) }
    }

    fn is_moved(&self) -> bool {
        matches!(*self.state.borrow(), StoreState::Moved)
    }

    fn closed(&self) -> StoreError {
        if self.is_moved() { StoreError::LeftBehind } else { StoreError::Closed }
    }

    /// Takes no further commit, makes those that wait, and closes the engine. On return the store may be opened
    /// again, even while clones of this handle live on.
    pub async fn close(&self) -> Result<(), StoreError> {
        let (closer, closed) = oneshot::channel();
        let asked = self.queue.send(Command::Close(closer)).await;
        let outcome = match asked {
            Ok(()) => closed.await.ok(),
            Err(_) => None,
        };
        // Nothing is ever sent: this waits for the end of the committer.
        let _ = self.ended.clone().changed().await;
        match (outcome, self.stopped().await) {
            (_, StoreState::Failed(error)) | (Some(Err(error)), _) => Err(error),
            (Some(Ok(())) | None, StoreState::Running | StoreState::Closed | StoreState::Moved) => Ok(()),
        }
    }

    /// Waits until no commit is made any more, and says why. After [`StoreState::Failed`] the process must end:
    /// only a new start can tell what was kept.
    pub async fn stopped(&self) -> StoreState {
        let mut state = self.state.subscribe();
        let stopped = state.wait_for(|state| !matches!(state, StoreState::Running)).await;
        stopped.map_or(StoreState::Closed, |state| state.clone())
    }

    /// A read that meets damage stops the store: no answer is given from what may be wrong.
    fn told<T>(&self, read: Result<T, StoreError>) -> Result<T, StoreError> {
        if let Err(error @ StoreError::Damaged { .. }) = &read {
            self.state.send_replace(StoreState::Failed(error.clone()));
        }
        if let Err(StoreError::Closed) = &read {
            return Err(self.closed());
        }
        read
    }
}

impl std::fmt::Debug for RecordStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RecordStore").field("state", &*self.state.borrow()).finish_non_exhaustive()
    }
}

async fn blocking<T: Send + 'static>(
    read: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    tokio::task::spawn_blocking(read).await.unwrap_or(Err(StoreError::Closed))
}

fn within(asked: usize, max: usize) -> Result<(), StoreError> {
    if asked > max { Err(StoreError::TooMany { asked, max }) } else { Ok(()) }
}
