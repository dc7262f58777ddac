//! A stand-in for the KooGallery marketplace: it sells mock orders, calls a production address with real signatures
//! and answers the open API; and for a shop that sends Standard Webhooks. For demos, tests and merchants' dry runs.
//!
//! It shares no code with the server's own adapter: both are written from the marketplace's pages and held to the
//! same vectors, so that one misreading cannot hide in both.

pub mod address;
pub mod caller;
pub mod chaos;
mod code_shop;
pub mod codes;
pub mod courier;
pub mod dial_tests;
mod dice;
pub mod event_shop;
pub mod family;
mod json_text;
pub mod judge;
pub mod manner;
pub mod open_api;
mod order_list;
pub mod orders;
pub mod retry;
pub mod sensitive;
mod shop;
pub mod signer;
mod storefront;
mod transport;
pub mod uploads;
pub mod usage;
pub mod words;
pub mod written;

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::JoinHandle;

use chrono::{DateTime, Utc};
use secrecy::SecretString;
use tokio::sync::oneshot;

use address::{Address, AddressKeys};
use caller::Caller;
pub use code_shop::{CodeSale, CodeShop};
use codes::Codes;
use family::Family;
use open_api::{OpenApi, Trouble};
use orders::{MockOrder, Orders};
pub use shop::{Sale, Shop, Step};
pub use storefront::{Purchase, Storefront};
use uploads::Uploads;
use usage::{CheckedUsage, UsageLedger};

/// Tells the time to everything in the sandbox; tests pass a clock that they move.
pub type Clock = Arc<dyn Fn() -> DateTime<Utc> + Send + Sync>;

/// The pair that merchants sign their calls to the open API with.
#[derive(Clone, Debug)]
pub struct OpenApiKeys {
    pub access_key: String,
    pub secret_key: SecretString,
}

/// A running marketplace. Dropping it stops it. Runs on a thread of its own: its methods block and may be called from
/// anywhere where blocking is allowed.
pub struct Sandbox {
    address: SocketAddr,
    clock: Clock,
    orders: Arc<Orders>,
    codes: Arc<Codes>,
    uploads: Arc<Uploads>,
    usage: Arc<UsageLedger>,
    open_api: Arc<OpenApi>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Sandbox {
    /// Serves the open API on `listener`.
    pub fn start(listener: TcpListener, keys: OpenApiKeys, clock: Clock) -> io::Result<Self> {
        let address = listener.local_addr()?;
        listener.set_nonblocking(true)?;
        let orders = Arc::new(Orders::default());
        let codes = Arc::new(Codes::default());
        let uploads = Arc::new(Uploads::default());
        let open_api = OpenApi::new(
            keys,
            Arc::clone(&orders),
            Arc::clone(&codes),
            Arc::clone(&uploads),
            Arc::clone(&clock),
        );
        let usage = Arc::new(UsageLedger::default());
        let open_api = Arc::new(open_api.with_usage(Arc::clone(&usage)));
        let (stop, stopped) = oneshot::channel();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let serving = open_api::serve(listener, Arc::clone(&open_api), stopped);
        let thread = std::thread::Builder::new().name("sandbox".to_owned()).spawn(move || {
            runtime.block_on(serving);
            runtime.shutdown_background();
        })?;
        let (stop, thread) = (Some(stop), Some(thread));
        Ok(Self { address, clock, orders, codes, uploads, usage, open_api, stop, thread })
    }

    /// The merchant's `open_api.base_url`.
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Sells through one production address, whose calls are signed with `access_key`.
    pub fn storefront(&self, production_address: &str, access_key: SecretString) -> Storefront {
        self.usage.accept_key(access_key.clone());
        let caller = Caller::new(production_address, access_key, Arc::clone(&self.clock));
        Storefront::new(caller, Arc::clone(&self.orders), Arc::clone(&self.uploads), Arc::clone(&self.clock))
            .with_usage(Arc::clone(&self.usage))
    }

    /// Sells authorization codes and tells one production address of them.
    pub fn code_shop(&self, production_address: &str, access_key: SecretString) -> CodeShop {
        let caller = Caller::new(production_address, access_key, Arc::clone(&self.clock));
        let (orders, codes) = (Arc::clone(&self.orders), Arc::clone(&self.codes));
        CodeShop::new(caller, orders, codes, Arc::clone(&self.clock))
    }

    /// What merchants push, and of what they may.
    pub fn usage(&self) -> &UsageLedger {
        &self.usage
    }

    /// Every record of usage that was taken, with the verdict of the check that follows.
    pub fn usage_records(&self) -> Vec<CheckedUsage> {
        self.usage.checked()
    }

    /// Sells through one production address in any family but the Kit, which has no orders.
    pub fn shop(&self, family: Family, production_address: &str, keys: AddressKeys) -> Shop {
        let address = Address::new(production_address, keys, Arc::clone(&self.clock));
        let known = (Arc::clone(&self.orders), Arc::clone(&self.codes), Arc::clone(&self.uploads));
        Shop::new(family, address, known, Arc::clone(&self.clock))
    }

    /// What tells the time here.
    pub fn clock(&self) -> Clock {
        Arc::clone(&self.clock)
    }

    /// Makes an order known to the order query without telling anybody.
    pub fn register(&self, order: MockOrder) {
        self.orders.register(order);
    }

    /// The next `calls` calls of the open API go wrong.
    pub fn trouble(&self, trouble: Trouble, calls: u32) {
        self.open_api.trouble(0, trouble, calls);
    }

    /// The same after `skip` calls that go well.
    pub fn trouble_after(&self, skip: u32, trouble: Trouble, calls: u32) {
        self.open_api.trouble(skip, trouble, calls);
    }

    /// The order list as a seller exports it from the console; `instance_of` says what an order line is called, where one
    /// knows.
    pub fn order_list(&self, instance_of: impl Fn(&MockOrder) -> Option<String>) -> String {
        order_list::written(&self.orders.all(), &instance_of)
    }

    /// How many calls the open API has answered or left hanging, authenticated or not.
    pub fn open_api_calls(&self) -> u64 {
        self.open_api.calls()
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // The thread only fails by a panic that was already reported.
            let _ = thread.join();
        }
    }
}
