//! Sends bytes to a production address and keeps what it answers.

use std::time::{Duration, Instant};

use super::caller::CallError;

/// The access guide grants 5 s, the console 20 s; what takes longer than the first is judged elsewhere.
const TIMEOUT: Duration = Duration::from_secs(20);
const ANSWER_LIMIT_BYTES: u64 = 1024 * 1024;

/// An answer as it came.
#[derive(Debug, Clone)]
pub struct Received {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    pub took: Duration,
}

/// What is sent.
#[derive(Debug, Clone, Copy)]
pub struct Sent<'a> {
    pub method: &'a str,
    pub url: &'a str,
    pub headers: &'a [(&'static str, String)],
    pub body: &'a [u8],
}

/// Connections to one place, kept open between calls.
#[derive(Clone)]
pub struct Transport {
    agent: ureq::Agent,
}

impl Transport {
    pub fn new(production_address: &str) -> Self {
        let config = ureq::Agent::config_builder()
            .timeout_global(Some(TIMEOUT))
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false);
        // A proxy that the environment names is for what lies outside.
        let config = if is_loopback(production_address) { config.proxy(None) } else { config };
        Self { agent: config.build().new_agent() }
    }

    /// Sends a request as it is. Blocks.
    pub fn send(&self, sent: &Sent<'_>) -> Result<Received, CallError> {
        let started = Instant::now();
        let mut response = if sent.method == "GET" {
            let request = self.agent.get(sent.url);
            sent.headers.iter().fold(request, |request, (name, value)| request.header(*name, value)).call()?
        } else {
            let request = self.agent.post(sent.url);
            sent.headers
                .iter()
                .fold(request, |request, (name, value)| request.header(*name, value))
                .send(sent.body)?
        };
        let body = response.body_mut().with_config().limit(ANSWER_LIMIT_BYTES).read_to_vec()?;
        let text = |value: &ureq::http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        let headers =
            response.headers().iter().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect();
        Ok(Received { status: response.status().as_u16(), headers, body, took: started.elapsed() })
    }
}

fn is_loopback(url: &str) -> bool {
    let uri = url.parse::<ureq::http::Uri>().ok();
    let host = uri.as_ref().and_then(|uri| uri.host()).unwrap_or_default();
    let address = host.trim_matches(['[', ']']).parse::<std::net::IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}
