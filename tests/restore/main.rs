//! A server that was restored from a backup goes on where its clients are: none of them reports a rollback, an
//! equivocation or a clone, and nothing that was given out is given out again.

#[path = "../postgres/mod.rs"]
mod postgres;
#[path = "../process/mod.rs"]
mod process;
#[path = "../support/mod.rs"]
mod support;

mod binary;
mod client;
mod database;
mod drill;
mod encrypted;
mod ground;
mod load;
mod lost_time;
mod privacy;
mod rules;
mod witness;
