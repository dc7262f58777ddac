//! `lictor audit …`

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, BufWriter, Read as _, Write};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use license_token::KeySet;
use serde_json::{Value, json};

use super::api::{escaped, with_query};
use super::audit_lines;
use super::audit_verifier::{Report, Verifier};
use super::output::printable;
use super::table::cell;
use super::{Api, Common, Failure, Output, Table};
use crate::config::{read_bytes, read_text};

/// Longest line of an export, in bytes.
const LINE_BYTES_MAX: u64 = 1 << 20;
/// Longest key set or head, in bytes.
const SMALL_FILE_BYTES_MAX: usize = 128 << 10;
/// Findings that the table shows; all of them are in --json.
const FINDINGS_SHOWN_MAX: usize = 100;

/// The audit log: what happened, who did it, and whether anybody has changed that since.
#[derive(Debug, Subcommand)]
pub enum Audit {
    /// List events, newest first.
    List(List),
    /// Show an event with all that it says.
    Show {
        /// The event, `evt_…`.
        #[arg(value_name = "EVENT")]
        id: String,
    },
    /// Show where the chain ends, signed. Kept elsewhere it shows later that the end was not cut off.
    Head,
    /// Write the chain with its events as JSON lines, for whoever checks it without this server.
    Export {
        /// Where to; the standard output when it is left out.
        #[arg(long, value_name = "FILE")]
        file: Option<PathBuf>,
    },
    /// Check the chain: finds what was deleted, changed or put in, says where, and how much is not sealed yet.
    Verify(Verify),
    /// Give events that stand in no chain a place in it, marked as found late. Look at each first: `lictor audit verify`.
    Adopt {
        /// Why.
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
    },
    /// Hold what was issued against the chain and against the marketplace's order list.
    Reconcile(super::audit_reconcile::Reconcile),
}

/// Which events are listed.
#[derive(Debug, Args)]
pub struct List {
    /// Only about this, as KIND/ID: api_token/tok_…, channel/cad-koogallery.
    #[arg(long, value_name = "SUBJECT", conflicts_with = "license")]
    subject: Option<String>,
    /// Only about this license.
    #[arg(long, value_name = "LICENSE")]
    license: Option<String>,
    /// Only of this actor: token:NAME, marketplace:CHANNEL, customer, server.
    #[arg(long, value_name = "ACTOR")]
    actor: Option<String>,
    /// Only of this kind, such as license.revoked.
    #[arg(long, value_name = "KIND")]
    kind: Option<String>,
    /// Only from this instant on, RFC 3339 with Z.
    #[arg(long, value_name = "INSTANT")]
    from: Option<String>,
    /// Only before this instant.
    #[arg(long, value_name = "INSTANT")]
    to: Option<String>,
    /// At most so many, up to 200.
    #[arg(long, default_value_t = 50, value_name = "COUNT", value_parser = clap::value_parser!(u16).range(1..=200))]
    limit: u16,
    /// Where the page before ended.
    #[arg(long, value_name = "CURSOR")]
    cursor: Option<String>,
}

/// What is checked, and with which keys.
#[derive(Debug, Args)]
pub struct Verify {
    /// An export to check instead of the server's chain; needs --jwks and no server.
    #[arg(long, value_name = "FILE", requires = "jwks")]
    file: Option<PathBuf>,
    /// The verifying keys, as `lictor keys public` prints them; otherwise the server is asked for them.
    #[arg(long, value_name = "FILE")]
    jwks: Option<PathBuf>,
    /// A head that was kept, as `lictor audit head` prints it with --json, or its signed text: it must lie on the chain. May be
    /// given several times.
    #[arg(long = "head", value_name = "FILE")]
    heads: Vec<PathBuf>,
}

impl Audit {
    /// Does it.
    pub fn run(self, common: &Common) -> Result<(), Failure> {
        let output = common.output();
        match self {
            Self::List(list) => output.answer(&common.api()?.get(&list.path())?, listing),
            Self::Show { id } => {
                let path = format!("/v1/merchant/audit/events/{}", escaped(&id));
                output.answer(&common.api()?.get(&path)?, details);
            }
            Self::Head => output.answer(&common.api()?.get("/v1/merchant/audit/head")?, head_words),
            Self::Export { file } => return export(&common.api()?, file.as_deref(), output),
            Self::Verify(verify) => return verify.run(common, output),
            Self::Adopt { reason } => {
                let answer = common.api()?.post("/v1/merchant/audit/adopt", &json!({ "reason": reason }))?;
                output.answer(&answer, |answer| format!("look {} has begun", answer["pass"]));
            }
            Self::Reconcile(reconcile) => return reconcile.run(&common.api()?, output),
        }
        Ok(())
    }
}

impl List {
    fn path(self) -> String {
        let query = [
            ("subject", self.subject),
            ("license", self.license),
            ("actor", self.actor),
            ("kind", self.kind),
            ("from", self.from),
            ("to", self.to),
            ("limit", Some(self.limit.to_string())),
            ("cursor", self.cursor),
        ];
        with_query("/v1/merchant/audit", &query)
    }
}

fn export(api: &Api, file: Option<&Path>, output: Output) -> Result<(), Failure> {
    let unwritable = |error: io::Error| Failure::Refused(format!("the export cannot be written: {error}"));
    let mut sink: Box<dyn Write> = match file {
        Some(path) => {
            let made = File::create_new(path).map_err(|error| {
                Failure::Usage(format!(
                    "{} cannot be made: {error}; name a file that is not there",
                    path.display()
                ))
            })?;
            Box::new(BufWriter::new(made))
        }
        None => Box::new(BufWriter::new(io::stdout().lock())),
    };
    let mut count = 0_u64;
    audit_lines::of_server(api, output.json || file.is_none(), &mut |line| {
        count += u64::from(line.get("seq").is_some());
        writeln!(sink, "{line}").map_err(unwritable)
    })?;
    sink.flush().map_err(unwritable)?;
    drop(sink);
    if let Some(path) = file {
        let answer = json!({ "file": path.display().to_string(), "events": count });
        output.answer(&answer, |answer| format!("{count} events in {}", cell(answer.get("file"))));
    }
    Ok(())
}

impl Verify {
    /// 0: everything fits; 1: something does not.
    fn run(self, common: &Common, output: Output) -> Result<(), Failure> {
        let api = if self.file.is_some() { None } else { Some(common.api()?) };
        let keys = match (&self.jwks, &api) {
            (Some(path), _) => read_keys(path)?,
            (None, Some(api)) => keys_of(api)?,
            (None, None) => return Err(Failure::Usage("--file needs --jwks".into())),
        };
        let mut verifier = Verifier::new(&keys);
        for path in &self.heads {
            let text = kept_head(&read_text(path, SMALL_FILE_BYTES_MAX)?);
            verifier.keep(&text).map_err(|fault| {
                Failure::Usage(format!("{} is no head of these keys: {fault}", path.display()))
            })?;
        }
        match (&self.file, &api) {
            (Some(path), _) => read_lines(path, &mut verifier)?,
            (None, Some(api)) => audit_lines::of_server(api, output.json, &mut |line| {
                verifier.line(line);
                Ok(())
            })?,
            (None, None) => {}
        }
        verdict(verifier.finish(), output)
    }
}

fn verdict(report: Report, output: Output) -> Result<(), Failure> {
    output.answer(&report.to_json(), report_words);
    let count = report.findings.len();
    if count == 0 {
        return Ok(());
    }
    let next =
        "keep the store as it is, and compare with a backup: docs/audit.md says what each finding means";
    Err(Failure::Refused(format!("the audit log was tampered with: {count} finding(s)\nnext: {next}")))
}

fn read_keys(path: &Path) -> Result<KeySet, Failure> {
    let bytes = read_bytes(path, SMALL_FILE_BYTES_MAX)?;
    KeySet::parse(&bytes).map_err(|error| Failure::Usage(format!("{}: {error}", path.display())))
}

/// The keys that client software believes; of the server's own address, so that a check by somebody else takes them elsewhere.
pub fn keys_of(api: &Api) -> Result<KeySet, Failure> {
    let head = api.get("/v1/merchant/audit/head")?;
    let merchant = cell(head.get("merchant"));
    let jwks = api.get(&format!("/v1/keysets/{}/jwks.json", escaped(&merchant)))?;
    KeySet::parse(jwks.to_string().as_bytes()).map_err(|error| {
        Failure::Refused(format!("the server's key set cannot be read: {error}; name one with --jwks"))
    })
}

/// The signed text, or the answer that it stands in.
fn kept_head(text: &str) -> String {
    let answer: Option<Value> = serde_json::from_str(text).ok();
    let head = answer.as_ref().and_then(|answer| answer.get("head")).and_then(Value::as_str);
    head.unwrap_or(text).to_owned()
}

fn read_lines(path: &Path, verifier: &mut Verifier<'_>) -> Result<(), Failure> {
    let unreadable = |error: io::Error| Failure::Usage(format!("{} cannot be read: {error}", path.display()));
    let mut reader = BufReader::new(File::open(path).map_err(unreadable)?);
    loop {
        let mut line = Vec::new();
        let count = reader.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut line).map_err(unreadable)?;
        if count == 0 {
            return Ok(());
        }
        // What is no JSON is told as a line that says nothing.
        verifier.line(&serde_json::from_slice(&line).unwrap_or(Value::Null));
    }
}

fn listing(page: &Value) -> String {
    let mut table = Table::new(&["SEQ", "AT", "KIND", "SUBJECT", "ACTOR", "EVENT"]);
    for item in page["items"].as_array().into_iter().flatten() {
        let event = |name: &str| cell(item["event"].get(name));
        let seq = item["seq"].as_u64().map_or_else(|| cell(item.get("state")), |seq| seq.to_string());
        table.row(vec![seq, event("at"), event("kind"), event("subject"), event("actor"), event("id")]);
    }
    let mut text = if table.is_empty() { "no events here\n".to_owned() } else { table.render() };
    if let Some(cursor) = page["next_cursor"].as_str() {
        text.push_str(&format!("more: --cursor {cursor}\n"));
    }
    text
}

fn details(item: &Value) -> String {
    let mut text = String::new();
    let mut row = |name: &str, value: String| {
        text.push_str(&printable(&format!("{name:<16} {value}")));
        text.push('\n');
    };
    row("seq", cell(item.get("seq")));
    for name in ["id", "at", "kind", "subject", "actor"] {
        row(name, cell(item["event"].get(name)));
    }
    for (name, value) in item["event"]["detail"].as_object().into_iter().flatten() {
        row(name, cell(Some(value)));
    }
    text
}

fn head_words(head: &Value) -> String {
    let mut text = format!("{} events, sealed {}\n", head["seq"], cell(head.get("sealed_at")));
    text.push_str(&waiting(head));
    if let Some(signed) = head["head"].as_str() {
        text.push_str(signed);
        text.push('\n');
    }
    text
}

fn waiting(of: &Value) -> String {
    match (of["unsealed"].as_u64().unwrap_or(0), of["unsealed_since"].as_str()) {
        (0, _) => "nothing waits to be sealed\n".to_owned(),
        (count, Some(since)) => format!("{count} wait to be sealed, the oldest since {since}\n"),
        (count, None) => format!("{count} wait to be sealed\n"),
    }
}

fn report_words(report: &Value) -> String {
    let number = |name: &str| report[name].as_u64().unwrap_or(0);
    let mut text = format!(
        "{} entries up to number {}, signed up to {}\n",
        number("entries"),
        number("last_seq"),
        number("signed_up_to")
    );
    text.push_str(&waiting(report));
    let notes = [
        ("adopted", "were sealed late: they come from before the chain, or from servers that knew none"),
        ("awaits_adoption", "are in no chain yet: they are being looked for"),
        (
            "heads_of_unknown_keys",
            "heads are signed by keys that are not in the key set; later heads cover them",
        ),
        (
            "hidden",
            "were shown without a code that opens a license, so only their places were checked: use a token with the scope keys",
        ),
    ];
    for (name, words) in notes.into_iter().filter(|(name, _)| number(name) > 0) {
        text.push_str(&format!("{} {words}\n", number(name)));
    }
    for restore in report["restores"].as_array().into_iter().flatten() {
        let detail = |name: &str| cell(restore["detail"].get(name));
        text.push_str(&printable(&format!(
            "number {}: the store was restored at {} from a backup of {}; heads from between do not lie on this chain",
            restore["seq"],
            detail("restored_at"),
            detail("taken_at")
        )));
        text.push('\n');
    }
    let findings: Vec<&Value> = report["findings"].as_array().into_iter().flatten().collect();
    for it in findings.iter().take(FINDINGS_SHOWN_MAX) {
        let place = match (it["seq"].as_u64(), it["to_seq"].as_u64()) {
            (Some(seq), Some(to)) if to != seq => format!("numbers {seq} to {to}: "),
            (Some(seq), _) => format!("number {seq}: "),
            (None, _) => String::new(),
        };
        let event = it["event"].as_str().map(|event| format!("{event}: ")).unwrap_or_default();
        let line = format!("{place}{event}{} [{}]", cell(it.get("reason")), cell(it.get("code")));
        text.push_str(&(printable(&line) + "\n"));
    }
    if findings.len() > FINDINGS_SHOWN_MAX {
        text.push_str(&format!("… and {} more: see --json\n", findings.len() - FINDINGS_SHOWN_MAX));
    }
    text
}
