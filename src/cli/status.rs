//! `lictor status …`: status lists as integrators check them, and as files for sites without network.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use license_token::status_list::{STATUS_LIST_MAX_BYTES, StatusList};
use license_token::{TokenType, UnverifiedToken, armour};
use serde_json::{Value, json};

use super::api::Api;
use super::backup::{cannot, replaced};
use super::json_lines::{self, Answer, Members, text, whole};
use super::{Common, Failure, Output, Table};

/// Below what every list is served.
const LISTS: &str = "/v1/status-lists/";

/// Longest line: a list of the largest size that deflates to nothing less, in base64url.
const LINE_BYTES_MAX: usize = 2 * STATUS_LIST_MAX_BYTES;

/// Status lists.
#[derive(Debug, Subcommand)]
pub enum Status {
    /// Inflate {bits, lst}, at most 1 MiB: answers {statuses}, or with `idx` the {status} of one entry. Reads JSON lines from
    /// the standard input and answers one for each; needs no server.
    Decode,
    /// Write every published list of the merchant into a folder: as it is served (.jwt), and armoured to be carried by hand
    /// (.txt). Software on a site without network takes either.
    Export(Export),
}

/// Where the lists go.
#[derive(Debug, Args)]
pub struct Export {
    /// The folder; it is made if it is not there, and older lists in it are replaced.
    #[arg(long, value_name = "FOLDER")]
    out: PathBuf,
}

/// Decodes lines. One line: 0 decoded, 1 not. Many lines: 0 when every line was answered.
pub fn decode_lines(output: Output) -> ExitCode {
    json_lines::run(output, LINE_BYTES_MAX, decode)
}

impl Export {
    /// Does it.
    pub fn run(&self, common: &Common) -> Result<(), Failure> {
        let api = common.api()?;
        let lists = api.get("/v1/merchant/status-lists")?;
        std::fs::create_dir_all(&self.out).map_err(|error| cannot("make", &self.out, &error))?;
        let mut files = Vec::new();
        for list in lists["items"].as_array().into_iter().flatten() {
            files.push(self.export(&api, list)?);
        }
        common.output().answer(&json!({ "files": files }), |answer| {
            let columns = [("file", "file"), ("uri", "uri"), ("seq", "seq"), ("expires at", "expires_at")];
            Table::of_items(&answer["files"], &columns).render()
        });
        Ok(())
    }

    /// As it is served, so that it is fresh and its `seq` the highest.
    fn export(&self, api: &Api, list: &Value) -> Result<Value, Failure> {
        let uri = list["uri"].as_str().unwrap_or_default();
        let place = uri.rsplit_once(LISTS).map(|(_, place)| place).unwrap_or_default();
        let name = format!("status-list-{}", place.replace('/', "-"));
        let (file, armoured) = (self.out.join(format!("{name}.jwt")), self.out.join(format!("{name}.txt")));
        let mut token = Vec::new();
        api.download(&format!("{LISTS}{place}"), &mut token, &mut |_bytes| ())?;
        let none = || Failure::Refused(format!("{uri} answered no status list"));
        let token = String::from_utf8(token).map_err(|_| none())?;
        let (seq, expires_at) = token_claims(&token).ok_or_else(none)?;
        replaced(&file, token.as_bytes())?;
        let notes = [("Status list", uri), ("Expires at", expires_at.as_str())];
        replaced(&armoured, armour::write(&notes, &[(TokenType::StatusList, &token)]).as_bytes())?;
        Ok(json!({ "file": file, "armoured": armoured, "uri": uri, "seq": seq, "expires_at": expires_at }))
    }
}

/// `seq` and `exp` of a list; nothing is verified here: that is the client's.
fn token_claims(token: &str) -> Option<(Value, String)> {
    let parsed = UnverifiedToken::parse_status_list(token).ok()?;
    let claims: Value = serde_json::from_str(&parsed.inspect().claims.to_string()).ok()?;
    let expires_at = chrono::DateTime::from_timestamp(claims["exp"].as_i64()?, 0)?;
    Some((claims["lic"]["seq"].clone(), super::backup::text(expires_at)))
}

fn decode(members: &Members) -> Result<Answer, String> {
    let (bits, lst) = (whole::<u8>(members, "bits")?, text(members, "lst")?);
    let list = StatusList::decode(bits, lst).map_err(|error| error.to_string())?;
    if members.contains_key("idx") {
        let idx = whole::<usize>(members, "idx")?;
        let beyond = || format!("the list has {} entries, and none of index {idx}", list.len());
        return Ok(Answer::accepted(json!({ "status": list.get(idx).ok_or_else(beyond)? })));
    }
    let statuses: Vec<u8> = (0..list.len()).filter_map(|index| list.get(index)).collect();
    Ok(Answer::accepted(json!({ "statuses": statuses })))
}
