//! Several servers on one database: whatever is repeated, parallel, killed or promoted, each order line becomes one
//! license, and what was answered stays.

mod balancer;
mod behind;
mod earlier;
#[path = "../postgres/mod.rs"]
mod postgres;
#[path = "../process/mod.rs"]
mod process;
mod quota;
mod rolling;
mod site;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use lictor::sandbox::Storefront;
use lictor::sandbox::orders::{Basket, Billing, MockOrder, OrderReason, Period};
use postgres::Cluster;
use process::{Dice, claim_code_in, prove_count, start_sandbox};
use quota::Quota;
use serde_json::json;
use site::Replicas;

const CLIENTS: usize = 64;
const DELIVERIES_MAX: usize = 20;
/// Of every so many lines one is revoked as soon as it is there.
const REVOKED_EACH: usize = 5;

/// What is sent again and again.
#[derive(Clone, Copy)]
enum Call {
    /// The callback of an order line.
    Bought(usize),
    /// A report of usage.
    Used(usize),
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
    let url = primary.url_with(&standby, &database);
    let catalog = quota::catalog(&sandbox.base_url(), lines);
    let replicas = Replicas::selling(&sandbox.base_url(), &url, 3, &catalog);
    let storefronts: Vec<_> = (0..3).map(|number| replicas.storefront(&sandbox, number)).collect();
    let quota = Quota::new(&replicas, lines);
    let orders = place(&storefronts[0], lines);
    let calls = (0..lines).map(Call::Bought).chain((0..quota.reports()).map(Call::Used));
    let mut deliveries: Vec<Call> =
        calls.flat_map(|call| vec![call; 1 + dice.below(DELIVERIES_MAX)]).collect();
    dice.shuffle(&mut deliveries);
    let (next, answered, done) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicBool::new(false));
    let instances: Mutex<BTreeMap<usize, BTreeSet<String>>> = Mutex::default();
    let keys: Mutex<BTreeMap<usize, String>> = Mutex::default();
    let revoked: Mutex<BTreeSet<String>> = Mutex::default();
    let kills = std::thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|client| {
                let (deliveries, orders, storefronts, replicas) =
                    (&deliveries, &orders, &storefronts, &replicas);
                let (next, answered, instances, revoked) = (&next, &answered, &instances, &revoked);
                let (quota, keys) = (&quota, &keys);
                scope.spawn(move || {
                    while let Some(&call) = deliveries.get(next.fetch_add(1, Ordering::SeqCst)) {
                        let line = match call {
                            Call::Bought(line) => line,
                            Call::Used(number) => {
                                quota.report(replicas, client, number);
                                answered.fetch_add(1, Ordering::SeqCst);
                                continue;
                            }
                        };
                        let (code, instance) = deliver(replicas, storefronts, client, &orders[line]);
                        if code == "000000"
                            && let Some(key) = key_of(&replicas.merchant(client % 3), &orders[line].order_id)
                        {
                            let mut keys = keys.lock().unwrap_or_else(PoisonError::into_inner);
                            let first = keys.entry(line).or_insert_with(|| key.clone());
                            assert_eq!(*first, key, "line {line}");
                        }
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
    let seen = Seen {
        instances: instances.into_inner().unwrap_or_else(PoisonError::into_inner),
        keys: keys.into_inner().unwrap_or_else(PoisonError::into_inner),
        revoked: revoked.into_inner().unwrap_or_else(PoisonError::into_inner),
    };
    check(&replicas, &storefronts, &orders, &seen);
    let reports = quota.check(&replicas);
    let events = |kind: &str| {
        let question = format!(
            "select count(*) from lictor_records where substr(key, 6, 3) = 'evt'::bytea \
             and position('\"{kind}\"'::bytea in stored) > 0"
        );
        standby.sql(&database, &question).parse::<usize>().expect("a number")
    };
    assert_eq!(events("license.issued"), lines + 2, "each once");
    assert_eq!(events("license.revoked"), seen.revoked.len(), "each once");
    println!(
        "{lines} lines and {reports} reports of usage, {} deliveries, {kills} kills, 1 primary lost, {} keys seen, {} \
         revoked: 0 lost, 0 twice",
        deliveries.len(),
        seen.keys.len(),
        seen.revoked.len()
    );
}

/// What was answered meanwhile.
struct Seen {
    /// Instance ids, by line.
    instances: BTreeMap<usize, BTreeSet<String>>,
    /// License keys, by line.
    keys: BTreeMap<usize, String>,
    /// Licenses.
    revoked: BTreeSet<String>,
}

/// The license key of an order whose license is there, if the replica can say it now.
fn key_of(merchant: &process::Merchant, order_id: &str) -> Option<String> {
    let found = merchant.try_get(&format!("/v1/merchant/licenses?order_id={order_id}")).ok()?.1;
    let id = found["items"][0]["id"].as_str()?;
    let shown = merchant.try_get(&format!("/v1/merchant/licenses/{id}?reveal=true")).ok()?.1;
    shown["license_key"].as_str().map(str::to_owned)
}

/// One license per line, the same key wherever it is read, and what was revoked stays so.
fn check(replicas: &Replicas, storefronts: &[Storefront], orders: &[MockOrder], seen: &Seen) {
    let Seen { instances, keys: seen_keys, revoked } = seen;
    for (number, order) in orders.iter().enumerate() {
        while deliver(replicas, storefronts, number, order).0 != "000000" {
            replicas.wait();
        }
    }
    let mut licenses = replicas.merchant(0).licenses();
    licenses.retain(|license| license["order_id"].is_string());
    assert_eq!(licenses.len(), orders.len());
    let by_order: BTreeMap<&str, &serde_json::Value> =
        licenses.iter().map(|license| (license["order_id"].as_str().expect("bought"), license)).collect();
    assert_eq!(by_order.len(), orders.len());
    for (number, order) in orders.iter().enumerate() {
        let license = by_order[order.order_id.as_str()];
        let (id, instance) =
            (license["id"].as_str().expect("one"), license["instance_id"].as_str().expect("one"));
        assert_eq!(deliver(replicas, storefronts, number, order).1, instance);
        assert_eq!(instances[&number], BTreeSet::from([instance.to_owned()]), "whatever was answered before");
        assert_eq!(license["state"] == "revoked", revoked.contains(id), "{license}");
        let keys: BTreeSet<String> = (0..replicas.count())
            .map(|replica| {
                replicas.merchant(replica).reveal(id)["license_key"].as_str().expect("revealed").to_owned()
            })
            .collect();
        assert_eq!(keys.len(), 1, "every replica shows the same key");
        assert!(seen_keys.get(&number).is_none_or(|seen| keys.contains(seen)), "a key that was shown stays");
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
