//! Some hundred calls that are wrong in every way a caller can be wrong, watched by valgrind.

use std::process::Command;

use license_token::Term;

use crate::compiled::{Library, Program};
use crate::server::{FakeServer, pinned, unbound};

/// What valgrind exits with when it has found an invalid read, a leak or a use of what was never set.
const FOUND: &str = "--error-exitcode=99";

#[test]
fn wrong_calls_are_answered_by_codes_without_a_leak_or_an_invalid_read() {
    let program = Program::compile("license-client-c/tests/c/hostile.c", Library::Static);
    let keys = program.write("keys.json", &pinned());
    let mut watched = Command::new("valgrind");
    watched.args([
        "--quiet",
        "--leak-check=full",
        "--errors-for-leak-kinds=definite,indirect,possible",
        FOUND,
    ]);
    watched.arg(&program.path).arg(keys).arg(program.folder.path().join("state")).arg(permanent_key());
    let output =
        watched.env("PATH", "/usr/bin:/bin").output().expect("valgrind is installed (scripts/test does)");
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{:?}\n{words:.6000}", output.status);
}

/// It binds no machine and has begun by any clock.
fn permanent_key() -> String {
    let server = FakeServer::start();
    let mut shop = server.shop();
    shop.policy = unbound();
    shop.sell(Term::Permanent, None);

    shop.license_key.clone()
}
