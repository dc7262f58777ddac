//! Opens a store in a database, which other processes may have opened too.

use std::path::Path;
use std::sync::Arc;

use super::open::{
    Create, FirstStart, OpenOptions, Opened, Surroundings, check_keys, keyring_settings, look_into,
    make_operator_token, move_misplaced_jobs, wire,
};
use super::start_error::StartError;
use crate::application::App;
use crate::domain::{Instant, TokenOwner};
use crate::signing::Keyring;
use crate::store::{Continuation, DatabaseAddress, PostgresEngine, RecordStore, StoreError};

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
        opening.await.map_err(|_| StartError::Store(StoreError::Closed))??
    };
    let keyring = if has_keys { Keyring::open(settings) } else { Keyring::create(settings) };
    let keyring = Arc::new(keyring?);
    let around = Surroundings::of(&options);
    let engine = engine.continued_by(continuation(address, &around, &keyring));
    let records = RecordStore::start(engine);
    let app = wire(around, &records, &keyring);
    match begin(&app, &records, &keyring, create, &data, &keys).await {
        Ok(first_start) => Ok(Opened { app, records, maintenance: None, first_start }),
        Err(error) => Err(records.close().await.err().map_or(error, StartError::StoreFailed)),
    }
}

/// What is done when a standby of the database was promoted, or the database was taken back: the same as after a restore.
/// Another store on it does it, while this one waits.
fn continuation(address: &DatabaseAddress, around: &Surroundings, keyring: &Arc<Keyring>) -> Continuation {
    let (address, around, keyring) = (address.clone(), around.clone(), Arc::clone(keyring));
    Box::new(move |had_until_ms| {
        let continuing = || continue_store(&address, &around, &keyring, had_until_ms);
        // A thread of its own: the caller may drive futures.
        std::thread::scope(|scope| scope.spawn(continuing).join().unwrap_or(Err(StoreError::Closed)))
    })
}

fn continue_store(
    address: &DatabaseAddress,
    around: &Surroundings,
    keyring: &Arc<Keyring>,
    had_until_ms: Option<i64>,
) -> Result<(), StoreError> {
    let failed = |why: String| StoreError::Unreachable { doing: "continuing the store", why };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| failed(error.to_string()))?;
    let records = RecordStore::start(PostgresEngine::open_to_continue(address)?);
    let app = wire(around.clone(), &records, keyring);
    runtime.block_on(async {
        let now = around.clock.now();
        let had_until = had_until_ms.and_then(Instant::from_timestamp_millis).unwrap_or(now).min(now);
        let continued = app.continue_after_restore(had_until).await.map_err(|error| failed(error.to_string()))?;
        records.close().await?;
        tracing::warn!(
            had_until = %had_until,
            next_lists = ?continued.next_lists,
            "a standby of the database was promoted, or the database was restored by its own means: what was answered \
             after this time and had not reached it is lost, unless the standby was synchronous. Status lists, certificates \
             and revisions go on with room for it; docs/operate.md says what to look after"
        );
        Ok(())
    })
}

/// A store that was just made from a backup; its keys must be those that signed.
pub(super) async fn open_restored(
    options: OpenOptions<'_>,
    engine: PostgresEngine,
) -> Result<Opened, StartError> {
    let keys = std::path::absolute(options.keys_dir).unwrap_or_else(|_| options.keys_dir.to_owned());
    let keyring = Arc::new(Keyring::open(keyring_settings(&options, keys.clone(), false))?);
    let records = RecordStore::start(engine);
    let app = wire(Surroundings::of(&options), &records, &keyring);
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
    keyring.vault().create()?;
    std::fs::create_dir_all(data)
        .map_err(|source| StartError::OperatorToken { path: data.to_owned(), source })?;
    Ok(Some(make_operator_token(app, "operator", data).await?))
}
