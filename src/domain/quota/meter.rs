//! What is counted of a package, and under which name.

use std::collections::BTreeMap;

use super::{HeldPackage, QuotaWindow, ResetWindow, WindowAlignment};
use crate::domain::spec::named;
use crate::domain::{Amount, Instant, PackageId};

named!(
    /// What a counter of a package counts.
    Meter {
        /// What may not be given out again: what was used and what is reserved. It never passes what the package gives.
        Taken = "taken",
        /// The part of it that is reserved and not used yet.
        Reserved = "reserved",
        /// What was used beyond the package, where that is counted instead of refused; no part of what was taken.
        Over = "over",
        /// The highest percentage of a window that its merchant was told of.
        Alerted = "alerted",
    }
);

/// A window by what never changes about it. Windows of another reset or alignment have counters of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WindowKey {
    /// Which grid it is of.
    pub reset: ResetWindow,
    /// Where that grid begins.
    pub alignment: WindowAlignment,
    /// Its start.
    pub starts_at: Instant,
}

/// The name of one counter, in ten-thousandths of the metric's unit (percent for [`Meter::Alerted`]).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MeterKey {
    /// Of which package.
    pub package: PackageId,
    /// What it counts.
    pub meter: Meter,
    /// In one window; none is over the package's whole life. A package that never resets has one counter for both.
    pub window: Option<WindowKey>,
}

/// Counters as they were read; what was never counted is zero.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct QuotaCounts(BTreeMap<MeterKey, i64>);

impl QuotaCounts {
    /// What a counter stands at.
    pub fn get(&self, key: &MeterKey) -> i64 {
        self.0.get(key).copied().unwrap_or(0)
    }

    /// The same as an amount.
    pub fn amount(&self, key: &MeterKey) -> Amount {
        Amount::from_ten_thousandths(self.get(key).max(0)).unwrap_or_default()
    }

    /// Sets what a counter stands at.
    pub fn set(&mut self, key: MeterKey, value: i64) {
        self.0.insert(key, value);
    }

    /// Counts on.
    pub fn add(&mut self, key: MeterKey, delta: i64) {
        let counter = self.0.entry(key).or_insert(0);
        *counter = counter.saturating_add(delta);
    }
}

impl FromIterator<(MeterKey, i64)> for QuotaCounts {
    fn from_iter<I: IntoIterator<Item = (MeterKey, i64)>>(counters: I) -> Self {
        Self(counters.into_iter().collect())
    }
}

impl HeldPackage {
    /// The counter over the package's whole life.
    pub fn meter(&self, meter: Meter) -> MeterKey {
        MeterKey { package: self.id.clone(), meter, window: None }
    }

    /// The counter of one of its windows.
    pub fn window_meter(&self, meter: Meter, window: &QuotaWindow) -> MeterKey {
        let template = &self.package.template;
        let key =
            WindowKey { reset: template.reset, alignment: template.window, starts_at: window.starts_at };
        let resets = template.reset != ResetWindow::None;
        MeterKey { package: self.id.clone(), meter, window: resets.then_some(key) }
    }

    /// Every counter that says how the package stands at an instant, and what an exchange then would leave.
    pub fn meters_at(&self, at: Instant) -> Vec<MeterKey> {
        let all = [Meter::Taken, Meter::Reserved, Meter::Over];
        let mut keys: Vec<_> = all.iter().map(|meter| self.meter(*meter)).collect();
        let at = self.package.reopens(at).unwrap_or(at);
        if let Some(window) = self.package.window_at(at) {
            keys.extend(all.iter().map(|meter| self.window_meter(*meter, &window)));
        }
        keys.dedup();
        keys
    }
}
