//! Opens data and keys together, or makes both: never one without the other.

use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};

use super::open_shared;
use super::start_error::StartError;
use crate::application::ports::{Clock, SecretSource};
use crate::application::{App, LicenseFilter, LicenseOrPurchase, Outbound, UseCaseError};
use crate::domain::{Actor, Merchant, Scope, TokenOwner};
use crate::http::{token_digest, token_text};
use crate::marketplace::MarketplaceOrders;
use crate::randomness::{SystemRandomness, random_bytes};
use crate::signing::{Keyring, KeyringSettings};
use crate::store::{
    DatabaseAddress, DiskReserve, EmbeddedEngine, FileSystem, Maintenance, RecordStore, Repository,
    UpkeepOptions, make_room_to_open,
};
use crate::webhooks::{SendRules, SystemNames, WebhookSender};

/// Name of the file that holds the operator's first token.
pub const OPERATOR_TOKEN_FILE: &str = "operator-token";

/// Whether an empty data folder and an empty keys folder may be filled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Create {
    /// They must hold something already.
    Never,
    /// They are filled if both are empty.
    IfAbsent,
    /// They must be empty: `lictor init`.
    Always,
}

/// Where the records are.
#[derive(Debug, Clone)]
pub enum StorePlace {
    /// In the data folder, for this process alone.
    Embedded,
    /// In a database, for any number of processes.
    Database(Box<DatabaseAddress>),
}

/// What to open.
pub struct OpenOptions<'a> {
    /// Where the records are.
    pub store: StorePlace,
    /// The data folder. Beside a database it holds the operator's first token and nothing else.
    pub data_dir: &'a Path,
    /// The keys folder.
    pub keys_dir: &'a Path,
    /// Where the server is seen from outside, without a trailing slash.
    pub public_url: String,
    /// Whether data and keys may be made.
    pub create: Create,
    /// How long one call to a marketplace may take.
    pub marketplace_timeout: Duration,
    /// After which time the personal data of what has ended is erased.
    pub retention: Option<Duration>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// Finds secrets that records only refer to.
    pub secrets: Arc<dyn SecretSource>,
    /// Where events may be sent.
    pub webhooks: SendRules,
}

/// What the first start made.
pub struct FirstStart {
    /// The file that holds the operator's token.
    pub operator_token_file: PathBuf,
    /// The token itself; shown on a terminal only.
    pub operator_token: SecretString,
}

/// What is open.
pub struct Opened {
    /// The use cases.
    pub app: Arc<App>,
    /// The store below them.
    pub records: RecordStore,
    /// What keeps an embedded store in order; it ends when the store is closed.
    pub maintenance: Option<Maintenance>,
    /// What was made, if this was the first start.
    pub first_start: Option<FirstStart>,
}

/// A new API token.
pub fn new_token_text() -> SecretString {
    token_text(&random_bytes())
}

/// Opens store and keys, or makes both when both are empty. Refuses everything else with the next step.
pub async fn open(options: OpenOptions<'_>) -> Result<Opened, StartError> {
    match options.store.clone() {
        StorePlace::Embedded => open_embedded(options).await,
        StorePlace::Database(address) => open_shared::open(options, &address).await,
    }
}

async fn open_embedded(options: OpenOptions<'_>) -> Result<Opened, StartError> {
    let absolute = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let (data, keys) = (absolute(options.data_dir), absolute(options.keys_dir));
    for folder in [&data, &keys] {
        look_into(folder)?;
    }
    EmbeddedEngine::refuse_moved(&data)?;
    let (has_data, has_keys) = (EmbeddedEngine::exists(&data), Keyring::exists(&keys));
    match (has_data, has_keys, options.create) {
        (true, false, _) => return Err(StartError::KeysMissing { data, keys }),
        // A claim key alone has signed nothing: a first start was cut off, and goes on.
        (false, true, Create::IfAbsent | Create::Always) if !Keyring::has_merchants(&keys) => {}
        (false, true, _) => return Err(StartError::DataMissing { data, keys }),
        (true, true, Create::Always) => return Err(StartError::AlreadyThere { data, keys }),
        (false, false, Create::Never) => return Err(StartError::NothingThere { data, keys }),
        (true, true, Create::Never | Create::IfAbsent) => {}
        (false, false, Create::IfAbsent | Create::Always) => {}
    }
    let settings = keyring_settings(&options, keys.clone(), true);
    make_room_to_open(&data, &FileSystem::holding(&data))?;
    let (engine, keyring) = match (has_data, has_keys) {
        (true, _) => (EmbeddedEngine::open(&data)?, Keyring::open(settings)?),
        (false, true) => (EmbeddedEngine::create(&data)?, Keyring::open(settings)?),
        (false, false) => make_both(&data, settings)?,
    };
    let keyring = Arc::new(keyring);
    let reserve = DiskReserve::of(&data, FileSystem::holding(&data));
    if let Some(index) = engine.index_pause() {
        reserve.hold_back_when_full(move |is_full| if is_full { index.pause() } else { index.resume() });
    }
    let maintenance = Some(start_maintenance(&engine, Arc::clone(&options.clock))?);
    let records = RecordStore::start(engine).with_reserve(Arc::clone(&reserve));
    let around = Surroundings { alone: true, ..Surroundings::of(&options) };
    let app = wire(around, &records, &keyring);
    match begin(&app, &records, &keyring, &data, &keys).await {
        Ok(first_start) => {
            reserve.watch();
            Ok(Opened { app, records, maintenance, first_start })
        }
        // What the store itself met is told rather than what came of it.
        Err(error) => Err(records.close().await.err().map_or(error, StartError::StoreFailed)),
    }
}

pub(super) fn keyring_settings(
    options: &OpenOptions<'_>,
    folder: PathBuf,
    may_create: bool,
) -> KeyringSettings {
    let public_url = options.public_url.clone();
    KeyringSettings { folder, public_url, may_create, randomness: Arc::new(random_bytes) }
}

/// What the use cases are given besides a store and keys.
#[derive(Clone)]
pub(super) struct Surroundings {
    pub(super) clock: Arc<dyn Clock>,
    secrets: Arc<dyn SecretSource>,
    marketplace_timeout: Duration,
    retention: Option<Duration>,
    webhooks: SendRules,
    /// Whether no other process has the store.
    pub(super) alone: bool,
}

impl Surroundings {
    pub(super) fn of(options: &OpenOptions<'_>) -> Self {
        let (clock, secrets) = (Arc::clone(&options.clock), Arc::clone(&options.secrets));
        let (marketplace_timeout, retention) = (options.marketplace_timeout, options.retention);
        let webhooks = options.webhooks.clone();
        Self { clock, secrets, marketplace_timeout, retention, webhooks, alone: false }
    }
}

/// The use cases over their ports.
pub(super) fn wire(around: Surroundings, records: &RecordStore, keyring: &Arc<Keyring>) -> Arc<App> {
    let Surroundings { clock, secrets, marketplace_timeout, retention, webhooks, alone } = around;
    let outbound = outbound(webhooks, keyring, Arc::clone(&secrets));
    let marketplaces = Arc::new(MarketplaceOrders::new(secrets, Arc::clone(&clock), marketplace_timeout));
    let app = App::new(
        Arc::new(Repository::new(records.clone())),
        Arc::clone(keyring) as _,
        clock,
        Arc::new(SystemRandomness::default()),
        Arc::clone(&marketplaces) as _,
    );
    let app = app.with_marketplaces(marketplaces).with_call_time(marketplace_timeout);
    Arc::new(app.with_retention(retention).with_outbound(outbound).with_own_store(alone))
}

/// What events are sent with.
pub fn outbound(rules: SendRules, keyring: &Keyring, secrets: Arc<dyn SecretSource>) -> Outbound {
    let sender = Arc::new(WebhookSender::new(rules, Arc::new(SystemNames)));
    Outbound { sender, vault: Arc::new(keyring.vault()), secrets }
}

/// Makes the vault's key where nothing is sealed yet. A key that was lost is not replaced: nothing would open with another.
async fn prepare_vault(app: &App, keyring: &Keyring) -> Result<(), StartError> {
    let vault = keyring.vault();
    if vault.exists() {
        return Ok(());
    }
    if app.has_sealed_secrets().await? {
        tracing::error!(
            "keys/vault.key is missing, and secrets are sealed under it: nothing is signed with them until the file is \
             brought back from a backup of the keys folder"
        );
        return Ok(());
    }
    vault.create()?;
    Ok(())
}

/// What is checked and made before the first request.
async fn begin(
    app: &App,
    records: &RecordStore,
    keyring: &Keyring,
    data: &Path,
    keys: &Path,
) -> Result<Option<FirstStart>, StartError> {
    let merchants = check_keys(app, keyring, keys).await?;
    move_misplaced_jobs(records).await?;
    app.take_back_job_leases().await?;
    prepare_vault(app, keyring).await?;
    // Also after a first start that was cut off before anybody could do anything.
    let nobody_yet = merchants.is_empty() && app.api_tokens(&TokenOwner::Server).await?.is_empty();
    Ok(if nobody_yet { Some(make_operator_token(app, "operator", data).await?) } else { None })
}

/// Puts jobs where they are looked for, if an earlier build kept them elsewhere.
pub(super) async fn move_misplaced_jobs(records: &RecordStore) -> Result<(), StartError> {
    let moved = Repository::new(records.clone()).move_misplaced_jobs().await.map_err(UseCaseError::from)?;
    if moved > 0 {
        tracing::info!(moved, "jobs were moved to where this version keeps them");
    }
    Ok(())
}

/// Every merchant's keys are there, and have signed its newest license.
pub(super) async fn check_keys(
    app: &App,
    keyring: &Keyring,
    keys: &Path,
) -> Result<Vec<Merchant>, StartError> {
    let merchants = app.merchants().await?;
    app.follow_key_rings().await?;
    for merchant in &merchants {
        keyring.load_merchant(merchant)?;
        check_newest_license(app, keyring, merchant, keys).await?;
    }
    Ok(merchants)
}

/// What cannot be looked into must not pass for empty.
pub(super) fn look_into(folder: &Path) -> Result<(), StartError> {
    match std::fs::read_dir(folder) {
        Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
            Err(StartError::Unreadable { path: folder.to_owned(), source })
        }
        Ok(_) | Err(_) => Ok(()),
    }
}

/// Snapshots when they are due, and the slow scrub.
fn start_maintenance(engine: &EmbeddedEngine, clock: Arc<dyn Clock>) -> Result<Maintenance, StartError> {
    let now_ms = move || u64::try_from(clock.now().timestamp_millis()).unwrap_or(0);
    Ok(Maintenance::start(engine.upkeep(), UpkeepOptions::default(), now_ms)?)
}

/// A folder that cannot be filled must not leave the other one filled: the next start would take that for a lost half.
fn make_both(data: &Path, settings: KeyringSettings) -> Result<(EmbeddedEngine, Keyring), StartError> {
    let keys = settings.folder.clone();
    let keys_were_there = keys.exists();
    let keyring = Keyring::create(settings)?;
    match EmbeddedEngine::create(data) {
        Ok(engine) => Ok((engine, keyring)),
        Err(error) => {
            keyring.take_back()?;
            if !keys_were_there {
                // An empty folder that stays does no harm.
                let _ = std::fs::remove_dir(&keys);
            }
            Err(error.into())
        }
    }
}

/// Keys that did not sign the newest license are other keys: every license would be re-issued under them.
async fn check_newest_license(
    app: &App,
    keyring: &Keyring,
    merchant: &Merchant,
    keys: &Path,
) -> Result<(), StartError> {
    let (newest, _) = app.view_licenses(&merchant.id, &LicenseFilter::default(), None, 20).await?;
    for entry in newest {
        // What has not begun was never signed.
        if let LicenseOrPurchase::License(license) = entry
            && license.value.awaits().is_none()
        {
            let signed = keyring.has_signed(merchant, &license.value.license_key);
            if !signed.map_err(crate::application::UseCaseError::from)? {
                return Err(StartError::ForeignKeys { keys: keys.to_owned(), merchant: merchant.id.clone() });
            }
            break;
        }
    }
    Ok(())
}

/// The file comes first: a token that is stored and stands nowhere would help nobody.
pub(super) async fn make_operator_token(
    app: &App,
    name: &str,
    data: &Path,
) -> Result<FirstStart, StartError> {
    let path = data.join(OPERATOR_TOKEN_FILE);
    let text =
        written_token(&path).map_err(|source| StartError::OperatorToken { path: path.clone(), source })?;
    let digest = token_digest(text.expose_secret());
    app.create_api_token(digest, name, TokenOwner::Server, vec![Scope::Operator], None, &Actor::Server)
        .await?;
    Ok(FirstStart { operator_token_file: path, operator_token: text })
}

/// A new token in a file of its own, or the one that a start that was cut off has left there.
fn written_token(path: &Path) -> std::io::Result<SecretString> {
    let text = new_token_text();
    match std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Ok(mut file) => {
            file.write_all(format!("{}\n", text.expose_secret()).as_bytes())?;
            file.sync_all()?;
            Ok(text)
        }
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            let left = std::fs::read_to_string(path)?;
            if left.len() == text.expose_secret().len() + 1 {
                return Ok(SecretString::from(left.trim()));
            }
            std::fs::remove_file(path)?;
            written_token(path)
        }
        Err(error) => Err(error),
    }
}
