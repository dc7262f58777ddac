//! `lictor store move`

use std::path::{Path, PathBuf};

use clap::Args;
use secrecy::SecretString;

use super::store_move_answer::{Watch, answer, words};
use super::store_move_server::RunningServer;
use super::{Common, Failure, SettingFlags};
use crate::application::ports::Clock as _;
use crate::clock::SystemClock;
use crate::config::{Settings, StoreChoice};
use crate::service::{self, OPERATOR_TOKEN_FILE, StorePlace};
use crate::store::{
    Arriving, BulkWriter, DatabaseAddress, DatabaseSource, EmbeddedEngine, EmbeddedFiles, MoveError, MoveId,
    MoveReport, Moved, SourceServer, StoppedStore, StoreError, move_to_database, move_to_folder,
};

/// What a data folder may hold that a store moves into.
const MAY_HOLD: &[&str] = &[OPERATOR_TOKEN_FILE, "lost+found"];

const PLACES: &str = "\
A PLACE is `embedded` (the data folder of the settings), the path of a data folder, a database `postgres://…`, or `file:PATH` of a
file that holds a database's address: what stands in a command line can be seen by others on the machine.

A running server of the embedded store goes on until the last seconds: the command finds it by --url and an operator's token. With a
database all its servers go on. When the old place has let go of the records it is not served any more; start the servers with
LICTOR_STORE naming the new one. Cut off, the same command goes on or begins anew, and --undo gives up.

Exit codes: 0 done, 1 refused or not the same at both places, 2 wrong usage, 3 a place cannot be reached";

/// Moves everything but the keys between the embedded store and a database, while it is served.
#[derive(Debug, Args)]
#[command(after_help = PLACES)]
pub struct Move {
    /// Where the records are.
    #[arg(long, value_name = "PLACE")]
    from: String,
    /// Where they go: an empty database, or a data folder that is missing or empty.
    #[arg(long, value_name = "PLACE")]
    to: String,
    /// Give up a move that was cut off: the old place is served again, what came to the new one is dropped.
    #[arg(long)]
    undo: bool,
    #[command(flatten)]
    settings: SettingFlags,
}

/// Where records are, or go.
pub(super) enum Place {
    Folder(PathBuf),
    Database(Box<DatabaseAddress>),
}

/// A move that was done, now or before.
pub(super) enum Done {
    Moved(Box<MoveReport>),
    /// The records had left before; nothing was to be done but the last step, if that.
    WentOn(MoveId),
    Undone,
}

impl Move {
    /// Does it.
    pub fn run(self, common: &Common) -> Result<(), Failure> {
        let settings = self.settings.load()?.settings;
        let (from, to) =
            (Place::read("--from", &self.from, &settings)?, Place::read("--to", &self.to, &settings)?);
        let done = match (&from, &to) {
            (Place::Folder(folder), Place::Database(database)) if self.undo => undo_to_database(folder, database),
            (Place::Folder(folder), Place::Database(database)) => to_database(common, folder, database),
            (Place::Database(database), Place::Folder(folder)) if self.undo => undo_to_folder(database, folder),
            (Place::Database(database), Place::Folder(folder)) => to_folder(common, database, folder),
            (Place::Folder(_), Place::Folder(_)) => Err(Failure::Refused(
                "both places are data folders: a folder is moved by stopping its server and `mv`; nothing was changed"
                    .to_owned(),
            )),
            (Place::Database(_), Place::Database(_)) => Err(Failure::Refused(
                "both places are databases: a database is moved by its own means, such as replication or pg_dump; \
                 nothing was changed"
                    .to_owned(),
            )),
        }?;
        common.output().answer(&answer(&done, &from, &to), words);
        Ok(())
    }
}

impl Place {
    fn read(flag: &str, text: &str, settings: &Settings) -> Result<Self, Failure> {
        let folder = |path: PathBuf| Self::Folder(std::path::absolute(&path).unwrap_or(path));
        let choice = if text == "embedded" {
            return Ok(folder(settings.data_dir.clone()));
        } else if let Some(path) = text.strip_prefix("file:").filter(|path| !path.is_empty()) {
            StoreChoice::PostgresFrom(PathBuf::from(path))
        } else if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            StoreChoice::Postgres(SecretString::from(text))
        } else if text.is_empty() || text.contains("://") || text.starts_with("file:") {
            // What it says may hold a password.
            return Err(Failure::Usage(format!(
                "{flag} must be `embedded`, the path of a data folder, `postgres://…` or `file:PATH` of a file that holds \
                 a database's address"
            )));
        } else {
            return Ok(folder(PathBuf::from(text)));
        };
        match service::store_place(&choice) {
            Ok(StorePlace::Database(address)) => Ok(Self::Database(address)),
            Ok(StorePlace::Embedded) => Ok(folder(settings.data_dir.clone())),
            Err(error) => Err(Failure::Usage(format!("{flag}: {error}"))),
        }
    }

    /// In words without a secret.
    pub(super) fn told(&self) -> String {
        match self {
            Self::Folder(path) => path.display().to_string(),
            Self::Database(address) => format!("the database {}", address.told()),
        }
    }

    /// How the next start finds it.
    pub(super) fn next(&self) -> String {
        match self {
            Self::Folder(path) => format!("LICTOR_STORE=embedded LICTOR_DATA_DIR={}", path.display()),
            Self::Database(_) => "LICTOR_STORE naming that database".to_owned(),
        }
    }
}

fn to_database(common: &Common, folder: &Path, database: &DatabaseAddress) -> Result<Done, Failure> {
    if let Some(moved) = EmbeddedFiles::moved(folder).map_err(store)? {
        EmbeddedFiles::end_moved(folder).map_err(store)?;
        return went_on(
            BulkWriter::go_on(database, moved.id).map_err(store)?,
            &moved,
            &folder.display().to_string(),
        );
    }
    if !EmbeddedEngine::exists(folder) {
        return Err(Failure::Refused(format!(
            "{} holds no store: name the data folder of the server with --from; nothing was changed",
            folder.display()
        )));
    }
    let files = EmbeddedFiles::of(folder).map_err(store)?;
    BulkWriter::look(database).map_err(store)?;
    let server: Box<dyn SourceServer> = if EmbeddedEngine::is_held(folder).map_err(store)? {
        Box::new(RunningServer::of(common, &files)?)
    } else {
        common.output().note(&format!("no server runs: reading {} directly", folder.display()));
        Box::new(StoppedStore::of(EmbeddedEngine::open(folder).map_err(store)?))
    };
    let mut watch = Watch::of(common);
    let report = move_to_database(&files, server.as_ref(), database, &now_ms, &mut |stage, count| {
        watch.at(stage, count)
    });
    drop(watch);
    report.map(|report| Done::Moved(Box::new(report))).map_err(failure)
}

fn to_folder(common: &Common, database: &DatabaseAddress, folder: &Path) -> Result<Done, Failure> {
    if let Some(moved) = DatabaseSource::moved(database).map_err(store)? {
        return went_on(Arriving::go_on(folder, moved.id).map_err(store)?, &moved, &database.told());
    }
    let source = DatabaseSource::of(database).map_err(store)?;
    let mut watch = Watch::of(common);
    let report =
        move_to_folder(&source, folder, MAY_HOLD, &now_ms, &mut |stage, count| watch.at(stage, count));
    drop(watch);
    report.map(|report| Done::Moved(Box::new(report))).map_err(failure)
}

fn went_on(is_here: bool, moved: &Moved, from: &str) -> Result<Done, Failure> {
    if is_here {
        return Ok(Done::WentOn(moved.id));
    }
    Err(Failure::Refused(format!(
        "{from}: its records were moved to {} at {}, and nothing of that move is at the place that --to names; name that place",
        moved.to,
        moved.at()
    )))
}

/// The copy goes first: what is not there cannot be served.
fn undo_to_database(folder: &Path, database: &DatabaseAddress) -> Result<Done, Failure> {
    let moved = EmbeddedFiles::moved(folder).map_err(store)?;
    if let Some(moved) = &moved
        && BulkWriter::has_arrived(database, moved.id).map_err(store)?
    {
        return Err(has_ended(moved));
    }
    BulkWriter::look(database).map_err(store)?;
    BulkWriter::begin(database).and_then(BulkWriter::undo).map_err(store)?;
    if moved.is_some() {
        EmbeddedFiles::take_back(folder).map_err(store)?;
    }
    Ok(Done::Undone)
}

fn undo_to_folder(database: &DatabaseAddress, folder: &Path) -> Result<Done, Failure> {
    let moved = DatabaseSource::moved(database).map_err(store)?;
    if let Some(moved) = &moved
        && Arriving::has_arrived(folder, moved.id).map_err(store)?
    {
        return Err(has_ended(moved));
    }
    Arriving::undo(folder, MAY_HOLD).map_err(store)?;
    if moved.is_some() {
        DatabaseSource::take_back(database).map_err(store)?;
    }
    Ok(Done::Undone)
}

fn has_ended(moved: &Moved) -> Failure {
    Failure::Refused(format!(
        "the move to {} has ended, and what was served from there since would be lost: move it back with --from and --to the \
         other way round, to an empty place; nothing was changed",
        moved.to
    ))
}

fn now_ms() -> u64 {
    u64::try_from(SystemClock.now().timestamp_millis()).unwrap_or(0)
}

/// With the exit code that fits.
pub(super) fn failure(error: MoveError) -> Failure {
    match error {
        MoveError::Store(error) => store(error),
        MoveError::Server { why, is_reached: false } => Failure::Unreachable(why),
        other @ (MoveError::Server { .. } | MoveError::Differs { .. }) => Failure::Refused(other.to_string()),
    }
}

fn store(error: StoreError) -> Failure {
    match error {
        StoreError::Unreachable { doing, why } => Failure::Unreachable(format!(
            "the database cannot be used, {doing}: {why}; look after it and run the same command again"
        )),
        StoreError::OutcomeLost { why } => Failure::Lost(format!(
            "the database did not say whether it did the last step: {why}; run the same command again: it finds out"
        )),
        other => Failure::Refused(other.to_string()),
    }
}
