//! What the disk and the scheduling alone allow: the same bytes, gathered the same way, appended and synced. No
//! evaluation, no format, no index.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::thread::JoinHandle;

use lictor::store::{BATCH_BYTES_MAX, BATCH_COMMITS_MAX, QUEUE_COMMITS_MAX};
use tokio::sync::{mpsc, oneshot};

type Waiting = (Vec<u8>, oneshot::Sender<()>);

/// A file that one thread appends to for everybody.
pub struct RawLog {
    queue: mpsc::Sender<Waiting>,
    thread: JoinHandle<()>,
}

impl RawLog {
    pub fn create(path: &Path) -> Self {
        let file = OpenOptions::new().create_new(true).append(true).open(path).expect("a new file");
        let (queue, waiting) = mpsc::channel(QUEUE_COMMITS_MAX);
        Self { queue, thread: std::thread::spawn(move || append_all(file, waiting)) }
    }

    pub fn handle(&self) -> mpsc::Sender<Waiting> {
        self.queue.clone()
    }

    pub fn end(self) {
        drop(self.queue);
        self.thread.join().expect("the disk takes it");
    }
}

/// On return the bytes are synced.
pub async fn append(queue: &mpsc::Sender<Waiting>, bytes: Vec<u8>) {
    let (caller, done) = oneshot::channel();
    queue.try_send((bytes, caller)).expect("fewer clients than places in the queue");
    done.await.expect("the disk takes it");
}

fn append_all(mut file: File, mut queue: mpsc::Receiver<Waiting>) {
    let mut buffer = Vec::new();
    while let Some(first) = queue.blocking_recv() {
        let mut callers = Vec::new();
        let mut next = Some(first);
        buffer.clear();
        while let Some((bytes, caller)) = next {
            buffer.extend_from_slice(&bytes);
            callers.push(caller);
            let room = callers.len() < BATCH_COMMITS_MAX && buffer.len() < BATCH_BYTES_MAX;
            next = if room { queue.try_recv().ok() } else { None };
        }
        file.write_all(&buffer).and_then(|()| file.sync_data()).expect("the disk takes it");
        for caller in callers {
            // The clients of a run that has ended are gone.
            let _ = caller.send(());
        }
    }
}
