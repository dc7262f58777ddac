//! The judge against servers that are right, and against servers that each break one rule: it names that rule and no
//! other.

#[path = "../support/mod.rs"]
mod support;

mod channel_check;
mod clean;
mod command;
mod merchant;
mod rules;
mod tls;
mod wire;
mod wrong;
