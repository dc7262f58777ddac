//! Both sides are held to what two independent libraries compute.

use lictor::sandbox::event_shop;
use lictor::standard_webhooks::signature::{self, Signed, WebhookSecret};
use secrecy::SecretString;
use serde_json::Value;

#[test]
fn both_sides_compute_what_the_libraries_of_python_and_javascript_do() {
    let vectors: Value = serde_json::from_str(include_str!("../../vectors/standard_webhooks.json")).unwrap();
    let vectors = vectors["vectors"].as_array().unwrap();
    assert!(vectors.len() >= 10);
    for vector in vectors {
        let text = |name: &str| vector[name].as_str().unwrap();
        let (id, body, expected) = (text("id"), text("body").as_bytes(), text("signature"));
        let timestamp = vector["timestamp"].as_i64().unwrap();
        let written = timestamp.to_string();
        let typed = SecretString::from(text("secret").to_owned());
        let secret = WebhookSecret::parse(&typed).unwrap();
        let ours = signature::sign(&secret, id, &written, body);
        assert_eq!(ours.as_deref(), Ok(expected), "{}", text("name"));
        let theirs = event_shop::signature(&typed, id, &written, body);
        assert_eq!(theirs.as_deref(), Some(expected), "{}", text("name"));
        let signed = Signed { id, timestamp: &written, signatures: expected, body };
        let now = chrono::DateTime::from_timestamp(timestamp, 0).unwrap();
        assert_eq!(signature::verify(&[(7, secret)], &signed, now), Ok(7), "{}", text("name"));
    }
}
