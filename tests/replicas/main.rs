//! Several servers on one database: whatever is repeated, parallel, killed or promoted, each order line becomes one
//! license, and what was answered stays.

mod balancer;
mod behind;
mod earlier;
#[path = "../postgres/mod.rs"]
mod postgres;
#[path = "../process/mod.rs"]
mod process;
mod rolling;
mod site;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use lictor::sandbox::Storefront;
use lictor::sandbox::orders::{Basket, Billing, MockOrder, OrderReason, Period};
use postgres::Cluster;
use process::{Dice, claim_code_in, prove_count, start_sandbox};
use serde_json::json;
use site::Replicas;

const CLIENTS: usize = 64;
const DELIVERIES_MAX: usize = 20;
/// Of every so many lines one is revoked as soon as it is there.
const REVOKED_EACH: usize = 5;

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

/// Delivers to one replica after another until one answers, as a balancer in front of them would.
fn deliver(
    replicas: &Replicas,
    storefronts: &[Storefront],
    first: usize,
    order: &MockOrder,
) -> (String, String) {
    for storefront in storefronts.iter().cycle().skip(first) {
        if let Ok(answer) = storefront.deliver(order)
            && answer.status == 200
            && matches!(answer.result_code(), "000000" | "000004")
        {
            return (answer.result_code().to_owned(), answer.instance_id().to_owned());
        }
        replicas.wait();
    }
    unreachable!("a cycle has no end")
}

/// Revokes through one replica after another until one says that it is done.
fn revoke(replicas: &Replicas, first: usize, order_id: &str) -> String {
    for number in (0..replicas.count()).cycle().skip(first) {
        let merchant = replicas.merchant(number);
        if number == 0 {
            replicas.wait();
        }
        let Ok((200, found)) = merchant.try_get(&format!("/v1/merchant/licenses?order_id={order_id}")) else {
            continue;
        };
        let Some(license) = found["items"][0]["id"].as_str().map(str::to_owned) else { continue };
        if found["items"][0]["state"] == "pending" {
            continue;
        }
        let path = format!("/v1/merchant/licenses/{license}/revoke");
        if let Ok((200, _)) = merchant.try_post(&path, &json!({ "reason": "tests" })) {
            return license;
        }
    }
    unreachable!("a cycle has no end")
}

#[test]
fn three_replicas_that_are_killed_over_a_primary_that_is_lost_make_one_license_of_each_order_line() {
    let lines = prove_count(40);
    let kills_wanted = (lines / 12).clamp(3, 9);
    let mut dice = Dice::fresh();
    let primary = Cluster::start(&[]);
    let database = primary.database().name;
    let standby = primary.standby();
    let sandbox = start_sandbox();
    let replicas = Replicas::new(&sandbox.base_url(), &primary.url_with(&standby, &database), 3);
    let storefronts: Vec<_> = (0..3).map(|number| replicas.storefront(&sandbox, number)).collect();
    let orders = place(&storefronts[0], lines);
    let mut deliveries: Vec<usize> =
        (0..lines).flat_map(|line| vec![line; 1 + dice.below(DELIVERIES_MAX)]).collect();
    dice.shuffle(&mut deliveries);
    let (next, answered, done) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicBool::new(false));
    let instances: Mutex<BTreeMap<usize, BTreeSet<String>>> = Mutex::default();
    let revoked: Mutex<BTreeSet<String>> = Mutex::default();
    let kills = std::thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|client| {
                let (deliveries, orders, storefronts, replicas) =
                    (&deliveries, &orders, &storefronts, &replicas);
                let (next, answered, instances, revoked) = (&next, &answered, &instances, &revoked);
                scope.spawn(move || {
                    while let Some(&line) = deliveries.get(next.fetch_add(1, Ordering::SeqCst)) {
                        let (_, instance) = deliver(replicas, storefronts, client, &orders[line]);
                        let is_first = {
                            let mut instances = instances.lock().unwrap_or_else(PoisonError::into_inner);
                            let known = instances.entry(line).or_default();
                            known.insert(instance) && known.len() == 1
                        };
                        if is_first && line % REVOKED_EACH == 0 {
                            let license = revoke(replicas, client, &orders[line].order_id);
                            revoked.lock().unwrap_or_else(PoisonError::into_inner).insert(license);
                        }
                        answered.fetch_add(1, Ordering::SeqCst);
                    }
                })
            })
            .collect();
        let troublemaker = scope.spawn(|| {
            let (mut kills, mut is_promoted) = (0, false);
            while !done.load(Ordering::SeqCst) {
                let share = answered.load(Ordering::SeqCst) * (kills_wanted + 1) / deliveries.len();
                if !is_promoted && share > kills_wanted / 2 {
                    primary.kill();
                    standby.promote();
                    is_promoted = true;
                } else if share > kills && kills < kills_wanted {
                    replicas.kill_and_start(dice.below(3));
                    kills += 1;
                }
                replicas.wait();
            }
            assert!(is_promoted, "the primary was never lost");
            kills
        });
        for client in clients {
            client.join().expect("no client fails");
        }
        done.store(true, Ordering::SeqCst);
        troublemaker.join().expect("it ends")
    });
    for (line, instances) in instances.lock().unwrap_or_else(PoisonError::into_inner).iter() {
        assert_eq!(instances.len(), 1, "line {line} was answered {instances:?}");
    }
    let revoked = revoked.into_inner().unwrap_or_else(PoisonError::into_inner);
    check(&replicas, &storefronts, &orders, &revoked);
    println!(
        "{lines} lines, {} deliveries, {kills} kills, 1 primary lost, {} revoked: 0 lost, 0 twice",
        deliveries.len(),
        revoked.len()
    );
}

/// One license per line, the same key wherever it is read, and what was revoked stays so.
fn check(replicas: &Replicas, storefronts: &[Storefront], orders: &[MockOrder], revoked: &BTreeSet<String>) {
    for (number, order) in orders.iter().enumerate() {
        while deliver(replicas, storefronts, number, order).0 != "000000" {
            replicas.wait();
        }
    }
    let licenses = replicas.merchant(0).licenses();
    assert_eq!(licenses.len(), orders.len());
    let by_order: BTreeMap<&str, &serde_json::Value> =
        licenses.iter().map(|license| (license["order_id"].as_str().expect("bought"), license)).collect();
    assert_eq!(by_order.len(), orders.len());
    for (number, order) in orders.iter().enumerate() {
        let license = by_order[order.order_id.as_str()];
        let (id, instance) =
            (license["id"].as_str().expect("one"), license["instance_id"].as_str().expect("one"));
        assert_eq!(deliver(replicas, storefronts, number, order).1, instance);
        assert_eq!(license["state"] == "revoked", revoked.contains(id), "{license}");
        let keys: BTreeSet<String> = (0..replicas.count())
            .map(|replica| {
                replicas.merchant(replica).reveal(id)["license_key"].as_str().expect("revealed").to_owned()
            })
            .collect();
        assert_eq!(keys.len(), 1, "every replica shows the same key");
        if !revoked.contains(id) {
            let answer = storefronts[number % storefronts.len()].query(&[instance]).expect("answered");
            let memo =
                answer.app_info(instance).and_then(|info| info["memo"].as_str()).expect("a memo").to_owned();
            let (status, claimed) = replicas.merchant(number % 3).claim(&claim_code_in(&memo));
            assert_eq!(
                (status, claimed["license_key"].as_str()),
                (200, keys.first().map(String::as_str)),
                "{claimed}"
            );
        }
    }
}
