//! Snapshots: they hold exactly one moment, are refused when a byte of them changed, and stores are made from them.

mod compact;
mod file;
mod ground;
mod rebuild;
mod retention;
mod round_trip;
mod scrub;
mod verify;
