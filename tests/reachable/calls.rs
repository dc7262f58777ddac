//! Really signed calls of a marketplace, as the bytes that go over the wire.

use chrono::{DateTime, Utc};
use lictor::sandbox::signer;
use serde_json::Value;

use crate::certificates::HOST;
use crate::process::ACCESS_KEY;
use crate::v1;
use crate::wire::Answer;

fn now() -> DateTime<Utc> {
    lictor::application::ports::Clock::now(&lictor::clock::SystemClock)
}

/// A text that no other call has.
fn fresh() -> String {
    lictor::randomness::random_bytes()[..16].iter().map(|byte| format!("{byte:02X}")).collect()
}

/// `POST` of `saas-v2`, signed over exactly this body.
pub struct Post {
    pub target: String,
    pub body: Vec<u8>,
}

impl Post {
    pub fn of(body: &str) -> Self {
        Self::signed_with(ACCESS_KEY, body)
    }

    pub fn signed_with(key: &str, body: &str) -> Self {
        let (timestamp, nonce) = (now().timestamp_millis().to_string(), fresh());
        let signature = signer::sign_callback(key, &timestamp, &nonce, body.as_bytes()).signature;
        let query = format!("signature={signature}&timestamp={timestamp}&nonce={nonce}");
        Self { target: format!("/marketplace/acme/cad-koogallery?{query}"), body: body.as_bytes().to_vec() }
    }

    /// A purchase whose body no serializer would write: the signature fits only over these very bytes.
    pub fn unusual_purchase() -> Self {
        let order = fresh();
        Self::of(&format!(
            "{{ \"orderLineId\" :\t\"{order}-1\",\r\n  \"activity\":\"newInstance\" ,\"note\" : \"许可 ß €  \u{1f511}\" ,\n \
             \"testFlag\":\"0\",  \"orderId\":\"{order}\" , \"businessId\":\"b-{order}\" }}  "
        ))
    }

    pub fn bytes(&self, connection: &str) -> Vec<u8> {
        let head = format!(
            "POST {} HTTP/1.1\r\nHost: {HOST}\r\nConnection: {connection}\r\nAccept-Encoding: gzip, br\r\n\
             Content-Type: application/json;charset=utf8\r\nContent-Length: {}\r\n\r\n",
            self.target,
            self.body.len()
        );
        [head.as_bytes(), &self.body].concat()
    }
}

/// The address of a call of an older family, with `+`, `%2B` and `%20` in it: the token fits only while the first stays a
/// plus and none of them becomes another.
pub fn unusual_get(channel: &str) -> String {
    let order = fresh();
    let activity = if channel == "cad-license" { "getLicense" } else { "newInstance" };
    let parameters = [
        ("activity", activity),
        ("customerId", "buyer-1"),
        ("customerName", "Plus+Blank And+Söhne 许可"),
        ("businessId", &format!("b-{order}")),
        ("orderId", &order),
        ("skuCode", "CAD-YEAR"),
        ("productId", "00301-666666-0--0"),
        ("chargingMode", "1"),
        ("periodType", "year"),
        ("periodNumber", "1"),
    ];
    let query = v1::signed_with(ACCESS_KEY, &parameters, &v1::time_stamp(now()));
    let unusual = query.replacen("Plus%2BBlank", "Plus+Blank", 1);
    assert!(unusual != query && unusual.contains("%2B") && unusual.contains("%20"), "{unusual}");
    format!("/marketplace/acme/{channel}?{unusual}")
}

/// The longest body that is read anywhere.
pub const BODY_BYTES_MAX: usize = 1024 * 1024;

/// A request with a body of this length. What is beyond the limit a proxy refuses before it comes; the service reads it.
pub fn sized(target: &str, bytes: usize, proxied: bool) -> Vec<u8> {
    let head = format!(
        "POST {target} HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\nContent-Length: {bytes}\r\n\r\n"
    );
    let is_sent = bytes <= BODY_BYTES_MAX || !proxied;
    (head + &"x".repeat(if is_sent { bytes } else { 0 })).into_bytes()
}

pub fn get(target: &str) -> Vec<u8> {
    format!("GET {target} HTTP/1.1\r\nHost: {HOST}\r\nAccept-Encoding: gzip, br\r\n\r\n").into_bytes()
}

/// The result code of an answer whose `Body-Sign`, in exactly these letters, fits its exact bytes.
#[track_caller]
pub fn signed_result(answer: &Answer) -> String {
    assert_eq!(answer.status(), 200, "{answer:?}");
    assert_eq!(answer.header("Body-Sign"), signer::body_sign(ACCESS_KEY, &answer.body));
    assert_eq!(answer.header("Content-Type"), "application/json");
    let body: Value = serde_json::from_slice(&answer.body).expect("JSON");
    body["resultCode"].as_str().expect("every answer has one").to_owned()
}
