//! Tells a story once in peace, then again with a fault at every write of it, and compares how it ends.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use lictor::domain::{ActivationState, Actor, EventKind, License};
use lictor::randomness::random_bytes;
use lictor::store::Fault;

use super::engines::EngineName;
use super::records::Records;
use super::world::{World, times_more};

/// Faults in pairs: what follows the first is asked again, and meets the second.
const PAIRS: [[Fault; 2]; 2] =
    [[Fault::Lost, Fault::KeptButReportedLost], [Fault::KeptButReportedLost, Fault::Lost]];

/// How many moments of a story a fault strikes where each costs a disk or a database.
const MOMENTS: u64 = 2;

/// Proves that a story ends the same whatever write of it fails, and how: in memory every write in every way, elsewhere
/// some of them, at random.
pub async fn ends_the_same_whatever_fails(
    on: EngineName,
    before: impl AsyncFn(&World),
    story: impl AsyncFn(&World),
) {
    let calm = World::new(on).await;
    before(&calm).await;
    calm.check("what came before").await;
    let first = calm.ground.writes();
    story(&calm).await;
    calm.check("the story").await;
    let (writes, expected) = (calm.ground.writes() - first, summary(&calm.records().await));
    assert!(writes > 0, "a story changes something");
    drop(calm);
    let (mut tried, mut struck) = (0, 0);
    for (position, [fault, next]) in moments(on, writes) {
        let world = World::new(on).await;
        before(&world).await;
        world.plan_faults(&[(position, fault), (1, next)]);
        story(&world).await;
        let told = format!("write {position} of {writes} failed ({fault:?}), then the next ({next:?})");
        world.check(&told).await;
        assert_eq!(summary(&world.records().await), expected, "{told}");
        tried += 1;
        struck += world.ground.faults_struck();
    }
    // Chance decides which of several jobs is first, and with it how many writes there are: some may be missed.
    assert!(struck * 2 > tried, "{struck} faults struck in {tried} tellings");
}

/// Which write fails, and how it and the next do.
fn moments(on: EngineName, writes: u64) -> Vec<(u64, [Fault; 2])> {
    let every = || (1..=writes).flat_map(|position| PAIRS.map(|pair| (position, pair)));
    let wanted = on.times(u64::MAX, MOMENTS * times_more());
    let [first, second, ..] = random_bytes();
    let from = u64::from(first) << 8 | u64::from(second);
    let step = (2 * writes).div_ceil(wanted).max(1);
    every()
        .enumerate()
        .filter(|(number, _)| (*number as u64 + from).is_multiple_of(step))
        .map(|(_, it)| it)
        .collect()
}

/// What a final state says, without ids, texts and times that may differ from run to run.
pub fn summary(records: &Records) -> String {
    let mut lines = BTreeMap::new();
    for purchase in &records.purchases {
        let mut text = String::new();
        let state = format!("{:?}", purchase.state);
        let state = state.split_whitespace().next().unwrap_or_default().to_owned();
        let early = &purchase.early;
        _ = writeln!(text, "{} {state} {early:?} {:?}", purchase.instance, purchase.facts);
        if let Some(license) = records.licenses.iter().find(|license| license.id == purchase.license) {
            describe(&mut text, records, license);
        }
        tell_events(&mut text, records, &purchase.license);
        lines.insert(purchase.key.clone(), text);
    }
    let mut text: String = lines.into_values().collect();
    for license in records.licenses.iter().filter(|license| records.purchase_of(&license.id).is_none()) {
        describe(&mut text, records, license);
        tell_events(&mut text, records, &license.id);
    }
    let mut tasks: Vec<String> = records.jobs.iter().map(|job| format!("{:?}", job.task)).collect();
    tasks.sort();
    tasks.dedup();
    _ = writeln!(text, "left to do: {tasks:?}");
    text
}

fn describe(text: &mut String, records: &Records, license: &License) {
    let (sold, generation) = (&license.sold, license.generation);
    _ = writeln!(text, "  {:?} generation {generation}", license.validity);
    _ = writeln!(text, "  {:?} {:?}", license.holds, license.end);
    _ = writeln!(text, "  {} {:?} {:?} {:?}", sold.spec, sold.sku, sold.term, sold.machines);
    let mut orders: Vec<_> = license.orders.iter().collect();
    orders.sort_by_key(|order| (order.ordered_at, order.order_id.clone()));
    for order in orders {
        let ranked = (order.ordered_at, order.ends_at, order.in_force);
        _ = writeln!(text, "  order {} {:?} {ranked:?}", order.order_id, order.scene);
    }
    let mut machines: Vec<String> = records
        .activations_of(&license.id)
        .map(|activation| {
            let state = match &activation.state {
                ActivationState::Held(lease) => {
                    format!("holds generation {} {:?}", lease.generation, lease.validity)
                }
                ActivationState::Ended { at, cause } => format!("ended {at} by {}", cause.as_str()),
            };
            format!("  {} {state}", activation.name)
        })
        .collect();
    machines.sort();
    _ = writeln!(text, "{}", machines.join("\n"));
    let places = records.places_of(&license.id).map_or(0, |places| places.places.held.len());
    _ = writeln!(text, "  {places} places, key {:?}", license.current_key().map(|key| key.ends_at));
}

/// The keys that orders give on their way depend on which of their times is known first; so do the events that
/// tell of them.
fn tell_events(text: &mut String, records: &Records, license: &lictor::domain::LicenseId) {
    let mut counts: BTreeMap<(&str, String), usize> = BTreeMap::new();
    for event in records.events.iter().filter(|event| event.license() == Some(license)) {
        let on_its_way = event.kind == EventKind::LicenseRenewed && event.actor == Actor::Server;
        let refused = event.kind == EventKind::ActivationConflict;
        if !on_its_way && !refused {
            *counts.entry((event.kind.as_str(), event.actor.to_string())).or_default() += 1;
        }
    }
    _ = writeln!(text, "  events {counts:?}");
}
