//! Quota packages as a token carries them.

use alloc::string::String;

use crate::Amount;
use crate::policy::words;

words! {
    /// When a package's window starts anew.
    Reset {
        /// Never: the amount is all there is.
        None => "none",
        /// Every hour.
        Hour => "hour",
        /// Every day.
        Day => "day",
        /// Every week.
        Week => "week",
        /// Every month.
        Month => "month",
        /// Every year.
        Year => "year",
    }
}

/// Bought units of one metric; in a certificate, this machine's share of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuotaClaim {
    /// What is counted, at most 64 bytes.
    pub metric: String,
    /// Its unit, at most 64 bytes.
    pub unit: String,
    /// Granted per window; in all for [`Reset::None`].
    pub amount: Amount,
    /// The window.
    pub reset: Reset,
    /// Amount × windows in the term, where that is a whole number.
    pub total: Option<Amount>,
}
