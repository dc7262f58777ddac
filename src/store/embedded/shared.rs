//! What readers, the group commit and the applier of one open store share.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard};

use super::super::engine::Batch;
use super::super::error::StoreError;
use super::folder::Folder;
use super::index::{Index, IndexError};
use super::overlay::Overlay;

/// One open store.
pub(super) struct Shared {
    pub folder: Folder,
    view: RwLock<View>,
    /// Why nothing is written any more.
    failure: Mutex<Option<StoreError>>,
}

/// What readers see: the overlay over the index. Held for reading, both stay as they are: the index may gain what
/// the overlay shows anyway, and nothing else.
pub(super) struct View {
    pub overlay: Overlay,
    /// `None` once closed.
    pub index: Option<Index>,
}

impl Shared {
    pub fn new(folder: Folder, index: Index) -> Self {
        let view = View { overlay: Overlay::default(), index: Some(index) };
        Self { folder, view: RwLock::new(view), failure: Mutex::new(None) }
    }

    /// Looks at the store as of one moment.
    pub fn read<T>(
        &self,
        look: impl FnOnce(&Overlay, &Index) -> Result<T, IndexError>,
    ) -> Result<T, StoreError> {
        let view = self.view();
        let index = view.index.as_ref().ok_or(StoreError::Closed)?;
        look(&view.overlay, index).map_err(|error| {
            let error = self.folder.told(error);
            self.fail(error.clone());
            error
        })
    }

    /// Makes a durable batch visible, all of it at once.
    pub fn show(&self, batch: &Batch) {
        self.view.write().unwrap_or_else(PoisonError::into_inner).overlay.add(batch);
    }

    /// The index has the batch: the overlay need not show it any more.
    pub fn hidden_by_index(&self, batch: &Batch) {
        self.view.write().unwrap_or_else(PoisonError::into_inner).overlay.forget(batch);
    }

    /// Shuts out readers and hands over the index.
    pub fn close(&self) -> Option<Index> {
        self.view.write().unwrap_or_else(PoisonError::into_inner).index.take()
    }

    /// From now on nothing is written.
    pub fn fail(&self, error: StoreError) {
        self.failure().get_or_insert(error);
    }

    pub fn refuse_after_failure(&self) -> Result<(), StoreError> {
        match &*self.failure() {
            Some(error) => Err(error.clone()),
            None => Ok(()),
        }
    }

    fn failure(&self) -> MutexGuard<'_, Option<StoreError>> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn view(&self) -> RwLockReadGuard<'_, View> {
        self.view.read().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The same store for the applier's thread.
pub(super) type SharedStore = Arc<Shared>;
