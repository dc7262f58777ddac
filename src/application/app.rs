//! The use cases' common ground.

use std::collections::BTreeSet;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use tokio::sync::{Mutex, MutexGuard, Notify};

use super::breakers::Breakers;
use super::call_log::CallLog;
use super::outbound::{AskedFor, Outbound};
use super::ports::{Clock, IdSource, MarketplaceCalls, OrderSource, Signer, SigningError, Store, StoreError};
use super::run_jobs::{lease_of, usual_lease};
use super::status_slots::StatusSlots;
use super::token_uses::TokenUses;
use super::watched_calls::{Watch, WatchedCalls, WatchedOrders};
use crate::domain::{
    Actor, AuditEvent, EventId, EventKind, Instant, LeaseClock, LicenseId, Merchant, MerchantId, Refusal,
    Subject, whole_seconds,
};

/// How often a use case decides again after a conflict.
const COMMIT_ATTEMPTS_MAX: u32 = 8;
/// Longest pause before the second attempt; doubles with each.
const FIRST_PAUSE_MAX: Duration = Duration::from_millis(4);
/// Turns are shared by hash: enough that strangers hardly ever wait for each other.
const QUEUE_SHARDS: usize = 256;

/// Why a use case did not do it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UseCaseError {
    /// The rules say no.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Something broke, or is too busy.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Something could not be signed.
    #[error(transparent)]
    Signing(#[from] SigningError),
}

impl UseCaseError {
    pub(super) fn is_conflict(&self) -> bool {
        matches!(self, Self::Store(StoreError::Conflict))
    }
}

/// What woke up: work that does not wait for a timer.
#[derive(Debug, Default)]
pub struct Signals {
    /// A job was written.
    pub jobs: Notify,
    /// A status-list entry waits for publication.
    pub flips: Notify,
    /// A signing key was revoked.
    pub keys: Notify,
    /// Something may have to be sent to endpoints.
    pub events: Notify,
}

/// All use cases, over the ports they need. Cheap to share.
pub struct App {
    pub(super) store: Arc<dyn Store>,
    pub(super) signer: Arc<dyn Signer>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) ids: Arc<dyn IdSource>,
    pub(super) orders: Arc<dyn OrderSource>,
    pub(super) marketplaces: Option<Arc<dyn MarketplaceCalls>>,
    pub(super) breakers: Arc<Breakers>,
    pub(super) slots: StatusSlots,
    pub(super) calls: CallLog,
    pub(super) token_uses: TokenUses,
    pub(super) lease_clock: std::sync::Mutex<LeaseClock>,
    /// When this process began.
    pub(super) began_at: Instant,
    /// Up to when no entry of a status list was waiting.
    pub(super) lists_current_at: std::sync::Mutex<Instant>,
    /// Merchants whose keys could not be read here when they were last followed.
    pub(super) unfollowed: std::sync::Mutex<BTreeSet<MerchantId>>,
    pub(super) job_lease: TimeDelta,
    /// Which process this is, among those that have the store.
    pub(super) process: std::sync::OnceLock<u64>,
    /// Whether no other process has the store.
    pub(super) alone: bool,
    retention: Option<TimeDelta>,
    /// With what events are sent; nothing where none are.
    pub(super) outbound: Option<Arc<Outbound>>,
    pub(super) asked_for: AskedFor,
    /// What woke up.
    pub signals: Signals,
    queue: Vec<Mutex<()>>,
}

impl App {
    /// Wires the use cases to their ports.
    pub fn new(
        store: Arc<dyn Store>,
        signer: Arc<dyn Signer>,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn IdSource>,
        orders: Arc<dyn OrderSource>,
    ) -> Self {
        let queue = (0..QUEUE_SHARDS).map(|_| Mutex::new(())).collect();
        let (slots, calls, signals) = (StatusSlots::default(), CallLog::default(), Signals::default());
        let (marketplaces, breakers) = (None, Arc::<Breakers>::default());
        let watch =
            Watch { breakers: Arc::clone(&breakers), clock: Arc::clone(&clock), ids: Arc::clone(&ids) };
        let orders = Arc::new(WatchedOrders { inner: orders, watch });
        let lease_clock = std::sync::Mutex::new(LeaseClock::starting(clock.now(), clock.elapsed()));
        let began_at = whole_seconds(clock.now());
        let lists_current_at = std::sync::Mutex::new(began_at);
        Self {
            store,
            signer,
            clock,
            ids,
            orders,
            marketplaces,
            breakers,
            slots,
            calls,
            token_uses: TokenUses::default(),
            lease_clock,
            began_at,
            lists_current_at,
            unfollowed: std::sync::Mutex::default(),
            job_lease: usual_lease(),
            process: std::sync::OnceLock::new(),
            alone: false,
            retention: None,
            outbound: None,
            asked_for: AskedFor::default(),
            signals,
            queue,
        }
    }

    /// With the longest that one call to a marketplace may take: how long a job is leased follows from it.
    #[must_use]
    pub fn with_call_time(mut self, call_time: Duration) -> Self {
        self.job_lease = TimeDelta::from_std(call_time).map_or_else(|_| usual_lease(), lease_of);
        self
    }

    /// With a store that no other process has: what another one has begun is begun no more.
    #[must_use]
    pub fn with_own_store(self, alone: bool) -> Self {
        Self { alone, ..self }
    }

    /// Which process this is, among those that have the store: drawn once.
    pub(super) fn process(&self) -> u64 {
        *self.process.get_or_init(|| {
            let mut drawn = [0; 8];
            drawn.copy_from_slice(&self.ids.random_bytes()[..8]);
            u64::from_be_bytes(drawn)
        })
    }

    /// With a time after which the personal data of what has ended is erased; without one it is kept.
    #[must_use]
    pub fn with_retention(self, retention: Option<Duration>) -> Self {
        let retention = retention.map(|time| TimeDelta::from_std(time).unwrap_or(TimeDelta::MAX));
        Self { retention, ..self }
    }

    /// What ended before this is kept without personal data; nothing when all of it is kept.
    pub fn forgets_before(&self) -> Option<Instant> {
        self.retention.and_then(|time| self.now().checked_sub_signed(time))
    }

    /// With marketplaces that can be asked for and told more than orders. Without them their codes cannot be redeemed.
    #[must_use]
    pub fn with_marketplaces(mut self, marketplaces: Arc<dyn MarketplaceCalls>) -> Self {
        let (breakers, clock) = (Arc::clone(&self.breakers), Arc::clone(&self.clock));
        let watch = Watch { breakers, clock, ids: Arc::clone(&self.ids) };
        self.marketplaces = Some(Arc::new(WatchedCalls { inner: marketplaces, watch }));
        self
    }

    /// The present instant, in whole seconds: what tokens and answers carry.
    pub fn now(&self) -> Instant {
        whole_seconds(self.clock.now())
    }

    /// Time since an arbitrary moment, which no clock that is set moves: for what is counted per second.
    pub fn elapsed(&self) -> Duration {
        self.clock.elapsed()
    }

    /// The signer, for what only needs to be read: keys, addresses, claim codes.
    pub fn signer(&self) -> &dyn Signer {
        self.signer.as_ref()
    }

    /// Waits for one's turn on a subject, so that requests of one process do not defeat each other's commits.
    pub(super) async fn turn(&self, subject: &impl Hash) -> MutexGuard<'_, ()> {
        let mut hasher = DefaultHasher::new();
        subject.hash(&mut hasher);
        let shard = usize::try_from(hasher.finish() % QUEUE_SHARDS as u64).unwrap_or(0);
        self.queue[shard].lock().await
    }

    pub(super) fn attempts(&self) -> Attempts {
        Attempts { made: 1, dice: self.ids.random_bytes() }
    }

    pub(super) fn event(
        &self,
        merchant: &MerchantId,
        license: &LicenseId,
        actor: &Actor,
        kind: EventKind,
        detail: &[(&str, String)],
    ) -> AuditEvent {
        self.event_about(merchant, license.clone(), actor, kind, detail)
    }

    /// An event of a change that need not concern a license.
    pub(super) fn event_about(
        &self,
        merchant: &MerchantId,
        subject: impl Into<Subject>,
        actor: &Actor,
        kind: EventKind,
        detail: &[(&str, String)],
    ) -> AuditEvent {
        let at = self.now();
        AuditEvent {
            id: EventId::from_uuid(self.ids.uuid_v7(at)),
            merchant: merchant.clone(),
            subject: subject.into(),
            at,
            actor: actor.clone(),
            kind,
            detail: detail.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect(),
        }
    }

    pub(super) async fn merchant(&self, id: &MerchantId) -> Result<Merchant, UseCaseError> {
        let found =
            super::ports::find(self.store.as_ref(), super::record::RecordKey::Merchant(id.clone())).await?;
        found
            .map(|merchant| merchant.value)
            .ok_or(UseCaseError::Refused(Refusal::NotFound { what: "merchant" }))
    }
}

/// Loads, decides and commits again while somebody else was faster, so often and no more. A macro, because a
/// closure's future cannot promise to be `Send` for every lifetime.
macro_rules! decided {
    ($app:expr, $attempt:expr) => {{
        let mut attempts = $app.attempts();
        loop {
            let outcome = $attempt.await;
            if !attempts.again(&outcome).await {
                break outcome;
            }
        }
    }};
}
pub(super) use decided;

/// Counts the attempts of one use case.
pub(super) struct Attempts {
    made: u32,
    dice: [u8; 32],
}

impl Attempts {
    /// Whether the outcome is a conflict worth another attempt; pauses for a random while if so.
    pub(super) async fn again<T>(&mut self, outcome: &Result<T, UseCaseError>) -> bool {
        let conflict = outcome.as_ref().is_err_and(UseCaseError::is_conflict);
        if !conflict || self.made >= COMMIT_ATTEMPTS_MAX {
            return false;
        }
        let longest = FIRST_PAUSE_MAX * 2_u32.pow(self.made - 1);
        let die = self.dice.get(usize::try_from(self.made).unwrap_or(0)).copied().unwrap_or(u8::MAX);
        tokio::time::sleep(longest * u32::from(die) / u32::from(u8::MAX)).await;
        self.made += 1;
        true
    }
}
