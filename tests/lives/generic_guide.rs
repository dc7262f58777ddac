//! The examples of `docs/generic.md` do what they say, as they stand there.

use std::process::{Command, Output};

use crate::support::{Engine, Harness, World};
use lictor::application::ports::Clock as _;
use lictor::clock::SystemClock;
use lictor::store::MemoryEngine;
use serde_json::{Value, json};

const SECRET: &str = "whsec_bGljdG9yIHRlc3Qgc2VjcmV0IG51bWJlciAxISEh";
const GUIDES: [&str; 2] =
    [include_str!("../../docs/generic.md"), include_str!("../../docs/generic.zh-CN.md")];

/// The sample catalog, at the time of day: the examples sign with the machine's clock.
fn start() -> Harness {
    let world = World::new();
    world.clock.set(SystemClock.now());
    world.set_secret("ACME_WEBHOOK_SECRET", SECRET);
    let harness = Harness::start_in(world, &Engine::Memory(MemoryEngine::new()));
    harness.apply(&lictor::catalog::sample("standard-webhooks").expect("there is one"));
    harness
}

/// The block of that language which holds `part`, without its indentation.
fn block(guide: &str, language: &str, part: &str) -> String {
    let blocks = guide.split("```").skip(1).step_by(2);
    let found = blocks.filter_map(|block| block.strip_prefix(language)).find(|block| block.contains(part));
    let lines = found.expect("the example is there").lines();
    let lines: Vec<&str> = lines.collect();
    let indent = |line: &&str| line.len() - line.trim_start().len();
    let least = lines.iter().filter(|line| !line.trim().is_empty()).map(indent).min().unwrap_or(0);
    lines.iter().map(|line| line.get(least..).unwrap_or_default()).collect::<Vec<_>>().join("\n")
}

fn run(harness: &Harness, program: &str, example: &str) -> String {
    let there = "http://127.0.0.1:8080";
    assert!(example.contains(there), "{example}");
    let example = example.replace(there, &harness.url);
    let mut command = Command::new(program);
    command.args(["-c", &example]).env("ACME_WEBHOOK_SECRET", SECRET).env("no_proxy", "127.0.0.1");
    let Output { status, stdout, stderr } = command.output().expect("it is installed by ./scripts/test");
    assert!(status.success(), "{}", String::from_utf8_lossy(&stderr));
    String::from_utf8(stdout).expect("UTF-8")
}

#[test]
fn the_test_event_of_the_guide_is_answered_as_it_says() {
    let harness = start();
    for guide in GUIDES {
        let answer: Value =
            serde_json::from_str(&run(&harness, "bash", &block(guide, "sh", "curl"))).expect("JSON");
        assert_eq!(answer, json!({ "result": "done", "test": true }));
        assert!(guide.contains(r#"# {"result":"done","test":true}"#));
    }
}

#[test]
fn the_secret_that_the_guide_makes_is_one() {
    for guide in GUIDES {
        let example = format!("{}\nprintf %s \"$ACME_WEBHOOK_SECRET\"", block(guide, "sh", "openssl rand"));
        let made = Command::new("bash").args(["-c", &example]).output().expect("there is a shell").stdout;
        let secret = String::from_utf8(made).expect("UTF-8");
        let protocol = lictor::marketplace::protocol_for("standard-webhooks").expect("it is spoken");
        assert!(secret.starts_with("whsec_") && protocol.key_fault(&secret.into()).is_none());
    }
}

#[test]
fn the_purchase_of_the_guide_mints_a_license_once() {
    let harness = start();
    let python = concat!(env!("CARGO_MANIFEST_DIR"), "/target/interop/venv/bin/python");
    let keys: Vec<String> = GUIDES
        .iter()
        .map(|guide| run(&harness, python, &block(guide, "python", "purchase.created")).trim().to_owned())
        .collect();
    assert_eq!(keys[0], keys[1], "the same order");
    let asked = json!({ "license_key": keys[0] });
    let verdict = harness.anonymous().post("/v1/validate", &asked).expect(200);
    assert_eq!(verdict.text_at("/code"), "valid");
}
