//! A disk that is full in earnest, at every page of a store's growth: the last write of it is short, the next fails.

use std::path::Path;
use std::process::Command;

use crate::process::prove_count;
use crate::run::{Before, Outcome, Run, Stores, copy_all, folder_for};

/// Sizes of the disk that are tried: up to 400 KB more than the store takes, for each kind of store.
const STEPS_MAX: usize = 300;

/// Bytes of a page of the file system.
const PAGE_BYTES: u64 = 4_096;

/// A file system in memory, of a size that can be changed.
struct SmallDisk<'a>(&'a Path);

impl<'a> SmallDisk<'a> {
    fn mount(at: &'a Path) -> Option<Self> {
        std::fs::create_dir(at).expect("a folder");
        mount(at, &["-t", "tmpfs", "-o", "size=64m", "tmpfs"]).then_some(Self(at))
    }

    fn resize(&self, bytes: u64) {
        assert!(mount(self.0, &["-o", &format!("remount,size={bytes}")]), "a tmpfs takes another size");
    }
}

impl Drop for SmallDisk<'_> {
    fn drop(&mut self) {
        Command::new("umount").arg("-l").arg(self.0).status().ok();
    }
}

fn mount(at: &Path, words: &[&str]) -> bool {
    let output = Command::new("mount").args(words).arg(at).output().expect("mount is installed");
    output.status.success()
}

#[test]
fn a_disk_that_fills_up_at_any_page_loses_nothing_that_was_answered() {
    let stores = Stores::new();
    let mut outcomes = std::collections::BTreeMap::<Outcome, usize>::new();
    for step in 0..prove_count(24).min(STEPS_MAX) {
        let before = Before::ALL[step % 3];
        let (aside, seed) = folder_for(&stores, before);
        let at = aside.path().join("disk");
        let Some(disk) = SmallDisk::mount(&at) else {
            crate::process::not_run_here("root and mount");
            return;
        };
        let data = at.join("data");
        copy_all(&seed, &data);
        disk.resize(used(&at) + (step / 3) as u64 * PAGE_BYTES);
        let mend = || disk.resize(64 * 1024 * 1024);
        let run = Run { folder: &data, aside: aside.path(), strace: &[], environment: &[], mend: &mend };
        match run.outcome() {
            Ok(outcome) => *outcomes.entry(outcome).or_default() += 1,
            Err(why) => panic!("{before:?} with {} pages left: {why}", step / 3),
        }
    }
    println!("a disk that fills up: {outcomes:?}");
    assert!(outcomes.keys().any(|outcome| *outcome != Outcome::Answered), "the disk was never full");
}

fn used(at: &Path) -> u64 {
    let output = Command::new("df").args(["-B1", "--output=used"]).arg(at).output().expect("df is installed");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.lines().last().and_then(|line| line.trim().parse().ok()).expect("a number")
}
