//! `lictor calendar …`: checks of terms and quota windows for integrators. Works on its input alone, without a server.

use std::process::ExitCode;

use chrono::{DateTime, SecondsFormat, Utc};
use clap::Subcommand;
use serde_json::json;

use super::Output;
use super::json_lines::{self, Answer, Members, text, whole};
use crate::domain::{Instant, Phase, Term, Validity, whole_seconds};

/// Longest line: a few instants and words, with room.
const LINE_BYTES_MAX: usize = 16 * 1024;

/// Checks on JSON lines from the standard input; for each line one JSON line is answered.
#[derive(Debug, Clone, Copy, Subcommand)]
pub enum Calendar {
    /// Count {start, term, times} terms from the start: answers {end}, null for permanent; with `at` also its {phase}.
    Add,
}

/// Does it. One line: 0 answered, 1 refused. Many lines: 0 when every line was answered.
pub fn run(command: Calendar, output: Output) -> ExitCode {
    json_lines::run(output, LINE_BYTES_MAX, |members| match command {
        Calendar::Add => add(members),
    })
}

fn add(members: &Members) -> Result<Answer, String> {
    let (start, times) = (instant(members, "start")?, whole::<u32>(members, "times")?);
    let end = term(members)?.end_after(start, times).map_err(|error| error.to_string())?;
    let mut answer = json!({ "end": end.map(shown) });
    if members.contains_key("at") {
        answer["phase"] = phase(Validity::between(start, end).phase(instant(members, "at")?)).into();
    }
    Ok(Answer::accepted(answer))
}

fn phase(phase: Phase) -> &'static str {
    match phase {
        Phase::Before => "before",
        Phase::Within => "within",
        Phase::After => "after",
    }
}

fn term(members: &Members) -> Result<Term, String> {
    Term::parse(text(members, "term")?).map_err(|error| format!("the member `term`: {error}"))
}

/// RFC 3339 with any offset, in whole seconds.
fn instant(members: &Members, name: &str) -> Result<Instant, String> {
    let read = DateTime::parse_from_rfc3339(text(members, name)?).map(|at| at.with_timezone(&Utc));
    read.ok().filter(|at| whole_seconds(*at) == *at).ok_or_else(|| {
        format!("the member `{name}` must be an instant in whole seconds, such as 2026-01-31T10:00:00Z")
    })
}

fn shown(at: Instant) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}
