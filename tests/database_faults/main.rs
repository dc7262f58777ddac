//! The database is away, slow, full, read-only, behind a pooler or a cut network: each request is answered in time, and
//! what was asked for is done once.

#[path = "../support/certificates.rs"]
#[expect(dead_code, reason = "each test binary uses a part of it")]
mod certificates;
#[path = "../process/mount.rs"]
#[expect(dead_code, reason = "each test binary uses a part of it")]
mod mount;
#[path = "../postgres/mod.rs"]
mod postgres;
#[path = "../process/mod.rs"]
mod process;

mod away;
mod gate;
mod house;
mod network;
mod pooler;
mod site;
mod starts;
mod tls;
