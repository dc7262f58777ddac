//! A merchant with several channels and keys, and calls as they leave the marketplace: right, and wrong in every way.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use chrono::{DateTime, Duration, Utc};
use lictor::application::ports::Clock as _;
use lictor::http::HttpLimits;
use lictor::sandbox::signer::{self, CallbackSignature};
use lictor::store::{DiskReserve, FreeSpace, Kind, MemoryEngine, RecordKey, RecordStore};
use serde_json::{Value, json};

use crate::support::api::{Answer, Api};
use crate::support::{ACCESS_KEY, Harness, World, acme};
use crate::v1;

pub const OLD_KEY: &str = "isv-old-key-2025";
pub const KIT_KEY: &str = "isv-kit-key-0001";
pub const OTHER_KEY: &str = "isv-other-key-0001";
pub const ONLINE_KEY: &str = "isv-online-key-0001";
pub const V1_KEY: &str = "isv-v1-key-0001";
/// Between the reserve and the level at which nothing new is taken on.
const SHORT_MIB: u64 = 200;

pub struct Desk {
    pub harness: Harness,
    pub engine: MemoryEngine,
    /// The merchant's administrator.
    pub api: Api,
    records: RecordStore,
}

/// A disk of which the test says how much is free.
#[derive(Clone)]
pub struct FullDisk {
    free_bytes: Arc<AtomicU64>,
    folder: Arc<tempfile::TempDir>,
    reserve: Arc<std::sync::OnceLock<Arc<DiskReserve>>>,
}

impl FreeSpace for FullDisk {
    fn free_bytes(&self) -> std::io::Result<u64> {
        Ok(self.free_bytes.load(Ordering::SeqCst))
    }
}

impl FullDisk {
    pub fn new() -> Self {
        Self {
            free_bytes: Arc::new(AtomicU64::new(8 << 30)),
            folder: Arc::new(tempfile::tempdir().expect("a folder for the test")),
            reserve: Arc::default(),
        }
    }

    fn reserve(&self) -> &Arc<DiskReserve> {
        self.reserve.get_or_init(|| DiskReserve::of(self.folder.path(), self.clone()))
    }

    /// So little is left that nothing new is taken on.
    pub fn fill(&self) {
        self.free_bytes.store(SHORT_MIB << 20, Ordering::SeqCst);
        self.reserve().look();
    }

    pub fn empty(&self) {
        self.free_bytes.store(8 << 30, Ordering::SeqCst);
        self.reserve().look();
    }
}

/// A call, not sent yet.
#[derive(Debug, Clone)]
pub struct Sent {
    pub method: &'static str,
    pub path: String,
    pub headers: Vec<(&'static str, String)>,
    pub body: Vec<u8>,
}

impl Desk {
    pub fn open() -> Self {
        let engine = MemoryEngine::new();
        Self::open_over(engine.clone(), RecordStore::start(engine))
    }

    /// The same on a disk that the test fills.
    pub fn open_on(disk: &FullDisk) -> Self {
        let engine = MemoryEngine::new();
        disk.reserve().look();
        let records = RecordStore::start(engine.clone()).with_reserve(Arc::clone(disk.reserve()));
        Self::open_over(engine, records)
    }

    fn open_over(engine: MemoryEngine, records: RecordStore) -> Self {
        Self::open_within(engine, records, limits(30_000))
    }

    /// The same where a request may take only so long.
    pub fn open_with_time(millis: u64) -> Self {
        let engine = MemoryEngine::new();
        Self::open_within(engine.clone(), RecordStore::start(engine), limits(millis))
    }

    fn open_within(engine: MemoryEngine, records: RecordStore, limits: HttpLimits) -> Self {
        let harness = Harness::start_on(World::new(), records.clone(), limits);
        let api = harness.anonymous();
        let mut desk = Self { harness, engine, api, records };
        for (name, value) in [
            ("OLD_KEY", OLD_KEY),
            ("ONLINE_KEY", ONLINE_KEY),
            ("KIT_KEY", KIT_KEY),
            ("OTHER_KEY", OTHER_KEY),
            ("V1_KEY", V1_KEY),
        ] {
            desk.harness.world.set_secret(name, value);
        }
        desk.harness.apply(&desk.catalog());
        desk.api = desk.harness.merchant();
        desk
    }

    /// Another server on the same store, as a second replica. It closes the store when it is dropped.
    pub fn replica(&self) -> Harness {
        Harness::start_on(Arc::clone(&self.harness.world), self.records.clone(), self.harness.limits)
    }

    pub fn catalog(&self) -> String {
        let keys = r#"
[[channel.access_key]]
id = "cad-2026"
value = "env:CALLBACK_KEY"
[[channel.access_key]]
id = "cad-2025"
value = "env:OLD_KEY"
retired = true
[[channel.access_key]]
id = "kit-1"
use = "kit"
value = "env:KIT_KEY"
"#;
        let base = acme(&self.harness.world.sandbox);
        let open_api = base.lines().find(|line| line.starts_with("open_api")).expect("it has one");
        let base = base.replace("access_keys = [\"env:CALLBACK_KEY\"]", open_api);
        let (base, _) = base.rsplit_once("open_api").expect("the second one");
        let channel = |id: &str, protocol: &str, key: &str, name: &str| {
            format!(
                "[[channel]]\nid = \"{id}\"\nprotocol = \"{protocol}\"\nproducts = [\"acme-cad\"]\n\
                 [[channel.access_key]]\nid = \"{key}\"\nvalue = \"env:{name}\"\n"
            )
        };
        [
            base.to_owned(),
            keys.to_owned(),
            channel("cad-other", "saas-v2", "other-1", "OTHER_KEY"),
            channel("cad-old", "saas-v1", "v1-2026", "V1_KEY"),
            channel("cad-license", "license-v1", "v1-2026", "V1_KEY"),
            channel("cad-online", "license-online", "online-1", "ONLINE_KEY"),
            channel("cad-unset", "saas-v2", "unset-1", "NOT_SET"),
        ]
        .join("\n")
    }

    pub fn now(&self) -> DateTime<Utc> {
        self.harness.world.clock.now()
    }

    /// A call as the marketplace signs it with this key, at this time.
    pub fn v2(&self, channel: &str, key: &str, skew_secs: i64, body: &Value) -> Sent {
        let nonce = format!(
            "nonce-{}",
            lictor::randomness::random_bytes().map(|byte| format!("{byte:02x}")).concat()
        );
        self.v2_as(channel, key, skew_secs, &nonce, body.to_string().as_bytes())
    }

    pub fn v2_as(&self, channel: &str, key: &str, skew_secs: i64, nonce: &str, body: &[u8]) -> Sent {
        let timestamp = (self.now() + Duration::seconds(skew_secs)).timestamp_millis().to_string();
        let CallbackSignature { signature, .. } = signer::sign_callback(key, &timestamp, nonce, body);
        let query = format!("signature={signature}&timestamp={timestamp}&nonce={nonce}");
        let path = format!("/marketplace/acme/{channel}?{query}");
        Sent { method: "POST", path, headers: Vec::new(), body: body.to_vec() }
    }

    /// A call of an older family.
    pub fn v1(&self, channel: &str, key: &str, parameters: &[(&str, &str)]) -> Sent {
        let query = v1::signed_with(key, parameters, &v1::time_stamp(self.now()));
        let path = format!("/marketplace/acme/{channel}?{query}");
        Sent { method: "GET", path, headers: Vec::new(), body: Vec::new() }
    }

    /// A call of the Kit, version 2.
    pub fn kit(&self, channel: &str, key: &str, interface: &str, body: &Value) -> Sent {
        let (timestamp, nonce) = (self.now().timestamp_millis().to_string(), "kit-nonce-1");
        let message = format!("{key}{nonce}{timestamp}{body}");
        let sign = v1::hmac(key, message.as_bytes()).map(|byte| format!("{byte:02x}")).concat();
        Sent {
            method: "POST",
            path: format!("/marketplace/acme/{channel}/produceAPI/v2/{interface}"),
            headers: vec![("X-Sign", sign), ("X-Timestamp", timestamp), ("X-Nonce", nonce.to_owned())],
            body: body.to_string().into_bytes(),
        }
    }

    pub fn send(&self, sent: &Sent) -> Answer {
        let mut api = self.harness.anonymous();
        for (name, value) in &sent.headers {
            api = api.with(name, value);
        }
        api.send(sent.method, &sent.path, &sent.body)
    }

    /// The newest call of a channel, as the merchant sees it.
    pub fn newest(&self, channel: &str) -> Value {
        self.calls(channel, "limit=1")["items"][0].clone()
    }

    pub fn calls(&self, channel: &str, query: &str) -> Value {
        let path = format!("/v1/merchant/channels/{channel}/calls?{query}");
        self.api.get(&path).expect(200).json()
    }

    pub fn show(&self, channel: &str) -> Value {
        self.api.get(&format!("/v1/merchant/channels/{channel}")).expect(200).json()
    }

    pub fn flush(&self) {
        self.harness.block_on(self.harness.app.flush_calls(true)).expect("the store takes it");
    }

    /// Everything stored but what is kept of calls.
    pub fn records(&self) -> BTreeMap<RecordKey, Vec<u8>> {
        // A notice is told in the audit log as well.
        let is_of_calls =
            |key: &RecordKey| matches!(key.kind(), Kind::Call | Kind::Standing | Kind::Notice | Kind::Audit);
        let records = self.engine.records().into_iter().filter(|(key, _)| !is_of_calls(key));
        records.map(|(key, record)| (key, record.body.to_vec())).collect()
    }
}

fn limits(millis: u64) -> HttpLimits {
    HttpLimits { request_time: std::time::Duration::from_millis(millis), ..HttpLimits::default() }
}

/// The members of a purchase.
pub fn new_instance(order: &str) -> Value {
    json!({ "activity": "newInstance", "businessId": "b-1", "orderId": order, "orderLineId": format!("{order}-1") })
}

/// The same as a dial test.
pub fn dial_test() -> Value {
    let mut body = new_instance("MOCKPERIODYEARNEW");
    body["testFlag"] = "1".into();
    body
}

/// The key that lets calls in at `cad-koogallery`.
pub fn good() -> &'static str {
    ACCESS_KEY
}
