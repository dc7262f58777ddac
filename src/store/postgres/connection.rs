//! Connections: one to write with, some to read with, and the thread that drives them.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use deadpool_postgres::{
    ClientWrapper, Hook, HookError, Manager, ManagerConfig, Object, Pool, RecyclingMethod,
    Runtime as PoolRuntime, Timeouts,
};
use tokio::runtime::Runtime;
use tokio_postgres::{AsyncMessage, Client};

use super::address::DatabaseAddress;
use super::fault::{self, ConnectFault};
use super::timeline::Timelines;
use crate::store::error::StoreError;

/// Connections that read, per process.
const READERS_MAX: usize = 8;
/// How long one statement of the store may take before it is given up.
pub const STATEMENT_TIME: Duration = Duration::from_secs(5);

/// Drives the connections on a thread of its own, so that the engine's calls may block wherever they are made.
pub struct Driver(Option<Runtime>);

impl Driver {
    pub fn start() -> Result<Self, StoreError> {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        let runtime = builder.worker_threads(1).thread_name("store-postgres").enable_all().build();
        runtime.map(|runtime| Self(Some(runtime))).map_err(|source| StoreError::Io {
            doing: "starting the thread of the database's connections".to_owned(),
            source: Arc::new(source),
        })
    }

    /// Does the work there and waits for it.
    pub fn wait<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, StoreError>> + Send + 'static,
    ) -> Result<T, StoreError> {
        let runtime = self.0.as_ref().ok_or(StoreError::Closed)?;
        let (done, outcome) = std::sync::mpsc::sync_channel(1);
        runtime.spawn(async move {
            // Whoever waits goes on waiting until this is sent.
            let _ = done.send(work.await);
        });
        outcome.recv().unwrap_or(Err(StoreError::Closed))
    }

    /// Does the work there; nobody waits for it, and it ends with the engine.
    pub fn begin(&self, work: impl Future<Output = ()> + Send + 'static) {
        if let Some(runtime) = &self.0 {
            runtime.spawn(work);
        }
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// Gives work so much time and no more.
pub async fn in_time<T>(
    doing: &'static str,
    time: Duration,
    work: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, StoreError> {
    tokio::time::timeout(time, work).await.unwrap_or_else(|_| Err(fault::overdue(doing)))
}

/// Counts the warnings that a connection has heard.
#[derive(Clone, Default)]
pub struct Warnings(Arc<AtomicU64>);

impl Warnings {
    pub fn count(&self) -> u64 {
        self.0.load(Ordering::Acquire)
    }
}

/// A new connection of one's own, and the warnings it hears: a commit that was not waited for by a standby reads as one
/// that was made, but for a warning.
pub async fn connect(address: &DatabaseAddress) -> Result<(Client, Warnings), StoreError> {
    let connecting = async { dial(address).await.map_err(|fault| fault.passing()) };
    in_time("connecting", STATEMENT_TIME, connecting).await
}

/// The same for a start, which nobody tries again: with what to do.
pub async fn connect_at_start(address: &DatabaseAddress) -> Result<(Client, Warnings), StoreError> {
    let connected = tokio::time::timeout(STATEMENT_TIME, dial(address)).await;
    connected
        .unwrap_or_else(|_| Err(ConnectFault::overdue()))
        .map_err(|fault| fault.at_start(&address.told()))
}

async fn dial(address: &DatabaseAddress) -> Result<(Client, Warnings), ConnectFault> {
    let warnings = Warnings::default();
    let heard = warnings.clone();
    let connected = address.config().connect(address.connector()).await;
    let (client, mut connection) = connected.map_err(|error| ConnectFault::of(&error))?;
    tokio::spawn(async move {
        while let Some(message) = std::future::poll_fn(|context| connection.poll_message(context)).await {
            match message {
                Ok(AsyncMessage::Notice(notice)) if notice.severity() == "WARNING" => {
                    tracing::warn!(warning = notice.message(), "the database warns");
                    heard.0.fetch_add(1, Ordering::AcqRel);
                }
                Ok(_) => {}
                Err(error) => {
                    tracing::debug!(error = fault::words(&error), "a connection to the database ended");
                    break;
                }
            }
        }
    });
    Ok((client, warnings))
}

/// Connections that read.
#[derive(Clone)]
pub struct Readers(Pool);

impl Readers {
    pub fn new(address: &DatabaseAddress, timelines: &Timelines) -> Result<Self, StoreError> {
        let recycling = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let manager = Manager::from_config(address.config().clone(), address.connector(), recycling);
        let waits = Timeouts {
            wait: Some(STATEMENT_TIME),
            create: Some(STATEMENT_TIME),
            recycle: Some(STATEMENT_TIME),
        };
        let timelines = timelines.clone();
        let look = Hook::async_fn(move |client: &mut ClientWrapper, _| {
            let timelines = timelines.clone();
            Box::pin(async move { looked(&timelines, client).await })
        });
        let pool = Pool::builder(manager).max_size(READERS_MAX).timeouts(waits).runtime(PoolRuntime::Tokio1);
        let pool = pool.post_create(look);
        pool.build().map(Self).map_err(|error| StoreError::Unreachable {
            doing: "preparing connections",
            why: error.to_string(),
        })
    }

    pub async fn take(&self) -> Result<Object, StoreError> {
        self.0.get().await.map_err(|error| match error {
            deadpool_postgres::PoolError::Closed => StoreError::Closed,
            deadpool_postgres::PoolError::PostCreateHook(HookError::Message(told)) if told == PROMOTED => {
                StoreError::Promoted
            }
            error => StoreError::Unreachable { doing: "connecting", why: fault::words(&error) },
        })
    }

    pub fn close(&self) {
        self.0.close();
    }
}

/// What a pool says of a connection that leads to another database than before.
const PROMOTED: &str = "promoted";

async fn looked(timelines: &Timelines, client: &Client) -> Result<(), HookError> {
    match timelines.of(client).await {
        Ok(_) => Ok(()),
        Err(StoreError::Promoted) => Err(HookError::message(PROMOTED)),
        Err(error) => Err(HookError::message(error.to_string())),
    }
}
