//! The second and third opinion: a stock library of another language, in a process of its own.

use std::fmt;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

/// "Would software that expects this accept this token?"
#[derive(Clone, Debug)]
pub struct Question {
    pub jwks: Value,
    pub token: String,
    pub typ: &'static str,
    /// A status list has none.
    pub audience: Option<String>,
    pub issuer: String,
    /// Unix seconds; for our own verifier. The oracles go by the machine's clock.
    pub now: i64,
}

impl Question {
    fn to_line(&self) -> String {
        let Self { jwks, token, typ, audience, issuer, now: _ } = self;
        json!({ "jwks": jwks, "token": token, "typ": typ, "aud": audience, "iss": issuer }).to_string()
    }
}

/// An answer, and why not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    Accepted,
    Refused(String),
}

impl Answer {
    fn from_line(line: &str) -> Self {
        let answer: Value = serde_json::from_str(line).unwrap_or_else(|_| panic!("no answer: {line}"));
        match (answer["valid"].as_bool(), &answer["why"]) {
            (Some(true), _) => Self::Accepted,
            (Some(false), why) => Self::Refused(why.as_str().unwrap_or_default().to_owned()),
            (None, _) => panic!("the oracle did not understand the question: {line}"),
        }
    }
}

pub struct Oracle {
    name: &'static str,
    program: PathBuf,
    arguments: Vec<PathBuf>,
}

impl fmt::Display for Oracle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

impl Oracle {
    /// PyJWT and `jose`, as `./scripts/test` installs them. One that is missing is a failure, not a skip.
    pub fn both() -> [Self; 2] {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        [Self::python(root), Self::node(root)]
    }

    pub fn python(root: &Path) -> Self {
        let program = installed(root.join("target/interop/venv/bin/python"));
        Self { name: "PyJWT", program, arguments: vec![root.join("tests/interop/verify.py")] }
    }

    pub fn node(root: &Path) -> Self {
        let folder = root.join("target/interop/node");
        installed(folder.join("node_modules/jose/package.json"));
        Self {
            name: "jose",
            program: "node".into(),
            arguments: vec![root.join("tests/interop/verify.mjs"), folder],
        }
    }

    /// The Standard Webhooks libraries of both languages.
    pub fn webhooks() -> [Self; 2] {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let program = installed(root.join("target/interop/venv/bin/python"));
        let arguments = vec![root.join("tests/interop/webhooks.py")];
        let python = Self { name: "standardwebhooks for Python", program, arguments };
        let folder = root.join("target/interop/node");
        installed(folder.join("node_modules/standardwebhooks/package.json"));
        let arguments = vec![root.join("tests/interop/webhooks.mjs"), folder];
        [python, Self { name: "standardwebhooks for JavaScript", program: "node".into(), arguments }]
    }

    /// `@sd-jwt/jwt-status-list`.
    pub fn status_lists() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let folder = root.join("target/interop/node");
        installed(folder.join("node_modules/@sd-jwt/jwt-status-list/package.json"));
        let arguments = vec![root.join("tests/interop/status_lists.mjs"), folder];
        Self { name: "jwt-status-list", program: "node".into(), arguments }
    }

    /// dateutil, in a time zone that puts its clocks forward and back: UTC must not notice.
    pub fn dateutil() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let program = installed(root.join("target/interop/venv/bin/python"));
        Self { name: "dateutil", program, arguments: vec![root.join("tests/interop/calendar_oracle.py")] }
    }

    /// java.time, likewise.
    pub fn java() -> Self {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interop/Calendar.java");
        // One compiler thread and a small heap: it starts sooner, and leaves the machine to the other tests.
        let options = ["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xmx256m"].map(PathBuf::from);
        Self { name: "java.time", program: "java".into(), arguments: [&options[..], &[source]].concat() }
    }

    /// Any program that answers line by line.
    pub fn command(name: &'static str, program: &str, arguments: &[&str]) -> Self {
        Self { name, program: program.into(), arguments: arguments.iter().map(PathBuf::from).collect() }
    }

    /// One process for all questions; one answer each, in order.
    pub fn ask(&self, questions: &[Question]) -> Vec<Answer> {
        let lines: Vec<String> = questions.iter().map(Question::to_line).collect();
        self.ask_lines(&lines).iter().map(|line| Answer::from_line(line)).collect()
    }

    /// The same with the lines as they are.
    pub fn ask_lines(&self, questions: &[String]) -> Vec<String> {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).env("TZ", "America/New_York");
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn().unwrap_or_else(|error| panic!("{}: {error}; {ADVICE}", self.name));
        let mut input = process.stdin.take().expect("standard input is piped");
        let output = std::thread::scope(|scope| {
            // Beside the reading: neither side may fill its pipe while the other does.
            scope.spawn(move || {
                for question in questions {
                    writeln!(input, "{question}").expect("the oracle reads every question");
                }
            });
            process.wait_with_output().expect("the oracle can be waited for")
        });
        assert!(output.status.success(), "{} ended with {}", self.name, output.status);
        let text = String::from_utf8(output.stdout).expect("answers are UTF-8");
        let answers: Vec<String> = text.lines().map(str::to_owned).collect();
        assert_eq!(answers.len(), questions.len(), "{} answers every question", self.name);
        answers
    }
}

const ADVICE: &str =
    "run ./scripts/test once: it installs the oracles of tests/interop.rs under target/interop";

fn installed(path: PathBuf) -> PathBuf {
    assert!(path.exists(), "{} is missing; {ADVICE}", path.display());
    path
}
