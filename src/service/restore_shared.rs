//! A store made again from a backup in a database.

use std::path::Path;

use secrecy::ExposeSecret;

use super::open::{OPERATOR_TOKEN_FILE, OpenOptions, Opened, make_operator_token};
use super::open_shared;
use super::restore::{RestoreError, Restored, TOKEN_NAME, prepare};
use super::start_error::StartError;
use crate::application::App;
use crate::http::token_digest;
use crate::signing::Keyring;
use crate::store::{BulkWriter, DatabaseAddress, PostgresEngine, SnapshotSource, SnapshotSummary};

/// Until the last step the database is marked, and nothing starts on it. What is found out only then, such as other keys, empties
/// it again; what cuts this off leaves the mark, and the next try begins anew.
pub(super) async fn restore(
    options: OpenOptions<'_>,
    address: &DatabaseAddress,
    backup: &dyn SnapshotSource,
    progress: &mut dyn FnMut(u64),
) -> Result<Restored, RestoreError> {
    let absolute = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let (data, keys) = (absolute(options.data_dir), absolute(options.keys_dir));
    if !Keyring::exists(&keys) {
        return Err(RestoreError::KeysMissing { keys });
    }
    let (summary, database) = PostgresEngine::restore(address, backup, progress)?;
    match fit(options, address, &database, summary, &data).await {
        Ok(restored) => {
            database.finish()?;
            Ok(Restored { data_dir: data, database: Some(address.told()), ..restored })
        }
        Err(error) => {
            // The error says why; a mark that stays says the rest.
            let _ = database.undo();
            Err(error)
        }
    }
}

async fn fit(
    options: OpenOptions<'_>,
    address: &DatabaseAddress,
    database: &BulkWriter,
    summary: SnapshotSummary,
    data: &Path,
) -> Result<Restored, RestoreError> {
    let engine = PostgresEngine::open_filled(address, database.mark())?;
    let opened = open_shared::open_restored(options, engine).await?;
    let restored = fit_opened(&opened, summary, data).await;
    opened.records.close().await?;
    restored
}

async fn fit_opened(
    opened: &Opened,
    summary: SnapshotSummary,
    data: &Path,
) -> Result<Restored, RestoreError> {
    std::fs::create_dir_all(data).map_err(|source| RestoreError::Io {
        doing: "make",
        path: data.to_owned(),
        source,
    })?;
    opened.app.take_back_job_leases().await?;
    let restored = prepare(opened, summary).await?;
    let operator_token_file = match token_that_stands(&opened.app, data).await? {
        Some(file) => file,
        None => make_operator_token(&opened.app, TOKEN_NAME, data).await?.operator_token_file,
    };
    Ok(Restored { operator_token_file, ..restored })
}

/// The token's file lies beside the database and may have outlived it. What the store knows is left as it is; what it
/// does not know, or has revoked, makes room.
async fn token_that_stands(app: &App, data: &Path) -> Result<Option<std::path::PathBuf>, StartError> {
    let path = data.join(OPERATOR_TOKEN_FILE);
    let failed = |source| StartError::OperatorToken { path: path.clone(), source };
    let text = match std::fs::read_to_string(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        read => secrecy::SecretString::from(read.map_err(failed)?.trim()),
    };
    if app.authenticate(&token_digest(text.expose_secret())).await.is_ok() {
        return Ok(Some(path));
    }
    std::fs::rename(&path, data.join(format!("{OPERATOR_TOKEN_FILE}.before-restore"))).map_err(failed)?;
    Ok(None)
}
