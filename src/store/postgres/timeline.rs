//! Notices that the database is not the one that it was: a standby was promoted that may not have had everything, or the
//! database was taken back to an earlier moment by its own means.
//!
//! PostgreSQL numbers the lines that its history takes: each promotion and each recovery to a moment begins a new one. The
//! number on which the store was last continued stands in the store. Where both differ, one process continues the store
//! before anybody reads or writes, and the others wait for it; each then takes new numbers for what it gives out.
//!
//! Engines that speak the protocol and have no such lines replicate before they answer, and are not watched.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio_postgres::error::SqlState;
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Row};

use super::address::DatabaseAddress;
use super::connection::{STATEMENT_TIME, Warnings, connect, in_time};
use super::fault;
use super::schema::Upgrade;
use crate::store::error::StoreError;

/// How long the wait for another process's turn, or a turn itself, may take.
const TURN_TIME: Duration = Duration::from_secs(60);

const HAS_TIMELINES: &str = "select to_regproc('pg_catalog.pg_walfile_name') is not null \
                             and to_regproc('pg_catalog.pg_current_wal_lsn') is not null";
/// The line that is being written, in hexadecimal, the one on which the store was last continued, and how often it was.
const LINES: &str = "select substr(pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_lsn()), 1, 8), \
                     (select value from lictor_counters where name = 'timeline'), \
                     (select value from lictor_counters where name = 'continued')";
const NOTE_IF_ABSENT: &str = "insert into lictor_counters (name, value) values ('timeline', $1) \
                              on conflict (name) do nothing";
const NOTE: &str = "insert into lictor_counters (name, value) values ('timeline', $1) \
                    on conflict (name) do update set value = excluded.value";
/// A store may be continued on the same line: after a snapshot of the disk.
const COUNT: &str = "insert into lictor_counters (name, value) values ('continued', 1) \
                     on conflict (name) do update set value = lictor_counters.value + 1";
/// Whoever holds the row's lock continues. Whoever holds it and is cut off lets go of it.
const TURN: &str = "begin; set local lock_timeout = '60s'; set local statement_timeout = 0; \
                    set local idle_in_transaction_session_timeout = '60s'";
const LOCK: &str = "select value from lictor_counters where name = 'timeline' for update";
/// The line of no database.
const NEVER: i64 = 0;
/// Blocks of revisions that were taken in the lost time are not known: as many are left out as no server takes in it.
const JUMP: &str = "update lictor_counters set value = value + 4294967296 where name = 'revision'";
/// When the last thing happened that the standby had; none if it was started since.
const HAD: &str = "select (extract(epoch from pg_catalog.pg_last_xact_replay_timestamp()) * 1000)::bigint";

/// Makes the store fit for those who remember a later time. Hears when the last thing happened that the database still
/// has, in Unix milliseconds, if it says so. It is called in one process at a time, may block, and is called again when it
/// was cut off.
pub type Continuation = Box<dyn Fn(Option<i64>) -> Result<(), StoreError> + Send + Sync>;

/// What a process goes on with, until it is another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line {
    timeline: i64,
    continued: i64,
}

/// What this process knows of the lines; one for all connections of an engine.
#[derive(Clone, Default)]
pub struct Timelines(Option<Arc<AtomicU64>>);

impl Timelines {
    /// Notes the line of a store that begins, and looks whether there is anything to watch.
    pub async fn begin(address: &DatabaseAddress, upgrade: Upgrade) -> Result<Self, StoreError> {
        let (client, _) = connect(address).await?;
        let Some((now, noted)) = in_time(LOOKING, STATEMENT_TIME, lines_if_any(&client)).await? else {
            return Ok(Self(None));
        };
        let note = match upgrade {
            Upgrade::IfNeeded | Upgrade::ToBeFilled => NOTE_IF_ABSENT,
            Upgrade::FilledBy(_) => NOTE,
            Upgrade::Never => return Ok(Self(noted.map(|_| Arc::default()))),
        };
        let noting = client.execute_typed(note, &[(&now.timeline, Type::INT8)]).await;
        noting.map_err(|error| fault::of("noting the database's timeline", &error))?;
        Ok(Self(Some(Arc::default())))
    }

    /// The line of the database that this connection leads to; none where there are no lines. Refuses one on which the
    /// store was not continued.
    pub async fn of(&self, client: &Client) -> Result<Option<Line>, StoreError> {
        if self.0.is_none() {
            return Ok(None);
        }
        let (now, noted) = lines(client).await.map_err(|error| fault::of(LOOKING, &error))?;
        if noted == Some(now.timeline) { Ok(Some(now)) } else { Err(StoreError::Promoted) }
    }

    /// How often this process has gone on with another line.
    pub fn count(&self) -> u64 {
        self.0.as_ref().map_or(0, |count| count.load(Ordering::Acquire))
    }

    /// This process goes on with another line.
    pub fn changed(&self) {
        if let Some(count) = &self.0 {
            count.fetch_add(1, Ordering::AcqRel);
        }
    }
}

const LOOKING: &str = "looking at the database's timeline";

/// Notes that the store was continued on no line yet.
pub async fn forget(address: &DatabaseAddress) -> Result<(), StoreError> {
    let doing = "noting that the database was taken back";
    let (client, _) = connect(address).await?;
    let noting = async {
        let noted = client.execute_typed(NOTE, &[(&NEVER, Type::INT8)]).await;
        noted.map(drop).map_err(|error| fault::of(doing, &error))
    };
    in_time(doing, STATEMENT_TIME, noting).await
}

/// The only process that continues the store, while it does.
pub struct Turn {
    client: (Client, Warnings),
    timeline: i64,
}

impl Turn {
    /// Waits for it; none if another process has continued the store meanwhile. Says when the last thing happened that
    /// the database still has.
    pub async fn take(address: &DatabaseAddress) -> Result<Option<(Self, Option<i64>)>, StoreError> {
        in_time("waiting to continue the store", TURN_TIME, Self::try_take(address)).await
    }

    async fn try_take(address: &DatabaseAddress) -> Result<Option<(Self, Option<i64>)>, StoreError> {
        let failed = |error| fault::of("waiting to continue the store", &error);
        let client = connect(address).await?;
        client.0.batch_execute(TURN).await.map_err(failed)?;
        client.0.execute_typed(NOTE_IF_ABSENT, &[(&NEVER, Type::INT8)]).await.map_err(failed)?;
        client.0.query_typed(LOCK, &[]).await.map_err(failed)?;
        let (Line { timeline, .. }, noted) = lines(&client.0).await.map_err(failed)?;
        if noted == Some(timeline) {
            return Ok(None);
        }
        let (beside, _) = connect(address).await?;
        // At once, and not only with the turn: what is written in the turn takes its revisions behind the jump.
        beside.batch_execute(JUMP).await.map_err(failed)?;
        let had = beside.query_typed(HAD, &[]).await.map_err(failed)?;
        Ok(Some((Self { client, timeline }, had.first().and_then(|row| row.get(0)))))
    }

    /// The store is continued on this line.
    pub async fn end(self) -> Result<(), StoreError> {
        let ending = async {
            let failed = |error| fault::of("noting that the store was continued", &error);
            let client = &self.client.0;
            client.execute_typed(NOTE, &[(&self.timeline, Type::INT8)]).await.map_err(failed)?;
            client.execute_typed(COUNT, &[]).await.map_err(failed)?;
            client.batch_execute("commit").await.map_err(|error| fault::of_commit(&error))
        };
        in_time("noting that the store was continued", STATEMENT_TIME, ending).await
    }
}

async fn lines(client: &Client) -> Result<(Line, Option<i64>), tokio_postgres::Error> {
    let rows = client.query_typed(LINES, &[]).await?;
    Ok(rows.first().map_or((Line { timeline: NEVER, continued: 0 }, None), read))
}

/// None where the server knows no lines, or does not tell this account.
async fn lines_if_any(client: &Client) -> Result<Option<(Line, Option<i64>)>, StoreError> {
    let known = client.query_typed(HAS_TIMELINES, &[]).await;
    let has = known.is_ok_and(|rows| rows.first().is_some_and(|row| row.get(0)));
    if !has {
        return Ok(None);
    }
    match lines(client).await {
        Ok(lines) => Ok(Some(lines)),
        Err(error) if error.code().is_some_and(is_not_told) => {
            tracing::warn!(
                error = fault::words(&error),
                "the database does not say whether a standby was promoted: continue the store by hand after it"
            );
            Ok(None)
        }
        Err(error) => Err(fault::of(LOOKING, &error)),
    }
}

fn is_not_told(code: &SqlState) -> bool {
    let codes =
        [SqlState::UNDEFINED_FUNCTION, SqlState::FEATURE_NOT_SUPPORTED, SqlState::INSUFFICIENT_PRIVILEGE];
    codes.contains(code)
}

fn read(row: &Row) -> (Line, Option<i64>) {
    let (now, noted, continued): (&str, Option<i64>, Option<i64>) = (row.get(0), row.get(1), row.get(2));
    let timeline = i64::from_str_radix(now, 16).unwrap_or(NEVER);
    (Line { timeline, continued: continued.unwrap_or(0) }, noted)
}
