//! Checks a license inside the software that is sold: paste or claim, activate, stay offline, renew.
//!
//! ```no_run
//! use license_client::{Config, Verdict, check, maintain};
//!
//! # fn example() -> Result<(), license_client::ConfigError> {
//! # let pinned = "";
//! // `pinned` is what `lictor keys public` prints, for example by `include_str!("keys.json")`.
//! let config = Config::new("acme-cad", "https://license.acme.example", pinned, "/var/lib/acme-cad")?
//!     .server("https://license.acme.example");
//! match check(&config, None) {
//!     Verdict::Valid(license) | Verdict::Expiring(license) | Verdict::Grace(license) => {
//!         println!("{} may export: {}", license.license_id, license.is_entitled("export"));
//!     }
//!     refused => println!("{} {}", refused.reason("en"), refused.next_action_reason("en")),
//! }
//! maintain(&config); // now and then, from a place that may wait for the network
//! # Ok(()) }
//! ```
//!
//! | call | network |
//! | --- | --- |
//! | [`check`] | only while no license holds: to claim, to activate, to renew a lease that is over |
//! | [`maintain`] | renews the certificate when its time has come, fetches the status lists and the key set |
//! | [`release`] | gives this machine's place back |
//! | [`request`], [`take_response`], [`deactivate`] | never: files that are carried by hand, for machines that are never online |
//! | [`enforcement()`] | never: what the seller asks of software that was refused, to stop or to warn |
//! | [`inspect_text`] | never: whether a pasted text came over whole, and if not, where it is damaged |
//! | [`meter`] | never: quota is consumed of the share that this machine holds, and told at the next renewal |
//!
//! There is no global state and no thread, and no call panics. What is kept stands in the state folder, in two copies that
//! heal each other and are sealed for this machine; every signed text in them is verified anew at each call. A machine that
//! has a key of its own, or consumes quota offline, keeps its key and its usage ledger beside them. What a wrong clock, a
//! lost file and a changed machine come to is told in `docs/offline.md`.
#![deny(missing_docs)]

mod airgap;
mod check;
mod clock;
mod config;
mod device;
mod enforcement;
mod environment;
mod flaw;
mod floor;
mod given_back;
mod held;
mod keyset;
mod ledger;
mod machine;
mod maintain;
mod meter;
mod offered;
mod offline;
mod pasted;
mod reasons;
mod release;
mod seal;
mod server;
mod session;
mod state;
mod verdict;

pub use airgap::{AirGapError, deactivate, qr_parts, request, take_response};
pub use check::check;
pub use clock::Uptime;
pub use config::{Config, ConfigError};
pub use enforcement::enforcement;
pub use flaw::{KeyPart, TextFault, TextFlaw, TextKind, TextPlace, inspect_text};
pub use license_token::armour::{ArmourError, ArmourFault};
pub use license_token::{Amount, Code, Component, Enforcement, Env, QuotaClaim};
pub use machine::{HostMachine, ReadMachine};
pub use maintain::maintain;
pub use meter::{MeterRefusal, Metered, meter};
pub use release::{ReleaseError, release};
pub use verdict::{Granted, NextAction, Verdict};
