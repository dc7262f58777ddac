//! `lictor keys …`

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::api::escaped;
use super::backup::text;
use super::{Common, Failure, SettingFlags, Table};
use crate::application::ports::Clock as _;
use crate::clock::SystemClock;
use crate::domain::whole_seconds;
use crate::signing::{KeysBackupError, KeysBackupSummary, back_up_keys, restore_keys};

/// Signing keys of a merchant.
#[derive(Debug, Subcommand)]
pub enum Keys {
    /// List the signing keys by role.
    List,
    /// Print the JWK Set that client software embeds; needs no token.
    Public,
    /// Write every key of the keys folder into one file. Run it on the server's machine; needs no server.
    Backup(KeysFile),
    /// Bring the keys of such a file back into an empty keys folder.
    Restore(KeysFile),
}

/// The file and the folder.
#[derive(Debug, Args)]
pub struct KeysFile {
    /// The file with the keys.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    settings: SettingFlags,
}

impl Keys {
    /// Does it.
    pub fn run(self, common: &Common) -> Result<(), Failure> {
        match self {
            Self::Backup(command) => return command.back_up(common),
            Self::Restore(command) => return command.restore(common),
            Self::List => common.output().answer(&common.api()?.get("/v1/merchant/keys")?, listing),
            Self::Public => {
                let api = common.api()?;
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

impl KeysFile {
    fn back_up(self, common: &Common) -> Result<(), Failure> {
        let keys_dir = self.settings.load()?.settings.keys_dir;
        let made = back_up_keys(&keys_dir, &self.file, whole_seconds(SystemClock.now()));
        let answer = self.answer(&keys_dir, made)?;
        common.output().answer(&answer, |answer| {
            format!(
                "{} keys of {} are in {}, checked\nwhoever has this file can sign as you: keep it offline, apart from the \
                 backups of the data, and in two places",
                count(answer),
                answer["keys_dir"].as_str().unwrap_or(""),
                answer["file"].as_str().unwrap_or("")
            )
        });
        Ok(())
    }

    fn restore(self, common: &Common) -> Result<(), Failure> {
        let keys_dir = self.settings.load()?.settings.keys_dir;
        let answer = self.answer(&keys_dir, restore_keys(&self.file, &keys_dir))?;
        common.output().answer(&answer, |answer| {
            format!(
                "{} keys, backed up at {}, are in {}\nnext: `lictor restore FILE` for the data, or `lictor serve` if it is there",
                count(answer),
                answer["made_at"].as_str().unwrap_or(""),
                answer["keys_dir"].as_str().unwrap_or("")
            )
        });
        Ok(())
    }

    fn answer(
        &self,
        keys_dir: &std::path::Path,
        done: Result<KeysBackupSummary, KeysBackupError>,
    ) -> Result<Value, Failure> {
        let done = done.map_err(|error| Failure::Refused(error.to_string()))?;
        let absolute = |path: &std::path::Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        Ok(json!({
            "file": absolute(&self.file),
            "keys_dir": absolute(keys_dir),
            "made_at": text(done.made_at),
            "files": done.files,
        }))
    }
}

fn count(answer: &Value) -> usize {
    answer["files"].as_array().map_or(0, Vec::len)
}

fn listing(answer: &Value) -> String {
    let columns = [("KEY", "kid"), ("ROLE", "role"), ("ISSUER", "issuer")];
    Table::of_items(&answer["items"], &columns).render()
}
