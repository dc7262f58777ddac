//! `lictor client-example …`: the example client in a process of its own.

use std::ffi::OsString;
use std::process::ExitCode;

use super::{Failure, Output};

/// Where the example client takes over (`client_example::run`); until it is joined here, it refuses.
pub fn run(_args: Vec<OsString>) -> ExitCode {
    let failure = Failure::Refused("this build holds no example client yet".into());
    Output { json: false }.failure(&failure);
    failure.exit_code()
}
