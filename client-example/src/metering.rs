//! Only for software that is paid by use: a share of the quota is asked for with the license, and used up without network.

use std::process::ExitCode;

use license_client::{Amount, Config, meter};

/// Asks for a share, `render-minutes=12.5`, at the next activation or renewal.
pub fn with_share(config: Config, share: Option<&String>) -> Config {
    match share.and_then(|text| amount_of(text)) {
        Some((metric, amount)) => config.share(metric, amount),
        None => config,
    }
}

/// Uses so much of the share, if that is asked for.
pub fn consumed(config: &Config, amount: Option<&String>, locale: &str) -> Option<ExitCode> {
    let (metric, amount) = amount_of(amount?)?;
    Some(match meter(config, metric, amount) {
        Ok(metered) => {
            println!("{amount} {metric} consumed, {} left on this machine", metered.left);
            ExitCode::SUCCESS
        }
        Err(refusal) => {
            println!("{}: {}", refusal.code(), refusal.reason(locale));
            ExitCode::FAILURE
        }
    })
}

fn amount_of(text: &str) -> Option<(&str, Amount)> {
    let (metric, amount) = text.split_once('=')?;
    Some((metric, Amount::parse(amount)?))
}
