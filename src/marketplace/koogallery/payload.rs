//! The text that a body's signature covers: the body rendered anew, so that blanks and order carry no meaning.
//!
//! Source: zh-cn_topic_0070649248, zh-cn_topic_0070649476; the marketplace's sample project sorts the top level only.

use super::json::{self, Json, Object};
use crate::marketplace::RefusalCause;

/// The forms in which the body may have been signed, most likely first: members sorted and nulls dropped, the bytes
/// as received, members of every level sorted and nulls dropped. The pages show only bodies for which all agree.
pub(super) fn payload_forms(body: &[u8], members: &Object<'_>) -> Vec<Vec<u8>> {
    let mut forms =
        vec![Form::SortedAtTop.render(members), body.to_vec(), Form::SortedDeeply.render(members)];
    forms.dedup();
    forms
}

/// The sorted form of a body, as the marketplace's sample project makes it.
pub fn sorted_payload(body: &[u8]) -> Result<Vec<u8>, RefusalCause> {
    Ok(Form::SortedAtTop.render(&json::read_object(body)?))
}

/// One object without blanks, members in the order received.
pub(super) fn compact(members: &Object<'_>) -> String {
    let mut out = String::new();
    Form::SortedAtTop.object(members, false, &mut out);
    out
}

/// A value as a Java map prints it: texts bare, the rest as JSON; nothing for null.
pub(super) fn plain_text(value: &Json<'_>) -> Option<String> {
    match value {
        Json::Null => None,
        Json::Text(content) => Some(content.clone()),
        Json::Bool(_) | Json::Number(_) | Json::List(_) | Json::Object(_) => {
            let mut out = String::new();
            Form::SortedAtTop.value(value, &mut out);
            Some(out)
        }
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Form {
    SortedAtTop,
    SortedDeeply,
}

impl Form {
    fn render(self, members: &Object<'_>) -> Vec<u8> {
        let mut out = String::new();
        self.object(members, true, &mut out);
        out.into_bytes()
    }

    /// Names sort by UTF-16 code units, as in a Java `TreeMap`.
    fn object(self, Object(members): &Object<'_>, at_top: bool, out: &mut String) {
        let sorted = at_top || self == Self::SortedDeeply;
        let mut members: Vec<_> =
            members.iter().filter(|(_, value)| !sorted || *value != Json::Null).collect();
        if sorted {
            members.sort_by(|(a, _), (b, _)| a.encode_utf16().cmp(b.encode_utf16()));
        }
        out.push('{');
        for (at, (name, value)) in members.into_iter().enumerate() {
            if at > 0 {
                out.push(',');
            }
            text(name, out);
            out.push(':');
            self.value(value, out);
        }
        out.push('}');
    }

    fn value(self, value: &Json<'_>, out: &mut String) {
        match value {
            Json::Null => out.push_str("null"),
            Json::Bool(true) => out.push_str("true"),
            Json::Bool(false) => out.push_str("false"),
            Json::Number(source) => out.push_str(source),
            Json::Text(content) => text(content, out),
            Json::List(items) => self.list(items, out),
            Json::Object(members) => self.object(members, false, out),
        }
    }

    fn list(self, items: &[Json<'_>], out: &mut String) {
        out.push('[');
        for (at, item) in items.iter().enumerate() {
            if at > 0 {
                out.push(',');
            }
            self.value(item, out);
        }
        out.push(']');
    }
}

/// A string as Jackson writes it: only quotes, backslashes and control characters escaped, hex digits in upper case.
pub(super) fn text(content: &str, out: &mut String) {
    out.push('"');
    for character in content.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{8}' => out.push_str("\\b"),
            '\t' => out.push_str("\\t"),
            '\n' => out.push_str("\\n"),
            '\u{c}' => out.push_str("\\f"),
            '\r' => out.push_str("\\r"),
            '\0'..='\u{1f}' => out.push_str(&format!("\\u{:04X}", u32::from(character))),
            _ => out.push(character),
        }
    }
    out.push('"');
}
