//! The only caller of the machine's clocks.

use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::application::ports::Clock;
use crate::domain::Instant;

/// When elapsed time began to count in this process.
static BEGINNING: LazyLock<std::time::Instant> = LazyLock::new(std::time::Instant::now);

/// The machine's own clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the wall clock")]
    fn now(&self) -> Instant {
        chrono::Utc::now()
    }

    fn elapsed(&self) -> Duration {
        BEGINNING.elapsed()
    }
}

/// A clock that stands until it is moved: for tests and for the sandbox.
#[derive(Debug)]
pub struct ManualClock {
    shown: Mutex<Shown>,
}

#[derive(Debug)]
struct Shown {
    now: Instant,
    elapsed: Duration,
}

impl ManualClock {
    /// A clock that shows `now`.
    pub fn at(now: Instant) -> Self {
        Self { shown: Mutex::new(Shown { now, elapsed: Duration::ZERO }) }
    }

    /// Shows `now` from here on; it may lie in the past. No time passes.
    pub fn set(&self, now: Instant) {
        self.shown().now = now;
    }

    /// Time passes; the calendar stops at its last instant.
    pub fn advance(&self, by: Duration) {
        let mut shown = self.shown();
        shown.elapsed = shown.elapsed.saturating_add(by);
        let by = chrono::TimeDelta::from_std(by).unwrap_or(chrono::TimeDelta::MAX);
        shown.now = shown.now.checked_add_signed(by).unwrap_or(Instant::MAX_UTC);
    }

    fn shown(&self) -> MutexGuard<'_, Shown> {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Instant {
        self.shown().now
    }

    fn elapsed(&self) -> Duration {
        self.shown().elapsed
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
        assert_eq!((clock.now(), clock.elapsed()), (start, Duration::from_secs(60)));
        clock.advance(Duration::MAX);
        assert_eq!(clock.now(), Instant::MAX_UTC);
    }
}
