//! One token, judged with given keys and expectations: a question of the conformance protocol (`docs/conformance.md`) and
//! its answer. This is the Rust verifier behind a C ABI, not another one.

use std::ffi::c_char;

use license_token::json::{self, Limits, ObjectWriter, Value};
use license_token::verdict::{self, QuotaNeed};
use license_token::{
    Amount, Code, Commitment, Component, Env, Expectation, KeySet, KnownList, Machine, SeenList,
    StatusListClaims, TokenType, UnverifiedToken, VerifiedToken,
};

use crate::border::{self, JSON_MAX_BYTES, Place, guarded};
use crate::error::Error;

const LIMITS: Limits = Limits { max_bytes: JSON_MAX_BYTES, max_depth: 8 };

/// Answers one question of the conformance protocol: {`id`, `keys`, `token`, …} → {`id`, `valid`, `code`}.
///
/// # Safety
/// The rules of the [crate](crate#safety).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lictor_judge(question: *const c_char, answer: *mut *mut c_char) -> Error {
    guarded(|| {
        // SAFETY: rule 2.
        let answer = unsafe { Place::emptied(answer)? };
        // SAFETY: rule 1.
        let question = unsafe { border::text(question, JSON_MAX_BYTES)? };
        answer.put_text(&answer_to(question).ok_or(Error::InvalidQuestion)?);
        Ok(())
    })
}

/// `None`: no question.
fn answer_to(question: &str) -> Option<String> {
    let question = json::parse(question.as_bytes(), &LIMITS).ok()?;
    let id = text(&question, "id")?;
    let judged = judge(&question)?;
    let mut answer = ObjectWriter::new();
    answer.string("id", id).json("valid", if judged.is_ok() { "true" } else { "false" });
    match judged {
        Ok(()) => answer.json("code", "null"),
        Err(code) => answer.string("code", code.as_str()),
    };
    Some(answer.finish())
}

fn judge(question: &Value) -> Option<Result<(), Code>> {
    let (keys, token) = (text(question, "keys")?, text(question, "token")?);
    let expect = question.get("expect")?;
    let typ = TokenType::from_typ(text(expect, "typ")?)?;
    let (now, floor) =
        (expect.get("now")?.as_integer()?, expect.get("floor").map_or(Some(0), Value::as_integer)?);
    let seen = match question.get("seen") {
        Some(seen) => Some(seen_list(seen)?),
        None => None,
    };
    let machine = match expect.get("machine") {
        Some(machine) => Some(machine_of(machine, text(expect, "device_key"))?),
        None => None,
    };
    let entitlements =
        elements(expect, "entitlements")?.iter().map(Value::as_str).collect::<Option<Vec<_>>>()?;
    let quota = elements(expect, "quota")?.iter().map(quota_need).collect::<Option<Vec<_>>>()?;
    // What is expected and cannot be understood must not become "not checked".
    let env = text_if(expect, "env")?.map_or(Some(None), |env| Env::from_text(env).map(Some))?;
    let (issuer, audience) = (text_if(expect, "iss")?, text_if(expect, "aud")?);
    let Ok(keys) = KeySet::parse(keys.as_bytes()) else { return Some(Err(Code::UnknownKey)) };
    // A status list that does not verify counts as not there.
    let list = text(question, "status_list").and_then(|list| verified_list(list, &keys));
    let known: Vec<KnownList<'_>> = list.iter().map(|list| KnownList { list, seen }).collect();
    let expectation = Expectation {
        floor,
        issuer,
        audience,
        env,
        machine: machine.as_ref(),
        lists: Some(&known),
        entitlements: &entitlements,
        quota: &quota,
        ..Expectation::at(now)
    };
    let judged = verdict::judge(token, &keys, typ, &expectation);
    Some(judged.map(drop).map_err(|refusal| refusal.code()))
}

fn verified_list(list: &str, keys: &KeySet) -> Option<VerifiedToken<StatusListClaims>> {
    UnverifiedToken::parse_status_list(list).ok()?.verify(keys).ok()
}

fn seen_list(seen: &Value) -> Option<SeenList<'_>> {
    let number = |name| seen.get(name)?.as_integer();
    Some(SeenList { seq: number("seq")?, iat: number("iat")?, text: text(seen, "status_list") })
}

fn machine_of(offered: &Value, device_key: Option<&str>) -> Option<Machine> {
    let entry = |(name, value): (&String, &Value)| {
        Some((Component::from_text(name)?, Commitment::parse(value.as_str()?)?))
    };
    // A component that is unknown here, or committed in another way, is not offered.
    let components = offered.as_object()?.iter().filter_map(entry).collect();
    Some(Machine { components, device_key: device_key.map(str::to_owned) })
}

fn quota_need(need: &Value) -> Option<QuotaNeed<'_>> {
    Some(QuotaNeed { metric: text(need, "metric")?, amount: Amount::parse(text(need, "amount")?)? })
}

/// The elements of an array that may be absent.
fn elements<'a>(value: &'a Value, name: &str) -> Option<&'a [Value]> {
    value.get(name).map_or(Some(&[]), Value::as_array)
}

/// A text that may be absent; `None`: it is something else than a text.
fn text_if<'a>(value: &'a Value, name: &str) -> Option<Option<&'a str>> {
    value.get(name).map_or(Some(None), |found| found.as_str().map(Some))
}

fn text<'a>(value: &'a Value, name: &str) -> Option<&'a str> {
    value.get(name)?.as_str()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_question_has_no_answer() {
        let question = |expect: &str| format!(r#"{{"id":"a","keys":"{{}}","token":"","expect":{expect}}}"#);
        for text in [
            "",
            "null",
            "[]",
            "{",
            r#"{"id":7}"#,
            r#"{"id":"a"}"#,
            &question("{}"),
            &question(r#"{"typ":"JWT","now":1}"#),
            &question(r#"{"typ":"license+jwt","now":1,"quota":[1]}"#),
            &question(r#"{"typ":"license+jwt","now":1,"machine":1}"#),
            &question(r#"{"typ":"license+jwt","now":1,"env":"prod"}"#),
            &question(r#"{"typ":"license+jwt","now":1,"iss":7}"#),
        ] {
            assert_eq!(answer_to(text), None, "{text}");
        }
    }

    #[test]
    fn an_answer_names_its_question() {
        let question =
            r#"{"id":"\"\n\u4e2d","keys":"","token":"","expect":{"typ":"license+jwt","now":1},"later":1}"#;
        let answer = r#"{"id":"\"\u000a中","valid":false,"code":"unknown_key"}"#;
        assert_eq!(answer_to(question).as_deref(), Some(answer));
    }
}
