//! One record of usage: what a pay-per-use instance used between two instants.
//!
//! Source: zh-cn_topic_0070649410 (push), sp_topic_0000120 (rules): begin not before the instance's start, begin not after end,
//! end neither in the future nor after the instance was released, not older than 21 days, greater than 0 with at most 4
//! decimals, and for each (instance, begin, end) one record only.

use chrono::TimeDelta;

use super::{
    Amount, ChannelId, InstanceId, Instant, LicenseId, Marketplace, MerchantId, MeteringSn, PushWindow,
    UsageBilling, UsageId, Validity,
};

/// The marketplace takes nothing that began longer ago.
const AGE_MAX_DAYS: i64 = 21;
/// How long before that limit a record is no longer sent: the two clocks differ, and a call takes its time.
const AGE_MARGIN_HOURS: i64 = 1;
/// `Double(12,4)`: 8 digits before the point, 4 behind it.
pub const USAGE_VALUE_MAX_TEN_THOUSANDTHS: i64 = 999_999_999_999;

/// What makes a record of usage unique: the marketplace counts only the first one of these.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UsageKey {
    /// Whose.
    pub merchant: MerchantId,
    /// Where the instance was bought.
    pub marketplace: Marketplace,
    /// The pay-per-use instance, never the package.
    pub instance: InstanceId,
    /// From when it was measured.
    pub begin: Instant,
    /// Up to when; the same as `begin` for what is counted at an instant.
    pub end: Instant,
}

impl UsageKey {
    /// When a record is pushed that is made at `now`: in the next window, unless it would be too old by then.
    pub fn window(&self, billing: UsageBilling, now: Instant) -> PushWindow {
        self.unless_too_old(PushWindow::of_usage(self.marketplace, billing, self.end, now), now)
    }

    /// The window, or at once when the record would be too old in it.
    pub fn unless_too_old(&self, window: PushWindow, now: Instant) -> PushWindow {
        let last = last_push(self.begin);
        let fits = !Validity::between(last, None).holds_at(window.latest_start());
        if fits { window } else { PushWindow::at_once(now, last) }
    }
}

/// Where a record stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UsageState {
    /// It will be pushed.
    Waiting,
    /// The marketplace has taken it, and checks it by itself.
    Pushed {
        /// When.
        at: Instant,
    },
    /// It will not be pushed any more.
    Dropped {
        /// When.
        at: Instant,
        /// Why, in words.
        why: String,
    },
}

impl UsageState {
    /// The words in answers and filters.
    pub const NAMES: &'static [&'static str] = &["waiting", "pushed", "dropped"];

    /// The word in answers and filters.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Pushed { .. } => "pushed",
            Self::Dropped { .. } => "dropped",
        }
    }
}

/// What was read off a meter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reading {
    /// From when.
    pub begin: Instant,
    /// Up to when.
    pub end: Instant,
    /// How much.
    pub value: Amount,
}

/// One record of usage. Nothing but its state and the time it is due ever changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageRecord {
    /// What makes it unique.
    pub key: UsageKey,
    /// Its place in the order of recording.
    pub id: UsageId,
    /// The license of the instance.
    pub license: LicenseId,
    /// Through which channel it is pushed: the one it was bought through.
    pub channel: ChannelId,
    /// The marketplace's product id, where known; the old interface needs it.
    pub product_id: Option<String>,
    /// The package that it is taken from.
    pub package: Option<InstanceId>,
    /// How much.
    pub value: Amount,
    /// Its name towards the marketplace.
    pub metering_sn: MeteringSn,
    /// When it was recorded.
    pub recorded_at: Instant,
    /// Not pushed before.
    pub due_at: Instant,
    /// Where it stands.
    pub state: UsageState,
}

/// What limits the usage of an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metered {
    /// From when it could be used.
    pub starts_at: Instant,
    /// When it was released, if it was.
    pub released_at: Option<Instant>,
}

/// Why a reading is no usage that the marketplace takes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UsageMistake {
    /// Upside down.
    #[error("end lies before begin")]
    Reversed,
    /// Not measured yet.
    #[error("end lies in the future: record usage once it is over")]
    InTheFuture,
    /// The instance was not there.
    #[error("the instance starts at {}: usage cannot begin before", rfc3339(.0))]
    BeforeTheStart(Instant),
    /// The instance was no longer there.
    #[error("the instance was released at {}: usage cannot end later", rfc3339(.0))]
    AfterTheRelease(Instant),
    /// Too late.
    #[error("usage that began more than {AGE_MAX_DAYS} days ago is not taken by the marketplace any more")]
    TooOld,
    /// Nothing was used.
    #[error("a value is greater than 0: where nothing was used there is nothing to record")]
    Nothing,
    /// Beyond the marketplace's number.
    #[error("a value is at most 99999999.9999")]
    TooLarge,
}

fn rfc3339(instant: &Instant) -> String {
    instant.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
}

impl UsageMistake {
    /// Which member of a record it is about.
    pub fn member(&self) -> &'static str {
        match self {
            Self::Reversed | Self::InTheFuture | Self::AfterTheRelease(_) => "end",
            Self::BeforeTheStart(_) | Self::TooOld => "begin",
            Self::Nothing | Self::TooLarge => "value",
        }
    }
}

impl Reading {
    /// Whether the marketplace takes it, or why not.
    pub fn check(&self, metered: &Metered, now: Instant) -> Result<(), UsageMistake> {
        let is_before = |one: Instant, other: Instant| !Validity::between(other, None).holds_at(one);
        if self.value == Amount::ZERO {
            return Err(UsageMistake::Nothing);
        }
        if self.value.ten_thousandths() > USAGE_VALUE_MAX_TEN_THOUSANDTHS {
            return Err(UsageMistake::TooLarge);
        }
        if is_before(self.end, self.begin) {
            return Err(UsageMistake::Reversed);
        }
        if is_before(now, self.end) {
            return Err(UsageMistake::InTheFuture);
        }
        if is_before(self.begin, metered.starts_at) {
            return Err(UsageMistake::BeforeTheStart(metered.starts_at));
        }
        if is_too_old(self.begin, now) {
            return Err(UsageMistake::TooOld);
        }
        match metered.released_at.filter(|released_at| is_before(*released_at, self.end)) {
            Some(released_at) => Err(UsageMistake::AfterTheRelease(released_at)),
            None => Ok(()),
        }
    }
}

/// Up to when usage that began at `begin` may be pushed.
fn last_push(begin: Instant) -> Instant {
    begin + TimeDelta::days(AGE_MAX_DAYS) - TimeDelta::hours(AGE_MARGIN_HOURS)
}

fn is_too_old(begin: Instant, now: Instant) -> bool {
    !Validity::between(begin, Some(last_push(begin))).holds_at(now.max(begin))
}

impl UsageRecord {
    /// Up to when it may be pushed.
    pub fn last_push(&self) -> Instant {
        last_push(self.key.begin)
    }

    /// Whether it may not be pushed any more.
    pub fn is_too_old(&self, now: Instant) -> bool {
        is_too_old(self.key.begin, now)
    }

    /// Whether the marketplace can mean it when it calls something too old: its clock is at most a day off.
    pub fn may_be_too_old(&self, now: Instant) -> bool {
        is_too_old(self.key.begin, now + TimeDelta::days(1))
    }

    /// Whether the same was recorded before under the same key.
    pub fn says(
        &self,
        value: Amount,
        package: Option<&InstanceId>,
        metering_sn: Option<&MeteringSn>,
    ) -> bool {
        let same_name = metering_sn.is_none_or(|given| *given == self.metering_sn);
        self.value == value && self.package.as_ref() == package && same_name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Instant {
        text.parse().expect("a test writes valid instants")
    }

    fn reading(begin: &str, end: &str, value: &str) -> Reading {
        Reading { begin: at(begin), end: at(end), value: Amount::parse(value).expect("an amount") }
    }

    fn checked(reading: Reading, released_at: Option<&str>) -> Result<(), UsageMistake> {
        let metered = Metered { starts_at: at("2026-03-01T00:00:00Z"), released_at: released_at.map(at) };
        reading.check(&metered, at("2026-03-21T10:00:00Z"))
    }

    #[test]
    fn a_reading_lies_within_the_life_of_its_instance_and_not_in_the_future() {
        let ok = |begin, end| checked(reading(begin, end, "1"), None);
        assert_eq!(ok("2026-03-01T00:00:00Z", "2026-03-01T01:00:00Z"), Ok(()));
        assert_eq!(ok("2026-03-21T10:00:00Z", "2026-03-21T10:00:00Z"), Ok(()), "counted at an instant");
        assert_eq!(ok("2026-03-21T09:00:00Z", "2026-03-21T10:00:01Z"), Err(UsageMistake::InTheFuture));
        assert_eq!(ok("2026-03-21T09:00:01Z", "2026-03-21T09:00:00Z"), Err(UsageMistake::Reversed));
        let start = at("2026-03-01T00:00:00Z");
        assert_eq!(
            ok("2026-02-28T23:59:59Z", "2026-03-01T01:00:00Z"),
            Err(UsageMistake::BeforeTheStart(start))
        );
        let released = |end| checked(reading("2026-03-20T00:00:00Z", end, "1"), Some("2026-03-20T12:00:00Z"));
        assert_eq!(released("2026-03-20T12:00:00Z"), Ok(()));
        let release = at("2026-03-20T12:00:00Z");
        assert_eq!(released("2026-03-20T12:00:01Z"), Err(UsageMistake::AfterTheRelease(release)));
    }

    #[test]
    fn a_value_is_greater_than_nothing_and_fits_twelve_digits() {
        let value = |text| checked(reading("2026-03-20T00:00:00Z", "2026-03-20T01:00:00Z", text), None);
        assert_eq!(value("0.0001"), Ok(()));
        assert_eq!(value("99999999.9999"), Ok(()));
        assert_eq!(value("0"), Err(UsageMistake::Nothing));
        assert_eq!(value("100000000"), Err(UsageMistake::TooLarge));
    }

    #[test]
    fn usage_is_too_old_an_hour_before_it_is_twenty_one_days_old() {
        let begin = at("2026-03-01T00:00:00Z");
        assert!(!is_too_old(begin, at("2026-03-21T22:59:59Z")));
        assert!(is_too_old(begin, at("2026-03-21T23:00:00Z")));
        let metered = Metered { starts_at: begin, released_at: None };
        let old = reading("2026-03-01T00:00:00Z", "2026-03-01T01:00:00Z", "1");
        assert_eq!(old.check(&metered, at("2026-03-21T22:59:59Z")), Ok(()));
        assert_eq!(old.check(&metered, at("2026-03-21T23:00:00Z")), Err(UsageMistake::TooOld));
    }
}
