//! `lictor webhook sign|verify`: checks of Standard Webhooks signatures for integrators. Works on its input alone, without a server.

use std::process::ExitCode;

use chrono::{DateTime, Utc};
use secrecy::SecretString;
use serde_json::{Value, json};

use super::Output;
use super::json_lines::{self, Answer, Members, text};
use crate::application::ports::Clock as _;
use crate::clock::SystemClock;
use crate::standard_webhooks::signature::{self, Refused, Signed, WebhookSecret};

/// Longest line: a body of 64 KiB in which every byte is written as `\uXXXX`, and room for the rest.
const LINE_BYTES_MAX: usize = 512 * 1024;
const MALFORMED_SECRET: &str = "malformed_secret";

/// Signs {secret, id, timestamp, body}: answers {signature}. One line: 0 accepted, 1 refused. Many lines: 0 when every
/// line was answered.
pub fn sign_lines(output: Output) -> ExitCode {
    json_lines::run(output, LINE_BYTES_MAX, sign)
}

/// Verifies {secret, id, timestamp, signature, body, now}: answers {valid, code}; without `now` by the clock.
pub fn verify_lines(output: Output) -> ExitCode {
    json_lines::run(output, LINE_BYTES_MAX, verify)
}

fn sign(members: &Members) -> Result<Answer, String> {
    let secret =
        secret(members)?.map_err(|_| format!("{MALFORMED_SECRET}: {}", signature::MalformedSecret))?;
    let (id, timestamp, body) = (text(members, "id")?, timestamp(members)?, text(members, "body")?);
    let signature = signature::sign(&secret, id, &timestamp, body.as_bytes())
        .map_err(|refused| format!("{}: {refused}", refused.code()))?;
    Ok(Answer { value: json!({ "signature": signature }), accepted: true })
}

fn verify(members: &Members) -> Result<Answer, String> {
    let timestamp = timestamp(members)?;
    let signed = Signed {
        id: text(members, "id")?,
        timestamp: &timestamp,
        signatures: text(members, "signature")?,
        body: text(members, "body")?.as_bytes(),
    };
    let now = now(members)?;
    let code = match secret(members)? {
        Ok(secret) => signature::verify(&[(0, secret)], &signed, now)
            .map_or_else(|(_, refused)| Refused::code(refused), |_| "valid"),
        Err(signature::MalformedSecret) => MALFORMED_SECRET,
    };
    let valid = code == "valid";
    Ok(Answer { value: json!({ "valid": valid, "code": code }), accepted: valid })
}

/// The secret itself is never repeated.
fn secret(members: &Members) -> Result<Result<WebhookSecret, signature::MalformedSecret>, String> {
    let text = SecretString::from(text(members, "secret")?.to_owned());
    Ok(WebhookSecret::parse(&text))
}

/// Seconds, as a number or as the header's text; either is taken as it is written.
fn timestamp(members: &Members) -> Result<String, String> {
    match members.get("timestamp") {
        None => Err("the member `timestamp` is missing".to_owned()),
        Some(Value::Number(number)) => Ok(number.to_string()),
        Some(Value::String(text)) => Ok(text.clone()),
        Some(Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_)) => {
            Err("the member `timestamp` must be a number of seconds, or its text".to_owned())
        }
    }
}

/// Seconds, as a number or as text.
fn now(members: &Members) -> Result<DateTime<Utc>, String> {
    let seconds = match members.get("now") {
        None | Some(Value::Null) => return Ok(SystemClock.now()),
        Some(Value::Number(number)) => number.as_i64(),
        Some(Value::String(text)) => text.parse().ok(),
        Some(Value::Bool(_) | Value::Array(_) | Value::Object(_)) => None,
    };
    let now = seconds.and_then(|seconds| DateTime::from_timestamp(seconds, 0));
    now.ok_or_else(|| "the member `now` must be a number of seconds since 1970, or its text".to_owned())
}
