//! What has to be true when the storm is over.

use std::sync::atomic::{AtomicU64, Ordering};

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use crate::sandbox::family::Family;
use crate::sandbox::judge::Report;
use crate::sandbox::shop::Sale;

/// What an order line has come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndState {
    Active,
    Suspended,
    Released,
}

/// One order line after everything that was said of it.
#[derive(Debug, Clone)]
pub struct LineEnd {
    pub family: Family,
    /// The order of the purchase; the instance or code; what it is now.
    pub sale: Sale,
    pub state: EndState,
    /// Until when it is paid; nothing for what does not end.
    pub ends_at: Option<DateTime<Utc>>,
    /// The event under which its License was applied for.
    pub event_id: Option<String>,
}

/// How the calls went, by what was done to them.
#[derive(Debug, Default)]
pub struct Tally {
    pub calls: AtomicU64,
    pub duplicates: AtomicU64,
    pub dropped: AtomicU64,
    pub timed_out: AtomicU64,
    pub replays: AtomicU64,
    pub written_otherwise: AtomicU64,
    pub skewed: AtomicU64,
    pub wrong_keys: AtomicU64,
    pub held_back: AtomicU64,
    pub dial_tests: AtomicU64,
    pub by_next_key: AtomicU64,
}

impl Tally {
    pub(super) fn one(counter: &AtomicU64) {
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// By name.
    pub fn to_json(&self) -> Value {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        json!({
            "calls": read(&self.calls),
            "duplicates": read(&self.duplicates),
            "dropped": read(&self.dropped),
            "timed_out": read(&self.timed_out),
            "replays": read(&self.replays),
            "written_otherwise": read(&self.written_otherwise),
            "skewed": read(&self.skewed),
            "wrong_keys": read(&self.wrong_keys),
            "held_back": read(&self.held_back),
            "dial_tests": read(&self.dial_tests),
            "by_next_key": read(&self.by_next_key),
        })
    }
}

/// Everything that is known afterwards.
#[derive(Debug)]
pub struct Aftermath {
    pub lines: Vec<LineEnd>,
    /// Rule by rule, with its source.
    pub report: Report,
    pub tally: Tally,
    /// What no rule has a name for, in words.
    pub faults: Vec<String>,
}

impl Aftermath {
    /// Whether no rule was broken and every line came to its end.
    pub fn is_clean(&self) -> bool {
        self.report.is_clean() && self.faults.is_empty()
    }
}
