//! Starts that must be refused, and ends that say what happens next, with the real program: one clear text with the
//! path and the next step, nothing made or changed, and never an empty store in place of the old one.

#[path = "support/certificates.rs"]
#[expect(dead_code, reason = "each test binary uses a part of it")]
mod certificates;
#[path = "start_refusals/control.rs"]
mod control;
#[path = "start_refusals/ends.rs"]
mod ends;
#[path = "start_refusals/folders.rs"]
mod folders;
#[path = "start_refusals/ground.rs"]
mod ground;
#[path = "process/mount.rs"]
mod mount;
mod process;
#[path = "start_refusals/refusals.rs"]
mod refusals;
#[path = "start_refusals/tls.rs"]
mod tls;
