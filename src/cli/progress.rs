//! How far long work has come, for people who watch.

use std::io::{self, IsTerminal as _, Write as _};

/// One line on the standard error, written over and over; nothing when nobody watches.
pub struct Progress {
    what: &'static str,
    unit: &'static str,
    step: u64,
    shown: u64,
    is_watched: bool,
}

impl Progress {
    /// Of this work, in this unit; shown anew after every `step` of them.
    pub fn of(what: &'static str, unit: &'static str, step: u64, json: bool) -> Self {
        Self { what, unit, step, shown: 0, is_watched: !json && io::stderr().is_terminal() }
    }

    /// So far.
    pub fn at(&mut self, count: u64) {
        if self.is_watched && (count < self.shown || count - self.shown >= self.step) {
            self.shown = count;
            let _ = write!(io::stderr(), "\r{}: {count} {} …\u{1b}[K", self.what, self.unit);
        }
    }
}

impl Drop for Progress {
    /// The line makes room for the answer.
    fn drop(&mut self) {
        if self.is_watched && self.shown > 0 {
            let _ = write!(io::stderr(), "\r\u{1b}[K");
        }
    }
}
