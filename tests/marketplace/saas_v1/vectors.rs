//! The published call, and encrypted fields as a JDK makes them.

use lictor::marketplace::koogallery::sensitive::{EncryptType, aes_key, encrypt_with};
use lictor::marketplace::{AccessKey, RawRequest, protocol_for};
use secrecy::SecretString;
use serde_json::Value;

use crate::v1::encoded;

fn vectors(family: &str) -> Vec<Value> {
    let all: Value = serde_json::from_str(include_str!("../../vectors/koogallery.json")).unwrap();
    all[family].as_array().unwrap().clone()
}

#[test]
fn the_published_call_is_let_in() {
    let vectors = vectors("auth_token_v1");
    let vector = vectors.iter().find(|vector| vector["source"] == "published").unwrap();
    let query = vector["query"].as_object().unwrap().iter();
    let pairs = query.map(|(name, value)| format!("{name}={}", encoded(value.as_str().unwrap())));
    let token = format!("authToken={}", encoded(vector["authToken"].as_str().unwrap()));
    let query: Vec<_> = pairs.chain([token]).collect();
    let secret = SecretString::from(vector["key"].as_str().unwrap());
    let keys = [AccessKey { id: "vector".into(), secret }];
    let query = query.join("&");
    let request = RawRequest { method: "GET", path_tail: "", query: &query, headers: &|_| None, body: b"" };
    let now = "2020-07-27T07:37:12Z".parse().unwrap();
    let call = protocol_for("saas-v1").unwrap().read(&request, &keys, now).unwrap();
    assert_eq!((call.activity, call.test, call.signed_by), ("newInstance", true, 0));
}

#[test]
fn encrypted_fields_are_a_jdks() {
    let vectors = vectors("sensitive_field_aes");
    assert_eq!(vectors.len(), 2);
    for vector in vectors {
        let text = |name: &str| vector[name].as_str().unwrap().to_owned();
        let secret = SecretString::from(text("key"));
        let hex: String = aes_key(&secret).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!((&hex[..32], &hex[..64]), (text("aes128_key").as_str(), text("aes256_key").as_str()));
        let iv: [u8; 16] = text("iv").as_bytes().try_into().unwrap();
        let field = |kind| encrypt_with(&secret, kind, &iv, &text("plain"));
        assert_eq!(field(EncryptType::Aes256), text("field_aes256"));
        assert_eq!(field(EncryptType::Aes128), text("field_aes128"));
    }
}
