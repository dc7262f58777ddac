//! `lictor license …`

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};

use super::api::{escaped, with_query};
use super::consequences;
use super::export::Export;
use super::import::Import;
use super::issue_file::IssueFile;
use super::license_filter::LicenseFilter;
use super::local_time::LocalTime;
use super::output::printable;
use super::table::cell;
use super::{Api, Common, Failure, Output, Table};

/// Work on licenses over the merchant API.
#[derive(Debug, Subcommand)]
pub enum License {
    /// List licenses, newest first.
    List(Box<List>),
    /// Show one license.
    Show {
        /// The license.
        #[arg(value_name = "LICENSE")]
        id: String,
        /// Show the license key and the claim code too (scope `keys`).
        #[arg(long)]
        reveal: bool,
    },
    /// Explain why a license is, or was, valid or not, with every event that led there.
    Explain {
        /// The license.
        #[arg(value_name = "LICENSE")]
        id: String,
        /// The instant (RFC 3339); default: now.
        #[arg(long, value_name = "INSTANT")]
        at: Option<String>,
    },
    /// Issue a license by hand.
    Issue(Box<Issue>),
    /// Redeem a claim code, or a marketplace's authorization code, for the license key. Needs no API token.
    Redeem {
        /// The code.
        #[arg(value_name = "CODE")]
        code: String,
        /// Only if it is for this product.
        #[arg(long, value_name = "PRODUCT")]
        product: Option<String>,
        /// How long to wait while the marketplace is asked, in seconds.
        #[arg(long, default_value_t = 30, value_name = "SECS", value_parser = clap::value_parser!(u32).range(0..=600))]
        wait_secs: u32,
    },
    /// Import instances that were sold before, so that the marketplace's calls find them.
    Import(Import),
    /// Write licenses to a file: CSV or JSON, as the import takes them.
    Export(Box<Export>),
    /// Stop a license; it can be resumed.
    Suspend(Act),
    /// Lift the merchant's own suspension.
    Resume {
        #[command(flatten)]
        act: Act,
        /// Lift the marketplace's suspension too.
        #[arg(long = "override", requires = "reason")]
        lift_all: bool,
    },
    /// End a license for good. On a terminal its consequences are shown first, and asked about.
    Revoke {
        #[command(flatten)]
        act: Act,
        /// Do not ask.
        #[arg(long)]
        yes: bool,
    },
    /// Move the end to a later one; a renewal at the marketplace sets its own end.
    Extend {
        #[command(flatten)]
        act: Act,
        /// So long beyond the present end, such as P7D.
        #[arg(long, value_name = "TERM", required_unless_present = "ends_at", conflicts_with = "ends_at")]
        by: Option<String>,
        /// To here (RFC 3339).
        #[arg(long, value_name = "INSTANT")]
        ends_at: Option<String>,
    },
    /// Make it a license of another spec of its product, or of more or less of the same; end and term stay.
    Change {
        #[command(flatten)]
        act: Act,
        /// The spec.
        #[arg(long, value_name = "SPEC")]
        spec: String,
        /// How much of it; default: 1.
        #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..))]
        quantity: Option<u32>,
    },
    /// Record that the buyer has accepted: a license that waits for that begins.
    Accept {
        #[command(flatten)]
        act: Act,
        /// When the buyer accepted (RFC 3339); default: now.
        #[arg(long, value_name = "INSTANT")]
        starts_at: Option<String>,
        /// Show the license key and the claim code (scope `keys`).
        #[arg(long)]
        reveal: bool,
    },
    /// Say where the buyer of an instance finds it, or show what was said.
    AppInfo {
        /// The license.
        #[arg(value_name = "LICENSE")]
        id: String,
        /// Where the buyer uses the product.
        #[arg(long, value_name = "URL")]
        front_end_url: Option<String>,
        /// A text for the buyer; `{claim_code}` and `{portal_url}` are filled in. Default: the product's.
        #[arg(long, value_name = "TEXT", requires = "front_end_url")]
        memo: Option<String>,
    },
    /// Replace a license's key; the old one ends.
    Reissue {
        #[command(flatten)]
        act: Act,
        /// Which activations live on: `all`, `none`, or activation ids separated by commas.
        #[arg(long, value_name = "WHICH")]
        keep: Option<String>,
        /// Show the new license key and claim code (scope `keys`).
        #[arg(long)]
        reveal: bool,
    },
}

/// Which licenses are listed.
#[derive(Debug, Args)]
pub struct List {
    #[command(flatten)]
    filter: LicenseFilter,
    /// At most so many, up to 200.
    #[arg(long, default_value_t = 50, value_name = "COUNT", value_parser = clap::value_parser!(u16).range(1..=200))]
    limit: u16,
    /// Where the page before ended.
    #[arg(long, value_name = "CURSOR")]
    cursor: Option<String>,
}

/// What is issued.
#[derive(Debug, Args)]
pub struct Issue {
    /// The product.
    #[arg(long, value_name = "PRODUCT", required_unless_present = "file")]
    product: Option<String>,
    /// The spec.
    #[arg(long, value_name = "SPEC", required_unless_present = "file")]
    spec: Option<String>,
    /// Issue one license per row of this CSV or JSON-lines file: product, spec, quantity, customer, label, term,
    /// starts_at. The same file again goes on where it was interrupted, and issues nothing twice within 31 days.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["product", "spec", "quantity", "customer", "label", "term", "starts_at", "idempotency_key"])]
    file: Option<PathBuf>,
    /// Names the run in place of the file's content: another file under this name is refused.
    #[arg(long, value_name = "NAME", requires = "file")]
    batch: Option<String>,
    /// Issue what is right although other rows are not.
    #[arg(long, requires = "file")]
    partial: bool,
    /// How many; multiplies what the spec says.
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..))]
    quantity: Option<u32>,
    /// Who gets it: an opaque id, no personal data.
    #[arg(long, value_name = "CUSTOMER")]
    customer: Option<String>,
    /// A note that only the merchant sees.
    #[arg(long, value_name = "TEXT")]
    label: Option<String>,
    /// P1M, P1Y, PnM, PnY, PnD or permanent; default: the spec's.
    #[arg(long, value_name = "TERM")]
    term: Option<String>,
    /// When it starts (RFC 3339); default: now.
    #[arg(long, value_name = "INSTANT")]
    starts_at: Option<String>,
    /// Show the license key and the claim code (scope `keys`).
    #[arg(long)]
    reveal: bool,
    /// The same key again issues nothing new.
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
}

/// An act on one license.
#[derive(Debug, Args)]
pub struct Act {
    /// The license.
    #[arg(value_name = "LICENSE")]
    id: String,
    /// Why; kept in the license's history.
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// The same key again does nothing new.
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
    /// Only show what it would bring about: which machines, when each knows, what nothing brings back.
    #[arg(long)]
    preview: bool,
    /// Only if the license is still as it was read: its ETag.
    #[arg(long, value_name = "ETAG")]
    if_match: Option<String>,
}

impl License {
    /// Does it.
    pub fn run(self, common: &Common) -> Result<(), Failure> {
        let this = match self {
            Self::Import(import) => return import.run(common),
            Self::Export(export) => return export.run(common),
            other => other,
        };
        let api = common.api()?;
        let output = common.output();
        match this {
            Self::Import(_) | Self::Export(_) => {}
            Self::List(list) => {
                let (answer, time) = (list.ask(&api)?, local_time(&api, output));
                output.answer(&answer, |answer| listing(answer, &time));
            }
            Self::Show { id, reveal } => {
                let path = revealing(&format!("/v1/merchant/licenses/{}", escaped(&id)), reveal);
                let (license, time) = (api.get(&path)?, local_time(&api, output));
                output.answer(&license, |license| shown(license, &time));
            }
            Self::Explain { id, at } => {
                let path = format!("/v1/merchant/licenses/{}/explanation", escaped(&id));
                output.answer(&api.get(&with_query(&path, &[("at", at)]))?, explained);
            }
            Self::Issue(issue) => match &issue.file {
                Some(path) => {
                    let (batch, partial, reveal) = (issue.batch.as_deref(), issue.partial, issue.reveal);
                    IssueFile { path, batch, partial, reveal }.run(&api, output)?;
                }
                None => output.answer(&issue.ask(&api)?, details),
            },
            Self::Redeem { code, product, wait_secs } => {
                output.answer(&redeemed(&api, &code, product.as_deref(), wait_secs)?, details);
            }
            Self::Suspend(act) => act.run(&api, output, "suspend", &[], false)?,
            Self::Resume { act, lift_all } => {
                let lift_all = lift_all.then_some(Value::Bool(true));
                act.run(&api, output, "resume", &[("override", lift_all)], false)?;
            }
            Self::Revoke { act, yes } => {
                let shown = if yes || act.preview {
                    None
                } else {
                    consequences::confirmed(&api, &act.id, "revoke", &Map::new())?
                };
                Act { if_match: shown, ..act }.run(&api, output, "revoke", &[], false)?;
            }
            Self::Extend { act, by, ends_at } => {
                let members = [("by", by.map(Value::from)), ("ends_at", ends_at.map(Value::from))];
                act.run(&api, output, "extend", &members, false)?;
            }
            Self::Change { act, spec, quantity } => {
                let members = [("spec", Some(spec.into())), ("quantity", quantity.map(Value::from))];
                act.run(&api, output, "change", &members, false)?;
            }
            Self::AppInfo { id, front_end_url, memo } => {
                let path = format!("/v1/merchant/licenses/{}/app-info", escaped(&id));
                let answer = match front_end_url {
                    Some(url) => api.put(&path, &json!({ "front_end_url": url, "memo": memo }))?,
                    None => api.get(&path)?,
                };
                output.answer(&answer, details);
            }
            Self::Accept { act, starts_at, reveal } => {
                act.run(&api, output, "accept", &[("starts_at", starts_at.map(Value::from))], reveal)?;
            }
            Self::Reissue { act, keep, reveal } => {
                act.run(&api, output, "reissue", &[("keep", keep.as_deref().map(kept))], reveal)?;
            }
        }
        Ok(())
    }
}

impl List {
    fn ask(self, api: &Api) -> Result<Value, Failure> {
        let mut query = self.filter.parameters();
        query.push(("limit", Some(self.limit.to_string())));
        query.push(("cursor", self.cursor));
        api.get(&with_query("/v1/merchant/licenses", &query))
    }
}

impl Issue {
    fn ask(self, api: &Api) -> Result<Value, Failure> {
        let mut body = Map::new();
        if let Some(quantity) = self.quantity {
            body.insert("quantity".into(), quantity.into());
        }
        let texts = [
            ("product", self.product),
            ("spec", self.spec),
            ("customer", self.customer),
            ("label", self.label),
            ("term", self.term),
            ("starts_at", self.starts_at),
        ];
        body.extend(texts.into_iter().filter_map(|(name, text)| Some((name.to_owned(), text?.into()))));
        let path = revealing("/v1/merchant/licenses", self.reveal);
        api.post_as(&path, &Value::Object(body), self.idempotency_key.as_deref())
    }
}

impl Act {
    /// `act` is the last part of the path, `more` are members beside the reason.
    fn run(
        &self,
        api: &Api,
        output: Output,
        act: &str,
        more: &[(&str, Option<Value>)],
        reveal: bool,
    ) -> Result<(), Failure> {
        let mut body = Map::new();
        if let Some(reason) = &self.reason {
            body.insert("reason".into(), reason.as_str().into());
        }
        let more = more.iter().filter_map(|(name, value)| Some(((*name).to_owned(), value.clone()?)));
        body.extend(more);
        if self.preview {
            output.answer(&consequences::ask(api, &self.id, act, &body)?, consequences::words);
            return Ok(());
        }
        let path = revealing(&format!("/v1/merchant/licenses/{}/{act}", escaped(&self.id)), reveal);
        let key = self.idempotency_key.as_deref();
        let license = api.post_if(&path, &Value::Object(body), key, self.if_match.as_deref())?;
        output.answer(&license, if reveal { details } else { outcome });
        Ok(())
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a person waits as long as the server says, between two requests"
)]
/// Asks until the marketplace has answered, or the time is up.
fn redeemed(api: &Api, code: &str, product: Option<&str>, wait_secs: u32) -> Result<Value, Failure> {
    let mut body = json!({ "claim_code": code });
    if let Some(product) = product {
        body["product"] = product.into();
    }
    let mut left_secs = u64::from(wait_secs);
    loop {
        let answer = api.post("/v1/claims", &body)?;
        let Some(pause_secs) = answer["retry_after_secs"].as_u64() else { return Ok(answer) };
        if pause_secs > left_secs {
            let reason = format!("the marketplace is still being asked\nnext: repeat in {pause_secs} s");
            return Err(Failure::Pending(reason));
        }
        std::thread::sleep(Duration::from_secs(pause_secs));
        left_secs -= pause_secs;
    }
}

fn revealing(path: &str, reveal: bool) -> String {
    with_query(path, &[("reveal", reveal.then(|| "true".to_owned()))])
}

/// `all` and `none` are words, anything else is a list of activation ids.
fn kept(keep: &str) -> Value {
    match keep {
        "all" | "none" => json!(keep),
        ids => json!(ids.split(',').map(str::trim).filter(|id| !id.is_empty()).collect::<Vec<_>>()),
    }
}

/// Only people read times that are not in UTC.
fn local_time(api: &Api, output: Output) -> LocalTime {
    if output.json { LocalTime::of("UTC") } else { LocalTime::of_merchant(api) }
}

fn listing(answer: &Value, time: &LocalTime) -> String {
    let ends = format!("ENDS ({})", time.zone());
    let columns = [
        ("LICENSE", "id"),
        ("STATE", "state"),
        ("PRODUCT", "product"),
        ("SPEC", "spec"),
        ("TERM", "term"),
        (ends.as_str(), "ends_at"),
        ("CUSTOMER", "customer"),
        ("ORDER", "order_id"),
        ("LABEL", "label"),
    ];
    let items = answer["items"].as_array().into_iter().flatten();
    let items: Vec<_> = items.map(|item| time.localized(item, &["ends_at"])).collect();
    let table = Table::of_items(&Value::Array(items), &columns);
    let cursor = answer["next_cursor"].as_str();
    let mut text = match (table.is_empty(), cursor) {
        (true, None) => "no license fits\n".to_owned(),
        // A rare match may be far behind.
        (true, Some(_)) => "none so far\n".to_owned(),
        (false, _) => table.render(),
    };
    if let Some(cursor) = cursor {
        text.push_str(&format!("more: --cursor {}\n", printable(cursor)));
    }
    if answer["index_complete"] == false {
        text.push_str(
            "note: older licenses are still being put into the search index; repeat this in some minutes\n",
        );
    }
    text
}

/// Members of a license that are instants.
const INSTANTS: [&str; 4] = ["starts_at", "ends_at", "created_at", "updated_at"];

fn shown(license: &Value, time: &LocalTime) -> String {
    let local = time.localized(license, &INSTANTS);
    let mut text = details(&local);
    let columns = [
        ("ACTIVATION", "id"),
        ("MACHINE", "name"),
        ("STATE", "state"),
        ("SINCE", "created_at"),
        ("LEASE ENDS", "lease_ends_at"),
        ("ENDED", "ended_at"),
    ];
    let machines = license["activations"].as_array().into_iter().flatten();
    let instants = ["created_at", "lease_ends_at", "ended_at"];
    let machines: Vec<_> = machines.map(|machine| time.localized(machine, &instants)).collect();
    let machines = Table::of_items(&Value::Array(machines), &columns);
    if !machines.is_empty() {
        text.push_str(&format!("\n{}", machines.render()));
    }
    if local != *license || !machines.is_empty() {
        text.push_str(&format!("\ntimes are in {}\n", time.zone()));
    }
    text
}

/// What people look for first; everything else follows by name.
const FIRST: &[&str] = &[
    "id",
    "state",
    "product",
    "spec",
    "term",
    "starts_at",
    "ends_at",
    "customer",
    "license_key",
    "claim_code",
];

fn details(license: &Value) -> String {
    let mut members: Vec<(&String, &Value)> = license.as_object().into_iter().flatten().collect();
    members.sort_by_key(|(name, _)| FIRST.iter().position(|first| first == name).unwrap_or(FIRST.len()));
    let line = |(name, value): (&String, &Value)| {
        format!("{:<15} {}\n", printable(name), printable(&cell(Some(value))))
    };
    // Tables of their own.
    members.retain(|(name, value)| {
        !["quota", "activations"].contains(&name.as_str()) || value.as_array().is_none_or(Vec::is_empty)
    });
    let mut text: String = members.into_iter().map(line).collect();
    let columns = [
        ("QUOTA", "metric"),
        ("AMOUNT", "amount"),
        ("RESET", "reset"),
        ("LEFT", "window_left"),
        ("UNTIL", "window_ends_at"),
        ("TOTAL", "total"),
        ("USED", "used"),
        ("RESERVED", "reserved"),
        ("LEFT IN ALL", "left"),
        ("EXPIRED", "expired"),
        ("REFUNDED", "refunded"),
        ("PACKAGE", "id"),
    ];
    let packages = Table::of_items(&license["quota"], &columns);
    if !packages.is_empty() {
        text.push_str(&format!("\n{}", packages.render()));
    }
    text
}

/// The verdict in one line, what it rests on, and the events in a table.
fn explained(explanation: &Value) -> String {
    let verdict = match explanation["valid"].as_bool() {
        Some(true) => "valid",
        Some(false) => "not valid",
        None => "not known",
    };
    let (id, at) = (cell(explanation.get("license_id")), cell(explanation.get("at")));
    let mut text = format!("{id} at {at}: {verdict} ({})\n", cell(explanation.get("code")));
    text.push_str(&format!("{}\n", cell(explanation.get("reason"))));
    let columns =
        [("LICENSE KEY", "id"), ("ISSUED", "issued_at"), ("STATE", "state"), ("SINCE", "superseded_at")];
    let keys = Table::of_items(&explanation["license_keys"], &columns);
    let columns = [
        ("PACKAGE", "id"),
        ("METRIC", "metric"),
        ("AMOUNT", "amount"),
        ("USED", "window_used"),
        ("BEYOND", "window_over"),
        ("WINDOW FROM", "window_starts_at"),
        ("UP TO", "window_ends_at"),
    ];
    let packages = Table::of_items(&explanation["packages"], &columns);
    let mut events = Table::new(&["EVENT", "AT", "BY", "DETAIL"]);
    for event in explanation["events"].as_array().into_iter().flatten() {
        let detail = event["detail"].as_object().into_iter().flatten();
        let detail: Vec<String> =
            detail.map(|(name, value)| format!("{name} {}", cell(Some(value)))).collect();
        let member = |name: &str| cell(event.get(name));
        events.row(vec![member("kind"), member("at"), member("actor"), detail.join(", ")]);
    }
    for table in [keys, packages, events].iter().filter(|table| !table.is_empty()) {
        text.push_str(&format!("\n{}", table.render()));
    }
    if let Some(count) = explanation["events_left_off"].as_u64().filter(|count| *count > 0) {
        text.push_str(&format!("and {count} earlier events\n"));
    }
    text
}

fn outcome(license: &Value) -> String {
    printable(&format!("{} is {}", cell(license.get("id")), cell(license.get("state"))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_a_word_or_a_list() {
        assert_eq!(kept("all"), json!("all"));
        assert_eq!(kept("none"), json!("none"));
        assert_eq!(kept("act_1, act_2"), json!(["act_1", "act_2"]));
    }

    #[test]
    fn a_list_without_licenses_says_so_and_a_further_page_says_how() {
        let time = LocalTime::of("Asia/Shanghai");
        assert_eq!(listing(&json!({ "items": [], "next_cursor": null }), &time), "no license fits\n");
        assert_eq!(
            listing(&json!({ "items": [], "next_cursor": "c" }), &time),
            "none so far\nmore: --cursor c\n"
        );
        let item = json!({ "id": "lic_1", "state": "active", "ends_at": "2026-12-31T16:00:00Z" });
        let answer = json!({ "items": [item], "next_cursor": "c1" });
        let text = listing(&answer, &time);
        assert!(text.contains("ENDS (Asia/Shanghai)") && text.contains("2027-01-01 00:00:00"), "{text}");
        assert!(text.contains("lic_1    active") && text.ends_with("more: --cursor c1\n"), "{text}");
    }
}
