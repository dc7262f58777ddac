//! The body as such: JSON, characters, result code and message.

use serde_json::{Map, Value};

use super::{Looking, length};
use crate::sandbox::judge::Rule;
use crate::sandbox::judge::exchange::WireAnswer;
use crate::sandbox::judge::kind::Kind;

const RESULT_MSG_CHARS_MAX: usize = 255;
/// zh-cn_topic_0070649421, zh-cn_topic_0070649114.
const EVERYWHERE: &[&str] = &["000000", "000001", "000002", "000003", "000004", "000005"];
const PURCHASES: &[&str] = &["000100", "000101", "000102", "000103", "000104", "000105", "000106", "000107"];
/// zh-cn_topic_0070649288.
const APPLICATIONS: &[&str] = &["000900", "000901", "000902", "000903"];

/// The members of the body, if they can be read.
pub fn look(looking: &mut Looking<'_>, answer: &WireAnswer) -> Option<Map<String, Value>> {
    let text = std::str::from_utf8(&answer.body);
    let read = text.map_err(|_| "it is no UTF-8".to_owned()).and_then(|text| {
        serde_json::from_str::<Map<String, Value>>(text)
            .map_err(|error| format!("it cannot be read: {error}"))
    });
    looking.hold(Rule::BodyJsonObject, read.as_ref().err().cloned());
    let members = read.ok()?;
    look_at_characters(looking, &members, text.unwrap_or_default());
    look_at_result(looking, &members);
    Some(members)
}

fn look_at_characters(looking: &mut Looking<'_>, members: &Map<String, Value>, sent: &str) {
    let mut found = Beyond::default();
    for (name, value) in members {
        found.walk(name, value);
    }
    looking.hold(Rule::ChineseOnlyInMemo, found.member.map(|name| format!("{name} holds such")));
    if !found.memos.is_empty() {
        let plain = found.memos.iter().any(|run| sent.contains(run.as_str()));
        looking.holds(Rule::MemoEscaped, !plain, || "they are sent as they are".to_owned());
    }
}

/// What lies beyond ASCII.
#[derive(Default)]
struct Beyond {
    /// The first member but `memo` that holds such.
    member: Option<String>,
    /// The first such characters of each `memo`.
    memos: Vec<String>,
}

impl Beyond {
    fn walk(&mut self, name: &str, value: &Value) {
        match value {
            Value::String(text) if name == "memo" => {
                let run: String = text
                    .chars()
                    .skip_while(char::is_ascii)
                    .take_while(|character| !character.is_ascii())
                    .collect();
                self.memos.extend(Some(run).filter(|run| !run.is_empty()));
            }
            Value::String(text) if text.is_ascii() && name.is_ascii() => {}
            Value::String(_) => _ = self.member.get_or_insert_with(|| name.to_owned()),
            Value::Array(items) => items.iter().for_each(|item| self.walk(name, item)),
            Value::Object(members) => members.iter().for_each(|(name, value)| self.walk(name, value)),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
}

fn look_at_result(looking: &mut Looking<'_>, members: &Map<String, Value>) {
    let text = |name: &str| members.get(name).and_then(Value::as_str);
    let absent = |name: &str| match members.get(name) {
        None | Some(Value::Null) => "there is none".to_owned(),
        Some(other) => format!("it is {other}"),
    };
    let code = text("resultCode");
    looking.holds(Rule::ResultCodePresent, code.is_some(), || absent("resultCode"));
    if let Some(code) = code {
        let is_known = [EVERYWHERE, PURCHASES, APPLICATIONS].iter().any(|codes| codes.contains(&code));
        looking.holds(Rule::ResultCodeDocumented, is_known, || format!("it is {code:?}"));
        if is_known {
            let fits = belongs(code, looking.exchange.kind());
            looking.holds(Rule::ResultCodeWhereItBelongs, fits, || format!("it answers {code}"));
        }
    }
    let message = text("resultMsg");
    looking.holds(Rule::ResultMsgPresent, message.is_some(), || absent("resultMsg"));
    if let Some(message) = message {
        let long = length(message);
        looking.holds(Rule::ResultMsgLength, long <= RESULT_MSG_CHARS_MAX, || format!("it has {long}"));
    }
}

/// A notice of an order may be answered like a purchase: it is one in other words.
fn belongs(code: &str, kind: Kind) -> bool {
    match kind {
        Kind::Purchase | Kind::Notice => code != "000003" && !APPLICATIONS.contains(&code),
        Kind::Application => !PURCHASES.contains(&code),
        // No page says what an upgrade that cannot be served is answered but with these.
        Kind::Change => !APPLICATIONS.contains(&code),
        Kind::Query | Kind::Release | Kind::Check | Kind::Sync | Kind::Unknown => EVERYWHERE.contains(&code),
    }
}
