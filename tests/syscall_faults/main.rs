//! Every system call of the write path fails, is interrupted, or is the last of its process: what was answered is
//! there after the next start, what was not is there whole or not at all, and after a failure nothing more is answered.
//!
//! `strace` makes the calls fail, in a process of its own that opens a store, commits, and closes it.

mod child;
mod full_disk;
#[path = "../support/pairs.rs"]
mod pairs;
#[path = "../process/mod.rs"]
mod process;
mod run;
mod short_writes;
mod table;
mod trace;
