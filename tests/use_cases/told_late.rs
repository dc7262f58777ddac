//! Calls that say when that happened which they tell of: whenever they come, and in whatever order, the last thing that
//! happened counts.

use lictor::application::PurchaseAnswer;
use lictor::domain::{
    Charging, InstanceStatus, Instant, LicenseState, MachineLimit, OrderRef, PurchaseEvent, PurchaseOutcome,
    RefreshScene, Term,
};

use super::catalog::{PLACES, catalog_with_new_sku, of_new_sku, order, outspoken_channel, with_line};
use super::engines::{EngineName, for_engines};
use super::story::ends_the_same_whatever_fails;
use super::world::{World, at, order_ref};

for_engines! { in_runtime [memory embedded postgres] {
    a_life_told_in_any_order_and_twice_ends_the_same,
    a_life_told_backwards_ends_the_same_whatever_fails,
    a_stop_that_is_told_late_does_not_stop_what_goes_on_again,
    a_purchase_that_is_told_again_is_answered_as_it_stands_and_never_as_another,
    an_end_that_the_order_fixes_is_the_end_however_late_the_purchase_is_told,
} }

const BOUGHT_AT: &str = "2026-01-15T08:59:00Z";

/// One event and when it happened.
#[derive(Clone)]
struct Told {
    name: &'static str,
    occurred_at: Instant,
    event: PurchaseEvent,
}

fn told(name: &'static str, occurred_at: &str, event: PurchaseEvent) -> Told {
    Told { name, occurred_at: at(occurred_at), event }
}

async fn tell(world: &World, told: &Told) -> PurchaseOutcome {
    let (nonce, then) = (world.fresh(told.name), Some(told.occurred_at));
    match world.told(0, &outspoken_channel(), &nonce, then, told.event.clone()).await {
        PurchaseAnswer::Outcome(outcome) => outcome,
        PurchaseAnswer::NonceReused => panic!("{nonce} is fresh"),
    }
}

fn without_line(order_id: &str) -> OrderRef {
    OrderRef { order_line_id: None, ..order_ref(order_id) }
}

fn bought() -> PurchaseEvent {
    let details = with_line(order("A1", BOUGHT_AT), |line| line.order_line_id = String::new());
    PurchaseEvent::Bought { order: without_line("A1"), business_id: "A1".into(), details: Some(details) }
}

fn status(status: InstanceStatus) -> PurchaseEvent {
    PurchaseEvent::StatusChanged { instance_id: "A1".into(), status }
}

fn refreshed(order_id: &str, scene: RefreshScene, ends_at: &str, term: Option<Term>) -> PurchaseEvent {
    PurchaseEvent::Refreshed {
        instance_id: "A1".into(),
        order: without_line(order_id),
        scene,
        ends_at: Some(at(ends_at)),
        product_id: None,
        term,
        resumes: false,
    }
}

fn changed(order_id: &str, quantity: u32) -> PurchaseEvent {
    let details = with_line(order(order_id, BOUGHT_AT), |line| {
        (line.sku, line.quantity, line.charging) = (None, Some(quantity), Charging::OneTime);
        line.order_line_id = String::new();
    });
    let (instance_id, order) = ("A1".to_owned(), without_line(order_id));
    PurchaseEvent::Changed { instance_id, order, details: Some(details) }
}

/// A life in the order in which it happened. It ends running on 5 times the places, with end and term as they were before the
/// renewal that was cancelled.
fn life() -> Vec<Told> {
    let (freeze, unfreeze) = (status(InstanceStatus::Freeze), status(InstanceStatus::Unfreeze));
    let year = refreshed("R2", RefreshScene::Renewal, "2028-02-15T09:00:00Z", Some(Term::Years(1)));
    let month = refreshed("R1", RefreshScene::Renewal, "2026-03-15T09:00:00Z", None);
    let back = refreshed("R2", RefreshScene::CancelRenewal, "2026-03-15T09:00:00Z", None);
    vec![
        told("stop", "2026-01-20T00:00:00Z", freeze),
        told("go on", "2026-01-21T00:00:00Z", unfreeze),
        told("renew", "2026-01-22T00:00:00Z", month),
        told("more", "2026-01-23T00:00:00Z", changed("C1", 2)),
        told("renew by a year", "2026-01-24T00:00:00Z", year),
        told("still more", "2026-01-25T00:00:00Z", changed("C2", 5)),
        told("take the year back", "2026-01-26T00:00:00Z", back),
    ]
}

async fn ends_as_it_should(world: &World, told: &str) {
    world.check(told).await;
    let license = world.records().await.licenses.remove(0);
    assert_eq!(license.state(world.now()), LicenseState::Active, "{told}");
    assert_eq!(license.validity.ends_at, Some(at("2026-03-15T09:00:00Z")), "{told}");
    assert_eq!(license.sold.machines, MachineLimit::AtMost(5 * PLACES), "{told}");
    assert_eq!(license.sold.term, Term::Months(1), "{told}");
}

async fn a_life_told_in_any_order_and_twice_ends_the_same(on: EngineName) {
    let mut dice = 0x9e37_79b9_u64;
    for round in 0..on.times(40, 4) * super::world::times_more() {
        let world = World::new(on).await;
        tell(&world, &told("buy", BOUGHT_AT, bought())).await;
        world.on("2026-02-01T00:00:00Z");
        let mut events = life();
        events.extend(life());
        if round > 1 {
            for last in (1..events.len()).rev() {
                dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                events.swap(last, usize::try_from(dice >> 33).expect("31 bits") % (last + 1));
            }
        } else if round == 1 {
            events.reverse();
        }
        for event in &events {
            assert_eq!(tell(&world, event).await, PurchaseOutcome::Done, "{}", event.name);
        }
        let names: Vec<&str> = events.iter().map(|event| event.name).collect();
        ends_as_it_should(&world, &format!("round {round}: {names:?}")).await;
    }
}

async fn a_life_told_backwards_ends_the_same_whatever_fails(on: EngineName) {
    ends_the_same_whatever_fails(
        on,
        async |world: &World| drop(tell(world, &told("buy", BOUGHT_AT, bought())).await),
        async |world: &World| {
            world.on("2026-02-01T00:00:00Z");
            for event in life().iter().rev() {
                assert_eq!(tell(world, event).await, PurchaseOutcome::Done, "{}", event.name);
            }
            ends_as_it_should(world, "backwards").await;
        },
    )
    .await;
}

async fn a_stop_that_is_told_late_does_not_stop_what_goes_on_again(on: EngineName) {
    let world = World::new(on).await;
    tell(&world, &told("buy", BOUGHT_AT, bought())).await;
    world.on("2026-02-01T00:00:00Z");
    let state = async || world.records().await.licenses[0].state(world.now());
    let stop = told("stop", "2026-01-20T00:00:00Z", status(InstanceStatus::Freeze));
    let go_on = told("go on", "2026-01-21T00:00:00Z", status(InstanceStatus::Unfreeze));
    tell(&world, &go_on).await;
    tell(&world, &stop).await;
    assert_eq!(state().await, LicenseState::Active);
    tell(&world, &Told { occurred_at: at("2026-01-22T00:00:00Z"), ..stop }).await;
    assert_eq!(state().await, LicenseState::Suspended);
    tell(&world, &go_on).await;
    assert_eq!(state().await, LicenseState::Suspended);
    world.check("the end").await;
}

async fn a_purchase_that_is_told_again_is_answered_as_it_stands_and_never_as_another(on: EngineName) {
    let world = World::new(on).await;
    let details = with_line(of_new_sku("A1"), |line| line.order_line_id = String::new());
    let buy = |details| PurchaseEvent::Bought {
        order: without_line("A1"),
        business_id: "A1".into(),
        details: Some(details),
    };
    let then = Some(at(BOUGHT_AT));
    let again = async |event| world.told(0, &outspoken_channel(), "msg-1", then, event).await;
    let held = PurchaseOutcome::Accepted { instance_id: "A1".into(), ready: false };
    assert_eq!(again(buy(details.clone())).await, PurchaseAnswer::Outcome(held));
    world.apply(catalog_with_new_sku()).await;
    world.settle().await;
    let key = async || world.records().await.licenses[0].license_key.clone();
    let delivered = |answer| match answer {
        PurchaseAnswer::Outcome(PurchaseOutcome::Delivered { info, license_key }) => {
            let shown = info.license.expect("there is one");
            assert_eq!(shown.license_key, license_key);
            license_key.expect("a license that runs has its key")
        }
        other => panic!("{other:?}"),
    };
    let first = delivered(again(buy(details.clone())).await);
    assert_eq!(first, key().await);
    let renewal = refreshed("R1", RefreshScene::Renewal, "2026-03-15T09:00:00Z", None);
    world.on("2026-01-15T09:01:00Z");
    tell(&world, &told("renew", "2026-01-15T09:00:30Z", renewal)).await;
    let second = delivered(again(buy(details.clone())).await);
    assert_eq!(second, key().await);
    assert_ne!(first, second);
    let other = with_line(details, |line| line.quantity = Some(9));
    assert_eq!(again(buy(other)).await, PurchaseAnswer::NonceReused);
    world.check("the end").await;
}

async fn an_end_that_the_order_fixes_is_the_end_however_late_the_purchase_is_told(on: EngineName) {
    for (now, fixed) in
        [("2026-01-15T09:00:00Z", "2026-05-01T00:00:00Z"), ("2026-02-15T09:00:00Z", "2027-05-01T00:00:00Z")]
    {
        let world = World::new(on).await;
        world.on(now);
        let details = with_line(order("A1", BOUGHT_AT), |line| {
            line.order_line_id = String::new();
            line.ends_at = Some(at(fixed));
        });
        let order = without_line("A1");
        let bought = PurchaseEvent::Bought { order, business_id: "A1".into(), details: Some(details) };
        tell(&world, &told("buy", BOUGHT_AT, bought)).await;
        let license = world.records().await.licenses.remove(0);
        assert_eq!(license.validity.ends_at, Some(at(fixed)));
        world.check("the purchase").await;
    }
}
