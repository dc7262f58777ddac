//! When usage may leave for the marketplace.
//!
//! Source: zh-cn_topic_0070649410 and sp_topic_0000120: hourly billing is pushed in minutes 0 to 15 of the next hour and
//! collected at minute 15; daily billing from 00:00 to 00:15 of the next day and never after 01:00, when it is collected.
//! Records count in UTC; whose midnight begins a day is not said. Every end of a day that the marketplace prints lies at
//! midnight in Beijing, so that is taken (`Marketplace::zone_secs`); hours are the same in both.

use chrono::{DateTime, TimeDelta};

use super::{Instant, Marketplace, UsageBilling, Validity};

const HOUR_SECS: i64 = 3_600;
const DAY_SECS: i64 = 86_400;
/// A call that begins by here has its answer before the collection at minute 15.
const HOURLY_CLOSES_SECS: i64 = 14 * 60;
/// Likewise before the collection at 01:00: late records of a day are still taken.
const DAILY_CLOSES_SECS: i64 = 55 * 60;
/// Over how much of a window's start the channels are spread, so that they do not all push at minute 0.
const SPREAD_SECS: i64 = 10 * 60;

/// A span in which a push may begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PushWindow {
    /// First instant that belongs to it.
    pub opens: Instant,
    /// First instant that does not.
    pub closes: Instant,
}

impl PushWindow {
    /// The window that is open at `at`, or else the next one.
    pub fn from(marketplace: Marketplace, billing: UsageBilling, at: Instant) -> Self {
        let (every, length) = match billing {
            UsageBilling::Hourly => (HOUR_SECS, HOURLY_CLOSES_SECS),
            UsageBilling::Daily => (DAY_SECS, DAILY_CLOSES_SECS),
        };
        let into = (at.timestamp() + marketplace.zone_secs()).rem_euclid(every);
        let opened = at.timestamp() - into;
        let opens = if into < length { opened } else { opened + every };
        let at_secs = |secs| DateTime::from_timestamp(secs, 0).unwrap_or(at);
        Self { opens: at_secs(opens), closes: at_secs(opens + length) }
    }

    /// The first window at or after `now` for usage that was measured up to `end`: its hour or day has to be over.
    pub fn of_usage(marketplace: Marketplace, billing: UsageBilling, end: Instant, now: Instant) -> Self {
        let every = match billing {
            UsageBilling::Hourly => HOUR_SECS,
            UsageBilling::Daily => DAY_SECS,
        };
        let into = (end.timestamp() + marketplace.zone_secs()).rem_euclid(every);
        let over = if into == 0 { end } else { end + TimeDelta::seconds(every - into) };
        Self::from(marketplace, billing, over.max(now))
    }

    /// Not a window but now, for what cannot wait for one, up to `closes`.
    pub fn at_once(now: Instant, closes: Instant) -> Self {
        Self { opens: now, closes }
    }

    /// Whether a push may begin at `now`.
    pub fn is_open(&self, now: Instant) -> bool {
        Validity::between(self.opens, Some(self.closes)).holds_at(now)
    }

    /// Somewhere in the first part of the window, by the throw of a die.
    pub fn start(&self, die: u8) -> Instant {
        let spread = SPREAD_SECS.min((self.closes - self.opens).num_seconds());
        self.opens + TimeDelta::seconds(i64::from(die) * spread / 256)
    }

    /// The last that [`Self::start`] gives.
    pub fn latest_start(&self) -> Instant {
        self.start(u8::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Instant {
        text.parse().expect("a test writes valid instants")
    }

    fn opens(billing: UsageBilling, end: &str, now: &str) -> String {
        let window = PushWindow::of_usage(Marketplace::KooGallery, billing, at(end), at(now));
        window.opens.format("%dT%H:%M:%SZ").to_string()
    }

    #[test]
    fn an_hour_is_pushed_once_it_is_over_and_a_late_record_in_the_next_window() {
        for (end, now, expected) in [
            ("2026-03-01T13:25:00Z", "2026-03-01T13:25:00Z", "01T14:00:00Z"),
            ("2026-03-01T14:00:00Z", "2026-03-01T14:00:00Z", "01T14:00:00Z"),
            ("2026-03-01T14:00:00Z", "2026-03-01T14:13:59Z", "01T14:00:00Z"),
            ("2026-03-01T14:00:00Z", "2026-03-01T14:14:00Z", "01T15:00:00Z"),
            ("2026-03-01T14:03:00Z", "2026-03-01T14:05:00Z", "01T15:00:00Z"),
            ("2026-03-01T09:00:00Z", "2026-03-01T14:05:00Z", "01T14:00:00Z"),
            ("2026-03-01T09:00:00Z", "2026-03-01T14:30:00Z", "01T15:00:00Z"),
            ("2026-03-01T14:00:01Z", "2026-03-01T14:00:01Z", "01T15:00:00Z"),
        ] {
            assert_eq!(opens(UsageBilling::Hourly, end, now), expected, "{end} at {now}");
        }
    }

    #[test]
    fn a_day_is_pushed_after_midnight_in_beijing_and_never_after_one_o_clock() {
        for (end, now, expected) in [
            ("2026-03-01T13:25:00Z", "2026-03-01T13:25:00Z", "01T16:00:00Z"),
            ("2026-03-01T16:00:00Z", "2026-03-01T16:54:59Z", "01T16:00:00Z"),
            ("2026-03-01T16:00:00Z", "2026-03-01T16:55:00Z", "02T16:00:00Z"),
            ("2026-03-01T16:00:01Z", "2026-03-01T16:10:00Z", "02T16:00:00Z"),
        ] {
            assert_eq!(opens(UsageBilling::Daily, end, now), expected, "{end} at {now}");
        }
    }

    #[test]
    fn starts_are_spread_over_the_first_ten_minutes() {
        let noon = at("2026-03-01T12:00:00Z");
        let window = PushWindow::from(Marketplace::KooGallery, UsageBilling::Hourly, noon);
        assert_eq!(window.start(0), noon);
        assert!((0..=u8::MAX).all(|die| window.is_open(window.start(die))));
        assert!(window.latest_start() < noon + TimeDelta::minutes(10));
        assert!(!window.is_open(noon + TimeDelta::minutes(14)));
    }
}
