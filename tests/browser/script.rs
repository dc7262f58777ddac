//! A script that drives Chromium, in a process of its own. Both speak in lines of JSON: first it is told what there is, then it asks for what
//! happens outside of the browser, and is answered.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};

use serde_json::Value;

const ADVICE: &str =
    "run ./scripts/test once: it installs Chromium, and what drives it under target/interop/browser";

/// Ends with the test, whatever becomes of it.
struct Script(Child);

impl Drop for Script {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Runs `tests/browser/NAME` to its end; what it finds wrong it has written to standard error by then.
pub fn run(name: &str, told: &Value, mut answer: impl FnMut(&Value) -> Value) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let installed = root.join("target/interop/browser");
    for package in ["puppeteer-core", "axe-core"] {
        assert!(installed.join("node_modules").join(package).exists(), "{package} is missing; {ADVICE}");
    }
    let mut command = Command::new("node");
    command.arg(root.join("tests/browser").join(name)).arg(&installed).arg(root.join("target/browser"));
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut script = Script(command.spawn().unwrap_or_else(|error| panic!("node: {error}; {ADVICE}")));
    let mut input = script.0.stdin.take().expect("standard input is piped");
    let output = script.0.stdout.take().expect("standard output is piped");
    tell(&mut input, told);
    for line in BufReader::new(output).lines() {
        let line = line.expect("what the script asks is text");
        let asked = serde_json::from_str(&line).unwrap_or_else(|_| panic!("{name} asks in JSON: {line}"));
        tell(&mut input, &answer(&asked));
    }
    let status = script.0.wait().expect("the script can be waited for");
    assert!(status.success(), "{name} ended with {status}; what it found is written above");
}

fn tell(input: &mut ChildStdin, what: &Value) {
    // One that has ended already says so by its status.
    let _ = writeln!(input, "{what}");
}
