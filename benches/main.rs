//! `./scripts/bench`.

mod commits;
mod figures;
mod raw;
mod shape;
#[path = "../tests/support/mod.rs"]
mod support;

use std::sync::Arc;
use std::time::{Duration, Instant};

use commits::{Limit, append_raw, commit, commit_prepared, opened};
use raw::RawLog;
use shape::Shape;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    let shape = Arc::new(Shape::learn());
    println!("{} records, {} bytes", shape.records(), shape.bytes());
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("rt");
    let base = std::env::args().nth(2).unwrap_or("/tmp/h/index/target".into());
    let folder = tempfile::tempdir_in(base).expect("folder");
    let data = folder.path().join("data");
    let log = RawLog::create(&folder.path().join("raw"));
    let mut at = 0u64;
    let sizes: Vec<u64> = std::env::args()
        .nth(1)
        .and_then(|s| s.parse().ok())
        .map_or(vec![1_000, 10_000, 100_000], |n: u64| vec![n]);
    for size in sizes {
        let store = opened(&data);
        let t = Instant::now();
        let f = commit(&runtime, &store, &shape, Limit::count(size.saturating_sub(at)));
        at = at.max(size);
        let done = t.elapsed();
        runtime.block_on(store.close()).expect("closed");
        println!(
            "fill to {size}: {} ; with drain {:.0}/s",
            f.row("fill"),
            (f.per_second() * done.as_secs_f64()) / t.elapsed().as_secs_f64()
        );
        let t = Instant::now();
        let store = opened(&data);
        println!("opened in {:?}", t.elapsed());
        for _ in 0..3 {
            println!("{}", append_raw(&runtime, &log, 2900, Limit::time(Duration::from_secs(2))).row("raw"));
            let mut prepared: Vec<_> = (0..20_000).map(|_| shape.next()).collect();
            prepared.reverse();
            let f = commit_prepared(&runtime, &store, prepared);
            println!("{}", f.row("embedded"));
            at += 20_000;
        }
        runtime.block_on(store.close()).expect("closed");
    }
    log.end();
    std::process::Command::new("du")
        .arg("-sm")
        .arg(&data)
        .arg(data.join("sled"))
        .arg(data.join("journal"))
        .status()
        .expect("du");
}
