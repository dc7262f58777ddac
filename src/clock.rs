//! The only caller of the wall clock.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::application::ports::Clock;
use crate::domain::Instant;

/// The machine's own clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the wall clock")]
    fn now(&self) -> Instant {
        chrono::Utc::now()
    }
}

/// A clock that stands until it is moved: for tests and for the sandbox.
#[derive(Debug)]
pub struct ManualClock {
    now: Mutex<Instant>,
}

impl ManualClock {
    /// A clock that shows `now`.
    pub fn at(now: Instant) -> Self {
        Self { now: Mutex::new(now) }
    }

    /// Shows `now` from here on; it may lie in the past.
    pub fn set(&self, now: Instant) {
        *self.now.lock().unwrap_or_else(PoisonError::into_inner) = now;
    }

    /// Moves forward; stops at the calendar's last instant.
    pub fn advance(&self, by: Duration) {
        let mut now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        let by = chrono::TimeDelta::from_std(by).unwrap_or(chrono::TimeDelta::MAX);
        *now = now.checked_add_signed(by).unwrap_or(Instant::MAX_UTC);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Instant {
        *self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manual_clock_stands_until_it_is_moved() {
        let start: Instant = "2026-01-31T10:00:00Z".parse().expect("valid");
        let clock = ManualClock::at(start);
        assert_eq!(clock.now(), start);
        clock.advance(Duration::from_secs(60));
        assert_eq!(clock.now().to_rfc3339(), "2026-01-31T10:01:00+00:00");
        clock.set(start);
        assert_eq!(clock.now(), start);
        clock.advance(Duration::MAX);
        assert_eq!(clock.now(), Instant::MAX_UTC);
    }
}
