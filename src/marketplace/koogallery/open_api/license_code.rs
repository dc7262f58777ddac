//! Reads what the open API says of authorization codes. Members that no page names are ignored.
//!
//! Source: zh-cn_topic_0070649244 (activate), zh-cn_topic_0070649245 (query, once "heartbeat"),
//! zh-cn_topic_0000002290055385 (usage).

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::OpenApiError;
use super::order::{presentable, text, whole_number};
use super::transport::Answer;
use crate::marketplace::koogallery::time;

/// What the marketplace says of a code.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CodeFacts {
    /// `RELEASED`: it will not come back.
    pub released: bool,
    pub ends_at: Option<DateTime<Utc>>,
    pub order_id: Option<String>,
    pub product_id: Option<String>,
    /// The quantity attribute.
    pub quantity: Option<u32>,
}

/// `license_code_info` is JSON inside a JSON string.
pub fn read_activated(answer: &Answer) -> Result<CodeFacts, OpenApiError> {
    let body = accepted(answer)?;
    let info = body.get("data").and_then(|data| data.get("license_code_info"));
    let info = match info {
        Some(Value::String(text)) => serde_json::from_str(text).ok(),
        Some(object @ Value::Object(_)) => Some(object.clone()),
        _ => None,
    };
    facts(&info.ok_or_else(|| misunderstood("license_code_info"))?)
}

pub fn read_standing(answer: &Answer) -> Result<CodeFacts, OpenApiError> {
    let body = accepted(answer)?;
    let data = body.get("data").filter(|data| data.is_object());
    facts(data.ok_or_else(|| misunderstood("data"))?)
}

/// Nothing but success is of interest; items that failed a check are told in words that no page prints.
pub fn read_reported(answer: &Answer) -> Result<(), OpenApiError> {
    accepted(answer).map(|_| ())
}

/// An unknown status counts as running: what stops a code has its own callbacks.
fn facts(info: &Value) -> Result<CodeFacts, OpenApiError> {
    let ends_at = text(info, "expire_time")
        .map(|end| time::parse(&end).ok_or_else(|| misunderstood("expire_time")))
        .transpose()?;
    Ok(CodeFacts {
        released: text(info, "status").as_deref() == Some("RELEASED"),
        ends_at,
        order_id: text(info, "order_id"),
        product_id: text(info, "product_id"),
        quantity: whole_number(info, "amount").map_err(misunderstood)?,
    })
}

/// Business codes come with HTTP 200; the gateway in front has its own.
fn accepted(answer: &Answer) -> Result<Value, OpenApiError> {
    let body: Option<Value> = serde_json::from_slice(&answer.body).ok();
    let code = body.as_ref().and_then(|body| text(body, "error_code")).unwrap_or_default();
    let words = format!("HTTP {}, code {}", answer.status, presentable(&code));
    match (answer.status, code.as_str()) {
        (200, "92020000") => body.ok_or(OpenApiError::Retry(words)),
        (_, "92020002" | "92020005" | "92020020") => Err(OpenApiError::CodeUnknown),
        (_, "92020003" | "92020011") => Err(OpenApiError::CodeState),
        (_, "92020004") => Err(OpenApiError::CodeNotReceived),
        (401 | 403, _) => Err(OpenApiError::Refused(format!("access key ({words})"))),
        (_, "92020001") | (406 | 408 | 429 | 500.., _) => Err(OpenApiError::Retry(words)),
        // A body cut short on its way, or a page of some proxy.
        (200, "") => Err(OpenApiError::Retry(format!("unreadable answer ({words})"))),
        _ => Err(OpenApiError::Refused(words)),
    }
}

fn misunderstood(member: &'static str) -> OpenApiError {
    OpenApiError::Refused(format!("the code's {member} is missing or not understood"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &str) -> Answer {
        Answer { status, body: body.as_bytes().to_vec() }
    }

    #[test]
    fn the_printed_answer_of_activate_is_read() {
        let printed = r#"{"error_code":"92020000","error_msg":"success","data":{"license_code_info":"{\"status\":\"ALIVE\",\"expire_time\":\"20230726121646\",\"product_id\":\"12345\",\"amount\":2,\"order_id\":\"CS123\"}"}}"#;
        let read = read_activated(&answer(200, printed)).expect("the page's own example");
        assert_eq!(read.ends_at.map(|end| end.to_rfc3339()).as_deref(), Some("2023-07-26T12:16:46+00:00"));
        assert_eq!((read.order_id.as_deref(), read.product_id.as_deref()), (Some("CS123"), Some("12345")));
        assert_eq!((read.quantity, read.released), (Some(2), false));
    }

    #[test]
    fn a_standing_is_read_without_what_the_page_does_not_promise() {
        let read = |data: &str| {
            read_standing(&answer(
                200,
                &format!(r#"{{"error_code":"92020000","error_msg":"","data":{data}}}"#),
            ))
        };
        let expired =
            r#"{"license_code":"PL1","status":"EXPIRED","activate_time":"20230526121646","new":{"x":1}}"#;
        assert_eq!(read(expired), Ok(CodeFacts::default()));
        assert_eq!(
            read(r#"{"status":"RELEASED"}"#),
            Ok(CodeFacts { released: true, ..CodeFacts::default() })
        );
        for odd in ["null", "[]", r#"{"expire_time":"soon"}"#, r#"{"amount":1.5}"#] {
            assert!(matches!(read(odd), Err(OpenApiError::Refused(_))), "{odd}");
        }
    }

    #[test]
    fn every_documented_code_leads_somewhere() {
        let said = |status, code: &str| {
            accepted(&answer(status, &format!(r#"{{"error_code":"{code}","error_msg":"m"}}"#))).map(|_| ())
        };
        assert_eq!(said(200, "92020000"), Ok(()));
        for code in ["92020002", "92020005", "92020020"] {
            assert_eq!(said(200, code), Err(OpenApiError::CodeUnknown), "{code}");
        }
        assert_eq!(said(200, "92020003"), Err(OpenApiError::CodeState));
        assert_eq!(said(200, "92020011"), Err(OpenApiError::CodeState));
        assert_eq!(said(200, "92020004"), Err(OpenApiError::CodeNotReceived));
        for (status, code) in
            [(200, "92020001"), (500, "92020001"), (503, "APIGW.0100"), (429, "x"), (200, "")]
        {
            assert!(matches!(said(status, code), Err(OpenApiError::Retry(_))), "{status} {code}");
        }
        for (status, code) in [
            (403, "92020001"),
            (401, "APIGW.0301"),
            (405, "95000002"),
            (415, "95000003"),
            // Our own question was malformed: no word about the code, which may be a buyer's.
            (400, "95000001"),
            (400, "95000004"),
            (200, "92029999"),
        ] {
            assert!(matches!(said(status, code), Err(OpenApiError::Refused(_))), "{status} {code}");
        }
    }
}
