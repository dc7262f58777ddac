//! Events, signed with the sandbox's own signer, and what the server's adapter makes of them.

use chrono::{DateTime, Utc};
use lictor::marketplace::{AccessKey, Call, CallRefusal, Protocol, RawRequest, protocol_for};
use lictor::sandbox::event_shop::signature;
use secrecy::SecretString;
use serde_json::{Value, json};

pub const NEW: &str = "whsec_bGljdG9yIHRlc3Qgc2VjcmV0IG51bWJlciAxISEh";
pub const OLD: &str = "whsec_bGljdG9yIHRlc3Qgc2VjcmV0IG51bWJlciAyISEh";
pub const FOREIGN: &str = "whsec_bGljdG9yIHRlc3Qgc2VjcmV0IG51bWJlciAzISEh";
pub const ID: &str = "msg_2KWPBgLlAfxdpx2AI54pPJ85f4W";

pub fn now() -> DateTime<Utc> {
    "2026-01-31T08:00:00Z".parse().unwrap()
}

pub fn protocol() -> &'static dyn Protocol {
    protocol_for("standard-webhooks").unwrap()
}

pub fn keys_of(secrets: &[&str]) -> Vec<AccessKey> {
    let key =
        |(number, secret): (usize, &&str)| AccessKey { id: number.to_string(), secret: (**secret).into() };
    secrets.iter().enumerate().map(key).collect()
}

pub fn keys() -> Vec<AccessKey> {
    keys_of(&[NEW, OLD])
}

pub fn signed_by(secret: &str, id: &str, timestamp: &str, body: &[u8]) -> String {
    signature(&SecretString::from(secret.to_owned()), id, timestamp, body).unwrap()
}

/// Headers by name, and a body.
#[derive(Debug, Clone, PartialEq)]
pub struct Sent {
    pub headers: Vec<(&'static str, String)>,
    pub body: Vec<u8>,
}

impl Sent {
    pub fn at(secret: &str, sent_at: DateTime<Utc>, body: &[u8]) -> Self {
        let timestamp = sent_at.timestamp().to_string();
        let signature = signed_by(secret, ID, &timestamp, body);
        let headers = [("webhook-id", ID.to_owned()), ("webhook-timestamp", timestamp)];
        let headers = headers.into_iter().chain([("webhook-signature", signature)]).collect();
        Self { headers, body: body.to_vec() }
    }

    pub fn of(body: &Value) -> Self {
        Self::at(NEW, now(), body.to_string().as_bytes())
    }

    /// The same with another value of one header; none takes it away.
    pub fn with(mut self, name: &str, value: Option<&str>) -> Self {
        let at = self.headers.iter().position(|(known, _)| *known == name).unwrap();
        match value {
            Some(value) => self.headers[at].1 = value.to_owned(),
            None => drop(self.headers.remove(at)),
        }
        self
    }

    pub fn read_with(&self, keys: &[AccessKey], now: DateTime<Utc>) -> Result<Call, CallRefusal> {
        self.read_as("POST", "", keys, now)
    }

    pub fn read_as(
        &self,
        method: &str,
        path_tail: &str,
        keys: &[AccessKey],
        now: DateTime<Utc>,
    ) -> Result<Call, CallRefusal> {
        let headers =
            |name: &str| self.headers.iter().find(|(known, _)| *known == name).map(|(_, it)| it.as_str());
        let request = RawRequest { method, path_tail, query: "", headers: &headers, body: &self.body };
        protocol().read(&request, keys, now)
    }

    pub fn read(&self) -> Result<Call, CallRefusal> {
        self.read_with(&keys(), now())
    }
}

/// Every type of event, complete and with every member.
pub const TYPES: &[&str] = &[
    "purchase.created",
    "purchase.renewed",
    "purchase.trial_converted",
    "purchase.renewal_cancelled",
    "purchase.changed",
    "purchase.suspended",
    "purchase.resumed",
    "purchase.released",
    "purchase.queried",
];

pub fn data(event_type: &str) -> Value {
    let mut data = json!({ "order_id": "A-1001", "line_id": "1" });
    let more = match event_type {
        "purchase.created" => json!({
            "sku": "CAD-YEAR", "quantity": 3, "customer": "cus_88", "term": "P1Y",
            "ends_at": "2027-02-01T00:00:00Z", "trial": false,
        }),
        "purchase.renewed" | "purchase.trial_converted" => {
            json!({ "renewal_id": "R-1", "ends_at": "2027-01-31T08:00:00Z", "term": "P1Y" })
        }
        "purchase.renewal_cancelled" => json!({ "renewal_id": "R-1", "ends_at": "2026-06-30T08:00:00Z" }),
        "purchase.changed" => json!({ "change_id": "C-1", "sku": "CAD-PRO", "quantity": 5 }),
        "purchase.suspended" | "purchase.resumed" | "purchase.released" | "purchase.queried" => json!({}),
        _ => panic!("{event_type}"),
    };
    for (name, value) in more.as_object().unwrap() {
        data[name] = value.clone();
    }
    data
}

pub fn event(event_type: &str) -> Value {
    json!({ "type": event_type, "timestamp": "2026-01-31T07:59:58Z", "data": data(event_type) })
}

/// The complete event with the member at a pointer set; null takes it away.
pub fn event_with(event_type: &str, pointer: &str, value: Value) -> Value {
    let mut event = event(event_type);
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    let parent = event.pointer_mut(parent).unwrap().as_object_mut().unwrap();
    match value {
        Value::Null => drop(parent.remove(name)),
        value => drop(parent.insert(name.to_owned(), value)),
    }
    event
}

/// The status and the body of the answer to what was refused.
pub fn refused(refusal: &CallRefusal) -> (u16, Value) {
    let answer = protocol().refuse(refusal, &keys());
    assert_eq!(answer.headers[0], ("Content-Type", "application/problem+json".to_owned()));
    let body: Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(body["status"], answer.status);
    assert_eq!(body["code"].as_str(), answer.result_code);
    assert!(body["reason"].as_str().is_some_and(|reason| !reason.is_empty()));
    (answer.status, body)
}
