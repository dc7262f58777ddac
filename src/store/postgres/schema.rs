//! The database's schema: forward only, one step at a time, by one process at a time.

use tokio_postgres::{Client, Transaction};

use super::address::DatabaseAddress;
use super::bulk::FillMark;
use super::connection::{connect, in_time};
use super::{fault, filling, leaving};
use crate::store::error::StoreError;

/// The newest schema that this program writes.
pub const SCHEMA_VERSION: u32 = STEPS.len() as u32;

/// How long an upgrade, or the wait for another process's, may take.
const UPGRADE_TIME: std::time::Duration = std::time::Duration::from_secs(600);

/// The oldest server that this was run on is 15; from 13 on it has all that is used.
const SERVER_VERSION_MIN: i32 = 130_000;

/// One step: the schema before it plus this is the next version.
struct Step {
    sql: &'static str,
    /// The oldest program, by its [`SCHEMA_VERSION`], that may still run on the schema after the step: programs of two
    /// versions run side by side while the replicas are replaced one after another.
    oldest_program: u32,
}

const STEPS: &[Step] =
    &[Step { sql: include_str!("../../../migrations/0001_records.sql"), oldest_program: 1 }];

/// Where versions are kept. One row: whoever holds its lock upgrades.
const VERSIONS: &str = "create table if not exists lictor_schema (
        id int primary key, version int not null, oldest_program int not null)";
const FIRST_ROW: &str =
    "insert into lictor_schema (id, version, oldest_program) values (1, 0, 0) on conflict do nothing";
/// While a database is being filled it asks for a program that will never be: also programs that know nothing of it then
/// refuse to start there.
pub(super) const CLOSED: i32 = i32::MAX;
pub(super) const SET_OLDEST: &str = "update lictor_schema set oldest_program = $1 where id = 1";
const LOCKED_ROW: &str = "select version, oldest_program from lictor_schema where id = 1 for update";

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
    let (mut client, _) = connect(address).await?;
    suits(&client).await?;
    in_time("upgrading the schema", UPGRADE_TIME, upgraded(&mut client, address, upgrade)).await
}

/// Whether there is a schema at all.
pub async fn exists(address: &DatabaseAddress) -> Result<bool, StoreError> {
    let (client, _) = connect(address).await?;
    let row = client.query_one("select to_regclass('lictor_schema') is not null", &[]).await;
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
    let row = client.query_one(asked, &[]).await.map_err(failed)?;
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
            next: "name the primary in LICTOR_STORE (several hosts may be named: the one that takes writes is used)",
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
    let failed = |error: tokio_postgres::Error| fault::of("upgrading the schema", &error);
    // Two first starts at once: the second finds the table, or loses a race inside `if not exists` and tries again.
    let made = client.batch_execute(VERSIONS).await;
    if made.is_err() {
        client.batch_execute(VERSIONS).await.map_err(failed)?;
    }
    let change = client.transaction().await.map_err(failed)?;
    change.execute(FIRST_ROW, &[]).await.map_err(failed)?;
    let row = change.query_one(LOCKED_ROW, &[]).await.map_err(failed)?;
    let (found, oldest): (i32, i32) = (row.get(0), row.get(1));
    let is_closed = oldest == CLOSED;
    if is_closed {
        leaving::refuse_moved(&change, address).await?;
        may_enter(&change, upgrade).await?;
    } else if let Upgrade::FilledBy(_) = upgrade {
        return Err(begun_and_not_ended());
    }
    let (found, oldest) = (u32::try_from(found).unwrap_or(0), u32::try_from(oldest).unwrap_or(0));
    if oldest > SCHEMA_VERSION && !is_closed {
        return Err(too_new(found, oldest));
    }
    if found < SCHEMA_VERSION && upgrade == Upgrade::Never {
        return Err(StoreError::Database {
            what: format!("the database has schema {found}, this program needs {SCHEMA_VERSION}"),
            next: "run `lictor store upgrade`",
        });
    }
    for version in found..SCHEMA_VERSION {
        step(&change, version).await?;
    }
    if is_closed {
        close_for_programs(&change).await?;
    }
    change.commit().await.map_err(failed)?;
    Ok((found, found.max(SCHEMA_VERSION)))
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
    if !look.query_one(has_schema, &[]).await.map_err(failed)?.get::<_, bool>(0) {
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
    let locked = change.query_one(LOCKED_ROW, &[]).await;
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
    let set = change.execute(SET_OLDEST, &[&oldest]).await;
    set.map(|_| ()).map_err(|error| fault::of("marking the schema", &error))
}

async fn step(change: &Transaction<'_>, version: u32) -> Result<(), StoreError> {
    let failed = |error| fault::of("upgrading the schema", &error);
    let step = &STEPS[version as usize];
    change.batch_execute(step.sql).await.map_err(failed)?;
    let (version, oldest) = (version as i32 + 1, step.oldest_program as i32);
    let noted = "update lictor_schema set version = $1, oldest_program = $2 where id = 1";
    change.execute(noted, &[&version, &oldest]).await.map_err(failed)?;
    Ok(())
}
