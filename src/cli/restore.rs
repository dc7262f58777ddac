//! `lictor restore`

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use serde_json::{Value, json};

use super::backup::text;
use super::encryption::DecryptWith;
use super::progress::Progress;
use super::{Failure, Output, SettingFlags};
use crate::clock::SystemClock;
use crate::config::{SecretResolver, Settings};
use crate::service::{
    self, BackupFile, Create, OpenOptions, RestoreError, Restored, ServerSecrets, StorePlace,
};
use crate::webhooks::SendRules;

/// Records between two lines of progress.
const RECORDS_STEP: u64 = 10_000;

/// Makes the store again from a backup, in a data folder that is missing or empty, or in an empty database; needs no server.
#[derive(Debug, Args)]
pub struct Restore {
    /// The backup, as `lictor backup` wrote it.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Where: `embedded`, `postgres://…` or `file:PATH` of a file that holds such an address [default: LICTOR_STORE].
    #[arg(long, value_name = "STORE", conflicts_with = "store")]
    to: Option<String>,
    #[command(flatten)]
    decrypt: DecryptWith,
    #[command(flatten)]
    settings: SettingFlags,
}

impl Restore {
    /// Does it.
    pub fn run(self, output: Output) -> Result<(), Failure> {
        let settings = match self.to {
            Some(store) => self.settings.with("store", store),
            None => self.settings,
        };
        let settings = settings.load()?.settings;
        let store = service::store_place(&settings.store)?;
        let source = self.decrypt.source(&self.file)?;
        let backup = BackupFile { path: &self.file, source: source.as_ref() };
        let restored = restore(&settings, store, backup, output.json)
            .map_err(|error| Failure::Refused(format!("nothing was restored: {error}")))?;
        output.answer(&answer(&restored), words);
        Ok(())
    }
}

fn restore(
    settings: &Settings,
    store: StorePlace,
    backup: BackupFile<'_>,
    json: bool,
) -> Result<Restored, RestoreError> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let failed =
        |source| RestoreError::Io { doing: "start the restore of", path: backup.path.to_owned(), source };
    let options = OpenOptions {
        store,
        data_dir: &settings.data_dir,
        keys_dir: &settings.keys_dir,
        public_url: settings.public_base_url(),
        create: Create::Never,
        marketplace_timeout: settings.marketplace_timeout,
        retention: settings.retention(),
        clock: Arc::new(SystemClock),
        secrets: Arc::new(ServerSecrets(SecretResolver::of_process())),
        webhooks: SendRules::default(),
    };
    let mut progress = Progress::of("restoring", "records", RECORDS_STEP, json);
    runtime.map_err(failed)?.block_on(service::restore(options, backup, &mut |records| progress.at(records)))
}

fn answer(restored: &Restored) -> Value {
    let lists = restored.continued.next_lists.iter();
    let lists: Vec<Value> = lists
        .map(|(merchant, list)| json!({ "merchant": merchant.as_str(), "next_status_list": list }))
        .collect();
    json!({
        "data_dir": restored.data_dir,
        "database": restored.database,
        "taken_at": text(restored.continued.restore.taken_at),
        "restored_at": text(restored.continued.restore.restored_at),
        "bytes": restored.bytes,
        "records": restored.records,
        "licenses": restored.licenses,
        "newest_license_at": restored.newest_license_at.map(text),
        "merchants": lists,
        "erasures": restored.erasures,
        "operator_token_file": restored.operator_token_file,
    })
}

fn words(answer: &Value) -> String {
    let word = |name: &str| answer[name].as_str().unwrap_or("none").to_owned();
    let place = if answer["database"].is_null() { "data_dir" } else { "database" };
    format!(
        "restored {} as it was at {}\n  licenses: {}, the newest of {}\n  merchants: {}\n  \
         an operator's API token is in {}\nwhat happened after {} is lost; docs/operate.md says what to do about it\n\
         {} erasures of personal data are in it: repeat later ones with `lictor customer erase --from-list FILE`\n\
         next: start the server with `lictor serve`; its clients go on by themselves",
        word(place),
        word("taken_at"),
        answer["licenses"],
        word("newest_license_at"),
        answer["merchants"].as_array().map_or(0, Vec::len),
        word("operator_token_file"),
        word("taken_at"),
        answer["erasures"],
    )
}
