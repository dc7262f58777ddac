//! A call as it goes over the wire: written in some manner, and signed.
//!
//! Source: zh-cn_topic_0070649248 (query of JSON calls), zh-cn_topic_0070649066 (GET), zh-cn_topic_0070649135 and
//! zh-cn_topic_0070649476 (Kit).

use chrono::{DateTime, TimeDelta, Utc};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value, json};

use super::caller::{CallError, random_text};
use super::dice::Dice;
use super::family::Family;
use super::json_text::Tree;
use super::manner::{BodyForm, Manner, SignedForm, TokenPlus};
use super::signer;
use super::words::{Call, long_digits};

/// What `encodeURIComponent` and Java leave alone.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.');

/// A call, signed. Sending it twice is a replay.
#[derive(Debug, Clone, PartialEq)]
pub struct WrittenCall {
    pub family: Family,
    pub activity: &'static str,
    pub method: &'static str,
    /// Below the production address, with its slash; empty for everything but the Kit.
    pub path_tail: String,
    pub query: String,
    pub headers: Vec<(&'static str, String)>,
    pub body: Vec<u8>,
    /// What was said, with business id and whatever the manner added, without what signs it.
    pub members: Map<String, Value>,
}

impl WrittenCall {
    /// Whether it is a debugging call.
    pub fn is_test(&self) -> bool {
        self.members.get("testFlag").is_some_and(|flag| *flag == "1" || *flag == 1)
    }
}

/// Writes and signs a call of `now`.
pub fn written(
    call: &Call,
    manner: &Manner,
    access_key: &str,
    now: DateTime<Utc>,
) -> Result<WrittenCall, CallError> {
    let key = if manner.wrong_key { "a key that nobody gave this channel" } else { access_key };
    let mut members = members_of(call, manner)?;
    let sent_at = now + manner.skew;
    let said = members.clone();
    let parts = match call.family {
        Family::SaasV2 | Family::LicenseOnline | Family::LicenseCode => {
            members.insert("activity".to_owned(), call.activity.into());
            signed_query(&members, manner, key, sent_at)?
        }
        Family::LicenseV1 | Family::SaasV1 => {
            members.insert("activity".to_owned(), call.activity.into());
            signed_get(members, manner, key, sent_at)
        }
        Family::KitV1 | Family::KitV2 => signed_kit(call, members, manner, key, sent_at)?,
    };
    let mut headers = vec![("Accept", "application/json".to_owned())];
    headers.extend(parts.headers);
    Ok(WrittenCall {
        family: call.family,
        activity: call.activity,
        method: if call.family.is_get() { "GET" } else { "POST" },
        path_tail: parts.path_tail,
        query: parts.query,
        headers,
        body: parts.body,
        members: said,
    })
}

/// What a family's way of signing makes of a call.
#[derive(Default)]
struct Parts {
    path_tail: String,
    query: String,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
}

fn members_of(call: &Call, manner: &Manner) -> Result<Map<String, Value>, CallError> {
    let mut members = call.members.clone();
    members.retain(|name, value| {
        let absent = value.is_null() || manner.without.contains(&name.as_str());
        if absent && manner.nulls {
            *value = Value::Null;
        }
        !absent || manner.nulls
    });
    if call.is_purchase() && !members.contains_key("businessId") {
        members.insert("businessId".to_owned(), random_text(16)?.into());
    }
    if let (Some(millis), Some(Value::String(end))) = (manner.expire_millis, members.get_mut("expireTime")) {
        // The printed form of an application has no milliseconds.
        if end.len() == 14 {
            end.push_str(&format!("{millis:03}"));
        }
    }
    if manner.unknown_member {
        let inner = json!({ "zone": "cn-north-4", "added": [{ "since": 2027, "by": "新" }], "also": null });
        let flat = call.family.is_get() || call.family == Family::KitV1;
        members.insert("memberOfTomorrow".to_owned(), if flat { "a blank, a+plus".into() } else { inner });
    }
    Ok(members)
}

/// Body and payload: the latter is what is signed.
fn body_of(members: &Map<String, Value>, manner: &Manner) -> (String, String) {
    let mut dice = Dice::seeded(manner.order_seed);
    let whole = Value::Object(members.clone());
    let tree = match manner.body {
        BodyForm::Sorted => Tree::sorted(&whole),
        BodyForm::Shuffled | BodyForm::Spaced => Tree::shuffled(&whole, &mut dice),
    };
    let body = tree.render(manner.body == BodyForm::Spaced);
    let payload = match manner.signed {
        SignedForm::AsSent => body.clone(),
        SignedForm::SortedAtTop => sorted_at_top(tree).render(false),
        SignedForm::SortedDeeply => Tree::sorted(&without_nulls(whole)).render(false),
    };
    (body, payload)
}

/// Java sorts names by their UTF-16; what lies below keeps its order.
fn sorted_at_top(tree: Tree) -> Tree {
    let Tree::Object(mut members) = tree else { return tree };
    members.retain(|(_, value)| !matches!(value, Tree::Leaf(text) if text == "null"));
    members.sort_by(|(a, _), (b, _)| a.encode_utf16().cmp(b.encode_utf16()));
    Tree::Object(members)
}

fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            let kept = members.into_iter().filter(|(_, value)| !value.is_null());
            Value::Object(kept.map(|(name, value)| (name, without_nulls(value))).collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(without_nulls).collect()),
        other => other,
    }
}

fn timestamp_of(sent_at: DateTime<Utc>, manner: &Manner) -> String {
    if manner.in_seconds { sent_at.timestamp().to_string() } else { sent_at.timestamp_millis().to_string() }
}

fn json_type() -> (&'static str, String) {
    ("Content-Type", "application/json;charset=utf8".to_owned())
}

fn signed_query(
    members: &Map<String, Value>,
    manner: &Manner,
    key: &str,
    sent_at: DateTime<Utc>,
) -> Result<Parts, CallError> {
    let (body, payload) = body_of(members, manner);
    let timestamp = timestamp_of(sent_at, manner);
    let signed = signer::sign_callback(key, &timestamp, &random_text(32)?, payload.as_bytes());
    // The pages print signatures in upper case, the sample gives lower case.
    let upper = manner.order_seed % 2 == 1;
    let signature = if upper { signed.signature.to_uppercase() } else { signed.signature };
    let query = format!("signature={signature}&timestamp={timestamp}&nonce={}", signed.nonce);
    Ok(Parts { query, headers: vec![json_type()], body: body.into_bytes(), ..Parts::default() })
}

fn text_of(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

fn signed_get(members: Map<String, Value>, manner: &Manner, key: &str, sent_at: DateTime<Utc>) -> Parts {
    let mut pairs: Vec<(String, String)> = members
        .iter()
        .filter(|(_, value)| !value.is_null())
        .map(|(name, value)| (name.clone(), text_of(value)))
        .collect();
    pairs.push(("timeStamp".to_owned(), long_digits(sent_at)));
    let token = signer::auth_token(key, &pairs);
    pairs.push(("authToken".to_owned(), token));
    if manner.shuffled_query {
        Dice::seeded(manner.order_seed).shuffle(&mut pairs);
    }
    let pair = |(name, value): &(String, String)| {
        let encoded = utf8_percent_encode(value, ENCODED).to_string();
        let encoded = match (name.as_str(), manner.token_plus) {
            ("authToken", TokenPlus::Bare) => encoded.replace("%2B", "+"),
            ("authToken", TokenPlus::Blank) => encoded.replace("%2B", "%20"),
            (_, _) if manner.blank_as_plus => encoded.replace("%20", "+"),
            (_, _) => encoded,
        };
        format!("{name}={encoded}")
    };
    let query = pairs.iter().map(pair).collect::<Vec<_>>().join("&");
    Parts { query, ..Parts::default() }
}

fn signed_kit(
    call: &Call,
    mut members: Map<String, Value>,
    manner: &Manner,
    key: &str,
    sent_at: DateTime<Utc>,
) -> Result<Parts, CallError> {
    members.insert("timeStamp".to_owned(), beijing_digits(sent_at).into());
    if call.family == Family::KitV1 {
        let texts = members.iter().map(|(name, value)| (name.clone(), text_of(value)));
        let pairs: Vec<_> = texts.filter(|(_, text)| !text.trim().is_empty()).collect();
        let token = signer::auth_token(key, &pairs);
        let token = if manner.token_plus == TokenPlus::Blank { blanked(&token) } else { token };
        return Ok(Parts {
            path_tail: format!("/produceAPI/{}", call.activity),
            headers: vec![json_type(), ("authToken", token)],
            body: body_of(&members, manner).0.into_bytes(),
            ..Parts::default()
        });
    }
    let (body, payload) = body_of(&members, manner);
    let (timestamp, nonce) = (timestamp_of(sent_at, manner), random_text(32)?);
    let sign = signer::kit_sign(key, &timestamp, &nonce, payload.as_bytes());
    Ok(Parts {
        path_tail: format!("/produceAPI/v2/{}", call.activity),
        headers: vec![json_type(), ("x-sign", sign), ("x-timestamp", timestamp), ("x-nonce", nonce)],
        body: body.into_bytes(),
        ..Parts::default()
    })
}

/// With a blank for each `+` but a leading one: what a header's value begins with is not kept by HTTP.
fn blanked(token: &str) -> String {
    let (first, rest) = token.split_at(token.len().min(1));
    [first, &rest.replace('+', " ")].concat()
}

/// `yyyyMMddHHmmssSSS` in Beijing, as the Kit writes its times.
pub fn beijing_digits(instant: DateTime<Utc>) -> String {
    long_digits(instant + TimeDelta::hours(8))
}
