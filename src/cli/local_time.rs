//! Times for people: in the zone of the merchant, which is named.

use chrono::{DateTime, FixedOffset};
use serde_json::Value;

use super::Api;

/// The zone in which a merchant's times are shown.
#[derive(Debug, Clone)]
pub struct LocalTime {
    zone: String,
}

impl LocalTime {
    /// In this zone; in UTC when nobody knows it.
    pub fn of(zone: &str) -> Self {
        let known = tzdb::tz_by_name(zone).is_some();
        Self { zone: if known { zone } else { "UTC" }.to_owned() }
    }

    /// As the merchant has set it; in UTC, which is named, where the server does not say.
    pub fn of_merchant(api: &Api) -> Self {
        let merchant = api.get("/v1/merchant").unwrap_or_default();
        Self::of(merchant["time_zone"].as_str().unwrap_or("UTC"))
    }

    /// The zone's name.
    pub fn zone(&self) -> &str {
        &self.zone
    }

    /// An instant as it is written on the wire, in this zone without its name: `2027-01-31 16:00:00`. Anything else stays
    /// as it is.
    pub fn shown(&self, text: &str) -> String {
        let Ok(instant) = DateTime::parse_from_rfc3339(text) else { return text.to_owned() };
        let zone = tzdb::tz_by_name(&self.zone);
        let local = zone.and_then(|zone| zone.find_local_time_type(instant.timestamp()).ok());
        let offset = local.and_then(|local| FixedOffset::east_opt(local.ut_offset()));
        let shown = offset.map_or(instant, |offset| instant.with_timezone(&offset));
        shown.format("%Y-%m-%d %H:%M:%S").to_string()
    }

    /// The members `names` of a value, where they are instants, in this zone.
    pub fn localized(&self, value: &Value, names: &[&str]) -> Value {
        let mut value = value.clone();
        for name in names {
            if let Some(text) = value.get_mut(*name) {
                let shown = text.as_str().map(|instant| self.shown(instant));
                if let Some(shown) = shown {
                    *text = shown.into();
                }
            }
        }
        value
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn times_are_those_of_the_zone_at_that_time_of_the_year() {
        let berlin = LocalTime::of("Europe/Berlin");
        assert_eq!(berlin.shown("2026-01-31T08:00:00Z"), "2026-01-31 09:00:00");
        assert_eq!(berlin.shown("2026-07-31T22:00:00Z"), "2026-08-01 00:00:00");
        assert_eq!(LocalTime::of("Asia/Shanghai").shown("2026-12-31T16:00:00Z"), "2027-01-01 00:00:00");
        let nowhere = LocalTime::of("Mars/Olympus");
        assert_eq!(
            (nowhere.zone(), nowhere.shown("2026-01-31T08:00:00Z").as_str()),
            ("UTC", "2026-01-31 08:00:00")
        );
        assert_eq!(berlin.shown("-"), "-");
        let value = berlin.localized(
            &json!({ "ends_at": null, "starts_at": "2026-01-31T08:00:00Z" }),
            &["ends_at", "starts_at"],
        );
        assert_eq!(value, json!({ "ends_at": null, "starts_at": "2026-01-31 09:00:00" }));
    }
}
