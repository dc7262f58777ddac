//! What `lictor store move` shows: how far it is, and what was moved.

use serde_json::{Value, json};

use super::Common;
use super::progress::Progress;
use super::store_move::{Done, Place};
use crate::store::MoveStage;

/// Records or changes between two lines of progress.
const STEP: u64 = 10_000;

/// A line for each stage.
pub(super) struct Watch {
    json: bool,
    stage: Option<MoveStage>,
    progress: Option<Progress>,
}

impl Watch {
    pub(super) fn of(common: &Common) -> Self {
        Self { json: common.output().json, stage: None, progress: None }
    }

    pub(super) fn at(&mut self, stage: MoveStage, count: u64) {
        if self.stage != Some(stage) {
            let (what, unit) = match stage {
                MoveStage::Reading => ("reading", "records and changes"),
                MoveStage::Copying => ("copying", "records"),
                MoveStage::CatchingUp => ("catching up", "changes"),
                MoveStage::Comparing => ("comparing", "records"),
                MoveStage::Stopped => ("the last seconds", "changes"),
                MoveStage::Left => ("the last step", "records"),
            };
            // The old line goes before the new one comes.
            self.progress = None;
            self.progress = Some(Progress::of(what, unit, STEP, self.json));
            self.stage = Some(stage);
        }
        if let Some(progress) = &mut self.progress {
            progress.at(count);
        }
    }
}

/// For programs.
pub(super) fn answer(done: &Done, from: &Place, to: &Place) -> Value {
    let (from_told, to_told) = (from.told(), to.told());
    match done {
        Done::Moved(report) => json!({
            "from": from_told, "to": to_told, "move": report.id.to_string(), "done": "moved",
            "records": report.arrived.records(),
            "counts": report.arrived.counts().map(|(merchant, kind, records)| json!({
                "merchant": merchant, "kind": kind, "records": records,
            })).collect::<Vec<_>>(),
            "hash_from": report.sent.digest(), "hash_to": report.arrived.digest(),
            "changes_meanwhile": report.changes,
            "stopped_millis": u64::try_from(report.stopped.as_millis()).unwrap_or(u64::MAX),
            "took_millis": u64::try_from(report.took.as_millis()).unwrap_or(u64::MAX),
            "next": format!("start every server with {}", to.next()),
        }),
        Done::WentOn(id) => json!({
            "from": from_told, "to": to_told, "move": id.to_string(), "done": "went_on",
            "next": format!("start every server with {}", to.next()),
        }),
        Done::Undone => json!({
            "from": from_told, "to": to_told, "done": "undone",
            "next": "start the server at the old place again if it does not run",
        }),
    }
}

/// For people.
pub(super) fn words(answer: &Value) -> String {
    let word = |name: &str| answer[name].as_str().unwrap_or("").to_owned();
    let number = |name: &str| answer[name].as_u64().unwrap_or(0);
    let (from, to, next) = (word("from"), word("to"), word("next"));
    match answer["done"].as_str() {
        Some("moved") => {
            let counts = answer["counts"].as_array().into_iter().flatten().map(|count| {
                let merchant = count["merchant"].as_str().filter(|name| !name.is_empty()).unwrap_or("-");
                format!("  {merchant} {} {}", count["kind"].as_str().unwrap_or(""), count["records"])
            });
            let counts: Vec<_> = counts.collect();
            format!(
                "moved {} records from {from} to {to}, each the same byte for byte\n{}\n  hash at {from}: {}\n  hash at {to}: \
                 {}\n  {} changes were carried over behind the copy; nothing was written for {} ms of {} s\nnext: {next}",
                number("records"),
                counts.join("\n"),
                word("hash_from"),
                word("hash_to"),
                number("changes_meanwhile"),
                number("stopped_millis"),
                number("took_millis") / 1_000,
            )
        }
        Some("went_on") => format!("the records of {from} had left before; they are at {to}\nnext: {next}"),
        _ => format!("given up: {from} keeps its records, and nothing of them is at {to}\nnext: {next}"),
    }
}
