//! A store that counts how often it is asked, and that a test can hold up or have panic.

use std::future::Future as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;

use async_trait::async_trait;
use lictor::application::ports::{Commit, Committed, DiskState, Listing, Store, StoreError, Versioned};
use lictor::application::record::{CounterKey, Record, RecordKey, UsedHour};
use lictor::domain::{EventPlace, Instant, MerchantId};
use lictor::store::Repository;
use tokio::sync::{OwnedRwLockWriteGuard, RwLock, watch};

pub struct CountingStore {
    inner: Repository,
    asked: watch::Sender<u64>,
    /// Records that were read.
    read: AtomicU64,
    gate: Arc<RwLock<()>>,
    /// Counts down to a panic; 0 is none.
    panics_in: AtomicU64,
    commits: AtomicU64,
}

impl CountingStore {
    pub fn new(inner: Repository) -> Self {
        let (panics_in, commits) = (AtomicU64::new(0), AtomicU64::new(0));
        let (asked, gate, read) = (watch::Sender::new(0), Arc::default(), AtomicU64::new(0));
        Self { inner, asked, read, gate, panics_in, commits }
    }

    /// Commits that were asked for so far.
    pub fn commits(&self) -> u64 {
        self.commits.load(Ordering::SeqCst)
    }

    /// Reads and commits so far, also those that are held up.
    pub fn asked(&self) -> u64 {
        *self.asked.borrow()
    }

    /// Records that were read so far.
    pub fn records_read(&self) -> u64 {
        self.read.load(Ordering::SeqCst)
    }

    fn count_read(&self, records: usize) {
        self.read.fetch_add(records as u64, Ordering::SeqCst);
    }

    /// Waits until it was asked more often than `count` times.
    pub async fn asked_beyond(&self, count: u64) {
        self.asked.subscribe().wait_for(|asked| *asked > count).await.expect("the sender is here");
    }

    /// Holds up whoever asks until the guard is dropped.
    pub async fn hold(&self) -> OwnedRwLockWriteGuard<()> {
        Arc::clone(&self.gate).write_owned().await
    }

    /// Panics when it is asked next.
    pub fn panic_once(&self) {
        self.panic_at(1);
    }

    /// Panics when it is asked the `n`-th time from now.
    pub fn panic_at(&self, n: u64) {
        self.panics_in.store(n, Ordering::SeqCst);
    }

    async fn enter(&self) {
        // Whoever is counted stands in the queue already, before a hold that comes after the count.
        let mut entering = std::pin::pin!(self.gate.read());
        let entered = std::future::poll_fn(|context| Poll::Ready(entering.as_mut().poll(context))).await;
        self.asked.send_modify(|asked| *asked += 1);
        drop(match entered {
            Poll::Ready(entered) => entered,
            Poll::Pending => entering.await,
        });
        let left =
            self.panics_in.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        assert!(left != Ok(1), "the test asked for this panic");
    }
}

#[async_trait]
impl Store for CountingStore {
    async fn load(&self, keys: &[RecordKey]) -> Result<Vec<Option<Versioned<Record>>>, StoreError> {
        self.enter().await;
        self.count_read(keys.len());
        self.inner.load(keys).await
    }

    async fn list(&self, listing: &Listing, limit: usize) -> Result<Vec<Versioned<Record>>, StoreError> {
        self.enter().await;
        let page = self.inner.list(listing, limit).await?;
        self.count_read(page.len());
        Ok(page)
    }

    async fn counts(&self, counters: &[CounterKey]) -> Result<Vec<i64>, StoreError> {
        self.enter().await;
        self.inner.counts(counters).await
    }

    async fn used_hours(
        &self,
        merchant: &MerchantId,
        before: Instant,
        after: Option<&UsedHour>,
        limit: usize,
    ) -> Result<Vec<(UsedHour, i64)>, StoreError> {
        self.enter().await;
        self.inner.used_hours(merchant, before, after, limit).await
    }

    async fn event_places(
        &self,
        merchant: &MerchantId,
        after: Option<&EventPlace>,
        limit: usize,
    ) -> Result<Vec<EventPlace>, StoreError> {
        self.enter().await;
        self.inner.event_places(merchant, after, limit).await
    }

    async fn commit(&self, commit: Commit) -> Result<Committed, StoreError> {
        self.enter().await;
        self.commits.fetch_add(1, Ordering::SeqCst);
        self.inner.commit(commit).await
    }

    fn disk(&self) -> Option<DiskState> {
        self.inner.disk()
    }

    fn is_moving(&self) -> bool {
        self.inner.is_moving()
    }
}
