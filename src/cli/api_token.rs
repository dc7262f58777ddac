//! `lictor api-token …`

use clap::Subcommand;
use serde_json::{Value, json};

use super::api::escaped;
use super::output::printable;
use super::table::cell;
use super::{Common, Failure, Table};
use crate::domain::Scope;

/// Tokens of the merchant API.
#[derive(Debug, Subcommand)]
pub enum ApiToken {
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

impl ApiToken {
    /// Does it.
    pub fn run(self, common: &Common) -> Result<(), Failure> {
        let api = common.api()?;
        let output = common.output();
        match self {
            Self::Create { name, scopes, expires_at, idempotency_key } => {
                let mut body = json!({ "name": name, "scopes": scopes });
                if let Some(instant) = expires_at {
                    body["expires_at"] = instant.into();
                }
                let made = api.post_as("/v1/merchant/api-tokens", &body, idempotency_key.as_deref())?;
                output.note("Keep this token now: it is not stored and cannot be shown again.");
                output.answer(&made, |made| printable(&cell(made.get("token"))));
            }
            Self::List => output.answer(&api.get("/v1/merchant/api-tokens")?, listing),
            Self::Revoke { id, idempotency_key } => {
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
        ("EXPIRES", "expires_at"),
        ("REVOKED", "revoked_at"),
    ];
    Table::of_items(&answer["items"], &columns).render()
}
