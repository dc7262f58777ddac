//! A database whose records are being moved away.
//!
//! While they are copied, every replica goes on. For the last seconds one transaction locks the table against writers:
//! batches that are under way end first, later ones wait or are turned away, reads go on. The same transaction notes where
//! the records are and renames the table, so that no replica, of whatever version, reads or writes it afterwards. Cut off
//! before its commit it leaves nothing: the database lets go of the lock by itself.

use std::sync::Arc;

use tokio_postgres::types::Type;
use tokio_postgres::{Client, Transaction};

use super::address::DatabaseAddress;
use super::connection::{Driver, connect, in_time};
use super::schema::{self, Upgrade};
use super::write::Columns;
use super::{fault, read};
use crate::store::engine::Direction;
use crate::store::error::StoreError;
use crate::store::handle::SCAN_RECORDS_MAX;
use crate::store::key::{KeyRange, RecordKey};
use crate::store::moving::{MoveId, Moved};
use crate::store::record::{Record, Revision};

/// Keys and revisions of one page.
const REVISIONS_PER_PAGE: i64 = 20_000;

/// How long one page may take, on a database that others keep busy.
const PAGE_TIME: std::time::Duration = std::time::Duration::from_secs(120);

const READ: &str = "begin isolation level repeatable read read only; set local statement_timeout = 0; \
                    set local idle_in_transaction_session_timeout = 0";
/// A mover that is cut off holds the lock no longer than the last limit.
const STOP: &str = "begin isolation level read committed; set local statement_timeout = 0; \
                    set local lock_timeout = '30s'; set local idle_in_transaction_session_timeout = '60s'; \
                    lock table lictor_records in exclusive mode";
const REVISION: &str = "select value from lictor_counters where name = 'revision'";
const REVISIONS: &str = "select key, revision from lictor_records where (merchant, key) >= ($1, $2) \
                         and (merchant, key) < ($3, $4) order by merchant, key limit $5";
const STORED: &str = "select r.key, r.stored from lictor_records r \
                      join unnest($1::bytea[], $2::bytea[]) as w(merchant, key) \
                      on r.merchant = w.merchant and r.key = w.key";

const MARKS: &str = "create table if not exists lictor_moved (
    id int primary key, move text not null, moved_to text not null, at_ms bigint not null)";
const MARK: &str = "insert into lictor_moved (id, move, moved_to, at_ms) values (1, $1, $2, $3) \
                    on conflict (id) do update set move = excluded.move, moved_to = excluded.moved_to, at_ms = excluded.at_ms";
const AWAY: &str =
    "set local lock_timeout = '10s'; alter table lictor_records rename to lictor_records_moved";
const BACK: &str = "set local lock_timeout = '10s'; delete from lictor_moved; \
                    alter table lictor_records_moved rename to lictor_records";
const IS_MARKED: &str = "select to_regclass('lictor_moved') is not null";
const MARKED: &str = "select move, moved_to, at_ms from lictor_moved where id = 1";

/// A database that holds a store.
pub struct DatabaseSource {
    driver: Arc<Driver>,
    address: DatabaseAddress,
}

/// Its records in one transaction: as of its beginning, or with everybody else stopped.
pub struct DatabaseView {
    driver: Arc<Driver>,
    client: Arc<Client>,
}

impl DatabaseSource {
    /// The store in a database, which must be one that this program could serve.
    pub fn of(address: &DatabaseAddress) -> Result<Self, StoreError> {
        let (driver, config) = (Arc::new(Driver::start()?), address.clone());
        driver.wait(async move {
            if !schema::exists(&config).await? {
                return Err(StoreError::Database {
                    what: format!("the database {} holds no store", config.told()),
                    next: "name the database that a server was started with",
                });
            }
            schema::upgrade(&config, Upgrade::Never).await
        })?;
        Ok(Self { driver, address: address.clone() })
    }

    pub(in crate::store) fn address(&self) -> &DatabaseAddress {
        &self.address
    }

    /// The records as they are now; everybody goes on.
    pub fn read(&self) -> Result<DatabaseView, StoreError> {
        self.view(READ)
    }

    /// The records with every writer stopped until the view is left, let go of or dropped.
    pub fn stop(&self) -> Result<DatabaseView, StoreError> {
        self.view(STOP)
    }

    /// Where the records are, if they were moved away.
    pub fn moved(address: &DatabaseAddress) -> Result<Option<Moved>, StoreError> {
        let address = address.clone();
        Driver::start()?.wait(async move {
            let (mut client, _) = connect(&address).await?;
            let look = client.transaction().await.map_err(|error| fault::of("looking for a mark", &error))?;
            marked(&look).await
        })
    }

    /// Makes a store again of a database whose records were moved away.
    pub fn take_back(address: &DatabaseAddress) -> Result<(), StoreError> {
        let address = address.clone();
        Driver::start()?.wait(async move {
            let failed = |error| fault::of("taking the records back", &error);
            let (mut client, _) = connect(&address).await?;
            let change = client.transaction().await.map_err(failed)?;
            schema::lock(&change).await?;
            if marked(&change).await?.is_none() {
                return Ok(());
            }
            change.batch_execute(BACK).await.map_err(failed)?;
            schema::open_for_programs(&change).await?;
            change.commit().await.map_err(|error| fault::of_commit(&error))
        })
    }

    fn view(&self, begin: &'static str) -> Result<DatabaseView, StoreError> {
        let address = self.address.clone();
        let client = self.driver.wait(async move {
            let (client, _) = connect(&address).await?;
            let failed = |error| match fault::of("stopping the writers", &error) {
                StoreError::Raced => StoreError::Database {
                    what: "somebody keeps the records locked".to_owned(),
                    next: "let a backup or another long reading of the database end, and run the same command again",
                },
                other => other,
            };
            client.batch_execute(begin).await.map_err(failed)?;
            Ok(client)
        })?;
        Ok(DatabaseView { driver: Arc::clone(&self.driver), client: Arc::new(client) })
    }
}

impl DatabaseView {
    /// Greatest revision that was given out, or may have been.
    pub(in crate::store) fn revision(&self) -> Result<Revision, StoreError> {
        let client = Arc::clone(&self.client);
        let revision = self.driver.wait(async move {
            let row = client.query_typed_one(REVISION, &[]).await;
            row.map(|row| row.get::<_, i64>(0)).map_err(|error| fault::of("reading the revision", &error))
        })?;
        Ok(Revision::from_number(u64::try_from(revision).unwrap_or(0)))
    }

    /// The next records of a range, in the order of keys.
    pub(in crate::store) fn page(&self, range: &KeyRange) -> Result<Vec<(RecordKey, Record)>, StoreError> {
        let (client, range) = (Arc::clone(&self.client), range.clone());
        self.driver
            .wait(async move { read::page(&client, &range, Direction::Forward, SCAN_RECORDS_MAX).await })
    }

    /// The next keys of a range with their revisions.
    pub(in crate::store) fn revisions(
        &self,
        range: &KeyRange,
    ) -> Result<Vec<(RecordKey, Revision)>, StoreError> {
        let (client, range) = (Arc::clone(&self.client), range.clone());
        self.driver.wait(in_time("comparing", PAGE_TIME, async move {
            let (start, end) = (range.start(), range.end());
            let (from, to) = (read::merchant_of(start), read::merchant_of(end));
            let columns = [
                (&from as _, Type::BYTEA),
                (&start as _, Type::BYTEA),
                (&to as _, Type::BYTEA),
                (&end as _, Type::BYTEA),
                (&REVISIONS_PER_PAGE as _, Type::INT8),
            ];
            let rows = client.query_typed(REVISIONS, &columns).await;
            let rows = rows.map_err(|error| fault::of("comparing", &error))?;
            rows.iter().map(|row| Ok((read::key_of(row)?, revision_of(row.get(1))))).collect()
        }))
    }

    /// The records under these keys in their stored form, in no order.
    pub(in crate::store) fn stored(
        &self,
        keys: &[RecordKey],
    ) -> Result<Vec<(RecordKey, Record)>, StoreError> {
        let (client, keys) = (Arc::clone(&self.client), keys.to_vec());
        self.driver.wait(in_time("reading", PAGE_TIME, async move {
            let mut wanted = Columns::default();
            keys.iter().for_each(|key| wanted.push(key, None));
            let rows = client.query_typed(STORED, &wanted.of_keys_only()).await;
            let rows = rows.map_err(|error| fault::of("reading", &error))?;
            rows.iter().map(read::record_of).collect()
        }))
    }

    /// Lets everybody go on.
    pub fn let_go(self) -> Result<(), StoreError> {
        let client = Arc::clone(&self.client);
        self.driver.wait(async move {
            // A connection that is gone holds nothing.
            let _ = client.batch_execute("rollback").await;
            Ok(())
        })
    }

    /// Notes where the records are, and lets nobody read or write them here any more. Only of a view that stopped everybody.
    pub(in crate::store) fn leave(self, moved: &Moved) -> Result<(), StoreError> {
        let (client, moved) = (Arc::clone(&self.client), moved.clone());
        self.driver.wait(async move {
            let failed = |error| match fault::of("leaving the records", &error) {
                StoreError::Raced => StoreError::Database {
                    what: "somebody reads the records and does not end".to_owned(),
                    next: "let a backup or another long reading of the database end, and run the same command again",
                },
                other => other,
            };
            client.batch_execute(MARKS).await.map_err(failed)?;
            let (id, at) = (moved.id.to_string(), i64::try_from(moved.at_ms).unwrap_or(i64::MAX));
            let values = [(&id as _, Type::TEXT), (&moved.to as _, Type::TEXT), (&at as _, Type::INT8)];
            client.execute_typed(MARK, &values).await.map_err(failed)?;
            client.execute_typed(schema::SET_OLDEST, &[(&schema::CLOSED, Type::INT4)]).await.map_err(failed)?;
            client.batch_execute(AWAY).await.map_err(failed)?;
            client.batch_execute("commit").await.map_err(|error| fault::of_commit(&error))
        })
    }
}

/// Refuses a database whose records are elsewhere.
pub(super) async fn refuse_moved(
    change: &Transaction<'_>,
    address: &DatabaseAddress,
) -> Result<(), StoreError> {
    match marked(change).await? {
        Some(moved) => Err(moved.refused(format!("the database {}", address.told()))),
        None => Ok(()),
    }
}

async fn marked(look: &Transaction<'_>) -> Result<Option<Moved>, StoreError> {
    let failed = |error| fault::of("looking for a mark", &error);
    if !look.query_typed_one(IS_MARKED, &[]).await.map_err(failed)?.get::<_, bool>(0) {
        return Ok(None);
    }
    let rows = look.query_typed(MARKED, &[]).await.map_err(failed)?;
    let Some(row) = rows.first() else { return Ok(None) };
    let id = MoveId::parse(row.get(0)).ok_or_else(|| StoreError::Damaged {
        place: "lictor_moved".to_owned(),
        what: "this is no move's id".to_owned(),
        next: "restore the database from its backup",
    })?;
    Ok(Some(Moved { id, to: row.get(1), at_ms: u64::try_from(row.get::<_, i64>(2)).unwrap_or(0) }))
}

fn revision_of(number: i64) -> Revision {
    Revision::from_number(u64::try_from(number).unwrap_or(0))
}
