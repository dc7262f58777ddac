//! Snapshots: they hold exactly one moment, are refused when a byte of them changed, and stores are made from them.

mod file;
mod ground;
mod round_trip;
