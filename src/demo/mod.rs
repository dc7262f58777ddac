//! The main job in one go: a purchase becomes a license key that verifies offline.
//!
//! Does nothing that `serve`, `sandbox`, the merchant API and the client do not do over the network: the server and
//! the customer's software are processes of their own.

mod client;
mod drill;
mod report;
mod server;
mod shop;
mod story;

use std::process::ExitCode;

use report::Report;

/// Runs the demo; 0 only if each step did what it should. With `json` one object on standard output.
pub fn run(json: bool) -> ExitCode {
    let mut report = Report::new(json, "lictor demo: a purchase becomes a license key that verifies offline");
    let finished = story::tell(&mut report);
    if let Err(failure) = &finished {
        report.fail(failure);
    }
    report.finish();
    if finished.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Runs the theft drill; `Ok` only if each step did what it should. With `json` one object on standard output.
pub fn drill(json: bool) -> Result<(), String> {
    let mut report = Report::new(json, "lictor keys drill: signing keys are stolen, on a temporary store");
    let finished = drill::tell(&mut report);
    report.finish();
    finished
}
