//! Signed calls, made with the sandbox's own signer, what a family of the server makes of them, and the tables of
//! parameters that its tests hold it to.
#![expect(clippy::unwrap_used, reason = "a test may fail anywhere, also in its helpers")]

#[path = "instance_rows.rs"]
mod instance_rows;

use chrono::{DateTime, Utc};
use lictor::domain::PurchaseOutcome;
use lictor::marketplace::{AccessKey, Call, CallRefusal, RawRequest, RefusalCause, protocol_for};
use lictor::sandbox::signer;
use serde_json::Value;

pub use instance_rows::{Row, complete, rows_hold, rows_of};

pub const KEY: &str = "isv-demo-key-0001";
const NONCE: &str = "50D83FDECAED6CCD8EF597F2A5779505";

pub fn now() -> DateTime<Utc> {
    DateTime::from_timestamp_millis(1_680_508_066_618).unwrap()
}

#[derive(Debug, Clone)]
pub struct Signed {
    pub query: String,
    pub body: Vec<u8>,
}

/// Signs exactly these bytes.
pub fn signed(body: &str) -> Signed {
    let timestamp = now().timestamp_millis().to_string();
    let signature = signer::sign_callback(KEY, &timestamp, NONCE, body.as_bytes()).signature;
    presented(body, &signature, &timestamp, NONCE)
}

/// The call as it would be sent with this signature.
pub fn presented(body: &str, signature: &str, timestamp: &str, nonce: &str) -> Signed {
    let query = format!("signature={signature}&timestamp={timestamp}&nonce={nonce}");
    Signed { query, body: body.as_bytes().to_vec() }
}

pub fn read(protocol: &str, call: &Signed) -> Result<Call, CallRefusal> {
    read_at(protocol, call, KEY, now())
}

pub fn read_at(protocol: &str, call: &Signed, key: &str, now: DateTime<Utc>) -> Result<Call, CallRefusal> {
    let request = RawRequest {
        method: "POST",
        path_tail: "",
        query: &call.query,
        headers: &|_| None,
        body: &call.body,
    };
    protocol_for(protocol).unwrap().read(&request, &[access_key(key)], now)
}

fn access_key(secret: &str) -> AccessKey {
    AccessKey { id: "k".into(), secret: secret.into() }
}

/// The body of the answer, and what was not fit to be sent. Whatever it says: HTTP 200, JSON, ASCII, signed.
pub fn answered(protocol: &str, call: &Call, outcome: &PurchaseOutcome) -> (String, Option<String>) {
    let answer = protocol_for(protocol).unwrap().answer(call, outcome, &[access_key(KEY)]);
    let header =
        |name| answer.headers.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str());
    assert_eq!(answer.status, 200);
    assert_eq!(header("Content-Type"), Some("application/json"));
    assert_eq!(header("Body-Sign"), Some(signer::body_sign(KEY, &answer.body).as_str()));
    assert!(answer.body.is_ascii());
    (String::from_utf8(answer.body).unwrap(), answer.fault)
}

/// Accepts the computed vector of an activity, and not with any other first digit of its signature.
pub fn vector_holds(protocol: &str, activity: &str) -> Call {
    let all: Value = serde_json::from_str(include_str!("../vectors/koogallery.json")).unwrap();
    let of_activity = |vector: &&Value| vector["body"].as_str().is_some_and(|body| body.contains(activity));
    let vectors = all["request_signature_v2"].as_array().unwrap();
    let vector = vectors.iter().find(of_activity).expect("there is one of this activity");
    let text = |name: &str| vector[name].as_str().unwrap();
    let at = DateTime::from_timestamp_millis(text("timestamp").parse().unwrap()).unwrap();
    let asked = |signature: &str| {
        let call = presented(text("body"), signature, text("timestamp"), text("nonce"));
        read_at(protocol, &call, text("access_key"), at)
    };
    let right = text("signature");
    for digit in "0123456789abcdef".chars().filter(|digit| !right.starts_with(*digit)) {
        let wrong = asked(&format!("{digit}{}", &right[1..])).unwrap_err();
        assert_eq!(wrong.cause, RefusalCause::SignatureWrong);
    }
    asked(right).unwrap()
}
