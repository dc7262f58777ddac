//! `lictor license issue --file`: many licenses, each once, however often it is interrupted and started again.

use std::path::Path;

use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use super::api::with_query;
use super::output::printable;
use super::progress::Progress;
use super::{Api, Failure, Output, Table};
use crate::config::read_text;

/// Longest file, in bytes.
const FILE_BYTES_MAX: usize = 64 << 20;
/// Most licenses of a file.
const ROWS_MAX: usize = 100_000;
/// Licenses of one request: signed well within the time of one.
const ROWS_PER_REQUEST: usize = 100;
/// Lines that the table shows; all of them are in --json.
const ROWS_SHOWN_MAX: usize = 50;
/// What a row may say.
const COLUMNS: [&str; 7] = ["product", "spec", "quantity", "customer", "label", "term", "starts_at"];

/// A row with the line on which it begins.
struct Row {
    line: u64,
    item: Map<String, Value>,
}

/// What is done with a file.
pub struct IssueFile<'a> {
    /// Which.
    pub path: &'a Path,
    /// Names the run; by default the file's content does.
    pub batch: Option<&'a str>,
    /// Issue what is right although other rows are not.
    pub partial: bool,
    /// Show license keys and claim codes.
    pub reveal: bool,
}

impl IssueFile<'_> {
    /// Does it: without `partial` every row is judged before the first license is issued.
    pub fn run(&self, api: &Api, output: Output) -> Result<(), Failure> {
        let text = read_text(self.path, FILE_BYTES_MAX)?;
        let rows = rows(text.trim_start_matches('\u{feff}'))?;
        if rows.is_empty() {
            return Err(Failure::Usage("the file has no rows".into()));
        }
        if rows.len() > ROWS_MAX {
            return Err(Failure::Usage(format!("the file has more than {ROWS_MAX} rows: split it")));
        }
        if !self.partial {
            self.judge(api, &rows, output)?;
        }
        let run = self.identity(&text);
        let mut progress = Progress::of("issued", "licenses", 1, output.json);
        let (mut lines, mut done) = (Vec::new(), 0_u64);
        for (part, chunk) in rows.chunks(ROWS_PER_REQUEST).enumerate() {
            let answer = self
                .ask(api, chunk, false, Some(&format!("{run}-{part}")))
                .map_err(|failure| interrupted(failure, done, rows.len()))?;
            lines.extend(told(chunk, &answer));
            done += u64::try_from(chunk.len()).unwrap_or(0);
            progress.at(done);
        }
        drop(progress);
        let refused = lines.iter().filter(|line| line["license_id"].is_null()).count();
        let answer = json!({ "issued": lines.len() - refused, "refused": refused, "lines": lines });
        output.answer(&answer, outcome);
        if refused == 0 { Ok(()) } else { Err(Failure::Refused(format!("{refused} rows were refused"))) }
    }

    fn judge(&self, api: &Api, rows: &[Row], output: Output) -> Result<(), Failure> {
        let mut progress = Progress::of("judged", "rows", 1, output.json);
        let (mut mistakes, mut done) = (Vec::new(), 0_u64);
        for chunk in rows.chunks(ROWS_PER_REQUEST) {
            let answer = self.ask(api, chunk, true, None)?;
            mistakes.extend(told(chunk, &answer).into_iter().filter(|line| !line["reason"].is_null()));
            done += u64::try_from(chunk.len()).unwrap_or(0);
            progress.at(done);
        }
        drop(progress);
        if mistakes.is_empty() {
            return Ok(());
        }
        let mut reason = format!("{} rows are wrong, and nothing was issued", mistakes.len());
        for line in mistakes.iter().take(ROWS_SHOWN_MAX) {
            let text = |member: &str| printable(line[member].as_str().unwrap_or_default());
            reason.push_str(&format!("\n  line {}: {} {}", line["line"], text("pointer"), text("reason")));
        }
        reason.push_str("\nnext: correct them, or issue the rest with --partial");
        Err(Failure::Refused(reason))
    }

    /// The same file is the same run: started again, it goes on where it was interrupted.
    fn identity(&self, text: &str) -> String {
        let name = self.batch.unwrap_or(text);
        let digest = Sha256::digest(name.as_bytes());
        let hex: String = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        format!("issue-{hex}")
    }

    fn ask(&self, api: &Api, rows: &[Row], check: bool, key: Option<&str>) -> Result<Value, Failure> {
        let items: Vec<&Map<String, Value>> = rows.iter().map(|row| &row.item).collect();
        let body = json!({ "items": items, "partial": self.partial || check, "check": check });
        let reveal = (self.reveal && !check).then(|| "true".to_owned());
        api.post_as(&with_query("/v1/merchant/licenses/bulk", &[("reveal", reveal)]), &body, key)
    }
}

/// The answer's lines under the numbers of the file's.
fn told(rows: &[Row], answer: &Value) -> Vec<Value> {
    let lines = answer["lines"].as_array().cloned().unwrap_or_default();
    let numbered = |(row, mut line): (&Row, Value)| {
        line["line"] = json!(row.line);
        line
    };
    rows.iter().zip(lines).map(numbered).collect()
}

fn interrupted(failure: Failure, done: u64, all: usize) -> Failure {
    let next = format!(
        "{done} of {all} rows were answered before\nnext: run the same command again; what was issued is not issued twice"
    );
    match failure {
        Failure::Lost(reason) => {
            // The key that the request carried is made of the file: the next run sends it by itself.
            let reason = reason.split("\nnext: ").next().unwrap_or_default().to_owned();
            Failure::Lost(format!("{reason}\n{next}"))
        }
        Failure::Unreachable(reason) => Failure::Unreachable(format!("{reason}\n{next}")),
        other => other,
    }
}

fn outcome(answer: &Value) -> String {
    let columns = [
        ("LINE", "line"),
        ("LICENSE", "license_id"),
        ("CLAIM CODE", "claim_code"),
        ("REASON", "reason"),
        ("AT", "pointer"),
    ];
    let lines = answer["lines"].as_array().cloned().unwrap_or_default();
    let shown = Value::Array(lines.iter().take(ROWS_SHOWN_MAX).cloned().collect());
    let mut text = Table::of_items(&shown, &columns).render();
    if lines.len() > ROWS_SHOWN_MAX {
        text.push_str(&format!("and {} more: --json shows all\n", lines.len() - ROWS_SHOWN_MAX));
    }
    text + &format!("{} issued, {} refused\n", answer["issued"], answer["refused"])
}

/// JSON lines where the first letter is a brace, otherwise CSV with a head.
fn rows(text: &str) -> Result<Vec<Row>, Failure> {
    if text.trim_start().starts_with('{') { json_rows(text) } else { csv_rows(text) }
}

fn wrong(line: u64, why: impl std::fmt::Display) -> Failure {
    Failure::Usage(format!("line {line}: {}", printable(&why.to_string())))
}

fn json_rows(text: &str) -> Result<Vec<Row>, Failure> {
    let lines = (1_u64..).zip(text.lines()).filter(|(_, text)| !text.trim().is_empty());
    let row = |(line, text): (u64, &str)| {
        let item =
            serde_json::from_str(text).map_err(|error| wrong(line, format!("no JSON object: {error}")))?;
        Ok(Row { line, item })
    };
    lines.map(row).collect()
}

fn csv_rows(text: &str) -> Result<Vec<Row>, Failure> {
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(text.as_bytes());
    let head = reader.headers().map_err(|error| wrong(1, error))?.clone();
    if let Some(name) = head.iter().find(|name| !COLUMNS.contains(name)) {
        return Err(wrong(1, format!("there is no column `{name}`; known are {}", COLUMNS.join(", "))));
    }
    let mut rows = Vec::new();
    for record in reader.records() {
        let record =
            record.map_err(|error| wrong(error.position().map_or(0, csv::Position::line), &error))?;
        let line = record.position().map_or(0, csv::Position::line);
        let mut item = Map::new();
        for (name, cell) in head.iter().zip(record.iter()).filter(|(_, cell)| !cell.is_empty()) {
            let value = match (name, cell.parse::<u32>()) {
                ("quantity", Ok(quantity)) => json!(quantity),
                _ => json!(cell),
            };
            if item.insert(name.to_owned(), value).is_some() {
                return Err(wrong(1, format!("the column `{name}` stands twice")));
            }
        }
        rows.push(Row { line, item });
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_as_it_is_written_and_a_wrong_head_is_told() {
        let csv = "product,spec,quantity,label\nacme-cad,cad-year,2,\"Lab, 4\"\nacme-cad,cad-year,,\n";
        let jsonl = "{\"product\":\"acme-cad\",\"spec\":\"cad-year\",\"quantity\":2,\"label\":\"Lab, 4\"}\n\n{\"product\":\"acme-cad\",\"spec\":\"cad-year\"}\n";
        let items = |text: &str| -> Vec<Map<String, Value>> {
            rows(text).expect("it is right").into_iter().map(|row| row.item).collect()
        };
        assert_eq!(items(csv), items(jsonl));
        let lines: Vec<u64> = rows(jsonl).expect("it is right").iter().map(|row| row.line).collect();
        assert_eq!(lines, [1, 3]);
        let Err(Failure::Usage(why)) = rows("product,colour\na,b\n") else { panic!("no such column") };
        assert!(why.starts_with("line 1: there is no column `colour`"), "{why}");
    }
}
