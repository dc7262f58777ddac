//! `lictor session …`

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::api::escaped;
use super::local::Here;
use super::output::printable;
use super::table::cell;
use super::{Common, Failure, Table};

/// Who is signed in to the console.
#[derive(Debug, Args)]
pub struct Sessions {
    #[command(flatten)]
    here: Here,
    #[command(subcommand)]
    command: Session,
}

#[derive(Debug, Subcommand)]
enum Session {
    /// List the sessions that are open.
    List,
    /// Sign one browser out, or all of them.
    End {
        /// The session's id, as `list` shows it.
        #[arg(value_name = "SESSION_ID", required_unless_present = "all", conflicts_with = "all")]
        id: Option<String>,
        /// Sign everybody out.
        #[arg(long)]
        all: bool,
    },
}

impl Sessions {
    /// Does it.
    pub fn run(self, common: &Common) -> Result<(), Failure> {
        let reached = self.here.reach(common)?;
        let (api, output) = (&reached.api, common.output());
        match self.command {
            Session::List => output.answer(&api.get("/v1/merchant/sessions")?, listing),
            Session::End { id, all: _ } => {
                let path = match id {
                    Some(id) => format!("/v1/merchant/sessions/{}/end", escaped(&id)),
                    None => "/v1/merchant/sessions/end".to_owned(),
                };
                let answer = api.post(&path, &json!({}))?;
                output.answer(&answer, |answer| {
                    format!("{} signed out", printable(&cell(answer.get("ended"))))
                });
            }
        }
        Ok(())
    }
}

fn listing(answer: &Value) -> String {
    let columns = [
        ("SESSION ID", "id"),
        ("NAME", "name"),
        ("SCOPES", "scopes"),
        ("SINCE", "created_at"),
        ("LAST SEEN", "last_seen_at"),
        ("ENDS", "ends_at"),
    ];
    Table::of_items(&answer["items"], &columns).render()
}
