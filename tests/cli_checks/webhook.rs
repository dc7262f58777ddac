//! `lictor webhook sign` and `verify`: held to the vectors, one line in, one line out.

use serde_json::{Value, json};

use crate::{lines, run};

/// Runs a webhook command over bytes; the exit code, the answered lines, and what went to the error output.
fn webhook(verb: &str, input: &[u8]) -> (i32, Vec<Value>, String) {
    run(&["webhook", verb], input)
}

fn vectors() -> Vec<Value> {
    let text = include_str!("../vectors/standard_webhooks.json");
    let all: Value = serde_json::from_str(text).expect("the vectors are JSON");
    all["vectors"].as_array().expect("a list").clone()
}

/// A vector as a question to `verify`, at its own time.
fn verified(vector: &Value) -> Value {
    let mut question = vector.clone();
    question["now"] = vector["timestamp"].clone();
    question
}

/// The code for the first vector with a member changed; it is the only line.
#[track_caller]
fn code_with(changes: &[(&str, Value)], exit: i32) -> String {
    let mut question = verified(&vectors()[0]);
    for (name, value) in changes {
        question[*name] = value.clone();
    }
    let (code, answers, _) = webhook("verify", &lines(&[question]));
    assert_eq!((code, answers.len()), (exit, 1), "{answers:?}");
    assert_eq!(answers[0]["valid"], json!(exit == 0));
    answers[0]["code"].as_str().expect("a code").to_owned()
}

#[test]
fn every_vector_is_signed_and_verified() {
    let vectors = vectors();
    let (code, answers, _) = webhook("sign", &lines(&vectors));
    assert_eq!((code, answers.len()), (0, vectors.len()));
    for (vector, answer) in vectors.iter().zip(answers) {
        assert_eq!(answer, json!({ "signature": vector["signature"] }), "{}", vector["name"]);
    }
    let questions: Vec<Value> = vectors.iter().map(verified).collect();
    let (code, answers, _) = webhook("verify", &lines(&questions));
    assert_eq!(code, 0);
    assert_eq!(answers, vec![json!({ "valid": true, "code": "valid" }); vectors.len()]);
}

#[test]
fn each_reason_has_its_code_and_one_line_its_exit_code() {
    let vectors = vectors();
    let now = vectors[0]["timestamp"].as_i64().expect("seconds");
    assert_eq!(code_with(&[], 0), "valid");
    for skew in [-300, 300] {
        assert_eq!(code_with(&[("now", json!(now + skew))], 0), "valid");
        assert_eq!(code_with(&[("now", json!((now + skew).to_string()))], 0), "valid");
    }
    assert_eq!(code_with(&[("timestamp", json!(now.to_string()))], 0), "valid", "a number or its text");
    assert_eq!(code_with(&[("now", json!(now + 301))], 1), "timestamp_too_old");
    assert_eq!(code_with(&[("now", json!(now - 301))], 1), "timestamp_too_new");
    assert_eq!(
        code_with(&[("now", Value::Null)], 1),
        "timestamp_too_old",
        "the clock, where no time is given"
    );
    for (name, value, code) in [
        ("body", json!("{}"), "signature_mismatch"),
        ("id", json!("msg_other"), "signature_mismatch"),
        ("timestamp", json!(now + 1), "signature_mismatch"),
        ("secret", vectors[1]["secret"].clone(), "signature_mismatch"),
        ("signature", vectors[1]["signature"].clone(), "signature_mismatch"),
        ("signature", json!("v1a,AAAA"), "signature_mismatch"),
        ("signature", json!("v1,AAAA"), "signature_mismatch"),
        ("signature", json!("AAAA"), "malformed_signature"),
        ("signature", json!(""), "malformed_signature"),
        ("id", json!(""), "malformed_id"),
        ("id", json!("a.b"), "malformed_id"),
        ("timestamp", json!("now"), "malformed_timestamp"),
        ("timestamp", json!(1.5), "malformed_timestamp"),
        ("timestamp", json!(-1), "malformed_timestamp"),
        ("secret", json!("whsec_"), "malformed_secret"),
        ("secret", json!("bGljdG9yIHRlc3Qgc2VjcmV0IG51bWJlciAxISEh"), "malformed_secret"),
    ] {
        assert_eq!(code_with(&[(name, value.clone())], 1), code, "{name} {value}");
    }
    let several = format!("v1a,AAAA v1,BBBB {}", vectors[0]["signature"].as_str().expect("a text"));
    assert_eq!(code_with(&[("signature", json!(several))], 0), "valid");
}

#[test]
fn a_line_that_is_no_question_is_answered_and_the_run_goes_on() {
    let good = verified(&vectors()[0]);
    let mut missing = good.clone();
    missing.as_object_mut().expect("an object").remove("signature");
    let mut odd_type = good.clone();
    odd_type["body"] = json!({});
    let mut odd_now = good.clone();
    odd_now["now"] = json!("today");
    let broken = [missing.to_string(), odd_type.to_string(), odd_now.to_string()];
    let broken = broken.iter().map(String::as_str).chain(["{", "[]", "7", "null", "\"text\"", "{}"]);
    let broken: Vec<&str> = broken.collect();
    let mut input = lines(std::slice::from_ref(&good));
    for line in &broken {
        input.extend_from_slice(format!("{line}\r\n\n").as_bytes());
    }
    input.extend_from_slice(b"{\"body\":\"\xff\"}\n");
    input.extend_from_slice(format!("{{\"body\":\"{}\"}}\n", "x".repeat(600 * 1024)).as_bytes());
    input.extend_from_slice(good.to_string().as_bytes());
    let (code, answers, _) = webhook("verify", &input);
    assert_eq!((code, answers.len()), (0, broken.len() + 4), "every line was answered");
    let (first, last) = (&answers[0], &answers[answers.len() - 1]);
    assert_eq!((&first["valid"], &last["valid"]), (&json!(true), &json!(true)));
    for answer in &answers[1..answers.len() - 1] {
        assert!(answer["error"].as_str().is_some_and(|words| !words.is_empty()), "{answer}");
        assert_eq!(answer.get("valid"), None);
    }
    for alone in ["{", "[]", "{}"] {
        assert_eq!(webhook("verify", alone.as_bytes()).0, 1, "{alone}");
        assert_eq!(webhook("sign", alone.as_bytes()).0, 1, "{alone}");
    }
}

#[test]
fn what_cannot_be_signed_is_told_without_its_secret() {
    for (name, value, told) in [
        ("secret", json!("whsec_geheim"), "malformed_secret"),
        ("id", json!("a b"), "malformed_id"),
        ("timestamp", json!("1e3"), "malformed_timestamp"),
    ] {
        let mut question = vectors()[0].clone();
        question[name] = value;
        let (code, answers, _) = webhook("sign", &lines(&[question]));
        let words = answers[0]["error"].as_str().expect("an error");
        assert!(code == 1 && words.starts_with(told) && !words.contains("geheim"), "{words}");
    }
}

#[test]
fn wrong_usage_ends_with_2() {
    for verb in ["sign", "verify"] {
        let (code, answers, told) = webhook(verb, b"");
        assert_eq!((code, answers.len()), (2, 0));
        assert!(told.contains("standard input"), "{told}");
    }
    assert_eq!(webhook("judge", b"").0, 2);
}
