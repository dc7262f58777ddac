//! Durable batches on their way into the index: bounded by bytes, taken in groups.
//!
//! A group is sorted before it is applied and rewrites each block once, so a large group costs the index less per
//! record. The more waits, the larger the groups: a long load is carried in few of them.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::super::engine::Batch;

/// What may wait for the index; more makes the group commit wait: 128 MiB of journal. It is held in memory, about two
/// and a half times as long as in the journal, and is what a start after a kill has to read again beside what lies
/// between two checkpoints.
pub(super) const BACKLOG_BYTES_MAX: u64 = 128 * 1024 * 1024;

/// What is applied in one go at least, if it waits: 16 MiB of journal.
const GROUP_BYTES_MIN: u64 = 16 * 1024 * 1024;

/// What is applied in one go at most: 32 MiB of journal.
pub(super) const GROUP_BYTES_MAX: u64 = 32 * 1024 * 1024;

/// Commits go first: while they come, nothing is applied before as much waits as makes a checkpoint, or the backlog is
/// half full. They have stopped coming when none has come for this long.
const LULL: Duration = Duration::from_millis(50);

/// A batch that is durable and visible.
pub(super) struct Durable {
    pub batch: Arc<Batch>,
    /// What it takes in the journal.
    pub frame_bytes: u64,
}

/// A queue between the group commit and the applier.
pub(super) struct Backlog {
    bytes_max: u64,
    /// So much may wait while commits come.
    patience_bytes: u64,
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    waiting: VecDeque<Durable>,
    bytes: u64,
    /// How many were ever added.
    added: u64,
    ended: bool,
    paused: bool,
}

impl Backlog {
    /// A backlog in which these batches wait already.
    pub fn holding(waiting: VecDeque<Durable>, bytes_max: u64, checkpoint_bytes: u64) -> Self {
        let bytes = waiting.iter().map(|durable| durable.frame_bytes).sum();
        let state = State { waiting, bytes, added: 0, ended: false, paused: false };
        let patience_bytes = checkpoint_bytes.min(bytes_max / 2);
        Self { bytes_max, patience_bytes, state: Mutex::new(state), changed: Condvar::new() }
    }

    /// Adds a batch, waiting while the backlog is full. False when nobody takes from it any more.
    pub fn add(&self, durable: Durable) -> bool {
        let state = self.lock();
        let waited = self.changed.wait_while(state, |state| state.bytes >= self.bytes_max && !state.ended);
        let mut state = waited.unwrap_or_else(PoisonError::into_inner);
        if state.ended {
            return false;
        }
        state.bytes += durable.frame_bytes;
        state.added += 1;
        state.waiting.push_back(durable);
        // Whoever takes waits for the first, or for many.
        if state.waiting.len() == 1 || state.bytes >= self.patience_bytes {
            self.changed.notify_all();
        }
        true
    }

    /// Takes the oldest batches: at least one, and up to half of what waits. Waits while there is none, while others come
    /// and no checkpoint's worth waits, and while it is paused and not full. Empty once the backlog has ended and all is
    /// taken, or has ended while paused. What is taken still counts until [`Backlog::done`].
    pub fn take(&self) -> Vec<Durable> {
        let idle = |state: &mut State| {
            let held_back = state.paused && state.bytes < self.bytes_max;
            (state.waiting.is_empty() || held_back) && !state.ended
        };
        let waited = self.changed.wait_while(self.lock(), idle);
        let state = waited.unwrap_or_else(PoisonError::into_inner);
        let mut state = self.at_a_lull(state);
        if state.paused && state.ended {
            return Vec::new();
        }
        let bytes_max = (state.bytes / 2).clamp(GROUP_BYTES_MIN, GROUP_BYTES_MAX);
        taken(&mut state.waiting, bytes_max)
    }

    fn at_a_lull<'a>(&'a self, mut state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        loop {
            let added = state.added;
            let can_wait = |state: &mut State| state.bytes < self.patience_bytes && !state.ended;
            let waited = self.changed.wait_timeout_while(state, LULL, can_wait);
            let (after, lull) = waited.unwrap_or_else(PoisonError::into_inner);
            if !lull.timed_out() || after.added == added {
                return after;
            }
            state = after;
        }
    }

    /// So many bytes have reached the index.
    pub fn done(&self, bytes: u64) {
        self.lock().bytes -= bytes;
        self.changed.notify_all();
    }

    /// Nothing is added any more; what waits can still be taken.
    pub fn end(&self) {
        self.lock().ended = true;
        self.changed.notify_all();
    }

    /// While paused nothing is applied, until the backlog is full; what waits at the end is left to the next start.
    pub fn pause(&self, paused: bool) {
        self.lock().paused = paused;
        self.changed.notify_all();
    }

    pub fn is_paused(&self) -> bool {
        self.lock().paused
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The oldest, up to so many bytes and at least one.
pub(super) fn taken(waiting: &mut VecDeque<Durable>, bytes_max: u64) -> Vec<Durable> {
    let mut taken = Vec::new();
    let mut sum = 0;
    while let Some(next) = waiting.front() {
        sum += next.frame_bytes;
        if sum > bytes_max && !taken.is_empty() {
            break;
        }
        taken.extend(waiting.pop_front());
    }
    taken
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Position;

    fn durable(frame_bytes: u64) -> Durable {
        let batch = Batch { position: Position::default(), commits: Vec::new() };
        Durable { batch: Arc::new(batch), frame_bytes }
    }

    fn sizes(taken: &[Durable]) -> Vec<u64> {
        taken.iter().map(|durable| durable.frame_bytes).collect()
    }

    fn backlog(bytes_max: u64, waiting: &[u64]) -> Backlog {
        Backlog::holding(waiting.iter().map(|bytes| durable(*bytes)).collect(), bytes_max, u64::MAX)
    }

    #[test]
    fn batches_are_taken_in_order_in_groups_and_at_least_one() {
        let mut waiting = [3, 4, 5, 60].map(durable).into();
        assert_eq!(sizes(&taken(&mut waiting, 8)), [3, 4]);
        assert_eq!(sizes(&taken(&mut waiting, 8)), [5]);
        assert_eq!(sizes(&taken(&mut waiting, 8)), [60]);
        assert!(taken(&mut waiting, 8).is_empty());
    }

    #[test]
    fn the_more_waits_the_larger_the_group() {
        const MIB: u64 = 1024 * 1024;
        for (waiting, group) in [(1, 1), (8, 8), (20, 16), (40, 20), (64, 32), (100, 32)] {
            let backlog = backlog(200 * MIB, &vec![MIB; waiting]);
            assert_eq!(backlog.take().len(), group, "{waiting} MiB wait");
        }
    }

    #[test]
    fn what_waits_at_the_end_is_taken_and_then_nothing() {
        let backlog = backlog(100, &[3, 4]);
        backlog.end();
        assert_eq!(sizes(&backlog.take()), [3, 4]);
        assert!(backlog.take().is_empty());
        assert!(!backlog.add(durable(1)));
    }

    #[test]
    fn a_paused_backlog_is_taken_from_only_when_it_is_full_and_left_at_the_end() {
        let full = backlog(10, &[6, 4]);
        full.pause(true);
        assert_eq!(sizes(&full.take()), [6, 4]);
        let ended = backlog(10, &[6]);
        ended.pause(true);
        ended.end();
        assert!(ended.take().is_empty());
    }

    #[test]
    fn a_full_backlog_makes_the_next_wait_until_something_is_done() {
        let backlog = Arc::new(backlog(10, &[]));
        assert!(backlog.add(durable(10)));
        let adding = {
            let backlog = Arc::clone(&backlog);
            std::thread::spawn(move || backlog.add(durable(1)))
        };
        assert_eq!(sizes(&backlog.take()), [10]);
        backlog.done(10);
        assert!(adding.join().expect("no panic"));
        backlog.end();
        assert_eq!(sizes(&backlog.take()), [1]);
    }
}
