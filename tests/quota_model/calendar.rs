//! Reset windows in plain arithmetic: seconds since 1970, and the calendar's months.

use chrono::{DateTime, Datelike, NaiveDate, Timelike};

/// Seconds since 1970.
pub type Moment = i64;

pub const HOUR: i64 = 3_600;
pub const DAY: i64 = 24 * HOUR;
/// 5 January 1970 was a Monday.
const MONDAY: Moment = 4 * DAY;
/// So much a marketplace may add to an end without selling another month.
const ROUNDING: i64 = 48 * HOUR;

/// After how long an amount is there anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reset {
    Never,
    Hour,
    Day,
    Week,
    Month,
    Year,
}

/// What a spec offers of one metric; amounts in ten-thousandths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Offer {
    pub metric: &'static str,
    pub amount: i64,
    pub reset: Reset,
    /// At the calendar's boundaries, else counted from the start.
    pub calendar: bool,
    /// Goes on beyond the amount, and is counted.
    pub counts_over: bool,
}

/// A window: its place, its start, its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    pub place: i64,
    pub from: Moment,
    pub to: Option<Moment>,
}

/// A window by what never changes about it.
pub type Grid = (Reset, bool, Moment);

/// An offer with the time for which it was sold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sold {
    pub offer: Offer,
    pub from: Moment,
    pub to: Option<Moment>,
}

/// So many calendar months later; a day that the month does not have is its last day.
pub fn months_after(moment: Moment, months: i64) -> Moment {
    let start = DateTime::from_timestamp(moment, 0).expect("within the calendar");
    let count = i64::from(start.year()) * 12 + i64::from(start.month0()) + months;
    let first = |count: i64| {
        let month = u32::try_from(count.rem_euclid(12) + 1).expect("a month");
        let year = i32::try_from(count.div_euclid(12)).expect("a year");
        NaiveDate::from_ymd_opt(year, month, 1).expect("within the calendar")
    };
    let days = (first(count + 1) - first(count)).num_days();
    let day = i64::from(start.day()).min(days) - 1;
    let midnight = first(count).and_hms_opt(0, 0, 0).expect("a day begins").and_utc().timestamp();
    midnight + day * DAY + i64::from(start.num_seconds_from_midnight())
}

fn months_between(from: Moment, to: Moment) -> i64 {
    let count = |moment| {
        let date = DateTime::from_timestamp(moment, 0).expect("within the calendar");
        i64::from(date.year()) * 12 + i64::from(date.month0())
    };
    count(to) - count(from)
}

impl Reset {
    fn seconds(self) -> Option<i64> {
        match self {
            Self::Hour => Some(HOUR),
            Self::Day => Some(DAY),
            Self::Week => Some(7 * DAY),
            Self::Never | Self::Month | Self::Year => None,
        }
    }

    fn months(self) -> i64 {
        if self == Self::Year { 12 } else { 1 }
    }
}

impl Sold {
    /// Where its windows are counted from.
    fn origin(&self, calendar: bool) -> Moment {
        let floor = |each: i64, from: Moment| from + (self.from - from).div_euclid(each) * each;
        match self.offer.reset {
            _ if !calendar => self.from,
            Reset::Never => self.from,
            Reset::Hour => floor(HOUR, 0),
            Reset::Day => floor(DAY, 0),
            Reset::Week => floor(7 * DAY, MONDAY),
            Reset::Month | Reset::Year => {
                let date = DateTime::from_timestamp(self.from, 0).expect("within the calendar");
                let month = if self.offer.reset == Reset::Year { 1 } else { date.month() };
                let day = NaiveDate::from_ymd_opt(date.year(), month, 1).expect("within the calendar");
                day.and_hms_opt(0, 0, 0).expect("a day begins").and_utc().timestamp()
            }
        }
    }

    fn boundary(&self, calendar: bool, place: i64) -> Moment {
        let origin = self.origin(calendar);
        match self.offer.reset.seconds() {
            Some(each) => origin + place * each,
            None => months_after(origin, place * self.offer.reset.months()),
        }
    }

    fn place(&self, calendar: bool, at: Moment) -> i64 {
        let origin = self.origin(calendar);
        if let Some(each) = self.offer.reset.seconds() {
            return (at - origin).div_euclid(each);
        }
        let guess = months_between(origin, at).div_euclid(self.offer.reset.months());
        if self.boundary(calendar, guess) <= at { guess } else { guess - 1 }
    }

    /// The window that covers a moment.
    pub fn window(&self, at: Moment) -> Option<Window> {
        if at < self.from || self.to.is_some_and(|to| to <= at) {
            return None;
        }
        if self.offer.reset == Reset::Never {
            return Some(Window { place: 0, from: self.from, to: self.to });
        }
        let place = self.place(self.offer.calendar, at);
        let end = self.boundary(self.offer.calendar, place + 1);
        let from = self.boundary(self.offer.calendar, place).max(self.from);
        Some(Window { place, from, to: Some(self.to.map_or(end, |to| to.min(end))) })
    }

    /// The name of a window that begins then; none where nothing resets.
    pub fn grid(&self, from: Moment) -> Option<Grid> {
        (self.offer.reset != Reset::Never).then_some((self.offer.reset, self.offer.calendar, from))
    }

    fn begun(&self, calendar: bool) -> Option<i64> {
        if self.offer.reset == Reset::Never {
            return Some(1);
        }
        let last = self.to? - 1;
        Some(if last < self.from { 0 } else { self.place(calendar, last) + 1 })
    }

    /// How many windows there are, whole and cut.
    pub fn windows(&self) -> Option<i64> {
        self.begun(self.offer.calendar)
    }

    /// For how many of them was paid.
    pub fn paid(&self) -> Option<i64> {
        let begun = self.begun(false)?.max(1);
        let rounds = matches!(self.offer.reset, Reset::Month | Reset::Year);
        let is_rounding = rounds && begun > 1 && self.to? - self.boundary(false, begun - 1) <= ROUNDING;
        Some(begun - i64::from(is_rounding))
    }

    /// The last moment of a time that is over, if the window that its end cut would still run then.
    pub fn reopens(&self, at: Moment) -> Option<Moment> {
        let last = self.to.filter(|to| *to <= at)? - 1;
        let place =
            |at| if self.offer.reset == Reset::Never { 0 } else { self.place(self.offer.calendar, at) };
        (last >= self.from && place(last) == place(at)).then_some(last)
    }
}

/// The published vectors, which agree with `dateutil` and `java.time`, hold for this arithmetic too.
#[test]
fn windows_are_those_of_the_published_vectors() {
    let vectors = include_str!("../vectors/calendar.jsonl").lines();
    let mut checked = 0;
    for line in vectors {
        let vector: serde_json::Value = serde_json::from_str(line).expect("JSON");
        let moment = |name: &str| {
            let at = vector[name].as_str()?;
            Some(at.parse::<DateTime<chrono::Utc>>().expect("an instant").timestamp())
        };
        let reset = match vector["reset"].as_str() {
            Some("none") => Reset::Never,
            Some("hour") => Reset::Hour,
            Some("day") => Reset::Day,
            Some("week") => Reset::Week,
            Some("month") => Reset::Month,
            Some("year") => Reset::Year,
            _ => continue,
        };
        let calendar = vector["window"] == "calendar";
        let offer = Offer { metric: "m", amount: 1, reset, calendar, counts_over: false };
        let (Some(from), to) = (moment("start"), moment("end")) else { continue };
        let sold = Sold { offer, from, to };
        // A window that ends after the year 9999 is none; the stories never come there.
        let is_far = from > 250_000_000_000;
        match vector["check"].as_str() {
            Some("windows") if !is_far => {
                let window = sold.window(moment("at").expect("an instant"));
                let told = window.map(|it| (Some(it.from), it.to, Some(it.place)));
                let expected = (moment("starts_at"), moment("ends_at"), vector["ordinal"].as_i64());
                assert_eq!(told.unwrap_or((None, None, None)), expected, "{line}");
            }
            Some("total") if !is_far && vector["windows"].is_i64() => {
                assert_eq!(sold.paid(), vector["windows"].as_i64(), "{line}")
            }
            _ => continue,
        }
        checked += 1;
    }
    assert!(checked > 2_000, "{checked}");
}
