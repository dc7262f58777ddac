//! However often a call comes: one license, one instance id, one answer.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use lictor::application::ports::Listing;
use lictor::application::record::{Job, RecordKey};
use lictor::application::{LicenseFilter, LicenseOrPurchase, PurchaseCall};
use lictor::domain::{
    InstanceStatus, License, LicenseState, PurchaseEvent, PurchaseOutcome, RefreshScene, Refusal, StatusFlip,
};
use lictor::randomness::random_bytes;
use lictor::store::Fault;
use lictor::workers::Workers;

use super::between::{Dice, chance};
use super::catalog::{acme, channel, order};
use super::chapters::ORDER;
use super::engines::{EngineName, for_engines};
use super::story::{ends_the_same_whatever_fails, summary};
use super::world::{World, aside, bought, refreshed, times_more};

for_engines! { in_runtime [memory embedded postgres] {
    however_often_each_call_comes_it_counts_once_whatever_fails,
    a_replayed_freeze_does_not_undo_the_thaw_that_followed,
    two_orders_with_one_business_id_get_instances_of_their_own,
    an_instance_that_nobody_bought_is_unknown,
    many_orders_delivered_often_and_at_once_by_two_replicas_that_fail_give_one_license_each,
    the_workers_mint_and_publish_by_themselves,
} }

/// Longest wait for the workers, on a machine that is busy with everything else.
const WORKERS_MAX: Duration = Duration::from_secs(60);

/// The same call: once, the identical request again, and twice as the marketplace repeats it, with a new nonce.
async fn often(world: &World, name: &str, event: PurchaseEvent) -> PurchaseOutcome {
    let first = world.call_on(0, &channel(), name, event.clone()).await;
    world.check(name).await;
    let replayed = world.call_on(0, &channel(), name, event.clone()).await;
    assert_eq!(replayed, first, "{name}");
    for _ in 0..2 {
        let repeated = world.call(event.clone()).await;
        assert_eq!(repeated, first, "{name}");
        world.check(name).await;
    }
    first
}

async fn however_often_each_call_comes_it_counts_once_whatever_fails(on: EngineName) {
    ends_the_same_whatever_fails(
        on,
        async |_| {},
        async |world: &World| {
            world.orders.knows(order(ORDER, "2026-01-15T08:59:00Z"));
            let received = PurchaseOutcome::Accepted { instance_id: "i-CS1".into(), ready: false };
            assert_eq!(often(world, "buy", bought(ORDER, "i-CS1")).await, received);
            let again = world.call(bought(ORDER, "another-business-id")).await;
            assert_eq!(again, received, "the first business id stays the instance id");
            let asked = PurchaseEvent::Queried { instance_ids: vec!["i-CS1".into()] };
            assert_eq!(world.call(asked.clone()).await, PurchaseOutcome::Processing);
            world.settle().await;
            world.check("the mint").await;
            let ready = PurchaseOutcome::Accepted { instance_id: "i-CS1".into(), ready: true };
            assert_eq!(world.call(bought(ORDER, "a-third-business-id")).await, ready);
            let shown = world.call(asked.clone()).await;
            assert!(matches!(shown, PurchaseOutcome::Instances(_)));

            world.on("2026-01-16T10:00:00Z");
            let status = |status| PurchaseEvent::StatusChanged { instance_id: "i-CS1".into(), status };
            assert_eq!(often(world, "freeze", status(InstanceStatus::Freeze)).await, PurchaseOutcome::Done);
            world.on("2026-01-16T11:00:00Z");
            assert_eq!(often(world, "thaw", status(InstanceStatus::Unfreeze)).await, PurchaseOutcome::Done);

            world.on("2026-02-01T10:00:00Z");
            let (renewal, cancel) = (RefreshScene::Renewal, RefreshScene::CancelRenewal);
            world.orders.knows(order("CS2", "2026-02-01T09:59:00Z"));
            let ends_at = Some(super::world::at("2026-03-15T16:00:00Z"));
            assert_eq!(
                often(world, "renew", refreshed(ORDER, "CS2", renewal, ends_at)).await,
                PurchaseOutcome::Done
            );
            world.settle().await;
            world.on("2026-02-02T10:00:00Z");
            world.orders.knows(order("CS3", "2026-02-02T09:59:00Z"));
            let ends_at = Some(super::world::at("2026-02-15T16:00:00Z"));
            assert_eq!(
                often(world, "cancel", refreshed(ORDER, "CS3", cancel, ends_at)).await,
                PurchaseOutcome::Done
            );
            world.settle().await;
            assert_eq!(world.call(asked).await, shown, "the buyer is shown the same all the time");

            world.on("2026-02-03T10:00:00Z");
            let released = PurchaseEvent::Released { instance_id: "i-CS1".into(), order: None };
            assert_eq!(often(world, "release", released).await, PurchaseOutcome::Done);
            world.publish().await;
            let license = world.records().await.licenses.remove(0);
            assert_eq!(license.state(world.now()), LicenseState::Released);
        },
    )
    .await;
}

async fn a_replayed_freeze_does_not_undo_the_thaw_that_followed(on: EngineName) {
    let world = World::new(on).await;
    let license = super::chapters::minted(&world).await;
    let freeze =
        PurchaseEvent::StatusChanged { instance_id: format!("i-{ORDER}"), status: InstanceStatus::Freeze };
    world.call_on(0, &channel(), "freeze", freeze.clone()).await;
    world.set_status(ORDER, InstanceStatus::Unfreeze).await;
    world.restart().await;
    assert_eq!(world.call_on(0, &channel(), "freeze", freeze).await, PurchaseOutcome::Done);
    world.check("the replay").await;
    assert_eq!(world.license(&license).await.state(world.now()), LicenseState::Active);
}

async fn two_orders_with_one_business_id_get_instances_of_their_own(on: EngineName) {
    let world = World::new(on).await;
    let (mut licenses, mut instances) = (BTreeSet::new(), BTreeSet::new());
    for order_id in ["CS1", "CS2"] {
        world.orders.knows(order(order_id, "2026-01-15T08:59:00Z"));
        match world.call(bought(order_id, "i-shared")).await {
            PurchaseOutcome::Accepted { instance_id, .. } => instances.insert(instance_id),
            other => panic!("{other:?}"),
        };
        licenses.insert(world.license_of(order_id).await);
    }
    world.settle().await;
    world.check("both mints").await;
    assert_eq!((licenses.len(), instances.len()), (2, 2));
    assert!(instances.contains("i-shared"));
}

async fn an_instance_that_nobody_bought_is_unknown(on: EngineName) {
    let world = World::new(on).await;
    let before = summary(&world.records().await);
    let unknown = world.set_status("NOBODY", InstanceStatus::Freeze).await;
    assert_eq!(unknown, PurchaseOutcome::InstanceUnknown);
    assert_eq!(world.release("NOBODY").await, PurchaseOutcome::InstanceUnknown);
    let renewed = world.refresh("NOBODY", "CS2", RefreshScene::Renewal, "2026-03-15T16:00:00Z").await;
    assert_eq!(renewed, PurchaseOutcome::InstanceUnknown);
    assert_eq!(summary(&world.records().await), before);
}

/// Faults of both kinds, each up to `gap_max` writes after the one before.
pub fn random_faults(dice: &Dice, count: u64, gap_max: u64) -> Vec<(u64, Fault)> {
    let kind = |side| if side == 0 { Fault::Lost } else { Fault::KeptButReportedLost };
    // The first strikes for certain: a round may have fewer writes than the widest gap.
    let gap = |number| if number == 0 { 1 } else { dice.throw(gap_max) + 1 };
    (0..count).map(|number| (gap(number), kind(dice.throw(2)))).collect()
}

/// Orders of one round.
const ORDERS: u64 = 40;
/// Deliveries of one order, at most.
const DELIVERIES_MAX: u64 = 20;
/// Calls at the same time.
const IN_PARALLEL: usize = 32;
/// Faults of one round.
const FAULTS: u64 = 25;

async fn many_orders_delivered_often_and_at_once_by_two_replicas_that_fail_give_one_license_each(
    on: EngineName,
) {
    let [first, second, third, fourth, ..] = random_bytes();
    let seed = u64::from(u32::from_be_bytes([first, second, third, fourth]));
    println!("seed {seed}");
    for round in 0..times_more() {
        one_round(on, seed + round).await;
    }
}

async fn one_round(on: EngineName, seed: u64) {
    let dice = Dice::new(seed);
    let world = Arc::new(World::with(on, 2, chance(seed)).await);
    for number in 0..ORDERS {
        world.orders.knows(order(&format!("CS{number}"), "2026-01-15T08:59:00Z"));
    }
    world.plan_faults(&random_faults(&dice, FAULTS, 20));
    let stop = Arc::new(AtomicBool::new(false));
    let worker = aside({
        let (world, stop) = (Arc::clone(&world), Arc::clone(&stop));
        move || async move {
            while !stop.load(Ordering::SeqCst) {
                world.run_due_jobs_on(1).await;
                world.publish().await;
            }
        }
    });
    let answers = deliver_all(&world, &dice).await;
    stop.store(true, Ordering::SeqCst);
    worker.await.expect("it ends");
    for (order_id, instances) in &answers {
        assert_eq!(instances.len(), 1, "seed {seed}: {order_id} was answered {instances:?}");
    }
    world.settle().await;
    world.publish().await;
    world.check(&format!("all deliveries of seed {seed}")).await;
    assert!(world.ground.faults_struck() > 0, "seed {seed}: no fault struck");
    let records = world.records().await;
    assert_eq!(u64::try_from(records.licenses.len()), Ok(ORDERS), "seed {seed}");
    for (order_id, instances) in answers {
        let instance = instances.into_iter().next().expect("one");
        shows_one_license(&world, &order_id, &instance).await;
    }
}

type Answers = BTreeMap<String, BTreeSet<String>>;

/// One call of a replica.
struct Delivery {
    replica: usize,
    order_id: String,
    nonce: String,
    business_id: String,
}

fn deliveries(dice: &Dice) -> Vec<Delivery> {
    let mut deliveries = Vec::new();
    for order_id in (0..ORDERS).map(|number| format!("CS{number}")) {
        for delivery in 0..=dice.throw(DELIVERIES_MAX) {
            // A replay is the same request to the last byte; a repeat has its own nonce and business id.
            let name = if dice.throw(3) == 0 { 0 } else { delivery };
            deliveries.push(Delivery {
                replica: usize::try_from(dice.throw(2)).expect("0 or 1"),
                order_id: order_id.clone(),
                nonce: format!("{order_id}-{name}"),
                business_id: format!("b-{order_id}-{name}"),
            });
        }
    }
    deliveries
}

async fn deliver_all(world: &Arc<World>, dice: &Dice) -> Answers {
    let mut shares: [Vec<Delivery>; IN_PARALLEL] = Default::default();
    for (number, delivery) in deliveries(dice).into_iter().enumerate() {
        shares[number % IN_PARALLEL].push(delivery);
    }
    let deliver = |share: Vec<Delivery>| {
        let world = Arc::clone(world);
        aside(move || async move {
            let mut answers = Vec::new();
            for Delivery { replica, order_id, nonce, business_id } in share {
                let event = bought(&order_id, &business_id);
                match world.call_on(replica, &channel(), &nonce, event).await {
                    PurchaseOutcome::Accepted { instance_id, .. } => answers.push((order_id, instance_id)),
                    other => panic!("{order_id}: {other:?}"),
                }
            }
            answers
        })
    };
    let mut answers = Answers::new();
    for delivering in shares.map(deliver) {
        for (order_id, instance) in delivering.await.expect("it ends") {
            answers.entry(order_id).or_default().insert(instance);
        }
    }
    answers
}

/// The marketplace, the merchant and the buyer see one license, on every replica.
async fn shows_one_license(world: &World, order_id: &str, instance: &str) {
    let mut shown = BTreeSet::new();
    for replica in [0, 1] {
        let filter = LicenseFilter { order_id: Some(order_id.to_owned()), ..LicenseFilter::default() };
        let page = world.ask(replica, async |app| app.view_licenses(&acme(), &filter, None, 10).await);
        let (page, _) = page.await.expect("a list is not refused");
        let [LicenseOrPurchase::License(license)] = &page[..] else { panic!("{order_id}: {page:?}") };
        let ids = vec![instance.to_owned()];
        let answer = world.ask(replica, async |app| {
            let call = PurchaseCall {
                merchant: &acme(),
                channel: &channel(),
                replay: None,
                occurred_at: None,
                now: app.now(),
            };
            app.handle_purchase_event(&call, PurchaseEvent::Queried { instance_ids: ids.clone() }).await
        });
        let answer: Result<_, Refusal> = answer.await;
        let memo = format!("{:?}", answer.expect("a marketplace is answered"));
        let code = world.redeem(&license.value.id, 0).await.expect("the claim code opens it");
        shown.insert((license.value.license_key.clone(), code.license_key, memo));
    }
    assert_eq!(shown.len(), 1, "{order_id}: {shown:?}");
    let (key, redeemed, _) = shown.into_iter().next().expect("one");
    assert_eq!(key, redeemed, "{order_id}");
}

async fn the_workers_mint_and_publish_by_themselves(on: EngineName) {
    let world = World::new(on).await;
    let workers = Workers::start(&world.app());
    let license = world.buy(order(ORDER, "2026-01-15T08:59:00Z")).await;
    world.set_status(ORDER, InstanceStatus::Freeze).await;
    let published = async {
        loop {
            let key = RecordKey::License(acme(), license.clone());
            let minted = world.find::<License>(key).await.is_some();
            let (flips, jobs) = (Listing::StatusFlips(acme()), Listing::Jobs);
            let (flips, jobs) = (world.listed::<StatusFlip>(&flips).await, world.listed::<Job>(&jobs).await);
            if minted && flips.is_empty() && jobs.is_empty() {
                break;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(WORKERS_MAX, published).await.expect("the workers work");
    workers.stop().await;
    world.check("the workers").await;
    assert_eq!(world.license(&license).await.state(world.now()), LicenseState::Suspended);
}
