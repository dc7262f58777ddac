//! `lictor api-token …`

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::api::escaped;
use super::local::Here;
use super::output::printable;
use super::table::cell;
use super::{Common, Failure, Table};
use crate::domain::Scope;

const WITHOUT_A_TOKEN: &str = "On the server's own machine no token is needed: whoever may enter its data folder is \
let in, as the server's operator. --merchant says whose tokens are meant; without it the server's own.";

/// Tokens of the merchant API.
#[derive(Debug, Args)]
#[command(after_help = WITHOUT_A_TOKEN)]
pub struct ApiTokens {
    #[command(flatten)]
    here: Here,
    #[command(subcommand)]
    command: ApiToken,
}

#[derive(Debug, Subcommand)]
enum ApiToken {
    /// Make a token and print it: the only time it can be read.
    Create {
        /// The actor in the audit log.
        #[arg(value_name = "NAME")]
        name: String,
        /// What it may do; may be given several times.
        #[arg(long = "scope", value_name = "SCOPE", required = true, value_delimiter = ',',
              value_parser = clap::builder::PossibleValuesParser::new(Scope::NAMES))]
        scopes: Vec<String>,
        /// When it ends (RFC 3339); default: never.
        #[arg(long, value_name = "INSTANT")]
        expires_at: Option<String>,
        /// The same key again makes no second token.
        #[arg(long, value_name = "KEY")]
        idempotency_key: Option<String>,
    },
    /// List tokens; their texts are not stored.
    List,
    /// End a token.
    Revoke {
        /// The token's id, as `list` shows it.
        #[arg(value_name = "TOKEN_ID")]
        id: String,
        /// The same key again does nothing new.
        #[arg(long, value_name = "KEY")]
        idempotency_key: Option<String>,
    },
}

impl ApiTokens {
    /// Does it.
    pub fn run(self, common: &Common) -> Result<(), Failure> {
        let reached = self.here.reach(common)?;
        let (api, output) = (&reached.api, common.output());
        match self.command {
            ApiToken::Create { name, scopes, expires_at, idempotency_key } => {
                let mut body = json!({ "name": name, "scopes": scopes });
                if let Some(instant) = expires_at {
                    body["expires_at"] = instant.into();
                }
                let made = api.post_as("/v1/merchant/api-tokens", &body, idempotency_key.as_deref())?;
                output.note("Keep this token now: it is not stored and cannot be shown again.");
                output.answer(&made, |made| printable(&cell(made.get("token"))));
            }
            ApiToken::List => output.answer(&api.get("/v1/merchant/api-tokens")?, listing),
            ApiToken::Revoke { id, idempotency_key } => {
                let path = format!("/v1/merchant/api-tokens/{}/revoke", escaped(&id));
                let answer = api.post_as(&path, &json!({}), idempotency_key.as_deref())?;
                output.answer(&answer, |_| format!("{} is revoked", printable(&id)));
            }
        }
        Ok(())
    }
}

fn listing(answer: &Value) -> String {
    let columns = [
        ("TOKEN ID", "id"),
        ("NAME", "name"),
        ("SCOPES", "scopes"),
        ("CREATED", "created_at"),
        ("LAST USED", "last_used_at"),
        ("EXPIRES", "expires_at"),
        ("REVOKED", "revoked_at"),
    ];
    Table::of_items(&answer["items"], &columns).render()
}
