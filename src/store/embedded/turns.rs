//! Taking turns: upkeep runs one thing at a time, at its pace, and ends when the store closes.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::super::error::StoreError;

/// Whose turn it is, and whether there are more.
#[derive(Default)]
pub(super) struct Turns {
    turn: Mutex<()>,
    ended: Mutex<bool>,
    changed: Condvar,
}

impl Turns {
    /// Waits for the turn before to end. Refused once the store closes.
    pub fn take(&self) -> Result<MutexGuard<'_, ()>, StoreError> {
        let turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        if self.ended_within(Duration::ZERO) { Err(StoreError::Closed) } else { Ok(turn) }
    }

    /// No turn begins any more; waits for the last one to end, which it does soon.
    pub fn end(&self) {
        *self.ended.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.changed.notify_all();
        drop(self.turn.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Waits, but no longer than until the store closes; true when it does.
    pub fn ended_within(&self, time: Duration) -> bool {
        let ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.changed.wait_timeout_while(ended, time, |ended| !*ended);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }

    /// A pace for one turn.
    pub fn pace(&self, bytes_per_sec: u64) -> Pace<'_> {
        Pace { turns: self, bytes_per_sec: bytes_per_sec.max(1), began: Instant::now(), bytes: 0 }
    }
}

/// Keeps a turn at so many bytes a second, so that commits and reads are not starved.
pub(super) struct Pace<'a> {
    turns: &'a Turns,
    bytes_per_sec: u64,
    began: Instant,
    bytes: u64,
}

impl Pace<'_> {
    /// Waits until so many more bytes are due. Refused once the store closes.
    pub fn spend(&mut self, bytes: usize) -> Result<(), StoreError> {
        self.bytes += bytes as u64;
        let due_ms = u128::from(self.bytes) * 1_000 / u128::from(self.bytes_per_sec);
        let due = Duration::from_millis(u64::try_from(due_ms).unwrap_or(u64::MAX));
        let ahead = due.saturating_sub(self.began.elapsed());
        if self.turns.ended_within(ahead) { Err(StoreError::Closed) } else { Ok(()) }
    }
}
