//! The one group commit for every engine.
//!
//! Commits wait in a bounded queue. One thread takes what waits, evaluates it in order, writes it as one batch
//! and answers all. There is no timer: the sync of one batch is what gathers the next.

use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot, watch};

use super::engine::Engine;
use super::error::{CommitError, StoreError};
use super::evaluator::Evaluator;
use super::key::RecordKey;
use super::primitive::{CommitAnswer, CommitRequest};

/// Most commits that wait; one more hears [`CommitError::Full`].
pub const QUEUE_COMMITS_MAX: usize = 4_096;

/// Most commits of one batch.
pub const BATCH_COMMITS_MAX: usize = 256;

/// A batch takes no further commit once it holds this many bytes: 4 MiB.
pub const BATCH_BYTES_MAX: usize = 4 * 1024 * 1024;

type Outcome = Result<CommitAnswer, CommitError>;

/// What the committer is asked to do.
pub(super) enum Command {
    /// Make a commit.
    Commit(CommitRequest, oneshot::Sender<Outcome>),
    /// Finish what waits, close the engine, and say so.
    Close(oneshot::Sender<Result<(), StoreError>>),
}

/// Whether commits are still made.
#[derive(Debug, Clone)]
pub enum StoreState {
    /// Yes.
    Running,
    /// No: it was closed in good order.
    Closed,
    /// No: something broke. Nothing is acknowledged any more; end the process and start again.
    Failed(StoreError),
}

/// Runs until closed, until every handle is gone, or until the engine fails.
pub(super) fn run(
    engine: &dyn Engine,
    mut queue: mpsc::Receiver<Command>,
    state: &watch::Sender<StoreState>,
) {
    let _last_word = LastWord(state);
    let mut closers = Vec::new();
    let served = serve(engine, &mut queue, &mut closers);
    queue.close();
    let closed = engine.close();
    let outcome = served.and(closed);
    tell(state, outcome.clone().map_or_else(StoreState::Failed, |()| StoreState::Closed));
    for closer in closers {
        // The one who asked may have gone away: nothing is owed to it.
        let _ = closer.send(outcome.clone());
    }
    // Dropping the queue tells every commit still in it that its outcome is unknown.
}

/// Says that the committer is gone if it panics: no caller waits for ever.
struct LastWord<'a>(&'a watch::Sender<StoreState>);

impl Drop for LastWord<'_> {
    fn drop(&mut self) {
        tell(self.0, StoreState::Failed(StoreError::Closed));
    }
}

/// The first reason to stop stays.
pub(super) fn tell(state: &watch::Sender<StoreState>, stopped: StoreState) {
    state.send_if_modified(|state| {
        let running = matches!(state, StoreState::Running);
        if running {
            *state = stopped;
        }
        running
    });
}

fn serve(
    engine: &dyn Engine,
    queue: &mut mpsc::Receiver<Command>,
    closers: &mut Vec<oneshot::Sender<Result<(), StoreError>>>,
) -> Result<(), StoreError> {
    while let Some(first) = queue.blocking_recv() {
        let waiting = gather(first, queue, closers);
        make(engine, waiting)?;
    }
    Ok(())
}

type Waiting = (CommitRequest, oneshot::Sender<Outcome>);

/// Takes what waits, up to the bounds of a batch.
fn gather(
    first: Command,
    queue: &mut mpsc::Receiver<Command>,
    closers: &mut Vec<oneshot::Sender<Result<(), StoreError>>>,
) -> Vec<Waiting> {
    let mut waiting = Vec::new();
    let mut bytes = 0;
    let mut next = Some(first);
    while let Some(command) = next {
        match command {
            Command::Commit(request, caller) => {
                bytes += request.bytes();
                waiting.push((request, caller));
            }
            Command::Close(closer) => {
                // No further commit enters; those that wait are still made.
                queue.close();
                closers.push(closer);
            }
        }
        let room = waiting.len() < BATCH_COMMITS_MAX && bytes < BATCH_BYTES_MAX;
        next = if room { queue.try_recv().ok() } else { None };
    }
    waiting
}

/// How often a batch is decided again because another process was faster. Each round some process gets through, so
/// this many lost in a row mean that something else is wrong.
const RACES_MAX: u32 = 64;

/// And for how long: a record that somebody holds locked all the while must not hold up every other commit.
const RACES_TIME: Duration = Duration::from_secs(3);

/// Evaluates, writes and answers one batch. Refusals wait for the write too: they may rest on commits of the
/// same batch. An error that does not pass is final: the callers hear that the outcome is unknown.
fn make(engine: &dyn Engine, waiting: Vec<Waiting>) -> Result<(), StoreError> {
    let keys = touched(&waiting);
    let (mut requests, callers): (Vec<_>, Vec<_>) = waiting.into_iter().unzip();
    let mut made = Err(Unmade { error: StoreError::Raced, may_be_kept: false });
    let began = Instant::now();
    for _ in 0..RACES_MAX {
        // A batch of an engine of our own is decided once.
        let tried = if engine.is_shared() { requests.clone() } else { std::mem::take(&mut requests) };
        made = try_make(engine, &keys, tried);
        let is_lost = matches!(made, Err(Unmade { error: StoreError::Raced, .. }));
        if !is_lost || began.elapsed() > RACES_TIME {
            break;
        }
    }
    let Unmade { error, may_be_kept } = match made {
        Ok(outcomes) => {
            answer(outcomes.into_iter().zip(callers));
            return Ok(());
        }
        Err(unmade) => unmade,
    };
    let told = if may_be_kept { CommitError::Unknown } else { CommitError::Storage(error.clone()) };
    answer(callers.into_iter().map(|caller| (Err(told.clone()), caller)));
    if error.passes() {
        tracing::warn!(%error, "a batch of commits was not made");
        return Ok(());
    }
    Err(error)
}

/// Why a batch was not made.
struct Unmade {
    error: StoreError,
    /// Whether it may be kept all the same.
    may_be_kept: bool,
}

/// Decides and writes; nothing is answered yet.
fn try_make(
    engine: &dyn Engine,
    keys: &[RecordKey],
    requests: Vec<CommitRequest>,
) -> Result<Vec<Outcome>, Unmade> {
    let prior = engine.prepare(keys).map_err(|error| Unmade { error, may_be_kept: false })?;
    let mut evaluator = Evaluator::new(prior);
    let outcomes = requests.into_iter().map(|request| evaluator.evaluate(request)).collect();
    match evaluator.into_batch() {
        Some(batch) => engine.write(batch).map_err(|error| {
            let is_known = matches!(error, StoreError::Unreachable { .. } | StoreError::Raced);
            Unmade { error, may_be_kept: !is_known }
        })?,
        None => engine.release(),
    }
    Ok(outcomes)
}

/// Sorted, so that engines that lock them never wait for each other in a circle.
fn touched(waiting: &[Waiting]) -> Vec<RecordKey> {
    let primitives = waiting.iter().flat_map(|(request, _)| &request.primitives);
    let mut keys: Vec<RecordKey> = primitives.map(|primitive| primitive.key().clone()).collect();
    keys.sort_unstable();
    keys.dedup();
    keys
}

fn answer(outcomes: impl IntoIterator<Item = (Outcome, oneshot::Sender<Outcome>)>) {
    for (outcome, caller) in outcomes {
        // A caller that has gone away asks again with the same identity.
        let _ = caller.send(outcome);
    }
}
