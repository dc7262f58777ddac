//! `lictor demo`

use std::process::ExitCode;

use super::Output;

/// The whole way, step by step.
pub fn run(output: Output) -> ExitCode {
    crate::demo::run(output.json)
}
