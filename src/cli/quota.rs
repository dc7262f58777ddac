//! `lictor quota …`

use clap::Subcommand;
use serde_json::{Value, json};

use super::api::escaped;
use super::output::printable;
use super::table::cell;
use super::{Common, Failure, Table};

/// What licenses can use up.
#[derive(Debug, Subcommand)]
pub enum Quota {
    /// Show the packages of a license and what is left of them.
    Show {
        /// The license.
        #[arg(value_name = "LICENSE")]
        license: String,
    },
    /// Say which license uses up a package that was bought by itself.
    Move {
        /// The package, by the license that its own purchase became.
        #[arg(value_name = "PACKAGE")]
        package: String,
        /// The license that uses it up.
        #[arg(long, value_name = "LICENSE", required_unless_present = "own", conflicts_with = "own")]
        to: Option<String>,
        /// No license: it stands by itself.
        #[arg(long)]
        own: bool,
        /// Why; kept in the history of all of them.
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
    },
}

impl Quota {
    /// Does it.
    pub fn run(self, common: &Common) -> Result<(), Failure> {
        let (api, output) = (common.api()?, common.output());
        match self {
            Self::Show { license } => {
                let path = format!("/v1/merchant/licenses/{}", escaped(&license));
                output.answer(&api.get(&path)?, packages);
            }
            Self::Move { package, to, own: _, reason } => {
                let path = format!("/v1/merchant/licenses/{}/move", escaped(&package));
                output.answer(&api.post(&path, &json!({ "to": to, "reason": reason }))?, moved);
            }
        }
        Ok(())
    }
}

fn packages(license: &Value) -> String {
    let columns = [
        ("PACKAGE", "id"),
        ("METRIC", "metric"),
        ("AMOUNT", "amount"),
        ("RESET", "reset"),
        ("USED", "used"),
        ("LEFT", "left"),
        ("WINDOW LEFT", "window_left"),
        ("WINDOW ENDS", "window_ends_at"),
        ("ENDS", "ends_at"),
    ];
    let table = Table::of_items(&license["quota"], &columns);
    match license["attached_to"].as_str() {
        Some(holder) => {
            let holder = printable(holder);
            format!("used up by {holder}: lictor quota show {holder}\n")
        }
        None if table.is_empty() => "the license has no quota\n".to_owned(),
        None => table.render(),
    }
}

fn moved(license: &Value) -> String {
    let holder = license["attached_to"].as_str().unwrap_or("nobody else: it stands by itself");
    printable(&format!("{} is used up by {holder}", cell(license.get("id"))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_that_is_used_up_elsewhere_says_where() {
        let attached = json!({ "id": "lic_2", "quota": [], "attached_to": "lic_1" });
        assert_eq!(packages(&attached), "used up by lic_1: lictor quota show lic_1\n");
        assert_eq!(moved(&attached), "lic_2 is used up by lic_1");
        assert_eq!(packages(&json!({ "quota": [] })), "the license has no quota\n");
    }
}
