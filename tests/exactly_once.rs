//! Every order line becomes one license, whatever is repeated, parallel, or killed. In memory, where nothing survives a
//! kill, `tests/use_cases` says the same.

#[path = "postgres/mod.rs"]
mod cluster;
mod engines;
mod process;
#[path = "engines/site.rs"]
mod site;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use engines::{EngineName, for_engines};
use lictor::sandbox::Storefront;
use lictor::sandbox::orders::{Basket, Billing, MockOrder, OrderReason, Period};
use process::{Dice, Site, claim_code_in, prove_count, start_sandbox};
use site::site_on;

for_engines! { at_once [embedded postgres] {
    order_lines_delivered_many_times_to_a_server_that_is_killed_become_one_license_each,
} }

const CALLERS: usize = 32;
const DELIVERIES_MAX: usize = 20;

/// How often the server has come up.
#[derive(Default)]
struct Ups(Mutex<usize>, Condvar);

impl Ups {
    fn count(&self) -> usize {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn came_up(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.1.notify_all();
    }

    /// Waits until the server comes up again; not for ever, because a call can fail for other reasons.
    fn wait_past(&self, seen: usize) {
        let count = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let patience = Duration::from_millis(200);
        let waited = self.1.wait_timeout_while(count, patience, |count| *count == seen);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    }
}

/// Delivers until the server answers; a call that was cut off is repeated, as a marketplace would.
fn deliver(storefront: &Storefront, order: &MockOrder, ups: &Ups) -> (String, String) {
    loop {
        let seen = ups.count();
        if let Ok(answer) = storefront.deliver(order)
            && answer.status == 200
            && matches!(answer.result_code(), "000000" | "000004")
        {
            return (answer.result_code().to_owned(), answer.instance_id().to_owned());
        }
        ups.wait_past(seen);
    }
}

fn place(storefront: &Storefront, count: usize) -> Vec<MockOrder> {
    let place = |number: usize| {
        let basket = match number % 3 {
            0 => Basket::of("CAD-MONTH", Billing::Period(Period::Months(1))),
            1 => Basket::of("CAD-YEAR", Billing::Period(Period::Years(1))),
            _ => Basket::of("CAD-ORDERED", Billing::OneTime),
        };
        storefront.place(OrderReason::New, basket).expect("the sandbox takes orders")
    };
    (0..count).map(place).collect()
}

fn order_lines_delivered_many_times_to_a_server_that_is_killed_become_one_license_each(on: EngineName) {
    let lines = prove_count(if on == EngineName::Postgres { 60 } else { 200 });
    let kills = (lines / 20).max(6);
    let mut dice = Dice::fresh();
    let sandbox = start_sandbox();
    let site = site_on(on, &sandbox.base_url());
    let storefront = site.storefront(&sandbox);
    let orders = place(&storefront, lines);
    let mut deliveries: Vec<usize> =
        (0..lines).flat_map(|line| vec![line; 1 + dice.below(DELIVERIES_MAX)]).collect();
    dice.shuffle(&mut deliveries);

    let (next, answered) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let (delivered, ups) = (AtomicBool::new(false), Ups::default());
    let progress = (Mutex::new(()), Condvar::new());
    let instances: Mutex<BTreeMap<usize, BTreeSet<String>>> = Mutex::default();
    let kill_every = (deliveries.len() / (kills + 1)).max(1);
    std::thread::scope(|scope| {
        let callers: Vec<_> = (0..CALLERS)
            .map(|_| {
                scope.spawn(|| {
                    while let Some(&line) = deliveries.get(next.fetch_add(1, Ordering::SeqCst)) {
                        let (_, instance) = deliver(&storefront, &orders[line], &ups);
                        answered.fetch_add(1, Ordering::SeqCst);
                        progress.1.notify_all();
                        let mut instances = instances.lock().unwrap_or_else(PoisonError::into_inner);
                        instances.entry(line).or_default().insert(instance);
                    }
                })
            })
            .collect();
        let killer = scope.spawn(|| {
            let mut server = site.start();
            ups.came_up();
            let mut killed = 0;
            let mut due = dice.below(kill_every);
            while !delivered.load(Ordering::SeqCst) {
                if killed < kills && answered.load(Ordering::SeqCst) >= due {
                    server.kill();
                    server = site.start();
                    ups.came_up();
                    killed += 1;
                    due = kill_every * killed + dice.below(kill_every);
                }
                let turn = progress.0.lock().unwrap_or_else(PoisonError::into_inner);
                let waited = progress.1.wait_timeout(turn, Duration::from_millis(20));
                drop(waited.unwrap_or_else(PoisonError::into_inner));
            }
            (server, killed)
        });
        for caller in callers {
            caller.join().expect("no caller fails");
        }
        delivered.store(true, Ordering::SeqCst);
        let (server, killed) = killer.join().expect("the killer ends");
        assert!(killed >= kills, "only {killed} of {kills} kills happened");
        for (line, instances) in instances.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            assert_eq!(instances.len(), 1, "line {line} was answered {instances:?}");
        }
        check_licenses(&site, &storefront, &orders, &ups);
        println!("{on:?}: {lines} lines, {} deliveries, {killed} kills", deliveries.len());
        server.stop();
    });
}

/// One license per line, and one key per license wherever it is read.
fn check_licenses(site: &Site, storefront: &Storefront, orders: &[MockOrder], ups: &Ups) {
    for order in orders {
        while deliver(storefront, order, ups).0 != "000000" {
            std::thread::yield_now();
        }
    }
    let merchant = site.merchant();
    let licenses = merchant.licenses();
    assert_eq!(licenses.len(), orders.len());
    let by_order: BTreeMap<&str, &serde_json::Value> =
        licenses.iter().map(|license| (license["order_id"].as_str().expect("bought"), license)).collect();
    assert_eq!(by_order.len(), orders.len());
    for order in orders {
        let license = by_order[order.order_id.as_str()];
        let instance = license["instance_id"].as_str().expect("it has one");
        assert_eq!(deliver(storefront, order, ups).1, instance);
        let shown = merchant.reveal(license["id"].as_str().expect("it has one"));
        let key = shown["license_key"].as_str().expect("revealed");
        let answer = storefront.query(&[instance]).expect("answered");
        let memo =
            answer.app_info(instance).and_then(|info| info["memo"].as_str()).expect("a memo").to_owned();
        let (status, claimed) = merchant.claim(&claim_code_in(&memo));
        assert_eq!((status, claimed["license_key"].as_str()), (200, Some(key)), "{claimed}");
    }
}
