//! `lictor status …`: checks of status lists for integrators. Works on its input alone, without a server.

use std::process::ExitCode;

use clap::Subcommand;
use license_token::status_list::{STATUS_LIST_MAX_BYTES, StatusList};
use serde_json::json;

use super::Output;
use super::json_lines::{self, Answer, Members, text, whole};

/// Longest line: a list of the largest size that deflates to nothing less, in base64url.
const LINE_BYTES_MAX: usize = 2 * STATUS_LIST_MAX_BYTES;

/// Checks on JSON lines from the standard input; for each line one JSON line is answered.
#[derive(Debug, Clone, Copy, Subcommand)]
pub enum StatusCheck {
    /// Inflate {bits, lst}, at most 1 MiB: answers {statuses}, or with `idx` the {status} of one entry.
    Decode,
}

/// Does it. One line: 0 decoded, 1 not. Many lines: 0 when every line was answered.
pub fn run(command: StatusCheck, output: Output) -> ExitCode {
    match command {
        StatusCheck::Decode => json_lines::run(output, LINE_BYTES_MAX, decode),
    }
}

fn decode(members: &Members) -> Result<Answer, String> {
    let (bits, lst) = (whole::<u8>(members, "bits")?, text(members, "lst")?);
    let list = StatusList::decode(bits, lst).map_err(|error| error.to_string())?;
    if members.contains_key("idx") {
        let idx = whole::<usize>(members, "idx")?;
        let beyond = || format!("the list has {} entries, and none of index {idx}", list.len());
        return Ok(Answer::accepted(json!({ "status": list.get(idx).ok_or_else(beyond)? })));
    }
    let statuses: Vec<u8> = (0..list.len()).filter_map(|index| list.get(index)).collect();
    Ok(Answer::accepted(json!({ "statuses": statuses })))
}
