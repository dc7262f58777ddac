//! `lictor init`

use clap::Args;

use super::{Failure, SettingFlags};
use crate::config::Settings;

/// Makes data and keys where both are absent, also where `create` is `never`.
#[derive(Debug, Args)]
pub struct Init {
    #[command(flatten)]
    settings: SettingFlags,
}

impl Init {
    /// Does it.
    pub fn run(self) -> Result<(), Failure> {
        hand_over(self.settings.load()?.settings)
    }
}

/// Where store and keyring take over; until they are joined here, it refuses.
fn hand_over(_settings: Settings) -> Result<(), Failure> {
    Err(Failure::Refused("this build holds no store yet".into()))
}
