//! What a report of usage is answered.

use super::QuotaWindow;
use crate::domain::{Amount, Instant, PackageId};

/// What became of a report: kept with it, so that a repeat is answered as the first time.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct UsageGrant {
    /// By metric, in the order of the report.
    pub metrics: Vec<MetricGrant>,
    /// By package and window.
    pub packages: Vec<PackageGrant>,
}

/// What was granted of one metric, and what is left of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetricGrant {
    /// Which.
    pub metric: String,
    /// How much, also beyond the packages where that is counted.
    pub granted: Amount,
    /// What the present windows of its packages have left, when this was decided.
    pub left: Amount,
    /// When the first of these windows ends.
    pub window_ends_at: Option<Instant>,
}

/// What one window of one package paid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackageGrant {
    /// Which package.
    pub package: PackageId,
    /// Of which metric: its place among [`UsageGrant::metrics`].
    pub metric: u16,
    /// The window's start.
    pub window_starts_at: Instant,
    /// Its end.
    pub window_ends_at: Option<Instant>,
    /// What it gave.
    pub amount: Amount,
    /// What was counted beyond it.
    pub over: Amount,
    /// What it had left then, in this window.
    pub left: Amount,
}

impl PackageGrant {
    /// Whether it is about this window.
    pub fn is_of(&self, package: &PackageId, window: &QuotaWindow) -> bool {
        self.package == *package && self.window_starts_at == window.starts_at
    }
}
