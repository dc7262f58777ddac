//! `lictor license import`: instances sold before, from CSV or JSON lines.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::Args;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::cell_guard::{guarded, unguarded};
use super::export::{Format, format_of};
use super::output::printable;
use super::progress::Progress;
use super::table::cell;
use super::{Api, Common, Failure, Table};
use crate::config::read_text;

/// Longest file, in bytes.
const FILE_BYTES_MAX: usize = 64 << 20;
/// Most rows of a file.
const ROWS_MAX: usize = 100_000;
/// Rows of one request: signed well within the time of one.
const ROWS_PER_REQUEST: usize = 200;
/// Rows that the table shows; all of them are in --json and --report.
const ROWS_SHOWN_MAX: usize = 50;
/// What a row may say.
pub(super) const COLUMNS: [&str; 15] = [
    "channel",
    "instance_id",
    "order_id",
    "order_line_id",
    "product_id",
    "sku",
    "spec",
    "term",
    "charging",
    "starts_at",
    "ends_at",
    "quantity",
    "customer",
    "state",
    "label",
];

/// Which file, and how.
#[derive(Debug, Args)]
pub struct Import {
    /// The file: columns channel, instance_id, order_id, order_line_id, product_id, sku, spec, term, charging, starts_at,
    /// ends_at, quantity, customer, state (active, suspended or expired), label. As `license export`
    /// writes it.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// How it is written; by default as its name ends.
    #[arg(long, value_enum, value_name = "FORMAT")]
    format: Option<Format>,
    /// Only say what would be done.
    #[arg(long)]
    dry_run: bool,
    /// Import what is right although other rows are not.
    #[arg(long)]
    partial: bool,
    /// Write what became of each row to this CSV file.
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
}

/// Something that is wrong with a row.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Mistake {
    line: u64,
    member: String,
    message: String,
}

fn mistake(line: u64, member: &str, message: impl Into<String>) -> Mistake {
    Mistake { line, member: member.to_owned(), message: message.into() }
}

impl Import {
    /// Does it: every row is judged before the first is imported.
    pub fn run(self, common: &Common) -> Result<(), Failure> {
        let format = self.format.or_else(|| format_of(&self.file)).ok_or_else(|| {
            Failure::Usage(
                "the name ends neither in .csv nor in .json or .jsonl: say --format csv, json or jsonl"
                    .into(),
            )
        })?;
        let text = read_text(&self.file, FILE_BYTES_MAX)?;
        let (rows, mut mistakes) = match format {
            Format::Csv => csv_rows(text.trim_start_matches('\u{feff}'))?,
            Format::Json | Format::Jsonl => json_rows(text.trim_start_matches('\u{feff}')),
        };
        if rows.len() + mistakes.len() > ROWS_MAX {
            return Err(Failure::Usage(format!("the file has more than {ROWS_MAX} rows: split it")));
        }
        mistakes.extend(twins(&rows));
        let (api, output) = (common.api()?, common.output());
        let judged = ask(&api, &rows, true, output.json, "judged")?;
        mistakes.extend(judged.iter().flat_map(mistakes_of));
        mistakes.sort_by(|one, other| (one.line, &one.member).cmp(&(other.line, &other.member)));
        if !mistakes.is_empty() && !self.partial {
            self.write_report(&judged, &mistakes)?;
            return Err(refused(&mistakes));
        }
        let done = if self.dry_run {
            judged
        } else {
            let wrong =
                |row: &&Map<String, Value>| mistakes.iter().any(|it| Some(it.line) == row["line"].as_u64());
            let right: Vec<_> = rows.iter().filter(|row| !wrong(row)).cloned().collect();
            let done = ask(&api, &right, false, output.json, "imported")?;
            // Something may have come between.
            mistakes.extend(done.iter().flat_map(mistakes_of));
            done
        };
        self.write_report(&done, &mistakes)?;
        output.answer(&summary(&done, &mistakes, self.dry_run), outcome);
        if mistakes.is_empty() { Ok(()) } else { Err(refused(&mistakes)) }
    }

    fn write_report(&self, rows: &[Value], mistakes: &[Mistake]) -> Result<(), Failure> {
        let Some(path) = &self.report else { return Ok(()) };
        let broken = |error: &dyn std::fmt::Display| {
            Failure::Refused(format!("{} cannot be written: {error}", path.display()))
        };
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer
            .write_record(["line", "outcome", "license_id", "member", "message"])
            .map_err(|error| broken(&error))?;
        for row in rows.iter().filter(|row| row["outcome"] != "refused") {
            let text = |name: &str| harmless(&row[name]);
            let record = [text("line"), text("outcome"), text("license_id"), String::new(), String::new()];
            writer.write_record(record).map_err(|error| broken(&error))?;
        }
        for it in mistakes {
            let (member, message) = (harmless(&json!(it.member)), harmless(&json!(it.message)));
            let record = [it.line.to_string(), "refused".into(), String::new(), member, message];
            writer.write_record(record).map_err(|error| broken(&error))?;
        }
        let bytes = writer.into_inner().map_err(|error| broken(&error))?;
        std::fs::write(path, bytes).map_err(|error| broken(&error))
    }
}

/// A cell that no spreadsheet takes for a formula, and no terminal for a command.
fn harmless(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => guarded(&printable(text)),
        other => other.to_string(),
    }
}

/// JSON in which what could steer a terminal is escaped: it says exactly the same.
pub(super) fn printable_json(value: &Value) -> String {
    let text = value.to_string();
    if printable(&text) == text {
        return text;
    }
    let mut out = String::with_capacity(text.len() + 16);
    for letter in text.chars() {
        if printable(letter.encode_utf8(&mut [0; 4])) == letter.to_string() {
            out.push(letter);
        } else {
            // Letters that steer are below U+10000: one escape each.
            out.push_str(&format!("\\u{:04x}", u32::from(letter)));
        }
    }
    out
}

/// Counts the lines of a text. The reader's own count stands still between the two letters of a line end, and before
/// empty lines.
struct Lines<'a> {
    text: &'a str,
    counted: usize,
    line: u64,
}

impl Lines<'_> {
    /// The line on which the row begins whose first byte, line ends before it included, is this one; in ascending order.
    fn of(&mut self, byte: u64) -> u64 {
        let bytes = self.text.as_bytes();
        let start = usize::try_from(byte).unwrap_or(bytes.len()).clamp(self.counted, bytes.len());
        let ends = bytes[start..].iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
        let passed = bytes[self.counted..start + ends].iter().filter(|byte| **byte == b'\n').count();
        self.counted = start + ends;
        self.line += u64::try_from(passed).unwrap_or(0);
        self.line
    }
}

type Rows = (Vec<Map<String, Value>>, Vec<Mistake>);

fn csv_rows(text: &str) -> Result<Rows, Failure> {
    let mut reader =
        csv::ReaderBuilder::new().flexible(true).trim(csv::Trim::Headers).from_reader(text.as_bytes());
    let head = reader.headers().map_err(|error| Failure::Usage(format!("line 1: {error}")))?.clone();
    for (place, name) in head.iter().enumerate() {
        if !COLUMNS.contains(&name) {
            let why =
                format!("line 1: there is no column `{}`; known are {}", printable(name), COLUMNS.join(", "));
            return Err(Failure::Usage(why));
        }
        if head.iter().take(place).any(|earlier| earlier == name) {
            return Err(Failure::Usage(format!("line 1: the column `{name}` stands twice")));
        }
    }
    let (mut rows, mut mistakes, mut last_line) = (Vec::new(), Vec::new(), 1);
    let mut lines = Lines { text, counted: 0, line: 1 };
    for record in reader.records() {
        let record = match record {
            Ok(record) => record,
            Err(error) => {
                mistakes.push(mistake(last_line + 1, "", error.to_string()));
                break;
            }
        };
        let line = record.position().map_or(last_line + 1, |position| lines.of(position.byte()));
        last_line = line;
        if record.len() != head.len() {
            let why = format!(
                "the row has {} cells, the head {}: put a text with commas into quotes",
                record.len(),
                head.len()
            );
            mistakes.push(mistake(line, "", why));
            continue;
        }
        // A label is taken exactly as it is; ids and times have no blanks around them.
        let cell = |name: &str, cell: &'_ str| {
            unguarded(if name == "label" { cell } else { cell.trim() }).to_owned()
        };
        let cells = head.iter().zip(record.iter()).map(|(name, text)| (name, cell(name, text)));
        let cells = cells.filter(|(_, cell)| !cell.is_empty());
        let mut row = Map::from_iter([("line".to_owned(), json!(line))]);
        for (name, cell) in cells {
            match (name, cell.parse::<u32>()) {
                ("quantity", Ok(quantity)) => drop(row.insert(name.into(), json!(quantity))),
                ("quantity", Err(_)) => mistakes.push(mistake(line, name, "a quantity is a whole number")),
                _ => drop(row.insert(name.into(), json!(cell))),
            }
        }
        rows.push(row);
    }
    Ok((rows, mistakes))
}

/// An array of objects, or one object per line.
fn json_rows(text: &str) -> Rows {
    let lines = match serde_json::from_str::<Vec<&RawValue>>(text) {
        Ok(items) => items.into_iter().map(|item| (line_of(text, item.get()), item.get())).collect(),
        Err(_) => (1_u64..).zip(text.lines()).filter(|(_, text)| !text.trim().is_empty()).collect(),
    };
    rows_of_lines(lines)
}

/// On which line a part of a text begins.
fn line_of(text: &str, part: &str) -> u64 {
    let before = part.as_ptr().addr().saturating_sub(text.as_ptr().addr());
    let ends = text.bytes().take(before).filter(|byte| *byte == b'\n').count();
    u64::try_from(ends).unwrap_or(u64::MAX - 1) + 1
}

fn rows_of_lines(lines: Vec<(u64, &str)>) -> Rows {
    let (mut rows, mut mistakes) = (Vec::new(), Vec::new());
    for (line, text) in lines {
        let mut row = match serde_json::from_str::<Map<String, Value>>(text) {
            Ok(row) => row,
            Err(error) => {
                mistakes.push(mistake(line, "", format!("the line is no JSON object: {error}")));
                continue;
            }
        };
        let before = mistakes.len();
        for (name, value) in &row {
            let fits = match (name.as_str(), value) {
                (_, Value::Null) => true,
                ("quantity", value) => value.as_u64().is_some_and(|count| u32::try_from(count).is_ok()),
                (_, value) => value.is_string(),
            };
            if !COLUMNS.contains(&name.as_str()) {
                let why = format!("there is no such member; known are {}", COLUMNS.join(", "));
                mistakes.push(mistake(line, name, why));
            } else if !fits {
                let rule = if name == "quantity" { "a quantity is a whole number" } else { "it is a text" };
                mistakes.push(mistake(line, name, rule));
            }
        }
        if mistakes.len() == before {
            row.insert("line".into(), json!(line));
            rows.push(row);
        }
    }
    (rows, mistakes)
}

/// Rows of different requests that name the same instance; within one request the server tells.
fn twins(rows: &[Map<String, Value>]) -> Vec<Mistake> {
    let (mut first_at, mut found) = (BTreeMap::new(), Vec::new());
    for (place, row) in rows.iter().enumerate() {
        let (Some(line), Some(instance)) =
            (row["line"].as_u64(), row.get("instance_id").and_then(Value::as_str))
        else {
            continue;
        };
        let (first_place, first_line) = *first_at.entry(instance.to_owned()).or_insert((place, line));
        if first_place / ROWS_PER_REQUEST != place / ROWS_PER_REQUEST {
            found.push(mistake(
                line,
                "instance_id",
                format!("line {first_line} names the same: leave one of them out"),
            ));
        }
    }
    found
}

/// Sends rows, some at a time; every row is answered, whatever is wrong with others.
fn ask(
    api: &Api,
    rows: &[Map<String, Value>],
    dry_run: bool,
    json: bool,
    what: &'static str,
) -> Result<Vec<Value>, Failure> {
    let mut progress = Progress::toward(what, "rows", rows.len(), json);
    let mut answered = Vec::with_capacity(rows.len());
    for batch in rows.chunks(ROWS_PER_REQUEST) {
        let body = json!({ "rows": batch, "dry_run": dry_run, "partial": true });
        let mut answer = api.post("/v1/merchant/licenses/import", &body)?;
        if let Some(Value::Array(rows)) = answer.get_mut("rows").map(Value::take) {
            answered.extend(rows);
        }
        progress.at(u64::try_from(answered.len()).unwrap_or(u64::MAX));
    }
    Ok(answered)
}

fn mistakes_of(row: &Value) -> Vec<Mistake> {
    let line = row["line"].as_u64().unwrap_or(0);
    let read =
        |it: &Value| mistake(line, it["member"].as_str().unwrap_or(""), it["message"].as_str().unwrap_or(""));
    row["mistakes"].as_array().into_iter().flatten().map(read).collect()
}

fn refused(mistakes: &[Mistake]) -> Failure {
    let lines = mistakes.iter().map(|it| {
        let member =
            if it.member.is_empty() { String::new() } else { format!("{}: ", printable(&it.member)) };
        format!("\n  line {}: {member}{}", it.line, printable(&it.message))
    });
    Failure::Refused(format!(
        "{} mistake(s) in the file:{}\nnext: correct these lines and run the command again; what is imported already stays as it is",
        mistakes.len(),
        lines.collect::<String>()
    ))
}

fn summary(rows: &[Value], mistakes: &[Mistake], dry_run: bool) -> Value {
    let count = |outcome: &str| rows.iter().filter(|row| row["outcome"] == outcome).count();
    let mut wrong: Vec<u64> = mistakes.iter().map(|it| it.line).collect();
    wrong.dedup();
    json!({
        "dry_run": dry_run,
        "imported": count("imported"),
        "unchanged": count("unchanged"),
        "refused": wrong.len(),
        "rows": rows,
    })
}

fn outcome(answer: &Value) -> String {
    let mut table = Table::new(&["LINE", "OUTCOME", "LICENSE"]);
    let rows: Vec<_> = answer["rows"].as_array().into_iter().flatten().collect();
    for row in rows.iter().take(ROWS_SHOWN_MAX) {
        table.row(vec![cell(row.get("line")), cell(row.get("outcome")), cell(row.get("license_id"))]);
    }
    let mut text = table.render();
    if rows.len() > ROWS_SHOWN_MAX {
        text.push_str(&format!("… and {} more: see --json or --report FILE\n", rows.len() - ROWS_SHOWN_MAX));
    }
    let count = |name: &str| cell(answer.get(name));
    let note = if answer["dry_run"] == true { " (dry run: nothing was done)" } else { "" };
    let sum = ["imported", "unchanged", "refused"].map(|name| format!("{} {name}", count(name))).join(", ");
    format!("{text}{sum}{note}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn csv_is_read_with_its_lines_also_behind_line_ends_in_cells() {
        let text = "channel,instance_id,label,quantity\r\ncad,i-1,\"a, \"\"b\"\"\nsecond\",2\r\ncad,i-2,,\r\n\r\ncad,i-3,,\r\n";
        let (rows, mistakes) = csv_rows(text).expect("a head");
        assert_eq!(mistakes, []);
        assert_eq!(
            Value::Object(rows[0].clone()),
            json!({
            "line": 2, "channel": "cad", "instance_id": "i-1", "label": "a, \"b\"\nsecond", "quantity": 2 })
        );
        assert_eq!(
            Value::Object(rows[1].clone()),
            json!({ "line": 4, "channel": "cad", "instance_id": "i-2" })
        );
    }

    #[test]
    fn lines_are_counted_alike_whatever_ends_them() {
        for end in ["\n", "\r\n"] {
            let text = ["channel,label", "cad,a", "", "cad,\"b", "c\"", "cad,d"].join(end);
            let (rows, _) = csv_rows(&text).expect("a head");
            let lines: Vec<_> = rows.iter().map(|row| row["line"].as_u64()).collect();
            assert_eq!(lines, [Some(2), Some(4), Some(6)], "{end:?}");
        }
    }

    #[test]
    fn every_row_that_cannot_be_read_is_told_with_its_line() {
        let (rows, mistakes) = csv_rows("channel,quantity\ncad,1,3\ncad,many\n").expect("a head");
        let told: Vec<_> = mistakes.iter().map(|it| (it.line, it.member.as_str())).collect();
        assert_eq!((told, rows.len()), (vec![(2, ""), (3, "quantity")], 1));
        let (rows, mistakes) =
            json_rows("{\"channel\":\"cad\"}\n\n[]\n{\"channel\":7,\"x\":\"\",\"quantity\":1.5}\n");
        let told: Vec<_> = mistakes.iter().map(|it| (it.line, it.member.as_str())).collect();
        assert_eq!(told, [(3, ""), (4, "channel"), (4, "quantity"), (4, "x")]);
        assert_eq!(rows.len(), 1);
        for head in ["channel,nmae\n", "channel,channel\n"] {
            assert!(matches!(csv_rows(head), Err(Failure::Usage(_))), "{head}");
        }
    }

    #[test]
    fn an_array_of_rows_is_read_like_lines_of_them() {
        let lines = "{\"channel\":\"cad\"}\n{\"channel\":7}\n";
        let array = "[\n{\"channel\":\"cad\"},\n\n{\"channel\":7}]\n";
        let told = |text| {
            let (rows, mistakes) = json_rows(text);
            (rows[0]["line"].as_u64(), mistakes[0].line)
        };
        assert_eq!((told(lines), told(array)), ((Some(1), 2), (Some(2), 4)));
        assert_eq!(json_rows("[]").0.len(), 0);
    }

    #[test]
    fn what_steers_a_terminal_is_escaped_and_says_the_same() {
        for text in ["\u{202e}abc", "a\u{85}b", "\u{1b}[31m", "plain \u{1f600}"] {
            let shown = printable_json(&json!(text));
            assert_eq!(printable(&shown), shown);
            assert_eq!(serde_json::from_str::<Value>(&shown).expect("JSON"), json!(text));
        }
    }

    #[test]
    fn no_cell_of_a_report_is_a_formula() {
        for text in ["=1+1", "+1", "-1", "@x"] {
            assert!(harmless(&json!(text)).starts_with('\''), "{text}");
        }
        assert_eq!(harmless(&json!("\t=1")), "\u{fffd}=1");
        assert_eq!(harmless(&json!("lic_1")), "lic_1");
    }
}
