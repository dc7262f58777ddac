//! Keeps the batches that are written while a snapshot is scanned.

use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::format::FRAME_SALT;
use super::writer::SnapshotWriter;
use crate::store::engine::Batch;
use crate::store::error::StoreError;
use crate::store::journal;

/// What is kept in memory; more goes to a file without a name: 64 MiB.
pub(in crate::store) const TAP_BYTES_MAX: usize = 64 * 1024 * 1024;

/// The batches since it was opened, in order. A clone is the same tap.
#[derive(Clone)]
pub(in crate::store) struct Tap(Arc<Mutex<Kept>>);

struct Kept {
    /// Where the file is made.
    folder: PathBuf,
    bytes_max: usize,
    waiting: Vec<Arc<Batch>>,
    waiting_bytes: usize,
    spilled: Option<File>,
    /// Why batches are missing.
    failed: Option<StoreError>,
}

impl Tap {
    /// A tap that keeps at most `bytes_max` in memory and the rest in a file in `folder`.
    pub fn new(folder: &Path, bytes_max: usize) -> Self {
        Self(Arc::new(Mutex::new(Kept {
            folder: folder.to_owned(),
            bytes_max,
            waiting: Vec::new(),
            waiting_bytes: 0,
            spilled: None,
            failed: None,
        })))
    }

    /// True when both are the same tap.
    pub fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Keeps a batch. Never fails: a tap that could not keep one says so when it is emptied.
    pub fn keep(&self, batch: &Arc<Batch>) {
        let mut kept = self.lock();
        if kept.failed.is_some() {
            return;
        }
        kept.waiting_bytes += bytes_of(batch);
        kept.waiting.push(Arc::clone(batch));
        if kept.waiting_bytes > kept.bytes_max
            && let Err(error) = kept.spill()
        {
            kept.failed = Some(error);
            kept.waiting.clear();
            kept.spilled = None;
        }
    }

    /// Writes every batch kept into a snapshot, in order.
    pub fn empty_into<W: Write>(&self, snapshot: &mut SnapshotWriter<W>) -> Result<(), StoreError> {
        let (waiting, spilled, folder) = {
            let mut kept = self.lock();
            if let Some(error) = &kept.failed {
                return Err(error.clone());
            }
            (std::mem::take(&mut kept.waiting), kept.spilled.take(), kept.folder.clone())
        };
        if let Some(spilled) = spilled {
            copy_frames(spilled, &folder, snapshot)?;
        }
        waiting.iter().try_for_each(|batch| snapshot.batch(batch))
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn spill(&mut self) -> Result<(), StoreError> {
        let failed = |source| StoreError::io("keeping batches for a snapshot in", &self.folder, source);
        let file = match &mut self.spilled {
            Some(file) => file,
            none => none.insert(tempfile::tempfile_in(&self.folder).map_err(failed)?),
        };
        let mut frame = Vec::new();
        for batch in self.waiting.drain(..) {
            frame.clear();
            journal::encode_frame(&batch, FRAME_SALT, &mut frame)
                .ok_or_else(|| failed(std::io::ErrorKind::FileTooLarge.into()))?;
            let length = u32::try_from(frame.len()).unwrap_or(u32::MAX);
            file.write_all(&length.to_le_bytes()).and_then(|()| file.write_all(&frame)).map_err(failed)?;
        }
        self.waiting_bytes = 0;
        Ok(())
    }
}

fn copy_frames<W: Write>(
    mut spilled: File,
    folder: &Path,
    snapshot: &mut SnapshotWriter<W>,
) -> Result<(), StoreError> {
    let failed = |source| StoreError::io("reading batches for a snapshot in", folder, source);
    let end = spilled.stream_position().map_err(failed)?;
    spilled.seek(SeekFrom::Start(0)).map_err(failed)?;
    let mut spilled = BufReader::new(spilled);
    let mut at = 0;
    let mut frame = Vec::new();
    while at < end {
        let mut length = [0; 4];
        spilled.read_exact(&mut length).map_err(failed)?;
        let length = u32::from_le_bytes(length);
        frame.resize(usize::try_from(length).unwrap_or(usize::MAX), 0);
        spilled.read_exact(&mut frame).map_err(failed)?;
        snapshot.frame(&frame)?;
        at += 4 + u64::from(length);
    }
    Ok(())
}

fn bytes_of(batch: &Batch) -> usize {
    let stored = |effect: &crate::store::Effect| {
        effect.key.as_bytes().len() + effect.after.as_ref().map_or(0, |record| record.stored_bytes())
    };
    batch.effects().map(stored).sum()
}
