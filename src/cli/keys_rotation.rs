//! `lictor keys rotate|retire|revoke|stage|keyset|drill`

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args, Subcommand, ValueEnum};
use license_token::Role;
use serde_json::{Value, json};

use super::api::escaped;
use super::{Common, Failure, SettingFlags};
use crate::domain::MerchantId;
use crate::randomness::random_bytes;
use crate::signing::{Keyring, KeyringSettings, sign_offline};

/// What a key signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum OnlineRole {
    /// License keys.
    License,
    /// Activation certificates.
    Activation,
    /// Status lists.
    Status,
}

impl OnlineRole {
    fn role(self) -> Role {
        match self {
            Self::License => Role::License,
            Self::Activation => Role::Activation,
            Self::Status => Role::Status,
        }
    }
}

/// What is no longer believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Mode {
    /// Everything that the key signed: it was stolen.
    All,
    /// What it signed at a time or later; what is older stays good where it is held.
    After,
}

/// Which role gets another key.
#[derive(Debug, Args)]
pub struct Rotate {
    /// What the key signs.
    #[arg(long, value_enum)]
    role: OnlineRole,
    /// A key that lies in the keys folder; by default the staged one, or a new one.
    #[arg(long, value_name = "KID")]
    kid: Option<String>,
    /// Only tell clients of it: it signs after a second `rotate`.
    #[arg(long)]
    stage: bool,
}

/// Which key leaves.
#[derive(Debug, Args)]
pub struct Retire {
    /// The key, as `lictor keys list` shows it.
    #[arg(value_name = "KID")]
    kid: String,
}

/// Which key is not believed any more.
#[derive(Debug, Args)]
pub struct Revoke {
    /// The key, as `lictor keys list` shows it.
    #[arg(value_name = "KID")]
    kid: String,
    /// What is no longer believed of what it signed.
    #[arg(long, value_enum)]
    mode: Mode,
    /// From when on, with `--mode after`; by default from now on.
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
    /// Which key takes its place if it signs; by default a new one. A server on a database makes none: stage one and name it.
    #[arg(long, value_name = "KID")]
    next: Option<String>,
}

/// Whose key is made, and where.
#[derive(Debug, Args)]
pub struct Stage {
    /// The merchant, as the apply file names it.
    #[arg(value_name = "MERCHANT")]
    id: String,
    /// What the key signs.
    #[arg(long, value_enum)]
    role: OnlineRole,
    #[command(flatten)]
    settings: SettingFlags,
}

/// The key set.
#[derive(Debug, Subcommand)]
pub enum KeySetCommand {
    /// Show what is published, what waits for the root and how far the re-issue is.
    Show,
    /// Write what waits for the root into a file, to be carried to the machine with the root.
    Request {
        /// The file to write; it must not be there yet.
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// Sign such a file. Run it on the machine with the root; needs no server and no network.
    Sign {
        /// The root's file, `root-<kid>.pem`.
        #[arg(long, value_name = "FILE")]
        root: PathBuf,
        /// The request.
        #[arg(value_name = "REQUEST")]
        request: PathBuf,
        /// The file to write; it must not be there yet.
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// Publish what was signed.
    Upload {
        /// What `sign` wrote.
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// Make a key set of what stands now, with a new end; signed at once where the root is in the keys folder.
    Publish,
}

impl Rotate {
    pub(super) fn run(&self, common: &Common) -> Result<(), Failure> {
        let mut body = json!({ "role": self.role.role().as_str(), "stage": self.stage });
        if let Some(kid) = &self.kid {
            body["kid"] = json!(kid);
        }
        let answer = common.api()?.post("/v1/merchant/keys/rotate", &body)?;
        let staged = "clients are told of the key; it signs after: lictor keys rotate";
        common.output().answer(&answer, |answer| {
            let done =
                if self.stage { staged } else { "the new key signs; what the one before signed stays good" };
            told(answer, done)
        });
        Ok(())
    }
}

impl Retire {
    pub(super) fn run(&self, common: &Common) -> Result<(), Failure> {
        let api = common.api()?;
        let path = format!("/v1/merchant/keys/{}/retire", escaped(&self.kid));
        loop {
            let answer = api.post(&path, &json!({}))?;
            if answer["state"] != "looking" {
                common
                    .output()
                    .answer(&answer, |answer| told(answer, "the key is retired: its file may be deleted"));
                return Ok(());
            }
            common.output().note(&format!(
                "{} licenses looked at, nothing hangs on the key so far",
                answer["looked_at"]
            ));
        }
    }
}

impl Revoke {
    pub(super) fn run(&self, common: &Common) -> Result<(), Failure> {
        let mode = match self.mode {
            Mode::All => "all",
            Mode::After => "after",
        };
        let mut body = json!({ "mode": mode });
        if let Some(at) = &self.at {
            body["at"] = json!(at);
        }
        if let Some(next) = &self.next {
            body["next"] = json!(next);
        }
        let path = format!("/v1/merchant/keys/{}/revoke", escaped(&self.kid));
        let answer = common.api()?.post(&path, &body)?;
        common.output().answer(&answer, |answer| {
            let again = match answer["reissue"].is_object() {
                true => "\nlicense keys are re-issued: `lictor keys keyset show` tells how far",
                false => "",
            };
            told(answer, &format!("the key is revoked and signs nothing any more{again}"))
        });
        Ok(())
    }
}

impl Stage {
    pub(super) fn run(&self, common: &Common) -> Result<(), Failure> {
        let refused = |error: &dyn std::fmt::Display| Failure::Refused(error.to_string());
        let merchant = MerchantId::parse(&self.id).map_err(|error| Failure::Usage(error.to_string()))?;
        let settings = self.settings.load()?.settings;
        let (folder, public_url) = (settings.keys_dir.clone(), settings.public_base_url());
        let ring =
            KeyringSettings { folder, public_url, may_create: true, randomness: Arc::new(random_bytes) };
        let keyring = Keyring::open(ring).map_err(|error| refused(&error))?;
        // The file holds no issuer: whoever opens it binds the key to the merchant's.
        let staged =
            keyring.stage_key(&merchant, "unbound", self.role.role()).map_err(|error| refused(&error))?;
        let answer = json!({ "merchant": merchant.as_str(), "role": self.role.role().as_str(), "kid": staged.kid.as_str() });
        common.output().answer(&answer, |_| {
            format!(
                "{} lies staged in the keys folder and signs nothing yet\nnext: copy the keys folder to every server, then\n  \
                 lictor keys rotate --role {} --kid {} --stage    (clients are told)\n  lictor keys rotate --role {} --kid {}            (it signs)",
                staged.kid, self.role.role().as_str(), staged.kid, self.role.role().as_str(), staged.kid
            )
        });
        Ok(())
    }
}

impl KeySetCommand {
    pub(super) fn run(&self, common: &Common) -> Result<(), Failure> {
        match self {
            Self::Show => {
                let answer = common.api()?.get("/v1/merchant/keyset")?;
                common.output().answer(&answer, |answer| told(answer, ""));
            }
            Self::Publish => {
                let answer = common.api()?.post("/v1/merchant/keyset/publish", &json!({}))?;
                common.output().answer(&answer, |answer| told(answer, ""));
            }
            Self::Request { file } => request(common, file)?,
            Self::Sign { root, request, file } => sign(common, root, request, file)?,
            Self::Upload { file } => {
                let text = fs::read_to_string(file).map_err(|error| cannot("read", file, &error))?;
                let body: Value = serde_json::from_str(&text).map_err(|_| {
                    Failure::Refused(format!(
                        "{} is not what `lictor keys keyset sign` writes",
                        file.display()
                    ))
                })?;
                let answer = common.api()?.put("/v1/merchant/keyset", &body)?;
                common.output().answer(&answer, |answer| told(answer, ""));
            }
        }
        Ok(())
    }
}

fn request(common: &Common, file: &Path) -> Result<(), Failure> {
    let api = common.api()?;
    let waiting = api.get("/v1/merchant/keyset")?["waiting"]["payload"].as_str().map(str::to_owned);
    let payload = waiting.ok_or_else(|| {
        Failure::Refused(
            "nothing waits for the root: `lictor keys rotate`, `revoke` or `keyset publish` makes a key set"
                .into(),
        )
    })?;
    let claims: Value = serde_json::from_str(&payload).unwrap_or_default();
    let request = json!({ "format": "lictor-keyset-request", "issuer": claims["iss"], "payload": payload });
    write_new(file, &request)?;
    let answer = json!({ "file": file, "seq": claims["lic"]["seq"] });
    common.output().answer(&answer, |_| {
        format!(
            "{} is to be signed by the root\nnext, on the machine with the root: lictor keys keyset sign --root root-….pem {} signed.json",
            file.display(),
            file.display()
        )
    });
    Ok(())
}

fn sign(common: &Common, root: &Path, request: &Path, file: &Path) -> Result<(), Failure> {
    let signed = sign_offline(root, request).map_err(|error| Failure::Refused(error.to_string()))?;
    let root_jwk: Value = serde_json::from_str(&signed.root).unwrap_or_default();
    write_new(file, &json!({ "keyset": signed.keyset, "root": root_jwk }))?;
    let keys = signed.claims.keys.iter().map(|key| json!({ "kid": key.kid(), "role": key.role().as_str() }));
    let revoked = signed.claims.revoked.iter();
    let revoked = revoked.map(|it| json!({ "kid": it.kid, "mode": it.mode.as_str() }));
    let answer = json!({
        "file": file, "issuer": signed.claims.iss, "seq": signed.claims.seq,
        "keys": keys.collect::<Vec<_>>(), "revoked": revoked.collect::<Vec<_>>(),
    });
    common.output().answer(&answer, |answer| {
        let line = |word: &str, item: &Value, member: &str| {
            let text = |name: &str| item[name].as_str().unwrap_or_default().to_owned();
            format!("  {word:<9} {} {}", text("kid"), text(member))
        };
        let items = |name: &str| answer[name].as_array().cloned().unwrap_or_default();
        let keys = items("keys").iter().map(|key| line("verifies", key, "role")).collect::<Vec<_>>();
        let gone = items("revoked").iter().map(|key| line("revoked", key, "mode")).collect::<Vec<_>>();
        format!(
            "signed key set {} of {}:\n{}\nnext: lictor keys keyset upload {}",
            answer["seq"],
            answer["issuer"].as_str().unwrap_or_default(),
            [keys, gone].concat().join("\n"),
            file.display()
        )
    });
    Ok(())
}

/// What stands after a change, in words.
fn told(answer: &Value, done: &str) -> String {
    let mut lines = Vec::new();
    let waiting = &answer["waiting"];
    let activates = waiting["activates"].as_array().is_some_and(|kids| !kids.is_empty());
    if waiting.is_null() || !activates {
        lines.extend(Some(done.to_owned()).filter(|done| !done.is_empty()));
    }
    if let Some(seq) = answer["published"]["seq"].as_u64() {
        lines.push(format!(
            "key set {seq} is published, since {}",
            answer["published"]["published_at"].as_str().unwrap_or("")
        ));
    }
    if waiting.is_object() {
        let then = if activates { "; the new key signs once it is published" } else { "" };
        lines.push(format!(
            "key set {} waits for the root, which is not here{then}\nnext: lictor keys keyset request FILE, sign it on the machine with the root, lictor keys keyset upload FILE",
            waiting["seq"]
        ));
    }
    if let Some(work) = answer["reissue"].as_object() {
        let state = match work["done_at"].as_str() {
            Some(at) => format!("done at {at}"),
            None => "goes on".to_owned(),
        };
        lines.push(format!(
            "re-issue: {state}; {} license keys re-issued, {} licenses looked at, {} failed",
            work["reissued"], work["looked_at"], work["failed"]
        ));
    }
    if lines.is_empty() {
        lines.push("no key set was published yet: clients believe the keys that they pin".to_owned());
    }
    lines.join("\n")
}

fn write_new(path: &Path, value: &Value) -> Result<(), Failure> {
    let write = || {
        use std::io::Write as _;
        let mut file = fs::OpenOptions::new().write(true).create_new(true).open(path)?;
        file.write_all(format!("{value:#}\n").as_bytes())?;
        file.sync_all()
    };
    write().map_err(|error| cannot("write", path, &error))
}

fn cannot(doing: &str, path: &Path, error: &std::io::Error) -> Failure {
    Failure::Refused(format!("cannot {doing} {}: {error}", path.display()))
}

/// The rehearsal; what went wrong is told by its steps.
pub(super) fn run_drill(common: &Common) -> Result<(), Failure> {
    crate::demo::drill(common.output().json)
        .map_err(|failure| Failure::Refused(format!("the drill failed: {failure}")))
}
