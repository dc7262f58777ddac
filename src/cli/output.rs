//! How answers reach people and programs.

use std::io::{self, Write as _};

use serde_json::Value;

use super::Failure;

/// Answers in JSON or in words.
#[derive(Debug, Clone, Copy)]
pub struct Output {
    /// JSON instead of words.
    pub json: bool,
}

impl Output {
    /// Prints the answer: as it is in JSON, otherwise as `words` puts it.
    pub fn answer(self, value: &Value, words: impl FnOnce(&Value) -> String) {
        if self.json { line(&value.to_string()) } else { line(words(value).trim_end_matches('\n')) }
    }

    /// Prints what went wrong to the standard error.
    pub fn failure(self, failure: &Failure) {
        let text = if self.json { failure.to_json().to_string() } else { format!("error: {failure}") };
        // Nobody is left to be told when this fails too.
        let _ = writeln!(io::stderr(), "{text}");
    }

    /// Prints what people should know, to the standard error.
    pub fn note(self, text: &str) {
        if !self.json {
            let _ = writeln!(io::stderr(), "{text}");
        }
    }
}

/// Prints one line; a reader that has gone away (`| head`) is no failure.
pub fn line(text: &str) {
    let _ = writeln!(io::stdout(), "{text}");
}

/// The text without what could steer a terminal: control characters and direction marks become visible.
pub fn printable(text: &str) -> String {
    let steers = |c: char| {
        c.is_control()
            || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.chars().map(|c| if steers(c) { '\u{fffd}' } else { c }).collect()
}
