//! `lictor usage` against a real service.

use std::process::{Command, Stdio};

use lictor::domain::Scope;
use serde_json::Value;

use super::ground::{Ground, at};

fn lictor(ground: &Ground, args: &[&str]) -> (i32, String, String) {
    let token = ground.harness.token(&[Scope::Usage, Scope::Read]);
    let output = Command::new(env!("CARGO_BIN_EXE_lictor"))
        .env_clear()
        .env("LICTOR_URL", &ground.harness.url)
        .env("LICTOR_TOKEN", token)
        .args(args)
        .stdin(Stdio::null())
        .output()
        .expect("the program starts");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    (output.status.code().expect("no signal"), text(output.stdout), text(output.stderr))
}

#[test]
fn a_file_of_records_is_pushed_once_however_often_it_is_sent() {
    let ground = Ground::new();
    let meter = ground.meter();
    ground.run_until(at("2026-01-31T10:00:00Z"));
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).expect("a file can be written");
        path.to_str().expect("text").to_owned()
    };
    // More than one request takes, by the second.
    let mut csv = "instance_id,begin,end,value\n".to_owned();
    for second in 0..1_500 {
        let (minute, second) = (second / 60, second % 60);
        let begin = format!("2026-01-31T09:{minute:02}:{second:02}Z");
        csv.push_str(&format!("{meter},{begin},{begin},0.0001\n"));
    }
    let csv = file("usage.csv", &csv);
    let (code, out, _) = lictor(&ground, &["usage", "push", &csv, "--json"]);
    assert_eq!((code, out.trim()), (0, r#"{"recorded":1500,"repeated":0}"#));
    let (code, out, _) = lictor(&ground, &["usage", "push", &csv]);
    assert!(code == 0 && out.starts_with("0 recorded, 1500 were recorded before"), "{out}");
    let lines = format!(
        "{{\"instance_id\":\"{meter}\",\"begin\":\"2026-01-31T08:30:00Z\",\"end\":\"2026-01-31T09:00:00Z\",\"value\":12.3450,\"metering_sn\":\"sn-1\"}}\n"
    );
    assert_eq!(lictor(&ground, &["usage", "push", &file("usage.jsonl", &lines)]).0, 0);
    ground.run_for(14);
    assert_eq!(ground.counted().len(), 1_501);
    let (code, out, _) = lictor(&ground, &["usage", "list", "--instance-id", &meter, "--limit", "3"]);
    assert!(code == 0 && out.contains("pushed") && out.contains("more: --cursor "), "{out}");
    let (_, out, _) = lictor(&ground, &["usage", "list", "--json", "--state", "pushed", "--limit", "200"]);
    let page: Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!(page["items"].as_array().map(Vec::len), Some(200));
}

#[test]
fn mistakes_are_told_by_line_and_a_bad_file_is_wrong_usage() {
    let ground = Ground::new();
    let meter = ground.meter();
    ground.run_until(at("2026-01-31T10:00:00Z"));
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("usage.csv");
    let push = |text: &str| {
        std::fs::write(&path, text).expect("a file can be written");
        lictor(&ground, &["usage", "push", path.to_str().expect("text")])
    };
    let row = |value: &str| format!("{meter},2026-01-31T09:00:00Z,2026-01-31T10:00:00Z,{value}\n");
    let (code, _, err) = push(&format!("instance_id,begin,end,value\n\n{}", row("0")));
    assert!(code == 1 && err.contains("line 3, value: a value is greater than 0"), "{err}");
    let (code, _, err) = push("instance_id,amount\n1,2\n");
    assert!(code == 2 && err.contains("there is no column"), "{err}");
    let (code, _, err) = lictor(&ground, &["usage", "push", "/nowhere/usage.csv"]);
    assert!(code == 2 && err.contains("/nowhere/usage.csv"), "{err}");
    assert_eq!(lictor(&ground, &["usage", "list"]).1.trim(), "no record fits");
}
