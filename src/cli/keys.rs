//! `lictor keys …`

use clap::Subcommand;
use serde_json::Value;

use super::api::escaped;
use super::{Common, Failure, Table};

/// Signing keys of a merchant.
#[derive(Debug, Subcommand)]
pub enum Keys {
    /// List the signing keys by role.
    List,
    /// Print the JWK Set that client software embeds; needs no token.
    Public,
}

impl Keys {
    /// Does it.
    pub fn run(self, common: &Common) -> Result<(), Failure> {
        let api = common.api()?;
        match self {
            Self::List => common.output().answer(&api.get("/v1/merchant/keys")?, listing),
            Self::Public => {
                // Without a merchant: the set of a server that has only one.
                let path = match api.merchant() {
                    Some(merchant) => format!("/v1/keysets/{}/jwks.json", escaped(merchant)),
                    None => "/.well-known/jwks.json".to_owned(),
                };
                let keys = api.get(&path).map_err(|failure| match failure {
                    Failure::Problem(problem) if api.merchant().is_none() => Failure::Refused(format!(
                        "{problem}\nnext: name the merchant with --merchant or LICTOR_MERCHANT"
                    )),
                    Failure::Problem(problem) if problem.code() == "not_found" => Failure::Refused(format!(
                        "{problem}\nnext: `lictor apply FILE` makes a merchant and its keys"
                    )),
                    other => other,
                })?;
                common.output().answer(&keys, |keys| format!("{keys:#}"));
            }
        }
        Ok(())
    }
}

fn listing(answer: &Value) -> String {
    let columns = [("KEY", "kid"), ("ROLE", "role"), ("ISSUER", "issuer")];
    Table::of_items(&answer["items"], &columns).render()
}
