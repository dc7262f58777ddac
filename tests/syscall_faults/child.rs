//! The process whose system calls fail: opens a store, commits one after the other, closes it, and tells its parent.
//!
//! It speaks through a datagram socket, by `sendto` and `recvfrom`, which a store never calls, and waits until it is
//! told to begin.

use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;

use lictor::store::{EmbeddedEngine, EmbeddedOptions, RecordStore, StoreState};

use crate::pairs::{self, given};

pub const FOLDER: &str = "LICTOR_TEST_STORE";
pub const SOCKET: &str = "LICTOR_TEST_SOCKET";

/// The test below, by its name.
pub const TEST: &str = "child::a_process_whose_calls_fail";

/// So small that some commits begin a segment, and some a checkpoint.
pub const OPTIONS: EmbeddedOptions = EmbeddedOptions { segment_bytes_max: 2_000, checkpoint_bytes: 5_000 };

/// What it commits, one after the other.
pub const COMMITS: u64 = 24;

/// Its number as a client.
pub const CLIENT: u64 = 1;

/// What is there before it opens the store, of another client.
pub const BEFORE: std::ops::Range<u64> = 0..12;
pub const CLIENT_BEFORE: u64 = 0;

/// Commits that are tried once one has failed.
const TRIES_AFTER_FAILURE: u64 = 3;

#[test]
#[ignore = "started by other tests"]
fn a_process_whose_calls_fail() {
    let folder = PathBuf::from(given(FOLDER));
    let address = given(SOCKET);
    let parent = UnixDatagram::bind(format!("{address}.child")).expect("a socket");
    let tell = |what: String| {
        parent.send_to(what.as_bytes(), &address).expect("the parent listens");
    };
    tell("ready".to_owned());
    // Until the faults are in place.
    parent.recv_from(&mut [0]).expect("told to begin");
    match EmbeddedEngine::open_with(&folder, &OPTIONS) {
        Ok(engine) => live(&RecordStore::start(engine), &tell),
        Err(error) => tell(format!("refused {error}")),
    }
    tell("end".to_owned());
    // The harness has nothing more to say: its own calls are not to fail.
    std::process::exit(0);
}

fn live(store: &RecordStore, tell: &impl Fn(String)) {
    tell("opened".to_owned());
    pairs::run(async {
        read_all(store, tell).await;
        for n in 0..COMMITS {
            match store.commit(pairs::request(CLIENT, n)).await {
                Ok(_) => tell(format!("answered {n}")),
                Err(error) => {
                    tell(format!("failed {n} {error}"));
                    after_failure(store, n, tell).await;
                    break;
                }
            }
        }
        tell("closing".to_owned());
        match store.close().await {
            Ok(()) => tell("closed".to_owned()),
            Err(error) => tell(format!("unclosed {error}")),
        }
    });
}

/// A read may fail, but never say that something is not there.
async fn read_all(store: &RecordStore, tell: &impl Fn(String)) {
    match pairs::try_stored(store).await {
        Ok(stored) => {
            let before: Vec<_> = BEFORE.map(|n| (CLIENT_BEFORE, n)).collect();
            let lost = stored.lost(&before);
            if !lost.is_empty() || stored.whole().is_err() {
                tell(format!("unseen {lost:?} {:?}", stored.whole()));
            }
        }
        Err(error) => tell(format!("unread {error}")),
    }
}

async fn after_failure(store: &RecordStore, failed: u64, tell: &impl Fn(String)) {
    for n in failed + 1..=failed + TRIES_AFTER_FAILURE {
        if store.commit(pairs::request(CLIENT, n)).await.is_ok() {
            tell(format!("answered-after-failure {n}"));
        }
    }
    match store.stopped().await {
        StoreState::Failed(error) => tell(format!("stopped {error}")),
        StoreState::Running | StoreState::Closed | StoreState::Moved => tell("not-stopped".to_owned()),
    }
}
