//! One attempt: signed, bounded in time and size, over a connection of its own.

use std::fmt;
use std::io::Read as _;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use secrecy::SecretString;
use ureq::config::Config;
use ureq::http::header::RETRY_AFTER;
use ureq::http::{Response, Uri};
use ureq::unversioned::transport::{Connector as _, RustlsConnector, TcpConnector};

use super::addresses::blocked;
use super::payload;
use super::resolver::{JudgingResolver, Names};
use crate::application::ports::{EventCall, EventSender, OutboundEvent, SendOutcome};
use crate::config::AllowedNetworks;
use crate::domain::{WEBHOOK_URL_BYTES_MAX, excerpt};
use crate::standard_webhooks::signature::{self, WebhookSecret};

/// What of an answer is read, in bytes.
const ANSWER_BYTES_MAX: u64 = 1_024;
/// Longest head of an answer, in bytes.
const ANSWER_HEAD_BYTES_MAX: usize = 16 * 1024;
/// How long the beginning of an answer that is no success may take to come.
const ANSWER_BODY_TIME: Duration = Duration::from_secs(2);

/// Where events may go.
#[derive(Debug, Clone, Default)]
pub struct SendRules {
    /// What may be called although it is not of the open internet.
    pub allowed: AllowedNetworks,
    /// Whether it may be called without TLS.
    pub allow_http: bool,
}

/// Sends events.
pub struct WebhookSender {
    rules: SendRules,
    agent: ureq::Agent,
}

impl fmt::Debug for WebhookSender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebhookSender").field("rules", &self.rules).finish_non_exhaustive()
    }
}

impl WebhookSender {
    /// Within these rules, by these names.
    pub fn new(rules: SendRules, names: Arc<dyn Names>) -> Self {
        let config = Config::builder()
            .http_status_as_error(false)
            .https_only(!rules.allow_http)
            .max_idle_connections(0)
            .max_idle_connections_per_host(0)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .max_response_header_size(ANSWER_HEAD_BYTES_MAX)
            .proxy(None)
            .timeout_recv_body(Some(ANSWER_BODY_TIME))
            .user_agent(concat!("lictor/", env!("CARGO_PKG_VERSION")))
            .build();
        let connector = ().chain(TcpConnector::default()).chain(RustlsConnector::default());
        let resolver = JudgingResolver { names, allowed: rules.allowed.clone() };
        Self { agent: ureq::Agent::with_parts(config, connector, resolver), rules }
    }
}

#[async_trait]
impl EventSender for WebhookSender {
    fn accepts(&self, url: &str) -> Result<(), String> {
        if url.len() > WEBHOOK_URL_BYTES_MAX || !url.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(format!("an address has at most {WEBHOOK_URL_BYTES_MAX} visible ASCII characters"));
        }
        let uri: Uri = url.parse().map_err(|_| "it is no URL, such as https://example.com/lictor")?;
        let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return Err("it begins with https:// and names a host".to_owned());
        };
        if scheme != "https" && !(scheme == "http" && self.rules.allow_http) {
            return Err("it begins with https://: an event must not be read on the way".to_owned());
        }
        if authority.as_str().contains('@') {
            return Err("it holds no name and password: the signature is what proves who sends".to_owned());
        }
        if authority.host().is_empty() || authority.as_str().ends_with(':') || url.contains(['#', '\\']) {
            return Err("it names a host, perhaps a port, a path and a query, and nothing else".to_owned());
        }
        let host = authority.host().trim_start_matches('[').trim_end_matches(']');
        match host.parse::<IpAddr>().ok().and_then(|address| blocked(address, &self.rules.allowed)) {
            None => Ok(()),
            Some(what) => Err(format!(
                "{host} is {what}; use an address of the open internet, or have the operator name its network in \
                 LICTOR_WEBHOOK_ALLOW_NETWORKS"
            )),
        }
    }

    fn accepts_secret(&self, text: &SecretString) -> Result<(), String> {
        WebhookSecret::parse(text).map(drop).map_err(|malformed| malformed.to_string())
    }

    fn secret_of(&self, bytes: &[u8; 32]) -> SecretString {
        WebhookSecret::text_of(bytes)
    }

    fn body(&self, event: &OutboundEvent<'_>) -> String {
        payload::written(event)
    }

    async fn send(&self, call: EventCall) -> SendOutcome {
        let headers = match signed(&call) {
            Ok(headers) => headers,
            Err(why) => return SendOutcome::Failed(why),
        };
        let agent = self.agent.clone();
        let sent = tokio::task::spawn_blocking(move || sent(&agent, &call, &headers)).await;
        sent.unwrap_or_else(|_| SendOutcome::Failed("the attempt broke off".to_owned()))
    }
}

/// Timestamp and signatures.
fn signed(call: &EventCall) -> Result<[String; 2], String> {
    let secrets: Result<Vec<_>, _> = call.secrets.iter().map(WebhookSecret::parse).collect();
    let secrets = secrets.map_err(|malformed| format!("a secret cannot be used: {malformed}"))?;
    if secrets.is_empty() {
        return Err("no secret signs at present: rotate the endpoint's secrets".to_owned());
    }
    let timestamp = call.sent_at.timestamp().to_string();
    let signatures = signature::sign_with_all(&secrets, &call.id, &timestamp, call.body.as_bytes());
    Ok([timestamp, signatures.map_err(|refused| refused.to_string())?])
}

fn sent(agent: &ureq::Agent, call: &EventCall, [timestamp, signatures]: &[String; 2]) -> SendOutcome {
    let request = agent
        .post(&call.url)
        .header("Content-Type", "application/json")
        .header("webhook-id", &call.id)
        .header("webhook-timestamp", timestamp)
        .header("webhook-signature", signatures);
    let request = request.config().timeout_global(Some(call.within)).build();
    match request.send(call.body.as_bytes()) {
        Ok(answer) => answered(answer),
        Err(error) => SendOutcome::Failed(excerpt(&told(error, call.within))),
    }
}

fn answered(mut answer: Response<ureq::Body>) -> SendOutcome {
    let status = answer.status().as_u16();
    let retry_after = answer.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
    // A date there is not understood.
    let retry_after = retry_after.and_then(|text| text.trim().parse::<u32>().ok());
    let retry_after = retry_after.map(|secs| Duration::from_secs(secs.into()));
    let words = match status {
        200..=299 => String::new(),
        300..=399 => {
            "it answers with a redirect, which is not followed: give the endpoint its final address".into()
        }
        _ => {
            let mut beginning = Vec::new();
            // What cannot be read says nothing; the status has said enough.
            let _ = answer.body_mut().as_reader().take(ANSWER_BYTES_MAX).read_to_end(&mut beginning);
            excerpt(&String::from_utf8_lossy(&beginning))
        }
    };
    SendOutcome::Answered { status, words, retry_after }
}

fn told(error: ureq::Error, within: Duration) -> String {
    match error {
        ureq::Error::Other(error) => error.to_string(),
        ureq::Error::Timeout(_) => format!("no answer within {} s", within.as_secs()),
        ureq::Error::HostNotFound => "the name leads to no address".to_owned(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests;
