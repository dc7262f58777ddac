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
    /// In a certificate: which share of this machine it is.
    pub share: Option<ShareClaim>,
}

/// A part of a package that is kept for one machine, so that it may be used without the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShareClaim {
    /// Its number among all that the activation ever had, from 1: what an entry of the usage ledger names.
    pub number: i64,
    /// First second of its window, Unix seconds.
    pub from: i64,
    /// First second at which it may not be used any more.
    pub until: i64,
}
