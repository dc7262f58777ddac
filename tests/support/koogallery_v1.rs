//! Calls as the marketplace's older families sign them, written from its pages and from nothing of the server's.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Duration, Utc};
use hmac::{Hmac, KeyInit, Mac};
use lictor::marketplace::{AccessKey, Call, CallRefusal, Protocol, RawAnswer, RawRequest};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use sha2::Sha256;

pub const KEY: &str = "isv-demo-key-0001";
pub const OLD_KEY: &str = "isv-demo-key-0000";

pub fn now() -> DateTime<Utc> {
    "2025-07-25T02:51:13.409Z".parse().expect("a test writes valid instants")
}

pub fn keys() -> Vec<AccessKey> {
    let key = |id: &str, secret: &str| AccessKey { id: id.into(), secret: secret.into() };
    vec![key("new", KEY), key("old", OLD_KEY)]
}

pub fn hmac(key: &str, message: &[u8]) -> [u8; 32] {
    let mut mac: Hmac<Sha256> =
        Hmac::new_from_slice(key.as_bytes()).expect("HMAC takes keys of every length");
    mac.update(message);
    mac.finalize().into_bytes().into()
}

pub fn time_stamp(at: DateTime<Utc>) -> String {
    at.format("%Y%m%d%H%M%S%3f").to_string()
}

/// `name=value` sorted by name; every name here is ASCII, so that bytes sort like code units.
pub fn token(key: &str, parameters: &[(String, String)]) -> String {
    let mut sorted: Vec<_> = parameters.to_vec();
    sorted.sort();
    let text: Vec<_> = sorted.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let time = sorted.iter().find(|(name, _)| name == "timeStamp").map_or("", |(_, value)| value);
    STANDARD.encode(hmac(&format!("{key}{time}"), text.join("&").as_bytes()))
}

pub fn encoded(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

pub fn joined(parameters: &[(String, String)]) -> String {
    let pair = |(name, value): &(String, String)| format!("{name}={}", encoded(value));
    parameters.iter().map(pair).collect::<Vec<_>>().join("&")
}

/// The query of a call: parameters, time and token.
pub fn signed_with(key: &str, parameters: &[(&str, &str)], time: &str) -> String {
    let mut parameters: Vec<(String, String)> =
        parameters.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    parameters.push(("timeStamp".to_owned(), time.to_owned()));
    let token = token(key, &parameters);
    parameters.push(("authToken".to_owned(), token));
    joined(&parameters)
}

pub fn signed_at(parameters: &[(&str, &str)], skew: Duration) -> String {
    signed_with(KEY, parameters, &time_stamp(now() + skew))
}

pub fn signed(parameters: &[(&str, &str)]) -> String {
    signed_at(parameters, Duration::zero())
}

pub fn read_as(
    protocol: &dyn Protocol,
    method: &str,
    path_tail: &str,
    query: &str,
) -> Result<Call, CallRefusal> {
    let request = RawRequest { method, path_tail, query, headers: &|_| None, body: b"" };
    protocol.read(&request, &keys(), now())
}

pub fn body_sign(key: &str, body: &[u8]) -> String {
    format!("sign_type=\"HMAC-SHA256\", signature=\"{}\"", STANDARD.encode(hmac(key, body)))
}

pub fn header<'a>(answer: &'a RawAnswer, name: &str) -> Option<&'a str> {
    answer.headers.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str())
}

/// What every answer has, whatever it says; gives its text.
pub fn text_of(answer: RawAnswer) -> (String, Option<String>) {
    assert_eq!(answer.status, 200);
    assert_eq!(header(&answer, "Content-Type"), Some("application/json"));
    assert_eq!(header(&answer, "Body-Sign"), Some(body_sign(KEY, &answer.body).as_str()));
    assert!(answer.body.is_ascii());
    (String::from_utf8(answer.body).expect("answers are ASCII"), answer.fault)
}
