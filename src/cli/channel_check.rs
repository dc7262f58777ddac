//! `lictor channel check`

use clap::Args;
use serde_json::{Value, json};

use super::api::escaped;
use super::output::printable;
use super::{Common, Failure};

/// Which channel.
#[derive(Debug, Args)]
pub struct Check {
    /// The channel.
    #[arg(value_name = "CHANNEL")]
    id: String,
}

impl Check {
    /// Does it.
    pub fn run(self, common: &Common) -> Result<(), Failure> {
        let path = format!("/v1/merchant/channels/{}/check", escaped(&self.id));
        let answer = common.api()?.post(&path, &json!({}))?;
        common.output().answer(&answer, items);
        let failed = answer["items"].as_array().into_iter().flatten().filter(|item| item["state"] == "fail");
        let mut failed: Vec<&str> = failed.filter_map(|item| item["item"].as_str()).collect();
        failed.dedup();
        if failed.is_empty() {
            return Ok(());
        }
        let failed = failed.join(", ");
        Err(Failure::Refused(format!("{} does not pass: {failed}", self.id)))
    }
}

/// A line each: the sentences say what to do next and are not cut.
fn items(answer: &Value) -> String {
    let mut text = format!("{}\n", printable(answer["url"].as_str().unwrap_or_default()));
    for item in answer["items"].as_array().into_iter().flatten() {
        let member = |name: &str| printable(item[name].as_str().unwrap_or_default());
        text.push_str(&format!("{:<8}{:<13}{}\n", member("state"), member("item"), member("reason")));
    }
    text
}
