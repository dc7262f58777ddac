//! A store that is moved away while it is served, as the HTTP room asks for it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::Mutex;
use tokio::task::JoinHandle;

use crate::application::ports::{MoveStand, Moves, StoreError};
use crate::domain::Instant;
use crate::store::{EmbeddedFiles, MoveId, Moved, Position, RecordStore};

/// The moves of one running store.
pub struct ServerMoves {
    records: RecordStore,
    /// Where the records are; none where other processes write to them too.
    folder: Option<PathBuf>,
    pause: Arc<Mutex<Option<Pause>>>,
}

/// Who has the store stopped, and what makes it go on if nothing more is heard.
struct Pause {
    by: String,
    ends: JoinHandle<()>,
}

impl Drop for Pause {
    fn drop(&mut self) {
        self.ends.abort();
    }
}

impl ServerMoves {
    /// Of this store, whose records lie in that folder.
    pub fn of(records: &RecordStore, folder: Option<PathBuf>) -> Self {
        Self { records: records.clone(), folder, pause: Arc::default() }
    }

    fn stand_at(&self, position: Position) -> Result<MoveStand, StoreError> {
        let folder = self.folder.clone().unwrap_or_default();
        let files = EmbeddedFiles::of(&folder).map_err(|error| failed(&error))?;
        let Position { batch, revision } = position;
        Ok(MoveStand { store: files.store(), batch, revision: revision.number() })
    }

    /// What makes commits go on when the move is not heard of for so long.
    fn end_after(&self, hold: Duration, by: String) -> JoinHandle<()> {
        let (records, pause) = (self.records.clone(), Arc::clone(&self.pause));
        tokio::spawn(async move {
            tokio::time::sleep(hold).await;
            let mut held = pause.lock().await;
            if held.as_ref().is_some_and(|held| held.by == by) {
                tracing::warn!(
                    r#move = by,
                    "a move that had the store stopped is not heard of: commits are made again"
                );
                if let Err(error) = records.resume().await {
                    tracing::error!(%error, "commits are not made again");
                }
                // Dropping it ends this task, which has nothing left to do.
                drop(held.take());
            }
        })
    }
}

#[async_trait]
impl Moves for ServerMoves {
    async fn stand(&self) -> Result<Option<MoveStand>, StoreError> {
        if self.folder.is_none() {
            return Ok(None);
        }
        let position = self.records.position().await.map_err(|error| failed(&error))?;
        self.stand_at(position).map(Some)
    }

    async fn pause(&self, r#move: &str, hold: Duration) -> Result<Option<MoveStand>, StoreError> {
        let mut held = self.pause.lock().await;
        if self.folder.is_none() || held.as_ref().is_some_and(|held| held.by != r#move) {
            return Ok(None);
        }
        let is_new = held.is_none();
        // First what ends it: whoever asked may be gone before the store has stopped.
        *held = Some(Pause { by: r#move.to_owned(), ends: self.end_after(hold, r#move.to_owned()) });
        let position = self.records.pause().await.map_err(|error| failed(&error))?;
        if is_new {
            tracing::info!(r#move, batch = position.batch, "the store is stopped for a move");
        }
        self.stand_at(position).map(Some)
    }

    async fn resume(&self, r#move: &str) -> Result<(), StoreError> {
        let mut held = self.pause.lock().await;
        if held.as_ref().is_some_and(|held| held.by == r#move) {
            self.records.resume().await.map_err(|error| failed(&error))?;
            *held = None;
        }
        Ok(())
    }

    async fn leave(&self, r#move: &str, to: &str, now: Instant) -> Result<bool, StoreError> {
        let mut held = self.pause.lock().await;
        let id = MoveId::parse(r#move).filter(|_| held.as_ref().is_some_and(|held| held.by == r#move));
        let Some(id) = id else { return Ok(false) };
        let at_ms = u64::try_from(now.timestamp_millis()).unwrap_or(0);
        let moved = Moved { id, to: to.to_owned(), at_ms };
        self.records.leave(moved).await.map_err(|error| failed(&error))?;
        *held = None;
        Ok(true)
    }
}

fn failed(error: &crate::store::StoreError) -> StoreError {
    match error {
        crate::store::StoreError::LeftBehind => StoreError::Moving,
        other => StoreError::Failed(other.to_string()),
    }
}
