//! Servers are replaced one after another under load: nobody hears an error, and what was answered is there, once.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use lictor::sandbox::orders::{Basket, Billing, MockOrder, OrderReason, Period};
use lictor::sandbox::{Sandbox, Storefront};
use secrecy::SecretString;
use serde_json::{Value, json};

use crate::balancer::Balancer;
use crate::earlier;
use crate::postgres::Cluster;
use crate::process::clients::{Client, Heard, Moment, findings};
use crate::process::{
    ACCESS_KEY, Dice, ISSUER, Launch, Merchant, Server, Site, claim_code_in, prove_count, start_sandbox,
    wait_until,
};
use crate::site::free_port;

const SERVERS: usize = 3;
/// Clients of the merchant's and the software's side, and buyers.
const CLIENTS: usize = 10;
const BUYERS: usize = 6;
/// Most licenses that are looked at closely through each server after each replacement: more are bought meanwhile, and
/// all are looked at in the end.
const LOOKED_AT_MAX: usize = 60;
/// Nothing announces that an order is minted: a buyer asks again after so long.
const PATIENCE: Duration = Duration::from_millis(50);

fn this_build() -> PathBuf {
    env!("CARGO_BIN_EXE_lictor").into()
}

/// The same program, replaced by itself: what a restart of every server comes to.
#[test]
fn servers_are_restarted_one_after_another_under_load_without_an_error_answer() {
    Upgrade::new(&this_build(), &this_build()).run(prove_count(12));
}

#[test]
#[ignore = "builds the program of an earlier commit: ./scripts/prove rolling-upgrade"]
fn servers_of_the_first_schema_are_replaced_under_load_without_an_error_answer() {
    let earlier = earlier::program();
    Upgrade::new(&earlier, &this_build()).run(prove_count(400));
}

/// Three servers on one database behind a balancer, of an old and of a new program.
struct Upgrade {
    site: Site,
    sandbox: Sandbox,
    database: String,
    ports: Vec<u16>,
    balancer: Balancer,
    old: PathBuf,
    new: PathBuf,
}

/// What a buyer has got.
#[derive(Debug)]
struct Bought {
    order: MockOrder,
    instance: String,
    license_key: String,
    is_revoked: bool,
    is_renewed: bool,
}

impl Upgrade {
    fn new(old: &Path, new: &Path) -> Self {
        let sandbox = start_sandbox();
        let site = Site::new(&sandbox.base_url());
        let ports: Vec<u16> = (0..SERVERS).map(|_| free_port()).collect();
        let balancer = Balancer::before(&ports);
        let database = Cluster::shared().database().address;
        let upgrade =
            Self { site, sandbox, database, ports, balancer, old: old.to_owned(), new: new.to_owned() };
        upgrade.command(old, &["init"]);
        upgrade.command(old, &["keys", "create", "acme", "--issuer", ISSUER]);
        upgrade
    }

    fn command(&self, program: &Path, words: &[&str]) -> String {
        let folder = self.site.folder.path();
        let mut command = Command::new(program);
        command.args(words).env("LICTOR_STORE", &self.database);
        command.env("LICTOR_DATA_DIR", folder.join("data")).env("LICTOR_KEYS_DIR", folder.join("keys"));
        let done = command.output().expect("the program starts");
        assert!(done.status.success(), "{words:?}: {}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8_lossy(&done.stdout).into_owned()
    }

    fn launch(&self, number: usize, program: &Path) -> Launch {
        let data = self.site.folder.path().join(format!("replica-{number}"));
        let launch = self.site.launch(&data).port(self.ports[number]).env("LICTOR_STORE", &self.database);
        launch.env("LICTOR_PUBLIC_URL", &self.balancer.url()).program(program)
    }

    fn start(&self, number: usize, program: &Path) -> Server {
        let server = Server::start(self.launch(number, program));
        let direct = self.direct(number);
        wait_until("it is ready", || matches!(direct.try_get("/readyz"), Ok((200, _))));
        self.balancer.put_in(number);
        server
    }

    /// Past the balancer.
    fn direct(&self, number: usize) -> Merchant {
        self.site.merchant_of(&format!("http://127.0.0.1:{}", self.ports[number]))
    }

    fn storefront(&self) -> Storefront {
        let address = format!("{}/marketplace/acme/cad-koogallery", self.balancer.url());
        self.sandbox.storefront(&address, SecretString::from(ACCESS_KEY.to_owned()))
    }

    fn run(&self, answers: usize) {
        let servers: Vec<Server> = (0..SERVERS).map(|number| self.start(number, &self.old)).collect();
        let mut dice = Dice::fresh();
        let mut clients: Vec<Client> = (0..CLIENTS)
            .map(|number| Client::new(number, dice.split(), self.site.merchant_of(&self.balancer.url())))
            .collect();
        let (stop, heard, steps) = (AtomicBool::new(false), Heard::default(), AtomicUsize::new(0));
        let bought: Mutex<Vec<Bought>> = Mutex::default();
        // They run until the checks are done: who drops one ends it.
        let (said, _running) = std::thread::scope(|scope| {
            for client in &mut clients {
                let (stop, heard) = (&stop, &heard);
                scope
                    .spawn(move || crate::process::clients::drive(std::slice::from_mut(client), stop, heard));
            }
            for buyer in 0..BUYERS {
                let (stop, bought, steps) = (&stop, &bought, &steps);
                let dice = dice.split();
                scope.spawn(move || self.buy(buyer, dice, stop, steps, bought));
            }
            let _stops = Stops(&stop);
            self.replace(servers, answers, &heard)
        });
        let errors = self.balancer.errors();
        assert!(errors.is_empty(), "{} errors, the first: {}", errors.len(), errors[0]);
        let unread: Vec<&String> = said.iter().filter(|said| said.contains("cannot be read")).collect();
        assert!(unread.is_empty(), "a server met what it cannot read: {unread:?}");
        let bought = bought.into_inner().unwrap_or_else(PoisonError::into_inner);
        self.check(&clients, &bought);
        let per_server: usize = (0..SERVERS).map(|number| self.balancer.answered(number)).sum();
        println!(
            "{per_server} requests, {} steps of licenses, {} purchases, {SERVERS} servers replaced: no error answer, 0 lost, 0 twice",
            heard.count(),
            bought.len()
        );
    }

    /// The schema is brought up while the old servers run; one of them is started again on it; then one after another is
    /// replaced, and each time the servers work side by side for a while. What all of them said, and those that run now.
    fn replace(&self, servers: Vec<Server>, answers: usize, heard: &Heard) -> (Vec<String>, Vec<Server>) {
        let mut said = Vec::new();
        let go_on = || {
            heard.wait_for(heard.count() + answers);
            let errors = self.balancer.errors();
            assert!(errors.is_empty(), "{} errors, the first: {}", errors.len(), errors[0]);
        };
        let exchange = |number: usize, server: Server, program: &Path, said: &mut Vec<String>| {
            self.balancer.take_out(number);
            let mut server = server;
            let status = server.terminate();
            assert!(status.success(), "a stop is no failure: {status}");
            said.push(server.said());
            self.start(number, program)
        };
        let mut servers: Vec<Option<Server>> = servers.into_iter().map(Some).collect();
        go_on();
        self.command(&self.new, &["store", "upgrade"]);
        go_on();
        let again = servers[0].take().expect("it runs");
        servers[0] = Some(exchange(0, again, &self.old, &mut said));
        for (number, place) in servers.iter_mut().enumerate() {
            go_on();
            let old = place.take().expect("it runs");
            *place = Some(exchange(number, old, &self.new, &mut said));
            go_on();
            println!("{} of {SERVERS} replaced", number + 1);
            for server in 0..SERVERS {
                read_newest(&self.direct(server), (answers / 4).min(LOOKED_AT_MAX));
            }
        }
        said.extend(servers.iter().flatten().map(Server::said));
        (said, servers.into_iter().flatten().collect())
    }

    /// One purchase after another: told several times, claimed, activated, renewed, stopped and let go on.
    fn buy(
        &self,
        buyer: usize,
        mut dice: Dice,
        stop: &AtomicBool,
        steps: &AtomicUsize,
        bought: &Mutex<Vec<Bought>>,
    ) {
        let (storefront, merchant) = (self.storefront(), self.site.merchant_of(&self.balancer.url()));
        while !stop.load(Ordering::SeqCst) {
            let number = steps.fetch_add(1, Ordering::SeqCst);
            let basket = Basket::of("CAD-MONTH", Billing::Period(Period::Months(1)));
            let order = storefront.place(OrderReason::New, basket).expect("the sandbox takes orders");
            let mut instances = BTreeSet::new();
            for _ in 0..=dice.below(4) {
                instances.insert(minted(&storefront, &order, false));
            }
            instances.insert(minted(&storefront, &order, true));
            assert_eq!(instances.len(), 1, "{} was answered {instances:?}", order.order_id);
            let instance = instances.pop_first().expect("one");
            let mut one =
                Bought { order, instance, license_key: String::new(), is_revoked: false, is_renewed: false };
            one.license_key = claim(&storefront, &merchant, &one.instance);
            use_it(&merchant, &one.license_key, buyer, number);
            if number.is_multiple_of(2) {
                let renewed = storefront.renew(&one.instance, Period::Months(1)).expect("answered");
                assert_eq!(renewed.answer.result_code(), "000000", "{:?}", renewed.answer.json);
                one.is_renewed = true;
            }
            if number.is_multiple_of(3) {
                for answer in [storefront.freeze(&one.instance), storefront.unfreeze(&one.instance)] {
                    assert_eq!(answer.expect("answered").result_code(), "000000");
                }
            }
            if number.is_multiple_of(5) {
                let license = license_of(&merchant, &one.order.order_id);
                let path = format!("/v1/merchant/licenses/{}/revoke", license["id"].as_str().expect("an id"));
                let (status, revoked) = merchant.post(&path, &json!({ "reason": "tests" }));
                assert_eq!(status, 200, "{revoked}");
                one.is_revoked = true;
            }
            bought.lock().unwrap_or_else(PoisonError::into_inner).push(one);
        }
    }

    /// Through every server: what was bought is there once, and what was answered to the clients too.
    fn check(&self, clients: &[Client], bought: &[Bought]) {
        let merchant = self.site.merchant_of(&self.balancer.url());
        let mut by_order: BTreeMap<String, Vec<Value>> = BTreeMap::new();
        let licenses = merchant.licenses();
        let issued = licenses.iter().filter(|license| license["order_id"].is_null()).count();
        for license in licenses.iter().filter(|license| !license["order_id"].is_null()) {
            let order = license["order_id"].as_str().expect("bought").to_owned();
            by_order.entry(order).or_default().push(license.clone());
        }
        assert_eq!(by_order.len(), bought.len());
        for one in bought {
            let found = &by_order[&one.order.order_id];
            assert_eq!(found.len(), 1, "{found:?}");
            let license = &found[0];
            assert_eq!(license["instance_id"], one.instance.as_str());
            assert_eq!(license["state"] == "revoked", one.is_revoked, "{license}");
            let id = license["id"].as_str().expect("an id");
            let keys: BTreeSet<String> = (0..SERVERS)
                .map(|number| self.direct(number).reveal(id)["license_key"].as_str().expect("one").to_owned())
                .collect();
            assert_eq!(keys.len(), 1, "every server shows the same key");
            // A renewal brings a new text.
            if !one.is_renewed {
                assert_eq!(keys.first(), Some(&one.license_key));
            }
        }
        let sold: usize = clients.iter().map(|client| client.licenses.len()).sum();
        assert_eq!(issued, sold, "each license that was issued is there once");
        // Only what the clients issued, as they know of nothing else.
        let found = findings(&merchant, clients, Moment::now());
        let strangers = format!("{} licenses after {sold} were asked for", licenses.len());
        let wrong: Vec<_> = found.wrong.iter().filter(|words| !words.starts_with(&strangers)).collect();
        assert!(found.lost.is_empty() && wrong.is_empty(), "{found:#?}");
    }
}

/// Stops everybody when it goes, also by a panic.
struct Stops<'a>(&'a AtomicBool);

impl Drop for Stops<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// Told until it is taken, or until it is minted; which instance it was answered.
fn minted(storefront: &Storefront, order: &MockOrder, until_it_is: bool) -> String {
    let (lock, nobody) = (Mutex::new(()), Condvar::new());
    loop {
        let answer = storefront.deliver(order).expect("answered");
        let code = answer.result_code();
        assert!(matches!(code, "000000" | "000004"), "{} {code}", answer.status);
        if code == "000000" || !until_it_is {
            return answer.instance_id().to_owned();
        }
        let turn = lock.lock().unwrap_or_else(PoisonError::into_inner);
        drop(nobody.wait_timeout(turn, PATIENCE));
    }
}

fn claim(storefront: &Storefront, merchant: &Merchant, instance: &str) -> String {
    let answer = storefront.query(&[instance]).expect("answered");
    let memo = answer.app_info(instance).and_then(|info| info["memo"].as_str()).expect("a memo").to_owned();
    let (status, claimed) = merchant.claim(&claim_code_in(&memo));
    assert_eq!(status, 200, "{claimed}");
    claimed["license_key"].as_str().expect("a license key").to_owned()
}

/// A machine activates, and renews its lease.
fn use_it(merchant: &Merchant, license_key: &str, buyer: usize, number: usize) {
    let identity = format!("machine of buyer {buyer}, purchase {number}");
    let body = json!({
        "license_key": license_key,
        "name": "machine",
        "nonce": format!("{identity}-a"),
        "machine": { "fingerprint": identity },
    });
    let (status, held) = merchant.post("/v1/activations", &body);
    assert_eq!(status, 201, "{held}");
    let path = format!("/v1/activations/{}/renew", held["activation_id"].as_str().expect("an id"));
    let body = json!({ "certificate": held["certificate"], "nonce": format!("{identity}-r") });
    let (status, renewed) = merchant.post(&path, &body);
    assert_eq!(status, 200, "{renewed}");
}

fn license_of(merchant: &Merchant, order_id: &str) -> Value {
    let (status, found) = merchant.get(&format!("/v1/merchant/licenses?order_id={order_id}"));
    assert_eq!(status, 200, "{found}");
    found["items"][0].clone()
}

/// Every license in the list, and the newest with key, machines and what has happened to them, through one server.
fn read_newest(merchant: &Merchant, count: usize) {
    for license in merchant.licenses().iter().take(count) {
        let id = license["id"].as_str().expect("an id");
        merchant.reveal(id);
    }
}
