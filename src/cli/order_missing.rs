//! `lictor order missing`: the seller console's order list against what is kept here.

use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};

use super::api::escaped;
use super::output::printable;
use super::progress::Progress;
use super::table::cell;
use super::{Api, Failure, Output, Table};
use crate::config::read_bytes;
use crate::domain::OrderKind;
use crate::marketplace::order_export::{ExportedOrder, OrderExport};

/// Longest file, in bytes.
const FILE_BYTES_MAX: usize = 64 << 20;
/// Orders of one request.
const ORDERS_PER_REQUEST: usize = 500;
/// Rows that the table shows; all of them are in --json.
const ROWS_SHOWN_MAX: usize = 200;

/// Which list, and what to do about what is missing.
#[derive(Debug, Args)]
pub struct Missing {
    /// The order list, as CSV in UTF-8; `-` reads the standard input. Columns are found by their names, in Chinese or English:
    /// order number (which must be there), order line, instance, SKU, type, time and status.
    #[arg(long, value_name = "FILE")]
    export: PathBuf,
    /// Ask the marketplace for each order that is missing, and mint it. May be repeated.
    #[arg(long)]
    fetch: bool,
    /// Through which channel; may be left out where only one can be asked.
    #[arg(long, value_name = "ID", requires = "fetch")]
    channel: Option<String>,
}

/// What became of one row.
struct Judged<'a> {
    row: &'a ExportedOrder,
    outcome: Outcome,
    /// What is known of it here.
    lines: Value,
    /// In words, where there is more to say.
    why: Option<String>,
}

impl Judged<'_> {
    /// What is as it should be is counted only. What came of a renewal nobody can say; it is worth a look when it is of the
    /// time that was lost.
    fn is_told(&self, lost_from: Option<&str>) -> bool {
        match self.outcome {
            Outcome::Known | Outcome::NotSold => false,
            Outcome::NoPurchase => lost_from.is_some_and(|from| {
                self.row.ordered_at.is_none_or(|at| super::backup::text(at).as_str() >= from)
            }),
            Outcome::Differs
            | Outcome::Missing
            | Outcome::Fetched
            | Outcome::Held
            | Outcome::Asking
            | Outcome::Refused => true,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Known,
    Differs,
    Missing,
    NotSold,
    NoPurchase,
    Fetched,
    Held,
    Asking,
    Refused,
}

impl Outcome {
    const ALL: [Self; 9] = [
        Self::Known,
        Self::Differs,
        Self::Missing,
        Self::NotSold,
        Self::NoPurchase,
        Self::Fetched,
        Self::Held,
        Self::Asking,
        Self::Refused,
    ];

    fn as_str(self) -> &'static str {
        match self {
            Self::Known => "known",
            Self::Differs => "differs",
            Self::Missing => "missing",
            Self::NotSold => "not_sold",
            Self::NoPurchase => "no_purchase",
            Self::Fetched => "fetched",
            Self::Held => "held",
            Self::Asking => "asking",
            Self::Refused => "refused",
        }
    }
}

impl Missing {
    /// Does it. 0: nothing is missing (any more); 1: something is, or a row cannot be read; 3: the marketplace has not answered.
    pub fn run(self, api: &Api, output: Output) -> Result<(), Failure> {
        let export = OrderExport::read(&read_bytes(&self.export, FILE_BYTES_MAX)?)
            .map_err(|error| Failure::Usage(format!("{}: {error}", self.export.display())))?;
        let (mut judged, lost_time) = compare(api, &export, output.json)?;
        if self.fetch && judged.iter().any(|it| it.outcome == Outcome::Missing) {
            let channel = match self.channel {
                Some(channel) => channel,
                None => only_channel(api)?,
            };
            fetch_all(api, &channel, &mut judged, output.json)?;
        }
        output.answer(&answer(&judged, &export.mistakes, &lost_time), words);
        verdict(&judged, &export.mistakes)
    }
}

fn compare<'a>(api: &Api, export: &'a OrderExport, json: bool) -> Result<(Vec<Judged<'a>>, Value), Failure> {
    let (mut judged, mut lost_time) = (Vec::with_capacity(export.orders.len()), Value::Null);
    let mut progress = Progress::of("compared", "orders", 1_000, json);
    for rows in export.orders.chunks(ORDERS_PER_REQUEST) {
        let orders: Vec<Value> = rows.iter().map(listed).collect();
        let mut answer = api.post("/v1/merchant/orders/compare", &json!({ "orders": orders }))?;
        lost_time = answer["lost_time"].take();
        let items = answer["items"].as_array_mut().map(std::mem::take).unwrap_or_default();
        if items.len() != rows.len() {
            return Err(Failure::Refused("the server answered for other orders than were asked for".into()));
        }
        judged.extend(rows.iter().zip(items).map(|(row, mut item)| Judged {
            row,
            outcome: outcome_of(row, item["outcome"].as_str()),
            lines: item["lines"].take(),
            why: None,
        }));
        for it in judged.iter_mut().filter(|it| it.outcome == Outcome::NoPurchase) {
            it.why =
                Some("renewals, changes and cancellations come by a call of their own: repeat it".to_owned());
        }
        progress.at(u64::try_from(judged.len()).unwrap_or(u64::MAX));
    }
    Ok((judged, lost_time))
}

fn listed(row: &ExportedOrder) -> Value {
    json!({ "order_id": row.order_id, "order_line_id": row.order_line_id, "sku": row.sku })
}

/// What is known is known, whatever the list calls it.
fn outcome_of(row: &ExportedOrder, outcome: Option<&str>) -> Outcome {
    match (outcome, row.kind) {
        (Some("known"), _) => Outcome::Known,
        (Some("differs"), _) => Outcome::Differs,
        (_, _) if row.is_unsold => Outcome::NotSold,
        (_, Some(OrderKind::New | OrderKind::Trial) | None) => Outcome::Missing,
        (
            _,
            Some(OrderKind::TrialToFormal | OrderKind::Renew | OrderKind::Change | OrderKind::Unsubscribe),
        ) => Outcome::NoPurchase,
    }
}

/// The channel that is meant when none is named: the only one whose orders can be asked for.
fn only_channel(api: &Api) -> Result<String, Failure> {
    let channels = api.get("/v1/merchant/channels")?;
    let channels: Vec<&Value> = channels["items"].as_array().into_iter().flatten().collect();
    let asked =
        |channel: &&&Value| channel["marketplace"] == "koogallery" && channel["protocol"] != "license-code";
    match channels.iter().filter(asked).collect::<Vec<_>>().as_slice() {
        [only] => Ok(cell(only.get("id"))),
        [] => Err(Failure::Usage(
            "no channel has orders that can be asked for: see `lictor channel list`".into(),
        )),
        several => {
            let ids: Vec<String> = several.iter().map(|it| cell(it.get("id"))).collect();
            Err(Failure::Usage(format!(
                "several channels can be asked: say --channel, one of {}",
                ids.join(", ")
            )))
        }
    }
}

/// One after another. What a server that goes away has done already is known the next time.
fn fetch_all(api: &Api, channel: &str, judged: &mut [Judged<'_>], json: bool) -> Result<(), Failure> {
    api.get(&format!("/v1/merchant/channels/{}", escaped(channel)))?;
    let mut progress = Progress::of("fetched", "orders", 10, json);
    for (count, it) in judged.iter_mut().filter(|it| it.outcome == Outcome::Missing).enumerate() {
        (it.outcome, it.why) = fetch(api, channel, it.row)?;
        progress.at(u64::try_from(count).unwrap_or(u64::MAX) + 1);
    }
    Ok(())
}

fn fetch(api: &Api, channel: &str, row: &ExportedOrder) -> Result<(Outcome, Option<String>), Failure> {
    let mut body = json!({ "channel": channel, "order_id": row.order_id });
    if let Some(line) = &row.order_line_id {
        body["order_line_id"] = json!(line);
    }
    if let Some(instance) = &row.instance_id {
        body["instance_id"] = json!(instance);
    }
    let answer = match api.post("/v1/merchant/orders/fetch", &body) {
        Ok(answer) => answer,
        Err(Failure::Problem(problem)) if !problem.is_unavailable() && !problem.is_about_the_caller() => {
            return Ok((Outcome::Refused, Some(problem.to_string())));
        }
        Err(failure) => return Err(failure),
    };
    if answer["outcome"] == "asking" {
        return Ok((Outcome::Asking, answer["reason"].as_str().map(str::to_owned)));
    }
    let mut states = answer["orders"].as_array().into_iter().flatten().map(|order| &order["state"]);
    let is_minted = states.all(|state| state == "minted" || state == "ended");
    Ok((if is_minted { Outcome::Fetched } else { Outcome::Held }, None))
}

fn answer(judged: &[Judged<'_>], mistakes: &[(u64, String)], lost_time: &Value) -> Value {
    let mut sums = serde_json::Map::new();
    for outcome in Outcome::ALL {
        let count = judged.iter().filter(|it| it.outcome == outcome).count();
        sums.insert(outcome.as_str().to_owned(), json!(count));
    }
    let lost_from = lost_time["from"].as_str();
    let rows = judged.iter().filter(|it| it.is_told(lost_from));
    let row = |it: &Judged<'_>| {
        json!({
            "line": it.row.line,
            "order_id": it.row.order_id,
            "order_line_id": it.row.order_line_id,
            "instance_id": it.row.instance_id,
            "sku": it.row.sku,
            "ordered_at": it.row.ordered_at.map(super::backup::text),
            "outcome": it.outcome.as_str(),
            "lines": it.lines,
            "reason": it.why,
        })
    };
    let mistake = |(line, why): &(u64, String)| json!({ "line": line, "message": why });
    json!({
        "lost_time": lost_time,
        "sums": sums,
        "orders": rows.map(row).collect::<Vec<_>>(),
        "mistakes": mistakes.iter().map(mistake).collect::<Vec<_>>(),
    })
}

fn words(answer: &Value) -> String {
    let mut table = Table::new(&["ORDER", "LINE", "SKU", "ORDERED", "OUTCOME", "WHY"]);
    let rows: Vec<&Value> = answer["orders"].as_array().into_iter().flatten().collect();
    for row in rows.iter().take(ROWS_SHOWN_MAX) {
        let text = |name: &str| cell(row.get(name));
        table.row(vec![
            text("order_id"),
            text("order_line_id"),
            text("sku"),
            text("ordered_at"),
            text("outcome"),
            text("reason"),
        ]);
    }
    let mut text = if table.is_empty() { String::new() } else { table.render() };
    if rows.len() > ROWS_SHOWN_MAX {
        text.push_str(&format!("… and {} more: see --json\n", rows.len() - ROWS_SHOWN_MAX));
    }
    for mistake in answer["mistakes"].as_array().into_iter().flatten() {
        let line = format!("line {}: {}", mistake["line"], cell(mistake.get("message")));
        text.push_str(&(printable(&line) + "\n"));
    }
    if let (Some(from), Some(to)) = (answer["lost_time"]["from"].as_str(), answer["lost_time"]["to"].as_str())
    {
        text.push_str(&format!(
            "this store was restored: what happened from {from} to {to} was lost with the old one\n"
        ));
    }
    let sums = answer["sums"].as_object().into_iter().flatten().filter(|(_, count)| **count != 0);
    let sums: Vec<String> = sums.map(|(name, count)| format!("{count} {}", name.replace('_', " "))).collect();
    text + &if sums.is_empty() { "the list has no orders".to_owned() } else { sums.join(", ") } + "\n"
}

fn verdict(judged: &[Judged<'_>], mistakes: &[(u64, String)]) -> Result<(), Failure> {
    let count = |outcome| judged.iter().filter(|it| it.outcome == outcome).count();
    let (missing, differs, refused) =
        (count(Outcome::Missing), count(Outcome::Differs), count(Outcome::Refused));
    if missing > 0 {
        return Err(Failure::Refused(format!(
            "{missing} order line(s) are not here\nnext: run it again with --fetch, which asks the marketplace for each and mints it"
        )));
    }
    if count(Outcome::Asking) > 0 {
        return Err(Failure::Pending(
            "the marketplace has not said what some of them are\nnext: run the same command again".into(),
        ));
    }
    if refused > 0 {
        return Err(Failure::Refused(format!(
            "{refused} order line(s) could not be fetched\nnext: where the channel's family carries the order in its call, or \
             the marketplace does not tell of it, write them into a file for `lictor license import`"
        )));
    }
    if differs > 0 || !mistakes.is_empty() {
        return Err(Failure::Refused(format!(
            "{differs} order line(s) differ, {} row(s) cannot be read\nnext: look at each: lictor order show ORDER",
            mistakes.len()
        )));
    }
    Ok(())
}
