//! What the marketplace reads: HTTP 200, `application/json`, ASCII, within the documented lengths, `Body-Sign`.
//!
//! Source: en-us_topic_000034 (what the console checks), zh-cn_topic_0070649067 and 0082027567 (`Body-Sign`:
//! the letter case of its name matters).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::Mac;
use secrecy::SecretString;
use serde::Serialize;

use super::result_code::{ResultCode, Wording, wording};
use super::signature::keyed;
use crate::marketplace::{AccessKey, CallRefusal, RawAnswer};

/// An answer under construction: the first member that breaks its documented length turns it into an internal error.
pub struct Answer {
    result: ResultCode,
    /// Names and values, the values as JSON, in the order in which they are sent.
    members: Vec<(&'static str, String)>,
    fault: Option<String>,
}

impl Answer {
    pub fn new(result: ResultCode) -> Self {
        let members = vec![("resultCode", json(result.code())), ("resultMsg", json(result.message()))];
        Self { result, members, fault: None }
    }

    /// Something that must not be sent: the marketplace reads `000005`, the log reads why.
    pub fn fault(words: impl Into<String>) -> Self {
        Self { fault: Some(words.into()), ..Self::new(ResultCode::InternalError) }
    }

    /// Adds a text of at most `limit` characters.
    pub fn text(self, name: &'static str, value: &str, limit: usize) -> Self {
        match within(name, value, limit) {
            Ok(()) => self.member(name, value),
            Err(words) => Self::fault(words),
        }
    }

    /// Adds a member; nothing is added to what has become an internal error.
    pub fn member<T: Serialize + ?Sized>(mut self, name: &'static str, value: &T) -> Self {
        if self.fault.is_none() {
            self.members.push((name, json(value)));
        }
        self
    }

    /// Signs with the key that signed the call.
    pub fn sign(self, key: Option<&AccessKey>) -> RawAnswer {
        let members: Vec<_> =
            self.members.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
        let body = ascii(&format!("{{{}}}", members.join(","))).into_bytes();
        let mut headers = vec![("Content-Type", "application/json".to_owned())];
        headers.extend(key.map(|key| ("Body-Sign", body_sign(&key.secret, &body))));
        RawAnswer { status: 200, headers, body, result_code: Some(self.result.code()), fault: self.fault }
    }
}

fn json<T: Serialize + ?Sized>(value: &T) -> String {
    serde_json::to_string(value).expect("text and lists of text always serialize")
}

/// Words a refusal; with the newest key when no key fitted, so that the answer is signed in any case.
pub fn refuse(refusal: &CallRefusal, keys: &[AccessKey]) -> RawAnswer {
    match wording(&refusal.cause) {
        Wording::Coded(result) => Answer::new(result).sign(keys.get(refusal.signed_by.unwrap_or(0))),
        Wording::Plain { status, code } => RawAnswer {
            status,
            headers: vec![("Content-Type", "application/problem+json".to_owned())],
            body: format!(r#"{{"status":{status},"code":"{code}"}}"#).into_bytes(),
            result_code: None,
            fault: None,
        },
    }
}

/// Whether a text fits its documented length, counted as Java counts: in UTF-16 code units.
pub fn within(name: &str, value: &str, limit: usize) -> Result<(), String> {
    let length = value.encode_utf16().count();
    if length > limit {
        return Err(format!("{name} would have {length} characters, the marketplace takes {limit}"));
    }
    Ok(())
}

/// The value of the `Body-Sign` header for exactly these bytes.
pub fn body_sign(secret: &SecretString, body: &[u8]) -> String {
    let mut mac = keyed(secret);
    mac.update(body);
    format!(r#"sign_type="HMAC-SHA256", signature="{}""#, STANDARD.encode(mac.finalize().into_bytes()))
}

/// Beyond ASCII, JSON is allowed only `\uXXXX` here. Such characters occur only inside strings.
fn ascii(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for character in json.chars() {
        if character.is_ascii() && character != '\u{7f}' {
            out.push(character);
        } else {
            for unit in character.encode_utf16(&mut [0; 2]) {
                out.push_str(&format!("\\u{unit:04x}"));
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> AccessKey {
        AccessKey { id: "k".into(), secret: "isv-demo-key-0001".into() }
    }

    #[test]
    fn an_answer_is_ascii_and_says_the_same() {
        let answer = Answer::new(ResultCode::Success)
            .text("memo", "激活码 \u{1f511}\u{7f} \"a\\b\"\n", 1024)
            .sign(Some(&key()));
        assert!(answer.body.is_ascii());
        assert!(!answer.body.contains(&0x7f));
        let read: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
        assert_eq!(read["memo"], "激活码 \u{1f511}\u{7f} \"a\\b\"\n");
        assert!(answer.body.starts_with(br#"{"resultCode":"000000","resultMsg":"success.","memo":"#));
    }

    #[test]
    fn a_member_beyond_its_length_is_never_sent() {
        let fits = "码".repeat(1024);
        assert_eq!(Answer::new(ResultCode::Success).text("memo", &fits, 1024).sign(Some(&key())).fault, None);
        for long in ["码".repeat(1025), "\u{1f511}".repeat(513)] {
            let answer = Answer::new(ResultCode::Success)
                .text("memo", &long, 1024)
                .text("x", "y", 1)
                .sign(Some(&key()));
            assert_eq!(answer.body, br#"{"resultCode":"000005","resultMsg":"internal error."}"#);
            assert!(answer.fault.unwrap().contains("memo would have"));
        }
    }

    #[test]
    fn a_channel_without_a_key_gets_an_unsigned_answer_and_no_panic() {
        let answer = Answer::new(ResultCode::AuthenticationFailed).sign(None);
        assert_eq!(answer.headers, [("Content-Type", "application/json".to_owned())]);
    }
}
