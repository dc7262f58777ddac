//! Signs and sends callbacks to a production address, and reads the answers as the marketplace does.
//!
//! Source: zh-cn_topic_0070649475 (transport), en-us_topic_000034 (what is checked).

use std::time::{Duration, Instant};

use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value};
use thiserror::Error;

use super::Clock;
use super::signer::{self, CallbackSignature};

/// The access guide grants 5 s, the console 20 s; what takes longer than the first is judged elsewhere.
const TIMEOUT: Duration = Duration::from_secs(20);
const ANSWER_LIMIT_BYTES: u64 = 1024 * 1024;

/// The production address could not be reached or did not answer.
#[derive(Debug, Error)]
pub enum CallError {
    #[error("no randomness: {0}")]
    Randomness(String),
    #[error("the production address cannot be reached: {0}")]
    Unreachable(Box<ureq::Error>),
}

impl From<ureq::Error> for CallError {
    fn from(error: ureq::Error) -> Self {
        Self::Unreachable(Box::new(error))
    }
}

/// A callback, signed. Sending it twice is a replay; its members may be altered to see that this is noticed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedCall {
    pub signature: CallbackSignature,
    pub body: Vec<u8>,
}

impl SignedCall {
    /// The query string, all values being letters and digits.
    pub fn query(&self) -> String {
        let CallbackSignature { signature, timestamp, nonce } = &self.signature;
        format!("signature={signature}&timestamp={timestamp}&nonce={nonce}")
    }
}

/// What the production address answered.
#[derive(Debug, Clone)]
pub struct CallAnswer {
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// The body, when it is JSON.
    pub json: Option<Value>,
    pub body_sign: BodySign,
    pub took: Duration,
}

/// Whether the answer is signed by whoever holds the access key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodySign {
    Right,
    Wrong,
    Missing,
}

impl CallAnswer {
    /// A text member of the answer; empty when it is not there.
    pub fn text(&self, name: &str) -> &str {
        self.json.as_ref().and_then(|json| json.get(name)?.as_str()).unwrap_or_default()
    }

    pub fn result_code(&self) -> &str {
        self.text("resultCode")
    }

    pub fn instance_id(&self) -> &str {
        self.text("instanceId")
    }

    /// `appInfo` of an instance in an answer to queryInstance.
    pub fn app_info(&self, instance_id: &str) -> Option<&Value> {
        let list = self.json.as_ref()?.get("info")?.as_array()?;
        list.iter().find(|info| info["instanceId"] == instance_id)?.get("appInfo")
    }
}

/// Calls one production address.
#[derive(Clone)]
pub struct Caller {
    production_address: String,
    access_key: SecretString,
    clock: Clock,
    agent: ureq::Agent,
}

impl Caller {
    pub fn new(production_address: &str, access_key: SecretString, clock: Clock) -> Self {
        let config = ureq::Agent::config_builder()
            .timeout_global(Some(TIMEOUT))
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false);
        // A proxy that the environment names is for what lies outside.
        let config = if is_loopback(production_address) { config.proxy(None) } else { config };
        let agent = config.build().new_agent();
        Self { production_address: production_address.to_owned(), access_key, clock, agent }
    }

    /// Signs a callback of now: members sorted, nulls dropped, a fresh nonce.
    pub fn sign(&self, members: Map<String, Value>) -> Result<SignedCall, CallError> {
        let mut sorted: Vec<_> = members.into_iter().filter(|(_, value)| !value.is_null()).collect();
        sorted.sort_by(|a, b| a.0.cmp(&b.0));
        let body: Vec<String> =
            sorted.iter().map(|(name, value)| format!("{}:{value}", Value::from(name.as_str()))).collect();
        let body = format!("{{{}}}", body.join(",")).into_bytes();
        let timestamp = (self.clock)().timestamp_millis().to_string();
        let key = self.access_key.expose_secret();
        Ok(SignedCall { signature: signer::sign_callback(key, &timestamp, &random_text(32)?, &body), body })
    }

    /// Sends a call as it is. Blocks.
    pub fn send(&self, call: &SignedCall) -> Result<CallAnswer, CallError> {
        let joint = if self.production_address.contains('?') { '&' } else { '?' };
        let url = format!("{}{joint}{}", self.production_address, call.query());
        let started = Instant::now();
        let request = self.agent.post(url).header("Accept", "application/json");
        let mut response =
            request.header("Content-Type", "application/json;charset=utf8").send(&call.body)?;
        let body = response.body_mut().with_config().limit(ANSWER_LIMIT_BYTES).read_to_vec()?;
        let text = |value: &ureq::http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        let headers: Vec<_> =
            response.headers().iter().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect();
        Ok(CallAnswer {
            status: response.status().as_u16(),
            json: serde_json::from_slice(&body).ok(),
            body_sign: self.judge_body_sign(&headers, &body),
            headers,
            body,
            took: started.elapsed(),
        })
    }

    /// Signs and sends.
    pub fn call(&self, members: Map<String, Value>) -> Result<CallAnswer, CallError> {
        self.send(&self.sign(members)?)
    }

    /// Some printed examples have a blank after `signature=`.
    fn judge_body_sign(&self, headers: &[(String, String)], body: &[u8]) -> BodySign {
        let Some((_, said)) = headers.iter().find(|(name, _)| name == "body-sign") else {
            return BodySign::Missing;
        };
        let expected = signer::body_sign(self.access_key.expose_secret(), body);
        if said.replace(' ', "") == expected.replace(' ', "") { BodySign::Right } else { BodySign::Wrong }
    }
}

pub(super) fn is_loopback(url: &str) -> bool {
    let uri = url.parse::<ureq::http::Uri>().ok();
    let host = uri.as_ref().and_then(|uri| uri.host()).unwrap_or_default();
    let address = host.trim_matches(['[', ']']).parse::<std::net::IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

/// `bytes` random bytes as hex: nonces, business ids, order ids.
pub(super) fn random_text(bytes: usize) -> Result<String, CallError> {
    let mut random = vec![0; bytes];
    getrandom::fill(&mut random).map_err(|error| CallError::Randomness(error.to_string()))?;
    Ok(random.iter().map(|byte| format!("{byte:02x}")).collect())
}
