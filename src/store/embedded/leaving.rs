//! An embedded store that is being moved away: read from its files, while a server may go on writing to it.
//!
//! Nothing here asks the index or the server: the newest snapshot and the journal after it are the truth, and whoever
//! knows up to which batch they are durable can read them beside the one who writes.

use std::path::Path;

use super::super::engine::Position;
use super::super::error::StoreError;
use super::super::journal::{Frame, Journal, StoreId};
use super::super::moving::Moved;
use super::folder::{Folder, FolderLock};
use super::truth::{Truth, Until};

/// The files of a store.
pub struct EmbeddedFiles {
    folder: Folder,
    store: StoreId,
}

/// One key's content: the record in its stored form, or that there is none.
type Each<'a> = &'a mut dyn FnMut(&[u8], Option<&[u8]>) -> Result<(), StoreError>;

impl EmbeddedFiles {
    /// Those in a folder; refuses one that holds no store of this program.
    pub fn of(folder: &Path) -> Result<Self, StoreError> {
        let folder = Folder::at(folder);
        folder.refuse_moved()?;
        folder.require_a_store()?;
        let store = folder.read_format()?;
        Ok(Self { folder, store })
    }

    /// Which store it is, in hex.
    pub fn store(&self) -> String {
        self.store.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Every record in the order of keys, as of `durable` or a later batch: as of which is returned. `read` hears how many
    /// records and effects were read before the first is handed over.
    pub fn records(
        &self,
        durable: Position,
        read: &mut dyn FnMut(u64),
        each: Each<'_>,
    ) -> Result<Position, StoreError> {
        let mut progress = |items, _bytes| {
            read(items);
            Ok(())
        };
        let truth = Truth::read(&self.folder, self.store, u64::MAX, Until::Batch(durable), &mut progress)?;
        let position = truth.position;
        for last in truth.into_stream()? {
            let last = last?;
            if let Some(stored) = &last.stored {
                each(&last.key, Some(stored))?;
            }
        }
        Ok(position)
    }

    /// What the batches after `after` did up to `durable`, in their order. `None`, and nothing is handed over, when the
    /// journal no longer reaches back so far.
    pub fn changes(
        &self,
        after: Position,
        durable: Position,
        each: Each<'_>,
    ) -> Result<Option<()>, StoreError> {
        let journal = self.folder.journal();
        if Journal::oldest_batch(&journal)?.is_none_or(|oldest| oldest > after.batch.saturating_add(1)) {
            return Ok(None);
        }
        let mut add = |frame: Frame<'_>| {
            let batch = frame.position.batch;
            let effects = frame.effects().ok_or_else(|| StoreError::Damaged {
                place: format!("batch {batch} of the journal"),
                what: "its effects are not readable though its checksum holds".to_owned(),
                next: "start the program that wrote it, or restore the newest backup",
            })?;
            effects.into_iter().try_for_each(|(key, stored)| each(key, stored))
        };
        Journal::read(&journal, self.store, after.batch, durable.batch, &mut add).map(Some)
    }

    /// Where the records are, if they have left meanwhile.
    pub fn left(&self) -> Result<Option<Moved>, StoreError> {
        self.folder.moved()
    }

    /// Where the records are, if the store in a folder was moved away.
    pub fn moved(folder: &Path) -> Result<Option<Moved>, StoreError> {
        Folder::at(folder).moved()
    }

    /// No program takes the folder of a store that was moved away for one any more; a server that still has it open sees to
    /// that itself.
    pub fn end_moved(folder: &Path) -> Result<(), StoreError> {
        let folder = Folder::at(folder);
        match folder.lock() {
            Ok(_lock) if folder.moved()?.is_some() => folder.end_moved(),
            Ok(_) | Err(StoreError::Locked { .. }) => Ok(()),
            Err(other) => Err(other),
        }
    }

    /// Makes a store again of one that was moved away. Refused while a process has it open.
    pub fn take_back(folder: &Path) -> Result<(), StoreError> {
        let folder = Folder::at(folder);
        let _lock: FolderLock = folder.lock()?;
        folder.take_back()
    }
}
