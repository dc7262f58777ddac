//! What is asked of both sides, and what they answer.

use super::calendar::{Grid, Moment};

/// How a package stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Balance {
    pub package: String,
    pub bought: Option<i64>,
    pub used: i64,
    pub reserved: i64,
    pub left: Option<i64>,
    pub expired: Option<i64>,
    pub refunded: i64,
    pub over: i64,
    pub window: Option<(Moment, Option<Moment>)>,
    pub window_used: i64,
    pub window_left: i64,
}

/// A part of a package's window that is kept for somebody, or was paid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    pub package: usize,
    pub grid: Option<Grid>,
    pub from: Moment,
    pub amount: i64,
    pub over: i64,
}

impl Part {
    pub fn add(&mut self, more: &Self) {
        self.amount += more.amount;
        self.over += more.over;
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HoldState {
    Open,
    Confirmed(i64),
    Released,
    Lapsed,
}

/// Something that a machine used by itself: of which share, how much, when.
pub type Entry = (usize, i64, Moment);

/// What a machine tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ledger {
    pub entries: Vec<Entry>,
    /// There is nothing behind it.
    pub is_complete: bool,
    /// After the entries stands one that is more than its share.
    pub is_wrong: bool,
}

/// A report of use; each item is a metric, an amount, a moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Usage {
    pub license: usize,
    pub key: u64,
    pub items: Vec<(&'static str, i64, Option<Moment>)>,
    /// Kept back for so long instead.
    pub reserve: Option<i64>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    Done,
    /// Who paid, and the reservation that was made.
    Granted(Vec<Part>, Option<usize>),
    Refused(&'static str),
}
