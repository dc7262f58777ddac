//! `lictor usage …`

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};

use super::api::with_query;
use super::output::printable;
use super::progress::Progress;
use super::{Api, Common, Failure, Table};
use crate::application::USAGE_ITEMS_MAX;
use crate::config::read_text;
use crate::domain::UsageState;

/// Longest file of records.
const FILE_BYTES_MAX: usize = 64 << 20;
const PATH: &str = "/v1/merchant/usage-records";
/// The members of a record, which are also the columns of a CSV file.
const MEMBERS: [&str; 7] =
    ["instance_id", "license_id", "begin", "end", "value", "package_instance_id", "metering_sn"];

/// Usage of pay-per-use instances.
#[derive(Debug, Subcommand)]
pub enum Usage {
    /// Record usage from a file; the server pushes it to the marketplace in its next window.
    ///
    /// JSON lines, one record each, or CSV with a head line. Members and columns: instance_id or license_id, begin, end
    /// (RFC 3339, UTC), value, package_instance_id, metering_sn. The same file again records nothing twice.
    Push {
        /// The file; `-` reads the standard input.
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// List records: by instance, the newest interval first.
    List(List),
}

/// Which records are listed.
#[derive(Debug, Args)]
pub struct List {
    /// Of this instance of the marketplace.
    #[arg(long, value_name = "INSTANCE")]
    instance_id: Option<String>,
    /// In this state.
    #[arg(long, value_name = "STATE", value_parser = clap::builder::PossibleValuesParser::new(UsageState::NAMES))]
    state: Option<String>,
    /// At most so many, up to 200.
    #[arg(long, default_value_t = 50, value_name = "COUNT", value_parser = clap::value_parser!(u16).range(1..=200))]
    limit: u16,
    /// Where the page before ended.
    #[arg(long, value_name = "CURSOR")]
    cursor: Option<String>,
}

impl Usage {
    /// Does it.
    pub fn run(self, common: &Common) -> Result<(), Failure> {
        let (api, output) = (common.api()?, common.output());
        match self {
            Self::Push { file } => {
                let records = records(&read_text(&file, FILE_BYTES_MAX)?)?;
                output.answer(&pushed(&api, &records, output.json)?, sum);
            }
            Self::List(list) => {
                let query = [
                    ("instance_id", list.instance_id),
                    ("state", list.state),
                    ("limit", Some(list.limit.to_string())),
                    ("cursor", list.cursor),
                ];
                output.answer(&api.get(&with_query(PATH, &query))?, listing);
            }
        }
        Ok(())
    }
}

/// A record with the line it stands on.
#[derive(Debug, Clone, PartialEq)]
struct Line {
    number: usize,
    record: Value,
}

/// Sends the records, as many at a time as one request takes. What was sent before a mistake stays recorded, and is only
/// repeated when the corrected file is sent again.
fn pushed(api: &Api, lines: &[Line], json: bool) -> Result<Value, Failure> {
    let mut progress = Progress::of("recording", "records", 1, json);
    let (mut recorded, mut repeated, mut done) = (0, 0, 0_u64);
    for part in lines.chunks(USAGE_ITEMS_MAX) {
        let items: Vec<&Value> = part.iter().map(|line| &line.record).collect();
        let answer =
            api.post(PATH, &json!({ "items": items })).map_err(|failure| told(failure, part, recorded))?;
        recorded += answer["recorded"].as_u64().unwrap_or(0);
        repeated += answer["repeated"].as_u64().unwrap_or(0);
        done += u64::try_from(part.len()).unwrap_or(0);
        progress.at(done);
    }
    Ok(json!({ "recorded": recorded, "repeated": repeated }))
}

/// Each mistake by the line it stands on.
fn told(failure: Failure, part: &[Line], recorded: u64) -> Failure {
    let Failure::Problem(problem) = &failure else { return failure };
    let body = problem.to_json();
    let mut words: Vec<String> = Vec::new();
    for mistake in body["mistakes"].as_array().into_iter().flatten() {
        let pointer = mistake["pointer"].as_str().unwrap_or_default();
        let mut parts = pointer.trim_start_matches("/items/").split('/');
        let line = parts.next().and_then(|index| index.parse().ok()).and_then(|index: usize| part.get(index));
        let (number, member) = (line.map_or(0, |line| line.number), parts.next().unwrap_or_default());
        let message = mistake["message"].as_str().unwrap_or_default();
        words.push(printable(&format!("line {number}, {member}: {message}")));
    }
    if words.is_empty() {
        return failure;
    }
    let before = if recorded > 0 {
        format!("; the {recorded} records before them are recorded")
    } else {
        String::new()
    };
    words.push(format!("next: correct these lines and send the file again{before}"));
    Failure::Refused(words.join("\n"))
}

/// JSON lines, or CSV when the first line is no object.
fn records(text: &str) -> Result<Vec<Line>, Failure> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let lines = text.lines().enumerate().map(|(index, line)| (index + 1, line.trim()));
    let mut lines = lines.filter(|(_, line)| !line.is_empty());
    let mut rest = lines.clone();
    let read: Vec<Line> = match rest.next() {
        None => Vec::new(),
        Some((_, first)) if first.starts_with('{') => lines.map(json_line).collect::<Result<_, _>>()?,
        Some((number, head)) => {
            lines.next();
            let columns = columns(number, head)?;
            lines.map(|(number, line)| csv_line(number, line, &columns)).collect::<Result<_, _>>()?
        }
    };
    if read.is_empty() { Err(Failure::Usage("the file holds no records".into())) } else { Ok(read) }
}

fn json_line((number, line): (usize, &str)) -> Result<Line, Failure> {
    let wrong = |why: String| Failure::Usage(format!("line {number} is no JSON object: {why}"));
    let mut members: Map<String, Value> =
        serde_json::from_str(line).map_err(|error| wrong(error.to_string()))?;
    // A number is sent as it is written, never through a float.
    let raw: std::collections::BTreeMap<String, &serde_json::value::RawValue> =
        serde_json::from_str(line).map_err(|error| wrong(error.to_string()))?;
    if let (Some(Value::Number(_)), Some(raw)) = (members.get("value"), raw.get("value")) {
        members.insert("value".into(), Value::from(raw.get()));
    }
    Ok(Line { number, record: Value::Object(members) })
}

fn columns(number: usize, head: &str) -> Result<Vec<String>, Failure> {
    let columns: Vec<String> = head.split(',').map(|name| name.trim().to_owned()).collect();
    match columns.iter().find(|name| !MEMBERS.contains(&name.as_str())) {
        Some(unknown) => Err(Failure::Usage(format!(
            "line {number}: there is no column {:?}; there are {}",
            printable(unknown),
            MEMBERS.join(", ")
        ))),
        None => Ok(columns),
    }
}

/// Ids, instants and numbers need no quotes, so there are none.
fn csv_line(number: usize, line: &str, columns: &[String]) -> Result<Line, Failure> {
    let fields: Vec<&str> = line.split(',').map(str::trim).collect();
    if fields.len() != columns.len() || line.contains('"') {
        let why = format!("line {number} must have {} fields, without quotes", columns.len());
        return Err(Failure::Usage(why));
    }
    let filled = columns.iter().zip(fields).filter(|(_, field)| !field.is_empty());
    let members = filled.map(|(name, field)| (name.clone(), Value::from(field))).collect();
    Ok(Line { number, record: Value::Object(members) })
}

fn sum(answer: &Value) -> String {
    format!(
        "{} recorded, {} were recorded before; `lictor usage list` shows when they are pushed",
        answer["recorded"], answer["repeated"]
    )
}

fn listing(answer: &Value) -> String {
    let columns = [
        ("INSTANCE", "instance_id"),
        ("BEGIN", "begin"),
        ("END", "end"),
        ("VALUE", "value"),
        ("PACKAGE", "package_instance_id"),
        ("STATE", "state"),
        ("PUSHED", "pushed_at"),
        ("REASON", "reason"),
    ];
    let table = Table::of_items(&answer["items"], &columns);
    let mut text = if table.is_empty() { "no record fits\n".to_owned() } else { table.render() };
    if let Some(cursor) = answer["next_cursor"].as_str() {
        text.push_str(&format!("more: --cursor {}\n", printable(cursor)));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_lines_and_csv_say_the_same_and_keep_every_digit() {
        let lines = "{\"instance_id\":\"i-1\",\"begin\":\"b\",\"end\":\"e\",\"value\":12345678.1200}\n\n{\"license_id\":\"l\",\"value\":\"0.5\"}";
        let csv = "instance_id,license_id,begin,end,value\r\ni-1,,b,e,12345678.1200\r\n\r\n,l,,,0.5\r\n";
        let from_lines = records(lines).expect("valid");
        assert_eq!(from_lines[0].record["value"], "12345678.1200");
        assert_eq!(from_lines.iter().map(|line| line.number).collect::<Vec<_>>(), [1, 3]);
        let from_csv = records(csv).expect("valid");
        assert_eq!(from_csv[0].record, from_lines[0].record);
        assert_eq!(from_csv[1].record, from_lines[1].record);
        assert_eq!(from_csv[1].number, 4);
    }

    #[test]
    fn a_file_that_cannot_be_read_says_where() {
        for (text, words) in [
            ("", "no records"),
            ("instance_id,amount\n", "amount"),
            ("instance_id,begin,end,value\ni,b,e\n", "line 2 must have 4 fields"),
            ("instance_id,value\n\"i\",1\n", "without quotes"),
            ("{\"a\":1}\n[]\n", "line 2 is no JSON object"),
            ("instance_id,value\n", "no records"),
        ] {
            assert!(records(text).is_err_and(|failure| failure.to_string().contains(words)), "{text:?}");
        }
    }

    #[test]
    fn a_mistake_is_told_by_its_line() {
        let part: Vec<Line> = records("instance_id,value\n\ni,0\n").expect("valid");
        let body =
            r#"{"code":"invalid_request","mistakes":[{"pointer":"/items/0/value","message":"more than 0"}]}"#;
        let problem = Failure::Problem(Box::new(super::super::Problem::read(422, body)));
        assert!(told(problem, &part, 0).to_string().starts_with("line 3, value: more than 0\nnext: correct"));
    }
}
