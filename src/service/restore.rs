//! A store made again from a backup, ready for clients that remember a later time.

use std::fs;
use std::path::{Path, PathBuf};

use super::open::{Create, OpenOptions, Opened, StorePlace, make_operator_token, open};
use super::restore_shared;
use super::start_error::StartError;
use crate::application::{App, Continued, LicenseFilter, LicenseOrPurchase, UseCaseError};
use crate::domain::{Instant, MerchantId};
use crate::signing::Keyring;
use crate::store::{
    Direction, EmbeddedEngine, KeyRange, Kind, RecordStore, SCAN_RECORDS_MAX, SnapshotSource,
    SnapshotSummary, StoreError,
};

/// Inside the data folder, while a store is made in it. Whatever lies beside it came from an earlier try.
const RESTORING: &str = ".restoring";

/// What the operator's token is called that a restore makes.
pub(super) const TOKEN_NAME: &str = "operator-after-restore";

/// Why nothing was restored. There is no store in the data folder then.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// A store is there.
    #[error(
        "{data} holds a store, and nothing is ever written over one. Stop the server, move the folder away, and restore again: mv {data} {data}.before-restore"
    )]
    StoreThere {
        /// The data folder.
        data: PathBuf,
    },
    /// A server runs on it.
    #[error(
        "a running server holds {data}: stop it first, then move the folder away: mv {data} {data}.before-restore"
    )]
    Served {
        /// The data folder.
        data: PathBuf,
    },
    /// Something else is there.
    #[error(
        "{data} is not empty: move it away first, or name another folder: mv {data} {data}.before-restore"
    )]
    NotEmpty {
        /// The data folder.
        data: PathBuf,
    },
    /// The keys must be there first.
    #[error(
        "{keys} holds no keys, and a store without its keys cannot be served: bring them back first with `lictor keys restore FILE`, or name their folder with --keys-dir"
    )]
    KeysMissing {
        /// The keys folder.
        keys: PathBuf,
    },
    /// The backup is of other keys, or the store cannot be opened.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The backup is damaged, or the folder cannot be written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The step that makes it fit for its clients failed.
    #[error("the restored store could not be prepared for its clients: {0}")]
    Continue(#[from] UseCaseError),
    /// The operating system says no.
    #[error("cannot {doing} {path}: {source}")]
    Io {
        /// What was attempted.
        doing: &'static str,
        /// On what.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
}

/// What was restored.
#[derive(Debug)]
pub struct Restored {
    /// The data folder, absolute.
    pub data_dir: PathBuf,
    /// The database that holds the records instead of the folder, by host and name.
    pub database: Option<String>,
    /// How many records the backup holds.
    pub records: u64,
    /// Length of the backup, in bytes.
    pub bytes: u64,
    /// How many licenses of all merchants.
    pub licenses: u64,
    /// When the newest of them was made.
    pub newest_license_at: Option<Instant>,
    /// What the server goes on with.
    pub continued: Continued,
    /// Customers whose personal data was erased before the backup, and stays erased.
    pub erasures: u64,
    /// A new operator's token: the old one's file is not in a backup.
    pub operator_token_file: PathBuf,
}

/// A backup that is restored.
pub struct BackupFile<'a> {
    /// Where it lies.
    pub path: &'a Path,
    /// How it is read.
    pub source: &'a dyn SnapshotSource,
}

/// Makes the store of `backup` where `options` say: in a data folder that must be missing or empty, or in a database that must
/// be empty; its keys must be there. Cut off anywhere, it leaves nothing that would start, and may be repeated. `progress`
/// hears how many records were read, first while the backup is checked, then while it is copied.
pub async fn restore(
    options: OpenOptions<'_>,
    backup: BackupFile<'_>,
    progress: &mut dyn FnMut(u64),
) -> Result<Restored, RestoreError> {
    match options.store.clone() {
        StorePlace::Embedded => restore_embedded(options, backup, progress).await,
        StorePlace::Database(address) => {
            restore_shared::restore(options, &address, backup.source, progress).await
        }
    }
}

async fn restore_embedded(
    options: OpenOptions<'_>,
    backup: BackupFile<'_>,
    progress: &mut dyn FnMut(u64),
) -> Result<Restored, RestoreError> {
    let absolute = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let (data, keys) = (absolute(options.data_dir), absolute(options.keys_dir));
    require_room(&data, &absolute(backup.path))?;
    if !Keyring::exists(&keys) {
        return Err(RestoreError::KeysMissing { keys });
    }
    let making = data.join(RESTORING);
    let made =
        make(OpenOptions { data_dir: &making, create: Create::Never, ..options }, backup.source, progress)
            .await;
    let made = match made {
        Ok(made) => made,
        Err(error) => {
            // What could not be made is not left behind; the error says why.
            let _ = clear(&data);
            return Err(error);
        }
    };
    EmbeddedEngine::adopt(&making, &data)?;
    remove(&making)?;
    let operator_token_file = made.operator_token_file.file_name().map(|name| data.join(name));
    Ok(Restored {
        operator_token_file: operator_token_file.unwrap_or_else(|| data.clone()),
        data_dir: data,
        ..made
    })
}

/// Makes the store in a folder of its own, where no server looks for one.
async fn make(
    options: OpenOptions<'_>,
    backup: &dyn SnapshotSource,
    progress: &mut dyn FnMut(u64),
) -> Result<Restored, RestoreError> {
    let folder = options.data_dir.to_owned();
    let summary = EmbeddedEngine::restore(&folder, backup, progress)?;
    let opened = open(options).await?;
    let prepared = prepare(&opened, summary).await;
    let token = make_operator_token(&opened.app, TOKEN_NAME, &folder).await;
    opened.records.close().await?;
    Ok(Restored { operator_token_file: token?.operator_token_file, ..prepared? })
}

/// Makes the store fit for its clients, and says what it holds; the operator's token is the caller's to make.
pub(super) async fn prepare(
    Opened { app, records, .. }: &Opened,
    summary: SnapshotSummary,
) -> Result<Restored, RestoreError> {
    let taken_at = i64::try_from(summary.taken_at_ms).ok().and_then(Instant::from_timestamp_millis);
    let continued = app.continue_after_restore(taken_at.unwrap_or_default()).await?;
    let (mut licenses, mut newest_license_at, mut erasures) = (0, None, 0);
    for (merchant, _) in &continued.next_lists {
        licenses += count_licenses(records, merchant).await?;
        erasures += count_erasures(app, merchant).await?;
        let (page, _) = app.view_licenses(merchant, &LicenseFilter::default(), None, 1).await?;
        let newest = page.first().map(|entry| match entry {
            LicenseOrPurchase::License(license) => license.value.created_at,
            LicenseOrPurchase::Purchase(purchase) => purchase.value.received_at,
        });
        newest_license_at = newest_license_at.max(newest);
    }
    Ok(Restored {
        data_dir: PathBuf::new(),
        database: None,
        records: summary.records,
        bytes: summary.bytes,
        licenses,
        newest_license_at,
        erasures,
        continued,
        operator_token_file: PathBuf::new(),
    })
}

async fn count_erasures(app: &App, merchant: &MerchantId) -> Result<u64, UseCaseError> {
    let (mut count, mut after) = (0, None);
    loop {
        let page = app.erasures(merchant, after, 1_000).await?;
        let Some(last) = page.last() else { return Ok(count) };
        after = Some(last.customer);
        count += u64::try_from(page.len()).unwrap_or(0);
    }
}

async fn count_licenses(records: &RecordStore, merchant: &MerchantId) -> Result<u64, StoreError> {
    let unreadable = |error: crate::store::KeyError| StoreError::Damaged {
        place: merchant.to_string(),
        what: error.to_string(),
        next: "use another backup",
    };
    let mut range = KeyRange::kind(merchant.as_str(), Kind::License).map_err(unreadable)?;
    let mut count = 0;
    loop {
        let page = records.scan(range.clone(), Direction::Forward, SCAN_RECORDS_MAX).await?;
        let Some((last, _)) = page.last() else { return Ok(count) };
        count += u64::try_from(page.len()).unwrap_or(0);
        range = range.after(last);
    }
}

/// The data folder must have room for a store: missing, empty, or left behind by an earlier try.
fn require_room(data: &Path, backup: &Path) -> Result<(), RestoreError> {
    if EmbeddedEngine::exists(data) {
        let data = data.to_owned();
        return Err(if EmbeddedEngine::is_held(&data)? {
            RestoreError::Served { data }
        } else {
            RestoreError::StoreThere { data }
        });
    }
    // What is cleared away must not be what is to be restored.
    let is_elsewhere = !backup.starts_with(data);
    if data.join(RESTORING).exists() && is_elsewhere {
        return clear(data);
    }
    if entries_of(data)?.is_empty() { Ok(()) } else { Err(RestoreError::NotEmpty { data: data.to_owned() }) }
}

/// Removes what an earlier try has left; its own folder last, because it says whose the rest is.
fn clear(data: &Path) -> Result<(), RestoreError> {
    for path in entries_of(data)?.into_iter().filter(|path| !path.ends_with(RESTORING)) {
        remove(&path)?;
    }
    remove(&data.join(RESTORING))
}

/// What lies in a folder; a fresh disk's `lost+found` does not count.
fn entries_of(folder: &Path) -> Result<Vec<PathBuf>, RestoreError> {
    let io = |source| RestoreError::Io { doing: "list", path: folder.to_owned(), source };
    if !folder.exists() {
        return Ok(Vec::new());
    }
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(io)? {
        paths.push(entry.map_err(io)?.path());
    }
    paths.retain(|path| !path.ends_with("lost+found"));
    Ok(paths)
}

fn remove(path: &Path) -> Result<(), RestoreError> {
    let removed = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    match removed {
        Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
            Err(RestoreError::Io { doing: "remove", path: path.to_owned(), source })
        }
        Ok(()) | Err(_) => Ok(()),
    }
}
