//! The verdicts of the vectors, through the C ABI.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::process::Stdio;

use serde_json::Value;

use crate::compiled::{Library, Program, repository};

/// Each vector with its keys as text, and its id.
fn vectors() -> Vec<Value> {
    let folder = fs::read_dir(repository().join("tests/vectors/token")).expect("vectors");
    let read = |entry: std::io::Result<fs::DirEntry>| {
        let path = entry.expect("an entry").path();
        let text = fs::read_to_string(&path).expect("a vector");
        let mut vector: Value = serde_json::from_str(&text).expect("JSON");
        vector["keys"] = vector["keys"].to_string().into();
        vector["id"] = path.file_stem().expect("a name").to_string_lossy().into();
        vector
    };
    folder.map(read).collect()
}

#[test]
fn every_vector_has_its_verdict_and_code_in_c() {
    let program = Program::compile("interop/c/conformance.c", Library::Static);
    let vectors = vectors();
    assert!(vectors.len() > 200);
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
