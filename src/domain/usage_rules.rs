//! How a channel's usage is pushed.

use super::spec::named;

named!(
    /// Which of the marketplace's two interfaces takes it.
    UsagePush {
        /// Signed with the access key; each record has its own name, and may name the package it is taken from.
        New = "new",
        /// AK/SK only; a record names its product id.
        Old = "old",
    }
);
named!(
    /// How often the marketplace bills, and so when it collects.
    UsageBilling {
        /// Each hour, at minute 15 of the next one.
        Hourly = "hourly",
        /// Each day, at 01:00 of the next one.
        Daily = "daily",
    }
);
named!(
    /// What packages are sold beside the pay-per-use instances.
    PackageKind {
        /// The marketplace takes usage from them by itself, and charges what goes beyond (按需套餐包). Also when there
        /// are none.
        PayPerUse = "pay-per-use",
        /// The service stops at their end (用完即停套餐包): each record has to name its package.
        StopBeforeExcess = "stop-before-excess",
    }
);

/// How a channel's usage is pushed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UsageRules {
    /// Which interface.
    pub push: UsagePush,
    /// When.
    pub billing: UsageBilling,
    /// Beside which packages.
    pub packages: PackageKind,
}

impl Default for UsageRules {
    fn default() -> Self {
        Self { push: UsagePush::New, billing: UsageBilling::Hourly, packages: PackageKind::PayPerUse }
    }
}
