//! The application as it runs, over the engine in memory: without its doors, and with a clock, ids and chance of its own,
//! so that the same story is the same again.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use async_trait::async_trait;
use chrono::DateTime;
use lictor::application::ports::{Clock, IdSource, OrderSource, OrderSourceError, Signer, Store, StoreError};
use lictor::application::{App, ApplyMode, UseCaseError};
use lictor::domain::{Channel, Instant, MerchantId, OrderDetails, Refusal};
use lictor::randomness::random_bytes;
use lictor::signing::{Keyring, KeyringSettings};
use lictor::store::{Fault, MemoryEngine, RecordStore, Repository};

use super::calendar::Moment;
use super::catalog;
use super::remembered::Remembered;

/// How often a caller asks again before the test gives up.
const TRIES_MAX: usize = 5;

/// Puts something between the use cases and the store.
pub type Between = fn(Arc<dyn Store>) -> Arc<dyn Store>;

/// A clock that stands still until it is moved.
#[derive(Default)]
pub struct SetClock(AtomicI64);

impl Clock for SetClock {
    fn now(&self) -> Instant {
        DateTime::from_timestamp(self.0.load(Ordering::SeqCst), 0).expect("within the calendar")
    }

    fn elapsed(&self) -> Duration {
        Duration::from_secs(self.0.load(Ordering::SeqCst).unsigned_abs())
    }
}

/// Ids that grow, and are the same each time.
#[derive(Default)]
struct Counted(AtomicU64);

impl IdSource for Counted {
    fn uuid_v7(&self, now: Instant) -> u128 {
        let millis = u128::try_from(now.timestamp_millis()).expect("after 1970");
        (millis << 80) | u128::from(self.0.fetch_add(1, Ordering::SeqCst))
    }

    fn random_bytes(&self) -> [u8; 32] {
        let mut bytes = [0; 32];
        bytes[24..].copy_from_slice(&self.0.fetch_add(1, Ordering::SeqCst).to_be_bytes());
        bytes
    }
}

/// Every call brings its order with it.
struct NoOrders;

#[async_trait]
impl OrderSource for NoOrders {
    async fn order(
        &self,
        _merchant: &MerchantId,
        _channel: &Channel,
        _order_id: &str,
        _order_line_id: Option<&str>,
    ) -> Result<OrderDetails, OrderSourceError> {
        Err(OrderSourceError::NotConfigured)
    }
}

/// One keyring for all servers; its folder goes with the last of them.
struct Keys {
    ring: Arc<Keyring>,
    _folder: tempfile::TempDir,
}

impl Keys {
    fn shared() -> Arc<Self> {
        static SHARED: Mutex<Weak<Keys>> = Mutex::new(Weak::new());
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        shared.upgrade().unwrap_or_else(|| {
            let folder = tempfile::tempdir().expect("a folder can be made");
            let settings = KeyringSettings {
                folder: folder.path().join("keys"),
                public_url: "https://license.example".into(),
                may_create: true,
                randomness: Arc::new(random_bytes),
            };
            let ring = Arc::new(Keyring::create(settings).expect("the folder is new"));
            ring.prepare_merchant(&catalog::merchant()).expect("keys can be made");
            let keys = Arc::new(Self { ring, _folder: folder });
            *shared = Arc::downgrade(&keys);
            keys
        })
    }
}

pub struct Server {
    memory: MemoryEngine,
    keys: Arc<Keys>,
    clock: Arc<SetClock>,
    ids: Arc<Counted>,
    between: Between,
    raw: RecordStore,
    pub store: Arc<dyn Store>,
    pub app: App,
}

impl Server {
    /// With the catalog applied.
    pub async fn start(between: Between, now: Moment) -> Self {
        let (memory, keys) = (MemoryEngine::new(), Keys::shared());
        let (clock, ids) = (Arc::<SetClock>::default(), Arc::<Counted>::default());
        let (raw, store, app) = run(memory.reopen(), between, &keys, &clock, &ids);
        let server = Self { memory, keys, clock, ids, between, raw, store, app };
        server.turn(now);
        let merchant = catalog::acme();
        let applied = server.app.apply_catalog(
            &merchant,
            catalog::catalog(),
            ApplyMode::default(),
            &lictor::domain::Actor::Server,
        );
        applied.await.expect("it is applied").expect("the catalog is valid");
        server
    }

    pub fn turn(&self, now: Moment) {
        self.clock.0.store(now, Ordering::SeqCst);
    }

    /// The n-th write from now fails, and the server with it.
    pub fn plan(&self, (n, fault): (u64, Fault)) {
        self.memory.fail_write(n, fault);
    }

    /// Asks until there is an answer: the same request each time. A server that failed starts again over what was kept.
    pub async fn ask<T>(
        &mut self,
        request: impl for<'a> AsyncFn(&'a App) -> Result<T, UseCaseError>,
    ) -> Result<Result<T, Refusal>, String> {
        for _ in 0..TRIES_MAX {
            match request(&self.app).await {
                Ok(answer) => return Ok(Ok(answer)),
                Err(UseCaseError::Refused(refusal)) => return Ok(Err(refusal)),
                Err(UseCaseError::Store(StoreError::OutcomeUnknown | StoreError::Failed(_))) => {
                    self.start_again().await;
                }
                Err(error @ (UseCaseError::Store(_) | UseCaseError::Signing(_))) => {
                    return Err(format!("the server does not get it done: {error}"));
                }
            }
        }
        Err(format!("no answer after {TRIES_MAX} tries"))
    }

    async fn start_again(&mut self) {
        self.raw.stopped().await;
        (self.raw, self.store, self.app) =
            run(self.memory.reopen(), self.between, &self.keys, &self.clock, &self.ids);
    }
}

fn run(
    memory: MemoryEngine,
    between: Between,
    keys: &Arc<Keys>,
    clock: &Arc<SetClock>,
    ids: &Arc<Counted>,
) -> (RecordStore, Arc<dyn Store>, App) {
    let raw = RecordStore::start(memory);
    let store: Arc<dyn Store> = Arc::new(Remembered::new(between(Arc::new(Repository::new(raw.clone())))));
    let (ring, clock, ids) = (Arc::clone(&keys.ring), Arc::clone(clock), Arc::clone(ids));
    let app = App::new(Arc::clone(&store), ring, clock, ids, Arc::new(NoOrders));
    (raw, store, app)
}
