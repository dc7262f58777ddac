//! `lictor backup`

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use chrono::SecondsFormat;
use clap::Args;
use serde_json::{Value, json};

use super::encryption::{EncryptTo, EncryptedFile, Sealing};
use super::progress::Progress;
use super::{Common, Failure, SettingFlags};
use crate::age::{Encrypter, FileKey, Lock};
use crate::application::ports::Clock as _;
use crate::clock::SystemClock;
use crate::config::Settings;
use crate::domain::Instant;
use crate::service::{StorePlace, store_place};
use crate::signing::last_keys_backup;
use crate::store::{
    EmbeddedEngine, Engine, PostgresEngine, RecordStore, SnapshotSource, SnapshotSummary, verify_snapshot,
};

const MIB: u64 = 1 << 20;
const OWNER_ONLY: u32 = 0o600;
/// Records between two lines of progress.
const RECORDS_STEP: u64 = 10_000;

/// Writes a consistent backup of everything but the keys, through the running server.
#[derive(Debug, Args)]
pub struct Backup {
    /// The file to write; it must not be there yet.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Write over the file if it is there.
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    encrypt: EncryptTo,
    #[command(flatten)]
    settings: SettingFlags,
}

/// What is known of the last backup of the keys.
struct KeysKnown {
    last_at: Option<String>,
    not_in_it: Vec<String>,
}

impl Backup {
    /// Does it.
    pub fn run(self, common: &Common) -> Result<(), Failure> {
        if self.file.exists() && !self.force {
            let file = self.file.display();
            return Err(Failure::Refused(format!(
                "{file} is there already; name another file, or write over it with --force"
            )));
        }
        let lock = self.encrypt.lock()?;
        let beside = beside(&self.file);
        let taken = self.take(common, &beside, lock.as_ref());
        if taken.is_err() {
            // What was cut off is no backup; the error says why.
            let _ = std::fs::remove_file(&beside);
        }
        let (keys, summary) = taken?;
        put_in_place(&beside, &self.file)?;
        let taken_at = at_millis(summary.taken_at_ms);
        let answer = json!({
            "file": std::path::absolute(&self.file).unwrap_or(self.file),
            "bytes": summary.bytes,
            "records": summary.records,
            "taken_at": taken_at,
            "encrypted": lock.is_some(),
            "keys_backup": { "last_at": keys.last_at, "not_in_it": keys.not_in_it },
        });
        common.output().answer(&answer, words);
        Ok(())
    }

    /// Writes the file beside its final place and checks the whole of it there.
    fn take(
        &self,
        common: &Common,
        beside: &Path,
        lock: Option<&Lock>,
    ) -> Result<(KeysKnown, SnapshotSummary), Failure> {
        let file = OpenOptions::new().write(true).create(true).truncate(true).mode(OWNER_ONLY).open(beside);
        let file = file.map_err(|error| cannot("write", beside, &error))?;
        let (sink, file_key) = Sink::of(file, lock).map_err(|error| cannot("write", beside, &error))?;
        let keys = match self.through_server(common, sink) {
            Err(Failure::Unreachable(why)) => {
                // Nothing came: it is begun again.
                let file = File::create(beside).map_err(|error| cannot("write", beside, &error))?;
                let (sink, again) = Sink::of(file, lock).map_err(|error| cannot("write", beside, &error))?;
                let keys = self.directly(common, &why, sink)?;
                return Ok((keys, self.checked(common, beside, again)?));
            }
            other => other?,
        };
        Ok((keys, self.checked(common, beside, file_key)?))
    }

    /// Reads the whole file back, as a restore would.
    fn checked(
        &self,
        common: &Common,
        beside: &Path,
        file_key: Option<FileKey>,
    ) -> Result<SnapshotSummary, Failure> {
        let mut progress = Progress::of("checking the backup", "records", RECORDS_STEP, common.json);
        let source: Box<dyn SnapshotSource> = match file_key {
            Some(file_key) => Box::new(EncryptedFile { path: beside.to_owned(), file_key }),
            None => Box::new(beside.to_owned()),
        };
        let written = source.open().map_err(|error| Failure::Refused(error.to_string()))?;
        let checked = verify_snapshot(written, &mut |records| progress.at(records));
        let summary = checked.map_err(|error| {
            Failure::Refused(format!("the backup is not whole, and was thrown away: {error}; try again"))
        })?;
        let bytes = std::fs::metadata(beside).map_err(|error| cannot("read", beside, &error))?.len();
        Ok(SnapshotSummary { bytes, ..summary })
    }

    fn through_server(&self, common: &Common, mut sink: Sink) -> Result<KeysKnown, Failure> {
        let api = common.api()?;
        let known = api.get("/v1/server/keys-backup")?;
        let mut progress = Progress::of("backup", "MiB", 1, common.json);
        let loaded = api.download("/v1/server/backup", &mut sink, &mut |bytes| progress.at(bytes / MIB));
        loaded.map_err(|failure| match failure {
            // It answered just before: the folder may still be held.
            Failure::Unreachable(why) => Failure::Lost(why),
            other => other,
        })?;
        let names = known["not_in_it"].as_array().into_iter().flatten();
        Ok(KeysKnown {
            last_at: known["last_at"].as_str().map(str::to_owned),
            not_in_it: names.filter_map(|name| name.as_str().map(str::to_owned)).collect(),
        })
    }

    /// No server answers: the folder is opened directly if no process holds it.
    fn directly(&self, common: &Common, unreachable: &str, sink: Sink) -> Result<KeysKnown, Failure> {
        let settings = self.settings.load()?.settings;
        if let StorePlace::Database(address) = store_place(&settings.store)? {
            let opened = PostgresEngine::open_as_it_is(&address);
            let opened = opened.map_err(|error| Failure::Refused(error.to_string()))?;
            common.output().note(&format!("no server runs: reading {} directly", address.told()));
            write_directly(opened, common, sink)?;
            return known_of(&settings);
        }
        let data = settings.data_dir.clone();
        if !EmbeddedEngine::exists(&data) {
            return Err(Failure::Unreachable(format!(
                "{unreachable}\nand {} holds no store that could be opened directly; name it with --data-dir",
                data.display()
            )));
        }
        let opened = EmbeddedEngine::open(&data).map_err(|error| match error {
            crate::store::StoreError::Locked { .. } => Failure::Unreachable(format!(
                "{unreachable}\nand a process holds {}: name the address of that server with --url",
                data.display()
            )),
            other => Failure::Refused(other.to_string()),
        })?;
        common.output().note(&format!("no server runs: reading {} directly", data.display()));
        write_directly(opened, common, sink)?;
        known_of(&settings)
    }
}

fn write_directly(engine: impl Engine, common: &Common, sink: Sink) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::Refused(format!("cannot start: {error}")))?;
    let taken_at_ms = u64::try_from(SystemClock.now().timestamp_millis()).unwrap_or(0);
    let mut progress = Progress::of("backup", "records", RECORDS_STEP, common.json);
    runtime
        .block_on(async move {
            let records = RecordStore::start(engine);
            let written =
                records.write_snapshot(sink, taken_at_ms, move |records| progress.at(records)).await;
            records.close().await?;
            written.map(drop)
        })
        .map_err(|error| Failure::Refused(error.to_string()))
}

fn known_of(settings: &Settings) -> Result<KeysKnown, Failure> {
    let known = last_keys_backup(&settings.keys_dir).map_err(|error| Failure::Refused(error.to_string()))?;
    Ok(KeysKnown { last_at: known.last_at.map(text), not_in_it: known.not_in_it })
}

/// Where a backup is written; everything is on the disk once this was flushed, at its end.
enum Sink {
    Plain(Synced),
    Encrypted(Box<Sealing<Synced>>),
}

impl Sink {
    fn of(file: File, lock: Option<&Lock>) -> io::Result<(Self, Option<FileKey>)> {
        let file = Synced(BufWriter::with_capacity(1 << 20, file));
        let Some(lock) = lock else { return Ok((Self::Plain(file), None)) };
        let (sealing, key) = Encrypter::begin(file, lock).map_err(io::Error::other)?;
        Ok((Self::Encrypted(Box::new(Sealing(sealing))), Some(key)))
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(sink) => sink.write(bytes),
            Self::Encrypted(sink) => sink.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(sink) => sink.flush(),
            Self::Encrypted(sink) => sink.flush(),
        }
    }
}

struct Synced(BufWriter<File>);

impl Write for Synced {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()?;
        self.0.get_ref().sync_all()
    }
}

/// `FILE.part`: what is there is not whole.
fn beside(file: &Path) -> PathBuf {
    let mut name = file.file_name().unwrap_or_default().to_owned();
    name.push(".part");
    file.with_file_name(name)
}

fn put_in_place(beside: &Path, file: &Path) -> Result<(), Failure> {
    std::fs::rename(beside, file).map_err(|error| cannot("write", file, &error))?;
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let synced = File::open(folder).and_then(|folder| folder.sync_all());
    synced.map_err(|error| cannot("write", folder, &error))
}

/// Writes a file in one go: whoever reads it meanwhile has the one before.
pub(super) fn replaced(file: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let beside = beside(file);
    let written =
        File::create(&beside).and_then(|mut part| part.write_all(bytes).and_then(|()| part.sync_all()));
    written.map_err(|error| cannot("write", &beside, &error))?;
    put_in_place(&beside, file)
}

pub(super) fn cannot(doing: &str, path: &Path, error: &io::Error) -> Failure {
    Failure::Refused(format!("cannot {doing} {}: {error}", path.display()))
}

/// RFC 3339 UTC with whole seconds.
pub(super) fn text(instant: Instant) -> String {
    instant.to_rfc3339_opts(SecondsFormat::Secs, true)
}

fn at_millis(millis: u64) -> String {
    let instant = i64::try_from(millis).ok().and_then(Instant::from_timestamp_millis);
    instant.map(text).unwrap_or_default()
}

fn words(answer: &Value) -> String {
    let word = |name: &str| answer[name].as_str().unwrap_or("").to_owned();
    let number = |name: &str| answer[name].as_u64().unwrap_or(0);
    format!(
        "{} {} ({} bytes, {} records) of {}, checked\n{}",
        if answer["encrypted"] == true { "encrypted backup" } else { "backup" },
        word("file"),
        number("bytes"),
        number("records"),
        word("taken_at"),
        keys_words(&answer["keys_backup"])
    )
}

/// The keys are not in it: when they were last backed up, and how.
fn keys_words(keys: &Value) -> String {
    let newer = keys["not_in_it"].as_array().map_or(0, Vec::len);
    let next = "on the server's machine run: lictor keys backup FILE, and keep that file apart from this one";
    match (keys["last_at"].as_str(), newer) {
        (None, _) => format!("it holds no keys, and the keys have never been backed up: {next}"),
        (Some(at), 0) => format!("it holds no keys; they were all backed up at {at}"),
        (Some(at), newer) => format!(
            "it holds no keys; they were last backed up at {at}, and {newer} of them are newer than that: {next}"
        ),
    }
}
