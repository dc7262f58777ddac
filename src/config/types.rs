//! The forms that settings are written in.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;

use super::nearest::suggestion;
use super::setting::Shape;

/// How a value is read from text. The message of an error says what to write; it never repeats a secret.
pub trait Form {
    /// What is made of it.
    type Value;
    /// How it is written in the file.
    const SHAPE: Shape = Shape::Text;
    /// Whether empty text is a value; otherwise it is refused.
    const MAY_BE_EMPTY: bool = false;
    /// Whether the text may be shown to people.
    const IS_SECRET: bool = false;
    /// Reads the text.
    fn read(text: &str) -> Result<Self::Value, String>;
}

/// Reads the text; empty text only where it may be.
pub fn read_form<F: Form>(text: &str) -> Result<F::Value, String> {
    if text.is_empty() && !F::MAY_BE_EMPTY {
        return Err("is empty; write a value, or remove it".to_owned());
    }
    F::read(text)
}

/// Where records are kept.
#[derive(Debug, Clone)]
pub enum StoreChoice {
    /// In the data folder.
    Embedded,
    /// In this PostgreSQL database; the address may hold a password.
    Postgres(SecretString),
    /// In the PostgreSQL database whose address this file holds.
    PostgresFrom(PathBuf),
}

/// Whether the first start may make data and keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CreateRule {
    /// It may, when both are absent.
    Auto,
    /// It may not.
    Never,
}

/// How log lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// For collectors: one object per line.
    Json,
}

/// An address with scheme and host.
pub struct HttpUrl;
/// A number of bytes.
pub struct ByteLimit;
/// A number of seconds, from 1 to `MOST`.
pub struct SecondsTo<const MOST: u64>;
/// A number of days, from 1 to 36,500.
pub struct Days;
/// A number of requests in a minute, up to 1,000,000; 0 is without a bound.
pub struct RequestCount;
/// A filter of log lines.
pub struct Filter;
/// `on` or `off`.
pub struct Switch;

impl Form for SocketAddr {
    type Value = Self;
    fn read(text: &str) -> Result<Self, String> {
        text.parse()
            .map_err(|_| "must be an address and a port such as 127.0.0.1:8080 or [::1]:8080".to_owned())
    }
}

impl Form for PathBuf {
    type Value = Self;
    fn read(text: &str) -> Result<Self, String> {
        if text.contains('\0') { Err("must be a path".to_owned()) } else { Ok(Self::from(text)) }
    }
}

impl Form for HttpUrl {
    type Value = String;
    fn read(text: &str) -> Result<String, String> {
        if is_http_url(text) && !text.contains(['?', '#']) {
            Ok(text.trim_end_matches('/').to_owned())
        } else {
            Err("must be an address such as https://license.acme.example".to_owned())
        }
    }
}

impl Form for StoreChoice {
    type Value = Self;
    const IS_SECRET: bool = true;
    fn read(text: &str) -> Result<Self, String> {
        if text == "embedded" {
            Ok(Self::Embedded)
        } else if let Some(path) = text.strip_prefix("file:").filter(|path| !path.is_empty()) {
            Ok(Self::PostgresFrom(PathBuf::from(path)))
        } else if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            Ok(Self::Postgres(SecretString::from(text)))
        } else {
            Err("must be `embedded`, `postgres://…` or `file:PATH`".to_owned())
        }
    }
}

impl Form for CreateRule {
    type Value = Self;
    fn read(text: &str) -> Result<Self, String> {
        word(text, &[("auto", Self::Auto), ("never", Self::Never)])
    }
}

impl Form for LogFormat {
    type Value = Self;
    fn read(text: &str) -> Result<Self, String> {
        word(text, &[("text", Self::Text), ("json", Self::Json)])
    }
}

impl Form for Switch {
    type Value = bool;
    fn read(text: &str) -> Result<bool, String> {
        word(text, &[("on", true), ("off", false)])
    }
}

impl Form for Filter {
    type Value = String;
    fn read(text: &str) -> Result<String, String> {
        let parsed = tracing_subscriber::EnvFilter::builder().parse(text);
        parsed.map(|_| text.to_owned()).map_err(|error| {
            format!("must be a level such as info, or target=level pairs such as lictor=debug,warn ({error})")
        })
    }
}

impl Form for ByteLimit {
    type Value = usize;
    const SHAPE: Shape = Shape::Integer;
    fn read(text: &str) -> Result<usize, String> {
        const LEAST: usize = 4_096;
        const MOST: usize = 64 << 20;
        let bytes = text.parse().ok().filter(|bytes| (LEAST..=MOST).contains(bytes));
        bytes.ok_or_else(|| format!("must be a whole number of bytes from {LEAST} to {MOST}"))
    }
}

impl Form for Days {
    type Value = u32;
    const SHAPE: Shape = Shape::Integer;
    fn read(text: &str) -> Result<u32, String> {
        const MOST: u32 = 36_500;
        let days = text.parse().ok().filter(|days| (1..=MOST).contains(days));
        days.ok_or_else(|| format!("must be a whole number of days from 1 to {MOST}"))
    }
}

impl Form for RequestCount {
    type Value = u32;
    const SHAPE: Shape = Shape::Integer;
    fn read(text: &str) -> Result<u32, String> {
        const MOST: u32 = 1_000_000;
        let count = text.parse().ok().filter(|count| (0..=MOST).contains(count));
        count.ok_or_else(|| format!("must be a whole number of requests from 0 to {MOST}"))
    }
}

impl<const MOST: u64> Form for SecondsTo<MOST> {
    type Value = Duration;
    const SHAPE: Shape = Shape::Integer;
    fn read(text: &str) -> Result<Duration, String> {
        let seconds = text.parse().ok().filter(|seconds| (1..=MOST).contains(seconds));
        seconds
            .map(Duration::from_secs)
            .ok_or_else(|| format!("must be a whole number of seconds from 1 to {MOST}"))
    }
}

impl<F: Form> Form for Option<F> {
    type Value = Option<F::Value>;
    const SHAPE: Shape = F::SHAPE;
    const MAY_BE_EMPTY: bool = true;
    const IS_SECRET: bool = F::IS_SECRET;
    fn read(text: &str) -> Result<Self::Value, String> {
        if text.is_empty() { Ok(None) } else { F::read(text).map(Some) }
    }
}

/// Whether a text is an absolute address with a host.
pub fn is_http_url(text: &str) -> bool {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let host = rest.map(|rest| rest.split(['/', '?', '#']).next().unwrap_or(""));
    host.is_some_and(|host| !host.is_empty() && !host.contains('@'))
        && text.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'<' | b'>' | b'\\'))
}

fn word<T: Copy>(text: &str, words: &[(&str, T)]) -> Result<T, String> {
    let found = words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
    found.ok_or_else(|| {
        let names: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        format!("there is no `{text}`{}", suggestion(text, &names))
    })
}
