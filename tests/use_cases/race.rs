//! Machines race for places; requests meet each other at the worst moment, on one replica and on two.

use std::sync::Arc;

use chrono::TimeDelta;
use lictor::application::ports::{ABSENT, Commit};
use lictor::application::record::{LicensePlaces, RecordKey, Versioned};
use lictor::application::{Activated, ApplyMode, Credential, LicenseAction, LicenseFilter, OrderFilter};
use lictor::domain::{
    Activation, ActivationId, EndCause, InstanceStatus, LicenseId, LicenseState, MachineLimit, PLACES_MAX,
    Places, RefreshScene, Refusal, Status, StatusList, StatusSlot, Term, TokenId,
};
use lictor::randomness::random_bytes;

use super::between::{self, Dice, Gate, Moment, chance};
use super::catalog::{PLACES, acme, catalog_with_new_sku, of_new_sku, order};
use super::chapters::{ORDER, minted};
use super::engines::{EngineName, for_engines};
use super::exactly_once::random_faults;
use super::story::ends_the_same_whatever_fails;
use super::world::{World, aside, numbered_machine, times_more};

for_engines! { in_runtime [memory embedded postgres] {
    three_of_64_machines_get_the_three_places,
    three_of_64_machines_get_the_three_places_of_two_replicas,
    three_of_64_machines_get_the_three_places_of_two_replicas_that_fail,
    two_calls_of_one_machine_take_one_place,
    of_two_copies_that_renew_at_once_one_is_refused,
    a_place_whose_lease_has_ended_is_taken_and_its_holder_comes_too_late_whatever_fails,
    a_place_given_back_is_free_at_once_whatever_fails,
    a_lease_that_is_renewed_just_before_it_is_displaced_stays,
    no_certificate_is_given_after_a_revocation,
    a_machine_that_activates_with_a_leaked_key_while_it_is_reissued_loses_its_place,
    a_renewal_that_meets_a_reissue_is_refused,
    a_license_that_is_looked_for_while_it_is_minted_is_found,
    licenses_that_are_listed_while_one_is_minted_hold_it_once,
    a_freeze_that_meets_the_mint_is_not_lost,
    a_renewal_that_meets_the_mint_is_not_lost,
    a_sku_that_is_mapped_while_its_purchase_is_being_held_mints_it,
    a_flip_that_meets_a_publication_is_published_by_the_next,
    a_license_on_as_many_machines_as_there_can_be_is_reissued_at_once,
} }

/// Machines that want a place.
const MACHINES: u16 = 64;

async fn issued(world: &World) -> (LicenseId, TokenId) {
    let name = world.fresh("license");
    let license = world.issue("pro", Term::Years(1), &name).await.expect("issued").value;
    let key = license.current_key().expect("it has one").token_id.clone();
    (license.id, key)
}

fn seed() -> u64 {
    let [first, second, third, fourth, ..] = random_bytes();
    u64::from(u32::from_be_bytes([first, second, third, fourth]))
}

/// Every machine asks once, at the same time; says what each was told.
async fn rush(world: &Arc<World>, license: &LicenseId, key: &TokenId, replicas: usize) -> Vec<Told> {
    let mut asking = Vec::new();
    for machine in 0..MACHINES {
        let (world, license, key) = (Arc::clone(world), license.clone(), key.clone());
        asking.push(aside(move || async move {
            let (replica, nonce) = (usize::from(machine) % replicas, format!("rush-{machine}"));
            let told = world.activate_with(replica, &license, Some(key), machine, &nonce).await;
            (machine, told)
        }));
    }
    let mut told = Vec::new();
    for asked in asking {
        told.push(asked.await.expect("it ends"));
    }
    told
}

type Told = (u16, Result<Activated, Refusal>);

fn winners(told: &[Told]) -> Vec<(u16, ActivationId)> {
    let full = Err(Refusal::MachineLimitReached { limit: PLACES });
    let place = |(machine, told): &Told| match told {
        Ok(activated) => Some((*machine, activated.activation.clone())),
        Err(_) => {
            assert_eq!(*told, full, "machine {machine}");
            None
        }
    };
    told.iter().filter_map(place).collect()
}

async fn race(world: World, replicas: usize, rounds: u64, faults: Option<&Dice>) {
    let world = Arc::new(world);
    for round in 0..rounds {
        if let Some(dice) = faults {
            world.plan_faults(&random_faults(dice, 8, 12));
        }
        let (license, key) = issued(&world).await;
        let told = rush(&world, &license, &key, replicas).await;
        world.check("the rush").await;
        let won = winners(&told);
        assert!(won.len() <= 3, "round {round}: {won:?}");
        let again = rush(&world, &license, &key, replicas).await;
        world.check("the retries").await;
        assert_eq!(winners(&again).len(), 3, "round {round}: {again:?}");
        assert!(won.iter().all(|place| winners(&again).contains(place)), "who has a place keeps it");
    }
    assert_eq!(faults.is_some(), world.ground.faults_struck() > 0, "faults strike where they are planned");
}

async fn three_of_64_machines_get_the_three_places(on: EngineName) {
    race(World::new(on).await, 1, 4 * times_more(), None).await;
}

async fn three_of_64_machines_get_the_three_places_of_two_replicas(on: EngineName) {
    let seed = seed();
    println!("seed {seed}");
    race(World::with(on, 2, chance(seed)).await, 2, 3 * times_more(), None).await;
}

async fn three_of_64_machines_get_the_three_places_of_two_replicas_that_fail(on: EngineName) {
    let seed = seed();
    println!("seed {seed}");
    let dice = Dice::new(seed);
    race(World::with(on, 2, chance(seed)).await, 2, 3 * times_more(), Some(&dice)).await;
}

async fn two_calls_of_one_machine_take_one_place(on: EngineName) {
    let seed = seed();
    println!("seed {seed}");
    let world = World::with(on, 2, chance(seed)).await;
    for round in 0..5 * times_more() {
        let (license, _) = issued(&world).await;
        let (one, other) = match round % 2 {
            0 => ("same", "same"),
            _ => ("one", "other"),
        };
        let (one, other) =
            tokio::join!(world.activate_on(0, &license, 7, one), world.activate_on(1, &license, 7, other));
        let (one, other) = (one.expect("places are free"), other.expect("places are free"));
        assert_eq!(one.activation, other.activation);
        assert!(round % 2 == 1 || one.certificate == other.certificate, "one request has one answer");
        world.check("both calls").await;
        assert_eq!(world.records().await.places_of(&license).expect("taken").places.held.len(), 1);
    }
}

async fn of_two_copies_that_renew_at_once_one_is_refused(on: EngineName) {
    let seed = seed();
    println!("seed {seed}");
    let world = World::with(on, 2, chance(seed)).await;
    for _ in 0..5 * times_more() {
        let (license, _) = issued(&world).await;
        let id = world.activate(&license, 1).await.expect("a place is free").activation;
        let shown = || Credential::Certificate { generation: 1, enrolled: None };
        let (one, other) = tokio::join!(
            world.renew_on(0, &license, &id, shown(), None, "one"),
            world.renew_on(1, &license, &id, shown(), None, "other")
        );
        let refused = [one, other].into_iter().filter_map(Result::err).collect::<Vec<_>>();
        assert_eq!(refused, [Refusal::CloneSuspected]);
        world.check("both renewals").await;
    }
}

/// Three machines whose leases have ended, on a license that goes on.
async fn lapsed(world: &World) -> (LicenseId, Vec<ActivationId>) {
    let (license, _) = issued(world).await;
    let mut held = Vec::new();
    for machine in 1..=3 {
        held.push(world.activate(&license, machine).await.expect("a place is free").activation);
        world.clock.advance(TimeDelta::minutes(1));
    }
    assert!(world.activate(&license, 4).await.is_err(), "all places are taken");
    world.clock.advance(TimeDelta::days(31));
    (license, held)
}

async fn a_place_whose_lease_has_ended_is_taken_and_its_holder_comes_too_late_whatever_fails(on: EngineName) {
    ends_the_same_whatever_fails(
        on,
        async |_| {},
        async |world: &World| {
            let (license, held) = lapsed(world).await;
            world.activate(&license, 4).await.expect("the first lease has ended");
            world.check("the displacement").await;
            let late = world.renew(&license, &held[0], 1).await;
            assert_eq!(late, Err(Refusal::ActivationEnded));
            world.renew(&license, &held[1], 1).await.expect("nobody has taken its place");
            world.activate(&license, 5).await.expect("the third lease has ended");
            assert_eq!(world.activate(&license, 6).await.map(|_| ()), full(3));
            world.check("the last place").await;
            world.publish().await;
        },
    )
    .await;
}

fn full(limit: u32) -> Result<(), Refusal> {
    Err(Refusal::MachineLimitReached { limit })
}

async fn a_place_given_back_is_free_at_once_whatever_fails(on: EngineName) {
    ends_the_same_whatever_fails(
        on,
        async |_| {},
        async |world: &World| {
            let (license, _) = issued(world).await;
            let first = world.activate(&license, 1).await.expect("a place is free").activation;
            world.activate(&license, 2).await.expect("a place is free");
            world.activate(&license, 3).await.expect("a place is free");
            world.give_back(&license, &first).await;
            world.check("the return").await;
            world.give_back(&license, &first).await;
            world.activate(&license, 4).await.expect("a place is free");
            world.check("the next machine").await;
            assert_eq!(world.renew(&license, &first, 1).await, Err(Refusal::ActivationEnded));
            world.publish().await;
        },
    )
    .await;
}

/// Two replicas; the first request of the first that comes to the moment is held.
async fn gated(on: EngineName, holds: fn(&Moment<'_>) -> bool) -> (Arc<World>, Arc<Gate>) {
    let gate = Gate::new(holds);
    (Arc::new(World::with(on, 2, gate.between()).await), gate)
}

async fn a_lease_that_is_renewed_just_before_it_is_displaced_stays(on: EngineName) {
    let (world, gate) = gated(on, between::loads_an_activation).await;
    let (license, held) = lapsed(&world).await;
    let key = world.license(&license).await.current_key().expect("it has one").token_id.clone();
    gate.close();
    let newcomer = aside({
        let (world, license) = (Arc::clone(&world), license.clone());
        move || async move { world.activate_with(0, &license, Some(key), 4, "newcomer").await }
    });
    gate.holds_somebody().await;
    for id in &held {
        let shown = Credential::Certificate { generation: 1, enrolled: None };
        world.renew_on(1, &license, id, shown, None, "late").await.expect("nobody has taken its place");
    }
    gate.open();
    let told = newcomer.await.expect("it ends");
    assert_eq!(told.map(|_| ()), full(3), "four machines would have a certificate that holds");
    world.check("the meeting").await;
}

async fn no_certificate_is_given_after_a_revocation(on: EngineName) {
    for is_renewal in [false, true] {
        let (world, gate) = gated(on, between::puts_an_activation).await;
        let (license, key) = issued(&world).await;
        let id = world.activate(&license, 1).await.expect("a place is free").activation;
        gate.close();
        let asking = aside({
            let (world, license) = (Arc::clone(&world), license.clone());
            move || async move {
                match is_renewal {
                    true => world.renew(&license, &id, 1).await,
                    false => world.activate_with(0, &license, Some(key), 2, "second").await,
                }
            }
        });
        gate.holds_somebody().await;
        revoke_on_the_other(&world, &license).await;
        gate.open();
        assert_eq!(asking.await.expect("it ends"), Err(Refusal::LicenseRevoked));
        world.check("the meeting").await;
    }
}

async fn revoke_on_the_other(world: &World, license: &LicenseId) {
    world.command_on(1, license, LicenseAction::Revoke).await.expect("any license can be revoked");
}

async fn a_machine_that_activates_with_a_leaked_key_while_it_is_reissued_loses_its_place(on: EngineName) {
    for others in [0, 1] {
        let (world, gate) = gated(on, between::puts_a_license).await;
        let (license, key) = issued(&world).await;
        for machine in 0..others {
            world.activate(&license, 10 + machine).await.expect("a place is free");
        }
        gate.close();
        let reissue = aside({
            let (world, license) = (Arc::clone(&world), license.clone());
            move || async move { world.reissue_leaked(&license).await }
        });
        gate.holds_somebody().await;
        let thief = world.activate_with(1, &license, Some(key), 1, "thief").await;
        let thief = thief.expect("the key is still current");
        gate.open();
        reissue.await.expect("it ends");
        world.check("the meeting").await;
        let late = world.renew(&license, &thief.activation, 1).await;
        assert_eq!(late, Err(Refusal::ActivationEnded), "with {others} other machines");
    }
}

async fn a_renewal_that_meets_a_reissue_is_refused(on: EngineName) {
    let (world, gate) = gated(on, between::puts_an_activation).await;
    let (license, _) = issued(&world).await;
    let id = world.activate(&license, 1).await.expect("a place is free").activation;
    gate.close();
    let renewal = aside({
        let (world, license) = (Arc::clone(&world), license.clone());
        move || async move { world.renew(&license, &id, 1).await }
    });
    gate.holds_somebody().await;
    let action = LicenseAction::Reissue { keep: lictor::application::KeepActivations::Nothing, leaked: true };
    world.command_on(1, &license, action).await.expect("it runs");
    gate.open();
    assert_eq!(renewal.await.expect("it ends"), Err(Refusal::ActivationEnded));
    world.check("the meeting").await;
    let ended = world.records().await.activations.remove(0);
    assert!(matches!(ended.state, lictor::domain::ActivationState::Ended { cause: EndCause::Reissued, .. }));
}

/// Held between its two looks at the store, while the order is minted.
async fn seen_across_the_mint<T: Send + 'static, F>(
    on: EngineName,
    holds: fn(&Moment<'_>) -> bool,
    look: impl FnOnce(Arc<World>, LicenseId) -> F + Send + 'static,
) -> (LicenseId, T)
where
    F: Future<Output = T>,
{
    let (world, gate) = gated(on, holds).await;
    let license = world.buy(order(ORDER, "2026-01-15T08:59:00Z")).await;
    gate.close();
    let looking = aside({
        let (world, license) = (Arc::clone(&world), license.clone());
        move || async move { look(world, license).await }
    });
    gate.holds_somebody().await;
    world.run_due_jobs_on(1).await;
    assert_eq!(world.license(&license).await.id, license, "it is minted by now");
    gate.open();
    (license, looking.await.expect("it ends"))
}

async fn a_license_that_is_looked_for_while_it_is_minted_is_found(on: EngineName) {
    let look = |world: Arc<World>, license| async move { world.app().view_license(&acme(), &license).await };
    let (license, found) = seen_across_the_mint(on, between::loads_what_waits, look).await;
    assert_eq!(*found.expect("it was there all the time").id(), license);
}

async fn licenses_that_are_listed_while_one_is_minted_hold_it_once(on: EngineName) {
    for holds in [between::listed_licenses, between::listed_what_waits] {
        let look = |world: Arc<World>, _license| async move {
            let filter = LicenseFilter::default();
            world.app().view_licenses(&acme(), &filter, None, 10).await
        };
        let (license, page) = seen_across_the_mint(on, holds, look).await;
        let (entries, _next) = page.expect("listed");
        let ids: Vec<_> = entries.iter().map(|entry| entry.id().clone()).collect();
        assert_eq!(ids, std::slice::from_ref(&license));
        let look = |world: Arc<World>, _license| async move {
            world.app().view_orders(&acme(), &OrderFilter::default(), None, 10).await
        };
        let (license, page) = seen_across_the_mint(on, holds, look).await;
        let (orders, _next) = page.expect("listed");
        let ids: Vec<_> = orders.iter().map(|order| order.purchase.value.license.clone()).collect();
        assert_eq!(ids, [license]);
    }
}

async fn a_freeze_that_meets_the_mint_is_not_lost(on: EngineName) {
    for freeze_is_held in [false, true] {
        let (world, gate) = gated(on, between::puts_a_purchase).await;
        let license = world.buy(order(ORDER, "2026-01-15T08:59:00Z")).await;
        gate.close();
        let held = aside({
            let world = Arc::clone(&world);
            move || async move {
                match freeze_is_held {
                    true => _ = world.set_status(ORDER, InstanceStatus::Freeze).await,
                    false => world.run_due_jobs().await,
                }
            }
        });
        gate.holds_somebody().await;
        match freeze_is_held {
            true => world.run_due_jobs_on(1).await,
            false => world.freeze_on(1, ORDER).await,
        }
        gate.open();
        held.await.expect("it ends");
        world.settle().await;
        world.publish().await;
        world.check("the meeting").await;
        let license = world.license(&license).await;
        assert_eq!(license.state(world.now()), LicenseState::Suspended);
    }
}

async fn a_renewal_that_meets_the_mint_is_not_lost(on: EngineName) {
    let (world, gate) = gated(on, between::puts_a_purchase).await;
    let license = world.buy(order(ORDER, "2026-01-15T08:59:00Z")).await;
    gate.close();
    let renewal = aside({
        let world = Arc::clone(&world);
        move || async move { world.refresh(ORDER, "CS2", RefreshScene::Renewal, "2026-03-15T16:00:00Z").await }
    });
    gate.holds_somebody().await;
    world.run_due_jobs_on(1).await;
    gate.open();
    renewal.await.expect("it ends");
    world.settle().await;
    world.check("the meeting").await;
    assert_eq!(world.license(&license).await.orders.len(), 2);
}

async fn a_sku_that_is_mapped_while_its_purchase_is_being_held_mints_it(on: EngineName) {
    let (world, gate) = gated(on, between::listed_specs).await;
    world.buy(of_new_sku(ORDER)).await;
    gate.close();
    let settling = aside({
        let world = Arc::clone(&world);
        move || async move { world.run_due_jobs().await }
    });
    gate.holds_somebody().await;
    let catalog = catalog_with_new_sku();
    let applied = world.ask(1, async |app| {
        app.apply_catalog(&acme(), catalog.clone(), ApplyMode::default(), &lictor::domain::Actor::Server)
            .await
    });
    applied.await.expect("it is applied").expect("the catalog is valid");
    gate.open();
    settling.await.expect("it ends");
    world.settle().await;
    world.check("the meeting").await;
    assert_eq!(world.records().await.licenses.len(), 1);
}

async fn a_flip_that_meets_a_publication_is_published_by_the_next(on: EngineName) {
    let (world, gate) = gated(on, between::puts_a_status_list).await;
    let license = minted(&world).await;
    world.command(&license, LicenseAction::Suspend).await.expect("it runs");
    gate.close();
    let publishing = aside({
        let world = Arc::clone(&world);
        move || async move { world.publish().await }
    });
    gate.holds_somebody().await;
    world.command_on(1, &license, LicenseAction::Revoke).await.expect("any license can be revoked");
    gate.open();
    publishing.await.expect("it ends");
    world.check("the meeting").await;
    world.publish().await;
    world.check("the next publication").await;
    let records = world.records().await;
    let slot = records.licenses[0].current_key().expect("it has one").slot;
    assert_eq!(StatusList::read(&records.lists[0].bits, slot.idx), Some(Status::Invalid));
    assert!(records.flips.is_empty());
}

/// As many machines as there can be; written to the store directly, to be quick.
async fn full_site(world: &World) -> LicenseId {
    let license = world.issue("site", Term::Years(1), "site").await.expect("issued").value;
    let first = world.activate(&license.id, 0).await.expect("places are free").activation;
    let key = |id| RecordKey::Activation(acme(), license.id.clone(), id);
    let first: Activation = world.find(key(first)).await.expect("activated").value;
    let mut places: Versioned<LicensePlaces> =
        world.find(RecordKey::Places(acme(), license.id.clone())).await.expect("taken");
    let mut commits = vec![Commit::new()];
    for machine in 1..u16::try_from(PLACES_MAX).expect("small") {
        let (id, idx) = (ActivationId::from_uuid(u128::from(machine)), u32::from(machine));
        let machine = numbered_machine(machine);
        places.value.places.take(id.clone(), machine.clone());
        let slot = StatusSlot { list: 7, idx };
        let activation = Activation { id, machine, slot, ..first.clone() };
        let commit = commits.pop().unwrap_or_default().put(activation, ABSENT);
        commits.extend([commit].into_iter().flat_map(|commit| match commit.changes.len() {
            200 => vec![commit, Commit::new()],
            _ => vec![commit],
        }));
    }
    commits.push(Commit::new().put(places.value, places.revision));
    for commit in commits {
        world.process().store.commit(commit).await.expect("within every bound");
    }
    license.id
}

async fn a_license_on_as_many_machines_as_there_can_be_is_reissued_at_once(on: EngineName) {
    let world = World::new(on).await;
    let license = full_site(&world).await;
    assert_eq!(world.activate(&license, 60_000).await.map(|_| ()), full(PLACES_MAX));
    world.reissue_leaked(&license).await;
    let activations = world.records().await.activations;
    assert_eq!(u32::try_from(activations.len()), Ok(PLACES_MAX));
    assert!(activations.iter().all(|activation| activation.lease().is_err()));
}

#[test]
fn no_license_has_more_places_than_can_be_ended_at_once() {
    let mut places = Places::default();
    for number in 0..PLACES_MAX {
        let machine = numbered_machine(u16::try_from(number).expect("small"));
        places.take(ActivationId::from_uuid(u128::from(number)), machine);
    }
    for limit in [MachineLimit::Unlimited, MachineLimit::AtMost(u32::MAX)] {
        assert!(places.are_taken(limit), "{limit:?}");
    }
}
