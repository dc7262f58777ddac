//! `lictor token …`: checks for integrators. Works on its input alone, without a server.

use std::io::{self, Read as _};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use license_token::verdict::{Expectation, judge};
use license_token::{KeySet, TokenType, UnverifiedToken};
use serde_json::{Value, json};

use super::json_lines::next_line;
use super::output::line;
use super::{Failure, Output};
use crate::application::ports::Clock as _;
use crate::clock::SystemClock;
use crate::config::read_text;
use crate::domain::Instant;

/// Longest key set file.
const KEY_SET_BYTES_MAX: usize = 64 * 1024;
/// Longest line: the longest token, quoted.
const LINE_BYTES_MAX: usize = 128 * 1024;

/// Checks on tokens from the standard input.
#[derive(Debug, Subcommand)]
pub enum Token {
    /// Verify the token on the standard input; answers one JSON line with `valid`, `code` and `claims`.
    Verify(Verify),
    /// Decode the token on the standard input without trusting anything in it.
    Inspect {
        /// One token per line instead of a single one.
        #[arg(long)]
        jsonl: bool,
    },
}

/// What is expected of the token.
#[derive(Debug, Args)]
pub struct Verify {
    /// File with the JWK Set that is trusted, as `lictor keys public` prints it.
    #[arg(long, value_name = "FILE")]
    jwks: PathBuf,
    /// The instant to judge at (RFC 3339); default: the clock.
    #[arg(long, value_name = "INSTANT")]
    now: Option<Instant>,
    /// The type that is expected, such as license+jwt; default: the one the token names.
    #[arg(long, value_name = "TYPE", value_parser = token_type)]
    typ: Option<TokenType>,
    /// The product that is expected.
    #[arg(long, value_name = "PRODUCT")]
    audience: Option<String>,
    /// One token per line instead of a single one.
    #[arg(long)]
    jsonl: bool,
}

fn token_type(text: &str) -> Result<TokenType, String> {
    let known = TokenType::ALL.map(TokenType::as_str).join(", ");
    TokenType::from_typ(text).ok_or_else(|| format!("it is one of: {known}"))
}

/// One answer, and whether it accepts.
struct Answer {
    /// JSON text: a number of a member that nobody knows may be beyond what [`Value`] holds.
    text: String,
    accepted: bool,
}

impl Answer {
    fn refused(value: &Value) -> Self {
        Self { text: value.to_string(), accepted: false }
    }
}

/// Does it. One token: 0 accepted, 1 refused. Many lines: 0 when every line was answered.
pub fn run(command: Token, output: Output) -> ExitCode {
    let done = match command {
        Token::Verify(verify) => {
            verify.keys().and_then(|keys| answer_all(verify.jsonl, |text| verify.answer(&keys, text)))
        }
        Token::Inspect { jsonl } => answer_all(jsonl, inspect),
    };
    match done {
        Ok(accepted) => ExitCode::from(u8::from(!accepted)),
        Err(failure) => {
            output.failure(&failure);
            failure.exit_code()
        }
    }
}

impl Verify {
    fn keys(&self) -> Result<KeySet, Failure> {
        let text = read_text(&self.jwks, KEY_SET_BYTES_MAX)?;
        KeySet::parse(text.as_bytes())
            .map_err(|error| Failure::Usage(format!("{}: {error}", self.jwks.display())))
    }

    fn answer(&self, keys: &KeySet, text: &str) -> Answer {
        let now = self.now.unwrap_or_else(|| SystemClock.now()).timestamp();
        let expect = Expectation { audience: self.audience.as_deref(), ..Expectation::at(now) };
        let expected = self.typ.unwrap_or_else(|| named_type(text));
        match judge(text, keys, expected, &expect) {
            Ok(judged) => {
                let claims = judged.token.payload();
                Answer { text: format!(r#"{{"claims":{claims},"code":null,"valid":true}}"#), accepted: true }
            }
            Err(refusal) => {
                let code = refusal.code().as_str();
                let reason = refusal.to_string();
                Answer::refused(&json!({ "valid": false, "code": code, "reason": reason, "claims": null }))
            }
        }
    }
}

/// The type that the token gives itself; one that names none cannot pass as any.
fn named_type(text: &str) -> TokenType {
    let named = UnverifiedToken::parse_status_list(text).ok().and_then(|token| {
        token.inspect().header.get("typ").and_then(|typ| typ.as_str()).and_then(TokenType::from_typ)
    });
    named.unwrap_or(TokenType::License)
}

fn inspect(text: &str) -> Answer {
    match UnverifiedToken::parse_status_list(text) {
        Ok(token) => {
            let untrusted = token.inspect();
            let (claims, header) = (untrusted.claims, untrusted.header);
            let text = format!(r#"{{"claims":{claims},"header":{header},"trusted":false}}"#);
            Answer { text, accepted: true }
        }
        Err(refusal) => {
            let (code, reason) = (refusal.code().as_str(), refusal.to_string());
            Answer::refused(&json!({ "trusted": false, "code": code, "reason": reason }))
        }
    }
}

/// Answers the single token, or each line; whether the exit code is 0.
fn answer_all(jsonl: bool, answer: impl Fn(&str) -> Answer) -> Result<bool, Failure> {
    let unreadable = |error: io::Error| Failure::Usage(format!("cannot read the standard input: {error}"));
    let mut input = io::stdin().lock();
    if !jsonl {
        let limit = u64::try_from(LINE_BYTES_MAX).unwrap_or(u64::MAX);
        let mut bytes = Vec::new();
        input.take(limit).read_to_end(&mut bytes).map_err(unreadable)?;
        let text = String::from_utf8_lossy(&bytes);
        let text = text.trim_end_matches(['\r', '\n']);
        if text.is_empty() {
            return Err(Failure::Usage("the token is read from the standard input, and nothing came".into()));
        }
        let answer = answer(text);
        line(&answer.text);
        return Ok(answer.accepted);
    }
    let (mut lines, mut last_accepted) = (0_u64, true);
    // What is longer than any token is cut, and is refused by its length.
    while let Some(text) = next_line(&mut input, LINE_BYTES_MAX).map_err(unreadable)? {
        if text.is_empty() {
            continue;
        }
        let answer = answer_line(&String::from_utf8_lossy(&text), &answer);
        line(&answer.text);
        (lines, last_accepted) = (lines + 1, answer.accepted);
    }
    Ok(lines != 1 || last_accepted)
}

/// A line is a token, a JSON string, or an object with the member `token`.
fn answer_line(text: &str, answer: &impl Fn(&str) -> Answer) -> Answer {
    let error = |error: &str| Answer::refused(&json!({ "error": error }));
    if !text.starts_with(['{', '"', '[']) {
        return answer(text);
    }
    match serde_json::from_str::<Value>(text) {
        Ok(Value::String(token)) => answer(&token),
        Ok(value) => match value.get("token").and_then(Value::as_str) {
            Some(token) => answer(token),
            None => error("the object has no member `token` with a string"),
        },
        Err(_) => error("the line is no valid JSON"),
    }
}
