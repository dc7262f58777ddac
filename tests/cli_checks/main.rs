//! Checks for integrators: JSON lines in, JSON lines out, each held to published vectors.

mod calendar;
mod conformance;
mod crypto;
mod status;
mod webhook;

use std::io::Write as _;
use std::process::{Command, Stdio};

use serde_json::Value;

/// Runs a command over bytes; the exit code, the answered lines, and what went to the error output.
fn run(args: &[&str], input: &[u8]) -> (i32, Vec<Value>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lictor"));
    command.env_clear().args(args);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the program starts");
    let mut stdin = child.stdin.take().expect("piped");
    let input = input.to_vec();
    let writer = std::thread::spawn(move || stdin.write_all(&input));
    let output = child.wait_with_output().expect("it ends");
    writer.join().expect("no panic").expect("all was read");
    let lines = String::from_utf8(output.stdout).expect("UTF-8");
    let lines = lines.lines().map(|line| serde_json::from_str(line).expect("one JSON value per line"));
    let told = String::from_utf8(output.stderr).expect("UTF-8");
    (output.status.code().expect("no signal"), lines.collect(), told)
}

fn lines(questions: &[Value]) -> Vec<u8> {
    questions.iter().flat_map(|question| format!("{question}\n").into_bytes()).collect()
}

/// The exit code and the answer to the only line.
fn one(args: &[&str], question: &Value) -> (i32, Value) {
    let (code, answers, _) = run(args, &lines(std::slice::from_ref(question)));
    let [answer] = answers.as_slice() else { panic!("{question}: {answers:?}") };
    (code, answer.clone())
}

/// What is wrong with a question, in words: it is no other than these, it is refused, and the next line is answered.
#[track_caller]
fn refused(args: &[&str], question: &Value, words: &str) {
    let (code, answer) = one(args, question);
    let told = answer["error"].as_str().unwrap_or_else(|| panic!("{question}: {answer}"));
    assert!(code == 1 && told.contains(words), "{question}: {code} {told}");
    let (code, answers, _) = run(args, &lines(&[question.clone(), question.clone()]));
    assert_eq!((code, answers.len()), (0, 2), "many lines were answered");
}

/// A member of a file of vectors.
fn vectors(text: &str) -> Vec<Value> {
    let all: Value = serde_json::from_str(text).expect("the vectors are JSON");
    all["vectors"].as_array().expect("a list").clone()
}

#[test]
fn the_examples_of_the_document_print_what_it_says() {
    let folder = tempfile::tempdir().expect("a folder");
    let token_format = include_str!("../../docs/token-format.md");
    let (_, keys) = token_format.split_once("```json keys\n").expect("the keys of the example");
    let keys = keys.split_once("```").expect("an end").0;
    std::fs::write(folder.path().join("keys.json"), keys).expect("writable");
    let lines: Vec<&str> = include_str!("../../docs/cli-checks.md").lines().collect();
    let mut shown = 0;
    for pair in lines.windows(2) {
        let Some(example) = pair[0].strip_prefix("$ ").filter(|example| example.starts_with("echo ")) else {
            continue;
        };
        let example = example.replace("| lictor ", concat!("| ", env!("CARGO_BIN_EXE_lictor"), " "));
        let output = Command::new("bash").args(["-c", &example]).current_dir(folder.path()).output();
        let printed = String::from_utf8(output.expect("there is a shell").stdout).expect("UTF-8");
        assert_eq!(printed.trim_end(), pair[1], "{example}");
        shown += 1;
    }
    assert!(shown >= 5, "{shown} examples");
}
