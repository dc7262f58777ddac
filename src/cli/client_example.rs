//! `lictor client-example …`: the example client in a process of its own.

use std::ffi::OsString;
use std::process::ExitCode;

/// Hands the arguments over as they are.
pub fn run(args: Vec<OsString>) -> ExitCode {
    client_example::run(args.into_iter().map(|arg| arg.to_string_lossy().into_owned()))
}
