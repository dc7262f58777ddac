//! `lictor keys …`

use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;
use std::sync::Arc;

use clap::{Args, Subcommand};
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::api::escaped;
use super::backup::{cannot, text};
use super::keys_rotation::{KeySetCommand, Retire, Revoke, Rotate, Stage, run_drill};
use super::{Common, Failure, SettingFlags, Table};
use crate::age::Identity;
use crate::application::ports::Clock as _;
use crate::clock::SystemClock;
use crate::config::is_http_url;
use crate::domain::{MerchantId, whole_seconds};
use crate::randomness::random_bytes;
use crate::signing::{
    Keyring, KeyringSettings, KeysBackupError, KeysBackupSummary, Vault, back_up_keys, restore_keys,
};

/// Signing keys of a merchant.
#[derive(Debug, Subcommand)]
pub enum Keys {
    /// List the signing keys by role.
    List,
    /// Let another key sign for a role: it is told to clients in a new key set, then signs. What the one before signed stays
    /// good.
    Rotate(Rotate),
    /// Take leave of a key that signs no more. Refused while a license key, certificate or status list hangs on it.
    Retire(Retire),
    /// Stop believing a key: it was stolen, or given up. What it signed is made anew.
    Revoke(Revoke),
    /// Make a key in the keys folder that signs nothing before `rotate`. For servers on a database, which make none
    /// themselves: run it in one place, then copy the folder to every server.
    Stage(Stage),
    /// The key set that tells clients of all this, and its signature by a root that is kept elsewhere.
    #[command(subcommand)]
    Keyset(KeySetCommand),
    /// Rehearse a theft on a temporary store: keys are stolen and misused, rotated and revoked; forgeries must be refused by
    /// the server, old clients and new ones, and no honest customer locked out. Needs no server.
    Drill,
    /// Print the JWK Set that client software embeds; needs no token.
    Public,
    /// Make the keys of a new merchant in the keys folder. For servers on a database, which make none themselves: run
    /// it in one place, then copy the folder to every server.
    Create(CreateKeys),
    /// Make the key of the vault, under which secrets of webhooks are sealed, if it is not there. For servers on a database
    /// that was made before there was one: run it in one place, then copy `vault.key` to every server.
    Vault(VaultKey),
    /// Write every key of the keys folder into one file. Run it on the server's machine; needs no server.
    Backup(KeysFile),
    /// Make a key pair that backups of the data can be encrypted to: the private key goes into the file, the public key is
    /// printed for `lictor backup --encrypt-to`. Keep the file where the backups are not.
    Identity(NewIdentity),
    /// Bring the keys of such a file back into an empty keys folder.
    Restore(KeysFile),
}

/// Whose keys are made, and where.
#[derive(Debug, Args)]
pub struct CreateKeys {
    /// The merchant, as the apply file names it.
    #[arg(value_name = "MERCHANT")]
    merchant: String,
    /// The merchant's issuer, as the apply file names it; the keys are bound to it.
    #[arg(long, value_name = "URL")]
    issuer: String,
    #[command(flatten)]
    settings: SettingFlags,
}

/// Where the vault is.
#[derive(Debug, Args)]
pub struct VaultKey {
    #[command(flatten)]
    settings: SettingFlags,
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

/// Where the private key goes.
#[derive(Debug, Args)]
pub struct NewIdentity {
    /// The file to write; it must not be there yet.
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

impl Keys {
    /// Does it.
    pub fn run(self, common: &Common) -> Result<(), Failure> {
        match self {
            Self::Create(command) => return command.run(common),
            Self::Vault(command) => return command.run(common),
            Self::Backup(command) => return command.back_up(common),
            Self::Restore(command) => return command.restore(common),
            Self::Identity(command) => return command.run(common),
            Self::Rotate(command) => return command.run(common),
            Self::Retire(command) => return command.run(common),
            Self::Revoke(command) => return command.run(common),
            Self::Stage(command) => return command.run(common),
            Self::Keyset(command) => return command.run(common),
            Self::Drill => return run_drill(common),
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

impl NewIdentity {
    fn run(self, common: &Common) -> Result<(), Failure> {
        let identity = Identity::new(random_bytes());
        let (public, secret) = (identity.recipient().to_string(), identity.text());
        let text = Zeroizing::new(format!("# public key: {public}\n{}\n", secret.expose_secret()));
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&self.file);
        file.and_then(|mut file| file.write_all(text.as_bytes()).and_then(|()| file.sync_all()))
            .map_err(|error| cannot("write", &self.file, &error))?;
        let answer = json!({ "file": self.file, "public_key": public });
        common.output().answer(&answer, |answer| {
            let file = self.file.display();
            let public = answer["public_key"].as_str().unwrap_or_default();
            format!(
                "{file} holds the private key: whoever has it reads the backups, and nobody does without it\nnext: lictor backup FILE --encrypt-to {public}"
            )
        });
        Ok(())
    }
}

impl CreateKeys {
    fn run(self, common: &Common) -> Result<(), Failure> {
        let refused = |error: &dyn std::fmt::Display| Failure::Refused(error.to_string());
        let merchant =
            MerchantId::parse(&self.merchant).map_err(|error| Failure::Usage(error.to_string()))?;
        if !is_http_url(&self.issuer) {
            return Err(Failure::Usage(
                "--issuer takes an address such as https://license.acme.example".to_owned(),
            ));
        }
        let settings = self.settings.load()?.settings;
        let (folder, public_url) = (settings.keys_dir.clone(), settings.public_base_url());
        let ring =
            KeyringSettings { folder, public_url, may_create: true, randomness: Arc::new(random_bytes) };
        if !Keyring::exists(&ring.folder) {
            let folder = ring.folder.display();
            return Err(refused(&format!(
                "{folder} holds no keys yet: run `lictor init` first, or name it with --keys-dir"
            )));
        }
        let folder = ring.folder.join(merchant.as_str());
        let keyring = Keyring::open(ring).map_err(|error| refused(&error))?;
        let made = keyring.create_merchant(&merchant, &self.issuer).map_err(|error| refused(&error))?;
        let answer =
            json!({ "merchant": merchant.as_str(), "issuer": self.issuer, "folder": folder, "made": made });
        common.output().answer(&answer, |_| match made {
            true => format!(
                "the keys of {merchant} are in {}; copy the keys folder to every server, and back it up: `lictor keys backup FILE`",
                folder.display()
            ),
            false => format!("{merchant} has keys in {} already; nothing was made", folder.display()),
        });
        Ok(())
    }
}

impl VaultKey {
    fn run(self, common: &Common) -> Result<(), Failure> {
        let folder = self.settings.load()?.settings.keys_dir;
        if !Keyring::exists(&folder) {
            return Err(Failure::Refused(format!(
                "{} holds no keys yet: run `lictor init` first, or name it with --keys-dir",
                folder.display()
            )));
        }
        let path = folder.join(Vault::FILE_NAME);
        let made = Vault::of(&folder, Arc::new(random_bytes)).create();
        let made = made.map_err(|error| Failure::Refused(error.to_string()))?;
        common.output().answer(&json!({ "file": path, "made": made }), |_| match made {
            true => format!(
                "{} is made; copy it to every server, and back it up: `lictor keys backup FILE`",
                path.display()
            ),
            false => format!("{} is there already; nothing was made", path.display()),
        });
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
    let columns =
        [("KEY", "kid"), ("ROLE", "role"), ("STATE", "state"), ("HERE", "here"), ("ISSUER", "issuer")];
    Table::of_items(&answer["items"], &columns).render()
}
