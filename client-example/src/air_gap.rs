//! Only for machines that are never online: files that somebody carries to the seller's license page and back.

use std::collections::BTreeMap;
use std::process::ExitCode;

use license_client::{AirGapError, Config, deactivate, request, take_response};

/// Does what `--request FILE`, `--response FILE` or `--deactivate FILE` asks for; `None` where none of them is given.
pub fn carried(config: &Config, options: &BTreeMap<String, String>, locale: &str) -> Option<ExitCode> {
    let told = |done: Result<String, AirGapError>| match done {
        Ok(told) => {
            println!("{told}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            println!("{}: {}", error.code(), error.reason(locale));
            ExitCode::FAILURE
        }
    };
    let write = |path: &String, text: Result<String, AirGapError>| match text {
        Ok(text) => std::fs::write(path, text).map_err(|error| AirGapError::NotWritten(error.kind())),
        Err(error) => Err(error),
    };
    if let Some(path) = options.get("--request") {
        let asked = request(config, options.get("--key").map(String::as_str));
        return Some(told(write(path, asked).map(|()| format!("carry {path} to the license page"))));
    }
    if let Some(path) = options.get("--deactivate") {
        return Some(told(
            write(path, deactivate(config)).map(|()| format!("carry {path} to the license page")),
        ));
    }
    let verdict = take_response(config, options.get("--response")?).map(|verdict| verdict.to_json(locale));
    Some(told(verdict))
}
