//! What each level of the disk means to marketplaces, customers and merchants.

use std::sync::Arc;

use lictor::http::HttpLimits;
use lictor::sandbox::Storefront;
use lictor::sandbox::orders::Period;
use lictor::store::{DiskReserve, MemoryEngine, RecordStore};
use serde_json::json;

use crate::ground::{Disk, issue_by, kept, waits, year};
use crate::support::api::Api;
use crate::support::people::activate;
use crate::support::{Harness, World, acme};

/// A service with one license of each way, an activation, and a disk that the test fills.
struct Scene {
    engine: MemoryEngine,
    disk: Disk,
    reserve: Arc<DiskReserve>,
    harness: Harness,
    merchant: Api,
    shop: Storefront,
    /// Bought at the marketplace, minted.
    instance: String,
    /// Issued by hand.
    license: String,
    license_key: String,
    certificate: String,
    activation: String,
}

impl Scene {
    fn new() -> Self {
        let (engine, world, disk) = (MemoryEngine::new(), World::new(), Disk::roomy());
        let reserve = disk.reserve(world.folder.path());
        let records = RecordStore::start(engine.reopen()).with_reserve(Arc::clone(&reserve));
        let harness = Harness::start_on(world, records, HttpLimits::default());
        harness.apply(&acme(&harness.world.sandbox));
        let (merchant, shop) = (harness.merchant(), harness.storefront());
        let instance = shop.buy(year()).expect("answers").answer.instance_id().to_owned();
        harness.settle();
        let issued = issue_by(&merchant).expect(201);
        let (license, license_key) = (issued.text_at("/id"), issued.text_at("/license_key"));
        let made = activate(&harness.anonymous(), &license_key, 1, "n1").expect(201);
        let (certificate, activation) = (made.text_at("/certificate"), made.text_at("/activation_id"));
        Self {
            engine,
            disk,
            reserve,
            harness,
            merchant,
            shop,
            instance,
            license,
            license_key,
            certificate,
            activation,
        }
    }

    fn leave_mib(&self, free: u64) {
        self.disk.leave_mib(free, &self.reserve);
    }

    fn renew(&self) -> crate::support::api::Answer {
        let request = json!({ "certificate": self.certificate, "nonce": "n2" });
        self.harness.anonymous().post(&format!("/v1/activations/{}/renew", self.activation), &request)
    }

    /// What takes room is refused, and nothing of it is kept.
    fn new_work_waits(&self) {
        let before = kept(&self.engine);
        let bought = self.shop.buy(year()).expect("answers").answer;
        assert_eq!((bought.status, bought.result_code()), (200, "000005"), "a purchase");
        let renewed = self.shop.renew(&self.instance, Period::Years(1)).expect("answers").answer;
        assert_eq!((renewed.status, renewed.result_code()), (200, "000005"), "a paid renewal");
        waits(activate(&self.harness.anonymous(), &self.license_key, 2, "n"));
        waits(issue_by(&self.merchant));
        assert_eq!(kept(&self.engine), before, "what is refused leaves no trace");
    }

    fn reads_go_on(&self) {
        let anonymous = self.harness.anonymous();
        let verdict = anonymous.post("/v1/validate", &json!({ "license_key": self.license_key })).expect(200);
        assert_eq!(verdict.at("/valid"), true);
        let license = self.merchant.get(&format!("/v1/merchant/licenses/{}", self.license)).expect(200);
        let list = license.text_at("/status/uri");
        anonymous.get(list.strip_prefix(&self.harness.url).expect("ours")).expect(200);
        anonymous.get("/v1/keysets/acme/jwks.json").expect(200);
        assert_eq!(self.shop.query(&[&self.instance]).expect("answers").result_code(), "000000");
        assert_eq!(anonymous.get("/readyz").expect(200).at("/status"), "ready");
    }

    /// Freeze, unfreeze, suspend, resume, giving a place back, revoke, release, and the lists that say so.
    fn rights_can_be_stopped(&self) {
        let freeze = self.shop.freeze(&self.instance).expect("answers");
        let unfreeze = self.shop.unfreeze(&self.instance).expect("answers");
        assert_eq!((freeze.result_code(), unfreeze.result_code()), ("000000", "000000"));
        let command = |verb: &str| {
            let path = format!("/v1/merchant/licenses/{}/{verb}", self.license);
            self.merchant.post(&path, &json!({ "reason": "a full disk" })).expect(200)
        };
        command("suspend");
        command("resume");
        let released = self.harness.customer(&self.certificate);
        let path = format!("/v1/activations/{}/release", self.activation);
        released.post(&path, &json!({})).expect(200);
        command("revoke");
        assert_eq!(self.shop.release(&self.instance).expect("answers").result_code(), "000000");
        let published = self.harness.block_on(self.harness.app.publish_pending_flips());
        assert!(published.expect("lists are published").entries > 0);
        let verdict =
            self.harness.anonymous().post("/v1/validate", &json!({ "license_key": self.license_key }));
        assert_eq!(verdict.expect(200).at("/code"), "license_revoked");
    }

    fn disk_as_told(&self) -> String {
        self.harness.anonymous().get("/readyz").expect(200).text_at("/disk")
    }

    fn free_bytes_as_told(&self) -> String {
        let metrics = self.harness.anonymous().get("/metrics").expect(200);
        let found = metrics.text.lines().find_map(|line| line.strip_prefix("lictor_store_free_bytes "));
        found.expect("the gauge is there").to_owned()
    }
}

#[test]
fn below_1_gib_everything_goes_on_and_whoever_watches_is_told() {
    let scene = Scene::new();
    assert_eq!(scene.disk_as_told(), "ample");
    scene.leave_mib(1_023);
    assert_eq!((scene.disk_as_told(), scene.free_bytes_as_told()), ("low".into(), (1_023 << 20).to_string()));
    scene.reads_go_on();
    assert_eq!(scene.shop.buy(year()).expect("answers").answer.result_code(), "000004");
    activate(&scene.harness.anonymous(), &scene.license_key, 2, "n").expect(201);
    issue_by(&scene.merchant).expect(201);
    scene.renew().expect(200);
    scene.rights_can_be_stopped();
}

#[test]
fn below_256_mib_purchases_and_activations_wait_and_what_is_there_goes_on() {
    let scene = Scene::new();
    scene.leave_mib(255);
    assert_eq!(scene.disk_as_told(), "short");
    scene.new_work_waits();
    scene.reads_go_on();
    scene.renew().expect(200);
    scene.rights_can_be_stopped();
}

#[test]
fn below_64_mib_only_stopping_a_right_goes_on() {
    for free_mib in [63, 0] {
        let scene = Scene::new();
        scene.leave_mib(free_mib);
        assert_eq!(scene.disk_as_told(), "full");
        scene.new_work_waits();
        scene.reads_go_on();
        waits(scene.renew());
        scene.rights_can_be_stopped();
    }
}

#[test]
fn an_order_that_was_accepted_before_is_still_minted_while_new_ones_wait() {
    let scene = Scene::new();
    let bought = scene.shop.buy(year()).expect("answers");
    assert_eq!(bought.answer.result_code(), "000004");
    scene.leave_mib(255);
    scene.harness.settle();
    let instance = bought.answer.instance_id();
    assert_eq!(scene.shop.query(&[instance]).expect("answers").result_code(), "000000");
}

#[test]
fn what_waited_is_done_once_there_is_room_again() {
    let scene = Scene::new();
    scene.leave_mib(0);
    let bought = scene.shop.buy(year()).expect("answers");
    waits(activate(&scene.harness.anonymous(), &scene.license_key, 2, "n"));
    assert_eq!(bought.answer.result_code(), "000005");
    scene.leave_mib(8_000);
    assert_eq!(scene.disk_as_told(), "ample");
    assert_eq!(scene.shop.deliver(&bought.order).expect("answers").result_code(), "000004");
    scene.harness.settle();
    assert_eq!(scene.shop.deliver(&bought.order).expect("answers").result_code(), "000000");
    activate(&scene.harness.anonymous(), &scene.license_key, 2, "n").expect(201);
}

#[test]
fn a_store_without_a_disk_of_its_own_tells_of_none() {
    let harness = Harness::start();
    assert_eq!(harness.anonymous().get("/readyz").expect(200).at("/disk"), serde_json::Value::Null);
    let metrics = harness.anonymous().get("/metrics").expect(200);
    assert_eq!(metrics.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    assert!(!metrics.text.contains("lictor_store_free_bytes"), "{}", metrics.text);
    let commits = metrics.text.lines().find_map(|line| {
        line.strip_prefix("lictor_store_commit_duration_seconds_count ")?.parse::<u64>().ok()
    });
    assert!(commits.is_some_and(|count| count > 0), "the catalog was a commit: {}", metrics.text);
}

#[test]
fn metrics_count_the_work_that_waits() {
    let harness = Harness::start();
    let unknown =
        lictor::sandbox::orders::Basket::of("CAD-UNKNOWN", lictor::sandbox::orders::Billing::OneTime);
    harness.storefront().buy(unknown).expect("answers");
    let told = |name: &str| {
        let metrics = harness.anonymous().get("/metrics").expect(200);
        let value = metrics.text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        value.unwrap_or_else(|| panic!("{name} in {}", metrics.text)).to_owned()
    };
    assert_eq!((told("lictor_orders_held"), told("lictor_outbox_pending")), ("0".into(), "1".into()));
    harness.world.clock.advance(std::time::Duration::from_secs(90));
    assert_eq!(told("lictor_outbox_oldest_seconds"), "90");
    harness.settle();
    assert_eq!((told("lictor_orders_held"), told("lictor_outbox_pending")), ("1".into(), "1".into()));
    assert_eq!(told("lictor_outbox_oldest_seconds"), "0", "it waits for the merchant");
}
