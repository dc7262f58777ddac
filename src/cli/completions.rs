//! `lictor completions`: what a shell needs to complete commands and flags.

use std::io::{self, Write as _};

use clap::{Args, CommandFactory as _, ValueEnum};

use super::{Cli, Failure};

/// A shell.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum Shell {
    /// GNU Bash.
    Bash,
    /// Z shell.
    Zsh,
    /// Friendly interactive shell.
    Fish,
    /// PowerShell.
    Powershell,
}

/// For which shell.
#[derive(Debug, Args)]
pub struct Completions {
    /// The shell; its own documentation says where the script belongs.
    #[arg(value_enum, value_name = "SHELL")]
    shell: Shell,
}

impl Completions {
    /// Prints the script.
    pub fn run(self) -> Result<(), Failure> {
        let shell = match self.shell {
            Shell::Bash => clap_complete::Shell::Bash,
            Shell::Zsh => clap_complete::Shell::Zsh,
            Shell::Fish => clap_complete::Shell::Fish,
            Shell::Powershell => clap_complete::Shell::PowerShell,
        };
        let mut script = Vec::new();
        clap_complete::generate(shell, &mut Cli::command(), "lictor", &mut script);
        // A reader that has gone away is no failure.
        let _ = io::stdout().write_all(&script);
        Ok(())
    }
}
