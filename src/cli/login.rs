//! `lictor login`

use clap::Args;
use serde_json::{Value, json};

use super::local::Here;
use super::output::printable;
use super::table::cell;
use super::{Common, Failure};
use crate::config::is_http_url;
use crate::domain::Scope;

/// Makes a link that opens the console once.
#[derive(Debug, Args)]
pub struct Login {
    #[command(flatten)]
    here: Here,
    /// The server's address as the browser reaches it; default: where the command has reached it.
    #[arg(value_name = "URL")]
    server: Option<String>,
    /// The actor in the audit log; default: the token's name.
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// What may be done, never more than the token may; default: all of that.
    #[arg(long = "scope", value_name = "SCOPE", value_delimiter = ',',
          value_parser = clap::builder::PossibleValuesParser::new(Scope::NAMES))]
    scopes: Vec<String>,
    /// How long the link can be used, in seconds; default: 600.
    #[arg(long, value_name = "SECONDS")]
    expires_in_secs: Option<u32>,
}

impl Login {
    /// Does it.
    pub fn run(self, common: &Common) -> Result<(), Failure> {
        if let Some(server) = self.server.as_ref().filter(|server| !is_http_url(server)) {
            let server = printable(server);
            return Err(Failure::Usage(format!(
                "{server} is no address; give one such as https://license.example.com"
            )));
        }
        let reached = self.here.reach(common)?;
        let mut body = json!({});
        if let Some(name) = self.name {
            body["name"] = name.into();
        }
        if !self.scopes.is_empty() {
            body["scopes"] = self.scopes.into();
        }
        if let Some(secs) = self.expires_in_secs {
            body["expires_in_secs"] = secs.into();
        }
        let mut made = reached.api.post("/v1/merchant/sign-in-links", &body)?;
        let server = self.server.as_deref().or(reached.api.base_url()).map(|url| url.trim_end_matches('/'));
        if let (Some(server), Some(path)) = (server, made["path"].as_str()) {
            made["url"] = Value::from(format!("{server}{path}"));
        }
        let output = common.output();
        output
            .note("Open this link in a browser; it works once. Whoever opens it acts under the name below.");
        output.answer(&made, |made| {
            let shown = |member: &str| printable(&cell(made.get(member)));
            format!("{}\nname {}, until {}", shown("url"), shown("name"), shown("expires_at"))
        });
        Ok(())
    }
}
