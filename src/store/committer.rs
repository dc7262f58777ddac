//! The one group commit for every engine.
//!
//! Commits wait in a bounded queue. One thread takes what waits, evaluates it in order, writes it as one batch
//! and answers all. There is no timer: the sync of one batch is what gathers the next.

use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot, watch};

use super::engine::{Engine, Position};
use super::error::{CommitError, StoreError};
use super::evaluator::Evaluator;
use super::key::RecordKey;
use super::moving::Moved;
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
    /// What a move asks for.
    Order(Order),
}

/// What a move asks for; each comes after the commits that were asked for before it.
pub(super) enum Order {
    /// Make no further commit; say where the store stands.
    Pause(oneshot::Sender<Result<Position, StoreError>>),
    /// Make commits again.
    Resume(oneshot::Sender<()>),
    /// The records are elsewhere now: note it and end, if no commit was made since the pause.
    Leave(Moved, oneshot::Sender<Result<(), StoreError>>),
}

/// Whether commits are still made.
#[derive(Debug, Clone)]
pub enum StoreState {
    /// Yes.
    Running,
    /// No: it was closed in good order.
    Closed,
    /// No: the records were moved to another store.
    Moved,
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
    let (outcome, ended) = match served {
        Ok(Served::Left) => {
            turn_away(&mut queue);
            // Nobody waits for the end to hear that nothing more is answered from here.
            tell(state, StoreState::Moved);
            if let Err(error) = engine.close() {
                tracing::warn!(%error, "the store that was moved away was not closed in good order");
            }
            (Ok(()), StoreState::Moved)
        }
        Ok(Served::ToItsEnd) => closed_with(engine.close()),
        Err(error) => {
            let _ = engine.close();
            closed_with(Err(error))
        }
    };
    tell(state, ended);
    for closer in closers {
        // The one who asked may have gone away: nothing is owed to it.
        let _ = closer.send(outcome.clone());
    }
    // Dropping the queue tells every commit still in it that its outcome is unknown.
}

/// Nothing of what still waits is made here any more.
fn turn_away(queue: &mut mpsc::Receiver<Command>) {
    while let Ok(command) = queue.try_recv() {
        if let Command::Commit(_, caller) = command {
            let _ = caller.send(Err(CommitError::Moving));
        }
    }
}

fn closed_with(outcome: Result<(), StoreError>) -> (Result<(), StoreError>, StoreState) {
    let ended = outcome.clone().map_or_else(StoreState::Failed, |()| StoreState::Closed);
    (outcome, ended)
}

/// How serving ended.
enum Served {
    /// Closed, or nobody is left who could ask.
    ToItsEnd,
    /// The records are elsewhere.
    Left,
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
) -> Result<Served, StoreError> {
    let mut is_paused = false;
    while let Some(first) = queue.blocking_recv() {
        let (waiting, order) = gather(first, queue, closers);
        if is_paused {
            answer(waiting.into_iter().map(|(_, caller)| (Err(CommitError::Moving), caller)));
        } else {
            make(engine, waiting)?;
        }
        if let Some(order) = order
            && obey(engine, order, &mut is_paused)
        {
            return Ok(Served::Left);
        }
    }
    Ok(Served::ToItsEnd)
}

/// Whether the records are elsewhere from now on. Whoever asked may have gone away.
fn obey(engine: &dyn Engine, order: Order, is_paused: &mut bool) -> bool {
    match order {
        Order::Pause(asked) => {
            let position = engine.position();
            *is_paused = position.is_ok();
            let _ = asked.send(position);
            false
        }
        Order::Resume(asked) => {
            *is_paused = false;
            let _ = asked.send(());
            false
        }
        Order::Leave(moved, asked) => {
            let left = if *is_paused { engine.leave(&moved) } else { Err(StoreError::NotStoppable) };
            let is_left = left.is_ok();
            let _ = asked.send(left);
            is_left
        }
    }
}

type Waiting = (CommitRequest, oneshot::Sender<Outcome>);

/// Takes what waits, up to the bounds of a batch, and up to an order.
fn gather(
    first: Command,
    queue: &mut mpsc::Receiver<Command>,
    closers: &mut Vec<oneshot::Sender<Result<(), StoreError>>>,
) -> (Vec<Waiting>, Option<Order>) {
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
            Command::Order(order) => return (waiting, Some(order)),
        }
        let room = waiting.len() < BATCH_COMMITS_MAX && bytes < BATCH_BYTES_MAX;
        next = if room { queue.try_recv().ok() } else { None };
    }
    (waiting, None)
}

/// How often a batch is decided again because another process was faster. Each round some process gets through, so
/// this many lost in a row mean that something else is wrong.
const RACES_MAX: u32 = 64;

/// And for how long: a record that somebody holds locked all the while must not hold up every other commit.
const RACES_TIME: Duration = Duration::from_secs(3);

/// Evaluates, writes and answers one batch. Refusals wait for the write too: they may rest on commits of the
/// same batch. An error that does not pass is final: the callers hear that the outcome is unknown.
fn make(engine: &dyn Engine, waiting: Vec<Waiting>) -> Result<(), StoreError> {
    if waiting.is_empty() {
        return Ok(());
    }
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
