//! What goes on at a server: licenses are issued, suspended, resumed and revoked, lists published, leases renewed.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use license_client::Verdict;
use lictor::application::ports::Clock;
use lictor::service::{Create, OpenOptions, Restored};
use serde_json::json;

use super::client::Client;
use super::support::people::{command, issue};
use super::support::{Engine, Harness, World, acme};
use super::witness::Witness;

/// From one round to the next: longer than after what a floating lease is renewed.
pub const ROUND: Duration = Duration::from_secs(12 * 60);

/// Leases of half an hour, on one machine and on three.
const FLOATING: &str = r#"
[[spec]]
id = "one-seat"
product = "acme-cad"
name = "One seat"
term = "P1Y"
machines = 1
[spec.machine]
binding = "floating"

[[spec]]
id = "three-seats"
product = "acme-cad"
name = "Three seats"
term = "P1Y"
machines = 3
[spec.machine]
binding = "floating"
"#;

/// A service at an address that stays, in November, with nothing but its catalog.
pub fn service() -> Harness {
    let world = World::at_one_address();
    world.clock.set("2026-11-22T09:00:00Z".parse().expect("valid"));
    let harness = Harness::start_in(Arc::clone(&world), &Engine::Embedded);
    harness.apply(&format!("{}{FLOATING}", acme(&harness.world.sandbox)));
    harness
}

/// A license as its merchant has it.
pub struct Sold {
    pub id: String,
    pub license_key: String,
}

pub fn sell(harness: &Harness, spec: &str, witness: &Witness) -> Sold {
    let answer = issue(harness, spec);
    let sold = Sold { id: answer.text_at("/id"), license_key: answer.text_at("/license_key") };
    witness.license_key(&sold.license_key);
    sold
}

/// The merchant's day: so many licenses come, are stopped and go, each change published by itself.
pub fn trade(harness: &Harness, count: usize, witness: &Witness) {
    let why = json!({ "reason": "other" });
    for number in 0..count {
        let sold = sell(harness, "cad-year", witness);
        for verb in ["suspend", "resume", "revoke"].iter().take(1 + number % 3) {
            command(harness, &sold.id, verb, &why).expect(200);
            harness.settle();
        }
    }
}

/// A license is stopped and goes on, again and again in one instant, each change published by itself.
pub fn flicker(harness: &Harness, sold: &Sold, count: usize) {
    let why = json!({ "reason": "other" });
    for verb in ["suspend", "resume"].iter().cycle().take(count) {
        command(harness, &sold.id, verb, &why).expect(200);
        harness.settle();
    }
}

/// Time passes, and every client does what it does by itself, all at once, while the merchant trades.
pub fn round(harness: &Harness, clients: &[Client], trades: usize, witness: &Witness) -> Vec<Verdict> {
    harness.world.clock.advance(ROUND);
    at_once(harness, clients, trades, witness)
}

/// The same in no time.
pub fn at_once(harness: &Harness, clients: &[Client], trades: usize, witness: &Witness) -> Vec<Verdict> {
    std::thread::scope(|scope| {
        let maintained: Vec<_> =
            clients.iter().map(|client| scope.spawn(|| client.maintain(witness))).collect();
        trade(harness, trades, witness);
        maintained.into_iter().map(|client| client.join().expect("no client panics")).collect()
    })
}

/// The server is gone, and its data with it; its keys are there. A backup takes its place.
pub fn restored(mut harness: Harness, backup: &Path) -> (Harness, Restored) {
    let world = Arc::clone(&harness.world);
    harness.stop();
    let data = world.folder.path().join("data");
    std::fs::remove_dir_all(&data).expect("the data is this test's own");
    let restored = restore(&world, backup);
    drop(harness);
    (Harness::start_in(world, &Engine::Embedded), restored)
}

fn restore(world: &Arc<World>, backup: &Path) -> Restored {
    let (data, keys) = (world.folder.path().join("data"), world.folder.path().join("keys"));
    let options = OpenOptions {
        store: lictor::service::StorePlace::Embedded,
        data_dir: &data,
        keys_dir: &keys,
        public_url: "http://127.0.0.1:9".into(),
        create: Create::Never,
        marketplace_timeout: Duration::from_secs(10),
        retention: None,
        clock: Arc::clone(&world.clock) as Arc<dyn Clock>,
        secrets: world.secrets(),
        webhooks: lictor::webhooks::SendRules::default(),
    };
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let file = lictor::service::BackupFile { path: backup, source: &backup.to_owned() };
    runtime.block_on(lictor::service::restore(options, file, &mut |_| ())).expect("it is restored")
}

/// Writes a backup of the running service, as the address for it does.
pub fn back_up(harness: &Harness, name: &str) -> PathBuf {
    let path = harness.world.folder.path().join(name);
    let token = harness.token_of(lictor::domain::TokenOwner::Server, &[lictor::domain::Scope::Operator]);
    let agent = ureq::Agent::config_builder().proxy(None).build().new_agent();
    let request = agent.get(format!("{}/v1/server/backup", harness.url));
    let answer = request.header("Authorization", format!("Bearer {token}")).call().expect("it is answered");
    let mut file = File::create(&path).expect("a file");
    let mut body = answer.into_body().into_with_config().limit(u64::MAX).reader();
    std::io::copy(&mut body, &mut file).expect("the whole backup");
    let read = File::open(&path).expect("there");
    lictor::store::verify_snapshot(read, &mut |_| ()).expect("it is whole");
    path
}
