//! What people do in most tests, in a line each.

use serde_json::{Value, json};

use super::Harness;
use super::api::{Answer, Api};

/// A license as its seller sees it, with key and claim code.
pub fn issue(harness: &Harness, spec: &str) -> Answer {
    let order = json!({ "product": "acme-cad", "spec": spec });
    harness.merchant().post("/v1/merchant/licenses?reveal=true", &order).expect(201)
}

/// A machine that differs from every other number's.
pub fn machine(number: u8) -> Value {
    use license_token::base64url::encode;
    let component = |name: u8| encode(&[name, number, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7]);
    json!({ "components": { "os": component(1), "fw": component(2), "brd": component(3) } })
}

/// Asks for a place with a license key.
pub fn activate(api: &Api, license_key: &str, number: u8, nonce: &str) -> Answer {
    let request = json!({
        "license_key": license_key, "machine": machine(number), "name": format!("desk {number}"), "nonce": nonce,
    });
    api.post("/v1/activations", &request)
}

/// Does something to a license as its merchant.
pub fn command(harness: &Harness, license: &str, verb: &str, body: &Value) -> Answer {
    harness.merchant().post(&format!("/v1/merchant/licenses/{license}/{verb}"), body)
}
