//! Lictor's signed license tokens: what client software embeds to check a license without a network.
//!
//! `docs/token-format.md` is the specification; this crate is its reference implementation. The rooms:
//!
//! | module | what |
//! | --- | --- |
//! | [`json`] | strict JSON: limits, no duplicate members, numbers kept as text |
//! | [`base64url`] | canonical unpadded base64url |
//! | [`key_set`] | pinned verifying keys, each bound to one issuer and one role |
//! | [`trust`] | how a key set signed by a pinned root adds keys and takes them away |
//! | [`token`] | text → [`UnverifiedToken`] → [`VerifiedToken`] |
//! | [`claims`] | typed and bounded claims of each token type |
//! | [`verdict`] | the one ordered list of checks, one stable [`Code`] per step |
//! | [`status_list`] | revocation lists (IETF Token Status List) |
//! | [`machine`] | committed machine components and when two machines are the same |
//! | [`armour`] | tokens as text files and as numbered parts for QR codes |
//! | [`ledger`] | the usage ledger: what a machine consumed of its share while offline (`docs/usage-ledger.md`) |
//! | [`request`] | what a machine asks for, signed by its own key |
//! | `device_key` | feature `device-key`: the key of a machine, signing ledgers and requests |
//! | `signing` | feature `signing`: making tokens |
//!
//! There is no clock, file, network or randomness in here: whoever decides is given `now` in Unix seconds.
//!
//! ```
//! use license_token::{Expectation, KeySet, TokenType, verdict};
//! # fn example(pinned: &str, text: &str, now: i64) -> Result<(), Box<dyn std::error::Error>> {
//! let keys = KeySet::parse(pinned.as_bytes())?;
//! let expect = Expectation { audience: Some("acme-cad"), ..Expectation::at(now) };
//! let judged = verdict::judge(text, &keys, TokenType::License, &expect)?;
//! println!("licensed to {}", judged.token.claims().facts().subject);
//! # Ok(()) }
//! ```
#![no_std]
#![deny(missing_docs)]

extern crate alloc;

pub mod amount;
pub mod armour;
pub mod base64url;
pub mod claims;
pub mod code;
#[cfg(feature = "device-key")]
pub mod device_key;
pub mod json;
pub mod key_set;
pub mod ledger;
pub mod machine;
pub mod policy;
pub mod quota;
pub mod refusal;
pub mod request;
#[cfg(feature = "signing")]
pub mod signing;
pub mod status_list;
pub mod term;
pub mod token;
pub mod token_type;
pub mod trust;
pub mod verdict;

pub use amount::Amount;
pub use claims::{
    ActivationClaims, AnyClaims, Env, KeySetClaims, LedgerClaim, LicenseClaims, SpecClaim, StatusListClaims,
    StatusRef, Withdrawal, WithdrawalMode,
};
pub use code::Code;
#[cfg(feature = "device-key")]
pub use device_key::DeviceKey;
pub use key_set::{KeySet, Role, VerifyingKey};
pub use machine::{Commitment, Component, Machine, MachineClaim};
pub use policy::{Binding, Enforcement, Policy, StatusRule};
pub use quota::{QuotaClaim, Reset, ShareClaim};
pub use refusal::Refusal;
pub use request::{Ask, LedgerMark, RequestClaims, VerifiedRequest};
#[cfg(feature = "signing")]
pub use signing::SigningKey;
pub use status_list::{StatusList, StatusValue};
pub use term::Term;
pub use token::{UnverifiedToken, VerifiedToken};
pub use token_type::TokenType;
pub use trust::{KeySetRefusal, SeenKeySet};
pub use verdict::{Expectation, Judged, KnownList, SeenList};
