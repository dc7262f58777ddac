//! `lictor init`

use clap::Args;

use super::output::line;
use super::serve::announce;
use super::{Failure, SettingFlags};
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
    pub fn run(self) -> Result<(), Failure> {
        hand_over(&self.settings.load()?.settings)
    }
}

fn hand_over(settings: &Settings) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::Refused(format!("cannot start: {error}")))?;
    let made =
        runtime.block_on(service::init(settings)).map_err(|error| Failure::Refused(error.to_string()))?;
    announce(&made);
    line(
        "next: `lictor apply --sample saas-v2` writes an apply file to fill in, `lictor serve` starts the service",
    );
    Ok(())
}
