//! `lictor calendar …`: checks of terms and quota windows for integrators. Works on its input alone, without a server.

use std::process::ExitCode;

use chrono::{DateTime, SecondsFormat, Utc};
use clap::Subcommand;
use serde_json::json;

use super::Output;
use super::json_lines::{self, Answer, Members, member, text, whole};
use crate::domain::{
    Amount, Instant, Phase, QuotaWindow, ResetWindow, Term, Validity, WindowAlignment, whole_seconds,
};

/// Longest line: a few instants and words, with room.
const LINE_BYTES_MAX: usize = 16 * 1024;

/// Checks on JSON lines from the standard input; for each line one JSON line is answered.
#[derive(Debug, Clone, Copy, Subcommand)]
pub enum Calendar {
    /// Count {start, term, times} terms from the start: answers {end}, null for permanent; with `at` also its {phase}.
    Add,
    /// Find the quota window of {start, end, reset, window, at}: answers {starts_at, ends_at, ordinal}, null where none is.
    Windows,
    /// Count the windows that {start, end, reset} pays for, and {amount} so many times: answers {windows, total}.
    Total,
}

/// Does it. One line: 0 answered, 1 refused. Many lines: 0 when every line was answered.
pub fn run(command: Calendar, output: Output) -> ExitCode {
    json_lines::run(output, LINE_BYTES_MAX, |members| match command {
        Calendar::Add => add(members),
        Calendar::Windows => windows(members),
        Calendar::Total => total(members),
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

fn windows(members: &Members) -> Result<Answer, String> {
    let (validity, reset, at) = (validity(members)?, reset(members)?, instant(members, "at")?);
    let alignment = WindowAlignment::parse(text(members, "window")?)
        .ok_or("the member `window` must be anniversary or calendar")?;
    let window = QuotaWindow::covering(reset, alignment, &validity, at);
    Ok(Answer::accepted(json!({
        "starts_at": window.map(|window| shown(window.starts_at)),
        "ends_at": window.and_then(|window| window.ends_at).map(shown),
        "ordinal": window.map(|window| window.ordinal),
    })))
}

/// Of windows that go on for ever there is no total.
fn total(members: &Members) -> Result<Answer, String> {
    let (validity, reset) = (validity(members)?, reset(members)?);
    let amount = Amount::parse(text(members, "amount")?)
        .map_err(|error| format!("the member `amount`, a string: {error}"))?;
    let windows = QuotaWindow::paid(reset, &validity);
    let total = windows.map(|windows| amount.times(windows)).transpose();
    let total = total.map_err(|_| "the total is 900000000000 or more".to_owned())?;
    Ok(Answer::accepted(json!({ "windows": windows, "total": total.map(|total| total.to_string()) })))
}

/// From `start` to `end`, which is null where there is none.
fn validity(members: &Members) -> Result<Validity, String> {
    let starts_at = instant(members, "start")?;
    let ends_at = if member(members, "end")?.is_null() { None } else { Some(instant(members, "end")?) };
    Ok(Validity::between(starts_at, ends_at))
}

fn reset(members: &Members) -> Result<ResetWindow, String> {
    let reset = ResetWindow::parse(text(members, "reset")?);
    reset.ok_or_else(|| "the member `reset` must be none, hour, day, week, month or year".to_owned())
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
