//! Signs and sends callbacks to a production address, and reads the answers as the marketplace does.
//!
//! Source: zh-cn_topic_0070649475 (transport), en-us_topic_000034 (what is checked).

use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value};
use thiserror::Error;

use super::Clock;
use super::judge::wire::{TargetError, WireRequest};
use super::judge::{CallFailure, WireAnswer};
use super::signer::{self, CallbackSignature};
use super::transport::Transport;
use super::words::Call;

/// The production address could not be reached or did not answer.
#[derive(Debug, Error)]
pub enum CallError {
    #[error("no randomness: {0}")]
    Randomness(String),
    #[error("the production address cannot be reached: {0}")]
    Unreachable(CallFailure),
    #[error(transparent)]
    NoAddress(TargetError),
    #[error("order {0} was given no instance id")]
    NoInstance(String),
    #[error("{family} has no such step as {step}")]
    NotInFamily { family: &'static str, step: &'static str },
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
    /// Names in the letter case in which they came.
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
    /// Judged as answered by whoever holds `access_key`.
    pub(super) fn of(answer: WireAnswer, access_key: &str) -> Self {
        let WireAnswer { status, headers, body, took } = answer;
        let json = serde_json::from_slice(&body).ok();
        let body_sign = judge_body_sign(access_key, &headers, &body);
        Self { status, headers, body, json, body_sign, took }
    }

    /// Whether the marketplace takes it for done, or for being done.
    pub fn is_accepted(&self) -> bool {
        self.status == 200 && matches!(self.result_code(), "000000" | "000004")
    }

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
    access_key: SecretString,
    clock: Clock,
    transport: Transport,
}

impl Caller {
    pub fn new(production_address: &str, access_key: SecretString, clock: Clock) -> Self {
        let transport = Transport::new(production_address);
        Self { access_key, clock, transport }
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
        let headers = vec![
            ("Accept", "application/json".to_owned()),
            ("Content-Type", "application/json;charset=utf8".to_owned()),
        ];
        let path_and_query = self.transport.path_and_query("", &call.query())?;
        let body = call.body.clone();
        let sent = WireRequest { method: "POST", path_and_query, headers, body };
        let received = self.transport.send(&sent)?;
        Ok(CallAnswer::of(received, self.access_key.expose_secret()))
    }

    /// Signs and sends what is to be said, with a business id where one belongs.
    pub fn tell(&self, call: &Call) -> Result<CallAnswer, CallError> {
        let mut members = call.members.clone();
        members.insert("activity".to_owned(), call.activity.into());
        if call.is_purchase() {
            members.insert("businessId".to_owned(), random_text(16)?.into());
        }
        self.call(members)
    }

    /// Signs and sends.
    pub fn call(&self, members: Map<String, Value>) -> Result<CallAnswer, CallError> {
        self.send(&self.sign(members)?)
    }
}

/// Some printed examples have a blank after `signature=`.
fn judge_body_sign(access_key: &str, headers: &[(String, String)], body: &[u8]) -> BodySign {
    let Some((_, said)) = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("body-sign")) else {
        return BodySign::Missing;
    };
    let expected = signer::body_sign(access_key, body);
    if said.replace(' ', "") == expected.replace(' ', "") { BodySign::Right } else { BodySign::Wrong }
}

/// `bytes` random bytes as hex: nonces, business ids, order ids.
pub(super) fn random_text(bytes: usize) -> Result<String, CallError> {
    let mut random = vec![0; bytes];
    getrandom::fill(&mut random).map_err(|error| CallError::Randomness(error.to_string()))?;
    Ok(random.iter().map(|byte| format!("{byte:02x}")).collect())
}
