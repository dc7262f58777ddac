//! One run of the child under a fault, and what came of it.

use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use lictor::store::{EmbeddedEngine, RecordStore};

use crate::child::{BEFORE, CLIENT, CLIENT_BEFORE, COMMITS, FOLDER, OPTIONS, SOCKET, TEST};
use crate::pairs;

/// Longest that a run may take; more is a hang. A run takes a second.
const RUN_SECS_MAX: u64 = 60;

/// What the child finds when it opens the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Before {
    /// Closed in good order: nothing is replayed.
    Closed,
    /// As a killed process left it: frames after the checkpoint are replayed.
    Killed,
    /// Without its index: it is made again from the journal.
    NoIndex,
}

impl Before {
    pub const ALL: [Self; 3] = [Self::Closed, Self::Killed, Self::NoIndex];
}

/// The stores that a child begins with.
pub struct Stores {
    folder: tempfile::TempDir,
}

impl Stores {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let closed = folder.path().join("closed");
        drop(EmbeddedEngine::create(&closed).expect("created"));
        let store = RecordStore::start(EmbeddedEngine::open_with(&closed, &OPTIONS).expect("opened"));
        for n in BEFORE {
            pairs::run(store.commit(pairs::request(CLIENT_BEFORE, n))).expect("made");
        }
        copy_all(&closed, &folder.path().join("killed"));
        pairs::run(store.close()).expect("closed");
        copy_all(&closed, &folder.path().join("no-index"));
        std::fs::remove_dir_all(folder.path().join("no-index/sled")).expect("removed");
        Self { folder }
    }

    pub fn copy(&self, before: Before, to: &Path) {
        let name = match before {
            Before::Closed => "closed",
            Before::Killed => "killed",
            Before::NoIndex => "no-index",
        };
        copy_all(&self.folder.path().join(name), to);
    }
}

pub fn copy_all(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("a folder") {
        let (path, to) = entry.map(|entry| (entry.path(), to.join(entry.file_name()))).expect("an entry");
        if path.is_dir() {
            copy_all(&path, &to);
        } else {
            std::fs::copy(&path, &to).expect("copied");
        }
    }
}

/// How a run ended, as its caller sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// All was answered, and the store was closed in good order.
    Answered,
    /// The start was refused.
    Refused,
    /// A commit was not answered, and the store stopped.
    Stopped,
    /// All was answered, and the close said that it failed.
    Unclosed,
    /// The process ended where it was.
    Ended,
}

impl Outcome {
    pub fn word(self) -> &'static str {
        match self {
            Self::Answered => "all answered",
            Self::Refused => "start refused",
            Self::Stopped => "stopped",
            Self::Unclosed => "close failed",
            Self::Ended => "ended",
        }
    }
}

/// What the child has said.
pub struct Said(Vec<String>);

impl Said {
    fn numbers(&self, word: &str) -> Vec<u64> {
        let words = self.0.iter().filter_map(|line| line.strip_prefix(word)?.strip_prefix(' '));
        words.filter_map(|rest| rest.split(' ').next()?.parse().ok()).collect()
    }

    fn is_there(&self, word: &str) -> bool {
        self.0.iter().any(|line| line.split(' ').next() == Some(word))
    }

    /// Says what is wrong with what was said, if anything is.
    fn outcome(&self) -> Result<Outcome, String> {
        if !self.numbers("answered-after-failure").is_empty() {
            return Err("a commit was answered after one had failed".to_owned());
        }
        if self.is_there("unseen") {
            return Err("a reader was told that something was not there".to_owned());
        }
        if self.is_there("not-stopped") {
            return Err("a commit failed and the store did not".to_owned());
        }
        let all = u64::try_from(self.numbers("answered").len()) == Ok(COMMITS);
        Ok(match () {
            () if !self.is_there("end") => Outcome::Ended,
            () if self.is_there("refused") => Outcome::Refused,
            () if self.is_there("stopped") => Outcome::Stopped,
            () if all && self.is_there("unclosed") => Outcome::Unclosed,
            () if all && self.is_there("closed") => Outcome::Answered,
            () => {
                return Err(
                    "the child said neither that all was answered nor that something failed".to_owned()
                );
            }
        })
    }
}

/// A run of the child on a folder.
pub struct Run<'a> {
    pub folder: &'a Path,
    /// The folder of this run's socket.
    pub aside: &'a Path,
    /// `strace` with these words looks on; none if empty.
    pub strace: &'a [String],
    pub environment: &'a [(&'a str, &'a str)],
    /// Takes the fault away, before the next start.
    pub mend: &'a dyn Fn(),
}

impl Run<'_> {
    /// Runs the child to its end, opens the store again without the fault, and compares.
    pub fn outcome(&self) -> Result<Outcome, String> {
        let said = self.child()?;
        (self.mend)();
        let outcome = said.outcome();
        let words = |why: String| format!("{why}\nthe child said: {:#?}", said.0);
        check_after(self.folder, &said).and(outcome).map_err(words)
    }

    fn child(&self) -> Result<Said, String> {
        let address = self.aside.join("socket");
        let socket = UnixDatagram::bind(&address).expect("a socket");
        socket.set_read_timeout(Some(Duration::from_millis(20))).expect("set");
        let mut child = Command::new(std::env::current_exe().expect("this test"))
            .args(["--exact", TEST, "--ignored", "--nocapture"])
            .env(FOLDER, self.folder)
            .env(SOCKET, &address)
            .envs(self.environment.iter().copied())
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(self.aside.join("stderr")).expect("created"))
            .spawn()
            .expect("the child starts");
        let mut said = Said(Vec::new());
        let deadline = Instant::now() + Duration::from_secs(RUN_SECS_MAX);
        let heard = hear(&socket, &mut child, &mut said, "ready", deadline);
        let tracer = heard.map(|()| attach(self.strace, child.id()));
        let heard = tracer.and_then(|tracer| {
            socket.send_to(b"!", self.aside.join("socket.child")).expect("the child listens");
            hear(&socket, &mut child, &mut said, "end", deadline).map(|()| tracer)
        });
        if heard.is_err() {
            child.kill().ok();
        }
        child.wait().expect("a child");
        if let Some(mut tracer) = heard? {
            tracer.wait().expect("a child");
        }
        Ok(said)
    }
}

/// Hears what the child says, until it says that word or has ended.
fn hear(
    socket: &UnixDatagram,
    child: &mut Child,
    said: &mut Said,
    last: &str,
    deadline: Instant,
) -> Result<(), String> {
    let mut buffer = [0; 4_096];
    loop {
        let ended = child.try_wait().expect("a child").is_some();
        if let Ok(bytes) = socket.recv(&mut buffer) {
            said.0.push(String::from_utf8_lossy(&buffer[..bytes]).into_owned());
            if said.0.last().is_some_and(|word| word == last) {
                return Ok(());
            }
        } else if ended {
            return Ok(());
        }
        if Instant::now() > deadline {
            return Err(format!("the child hangs; it said: {:#?}", said.0));
        }
    }
}

/// Returns once every thread of the process is watched.
fn attach(words: &[String], process: u32) -> Option<Child> {
    use std::io::BufRead as _;
    if words.is_empty() {
        return None;
    }
    let mut strace = Command::new("strace")
        .args(words)
        .args(["-f", "-p", &process.to_string()])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("strace is installed");
    let mut said = std::io::BufReader::new(strace.stderr.take().expect("piped"));
    let mut line = String::new();
    while !line.contains("attached") {
        line.clear();
        assert!(said.read_line(&mut line).expect("text") > 0, "strace could not attach: {line}");
    }
    // It goes on speaking of threads, to nobody.
    std::thread::spawn(move || std::io::copy(&mut said, &mut std::io::sink()));
    Some(strace)
}

/// The next start, without any fault: all that was answered, nothing in part, and the store goes on.
fn check_after(folder: &Path, said: &Said) -> Result<(), String> {
    let open = || EmbeddedEngine::open_with(folder, &OPTIONS).map(RecordStore::start);
    let store = open().map_err(|error| format!("the next start is refused: {error}"))?;
    let stored = pairs::stored(&store);
    stored.whole()?;
    let before = BEFORE.map(|n| (CLIENT_BEFORE, n));
    let answered: Vec<_> = said.numbers("answered").into_iter().map(|n| (CLIENT, n)).chain(before).collect();
    let lost = stored.lost(&answered);
    if !lost.is_empty() {
        return Err(format!("answered and lost: {lost:?}"));
    }
    // Of what was not answered at most the one that was being made may be there.
    let unanswered = stored.count() - answered.len();
    if unanswered > 1 {
        return Err(format!("{unanswered} commits are there that were not answered"));
    }
    pairs::run(store.commit(pairs::request(CLIENT + 1, 0))).map_err(|error| error.to_string())?;
    pairs::run(store.close()).map_err(|error| error.to_string())
}

/// A folder for one run, with the store in it.
pub fn folder_for(stores: &Stores, before: Before) -> (tempfile::TempDir, PathBuf) {
    let aside = tempfile::tempdir().expect("a temporary folder");
    let folder = aside.path().join("data");
    stores.copy(before, &folder);
    (aside, folder)
}
