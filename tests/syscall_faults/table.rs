//! call × fault × outcome.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::process::{Dice, prove_count, strace_works};
use crate::run::{Before, Outcome, Run, Stores, folder_for};
use crate::trace::{CALLS, Point, Struck, Trace};

const WORKERS: usize = 3;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fault {
    Eio,
    Enospc,
    Eintr,
    /// SIGKILL as the call is entered.
    Kill,
}

impl Fault {
    const ALL: [Self; 4] = [Self::Eio, Self::Enospc, Self::Eintr, Self::Kill];

    fn name(self) -> &'static str {
        match self {
            Self::Eio => "EIO",
            Self::Enospc => "ENOSPC",
            Self::Eintr => "EINTR",
            Self::Kill => "SIGKILL",
        }
    }

    fn words(self, point: Point, log: &str) -> Vec<String> {
        let what = match self {
            Self::Eio | Self::Enospc | Self::Eintr => format!("error={}", self.name()),
            Self::Kill => "signal=KILL".to_owned(),
        };
        let Point { call, when } = point;
        let inject = format!("inject={call}:{what}:when={when}");
        let trace = format!("trace={call},sendto");
        ["-y", "-s", "64", "-o", log, "-e", &trace, "-e", &inject].map(str::to_owned).into()
    }

    /// How `strace` marks the call in its log.
    fn mark(self) -> &'static str {
        match self {
            Self::Eio | Self::Enospc | Self::Eintr => "(INJECTED)",
            Self::Kill => " = ?",
        }
    }
}

/// One run: which store, which call, which fault.
type Case = (Before, Point, Fault);

fn cases(stores: &Stores) -> Vec<Case> {
    let mut cases = Vec::new();
    for before in Before::ALL {
        let (aside, folder) = folder_for(stores, before);
        let log = aside.path().join("trace");
        let trace =
            format!("trace={}", CALLS.iter().map(|call| format!("?{call}")).collect::<Vec<_>>().join(","));
        let words: Vec<String> =
            ["-y", "-o", log.to_str().expect("text"), "-e", &trace].map(str::to_owned).into();
        let run =
            Run { folder: &folder, aside: aside.path(), strace: &words, environment: &[], mend: &|| {} };
        assert_eq!(run.outcome(), Ok(Outcome::Answered), "without any fault");
        for point in Trace::read(&log, &folder).points() {
            cases.extend(Fault::ALL.map(|fault| (before, point, fault)));
        }
    }
    cases
}

/// Where the fault struck, if it did, and what came of it.
fn tried(stores: &Stores, (before, point, fault): Case) -> Result<Option<(Struck, Outcome)>, String> {
    let (aside, folder) = folder_for(stores, before);
    let log = aside.path().join("trace");
    let words = fault.words(point, log.to_str().expect("text"));
    let outcome =
        Run { folder: &folder, aside: aside.path(), strace: &words, environment: &[], mend: &|| {} }
            .outcome();
    let trace = Trace::read(&log, &folder);
    let struck = trace.struck(fault.mark());
    let case = format!("{before:?}, {} number {}, {}, {struck:?}", point.call, point.when, fault.name());
    let stderr = std::fs::read_to_string(aside.path().join("stderr")).unwrap_or_default();
    let outcome = outcome.map_err(|why| format!("{case}: {why}\n{stderr}"))?;
    let Some(struck) = struck else { return Ok(None) };
    let failed_sync =
        matches!(point.call, "fsync" | "fdatasync") && matches!(fault, Fault::Eio | Fault::Enospc);
    match () {
        () if failed_sync && outcome == Outcome::Answered => {
            Err(format!("{case}: a failed sync was passed over"))
        }
        () if failed_sync && trace.answered_after(fault.mark()) => {
            Err(format!("{case}: a commit was answered after the journal's sync had failed"))
        }
        () if outcome == Outcome::Ended && fault != Fault::Kill => {
            Err(format!("{case}: the process ended\n{stderr}"))
        }
        () => Ok(Some((struck, outcome))),
    }
}

#[test]
fn whatever_call_fails_what_was_answered_is_there_and_nothing_is_answered_after() {
    if !strace_works() {
        return;
    }
    let stores = Stores::new();
    let (mut cases, mut dice) = (cases(&stores), Dice::fresh());
    dice.shuffle(&mut cases);
    cases.truncate(prove_count(60));
    let (next, struck) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let table: Mutex<BTreeMap<_, BTreeMap<Outcome, usize>>> = Mutex::default();
    let failures: Mutex<Vec<String>> = Mutex::default();
    std::thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| {
                while let Some(case) = cases.get(next.fetch_add(1, Ordering::SeqCst)) {
                    match tried(&stores, *case) {
                        Ok(None) => {}
                        Ok(Some((at, outcome))) => {
                            struck.fetch_add(1, Ordering::SeqCst);
                            let mut table = table.lock().unwrap_or_else(PoisonError::into_inner);
                            let row = (at.phase, at.place, case.1.call, case.2);
                            *table.entry(row).or_default().entry(outcome).or_default() += 1;
                        }
                        Err(why) => failures.lock().unwrap_or_else(PoisonError::into_inner).push(why),
                    }
                }
            });
        }
    });
    print(&table.into_inner().unwrap_or_else(PoisonError::into_inner));
    println!("{} runs, the fault struck in {}", cases.len(), struck.into_inner());
    let failures = failures.into_inner().unwrap_or_else(PoisonError::into_inner);
    assert!(failures.is_empty(), "{} of {} runs:\n{}", failures.len(), cases.len(), failures.join("\n\n"));
}

type Table = BTreeMap<(&'static str, &'static str, &'static str, Fault), BTreeMap<Outcome, usize>>;

/// As Markdown: a row for each call at each place, a column for each fault.
fn print(table: &Table) {
    let rows: BTreeSet<_> = table.keys().map(|(phase, place, call, _)| (phase, place, call)).collect();
    println!(
        "| in | on | call | EIO | ENOSPC | EINTR | SIGKILL |\n| --- | --- | --- | --- | --- | --- | --- |"
    );
    for (phase, place, call) in rows {
        let cells = Fault::ALL.map(|fault| {
            let outcomes = table.get(&(*phase, *place, *call, fault)).into_iter().flatten();
            let words: Vec<_> =
                outcomes.map(|(outcome, runs)| format!("{} {runs}", outcome.word())).collect();
            if words.is_empty() { "–".to_owned() } else { words.join(", ") }
        });
        println!("| {phase} | {place} | `{call}` | {} |", cells.join(" | "));
    }
}
