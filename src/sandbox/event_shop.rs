//! A shop of the merchant's own: tells one production address of its purchases by Standard Webhooks.
//!
//! Source: the specification of Standard Webhooks 1.0.0. Signs on its own, like everything here.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use sha2::Sha256;

use super::Clock;
use super::caller::{CallError, random_text};
use super::judge::wire::WireRequest;
use super::transport::Transport;

/// An event, signed. Sending it twice is a replay; its members may be altered to see that this is noticed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedEvent {
    pub id: String,
    pub timestamp: String,
    pub signature: String,
    pub body: Vec<u8>,
}

/// What the production address answered.
#[derive(Debug, Clone)]
pub struct EventAnswer {
    pub status: u16,
    /// In seconds.
    pub retry_after: Option<String>,
    pub json: Value,
}

impl EventAnswer {
    /// A text member of the answer; empty when it is not there.
    pub fn text(&self, name: &str) -> &str {
        self.json[name].as_str().unwrap_or_default()
    }
}

/// A shop for one production address. Every method that sends blocks until the address has answered.
#[derive(Clone)]
pub struct EventShop {
    transport: Transport,
    /// All of them sign, as a sender does that is changing its secret.
    secrets: Vec<SecretString>,
    clock: Clock,
}

impl EventShop {
    pub fn new(production_address: &str, secrets: Vec<SecretString>, clock: Clock) -> Self {
        Self { transport: Transport::new(production_address), secrets, clock }
    }

    /// The body of an event that happens now.
    pub fn event(&self, event_type: &str, data: Value) -> Value {
        let timestamp = (self.clock)().to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
        json!({ "type": event_type, "timestamp": timestamp, "data": data })
    }

    /// Signs a body with a fresh id.
    pub fn sign(&self, body: &Value) -> Result<SignedEvent, CallError> {
        Ok(self.sign_as(&format!("msg_{}", random_text(12)?), body.to_string().as_bytes()))
    }

    /// Signs these bytes at this moment, as the first try or as a later one of the same id.
    pub fn sign_as(&self, id: &str, body: &[u8]) -> SignedEvent {
        let timestamp = (self.clock)().timestamp().to_string();
        let signatures: Vec<String> =
            self.secrets.iter().filter_map(|secret| signature(secret, id, &timestamp, body)).collect();
        SignedEvent { id: id.to_owned(), timestamp, signature: signatures.join(" "), body: body.to_vec() }
    }

    /// Sends an event as it is.
    pub fn send(&self, event: &SignedEvent) -> Result<EventAnswer, CallError> {
        let headers = vec![
            ("Content-Type", "application/json".to_owned()),
            ("webhook-id", event.id.clone()),
            ("webhook-timestamp", event.timestamp.clone()),
            ("webhook-signature", event.signature.clone()),
        ];
        let path_and_query = self.transport.path_and_query("", "")?;
        let request = WireRequest { method: "POST", path_and_query, headers, body: event.body.clone() };
        let answer = self.transport.send(&request)?;
        Ok(EventAnswer {
            status: answer.status,
            retry_after: answer.header("retry-after").map(str::to_owned),
            json: serde_json::from_slice(&answer.body).unwrap_or_default(),
        })
    }

    /// Something happens now, and the address is told.
    pub fn tell(&self, event_type: &str, data: Value) -> Result<EventAnswer, CallError> {
        self.send(&self.sign(&self.event(event_type, data))?)
    }
}

/// `v1,` and the HMAC-SHA256 of `id.timestamp.body`; none when the secret is not written as `whsec_` and base64.
pub fn signature(secret: &SecretString, id: &str, timestamp: &str, body: &[u8]) -> Option<String> {
    let (_, encoded) = secret.expose_secret().split_once("whsec_")?;
    let mut content = format!("{id}.{timestamp}.").into_bytes();
    content.extend_from_slice(body);
    let mac = Hmac::<Sha256>::new_from_slice(&STANDARD.decode(encoded).ok()?).ok()?;
    Some(format!("v1,{}", STANDARD.encode(mac.chain_update(&content).finalize().into_bytes())))
}
