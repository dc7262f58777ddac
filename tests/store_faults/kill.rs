//! SIGKILL at any moment: what was answered is there, and each commit is there whole or not at all.

use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use lictor::store::{CommitRequest, EmbeddedEngine, EmbeddedOptions, Kind, RecordKey, RecordStore, Revision};

use crate::ground::{count, opened, run};

const FOLDER: &str = "LICTOR_TEST_STORE";
const CLIENTS: u64 = 16;

/// Small, so that segments and checkpoints begin under the kills too.
const OPTIONS: EmbeddedOptions = EmbeddedOptions { segment_bytes_max: 20_000, checkpoint_bytes: 50_000 };

fn half(name: &str, client: u64, n: u64) -> RecordKey {
    RecordKey::new(name, Kind::License, [client.to_be_bytes(), n.to_be_bytes()].concat())
        .expect("a short key")
}

fn total() -> RecordKey {
    RecordKey::new("", Kind::Quota, "total").expect("a short key")
}

/// Two records and a counter: together or not at all.
fn request(client: u64, n: u64) -> CommitRequest {
    CommitRequest::new()
        .put(half("left", client, n), Revision::ABSENT, 1, "body")
        .put(half("right", client, n), Revision::ABSENT, 1, "body")
        .add(total(), 1, 0, i64::MAX)
}

/// The other process: commits as fast as it can and says what was answered.
#[test]
#[ignore = "started by the test below"]
fn a_process_that_commits_until_it_is_killed() {
    #[expect(clippy::disallowed_methods, reason = "how the parent tells its child")]
    let folder = PathBuf::from(std::env::var_os(FOLDER).expect("started by the test below"));
    let round: u64 = {
        #[expect(clippy::disallowed_methods, reason = "how the parent tells its child")]
        let round = std::env::var("LICTOR_TEST_ROUND").expect("started by the test below");
        round.parse().expect("a number")
    };
    let engine = EmbeddedEngine::open_with(&folder, &OPTIONS).expect("opened after the kill");
    let store = RecordStore::start(engine);
    run(async {
        let clients: Vec<_> =
            (0..CLIENTS).map(|client| tokio::spawn(client_loop(store.clone(), client, round))).collect();
        for client in clients {
            client.await.expect("no panic");
        }
    });
}

async fn client_loop(store: RecordStore, client: u64, round: u64) {
    for n in round << 32.. {
        store.commit(request(client, n)).await.expect("made");
        writeln!(std::io::stdout(), "answered {client} {n}").expect("the parent listens");
    }
}

#[test]
fn nothing_answered_is_lost_by_a_kill() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let data = folder.path().join("data");
    drop(EmbeddedEngine::create(&data).expect("created"));
    let mut answered: Vec<(u64, u64)> = Vec::new();
    for round in 0..count(20) as u64 {
        let before = answered.len();
        kill_after(&data, round, 10 + (round * 67) % 300, &mut answered);
        assert!(answered.len() > before, "the child has committed");
        // Every other round, the next child is the one that opens what the kill left.
        if round % 2 == 0 {
            let store = opened(&data);
            all_there(&store, &answered);
            whole_or_not_at_all(&store, answered.len());
            run(store.close()).expect("closed");
        }
    }
    let store = opened(&data);
    all_there(&store, &answered);
    whole_or_not_at_all(&store, answered.len());
}

fn all_there(store: &RecordStore, answered: &[(u64, u64)]) {
    for (client, n) in answered {
        let pair = [half("left", *client, *n), half("right", *client, *n)];
        let read = run(store.get_many(&pair)).expect("a read");
        assert!(read.iter().all(Option::is_some), "lost {client} {n}");
    }
}

fn whole_or_not_at_all(store: &RecordStore, answered: usize) {
    let stored = crate::ground::content(store);
    let of = |name: &str| -> Vec<Vec<u8>> {
        let halves = stored.iter().filter(|(key, _)| key.merchant() == name && key.kind() == Kind::License);
        halves.map(|(key, _)| key.own().to_vec()).collect()
    };
    let (left, right) = (of("left"), of("right"));
    assert_eq!(left, right, "half a commit");
    let counted = run(store.get(&total())).expect("a read").and_then(|record| record.counter());
    assert_eq!(counted, Some(i64::try_from(left.len()).expect("few")), "applied twice or not at all");
    assert!(left.len() >= answered);
}

/// Runs the child until it has answered so many commits, kills it, and collects all it has answered.
fn kill_after(data: &std::path::Path, round: u64, commits: u64, answered: &mut Vec<(u64, u64)>) {
    let mut child = Command::new(std::env::current_exe().expect("this test"))
        .args(["--exact", "kill::a_process_that_commits_until_it_is_killed", "--ignored", "--nocapture"])
        .env(FOLDER, data)
        .env("LICTOR_TEST_ROUND", round.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the child starts");
    let lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    let mut seen = 0;
    for line in lines {
        let line = line.expect("text");
        let mut words = line.split(' ');
        if let (Some("answered"), Some(client), Some(n)) = (words.next(), words.next(), words.next()) {
            // The kill may cut the last line short.
            if let (Ok(client), Ok(n)) = (client.parse(), n.parse::<u64>())
                && n >> 32 == round
            {
                answered.push((client, n));
            }
            seen += 1;
        }
        if seen == commits {
            child.kill().expect("SIGKILL");
        }
    }
    child.wait().expect("it has ended");
}
