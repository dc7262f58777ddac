//! Faults: what was answered is there afterwards, and no fault is silent.

mod folder;
mod ground;
mod index;
mod journal;
mod kill;
mod memory;
#[path = "../support/pairs.rs"]
mod pairs;
