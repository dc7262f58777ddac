//! Times and numbers as the reader writes them.

use chrono::{DateTime, Datelike, FixedOffset, NaiveDate, NaiveDateTime, TimeDelta, Timelike};

use super::blocks::{self, Html};
use crate::domain::Instant;
use crate::http::language::Language;
use crate::http::reply::instant;

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// Who reads: in which language, and where the merchant's clock stands.
#[derive(Debug, Clone)]
pub struct Reader {
    pub language: Language,
    /// As the apply file names it; UTC where nobody knows that name.
    pub zone: String,
}

impl Reader {
    /// A reader of a merchant's times.
    pub fn new(language: Language, zone: &str) -> Self {
        let zone = if tzdb::tz_by_name(zone).is_some() { zone } else { "UTC" };
        Self { language, zone: zone.to_owned() }
    }

    /// Of the two the one in the reader's language.
    pub fn pick<T>(&self, english: T, chinese: T) -> T {
        match self.language {
            Language::English => english,
            Language::Chinese => chinese,
        }
    }

    /// An instant with the zone's offset at that time: `30 Nov 2026, 21:25 UTC+8`, `2026年11月30日 21:25 UTC+8`.
    pub fn time(&self, at: Instant) -> Html {
        blocks::time(instant(at), self.time_text(at))
    }

    /// The same as text.
    pub fn time_text(&self, at: Instant) -> String {
        let local = self.local(at);
        let clock = format!("{:02}:{:02}", local.hour(), local.minute());
        let offset = offset_text(local.offset().local_minus_utc());
        match self.language {
            Language::English => format!("{}, {clock} {offset}", self.date_text(local.date_naive())),
            Language::Chinese => format!("{} {clock} {offset}", self.date_text(local.date_naive())),
        }
    }

    /// A day: `30 Nov 2026`, `2026年11月30日`.
    pub fn date_text(&self, day: NaiveDate) -> String {
        let month = MONTHS[usize::try_from(day.month0()).unwrap_or(0)];
        match self.language {
            Language::English => format!("{} {month} {}", day.day(), day.year()),
            Language::Chinese => format!("{}年{}月{}日", day.year(), day.month(), day.day()),
        }
    }

    /// The day that it is there.
    pub fn day(&self, at: Instant) -> NaiveDate {
        self.local(at).date_naive()
    }

    /// The instant at which the zone's clock shows this; the first of two.
    pub fn instant_of(&self, local: NaiveDateTime) -> Option<Instant> {
        let offsets = [-1, 0, 1].map(|days| {
            let near = local.checked_add_signed(TimeDelta::days(days))?.and_utc();
            Some(self.local(near).offset().local_minus_utc())
        });
        let fits = |offset: &i32| {
            let at = local.and_utc() - TimeDelta::seconds(i64::from(*offset));
            (self.local(at).naive_local() == local).then_some(at)
        };
        offsets.into_iter().flatten().filter_map(|offset| fits(&offset)).min()
    }

    /// Reads what a form says: a day, or a day and a time there; also RFC 3339 with its own offset.
    pub fn read_field(&self, text: &str) -> Option<Instant> {
        if let Ok(exact) = DateTime::parse_from_rfc3339(text) {
            return Some(exact.to_utc()).filter(|at| *at >= Instant::UNIX_EPOCH);
        }
        let with_time = ["%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M"];
        let local = with_time.iter().find_map(|form| NaiveDateTime::parse_from_str(text, form).ok());
        let day = || NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?.and_hms_opt(0, 0, 0);
        self.instant_of(local.or_else(day)?).filter(|at| *at >= Instant::UNIX_EPOCH)
    }

    /// A number with its thousands apart: `1,234,567.5`.
    pub fn number(&self, number: impl ToString) -> String {
        let text = number.to_string();
        let (sign, digits) = text.strip_prefix('-').map_or(("", text.as_str()), |rest| ("-", rest));
        let (whole, decimals) = digits.split_once('.').map_or((digits, None), |(w, d)| (w, Some(d)));
        let mut grouped = String::new();
        for (place, digit) in whole.chars().enumerate() {
            if place > 0 && (whole.len() - place).is_multiple_of(3) {
                grouped.push(',');
            }
            grouped.push(digit);
        }
        let decimals = decimals.map(|decimals| format!(".{decimals}")).unwrap_or_default();
        format!("{sign}{grouped}{decimals}")
    }

    fn local(&self, at: Instant) -> DateTime<FixedOffset> {
        let zone = tzdb::tz_by_name(&self.zone);
        let offset = zone.and_then(|zone| zone.find_local_time_type(at.timestamp()).ok());
        let offset = offset.map_or(0, |local| local.ut_offset());
        let utc = FixedOffset::east_opt(0).expect("no offset is an offset");
        at.with_timezone(&FixedOffset::east_opt(offset).unwrap_or(utc))
    }
}

/// `UTC`, `UTC+8`, `UTC-3:30`.
fn offset_text(secs: i32) -> String {
    if secs == 0 {
        return "UTC".to_owned();
    }
    let (sign, minutes) = (if secs < 0 { '-' } else { '+' }, secs.abs() / 60);
    match minutes % 60 {
        0 => format!("UTC{sign}{}", minutes / 60),
        rest => format!("UTC{sign}{}:{rest:02}", minutes / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Instant {
        text.parse().expect("an instant")
    }

    #[test]
    fn times_are_those_of_the_merchants_zone_in_the_readers_form() {
        let shown = |language, zone, text: &str| Reader::new(language, zone).time_text(at(text));
        use Language::{Chinese, English};
        let cases = [
            (English, "Asia/Shanghai", "2026-11-30T16:05:00Z", "1 Dec 2026, 00:05 UTC+8"),
            (Chinese, "Asia/Shanghai", "2026-11-30T16:05:00Z", "2026年12月1日 00:05 UTC+8"),
            (English, "America/St_Johns", "2026-07-01T00:00:00Z", "30 Jun 2026, 21:30 UTC-2:30"),
            (English, "America/St_Johns", "2026-12-01T00:00:00Z", "30 Nov 2026, 20:30 UTC-3:30"),
            (English, "Nowhere/Town", "2026-12-01T00:00:00Z", "1 Dec 2026, 00:00 UTC"),
        ];
        for (language, zone, text, expected) in cases {
            assert_eq!(shown(language, zone, text), expected);
        }
    }

    #[test]
    fn what_a_form_says_is_read_on_the_merchants_clock() {
        let berlin = Reader::new(Language::English, "Europe/Berlin");
        let cases = [
            ("2026-12-01", Some("2026-11-30T23:00:00Z")),
            ("2026-07-01 12:30", Some("2026-07-01T10:30:00Z")),
            // Twice that night: the first of them.
            ("2026-10-25 02:30", Some("2026-10-25T00:30:00Z")),
            // Never that night.
            ("2026-03-29 02:30", None),
            ("2026-12-01T00:00:00+08:00", Some("2026-11-30T16:00:00Z")),
            ("1 Dec", None),
            ("", None),
        ];
        for (text, expected) in cases {
            assert_eq!(berlin.read_field(text), expected.map(at), "{text}");
        }
    }

    #[test]
    fn thousands_stand_apart() {
        let reader = Reader::new(Language::Chinese, "UTC");
        for (number, shown) in
            [("0", "0"), ("999", "999"), ("-1234567.25", "-1,234,567.25"), ("1000", "1,000")]
        {
            assert_eq!(reader.number(number), shown);
        }
    }
}
