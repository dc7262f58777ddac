//! A whole service in this process: real HTTP on a free port, real keyring, a clock that the test moves, and a
//! sandbox marketplace. No background workers: [`Harness::settle`] does what they would do.
#![expect(dead_code, reason = "each test binary uses a part of it")]

pub mod api;
pub mod browser;
pub mod counting_store;
pub mod naughty;
pub mod people;
pub mod receiver;

use std::collections::BTreeMap;
use std::future::Future;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::{DateTime, Utc};
use lictor::application::ports::{Clock, MarketplaceCalls, SecretFault, SecretSource};
use lictor::application::{App, ApplyCaller, ApplyFault, ApplyFiles as _, ApplyMode};
use lictor::clock::ManualClock;
use lictor::config::{AllowedNetworks, TrustedProxies};
use lictor::domain::{Actor, MerchantId, Scope, SecretRef, TokenOwner};
use lictor::http::{HttpLimits, HttpParts, HttpState, router, serve, token_digest};
use lictor::marketplace::MarketplaceOrders;
use lictor::randomness::{SystemRandomness, random_bytes};
use lictor::sandbox::{CodeShop, OpenApiKeys, Sandbox, Storefront};
use lictor::service::{AddressChecks, CatalogApplier, ServerBackups, ServerMoves, new_token_text, outbound};
use lictor::signing::{Keyring, KeyringSettings};
use lictor::store::{DatabaseAddress, EmbeddedEngine, MemoryEngine, PostgresEngine, RecordStore, Repository};
use lictor::webhooks::SendRules;
use secrecy::{ExposeSecret, SecretString};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use api::Api;
use counting_store::CountingStore;

/// The key of every channel in these tests.
pub const ACCESS_KEY: &str = "isv-test-key-0001";
/// When the tests begin.
pub const START: &str = "2026-01-31T08:00:00Z";

/// Where the records are.
#[derive(Clone)]
pub enum Engine {
    /// Here; the test keeps a clone to look inside and to plan faults.
    Memory(MemoryEngine),
    /// On disk, in the harness's own folder.
    Embedded,
    /// In a database of its own.
    Database(Box<DatabaseAddress>),
}

/// What stays when a service ends: folders, clock, secrets, marketplace.
pub struct World {
    pub folder: TempDir,
    pub clock: Arc<ManualClock>,
    pub sandbox: Sandbox,
    secrets: Arc<Secrets>,
    /// Where every service of this world listens; any free port when it is not set.
    address: Option<SocketAddr>,
}

/// A running service.
pub struct Harness {
    pub world: Arc<World>,
    pub app: Arc<App>,
    pub url: String,
    pub store: Arc<CountingStore>,
    pub limits: HttpLimits,
    applier: Arc<CatalogApplier>,
    state: HttpState,
    records: RecordStore,
    stop: Option<oneshot::Sender<()>>,
    serving: Option<JoinHandle<std::io::Result<()>>>,
    runtime: Runtime,
}

/// Secrets of this test, by `env:NAME`.
#[derive(Default)]
struct Secrets(Mutex<BTreeMap<String, String>>);

impl SecretSource for Secrets {
    fn resolve(&self, reference: &SecretRef) -> Result<SecretString, SecretFault> {
        let SecretRef::Env(name) = reference else { return Err(SecretFault("no files here".into())) };
        let found = self.0.lock().expect("no test panics here").get(name).cloned();
        found.map(SecretString::from).ok_or_else(|| SecretFault(format!("{name} is not set")))
    }
}

impl World {
    /// A new one, at [`START`].
    pub fn new() -> Arc<Self> {
        Arc::new(Self::make())
    }

    /// A new one whose services follow each other at one address.
    pub fn at_one_address() -> Arc<Self> {
        let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
        Arc::new(Self { address: Some(free.expect("loopback has a free port")), ..Self::make() })
    }

    fn make() -> Self {
        let clock = Arc::new(ManualClock::at(START.parse().expect("valid")));
        let told: Arc<dyn Fn() -> DateTime<Utc> + Send + Sync> = {
            let clock = Arc::clone(&clock);
            Arc::new(move || clock.now())
        };
        let keys = OpenApiKeys { access_key: "AK".into(), secret_key: "SK".to_owned().into() };
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
        let sandbox = Sandbox::start(listener, keys, told).expect("the sandbox starts");
        let secrets = Arc::new(Secrets::default());
        for (name, value) in [("CALLBACK_KEY", ACCESS_KEY), ("OPEN_API_AK", "AK"), ("OPEN_API_SK", "SK")] {
            secrets.0.lock().expect("new").insert(name.to_owned(), value.to_owned());
        }
        let folder = tempfile::tempdir().expect("a folder for the test");
        Self { folder, clock, sandbox, secrets, address: None }
    }

    /// The same keys in another world: a server that signs alike and knows nothing.
    pub fn with_keys_of(other: &Self) -> Arc<Self> {
        let world = Self::new();
        copy_folder(&other.folder.path().join("keys"), &world.folder.path().join("keys"));
        world
    }

    /// What finds them.
    pub fn secrets(&self) -> Arc<dyn SecretSource> {
        Arc::clone(&self.secrets) as _
    }

    pub fn set_secret(&self, name: &str, value: &str) {
        self.secrets.0.lock().expect("no test panics here").insert(name.to_owned(), value.to_owned());
    }
}

impl Harness {
    /// A service over memory in a new world, with the catalog of [`acme`] applied.
    pub fn start() -> Self {
        Self::start_over(&MemoryEngine::new())
    }

    /// The same over memory that the test can look into.
    pub fn start_over(engine: &MemoryEngine) -> Self {
        let harness = Self::start_in(World::new(), &Engine::Memory(engine.clone()));
        harness.apply(&acme(&harness.world.sandbox));
        harness
    }

    /// A service in a world that may have seen one before. Nothing is applied.
    pub fn start_in(world: Arc<World>, engine: &Engine) -> Self {
        let limits = HttpLimits { request_time: Duration::from_secs(30), ..HttpLimits::default() };
        Self::start_with(world, engine, limits)
    }

    /// The same within these limits.
    pub fn start_with(world: Arc<World>, engine: &Engine, limits: HttpLimits) -> Self {
        let records = records(&world, engine);
        Self::start_on(world, records, limits)
    }

    /// The same over a store that runs already.
    pub fn start_on(world: Arc<World>, records: RecordStore, limits: HttpLimits) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        let runtime = runtime.expect("a runtime");
        let address = world.address.unwrap_or(SocketAddr::from(([127, 0, 0, 1], 0)));
        let listener = TcpListener::bind(address).expect("the port is free");
        let url = format!("http://{}", listener.local_addr().expect("it is bound"));
        let keyring = keyring(&world, &url);
        let store = Arc::new(CountingStore::new(Repository::new(records.clone())));
        let clock = Arc::clone(&world.clock) as Arc<dyn Clock>;
        let secrets = Arc::clone(&world.secrets) as Arc<dyn SecretSource>;
        let ids = Arc::new(SystemRandomness::default());
        let orders = Arc::new(MarketplaceOrders::new(
            Arc::clone(&secrets),
            Arc::clone(&clock),
            Duration::from_secs(10),
        ));
        let marketplaces = Arc::clone(&orders) as _;
        let outbound = outbound(loopback_only(), &keyring, Arc::clone(&secrets));
        let app = App::new(Arc::clone(&store) as _, keyring, clock, Arc::clone(&ids) as _, orders);
        let app = Arc::new(app.with_marketplaces(marketplaces).with_outbound(outbound));
        let applier = Arc::new(CatalogApplier::new(Arc::clone(&app), Arc::clone(&secrets)));
        let clock = Arc::clone(&world.clock) as Arc<dyn Clock>;
        let checks = AddressChecks::new(Arc::clone(&app), &url, Arc::clone(&secrets), clock);
        let parts = HttpParts {
            app: Arc::clone(&app),
            store: Arc::clone(&store) as _,
            ids,
            secrets,
            apply: Arc::clone(&applier) as _,
            backups: Arc::new(ServerBackups::new(records.clone(), world.folder.path().join("keys"))),
            moves: Arc::new(ServerMoves::of(&records, None)),
            checks: Arc::new(checks),
            limits,
            trusted_proxies: TrustedProxies::default(),
        };
        let state = runtime.block_on(HttpState::load(parts)).expect("the store can be read");
        let (stop, stopped) = oneshot::channel();
        let stopped = async { stopped.await.unwrap_or(()) };
        let serving = Some(runtime.spawn(serve(listener, router(state.clone()), limits, stopped)));
        let stop = Some(stop);
        Self { world, app, url, store, limits, applier, state, records, stop, serving, runtime }
    }

    /// Another process over the same store and keys, which meets the marketplace's calls as `seen`.
    pub fn another_worker(
        &self,
        seen: impl FnOnce(Arc<dyn MarketplaceCalls>) -> Arc<dyn MarketplaceCalls>,
    ) -> App {
        let clock = Arc::clone(&self.world.clock) as Arc<dyn Clock>;
        let orders =
            MarketplaceOrders::new(self.world.secrets(), Arc::clone(&clock), Duration::from_secs(10));
        let (orders, ids) = (Arc::new(orders), Arc::new(SystemRandomness::default()));
        let calls = seen(Arc::clone(&orders) as _);
        let keyring = keyring(&self.world, &self.url);
        let outbound = outbound(loopback_only(), &keyring, self.world.secrets());
        let app = App::new(Arc::clone(&self.store) as _, keyring, clock, ids, orders);
        app.with_marketplaces(calls).with_outbound(outbound)
    }

    /// Ends the service and starts another one on the same data and keys.
    pub fn restarted(mut self, engine: &Engine) -> Self {
        let world = Arc::clone(&self.world);
        self.stop();
        Self::start_in(world, engine)
    }

    /// Asks the service to end, and does not wait for it.
    pub fn begin_stop(&mut self) {
        drop(self.stop.take());
    }

    /// Ends the service: no port is open and no lock is held when this returns.
    pub fn stop(&mut self) {
        self.begin_stop();
        if let Some(serving) = self.serving.take() {
            self.runtime.block_on(serving).expect("serving does not panic").expect("it ends in good order");
        }
        // The memory engine may have been stopped by a planned fault.
        let _ = self.runtime.block_on(self.records.close());
    }

    /// Runs a future on the service's runtime.
    pub fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.block_on(future)
    }

    /// Starts a task on the service's runtime.
    pub fn spawn<T: Send + 'static>(
        &self,
        future: impl Future<Output = T> + Send + 'static,
    ) -> JoinHandle<T> {
        self.runtime.spawn(future)
    }

    /// Applies a file as the server's operator and loads the keys.
    pub fn apply(&self, text: &str) {
        self.try_apply(text).expect("the file is right");
        self.block_on(self.state.reload_keys()).expect("the store can be read");
    }

    /// The same with a file that may be wrong.
    pub fn try_apply(&self, text: &str) -> Result<(), ApplyFault> {
        let applied = self.block_on(self.applier.apply(
            text,
            &ApplyCaller::Operator(None),
            ApplyMode::default(),
            &Actor::Server,
        ));
        applied.map(drop)
    }

    /// Does what is due and publishes what waits, until nothing is left.
    pub fn settle(&self) {
        self.block_on(async {
            while self.app.run_due_jobs().await.expect("jobs run") == Some(Duration::ZERO) {}
            while !self.app.publish_pending_flips().await.expect("lists are published").is_all {}
        });
    }

    /// A token of `acme` with these scopes.
    pub fn token(&self, scopes: &[Scope]) -> String {
        let acme = MerchantId::parse("acme").expect("valid");
        self.token_of(TokenOwner::Merchant(acme), scopes)
    }

    /// A token of this owner.
    pub fn token_of(&self, owner: TokenOwner, scopes: &[Scope]) -> String {
        let text = new_token_text().expose_secret().to_owned();
        let digest = token_digest(&text);
        let made = self.app.create_api_token(digest, "test", owner, scopes.to_vec(), None, &Actor::Server);
        self.block_on(made).expect("the token is stored");
        text
    }

    /// A person on the server's own machine.
    pub fn browser(&self) -> browser::Browser {
        browser::Browser::at(&self.url)
    }

    /// Somebody without credentials.
    pub fn anonymous(&self) -> Api {
        Api::new(&self.url)
    }

    /// The holder of a license key, claim code or certificate.
    pub fn customer(&self, text: &str) -> Api {
        self.anonymous().with("Authorization", &format!("License {text}"))
    }

    /// The holder of an API token.
    pub fn bearer(&self, token: &str) -> Api {
        self.anonymous().with("Authorization", &format!("Bearer {token}"))
    }

    /// `acme` with the scope `admin`.
    pub fn merchant(&self) -> Api {
        self.bearer(&self.token(&[Scope::Admin]))
    }

    /// The server's operator, acting for `acme`.
    pub fn operator(&self) -> Api {
        let token = self.token_of(TokenOwner::Server, &[Scope::Operator]);
        self.bearer(&token).with("Lictor-Merchant", "acme")
    }

    /// The marketplace's side of the channel `cad-koogallery`.
    pub fn storefront(&self) -> Storefront {
        let address = format!("{}/marketplace/acme/cad-koogallery", self.url);
        self.world.sandbox.storefront(&address, ACCESS_KEY.to_owned().into())
    }
}

impl Harness {
    /// Applies a channel `cad-codes` that speaks `license-code`, and opens its shop.
    pub fn code_shop(&self) -> CodeShop {
        self.apply(&channel_speaking("license-code", "cad-codes", &self.world.sandbox));
        let address = format!("{}/marketplace/acme/cad-codes", self.url);
        self.world.sandbox.code_shop(&address, ACCESS_KEY.to_owned().into())
    }
}

/// One more address of `acme`.
pub fn channel_speaking(protocol: &str, id: &str, sandbox: &Sandbox) -> String {
    let base_url = sandbox.base_url();
    format!(
        r#"
[merchant]
id = "acme"
name = {{ zh = "艾克米软件", en = "Acme Software" }}
issuer = "https://license.acme.example"
time_zone = "Asia/Shanghai"
locale = "en"

[[channel]]
id = "{id}"
protocol = "{protocol}"
products = ["acme-cad"]
access_keys = ["env:CALLBACK_KEY"]
open_api = {{ base_url = "{base_url}", access_key = "env:OPEN_API_AK", secret_key = "env:OPEN_API_SK" }}
"#
    )
}

impl Drop for Harness {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Events go to receivers of the test on this machine, without TLS.
fn loopback_only() -> SendRules {
    let loopback = "127.0.0.0/8".parse().expect("a network");
    SendRules { allowed: AllowedNetworks::of([loopback]), allow_http: true }
}

fn records(world: &World, engine: &Engine) -> RecordStore {
    match engine {
        Engine::Memory(engine) => RecordStore::start(engine.reopen()),
        Engine::Embedded => {
            let folder = world.folder.path().join("data");
            let opened = if EmbeddedEngine::exists(&folder) {
                EmbeddedEngine::open(&folder)
            } else {
                EmbeddedEngine::create(&folder)
            };
            RecordStore::start(opened.expect("the folder is this test's own"))
        }
        Engine::Database(address) => {
            RecordStore::start(PostgresEngine::open(address).expect("the database is this test's own"))
        }
    }
}

fn keyring(world: &World, url: &str) -> Arc<Keyring> {
    let folder = world.folder.path().join("keys");
    let settings = KeyringSettings {
        folder: folder.clone(),
        public_url: url.to_owned(),
        may_create: true,
        randomness: Arc::new(random_bytes),
    };
    let opened = if Keyring::exists(&folder) { Keyring::open(settings) } else { Keyring::create(settings) };
    let opened = opened.inspect(|keyring| {
        keyring.vault().create().expect("the folder is this test's own");
    });
    Arc::new(opened.expect("the folder is this test's own"))
}

fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder can be made");
    for entry in std::fs::read_dir(from).expect("the folder is there") {
        let entry = entry.expect("it can be read");
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), &target).expect("a file can be copied");
        }
    }
    let permissions = std::fs::metadata(from).expect("it is there").permissions();
    std::fs::set_permissions(to, permissions).expect("they are the test's own");
}

/// The merchant `acme` with one product and a spec of each kind.
pub fn acme(sandbox: &Sandbox) -> String {
    let base_url = sandbox.base_url();
    format!(
        r#"
[merchant]
id = "acme"
name = {{ zh = "艾克米软件", en = "Acme Software" }}
issuer = "https://license.acme.example"
time_zone = "Asia/Shanghai"
locale = "en"

[[product]]
id = "acme-cad"
name = "Acme CAD"
memo = {{ zh = "激活码 {{claim_code}}", en = "Claim code {{claim_code}}, license at {{portal_url}}" }}

[[spec]]
id = "cad-year"
product = "acme-cad"
sku = "CAD-YEAR"
name = "Yearly"
term = "P1Y"
machines = 3
entitlements = ["export", "render"]
attributes = {{ edition = "pro" }}
[[spec.quota]]
metric = "render-minutes"
unit = "minute"
amount = 1000.5
reset = "month"

[[spec]]
id = "cad-month"
product = "acme-cad"
sku = "CAD-MONTH"
name = "Monthly"
term = "P1M"

[[spec]]
id = "cad-forever"
product = "acme-cad"
sku = "CAD-FOREVER"
name = "For good"
term = "permanent"
machines = "unlimited"

[[spec]]
id = "cad-key-only"
product = "acme-cad"
name = "Not bound to machines"
term = "P1Y"
[spec.machine]
binding = "none"

[[channel]]
id = "cad-koogallery"
marketplace = "koogallery"
protocol = "saas-v2"
products = ["acme-cad"]
access_keys = ["env:CALLBACK_KEY"]
open_api = {{ base_url = "{base_url}", access_key = "env:OPEN_API_AK", secret_key = "env:OPEN_API_SK" }}
"#
    )
}

/// Another merchant on the same server.
pub fn globex() -> &'static str {
    r#"
[merchant]
id = "globex"
name = "Globex"
issuer = "https://license.globex.example"

[[product]]
id = "globex-sim"
name = "Globex Sim"

[[spec]]
id = "sim-year"
product = "globex-sim"
name = "Yearly"
term = "P1Y"
"#
}
