//! `./scripts/bench`: measures, and asserts nothing.
//!
//! In one run: commits of the embedded store beside raw appending of the same bytes, at growing sizes of the store;
//! opening it after a clean stop and after a kill; making its index again; issuing and reporting usage over HTTP with and
//! without a store that keeps anything. With `production-address` instead: a running server's production address under load while the
//! marketplace hangs. docs/benchmarks.md says what each figure means.

mod commits;
mod figures;
mod growth;
mod issue;
#[path = "../tests/process/mod.rs"]
mod process;
mod production_address;
mod raw;
mod report;
mod search;
mod shape;
#[path = "../tests/support/mod.rs"]
mod support;
mod usage;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use growth::Plan;
use production_address::Load;
use shape::Shape;

/// As in the server.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const USAGE: &str = "usage: ./scripts/bench [--quick] [--json]
       ./scripts/bench search [--licenses N]
       ./scripts/bench production-address [--per-second N] [--seconds N] [--hangs-for SECONDS] [--json]";

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    if let ["--commit-until-killed", folder, from, count] = arguments[..] {
        let number = |text: &str| text.parse().expect("started by the benchmark itself");
        growth::commit_until_killed(Path::new(folder), number(from), number(count));
    }
    if let ["production-address", rest @ ..] = &arguments[..] {
        return production_address(rest);
    }
    match &arguments[..] {
        ["search"] => return search::measure(100_000),
        ["search", "--licenses", number] => match number.parse() {
            Ok(licenses @ 1_000..=2_000_000) => return search::measure(licenses),
            _ => misused(),
        },
        _ => {}
    }
    let (mut quick, mut json) = (false, false);
    for argument in arguments {
        match argument {
            "--quick" => quick = true,
            "--json" => json = true,
            "--help" | "-h" => {
                println!("{USAGE}");
                return;
            }
            _ => misused(),
        }
    }
    let report = measured(quick);
    if json {
        println!("{}", report.json());
    } else {
        print!("{}", report.table());
    }
}

fn misused() -> ! {
    eprintln!("{USAGE}");
    std::process::exit(2);
}

fn production_address(arguments: &[&str]) {
    let mut load = Load { per_second: 200, seconds: 60, hangs_for: Duration::from_secs(30) };
    let mut json = false;
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        let mut number = || match rest.next().and_then(|text| text.parse().ok()) {
            Some(number @ 0..=10_000) => number,
            _ => misused(),
        };
        match *argument {
            "--per-second" => load.per_second = number().max(1),
            "--seconds" => load.seconds = number().max(1),
            "--hangs-for" => load.hangs_for = Duration::from_secs(number() as u64),
            "--json" => json = true,
            _ => misused(),
        }
    }
    let report = production_address::measure(load);
    if json {
        println!("{}", report.json());
    } else {
        print!("{}", report.table());
    }
}

fn measured(quick: bool) -> report::Report {
    let shape = Arc::new(Shape::learn());
    let plan = if quick { Plan::quick() } else { Plan::whole() };
    let folder = tempfile::tempdir_in(scratch()).expect("the target folder can be written");
    let sizes = growth::measure(folder.path(), &shape, &plan);
    drop(folder);
    let issue = issue::measure(if quick { Duration::from_secs(3) } else { Duration::from_secs(8) });
    let usage = usage::measure(if quick { Duration::from_secs(3) } else { Duration::from_secs(8) });
    let left_out = plan.left_out(&sizes);
    report::Report { quick, records: shape.records(), sizes, issue, usage, left_out }
}

/// On the disk that the build is on, not in a folder that may be memory.
fn scratch() -> PathBuf {
    let target = std::env::current_exe().ok().and_then(|path| path.parent().map(Path::to_owned));
    target.expect("this program lies in a folder")
}
