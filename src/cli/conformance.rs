//! `lictor conformance …`: holds a verifier of any language to the vectors. Needs no server. The protocol:
//! `docs/conformance.md`.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::io::{self, BufReader, Write as _};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitCode, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::json_lines::next_line;
use super::output::{line, printable};
use super::{Failure, Output};
use crate::config::read_text;

const VECTORS: &str = include_str!("../../tests/vectors/token.jsonl");
/// Largest file of vectors.
const FILE_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Longest answer; what is longer is none.
const ANSWER_BYTES_MAX: usize = 16 * 1024;
/// Lines that wait to be looked at, so that a verifier that writes without end fills no memory.
const LINES_WAITING_MAX: usize = 64;

/// Hold a verifier to the vectors.
#[derive(Debug, Subcommand)]
pub enum Conformance {
    /// Run a verifier over every vector, and print what it answers otherwise. 0: nothing, 1: something.
    Run(Run),
    /// Print the vectors with their verdicts, one JSON line each.
    Vectors,
}

/// Which verifier, and by which vectors.
#[derive(Debug, Args)]
pub struct Run {
    /// File of vectors; default: those of this program.
    #[arg(long, value_name = "FILE")]
    vectors: Option<PathBuf>,
    /// How long the verifier may take for all of them, in seconds.
    #[arg(long, value_name = "N", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=3_600))]
    time_limit_secs: u64,
    /// The verifier with its arguments, behind `--`. It reads questions and writes answers, a JSON line each.
    #[arg(last = true, required = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

/// Does it.
pub fn run(command: Conformance, output: Output) -> ExitCode {
    let done = match command {
        Conformance::Run(run) => run.compare(output),
        Conformance::Vectors => read(VECTORS, "the vectors of this program").map(|vectors| {
            vectors.iter().for_each(|vector| line(&vector.json.to_string()));
            true
        }),
    };
    match done {
        Ok(passed) => ExitCode::from(u8::from(!passed)),
        Err(failure) => {
            output.failure(&failure);
            failure.exit_code()
        }
    }
}

/// What is said about a token.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Verdict {
    valid: bool,
    code: Option<String>,
}

impl Verdict {
    fn of(members: &Value) -> Option<Self> {
        let code = match &members["code"] {
            Value::Null => None,
            Value::String(code) => Some(code.clone()),
            Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => return None,
        };
        Some(Self { valid: members["valid"].as_bool()?, code })
    }

    fn to_json(&self) -> Value {
        json!({ "valid": self.valid, "code": self.code })
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.valid { "valid" } else { "refused" })?;
        self.code.as_ref().map_or(Ok(()), |code| write!(f, " as {}", printable(code)))
    }
}

/// One vector, its keys in full.
struct Vector {
    id: String,
    expected: Verdict,
    json: Value,
}

impl Vector {
    /// What the verifier is asked: the vector without its verdict.
    fn question(&self) -> String {
        let mut question = json!({});
        for name in ["id", "keys", "token", "status_list", "seen", "expect"] {
            if let Some(value) = self.json.get(name) {
                question[name] = value.clone();
            }
        }
        format!("{question}\n")
    }
}

/// Reads a file of vectors.
fn read(text: &str, name: &str) -> Result<Vec<Vector>, Failure> {
    let mut sets = BTreeMap::new();
    let mut vectors = Vec::new();
    for (index, text) in text.lines().enumerate() {
        let wrong = |what: &str| Failure::Usage(format!("{name}, line {}: {what}", index + 1));
        let mut json: Value = serde_json::from_str(text).map_err(|_| wrong("this is no JSON"))?;
        if let Some(set) = json["key_set"].as_str() {
            sets.insert(set.to_owned(), json["keys"].clone());
            continue;
        }
        let keys = json["keys"].as_str().and_then(|set| sets.get(set));
        let keys = keys.cloned().ok_or_else(|| wrong("`keys` names no set of an earlier line"))?;
        let id = json["id"].as_str().map(str::to_owned).ok_or_else(|| wrong("`id` is missing"))?;
        let expected = Verdict::of(&json["verdict"]).ok_or_else(|| wrong("`verdict` is missing"))?;
        json["keys"] = keys;
        vectors.push(Vector { id, expected, json });
    }
    if vectors.is_empty() {
        return Err(Failure::Usage(format!("{name} holds no vectors")));
    }
    Ok(vectors)
}

impl Run {
    /// Whether the verifier answers everything as expected.
    fn compare(&self, output: Output) -> Result<bool, Failure> {
        let vectors = match &self.vectors {
            Some(path) => read(&read_text(path, FILE_BYTES_MAX)?, &path.display().to_string())?,
            None => read(VECTORS, "the vectors of this program")?,
        };
        let questions = vectors.iter().map(Vector::question).collect();
        let heard = Verifier::start(&self.command)?.ask(questions, Duration::from_secs(self.time_limit_secs));
        let report = Report::new(&vectors, &heard);
        report.print(&heard, self.time_limit_secs, output);
        Ok(report.passed(&heard))
    }
}

/// What comes from a running verifier.
enum Event {
    Line(Vec<u8>),
    OutputClosed,
    Ended(io::Result<ExitStatus>),
}

/// All that a verifier said.
#[derive(Default)]
struct Heard {
    answers: Vec<(String, Verdict)>,
    not_answers: u64,
    first_not_answer: Option<String>,
    /// `None` when it had to be stopped, or nobody knows how it ended.
    ended: Option<ExitStatus>,
    took_too_long: bool,
}

impl Heard {
    fn line(&mut self, text: &[u8]) {
        let answer: Option<Value> = serde_json::from_slice(text).ok();
        let id = answer.as_ref().and_then(|answer| answer["id"].as_str()).map(str::to_owned);
        match (id, answer.as_ref().and_then(Verdict::of)) {
            (Some(id), Some(verdict)) => self.answers.push((id, verdict)),
            (None, _) | (_, None) => {
                const SHOWN_CHARS: usize = 80;
                let shown = || printable(&String::from_utf8_lossy(text)).chars().take(SHOWN_CHARS).collect();
                self.first_not_answer.get_or_insert_with(shown);
                self.not_answers += 1;
            }
        }
    }
}

/// A verifier that was started, in a process group of its own.
struct Verifier {
    child: Child,
    input: ChildStdin,
    output: ChildStdout,
}

impl Verifier {
    fn start(command: &[OsString]) -> Result<Self, Failure> {
        let program = command.first().map(Path::new).unwrap_or(Path::new(""));
        let cannot = |reason: &str| {
            Failure::Usage(format!("the verifier {} cannot be started: {reason}", program.display()))
        };
        let mut started = Command::new(program);
        started.args(&command[1..]).stdin(Stdio::piped()).stdout(Stdio::piped()).process_group(0);
        let mut child = started.spawn().map_err(|error| cannot(&error.to_string()))?;
        match (child.stdin.take(), child.stdout.take()) {
            (Some(input), Some(output)) => Ok(Self { child, input, output }),
            (None, _) | (_, None) => Err(cannot("it has no standard input or output")),
        }
    }

    /// Asks everything and listens until the verifier has ended; one that does not is stopped, with what it started.
    fn ask(self, questions: Vec<String>, limit: Duration) -> Heard {
        let deadline = Instant::now() + limit;
        let group = rustix::process::Pid::from_child(&self.child);
        let (events, heard) = sync_channel(LINES_WAITING_MAX);
        let (mut input, mut child, output) = (self.input, self.child, self.output);
        // A verifier that stops reading is noticed by what it does not answer.
        std::thread::spawn(move || {
            questions.iter().try_for_each(|question| input.write_all(question.as_bytes()))
        });
        let ended = events.clone();
        std::thread::spawn(move || ended.send(Event::Ended(child.wait())));
        std::thread::spawn(move || read_lines(output, &events));
        let mut told = listen(&heard, deadline);
        if told.took_too_long {
            // It may have ended by itself meanwhile.
            let _gone = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
            told.ended = None;
        }
        told
    }
}

fn read_lines(output: ChildStdout, events: &SyncSender<Event>) {
    let mut output = BufReader::new(output);
    while let Ok(Some(text)) = next_line(&mut output, ANSWER_BYTES_MAX) {
        if events.send(Event::Line(text)).is_err() {
            return;
        }
    }
    let _listener_gone = events.send(Event::OutputClosed);
}

/// Until the verifier has ended and all that it wrote is read, or the time is over.
fn listen(events: &Receiver<Event>, deadline: Instant) -> Heard {
    let mut heard = Heard::default();
    let (mut open, mut running) = (true, true);
    while open || running {
        match events.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(Event::Line(text)) => heard.line(&text),
            Ok(Event::OutputClosed) => open = false,
            Ok(Event::Ended(status)) => (running, heard.ended) = (false, status.ok()),
            Err(_) => {
                heard.took_too_long = true;
                break;
            }
        }
        // Lines that come without a pause must not put off the end.
        if (open || running) && Instant::now() >= deadline {
            heard.took_too_long = true;
            break;
        }
    }
    heard
}

/// What was answered to each vector.
struct Report<'a> {
    differing: Vec<(&'a Vector, Option<&'a Verdict>)>,
    vectors: usize,
    repeated: usize,
    unknown: usize,
}

impl<'a> Report<'a> {
    fn new(vectors: &'a [Vector], heard: &'a Heard) -> Self {
        let ids: std::collections::BTreeSet<&str> = vectors.iter().map(|vector| vector.id.as_str()).collect();
        let mut first: BTreeMap<&str, &Verdict> = BTreeMap::new();
        let (mut repeated, mut unknown) = (0, 0);
        for (id, verdict) in &heard.answers {
            if !ids.contains(id.as_str()) {
                unknown += 1;
            } else if first.contains_key(id.as_str()) {
                repeated += 1;
            } else {
                first.insert(id, verdict);
            }
        }
        let said = |vector: &'a Vector| (vector, first.get(vector.id.as_str()).copied());
        let differing = vectors.iter().map(said).filter(|(vector, said)| *said != Some(&vector.expected));
        Self { differing: differing.collect(), vectors: vectors.len(), repeated, unknown }
    }

    fn passed(&self, heard: &Heard) -> bool {
        let ended_well = heard.ended.is_some_and(|status| status.success()) && !heard.took_too_long;
        self.differing.is_empty() && self.repeated + self.unknown == 0 && heard.not_answers == 0 && ended_well
    }

    fn missing(&self) -> usize {
        self.differing.iter().filter(|(_, said)| said.is_none()).count()
    }

    fn print(&self, heard: &Heard, limit_secs: u64, output: Output) {
        for (vector, said) in &self.differing {
            let answered = said.map(Verdict::to_json);
            let members = &vector.json;
            let value = json!({
                "id": vector.id, "about": members["about"], "profile": members["profile"] == true,
                "expected": vector.expected.to_json(), "answered": answered,
            });
            output.answer(&value, |_| self.words(vector, *said));
        }
        let as_expected = self.vectors - self.differing.len();
        let value = json!({
            "vectors": self.vectors, "as_expected": as_expected, "otherwise": self.differing.len() - self.missing(),
            "missing": self.missing(), "repeated": self.repeated, "unknown": self.unknown,
            "not_answers": heard.not_answers, "exit_code": heard.ended.and_then(|status| status.code()),
            "took_too_long": heard.took_too_long, "passed": self.passed(heard),
        });
        output.answer(&value, |_| self.sum(heard, as_expected, limit_secs));
    }

    fn words(&self, vector: &Vector, said: Option<&Verdict>) -> String {
        let said = said.map_or("no answer".to_owned(), |said| format!("answered {said}"));
        let about = vector.json["about"].as_str().unwrap_or_default();
        let profile = if vector.json["profile"] == true { " (profile)" } else { "" };
        format!(
            "{}: expected {}, {said}\n   {}{profile}",
            printable(&vector.id),
            vector.expected,
            printable(about)
        )
    }

    fn sum(&self, heard: &Heard, as_expected: usize, limit_secs: u64) -> String {
        let otherwise = self.differing.len() - self.missing();
        let mut words = format!(
            "{} vectors: {as_expected} as expected, {otherwise} otherwise, {} not answered",
            self.vectors,
            self.missing()
        );
        if let Some(shown) = &heard.first_not_answer {
            words += &format!("\n{} lines are no answer, first: {shown}", heard.not_answers);
        }
        if self.repeated + self.unknown > 0 {
            words +=
                &format!("\n{} answers were repeated, {} answer no question", self.repeated, self.unknown);
        }
        if heard.took_too_long {
            return words
                + &format!("\nthe verifier was stopped after {limit_secs} s; see --time-limit-secs");
        }
        match heard.ended {
            Some(status) if status.success() => words,
            Some(status) => match status.signal() {
                Some(signal) => words + &format!("\nthe verifier was ended by signal {signal}"),
                None => {
                    words + &format!("\nthe verifier ended with exit code {}", status.code().unwrap_or(-1))
                }
            },
            None => words + "\nnobody knows how the verifier ended",
        }
    }
}
