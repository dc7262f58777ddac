//! `lictor demo`

use std::process::ExitCode;

use super::{Failure, Output};

/// Where the demo takes over (`crate::demo::run`); until it is joined here, it refuses.
pub fn run(output: Output) -> ExitCode {
    let failure = Failure::Refused("this build holds no demo yet".into());
    output.failure(&failure);
    failure.exit_code()
}
