//! SIGKILL at any moment: what was answered is there, and each commit is there whole or not at all.

use std::path::Path;

use lictor::store::EmbeddedEngine;

use crate::ground::{count, run};
use crate::pairs::{self, Answered};

const CLIENTS: u64 = 16;

#[test]
#[ignore = "started by the test below"]
fn a_process_that_commits_until_it_is_killed() {
    pairs::commit_until_killed(CLIENTS);
}

/// Kills of one store; then a new one, so that looking at everything stays quick.
const KILLS_PER_STORE: usize = 50;

#[test]
fn nothing_answered_is_lost_by_a_kill() {
    let kills = count(20);
    for first in (0..kills).step_by(KILLS_PER_STORE) {
        kill_one_store(KILLS_PER_STORE.min(kills - first));
    }
}

fn kill_one_store(kills: usize) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let data = folder.path().join("data");
    drop(EmbeddedEngine::create(&data).expect("created"));
    let mut answered: Vec<Answered> = Vec::new();
    for round in 0..kills as u64 {
        let before = answered.len();
        let commits = 10 + usize::try_from(round * 67 % 300).expect("small");
        kill_after(&data, round, commits, &mut answered);
        assert!(answered.len() > before, "the child has committed");
        // Every other round, the next child is the one that opens what the kill left.
        if round % 2 == 0 {
            let store = pairs::open(&data);
            all_there(&store, &answered);
            run(store.close()).expect("closed");
        }
    }
    all_there(&pairs::open(&data), &answered);
}

fn all_there(store: &lictor::store::RecordStore, answered: &[Answered]) {
    let stored = pairs::stored(store);
    assert_eq!(stored.lost(answered), []);
    assert_eq!(stored.whole(), Ok(()));
}

/// Runs the child until it has answered so many commits, kills it, and collects all it has answered.
fn kill_after(data: &Path, round: u64, commits: usize, answered: &mut Vec<Answered>) {
    let mut child = pairs::start("kill::a_process_that_commits_until_it_is_killed", data, round, &[]);
    let lines = pairs::answered_by(child.stdout.take().expect("a pipe"));
    for (seen, one) in lines.enumerate() {
        // The kill may cut the last line short.
        if one.1 >> 32 == round {
            answered.push(one);
        }
        if seen + 1 == commits {
            child.kill().expect("SIGKILL");
        }
    }
    child.wait().expect("it has ended");
}
