//! What readers, the group commit and the applier of one open store share.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock, RwLockReadGuard};

use super::super::engine::{Batch, Direction, FailureTold, Position, SCAN_BYTES_MAX};
use super::super::error::StoreError;
use super::super::key::{KeyRange, RecordKey};
use super::super::record::Record;
use super::super::snapshot::Tap;
use super::digests::Digests;
use super::folder::Folder;
use super::greatest::Greatest;
use super::index::{Index, IndexError};
use super::overlay::{self, Overlay};
use super::turns::Turns;

/// One open store.
pub(super) struct Shared {
    pub folder: Folder,
    view: RwLock<View>,
    shown: Mutex<Shown>,
    /// Why nothing is written any more.
    failure: Mutex<Option<StoreError>>,
    told: OnceLock<FailureTold>,
    pub upkeep: Turns,
}

/// What readers see: the overlay over the index. Held for reading, both stay as they are: the index may gain what
/// the overlay shows anyway, and nothing else.
pub(super) struct View {
    pub overlay: Overlay,
    pub greatest: Greatest,
    pub digests: Digests,
    /// `None` once closed.
    pub index: Option<Index>,
}

/// How far readers see, and who else is shown what is written.
struct Shown {
    position: Position,
    taps: Vec<Tap>,
}

impl Shared {
    /// `position` is where the journal stands.
    pub fn new(folder: Folder, index: Index, position: Position) -> Self {
        let view = View {
            overlay: Overlay::default(),
            greatest: Greatest::default(),
            digests: Digests::default(),
            index: Some(index),
        };
        let shown = Shown { position, taps: Vec::new() };
        Self {
            folder,
            view: RwLock::new(view),
            shown: Mutex::new(shown),
            failure: Mutex::new(None),
            told: OnceLock::new(),
            upkeep: Turns::default(),
        }
    }

    /// Looks at the store as of one moment. After a failure nothing is answered: what is stored may be wrong.
    pub fn read<T>(
        &self,
        look: impl FnOnce(&View, &Index) -> Result<T, IndexError>,
    ) -> Result<T, StoreError> {
        self.refuse_after_failure()?;
        let view = self.view();
        let index = view.index.as_ref().ok_or(StoreError::Closed)?;
        look(&view, index).map_err(|error| {
            let error = self.folder.told(error);
            self.fail(error.clone());
            error
        })
    }

    /// What is known of these keys without the index, if nobody has to be waited for.
    pub fn known(&self, keys: &[RecordKey]) -> Option<Result<Vec<Option<Record>>, StoreError>> {
        let view = self.view.try_read().ok()?;
        if view.index.is_none() {
            return Some(Err(StoreError::Closed));
        }
        let known = |key| Some(view.known(key)?.map(|record| Record::clone(record)));
        keys.iter().map(known).collect::<Option<_>>().map(Ok)
    }

    /// Up to `limit` records of a range that is not empty, as of one batch.
    pub fn scan(
        &self,
        range: &KeyRange,
        direction: Direction,
        limit: usize,
    ) -> Result<Vec<(RecordKey, Record)>, StoreError> {
        self.read(|View { overlay, .. }, index| {
            let (stored, shown) = (index.scan(range, direction), overlay.scan(range, direction));
            overlay::merge(stored, shown, direction, limit, SCAN_BYTES_MAX)
        })
    }

    /// Makes a durable batch visible, all of it at once.
    pub fn show(&self, batch: &Arc<Batch>) {
        let mut shown = self.shown();
        let mut view = self.view.write().unwrap_or_else(PoisonError::into_inner);
        view.overlay.add(batch);
        view.greatest.rise(batch);
        view.digests.add(batch);
        drop(view);
        shown.position = batch.position;
        shown.taps.iter().for_each(|tap| tap.keep(batch));
    }

    /// Changes the filter of digests; nobody looks meanwhile.
    pub fn with_digests(&self, change: impl FnOnce(&mut Digests)) {
        change(&mut self.view.write().unwrap_or_else(PoisonError::into_inner).digests);
    }

    /// Where readers see the store.
    pub fn position(&self) -> Position {
        self.shown().position
    }

    /// Lets a tap have every batch from now on; returns the position before the first of them.
    pub fn open_tap(&self, tap: &Tap) -> Position {
        let mut shown = self.shown();
        shown.taps.push(tap.clone());
        shown.position
    }

    /// The tap has every batch up to the returned position, and gets no more.
    pub fn close_tap(&self, tap: &Tap) -> Position {
        let mut shown = self.shown();
        shown.taps.retain(|open| !open.is(tap));
        shown.position
    }

    /// The index has the batch: the overlay need not show it any more.
    pub fn hidden_by_index(&self, batch: &Batch) {
        self.view.write().unwrap_or_else(PoisonError::into_inner).overlay.forget(batch);
    }

    /// Shuts out readers and hands over the index.
    pub fn close(&self) -> Option<Index> {
        self.view.write().unwrap_or_else(PoisonError::into_inner).index.take()
    }

    /// From now on nothing is written, and whoever wants to know is told.
    pub fn fail(&self, error: StoreError) {
        if let Some(told) = self.told.get() {
            told(&error);
        }
        self.failure().get_or_insert(error);
    }

    /// Takes whom to tell of a failure. One that came before is told at once.
    pub fn tell_failures(&self, told: FailureTold) {
        let _ = self.told.set(told);
        if let (Some(told), Err(error)) = (self.told.get(), self.refuse_after_failure()) {
            told(&error);
        }
    }

    pub fn refuse_after_failure(&self) -> Result<(), StoreError> {
        match &*self.failure() {
            Some(error) => Err(error.clone()),
            None => Ok(()),
        }
    }

    fn shown(&self) -> MutexGuard<'_, Shown> {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn failure(&self) -> MutexGuard<'_, Option<StoreError>> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn view(&self) -> RwLockReadGuard<'_, View> {
        self.view.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl View {
    /// The record, or that there is none; `None` when the index must be asked.
    pub fn known(&self, key: &RecordKey) -> Option<Option<&Arc<Record>>> {
        let is_absent = || self.digests.is_absent(key) || self.greatest.is_below(key);
        self.overlay.get(key).or_else(|| is_absent().then_some(None))
    }

    /// The record under a key, asking the index where nothing else is known.
    pub fn record(&self, index: &Index, key: &RecordKey) -> Result<Option<Arc<Record>>, IndexError> {
        if let Some(known) = self.overlay.get(key) {
            return Ok(known.cloned());
        }
        if self.digests.is_absent(key) || self.greatest.learn(key, &self.overlay, index)? {
            return Ok(None);
        }
        Ok(index.get(key)?.map(Arc::new))
    }
}

/// The same store for the applier's thread.
pub(super) type SharedStore = Arc<Shared>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_told_at_once_and_one_from_before_when_somebody_listens() {
        let temporary = tempfile::tempdir().expect("a temporary folder");
        for listens_first in [true, false] {
            let path = temporary.path().join(listens_first.to_string());
            std::fs::create_dir(&path).expect("a folder");
            let shared =
                Shared::new(Folder::at(&path), Index::open(&path).expect("a new index"), Position::default());
            let heard = Arc::new(Mutex::new(0));
            let listen = || {
                let heard = Arc::clone(&heard);
                shared.tell_failures(Box::new(move |_| *heard.lock().expect("no panic") += 1));
            };
            if listens_first {
                listen();
                shared.fail(StoreError::Planned);
            } else {
                shared.fail(StoreError::Planned);
                listen();
            }
            assert_eq!(*heard.lock().expect("no panic"), 1);
            assert!(matches!(shared.refuse_after_failure(), Err(StoreError::Planned)));
        }
    }
}
