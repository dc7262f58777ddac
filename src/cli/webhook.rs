//! `lictor webhook …`: checks of Standard Webhooks signatures for integrators. Works on its input alone, without a server.

use std::io;
use std::process::ExitCode;

use chrono::{DateTime, Utc};
use clap::Subcommand;
use secrecy::SecretString;
use serde_json::{Map, Value, json};

use super::json_lines::next_line;
use super::output::line;
use super::{Failure, Output};
use crate::application::ports::Clock as _;
use crate::clock::SystemClock;
use crate::marketplace::generic::signature::{self, Refused, Signed, WebhookSecret};

/// Longest line: a body of 64 KiB in which every byte is written as `\uXXXX`, and room for the rest.
const LINE_BYTES_MAX: usize = 512 * 1024;
const MALFORMED_SECRET: &str = "malformed_secret";

/// Checks on JSON lines from the standard input; for each line one JSON line is answered.
#[derive(Debug, Clone, Copy, Subcommand)]
pub enum Webhook {
    /// Sign {secret, id, timestamp, body}: answers {signature}.
    Sign,
    /// Verify {secret, id, timestamp, signature, body, now}: answers {valid, code}; without `now` by the clock.
    Verify,
}

/// One answer, and whether it accepts.
struct Answer {
    value: Value,
    accepted: bool,
}

/// Does it. One line: 0 accepted, 1 refused. Many lines: 0 when every line was answered.
pub fn run(command: Webhook, output: Output) -> ExitCode {
    match answer_all(command) {
        Ok(accepted) => ExitCode::from(u8::from(!accepted)),
        Err(failure) => {
            output.failure(&failure);
            failure.exit_code()
        }
    }
}

/// Answers each line; whether the exit code is 0.
fn answer_all(command: Webhook) -> Result<bool, Failure> {
    let unreadable = |error: io::Error| Failure::Usage(format!("cannot read the standard input: {error}"));
    let mut input = io::stdin().lock();
    let (mut lines, mut last_accepted) = (0_u64, true);
    while let Some(text) = next_line(&mut input, LINE_BYTES_MAX).map_err(unreadable)? {
        if text.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        let answer = command.answer(&text);
        line(&answer.value.to_string());
        (lines, last_accepted) = (lines + 1, answer.accepted);
    }
    if lines == 0 {
        return Err(Failure::Usage("JSON lines are read from the standard input, and nothing came".into()));
    }
    Ok(lines != 1 || last_accepted)
}

impl Webhook {
    fn answer(self, line: &[u8]) -> Answer {
        let Ok(members) = serde_json::from_slice::<Map<String, Value>>(line) else {
            return error(&format!("the line is no JSON object, or longer than {LINE_BYTES_MAX} bytes"));
        };
        let answered = match self {
            Self::Sign => sign(&members),
            Self::Verify => verify(&members),
        };
        answered.unwrap_or_else(|words| error(&words))
    }
}

fn error(words: &str) -> Answer {
    Answer { value: json!({ "error": words }), accepted: false }
}

fn sign(members: &Map<String, Value>) -> Result<Answer, String> {
    let secret =
        secret(members)?.map_err(|_| format!("{MALFORMED_SECRET}: {}", signature::MalformedSecret))?;
    let (id, timestamp, body) = (text(members, "id")?, timestamp(members)?, text(members, "body")?);
    let signature = signature::sign(&secret, id, &timestamp, body.as_bytes())
        .map_err(|refused| format!("{}: {refused}", refused.code()))?;
    Ok(Answer { value: json!({ "signature": signature }), accepted: true })
}

fn verify(members: &Map<String, Value>) -> Result<Answer, String> {
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
fn secret(members: &Map<String, Value>) -> Result<Result<WebhookSecret, signature::MalformedSecret>, String> {
    let text = SecretString::from(text(members, "secret")?.to_owned());
    Ok(WebhookSecret::parse(&text))
}

fn text<'a>(members: &'a Map<String, Value>, name: &str) -> Result<&'a str, String> {
    let member = members.get(name).ok_or_else(|| format!("the member `{name}` is missing"))?;
    member.as_str().ok_or_else(|| format!("the member `{name}` must be a string"))
}

/// Seconds, as a number or as the header's text; either is taken as it is written.
fn timestamp(members: &Map<String, Value>) -> Result<String, String> {
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
fn now(members: &Map<String, Value>) -> Result<DateTime<Utc>, String> {
    let seconds = match members.get("now") {
        None | Some(Value::Null) => return Ok(SystemClock.now()),
        Some(Value::Number(number)) => number.as_i64(),
        Some(Value::String(text)) => text.parse().ok(),
        Some(Value::Bool(_) | Value::Array(_) | Value::Object(_)) => None,
    };
    let now = seconds.and_then(|seconds| DateTime::from_timestamp(seconds, 0));
    now.ok_or_else(|| "the member `now` must be a number of seconds since 1970, or its text".to_owned())
}
