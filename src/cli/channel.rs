//! `lictor channel …`

use clap::Subcommand;

use super::{Common, Failure};

/// Production addresses.
#[derive(Debug, Subcommand)]
pub enum Channel {
    /// Check a production address from outside: name, certificate, TLS, header case, time limit, clock, one mock order
    /// query, and the debugging calls of its protocol. Nothing is left behind.
    Check(super::channel_check::Check),
}

impl Channel {
    /// Does it.
    pub fn run(self, common: &Common) -> Result<(), Failure> {
        match self {
            Self::Check(check) => check.run(common),
        }
    }
}
