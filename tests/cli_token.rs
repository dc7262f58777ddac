//! `lictor token verify` and `inspect`: held to the token vectors, one line in, one line out.

use std::collections::BTreeMap;
use std::io::Write as _;
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

/// Id and members, the keys as their text.
fn vectors() -> Vec<(String, Value)> {
    let mut sets = BTreeMap::new();
    let mut vectors = Vec::new();
    for line in include_str!("vectors/token.jsonl").lines() {
        let mut line: Value = serde_json::from_str(line).expect("one JSON object per line");
        match line["key_set"].as_str() {
            Some(name) => drop(sets.insert(name.to_owned(), line["keys"].clone())),
            None => {
                line["keys"] = sets[line["keys"].as_str().expect("a name")].clone();
                vectors.push((line["id"].as_str().expect("a text").to_owned(), line));
            }
        }
    }
    vectors
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
    // What nobody knows may have a number beyond a double, which this reader of JSON does not take.
    let lines = lines.replace("1e400", "1");
    let lines = lines.lines().map(|line| serde_json::from_str(line).expect("one JSON value per line"));
    (output.status.code().expect("no signal"), lines.collect())
}

/// A folder with the key set, and a good token with the instant at which it is good.
fn good() -> (tempfile::TempDir, String, String, String) {
    let folder = tempfile::tempdir().expect("a folder");
    let (_, vector) =
        vectors().into_iter().find(|(name, _)| name == "time-license-exp-before").expect("it is there");
    let keys = folder.path().join("jwks.json");
    std::fs::write(&keys, vector["keys"].as_str().expect("a text")).expect("writable");
    let text = vector["token"].as_str().expect("a text").to_owned();
    let now = instant(&vector["expect"]["now"]);
    let keys = keys.to_str().expect("UTF-8").to_owned();
    (folder, keys, text, now)
}

fn instant(seconds: &Value) -> String {
    let seconds = seconds.as_i64().expect("seconds");
    chrono::DateTime::from_timestamp(seconds, 0).expect("in the calendar").to_rfc3339()
}

/// What a command is told of a vector beside its token: keys, instant, type, product.
type Asked = (String, String, String, String);

/// The vectors that keys, instant, type and product decide, by what the command is told.
fn decided_by_keys() -> BTreeMap<Asked, Vec<(String, Value)>> {
    let mut groups: BTreeMap<Asked, Vec<(String, Value)>> = BTreeMap::new();
    for (name, vector) in vectors() {
        let (expect, code) = (&vector["expect"], vector["verdict"]["code"].as_str());
        let beyond = ["floor", "machine", "status_list", "seen", "entitlements", "quota"];
        // A file may begin with a byte order mark, which is not part of its text.
        let in_a_file = vector["keys"].as_str().is_some_and(|keys| !keys.starts_with('\u{feff}'));
        let plain = in_a_file
            && !beyond.iter().any(|member| expect.get(member).is_some() || vector.get(member).is_some());
        if plain && code.is_none_or(|code| CODES.contains(&code)) {
            let text = |value: &Value| value.as_str().expect("a text").to_owned();
            let asked =
                (text(&vector["keys"]), instant(&expect["now"]), text(&expect["typ"]), text(&expect["aud"]));
            groups.entry(asked).or_default().push((name, vector));
        }
    }
    groups
}

#[test]
fn every_vector_that_needs_no_more_than_keys_gets_its_verdict() {
    let folder = tempfile::tempdir().expect("a folder");
    let keys = folder.path().join("jwks.json");
    let mut judged = 0;
    for ((set, now, typ, audience), group) in decided_by_keys() {
        std::fs::write(&keys, &set).expect("writable");
        let path = keys.to_str().expect("UTF-8");
        let args =
            ["verify", "--jsonl", "--jwks", path, "--now", &now, "--typ", &typ, "--audience", &audience];
        let lines: Vec<String> =
            group.iter().map(|(_, vector)| json!({ "token": vector["token"] }).to_string() + "\n").collect();
        if license_token::KeySet::parse(set.as_bytes()).is_err() {
            // No keys to judge with: that is the caller's mistake, not the token's, and nothing is read.
            let (exit, answers) = token(&args, b"");
            assert_eq!((exit, answers.len()), (2, 0), "{group:?}");
            continue;
        }
        let (_, answers) = token(&args, lines.concat().as_bytes());
        assert_eq!(answers.len(), group.len());
        for ((name, vector), answer) in group.iter().zip(&answers) {
            let verdict = &vector["verdict"];
            let said = (&answer["valid"], &answer["code"]);
            assert_eq!(said, (&verdict["valid"], &verdict["code"]), "{name}: {answer}");
            let believed = verdict["valid"] == true;
            assert_eq!(answer["claims"].is_object(), believed, "{name}: claims only of what is believed");
        }
        judged += group.len();
    }
    assert!(judged >= 500, "only {judged} vectors were judged");
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
