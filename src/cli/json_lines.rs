//! Lines in, lines out: what the checks for integrators read from the standard input.

use std::io::{self, BufRead, Read as _};
use std::process::ExitCode;

use serde_json::{Map, Value, json};

use super::output::line;
use super::{Failure, Output};

/// What a line holds: a JSON object.
pub type Members = Map<String, Value>;

/// One answer, and whether it accepts.
pub struct Answer {
    /// The line that is written.
    pub value: Value,
    /// Whether it accepts.
    pub accepted: bool,
}

impl Answer {
    /// An answer that accepts.
    pub fn accepted(value: Value) -> Self {
        Self { value, accepted: true }
    }

    /// An answer to what is no question.
    pub fn error(words: &str) -> Self {
        Self { value: json!({ "error": words }), accepted: false }
    }
}

/// Answers each line of at most `bytes_max` bytes. One line: 0 accepted, 1 refused. Many lines: 0 when every line was
/// answered, whatever the answers. What is wrong with a line is its answer, and the next one follows.
pub fn run(
    output: Output,
    bytes_max: usize,
    answer: impl Fn(&Members) -> Result<Answer, String>,
) -> ExitCode {
    match answer_all(bytes_max, answer) {
        Ok(accepted) => ExitCode::from(u8::from(!accepted)),
        Err(failure) => {
            output.failure(&failure);
            failure.exit_code()
        }
    }
}

/// Whether the exit code is 0.
fn answer_all(
    bytes_max: usize,
    answer: impl Fn(&Members) -> Result<Answer, String>,
) -> Result<bool, Failure> {
    let unreadable = |error: io::Error| Failure::Usage(format!("cannot read the standard input: {error}"));
    let mut input = io::stdin().lock();
    let (mut lines, mut last_accepted) = (0_u64, true);
    while let Some(text) = next_line(&mut input, bytes_max).map_err(unreadable)? {
        if text.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        let answer = match serde_json::from_slice::<Members>(&text) {
            Ok(members) => answer(&members).unwrap_or_else(|words| Answer::error(&words)),
            Err(_) => Answer::error(&format!("the line is no JSON object, or longer than {bytes_max} bytes")),
        };
        line(&answer.value.to_string());
        (lines, last_accepted) = (lines + 1, answer.accepted);
    }
    if lines == 0 {
        return Err(Failure::Usage("JSON lines are read from the standard input, and nothing came".into()));
    }
    Ok(lines != 1 || last_accepted)
}

/// A member that must be there.
pub fn member<'a>(members: &'a Members, name: &str) -> Result<&'a Value, String> {
    members.get(name).ok_or_else(|| format!("the member `{name}` is missing"))
}

/// A member that must be a string.
pub fn text<'a>(members: &'a Members, name: &str) -> Result<&'a str, String> {
    member(members, name)?.as_str().ok_or_else(|| format!("the member `{name}` must be a string"))
}

/// A member that must be a whole number from 0.
pub fn whole<N: TryFrom<u64>>(members: &Members, name: &str) -> Result<N, String> {
    let number = member(members, name)?.as_u64().and_then(|number| N::try_from(number).ok());
    number.ok_or_else(|| format!("the member `{name}` must be a whole number from 0, and not so large"))
}

/// The next line without its end; none at the end of the input. What is longer than `bytes_max` is cut, and its rest
/// passed over: whoever reads it finds it broken.
pub fn next_line(input: &mut impl BufRead, bytes_max: usize) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    let limit = u64::try_from(bytes_max).unwrap_or(u64::MAX);
    if input.by_ref().take(limit).read_until(b'\n', &mut bytes)? == 0 {
        return Ok(None);
    }
    if bytes.last() != Some(&b'\n') && bytes.len() == bytes_max {
        input.skip_until(b'\n')?;
    }
    while bytes.last().is_some_and(|end| [b'\r', b'\n'].contains(end)) {
        bytes.pop();
    }
    Ok(Some(bytes))
}
