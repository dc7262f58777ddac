//! Durable batches on their way into the index: bounded by bytes, taken in groups.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use super::super::engine::Batch;

/// What may wait for the index; more makes the group commit wait: 64 MiB of journal.
pub(super) const BACKLOG_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// A batch that is durable and visible.
pub(super) struct Durable {
    pub batch: Arc<Batch>,
    /// What it takes in the journal.
    pub frame_bytes: u64,
}

/// A queue between the group commit and the applier.
pub(super) struct Backlog {
    bytes_max: u64,
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    waiting: VecDeque<Durable>,
    bytes: u64,
    ended: bool,
}

impl Backlog {
    /// A backlog in which these batches wait already.
    pub fn holding(waiting: VecDeque<Durable>, bytes_max: u64) -> Self {
        let bytes = waiting.iter().map(|durable| durable.frame_bytes).sum();
        let state = State { waiting, bytes, ended: false };
        Self { bytes_max, state: Mutex::new(state), changed: Condvar::new() }
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
        state.waiting.push_back(durable);
        self.changed.notify_all();
        true
    }

    /// Takes the oldest batches, up to so many bytes and at least one, waiting while there is none. Empty once the
    /// backlog has ended and all is taken. What is taken still counts until [`Backlog::done`].
    pub fn take(&self, bytes: u64) -> Vec<Durable> {
        let waited = self.changed.wait_while(self.lock(), |state| state.waiting.is_empty() && !state.ended);
        let mut state = waited.unwrap_or_else(PoisonError::into_inner);
        let mut taken = Vec::new();
        let mut sum = 0;
        while let Some(next) = state.waiting.front() {
            sum += next.frame_bytes;
            if sum > bytes && !taken.is_empty() {
                break;
            }
            taken.extend(state.waiting.pop_front());
        }
        taken
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

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
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

    #[test]
    fn batches_are_taken_in_order_in_groups_and_at_least_one() {
        let backlog = Backlog::holding(VecDeque::new(), 100);
        for bytes in [3, 4, 5, 60] {
            assert!(backlog.add(durable(bytes)));
        }
        assert_eq!(sizes(&backlog.take(8)), [3, 4]);
        assert_eq!(sizes(&backlog.take(8)), [5]);
        assert_eq!(sizes(&backlog.take(8)), [60]);
        backlog.end();
        assert!(backlog.take(8).is_empty());
        assert!(!backlog.add(durable(1)));
    }

    #[test]
    fn a_full_backlog_makes_the_next_wait_until_something_is_done() {
        let backlog = Arc::new(Backlog::holding(VecDeque::new(), 10));
        assert!(backlog.add(durable(10)));
        let adding = {
            let backlog = Arc::clone(&backlog);
            std::thread::spawn(move || backlog.add(durable(1)))
        };
        assert_eq!(sizes(&backlog.take(10)), [10]);
        backlog.done(10);
        assert!(adding.join().expect("no panic"));
        assert_eq!(sizes(&backlog.take(10)), [1]);
    }
}
