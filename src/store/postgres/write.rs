//! Batches: one transaction each, on one connection.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use tokio_postgres::Client;
use tokio_postgres::types::{ToSql, Type};

use super::address::DatabaseAddress;
use super::connection::{STATEMENT_TIME, Warnings, connect, in_time};
use super::fault;
use super::read::record_of;
use super::timeline::{Line, Timelines};
use crate::store::engine::{Batch, Position, Prior};
use crate::store::error::StoreError;
use crate::store::key::RecordKey;
use crate::store::record::{Record, Revision};

/// Revisions that a process takes at a time. What is left of a block when it ends is never given out.
const REVISIONS_PER_BLOCK: u64 = 1 << 20;
/// A batch is begun with at least so many left of a block.
const REVISIONS_LEFT_MIN: u64 = 1 << 14;

/// Who does not roll back at once is left alone: the server does when the connection is gone.
const ROLLBACK_TIME: Duration = Duration::from_secs(1);

/// The limits are the transaction's own: a pooler may give the connection to somebody else after it. A process that is
/// cut off holds its locks no longer than the last one.
const BEGIN: &str = "begin isolation level read committed; set local lock_timeout = '2s'; \
                     set local statement_timeout = '5s'; set local idle_in_transaction_session_timeout = '10s'";

/// The limit ends before the commit: a server that gives up waiting for its standby says that it has committed.
const COMMIT: &str = "set local statement_timeout = 0; commit";

/// In the order of the keys, so that two processes never wait for each other in a circle.
const LOCK: &str = "select r.key, r.stored from lictor_records r \
                    join unnest($1::bytea[], $2::bytea[]) as w(merchant, key) \
                    on r.merchant = w.merchant and r.key = w.key \
                    order by r.merchant, r.key for update of r";
const UPDATE: &str = "update lictor_records r set revision = w.revision, stored = w.stored, until_ms = w.until_ms \
                      from unnest($1::bytea[], $2::bytea[], $3::bigint[], $4::bytea[], $5::bigint[]) \
                      as w(merchant, key, revision, stored, until_ms) where r.merchant = w.merchant and r.key = w.key";
pub(super) const INSERT: &str = "insert into lictor_records (merchant, key, revision, stored, until_ms) \
                      select * from unnest($1::bytea[], $2::bytea[], $3::bigint[], $4::bytea[], $5::bigint[]) \
                      order by 1, 2 \
                      on conflict (merchant, key) do nothing";
const DELETE: &str = "delete from lictor_records r using unnest($1::bytea[], $2::bytea[]) as w(merchant, key) \
                      where r.merchant = w.merchant and r.key = w.key";
const NEXT_BLOCK: &str =
    "update lictor_counters set value = value + $1 where name = 'revision' returning value";

/// The one connection that writes.
pub struct Writer {
    address: DatabaseAddress,
    timelines: Timelines,
    /// The line of the database that the revisions were taken on.
    line: Option<Line>,
    client: Option<(Client, Warnings)>,
    /// The batch that is being decided.
    begun: Option<Begun>,
    /// Revisions from the one after the first up to the second are this process's.
    block: (u64, u64),
    batch: u64,
}

/// What is locked.
struct Begun {
    keys: Vec<RecordKey>,
    present: HashSet<RecordKey>,
}

impl Writer {
    pub fn new(address: DatabaseAddress, timelines: Timelines) -> Self {
        Self { address, timelines, line: None, client: None, begun: None, block: (0, 0), batch: 0 }
    }

    pub fn close(&mut self) {
        self.client = None;
        self.begun = None;
    }

    /// Begins a transaction, locks what is there of the keys, and says what it is.
    pub async fn prepare(&mut self, keys: Vec<RecordKey>) -> Result<Prior, StoreError> {
        self.release().await;
        let prepared = in_time("beginning a batch", STATEMENT_TIME, self.try_prepare(keys)).await;
        if prepared.is_err() {
            self.give_up().await;
        }
        prepared
    }

    async fn try_prepare(&mut self, keys: Vec<RecordKey>) -> Result<Prior, StoreError> {
        if self.line.is_none() {
            let client = connected(&mut self.client, &self.address).await?;
            self.line = self.timelines.of(client).await?;
        }
        self.take_revisions(REVISIONS_LEFT_MIN).await?;
        let client = connected(&mut self.client, &self.address).await?;
        let wanted = Columns::of_keys(&keys);
        let failed = |error| fault::of("locking the records of a batch", &error);
        let lock = wanted.of_keys_only();
        let begun = async { client.batch_execute(BEGIN).await.map_err(failed) };
        let locked = async { client.query_typed(LOCK, &lock).await.map_err(failed) };
        // In the transaction: a pooler may lead each to another server.
        let ((), rows, line) = tokio::try_join!(begun, locked, self.timelines.of(client))?;
        if line != self.line {
            // The block may have been given out again: a new one is taken, and it is decided again.
            (self.line, self.block) = (line, (0, 0));
            self.timelines.changed();
            return Err(StoreError::Raced);
        }
        let mut records = HashMap::with_capacity(rows.len());
        for row in &rows {
            let (key, record) = record_of(row)?;
            records.insert(key, Arc::new(record));
        }
        self.begun = Some(Begun { keys, present: records.keys().cloned().collect() });
        let position = Position { batch: self.batch, revision: Revision::from_number(self.block.0) };
        Ok(Prior { position, records })
    }

    /// Writes the effects and commits.
    pub async fn write(&mut self, batch: Batch) -> Result<(), StoreError> {
        let Some(begun) = self.begun.take() else { return Err(StoreError::Closed) };
        let (number, revision) = (batch.position.batch, batch.position.revision.number());
        if revision > self.block.1 {
            // More than was taken: the locks are let go, a block that is large enough is taken, and it is decided again.
            self.give_up().await;
            let taken = self.take_revisions(revision - self.block.0 + REVISIONS_LEFT_MIN);
            in_time("taking revisions", STATEMENT_TIME, taken).await?;
            return Err(StoreError::Raced);
        }
        let written = in_time("writing a batch", STATEMENT_TIME, self.put(begun, &batch)).await;
        if let Err(error) = written {
            self.give_up().await;
            return Err(error);
        }
        self.commit().await?;
        (self.batch, self.block.0) = (number, revision);
        Ok(())
    }

    async fn put(&mut self, begun: Begun, batch: &Batch) -> Result<(), StoreError> {
        let (client, _) = self.client.as_ref().ok_or(StoreError::Closed)?;
        let effects = Effects::of(&begun, batch);
        let failed = |error| fault::of("writing a batch", &error);
        let (updated, inserted) =
            tokio::try_join!(effects.updates.run(client, UPDATE), effects.inserts.run(client, INSERT),)
                .map_err(failed)?;
        if updated != effects.updates.len() || inserted != effects.inserts.len() {
            return Err(StoreError::Raced);
        }
        if effects.deletes.len() > 0 {
            effects.deletes.delete(client).await.map_err(failed)?;
        }
        Ok(())
    }

    async fn commit(&mut self) -> Result<(), StoreError> {
        let Some((client, warnings)) = self.client.as_ref() else { return Err(StoreError::Closed) };
        let heard = warnings.count();
        let committed = tokio::time::timeout(STATEMENT_TIME, client.batch_execute(COMMIT)).await;
        let error = match committed {
            Ok(Ok(())) if warnings.count() == heard => return Ok(()),
            Ok(Ok(())) => {
                StoreError::OutcomeLost { why: "it warned, so a standby may not have it".to_owned() }
            }
            Ok(Err(error)) => fault::of_commit(&error),
            Err(_) => StoreError::OutcomeLost { why: "it did not answer in time".to_owned() },
        };
        self.client = None;
        Err(error)
    }

    /// Ends a batch that is not written; nothing stays locked.
    pub async fn release(&mut self) {
        if self.begun.take().is_some() {
            self.give_up().await;
        }
    }

    /// A connection whose transaction cannot be rolled back is dropped: the server rolls it back.
    async fn give_up(&mut self) {
        self.begun = None;
        let Some((client, warnings)) = self.client.take() else { return };
        let ended = tokio::time::timeout(ROLLBACK_TIME, client.batch_execute("rollback")).await;
        if matches!(ended, Ok(Ok(()))) {
            self.client = Some((client, warnings));
        }
    }

    async fn take_revisions(&mut self, wanted: u64) -> Result<(), StoreError> {
        if self.block.1 - self.block.0 >= wanted {
            return Ok(());
        }
        let size = i64::try_from(wanted.max(REVISIONS_PER_BLOCK)).unwrap_or(i64::MAX);
        let client = connected(&mut self.client, &self.address).await?;
        let failed = |error| fault::of("taking revisions", &error);
        let taken = client.query_typed(NEXT_BLOCK, &[(&size, Type::INT8)]).await.map_err(failed)?;
        let end = taken.first().map(|row| row.get::<_, i64>(0)).ok_or_else(|| StoreError::Damaged {
            place: "lictor_counters".to_owned(),
            what: "the counter of revisions is not there".to_owned(),
            next: "restore the database from its backup",
        })?;
        let end = u64::try_from(end).unwrap_or(0);
        self.block = (end.saturating_sub(size.unsigned_abs()), end);
        Ok(())
    }
}

async fn connected<'a>(
    client: &'a mut Option<(Client, Warnings)>,
    address: &DatabaseAddress,
) -> Result<&'a Client, StoreError> {
    let is_open = client.as_ref().is_some_and(|(client, _)| !client.is_closed());
    if !is_open {
        *client = Some(connect(address).await?);
    }
    client.as_ref().map(|(client, _)| client).ok_or(StoreError::Closed)
}

/// The effects of a batch, the last one of each key, in the order of the keys.
struct Effects {
    updates: Columns,
    inserts: Columns,
    deletes: Columns,
}

impl Effects {
    fn of(begun: &Begun, batch: &Batch) -> Self {
        let last: BTreeMap<&RecordKey, Option<&Arc<Record>>> =
            batch.effects().map(|effect| (&effect.key, effect.after.as_ref())).collect();
        let mut effects =
            Self { updates: Columns::default(), inserts: Columns::default(), deletes: Columns::default() };
        for key in &begun.keys {
            match (last.get(key).copied(), begun.present.contains(key)) {
                (Some(Some(record)), true) => effects.updates.push(key, Some(record)),
                (Some(Some(record)), false) => effects.inserts.push(key, Some(record)),
                (Some(None), true) => effects.deletes.push(key, None),
                // Decided on being absent, and absent it stays: held against everybody else until the commit.
                (Some(None) | None, false) => {
                    effects.inserts.push(key, None);
                    effects.deletes.push(key, None);
                }
                (None, true) => {}
            }
        }
        effects
    }
}

/// Rows, as the columns that statements take.
#[derive(Default)]
pub(super) struct Columns {
    merchants: Vec<Vec<u8>>,
    keys: Vec<Vec<u8>>,
    revisions: Vec<i64>,
    stored: Vec<Vec<u8>>,
    untils: Vec<Option<i64>>,
}

impl Columns {
    fn of_keys(keys: &[RecordKey]) -> Self {
        let mut columns = Self::default();
        keys.iter().for_each(|key| columns.push(key, None));
        columns
    }

    /// A record in its stored form, with what it was read as.
    pub(super) fn push_stored(&mut self, key: &RecordKey, record: &Record, stored: &[u8]) {
        self.merchants.push(key.merchant().as_bytes().to_vec());
        self.keys.push(key.as_bytes().to_vec());
        self.revisions.push(i64::try_from(record.revision.number()).unwrap_or(i64::MAX));
        self.stored.push(stored.to_vec());
        self.untils.push(record.until_ms.map(|until| i64::try_from(until).unwrap_or(i64::MAX)));
    }

    pub(super) fn push(&mut self, key: &RecordKey, record: Option<&Arc<Record>>) {
        self.merchants.push(key.merchant().as_bytes().to_vec());
        self.keys.push(key.as_bytes().to_vec());
        self.revisions
            .push(record.map_or(0, |record| i64::try_from(record.revision.number()).unwrap_or(i64::MAX)));
        self.stored.push(record.map(|record| record.encode(key)).unwrap_or_default());
        let until = record.and_then(|record| record.until_ms);
        self.untils.push(until.map(|until| i64::try_from(until).unwrap_or(i64::MAX)));
    }

    pub(super) fn len(&self) -> u64 {
        self.keys.len() as u64
    }

    /// The keys alone, as a statement takes them.
    pub(super) fn of_keys_only(&self) -> [(&(dyn ToSql + Sync), Type); 2] {
        [(&self.merchants, Type::BYTEA_ARRAY), (&self.keys, Type::BYTEA_ARRAY)]
    }

    pub(super) async fn run(&self, client: &Client, statement: &str) -> Result<u64, tokio_postgres::Error> {
        if self.keys.is_empty() {
            return Ok(0);
        }
        let columns = [
            (&self.merchants as _, Type::BYTEA_ARRAY),
            (&self.keys as _, Type::BYTEA_ARRAY),
            (&self.revisions as _, Type::INT8_ARRAY),
            (&self.stored as _, Type::BYTEA_ARRAY),
            (&self.untils as _, Type::INT8_ARRAY),
        ];
        client.execute_typed(statement, &columns).await
    }

    pub(super) async fn delete(&self, client: &Client) -> Result<u64, tokio_postgres::Error> {
        client.execute_typed(DELETE, &self.of_keys_only()).await
    }
}
