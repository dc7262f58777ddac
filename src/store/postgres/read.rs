//! Reads: each is one statement, so it shows the store as of one commit.

use std::io::Write;

use tokio_postgres::types::Type;
use tokio_postgres::{Client, Row};

use super::connection::{Driver, Readers, STATEMENT_TIME, in_time};
use super::fault;
use crate::store::embedded::STORE_SCHEMA;
use crate::store::engine::{Direction, Position, SCAN_BYTES_MAX};
use crate::store::error::StoreError;
use crate::store::handle::SCAN_RECORDS_MAX;
use crate::store::journal::StoreId;
use crate::store::key::{KeyRange, RecordKey};
use crate::store::record::{Record, Revision};
use crate::store::snapshot::{SnapshotHeader, SnapshotSummary, SnapshotWriter};

const GET: &str = "select r.key, r.stored from lictor_records r \
                   join unnest($1::bytea[], $2::bytea[]) as w(merchant, key) \
                   on r.merchant = w.merchant and r.key = w.key";

/// A page ends before the record that begins beyond the bound of bytes; the first record always fits. Inside a page the
/// key alone gives the order: it begins with the merchant.
const FORWARD: &str = "select key, stored from (select key, stored, \
    sum(octet_length(key) + octet_length(stored)) over (order by key rows between unbounded preceding and 1 preceding) \
    as before from (select key, stored from lictor_records where (merchant, key) >= ($1, $2) and (merchant, key) < ($3, $4) \
    order by merchant, key limit $5) as page) as pages where before is null or before < $6 order by key";
const REVERSE: &str = "select key, stored from (select key, stored, \
    sum(octet_length(key) + octet_length(stored)) over (order by key desc rows between unbounded preceding and 1 preceding) \
    as before from (select key, stored from lictor_records where (merchant, key) >= ($1, $2) and (merchant, key) < ($3, $4) \
    order by merchant desc, key desc limit $5) as page) as pages where before is null or before < $6 order by key desc";

const LAPSED: &str = "select key, stored from lictor_records where merchant = $1 and until_ms <= $2 \
                      and key >= $3 and key < $4 order by until_ms limit $5";

pub async fn get(readers: &Readers, keys: &[RecordKey]) -> Result<Vec<Option<Record>>, StoreError> {
    let merchants: Vec<&[u8]> = keys.iter().map(|key| key.merchant().as_bytes()).collect();
    let wanted: Vec<&[u8]> = keys.iter().map(RecordKey::as_bytes).collect();
    let reading = async {
        let client = readers.take().await?;
        let columns = [(&merchants as _, Type::BYTEA_ARRAY), (&wanted as _, Type::BYTEA_ARRAY)];
        client.query_typed(GET, &columns).await.map_err(|error| fault::of("reading", &error))
    };
    let rows = in_time("reading", STATEMENT_TIME, reading).await?;
    let found = rows.iter().map(record_of).collect::<Result<std::collections::HashMap<_, _>, _>>()?;
    Ok(keys.iter().map(|key| found.get(key).cloned()).collect())
}

pub async fn scan(
    readers: &Readers,
    range: &KeyRange,
    direction: Direction,
    limit: usize,
) -> Result<Vec<(RecordKey, Record)>, StoreError> {
    let client = readers.take().await?;
    page(&client, range, direction, limit).await
}

/// Those of one merchant that have lapsed, the first to lapse first, without a look at the others.
pub async fn lapsed(
    readers: &Readers,
    range: &KeyRange,
    now_ms: u64,
    limit: usize,
) -> Result<Vec<(RecordKey, Record)>, StoreError> {
    let (now_ms, limit) = (i64::try_from(now_ms).unwrap_or(i64::MAX), count(limit));
    let (start, end) = (range.start(), range.end());
    let merchant = merchant_of(start);
    let reading = async {
        let client = readers.take().await?;
        let columns = [
            (&merchant as _, Type::BYTEA),
            (&now_ms as _, Type::INT8),
            (&start as _, Type::BYTEA),
            (&end as _, Type::BYTEA),
            (&limit as _, Type::INT8),
        ];
        client.query_typed(LAPSED, &columns).await.map_err(|error| fault::of("reading", &error))
    };
    let rows = in_time("reading", STATEMENT_TIME, reading).await?;
    rows.iter().map(record_of).collect()
}

pub(super) async fn page(
    client: &Client,
    range: &KeyRange,
    direction: Direction,
    limit: usize,
) -> Result<Vec<(RecordKey, Record)>, StoreError> {
    let statement = match direction {
        Direction::Forward => FORWARD,
        Direction::Reverse => REVERSE,
    };
    let (limit, bytes) = (count(limit), count(SCAN_BYTES_MAX));
    let (start, end) = (range.start(), range.end());
    let (from, to) = (merchant_of(start), merchant_of(end));
    let columns = [
        (&from as _, Type::BYTEA),
        (&start as _, Type::BYTEA),
        (&to as _, Type::BYTEA),
        (&end as _, Type::BYTEA),
        (&limit as _, Type::INT8),
        (&bytes as _, Type::INT8),
    ];
    let reading = async {
        client.query_typed(statement, &columns).await.map_err(|error| fault::of("scanning", &error))
    };
    let rows = in_time("scanning", STATEMENT_TIME, reading).await?;
    rows.iter().map(record_of).collect()
}

fn count(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// The merchant part of an end of a range; all of it where it names none. Keys begin with their merchant and a zero byte,
/// so pairs of (merchant, key) are in the order of the keys.
pub(super) fn merchant_of(bound: &[u8]) -> &[u8] {
    bound.split(|byte| *byte == 0).next().unwrap_or(bound)
}

/// Reads a row of key and stored form; the checksum covers both.
pub fn record_of(row: &Row) -> Result<(RecordKey, Record), StoreError> {
    let (key, stored): (RecordKey, &[u8]) = (key_of(row)?, row.get(1));
    let record = Record::decode(&key, stored)
        .map_err(|_| damaged(format!("lictor_records, {key}"), "the record does not have its checksum"))?;
    Ok((key, record))
}

/// Reads the key of a row.
pub(super) fn key_of(row: &Row) -> Result<RecordKey, StoreError> {
    let key: &[u8] = row.get(0);
    RecordKey::decode(key)
        .map_err(|_| damaged(format!("lictor_records, key {}", key.escape_ascii()), "this is no key"))
}

fn damaged(place: String, what: &str) -> StoreError {
    StoreError::Damaged { place, what: what.to_owned(), next: "restore the database from its backup" }
}

/// Page by page in one read-only transaction, which shows the store as of its beginning.
pub fn snapshot(
    driver: &Driver,
    readers: &Readers,
    sink: &mut dyn Write,
    taken_at_ms: u64,
    progress: &mut dyn FnMut(u64),
) -> Result<SnapshotSummary, StoreError> {
    let readers = readers.clone();
    let (client, revision) = driver.wait(async move {
        let client = readers.take().await?;
        let failed = |error| fault::of("beginning a snapshot", &error);
        let begin = "begin isolation level repeatable read read only";
        client.batch_execute(begin).await.map_err(failed)?;
        let rows = client.query_typed("select value from lictor_counters where name = 'revision'", &[]).await;
        let revision: i64 = rows.map_err(failed)?.first().map_or(0, |row| row.get(0));
        Ok((client, u64::try_from(revision).unwrap_or(0)))
    })?;
    let client = std::sync::Arc::new(client);
    // Every revision that was given out lies at or below the end of the newest block.
    let at = Position { batch: 1, revision: Revision::from_number(revision) };
    let header = SnapshotHeader { store: StoreId::default(), schema: STORE_SCHEMA, before: at, taken_at_ms };
    let mut snapshot = SnapshotWriter::begin(sink, header)?;
    let (mut range, mut records) = (KeyRange::all(), 0);
    loop {
        let (reading, part) = (std::sync::Arc::clone(&client), range.clone());
        let page =
            driver.wait(async move { page(&reading, &part, Direction::Forward, SCAN_RECORDS_MAX).await })?;
        let Some((last, _)) = page.last() else { break };
        range = range.after(last);
        records += page.len() as u64;
        for (key, record) in &page {
            snapshot.record(key.as_bytes(), &record.encode(key))?;
        }
        progress(records);
    }
    driver.wait(async move {
        // Nothing hangs on how a transaction ends that only read.
        let _ = client.batch_execute("commit").await;
        Ok(())
    })?;
    Ok(snapshot.finish(at)?.0)
}
