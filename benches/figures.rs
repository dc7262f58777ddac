//! Rates and latencies.

use std::time::Duration;

use serde_json::{Value, json};

/// What a run came to.
#[derive(Debug, Clone, Default)]
pub struct Figures {
    pub seconds: f64,
    micros: Vec<u32>,
}

impl Figures {
    pub fn of(elapsed: Duration, micros: Vec<u32>) -> Self {
        Self { seconds: elapsed.as_secs_f64(), micros }
    }

    /// Runs that belong together.
    pub fn join(&mut self, other: Self) {
        self.seconds += other.seconds;
        self.micros.extend(other.micros);
    }

    pub fn count(&self) -> usize {
        self.micros.len()
    }

    pub fn per_second(&self) -> f64 {
        self.micros.len() as f64 / self.seconds
    }

    /// In milliseconds.
    pub fn quantile(&self, share: f64) -> f64 {
        let mut sorted = self.micros.clone();
        sorted.sort_unstable();
        let at = (sorted.len() as f64 * share) as usize;
        sorted.get(at.min(sorted.len().saturating_sub(1))).map_or(0.0, |micros| f64::from(*micros) / 1_000.0)
    }

    pub fn json(&self) -> Value {
        json!({
            "per_second": rounded(self.per_second()),
            "p50_ms": rounded(self.quantile(0.50)),
            "p99_ms": rounded(self.quantile(0.99)),
        })
    }

    pub fn row(&self, name: &str) -> String {
        format!(
            "  {name:<44} {:>10.0}/s   p50 {:>7.2} ms   p99 {:>7.2} ms",
            self.per_second(),
            self.quantile(0.50),
            self.quantile(0.99)
        )
    }
}

/// Three digits behind the point are more than the measurement is good for.
pub fn rounded(number: f64) -> f64 {
    (number * 1_000.0).round() / 1_000.0
}
