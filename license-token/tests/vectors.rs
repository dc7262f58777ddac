//! The vectors in `tests/vectors/token.jsonl`: each says for itself what a verifier must answer.

mod support;

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use license_token::Code;
use serde_json::Value;
use support::{catalogue, repository, vector};

const WRITE: &str = "cargo test -p license-token --test vectors -- --ignored write_the_vectors";

fn path() -> PathBuf {
    repository().join("tests/vectors/token.jsonl")
}

fn vectors() -> Vec<Value> {
    vector::read(&fs::read_to_string(path()).expect("the file of vectors"))
}

#[test]
fn every_vector_of_the_file_gets_its_verdict() {
    let mut wrong = Vec::new();
    let vectors = vectors();
    for vector in &vectors {
        let said = vector::run(vector).err().map(Code::as_str);
        let expected = vector["verdict"]["code"].as_str();
        if said != expected || vector["verdict"]["valid"] != expected.is_none() {
            wrong.push(format!("{}: expected {expected:?}, the verifier says {said:?}", vector["id"]));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(vectors.len() >= 500, "only {} vectors were read", vectors.len());
}

#[test]
fn every_code_has_a_vector() {
    let vectors = vectors();
    for code in Code::ALL {
        let has_one = vectors.iter().any(|vector| vector["verdict"]["code"] == code.as_str());
        assert!(has_one, "no vector is refused with `{code}`");
    }
}

#[test]
fn no_two_vectors_ask_the_same_or_have_one_name() {
    let vectors = vectors();
    let ids: BTreeSet<String> = vectors.iter().map(|vector| vector["id"].to_string()).collect();
    assert_eq!(ids.len(), vectors.len(), "two vectors have one id");
    let question = |vector: &Value| {
        let members = ["keys", "token", "status_list", "seen", "expect"];
        members.map(|member| vector[member].to_string()).concat()
    };
    let mut asked = BTreeSet::new();
    let again: Vec<&Value> =
        vectors.iter().filter(|vector| !asked.insert(question(vector))).map(|vector| &vector["id"]).collect();
    assert!(again.is_empty(), "asked before: {again:?}");
}

#[test]
fn the_file_is_what_the_catalogue_writes() {
    let (written, file) = (vector::file(&catalogue::all()), fs::read_to_string(path()).expect("the file"));
    let differs = file.lines().zip(written.lines()).find(|(before, now)| before != now);
    assert!(differs.is_none(), "{differs:?} differ: {WRITE}");
    assert_eq!(file.len(), written.len(), "{WRITE}");
}

#[test]
#[ignore = "writes tests/vectors/token.jsonl anew; run it after changing the catalogue"]
fn write_the_vectors() {
    fs::write(path(), vector::file(&catalogue::all())).expect("the file can be written");
}
