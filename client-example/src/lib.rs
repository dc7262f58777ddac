//! What a customer's software does about its license.

use std::process::ExitCode;

mod air_gap;
mod arguments;
mod metering;

use arguments::{config, options};
use license_client::{check, maintain};

const USAGE: &str = "client-example --product P --issuer ISS --keys JWKS_FILE --state DIR [--server URL] \
    [--key TEXT] [--locale TAG] [--offline] [--maintain] [--test] [--json] [--share METRIC=AMOUNT] [--meter METRIC=AMOUNT] \
    [--request FILE | --response FILE | --deactivate FILE]";

/// Takes the arguments without the program's name. Exit code: 0 licensed, 1 refused, 2 usage.
pub fn run(args: impl Iterator<Item = String>) -> ExitCode {
    let options = options(args);
    let config = match config(&options) {
        Ok(config) => config,
        Err(error) => {
            eprintln!("{error}\nusage: {USAGE}");
            return ExitCode::from(2);
        }
    };
    let locale = options.get("--locale").map_or("en", String::as_str);
    if let Some(carried) = air_gap::carried(&config, &options, locale) {
        return carried;
    }
    let verdict = check(&config, options.get("--key").map(String::as_str));
    let verdict = if options.contains_key("--maintain") { maintain(&config) } else { verdict };
    if let Some(consumed) = metering::consumed(&config, options.get("--meter"), locale) {
        return consumed;
    }
    let told =
        format!("{}: {} {}", verdict.code(), verdict.reason(locale), verdict.next_action_reason(locale));
    println!("{}", if options.contains_key("--json") { verdict.to_json(locale) } else { told });
    if verdict.is_granted() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
