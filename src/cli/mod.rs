//! The command line: one file per group of commands. `main` parses and hands over to [`Cli::run`].
//!
//! Exit codes: 0 done, 1 refused or not found, 2 usage, 3 unreachable or 503.

mod activation;
pub mod api;
mod api_token;
mod apply;
mod audit;
pub mod audit_lines;
mod audit_reconcile;
pub mod audit_verifier;
mod backup;
mod calendar;
mod catalog;
mod cell_guard;
mod channel;
mod channel_check;
mod client_example;
mod completions;
mod config;
mod conformance;
mod consequences;
mod crypto;
mod customer;
mod demo;
mod encryption;
mod export;
mod failure;
mod import;
mod init;
mod issue_file;
mod json_lines;
mod keys;
mod keys_rotation;
mod license;
mod license_filter;
mod local;
mod local_time;
mod login;
mod order;
mod order_missing;
mod outbox;
mod output;
mod problem;
mod progress;
mod quota;
mod restore;
mod sandbox;
mod sandbox_chaos;
mod sandbox_judge;
mod serve;
mod session;
mod setting_flags;
mod status;
mod store;
mod store_move;
mod store_move_answer;
mod store_move_server;
mod table;
mod token;
mod usage;
mod webhook;
mod webhook_check;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use api::Api;
pub use failure::Failure;
pub use output::Output;
pub use problem::Problem;
pub use setting_flags::SettingFlags;
pub use table::Table;

use crate::config::{ClientFlags, ClientSettings};

const EXIT_CODES: &str =
    "Exit codes: 0 done, 1 refused or not found, 2 wrong usage, 3 the server cannot be reached";

/// License key service for software sold on cloud marketplaces.
#[derive(Debug, Parser)]
#[command(name = "lictor", version, propagate_version = true, arg_required_else_help = true, after_help = EXIT_CODES)]
pub struct Cli {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    command: Command,
}

/// What every command takes.
#[derive(Debug, Clone, Default, Args)]
pub struct Common {
    /// Answer in JSON instead of tables and sentences.
    #[arg(long, global = true, help_heading = "Everywhere")]
    json: bool,
    /// Where the server is [env: LICTOR_URL] [default: http://127.0.0.1:8080].
    #[arg(long, global = true, value_name = "URL", help_heading = "Everywhere")]
    url: Option<String>,
    /// File with the API token; otherwise the token is read from LICTOR_TOKEN.
    #[arg(long, global = true, value_name = "FILE", help_heading = "Everywhere")]
    token_file: Option<PathBuf>,
    /// For which merchant an operator's token asks [env: LICTOR_MERCHANT].
    #[arg(long, global = true, value_name = "ID", help_heading = "Everywhere")]
    merchant: Option<String>,
}

impl Common {
    /// The client of the merchant API.
    fn api(&self) -> Result<Api, Failure> {
        Ok(Api::of(self.client()?))
    }

    /// Where the server is, and who asks.
    fn client(&self) -> Result<ClientSettings, Failure> {
        let flags = ClientFlags {
            url: self.url.clone(),
            token_file: self.token_file.clone(),
            merchant: self.merchant.clone(),
        };
        Ok(ClientSettings::of_process(&flags)?)
    }

    fn output(&self) -> Output {
        Output { json: self.json }
    }
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show the whole way in seconds: buy, mint, activate, go offline, revoke.
    Demo,
    /// Run the service.
    Serve(serve::Serve),
    /// Make data and keys, then stop.
    Init(init::Init),
    /// Check settings and apply files; show every setting and where it comes from.
    CheckConfig(config::CheckConfig),
    /// Print a settings file with every setting, its meaning and its default.
    ConfigSample,
    /// Create and change a merchant's catalog from a file; never deletes.
    Apply(apply::Apply),
    /// Licenses: list, show, explain, issue, import, export, accept, app-info, suspend, resume, revoke, reissue, extend, change.
    #[command(subcommand)]
    License(license::License),
    /// Products, as the apply file made them: list, show.
    #[command(subcommand)]
    Product(catalog::Product),
    /// Specs, likewise: list, show.
    #[command(subcommand)]
    Spec(catalog::Spec),
    /// Machines: list, show, release; those without network: answer, take-proof, qr.
    #[command(subcommand)]
    Activation(activation::Activation),
    /// Production addresses: list, show, calls, check, test-code.
    #[command(subcommand)]
    Channel(channel::Channel),
    /// Orders of marketplaces: list, show, map, retry, fetch, missing.
    #[command(subcommand)]
    Order(order::Order),
    /// Personal data of customers: export, erase, erasures.
    #[command(subcommand)]
    Customer(customer::Customer),
    /// Work that waits for a marketplace: list, retry.
    #[command(subcommand)]
    Outbox(outbox::Outbox),
    /// Show quota packages, and say which license uses one up.
    #[command(subcommand)]
    Quota(quota::Quota),
    /// Usage of pay-per-use instances: record it for the marketplace, list it.
    #[command(subcommand)]
    Usage(usage::Usage),
    /// The audit log: list, show, head, export, verify, adopt, reconcile.
    #[command(subcommand)]
    Audit(audit::Audit),
    /// Signing keys.
    #[command(subcommand)]
    Keys(keys::Keys),
    /// Back up everything but the keys, through the running server.
    Backup(backup::Backup),
    /// Make the store again from a backup.
    Restore(restore::Restore),
    /// The store: verify, compact, upgrade, move between engines.
    #[command(subcommand)]
    Store(store::Store),
    /// Tokens of the merchant API: create, list, revoke.
    ApiToken(api_token::ApiTokens),
    /// A link that opens the console once, for yourself or for somebody who never holds a token.
    Login(login::Login),
    /// Who is signed in to the console: list, end.
    Session(session::Sessions),
    /// Verify or look into a license key, certificate or status list; needs no server.
    #[command(subcommand)]
    Token(token::Token),
    /// Where events are sent: create, list, show, change, test, enable, disable, rotate, deliveries, replay, delete; and
    /// checks of signatures without a server: sign, verify.
    #[command(subcommand)]
    Webhook(webhook::Webhook),
    /// Verify signatures on their own; needs no server.
    #[command(subcommand)]
    Crypto(crypto::Crypto),
    /// Status lists: decode them on their own, export them as files for sites without network.
    #[command(subcommand)]
    Status(status::Status),
    /// Hold a verifier of any language to the vectors; needs no server.
    #[command(subcommand)]
    Conformance(conformance::Conformance),
    /// Count terms and quota windows; needs no server.
    #[command(subcommand)]
    Calendar(calendar::Calendar),
    /// Print what a shell needs to complete commands and flags.
    Completions(completions::Completions),
    /// Run the example client; what `demo` runs as the customer's software.
    #[command(hide = true, disable_help_flag = true)]
    ClientExample {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<OsString>,
    },
    /// A stand-in marketplace with real signatures.
    #[command(subcommand)]
    Sandbox(sandbox::Sandbox),
}

/// Comes when the process is told to stop: SIGTERM or SIGINT.
async fn stop_signal() -> std::io::Result<()> {
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    tokio::select! {
        _ = terminate.recv() => Ok(()),
        interrupted = tokio::signal::ctrl_c() => interrupted,
    }
}

impl Cli {
    /// Does what was asked for.
    pub fn run(self) -> ExitCode {
        let output = self.common.output();
        let done = match self.command {
            Command::Demo => return demo::run(output),
            Command::Serve(command) => command.run(),
            Command::Init(command) => command.run(output),
            Command::CheckConfig(command) => command.run(output),
            Command::ConfigSample => config::sample(output),
            Command::Apply(command) => command.run(&self.common),
            Command::License(command) => command.run(&self.common),
            Command::Product(command) => command.run(&self.common),
            Command::Spec(command) => command.run(&self.common),
            Command::Completions(command) => command.run(),
            Command::Activation(command) => command.run(&self.common),
            Command::Channel(command) => command.run(&self.common),
            Command::Order(command) => command.run(&self.common),
            Command::Customer(command) => command.run(&self.common),
            Command::Outbox(command) => command.run(&self.common),
            Command::Quota(command) => command.run(&self.common),
            Command::Usage(command) => command.run(&self.common),
            Command::Audit(command) => command.run(&self.common),
            Command::Keys(command) => command.run(&self.common),
            Command::Backup(command) => command.run(&self.common),
            Command::Restore(command) => command.run(output),
            Command::Store(command) => command.run(&self.common),
            Command::ApiToken(command) => command.run(&self.common),
            Command::Login(command) => command.run(&self.common),
            Command::Session(command) => command.run(&self.common),
            Command::Token(command) => return token::run(command, output),
            Command::Webhook(webhook::Webhook::Sign) => return webhook_check::sign_lines(output),
            Command::Webhook(webhook::Webhook::Verify) => return webhook_check::verify_lines(output),
            Command::Webhook(command) => command.run(&self.common),
            Command::Crypto(command) => return crypto::run(command, output),
            Command::Status(status::Status::Decode) => return status::decode_lines(output),
            Command::Status(status::Status::Export(command)) => command.run(&self.common),
            Command::Conformance(command) => return conformance::run(command, output),
            Command::Calendar(command) => return calendar::run(command, output),
            Command::ClientExample { args } => return client_example::run(args),
            Command::Sandbox(command) => command.run(&self.common),
        };
        match done {
            Ok(()) => ExitCode::SUCCESS,
            Err(failure) => {
                output.failure(&failure);
                failure.exit_code()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_tree_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_and_flag_says_what_it_is_for() {
        fn check(command: &clap::Command, path: &str) {
            let path = format!("{path} {}", command.get_name());
            assert!(command.get_about().is_some() || path == " lictor", "{path}");
            for arg in command.get_arguments().filter(|_| !command.is_hide_set()) {
                assert!(arg.get_help().is_some(), "{path} {}", arg.get_id());
            }
            command.get_subcommands().for_each(|below| check(below, &path));
        }
        check(&Cli::command(), "");
    }
}
