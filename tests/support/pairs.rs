//! Commits that show when one is lost, halved or made twice: two records and a counter, made by another process.
#![expect(dead_code, reason = "each test binary uses a part of it")]

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use lictor::store::{
    CommitRequest, Direction, EmbeddedEngine, EmbeddedOptions, KeyRange, Kind, RecordKey, RecordStore,
    Revision, StoreError,
};

const FOLDER: &str = "LICTOR_TEST_STORE";
const ROUND: &str = "LICTOR_TEST_ROUND";

/// Small, so that segments and checkpoints begin under the faults too.
pub const OPTIONS: EmbeddedOptions = EmbeddedOptions { segment_bytes_max: 20_000, checkpoint_bytes: 50_000 };

/// A commit by its client and its number; the upper half of the number is the round.
pub type Answered = (u64, u64);

pub fn run<T>(test: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().expect("a runtime").block_on(test)
}

pub fn open(folder: &Path) -> RecordStore {
    RecordStore::start(EmbeddedEngine::open_with(folder, &OPTIONS).expect("opened after the fault"))
}

fn half(name: &str, client: u64, n: u64) -> RecordKey {
    let own = [client.to_be_bytes(), n.to_be_bytes()].concat();
    RecordKey::new(name, Kind::License, own).expect("a short key")
}

fn total() -> RecordKey {
    RecordKey::new("", Kind::Quota, "total").expect("a short key")
}

/// Two records and a counter: together or not at all.
pub fn request(client: u64, n: u64) -> CommitRequest {
    let body = format!("{client} {n} ").repeat(8);
    CommitRequest::new()
        .put(half("left", client, n), Revision::ABSENT, 1, body.clone())
        .put(half("right", client, n), Revision::ABSENT, 1, body)
        .add(total(), 1, 0, i64::MAX)
}

/// The other process: commits as fast as it can and says what was answered.
pub fn commit_until_killed(clients: u64) {
    let folder = PathBuf::from(given(FOLDER));
    let round: u64 = given(ROUND).parse().expect("a number");
    let store = open(&folder);
    run(async {
        let clients: Vec<_> =
            (0..clients).map(|client| tokio::spawn(commit_in_turn(store.clone(), client, round))).collect();
        for client in clients {
            client.await.expect("no panic");
        }
    });
}

#[expect(clippy::disallowed_methods, reason = "how the parent tells its child")]
pub fn given(name: &str) -> String {
    std::env::var(name).expect("started by another test")
}

async fn commit_in_turn(store: RecordStore, client: u64, round: u64) {
    for n in round << 32.. {
        store.commit(request(client, n)).await.expect("made");
        writeln!(std::io::stdout(), "answered {client} {n}").expect("the parent listens");
    }
}

/// Starts the test of this binary that calls [`commit_until_killed`], under another command if one is given.
pub fn start(test: &str, data: &Path, round: u64, under: &[&str]) -> Child {
    let this = std::env::current_exe().expect("this test");
    let words = ["--exact", test, "--ignored", "--nocapture"];
    let mut command = match under {
        [] => Command::new(this),
        [program, rest @ ..] => {
            let mut command = Command::new(program);
            command.args(rest).arg(this);
            command
        }
    };
    let command = command.args(words).env(FOLDER, data).env(ROUND, round.to_string());
    command.stdout(Stdio::piped()).spawn().expect("the child starts")
}

/// The commits that a child says were answered, until it ends.
pub fn answered_by(stdout: ChildStdout) -> impl Iterator<Item = Answered> {
    let lines = BufReader::new(stdout).lines().map(|line| line.expect("text"));
    lines.filter_map(|line| {
        let mut words = line.split(' ');
        // What is not of the child's rounds, or cut short by its kill, is no such line.
        if words.next() != Some("answered") {
            return None;
        }
        Some((words.next()?.parse().ok()?, words.next()?.parse().ok()?))
    })
}

/// What is there of each client.
pub struct Stored {
    left: Vec<Vec<u8>>,
    right: Vec<Vec<u8>>,
    counted: i64,
}

pub fn stored(store: &RecordStore) -> Stored {
    run(try_stored(store)).expect("the store can be read")
}

pub async fn try_stored(store: &RecordStore) -> Result<Stored, StoreError> {
    let (mut left, mut right, mut range) = (Vec::new(), Vec::new(), KeyRange::all());
    loop {
        let page = store.scan(range.clone(), Direction::Forward, 500).await?;
        let Some((last, _)) = page.last() else { break };
        range = range.after(last);
        for (key, _) in page.iter().filter(|(key, _)| key.kind() == Kind::License) {
            let side = if key.merchant() == "left" { &mut left } else { &mut right };
            side.push(key.own().to_vec());
        }
    }
    let counted = store.get(&total()).await?.and_then(|record| record.counter());
    Ok(Stored { left, right, counted: counted.unwrap_or(0) })
}

impl Stored {
    /// Every commit whole or not at all, and once; or what is wrong.
    pub fn whole(&self) -> Result<(), String> {
        let pairs = i64::try_from(self.left.len()).expect("few");
        match () {
            () if self.left != self.right => Err("half a commit".to_owned()),
            () if self.counted != pairs => Err(format!("{pairs} commits, but {} were counted", self.counted)),
            () => Ok(()),
        }
    }

    /// Those of `answered` that are not there.
    pub fn lost(&self, answered: &[Answered]) -> Vec<Answered> {
        let there = |(client, n): &Answered| {
            self.left.binary_search(&[client.to_be_bytes(), n.to_be_bytes()].concat()).is_ok()
        };
        answered.iter().filter(|one| !there(one)).copied().collect()
    }

    /// How many commits there are.
    pub fn count(&self) -> usize {
        self.left.len()
    }
}
