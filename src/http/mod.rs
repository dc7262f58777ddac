//! HTTP, the way in: `router` names every route, each resource is one file, `error` alone chooses a status.
//!
//! A handler parses, calls one use case and presents what came of it. Request, domain and answer are three
//! structs. What a marketplace is answered, its own adapter words; `marketplace` only carries the bytes.

mod access;
mod activations;
mod air_gap;
mod backup;
mod body;
mod call_metrics;
mod call_wording;
mod check_wording;
mod claims;
mod client_address;
mod conditional;
mod consequence_wording;
mod console;
mod control;
mod docs;
mod error;
mod explain_budget;
mod explanation_wording;
mod form;
mod gzip;
mod health;
mod keysets;
mod language;
mod machine;
mod marketplace;
mod merchant;
mod metrics;
mod moving;
mod once;
mod openapi;
mod path;
mod portal;
mod presented;
mod proof;
pub mod qr;
mod query;
mod rates;
mod reply;
mod request_scope;
mod router;
mod server;
mod session_cookie;
mod sessions;
mod sign_in;
mod state;
mod status_lists;
mod tags;
mod tls;
mod usage;
mod validate;
mod verifying_keys;
mod wording;

pub use access::{token_digest, token_text};
pub use client_address::{ClientAddress, client_address};
pub use console::{Page as ConsolePage, console_pages};
pub use control::{CONTROL_SOCKET, ControlSocket};
pub use rates::RateRules;
pub use router::router;
pub use server::{serve, serve_as};
pub use state::{HttpLimits, HttpParts, HttpState};
pub use tls::{Tls, TlsError, TlsFiles, TlsWarning};
