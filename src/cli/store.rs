//! `lictor store …`

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::progress::Progress;
use super::store_move::Move;
use super::{Common, Failure, Output, SettingFlags};
use crate::application::ports::Clock as _;
use crate::clock::SystemClock;
use crate::config::Settings;
use crate::service::{self, StorePlace};
use crate::store::{
    CompactReport, EmbeddedEngine, PostgresEngine, StorePart, VerifyProgress, VerifyReport, compact_store,
    forget_store, verify_store,
};

const MIB: u64 = 1 << 20;
/// Records between two lines of progress.
const RECORDS_STEP: u64 = 10_000;

/// The store: the embedded one of a stopped server, or the schema of a database.
#[derive(Debug, Subcommand)]
pub enum Store {
    /// Read everything and say all that is wrong; changes nothing.
    Verify(Folder),
    /// Bring the schema of the database up to what this program writes; servers of the version before run on.
    Upgrade(Folder),
    /// Say that the database was taken back to an earlier moment, by a snapshot of its disk or from a dump: the servers go on
    /// with room for what was lost. A promoted standby and a recovery to a moment are noticed without it.
    Recovered(Folder),
    /// Move everything but the keys between the embedded store and a database, while it is served.
    Move(Move),
    /// Make the index anew beside the old one, swap, and drop what is no longer needed.
    Compact(Compact),
}

/// How it is compacted.
#[derive(Debug, Args)]
pub struct Compact {
    /// Leave nothing in the folder of what was changed or removed before: after an erasure of personal data.
    #[arg(long)]
    forget: bool,
    #[command(flatten)]
    folder: Folder,
}

/// Which store.
#[derive(Debug, Args)]
pub struct Folder {
    #[command(flatten)]
    settings: SettingFlags,
}

impl Store {
    /// Does it.
    pub fn run(self, common: &Common) -> Result<(), Failure> {
        let output = common.output();
        match self {
            Self::Move(command) => command.run(common),
            Self::Verify(folder) => verify(folder.closed()?, output),
            Self::Upgrade(folder) => upgrade(&folder.settings.load()?.settings, output),
            Self::Recovered(folder) => recovered(&folder.settings.load()?.settings, output),
            Self::Compact(Compact { forget, folder }) => compact(folder.closed()?, forget, output),
        }
    }
}

impl Folder {
    /// The data folder, if no server holds it.
    fn closed(&self) -> Result<PathBuf, Failure> {
        let data = self.settings.load()?.settings.data_dir;
        let data = std::path::absolute(&data).unwrap_or(data);
        let shown = data.display();
        if !EmbeddedEngine::exists(&data) {
            return Err(Failure::Refused(format!(
                "{shown} holds no store; name its folder with --data-dir or LICTOR_DATA_DIR"
            )));
        }
        match EmbeddedEngine::is_held(&data) {
            Ok(false) => Ok(data),
            Ok(true) => Err(Failure::Refused(format!(
                "a running server holds {shown}; stop it first: this reads a store that does not change"
            ))),
            Err(error) => Err(Failure::Refused(error.to_string())),
        }
    }
}

fn upgrade(settings: &Settings, output: Output) -> Result<(), Failure> {
    let StorePlace::Database(address) = service::store_place(&settings.store)? else {
        return Err(Failure::Refused(
            "the embedded store is brought up by the next start; name a database with --store or LICTOR_STORE".to_owned(),
        ));
    };
    let upgraded = PostgresEngine::upgrade(&address).map_err(|error| Failure::Refused(error.to_string()))?;
    let (from, to) = upgraded;
    output.answer(&json!({ "database": address.told(), "from": from, "to": to }), |_| match from == to {
        true => format!("{} has schema {to} already", address.told()),
        false => format!("{}: schema {from} is now {to}", address.told()),
    });
    Ok(())
}

fn recovered(settings: &Settings, output: Output) -> Result<(), Failure> {
    let StorePlace::Database(address) = service::store_place(&settings.store)? else {
        return Err(Failure::Refused(
            "an embedded store is taken back by `lictor restore` alone, which does this; name a database with --store or LICTOR_STORE".to_owned(),
        ));
    };
    PostgresEngine::say_recovered(&address).map_err(|error| Failure::Refused(error.to_string()))?;
    output.answer(&json!({ "database": address.told(), "recovered": true }), |_| {
        format!(
            "{}: the servers continue the store with their next request, or with the next start",
            address.told()
        )
    });
    Ok(())
}

fn verify(data: PathBuf, output: Output) -> Result<(), Failure> {
    let mut progress = Progress::of("verifying", "MiB", 16, output.json);
    let report = verify_store(&data, &mut |VerifyProgress { bytes, .. }| progress.at(bytes / MIB));
    drop(progress);
    let report = report.map_err(|error| Failure::Refused(error.to_string()))?;
    let answer = json!({
        "data_dir": data,
        "whole": report.is_whole(),
        "batch": report.position.batch,
        "segments": report.segments,
        "snapshots": report.snapshots.len(),
        "records": report.records,
        "replayed_at_start": report.replayed,
        "faults": report.faults.iter().map(|fault| json!({
            "part": part(fault.part), "place": fault.place, "what": fault.what,
        })).collect::<Vec<_>>(),
        "more_faults": report.more_faults,
        "next": next_step(&report),
    });
    output.answer(&answer, verified_words);
    if report.is_whole() {
        return Ok(());
    }
    Err(Failure::Refused(format!("{} holds damage", data.display())))
}

fn part(part: StorePart) -> &'static str {
    match part {
        StorePart::Marks => "marks",
        StorePart::Journal => "journal",
        StorePart::Snapshots => "snapshots",
        StorePart::Index => "index",
    }
}

fn next_step(report: &VerifyReport) -> &'static str {
    if report.is_whole() {
        "nothing is to be done"
    } else if report.heals_itself() {
        "start the server: it makes what is damaged anew from what is whole, and no record is lost; then look at the disk"
    } else {
        "keep this folder as it is, and restore the newest backup into another one with `lictor restore FILE`; look at the \
         disk before you use it again"
    }
}

fn verified_words(answer: &Value) -> String {
    let mut lines = vec![format!(
        "{}: {} segments, {} snapshots, {} records compared, {} replayed at the next start",
        answer["data_dir"].as_str().unwrap_or(""),
        answer["segments"],
        answer["snapshots"],
        answer["records"],
        answer["replayed_at_start"]
    )];
    let faults = answer["faults"].as_array().into_iter().flatten();
    lines.extend(faults.map(|fault| {
        let text = |name: &str| super::output::printable(fault[name].as_str().unwrap_or(""));
        format!("  {}: {}: {}", text("part"), text("place"), text("what"))
    }));
    if answer["more_faults"] != 0 {
        lines.push(format!("  and {} further faults", answer["more_faults"]));
    }
    let verdict = if answer["whole"] == true { "whole" } else { "damaged" };
    lines.push(format!("{verdict}; next: {}", answer["next"].as_str().unwrap_or("")));
    lines.join("\n")
}

fn compact(data: PathBuf, forget: bool, output: Output) -> Result<(), Failure> {
    let mut progress = Progress::of("compacting", "records", RECORDS_STEP, output.json);
    let mut told = |records| progress.at(records);
    let taken_at_ms = u64::try_from(SystemClock.now().timestamp_millis()).unwrap_or(0);
    let report =
        if forget { forget_store(&data, taken_at_ms, &mut told) } else { compact_store(&data, &mut told) };
    drop(progress);
    let CompactReport { records, bytes_before, bytes_after } =
        report.map_err(|error| Failure::Refused(error.to_string()))?;
    let answer = json!({
        "data_dir": data, "records": records, "bytes_before": bytes_before, "bytes_after": bytes_after,
    });
    output.answer(&answer, |answer| {
        format!(
            "{}: {records} records, {} MiB before, {} MiB now",
            answer["data_dir"].as_str().unwrap_or(""),
            bytes_before / MIB,
            bytes_after / MIB
        )
    });
    Ok(())
}
