//! The first program that served from a database, of schema 1, built from this repository's history. The commit that brought
//! the schema itself has the store and no server over it; two commits later there is one, with the same rows.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn git(words: &[&str]) -> String {
    let done = Command::new("git").arg("-C").arg(root()).args(words).output().expect("git is there");
    String::from_utf8_lossy(&done.stdout).trim().to_owned()
}

/// Builds it, or takes what an earlier run has built.
pub fn program() -> PathBuf {
    let added = git(&["log", "--diff-filter=A", "--format=%H", "--", "src/service/open_shared.rs"]);
    let commit = added.lines().last().unwrap_or_default();
    assert!(
        !commit.is_empty(),
        "the history is not here, so the earlier program cannot be built: `git fetch --unshallow`, then again"
    );
    let ground = root().join("target/rolling-upgrade");
    let (source, build) = (ground.join("source"), ground.join("build"));
    if std::fs::read_to_string(ground.join("commit")).ok().as_deref() != Some(commit) {
        std::fs::remove_dir_all(&source).ok();
        std::fs::create_dir_all(&source).expect("a folder");
        let mut archive = Command::new("git");
        archive.arg("-C").arg(root()).args(["archive", commit]).stdout(Stdio::piped());
        let mut archive = archive.spawn().expect("git is there");
        let unpacked = Command::new("tar")
            .args(["-x", "-C"])
            .arg(&source)
            .stdin(archive.stdout.take().expect("piped"))
            .status();
        assert!(unpacked.expect("tar is there").success() && archive.wait().expect("it ends").success());
        std::fs::write(ground.join("commit"), commit).expect("writable");
    }
    let built = Command::new(env!("CARGO"))
        .args(["build", "--locked", "--bin", "lictor", "--target-dir"])
        .arg(&build)
        .current_dir(&source)
        .status();
    assert!(built.expect("cargo is there").success(), "the program of {commit} does not build");
    build.join("debug/lictor")
}
