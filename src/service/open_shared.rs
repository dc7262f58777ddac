//! Opens a store in a database, which other processes may have opened too.

use std::path::Path;
use std::sync::Arc;

use super::open::{
    Create, FirstStart, OpenOptions, Opened, check_keys, keyring_settings, look_into, make_operator_token,
    move_misplaced_jobs, wire,
};
use super::start_error::StartError;
use crate::application::App;
use crate::domain::TokenOwner;
use crate::signing::Keyring;
use crate::store::{DatabaseAddress, PostgresEngine, RecordStore};

/// Replicas make no keys: two that started at once would make two. `init` makes them, in one place, for all.
pub(super) async fn open(options: OpenOptions<'_>, address: &DatabaseAddress) -> Result<Opened, StartError> {
    let absolute = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let (data, keys) = (absolute(options.data_dir), absolute(options.keys_dir));
    look_into(&keys)?;
    let (create, has_keys) = (options.create, Keyring::exists(&keys));
    if !has_keys && create != Create::Always {
        return Err(StartError::ReplicaWithoutKeys { keys, database: address.told() });
    }
    let settings = keyring_settings(&options, keys.clone(), create == Create::Always);
    let engine = {
        let address = address.clone();
        let opening = tokio::task::spawn_blocking(move || PostgresEngine::open(&address));
        opening.await.map_err(|_| StartError::Store(crate::store::StoreError::Closed))??
    };
    let records = RecordStore::start(engine);
    let keyring = if has_keys { Keyring::open(settings) } else { Keyring::create(settings) };
    let keyring = match keyring {
        Ok(keyring) => Arc::new(keyring),
        Err(error) => {
            records.close().await.map_err(StartError::StoreFailed)?;
            return Err(error.into());
        }
    };
    let app = wire(options, &records, &keyring);
    match begin(&app, &records, &keyring, create, &data, &keys).await {
        Ok(first_start) => Ok(Opened { app, records, maintenance: None, first_start }),
        Err(error) => Err(records.close().await.err().map_or(error, StartError::StoreFailed)),
    }
}

/// A store that was just made from a backup; its keys must be those that signed.
pub(super) async fn open_restored(
    options: OpenOptions<'_>,
    engine: PostgresEngine,
) -> Result<Opened, StartError> {
    let keys = std::path::absolute(options.keys_dir).unwrap_or_else(|_| options.keys_dir.to_owned());
    let keyring = Arc::new(Keyring::open(keyring_settings(&options, keys.clone(), false))?);
    let records = RecordStore::start(engine);
    let app = wire(options, &records, &keyring);
    match check_keys(&app, &keyring, &keys).await {
        Ok(_merchants) => Ok(Opened { app, records, maintenance: None, first_start: None }),
        Err(error) => Err(records.close().await.err().map_or(error, StartError::StoreFailed)),
    }
}

/// Leases of jobs are left as they are: other replicas hold them.
async fn begin(
    app: &App,
    records: &RecordStore,
    keyring: &Keyring,
    create: Create,
    data: &Path,
    keys: &Path,
) -> Result<Option<FirstStart>, StartError> {
    let merchants = check_keys(app, keyring, keys).await?;
    move_misplaced_jobs(records).await?;
    if create != Create::Always {
        return Ok(None);
    }
    let is_new = merchants.is_empty() && app.api_tokens(&TokenOwner::Server).await?.is_empty();
    if !is_new {
        return Err(StartError::DatabaseInUse { keys: keys.to_owned() });
    }
    std::fs::create_dir_all(data)
        .map_err(|source| StartError::OperatorToken { path: data.to_owned(), source })?;
    Ok(Some(make_operator_token(app, "operator", data).await?))
}
