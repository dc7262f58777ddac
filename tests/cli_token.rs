//! `lictor token verify` and `inspect`: held to the token vectors, one line in, one line out.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

/// What a verdict without machine, status lists, entitlements and environment can say.
const CODES: &[&str] = &[
    "malformed",
    "bad_header",
    "unknown_key",
    "bad_signature",
    "wrong_type",
    "wrong_audience",
    "not_yet_valid",
    "expired",
];

fn vectors() -> Vec<(String, Value)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/token");
    let files = std::fs::read_dir(folder).expect("the vectors are there");
    let paths: Vec<PathBuf> = files.map(|file| file.expect("readable").path()).collect();
    let json = paths.into_iter().filter(|path| path.extension().is_some_and(|it| it == "json"));
    json.map(|path| {
        let text = std::fs::read_to_string(&path).expect("readable");
        (path.display().to_string(), serde_json::from_str(&text).expect("a vector is JSON"))
    })
    .collect()
}

/// Runs a token command over bytes; the exit code and the answered lines.
fn token(args: &[&str], input: &[u8]) -> (i32, Vec<Value>) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lictor"));
    command.env_clear().arg("token").args(args).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().expect("the program starts");
    let mut stdin = child.stdin.take().expect("piped");
    let input = input.to_vec();
    let writer = std::thread::spawn(move || stdin.write_all(&input));
    let output = child.wait_with_output().expect("it ends");
    writer.join().expect("no panic").expect("all was read");
    let lines = String::from_utf8(output.stdout).expect("UTF-8");
    let lines = lines.lines().map(|line| serde_json::from_str(line).expect("one JSON value per line"));
    (output.status.code().expect("no signal"), lines.collect())
}

/// A folder with the key set, and a good token with the instant at which it is good.
fn good() -> (tempfile::TempDir, String, String, String) {
    let folder = tempfile::tempdir().expect("a folder");
    let (_, vector) = vectors()
        .into_iter()
        .find(|(name, _)| name.ends_with("/time-license-exp-before.json"))
        .expect("it is there");
    let keys = folder.path().join("jwks.json");
    std::fs::write(&keys, vector["keys"].to_string()).expect("writable");
    let text = vector["token"].as_str().expect("a text").to_owned();
    let now = instant(&vector["expect"]["now"]);
    let keys = keys.to_str().expect("UTF-8").to_owned();
    (folder, keys, text, now)
}

fn instant(seconds: &Value) -> String {
    let seconds = seconds.as_i64().expect("seconds");
    chrono::DateTime::from_timestamp(seconds, 0).expect("in the calendar").to_rfc3339()
}

#[test]
fn every_vector_that_needs_no_more_than_keys_gets_its_verdict() {
    let folder = tempfile::tempdir().expect("a folder");
    let keys = folder.path().join("jwks.json");
    let mut judged = 0;
    for (name, vector) in vectors() {
        let (expect, verdict) = (&vector["expect"], &vector["verdict"]);
        let code = verdict["code"].as_str();
        let beyond = ["floor", "machine", "lists", "status_lists", "entitlements", "quota"];
        let plain = !beyond.iter().any(|member| expect.get(member).is_some() || vector.get(member).is_some());
        let (Some(text), Some(typ)) = (vector["token"].as_str(), expect["typ"].as_str()) else { continue };
        let fits = plain && code.is_none_or(|code| CODES.contains(&code)) && !text.contains(['\n', '\r']);
        if !fits || std::fs::write(&keys, vector["keys"].to_string()).is_err() {
            continue;
        }
        let now = instant(&expect["now"]);
        let mut args = vec!["verify", "--jwks", keys.to_str().expect("UTF-8"), "--now", &now, "--typ", typ];
        if let Some(audience) = expect["aud"].as_str() {
            args.extend(["--audience", audience]);
        }
        let (exit, lines) = token(&args, text.as_bytes());
        if text.is_empty() || license_token::KeySet::parse(vector["keys"].to_string().as_bytes()).is_err() {
            // Nothing to judge, or no keys to judge with: that is the caller's mistake, not the token's.
            assert_eq!((exit, lines.len()), (2, 0), "{name}");
            continue;
        }
        let [answer] = lines.as_slice() else { panic!("{name}: {lines:?}") };
        assert_eq!(
            (&answer["valid"], &answer["code"]),
            (&verdict["valid"], &verdict["code"]),
            "{name}: {answer}"
        );
        assert_eq!(exit, i32::from(verdict["valid"] != true), "{name}");
        assert_eq!(
            answer["claims"].is_object(),
            verdict["valid"] == true,
            "{name}: claims only of a token that is believed"
        );
        judged += 1;
    }
    assert!(judged >= 40, "only {judged} vectors were judged");
}

#[test]
fn many_lines_are_answered_one_by_one_whatever_they_are() {
    let (_folder, keys, text, now) = good();
    let long = "x".repeat(300_000);
    let input = format!(
        "{text}\n\nrubbish\n\"{text}\"\r\n{{\"token\":\"{text}\"}}\n{{\"token\":1}}\n{{broken\n{long}\n{text}"
    );
    let (exit, lines) = token(&["verify", "--jwks", &keys, "--now", &now, "--jsonl"], input.as_bytes());
    let told: Vec<Value> =
        lines.iter().map(|it| it.get("error").map_or(it["valid"].clone(), |_| json!("error"))).collect();
    let expected = [
        json!(true),
        json!(false),
        json!(true),
        json!(true),
        json!("error"),
        json!("error"),
        json!(false),
        json!(true),
    ];
    assert_eq!((exit, told.as_slice()), (0, &expected[..]));
}

#[test]
fn one_line_ends_with_its_own_verdict() {
    let (_folder, keys, text, now) = good();
    let args = ["verify", "--jwks", &keys, "--now", &now, "--jsonl"];
    assert_eq!(token(&args, format!("{text}\n").as_bytes()).0, 0);
    assert_eq!(token(&args, b"rubbish\n").0, 1);
    assert_eq!(token(&args, b"").0, 0);
    let (exit, lines) = token(&["verify", "--jwks", &keys, "--now", &now], b"\xff\xfe");
    assert_eq!((exit, &lines[0]["code"]), (1, &json!("malformed")));
}

#[test]
fn the_audience_and_the_type_count_when_they_are_named() {
    let (_folder, keys, text, now) = good();
    let verify = |more: &[&str]| {
        let args = [&["verify", "--jwks", &keys, "--now", &now], more].concat();
        token(&args, text.as_bytes()).1[0]["code"].clone()
    };
    assert_eq!(verify(&["--audience", "acme-cad"]), Value::Null);
    assert_eq!(verify(&["--audience", "other"]), "wrong_audience");
    assert_eq!(verify(&["--typ", "license+jwt"]), Value::Null);
    assert_eq!(verify(&["--typ", "license-activation+jwt"]), "wrong_type");
}

#[test]
fn inspecting_trusts_nothing_and_needs_no_keys() {
    let (_folder, _, text, _) = good();
    let (exit, lines) = token(&["inspect"], format!("{text}\n").as_bytes());
    assert_eq!(exit, 0);
    assert_eq!((&lines[0]["trusted"], &lines[0]["header"]["typ"]), (&json!(false), &json!("license+jwt")));
    assert_eq!(lines[0]["claims"]["aud"], "acme-cad");
    assert_eq!(token(&["inspect"], b"rubbish").0, 1);
}
