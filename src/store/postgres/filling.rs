//! A database that is being filled: its mark, and the statements.

use std::time::Duration;

use tokio_postgres::types::Type;
use tokio_postgres::{Client, Transaction};

use super::address::DatabaseAddress;
use super::bulk::FillMark;
use super::connection::{Warnings, connect, in_time};
use super::write::{Columns, INSERT};
use super::{fault, read, schema};
use crate::store::engine::Direction;
use crate::store::error::StoreError;
use crate::store::handle::SCAN_RECORDS_MAX;
use crate::store::key::{KeyRange, RecordKey};
use crate::store::moving::MoveId;
use crate::store::record::Record;

/// How long one part may take, on a database that others keep busy.
const PART_TIME: Duration = Duration::from_secs(120);

/// The limits are the transaction's own: a pooler may give the connection to somebody else after it.
const LIMITS: &str = "set local statement_timeout = 0; set local lock_timeout = '60s'";
const MARK: &str = "insert into lictor_counters (name, value) values ('filling', $1) \
                    on conflict (name) do update set value = excluded.value";
const MARKED: &str = "select value from lictor_counters where name = 'filling' for update";
const UNMARK: &str = "delete from lictor_counters where name = 'filling'";
/// What was filled last, so that a move that is repeated finds itself done.
const ARRIVED: &str = "insert into lictor_counters (name, value) values ('filled', $1) \
                       on conflict (name) do update set value = excluded.value";
const HAS_ARRIVED: &str = "select value from lictor_counters where name = 'filled'";
const STORED: &str = "select r.key, r.stored from lictor_records r \
                      join unnest($1::bytea[], $2::bytea[]) as w(merchant, key) \
                      on r.merchant = w.merchant and r.key = w.key order by r.key";
/// Not by `truncate`: an index that is being made at the same time, by a store that was opened just before or by one that was
/// killed, would make it fail.
const EMPTY_PART: &str = "delete from lictor_records r \
                          using (select merchant, key from lictor_records limit 20000) as p \
                          where r.merchant = p.merchant and r.key = p.key";
const IS_EMPTY: &str = "select not exists (select 1 from lictor_records)";
const BELOW: &str = "select r.key, r.stored from lictor_records r \
                     join unnest($1::bytea[], $2::bytea[]) as w(merchant, key) \
                     on r.merchant = w.merchant and r.key = w.key for update of r";
const REVISION: &str = "update lictor_counters set value = greatest(value, $1) where name = 'revision'";

/// The connection, and whose mark there must be.
pub(super) struct Filling {
    address: DatabaseAddress,
    client: (Client, Warnings),
    mark: FillMark,
}

impl Filling {
    pub(super) async fn begin(address: DatabaseAddress, mark: FillMark) -> Result<Self, StoreError> {
        schema::upgrade(&address, schema::Upgrade::ToBeFilled).await?;
        let mut client = connect(&address).await?;
        in_time("marking the database", PART_TIME, begin(&mut client.0, &address, mark)).await?;
        let mut filling = Self { address, client, mark };
        filling.empty().await?;
        Ok(filling)
    }

    /// Removes what is there, part by part.
    async fn empty(&mut self) -> Result<(), StoreError> {
        let doing = "emptying the database";
        loop {
            let removed = in_time(doing, PART_TIME, async {
                let change = part_of(&mut self.client.0, self.mark).await?;
                let removed = change.execute_typed(EMPTY_PART, &[]).await;
                let removed = removed.map_err(|error| fault::of(doing, &error))?;
                commit(change).await.map(|()| removed)
            });
            if removed.await? == 0 {
                return Ok(());
            }
        }
    }

    pub(super) async fn add(&mut self, part: Columns) -> Result<(), StoreError> {
        in_time("writing records", PART_TIME, async {
            let change = part_of(&mut self.client.0, self.mark).await?;
            insert(&change, &part).await?;
            commit(change).await
        })
        .await
    }

    /// The one of this mark, if the database is being filled by it.
    pub(super) async fn of(address: DatabaseAddress, id: MoveId) -> Result<Option<Self>, StoreError> {
        let Some(mark) = FillMark::of(id) else { return Ok(None) };
        let mut client = connect(&address).await?;
        if !has_counters(&client.0).await? {
            return Ok(None);
        }
        let change = client.0.transaction().await.map_err(|error| fault::of("looking for a mark", &error))?;
        let is_marked = marked(&change).await? == Some(mark);
        drop(change);
        Ok(is_marked.then_some(Self { address, client, mark }))
    }

    /// By which move the database was filled last.
    pub(super) async fn arrived(address: &DatabaseAddress) -> Result<Option<MoveId>, StoreError> {
        let (client, _) = connect(address).await?;
        if !has_counters(&client).await? {
            return Ok(None);
        }
        let rows = client.query_typed(HAS_ARRIVED, &[]).await;
        let rows = rows.map_err(|error| fault::of("looking for a mark", &error))?;
        Ok(rows.first().map(|row| FillMark::read(row.get(0))))
    }

    /// What stands under these keys.
    pub(super) async fn stored(
        &mut self,
        keys: Vec<RecordKey>,
    ) -> Result<Vec<(RecordKey, Vec<u8>)>, StoreError> {
        in_time("reading back", PART_TIME, async {
            let mut wanted = Columns::default();
            keys.iter().for_each(|key| wanted.push(key, None));
            let rows = self.client.0.query_typed(STORED, &wanted.of_keys_only()).await;
            let rows = rows.map_err(|error| fault::of("reading back", &error))?;
            rows.iter().map(stored_of).collect()
        })
        .await
    }

    /// Puts `added` in the place of whatever stands under `keys`; says what stood there.
    pub(super) async fn replace(
        &mut self,
        keys: Columns,
        added: Columns,
    ) -> Result<Vec<(RecordKey, Vec<u8>)>, StoreError> {
        in_time("writing records", PART_TIME, async {
            let change = part_of(&mut self.client.0, self.mark).await?;
            let failed = |error| fault::of("writing records", &error);
            let rows = change.query_typed(BELOW, &keys.of_keys_only()).await.map_err(failed)?;
            let replaced = rows.iter().map(stored_of).collect::<Result<_, _>>()?;
            keys.delete(change.client()).await.map_err(failed)?;
            insert(&change, &added).await?;
            commit(change).await?;
            Ok(replaced)
        })
        .await
    }

    pub(super) async fn page(&mut self, range: &KeyRange) -> Result<Vec<(RecordKey, Record)>, StoreError> {
        read::page(&self.client.0, range, Direction::Forward, SCAN_RECORDS_MAX).await
    }

    pub(super) async fn set_revision(&mut self, revision: u64) -> Result<(), StoreError> {
        let revision = i64::try_from(revision).unwrap_or(i64::MAX);
        let doing = "setting the counter of revisions";
        in_time(doing, PART_TIME, async {
            let change = part_of(&mut self.client.0, self.mark).await?;
            let set = change.execute_typed(REVISION, &[(&revision, Type::INT8)]).await;
            set.map_err(|error| fault::of(doing, &error))?;
            commit(change).await
        })
        .await
    }

    /// Takes the mark away, and everything else if nothing is to be kept. The connection may have been quiet for long.
    pub(super) async fn end(&mut self, is_undone: bool) -> Result<(), StoreError> {
        if self.client.0.is_closed() {
            self.client = connect(&self.address).await?;
        }
        if is_undone {
            self.empty().await?;
        }
        let doing = "taking the mark away";
        in_time(doing, PART_TIME, async {
            let failed = |error| fault::of(doing, &error);
            let change = part_of(&mut self.client.0, self.mark).await?;
            change.batch_execute(UNMARK).await.map_err(failed)?;
            if !is_undone {
                change.execute_typed(ARRIVED, &[(&self.mark.0, Type::INT8)]).await.map_err(failed)?;
            }
            schema::open_for_programs(&change).await?;
            commit(change).await
        })
        .await
    }
}

async fn has_counters(client: &Client) -> Result<bool, StoreError> {
    let row = client.query_typed_one("select to_regclass('lictor_counters') is not null", &[]).await;
    row.map(|row| row.get(0)).map_err(|error| fault::of("looking for a mark", &error))
}

/// Refuses a database that holds a store, before anything is written to it. One that an earlier try has begun to fill is
/// none.
pub(super) async fn refuse_a_store(address: &DatabaseAddress) -> Result<(), StoreError> {
    let failed = |error| fault::of("looking into the database", &error);
    let (mut client, _) = connect(address).await?;
    let has_records = "select to_regclass('lictor_records') is not null";
    let look = client.transaction().await.map_err(failed)?;
    schema::refuse_newer(&look).await?;
    if !look.query_typed_one(has_records, &[]).await.map_err(failed)?.get::<_, bool>(0)
        || look.query_typed_one(IS_EMPTY, &[]).await.map_err(failed)?.get::<_, bool>(0)
        || marked(&look).await?.is_some()
    {
        return Ok(());
    }
    Err(holds_a_store(address))
}

fn holds_a_store(address: &DatabaseAddress) -> StoreError {
    StoreError::Database {
        what: format!("the database {} holds a store, and nothing is ever written over one", address.told()),
        next: "make an empty database (createdb) and name that one; stop every server before you let it take the \
               place of the other",
    }
}

/// Key and record in its stored form; its checksum holds.
fn stored_of(row: &tokio_postgres::Row) -> Result<(RecordKey, Vec<u8>), StoreError> {
    read::record_of(row).map(|(key, record)| {
        let stored = record.encode(&key);
        (key, stored)
    })
}

/// Whether the database is being filled, by whom.
pub(super) async fn marked(change: &Transaction<'_>) -> Result<Option<FillMark>, StoreError> {
    let rows = change.query_typed(MARKED, &[]).await;
    let rows = rows.map_err(|error| fault::of("looking for a mark", &error))?;
    Ok(rows.first().map(|row| FillMark(row.get(0))))
}

/// Under the lock of the schema: nobody who starts just now sees the one without the other.
async fn begin(client: &mut Client, address: &DatabaseAddress, mark: FillMark) -> Result<(), StoreError> {
    let failed = |error| fault::of("marking the database", &error);
    let change = client.transaction().await.map_err(failed)?;
    change.batch_execute(LIMITS).await.map_err(failed)?;
    schema::lock(&change).await?;
    let is_begun = marked(&change).await?.is_some();
    if !is_begun && !change.query_typed_one(IS_EMPTY, &[]).await.map_err(failed)?.get::<_, bool>(0) {
        return Err(holds_a_store(address));
    }
    change.execute_typed(MARK, &[(&mark.0, Type::INT8)]).await.map_err(failed)?;
    schema::close_for_programs(&change).await?;
    commit(change).await
}

/// Begins a transaction that is this try's.
async fn part_of(client: &mut Client, mark: FillMark) -> Result<Transaction<'_>, StoreError> {
    let failed = |error| fault::of("beginning to write records", &error);
    let change = client.transaction().await.map_err(failed)?;
    change.batch_execute(LIMITS).await.map_err(failed)?;
    if marked(&change).await? == Some(mark) {
        return Ok(change);
    }
    Err(StoreError::Database {
        what: "somebody else has begun to fill this database meanwhile".to_owned(),
        next: "let one of you finish",
    })
}

async fn insert(change: &Transaction<'_>, part: &Columns) -> Result<(), StoreError> {
    let inserted = part.run(change.client(), INSERT).await;
    let inserted = inserted.map_err(|error| fault::of("writing records", &error))?;
    if inserted == part.len() {
        return Ok(());
    }
    Err(StoreError::Database {
        what: "records were there already, in a database that was empty".to_owned(),
        next: "see that nobody else writes to it, and begin again",
    })
}

async fn commit(change: Transaction<'_>) -> Result<(), StoreError> {
    change.commit().await.map_err(|error| fault::of_commit(&error))
}
