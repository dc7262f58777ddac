//! A store that grows by a decade at a time, measured at each size.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use lictor::store::{Direction, KeyRange, Kind, RecordStore};
use tokio::runtime::Runtime;

use crate::commits::{append_raw, commit, commit_prepared, opened};
use crate::figures::Figures;
use crate::raw::RawLog;
use crate::shape::Shape;

/// How far to go.
pub struct Plan {
    sizes: &'static [u64],
    /// Where raw appending is compared with commits, and the index is made again.
    compared_up_to: u64,
    rebuilt_at: &'static [u64],
    rounds: usize,
    /// The last size is left out when it would take longer.
    last_at_most: Duration,
}

impl Plan {
    pub fn quick() -> Self {
        Self {
            sizes: &[1_000, 10_000, 100_000, 1_000_000],
            compared_up_to: 100_000,
            rebuilt_at: &[100_000],
            rounds: 5,
            last_at_most: Duration::from_secs(130),
        }
    }

    pub fn whole() -> Self {
        Self {
            sizes: &[1_000, 10_000, 100_000, 1_000_000],
            compared_up_to: 1_000_000,
            rebuilt_at: &[100_000, 1_000_000],
            rounds: 8,
            last_at_most: Duration::MAX,
        }
    }

    /// What was not measured, in words.
    pub fn left_out(&self, measured: &[Size]) -> Vec<String> {
        let mut left_out = Vec::new();
        for size in self.sizes {
            if !measured.iter().any(|measured| measured.licenses == *size) {
                left_out.push(format!("growing to {size} licenses: it would have taken too long"));
                continue;
            }
            if *size > self.compared_up_to {
                left_out.push(format!("commits beside raw appending at {size} licenses"));
            }
            if *size >= 100_000 && !self.rebuilt_at.contains(size) {
                left_out.push(format!("making the index again at {size} licenses"));
            }
        }
        left_out
    }
}

/// What was measured at one size.
pub struct Size {
    pub licenses: u64,
    /// Growing to it from the size before, up to the index having everything and the store being closed.
    pub grown: Figures,
    pub journal_bytes: u64,
    pub index_bytes: u64,
    pub open_clean: Duration,
    pub open_killed: Duration,
    pub rebuild: Option<Duration>,
    pub raw: Figures,
    pub embedded: Figures,
}

pub fn measure(folder: &Path, shape: &Arc<Shape>, plan: &Plan) -> Vec<Size> {
    let workers = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let bench = Bench {
        runtime: workers.expect("a runtime"),
        data: folder.join("data"),
        log: RawLog::create(&folder.join("raw")),
        shape: Arc::clone(shape),
    };
    let mut sizes: Vec<Size> = Vec::new();
    for licenses in plan.sizes {
        if let Some(before) = sizes.last().map(|size| &size.grown)
            && before.seconds * 11.0 > plan.last_at_most.as_secs_f64()
        {
            eprintln!("{licenses} licenses are left out: growing so far took {:.0} s", before.seconds);
            break;
        }
        sizes.push(bench.at(*licenses, plan));
    }
    bench.log.end();
    sizes
}

struct Bench {
    runtime: Runtime,
    data: std::path::PathBuf,
    log: RawLog,
    shape: Arc<Shape>,
}

impl Bench {
    fn at(&self, licenses: u64, plan: &Plan) -> Size {
        eprintln!("growing to {licenses} licenses");
        let grown = self.grow(licenses);
        let (journal_bytes, index_bytes) =
            (bytes_in(&self.data.join("journal")), bytes_in(&self.data.join("sled")));
        eprintln!("  opening after a clean stop, and after a kill");
        let (open_clean, store) = self.timed_open();
        self.close(&store);
        self.kill(licenses.min(20_000));
        let (open_killed, store) = self.timed_open();
        self.close(&store);
        let (raw, embedded) = if licenses <= plan.compared_up_to {
            self.compare((licenses / 4).clamp(1_000, 8_000), plan.rounds, journal_bytes / licenses)
        } else {
            (Figures::default(), Figures::default())
        };
        let rebuild = plan.rebuilt_at.contains(&licenses).then(|| self.rebuild());
        Size { licenses, grown, journal_bytes, index_bytes, open_clean, open_killed, rebuild, raw, embedded }
    }

    /// Licenses of the rounds before count: the shape numbers them all.
    fn grow(&self, licenses: u64) -> Figures {
        let begun = Instant::now();
        let store = opened(&self.data);
        let count = licenses.saturating_sub(self.shape.made());
        let mut figures = commit(&self.runtime, &store, &self.shape, count);
        self.close(&store);
        figures.seconds = begun.elapsed().as_secs_f64();
        figures
    }

    /// Rounds of both by turns. Each round of commits starts with an index that has everything, and with its requests
    /// made.
    fn compare(&self, count: u64, rounds: usize, bytes: u64) -> (Figures, Figures) {
        eprintln!("  {rounds} rounds of {count} commits beside raw appending of {bytes} bytes each");
        let (mut raw, mut embedded) = (Figures::default(), Figures::default());
        let bytes = usize::try_from(bytes).expect("a commit is small");
        for _ in 0..rounds {
            raw.join(append_raw(&self.runtime, &self.log, bytes, count));
            let mut requests: Vec<_> = (0..count).map(|_| self.shape.next()).collect();
            requests.reverse();
            let store = opened(&self.data);
            self.warm(&store);
            embedded.join(commit_prepared(&self.runtime, &store, requests));
            self.close(&store);
        }
        (raw, embedded)
    }

    /// Reads the claim codes: the one kind that a commit looks up all over the index, and that a server which has been
    /// running for a while has in its cache.
    fn warm(&self, store: &RecordStore) {
        let mut range = KeyRange::kind("acme", Kind::ClaimCode).expect("short");
        loop {
            let page = self.runtime.block_on(store.scan(range.clone(), Direction::Forward, 1_000));
            let Some((last, _)) = page.expect("the store can be read").pop() else { return };
            range = range.after(&last);
        }
    }

    /// Up to the first answer.
    fn timed_open(&self) -> (Duration, RecordStore) {
        let begun = Instant::now();
        let store = opened(&self.data);
        let first = self.runtime.block_on(store.scan(KeyRange::all(), Direction::Forward, 1));
        assert_eq!(first.expect("the store can be read").len(), 1);
        (begun.elapsed(), store)
    }

    fn rebuild(&self) -> Duration {
        eprintln!("  making the index again");
        std::fs::remove_dir_all(self.data.join("sled")).expect("the benchmark's own folder");
        let (took, store) = self.timed_open();
        self.close(&store);
        took
    }

    /// Another process commits and is killed: nothing is closed.
    fn kill(&self, count: u64) {
        let from = self.shape.made();
        let mut child = Command::new(std::env::current_exe().expect("this program"))
            .arg("--commit-until-killed")
            .arg(&self.data)
            .args([from.to_string(), count.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("it starts again");
        let mut said = String::new();
        let mut output = BufReader::new(child.stdout.take().expect("a pipe"));
        output.read_line(&mut said).expect("it says when it has committed");
        assert_eq!(said, "committed\n");
        child.kill().expect("SIGKILL");
        child.wait().expect("it has ended");
        self.shape.skip_to(from + count);
    }

    fn close(&self, store: &RecordStore) {
        self.runtime.block_on(store.close()).expect("closed in good order");
    }
}

/// The other process.
pub fn commit_until_killed(folder: &Path, from: u64, count: u64) -> ! {
    let shape = Arc::new(Shape::learn());
    shape.skip_to(from);
    let workers = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = workers.expect("a runtime");
    let store = opened(folder);
    commit(&runtime, &store, &shape, count);
    println!("committed");
    // The kill comes from outside; should the other end go away instead, this ends too.
    let _ = std::io::stdin().read(&mut [0]);
    std::process::exit(1);
}

fn bytes_in(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).expect("a folder");
    let bytes = entries.map(|entry| {
        let path = entry.expect("an entry").path();
        if path.is_dir() { bytes_in(&path) } else { path.metadata().map_or(0, |metadata| metadata.len()) }
    });
    bytes.sum()
}
