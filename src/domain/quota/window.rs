//! Reset windows: which one covers an instant, how many a validity has, for how many of them was paid.

use chrono::{DateTime, Datelike, Months, NaiveDate, NaiveTime, TimeDelta};

use super::{ResetWindow, WindowAlignment};
use crate::domain::{Instant, Validity};

/// The last year that a window may end in: RFC 3339 writes years with four digits.
const YEAR_MAX: i32 = 9999;
const HOUR_SECS: i64 = 3_600;
const DAY_SECS: i64 = 24 * HOUR_SECS;
const WEEK_SECS: i64 = 7 * DAY_SECS;
/// What a marketplace may add to an end when it rounds it up, to the end of a day in its own time zone: within so many
/// hours of a whole number of months or years, nothing more was bought.
pub const ROUNDED_END_HOURS: i64 = 48;
/// A Monday, 00:00 UTC (29 December 1969), in seconds since 1970: ISO weeks begin on Mondays.
const MONDAY_SECS: i64 = -3 * DAY_SECS;

/// A span in which a package's amount can be used once: half-open, cut where the package's validity begins and ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QuotaWindow {
    /// First instant that belongs to it.
    pub starts_at: Instant,
    /// First instant that does not; `None` only where nothing resets and the validity has no end.
    pub ends_at: Option<Instant>,
    /// Its place among the windows of the validity, from 0.
    pub ordinal: u32,
}

impl QuotaWindow {
    /// The window that covers an instant.
    ///
    /// `None` when the instant lies outside the validity, or when the window ends after the year 9999.
    pub fn covering(
        reset: ResetWindow,
        alignment: WindowAlignment,
        validity: &Validity,
        at: Instant,
    ) -> Option<Self> {
        if !validity.holds_at(at) {
            return None;
        }
        let ordinal = match Grid::of(reset, alignment, validity.starts_at) {
            Some(grid) => grid.ordinal(at)?,
            None => 0,
        };
        Self::numbered(reset, alignment, validity, ordinal)
    }

    /// A window by its place among those of the validity, from 0.
    ///
    /// `None` when the validity has no such window, or when it ends after the year 9999.
    pub fn numbered(
        reset: ResetWindow,
        alignment: WindowAlignment,
        validity: &Validity,
        ordinal: u32,
    ) -> Option<Self> {
        let whole = match Grid::of(reset, alignment, validity.starts_at) {
            Some(grid) => {
                Validity::between(grid.boundary(ordinal)?, Some(grid.boundary(ordinal.checked_add(1)?)?))
            }
            None if ordinal == 0 => *validity,
            None => return None,
        };
        let ends_at = whole.ending_within(validity).ends_at;
        let window = Validity::between(whole.starts_at.max(validity.starts_at), ends_at);
        let is_writable = ends_at.is_none_or(|end| end.year() <= YEAR_MAX);
        (is_writable && window.holds_at(window.starts_at)).then_some(Self {
            starts_at: window.starts_at,
            ends_at,
            ordinal,
        })
    }

    /// How many windows a validity has, whole and partial. `None` when it has no end, or more than can be counted.
    pub fn count(reset: ResetWindow, alignment: WindowAlignment, validity: &Validity) -> Option<u32> {
        let Some(grid) = Grid::of(reset, alignment, validity.starts_at) else { return Some(1) };
        let last = validity.ends_at?.checked_sub_signed(TimeDelta::nanoseconds(1))?;
        if !validity.holds_at(last) {
            return Some(0);
        }
        grid.ordinal(last)?.checked_add(1)
    }

    /// The last instant of a validity that is over, while the window that its end cut would still run: a later end opens that
    /// window again. What never resets has one window, which any later end opens again. `None` else.
    pub fn reopens(
        reset: ResetWindow,
        alignment: WindowAlignment,
        validity: &Validity,
        at: Instant,
    ) -> Option<Instant> {
        let end = validity.ends_at.filter(|end| *end <= at)?;
        let last =
            end.checked_sub_signed(TimeDelta::nanoseconds(1)).filter(|last| validity.holds_at(*last))?;
        let Some(grid) = Grid::of(reset, alignment, validity.starts_at) else { return Some(last) };
        (grid.ordinal(last)? == grid.ordinal(at)?).then_some(last)
    }

    /// For how many windows a validity was paid: at least one. The total of a package is its amount so many times,
    /// whichever way its windows are aligned.
    ///
    /// Counted from the start of the validity, as terms are; a last window that is cut counts. Of months and years it
    /// does not count when the marketplace has only rounded the end up ([`ROUNDED_END_HOURS`]). `None` when the
    /// validity has no end and the windows go on for ever.
    pub fn paid(reset: ResetWindow, validity: &Validity) -> Option<u32> {
        let begun = Self::count(reset, WindowAlignment::Anniversary, validity)?.max(1);
        let rounds = match reset {
            ResetWindow::Month | ResetWindow::Year => TimeDelta::hours(ROUNDED_END_HOURS),
            ResetWindow::None | ResetWindow::Hour | ResetWindow::Day | ResetWindow::Week => TimeDelta::zero(),
        };
        let last = Self::numbered(reset, WindowAlignment::Anniversary, validity, begun - 1);
        let is_rounding =
            last.is_some_and(|last| last.ends_at.is_some_and(|end| end - last.starts_at <= rounds));
        Some(if begun > 1 && is_rounding { begun - 1 } else { begun })
    }
}

/// How long one window is, where it is not cut.
#[derive(Debug, Clone, Copy)]
enum Step {
    Seconds(i64),
    Months(u32),
}

/// Where windows would begin and end if the validity cut none of them. Every boundary is counted from the origin and
/// none from the one before it, so that 31 January + n months is the last day of February and 31 March again.
#[derive(Debug, Clone, Copy)]
struct Grid {
    origin: Instant,
    step: Step,
}

impl Grid {
    /// `None` where nothing resets.
    fn of(reset: ResetWindow, alignment: WindowAlignment, starts_at: Instant) -> Option<Self> {
        let step = match reset {
            ResetWindow::None => return None,
            ResetWindow::Hour => Step::Seconds(HOUR_SECS),
            ResetWindow::Day => Step::Seconds(DAY_SECS),
            ResetWindow::Week => Step::Seconds(WEEK_SECS),
            ResetWindow::Month => Step::Months(1),
            ResetWindow::Year => Step::Months(12),
        };
        let origin = match alignment {
            WindowAlignment::Anniversary => starts_at,
            WindowAlignment::Calendar => calendar_start(step, starts_at)?,
        };
        Some(Self { origin, step })
    }

    /// The boundary at which the window `ordinal` begins. `None` beyond what can be computed.
    fn boundary(self, ordinal: u32) -> Option<Instant> {
        match self.step {
            Step::Seconds(each) => {
                let seconds = each.checked_mul(i64::from(ordinal))?;
                self.origin.checked_add_signed(TimeDelta::try_seconds(seconds)?)
            }
            Step::Months(each) => self.origin.checked_add_months(Months::new(each.checked_mul(ordinal)?)),
        }
    }

    /// Which window `at` lies in. `None` before the origin.
    fn ordinal(self, at: Instant) -> Option<u32> {
        if at < self.origin {
            return None;
        }
        let ordinal = match self.step {
            Step::Seconds(each) => (at - self.origin).num_seconds() / each,
            Step::Months(each) => {
                let months = months_of(at) - months_of(self.origin);
                let guess = u32::try_from(months / i64::from(each)).ok()?;
                let is_reached = self.boundary(guess).is_some_and(|boundary| boundary <= at);
                i64::from(guess) - i64::from(!is_reached)
            }
        };
        u32::try_from(ordinal).ok()
    }
}

/// Calendar months since the year 0.
fn months_of(at: Instant) -> i64 {
    i64::from(at.year()) * 12 + i64::from(at.month0())
}

/// The calendar's boundary at or before an instant, UTC.
fn calendar_start(step: Step, at: Instant) -> Option<Instant> {
    let floor = |each: i64, from: i64| from + (at.timestamp() - from).div_euclid(each) * each;
    match step {
        Step::Seconds(WEEK_SECS) => DateTime::from_timestamp(floor(WEEK_SECS, MONDAY_SECS), 0),
        Step::Seconds(each) => DateTime::from_timestamp(floor(each, 0), 0),
        Step::Months(each) => {
            let month = if each == 12 { 1 } else { at.month() };
            Some(NaiveDate::from_ymd_opt(at.year(), month, 1)?.and_time(NaiveTime::MIN).and_utc())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Term;

    const RESETS: [ResetWindow; 6] = [
        ResetWindow::None,
        ResetWindow::Hour,
        ResetWindow::Day,
        ResetWindow::Week,
        ResetWindow::Month,
        ResetWindow::Year,
    ];
    const ALIGNMENTS: [WindowAlignment; 2] = [WindowAlignment::Anniversary, WindowAlignment::Calendar];

    fn at(text: &str) -> Instant {
        text.parse().expect("a test writes valid instants")
    }

    fn lasting(term: &str, start: &str) -> Validity {
        let term = Term::parse(term).expect("a test writes valid terms");
        Validity::lasting(term, at(start)).expect("in the calendar")
    }

    fn shown(window: Option<QuotaWindow>) -> String {
        let Some(window) = window else { return "none".into() };
        let text = |instant: Instant| instant.format("%Y-%m-%dT%H:%M:%SZ").to_string();
        let end = window.ends_at.map_or("never".into(), text);
        format!("{} {} {end}", window.ordinal, text(window.starts_at))
    }

    fn covering(reset: ResetWindow, alignment: WindowAlignment, validity: &Validity, when: &str) -> String {
        shown(QuotaWindow::covering(reset, alignment, validity, at(when)))
    }

    #[test]
    fn anniversary_months_are_counted_from_the_anchor() {
        let validity = lasting("P1Y", "2028-01-31T08:00:00Z");
        let window = |when| covering(ResetWindow::Month, WindowAlignment::Anniversary, &validity, when);
        assert_eq!(window("2028-01-31T07:59:59Z"), "none");
        assert_eq!(window("2028-01-31T08:00:00Z"), "0 2028-01-31T08:00:00Z 2028-02-29T08:00:00Z");
        assert_eq!(window("2028-02-29T07:59:59Z"), "0 2028-01-31T08:00:00Z 2028-02-29T08:00:00Z");
        assert_eq!(window("2028-02-29T08:00:00Z"), "1 2028-02-29T08:00:00Z 2028-03-31T08:00:00Z");
        assert_eq!(window("2029-01-31T07:59:59Z"), "11 2028-12-31T08:00:00Z 2029-01-31T08:00:00Z");
        assert_eq!(window("2029-01-31T08:00:00Z"), "none");
    }

    #[test]
    fn calendar_windows_begin_where_the_calendar_does_and_are_cut_by_the_validity() {
        let validity = lasting("P1Y", "2026-01-31T08:30:15Z");
        let window = |reset, when| covering(reset, WindowAlignment::Calendar, &validity, when);
        let start = "2026-01-31T08:30:15Z";
        assert_eq!(window(ResetWindow::Hour, start), format!("0 {start} 2026-01-31T09:00:00Z"));
        assert_eq!(window(ResetWindow::Day, start), format!("0 {start} 2026-02-01T00:00:00Z"));
        assert_eq!(window(ResetWindow::Week, start), format!("0 {start} 2026-02-02T00:00:00Z"));
        assert_eq!(window(ResetWindow::Month, start), format!("0 {start} 2026-02-01T00:00:00Z"));
        assert_eq!(window(ResetWindow::Year, start), format!("0 {start} 2027-01-01T00:00:00Z"));
        let last = "2027-01-31T08:30:14Z";
        assert_eq!(window(ResetWindow::Month, last), "12 2027-01-01T00:00:00Z 2027-01-31T08:30:15Z");
        assert_eq!(window(ResetWindow::Week, last), "52 2027-01-25T00:00:00Z 2027-01-31T08:30:15Z");
        assert_eq!(window(ResetWindow::Year, last), "1 2027-01-01T00:00:00Z 2027-01-31T08:30:15Z");
        assert_eq!(window(ResetWindow::None, last), format!("0 {start} 2027-01-31T08:30:15Z"));
    }

    #[test]
    fn weeks_begin_on_monday_also_before_1970() {
        let validity = Validity::between(at("1969-12-24T12:00:00Z"), None);
        let window = |when| covering(ResetWindow::Week, WindowAlignment::Calendar, &validity, when);
        assert_eq!(window("1969-12-28T23:59:59Z"), "0 1969-12-24T12:00:00Z 1969-12-29T00:00:00Z");
        assert_eq!(window("1969-12-29T00:00:00Z"), "1 1969-12-29T00:00:00Z 1970-01-05T00:00:00Z");
    }

    #[test]
    fn windows_tile_the_validity_without_a_gap() {
        for (term, start) in [
            ("P1Y", "2026-01-31T08:00:01Z"),
            ("P3Y", "2024-02-29T23:59:59Z"),
            ("P14D", "2026-12-28T00:00:00Z"),
            ("P1M", "2027-12-31T12:00:00Z"),
        ] {
            let validity = lasting(term, start);
            for reset in RESETS {
                for alignment in ALIGNMENTS {
                    let count = QuotaWindow::count(reset, alignment, &validity).expect("it has an end");
                    let mut next = Some(validity.starts_at);
                    for ordinal in 0..count {
                        let window = QuotaWindow::numbered(reset, alignment, &validity, ordinal);
                        let window = window.expect("it is one of them");
                        assert_eq!(Some(window.starts_at), next, "{reset:?} {alignment:?} {term} {ordinal}");
                        let within = |instant| QuotaWindow::covering(reset, alignment, &validity, instant);
                        let end = window.ends_at.expect("the validity has an end");
                        assert_eq!(within(window.starts_at), Some(window));
                        assert_eq!(within(end - TimeDelta::seconds(1)), Some(window));
                        assert_ne!(within(end), Some(window));
                        next = window.ends_at;
                    }
                    assert_eq!(next, validity.ends_at, "{reset:?} {alignment:?} {term}");
                    assert_eq!(QuotaWindow::numbered(reset, alignment, &validity, count), None);
                }
            }
        }
    }

    #[test]
    fn twelve_months_have_thirteen_calendar_windows_and_twelve_are_paid_for() {
        let validity = lasting("P1Y", "2026-01-15T08:00:00Z");
        let count = |alignment| QuotaWindow::count(ResetWindow::Month, alignment, &validity);
        assert_eq!(count(WindowAlignment::Calendar), Some(13));
        assert_eq!(count(WindowAlignment::Anniversary), Some(12));
        assert_eq!(QuotaWindow::paid(ResetWindow::Month, &validity), Some(12));
    }

    #[test]
    fn an_end_that_the_marketplace_rounds_up_pays_for_no_further_month() {
        let year = lasting("P1Y", "2026-01-31T08:00:00Z");
        let paid = |reset, end| QuotaWindow::paid(reset, &year.with_end(Some(at(end))));
        assert_eq!(paid(ResetWindow::Month, "2027-01-31T15:59:59Z"), Some(12));
        assert_eq!(paid(ResetWindow::Year, "2027-01-31T15:59:59Z"), Some(1));
        assert_eq!(paid(ResetWindow::Month, "2027-01-30T15:59:59Z"), Some(12));
        assert_eq!(paid(ResetWindow::Month, "2027-02-02T08:00:00Z"), Some(12));
        assert_eq!(paid(ResetWindow::Month, "2027-02-02T08:00:01Z"), Some(13));
        assert_eq!(paid(ResetWindow::Day, "2027-01-31T15:59:59Z"), Some(366));
        assert_eq!(paid(ResetWindow::Month, "2026-01-31T09:00:00Z"), Some(1));
    }

    #[test]
    fn what_has_no_end_has_no_number_of_windows_but_each_window_has_its_end() {
        let forever = Validity::between(at("2026-01-31T08:00:00Z"), None);
        for alignment in ALIGNMENTS {
            assert_eq!(QuotaWindow::count(ResetWindow::None, alignment, &forever), Some(1));
            assert_eq!(QuotaWindow::count(ResetWindow::Month, alignment, &forever), None);
        }
        assert_eq!(QuotaWindow::paid(ResetWindow::None, &forever), Some(1));
        assert_eq!(QuotaWindow::paid(ResetWindow::Day, &forever), None);
        let none = covering(ResetWindow::None, WindowAlignment::Calendar, &forever, "9999-12-31T23:59:59Z");
        assert_eq!(none, "0 2026-01-31T08:00:00Z never");
        let month = |when| covering(ResetWindow::Month, WindowAlignment::Anniversary, &forever, when);
        assert_eq!(month("3026-03-01T00:00:00Z"), "12001 3026-02-28T08:00:00Z 3026-03-31T08:00:00Z");
    }

    #[test]
    fn a_window_that_ends_after_the_year_9999_is_none_and_nothing_panics() {
        let forever = Validity::between(at("2026-01-31T08:00:00Z"), None);
        let edge = |reset, alignment, when| covering(reset, alignment, &forever, when);
        let (anniversary, calendar) = (WindowAlignment::Anniversary, WindowAlignment::Calendar);
        assert_eq!(
            edge(ResetWindow::Month, anniversary, "9999-12-31T07:59:59Z"),
            "95686 9999-11-30T08:00:00Z 9999-12-31T08:00:00Z"
        );
        assert_eq!(edge(ResetWindow::Month, anniversary, "9999-12-31T08:00:00Z"), "none");
        assert_eq!(edge(ResetWindow::Month, calendar, "9999-12-01T00:00:00Z"), "none");
        assert_eq!(edge(ResetWindow::Hour, calendar, "9999-12-31T23:00:00Z"), "none");
        let ends = Validity::between(at("9999-12-05T00:00:00Z"), Some(at("9999-12-31T23:59:59Z")));
        let cut = covering(ResetWindow::Month, calendar, &ends, "9999-12-31T23:59:58Z");
        assert_eq!(cut, "0 9999-12-05T00:00:00Z 9999-12-31T23:59:59Z");
        let (first, last) = (Instant::MIN_UTC, Instant::MAX_UTC);
        for validity in [Validity::between(first, None), Validity::between(first, Some(last))] {
            for reset in RESETS {
                for alignment in ALIGNMENTS {
                    for instant in [first, first + TimeDelta::days(40), last - TimeDelta::days(1), last] {
                        let _ = QuotaWindow::covering(reset, alignment, &validity, instant);
                        let _ = QuotaWindow::numbered(reset, alignment, &validity, u32::MAX);
                    }
                    let _ = QuotaWindow::count(reset, alignment, &validity);
                    let _ = QuotaWindow::paid(reset, &validity);
                }
            }
        }
    }
}
