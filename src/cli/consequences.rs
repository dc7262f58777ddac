//! What an act on a license would bring about, shown before it is done; and the question whether to do it.

use std::io::{self, BufRead as _, IsTerminal as _, Write as _};

use serde_json::{Map, Value};

use super::api::escaped;
use super::output::printable;
use super::{Api, Failure, Table};

/// Asks the server.
pub fn ask(api: &Api, license: &str, command: &str, members: &Map<String, Value>) -> Result<Value, Failure> {
    let mut body = members.clone();
    body.insert("command".into(), command.into());
    api.post(&format!("/v1/merchant/licenses/{}/preview", escaped(license)), &Value::Object(body))
}

/// In words, then machine by machine.
pub fn words(consequences: &Value) -> String {
    let said = consequences["summary"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let mut text: String = said.map(|line| format!("{}\n", printable(line))).collect();
    let columns = [
        ("MACHINE", "activation_id"),
        ("NAME", "name"),
        ("FATE", "fate"),
        ("ASKS AT", "asks_at"),
        ("READS THE LIST BY", "reads_list_by"),
        ("RUNS OFFLINE UNTIL", "runs_until"),
    ];
    let machines = Table::of_items(&consequences["machines"], &columns);
    if !machines.is_empty() {
        text.push_str(&format!("\n{}", machines.render()));
    }
    text
}

/// Shows the consequences to a person and asks. Where nobody watches nothing is asked. What it answers is the ETag of what
/// was shown: the act does that, or nothing.
pub fn confirmed(
    api: &Api,
    license: &str,
    command: &str,
    members: &Map<String, Value>,
) -> Result<Option<String>, Failure> {
    if !(io::stdin().is_terminal() && io::stderr().is_terminal()) {
        return Ok(None);
    }
    let consequences = ask(api, license, command, members)?;
    let mut err = io::stderr();
    let _ = write!(err, "{}\nDo it? Type `yes`: ", words(&consequences));
    let _ = err.flush();
    let mut answer = String::new();
    let read = io::stdin().lock().read_line(&mut answer);
    if read.is_err() || answer.trim() != "yes" {
        return Err(Failure::Refused(
            "nothing was done\nnext: answer `yes`, or skip the question with --yes".into(),
        ));
    }
    Ok(consequences["revision"].as_u64().map(|revision| format!("\"{revision}\"")))
}
