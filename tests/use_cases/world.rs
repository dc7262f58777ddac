//! A running server without its doors: use cases over a store that can be made to fail.
//!
//! When a planned fault strikes, the server starts again over what was kept (on a database it goes on), and the caller
//! asks again with the same request, as a marketplace or a client would.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, Weak};
use std::time::Duration;

use async_trait::async_trait;
use chrono::TimeDelta;
use lictor::application::ports::{
    Clock, Listing, OrderSource, OrderSourceError, Signer, Store, StoreError, find, list,
};
use lictor::application::record::{Job, RecordKey, Stored, Task, Versioned};
use lictor::application::{
    Activate, Activated, App, ApplyMode, Catalog, CodeUse, Credential, DeviceRequest, IdempotencyIdentity,
    IssueLicense, KeepActivations, LicenseAction, MerchantCommand, PurchaseAnswer, PurchaseCall,
    RenewActivation, ReplayIdentity, UseCaseError,
};
use lictor::domain::{
    ActivationId, Actor, COMMITMENT_BYTES, Channel, Component, Env, InstanceStatus, Instant, License,
    LicenseId, Machine, Marketplace, MerchantId, OrderDetails, OrderId, OrderRef, Purchase, PurchaseEvent,
    PurchaseOutcome, PurchaseState, RefreshScene, Refusal, Repeat, Term, TokenId,
};
use lictor::randomness::{SystemRandomness, random_bytes};
use lictor::signing::{Keyring, KeyringSettings};
use lictor::store::StoreError as RawError;
use lictor::store::{
    CommitError, Direction, Fault, KeyRange, RecordStore, Repository, SCAN_RECORDS_MAX, StoreState,
};
use sha2::{Digest, Sha256};
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use super::catalog;
use super::engines::EngineName;
use super::ground::{Ground, PLANNED};
use super::invariants::Memory;

/// When every world begins.
pub const BEGINNING: &str = "2026-01-15T09:00:00Z";
/// How often a caller asks again before the test gives up.
const TRIES_MAX: usize = 200;
/// Rounds of jobs before the test gives up.
const ROUNDS_MAX: usize = 200;

/// Reads an instant.
pub fn at(text: &str) -> Instant {
    text.parse().expect("a test writes valid instants")
}

/// How much more than usual is to be tried.
pub fn times_more() -> u64 {
    #[expect(clippy::disallowed_methods, reason = "a test has no settings; the count only makes it longer")]
    let count = std::env::var("LICTOR_PROVE_COUNT");
    count.ok().and_then(|text| text.parse().ok()).unwrap_or(1).max(1)
}

pub fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A clock that moves when told.
pub struct MovableClock(Mutex<Instant>);

impl MovableClock {
    pub fn advance(&self, by: TimeDelta) {
        *locked(&self.0) += by;
    }

    /// Moves to an instant; never backwards.
    pub fn reach(&self, instant: Instant) {
        let mut now = locked(&self.0);
        *now = instant.max(*now);
    }
}

impl Clock for MovableClock {
    fn now(&self) -> Instant {
        *locked(&self.0)
    }

    fn elapsed(&self) -> Duration {
        (*locked(&self.0) - Instant::UNIX_EPOCH).to_std().expect("after 1970")
    }
}

/// A marketplace that answers what it was told to.
#[derive(Default)]
pub struct ScriptedOrders {
    orders: Mutex<BTreeMap<String, OrderDetails>>,
    unavailable: AtomicBool,
}

impl ScriptedOrders {
    pub fn knows(&self, order: OrderDetails) {
        locked(&self.orders).insert(order.order_id.clone(), order);
    }

    pub fn set_unavailable(&self, unavailable: bool) {
        self.unavailable.store(unavailable, Ordering::SeqCst);
    }
}

#[async_trait]
impl OrderSource for ScriptedOrders {
    async fn order(
        &self,
        _merchant: &MerchantId,
        channel: &Channel,
        order_id: &str,
        _order_line_id: Option<&str>,
    ) -> Result<OrderDetails, OrderSourceError> {
        if channel.open_api.is_none() {
            return Err(OrderSourceError::NotConfigured);
        }
        if self.unavailable.load(Ordering::SeqCst) {
            return Err(OrderSourceError::Unavailable("the marketplace is down".into()));
        }
        locked(&self.orders)
            .get(order_id)
            .cloned()
            .ok_or(OrderSourceError::UnknownOrder("no such order".into()))
    }
}

/// One keyring for all worlds that live at the same time; its folder goes with the last of them.
pub struct Keys {
    pub ring: Arc<Keyring>,
    _folder: tempfile::TempDir,
}

impl Keys {
    fn shared() -> Arc<Self> {
        static SHARED: Mutex<Weak<Keys>> = Mutex::new(Weak::new());
        let mut shared = locked(&SHARED);
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

/// One start of the server, with one or more replicas over the same store.
pub struct Process {
    number: u64,
    raws: Vec<RecordStore>,
    pub store: Arc<dyn Store>,
    apps: Vec<Arc<App>>,
}

/// Puts something between the use cases and the store.
pub type Between = Arc<dyn Fn(Arc<dyn Store>) -> Arc<dyn Store> + Send + Sync>;

/// The server, its surroundings, and what was seen of it so far.
pub struct World {
    pub ground: Ground,
    pub clock: Arc<MovableClock>,
    pub orders: Arc<ScriptedOrders>,
    pub keys: Arc<Keys>,
    pub seen: Mutex<Memory>,
    replicas: usize,
    between: Between,
    process: RwLock<Arc<Process>>,
    restarting: tokio::sync::Mutex<()>,
    requests: AtomicU64,
}

impl World {
    /// One server with the catalog applied.
    pub async fn new(on: EngineName) -> Self {
        Self::with(on, 1, Arc::new(|store| store)).await
    }

    /// Several replicas, with something between them and the store.
    pub async fn with(on: EngineName, replicas: usize, between: Between) -> Self {
        let clock = Arc::new(MovableClock(Mutex::new(at(BEGINNING))));
        let (ground, orders, keys) = (Ground::new(on), Arc::default(), Keys::shared());
        let process = start(0, &ground, &clock, &orders, &keys, replicas, &between);
        let world = Self {
            ground,
            clock,
            orders,
            keys,
            seen: Mutex::default(),
            replicas,
            between,
            process: RwLock::new(Arc::new(process)),
            restarting: tokio::sync::Mutex::new(()),
            requests: AtomicU64::new(0),
        };
        world.apply(catalog::catalog()).await;
        world
    }

    pub fn process(&self) -> Arc<Process> {
        Arc::clone(&self.process.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub fn app(&self) -> Arc<App> {
        Arc::clone(&self.process().apps[0])
    }

    pub fn now(&self) -> Instant {
        self.app().now()
    }

    /// Each fault strikes that many writes after the one before.
    pub fn plan_faults(&self, faults: &[(u64, Fault)]) {
        self.ground.plan_faults(faults);
    }

    /// A nonce or name that was not used before.
    pub fn fresh(&self, what: &str) -> String {
        format!("{what}-{}", self.requests.fetch_add(1, Ordering::SeqCst))
    }

    /// Asks until there is an answer: the same request each time, whatever becomes of the server.
    pub async fn ask<T>(
        &self,
        replica: usize,
        request: impl AsyncFn(&App) -> Result<T, UseCaseError>,
    ) -> Result<T, Refusal> {
        for _ in 0..TRIES_MAX {
            let process = self.process();
            match request(&process.apps[replica]).await {
                Ok(answer) => return Ok(answer),
                Err(UseCaseError::Refused(refusal)) => return Err(refusal),
                Err(UseCaseError::Signing(error)) => panic!("{error}"),
                Err(UseCaseError::Store(error)) => self.overcome(&process, error).await,
            }
        }
        panic!("no answer after {TRIES_MAX} tries");
    }

    pub async fn overcome(&self, process: &Process, error: StoreError) {
        match error {
            StoreError::Conflict | StoreError::Busy => tokio::task::yield_now().await,
            StoreError::OutcomeUnknown => self.start_again(process).await,
            StoreError::NoRoom => panic!("nothing watches a disk here"),
            StoreError::Moving => panic!("nothing moves here"),
            StoreError::Failed(why) => {
                let expected = [
                    RawError::Closed.to_string(),
                    CommitError::Closed.to_string(),
                    CommitError::Storage(RawError::Planned).to_string(),
                    RawError::Unreachable { doing: PLANNED, why: PLANNED.to_owned() }.to_string(),
                ];
                assert!(expected.contains(&why), "the store failed for no planned reason: {why}");
                self.start_again(process).await;
            }
        }
    }

    /// Ends the failed process, if nobody else did, and starts the next one over what was kept. A database fails no
    /// process.
    async fn start_again(&self, failed: &Process) {
        if self.ground.on == EngineName::Postgres {
            return;
        }
        let _one_at_a_time = self.restarting.lock().await;
        if self.process().number != failed.number {
            return;
        }
        for raw in &failed.raws {
            let state = raw.stopped().await;
            assert!(
                matches!(state, StoreState::Failed(RawError::Planned)),
                "a rule of the store broke: {state:?}"
            );
        }
        self.replace_process(failed.number + 1);
    }

    /// An ordinary restart.
    pub async fn restart(&self) {
        let process = self.process();
        for raw in &process.raws {
            raw.close().await.expect("nothing was planned to fail");
        }
        self.replace_process(process.number + 1);
    }

    fn replace_process(&self, number: u64) {
        let next =
            start(number, &self.ground, &self.clock, &self.orders, &self.keys, self.replicas, &self.between);
        *self.process.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(next);
    }

    // --- the merchant's operator

    pub async fn apply(&self, catalog: Catalog) {
        let applied = self.ask(0, async |app| {
            app.apply_catalog(
                &catalog::acme(),
                catalog.clone(),
                ApplyMode::default(),
                &lictor::domain::Actor::Server,
            )
            .await
        });
        applied.await.expect("it is applied").expect("the catalog is valid");
    }

    // --- the marketplace

    /// A call with a nonce of its own.
    pub async fn call(&self, event: PurchaseEvent) -> PurchaseOutcome {
        let nonce = self.fresh("nonce");
        self.call_on(0, &catalog::channel(), &nonce, event).await
    }

    /// A call with a given nonce, through a given replica and channel.
    pub async fn call_on(
        &self,
        replica: usize,
        channel: &Channel,
        nonce: &str,
        event: PurchaseEvent,
    ) -> PurchaseOutcome {
        match self.told(replica, channel, nonce, None, event).await {
            PurchaseAnswer::Outcome(outcome) => outcome,
            PurchaseAnswer::NonceReused => panic!("the nonce {nonce} belongs to another request"),
        }
    }

    /// The same of something that happened then; repeats are answered as things stand, as a shop's are.
    pub async fn told(
        &self,
        replica: usize,
        channel: &Channel,
        nonce: &str,
        occurred_at: Option<Instant>,
        event: PurchaseEvent,
    ) -> PurchaseAnswer {
        let request = digest(&format!("{nonce} {event:?}"));
        let answer = self.ask(replica, async |app| {
            let now = app.now();
            let keep_until = now + TimeDelta::minutes(2);
            let repeat = if occurred_at.is_some() { Repeat::AsItStands } else { Repeat::StoredAnswer };
            let replay = Some(ReplayIdentity { digest: digest(nonce), request, keep_until, repeat });
            let call = PurchaseCall { merchant: &catalog::acme(), channel, replay, occurred_at, now };
            app.handle_purchase_event(&call, event.clone()).await
        });
        answer.await.expect("a marketplace is answered, not refused")
    }

    /// Buys what the order says, and has the marketplace know of it.
    pub async fn buy(&self, order: OrderDetails) -> LicenseId {
        let (order_id, business_id) = (order.order_id.clone(), format!("i-{}", order.order_id));
        self.orders.knows(order);
        let outcome = self.call(bought(&order_id, &business_id)).await;
        assert!(
            matches!(outcome, PurchaseOutcome::Accepted { .. } | PurchaseOutcome::Delivered { .. }),
            "{outcome:?}"
        );
        self.license_of(&order_id).await
    }

    /// The id of the license that the order has or will have.
    pub async fn license_of(&self, order_id: &str) -> LicenseId {
        let listing = Listing::PurchasesOfOrder {
            merchant: catalog::acme(),
            marketplace: Marketplace::KooGallery,
            order_id: OrderId::parse(order_id).expect("an order id"),
        };
        let purchases: Vec<Purchase> = self.listed(&listing).await;
        purchases.into_iter().next().expect("it was received").license
    }

    pub async fn refresh(
        &self,
        bought_by: &str,
        order_id: &str,
        scene: RefreshScene,
        ends_at: &str,
    ) -> PurchaseOutcome {
        self.call(refreshed(bought_by, order_id, scene, Some(at(ends_at)))).await
    }

    pub async fn set_status(&self, bought_by: &str, status: InstanceStatus) -> PurchaseOutcome {
        self.call(PurchaseEvent::StatusChanged { instance_id: format!("i-{bought_by}"), status }).await
    }

    pub async fn freeze_on(&self, replica: usize, bought_by: &str) {
        let (instance_id, nonce) = (format!("i-{bought_by}"), self.fresh("nonce"));
        let event = PurchaseEvent::StatusChanged { instance_id, status: InstanceStatus::Freeze };
        self.call_on(replica, &catalog::channel(), &nonce, event).await;
    }

    pub async fn release(&self, bought_by: &str) -> PurchaseOutcome {
        self.call(PurchaseEvent::Released { instance_id: format!("i-{bought_by}"), order: None }).await
    }

    // --- the workers

    pub async fn waiting_jobs(&self) -> Vec<Job> {
        self.records().await.jobs
    }

    /// Runs what is due now, once.
    pub async fn run_due_jobs(&self) {
        self.run_due_jobs_on(0).await;
    }

    pub async fn run_due_jobs_on(&self, replica: usize) {
        let run = self.ask(replica, async |app| app.run_due_jobs().await);
        run.await.expect("jobs are not refused");
    }

    /// Runs jobs until none is left but those that wait for a SKU; lets time pass where one has to wait.
    pub async fn settle(&self) {
        for _ in 0..ROUNDS_MAX {
            if self.waits_only_for_skus().await {
                return;
            }
            let next = self.ask(0, async |app| app.run_due_jobs().await).await.expect("jobs are not refused");
            match next.map(TimeDelta::from_std) {
                None => return,
                Some(pause) => self.clock.advance(pause.expect("a pause fits")),
            }
        }
        panic!("jobs are left: {:?}", self.waiting_jobs().await);
    }

    async fn waits_only_for_skus(&self) -> bool {
        let records = self.records().await;
        let is_mapped = |purchase: &Purchase| {
            let sku = purchase.facts.as_ref().and_then(|facts| facts.sku.as_ref());
            records.specs.iter().any(|spec| spec.is_meant_by(sku, None))
        };
        let waits = |job: &Job| match &job.task {
            Task::SettlePurchase { purchase } => {
                let purchase = records.purchases.iter().find(|known| known.key == *purchase);
                let held = purchase.filter(|known| matches!(known.state, PurchaseState::Held { .. }));
                held.is_some_and(|purchase| !is_mapped(purchase)) && job.leased_until.is_none()
            }
            _ => false,
        };
        !records.jobs.is_empty() && records.jobs.iter().all(waits)
    }

    pub async fn publish(&self) {
        let publish = || self.ask(0, async |app| app.publish_pending_flips().await);
        while !publish().await.expect("publishing is not refused").is_all {}
    }

    // --- the customer

    /// A machine shows the current license key and asks for a place.
    pub async fn activate(&self, license: &LicenseId, machine: u16) -> Result<Activated, Refusal> {
        let nonce = self.fresh("activate");
        self.activate_on(0, license, machine, &nonce).await
    }

    pub async fn activate_on(
        &self,
        replica: usize,
        license: &LicenseId,
        machine: u16,
        nonce: &str,
    ) -> Result<Activated, Refusal> {
        let key = self.license(license).await.current_key().expect("minted").token_id.clone();
        self.activate_with(replica, license, Some(key), machine, nonce).await
    }

    pub async fn activate_with(
        &self,
        replica: usize,
        license: &LicenseId,
        token_id: Option<TokenId>,
        machine: u16,
        nonce: &str,
    ) -> Result<Activated, Refusal> {
        let command = Activate {
            merchant: catalog::acme(),
            license: license.clone(),
            token_id,
            machine: numbered_machine(machine),
            name: format!("machine {machine}"),
            nonce: nonce.to_owned(),
            device: DeviceRequest::default(),
        };
        self.ask(replica, async |app| app.activate(&command).await).await
    }

    /// The holder of an activation asks for the next certificate with the last one.
    pub async fn renew(
        &self,
        license: &LicenseId,
        activation: &ActivationId,
        generation: u64,
    ) -> Result<Activated, Refusal> {
        let nonce = self.fresh("renew");
        let shown = Credential::Certificate { generation, enrolled: None };
        self.renew_on(0, license, activation, shown, None, &nonce).await
    }

    pub async fn renew_on(
        &self,
        replica: usize,
        license: &LicenseId,
        activation: &ActivationId,
        credential: Credential,
        machine: Option<u16>,
        nonce: &str,
    ) -> Result<Activated, Refusal> {
        let command = RenewActivation {
            merchant: catalog::acme(),
            license: license.clone(),
            activation: activation.clone(),
            credential,
            machine: machine.map(numbered_machine),
            nonce: nonce.to_owned(),
            device: DeviceRequest::default(),
        };
        self.ask(replica, async |app| app.renew_activation(&command).await).await
    }

    pub async fn give_back(&self, license: &LicenseId, activation: &ActivationId) {
        let given = self.ask(0, async |app| {
            app.release_activation(&catalog::acme(), license, activation, u64::MAX, &DeviceRequest::default())
                .await
        });
        given.await.expect("a place can always be given back");
    }

    // --- the merchant

    /// A command with an idempotency key of its own.
    pub async fn command(
        &self,
        license: &LicenseId,
        action: LicenseAction,
    ) -> Result<Versioned<License>, Refusal> {
        self.command_on(0, license, action).await
    }

    pub async fn command_on(
        &self,
        replica: usize,
        license: &LicenseId,
        action: LicenseAction,
    ) -> Result<Versioned<License>, Refusal> {
        let identity = idempotency(&self.fresh("command"), &format!("{action:?}"));
        let command = MerchantCommand { idempotency: Some(identity), ..command_of(license) };
        self.ask(replica, async |app| app.command_license(&command, &action).await).await
    }

    /// Issues by hand, once per name.
    pub async fn issue(&self, spec: &str, term: Term, name: &str) -> Result<Versioned<License>, Refusal> {
        let order = IssueLicense {
            merchant: catalog::acme(),
            actor: Actor::Token("console".into()),
            product: catalog::product().id,
            spec: catalog::spec_id(spec),
            quantity: 1,
            customer: None,
            label: name.to_owned(),
            term: Some(term),
            starts_at: None,
            env: Env::Live,
            idempotency: Some(idempotency(name, &format!("{spec} {term}"))),
        };
        self.ask(0, async |app| app.issue_license(&order).await).await
    }

    /// Whether the holder of a key text may use the license.
    pub async fn validate(&self, license: &LicenseId, token_id: &TokenId) -> Result<License, Refusal> {
        self.ask(0, async |app| app.validate(&catalog::acme(), license, token_id, None).await).await
    }

    pub async fn redeem(&self, license: &LicenseId, generation: u32) -> Result<License, Refusal> {
        let code = self.keys.ring.claim_code(license, generation);
        self.ask(0, async |app| app.redeem_claim(&code, None, CodeUse::Reading).await).await
    }

    pub async fn reissue_leaked(&self, license: &LicenseId) -> Versioned<License> {
        let action = LicenseAction::Reissue { keep: KeepActivations::Nothing, leaked: true };
        self.command(license, action).await.expect("a running license can be re-issued")
    }

    // --- looking

    pub async fn license(&self, id: &LicenseId) -> License {
        let key = RecordKey::License(catalog::acme(), id.clone());
        self.find(key).await.expect("it is minted").value
    }

    /// One record, also while others are being written.
    pub async fn find<T: Stored>(&self, key: RecordKey) -> Option<Versioned<T>> {
        loop {
            let process = self.process();
            match find(process.store.as_ref(), key.clone()).await {
                Ok(found) => return found,
                Err(error) => self.overcome(&process, error).await,
            }
        }
    }

    /// One page, also while others are being written.
    pub async fn listed<T: Stored>(&self, listing: &Listing) -> Vec<T> {
        loop {
            let process = self.process();
            match list(process.store.as_ref(), listing, 1_000).await {
                Ok(page) => return page.into_iter().map(|record: Versioned<T>| record.value).collect(),
                Err(error) => self.overcome(&process, error).await,
            }
        }
    }

    /// Moves the clock to the time of a step.
    pub fn on(&self, day: &str) {
        self.clock.reach(at(day));
    }
}

fn start(
    number: u64,
    ground: &Ground,
    clock: &Arc<MovableClock>,
    orders: &Arc<ScriptedOrders>,
    keys: &Arc<Keys>,
    replicas: usize,
    between: &Between,
) -> Process {
    let raws: Vec<_> = ground.open(replicas).into_iter().map(RecordStore::start).collect();
    let stores: Vec<Arc<dyn Store>> =
        raws.iter().map(|raw| Arc::new(Repository::new(raw.clone())) as _).collect();
    let app = |replica: usize| {
        let (ring, ids) = (Arc::clone(&keys.ring), Arc::new(SystemRandomness::default()));
        let (clock, orders) = (Arc::clone(clock), Arc::clone(orders));
        let store = Arc::clone(&stores[replica % stores.len()]);
        Arc::new(App::new(between(store), ring, clock, ids, orders))
    };
    let apps = (0..replicas).map(app).collect();
    Process { number, raws, store: Arc::clone(&stores[0]), apps }
}

impl Process {
    /// The key of every record.
    pub async fn raw_keys(&self) -> Result<Vec<lictor::store::RecordKey>, StoreError> {
        let (mut range, mut keys) = (KeyRange::all(), Vec::new());
        loop {
            let page = self.raws[0].scan(range.clone(), Direction::Forward, SCAN_RECORDS_MAX).await;
            let page = page.map_err(|error| StoreError::Failed(error.to_string()))?;
            let Some((last, _)) = page.last() else { return Ok(keys) };
            range = range.after(last);
            keys.extend(page.into_iter().map(|(key, _)| key));
        }
    }
}

/// Does something on a thread of its own, at the same time as everything else.
pub fn aside<T, F>(act: impl FnOnce() -> F + Send + 'static) -> JoinHandle<T>
where
    T: Send + 'static,
    F: Future<Output = T>,
{
    let runtime = Handle::current();
    tokio::task::spawn_blocking(move || runtime.block_on(act()))
}

fn digest(text: &str) -> [u8; 32] {
    Sha256::digest(text.as_bytes()).into()
}

pub fn idempotency(name: &str, request: &str) -> IdempotencyIdentity {
    IdempotencyIdentity { key_digest: digest(name), request_digest: digest(request) }
}

pub fn command_of(license: &LicenseId) -> MerchantCommand {
    MerchantCommand {
        merchant: catalog::acme(),
        license: license.clone(),
        actor: Actor::Token("console".into()),
        reason: Some("a reason".into()),
        if_revision: None,
        idempotency: None,
    }
}

pub fn bought(order_id: &str, business_id: &str) -> PurchaseEvent {
    let order = order_ref(order_id);
    PurchaseEvent::Bought { order, business_id: business_id.to_owned(), details: None }
}

pub fn refreshed(
    bought_by: &str,
    order_id: &str,
    scene: RefreshScene,
    ends_at: Option<Instant>,
) -> PurchaseEvent {
    let (instance_id, order) = (format!("i-{bought_by}"), order_ref(order_id));
    let (product_id, term, resumes) = (None, None, false);
    PurchaseEvent::Refreshed { instance_id, order, scene, ends_at, product_id, term, resumes }
}

/// The only line of an order.
pub fn order_ref(order_id: &str) -> OrderRef {
    OrderRef { order_id: order_id.to_owned(), order_line_id: Some(format!("{order_id}-1")), product_id: None }
}

/// A machine of which nothing agrees with another number's.
pub fn numbered_machine(number: u16) -> Machine {
    let names = [Component::Os, Component::Firmware, Component::Board, Component::Disk, Component::Network];
    let [high, low] = number.to_be_bytes();
    let mut value = [7; COMMITMENT_BYTES];
    value[..2].copy_from_slice(&[high, low]);
    Machine { components: names.into_iter().map(|name| (name, value)).collect() }
}
