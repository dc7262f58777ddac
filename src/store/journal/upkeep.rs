//! Old segments: sealed to take less room, retired when a snapshot has what they hold. Both run beside the writer and
//! never touch the newest segment.

use std::fs::File;
use std::io::Seek;
use std::path::Path;

use super::super::engine::Position;
use super::super::error::StoreError;
use super::super::files;
use super::segment::{self, Segment, StoreId, damaged, is_unfinished, path_of, sealed_path_of};
use super::{Journal, sealed};

impl Journal {
    /// First batches of the segments in a folder, in order.
    pub fn segments(folder: &Path) -> Result<Vec<u64>, StoreError> {
        let mut firsts = segment::list(folder)?;
        if let [.., _, newest] = firsts[..]
            && is_unfinished(&path_of(folder, newest))?
        {
            firsts.pop();
        }
        Ok(firsts)
    }

    /// Room that the segments with batches after this one take on the disk.
    pub fn bytes_after(folder: &Path, batch: u64) -> Result<u64, StoreError> {
        let firsts = Self::segments(folder)?;
        let from = firsts.partition_point(|first| *first <= batch.saturating_add(1)).saturating_sub(1);
        let lengths = firsts[from..].iter().flat_map(|first| {
            let forms = [path_of(folder, *first), sealed_path_of(folder, *first)];
            forms.into_iter().find_map(|path| path.metadata().ok()).map(|metadata| metadata.len())
        });
        Ok(lengths.sum())
    }

    /// Seals every plain segment whose batches are all at or before `batch`; returns how many were sealed.
    ///
    /// Each is checked before and after: the plain one only goes once the sealed one is synced, has been read back and
    /// gives the same bytes. A segment that is damaged stays as it is and is told. One segment is in memory at a
    /// time. Not to be called by two threads at once, nor beside [`Journal::retire`].
    pub fn seal_before(folder: &Path, store: StoreId, batch: u64) -> Result<u64, StoreError> {
        let mut count = 0;
        for (first, next) in followed_segments(folder)? {
            if next <= batch.saturating_add(1) && path_of(folder, first).exists() {
                seal(folder, &store, first, next)?;
                count += 1;
            }
        }
        Ok(count)
    }

    /// Removes the segments whose batches are all at or before `before_batch`; returns how many were removed.
    ///
    /// The oldest goes first, and each removal is synced before the next: after a crash at any point the journal has no
    /// gap. Whoever calls must have what they hold elsewhere, verified.
    pub fn retire(folder: &Path, before_batch: u64) -> Result<u64, StoreError> {
        let mut count = 0;
        for (first, next) in followed_segments(folder)? {
            if next > before_batch.saturating_add(1) {
                break;
            }
            files::remove(&sealed_path_of(folder, first))?;
            files::remove(&path_of(folder, first))?;
            files::sync_folder(folder)?;
            count += 1;
        }
        Ok(count)
    }
}

/// Each segment that is not the newest, by its first batch and the next one's, oldest first.
fn followed_segments(folder: &Path) -> Result<Vec<(u64, u64)>, StoreError> {
    let mut firsts = segment::list(folder)?;
    let Some(newest) = firsts.last().copied() else { return Ok(Vec::new()) };
    if is_unfinished(&path_of(folder, newest))? {
        firsts.pop();
    } else if let Some(file) = files::open_if_there(&path_of(folder, newest))? {
        sync_newest(folder, newest, &file)?;
    }
    Ok(firsts.windows(2).map(|pair| (pair[0], pair[1])).collect())
}

/// The writer may have made the newest segment this instant: before an older one is touched, it survives a power cut.
fn sync_newest(folder: &Path, newest: u64, file: &File) -> Result<(), StoreError> {
    let path = path_of(folder, newest);
    file.sync_all().map_err(|source| StoreError::io("syncing", &path, source))?;
    files::sync_folder(folder)
}

fn seal(folder: &Path, store: &StoreId, first: u64, next: u64) -> Result<(), StoreError> {
    let segment = Segment::read(folder, first, store)?;
    let tail = segment.frames(&mut |_| Ok(()))?;
    if tail.torn || tail.position.batch + 1 != next {
        return Err(damaged(&segment.path, tail.whole, "it ends before the next segment begins"));
    }
    let target = sealed_path_of(folder, first);
    let name = target.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    files::replace_with(folder, &name, |file| write_sealed(&segment, tail.position, file, &target))?;
    files::remove(&segment.path)?;
    files::sync_folder(folder)
}

/// Writes the sealed form and reads it back.
fn write_sealed(segment: &Segment, last: Position, file: &mut File, target: &Path) -> Result<(), StoreError> {
    let failed = |source| StoreError::io("writing", target, source);
    sealed::write(segment.header, last, &segment.bytes, file).map_err(failed)?;
    file.rewind().map_err(failed)?;
    let mut rest = segment.bytes.as_slice();
    sealed::read(target, &*file, &mut |block| {
        rest = rest
            .strip_prefix(block)
            .ok_or_else(|| damaged(target, 0, "what was written is not what was read back"))?;
        Ok(())
    })?;
    Ok(())
}
