//! The client of the merchant API that the commands share.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use rustls::pki_types::CertificateDer;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;
use ureq::http::{Method, Request, header};
use ureq::tls::{Certificate, RootCerts, TlsConfig};

use super::{Failure, Problem};
use crate::config::ClientSettings;

/// Longest answer that is read.
const ANSWER_BYTES_MAX: u64 = 16 << 20;
/// Read at a time of an answer of any length.
const DOWNLOAD_BYTES: usize = 64 << 10;
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

/// Why a request was not done.
pub type ApiFailure = Failure;

/// Talks to one server as one token.
#[derive(Debug)]
pub struct Api {
    agent: ureq::Agent,
    url: String,
    token: Option<SecretString>,
    merchant: Option<String>,
    language: &'static str,
    /// In place of the network: the control socket of a server on this machine.
    socket: Option<PathBuf>,
}

/// A path with the parts of its query that are there.
pub fn with_query(path: &str, query: &[(&str, Option<String>)]) -> String {
    let pair = |(name, value): &(&str, Option<String>)| Some(format!("{name}={}", escaped(value.as_ref()?)));
    let query = query.iter().filter_map(pair).collect::<Vec<_>>().join("&");
    if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") }
}

impl Api {
    /// As flags and environment say.
    pub fn of(settings: ClientSettings) -> Self {
        let merchant = settings.merchant.map(|merchant| merchant.to_string());
        let api = Self::believing(&settings.authorities, &settings.url, settings.token, merchant);
        Self { language: settings.language, ..api }
    }

    /// Over HTTP; follows no redirects, because they would carry the token elsewhere. `merchant` is for whom an
    /// operator's token asks.
    pub fn new(url: &str, token: Option<SecretString>, merchant: Option<String>) -> Self {
        Self::believing(&[], url, token, merchant)
    }

    /// Believing these authorities alone; none: the public ones.
    fn believing(
        authorities: &[CertificateDer<'_>],
        url: &str,
        token: Option<SecretString>,
        merchant: Option<String>,
    ) -> Self {
        let roots = match authorities {
            [] => RootCerts::WebPki,
            own => RootCerts::from(own.iter().map(|it| Certificate::from_der(it).to_owned())),
        };
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .timeout_global(Some(REQUEST_TIMEOUT))
            .timeout_connect(Some(CONNECT_TIMEOUT))
            .tls_config(TlsConfig::builder().root_certs(roots).build())
            .user_agent(concat!("lictor/", env!("CARGO_PKG_VERSION")));
        // A proxy for the world is none for this machine.
        let config = if is_local(url) { config.proxy(None) } else { config };
        let url = url.trim_end_matches('/').to_owned();
        Self { agent: config.build().new_agent(), url, token, merchant, language: "en", socket: None }
    }

    /// Over the control socket of a server on this machine, without a token.
    pub fn over(socket: PathBuf, settings: ClientSettings) -> Self {
        Self { token: None, socket: Some(socket), ..Self::of(settings) }
    }

    /// Scheme and host; none over the control socket.
    pub fn base_url(&self) -> Option<&str> {
        self.socket.is_none().then_some(self.url.as_str())
    }

    /// For whom an operator's token asks.
    pub fn merchant(&self) -> Option<&str> {
        self.merchant.as_deref()
    }

    /// Reads.
    pub fn get(&self, path: &str) -> Result<Value, Failure> {
        self.send(Method::GET, path, None, &[])
    }

    /// Sets something to what the body says; the same again changes nothing.
    pub fn put(&self, path: &str, body: &Value) -> Result<Value, Failure> {
        self.send(Method::PUT, path, Some(body), &[])
    }

    /// Changes what the body names of something; `revision` is the one that it must have.
    pub fn patch(&self, path: &str, body: &Value, revision: Option<u64>) -> Result<Value, Failure> {
        let etag = revision.map(|revision| format!("\"{revision}\""));
        self.send(Method::PATCH, path, Some(body), &[("If-Match", etag.as_deref())])
    }

    /// Deletes something.
    pub fn delete(&self, path: &str) -> Result<Value, Failure> {
        self.send(Method::DELETE, path, None, &[])
    }

    /// Changes something, once.
    pub fn post(&self, path: &str, body: &Value) -> Result<Value, Failure> {
        self.post_as(path, body, None)
    }

    /// Changes something. The same key again has no second effect; without one, this call is its own.
    pub fn post_as(&self, path: &str, body: &Value, idempotency_key: Option<&str>) -> Result<Value, Failure> {
        self.post_if(path, body, idempotency_key, None)
    }

    /// The same, only if what is changed still has this ETag.
    pub fn post_if(
        &self,
        path: &str,
        body: &Value,
        idempotency_key: Option<&str>,
        etag: Option<&str>,
    ) -> Result<Value, Failure> {
        let key = match idempotency_key {
            Some(key) => key.to_owned(),
            None => random_key()?,
        };
        let conditions = [("Idempotency-Key", Some(key.as_str())), ("If-Match", etag)];
        self.send(Method::POST, path, Some(body), &conditions).map_err(|failure| match failure {
            Failure::Lost(reason) => Failure::Lost(format!(
                "{reason}\nnext: whether it was done is not known; repeat with --idempotency-key {key}"
            )),
            other => other,
        })
    }

    /// Reads an answer of any length into `sink`, which is flushed at its end; `progress` hears the bytes so far.
    pub fn download(
        &self,
        path: &str,
        sink: &mut impl std::io::Write,
        progress: &mut dyn FnMut(u64),
    ) -> Result<(), Failure> {
        let mut request = self.agent.get(format!("{}{path}", self.url));
        request = request.header(header::ACCEPT_LANGUAGE, self.language);
        if let Some(token) = &self.token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {}", token.expose_secret()));
        }
        let request =
            request.config().timeout_global(None).timeout_recv_response(Some(REQUEST_TIMEOUT)).build();
        let mut answer = request.call().map_err(|error| self.no_answer(&error))?;
        let status = answer.status().as_u16();
        if status != 200 {
            let text = answer.body_mut().with_config().limit(ANSWER_BYTES_MAX).read_to_string();
            let text = text.map_err(|error| self.no_answer(&error))?;
            return Err(Failure::Problem(Box::new(Problem::read(status, &text))));
        }
        let mut body = answer.into_body().into_with_config().limit(u64::MAX).reader();
        let (mut buffer, mut bytes) = (vec![0; DOWNLOAD_BYTES], 0);
        loop {
            let cut =
                |error| Failure::Lost(format!("the answer of {} was cut off: {error}; try again", self.url));
            let count = body.read(&mut buffer).map_err(cut)?;
            if count == 0 {
                break;
            }
            let kept = sink.write_all(&buffer[..count]);
            kept.map_err(|error| Failure::Refused(format!("the answer cannot be written: {error}")))?;
            bytes += u64::try_from(count).unwrap_or(0);
            progress(bytes);
        }
        sink.flush().map_err(|error| Failure::Refused(format!("the answer cannot be written: {error}")))
    }

    fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        conditions: &[(&str, Option<&str>)],
    ) -> Result<Value, Failure> {
        let url = format!("{}{path}", self.url);
        let request = Request::builder().method(method).uri(&url);
        let request = request.header(header::ACCEPT, "application/json, application/problem+json");
        let mut request = request.header(header::ACCEPT_LANGUAGE, self.language);
        if let Some(token) = &self.token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {}", token.expose_secret()));
        }
        if let Some(merchant) = &self.merchant {
            request = request.header("Lictor-Merchant", merchant);
        }
        for (name, value) in conditions {
            if let Some(value) = value {
                request = request.header(*name, *value);
            }
        }
        let bad = |_| {
            let why = "the token, the idempotency key or the ETag holds characters that no header may";
            Failure::Usage(why.into())
        };
        if let Some(socket) = &self.socket {
            let body = body.map(Value::to_string).unwrap_or_default();
            let request = request.header(header::CONTENT_TYPE, "application/json").body(body).map_err(bad)?;
            let (status, text) = over_socket(socket, &request)?;
            return answered(status, &text);
        }
        let answer = match body {
            Some(body) => {
                let request = request.header(header::CONTENT_TYPE, "application/json");
                self.agent.run(request.body(body.to_string()).map_err(bad)?)
            }
            None => self.agent.run(request.body(()).map_err(bad)?),
        };
        let mut answer = answer.map_err(|error| self.no_answer(&error))?;
        let status = answer.status().as_u16();
        let text = answer.body_mut().with_config().limit(ANSWER_BYTES_MAX).read_to_string();
        let text = text.map_err(|error| self.no_answer(&error))?;
        answered(status, &text)
    }

    fn no_answer(&self, error: &ureq::Error) -> Failure {
        use ureq::{Error, Timeout};
        let url = &self.url;
        match error {
            Error::Io(error) if error.kind() == std::io::ErrorKind::ConnectionRefused => {
                Failure::Unreachable(format!(
                    "no server listens at {url}; start it with `lictor serve`, or set LICTOR_URL"
                ))
            }
            Error::HostNotFound
            | Error::ConnectionFailed
            | Error::Timeout(Timeout::Connect | Timeout::Resolve) => {
                Failure::Unreachable(format!("{url} cannot be reached: {error}; check LICTOR_URL or --url"))
            }
            other => Failure::Lost(format!("no answer from {url}: {other}")),
        }
    }
}

fn answered(status: u16, text: &str) -> Result<Value, Failure> {
    let value = serde_json::from_str(if text.is_empty() { "null" } else { text });
    match (status, value) {
        (200..=299, Ok(value)) => Ok(value),
        _ => Err(Failure::Problem(Box::new(Problem::read(status, text)))),
    }
}

/// One request, one answer, and the end of the connection: as HTTP/1.0, so that the answer is what comes until then.
fn over_socket(socket: &Path, request: &Request<String>) -> Result<(u16, String), Failure> {
    let lost = |error: std::io::Error| {
        Failure::Lost(format!("no answer from the server at {}: {error}", socket.display()))
    };
    let mut text = format!("{} {} HTTP/1.0\r\nHost: localhost\r\n", request.method(), request.uri().path());
    for (name, value) in request.headers() {
        text.push_str(&format!("{name}: {}\r\n", value.to_str().unwrap_or_default()));
    }
    text.push_str(&format!("Content-Length: {}\r\n\r\n{}", request.body().len(), request.body()));
    let mut stream = UnixStream::connect(socket).map_err(|error| {
        Failure::Unreachable(format!("the server at {} cannot be reached: {error}", socket.display()))
    })?;
    stream.set_read_timeout(Some(REQUEST_TIMEOUT)).map_err(lost)?;
    stream.write_all(text.as_bytes()).map_err(lost)?;
    let mut answer = String::new();
    stream.take(ANSWER_BYTES_MAX).read_to_string(&mut answer).map_err(lost)?;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    let status = status.ok_or_else(|| lost(std::io::ErrorKind::InvalidData.into()))?;
    Ok((status, body.to_owned()))
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
