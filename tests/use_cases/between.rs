//! What stands between the use cases and the store: chance, or a gate that holds one request at a given moment.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use lictor::application::ports::{Change, Commit, Committed, Listing, Store, StoreError};
use lictor::application::record::{CounterKey, Record, RecordKey, UsedHour, Versioned};
use lictor::domain::{EventPlace, Instant, MerchantId};
use tokio::sync::Notify;

use super::world::Between;

/// Longest wait for somebody to come to a gate, on a machine that is busy with everything else.
const ARRIVAL_MAX: Duration = Duration::from_secs(60);

/// Numbers that look random and are the same for the same seed (SplitMix64).
#[derive(Debug)]
pub struct Dice(AtomicU64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(AtomicU64::new(seed))
    }

    /// A number below `sides`.
    pub fn throw(&self, sides: u64) -> u64 {
        let mut mixed = self.0.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % sides
    }
}

/// Lets others go first at every call, as often as chance says.
pub fn chance(seed: u64) -> Between {
    let dice = Arc::new(Dice::new(seed));
    Arc::new(move |inner| Arc::new(Chance { inner, dice: Arc::clone(&dice) }))
}

struct Chance {
    inner: Arc<dyn Store>,
    dice: Arc<Dice>,
}

impl Chance {
    async fn let_others_go_first(&self) {
        for _ in 0..self.dice.throw(4) {
            tokio::task::yield_now().await;
        }
    }
}

#[async_trait]
impl Store for Chance {
    async fn load(&self, keys: &[RecordKey]) -> Result<Vec<Option<Versioned<Record>>>, StoreError> {
        self.let_others_go_first().await;
        self.inner.load(keys).await
    }

    async fn list(&self, listing: &Listing, limit: usize) -> Result<Vec<Versioned<Record>>, StoreError> {
        self.let_others_go_first().await;
        self.inner.list(listing, limit).await
    }

    async fn counts(&self, counters: &[CounterKey]) -> Result<Vec<i64>, StoreError> {
        self.let_others_go_first().await;
        self.inner.counts(counters).await
    }

    async fn used_hours(
        &self,
        merchant: &MerchantId,
        before: Instant,
        after: Option<&UsedHour>,
        limit: usize,
    ) -> Result<Vec<(UsedHour, i64)>, StoreError> {
        self.let_others_go_first().await;
        self.inner.used_hours(merchant, before, after, limit).await
    }

    async fn event_places(
        &self,
        merchant: &MerchantId,
        after: Option<&EventPlace>,
        limit: usize,
    ) -> Result<Vec<EventPlace>, StoreError> {
        self.let_others_go_first().await;
        self.inner.event_places(merchant, after, limit).await
    }

    async fn commit(&self, commit: Commit) -> Result<Committed, StoreError> {
        self.let_others_go_first().await;
        self.inner.commit(commit).await
    }
}

/// What a request is about to do, or has just done.
pub enum Moment<'a> {
    /// About to load.
    Loads(&'a [RecordKey]),
    /// Has listed.
    Listed(&'a Listing),
    /// About to commit.
    Commits(&'a Commit),
}

/// About to load one activation by itself.
pub fn loads_an_activation(moment: &Moment<'_>) -> bool {
    matches!(moment, Moment::Loads([RecordKey::Activation(..)]))
}

/// About to load what waits to be minted.
pub fn loads_what_waits(moment: &Moment<'_>) -> bool {
    matches!(moment, Moment::Loads([RecordKey::PendingLicense(..)]))
}

pub fn listed_licenses(moment: &Moment<'_>) -> bool {
    matches!(moment, Moment::Listed(Listing::Licenses { .. }))
}

pub fn listed_what_waits(moment: &Moment<'_>) -> bool {
    matches!(moment, Moment::Listed(Listing::PendingLicenses { .. }))
}

pub fn listed_specs(moment: &Moment<'_>) -> bool {
    matches!(moment, Moment::Listed(Listing::Specs(_)))
}

pub fn puts_an_activation(moment: &Moment<'_>) -> bool {
    puts(moment, |record| matches!(record, Record::Activation(_)))
}

pub fn puts_a_license(moment: &Moment<'_>) -> bool {
    puts(moment, |record| matches!(record, Record::License(_)))
}

pub fn puts_a_purchase(moment: &Moment<'_>) -> bool {
    puts(moment, |record| matches!(record, Record::Purchase(_)))
}

pub fn puts_a_status_list(moment: &Moment<'_>) -> bool {
    puts(moment, |record| matches!(record, Record::StatusList(_)))
}

fn puts(moment: &Moment<'_>, is_meant: impl Fn(&Record) -> bool) -> bool {
    let Moment::Commits(commit) = moment else { return false };
    commit.changes.iter().any(|change| matches!(change, Change::Put(record, _) if is_meant(record)))
}

/// Holds the first request that comes to a moment after it was closed.
pub struct Gate {
    closed: AtomicBool,
    holds: fn(&Moment<'_>) -> bool,
    arrived: Notify,
    opened: Notify,
}

impl Gate {
    /// An open gate; it holds nobody until it is closed.
    pub fn new(holds: fn(&Moment<'_>) -> bool) -> Arc<Self> {
        let (arrived, opened) = (Notify::new(), Notify::new());
        Arc::new(Self { closed: AtomicBool::new(false), holds, arrived, opened })
    }

    pub fn between(self: &Arc<Self>) -> Between {
        let gate = Arc::clone(self);
        Arc::new(move |inner| Arc::new(Gated { inner, gate: Arc::clone(&gate) }))
    }

    pub fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
    }

    /// Waits until somebody is held.
    pub async fn holds_somebody(&self) {
        let arrived = tokio::time::timeout(ARRIVAL_MAX, self.arrived.notified());
        arrived.await.expect("somebody comes to the gate");
    }

    /// Lets the one that is held go on.
    pub fn open(&self) {
        self.opened.notify_one();
    }

    async fn pass(&self, moment: Moment<'_>) {
        if (self.holds)(&moment) && self.closed.swap(false, Ordering::SeqCst) {
            self.arrived.notify_one();
            self.opened.notified().await;
        }
    }
}

struct Gated {
    inner: Arc<dyn Store>,
    gate: Arc<Gate>,
}

#[async_trait]
impl Store for Gated {
    async fn load(&self, keys: &[RecordKey]) -> Result<Vec<Option<Versioned<Record>>>, StoreError> {
        self.gate.pass(Moment::Loads(keys)).await;
        self.inner.load(keys).await
    }

    async fn list(&self, listing: &Listing, limit: usize) -> Result<Vec<Versioned<Record>>, StoreError> {
        let listed = self.inner.list(listing, limit).await;
        self.gate.pass(Moment::Listed(listing)).await;
        listed
    }

    async fn counts(&self, counters: &[CounterKey]) -> Result<Vec<i64>, StoreError> {
        self.inner.counts(counters).await
    }

    async fn used_hours(
        &self,
        merchant: &MerchantId,
        before: Instant,
        after: Option<&UsedHour>,
        limit: usize,
    ) -> Result<Vec<(UsedHour, i64)>, StoreError> {
        self.inner.used_hours(merchant, before, after, limit).await
    }

    async fn event_places(
        &self,
        merchant: &MerchantId,
        after: Option<&EventPlace>,
        limit: usize,
    ) -> Result<Vec<EventPlace>, StoreError> {
        self.inner.event_places(merchant, after, limit).await
    }

    async fn commit(&self, commit: Commit) -> Result<Committed, StoreError> {
        self.gate.pass(Moment::Commits(&commit)).await;
        self.inner.commit(commit).await
    }
}
