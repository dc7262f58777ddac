//! Writes that write less than they were asked to, in earnest: `strace` could only say so and not write at all, which
//! would be a disk that lies. The child runs with a `write` and a `pwrite64` of our own.

use std::process::Command;

use crate::run::{Before, Outcome, Run, Stores, folder_for};

#[test]
fn what_is_answered_is_written_whole_though_every_write_is_short() {
    if !crate::process::strace_works() {
        return;
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let library = folder.path().join("short_write.so");
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/syscall_faults/short_write.c");
    let built = Command::new("cc").args(["-shared", "-fPIC", "-O1", "-o"]).arg(&library).arg(source).status();
    assert!(built.expect("a C compiler").success());
    let stores = Stores::new();
    for before in Before::ALL {
        let (aside, data) = folder_for(&stores, before);
        let log = aside.path().join("trace");
        let words = ["-o", log.to_str().expect("text"), "-e", "trace=write,pwrite64"].map(str::to_owned);
        let environment = [("LD_PRELOAD", library.to_str().expect("text"))];
        let run = Run {
            folder: &data,
            aside: aside.path(),
            strace: &words,
            environment: &environment,
            mend: &|| {},
        };
        assert_eq!(run.outcome(), Ok(Outcome::Answered), "{before:?}");
        // A record of 100 bytes goes out as 50, 25, …, 1, 1: far more writes than commits.
        let trace = std::fs::read_to_string(log).expect("text");
        for (call, at_least) in [(" write(", 200), (" pwrite64(", 20)] {
            let calls = trace.lines().filter(|line| line.contains(call)).count();
            assert!(calls > at_least, "{calls} calls of {call}: the writes were not short");
        }
    }
}
