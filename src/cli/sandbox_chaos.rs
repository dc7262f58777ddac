//! `lictor sandbox serve --chaos …`

use std::time::Duration;

use clap::Args;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use super::{Failure, Output, Table};
use crate::domain::SecretRef;
use crate::sandbox::Sandbox as Marketplace;
use crate::sandbox::chaos::{Aftermath, Patience, Storm, StormTarget};
use crate::sandbox::judge::{Rule, Severity};
use crate::sandbox::orders::Basket;

/// Lives at the same time.
const CALLERS: usize = 8;
/// Between two looks at a purchase that is not done.
const BETWEEN_TRIES: Duration = Duration::from_millis(200);
/// How long purchases may take when the storm is over.
const SETTLES_WITHIN: Duration = Duration::from_secs(120);

/// A marketplace in its worst week.
#[derive(Debug, Args)]
pub struct ChaosArgs {
    /// Misbehave as the worst network and the oldest marketplace would, and report what comes of it: late, lost, repeated,
    /// replayed, reordered and oddly written calls, wrong keys, skewed clocks. Ends when it is over.
    #[arg(long, requires = "target")]
    pub chaos: bool,
    /// Repeats a storm: the seed that it printed.
    #[arg(long, value_name = "NUMBER", requires = "chaos")]
    seed: Option<u64>,
    /// How many orders the storm has.
    #[arg(long, default_value_t = 200, value_name = "COUNT", requires = "chaos")]
    orders: u32,
    /// Changes the address's key in mid-storm; bind it beforehand, beside the other: env:NAME or file:PATH.
    #[arg(long, value_name = "SECRET", value_parser = super::sandbox::secret_ref, requires = "chaos")]
    pub next_access_key: Option<SecretRef>,
    /// The Kit's next key, likewise.
    #[arg(long, value_name = "SECRET", value_parser = super::sandbox::secret_ref, requires = "next_access_key")]
    pub next_kit_access_key: Option<SecretRef>,
    /// The caller's time-out, as the marketplace's: a few answers are so late that it has passed, and are asked for again.
    #[arg(long, value_name = "SECS", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=60), requires = "chaos")]
    call_time: u64,
    /// Also write and sign in ways that the documents leave open: bodies signed as sent or sorted at every depth, times in seconds.
    #[arg(long, requires = "chaos")]
    every_reading: bool,
}

impl ChaosArgs {
    /// Lives through it and reports; a broken rule is a failure.
    pub fn run(
        &self,
        marketplace: &Marketplace,
        target: StormTarget,
        buy: Vec<Basket>,
        runtime: &Runtime,
        output: Output,
    ) -> Result<(), Failure> {
        if buy.is_empty() && !target.family.is_kit() {
            let words = "a storm needs something to buy: give --buy SKU=TERM, best more than one";
            return Err(Failure::Usage(words.to_owned()));
        }
        let bytes = crate::randomness::random_bytes();
        let fresh = bytes.iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte));
        let seed = self.seed.unwrap_or(fresh);
        let storm = Storm {
            orders: usize::try_from(self.orders).unwrap_or(usize::MAX),
            callers: CALLERS,
            seed,
            baskets: buy,
            every_reading: self.every_reading,
            on_code: None,
        };
        output.note(&format!("{} orders, seed {seed}", self.orders));
        let handle = runtime.handle().clone();
        // Each caller has a thread of its own; the timer belongs to the runtime.
        let wait = move |time| {
            let _entered = handle.enter();
            handle.block_on(async { tokio::time::sleep(time).await });
        };
        let call_time = Duration::from_secs(self.call_time);
        let patience = Patience {
            between_tries: &|| wait(BETWEEN_TRIES),
            settles_within: SETTLES_WITHIN,
            call_time_passes: &|| wait(call_time),
        };
        let after = storm.run(marketplace, &[target], &patience);
        let report = report(&after, seed);
        output.answer(&report, told);
        if after.is_clean() {
            return Ok(());
        }
        Err(Failure::Refused(broken(&after, seed)))
    }
}

/// What went wrong, and which rules were broken, at the end.
fn broken(after: &Aftermath, seed: u64) -> String {
    let mut words =
        format!("{} lines did not come to their end; --seed {seed} repeats the storm", after.faults.len());
    let rules: Vec<&str> = after.report.broken(Severity::Violation).into_iter().map(Rule::id).collect();
    if !rules.is_empty() {
        words.push_str(&format!("; the marketplace's rules are violated: {}", rules.join(", ")));
    }
    words
}

fn report(after: &Aftermath, seed: u64) -> Value {
    let mut report = after.report.to_json();
    report["clean"] = json!(after.is_clean());
    report["seed"] = json!(seed);
    report["calls"] = after.tally.to_json();
    report["faults"] = json!(after.faults);
    report
}

fn told(report: &Value) -> String {
    let columns = [
        ("RULE", "rule"),
        ("LOOKED", "looked"),
        ("BROKEN", "broken"),
        ("SOURCE", "source"),
        ("FOR EXAMPLE", "example"),
    ];
    let mut text = Table::of_items(&report["rules"], &columns).render();
    for fault in report["faults"].as_array().into_iter().flatten() {
        text.push_str(&format!("{}\n", fault.as_str().unwrap_or_default()));
    }
    text
}
