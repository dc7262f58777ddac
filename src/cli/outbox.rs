//! `lictor outbox …`

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::api::{escaped, with_query};
use super::output::printable;
use super::table::cell;
use super::{Common, Failure, Table};

/// Work that waits for a marketplace.
#[derive(Debug, Subcommand)]
pub enum Outbox {
    /// List it, channel by channel, the most urgent first.
    List(List),
    /// Have one job done now.
    Retry {
        /// The job.
        #[arg(value_name = "JOB")]
        id: String,
    },
}

/// Which jobs are listed.
#[derive(Debug, Args)]
pub struct List {
    /// Through this channel.
    #[arg(long, value_name = "CHANNEL")]
    channel: Option<String>,
    /// Only those that have failed.
    #[arg(long)]
    failed: bool,
    /// At most so many, up to 200.
    #[arg(long, default_value_t = 50, value_name = "COUNT", value_parser = clap::value_parser!(u16).range(1..=200))]
    limit: u16,
    /// Where the page before ended.
    #[arg(long, value_name = "CURSOR")]
    cursor: Option<String>,
}

impl Outbox {
    /// Does it.
    pub fn run(self, common: &Common) -> Result<(), Failure> {
        let (api, output) = (common.api()?, common.output());
        match self {
            Self::List(list) => {
                let query = [
                    ("channel", list.channel),
                    ("failed", list.failed.then(|| "true".to_owned())),
                    ("limit", Some(list.limit.to_string())),
                    ("cursor", list.cursor),
                ];
                output.answer(&api.get(&with_query("/v1/merchant/outbox", &query))?, listing);
            }
            Self::Retry { id } => {
                let path = format!("/v1/merchant/outbox/{}/retry", escaped(&id));
                output.answer(&api.post(&path, &json!({}))?, retried);
            }
        }
        Ok(())
    }
}

fn listing(answer: &Value) -> String {
    let columns = [
        ("JOB", "id"),
        ("WHAT", "kind"),
        ("STATE", "state"),
        ("CHANNEL", "channel"),
        ("ORDER", "order_id"),
        ("TRIES", "attempts"),
        ("NEXT TRY", "next_try_at"),
        ("LAST FAILURE", "last_failure"),
    ];
    let table = Table::of_items(&answer["items"], &columns);
    let mut text = if table.is_empty() { "nothing waits\n".to_owned() } else { table.render() };
    if let Some(cursor) = answer["next_cursor"].as_str() {
        text.push_str(&format!("more: --cursor {}\n", printable(cursor)));
    }
    text
}

fn retried(job: &Value) -> String {
    printable(&format!("{} is {} and goes first", cell(job.get("id")), cell(job.get("state"))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_outbox_says_so_and_a_further_page_says_how() {
        assert_eq!(listing(&json!({ "items": [], "next_cursor": null })), "nothing waits\n");
        let answer =
            json!({ "items": [{ "id": "job_1", "kind": "rank_order", "attempts": 3 }], "next_cursor": "c" });
        assert!(listing(&answer).ends_with("more: --cursor c\n"));
    }
}
