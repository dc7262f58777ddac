//! From a database into an embedded store.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Instant;

use super::{MoveError, MoveReport, MoveStage, MoveWatch, Moved, Tally, compare};
use crate::store::embedded::{Arriving, EmbeddedEngine};
use crate::store::engine::{Batch, Direction, Effect, Engine, Position};
use crate::store::error::StoreError;
use crate::store::handle::SCAN_RECORDS_MAX;
use crate::store::key::{KeyRange, RecordKey};
use crate::store::postgres::{DatabaseSource, DatabaseView};
use crate::store::record::{Record, Revision};

/// Changed keys are gathered up to so many, then fetched and written together,
const CHANGED_KEYS: usize = 500;
/// but no more bytes than this in one batch: 4 MiB.
const BATCH_BYTES: usize = 4 * 1024 * 1024;
/// Pages that may wait for the comparison.
const PAGES_WAITING: usize = 4;

/// Moves the records of a database into a data folder that is missing or empty, but for what `may_hold` names.
pub fn move_to_folder(
    source: &DatabaseSource,
    data: &Path,
    may_hold: &[&str],
    now_ms: &dyn Fn() -> u64,
    watch: MoveWatch<'_>,
) -> Result<MoveReport, MoveError> {
    let began = Instant::now();
    let arriving = Arriving::begin(data, may_hold)?;
    let mut copy = Copy::of(source, &arriving, now_ms(), watch)?;
    copy.read_back(watch)?;
    let view = source.read()?;
    copy.follow(&view, watch)?;
    view.let_go()?;
    let stopping = Instant::now();
    let view = source.stop()?;
    watch(MoveStage::Stopped, copy.changes);
    copy.follow(&view, watch)?;
    copy.require_room_for_revisions(view.revision()?)?;
    compare(&copy.sent, &copy.arrived)?;
    copy.engine.close()?;
    let moved = Moved { id: arriving.id(), to: data.display().to_string(), at_ms: now_ms() };
    leave(source, view, &moved)?;
    let stopped = stopping.elapsed();
    watch(MoveStage::Left, 0);
    let id = arriving.id();
    arriving.finish()?;
    let Copy { sent, arrived, changes, .. } = copy;
    Ok(MoveReport { id, sent, arrived, changes, stopped, took: began.elapsed() })
}

/// A commit whose answer was lost is looked for.
fn leave(source: &DatabaseSource, view: DatabaseView, moved: &Moved) -> Result<(), MoveError> {
    match view.leave(moved) {
        Err(error @ (StoreError::OutcomeLost { .. } | StoreError::Unreachable { .. })) => {
            let noted = DatabaseSource::moved(source.address())?;
            if noted.is_some_and(|noted| noted.id == moved.id) { Ok(()) } else { Err(error.into()) }
        }
        left => Ok(left?),
    }
}

/// A copy on its way.
struct Copy {
    engine: EmbeddedEngine,
    sent: Tally,
    arrived: Tally,
    changes: u64,
}

impl Copy {
    /// Everything as of one moment.
    fn of(
        source: &DatabaseSource,
        arriving: &Arriving,
        taken_at_ms: u64,
        watch: MoveWatch<'_>,
    ) -> Result<Self, MoveError> {
        let view = source.read()?;
        let mut records = arriving.records(view.revision()?, taken_at_ms)?;
        let (mut sent, mut range, mut count, mut stored) = (Tally::default(), KeyRange::all(), 0, Vec::new());
        loop {
            let page = view.page(&range)?;
            let Some((last, _)) = page.last() else { break };
            range = range.after(last);
            for (key, record) in &page {
                stored.clear();
                record.encode_into(key, &mut stored);
                sent.add(key, &stored);
                records.put(key.as_bytes(), &stored)?;
            }
            count += page.len() as u64;
            watch(MoveStage::Copying, count);
        }
        view.let_go()?;
        let engine = arriving.open(records)?;
        Ok(Self { engine, sent, arrived: Tally::default(), changes: 0 })
    }

    /// Reads everything back and compares.
    fn read_back(&mut self, watch: MoveWatch<'_>) -> Result<(), MoveError> {
        let (mut range, mut arrived, mut count) = (KeyRange::all(), Tally::default(), 0);
        watch(MoveStage::Comparing, count);
        loop {
            let page = self.engine.scan(&range, Direction::Forward, SCAN_RECORDS_MAX)?;
            let Some((last, _)) = page.last() else { break };
            range = range.after(last);
            page.iter().for_each(|(key, record)| arrived.add(key, &record.encode(key)));
            count += page.len() as u64;
            watch(MoveStage::Comparing, count);
        }
        compare(&self.sent, &arrived)?;
        self.arrived = arrived;
        Ok(())
    }

    /// Makes the copy what the view shows: every key and revision of both sides is held against the other's. A revision is
    /// never given out twice, so the same revision is the same record.
    fn follow(&mut self, view: &DatabaseView, watch: MoveWatch<'_>) -> Result<(), MoveError> {
        std::thread::scope(|scope| {
            let (send, pages) = sync_channel(PAGES_WAITING);
            scope.spawn(move || {
                let mut range = KeyRange::all();
                loop {
                    let page = view.revisions(&range);
                    let next = page.as_ref().ok().and_then(|page| page.last()).map(|(last, _)| last.clone());
                    // Whoever compares may have met something else and gone.
                    if send.send(page).is_err() {
                        return;
                    }
                    let Some(last) = next else { return };
                    range = range.after(&last);
                }
            });
            self.hold_against(view, pages, watch)
        })
    }

    fn hold_against(
        &mut self,
        view: &DatabaseView,
        pages: Receiver<Result<Vec<(RecordKey, Revision)>, StoreError>>,
        watch: MoveWatch<'_>,
    ) -> Result<(), MoveError> {
        let mut there = Pages::of(|_| pages.recv().unwrap_or(Err(StoreError::Closed)));
        let mut here_range = KeyRange::all();
        let mut changed = Vec::new();
        let mut here: Pages<_> = Pages::of(|engine: &EmbeddedEngine| {
            let page = engine.scan(&here_range, Direction::Forward, SCAN_RECORDS_MAX)?;
            if let Some((last, _)) = page.last() {
                here_range = here_range.clone().after(last);
            }
            Ok(page.into_iter().map(|(key, record)| (key, record.revision)).collect())
        });
        loop {
            use std::cmp::Ordering::{Equal, Greater, Less};
            let order = match (there.first(&self.engine)?, here.first(&self.engine)?) {
                (None, None) => break,
                (Some(_), None) => Less,
                (None, Some(_)) => Greater,
                (Some((left, _)), Some((right, _))) => left.cmp(right),
            };
            match order {
                Less => changed.extend(there.take().map(|(key, _)| key)),
                Greater => changed.extend(here.take().map(|(key, _)| key)),
                Equal => match (there.take(), here.take()) {
                    (Some((key, left)), Some((_, right))) if left != right => changed.push(key),
                    _ => {}
                },
            }
            if changed.len() >= CHANGED_KEYS {
                self.carry_over(view, &std::mem::take(&mut changed))?;
                watch(MoveStage::CatchingUp, self.changes);
            }
        }
        self.carry_over(view, &changed)?;
        watch(MoveStage::CatchingUp, self.changes);
        Ok(())
    }

    /// Puts what stands under these keys there in the place of what stands here, and reads it back.
    fn carry_over(&mut self, view: &DatabaseView, keys: &[RecordKey]) -> Result<(), StoreError> {
        if keys.is_empty() {
            return Ok(());
        }
        self.changes += keys.len() as u64;
        for (key, record) in keys.iter().zip(self.engine.get(keys)?) {
            if let Some(stored) = record.map(|record| record.encode(key)) {
                self.sent.remove(key, &stored);
                self.arrived.remove(key, &stored);
            }
        }
        let mut found: std::collections::HashMap<RecordKey, Record> =
            view.stored(keys)?.into_iter().collect();
        let (mut effects, mut bytes) = (Vec::new(), 0);
        for key in keys {
            let after = found.remove(key).map(Arc::new);
            if let Some(record) = &after {
                let stored = record.encode(key);
                bytes += stored.len();
                self.sent.add(key, &stored);
            }
            effects.push(Effect { key: key.clone(), after });
            if bytes >= BATCH_BYTES {
                bytes = 0;
                self.write(std::mem::take(&mut effects))?;
            }
        }
        self.write(effects)?;
        for (key, record) in keys.iter().zip(self.engine.get(keys)?) {
            if let Some(record) = record {
                self.arrived.add(key, &record.encode(key));
            }
        }
        Ok(())
    }

    fn write(&self, effects: Vec<Effect>) -> Result<(), StoreError> {
        if effects.is_empty() {
            return Ok(());
        }
        let Position { batch, revision } = self.engine.position()?;
        self.engine.write(Batch { position: Position { batch: batch + 1, revision }, commits: vec![effects] })
    }

    /// Everything that was given out there must lie below what is given out here.
    fn require_room_for_revisions(&self, given_out: Revision) -> Result<(), StoreError> {
        if given_out < self.engine.position()?.revision {
            return Ok(());
        }
        Err(StoreError::Database {
            what: "more was written during the move than a move allows".to_owned(),
            next: "run the same command again: it begins anew",
        })
    }
}

/// Keys and revisions in order, fetched page by page; an empty page is the end.
struct Pages<F> {
    fetch: F,
    page: VecDeque<(RecordKey, Revision)>,
    is_end: bool,
}

impl<F: FnMut(&EmbeddedEngine) -> Result<Vec<(RecordKey, Revision)>, StoreError>> Pages<F> {
    fn of(fetch: F) -> Self {
        Self { fetch, page: VecDeque::new(), is_end: false }
    }

    fn first(&mut self, engine: &EmbeddedEngine) -> Result<Option<&(RecordKey, Revision)>, StoreError> {
        if self.page.is_empty() && !self.is_end {
            self.page = (self.fetch)(engine)?.into();
            self.is_end = self.page.is_empty();
        }
        Ok(self.page.front())
    }

    fn take(&mut self) -> Option<(RecordKey, Revision)> {
        self.page.pop_front()
    }
}
