//! How long something took, counted in buckets that a collector can add up.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Upper bounds of the buckets, in microseconds; what took longer is in none of them but in the count.
const BOUNDS_MICROS: [u64; 14] = [
    250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000,
    10_000_000,
];

/// Durations since the process started.
#[derive(Debug)]
pub struct Histogram {
    buckets: [AtomicU64; BOUNDS_MICROS.len()],
    count: AtomicU64,
    sum_micros: AtomicU64,
}

/// A histogram as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistogramReading {
    /// Upper bound in microseconds, and how many took at most so long.
    pub buckets: Vec<(u64, u64)>,
    /// How many there were.
    pub count: u64,
    /// What they took together, in microseconds.
    pub sum_micros: u64,
}

/// Observes how long it lived.
#[must_use]
pub struct Timed<'a> {
    histogram: &'a Histogram,
    since: Instant,
}

impl Histogram {
    /// One that has seen nothing.
    pub const fn new() -> Self {
        Self {
            buckets: [const { AtomicU64::new(0) }; BOUNDS_MICROS.len()],
            count: AtomicU64::new(0),
            sum_micros: AtomicU64::new(0),
        }
    }

    /// Counts what happens until the answer is dropped.
    pub fn timed(&self) -> Timed<'_> {
        Timed { histogram: self, since: Instant::now() }
    }

    /// Counts one.
    pub fn observe(&self, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let bucket = BOUNDS_MICROS.partition_point(|bound| *bound < micros);
        if let Some(bucket) = self.buckets.get(bucket) {
            bucket.fetch_add(1, Ordering::Relaxed);
        }
        self.sum_micros.fetch_add(micros, Ordering::Relaxed);
        self.count.fetch_add(1, Ordering::Relaxed);
    }

    /// As it stands. Taken while others count, the count is never below a bucket.
    pub fn reading(&self) -> HistogramReading {
        let mut below = 0;
        let buckets = BOUNDS_MICROS.iter().zip(&self.buckets).map(|(bound, bucket)| {
            below += bucket.load(Ordering::Relaxed);
            (*bound, below)
        });
        let buckets: Vec<_> = buckets.collect();
        let sum_micros = self.sum_micros.load(Ordering::Relaxed);
        HistogramReading { buckets, count: self.count.load(Ordering::Relaxed).max(below), sum_micros }
    }
}

impl Default for Histogram {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Timed<'_> {
    fn drop(&mut self) {
        self.histogram.observe(self.since.elapsed());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_counts_in_its_bucket_and_every_greater_one() {
        let histogram = Histogram::new();
        for micros in [250, 251, 10_000_000, 10_000_001] {
            histogram.observe(Duration::from_micros(micros));
        }
        let HistogramReading { buckets, count, sum_micros } = histogram.reading();
        assert_eq!((buckets[0], buckets[1], buckets[13]), ((250, 1), (500, 2), (10_000_000, 3)));
        assert_eq!((count, sum_micros), (4, 20_000_502));
    }
}
