//! Effects in the order of their keys, the last of each key, without holding them all in memory: an external sort.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Seek, Write};
use std::path::{Path, PathBuf};

use super::super::error::StoreError;

/// What is sorted in memory at once: 64 MiB.
pub(super) const RUN_BYTES: usize = 64 * 1024 * 1024;

/// More runs than this are merged into one, so that few files are open.
const RUNS_MAX: usize = 32;

/// The last that was done to a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Last {
    pub key: Vec<u8>,
    /// The batch that did it; zero when it stands in a snapshot.
    pub batch: u64,
    /// The stored record; `None` when it was removed.
    pub stored: Option<Vec<u8>>,
}

/// Collects effects in the order they were made.
pub(super) struct Runs {
    /// Where the sorted runs go, in files without a name.
    folder: PathBuf,
    bytes_max: usize,
    newest: BTreeMap<Vec<u8>, (u64, Option<Vec<u8>>)>,
    newest_bytes: usize,
    /// Sorted runs, the oldest first.
    older: Vec<File>,
}

impl Runs {
    pub fn new(folder: &Path, bytes_max: usize) -> Self {
        let folder = folder.to_owned();
        Self { folder, bytes_max, newest: BTreeMap::new(), newest_bytes: 0, older: Vec::new() }
    }

    pub fn add(&mut self, batch: u64, key: &[u8], stored: Option<&[u8]>) -> Result<(), StoreError> {
        self.newest_bytes += ENTRY_BYTES + key.len() + stored.map_or(0, <[u8]>::len);
        self.newest.insert(key.to_owned(), (batch, stored.map(<[u8]>::to_vec)));
        if self.newest_bytes < self.bytes_max {
            return Ok(());
        }
        self.newest_bytes = 0;
        let sorted = in_memory(std::mem::take(&mut self.newest));
        let run = write_run(&self.folder, sorted)?;
        self.older.push(run);
        if self.older.len() < RUNS_MAX {
            return Ok(());
        }
        let sources = readers(std::mem::take(&mut self.older), &self.folder)?;
        self.older.push(write_run(&self.folder, Merge::new(sources)?)?);
        Ok(())
    }

    /// The last effect of each key in the order of keys, over what `base` has: sorted too, and older.
    pub fn merged_over<'a>(self, base: Source<'a>) -> Result<Merge<'a>, StoreError> {
        let mut sources = vec![base];
        sources.extend(readers(self.older, &self.folder)?);
        sources.push(Box::new(in_memory(self.newest)));
        Merge::new(sources)
    }
}

/// Effects in the order of their keys, each key once.
pub(super) type Source<'a> = Box<dyn Iterator<Item = Result<Last, StoreError>> + 'a>;

/// Several sources as one. Where they have the same key the later source wins.
pub(super) struct Merge<'a> {
    /// Each with what it gives next.
    sources: Vec<(Source<'a>, Option<Last>)>,
}

impl<'a> Merge<'a> {
    fn new(sources: Vec<Source<'a>>) -> Result<Self, StoreError> {
        let begun = |mut source: Source<'a>| {
            let first = source.next().transpose()?;
            Ok::<_, StoreError>((source, first))
        };
        Ok(Self { sources: sources.into_iter().map(begun).collect::<Result<_, _>>()? })
    }

    fn advance(&mut self) -> Result<Option<Last>, StoreError> {
        let heads = self.sources.iter().filter_map(|(_, head)| head.as_ref());
        let Some(least) = heads.map(|head| &head.key).min().cloned() else { return Ok(None) };
        let mut last = None;
        for (source, head) in &mut self.sources {
            if head.as_ref().is_some_and(|head| head.key == least) {
                last = std::mem::replace(head, source.next().transpose()?);
            }
        }
        Ok(last)
    }
}

impl Iterator for Merge<'_> {
    type Item = Result<Last, StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.advance().transpose()
    }
}

fn in_memory(
    sorted: BTreeMap<Vec<u8>, (u64, Option<Vec<u8>>)>,
) -> impl Iterator<Item = Result<Last, StoreError>> {
    sorted.into_iter().map(|(key, (batch, stored))| Ok(Last { key, batch, stored }))
}

fn readers(runs: Vec<File>, folder: &Path) -> Result<Vec<Source<'static>>, StoreError> {
    runs.into_iter().map(|run| Ok(Box::new(RunReader::of(run, folder)?) as Source<'static>)).collect()
}

/// Key length, record length and batch of one effect in a run.
const ENTRY_BYTES: usize = 14;
const REMOVED: u32 = u32::MAX;
const BUFFER_BYTES: usize = 128 * 1024;

fn write_run(
    folder: &Path,
    sorted: impl Iterator<Item = Result<Last, StoreError>>,
) -> Result<File, StoreError> {
    let failed = |source| StoreError::io("sorting in", folder, source);
    let file = tempfile::tempfile_in(folder).map_err(failed)?;
    let mut out = BufWriter::with_capacity(BUFFER_BYTES, file);
    for last in sorted {
        let Last { key, batch, stored } = last?;
        let mut head = [0; ENTRY_BYTES];
        head[0..2].copy_from_slice(&u16::try_from(key.len()).unwrap_or(u16::MAX).to_le_bytes());
        let length = stored.as_ref().map_or(REMOVED, |stored| u32::try_from(stored.len()).unwrap_or(REMOVED));
        head[2..6].copy_from_slice(&length.to_le_bytes());
        head[6..14].copy_from_slice(&batch.to_le_bytes());
        out.write_all(&head)
            .and_then(|()| out.write_all(&key))
            .and_then(|()| out.write_all(stored.as_deref().unwrap_or_default()))
            .map_err(failed)?;
    }
    out.into_inner().map_err(|error| failed(error.into_error()))
}

struct RunReader {
    run: BufReader<File>,
    length: u64,
    at: u64,
    folder: PathBuf,
}

impl RunReader {
    fn of(mut run: File, folder: &Path) -> Result<Self, StoreError> {
        let failed = |source| StoreError::io("sorting in", folder, source);
        let length = run.stream_position().map_err(failed)?;
        run.rewind().map_err(failed)?;
        let run = BufReader::with_capacity(BUFFER_BYTES, run);
        Ok(Self { run, length, at: 0, folder: folder.to_owned() })
    }

    fn read(&mut self) -> std::io::Result<Last> {
        let mut head = [0; ENTRY_BYTES];
        self.run.read_exact(&mut head)?;
        let length = u32::from_le_bytes(std::array::from_fn(|i| head[2 + i]));
        let mut key = vec![0; u16::from_le_bytes([head[0], head[1]]).into()];
        self.run.read_exact(&mut key)?;
        let mut stored = None;
        if length != REMOVED {
            let stored = stored.insert(vec![0; usize::try_from(length).unwrap_or(0)]);
            self.run.read_exact(stored)?;
        }
        self.at += (ENTRY_BYTES + key.len() + stored.as_ref().map_or(0, Vec::len)) as u64;
        Ok(Last { key, batch: u64::from_le_bytes(std::array::from_fn(|i| head[6 + i])), stored })
    }
}

impl Iterator for RunReader {
    type Item = Result<Last, StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.at >= self.length {
            return None;
        }
        Some(self.read().map_err(|source| StoreError::io("sorting in", &self.folder, source)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_merge_is_the_last_effect_of_each_key_in_order(
            base in prop::collection::btree_map(0u8..30, any::<u8>(), 0..20),
            effects in prop::collection::vec((0u8..30, prop::option::of(any::<u8>())), 0..400),
            bytes_max in 1usize..400,
        ) {
            let folder = tempfile::tempdir().expect("a temporary folder");
            let mut runs = Runs::new(folder.path(), bytes_max);
            let mut model: BTreeMap<Vec<u8>, (u64, Option<Vec<u8>>)> =
                base.iter().map(|(key, body)| (vec![*key], (0, Some(vec![*body])))).collect();
            for (batch, (key, body)) in (1..).zip(&effects) {
                let stored = body.map(|body| vec![body]);
                runs.add(batch, &[*key], stored.as_deref()).expect("room");
                model.insert(vec![*key], (batch, stored));
            }
            let base = base.into_iter().map(|(key, body)| {
                Ok(Last { key: vec![key], batch: 0, stored: Some(vec![body]) })
            });
            let merged = runs.merged_over(Box::new(base)).expect("readable");
            let merged: Vec<Last> = merged.collect::<Result<_, _>>().expect("readable");
            prop_assert_eq!(merged, in_memory(model).collect::<Result<Vec<_>, _>>().expect("in memory"));
        }
    }
}
