//! Records in blocks: finding the block of a key, and rewriting blocks so that no record is ever out of sight.
//!
//! A block lies under its lower bound and names the lower bound of the next, so together they cover every key; the
//! first lies under the empty key and is never removed. One writer; readers beside it.
//!
//! * **Split**: the right pieces are inserted first, then the left is shortened. In between, and for ever if the
//!   process ends there, the left one holds stale records at or above the key of the next block: they are out of
//!   everyone's sight, and dropped when it is rewritten.
//! * **Removal**: the left neighbour is stretched over the range first (and loses what is stale in it), then the
//!   empty block goes.
//! * **Trust**: whatever sled hands out must be whole, cover the asked key, and be what [`Sums`] vouches for. A reader
//!   may meet two states of the writer's work, so it looks again before it calls that damage.

use std::collections::HashSet;
use std::iter::Peekable;
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard};

use sled::IVec;

use super::super::super::engine::Position;
use super::IndexError;
use super::block::{self, Block, Merged};
use super::sums::{Changes, Sums, hash};

/// An ordered map of bytes, as sled is one.
pub(super) trait Ordered {
    /// The greatest at or below `key`.
    fn at_or_before(&self, key: &[u8]) -> Result<Option<(IVec, IVec)>, IndexError>;
    /// The greatest below `key`.
    fn before(&self, key: &[u8]) -> Result<Option<(IVec, IVec)>, IndexError>;
    /// The key of the smallest above `key`.
    fn key_after(&self, key: &[u8]) -> Result<Option<IVec>, IndexError>;
    fn insert(&self, key: &[u8], value: Vec<u8>) -> Result<(), IndexError>;
    fn remove(&self, key: &[u8]) -> Result<(), IndexError>;
}

/// How often a reader looks before it calls what it sees damage. What it can meet is one step of the writer, rarely
/// two: a store that is whole must not be stopped.
const LOOKS_MAX: usize = 64;

/// Above every record key: those start with UTF-8 or zero. The marks of the index lie there.
pub(super) const END: &[u8] = b"\xff";

/// Above the marks too.
const ABOVE_ALL: &[u8] = b"\xff\xff";

/// A block and the key it lies under.
pub(super) type Placed = (IVec, Block);

/// An effect in its stored form.
pub(super) type StoredEffect<'a> = (&'a [u8], Option<Vec<u8>>);

pub(super) struct Blocks<O> {
    entries: O,
    sums: RwLock<Sums>,
    changes: Mutex<Changes>,
}

impl<O: Ordered> Blocks<O> {
    pub fn over(entries: O, sums: Sums) -> Self {
        Self { entries, sums: RwLock::new(sums), changes: Mutex::default() }
    }

    pub fn entries(&self) -> &O {
        &self.entries
    }

    pub fn sums(&self) -> RwLockReadGuard<'_, Sums> {
        self.sums.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The block whose range holds `key`; `None` while there is no block at all.
    pub fn block_of(&self, key: &[u8]) -> Result<Option<Placed>, IndexError> {
        let covers = |upper: &[u8]| key < upper;
        self.look(|| self.entries.at_or_before(key), covers)
    }

    /// The block whose range holds what lies right below `key`.
    pub fn block_below(&self, key: &[u8]) -> Result<Option<Placed>, IndexError> {
        let covers = |upper: &[u8]| key <= upper;
        self.look(|| self.entries.before(key), covers)
    }

    /// Where the records of a block end that are not stale; `None` after the last block.
    pub fn end_of(&self, (lower, block): &Placed) -> Result<Option<IVec>, IndexError> {
        let next = self.entries.key_after(lower)?.filter(|next| next.as_ref() < END);
        let upper = block.upper().map(IVec::from);
        Ok(match (upper, next) {
            (Some(upper), Some(next)) => Some(upper.min(next)),
            (upper, next) => upper.or(next),
        })
    }

    fn look(
        &self,
        find: impl Fn() -> Result<Option<(IVec, IVec)>, IndexError>,
        covers: impl Fn(&[u8]) -> bool,
    ) -> Result<Option<Placed>, IndexError> {
        let mut fault = None;
        for _look in 0..LOOKS_MAX {
            let Some((lower, value)) = find()? else {
                if self.is_new()? {
                    return Ok(None);
                }
                fault = Some((IVec::default(), "the first block is missing"));
                continue;
            };
            match self.judge(&lower, value, &covers) {
                Ok(block) => return Ok(Some((lower, block))),
                Err(what) => fault = Some((lower, what)),
            }
        }
        let (lower, what) = fault.unwrap_or_default();
        Err(IndexError::damaged(format!("the block {}", lower.escape_ascii()), what))
    }

    fn judge(
        &self,
        lower: &[u8],
        value: IVec,
        covers: impl Fn(&[u8]) -> bool,
    ) -> Result<Block, &'static str> {
        let block = Block::read(lower, value).ok_or("its checksum does not hold")?;
        if !self.sums().vouch_for(lower, block.epoch, block.crc) {
            return Err("it is not what was last written");
        }
        if !block.upper().is_none_or(covers) {
            return Err("the block after it is missing");
        }
        Ok(block)
    }

    /// True until the first block is written.
    fn is_new(&self) -> Result<bool, IndexError> {
        Ok(self.sums().blocks().next().is_none() && self.entries.at_or_before(ABOVE_ALL)?.is_none())
    }

    /// Applies effects that are sorted by key, each key once. Each block they touch is rewritten once.
    pub fn apply<'a>(&self, effects: impl Iterator<Item = StoredEffect<'a>>) -> Result<(), IndexError> {
        let mut effects = effects.peekable();
        while let Some((key, _)) = effects.peek() {
            match self.block_of(key)? {
                Some(placed) => {
                    let end = self.end_of(&placed)?;
                    let mine = taken_below(&mut effects, end.as_deref());
                    self.rewrite(&placed, end.as_deref(), &mine)?;
                }
                None => self.insert(b"", None, &[])?,
            }
        }
        Ok(())
    }

    fn rewrite(
        &self,
        (lower, block): &Placed,
        end: Option<&[u8]>,
        effects: &[StoredEffect<'_>],
    ) -> Result<(), IndexError> {
        let merged = merge(block, end, effects);
        if merged.is_empty() && !lower.is_empty() {
            return self.drop_block(lower, end);
        }
        let pieces = block::cut(&merged);
        let mut upper = end;
        for (at, piece) in pieces.iter().enumerate().rev() {
            let under = if at == 0 { lower.as_ref() } else { piece[0].entry.0 };
            self.insert(under, upper, piece)?;
            upper = Some(under);
        }
        Ok(())
    }

    /// Takes an empty block away.
    fn drop_block(&self, lower: &[u8], end: Option<&[u8]>) -> Result<(), IndexError> {
        let Some((left, block)) = self.block_below(lower)? else {
            return Err(IndexError::damaged("the index", "its first block is missing"));
        };
        self.insert(&left, end, &merge(&block, Some(lower), &[]))?;
        self.entries.remove(lower)?;
        self.changes().insert(hash(lower), None);
        Ok(())
    }

    fn insert(&self, lower: &[u8], upper: Option<&[u8]>, records: &[Merged<'_>]) -> Result<(), IndexError> {
        let epoch = self.sums().epoch + 1;
        let (bytes, crc) = block::encode(lower, upper, epoch, records.iter().map(|record| record.entry));
        self.entries.insert(lower, bytes)?;
        self.changes().insert(hash(lower), Some(crc));
        Ok(())
    }

    /// Reads every block once and takes over what a process that did not end well has written since the checkpoint:
    /// without it the next [`Sums`] would not know of that.
    pub fn adopt(&self) -> Result<(), IndexError> {
        let unfinished = self.sums().epoch + 1;
        let mut gone: HashSet<u64> = self.sums().blocks().collect();
        let mut next = Some(IVec::default());
        while let Some(key) = next {
            let Some(placed) = self.block_of(&key)? else { break };
            let (lower, block) = &placed;
            gone.remove(&hash(lower));
            if block.epoch == unfinished {
                self.changes().entry(hash(lower)).or_insert(Some(block.crc));
            }
            next = self.end_of(&placed)?;
        }
        let mut changes = self.changes();
        for block in gone {
            changes.entry(block).or_insert(None);
        }
        Ok(())
    }

    /// The sums of the blocks as they stand, for the checkpoint of this position.
    pub fn next_sums(&self, position: Position) -> Sums {
        self.sums().next(position, &self.changes())
    }

    /// From now on these count; they are what [`Blocks::next_sums`] gave, and durable.
    pub fn begin_epoch(&self, sums: Sums) {
        self.changes().clear();
        *self.sums.write().unwrap_or_else(PoisonError::into_inner) = sums;
    }

    fn changes(&self) -> MutexGuard<'_, Changes> {
        self.changes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn taken_below<'a>(
    effects: &mut Peekable<impl Iterator<Item = StoredEffect<'a>>>,
    end: Option<&[u8]>,
) -> Vec<StoredEffect<'a>> {
    std::iter::from_fn(|| effects.next_if(|(key, _)| end.is_none_or(|end| *key < end))).collect()
}

/// The records of a block below `end`, with the effects done to them.
fn merge<'a>(block: &'a Block, end: Option<&[u8]>, effects: &'a [StoredEffect<'_>]) -> Vec<Merged<'a>> {
    let mut kept = block.entries().take_while(|(key, _)| end.is_none_or(|end| *key < end)).peekable();
    let mut merged = Vec::new();
    let old = |entry| Merged { entry, is_new: false };
    for (key, stored) in effects {
        merged.extend(std::iter::from_fn(|| kept.next_if(|(kept, _)| kept < key)).map(old));
        let replaced = kept.next_if(|(kept, _)| kept == key).is_some();
        merged.extend(
            stored.as_ref().map(|stored| Merged { entry: (*key, stored.as_slice()), is_new: !replaced }),
        );
    }
    merged.extend(kept.map(old));
    merged
}

#[cfg(test)]
mod tests;
