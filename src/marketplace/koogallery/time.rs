//! The marketplace's instants: `yyyyMMddHHmmss`, with or without three digits of milliseconds; UTC except in the Kit.
//!
//! Source: zh-cn_topic_0070649429 (one printed example has 17 digits), zh-cn_topic_0070649109 (Kit: UTC+8).

use chrono::{DateTime, NaiveDate, NaiveDateTime, TimeDelta, Utc};

/// What the digits mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Zone {
    Utc,
    /// Beijing, all year round.
    UtcPlus8,
}

impl Zone {
    fn ahead(self) -> TimeDelta {
        match self {
            Self::Utc => TimeDelta::zero(),
            Self::UtcPlus8 => TimeDelta::hours(8),
        }
    }
}

/// Reads digits that are written in a zone, as [`parse`] does.
pub fn parse_in(text: &str, zone: Zone) -> Option<DateTime<Utc>> {
    parse(text)?.checked_sub_signed(zone.ahead())
}

/// Away from zero: a call 60.2 s off is "61 s" off, never the 60 s that are allowed.
pub fn whole_secs(millis: i64) -> i64 {
    millis.signum() * ((millis.abs() + 999) / 1000)
}

/// Reads 14 or 17 digits; nothing else, and no day, hour or second that does not exist.
pub fn parse(text: &str) -> Option<DateTime<Utc>> {
    if !matches!(text.len(), 14 | 17) || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let part = |from: usize, to: usize| text.get(from..to)?.parse::<u32>().ok();
    let year = i32::try_from(part(0, 4)?).ok()?;
    let millis = if text.len() == 17 { part(14, 17)? } else { 0 };
    NaiveDate::from_ymd_opt(year, part(4, 6)?, part(6, 8)?)?
        .and_hms_milli_opt(part(8, 10)?, part(10, 12)?, part(12, 14)?, millis)
        .map(|instant| instant.and_utc())
}

/// Reads the form that the application for a License has, such as `2023-10-27 10:30:15 z`; also without its zone, which
/// is always UTC, and in digits alone.
pub fn parse_printed(text: &str) -> Option<DateTime<Utc>> {
    if let Some(instant) = parse(text) {
        return Some(instant);
    }
    let text = text.trim();
    let without_zone = text.strip_suffix(['z', 'Z']).unwrap_or(text).trim_end();
    let is_printed = without_zone.len() == "2023-10-27 10:30:15".len();
    let read = |form| NaiveDateTime::parse_from_str(without_zone, form).ok();
    let instant = read("%Y-%m-%d %H:%M:%S").or_else(|| read("%Y-%m-%dT%H:%M:%S"));
    // A second beyond 59 would be read as a leap second.
    let exists = |instant: &NaiveDateTime| is_printed && instant.and_utc().timestamp_subsec_millis() < 1_000;
    instant.filter(exists).map(|instant| instant.and_utc())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fourteen_and_seventeen_digits_are_utc() {
        assert_eq!(parse("20230523201932").unwrap().to_rfc3339(), "2023-05-23T20:19:32+00:00");
        assert_eq!(parse("20221124023618256").unwrap().to_rfc3339(), "2022-11-24T02:36:18.256+00:00");
        assert!(parse("20240229000000").is_some());
    }

    #[test]
    fn the_printed_form_is_utc_with_or_without_its_zone() {
        for text in [
            "2023-10-27 10:30:15 z",
            "2023-10-27 10:30:15Z",
            "2023-10-27 10:30:15",
            "2023-10-27T10:30:15Z",
            " 2023-10-27 10:30:15 z ",
            "20231027103015",
        ] {
            assert_eq!(parse_printed(text).unwrap().to_rfc3339(), "2023-10-27T10:30:15+00:00", "{text}");
        }
        for text in [
            "",
            "z",
            "2023-10-27",
            "2023-10-27 10:30",
            "2023-10-27 10:30:60 z",
            "2023-02-30 10:30:15 z",
            "2023-10-27 10:30:15 +08:00",
            "2023-10-27 10:30:15 CST",
            "023-10-27 10:30:15z",
        ] {
            assert_eq!(parse_printed(text), None, "{text}");
        }
    }

    #[test]
    fn the_kit_writes_beijing_time() {
        let instant = parse_in("20220420114117642", Zone::UtcPlus8).unwrap();
        assert_eq!(instant.to_rfc3339(), "2022-04-20T03:41:17.642+00:00");
        assert_eq!(parse_in("20220420114117642", Zone::Utc), parse("20220420114117642"));
        assert_eq!(parse_in("2022", Zone::UtcPlus8), None);
    }

    #[test]
    fn everything_else_is_refused() {
        for text in [
            "",
            "2023",
            "202305232019",
            "2023052320193",
            "202305232019321",
            "2023052320193212",
            "20230230000000",
            "20231301000000",
            "20230101240000",
            "20230101006000",
            "20230101000060",
            "2023-05-23T2019",
            "+2023052320193",
            " 0230523201932",
            "２０２３０５２３",
            "202305232019321234",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
