//! What stands on the command line.

use std::collections::BTreeMap;
use std::error::Error;

use license_client::Config;

use crate::metering;

const FLAGS: [&str; 4] = ["--offline", "--maintain", "--test", "--json"];

/// What the software knows about its own licensing.
pub fn config(options: &BTreeMap<String, String>) -> Result<Config, Box<dyn Error>> {
    let needed = |name: &str| options.get(name).ok_or_else(|| format!("{name} is missing"));
    let keys = std::fs::read_to_string(needed("--keys")?)?;
    let mut config = Config::new(needed("--product")?, needed("--issuer")?, &keys, needed("--state")?)?;
    if options.contains_key("--test") {
        config = config.test_licenses();
    }
    if let Some(url) = options.get("--server").filter(|_url| !options.contains_key("--offline")) {
        config = config.server(url);
    }
    Ok(metering::with_share(config, options.get("--share")))
}

/// Each `--name` with what follows it.
pub fn options(mut args: impl Iterator<Item = String>) -> BTreeMap<String, String> {
    let mut options = BTreeMap::new();
    while let Some(name) = args.next() {
        let value = if FLAGS.contains(&name.as_str()) { None } else { args.next() };
        options.insert(name, value.unwrap_or_default());
    }
    options
}
