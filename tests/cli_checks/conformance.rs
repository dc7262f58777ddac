//! `conformance run`: verifiers that answer right, wrong, twice, nothing, never, and what is no answer.

use std::io::Write as _;
use std::process::{Command, Output};

use serde_json::{Value, json};

const RIGHT: &str = r#"
echo '{"id":"c","valid":false,"code":"malformed"}'
echo '{"id":"a","valid":true,"code":null}'
echo '{"id":"b","valid":false,"code":"expired","more":1}'"#;

/// Three vectors, the keys of two by name.
fn file() -> tempfile::NamedTempFile {
    let vector = |id: &str, code: Option<&str>| {
        let verdict = json!({ "valid": code.is_none(), "code": code });
        let expect = json!({ "typ": "license+jwt", "now": 1 });
        json!({ "id": id, "about": format!("About {id}."), "keys": "k", "token": "t", "expect": expect, "verdict": verdict })
    };
    let keys = json!({ "key_set": "k", "keys": "{}" });
    let mut last = vector("c", Some("malformed"));
    last["profile"] = json!(true);
    let mut file = tempfile::NamedTempFile::new().expect("a file");
    for line in [keys, vector("a", None), vector("b", Some("expired")), last] {
        writeln!(file, "{line}").expect("writable");
    }
    file
}

fn lictor(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_lictor")).args(args).output().expect("the program starts")
}

/// Runs a shell script as the verifier; the exit code and what is told, in JSON.
fn run(limit_secs: &str, script: &str) -> (i32, Vec<Value>) {
    let file = file();
    let path = file.path().to_str().expect("UTF-8");
    let output = lictor(&[
        "conformance",
        "run",
        "--json",
        "--vectors",
        path,
        "--time-limit-secs",
        limit_secs,
        "--",
        "sh",
        "-c",
        script,
    ]);
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    let lines = text.lines().map(|line| serde_json::from_str(line).expect("one JSON value per line"));
    (output.status.code().expect("no signal"), lines.collect())
}

/// After every question is read.
fn answering(answers: &str) -> (i32, Vec<Value>) {
    run("60", &format!("cat >/dev/null; {answers}"))
}

#[test]
fn a_verifier_that_answers_everything_as_expected_passes_in_any_order() {
    let (exit, told) = answering(RIGHT);
    assert_eq!((exit, told.len()), (0, 1), "{told:?}");
    assert_eq!((&told[0]["as_expected"], &told[0]["passed"]), (&json!(3), &json!(true)));
}

#[test]
fn another_verdict_or_code_is_named_with_what_was_expected() {
    let (exit, told) = answering(
        &RIGHT
            .replace("expired", "not_yet_valid")
            .replace("false,\"code\":\"malformed\"", "true,\"code\":null"),
    );
    assert_eq!((exit, told.len()), (1, 3), "{told:?}");
    let expected = json!({
        "id": "b", "about": "About b.", "profile": false,
        "expected": { "valid": false, "code": "expired" }, "answered": { "valid": false, "code": "not_yet_valid" },
    });
    assert_eq!(told[0], expected);
    assert_eq!(
        (&told[1]["id"], &told[1]["profile"], &told[1]["answered"]["valid"]),
        (&json!("c"), &json!(true), &json!(true))
    );
    assert_eq!((&told[2]["as_expected"], &told[2]["otherwise"]), (&json!(1), &json!(2)));
}

#[test]
fn a_verifier_that_does_not_end_is_stopped_with_what_it_started() {
    let file = file();
    let path = file.path().to_str().expect("UTF-8");
    let script = format!("{RIGHT}; sleep 1000 & echo $!; wait");
    let limit = ["--time-limit-secs", "1"];
    let output = lictor(
        &[&["conformance", "run", "--vectors", path], &limit[..], &["--", "sh", "-c", &script]].concat(),
    );
    let told = String::from_utf8(output.stdout).expect("UTF-8");
    assert_eq!(output.status.code(), Some(1));
    assert!(told.contains("3 vectors: 3 as expected") && told.contains("stopped after 1 s"), "{told}");
    let (_, started) = told.split_once("1 lines are no answer, first: ").expect("its process");
    let started = started.lines().next().expect("a number");
    // Gone, or dead and not yet taken leave of.
    let stat = std::fs::read_to_string(format!("/proc/{started}/stat")).unwrap_or_default();
    assert!(stat.is_empty() || stat.contains(") Z "), "{stat}");
}

#[test]
fn a_verifier_that_writes_without_end_is_stopped() {
    let (exit, told) = run("1", "yes");
    let sum = told.last().expect("the counts");
    assert_eq!((exit, &sum["missing"], &sum["took_too_long"]), (1, &json!(3), &json!(true)));
    assert!(sum["not_answers"].as_u64() > Some(0));
}

#[test]
fn a_verifier_that_dies_has_not_answered_the_rest() {
    for (script, exit_code) in
        [(r#"echo '{"id":"a","valid":true,"code":null}'; exit 3"#, json!(3)), ("kill -9 $$", json!(null))]
    {
        let (exit, told) = run("60", script);
        let sum = told.last().expect("the counts");
        assert_eq!((exit, &sum["exit_code"], &sum["passed"]), (1, &exit_code, &json!(false)), "{told:?}");
        assert!(told.iter().any(|told| told["id"] == "b" && told["answered"].is_null()), "{told:?}");
    }
}

#[test]
fn everything_right_and_an_exit_code_is_not_passed() {
    let (exit, told) = answering(&format!("{RIGHT}; exit 1"));
    assert_eq!((exit, told.len(), &told[0]["as_expected"]), (1, 1, &json!(3)));
}

#[test]
fn what_is_no_answer_counts_against_it() {
    for line in [
        "ok",
        "{",
        "[]",
        r#"{"id":"a"}"#,
        r#"{"id":"a","valid":1}"#,
        r#"{"id":"a","valid":true,"code":7}"#,
        r#"{"valid":true}"#,
    ] {
        let (exit, told) = answering(&format!("{RIGHT}; echo '{line}'"));
        assert_eq!(
            (exit, &told[0]["not_answers"], &told[0]["as_expected"]),
            (1, &json!(1), &json!(3)),
            "{line}"
        );
    }
    let (exit, told) = answering(&format!("{RIGHT}; head -c 100000 /dev/zero"));
    assert_eq!((exit, &told[0]["not_answers"]), (1, &json!(1)), "a line that is too long");
}

#[test]
fn an_answer_twice_or_to_no_question_counts_against_it() {
    let again = r#"echo '{"id":"a","valid":false,"code":"expired"}'"#;
    let (exit, told) = answering(&format!("{RIGHT}; {again}"));
    assert_eq!((exit, &told[0]["repeated"], &told[0]["as_expected"]), (1, &json!(1), &json!(3)));
    let (exit, told) = answering(&format!("{RIGHT}; {}", again.replace("\"a\"", "\"z\"")));
    assert_eq!((exit, &told[0]["unknown"]), (1, &json!(1)));
}

#[test]
fn what_cannot_be_started_or_read_is_wrong_usage() {
    let file = file();
    let path = file.path().to_str().expect("UTF-8");
    let told = |args: &[&str], words: &str| {
        let output = lictor(&[&["conformance", "run"], args].concat());
        let told = String::from_utf8(output.stderr).expect("UTF-8");
        assert!(output.status.code() == Some(2) && told.contains(words), "{args:?}: {told}");
    };
    told(&["--vectors", path, "--", "/nowhere/verifier"], "/nowhere/verifier cannot be started");
    told(&["--vectors", "/nowhere/vectors", "--", "true"], "/nowhere/vectors");
    told(&["--vectors", path], "COMMAND");
    told(&["--time-limit-secs", "0", "--", "true"], "--time-limit-secs");
    let mut broken = tempfile::NamedTempFile::new().expect("a file");
    told(&["--vectors", broken.path().to_str().expect("UTF-8"), "--", "true"], "holds no vectors");
    writeln!(broken, "{}", json!({ "id": "a", "keys": "k" })).expect("writable");
    told(&["--vectors", broken.path().to_str().expect("UTF-8"), "--", "true"], "line 1: `keys` names no set");
}

#[test]
fn the_vectors_are_printed_with_their_keys_and_verdicts() {
    let output = lictor(&["conformance", "vectors"]);
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    let vectors: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert!(vectors.len() >= 500, "{}", vectors.len());
    let document = include_str!("../../docs/conformance.md");
    let count = vectors.len();
    assert!(document.contains(&format!("\n{count} vectors: {count} as expected")), "{count}");
    let first = vectors.iter().find(|vector| vector["id"] == "ok-license-key").expect("it is there");
    assert!(first["keys"].as_str().is_some_and(|keys| keys.starts_with(r#"{"keys":["#)));
    assert_eq!(first["verdict"], json!({ "valid": true, "code": null }));
}
