//! `lictor apply`

use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};

use super::output::{line, printable};
use super::{Common, Failure, Table};
use crate::catalog::{APPLY_FILE_BYTES_MAX, PROTOCOLS_SERVED, sample};
use crate::config::read_text;

/// What is applied.
#[derive(Debug, Args)]
pub struct Apply {
    /// The apply file; `-` reads the standard input.
    #[arg(value_name = "FILE", required_unless_present = "sample", conflicts_with = "sample")]
    file: Option<PathBuf>,
    /// Only show what would change.
    #[arg(long)]
    dry_run: bool,
    /// Remove products, specs and channels that the file leaves out; refused where licenses hang on them.
    #[arg(long, conflicts_with = "sample")]
    prune: bool,
    /// Print a file to start from, for a channel of this protocol.
    #[arg(long, value_name = "PROTOCOL", value_parser = clap::builder::PossibleValuesParser::new(PROTOCOLS_SERVED))]
    sample: Option<String>,
    /// The same key again changes nothing new.
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
}

impl Apply {
    /// Does it. The server reads the file: it knows what there is already, and whose secrets are meant.
    pub fn run(self, common: &Common) -> Result<(), Failure> {
        if let Some(text) = self.sample.as_deref().and_then(sample) {
            line(text.trim_end());
            return Ok(());
        }
        let Some(file) = self.file else { return Err(Failure::Usage("name a FILE to apply".into())) };
        let text = read_text(&file, APPLY_FILE_BYTES_MAX)?;
        let mut body = json!({ "toml": text, "dry_run": self.dry_run });
        if self.prune {
            body["prune"] = true.into();
        }
        let answer = common.api()?.post_as("/v1/merchant/apply", &body, self.idempotency_key.as_deref())?;
        common.output().answer(&answer, changes);
        Ok(())
    }
}

/// One line per object, and the sum.
fn changes(answer: &Value) -> String {
    let entries = answer["entries"].as_array();
    let count = |what: &str| entries.into_iter().flatten().filter(|entry| entry["change"] == what).count();
    let removed = if count("removed") > 0 { &["removed"][..] } else { &[] };
    let counted = ["created", "changed", "unchanged"].iter().chain(removed);
    let sum = counted.map(|what| format!("{} {what}", count(what))).collect::<Vec<_>>().join(", ");
    let note = if answer["dry_run"] == true { " (dry run: nothing was done)" } else { "" };
    let table =
        Table::of_items(&answer["entries"], &[("CHANGE", "change"), ("OBJECT", "kind"), ("ID", "id")]);
    let detail = |entry: &Value| {
        let lines = entry["details"].as_array().into_iter().flatten().filter_map(Value::as_str);
        let id = entry["id"].as_str().unwrap_or_default();
        let members = entry["members"].as_array().into_iter().flatten().map(member);
        let lines = members.chain(lines.map(str::to_owned));
        lines.map(|line| format!("{}: {}\n", printable(id), printable(&line))).collect::<String>()
    };
    let details: String = entries.into_iter().flatten().map(detail).collect();
    format!("{}{details}{sum}{note}\n", table.render())
}

/// One member, as it was and as it is now.
fn member(change: &Value) -> String {
    let value = |name: &str| change[name].as_str().unwrap_or("(not set)").to_owned();
    format!("{}: {} → {}", change["member"].as_str().unwrap_or_default(), value("before"), value("after"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_listed_and_counted() {
        let answer = json!({ "dry_run": true, "entries": [
            { "kind": "spec", "id": "cad-pro", "change": "changed", "members": [
                { "member": "machines", "before": "3", "after": "5" },
                { "member": "updates", "before": null, "after": "\"P1Y\"" },
            ]},
            { "kind": "product", "id": "acme-cad", "change": "unchanged" },
            { "kind": "channel", "id": "cad-old", "change": "removed" },
        ]});
        let expected = "CHANGE     OBJECT   ID\nchanged    spec     cad-pro\nunchanged  product  acme-cad\n\
                        removed    channel  cad-old\ncad-pro: machines: 3 → 5\n\
                        cad-pro: updates: (not set) → \"P1Y\"\n\
                        0 created, 1 changed, 1 unchanged, 1 removed (dry run: nothing was done)\n";
        assert_eq!(changes(&answer), expected);
    }
}
