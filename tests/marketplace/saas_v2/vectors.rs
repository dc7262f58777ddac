//! Published and independently computed signatures: both rooms, the server's and the sandbox's, have to give them.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use lictor::marketplace::koogallery::sdk_hmac::{Signable, authorization};
use lictor::marketplace::koogallery::{body_sign, payload, signature};
use lictor::marketplace::{AccessKey, RawRequest, RefusalCause, protocol_for};
use lictor::sandbox::signer;
use secrecy::SecretString;
use serde_json::Value;

fn vectors(family: &str) -> Vec<Value> {
    let text = include_str!("../../vectors/koogallery.json");
    let all: Value = serde_json::from_str(text).unwrap();
    let vectors = all[family].as_array().unwrap().clone();
    assert!(!vectors.is_empty());
    vectors
}

fn text<'a>(vector: &'a Value, name: &str) -> &'a str {
    vector[name].as_str().unwrap_or_else(|| panic!("{name}"))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn at(timestamp: &str) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(timestamp.parse().unwrap()).unwrap()
}

/// Index of the key that signed, or the reason why none did.
fn signed_by(vector: &Value, signature: &str) -> Result<usize, RefusalCause> {
    let (timestamp, nonce) = (text(vector, "timestamp"), text(vector, "nonce"));
    let query = format!("signature={signature}&timestamp={timestamp}&nonce={nonce}");
    let secret = SecretString::from(text(vector, "access_key"));
    let other = AccessKey { id: "other".into(), secret: "another key".into() };
    let keys = [other, AccessKey { id: "vector".into(), secret }];
    let request = RawRequest {
        method: "POST",
        path_tail: "",
        query: &query,
        headers: &|_| None,
        body: text(vector, "body").as_bytes(),
    };
    match protocol_for("saas-v2").unwrap().read(&request, &keys, at(timestamp)) {
        Ok(call) => Ok(call.signed_by),
        Err(refusal) => refusal.signed_by.ok_or(refusal.cause),
    }
}

#[test]
fn the_server_signs_and_accepts_the_request_signature_vectors() {
    for vector in vectors("request_signature_v2") {
        let secret = SecretString::from(text(&vector, "access_key"));
        let payload = payload::sorted_payload(text(&vector, "body").as_bytes()).unwrap();
        assert_eq!(String::from_utf8(payload.clone()).unwrap(), text(&vector, "signed_payload"));
        let signed = signature::sign(&secret, text(&vector, "nonce"), text(&vector, "timestamp"), &payload);
        assert_eq!(hex(&signed), text(&vector, "signature"));
        let printed = text(&vector, "signature");
        assert_eq!(signed_by(&vector, printed), Ok(1));
        assert_eq!(signed_by(&vector, &printed.to_uppercase()), Ok(1));
        if let Some(over_raw_body) = vector["signature_over_raw_body"].as_str() {
            assert_eq!(signed_by(&vector, over_raw_body), Ok(1));
        }
    }
}

#[test]
fn the_sandbox_signs_the_request_signature_vectors() {
    for vector in vectors("request_signature_v2") {
        let sign = |body: &str| {
            let (key, time, nonce) = ("access_key", "timestamp", "nonce");
            signer::sign_callback(
                text(&vector, key),
                text(&vector, time),
                text(&vector, nonce),
                body.as_bytes(),
            )
        };
        assert_eq!(sign(text(&vector, "signed_payload")).signature, text(&vector, "signature"));
        if let Some(over_raw_body) = vector["signature_over_raw_body"].as_str() {
            assert_eq!(sign(text(&vector, "body")).signature, over_raw_body);
        }
    }
}

#[test]
fn both_give_the_body_sign_vectors() {
    for vector in vectors("body_sign") {
        let (key, body) = (text(&vector, "key"), text(&vector, "body").as_bytes());
        let expected = text(&vector, "header").strip_prefix("Body-Sign: ").unwrap();
        assert_eq!(body_sign(&SecretString::from(key), body), expected);
        assert_eq!(signer::body_sign(key, body), expected);
    }
}

#[test]
fn both_give_the_sdk_hmac_sha256_vectors() {
    for vector in vectors("sdk_hmac_sha256") {
        let path = text(&vector, "url").strip_prefix("https://mkt.myhuaweicloud.com").unwrap();
        let headers = vector["headers"].as_object().unwrap();
        let headers: Vec<_> =
            headers.iter().map(|(name, value)| (name.as_str(), value.as_str().unwrap())).collect();
        let (method, body) = (text(&vector, "method"), text(&vector, "body").as_bytes());
        let (names, secret) = (text(&vector, "signed_headers"), text(&vector, "secret_key"));

        let call = Signable { method, path, query: &[], headers: &headers, body };
        assert_eq!(call.canonical_hash(), text(&vector, "hashed_canonical_request"));
        assert_eq!(
            authorization(&call, "AK", &SecretString::from(secret)),
            format!(
                "SDK-HMAC-SHA256 Access=AK, SignedHeaders={names}, Signature={}",
                text(&vector, "signature")
            )
        );

        let lower = headers.iter().map(|(name, value)| (name.to_lowercase(), (*value).to_owned()));
        let headers: BTreeMap<String, String> = lower.collect();
        let call = signer::OpenApiCall { method, path, query: "", headers: &headers, body };
        assert_eq!(
            signer::canonical_hash(&call, names).as_deref(),
            vector["hashed_canonical_request"].as_str()
        );
        assert_eq!(signer::open_api_signature(&call, names, secret).as_deref(), vector["signature"].as_str());
    }
}
