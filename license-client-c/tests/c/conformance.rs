//! The verdicts of the vectors, through the C ABI.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::process::Stdio;

use serde_json::Value;

use crate::compiled::{Library, Program, repository};

/// Each vector with the text of its keys, which the file names.
fn vectors() -> Vec<Value> {
    let path = repository().join("tests/vectors/token.jsonl");
    let text = fs::read_to_string(path).expect("the vectors");
    let (mut sets, mut vectors) = (BTreeMap::new(), Vec::new());
    for line in text.lines() {
        let mut line: Value = serde_json::from_str(line).expect("a JSON line");
        if let Some(name) = line["key_set"].as_str() {
            sets.insert(name.to_owned(), line["keys"].clone());
        } else {
            line["keys"] = sets[line["keys"].as_str().expect("a name")].clone();
            vectors.push(line);
        }
    }
    vectors
}

#[test]
fn every_vector_has_its_verdict_and_code_in_c() {
    let program = Program::compile("interop/c/conformance.c", Library::Static);
    let vectors = vectors();
    assert!(vectors.len() >= 500);
    let mut child =
        program.command().stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the program starts");
    let mut input = child.stdin.take().expect("a pipe");
    let questions: String = vectors.iter().map(|vector| format!("{}\n", question(vector))).collect();
    // From a thread: the program answers while it is asked.
    let asking = std::thread::spawn(move || input.write_all(questions.as_bytes()));
    let output = child.wait_with_output().expect("it ends");
    asking.join().expect("no panic").expect("every question is read");
    assert!(output.status.success());
    let answers: BTreeMap<String, Value> =
        String::from_utf8(output.stdout).expect("UTF-8").lines().map(answer).collect();
    assert_eq!(answers.len(), vectors.len());
    for vector in &vectors {
        let id = vector["id"].as_str().expect("an id");
        assert_eq!(answers[id]["valid"], vector["verdict"]["valid"], "{id}");
        assert_eq!(answers[id]["code"], vector["verdict"]["code"], "{id}");
    }
}

/// What a verifier is shown: not the verdict.
fn question(vector: &Value) -> Value {
    let mut question = vector.clone();
    let members = question.as_object_mut().expect("an object");
    members
        .retain(|name, _| ["id", "keys", "token", "status_list", "seen", "expect"].contains(&name.as_str()));
    question
}

fn answer(line: &str) -> (String, Value) {
    let answer: Value = serde_json::from_str(line).expect("a JSON line");
    (answer["id"].as_str().expect("an id").to_owned(), answer)
}
