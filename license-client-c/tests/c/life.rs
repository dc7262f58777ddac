//! Check, activate, renew and release in C, against a server that signs what it answers.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};

use serde_json::{Value, json};

use crate::compiled::{Library, Program};
use crate::server::{DAY, FakeServer, MONTH, START, pinned};

/// A running program on one machine.
struct Software {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Software {
    fn start(program: &Program, server: &FakeServer, machine: &str) -> Self {
        let mut command = program.command();
        command.arg(program.write("keys.json", &pinned())).arg(program.folder.path().join(machine));
        command.arg(&server.url).env("ACME_CAD_LICENSE_MACHINE_ID", machine);
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the program starts");
        let input = child.stdin.take().expect("a pipe");
        let output = BufReader::new(child.stdout.take().expect("a pipe"));
        let mut software = Self { child, input, output };
        software.at(server.clock.now());
        software
    }

    fn tell(&mut self, command: &str) -> Value {
        writeln!(self.input, "{command}").expect("the program reads");
        let mut line = String::new();
        self.output.read_line(&mut line).expect("the program answers");
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{command}: {error}: {line}"))
    }

    fn at(&mut self, now: i64) {
        assert_eq!(self.tell(&format!("now {now}")), json!({}));
    }

    fn end(mut self) {
        drop(self.input);
        assert!(self.child.wait().expect("it ends").success());
    }
}

fn code(answer: &Value) -> &str {
    answer["code"].as_str().expect("a code")
}

#[test]
fn a_license_lives_from_its_key_to_its_release() {
    let program = Program::compile("license-client-c/tests/c/life.c", Library::Static);
    let server = FakeServer::start();
    let mut software = Software::start(&program, &server, "one");
    let none = software.tell("check");
    assert_eq!((code(&none), &none["kind"], &none["next"]), ("needs_key", &json!(4), &json!(1)));

    let activated = software.tell(&format!("activate {}", server.key()));
    assert_eq!(
        (code(&activated), &activated["kind"], &activated["granted"]),
        ("valid", &json!(1), &json!(true))
    );
    assert_eq!((&activated["export"], &activated["ends_at"]), (&json!(true), &json!(START + MONTH)));
    assert_eq!(activated["json"]["license_id"], "lic_1");
    assert_eq!(server.shop().places_taken(), 1);

    // Another process on the same machine, and no network.
    server.shop().offline = true;
    server.requests();
    let mut again = Software::start(&program, &server, "one");
    assert_eq!(code(&again.tell("check")), "valid");
    assert_eq!(server.requests(), Vec::<String>::new());
    assert_eq!(again.tell("release")["error"], "unreachable");
    again.end();
    server.shop().offline = false;

    // A renewal that was paid for reaches it without a paste.
    server.clock.advance(8 * DAY);
    software.at(server.clock.now());
    server.shop().renew_purchase();
    assert_eq!(software.tell("maintain")["ends_at"], json!(START + 2 * MONTH));
    assert_eq!(server.shop().generation(), 2);

    server.shop().suspend();
    server.clock.advance(DAY);
    software.at(server.clock.now());
    let suspended = software.tell("maintain");
    assert_eq!(
        (code(&suspended), &suspended["ends_at"], &suspended["next"]),
        ("suspended", &json!(0), &json!(6))
    );
    server.shop().resume();
    server.clock.advance(DAY);
    software.at(server.clock.now());
    assert_eq!(code(&software.tell("maintain")), "valid");

    assert_eq!(software.tell("release"), json!({ "error": "ok", "code": "" }));
    assert_eq!(server.shop().places_taken(), 0);
    assert_eq!(code(&software.tell("check")), "needs_key");
    software.end();
}

#[test]
fn a_claim_code_is_redeemed_and_a_fourth_machine_is_refused() {
    let program = Program::compile("license-client-c/tests/c/life.c", Library::Shared);
    let server = FakeServer::start();
    let code_to_type = server.shop().claim_code.clone();
    let verdicts: Vec<Value> = ["one", "two", "three", "four"]
        .into_iter()
        .map(|machine| {
            let mut software = Software::start(&program, &server, machine);
            let verdict = software.tell(&format!("activate {code_to_type}"));
            assert_eq!(software.tell("activate"), json!({ "error": "null_pointer", "code": "" }));
            software.end();
            verdict
        })
        .collect();
    let codes: Vec<&str> = verdicts.iter().map(code).collect();
    assert_eq!(codes, ["valid", "valid", "valid", "machine_limit"]);
    assert_eq!((&verdicts[3]["kind"], &verdicts[3]["next"]), (&json!(11), &json!(3)));
}
