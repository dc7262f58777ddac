//! Published and independently computed tokens and answers.

use lictor::marketplace::koogallery::{auth_token, body_sign};
use lictor::marketplace::{AccessKey, RawRequest, protocol_for};
use secrecy::SecretString;
use serde_json::Value;

use crate::v1::{encoded, joined, token};

fn vectors(family: &str) -> Vec<Value> {
    let all: Value = serde_json::from_str(include_str!("../../vectors/koogallery.json")).unwrap();
    all[family].as_array().unwrap().clone()
}

fn parameters(vector: &Value) -> Vec<(String, String)> {
    let query = vector["query"].as_object().unwrap();
    query.iter().map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned())).collect()
}

#[test]
fn both_sides_give_the_token_vectors() {
    let vectors = vectors("auth_token_v1");
    assert_eq!(vectors.len(), 2);
    for vector in vectors {
        let (key, parameters) = (vector["key"].as_str().unwrap(), parameters(&vector));
        let pairs = parameters.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let message = auth_token::message(pairs);
        assert_eq!(message, vector["message"].as_str().unwrap());
        let time = vector["query"]["timeStamp"].as_str().unwrap();
        let signed = auth_token::auth_token(&SecretString::from(key), time, &message);
        let printed = vector["authToken"].as_str().unwrap();
        assert_eq!(base64::Engine::encode(&base64::engine::general_purpose::STANDARD, signed), printed);
        assert_eq!(token(key, &parameters), printed);
    }
}

/// The one vector whose activity is License 1.0's; the other is read by SaaS V1.
#[test]
fn the_vector_is_read_as_the_call_it_is() {
    let vector = vectors("auth_token_v1").into_iter().find(|it| it["query"]["activity"] == "getLicense");
    let vector = vector.unwrap();
    let query = format!(
        "{}&authToken={}",
        joined(&parameters(&vector)),
        encoded(vector["authToken"].as_str().unwrap())
    );
    let secret = SecretString::from(vector["key"].as_str().unwrap());
    let keys = [AccessKey { id: "vector".into(), secret }];
    let request = RawRequest { method: "GET", path_tail: "", query: &query, headers: &|_| None, body: b"" };
    let now = "2025-07-25T02:51:13Z".parse().unwrap();
    let call = protocol_for("license-v1").unwrap().read(&request, &keys, now).unwrap();
    assert_eq!((call.activity, call.test), ("getLicense", false));
}

#[test]
fn the_answer_of_the_vector_is_signed_as_printed() {
    for vector in vectors("body_sign") {
        let (key, body) = (vector["key"].as_str().unwrap(), vector["body"].as_str().unwrap());
        let expected = vector["header"].as_str().unwrap().strip_prefix("Body-Sign: ").unwrap();
        assert_eq!(body_sign(&SecretString::from(key), body.as_bytes()), expected);
        assert_eq!(crate::v1::body_sign(key, body.as_bytes()), expected);
    }
}
