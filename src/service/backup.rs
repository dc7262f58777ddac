//! Backups of the running store, as the HTTP room asks for them.

use std::io::{self, Write};
use std::path::PathBuf;

use async_trait::async_trait;
use tokio::sync::mpsc;

use crate::application::ports::{Backups, KeysBackup, SigningError, StoreError};
use crate::domain::Instant;
use crate::signing::last_keys_backup;
use crate::store::RecordStore;

/// Length of a piece, in bytes.
const PIECE_BYTES: usize = 64 * 1024;

/// Backups of one running store and what is known of those of its keys.
pub struct ServerBackups {
    records: RecordStore,
    keys_dir: PathBuf,
}

impl ServerBackups {
    /// Of this store, whose keys lie there.
    pub fn new(records: RecordStore, keys_dir: PathBuf) -> Self {
        Self { records, keys_dir }
    }
}

#[async_trait]
impl Backups for ServerBackups {
    async fn write_backup(&self, pieces: mpsc::Sender<Vec<u8>>, taken_at: Instant) -> Result<(), StoreError> {
        let taken_at_ms = u64::try_from(taken_at.timestamp_millis()).unwrap_or(0);
        let written = self.records.write_snapshot(Pieces::to(pieces), taken_at_ms, |_records| ()).await;
        let summary = written.map_err(|error| StoreError::Failed(error.to_string()))?;
        tracing::info!(records = summary.records, bytes = summary.bytes, "a backup was written");
        Ok(())
    }

    fn keys_backup(&self) -> Result<KeysBackup, SigningError> {
        last_keys_backup(&self.keys_dir).map_err(|error| SigningError(error.to_string()))
    }
}

/// Hands on what is written; called on a thread that may block.
struct Pieces {
    to: mpsc::Sender<Vec<u8>>,
    piece: Vec<u8>,
}

impl Pieces {
    fn to(to: mpsc::Sender<Vec<u8>>) -> Self {
        Self { to, piece: Vec::with_capacity(PIECE_BYTES) }
    }

    fn hand_on(&mut self) -> io::Result<()> {
        if self.piece.is_empty() {
            return Ok(());
        }
        let piece = std::mem::replace(&mut self.piece, Vec::with_capacity(PIECE_BYTES));
        self.to.blocking_send(piece).map_err(|_gone| io::ErrorKind::BrokenPipe.into())
    }
}

impl Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = PIECE_BYTES - self.piece.len();
        let taken = bytes.len().min(room);
        self.piece.extend_from_slice(&bytes[..taken]);
        if self.piece.len() == PIECE_BYTES {
            self.hand_on()?;
        }
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.hand_on()
    }
}
