//! Length of validity as bought, and the calendar.

use std::fmt;

use chrono::{Datelike, Days, Months};

use super::{Instant, PeriodUnit};

/// The last year that computations may reach: RFC 3339 writes years with four digits.
const YEAR_MAX: i32 = 9999;
/// Most months or years in a term.
const COUNT_MAX: u32 = 1_200;

/// Why a text is no term, or an end cannot be computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TermError {
    /// Not `PnM`, `PnY`, `PnD` or `permanent`.
    #[error("a term is P1M, P1Y, PnM, PnY, PnD or permanent, with n from 1 to 1200")]
    Malformed,
    /// The end lies after the year 9999.
    #[error("the end lies after the year 9999")]
    BeyondCalendar,
}

/// Length of validity as bought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Term {
    /// A number of days: a trial.
    Days(u32),
    /// A number of calendar months.
    Months(u32),
    /// A number of calendar years.
    Years(u32),
    /// No end.
    Permanent,
}

impl Term {
    /// Reads `P14D`, `P1M`, `P1Y` (ISO 8601 durations of one unit) or `permanent`.
    pub fn parse(text: &str) -> Result<Self, TermError> {
        if text == "permanent" {
            return Ok(Self::Permanent);
        }
        let body = text.strip_prefix('P').ok_or(TermError::Malformed)?;
        let unit = body.chars().last().ok_or(TermError::Malformed)?;
        let digits = &body[..body.len() - unit.len_utf8()];
        let plain =
            !digits.is_empty() && !digits.starts_with('0') && digits.bytes().all(|b| b.is_ascii_digit());
        let count: u32 = digits.parse().map_err(|_| TermError::Malformed)?;
        if !plain || count > COUNT_MAX {
            return Err(TermError::Malformed);
        }
        match unit {
            'D' => Ok(Self::Days(count)),
            'M' => Ok(Self::Months(count)),
            'Y' => Ok(Self::Years(count)),
            _ => Err(TermError::Malformed),
        }
    }

    /// The term of so many units as a marketplace sells them; at least one.
    pub fn of_period(unit: PeriodUnit, count: u32) -> Self {
        match unit {
            PeriodUnit::Day => Self::Days(count.max(1)),
            PeriodUnit::Month => Self::Months(count.max(1)),
            PeriodUnit::Year => Self::Years(count.max(1)),
        }
    }

    /// The end of `times` terms counted from `anchor`; `None` for permanent.
    ///
    /// Counted from the anchor and never from the previous end: 31 January + 1 month is the last day of
    /// February, and + 2 months is 31 March again. A day that a month does not have becomes its last day.
    pub fn end_after(self, anchor: Instant, times: u32) -> Result<Option<Instant>, TermError> {
        let count = |each: u32| each.checked_mul(times).ok_or(TermError::BeyondCalendar);
        let end = match self {
            Self::Permanent => return Ok(None),
            Self::Days(each) => anchor.checked_add_days(Days::new(u64::from(count(each)?))),
            Self::Months(each) => anchor.checked_add_months(Months::new(count(each)?)),
            Self::Years(each) => anchor.checked_add_months(Months::new(count(each.saturating_mul(12))?)),
        };
        match end {
            Some(end) if end.year() <= YEAR_MAX => Ok(Some(end)),
            Some(_) | None => Err(TermError::BeyondCalendar),
        }
    }

    /// Months in the term, when it is counted in months or years.
    pub fn months(self) -> Option<u32> {
        match self {
            Self::Months(count) => Some(count),
            Self::Years(count) => Some(count.saturating_mul(12)),
            Self::Days(_) | Self::Permanent => None,
        }
    }
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Days(count) => write!(f, "P{count}D"),
            Self::Months(count) => write!(f, "P{count}M"),
            Self::Years(count) => write!(f, "P{count}Y"),
            Self::Permanent => f.write_str("permanent"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Instant {
        format!("{text}T10:00:00Z").parse().expect("a test writes valid dates")
    }

    fn end(term: Term, anchor: &str, times: u32) -> String {
        let end = term.end_after(at(anchor), times).expect("within the calendar").expect("not permanent");
        end.format("%Y-%m-%d").to_string()
    }

    #[test]
    fn months_keep_their_anchor() {
        let month = Term::Months(1);
        assert_eq!(end(month, "2026-01-31", 1), "2026-02-28");
        assert_eq!(end(month, "2028-01-31", 1), "2028-02-29");
        assert_eq!(end(month, "2026-01-31", 2), "2026-03-31");
    }

    #[test]
    fn a_leap_day_returns_after_four_years() {
        let year = Term::Years(1);
        assert_eq!(end(year, "2024-02-29", 1), "2025-02-28");
        assert_eq!(end(year, "2024-02-29", 4), "2028-02-29");
    }

    #[test]
    fn n_renewals_of_one_month_equal_n_months() {
        for day in 1..=31 {
            let anchor = format!("2027-12-{day:02}");
            for n in 1..=48 {
                assert_eq!(end(Term::Months(1), &anchor, n), end(Term::Months(n), &anchor, 1));
            }
        }
    }

    #[test]
    fn permanent_has_no_end() {
        assert_eq!(Term::Permanent.end_after(at("2026-01-01"), 3), Ok(None));
    }

    #[test]
    fn the_calendar_ends_with_the_year_9999() {
        assert!(Term::Years(1).end_after(at("9998-12-31"), 1).is_ok());
        assert_eq!(Term::Years(1).end_after(at("9999-01-01"), 1), Err(TermError::BeyondCalendar));
    }

    #[test]
    fn terms_are_read_as_they_are_written() {
        for text in ["P1M", "P1Y", "P14D", "P36M", "permanent"] {
            assert_eq!(Term::parse(text).map(|term| term.to_string()).as_deref(), Ok(text));
        }
        for text in ["", "P", "P0M", "P01M", "1M", "P1W", "P1M1D", "P-1M", "Permanent", "P1201M", "P1月"] {
            assert_eq!(Term::parse(text), Err(TermError::Malformed), "{text}");
        }
    }
}
