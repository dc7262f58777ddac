//! Levels 2 and 3 of `docs/integrate.md` in Python and Node, against a running service: activate, hold offline, renew, learn of
//! a revocation, give the place back.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use chrono::{DateTime, TimeDelta, Utc};
use lictor::application::ports::Clock as _;
use serde_json::{Value, json};

use crate::support::Harness;
use crate::support::people::{command, issue};
use crate::verifiers;

/// What the customer's software is written in.
#[derive(Clone, Copy)]
pub enum Language {
    Python,
    Node,
}

impl Language {
    /// The program that does what it is told, and the modules that it uses.
    fn command(self) -> Command {
        let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
        let (verifier, program) = match self {
            Self::Python => (verifiers::python(), "tests/interop/activation.py"),
            Self::Node => (verifiers::node(), "tests/interop/activation.mjs"),
        };
        let [interpreter, conformance] = verifier.as_slice() else { panic!("{verifier:?}") };
        let mut command = Command::new(interpreter);
        command.arg(here.join(program)).arg(conformance.parent().expect("a folder"));
        command
    }
}

/// A customer's software, in a process of its own.
struct Software {
    process: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    task: Value,
    folder: tempfile::TempDir,
}

impl Software {
    fn start(language: Language, harness: &Harness) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let keys = folder.path().join("keys.json");
        let pinned = harness.anonymous().get("/v1/keysets/acme/jwks.json").expect(200).text;
        std::fs::write(&keys, pinned).expect("writable");
        let mut command = language.command();
        command.env("no_proxy", "127.0.0.1").stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn().expect("run ./scripts/test once");
        let task = json!({
            "server": harness.url, "keys": keys, "issuer": "https://license.acme.example",
            "state": folder.path().join("license.json"),
        });
        let (input, output) = (process.stdin.take().expect("piped"), process.stdout.take().expect("piped"));
        Self { process, input, output: BufReader::new(output), task, folder }
    }

    /// Does something; what came of it.
    fn does(&mut self, what: &str, more: &Value) -> Value {
        let mut task = self.task.clone();
        task["do"] = json!(what);
        for (name, value) in more.as_object().expect("an object") {
            task[name] = value.clone();
        }
        writeln!(self.input, "{task}").expect("it reads");
        let mut line = String::new();
        self.output.read_line(&mut line).expect("it answers");
        serde_json::from_str(&line).expect("JSON")
    }

    fn at(&mut self, what: &str, now: DateTime<Utc>) -> Value {
        self.does(what, &json!({ "now": now.timestamp() }))
    }
}

impl Drop for Software {
    fn drop(&mut self) {
        // It ends by itself when its input ends; nobody waits for more.
        let _gone = self.process.kill();
        let _reaped = self.process.wait();
    }
}

fn code(code: &str) -> Value {
    json!({ "code": code })
}

pub fn holds_offline_renews_and_learns_of_a_revocation(language: Language) {
    let mut harness = Harness::start();
    let license = issue(&harness, "cad-year");
    let mut software = Software::start(language, &harness);
    let start = harness.world.clock.now();
    assert_eq!(software.at("check", start), code("activation_required"));
    let key = json!({ "license_key": license.text_at("/license_key") });
    assert_eq!(software.does("activate", &key), json!({ "ok": null }));
    assert_eq!(software.at("maintain", start), json!({ "ok": null }));
    assert_eq!(software.at("check", start), json!({ "ok": 1 }));
    let elsewhere = json!({ "now": start.timestamp(), "elsewhere": true });
    assert_eq!(software.does("check", &elsewhere), code("wrong_machine"));
    assert_eq!(software.at("check", start - TimeDelta::days(2)), code("clock_suspect"));
    assert_eq!(software.at("check", start + TimeDelta::days(400)), code("expired"));

    let later = start + TimeDelta::days(20);
    harness.world.clock.set(later);
    harness.settle();
    assert_eq!(software.at("maintain", later), json!({ "ok": null }));
    assert_eq!(software.at("check", later), json!({ "ok": 2 }), "renewed");

    command(&harness, &license.text_at("/id"), "revoke", &json!({ "reason": "chargeback" })).expect(200);
    harness.settle();
    assert_eq!(software.at("check", later), json!({ "ok": 2 }), "nobody has told it");
    assert_eq!(software.at("maintain", later), json!({ "ok": null }));
    harness.stop();
    assert_eq!(software.at("maintain", later), code("unreachable"));
    assert_eq!(software.at("check", later), code("revoked"), "without the server, too");
    assert!(software.folder.path().join("license.json").exists());
}

pub fn gives_its_place_back(language: Language) {
    let harness = Harness::start();
    let license = issue(&harness, "cad-month");
    let mut software = Software::start(language, &harness);
    let key = json!({ "license_key": license.text_at("/license_key") });
    assert_eq!(software.does("activate", &key), json!({ "ok": null }));
    let mut second = Software::start(language, &harness);
    let mut other = key.clone();
    other["elsewhere"] = json!(true);
    assert_eq!(second.does("activate", &other), code("machine_limit_reached"));
    assert_eq!(software.does("release", &json!({})), json!({ "ok": null }));
    assert!(!software.folder.path().join("license.json").exists());
    assert_eq!(second.does("activate", &other), json!({ "ok": null }));
}
