//! What was bought is a conserved quantity: random stories at the application and at a plain model of it.
//!
//! After each operation both say the same of every package that it touched, and bought = used + reserved + left + expired +
//! refunded. A story that fails is printed with its seed and with what happened last; the same seed tells it again.

mod calendar;
mod catalog;
mod driver;
mod model;
mod server;
mod story;

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};

use driver::{Difference, Driver};
use server::Between;
use story::Dice;

/// Operations in the test command.
const OPERATIONS: u64 = 50_000;
/// Operations of one story: few enough that no server grows large.
const STORY: u64 = 500;
/// How many of the last operations are printed.
const PRINTED: usize = 25;

fn operations() -> u64 {
    #[expect(clippy::disallowed_methods, reason = "a test has no settings; the count only makes it longer")]
    let count = std::env::var("LICTOR_PROVE_COUNT");
    count.ok().and_then(|text| text.parse().ok()).unwrap_or(OPERATIONS)
}

/// One story; when both sides differ, all that is needed to tell it again.
async fn story(seed: u64, operations: u64, between: Between) -> Result<(), Difference> {
    let (mut dice, mut driver) = (Dice::new(seed), Driver::new(between).await);
    let mut last = VecDeque::new();
    for number in 0..operations {
        let operation = story::next(&mut dice, &driver.model, &driver.told);
        let crash = story::crash(&mut dice);
        last.push_back(format!("{number} at {}: {operation:?}, {crash:?}", driver.model.now));
        if last.len() > PRINTED {
            last.pop_front();
        }
        let t0 = std::time::Instant::now();
        let performed = driver.perform(&operation, crash).await;
        {
            let k = format!("{operation:?}");
            let k = k.split([' ', '(']).next().unwrap_or("").to_owned();
            let k = if crash.is_some() { format!("{k}!") } else { k };
            let mut t = TIMES.lock().expect("t");
            let e = t.entry(k).or_insert((0u64, 0u128));
            e.0 += 1;
            e.1 += t0.elapsed().as_micros();
        }
        if let Err(difference) = performed {
            let last = last.make_contiguous().join("\n");
            let dbg = driver
                .model
                .packages
                .iter()
                .map(|p| {
                    format!(
                        "{} of {}: {:?} bought {:?} ref {} closed {:?} {:?} frozen {}",
                        p.name,
                        p.purchase,
                        p.sold,
                        p.bought,
                        p.refunded,
                        p.closed,
                        p.all,
                        driver.model.licenses[p.purchase].is_frozen
                    )
                })
                .collect::<Vec<_>>()
                .join("\n");
            return Err(format!("seed {seed}, operation {number}\n{dbg}\n{last}\n{difference}"));
        }
    }
    Ok(())
}

static TIMES: std::sync::Mutex<std::collections::BTreeMap<String, (u64, u128)>> =
    std::sync::Mutex::new(std::collections::BTreeMap::new());

fn tell(seed: u64, operations: u64, between: Between) -> Result<(), Difference> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    runtime.expect("a runtime can be made").block_on(story(seed, operations, between))
}

/// So many stories on every processor; the differences that were found.
fn stories(all: u64, between: Between) -> Vec<Difference> {
    let next = AtomicU64::new(0);
    let work = || {
        let mut found = Vec::new();
        loop {
            let seed = next.fetch_add(1, Ordering::SeqCst);
            if seed >= all.div_ceil(STORY) {
                return found;
            }
            found.extend(tell(seed, STORY.min(all - seed * STORY), between).err());
        }
    };
    let workers = std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        workers.into_iter().flat_map(|worker| worker.join().expect("a story does not panic")).collect()
    })
}

#[test]
fn what_was_bought_is_used_reserved_left_expired_or_refunded_whatever_happens() {
    let found = stories(operations(), |store| store);
    for it in &found {
        println!("=====\n{it}");
    }
    for (k, (n, t)) in TIMES.lock().expect("t").iter() {
        println!("{k:20} {n:6} {:8} us each {} ms", t / u128::from(*n), t / 1000);
    }
    assert!(found.is_empty(), "{} stories went wrong", found.len());
}
