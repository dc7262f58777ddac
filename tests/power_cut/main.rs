//! The power is cut at random moments under load: what was answered is there, once.
//!
//! What the tests rest on, images of a disk in use, is argued in `disk.rs`. That they would notice a missing sync is
//! itself a test: the same load with the syncs taken out, which `strace` does by answering them without making them.

mod commits;
mod disk;
#[path = "../support/pairs.rs"]
mod pairs;
#[path = "../process/mod.rs"]
mod process;
mod server;

use disk::Cut;

/// Images of one load, taken while it goes on and checked after it.
const IMAGES_PER_LOAD: usize = 10;

const CLIENTS: usize = 32;

fn cut_of(number: usize) -> Cut {
    if number.is_multiple_of(2) { Cut::Flushed } else { Cut::Received }
}

/// Runs a program with its syncs answered and not made; on these paths only, if any are given.
fn without_syncs(paths: &[&str]) -> Vec<String> {
    let calls = "fsync,fdatasync,sync_file_range,msync,sync,syncfs";
    let mut words: Vec<String> = ["strace", "-D", "-f", "-qq", "-o", "/dev/null"].map(str::to_owned).into();
    words.extend([
        "-e".to_owned(),
        format!("trace={calls}"),
        "-e".to_owned(),
        format!("inject={calls}:retval=0"),
    ]);
    words.extend(paths.iter().flat_map(|path| ["-P".to_owned(), (*path).to_owned()]));
    words
}
