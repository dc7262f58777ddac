//! `lictor activation …`

use std::fs;
use std::path::{Path, PathBuf};

use clap::Subcommand;
use license_token::armour::{self, REQUEST_FILE_MAX_BYTES, RESPONSE_FILE_MAX_BYTES};
use license_token::{Ask, VerifiedRequest};
use serde_json::{Value, json};

use super::api::{escaped, with_query};
use super::output::{line, printable};
use super::table::cell;
use super::{Common, Failure, Table};
use crate::config::read_text;
use crate::http::qr::Qr;

/// Machines: listed, freed; and those that are never online, whose files are answered here.
#[derive(Debug, Subcommand)]
pub enum Activation {
    /// List the machines of a license, or those whose name begins so; newest first.
    List {
        /// The license.
        #[arg(long, value_name = "LICENSE", required_unless_present = "name", conflicts_with = "name")]
        license: Option<String>,
        /// How the name begins; upper and lower case are the same.
        #[arg(long, value_name = "TEXT")]
        name: Option<String>,
        /// At most so many, up to 200.
        #[arg(long, default_value_t = 50, value_name = "COUNT", value_parser = clap::value_parser!(u16).range(1..=200))]
        limit: u16,
        /// Where the page before ended.
        #[arg(long, value_name = "CURSOR")]
        cursor: Option<String>,
    },
    /// Show one machine.
    Show {
        /// The activation.
        #[arg(value_name = "ACTIVATION")]
        id: String,
    },
    /// Free the place of a machine, without the machine (scope `support`).
    Release {
        /// The activation.
        #[arg(value_name = "ACTIVATION")]
        id: String,
        /// Why; kept in the license's history.
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
    },
    /// Answer a request: the response is carried back to the machine (scope `support`).
    Answer {
        /// The request file; `-` reads the standard input.
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// Write the response to this file in place of the standard output.
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Take a machine's signed deactivation: its place is free (scope `support`).
    TakeProof {
        /// The deactivation file; `-` reads the standard input.
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// Show a request, a response or a license key as QR codes; needs no server.
    Qr {
        /// The file; `-` reads the standard input.
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// Write `1.svg`, `2.svg` … to this folder in place of drawing on the terminal.
        #[arg(long, value_name = "FOLDER")]
        svg: Option<PathBuf>,
    },
}

impl Activation {
    /// Does it.
    pub fn run(self, common: &Common) -> Result<(), Failure> {
        match self {
            Self::List { license, name, limit, cursor } => {
                let limit = Some(limit.to_string());
                let query = [("license", license), ("name", name), ("limit", limit), ("cursor", cursor)];
                let answer = common.api()?.get(&with_query("/v1/merchant/activations", &query))?;
                common.output().answer(&answer, machines);
            }
            Self::Show { id } => {
                let path = format!("/v1/merchant/activations/{}", escaped(&id));
                common.output().answer(&common.api()?.get(&path)?, machine);
            }
            Self::Release { id, reason } => {
                let path = format!("/v1/merchant/activations/{}/release", escaped(&id));
                let answer = common.api()?.post(&path, &json!({ "reason": reason }))?;
                common.output().answer(&answer, machine);
            }
            Self::Answer { file, out } => {
                let answer = carried(common, &file, |ask| ask != Ask::Release, "take-proof")?;
                let response = answer["response"].as_str().unwrap_or_default();
                if let Some(path) = &out {
                    written(path, response)?;
                }
                common.output().note(&outcome(&answer));
                let shown = if out.is_some() { String::new() } else { response.to_owned() };
                if common.output().json || out.is_none() {
                    common.output().answer(&answer, |_| shown);
                }
            }
            Self::TakeProof { file } => {
                let answer = carried(common, &file, |ask| ask == Ask::Release, "answer")?;
                common.output().answer(&answer, outcome);
            }
            Self::Qr { file, svg } => codes(&file, svg.as_deref(), common)?,
        }
        Ok(())
    }
}

fn machines(answer: &Value) -> String {
    let columns = [
        ("ACTIVATION", "id"),
        ("NAME", "name"),
        ("STATE", "state"),
        ("LICENSE", "license_id"),
        ("SINCE", "created_at"),
        ("LEASE ENDS", "lease_ends_at"),
        ("ENDED", "ended_at"),
        ("BY", "end_cause"),
    ];
    let table = Table::of_items(&answer["items"], &columns);
    let mut text = if table.is_empty() { "no machine fits\n".to_owned() } else { table.render() };
    if let Some(cursor) = answer["next_cursor"].as_str() {
        text.push_str(&format!("more: --cursor {}\n", printable(cursor)));
    }
    text
}

fn machine(one: &Value) -> String {
    let of = |member: &str| printable(&cell(one.get(member)));
    format!("{} ({}) of {} is {}", of("id"), of("name"), of("license_id"), of("state"))
}

/// Sends a file that asks for the right thing: nobody frees a place by a slip.
fn carried(common: &Common, file: &Path, fits: impl Fn(Ask) -> bool, other: &str) -> Result<Value, Failure> {
    let text = read_text(file, REQUEST_FILE_MAX_BYTES)?;
    let refused = |why: String| Failure::Refused(format!("{}: {why}", file.display()));
    let tokens = armour::read(&text, REQUEST_FILE_MAX_BYTES).map_err(|damage| refused(damage.to_string()))?;
    let request = tokens.first().map_or("", String::as_str);
    let request = VerifiedRequest::read(request).map_err(|why| refused(format!("no request ({why})")))?;
    if !fits(request.claims.ask) {
        return Err(refused(format!("use `lictor activation {other}` for it")));
    }
    common.api()?.post("/v1/merchant/air-gap-requests", &json!({ "request": text }))
}

fn outcome(answer: &Value) -> String {
    printable(&format!("{} is {}", cell(answer.get("activation_id")), cell(answer.get("outcome"))))
}

fn written(path: &Path, text: &str) -> Result<(), Failure> {
    fs::write(path, text)
        .map_err(|error| Failure::Refused(format!("{} cannot be written: {error}", path.display())))
}

fn codes(file: &Path, svg: Option<&Path>, common: &Common) -> Result<(), Failure> {
    let text = read_text(file, RESPONSE_FILE_MAX_BYTES)?;
    let tokens = armour::read(&text, RESPONSE_FILE_MAX_BYTES)
        .map_err(|damage| Failure::Refused(format!("{}: {damage}", file.display())))?;
    // One short text, such as a license key, needs no number.
    let parts = match tokens.as_slice() {
        [one] if one.len() <= license_token::token::LICENSE_KEY_END_CHARS => Some(vec![one.clone()]),
        several => armour::parts(&several.iter().map(String::as_str).collect::<Vec<_>>()),
    };
    let long = || Failure::Refused(format!("more than {} QR codes: carry the file", armour::PARTS_MAX));
    let parts = parts.ok_or_else(long)?;
    for (index, part) in parts.iter().enumerate() {
        let qr = Qr::of(part).map_err(|error| Failure::Refused(error.to_string()))?;
        let name = format!("{}/{}", index + 1, parts.len());
        match svg {
            Some(folder) => written(&folder.join(format!("{}.svg", index + 1)), &qr.svg(&name))?,
            None => line(&format!("{name}\n{}", qr.text())),
        }
    }
    if let Some(folder) = svg {
        common.output().note(&format!("{} QR codes in {}", parts.len(), folder.display()));
    }
    Ok(())
}
