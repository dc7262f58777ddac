//! `usageInfo` of queryInstance: what was used of a pay-per-use instance or a package.
//!
//! Source: zh-cn_topic_0070649428, en-us_topic_000010 (SaaS V2.0), topic_0070649081 (SaaS V1.0).

use serde::Serialize;
use serde_json::value::RawValue;

use super::answer::within;
use super::body::ID_LIMIT_CHARS;
use crate::domain::InstanceUsage;

/// `Double(12,4)` in at most so many characters.
const VALUE_LIMIT_CHARS: usize = 20;
const DASHBOARD_URL_LIMIT_CHARS: usize = 512;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct WireUsage<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    related_instance_id: Option<&'a str>,
    usage_value: Box<RawValue>,
    statistical_time: String,
    #[serde(skip_serializing_if = "str::is_empty")]
    dashboard_url: &'a str,
}

/// Every entry; none for what is not metered.
pub fn wire(usage: &[InstanceUsage]) -> Result<Vec<WireUsage<'_>>, String> {
    usage.iter().map(entry).collect()
}

fn entry(usage: &InstanceUsage) -> Result<WireUsage<'_>, String> {
    let InstanceUsage { related_instance_id, value, as_of, dashboard_url } = usage;
    within("relatedInstanceId", related_instance_id.as_deref().unwrap_or_default(), ID_LIMIT_CHARS)?;
    within("dashboardUrl", dashboard_url, DASHBOARD_URL_LIMIT_CHARS)?;
    let value = value.to_string();
    within("usageValue", &value, VALUE_LIMIT_CHARS)?;
    Ok(WireUsage {
        related_instance_id: related_instance_id.as_deref(),
        usage_value: RawValue::from_string(value).map_err(|error| error.to_string())?,
        statistical_time: as_of.format("%Y%m%d%H%M%S%3f").to_string(),
        dashboard_url,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Amount;

    fn usage(value: &str) -> InstanceUsage {
        InstanceUsage {
            related_instance_id: Some("sms".into()),
            value: Amount::parse(value).expect("an amount"),
            as_of: "2026-03-01T12:00:00.250Z".parse().expect("an instant"),
            dashboard_url: "https://license.acme.example/portal".into(),
        }
    }

    #[test]
    fn an_entry_is_a_number_and_seventeen_digits_of_utc() {
        let shown = serde_json::to_string(&wire(&[usage("99999999.9999")]).expect("it fits")).expect("JSON");
        let expected = r#"[{"relatedInstanceId":"sms","usageValue":99999999.9999,"statisticalTime":"20260301120000250","dashboardUrl":"https://license.acme.example/portal"}]"#;
        assert_eq!(shown, expected);
    }

    #[test]
    fn every_member_is_held_to_its_length() {
        let long = |length: usize| "x".repeat(length);
        let related = InstanceUsage { related_instance_id: Some(long(65)), ..usage("1") };
        assert!(wire(&[related]).is_err_and(|words| words.contains("relatedInstanceId")));
        let dashboard = |length| InstanceUsage { dashboard_url: long(length), ..usage("1") };
        assert!(wire(&[dashboard(512)]).is_ok());
        assert!(wire(&[dashboard(513)]).is_err_and(|words| words.contains("dashboardUrl")));
        assert!(wire(&[usage("899999999999.9999")]).is_ok(), "the largest sum there is");
    }
}
