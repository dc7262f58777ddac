//! Runs the service until it is told to stop.

use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use tokio::sync::oneshot;

use super::apply::CatalogApplier;
use super::backup::ServerBackups;
use super::channel_check::AddressChecks;
use super::moving::ServerMoves;
use super::open::{Create, OpenOptions, Opened, StorePlace, open};
use super::secrets::ServerSecrets;
use super::start_error::{StartError, next_step};
use crate::application::ports::{IdSource, SecretSource};
use crate::application::{App, ApplyCaller, ApplyFault, ApplyFiles, ApplyMode, UseCaseError};
use crate::clock::SystemClock;
use crate::config::{ConfigError, CreateRule, ReadError, SecretResolver, Settings, StoreChoice, read_text};
use crate::domain::{Actor, RateLimit};
use crate::http::{
    ControlSocket, HttpLimits, HttpParts, HttpState, RateRules, Tls, TlsError, TlsFiles, TlsWarning, router,
    serve_as,
};
use crate::randomness::SystemRandomness;
use crate::store::{DatabaseAddress, Repository, StoreError, StoreState};
use crate::webhooks::SendRules;
use crate::workers::Workers;

/// Longest file that holds the address of a database, in bytes.
const STORE_ADDRESS_BYTES_MAX: usize = 4_096;

/// Longest apply file that is read at the start, in bytes.
const APPLY_FILE_BYTES_MAX: usize = 1024 * 1024;

/// Why the service did not start, or ended.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// Nobody can listen there.
    #[error("cannot listen on {address}: {source}; set LICTOR_LISTEN to a free address")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// Why not.
        source: std::io::Error,
    },
    /// Certificate and key are not fit to be served.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// Settings that this version does not serve.
    #[error(transparent)]
    NotServed(ConfigError),
    /// Data or keys cannot be opened.
    #[error(transparent)]
    Start(StartError),
    /// An apply file cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// An apply file is refused.
    #[error("{path}: {source}")]
    Bootstrap {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: ApplyFault,
    },
    /// The server failed.
    #[error("the server failed: {0}")]
    Serve(std::io::Error),
    /// The store failed; nothing was acknowledged after that.
    #[error(
        "the store failed and the service ends, so that nothing is acknowledged that is not kept: {source}; {next}"
    )]
    StoreFailed {
        /// What it met.
        source: StoreError,
        /// What to do.
        next: &'static str,
    },
    /// What the store read is not what was written; nothing was answered from it.
    #[error("the store met damage and the service ends, so that nothing is answered from it: {0}")]
    StoreDamaged(StoreError),
}

impl RunError {
    /// Why a store that was open does nothing any more.
    fn of_store(source: StoreError) -> Self {
        match &source {
            StoreError::Damaged { .. } => Self::StoreDamaged(source),
            StoreError::Io { source: system, .. } => {
                let next = next_step(system);
                Self::StoreFailed { source, next }
            }
            _ => Self::StoreFailed { source, next: "start again: what was answered is kept" },
        }
    }
}

impl From<StartError> for RunError {
    fn from(error: StartError) -> Self {
        match error {
            StartError::StoreFailed(error) => Self::of_store(error),
            refused => Self::Start(refused),
        }
    }
}

/// What is told once the service can be reached.
pub struct Listening {
    /// `http://ADDRESS`, or `https://ADDRESS`.
    pub url: String,
    /// The folders, absolute, if this start made them.
    pub made: Option<(PathBuf, PathBuf)>,
    /// The file with the operator's first token, if this start made it.
    pub operator_token_file: Option<PathBuf>,
    /// That token; for a terminal only.
    pub operator_token: Option<secrecy::SecretString>,
}

/// Makes data and keys and ends: `lictor init`.
pub async fn init(settings: &Settings) -> Result<Listening, RunError> {
    let opened = open_both(settings, Create::Always, settings.public_base_url()).await?;
    let told = listening(settings, &opened, String::new());
    opened.records.close().await.map_err(RunError::of_store)?;
    Ok(told)
}

/// Runs until a signal comes or the store fails.
pub async fn run(
    settings: &Settings,
    bootstrap: &[PathBuf],
    announce: impl FnOnce(&Listening),
) -> Result<(), RunError> {
    let tls = tls_files(settings).map(|files| Tls::load(files, settings.tls_http2, Arc::new(SystemClock)));
    let tls = tls.transpose()?;
    let cannot_listen = |source| RunError::Listen { address: settings.listen, source };
    let listener = TcpListener::bind(settings.listen).map_err(cannot_listen)?;
    let bound = listener.local_addr().map_err(cannot_listen)?;
    let url = format!("{}://{bound}", settings.scheme());
    let public_url = settings.public_url.clone().unwrap_or_else(|| url.clone());
    let create = match settings.create {
        CreateRule::Auto => Create::IfAbsent,
        CreateRule::Never => Create::Never,
    };
    let opened = open_both(settings, create, public_url.clone()).await?;
    let secrets: Arc<dyn SecretSource> = Arc::new(ServerSecrets(SecretResolver::of_process()));
    let applier = Arc::new(CatalogApplier::new(Arc::clone(&opened.app), Arc::clone(&secrets)));
    for path in bootstrap {
        let text = read_text(path, APPLY_FILE_BYTES_MAX)?;
        let failed = |source| RunError::Bootstrap { path: path.clone(), source };
        applier
            .apply(&text, &ApplyCaller::Operator(None), ApplyMode::default(), &Actor::Server)
            .await
            .map_err(failed)?;
    }
    let state = state_of(settings, &opened, &public_url, secrets, applier).await?;
    let workers = Workers::start(&opened.app);
    let (stopping, records) = (stop_signal().map_err(RunError::Serve)?, opened.records.clone());
    tell_lost_time(&opened.app).await.map_err(StartError::from)?;
    let limits = state.limits;
    let (end_control, control_ends) = oneshot::channel::<()>();
    let control = control_socket(settings).map(|socket| {
        let ends = async move { drop(control_ends.await) };
        tokio::spawn(socket.serve(state.clone(), ends))
    });
    announce(&listening(settings, &opened, url));
    let mut serving = std::pin::pin!(serve_as(tls, listener, router(state), limits, stopping));
    let served = tokio::select! {
        served = &mut serving => served.map_err(RunError::Serve),
        state = records.stopped() => match state {
            StoreState::Failed(error) => Err(RunError::of_store(error)),
            StoreState::Running | StoreState::Closed => Ok(()),
            StoreState::Moved => {
                tracing::warn!("the records were moved to another store: every request is answered 503 until the server is \
                                started with that one");
                workers.stop().await;
                return serving.await.map_err(RunError::Serve);
            }
        },
    };
    drop(end_control);
    if let Some(control) = control {
        // What it does is not worth more than the end in good order.
        let _ = tokio::time::timeout(settings.shutdown_timeout, control).await;
    }
    workers.stop().await;
    opened.records.close().await.map_err(RunError::of_store)?;
    served
}

/// Opens data and keys that no server has open, and serves their control socket alone until `stopped` comes.
pub async fn control_alone(
    settings: &Settings,
    ready: oneshot::Sender<()>,
    stopped: oneshot::Receiver<()>,
) -> Result<(), RunError> {
    let public_url = settings.public_base_url();
    let opened = open_both(settings, Create::Never, public_url.clone()).await?;
    let secrets: Arc<dyn SecretSource> = Arc::new(ServerSecrets(SecretResolver::of_process()));
    let applier = Arc::new(CatalogApplier::new(Arc::clone(&opened.app), Arc::clone(&secrets)));
    let state = state_of(settings, &opened, &public_url, secrets, applier).await?;
    let bound = ControlSocket::bind(&settings.data_dir).map_err(RunError::Serve);
    let served = match bound {
        Ok(socket) => {
            // Nobody waits any more: then it is stopped as well.
            let _ = ready.send(());
            socket.serve(state, async move { drop(stopped.await) }).await.map_err(RunError::Serve)
        }
        Err(error) => Err(error),
    };
    opened.records.close().await.map_err(RunError::of_store)?;
    served
}

/// The socket in the data folder. A server that cannot have one serves all the same: everything can be done with a token.
fn control_socket(settings: &Settings) -> Option<ControlSocket> {
    let folder = &settings.data_dir;
    if !folder.is_dir() {
        // A replica whose records are in a database may have no folder of its own.
        return None;
    }
    match ControlSocket::bind(folder) {
        Ok(socket) => Some(socket),
        Err(error) => {
            tracing::warn!(
                folder = %folder.display(),
                %error,
                "there is no control socket: on this machine too, `lictor api-token` and `lictor login` need a token"
            );
            None
        }
    }
}

async fn state_of(
    settings: &Settings,
    opened: &Opened,
    public_url: &str,
    secrets: Arc<dyn SecretSource>,
    applier: Arc<CatalogApplier>,
) -> Result<HttpState, RunError> {
    let limits = HttpLimits {
        body_bytes: settings.request_body_limit,
        request_time: settings.request_timeout,
        handshake_time: settings.request_timeout,
        drain_time: settings.shutdown_timeout,
        rates: RateRules {
            per_token: per_minute(settings.api_requests_per_minute),
            refused_per_address: per_minute(settings.refused_tokens_per_minute),
        },
        ..HttpLimits::default()
    };
    let ids: Arc<dyn IdSource> = Arc::new(SystemRandomness::default());
    let checks =
        AddressChecks::new(Arc::clone(&opened.app), public_url, Arc::clone(&secrets), Arc::new(SystemClock));
    let parts = HttpParts {
        app: Arc::clone(&opened.app),
        store: Arc::new(Repository::new(opened.records.clone())),
        ids,
        secrets,
        apply: applier,
        backups: Arc::new(ServerBackups::new(opened.records.clone(), settings.keys_dir.clone())),
        moves: Arc::new(ServerMoves::of(&opened.records, embedded_folder(settings))),
        checks: Arc::new(checks),
        limits,
        trusted_proxies: settings.trusted_proxies.clone(),
    };
    Ok(HttpState::load(parts).await.map_err(StartError::from)?)
}

/// None is without a bound.
fn per_minute(requests: u32) -> Option<RateLimit> {
    (requests > 0).then_some(RateLimit { requests, window: Duration::from_secs(60) })
}

/// What a start would say about certificate and key.
pub fn check_tls(settings: &Settings) -> Result<Vec<TlsWarning>, TlsError> {
    tls_files(settings).map_or_else(|| Ok(Vec::new()), |files| files.check(&SystemClock))
}

/// What a restore has lost does not come back by itself.
async fn tell_lost_time(app: &App) -> Result<(), UseCaseError> {
    if let Some(restore) = app.restored().await?.filter(|restore| restore.is_recent(app.now())) {
        tracing::warn!(
            from = %restore.taken_at,
            to = %restore.restored_at,
            "this store was restored: what happened in between was lost. Export the order list of each marketplace and run \
             `lictor order missing --export FILE`; docs/operate.md says what else there is to repeat"
        );
    }
    Ok(())
}

fn tls_files(settings: &Settings) -> Option<TlsFiles> {
    let (cert_file, key_file) = (settings.tls_cert_file.clone()?, settings.tls_key_file.clone()?);
    Some(TlsFiles { cert_file, key_file, public_url: settings.public_url.clone() })
}

async fn open_both(settings: &Settings, create: Create, public_url: String) -> Result<Opened, RunError> {
    let mistakes = settings.not_served();
    if !mistakes.is_empty() {
        return Err(RunError::NotServed(ConfigError { mistakes }));
    }
    let options = OpenOptions {
        store: store_place(&settings.store)?,
        data_dir: &settings.data_dir,
        keys_dir: &settings.keys_dir,
        public_url,
        create,
        marketplace_timeout: settings.marketplace_timeout,
        retention: settings.retention(),
        clock: Arc::new(SystemClock),
        secrets: Arc::new(ServerSecrets(SecretResolver::of_process())),
        webhooks: SendRules {
            allowed: settings.webhook_allow_networks.clone(),
            allow_http: settings.webhook_allow_http,
        },
    };
    Ok(open(options).await?)
}

/// The data folder, if the records are in it.
fn embedded_folder(settings: &Settings) -> Option<PathBuf> {
    match settings.store {
        StoreChoice::Embedded => Some(settings.data_dir.clone()),
        StoreChoice::Postgres(_) | StoreChoice::PostgresFrom(_) => None,
    }
}

/// The address of a database may lie in a file, so that it stands in no environment.
pub fn store_place(choice: &StoreChoice) -> Result<StorePlace, RunError> {
    let address = match choice {
        StoreChoice::Embedded => return Ok(StorePlace::Embedded),
        StoreChoice::Postgres(address) => DatabaseAddress::parse(address),
        StoreChoice::PostgresFrom(path) => {
            let text = read_text(path, STORE_ADDRESS_BYTES_MAX)?;
            DatabaseAddress::parse(&SecretString::from(text.trim()))
        }
    };
    Ok(StorePlace::Database(Box::new(address.map_err(StartError::from)?)))
}

fn listening(settings: &Settings, opened: &Opened, url: String) -> Listening {
    let absolute = |path: &PathBuf| std::path::absolute(path).unwrap_or_else(|_| path.clone());
    let first = opened.first_start.as_ref();
    Listening {
        url,
        made: first.map(|_| (absolute(&settings.data_dir), absolute(&settings.keys_dir))),
        operator_token_file: first.map(|first| absolute(&first.operator_token_file)),
        operator_token: first
            .map(|first| secrecy::SecretString::from(first.operator_token.expose_secret().to_owned())),
    }
}

/// Comes with SIGTERM or SIGINT, if they come after this call: before it they end the process.
fn stop_signal() -> std::io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
