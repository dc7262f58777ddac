//! How far long work has come, for people who watch.

use std::io::{self, IsTerminal as _, Write as _};

/// One line on the standard error, written over and over; nothing when nobody watches.
pub struct Progress {
    what: &'static str,
    unit: &'static str,
    step: u64,
    shown: u64,
    total: Option<u64>,
    is_watched: bool,
}

impl Progress {
    /// Of this work, in this unit; shown anew after every `step` of them.
    pub fn of(what: &'static str, unit: &'static str, step: u64, json: bool) -> Self {
        Self { what, unit, step, shown: 0, total: None, is_watched: !json && io::stderr().is_terminal() }
    }

    /// The same toward a known end, as a bar.
    pub fn toward(what: &'static str, unit: &'static str, total: usize, json: bool) -> Self {
        Self { total: u64::try_from(total).ok(), ..Self::of(what, unit, 1, json) }
    }

    /// So far.
    pub fn at(&mut self, count: u64) {
        if self.is_watched && (count < self.shown || count - self.shown >= self.step) {
            self.shown = count;
            let line = self.line(count);
            let _ = write!(io::stderr(), "\r{line}\u{1b}[K");
        }
    }
}

/// Places of a bar.
const BAR_PLACES: u64 = 30;

impl Progress {
    fn line(&self, count: u64) -> String {
        let Some(total) = self.total.filter(|total| *total > 0) else {
            return format!("{}: {count} {} …", self.what, self.unit);
        };
        let count = count.min(total);
        let full = count.saturating_mul(BAR_PLACES) / total;
        let places = |letter: &str, places: u64| letter.repeat(usize::try_from(places).unwrap_or(0));
        let bar = format!("{}{}", places("#", full), places("·", BAR_PLACES - full));
        format!("{}: [{bar}] {count} of {total} {}", self.what, self.unit)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_full_at_the_end() {
        let bar = Progress::toward("imported", "rows", 200, true);
        assert_eq!(bar.line(0), format!("imported: [{}] 0 of 200 rows", "·".repeat(30)));
        assert_eq!(
            bar.line(100),
            format!("imported: [{}{}] 100 of 200 rows", "#".repeat(15), "·".repeat(15))
        );
        assert_eq!(bar.line(200), format!("imported: [{}] 200 of 200 rows", "#".repeat(30)));
        assert_eq!(Progress::of("exported", "licenses", 1, true).line(7), "exported: 7 licenses …");
    }
}
