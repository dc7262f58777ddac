//! Use cases: one verb per file, and the ports they need. No web framework, no database, no status code.

pub mod ports;
pub mod record;
