//! A chain of events as JSON lines: what `lictor audit export` writes, and `verify` reads from a file or from a server.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::api::with_query;
use super::progress::Progress;
use super::table::cell;
use super::{Api, Failure};

/// The first line says it.
pub const FORMAT: &str = "lictor-audit-v1";

/// Tells every line of a merchant's chain to `sink`, as the server has it. Where events lie is read first, then where the
/// chain ends, then the chain: what is sealed meanwhile is in it, and nothing looks lost that is not.
pub fn of_server(
    api: &Api,
    quiet: bool,
    sink: &mut dyn FnMut(&Value) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let (mut stored, is_whole) = match stored(api) {
        Ok(stored) => (stored, true),
        // A record there is damaged: the chain says which, as far as it has its place.
        Err(Failure::Problem(problem)) if problem.is_unavailable() => (BTreeMap::new(), false),
        Err(failure) => return Err(failure),
    };
    let head = api.get("/v1/merchant/audit/head")?;
    sink(&json!({ "format": FORMAT, "merchant": head["merchant"] }))?;
    let mut progress = Progress::of("read", "events", 10_000, quiet);
    let (mut cursor, mut count) = (None, 0_u64);
    loop {
        let page = api.get(&with_query("/v1/merchant/audit/chain", &[("cursor", cursor)]))?;
        for from in items(&page["unreadable"]) {
            sink(&json!({ "unreadable_from": from }))?;
        }
        for block in items(&page["items"]) {
            for entry in items(&block["entries"]) {
                stored.remove(entry["event_id"].as_str().unwrap_or_default());
                sink(entry)?;
                count += 1;
                progress.at(count);
            }
            sink(&json!({ "head": block["head"], "sealed_at": block["sealed_at"] }))?;
        }
        let Some(next) = page["next_cursor"].as_str() else { break };
        cursor = Some(next.to_owned());
    }
    for (event, at) in stored {
        let about = json!({ "event_id": event, "subject": at.subject, "had_place": at.state == "sealed" });
        let line = if at.state == "waits" { "unsealed" } else { "in_no_chain" };
        sink(&json!({ line: about }))?;
    }
    if !is_whole {
        sink(&json!({ "stored_unreadable": true }))?;
    }
    sink(&json!({ "end": head }))
}

struct Stored {
    subject: String,
    state: String,
}

fn stored(api: &Api) -> Result<BTreeMap<String, Stored>, Failure> {
    let (mut stored, mut cursor) = (BTreeMap::new(), None);
    loop {
        let page = api.get(&with_query("/v1/merchant/audit/stored", &[("cursor", cursor)]))?;
        for item in items(&page["items"]) {
            let text = |name| cell(item.get(name));
            stored.insert(text("event_id"), Stored { subject: text("subject"), state: text("state") });
        }
        let Some(next) = page["next_cursor"].as_str() else { return Ok(stored) };
        cursor = Some(next.to_owned());
    }
}

fn items(list: &Value) -> impl Iterator<Item = &Value> {
    list.as_array().into_iter().flatten()
}
