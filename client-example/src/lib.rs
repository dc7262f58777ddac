//! What a customer's software does about its license.

use std::collections::BTreeMap;
use std::error::Error;
use std::process::ExitCode;

mod metering;
use license_client::{Config, Verdict, check, maintain};

const USAGE: &str = "client-example --product P --issuer ISS --keys JWKS_FILE --state DIR [--server URL] \
    [--key TEXT] [--locale TAG] [--offline] [--maintain] [--test] [--json] [--share METRIC=AMOUNT] [--meter METRIC=AMOUNT]";
const FLAGS: [&str; 4] = ["--offline", "--maintain", "--test", "--json"];

/// Takes the arguments without the program's name. Exit code: 0 licensed, 1 refused, 2 usage.
pub fn run(args: impl Iterator<Item = String>) -> ExitCode {
    let options = options(args);
    let (config, verdict) = match license(&options) {
        Ok(licensed) => licensed,
        Err(error) => {
            eprintln!("{error}\nusage: {USAGE}");
            return ExitCode::from(2);
        }
    };
    let locale = options.get("--locale").map_or("en", String::as_str);
    if let Some(consumed) = metering::consumed(&config, options.get("--meter"), locale) {
        return consumed;
    }
    let told =
        format!("{}: {} {}", verdict.code(), verdict.reason(locale), verdict.next_action_reason(locale));
    println!("{}", if options.contains_key("--json") { verdict.to_json(locale) } else { told });
    if verdict.is_granted() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn license(options: &BTreeMap<String, String>) -> Result<(Config, Verdict), Box<dyn Error>> {
    let needed = |name: &str| options.get(name).ok_or_else(|| format!("{name} is missing"));
    let keys = std::fs::read_to_string(needed("--keys")?)?;
    let mut config = Config::new(needed("--product")?, needed("--issuer")?, &keys, needed("--state")?)?;
    if options.contains_key("--test") {
        config = config.test_licenses();
    }
    if let Some(url) = options.get("--server").filter(|_url| !options.contains_key("--offline")) {
        config = config.server(url);
    }
    config = metering::with_share(config, options.get("--share"));
    let verdict = check(&config, options.get("--key").map(String::as_str));
    let verdict = if options.contains_key("--maintain") { maintain(&config) } else { verdict };
    Ok((config, verdict))
}

fn options(mut args: impl Iterator<Item = String>) -> BTreeMap<String, String> {
    let mut options = BTreeMap::new();
    while let Some(name) = args.next() {
        let value = if FLAGS.contains(&name.as_str()) { None } else { args.next() };
        options.insert(name, value.unwrap_or_default());
    }
    options
}
