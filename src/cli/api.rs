//! The client of the merchant API that the commands share.

use std::time::Duration;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use secrecy::ExposeSecret as _;
use serde_json::Value;
use ureq::http::{Method, Request, header};

use super::{Failure, Problem};
use crate::config::ClientSettings;

/// Longest answer that is read.
const ANSWER_BYTES_MAX: u64 = 16 << 20;
/// Time for one request in all.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
/// Time to reach the server.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Characters that stand for themselves in a path segment or a query value (RFC 3986 §2.3).
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A text as one segment of a path, or one value of a query.
pub fn escaped(text: &str) -> String {
    utf8_percent_encode(text, ESCAPED).to_string()
}

/// Talks to one server as one token.
#[derive(Debug)]
pub struct Api {
    agent: ureq::Agent,
    settings: ClientSettings,
}

impl Api {
    /// Over HTTP; follows no redirects, because they would carry the token elsewhere.
    pub fn new(settings: ClientSettings) -> Self {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .timeout_global(Some(REQUEST_TIMEOUT))
            .timeout_connect(Some(CONNECT_TIMEOUT))
            .user_agent(concat!("lictor/", env!("CARGO_PKG_VERSION")));
        // A proxy for the world is none for this machine.
        let config = if is_local(&settings.url) { config.proxy(None) } else { config };
        Self { agent: config.build().new_agent(), settings }
    }

    /// Where the server is and who asks.
    pub fn settings(&self) -> &ClientSettings {
        &self.settings
    }

    /// Reads; `query` without what is absent.
    pub fn get(&self, path: &str, query: &[(&str, Option<String>)]) -> Result<Value, Failure> {
        let pairs =
            query.iter().filter_map(|(name, value)| Some(format!("{name}={}", escaped(value.as_ref()?))));
        let query = pairs.collect::<Vec<_>>().join("&");
        let separator = if query.is_empty() { "" } else { "?" };
        self.send(Method::GET, &format!("{path}{separator}{query}"), None, None)
    }

    /// Changes something. The same key again has no second effect: `None` makes a new one.
    pub fn post(&self, path: &str, body: &Value, idempotency_key: Option<&str>) -> Result<Value, Failure> {
        let key = match idempotency_key {
            Some(key) => key.to_owned(),
            None => random_key()?,
        };
        self.send(Method::POST, path, Some(body), Some(&key)).map_err(|failure| match failure {
            Failure::Unreachable(reason) => Failure::Unreachable(format!(
                "{reason}\nnext: whether it was done is not known; repeat with --idempotency-key {key}"
            )),
            other => other,
        })
    }

    fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        key: Option<&str>,
    ) -> Result<Value, Failure> {
        let url = format!("{}{path}", self.settings.url);
        let request = Request::builder().method(method).uri(&url);
        let request = request.header(header::ACCEPT, "application/json, application/problem+json");
        let mut request = request.header(header::ACCEPT_LANGUAGE, self.settings.language);
        if let Some(token) = &self.settings.token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {}", token.expose_secret()));
        }
        if let Some(merchant) = &self.settings.merchant {
            request = request.header("Lictor-Merchant", merchant.as_str());
        }
        if let Some(key) = key {
            request = request.header("Idempotency-Key", key);
        }
        let bad =
            |_| Failure::Usage("the token or the idempotency key holds characters that no header may".into());
        let answer = match body {
            Some(body) => {
                let request = request.header(header::CONTENT_TYPE, "application/json");
                self.agent.run(request.body(body.to_string()).map_err(bad)?)
            }
            None => self.agent.run(request.body(()).map_err(bad)?),
        };
        let mut answer = answer.map_err(|error| self.unreachable(&error))?;
        let status = answer.status().as_u16();
        let text = answer.body_mut().with_config().limit(ANSWER_BYTES_MAX).read_to_string();
        let text = text.map_err(|error| self.unreachable(&error))?;
        let value = serde_json::from_str(if text.is_empty() { "null" } else { &text });
        match (status, value) {
            (200..=299, Ok(value)) => Ok(value),
            _ => Err(Failure::Problem(Box::new(Problem::read(status, &text)))),
        }
    }

    fn unreachable(&self, error: &ureq::Error) -> Failure {
        let url = &self.settings.url;
        Failure::Unreachable(match error {
            ureq::Error::Io(error) if error.kind() == std::io::ErrorKind::ConnectionRefused => {
                format!("no server listens at {url}; start it with `lictor serve`, or set LICTOR_URL")
            }
            other => format!("no answer from {url}: {other}"),
        })
    }
}

fn is_local(url: &str) -> bool {
    let host = url.split("://").nth(1).unwrap_or("").split('/').next().unwrap_or("");
    host.starts_with("127.") || host.starts_with("localhost") || host.starts_with("[::1]")
}

fn random_key() -> Result<String, Failure> {
    let mut bytes = [0_u8; 16];
    getrandom::fill(&mut bytes).map_err(|error| Failure::Refused(format!("no randomness: {error}")))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
