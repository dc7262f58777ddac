//! `lictor sandbox …`

use std::net::SocketAddr;

use clap::Subcommand;

use super::Failure;

/// A stand-in marketplace.
#[derive(Debug, Subcommand)]
pub enum Sandbox {
    /// Serve it: signs and sends callbacks, answers order queries.
    Serve {
        /// Where it answers: address and port.
        #[arg(long, default_value = "127.0.0.1:9080", value_name = "ADDRESS")]
        listen: SocketAddr,
    },
}

impl Sandbox {
    /// Does it.
    pub fn run(self) -> Result<(), Failure> {
        match self {
            Self::Serve { listen } => hand_over(listen),
        }
    }
}

/// Where the sandbox takes over; until it is joined here, it refuses.
fn hand_over(_listen: SocketAddr) -> Result<(), Failure> {
    Err(Failure::Refused("this build holds no sandbox yet".into()))
}
