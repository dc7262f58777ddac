//! Kit calls of both versions, signed as the marketplace's pages say.

use std::collections::BTreeMap;

use chrono::{DateTime, Duration, Utc};
use lictor::domain::{KitSync, PurchaseEvent};
use lictor::marketplace::{Call, CallRefusal, RawRequest, protocol_for};
use serde_json::{Value, json};

use crate::v1::{self, KEY, keys, now};

/// The interfaces and a complete body of each.
pub const INTERFACES: [&str; 5] =
    ["tenantSync", "applicationSync", "authSync", "singleOrgSync", "allOrgSync"];
/// Every family of KooGallery.
pub const FAMILIES: &[&str] = &["saas-v2", "license-online", "license-code", "saas-v1", "license-v1"];
const NONCE: &str = "50D83FDECAED6CCD8EF597F2A577950527928BA287D04E6036E92B2806FD17DA";

#[derive(Debug, Clone)]
pub struct Sent {
    pub tail: String,
    pub headers: BTreeMap<&'static str, String>,
    pub body: Vec<u8>,
}

/// `timeStamp` of an instant: Beijing's.
pub fn beijing(at: DateTime<Utc>) -> String {
    v1::time_stamp(at + Duration::hours(8))
}

pub fn complete(version: u8, interface: &str) -> Value {
    let user =
        json!({ "userName": "zhang", "name": "张三", "orgCode": "O1", "role": "user", "enable": "true" });
    let mut body = match interface {
        "tenantSync" => json!({ "instanceId": "i-1", "orderId": "CS1", "tenantId": "t-1",
            "tenantCode": "huawei", "name": "企业", "domainName": "https://t.example.com", "flag": 1 }),
        "applicationSync" => json!({ "instanceId": "i-1", "tenantId": "t-1", "appId": "a-1",
            "clientId": "c-1", "clientSecret": "QUJD/+==", "flag": 1 }),
        "authSync" => json!({ "instanceId": "i-1", "tenantId": "t-1", "appId": "a-1",
            "userList": if version == 1 { json!(json!([user]).to_string()) } else { json!([user]) },
            "currentSyncTime": beijing(now()), "flag": 1 }),
        "singleOrgSync" => json!({ "instanceId": "i-1", "tenantId": "t-1", "orgCode": "O1",
            "orgName": "研发", "parentCode": "", "flag": 1 }),
        "allOrgSync" if version == 1 => json!({ "instanceId": "i-1", "tenantId": "t-1",
            "orgInfo": json!([{ "orgCode": "O1", "name": "研发", "parentCode": "" }]).to_string() }),
        "allOrgSync" => json!({ "instanceId": "i-1", "tenantId": "t-1",
            "orgInfoList": [{ "orgCode": "O1", "orgName": "研发" }], "flag": 1 }),
        _ => panic!("{interface}"),
    };
    body["testFlag"] = json!(0);
    body["timeStamp"] = json!(beijing(now()));
    body
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Version 1: the token covers the members that are not blank.
pub fn sent_v1(key: &str, interface: &str, body: &str) -> Sent {
    let members: Value = serde_json::from_str(body).unwrap();
    let text = |value: &Value| match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let members = members.as_object().unwrap().iter().map(|(name, value)| (name.clone(), text(value)));
    let pairs: Vec<_> = members.filter(|(_, text)| !text.is_empty()).collect();
    let headers = BTreeMap::from([("authtoken", v1::token(key, &pairs))]);
    Sent { tail: format!("produceAPI/{interface}"), headers, body: body.into() }
}

/// Version 2 over a payload, sent as another body where that differs.
pub fn sent_v2(key: &str, interface: &str, payload: &str, at: DateTime<Utc>) -> Sent {
    let timestamp = at.timestamp_millis().to_string();
    let sign = hex(&v1::hmac(key, format!("{key}{NONCE}{timestamp}{payload}").as_bytes()));
    let headers = [("x-sign", sign), ("x-timestamp", timestamp), ("x-nonce", NONCE.to_owned())];
    let tail = format!("produceAPI/v2/{interface}");
    Sent { tail, headers: headers.into(), body: payload.into() }
}

/// A body of either version; serde_json writes members sorted, which is what version 2 signs.
pub fn sent(version: u8, interface: &str, body: &Value) -> Sent {
    match version {
        1 => sent_v1(KEY, interface, &body.to_string()),
        _ => sent_v2(KEY, interface, &body.to_string(), now()),
    }
}

pub fn read_by(family: &str, method: &str, sent: &Sent) -> Result<Call, CallRefusal> {
    let request = RawRequest {
        method,
        path_tail: &sent.tail,
        query: "",
        headers: &|name| sent.headers.get(name).map(String::as_str),
        body: &sent.body,
    };
    protocol_for(family).unwrap().read(&request, &keys(), now())
}

pub fn read(sent: &Sent) -> Result<Call, CallRefusal> {
    read_by("saas-v1", "POST", sent)
}

pub fn with(version: u8, interface: &str, name: &str, value: Value) -> Result<Call, CallRefusal> {
    let mut body = complete(version, interface);
    match value {
        Value::Null => drop(body.as_object_mut().unwrap().remove(name)),
        value => body[name] = value,
    }
    read(&sent(version, interface, &body))
}

pub fn synced(call: Call) -> KitSync {
    match call.event {
        PurchaseEvent::KitSynced(sync) => sync,
        other => panic!("{other:?}"),
    }
}
