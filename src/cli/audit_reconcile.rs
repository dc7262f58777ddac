//! `lictor audit reconcile`: what was issued, against the chain of events and against the marketplace's order list.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};

use super::api::with_query;
use super::audit_lines;
use super::audit_verifier::Verifier;
use super::output::printable;
use super::progress::Progress;
use super::table::cell;
use super::{Api, Failure, Output, Table};
use crate::config::read_bytes;
use crate::marketplace::order_export::OrderExport;

/// Longest file, in bytes.
const FILE_BYTES_MAX: usize = 64 << 20;
/// Licenses of one page.
const PAGE: &str = "200";
/// Rows that the table shows; all of them are in --json.
const ROWS_SHOWN_MAX: usize = 200;

/// With which list.
#[derive(Debug, Args)]
pub struct Reconcile {
    /// The order list of the seller console, as CSV in UTF-8, of all orders of the marketplace; `-` reads the standard input.
    /// Without it only the chain is held against.
    #[arg(long, value_name = "FILE")]
    export: Option<PathBuf>,
    /// Through which channel the list was sold; otherwise licenses of every channel are looked for in it.
    #[arg(long, value_name = "ID", requires = "export")]
    channel: Option<String>,
}

/// What does not fit.
struct Row {
    outcome: &'static str,
    license: Option<String>,
    order_id: Option<String>,
    why: String,
}

impl Reconcile {
    /// 0: all of it fits; 1: something does not.
    pub fn run(self, api: &Api, output: Output) -> Result<(), Failure> {
        let export = self.export.as_ref().map(|path| {
            OrderExport::read(&read_bytes(path, FILE_BYTES_MAX)?)
                .map_err(|error| Failure::Usage(format!("{}: {error}", path.display())))
        });
        let export = export.transpose()?;
        let told = told(api, output.json)?;
        let issued = issued(api, output.json)?;
        let mut rows = without_event(&issued, &told);
        if let Some(export) = &export {
            rows.extend(not_in_list(&issued, export, self.channel.as_deref()));
            rows.extend(not_issued(&issued, export));
        }
        let answer = answer(&issued, &told, &rows, export.as_ref());
        output.answer(&answer, words);
        let mistakes = export.map_or(0, |export| export.mistakes.len());
        if rows.is_empty() && mistakes == 0 {
            return Ok(());
        }
        let next = "`lictor order missing --export FILE` says what is known of each order and fetches what is missing; a license \
                    without an event was put into the store beside the service";
        Err(Failure::Refused(format!(
            "{} license(s) and order(s) do not fit, {mistakes} row(s) cannot be read\nnext: {next}",
            rows.len()
        )))
    }
}

/// The licenses whose issue the chain tells of. A chain that was tampered with is no witness.
fn told(api: &Api, json: bool) -> Result<BTreeSet<String>, Failure> {
    let keys = super::audit::keys_of(api)?;
    let (mut verifier, mut told) = (Verifier::new(&keys), BTreeSet::new());
    audit_lines::of_server(api, json, &mut |line| {
        verifier.line(line);
        let event = &line["event"];
        if matches!(event["kind"].as_str(), Some("license.issued" | "license.imported")) {
            told.extend(
                event["subject"].as_str().and_then(|it| it.strip_prefix("license/")).map(str::to_owned),
            );
        }
        Ok(())
    })?;
    let report = verifier.finish();
    match report.findings.first() {
        None => Ok(told),
        Some(first) => Err(Failure::Refused(format!(
            "the chain of events was tampered with ({}), so nothing can be held against it\nnext: lictor audit verify",
            first.why
        ))),
    }
}

/// Every license, with what it came from.
fn issued(api: &Api, json: bool) -> Result<BTreeMap<String, Value>, Failure> {
    let (mut issued, mut cursor) = (BTreeMap::new(), None);
    let mut progress = Progress::of("read", "licenses", 1_000, json);
    loop {
        let query = [("limit", Some(PAGE.to_owned())), ("cursor", cursor)];
        let page = api.get(&with_query("/v1/merchant/licenses", &query))?;
        for license in page["items"].as_array().into_iter().flatten() {
            // What waits to be minted is no license yet.
            if !license["product"].is_null() && !license["starts_at"].is_null() {
                issued.insert(cell(license.get("id")), license.clone());
            }
        }
        progress.at(u64::try_from(issued.len()).unwrap_or(u64::MAX));
        let Some(next) = page["next_cursor"].as_str() else { return Ok(issued) };
        cursor = Some(next.to_owned());
    }
}

fn without_event(issued: &BTreeMap<String, Value>, told: &BTreeSet<String>) -> Vec<Row> {
    let untold = issued.iter().filter(|(id, _)| !told.contains(*id));
    let row = |(id, license): (&String, &Value)| Row {
        outcome: "no_event",
        license: Some(id.clone()),
        order_id: license["order_id"].as_str().map(str::to_owned),
        why: "the license is there, but no event of the chain tells of its issue".to_owned(),
    };
    untold.map(row).collect()
}

fn not_in_list(issued: &BTreeMap<String, Value>, export: &OrderExport, channel: Option<&str>) -> Vec<Row> {
    let listed: BTreeSet<&str> = export.orders.iter().map(|row| row.order_id.as_str()).collect();
    let mut rows = Vec::new();
    for (id, license) in issued {
        let Some(order) = license["order_id"].as_str().filter(|order| !listed.contains(order)) else {
            continue;
        };
        if channel.is_some_and(|channel| license["channel"] != channel) {
            continue;
        }
        rows.push(Row {
            outcome: "not_in_list",
            license: Some(id.clone()),
            order_id: Some(order.to_owned()),
            why: "the license names an order that the list does not have".to_owned(),
        });
    }
    rows
}

fn not_issued(issued: &BTreeMap<String, Value>, export: &OrderExport) -> Vec<Row> {
    use crate::domain::OrderKind;
    let known: BTreeSet<&str> = issued.values().filter_map(|license| license["order_id"].as_str()).collect();
    let buys = |kind: Option<OrderKind>| match kind {
        Some(OrderKind::New | OrderKind::Trial) | None => true,
        Some(OrderKind::TrialToFormal | OrderKind::Renew | OrderKind::Change | OrderKind::Unsubscribe) => {
            false
        }
    };
    let sold = export.orders.iter().filter(|row| !row.is_unsold && buys(row.kind));
    let missing: BTreeSet<&str> =
        sold.map(|row| row.order_id.as_str()).filter(|order| !known.contains(order)).collect();
    let row = |order: &str| Row {
        outcome: "not_issued",
        license: None,
        order_id: Some(order.to_owned()),
        why: "the list has the order, but no license came of it".to_owned(),
    };
    missing.into_iter().map(row).collect()
}

fn answer(
    issued: &BTreeMap<String, Value>,
    told: &BTreeSet<String>,
    rows: &[Row],
    export: Option<&OrderExport>,
) -> Value {
    let row = |it: &Row| {
        json!({
            "outcome": it.outcome,
            "license": it.license,
            "order_id": it.order_id,
            "reason": it.why,
        })
    };
    let mistake = |(line, why): &(u64, String)| json!({ "line": line, "message": why });
    json!({
        "licenses": issued.len(),
        "told": told.len(),
        "orders_listed": export.map(|export| export.orders.len()),
        "items": rows.iter().map(row).collect::<Vec<_>>(),
        "mistakes": export.map(|export| export.mistakes.iter().map(mistake).collect::<Vec<_>>()),
    })
}

fn words(answer: &Value) -> String {
    let mut table = Table::new(&["OUTCOME", "LICENSE", "ORDER", "WHY"]);
    let rows: Vec<&Value> = answer["items"].as_array().into_iter().flatten().collect();
    for row in rows.iter().take(ROWS_SHOWN_MAX) {
        let text = |name: &str| cell(row.get(name));
        table.row(vec![text("outcome"), text("license"), text("order_id"), text("reason")]);
    }
    let mut text = if table.is_empty() { String::new() } else { table.render() };
    if rows.len() > ROWS_SHOWN_MAX {
        text.push_str(&format!("… and {} more: see --json\n", rows.len() - ROWS_SHOWN_MAX));
    }
    for mistake in answer["mistakes"].as_array().into_iter().flatten() {
        let line = format!("line {}: {}", mistake["line"], cell(mistake.get("message")));
        text.push_str(&(printable(&line) + "\n"));
    }
    text + &format!("{} licenses, {} of them told of in the chain\n", answer["licenses"], answer["told"])
}
