//! The command over the running service: tables for people, JSON for programs, exit codes.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use lictor::domain::Scope;
use serde_json::{Value, json};

use crate::desk::{Desk, OLD_KEY, dial_test, good, new_instance};

const CAD: &str = "cad-koogallery";

fn lictor(desk: &Desk, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lictor"));
    command.env_clear().args(args).stdin(Stdio::null());
    command.env("LICTOR_URL", &desk.harness.url);
    command.env("LICTOR_TOKEN", desk.harness.token(&[Scope::Read, Scope::Catalog]));
    command
}

fn run(desk: &Desk, args: &[&str]) -> (i32, String, String) {
    let output = lictor(desk, args).output().expect("the program starts");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    (output.status.code().expect("no signal"), text(output.stdout), text(output.stderr))
}

#[test]
fn channels_are_listed_and_shown_for_people_and_for_programs() {
    let desk = Desk::open();
    desk.send(&desk.v2(CAD, good(), 0, &dial_test()));
    desk.send(&desk.v2(CAD, OLD_KEY, 0, &new_instance("CS1")));
    let (code, listed, _) = run(&desk, &["channel", "list"]);
    assert_eq!(code, 0);
    let address = format!("{CAD}: {}/marketplace/acme/{CAD}", desk.harness.url);
    assert!(listed.lines().any(|line| line == address), "{listed}");
    let (code, shown, _) = run(&desk, &["channel", "show", CAD]);
    assert_eq!(code, 0);
    for words in [
        "live, signs now",
        "retired",
        "passed 2026-01-31T08:00:00Z",
        "orderId = MOCKPERIODYEARNEW",
        "not tried",
        "callback.rejected",
        "signature fits the retired key cad-2025",
    ] {
        assert!(shown.contains(words), "{words} in\n{shown}");
    }
    let (code, json, _) = run(&desk, &["channel", "show", CAD, "--json"]);
    let json: Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!((code, &json["id"]), (0, &json!(CAD)));
    let (code, _, err) = run(&desk, &["channel", "show", "nothing"]);
    assert_eq!(code, 1);
    assert!(err.contains("not_found"), "{err}");
}

#[test]
fn the_calls_are_shown_with_their_causes_in_the_reader_s_language() {
    let desk = Desk::open();
    desk.send(&desk.v2(CAD, OLD_KEY, 0, &new_instance("CS1")));
    let (code, shown, _) = run(&desk, &["channel", "calls", CAD, "--refused"]);
    assert_eq!(code, 0);
    assert!(
        shown.contains("000001  newInstance")
            && shown.contains("\n    signature fits the retired key cad-2025\n"),
        "{shown}"
    );
    let chinese =
        lictor(&desk, &["channel", "calls", CAD]).env("LANG", "zh_CN.UTF-8").output().expect("starts");
    assert!(String::from_utf8_lossy(&chinese.stdout).contains("签名与已停用的密钥 cad-2025 匹配"));
    let (code, none, _) = run(&desk, &["channel", "calls", CAD, "--activity", "queryInstance"]);
    assert_eq!((code, none.as_str()), (0, "no call fits\n"));
    let (code, _, err) = run(&desk, &["channel", "calls", CAD, "--limit", "0"]);
    assert_eq!(code, 2, "{err}");
    let (code, _, err) = run(&desk, &["channel", "test-code", "cad-other", "PL1"]);
    assert_eq!(code, 1, "{err}");
}

#[test]
fn following_prints_each_call_as_it_comes_and_stops_when_interrupted() {
    let desk = Desk::open();
    desk.send(&desk.v2(CAD, good(), 0, &dial_test()));
    let mut command = lictor(&desk, &["channel", "calls", CAD, "--follow", "--json"]);
    let mut following = command.stdout(Stdio::piped()).spawn().expect("the program starts");
    let mut lines = BufReader::new(following.stdout.take().expect("piped")).lines();
    let mut next = || -> Value {
        let line = lines.next().expect("it goes on").expect("readable");
        serde_json::from_str(&line).expect("JSON")
    };
    assert_eq!(next()["test"], true);
    desk.send(&desk.v2(CAD, OLD_KEY, 0, &new_instance("CS1")));
    assert_eq!(next()["cause_code"], "signed_by_retired_key");
    desk.send(&desk.v2(CAD, good(), 0, &new_instance("CS2")));
    assert_eq!(next()["order_id"], "CS2");
    let pid = following.id().to_string();
    let interrupted = Command::new("kill").args(["-INT", &pid]).status().expect("kill is there");
    assert!(interrupted.success());
    following.wait().expect("it ends");
}
