//! The database's schema: forward only, one step at a time, by one process at a time.

use std::time::Duration;

use tokio_postgres::types::Type;
use tokio_postgres::{Client, GenericClient, Row, SimpleQueryMessage, Transaction};

use super::address::DatabaseAddress;
use super::bulk::FillMark;
use super::connection::{connect, connect_at_start, in_time};
use super::{fault, filling, leaving};
use crate::store::error::StoreError;

/// The newest schema that this program writes.
pub const SCHEMA_VERSION: u32 = STEPS.len() as u32;

/// How long an upgrade, or the wait for another process's, may take.
const UPGRADE_TIME: Duration = Duration::from_secs(600);
/// Pause between two tries: whoever waits for a lock of the whole table holds up everybody behind it.
const BETWEEN_TRIES: Duration = Duration::from_millis(200);
/// How long what is built behind the running servers may take.
const BEHIND_TIME: Duration = Duration::from_secs(6 * 3600);

/// The oldest server that this was run on is 15; from 13 on it has all that is used.
const SERVER_VERSION_MIN: i32 = 130_000;

/// One step: the schema before it plus this is the next version.
struct Step {
    sql: &'static str,
    /// The oldest program, by its [`SCHEMA_VERSION`], that may still run on the schema after the step: programs of two
    /// versions run side by side while the replicas are replaced one after another. A running one goes on; one that
    /// starts finds a newer schema, sees that it may run on it, and leaves it as it is.
    oldest_program: u32,
    /// What is built while servers run, with and without it.
    behind: Option<Behind>,
}

/// An index that is built outside a transaction, without holding up writers.
struct Behind {
    index: &'static str,
    sql: &'static str,
}

const STEPS: &[Step] = &[
    Step { sql: include_str!("../../../migrations/0001_records.sql"), oldest_program: 1, behind: None },
    Step {
        sql: include_str!("../../../migrations/0002_lapses.sql"),
        oldest_program: 1,
        behind: Some(Behind {
            index: "lictor_records_until",
            sql: include_str!("../../../migrations/0002_lapses_behind.sql"),
        }),
    },
];

/// Where versions are kept. One row: whoever holds its lock upgrades.
const VERSIONS: &str = "create table if not exists lictor_schema (
        id int primary key, version int not null, oldest_program int not null)";
const FIRST_ROW: &str =
    "insert into lictor_schema (id, version, oldest_program) values (1, 0, 0) on conflict do nothing";
/// While a database is being filled it asks for a program that will never be: also programs that know nothing of it then
/// refuse to start there.
pub(super) const CLOSED: i32 = i32::MAX;
pub(super) const SET_OLDEST: &str = "update lictor_schema set oldest_program = $1 where id = 1";
const ROW: &str = "select version, oldest_program from lictor_schema where id = 1";
/// A step waits for a lock no longer than this at a time, and what writes meanwhile waits behind it.
const LOCKED_ROW: &str = "select version, oldest_program from lictor_schema where id = 1 for update";
const WAIT_BRIEFLY: &str = "set local lock_timeout = '1s'";
/// Whoever holds this row's lock builds what is built behind. Not the first one's: programs that start look at that.
const BUILDERS_ROW: &str =
    "insert into lictor_schema (id, version, oldest_program) values (2, 0, 0) on conflict do nothing";
/// Never waited for inside a statement: an index that is built waits for every statement that began before, this one too.
const LOCKED_BUILDERS_ROW: &str = "select 1 from lictor_schema where id = 2 for update skip locked";
/// Whether an index is there, and whole: one whose building was interrupted stays and is of no use.
const IS_VALID: &str = "select i.indisvalid from pg_index i where i.indexrelid = to_regclass($1::text)";

/// Whether an older schema is brought up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Upgrade {
    /// Yes.
    IfNeeded,
    /// No: an older one is refused.
    Never,
    /// Yes, also where another one has begun to fill the database: it is filled anew.
    ToBeFilled,
    /// No; and the database is being filled by whoever asks.
    FilledBy(FillMark),
}

/// Looks at the server and its schema, and brings the schema up; says from which version to which.
pub async fn upgrade(address: &DatabaseAddress, upgrade: Upgrade) -> Result<(u32, u32), StoreError> {
    let (mut client, _) = connect_at_start(address).await?;
    suits(&client).await?;
    in_time("upgrading the schema", UPGRADE_TIME, upgraded(&mut client, address, upgrade)).await
}

/// Whether there is a schema at all.
pub async fn exists(address: &DatabaseAddress) -> Result<bool, StoreError> {
    let (client, _) = connect_at_start(address).await?;
    let row = one(&client, "select to_regclass('lictor_schema') is not null").await;
    row.map(|row| row.get(0)).map_err(|error| fault::of("looking for the schema", &error))
}

/// Whether the server is one that this program writes to.
pub(super) async fn suits_for_writing(address: &DatabaseAddress) -> Result<(), StoreError> {
    let (client, _) = connect(address).await?;
    suits(&client).await
}

async fn suits(client: &Client) -> Result<(), StoreError> {
    let failed = |error| fault::of("asking the server for its version", &error);
    let asked = "select current_setting('server_version_num')::int, current_setting('server_version'), \
                 current_setting('transaction_read_only') = 'on', current_setting('synchronous_commit') = 'off', \
                 current_setting('fsync', true) = 'off'";
    let row = one(client, asked).await.map_err(failed)?;
    let (number, version): (i32, String) = (row.get(0), row.get(1));
    if number < SERVER_VERSION_MIN {
        return Err(StoreError::Database {
            what: format!("the database server is PostgreSQL {version}, older than 13"),
            next: "upgrade it, or name a newer one in LICTOR_STORE",
        });
    }
    if row.get(2) {
        return Err(StoreError::Database {
            what: "the database takes no writes: it is a standby, or set to read only".to_owned(),
            next: fault::READ_ONLY,
        });
    }
    if row.get(3) {
        return Err(StoreError::Database {
            what: "synchronous_commit is off: an answer could leave before its commit is durable".to_owned(),
            next: "set it to on for this database or its user, then start again",
        });
    }
    if row.get::<_, Option<bool>>(4) == Some(true) {
        tracing::warn!("the database runs with fsync = off: a power cut can lose what was answered");
    }
    Ok(())
}

async fn upgraded(
    client: &mut Client,
    address: &DatabaseAddress,
    upgrade: Upgrade,
) -> Result<(u32, u32), StoreError> {
    // Two first starts at once: the second finds the table, or loses a race inside `if not exists` and tries again.
    let made = client.batch_execute(VERSIONS).await;
    if made.is_err() {
        client.batch_execute(VERSIONS).await.map_err(failed)?;
    }
    if let Some(row) = client.query_typed(ROW, &[]).await.map_err(failed)?.first() {
        let (found, oldest) = versions(row);
        // Nothing to do, so nobody is waited for.
        if !is_closed(oldest) && (found >= SCHEMA_VERSION || oldest > SCHEMA_VERSION) {
            judge(found, oldest, upgrade)?;
            return Ok((found, found));
        }
    }
    loop {
        match try_upgrade(client, address, upgrade).await {
            // Somebody else upgrades, or a long transaction uses the table.
            Err(StoreError::Raced) => tokio::time::sleep(BETWEEN_TRIES).await,
            told => return told,
        }
    }
}

async fn try_upgrade(
    client: &mut Client,
    address: &DatabaseAddress,
    upgrade: Upgrade,
) -> Result<(u32, u32), StoreError> {
    let change = client.transaction().await.map_err(failed)?;
    change.batch_execute(WAIT_BRIEFLY).await.map_err(failed)?;
    change.batch_execute(FIRST_ROW).await.map_err(failed)?;
    let (found, oldest) = versions(&one(&change, LOCKED_ROW).await.map_err(failed)?);
    if is_closed(oldest) {
        leaving::refuse_moved(&change, address).await?;
        may_enter(&change, upgrade).await?;
    }
    judge(found, oldest, upgrade)?;
    for version in found..SCHEMA_VERSION {
        step(&change, version).await?;
    }
    if is_closed(oldest) {
        close_for_programs(&change).await?;
    }
    change.commit().await.map_err(failed)?;
    Ok((found, found.max(SCHEMA_VERSION)))
}

/// The one row that a statement gives. It gets no name: a pooler may give the next one to another server connection.
async fn one(client: &impl GenericClient, statement: &str) -> Result<Row, tokio_postgres::Error> {
    client.query_typed_one(statement, &[]).await
}

fn failed(error: tokio_postgres::Error) -> StoreError {
    fault::of("upgrading the schema", &error)
}

fn versions(row: &Row) -> (u32, u32) {
    let (found, oldest): (i32, i32) = (row.get(0), row.get(1));
    (u32::try_from(found).unwrap_or(0), u32::try_from(oldest).unwrap_or(0))
}

/// Whether it is being filled, or was left.
fn is_closed(oldest: u32) -> bool {
    i32::try_from(oldest) == Ok(CLOSED)
}

/// Whether this program may run on what was found; what is closed has rules of its own.
fn judge(found: u32, oldest: u32, upgrade: Upgrade) -> Result<(), StoreError> {
    if !is_closed(oldest) {
        if let Upgrade::FilledBy(_) = upgrade {
            return Err(begun_and_not_ended());
        }
        if oldest > SCHEMA_VERSION {
            return Err(too_new(found, oldest));
        }
    }
    if found < SCHEMA_VERSION && upgrade == Upgrade::Never {
        return Err(StoreError::Database {
            what: format!("the database has schema {found}, this program needs {SCHEMA_VERSION}"),
            next: "run `lictor store upgrade`",
        });
    }
    Ok(())
}

fn too_new(found: u32, oldest: u32) -> StoreError {
    StoreError::Database {
        what: format!(
            "the database has schema {found}, which needs a program of at least schema {oldest}; this one has \
             {SCHEMA_VERSION}"
        ),
        next: "start the newer program",
    }
}

/// Refuses a schema that this program cannot work on, without writing anything.
pub(super) async fn refuse_newer(look: &Transaction<'_>) -> Result<(), StoreError> {
    let failed = |error| fault::of("looking at the schema", &error);
    let has_schema = "select to_regclass('lictor_schema') is not null";
    if !look.query_typed_one(has_schema, &[]).await.map_err(failed)?.get::<_, bool>(0) {
        return Ok(());
    }
    let rows = look.query_typed("select version, oldest_program from lictor_schema where id = 1", &[]).await;
    let rows = rows.map_err(failed)?;
    let Some(row) = rows.first() else { return Ok(()) };
    let (found, oldest): (i32, i32) = (row.get(0), row.get(1));
    let number = |number: i32| u32::try_from(number).unwrap_or(0);
    if oldest == CLOSED || number(oldest) <= SCHEMA_VERSION {
        return Ok(());
    }
    Err(too_new(number(found), number(oldest)))
}

/// Whether one may work on a database that is being filled.
async fn may_enter(change: &Transaction<'_>, upgrade: Upgrade) -> Result<(), StoreError> {
    match upgrade {
        Upgrade::IfNeeded | Upgrade::Never => Err(begun_and_not_ended()),
        Upgrade::ToBeFilled => Ok(()),
        Upgrade::FilledBy(mark) if filling::marked(change).await? == Some(mark) => Ok(()),
        Upgrade::FilledBy(_) => Err(begun_and_not_ended()),
    }
}

fn begun_and_not_ended() -> StoreError {
    StoreError::Database {
        what: "the database was begun to be filled, by `lictor restore` or `lictor store move`, and that has not ended"
            .to_owned(),
        next: "wait for it, or run that command again: it begins anew",
    }
}

/// Waits until nobody else looks at the schema or changes it, and holds it until the end of the transaction.
pub(super) async fn lock(change: &Transaction<'_>) -> Result<(), StoreError> {
    let locked = change.query_typed_one(LOCKED_ROW, &[]).await;
    locked.map(|_| ()).map_err(|error| fault::of("locking the schema", &error))
}

/// No program starts on it any more.
pub(super) async fn close_for_programs(change: &Transaction<'_>) -> Result<(), StoreError> {
    set_oldest(change, CLOSED).await
}

/// As the schema's last step has it.
pub(super) async fn open_for_programs(change: &Transaction<'_>) -> Result<(), StoreError> {
    let oldest = STEPS.last().map_or(0, |step| step.oldest_program);
    set_oldest(change, i32::try_from(oldest).unwrap_or(0)).await
}

async fn set_oldest(change: &Transaction<'_>, oldest: i32) -> Result<(), StoreError> {
    let set = change.execute_typed(SET_OLDEST, &[(&oldest, Type::INT4)]).await;
    set.map(|_| ()).map_err(|error| fault::of("marking the schema", &error))
}

async fn step(change: &Transaction<'_>, version: u32) -> Result<(), StoreError> {
    let step = &STEPS[version as usize];
    change.batch_execute(step.sql).await.map_err(failed)?;
    let (version, oldest) = (version + 1, step.oldest_program);
    let noted =
        format!("update lictor_schema set version = {version}, oldest_program = {oldest} where id = 1");
    change.batch_execute(&noted).await.map_err(failed)
}

/// Builds what is built while the servers run; one process does, the others wait for it. What is there stays.
pub async fn build_behind(address: &DatabaseAddress) -> Result<(), StoreError> {
    let (client, _) = connect(address).await?;
    for behind in STEPS.iter().filter_map(|step| step.behind.as_ref()) {
        if !is_valid(&client, behind.index).await? {
            in_time("building an index", BEHIND_TIME, build(address, &client, behind)).await?;
        }
    }
    Ok(())
}

async fn is_valid(client: &Client, index: &str) -> Result<bool, StoreError> {
    let rows = client.query_typed(IS_VALID, &[(&index, Type::TEXT)]).await.map_err(failed)?;
    Ok(rows.first().is_some_and(|row| row.get(0)))
}

/// Two connections: an index that is built beside writers is built outside a transaction, and the lock needs one.
async fn build(address: &DatabaseAddress, client: &Client, behind: &Behind) -> Result<(), StoreError> {
    let (mut holder, _) = connect(address).await?;
    holder.batch_execute(BUILDERS_ROW).await.map_err(failed)?;
    loop {
        let lock = holder.transaction().await.map_err(failed)?;
        // As a simple statement: any other leaves a portal behind, whose snapshot the index would wait for.
        let locked = lock.simple_query(LOCKED_BUILDERS_ROW).await.map_err(failed)?;
        let is_ours = locked.iter().any(|told| matches!(told, SimpleQueryMessage::Row(_)));
        let is_built = is_valid(client, behind.index).await?;
        if is_ours && !is_built {
            let left_over = format!("drop index concurrently if exists {}", behind.index);
            client.batch_execute(&left_over).await.map_err(failed)?;
            client.batch_execute(behind.sql).await.map_err(failed)?;
        }
        lock.commit().await.map_err(failed)?;
        if is_ours || is_built {
            return Ok(());
        }
        // Somebody else builds it.
        tokio::time::sleep(BETWEEN_TRIES).await;
    }
}
