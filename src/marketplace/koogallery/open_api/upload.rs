//! The upload of a License: `multipart/form-data`, as characters or as a file with its SHA-256.
//!
//! Source: zh-cn_topic_0070649351 (upload), zh-cn_topic_0070649352 (codes).

use percent_encoding::utf8_percent_encode;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::OpenApiError;
use super::order::{presentable, text};
use super::transport::Answer;
use crate::marketplace::koogallery::sdk_hmac::RESERVED;
use crate::marketplace::koogallery::signature::encode_hex;

/// `characters` takes no more; what is longer goes as a file.
const CHARACTERS_LIMIT: usize = 1024;
const FILE_NAME: &str = "license.lic";

/// A body, ready to be sent.
pub struct Form {
    pub content_type: String,
    pub body: Vec<u8>,
}

pub fn path(event_id: &str) -> String {
    let event_id = utf8_percent_encode(event_id, RESERVED);
    format!("/api/mkp-openapi-public/global/v1/market-event/{event_id}/file")
}

impl Form {
    /// The boundary comes from the content, so that the same License is the same body.
    pub fn of(license: &str) -> Self {
        let sha256 = encode_hex(&Sha256::digest(license));
        let boundary = format!("license-{}", &sha256[..32]);
        let is_short = license.chars().count() <= CHARACTERS_LIMIT;
        let request = if is_short {
            json!({ "type": "CHARACTERS", "characters": license })
        } else {
            json!({ "type": "FILE", "file_name": FILE_NAME, "sha256": sha256 })
        };
        let named = format!("name=\"file\"; filename=\"{FILE_NAME}\"");
        let file = part(&boundary, &named, "application/octet-stream", license);
        let request = part(&boundary, "name=\"isvUpdateFileReq\"", "application/json", &request.to_string());
        let file = if is_short { String::new() } else { file };
        let body = format!("{file}{request}--{boundary}--\r\n").into_bytes();
        Self { content_type: format!("multipart/form-data; boundary={boundary}"), body }
    }
}

fn part(boundary: &str, named: &str, content_type: &str, content: &str) -> String {
    format!(
        "--{boundary}\r\nContent-Disposition: form-data; {named}\r\nContent-Type: {content_type}\r\n\r\n{content}\r\n"
    )
}

/// Business errors come with HTTP 200 too.
pub fn read(answer: &Answer) -> Result<(), OpenApiError> {
    let body: Option<Value> = serde_json::from_slice(&answer.body).ok();
    let code = body.as_ref().and_then(|body| text(body, "error_code")).unwrap_or_default();
    let words = format!("HTTP {}, code {}", answer.status, presentable(&code));
    match (answer.status, code.as_str()) {
        (200, "CBC.0000" | "MKT.0000") => Ok(()),
        (_, "91381033" | "91381034" | "91381035" | "91381037" | "91381038" | "CBC.0101" | "MKT.0101") => {
            Err(OpenApiError::RequestClosed(words))
        }
        (_, "CBC.0150" | "91380150") | (401 | 403, _) => {
            Err(OpenApiError::Refused(format!("access key ({words})")))
        }
        (_, "91381036" | "CBC.0999") | (406 | 408 | 429 | 500.., _) | (200, "") => {
            Err(OpenApiError::Retry(words))
        }
        _ => Err(OpenApiError::Refused(words)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fits_goes_as_characters_and_one_more_goes_as_a_file() {
        let body = |license: &str| String::from_utf8(Form::of(license).body).expect("text");
        let fits = body(&"x".repeat(1024));
        assert!(fits.contains(r#""type":"CHARACTERS""#) && !fits.contains("filename"));
        let long = body(&"x".repeat(1025));
        let sha256 = encode_hex(&Sha256::digest("x".repeat(1025)));
        assert!(long.contains(r#""type":"FILE""#) && long.contains(&sha256));
        assert!(long.contains(r#""file_name":"license.lic""#) && long.contains("filename=\"license.lic\""));
        assert!(!long.contains("characters"));
    }

    #[test]
    fn every_documented_code_leads_somewhere() {
        let said = |status, code: &str| {
            let body = format!(r#"{{"error_code":"{code}","error_msg":"m"}}"#).into_bytes();
            read(&Answer { status, body })
        };
        assert_eq!(said(200, "CBC.0000"), Ok(()));
        for code in ["91381033", "91381034", "91381035", "91381037", "91381038"] {
            assert!(matches!(said(200, code), Err(OpenApiError::RequestClosed(_))), "{code}");
        }
        assert!(matches!(said(400, "CBC.0101"), Err(OpenApiError::RequestClosed(_))));
        for (status, code) in [(200, "91381036"), (500, "CBC.0999"), (503, "APIGW.1"), (200, "")] {
            assert!(matches!(said(status, code), Err(OpenApiError::Retry(_))), "{code}");
        }
        for (status, code) in [(403, "CBC.0150"), (200, "91380150"), (401, "APIGW.0301"), (404, "x")] {
            assert!(matches!(said(status, code), Err(OpenApiError::Refused(_))), "{code}");
        }
    }
}
