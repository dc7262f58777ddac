//! Signed calls, made with the sandbox's own signer, and what the server makes of them.

use chrono::{DateTime, Duration, Utc};
use lictor::marketplace::{AccessKey, Call, CallRefusal, Protocol, RawAnswer, RawRequest, protocol_for};
use lictor::sandbox::signer;

pub const KEY: &str = "isv-demo-key-0001";
pub const OLD_KEY: &str = "isv-demo-key-0000";

pub fn now() -> DateTime<Utc> {
    DateTime::from_timestamp_millis(1_680_508_066_618).unwrap()
}

pub fn keys() -> Vec<AccessKey> {
    let key = |id: &str, secret: &str| AccessKey { id: id.into(), secret: secret.into() };
    vec![key("new", KEY), key("old", OLD_KEY)]
}

pub fn saas_v2() -> &'static dyn Protocol {
    protocol_for("saas-v2").unwrap()
}

#[derive(Debug, Clone)]
pub struct Signed {
    pub query: String,
    pub body: Vec<u8>,
}

/// Signs exactly these bytes, as sent at `now() + skew`.
pub fn signed_at(body: &str, skew: Duration) -> Signed {
    signed_with(KEY, body, &(now() + skew).timestamp_millis().to_string(), "50D83FDECAED6CCD8EF597F2A5779505")
}

pub fn signed(body: &str) -> Signed {
    signed_at(body, Duration::zero())
}

pub fn signed_with(key: &str, body: &str, timestamp: &str, nonce: &str) -> Signed {
    let signature = signer::sign_callback(key, timestamp, nonce, body.as_bytes()).signature;
    let query = format!("signature={signature}&timestamp={timestamp}&nonce={nonce}");
    Signed { query, body: body.as_bytes().to_vec() }
}

pub fn read(call: &Signed) -> Result<Call, CallRefusal> {
    read_as("POST", "", call)
}

pub fn read_as(method: &str, path_tail: &str, call: &Signed) -> Result<Call, CallRefusal> {
    let request = RawRequest { method, path_tail, query: &call.query, headers: &|_| None, body: &call.body };
    saas_v2().read(&request, &keys(), now())
}

pub fn header<'a>(answer: &'a RawAnswer, name: &str) -> Option<&'a str> {
    answer.headers.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str())
}
