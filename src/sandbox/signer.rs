//! The marketplace's side of its signatures, written from its pages.
//!
//! Source: zh-cn_topic_0070649248 (callbacks), zh-cn_topic_0070649066 (`authToken`), zh-cn_topic_0070649476 (Kit 2),
//! zh-cn_topic_0070649067 (`Body-Sign`), zh-cn_topic_0070649463 (open API).

use std::collections::BTreeMap;

use base64::Engine;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

fn mac(key: &str, parts: &[&[u8]]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).expect("any length will do");
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::new();
    for byte in bytes {
        for digit in [byte >> 4, byte & 15] {
            text.push(char::from_digit(digit.into(), 16).unwrap_or('0'));
        }
    }
    text
}

/// The three query parameters of a callback.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallbackSignature {
    pub signature: String,
    pub timestamp: String,
    pub nonce: String,
}

/// Signs a body that is already sorted and compact.
pub fn sign_callback(access_key: &str, timestamp: &str, nonce: &str, body: &[u8]) -> CallbackSignature {
    let inner = hex(&mac(access_key, &[body]));
    let message = [access_key, nonce, timestamp, &inner].concat();
    CallbackSignature {
        signature: hex(&mac(access_key, &[message.as_bytes()])),
        timestamp: timestamp.to_owned(),
        nonce: nonce.to_owned(),
    }
}

/// `authToken` of the older families: all parameters but itself, decoded, sorted by name as Java sorts strings.
pub fn auth_token(access_key: &str, parameters: &[(String, String)]) -> String {
    let mut sorted: Vec<_> = parameters.iter().filter(|(name, _)| name != "authToken").collect();
    sorted.sort_by(|(a, _), (b, _)| a.encode_utf16().cmp(b.encode_utf16()));
    let pairs: Vec<String> = sorted.iter().map(|(name, value)| [name, "=", value].concat()).collect();
    let time = sorted.iter().find(|(name, _)| name == "timeStamp").map_or("", |(_, value)| value);
    let key = [access_key, time].concat();
    base64::engine::general_purpose::STANDARD.encode(mac(&key, &[pairs.join("&").as_bytes()]))
}

/// `x-sign` of the Kit's second version: no inner HMAC.
pub fn kit_sign(access_key: &str, timestamp: &str, nonce: &str, payload: &[u8]) -> String {
    let head = [access_key, nonce, timestamp].concat();
    hex(&mac(access_key, &[head.as_bytes(), payload]))
}

/// What `Body-Sign` has to say about an answer.
pub fn body_sign(access_key: &str, answer: &[u8]) -> String {
    let signature = base64::engine::general_purpose::STANDARD.encode(mac(access_key, &[answer]));
    ["sign_type=\"HMAC-SHA256\", signature=\"", &signature, "\""].concat()
}

/// The header `signature` of a usage push (zh-cn_topic_0070649410), over a body that is sorted and compact.
pub fn usage_signature(access_key: &str, ts: &str, nonce: &str, body: &str) -> String {
    let signed = ["ts=", ts, "&nonce=", nonce, "&body=", body].concat();
    base64::engine::general_purpose::STANDARD.encode(mac(access_key, &[signed.as_bytes()]))
}

/// What a call to the open API says of itself.
pub struct OpenApiCall<'a> {
    pub method: &'a str,
    pub path: &'a str,
    /// Still percent-encoded.
    pub query: &'a str,
    /// By lower-case name.
    pub headers: &'a BTreeMap<String, String>,
    pub body: &'a [u8],
}

/// The SHA-256 of the canonical request, over the headers that `signed_headers` names (`a;b;c`). None when one of
/// them is not there.
pub fn canonical_hash(call: &OpenApiCall<'_>, signed_headers: &str) -> Option<String> {
    let mut lines = vec![call.method.to_owned()];
    lines.push(format!("{}/", call.path.trim_end_matches('/')));
    let mut query: Vec<&str> = call.query.split('&').filter(|pair| !pair.is_empty()).collect();
    query.sort_unstable();
    lines.push(query.join("&"));
    for name in signed_headers.split(';') {
        lines.push(format!("{name}:{}", call.headers.get(name)?.trim()));
    }
    lines.push(String::new());
    lines.push(signed_headers.to_owned());
    lines.push(hex(&Sha256::digest(call.body)));
    Some(hex(&Sha256::digest(lines.join("\n"))))
}

/// The signature that `secret_key` gives a call to the open API.
pub fn open_api_signature(call: &OpenApiCall<'_>, signed_headers: &str, secret_key: &str) -> Option<String> {
    let date = call.headers.get("x-sdk-date")?;
    let text = ["SDK-HMAC-SHA256", date, &canonical_hash(call, signed_headers)?].join("\n");
    Some(hex(&mac(secret_key, &[text.as_bytes()])))
}
