//! What was bought is a conserved quantity: random stories at the application and at a plain model of it.
//!
//! After each operation both say the same of every package that it touched, and bought = used + reserved + left + expired +
//! refunded. A story that fails is printed with its seed and with what happened last; the same seed tells it again.

mod calendar;
mod catalog;
mod driver;
mod faults;
mod model;
mod remembered;
mod server;
mod story;
mod words;

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};

use driver::{Difference, Driver};
use server::Between;
use story::Dice;

/// Operations in the test command.
const OPERATIONS: u64 = 25_000;
/// Operations of one story: few enough that no server grows large.
const STORY: u64 = 1_000;
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
        if let Err(difference) = driver.perform(&operation, crash).await {
            let last = last.make_contiguous().join("\n");
            return Err(format!("seed {seed}, operation {number}\n{last}\n{difference}"));
        }
    }
    Ok(())
}

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
    assert!(found.is_empty(), "{} stories went wrong:\n=====\n{}", found.len(), found.join("\n=====\n"));
}

/// The stories of the test above notice the fault, and say of which package.
fn is_found(fault: Between) {
    let differences: Vec<Difference> = (0..3).filter_map(|seed| tell(seed, STORY, fault).err()).collect();
    assert_eq!(differences.len(), 3, "some stories went well");
    for difference in differences {
        let mut lines = difference.lines().skip_while(|line| !line.starts_with("package pkg_"));
        let named = lines.next().expect("a package is named");
        let sides: Vec<&str> = lines.filter_map(|line| line.trim_start().split(':').next()).collect();
        assert!(named.ends_with("does not add up") || sides == ["model", "server"], "{difference}");
    }
}

#[test]
fn a_double_refund_is_found() {
    is_found(faults::double_refund);
}

#[test]
fn a_lost_reservation_is_found() {
    is_found(faults::lost_reservation);
}

#[test]
fn a_double_escrow_is_found() {
    is_found(faults::double_escrow);
}

#[test]
fn the_model_is_plain() {
    let code = |line: &&str| !line.trim().is_empty() && !line.trim_start().starts_with("//");
    let lines: Vec<&str> = include_str!("model.rs").lines().filter(code).collect();
    assert!(lines.len() <= 500, "{} lines", lines.len());
    assert!(lines.iter().all(|line| !line.contains("lictor")), "it knows no code of the server");
}
