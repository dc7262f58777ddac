//! The greatest key of each merchant and kind: what lies above it is known to be absent.
//!
//! Ids are ordered by time, so a new record mostly lies above all others of its kind, and the question whether it is
//! there already needs no look into the index.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::super::engine::{Batch, Direction};
use super::super::key::{KeyRange, RecordKey};
use super::index::{Index, IndexError};
use super::overlay::Overlay;

/// As many merchants and kinds are remembered; one more, and all are forgotten and learnt again.
const KNOWN_MAX: usize = 16 * 1024;

/// Per merchant and kind a key that none of its records lies above; `None` while it has none at all. A removal does not
/// lower it.
#[derive(Default)]
pub(super) struct Greatest(Mutex<HashMap<Vec<u8>, Option<RecordKey>>>);

impl Greatest {
    /// True when the key is known to lie above every record of its merchant and kind.
    pub fn is_below(&self, key: &RecordKey) -> bool {
        self.known().get(prefix(key)).is_some_and(|greatest| is_above(key, greatest.as_ref()))
    }

    /// The same; looks once into overlay and index for a merchant and kind that are not known yet. The caller keeps
    /// the overlay from changing.
    pub fn learn(&self, key: &RecordKey, overlay: &Overlay, index: &Index) -> Result<bool, IndexError> {
        if let Some(greatest) = self.known().get(prefix(key)) {
            return Ok(is_above(key, greatest.as_ref()));
        }
        let Ok(range) = KeyRange::kind(key.merchant(), key.kind()) else { return Ok(false) };
        let shown = overlay.scan(&range, Direction::Reverse).next().map(|(key, _)| key);
        let stored = index.scan(&range, Direction::Reverse).next().transpose()?.map(|(key, _)| key);
        let greatest = shown.max(stored);
        let is_above = is_above(key, greatest.as_ref());
        let mut known = self.known();
        if known.len() >= KNOWN_MAX {
            known.clear();
        }
        known.insert(prefix(key).to_vec(), greatest);
        Ok(is_above)
    }

    /// A batch becomes visible. The caller keeps everybody else from looking.
    pub fn rise(&mut self, batch: &Batch) {
        let known = self.0.get_mut().unwrap_or_else(PoisonError::into_inner);
        for effect in batch.effects().filter(|effect| effect.after.is_some()) {
            if let Some(greatest) = known.get_mut(prefix(&effect.key))
                && is_above(&effect.key, greatest.as_ref())
            {
                *greatest = Some(effect.key.clone());
            }
        }
    }

    fn known(&self) -> MutexGuard<'_, HashMap<Vec<u8>, Option<RecordKey>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_above(key: &RecordKey, greatest: Option<&RecordKey>) -> bool {
    greatest.is_none_or(|greatest| key > greatest)
}

/// Merchant and kind of a key, as they stand in it.
fn prefix(key: &RecordKey) -> &[u8] {
    let bytes = key.as_bytes();
    &bytes[..bytes.len() - key.own().len()]
}
