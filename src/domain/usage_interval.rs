//! The intervals of which usage is summed up: the marketplace's hours, or its days.

use chrono::{DateTime, TimeDelta};

use super::{Instant, Marketplace, Metered, UsageBilling, Validity};

const HOUR_SECS: i64 = 3_600;
const DAY_SECS: i64 = 86_400;

/// An hour or a day of the marketplace, or what an instance has of it: half-open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct UsageInterval {
    /// First instant that belongs to it.
    pub begin: Instant,
    /// First instant that does not.
    pub end: Instant,
}

impl UsageInterval {
    /// The one that an instant lies in: as often as the marketplace bills, so that each is pushed in the window that
    /// follows it.
    pub fn covering(marketplace: Marketplace, billing: UsageBilling, at: Instant) -> Self {
        let every = match billing {
            UsageBilling::Hourly => HOUR_SECS,
            UsageBilling::Daily => DAY_SECS,
        };
        let into = (at.timestamp() + marketplace.zone_secs()).rem_euclid(every);
        let begin = DateTime::from_timestamp(at.timestamp() - into, 0).unwrap_or(at);
        Self { begin, end: begin + TimeDelta::seconds(every) }
    }

    /// Whether it is over, and whoever was on the way with something of it has arrived.
    pub fn is_settled(&self, settles: TimeDelta, now: Instant) -> bool {
        Validity::between(self.end + settles, None).holds_at(now)
    }

    /// What an instance has of it; nothing when it was not there.
    pub fn within(&self, metered: &Metered) -> Option<Self> {
        let begin = self.begin.max(metered.starts_at);
        let end = metered.released_at.map_or(self.end, |released_at| self.end.min(released_at));
        Validity::between(begin, Some(end)).holds_at(begin).then_some(Self { begin, end })
    }

    /// So many parts that follow each other, as long as each other within a second. One of fewer seconds has no parts.
    pub fn parts(&self, count: usize) -> Vec<Self> {
        let (secs, count) = ((self.end - self.begin).num_seconds(), i64::try_from(count).unwrap_or(i64::MAX));
        if count > secs {
            return Vec::new();
        }
        let boundary = |number: i64| self.begin + TimeDelta::seconds(secs * number / count);
        let part = |number| Self { begin: boundary(number), end: boundary(number + 1) };
        let mut parts: Vec<Self> = (0..count).map(part).collect();
        if let Some(last) = parts.last_mut() {
            last.end = self.end;
        }
        parts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Instant {
        text.parse().expect("a test writes valid instants")
    }

    fn span(begin: &str, end: &str) -> UsageInterval {
        UsageInterval { begin: at(begin), end: at(end) }
    }

    #[test]
    fn hours_are_those_of_the_clock_and_days_begin_at_midnight_in_beijing() {
        let covering = |billing, when| UsageInterval::covering(Marketplace::KooGallery, billing, at(when));
        let hour = span("2026-03-01T13:00:00Z", "2026-03-01T14:00:00Z");
        assert_eq!(covering(UsageBilling::Hourly, "2026-03-01T13:00:00Z"), hour);
        assert_eq!(covering(UsageBilling::Hourly, "2026-03-01T13:59:59Z"), hour);
        let day = span("2026-02-28T16:00:00Z", "2026-03-01T16:00:00Z");
        assert_eq!(covering(UsageBilling::Daily, "2026-03-01T15:59:59Z"), day);
        assert_eq!(covering(UsageBilling::Daily, "2026-02-28T16:00:00Z"), day);
        let settles = TimeDelta::seconds(300);
        assert!(!hour.is_settled(settles, at("2026-03-01T14:04:59Z")));
        assert!(hour.is_settled(settles, at("2026-03-01T14:05:00Z")));
    }

    #[test]
    fn an_instance_has_of_an_interval_what_lies_in_its_life() {
        let hour = span("2026-03-01T13:00:00Z", "2026-03-01T14:00:00Z");
        let within = |starts, released: Option<&str>| {
            hour.within(&Metered { starts_at: at(starts), released_at: released.map(at) })
        };
        assert_eq!(within("2026-02-01T00:00:00Z", None), Some(hour));
        assert_eq!(
            within("2026-03-01T13:20:00Z", None),
            Some(span("2026-03-01T13:20:00Z", "2026-03-01T14:00:00Z"))
        );
        let released = span("2026-03-01T13:00:00Z", "2026-03-01T13:30:01Z");
        assert_eq!(within("2026-02-01T00:00:00Z", Some("2026-03-01T13:30:01Z")), Some(released));
        assert_eq!(within("2026-02-01T00:00:00Z", Some("2026-03-01T13:00:00Z")), None);
        assert_eq!(within("2026-03-01T14:00:00Z", None), None);
    }

    #[test]
    fn parts_follow_each_other_without_a_gap() {
        let hour = span("2026-03-01T13:00:00Z", "2026-03-01T14:00:00Z");
        assert_eq!(hour.parts(1), [hour]);
        let parts = hour.parts(7);
        assert_eq!((parts.len(), parts[0].begin, parts[6].end), (7, hour.begin, hour.end));
        assert!(parts.windows(2).all(|pair| pair[0].end == pair[1].begin && pair[0].begin < pair[0].end));
        assert_eq!(hour.parts(3_601), []);
    }
}
