//! Records in PostgreSQL: one table, shared by any number of processes.
//!
//! A batch is one transaction: the rows that its commits touch are locked in the order of their keys, the shared
//! evaluator decides, the effects are written. A row that does not exist cannot be locked: two processes that make it at
//! the same time both try to insert it, the second finds it there, and decides its whole batch again
//! ([`StoreError::Raced`]). What is checked to be absent and stays absent is held for the transaction by a row that is
//! inserted and deleted in it.
//!
//! The SQL is plain enough for engines that speak the protocol and shard by key: no sequences, no advisory locks, no
//! session state (statements are not named, settings are the transaction's), keys that lead with the merchant.

mod address;
mod bulk;
mod connection;
mod fault;
mod filling;
mod leaving;
mod read;
mod restore;
mod schema;
mod timeline;
mod tls;
mod write;

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Mutex;

pub use address::DatabaseAddress;
pub use bulk::{BulkWriter, FillMark};
use connection::{Driver, Readers};
pub use leaving::{DatabaseSource, DatabaseView};
pub use schema::{SCHEMA_VERSION, Upgrade};
pub use timeline::Continuation;
use timeline::{Timelines, Turn};
use write::Writer;

use super::engine::{Batch, Direction, Engine, Prior};
use super::error::StoreError;
use super::key::{KeyRange, RecordKey};
use super::record::Record;
use super::snapshot::{SnapshotSource, SnapshotSummary};

/// Records in a database. Several engines, of this process or of others, may run on one database.
///
/// A database that cannot be reached does not end the engine: calls hear [`StoreError::Unreachable`] or
/// [`StoreError::OutcomeLost`] until it can be reached again.
pub struct PostgresEngine {
    driver: Driver,
    readers: Readers,
    writer: Arc<Mutex<Writer>>,
    address: DatabaseAddress,
    timelines: Timelines,
    continuation: Option<Continuation>,
    is_closed: AtomicBool,
}

impl PostgresEngine {
    /// Connects, and brings the database's schema up to what this program writes, if it is older; one process does, the
    /// others wait for it. Refuses a database that is too old, read-only, or made for a newer program only.
    pub fn open(address: &DatabaseAddress) -> Result<Self, StoreError> {
        Self::open_with(address, Upgrade::IfNeeded)
    }

    /// Connects to a database as it is: an older schema is refused, and so is one that is being filled.
    pub fn open_as_it_is(address: &DatabaseAddress) -> Result<Self, StoreError> {
        Self::open_with(address, Upgrade::Never)
    }

    /// Connects to a database that is being filled, for whoever fills it.
    pub fn open_filled(address: &DatabaseAddress, mark: FillMark) -> Result<Self, StoreError> {
        Self::open_with(address, Upgrade::FilledBy(mark))
    }

    /// Makes a store in an empty database from a snapshot, which is checked whole before anything is written, and read
    /// back afterwards. Revisions go on 2^32 behind the snapshot's.
    ///
    /// Nothing starts on the database until the writer that is returned is finished; what went wrong before is undone by
    /// beginning again. `progress` hears how many records were checked, then written, then read back.
    pub fn restore(
        address: &DatabaseAddress,
        snapshot: &(impl SnapshotSource + ?Sized),
        progress: &mut dyn FnMut(u64),
    ) -> Result<(SnapshotSummary, BulkWriter), StoreError> {
        restore::restore(address, snapshot, progress)
    }

    /// Connects to a database whether or not the store was continued on it: for whoever continues it.
    pub fn open_to_continue(address: &DatabaseAddress) -> Result<Self, StoreError> {
        Self::on(Driver::start()?, address, Timelines::default())
    }

    /// The same store, which is continued when a standby of the database was promoted, or the database was taken back by
    /// its own means, before anything else is read or written. Without a continuation it is refused then.
    #[must_use]
    pub fn continued_by(self, continuation: Continuation) -> Self {
        Self { continuation: Some(continuation), ..self }
    }

    /// Notes that the database was taken back by means that it knows nothing of: the next server to use it continues the
    /// store. Refused where there is none.
    pub fn say_recovered(address: &DatabaseAddress) -> Result<(), StoreError> {
        let config = address.clone();
        Driver::start()?.wait(async move {
            schema::upgrade(&config, Upgrade::Never).await?;
            timeline::forget(&config).await
        })
    }

    fn open_with(address: &DatabaseAddress, upgrade: Upgrade) -> Result<Self, StoreError> {
        let driver = Driver::start()?;
        let config = address.clone();
        let timelines = driver.wait(async move {
            schema::upgrade(&config, upgrade).await?;
            Timelines::begin(&config, upgrade).await
        })?;
        let config = address.clone();
        driver.begin(async move {
            if let Err(error) = schema::build_behind(&config).await {
                tracing::warn!(%error, "an index could not be built; `lictor store upgrade` builds it, and so does the next start");
            }
        });
        Self::on(driver, address, timelines)
    }

    fn on(driver: Driver, address: &DatabaseAddress, timelines: Timelines) -> Result<Self, StoreError> {
        let writer = Arc::new(Mutex::new(Writer::new(address.clone(), timelines.clone())));
        let readers = Readers::new(address, &timelines)?;
        let (address, continuation, is_closed) = (address.clone(), None, AtomicBool::new(false));
        Ok(Self { driver, readers, writer, address, timelines, continuation, is_closed })
    }

    /// Brings the schema up without opening the store: `lictor store upgrade`. Says from which version to which.
    pub fn upgrade(address: &DatabaseAddress) -> Result<(u32, u32), StoreError> {
        let config = address.clone();
        Driver::start()?.wait(async move {
            let upgraded = schema::upgrade(&config, Upgrade::IfNeeded).await?;
            schema::build_behind(&config).await?;
            Ok(upgraded)
        })
    }

    /// Whether the database holds a store of this program.
    pub fn exists(address: &DatabaseAddress) -> Result<bool, StoreError> {
        let config = address.clone();
        Driver::start()?.wait(async move { schema::exists(&config).await })
    }

    /// Does the work, on a store that was continued if it had to be.
    fn continued<T>(&self, work: impl Fn() -> Result<T, StoreError>) -> Result<T, StoreError> {
        match work() {
            Err(StoreError::Promoted) => {
                self.go_on()?;
                work()
            }
            done => done,
        }
    }

    /// Continues the store on another line of the database's history, or waits until another process has.
    fn go_on(&self) -> Result<(), StoreError> {
        let continuation = self.continuation.as_ref().ok_or(StoreError::Promoted)?;
        let address = self.address.clone();
        match self.driver.wait(async move { Turn::take(&address).await })? {
            Some((turn, had_until_ms)) => {
                continuation(had_until_ms)?;
                self.driver.wait(async move { turn.end().await })
            }
            None => Ok(()),
        }
    }

    fn open_only(&self) -> Result<(), StoreError> {
        if self.is_closed.load(Ordering::Acquire) { Err(StoreError::Closed) } else { Ok(()) }
    }
}

impl Engine for PostgresEngine {
    fn is_shared(&self) -> bool {
        true
    }

    fn promotions(&self) -> u64 {
        self.timelines.count()
    }

    fn prepare(&self, keys: &[RecordKey]) -> Result<Prior, StoreError> {
        self.open_only()?;
        self.continued(|| {
            let (writer, keys) = (Arc::clone(&self.writer), keys.to_vec());
            self.driver.wait(async move { writer.lock().await.prepare(keys).await })
        })
    }

    fn release(&self) {
        let writer = Arc::clone(&self.writer);
        // A connection that is gone holds no locks.
        let _ = self.driver.wait(async move {
            writer.lock().await.release().await;
            Ok(())
        });
    }

    fn write(&self, batch: Batch) -> Result<(), StoreError> {
        self.open_only()?;
        let writer = Arc::clone(&self.writer);
        self.driver.wait(async move { writer.lock().await.write(batch).await })
    }

    fn get(&self, keys: &[RecordKey]) -> Result<Vec<Option<Record>>, StoreError> {
        self.open_only()?;
        self.continued(|| {
            let (readers, keys) = (self.readers.clone(), keys.to_vec());
            self.driver.wait(async move { read::get(&readers, &keys).await })
        })
    }

    fn scan(
        &self,
        range: &KeyRange,
        direction: Direction,
        limit: usize,
    ) -> Result<Vec<(RecordKey, Record)>, StoreError> {
        self.open_only()?;
        if range.is_empty() || limit == 0 {
            return Ok(Vec::new());
        }
        self.continued(|| {
            let (readers, range) = (self.readers.clone(), range.clone());
            self.driver.wait(async move { read::scan(&readers, &range, direction, limit).await })
        })
    }

    fn lapsed(
        &self,
        range: &KeyRange,
        now_ms: u64,
        limit: usize,
    ) -> Option<Result<Vec<(RecordKey, Record)>, StoreError>> {
        let (readers, range) = (self.readers.clone(), range.clone());
        Some(self.open_only().and_then(|()| {
            self.driver.wait(async move { read::lapsed(&readers, &range, now_ms, limit).await })
        }))
    }

    fn snapshot(
        &self,
        sink: &mut dyn Write,
        taken_at_ms: u64,
        progress: &mut dyn FnMut(u64),
    ) -> Result<SnapshotSummary, StoreError> {
        self.open_only()?;
        read::snapshot(&self.driver, &self.readers, sink, taken_at_ms, progress)
    }

    fn close(&self) -> Result<(), StoreError> {
        self.is_closed.store(true, Ordering::Release);
        let (writer, readers) = (Arc::clone(&self.writer), self.readers.clone());
        self.driver.wait(async move {
            writer.lock().await.close();
            readers.close();
            Ok(())
        })
    }
}
