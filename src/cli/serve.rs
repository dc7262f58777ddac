//! `lictor serve`

use std::io::{self, IsTerminal as _};
use std::path::PathBuf;

use clap::Args;
use secrecy::ExposeSecret as _;

use super::output::line;
use super::{Failure, Output, SettingFlags};
use crate::config::Loaded;
use crate::service::{self, Listening};
use crate::telemetry;

const EXIT_CODES: &str = "\
Exit codes: 0 told to stop, 1 the start was refused and nothing was changed, 2 wrong usage,
4 the store met damage: start again, the index is rebuilt; 5 the store failed: look after its disk, start again.
With 4 and 5 nothing is lost that was answered.";

/// Runs the service until it is told to stop.
#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
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

/// The service, until it is told to stop or its store fails.
fn hand_over(loaded: Loaded, bootstrap: Vec<PathBuf>) -> Result<(), Failure> {
    telemetry::init(&loaded.settings).map_err(|error| Failure::Usage(error.to_string()))?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::Refused(format!("cannot start: {error}")))?;
    let running = service::run(&loaded.settings, &bootstrap, announce);
    Ok(runtime.block_on(running)?)
}

/// Tells people and supervisors where the service is. The token itself goes to a terminal only.
pub(super) fn announce(listening: &Listening) {
    let mut lines = Vec::new();
    if let Some((data, keys)) = &listening.made {
        lines.push(format!(
            "made {} and {}: back up both, the keys apart from the data",
            data.display(),
            keys.display()
        ));
    }
    if let Some(file) = &listening.operator_token_file {
        lines.push(format!("the operator's API token is in {}", file.display()));
    }
    if let Some(token) = listening.operator_token.as_ref().filter(|_| io::stdout().is_terminal()) {
        lines.push(format!("it is {}", token.expose_secret()));
    }
    if !listening.url.is_empty() {
        lines.push(format!("lictor listens on {}", listening.url));
    }
    lines.iter().for_each(|text| line(text));
}
