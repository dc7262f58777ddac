//! Usage push, new and old: what is sent, and what the answer means.
//!
//! Source: zh-cn_topic_0070649410, topic_0070649083, topic_0070649117; codes: zh-cn_topic_0070649352, en-us_topic_000033.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use hmac::Mac;
use secrecy::SecretString;
use serde::Serialize;
use serde_json::Value;

use super::OpenApiError;
use super::order::{presentable, text};
use super::transport::Answer;
use crate::domain::UsageRecord;
use crate::marketplace::koogallery::signature::keyed;

pub const NEW_PATH: &str = "/api/mkp-openapi-public/global/v1/isv/usage-data";
pub const OLD_PATH: &str = "/rest/marketplace/v1/isv/usage-data";

/// What became of records that reached the marketplace. It takes all of them or none, and checks each later by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UsageAnswer {
    /// Taken.
    Taken,
    /// More than it takes at once.
    TooMany,
    /// One of them began too long ago.
    TooOld,
    /// One of them is not wanted; the words name the code.
    Unwanted(String),
}

/// Members stand in the order of their names: "signed after natural sorting" then means the same in every reading.
#[derive(Serialize)]
struct NewRecord<'a> {
    begin_time: String,
    end_time: String,
    instance_id: &'a str,
    metering_sn: &'a str,
    record_time: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    relate_pkg_instance: Option<&'a str>,
    usage_value: String,
}

/// The older one has a product id, and neither a name of its own nor a package.
#[derive(Serialize)]
struct OldRecord<'a> {
    begin_time: String,
    end_time: String,
    instance_id: &'a str,
    product_id: &'a str,
    record_time: String,
    usage_value: String,
}

#[derive(Serialize)]
struct Records<T> {
    usage_records: Vec<T>,
}

impl<'a> NewRecord<'a> {
    fn of(record: &'a UsageRecord) -> Self {
        Self {
            begin_time: instant(record.key.begin),
            end_time: instant(record.key.end),
            instance_id: record.key.instance.as_str(),
            metering_sn: record.metering_sn.as_str(),
            record_time: instant(record.recorded_at),
            relate_pkg_instance: record.package.as_ref().map(|package| package.as_str()),
            usage_value: record.value.to_string(),
        }
    }
}

impl<'a> OldRecord<'a> {
    fn of(record: &'a UsageRecord) -> Option<Self> {
        Some(Self {
            begin_time: instant(record.key.begin),
            end_time: instant(record.key.end),
            instance_id: record.key.instance.as_str(),
            product_id: record.product_id.as_deref()?,
            record_time: instant(record.recorded_at),
            usage_value: record.value.to_string(),
        })
    }
}

/// The same records are the same bytes.
pub fn new_body(records: &[UsageRecord]) -> String {
    compact(&Records { usage_records: records.iter().map(NewRecord::of).collect() })
}

/// Nothing when the product id of a record is not known.
pub fn old_body(records: &[UsageRecord]) -> Option<String> {
    let usage_records = records.iter().map(OldRecord::of).collect::<Option<Vec<_>>>()?;
    Some(compact(&Records { usage_records }))
}

fn compact(records: &impl Serialize) -> String {
    serde_json::to_string(records).expect("lists of text always serialize")
}

/// `yyyyMMdd'T'HHmmss'Z'`.
fn instant(instant: DateTime<Utc>) -> String {
    instant.format("%Y%m%dT%H%M%SZ").to_string()
}

/// The header `signature`: base64 of HMAC-SHA-256 over `ts={ts}&nonce={nonce}&body={body}` with the key of the basic interface.
pub fn signature(key: &SecretString, ts: &str, nonce: &str, body: &str) -> String {
    let mut mac = keyed(key);
    for part in ["ts=", ts, "&nonce=", nonce, "&body=", body] {
        mac.update(part.as_bytes());
    }
    STANDARD.encode(mac.finalize().into_bytes())
}

/// Codes carry the prefix of the marketplace (`MKT.`) or, in older answers, of its billing centre (`CBC.`). Those about
/// records come with HTTP 500, so the code is looked at before the status.
pub fn read(answer: &Answer) -> Result<UsageAnswer, OpenApiError> {
    let body: Option<Value> = serde_json::from_slice(&answer.body).ok();
    let member = |name| body.as_ref().and_then(|body| text(body, name));
    let code = member("error_code").or_else(|| member("resultCode")).unwrap_or_default();
    let words = format!("HTTP {}, code {}", answer.status, presentable(&code));
    let known = code.strip_prefix("MKT.").or_else(|| code.strip_prefix("CBC."));
    match (answer.status, known) {
        (200, Some("0000")) => Ok(UsageAnswer::Taken),
        (_, Some("9003")) => Ok(UsageAnswer::TooMany),
        (_, Some("9004")) => Ok(UsageAnswer::TooOld),
        (_, Some("9001")) => Ok(UsageAnswer::Unwanted(format!("it knows no such instance ({words})"))),
        (_, Some("9002" | "0101" | "0199")) => {
            Ok(UsageAnswer::Unwanted(format!("a record is not as it should be ({words})")))
        }
        (_, Some("0102")) => {
            Err(OpenApiError::Refused(format!("the signature with the key for usage-push ({words})")))
        }
        (_, Some("0150" | "0151" | "0154")) | (401 | 403, _) => {
            Err(OpenApiError::Refused(format!("access key ({words})")))
        }
        (_, Some("0250" | "0999" | "0100")) | (406 | 408 | 429 | 500.., _) => Err(OpenApiError::Retry(words)),
        // A body cut short on its way, or a page of some proxy.
        (200, None) => Err(OpenApiError::Retry(format!("unreadable answer ({words})"))),
        _ => Err(OpenApiError::Refused(words)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{
        Amount, ChannelId, InstanceId, LicenseId, Marketplace, MerchantId, MeteringSn, UsageId, UsageKey,
        UsageState,
    };

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().expect("a test writes valid instants")
    }

    /// The record of the vector `usage_push`.
    fn record() -> UsageRecord {
        UsageRecord {
            key: UsageKey {
                merchant: MerchantId::parse("acme").expect("valid"),
                marketplace: Marketplace::KooGallery,
                instance: InstanceId::parse("7f141bf1-aec8-4859-8323-fb3a8ad50721").expect("valid"),
                begin: at("2022-08-09T08:00:00Z"),
                end: at("2022-08-09T09:00:00Z"),
            },
            id: UsageId::from_uuid(1),
            license: LicenseId::from_uuid(1),
            channel: ChannelId::parse("cad").expect("valid"),
            product_id: Some("OFFI1".into()),
            package: None,
            value: Amount::parse("8").expect("valid"),
            metering_sn: MeteringSn::parse("0b4ae2f0-0000-4000-8000-000000000001").expect("valid"),
            recorded_at: at("2022-08-09T09:10:00Z"),
            due_at: at("2022-08-09T10:00:00Z"),
            state: UsageState::Waiting,
        }
    }

    #[test]
    fn the_computed_vector_is_sent_byte_for_byte_with_its_signature() {
        let vectors: Value =
            serde_json::from_str(include_str!("../../../../tests/vectors/koogallery.json")).expect("JSON");
        let vectors = vectors["usage_push"].as_array().expect("a list");
        assert!(!vectors.is_empty());
        for vector in vectors {
            let text = |name: &str| vector[name].as_str().expect("text").to_owned();
            assert_eq!(new_body(&[record()]), text("body"));
            let key = SecretString::from(text("key"));
            assert_eq!(signature(&key, &text("ts"), &text("nonce"), &text("body")), text("signature"));
        }
    }

    #[test]
    fn a_package_is_named_in_its_place_and_decimals_stay() {
        let package = Some(InstanceId::parse("package-1").expect("valid"));
        let value = Amount::parse("0.1230").expect("valid");
        let body = new_body(&[UsageRecord { package, value, ..record() }]);
        assert!(
            body.ends_with(r#""record_time":"20220809T091000Z","relate_pkg_instance":"package-1","usage_value":"0.123"}]}"#),
            "{body}"
        );
    }

    #[test]
    fn the_old_form_has_the_product_and_neither_name_nor_package() {
        let expected = r#"{"usage_records":[{"begin_time":"20220809T080000Z","end_time":"20220809T090000Z","instance_id":"7f141bf1-aec8-4859-8323-fb3a8ad50721","product_id":"OFFI1","record_time":"20220809T091000Z","usage_value":"8"}]}"#;
        assert_eq!(old_body(&[record()]).as_deref(), Some(expected));
        assert_eq!(old_body(&[record(), UsageRecord { product_id: None, ..record() }]), None);
    }

    #[test]
    fn every_documented_code_leads_somewhere() {
        let said = |status, code: &str| {
            let body = format!(r#"{{"error_code":"{code}","error_msg":"m"}}"#).into_bytes();
            read(&Answer { status, body })
        };
        assert_eq!(said(200, "MKT.0000"), Ok(UsageAnswer::Taken));
        assert_eq!(said(500, "MKT.9003"), Ok(UsageAnswer::TooMany));
        assert_eq!(said(500, "MKT.9004"), Ok(UsageAnswer::TooOld));
        for (status, code) in [(500, "MKT.9001"), (500, "MKT.9002"), (400, "MKT.0101"), (400, "CBC.0199")] {
            assert!(matches!(said(status, code), Ok(UsageAnswer::Unwanted(_))), "{code}");
        }
        for (status, code) in [
            (406, "MKT.0250"),
            (500, "MKT.0999"),
            (500, "MKT.0100"),
            (503, "APIGW.0201"),
            (429, "x"),
            (200, ""),
        ] {
            assert!(matches!(said(status, code), Err(OpenApiError::Retry(_))), "{status} {code}");
        }
        for (status, code) in [
            (400, "MKT.0102"),
            (401, "MKT.0150"),
            (401, "MKT.0151"),
            (401, "MKT.0154"),
            (401, "APIGW.0301"),
            (404, "APIGW.0101"),
        ] {
            assert!(matches!(said(status, code), Err(OpenApiError::Refused(_))), "{status} {code}");
        }
    }
}
