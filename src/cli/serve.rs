//! `lictor serve`

use std::path::PathBuf;

use clap::Args;

use super::{Failure, Output, SettingFlags};
use crate::config::Loaded;

/// Runs the service until it is told to stop.
#[derive(Debug, Args)]
pub struct Serve {
    #[command(flatten)]
    settings: SettingFlags,
    /// An apply file that is applied before the service answers; may be given several times.
    #[arg(long, value_name = "FILE")]
    bootstrap: Vec<PathBuf>,
}

impl Serve {
    /// Does it.
    pub fn run(self) -> Result<(), Failure> {
        let loaded = self.settings.load()?;
        loaded
            .warnings
            .iter()
            .for_each(|warning| Output { json: false }.note(&format!("warning: {warning}")));
        hand_over(loaded, self.bootstrap)
    }
}

/// Where the service takes over; until its rooms are joined here, it refuses.
fn hand_over(_loaded: Loaded, _bootstrap: Vec<PathBuf>) -> Result<(), Failure> {
    Err(Failure::Refused("this build holds no service yet".into()))
}
