//! From an embedded store into a database.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::{MoveError, MoveId, MoveReport, MoveStage, MoveWatch, Moved, SourceServer, Tally, compare};
use crate::store::embedded::{EmbeddedEngine, EmbeddedFiles};
use crate::store::engine::{Engine, Position};
use crate::store::error::StoreError;
use crate::store::key::RecordKey;
use crate::store::postgres::{BulkWriter, DatabaseAddress};

/// Changes are gathered up to so many keys, or so many bytes (8 MiB), then written together.
const CHANGED_KEYS: usize = 5_000;
const CHANGED_BYTES: usize = 8 * 1024 * 1024;

/// With so few changes left the last seconds may begin.
const FEW_CHANGES: u64 = 2_000;
/// Rounds of catching up; a source that is faster than the target leaves more for the last seconds.
const ROUNDS_MAX: u32 = 20;
/// How often the last seconds are tried, if they take longer than the pause holds.
const STOPS_MAX: u32 = 5;
/// Records between two words to whoever watches.
const WATCHED_EVERY: u64 = 1_000;

/// A store that no server has open.
pub struct StoppedStore(EmbeddedEngine);

impl StoppedStore {
    /// Over a store that this process has opened, and closes when it has left it.
    pub fn of(engine: EmbeddedEngine) -> Self {
        Self(engine)
    }
}

impl SourceServer for StoppedStore {
    fn stand(&self) -> Result<Position, MoveError> {
        Ok(self.0.position()?)
    }

    /// Nobody else writes.
    fn pause(&self, _id: MoveId) -> Result<Position, MoveError> {
        self.stand()
    }

    fn resume(&self, _id: MoveId) {}

    fn leave(&self, moved: &Moved) -> Result<bool, MoveError> {
        self.0.leave(moved)?;
        if let Err(error) = self.0.close() {
            tracing::warn!(%error, "the store that was moved away was not closed in good order");
        }
        Ok(true)
    }
}

/// Moves the records of an embedded store into an empty database. `now_ms` tells the time in Unix milliseconds.
pub fn move_to_database(
    files: &EmbeddedFiles,
    server: &dyn SourceServer,
    database: &DatabaseAddress,
    now_ms: &dyn Fn() -> u64,
    watch: MoveWatch<'_>,
) -> Result<MoveReport, MoveError> {
    let began = Instant::now();
    let stand = server.stand()?;
    let mut copy = Copy::begin(files, database)?;
    copy.records(stand, watch)?;
    copy.catch_up(server, watch)?;
    copy.read_back(watch)?;
    copy.catch_up(server, watch)?;
    let moved = |id| Moved { id, to: database.told(), at_ms: now_ms() };
    let stopped = copy.last_seconds(server, &moved, watch)?;
    let Copy { target, sent, arrived, changes, .. } = copy;
    let id = target.id();
    watch(MoveStage::Left, 0);
    target.finish()?;
    let arrived = arrived.unwrap_or_default();
    Ok(MoveReport { id, sent, arrived, changes, stopped, took: began.elapsed() })
}

/// A copy on its way.
struct Copy<'a> {
    files: &'a EmbeddedFiles,
    target: BulkWriter,
    /// As of which batch the target is.
    at: Position,
    sent: Tally,
    /// What was read back, once everything was.
    arrived: Option<Tally>,
    waiting: BTreeMap<RecordKey, Option<Vec<u8>>>,
    waiting_bytes: usize,
    changes: u64,
}

impl<'a> Copy<'a> {
    fn begin(files: &'a EmbeddedFiles, database: &DatabaseAddress) -> Result<Self, MoveError> {
        Ok(Self {
            files,
            target: BulkWriter::begin(database)?,
            at: Position::default(),
            sent: Tally::default(),
            arrived: None,
            waiting: BTreeMap::new(),
            waiting_bytes: 0,
            changes: 0,
        })
    }

    fn records(&mut self, durable: Position, watch: MoveWatch<'_>) -> Result<(), MoveError> {
        let Self { files, target, sent, .. } = self;
        let mut count = 0;
        let watch = std::cell::RefCell::new(watch);
        let mut read = |items| (watch.borrow_mut())(MoveStage::Reading, items);
        self.at = files.records(durable, &mut read, &mut |key, stored| {
            let (key, stored) = (key_of(key)?, stored.unwrap_or_default());
            sent.add(&key, stored);
            count += 1;
            if count % WATCHED_EVERY == 0 {
                (watch.borrow_mut())(MoveStage::Copying, count);
            }
            target.put(&key, stored)
        })?;
        (watch.borrow_mut())(MoveStage::Copying, count);
        Ok(self.target.flush()?)
    }

    fn catch_up(&mut self, server: &dyn SourceServer, watch: MoveWatch<'_>) -> Result<(), MoveError> {
        for _ in 0..ROUNDS_MAX {
            let stand = server.stand()?;
            let before = self.changes;
            self.follow(stand, watch)?;
            if self.changes - before <= FEW_CHANGES {
                break;
            }
        }
        Ok(())
    }

    /// Carries over what the source has done up to there.
    fn follow(&mut self, durable: Position, watch: MoveWatch<'_>) -> Result<(), MoveError> {
        let (files, after) = (self.files, self.at);
        if durable.batch <= after.batch {
            return Ok(());
        }
        let followed = files.changes(after, durable, &mut |key, stored| {
            let key = key_of(key)?;
            self.waiting_bytes += key.as_bytes().len() + stored.map_or(0, <[u8]>::len);
            self.waiting.insert(key, stored.map(<[u8]>::to_vec));
            self.changes += 1;
            if self.waiting.len() < CHANGED_KEYS && self.waiting_bytes < CHANGED_BYTES {
                return Ok(());
            }
            watch(MoveStage::CatchingUp, self.changes);
            self.write_waiting()
        })?;
        if followed.is_none() {
            return Err(StoreError::Database {
                what: "so much was written meanwhile that the journal no longer reaches back to where the copy began"
                    .to_owned(),
                next: "run the same command again, at a quieter time: it begins anew",
            }
            .into());
        }
        self.write_waiting()?;
        watch(MoveStage::CatchingUp, self.changes);
        self.at = durable;
        Ok(())
    }

    /// Writes the last that was done to each key, and after the comparison reads it back.
    fn write_waiting(&mut self) -> Result<(), StoreError> {
        let waiting = std::mem::take(&mut self.waiting);
        self.waiting_bytes = 0;
        if waiting.is_empty() {
            return Ok(());
        }
        let replaced = self.target.apply(&waiting)?;
        for (key, stored) in &replaced {
            self.sent.remove(key, stored);
        }
        for (key, stored) in &waiting {
            stored.iter().for_each(|stored| self.sent.add(key, stored));
        }
        let Some(arrived) = &mut self.arrived else { return Ok(()) };
        for (key, stored) in &replaced {
            arrived.remove(key, stored);
        }
        for (key, stored) in self.target.stored(waiting.into_keys().collect())? {
            arrived.add(&key, &stored);
        }
        Ok(())
    }

    /// Reads everything back and compares.
    fn read_back(&mut self, watch: MoveWatch<'_>) -> Result<(), MoveError> {
        let (mut arrived, mut count) = (Tally::default(), 0);
        watch(MoveStage::Comparing, count);
        self.target.read_back(&mut |key, stored| {
            arrived.add(key, stored);
            count += 1;
            if count % WATCHED_EVERY == 0 {
                watch(MoveStage::Comparing, count);
            }
            Ok(())
        })?;
        compare(&self.sent, &arrived)?;
        self.arrived = Some(arrived);
        Ok(())
    }

    /// Says how long nothing was written.
    fn last_seconds(
        &mut self,
        server: &dyn SourceServer,
        moved: &dyn Fn(MoveId) -> Moved,
        watch: MoveWatch<'_>,
    ) -> Result<Duration, MoveError> {
        let id = self.target.id();
        for _ in 0..STOPS_MAX {
            let began = Instant::now();
            let stand = server.pause(id)?;
            watch(MoveStage::Stopped, self.changes);
            if let Err(error) = self.settle(stand, watch) {
                server.resume(id);
                return Err(error);
            }
            if self.left(server, &moved(id))? {
                return Ok(began.elapsed());
            }
        }
        Err(StoreError::Database {
            what: "what is written in a few seconds does not reach the database in as many".to_owned(),
            next: "run the same command again, at a quieter time or with a faster database: it begins anew",
        }
        .into())
    }

    fn settle(&mut self, stand: Position, watch: MoveWatch<'_>) -> Result<(), MoveError> {
        self.follow(stand, watch)?;
        self.target.set_revision(stand.revision.number())?;
        compare(&self.sent, self.arrived.as_ref().unwrap_or(&Tally::default()))
    }

    /// Whether the old place has let go. An answer that was lost is found in the folder, and so is one of another server.
    fn left(&self, server: &dyn SourceServer, moved: &Moved) -> Result<bool, MoveError> {
        let left = server.leave(moved);
        if let Ok(false) = left {
            return Ok(false);
        }
        let noted = self.files.left()?;
        match (left, noted.is_some_and(|noted| noted.id == moved.id)) {
            (Ok(_), true) | (Err(_), true) => Ok(true),
            (Err(error), false) => Err(error),
            (Ok(_), false) => Err(MoveError::Server {
                why: "the server that answered has let go of another folder than the one that was copied; take that back \
                      with `lictor store move --undo`, and name the right server with --url"
                    .to_owned(),
                is_reached: true,
            }),
        }
    }
}

fn key_of(key: &[u8]) -> Result<RecordKey, StoreError> {
    RecordKey::decode(key).map_err(|error| StoreError::Damaged {
        place: format!("key {}", key.escape_ascii()),
        what: error.to_string(),
        next: "run `lictor store verify` on the stopped store",
    })
}
