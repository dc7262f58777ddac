//! `lictor license export`: licenses as a file that `lictor license import` takes.

use std::fs::File;
use std::io::{self, BufWriter, IsTerminal as _, Write};
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use serde_json::{Map, Value};

use super::api::with_query;
use super::cell_guard::guarded;
use super::import::{COLUMNS, printable_json};
use super::license_filter::LicenseFilter;
use super::output::printable;
use super::progress::Progress;
use super::{Api, Common, Failure};

/// Licenses of one request.
const ROWS_PER_REQUEST: u16 = 200;
/// Most rows of a file: they are put in order here.
const ROWS_MAX: usize = 1_000_000;

/// How a file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Comma-separated, with a head.
    Csv,
    /// A JSON array, one object per line.
    Json,
    /// One JSON object per line.
    Jsonl,
}

/// Which licenses, and how.
#[derive(Debug, Args)]
pub struct Export {
    #[command(flatten)]
    filter: LicenseFilter,
    /// How it is written; by default as the name of the file ends, else as CSV.
    #[arg(long, value_enum, value_name = "FORMAT")]
    format: Option<Format>,
    /// Write to this file instead of the standard output.
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Only what `license import` takes: bought at a marketplace, begun, neither released nor revoked.
    #[arg(long)]
    importable: bool,
    /// Write instance ids that are authorization codes too (scope `keys`); without them such rows cannot be imported.
    #[arg(long)]
    reveal: bool,
}

impl Export {
    /// Does it.
    pub fn run(self, common: &Common) -> Result<(), Failure> {
        let format = self.format.or_else(|| self.output.as_deref().and_then(format_of));
        let format = format.unwrap_or(if common.json { Format::Json } else { Format::Csv });
        let mut rows = self.rows(&common.api()?, common.json)?;
        if self.importable {
            rows.retain(is_importable);
        }
        // Not by id: another server gives other ids.
        rows.reverse();
        rows.sort_by_key(place);
        let count = rows.len();
        let broken = |error: io::Error| Failure::Refused(format!("the export cannot be written: {error}"));
        match &self.output {
            Some(path) => {
                let file = File::create(path).map_err(broken)?;
                let mut sink = BufWriter::new(file);
                write_rows(&rows, format, false, &mut sink).map_err(broken)?;
                sink.into_inner().map_err(|error| broken(error.into_error()))?.sync_all().map_err(broken)?;
                common.output().note(&format!("{count} licenses are in {}", path.display()));
            }
            None => {
                let steers = io::stdout().is_terminal();
                let mut sink = BufWriter::new(io::stdout().lock());
                match write_rows(&rows, format, steers, &mut sink).and_then(|()| sink.flush()) {
                    // A reader that has gone away (`| head`) is no failure.
                    Err(error) if error.kind() != io::ErrorKind::BrokenPipe => return Err(broken(error)),
                    Ok(()) | Err(_) => {}
                }
            }
        }
        Ok(())
    }

    fn rows(&self, api: &Api, json: bool) -> Result<Vec<Map<String, Value>>, Failure> {
        let mut progress = Progress::of("exported", "licenses", 1, json);
        let (mut rows, mut cursor) = (Vec::new(), None);
        loop {
            let mut query = self.filter.parameters();
            query.push(("limit", Some(ROWS_PER_REQUEST.to_string())));
            query.push(("reveal", self.reveal.then(|| "true".to_owned())));
            query.push(("cursor", cursor));
            let mut page = api.get(&with_query("/v1/merchant/licenses/export", &query))?;
            if let Some(Value::Array(items)) = page.get_mut("items").map(Value::take) {
                rows.extend(items.into_iter().filter_map(|item| match item {
                    Value::Object(row) => Some(row),
                    _ => None,
                }));
            }
            if rows.len() > ROWS_MAX {
                let why = format!(
                    "more than {ROWS_MAX} licenses fit: narrow them down, for instance by --ends-after"
                );
                return Err(Failure::Usage(why));
            }
            progress.at(u64::try_from(rows.len()).unwrap_or(u64::MAX));
            cursor = page["next_cursor"].as_str().map(str::to_owned);
            if cursor.is_none() {
                return Ok(rows);
            }
        }
    }
}

/// As the name of a file ends.
pub(super) fn format_of(path: &Path) -> Option<Format> {
    match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
        "csv" => Some(Format::Csv),
        "json" => Some(Format::Json),
        "jsonl" | "ndjson" => Some(Format::Jsonl),
        _ => None,
    }
}

/// Rows stand by their order, which they keep wherever they are imported.
fn place(row: &Map<String, Value>) -> [String; 4] {
    ["order_id", "order_line_id", "product_id", "instance_id"]
        .map(|name| row.get(name).and_then(Value::as_str).unwrap_or_default().to_owned())
}

fn is_importable(row: &Map<String, Value>) -> bool {
    let has = |name: &str| row.get(name).is_some_and(Value::is_string);
    let state = row.get("state").and_then(Value::as_str);
    has("channel")
        && has("instance_id")
        && has("starts_at")
        && matches!(state, Some("active" | "suspended" | "expired"))
}

/// `for_terminal`: what could steer one becomes visible, and is not exact any more.
fn write_rows(
    rows: &[Map<String, Value>],
    format: Format,
    for_terminal: bool,
    sink: &mut impl Write,
) -> io::Result<()> {
    match format {
        Format::Csv => {
            let mut writer = csv::Writer::from_writer(sink);
            writer.write_record(COLUMNS)?;
            for row in rows {
                let cell = |name: &&str| guarded(&text_of(row.get(*name)));
                let cell = |name| if for_terminal { printable(&cell(name)) } else { cell(name) };
                writer.write_record(COLUMNS.iter().map(cell))?;
            }
            writer.flush()
        }
        Format::Json => {
            let lines: Vec<_> = rows.iter().map(object).collect();
            if lines.is_empty() {
                writeln!(sink, "[]")
            } else {
                writeln!(sink, "[\n{}\n]", lines.join(",\n"))
            }
        }
        Format::Jsonl => rows.iter().try_for_each(|row| writeln!(sink, "{}", object(row))),
    }
}

fn text_of(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

/// Members in the order of the columns; those that say nothing are left out. Also on a terminal it steers nothing, and
/// says exactly the same.
fn object(row: &Map<String, Value>) -> String {
    let member = |name: &&str| {
        let value = row.get(*name).filter(|value| !value.is_null() && **value != "")?;
        Some(format!("\"{name}\":{}", printable_json(value)))
    };
    format!("{{{}}}", COLUMNS.iter().filter_map(member).collect::<Vec<_>>().join(","))
}
