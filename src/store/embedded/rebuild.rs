//! Making the index anew from the truth.

use std::time::{Duration, Instant};

use super::super::engine::Position;
use super::super::error::StoreError;
use super::super::journal::StoreId;
use super::folder::Folder;
use super::index::{Index, IndexError};
use super::runs::Last;
use super::truth::{Truth, Until};

/// What goes into the index at once: 4 MiB.
const GROUP_BYTES: usize = 4 * 1024 * 1024;

/// How often somebody who waits hears how far it is.
const TOLD_EVERY: Duration = Duration::from_secs(2);

/// A new index in place of the damaged one, which is only dropped once what it is made from was read and is whole.
/// Returns it with where it stands. The mark that asks for a rebuild stays until the store is open.
pub(super) fn rebuild(
    folder: &Folder,
    store: StoreId,
    answered: u64,
    why: &str,
) -> Result<(Index, Position), StoreError> {
    tracing::warn!(%why, "rebuilding the index");
    let mut told = Told::begin();
    let truth = Truth::read(folder, store, u64::MAX, Until::End { answered }, &mut |items, _| {
        told.tell(|| tracing::info!(items, "reading snapshot and journal for the new index"));
        Ok(())
    })?;
    folder.mark_rebuild()?;
    folder.renew_index()?;
    let index = Index::open(&folder.index())?;
    let position = truth.position;
    let items = truth.items.max(1);
    let records = fill(&index, truth, &mut |done| {
        let percent = done.saturating_mul(100) / items;
        told.tell(|| tracing::info!(records = done, percent, "writing the new index"));
    });
    let records = records.map_err(|error| folder.told(error))?;
    tracing::info!(records, batch = position.batch, "the index was rebuilt");
    Ok((index, position))
}

/// Fills an empty index in the order of its keys, and syncs it. Returns how many records it holds. Its position comes
/// last: an index that was not finished does not pass for one.
pub(super) fn fill(index: &Index, truth: Truth, progress: &mut dyn FnMut(u64)) -> Result<u64, IndexError> {
    let position = truth.position;
    let mut records = 0;
    let mut group: Vec<Last> = Vec::new();
    let mut group_bytes = 0;
    // Removing what is not there leaves an index that is empty, and not one that was never written to.
    index.apply(std::iter::once((&b""[..], None)), Position::default())?;
    for last in truth.into_stream().map_err(IndexError::Failed)? {
        let last = last.map_err(IndexError::Failed)?;
        let Some(stored) = &last.stored else { continue };
        records += 1;
        group_bytes += last.key.len() + stored.len();
        group.push(last);
        if group_bytes >= GROUP_BYTES {
            apply(index, &mut group, Position::default())?;
            group_bytes = 0;
            progress(records);
        }
    }
    apply(index, &mut group, position)?;
    index.sync(position)?;
    Ok(records)
}

fn apply(index: &Index, group: &mut Vec<Last>, position: Position) -> Result<(), IndexError> {
    index.apply(group.iter_mut().map(|last| (last.key.as_slice(), last.stored.take())), position)?;
    group.clear();
    Ok(())
}

/// When somebody was last told.
struct Told(Instant);

impl Told {
    fn begin() -> Self {
        Self(Instant::now())
    }

    fn tell(&mut self, tell: impl FnOnce()) {
        if self.0.elapsed() >= TOLD_EVERY {
            self.0 = Instant::now();
            tell();
        }
    }
}
