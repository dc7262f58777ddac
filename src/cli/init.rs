//! `lictor init`

use clap::Args;
use serde_json::json;

use super::output::line;
use super::serve::announce;
use super::{Failure, Output, SettingFlags};
use crate::config::Settings;
use crate::service;

/// Makes data and keys where both are absent, also where `create` is `never`.
#[derive(Debug, Args)]
pub struct Init {
    #[command(flatten)]
    settings: SettingFlags,
}

impl Init {
    /// Does it.
    pub fn run(self, output: Output) -> Result<(), Failure> {
        hand_over(&self.settings.load()?.settings, output)
    }
}

fn hand_over(settings: &Settings, output: Output) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::Refused(format!("cannot start: {error}")))?;
    let made = runtime.block_on(service::init(settings))?;
    if output.json {
        let (data, keys) = made.made.unzip();
        let token_file = made.operator_token_file;
        line(&json!({ "data_dir": data, "keys_dir": keys, "operator_token_file": token_file }).to_string());
        return Ok(());
    }
    announce(&made);
    line(
        "next: `lictor apply --sample saas-v2` writes an apply file to fill in, `lictor serve` starts the service",
    );
    Ok(())
}
