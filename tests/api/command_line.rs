//! The command line against a real server: what its words do, and what a person is shown first.

use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use lictor::domain::Scope;
use lictor::http::{HttpLimits, RateRules};
use lictor::store::MemoryEngine;
use serde_json::{Value, json};

use crate::support::people::{activate, issue};
use crate::support::{Engine, Harness, World, acme};

fn lictor(harness: &Harness, token: &str, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lictor"));
    command.env_clear().env("LICTOR_URL", &harness.url).env("LICTOR_TOKEN", token);
    command.args(args).stdin(Stdio::null()).output().expect("the program starts")
}

fn done(output: &Output) -> Value {
    assert!(output.status.success(), "{output:?}");
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("no JSON: {output:?}"))
}

#[test]
fn a_file_of_licenses_goes_on_where_it_was_interrupted_and_issues_nothing_twice() {
    let window = std::time::Duration::from_secs(60);
    let per_token = Some(lictor::domain::RateLimit { requests: 5, window });
    let rates = RateRules { per_token, refused_per_address: None };
    let engine = Engine::Memory(MemoryEngine::new());
    let harness = Harness::start_with(World::new(), &engine, HttpLimits { rates, ..HttpLimits::default() });
    harness.apply(&acme(&harness.world.sandbox));
    let file = tempfile::NamedTempFile::new().expect("a file");
    let rows = (0..210).map(|number| format!("acme-cad,cad-month,\"seat {number}, room 1\"\n"));
    let text: String = std::iter::once("product,spec,label\n".to_owned()).chain(rows).collect();
    std::fs::write(file.path(), text).expect("writable");
    let token = harness.token(&[Scope::Admin]);
    let path = file.path().to_str().expect("UTF-8");
    let args = ["--json", "license", "issue", "--file", path];
    // Three requests look at the rows, two issue some, and the sixth has to wait.
    let cut = lictor(&harness, &token, &args);
    assert_eq!(cut.status.code(), Some(1), "{cut:?}");
    assert!(String::from_utf8_lossy(&cut.stderr).contains("rate_limited"), "{cut:?}");
    harness.world.clock.advance(2 * window);
    let again = lictor(&harness, &harness.token(&[Scope::Admin]), &args);
    assert_eq!(
        again.status.code(),
        Some(1),
        "another token is another caller of the same merchant: {again:?}"
    );
    harness.world.clock.advance(2 * window);
    let count = || {
        let (mut count, mut path) = (0, "/v1/merchant/licenses?limit=200".to_owned());
        loop {
            let page = harness.merchant().get(&path).expect(200);
            count += page.at("/items").as_array().map_or(0, Vec::len);
            let Some(cursor) = page.at("/next_cursor").as_str().map(str::to_owned) else { return count };
            path = format!("/v1/merchant/licenses?limit=200&cursor={cursor}");
        }
    };
    assert_eq!(count(), 200, "what was issued is not issued twice");
    let partial = lictor(&harness, &token, &["--json", "license", "issue", "--file", path, "--partial"]);
    assert!(String::from_utf8_lossy(&partial.stderr).contains("idempotency_conflict"), "{partial:?}");
    assert_eq!(count(), 200);
}

#[test]
fn a_wrong_row_is_told_by_its_line_and_nothing_is_issued() {
    let harness = Harness::start();
    let file = tempfile::NamedTempFile::new().expect("a file");
    let rows = "{\"product\":\"acme-cad\",\"spec\":\"cad-month\"}\n\n{\"product\":\"acme-cad\",\"spec\":\"\\u001b[2Jnothing\"}\n";
    std::fs::write(file.path(), rows).expect("writable");
    let token = harness.token(&[Scope::Admin]);
    let path = file.path().to_str().expect("UTF-8");
    let refused = lictor(&harness, &token, &["license", "issue", "--file", path]);
    let told = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(1));
    assert!(
        told.contains("line 3: /spec") && told.contains("nothing was issued") && !told.contains('\u{1b}'),
        "{told}"
    );
    let done = lictor(&harness, &token, &["--json", "license", "issue", "--file", path, "--partial"]);
    let answer: Value = serde_json::from_slice(&done.stdout).expect("JSON");
    assert_eq!((answer["issued"].clone(), answer["lines"][1]["line"].clone()), (json!(1), json!(3)));
}

#[test]
fn whoever_revokes_on_a_terminal_sees_the_consequences_and_answers() {
    let harness = Harness::start();
    let license = issue(&harness, "cad-year");
    activate(&harness.anonymous(), &license.text_at("/license_key"), 1, "n").expect(201);
    let token = harness.token(&[Scope::Admin]);
    let id = license.text_at("/id");
    let asked = |answer: &str| {
        let command = format!("{} license revoke {id} --reason chargeback", env!("CARGO_BIN_EXE_lictor"));
        let mut terminal = Command::new("script")
            .args(["-qec", &command, "/dev/null"])
            .env("LICTOR_URL", &harness.url)
            .env("LICTOR_TOKEN", &token)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("util-linux is installed");
        let mut stdin = terminal.stdin.take().expect("piped");
        stdin.write_all(answer.as_bytes()).expect("writable");
        drop(stdin);
        let output = terminal.wait_with_output().expect("it ends");
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let state =
        || harness.merchant().get(&format!("/v1/merchant/licenses/{id}")).expect(200).text_at("/state");
    let refused = asked("no\n");
    assert!(refused.contains("1 of 1 machines stop") && refused.contains("nothing was done"), "{refused}");
    assert_eq!(state(), "active");
    asked("yes\n");
    assert_eq!(state(), "revoked");
}

#[test]
fn extend_change_preview_and_machines_have_their_commands() {
    let harness = Harness::start();
    let license = issue(&harness, "cad-year");
    let activation = activate(&harness.anonymous(), &license.text_at("/license_key"), 1, "n").expect(201);
    let (id, activation) = (license.text_at("/id"), activation.text_at("/activation_id"));
    let token = harness.token(&[Scope::Admin]);
    let json = |args: &[&str]| done(&lictor(&harness, &token, &[&["--json"], args].concat()));
    let preview = json(&["license", "extend", &id, "--by", "P7D", "--preview"]);
    assert_eq!(preview["after"]["ends_at"], "2027-02-07T08:00:00Z");
    assert_eq!(json(&["license", "show", &id])["ends_at"], "2027-01-31T08:00:00Z");
    assert_eq!(json(&["license", "extend", &id, "--by", "P7D"])["ends_at"], "2027-02-07T08:00:00Z");
    assert_eq!(json(&["license", "change", &id, "--spec", "cad-year", "--quantity", "2"])["machines"], 6);
    let stale = lictor(&harness, &token, &["license", "suspend", &id, "--if-match", "\"1\""]);
    assert!(String::from_utf8_lossy(&stale.stderr).contains("revision_conflict"), "{stale:?}");
    assert_eq!(json(&["activation", "list", "--name", "desk"])["items"][0]["id"], json!(activation));
    assert_eq!(json(&["activation", "release", &activation, "--reason", "stolen"])["state"], "ended");
    assert_eq!(json(&["spec", "show", "cad-year"])["machines"], 3);
    assert_eq!(json(&["product", "list"])["items"][0]["id"], "acme-cad");
    assert_eq!(json(&["license", "revoke", &id])["state"], "revoked", "nobody watches, nobody is asked");
    for shell in ["bash", "zsh", "fish", "powershell"] {
        let script = lictor(&harness, &token, &["completions", shell]);
        assert!(String::from_utf8_lossy(&script.stdout).contains("reissue"), "{shell}");
    }
}
