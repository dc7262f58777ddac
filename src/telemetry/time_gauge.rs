//! A moment that whoever watches the service should know.

use std::sync::atomic::{AtomicI64, Ordering};

use chrono::{DateTime, Utc};

/// Stands for "not known": no moment of ours is so far back.
const UNKNOWN: i64 = i64::MIN;

/// A moment, in whole seconds; unknown until it is set.
#[derive(Debug)]
pub struct TimeGauge(AtomicI64);

impl TimeGauge {
    /// Nothing is known yet.
    pub const fn new() -> Self {
        Self(AtomicI64::new(UNKNOWN))
    }

    /// From now on this.
    pub fn set(&self, at: DateTime<Utc>) {
        self.0.store(at.timestamp(), Ordering::Relaxed);
    }

    /// Seconds since 1970 began, if known.
    pub fn reading(&self) -> Option<i64> {
        let seconds = self.0.load(Ordering::Relaxed);
        (seconds != UNKNOWN).then_some(seconds)
    }
}

impl Default for TimeGauge {
    fn default() -> Self {
        Self::new()
    }
}
