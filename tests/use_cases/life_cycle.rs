//! From the purchase to the end.

use chrono::TimeDelta;
use lictor::application::ports::Listing;
use lictor::application::{Credential, KeepActivations, LicenseAction, MerchantCommand};
use lictor::domain::{
    Activation, EventKind, HoldBy, InstanceStatus, Instant, IssuedKey, LicenseEnd, LicenseId, LicenseState,
    PeriodUnit, PurchaseEvent, PurchaseOutcome, PurchaseState, RefreshScene, Refusal, Status, StatusList,
    Term, Validity,
};

use super::catalog::{acme, catalog_with_new_sku, of_new_sku, order, outspoken_channel, with_line};
use super::chapters::{ORDER, minted};
use super::engines::{EngineName, for_engines};
use super::story::{ends_the_same_whatever_fails, summary};
use super::world::{World, at, command_of, idempotency, order_ref, refreshed};

for_engines! { in_runtime [memory embedded postgres] {
    what_comes_before_the_mint_counts_after_it_whatever_fails,
    a_purchase_released_before_its_mint_never_becomes_a_license_whatever_fails,
    a_machine_that_goes_online_weekly_never_reads_a_refusal_in_twelve_monthly_renewals,
    renewals_reach_the_machine_whatever_fails,
    a_cancelled_renewal_reaches_the_client_as_superseded_whatever_fails,
    two_renewals_cancelled_one_after_the_other_leave_no_key_that_outlasts_the_license,
    each_cause_of_a_suspension_is_lifted_by_who_set_it_whatever_fails,
    the_merchant_lifts_both_causes_only_with_a_reason,
    a_renewal_of_a_suspended_license_gives_a_suspended_key,
    a_leaked_key_opens_nothing_any_more_whatever_fails,
    whichever_key_text_had_leaked_none_from_before_the_reissue_opens_anything,
    machines_that_are_kept_by_a_reissue_go_on,
    a_revoked_license_stays_revoked_whatever_fails,
    a_released_license_reads_released_and_can_still_be_revoked_whatever_fails,
    the_first_end_is_the_marketplaces_when_it_rounds_up_by_no_more_than_two_days,
    a_purchase_starts_when_it_was_ordered_unless_it_comes_more_than_two_days_late,
    a_held_purchase_is_minted_once_its_sku_is_known_whatever_fails,
    a_held_purchase_that_came_with_its_order_is_minted_without_asking_whatever_fails,
    later_orders_give_the_same_end_in_whatever_order_they_arrive,
    an_old_renewal_that_arrives_late_supersedes_nobody,
    orders_that_arrive_backwards_end_the_same_whatever_fails,
    a_repeated_order_changes_nothing,
    the_same_issue_twice_gives_one_license_whatever_fails,
    a_license_issued_for_a_month_from_the_31st_ends_on_the_last_of_february,
    a_command_on_a_revision_that_is_gone_is_refused_with_the_current_one,
    a_command_on_a_revision_is_done_once_whatever_fails,
    a_copy_of_a_machine_is_noticed_and_a_lost_answer_is_not_whatever_fails,
    who_resumes_lifts_only_the_own_cause,
} }

/// What the published list says of a key text.
async fn published(world: &World, key: &IssuedKey) -> Status {
    let records = world.records().await;
    let list = records.lists.iter().find(|list| list.number == key.slot.list).expect("published");
    StatusList::read(&list.bits, key.slot.idx).expect("an entry")
}

async fn current_key(world: &World, license: &LicenseId) -> IssuedKey {
    world.license(license).await.current_key().expect("minted").clone()
}

async fn told(world: &World, license: &LicenseId, kind: EventKind) -> usize {
    let events = world.records().await.events;
    events.iter().filter(|event| event.license() == Some(license) && event.kind == kind).count()
}

async fn minted_before(world: &World) {
    minted(world).await;
}

async fn what_comes_before_the_mint_counts_after_it_whatever_fails(on: EngineName) {
    ends_the_same_whatever_fails(
        on,
        async |_| {},
        async |world: &World| {
            world.orders.set_unavailable(true);
            let license = world.buy(order(ORDER, "2026-01-15T08:59:00Z")).await;
            world.check("the purchase").await;
            world.run_due_jobs().await;
            world.check("a vain question").await;
            world.on("2026-01-15T10:00:00Z");
            world.set_status(ORDER, InstanceStatus::Freeze).await;
            world.check("an early freeze").await;
            world.on("2026-01-15T11:00:00Z");
            world.refresh(ORDER, "CS2", RefreshScene::Renewal, "2026-03-15T16:00:00Z").await;
            world.check("an early renewal").await;
            world.orders.set_unavailable(false);
            world.orders.knows(order("CS2", "2026-01-15T10:59:00Z"));
            world.settle().await;
            world.check("the mint").await;
            let suspended = world.license(&license).await;
            assert_eq!(suspended.state(world.now()), LicenseState::Suspended);
            assert_eq!(suspended.validity.ends_at, Some(at("2026-03-15T16:00:00Z")));
            world.on("2026-01-17T11:00:00Z");
            world.set_status(ORDER, InstanceStatus::Unfreeze).await;
            world.check("the thaw").await;
            world.publish().await;
            assert_eq!(world.license(&license).await.state(world.now()), LicenseState::Active);
        },
    )
    .await;
}

async fn a_purchase_released_before_its_mint_never_becomes_a_license_whatever_fails(on: EngineName) {
    ends_the_same_whatever_fails(
        on,
        async |_| {},
        async |world: &World| {
            world.orders.set_unavailable(true);
            world.buy(order(ORDER, "2026-01-15T08:59:00Z")).await;
            world.run_due_jobs().await;
            world.on("2026-01-15T10:00:00Z");
            assert_eq!(world.release(ORDER).await, PurchaseOutcome::Done);
            world.check("the release").await;
            assert_eq!(world.release(ORDER).await, PurchaseOutcome::Done);
            world.set_status(ORDER, InstanceStatus::Freeze).await;
            world.refresh(ORDER, "CS2", RefreshScene::Renewal, "2026-03-15T16:00:00Z").await;
            world.orders.set_unavailable(false);
            world.settle().await;
            world.check("the question").await;
            assert!(world.records().await.licenses.is_empty(), "none was minted");
        },
    )
    .await;
}

async fn a_machine_that_goes_online_weekly_never_reads_a_refusal_in_twelve_monthly_renewals(on: EngineName) {
    let world = World::new(on).await;
    world.on("2026-01-31T10:00:00Z");
    let license = world.buy(order(ORDER, "2026-01-31T10:00:00Z")).await;
    world.settle().await;
    let first_key = current_key(&world, &license).await;
    let mut validity = Validity::lasting(Term::Months(1), at("2026-01-31T10:00:00Z")).expect("a date");
    assert_eq!(validity.ends_at, Some(at("2026-02-28T10:00:00Z")));
    let mut certificate = world.activate(&license, 1).await.expect("a place is free");
    let (mut generation, mut renewals, day) = (1, 0, TimeDelta::days(1));
    for days in 1..=365 {
        world.clock.advance(day);
        let lease = lease_of(&world, &license).await;
        assert!(lease.holds_at(world.now()), "the certificate holds on day {days} without the server");
        let end = validity.ends_at.expect("it ends");
        if renewals < 12 && world.now() >= end - TimeDelta::days(9) {
            renewals += 1;
            validity = validity.extended_by(Term::Months(1)).expect("a date");
            let order_id = format!("RENEW-{renewals}");
            world.orders.knows(order(&order_id, &world.now().to_rfc3339()));
            let event = refreshed(ORDER, &order_id, RefreshScene::Renewal, validity.ends_at);
            assert_eq!(world.call(event).await, PurchaseOutcome::Done);
            world.settle().await;
            world.publish().await;
            world.check("a renewal").await;
        }
        if days % 7 == 0 {
            certificate = world.renew(&license, &certificate.activation, generation).await.expect("renewed");
            generation += 1;
            world.check("a check-in").await;
            let current = world.license(&license).await;
            assert_eq!(certificate.license_key, current.license_key, "the new key comes along");
            assert!(current.issued.iter().all(|key| !key.superseded));
        }
    }
    assert_eq!(renewals, 12);
    assert_eq!(world.license(&license).await.validity.ends_at, Some(at("2027-02-28T10:00:00Z")));
    let lost = Credential::LicenseKey { token_id: first_key.token_id };
    let again = world.renew_on(0, &license, &certificate.activation, lost, Some(1), "lost").await;
    again.expect("who lost the certificate shows the key that was pasted a year ago");
}

async fn lease_of(world: &World, license: &LicenseId) -> Validity {
    let listing = Listing::Activations(acme(), license.clone());
    let activations: Vec<Activation> = world.listed(&listing).await;
    activations[0].lease().expect("it holds its place").validity
}

async fn renewals_reach_the_machine_whatever_fails(on: EngineName) {
    ends_the_same_whatever_fails(on, minted_before, async |world: &World| {
        let license = world.license_of(ORDER).await;
        let activated = world.activate(&license, 1).await.expect("a place is free");
        world.check("the activation").await;
        world.on("2026-02-10T10:00:00Z");
        world.orders.knows(order("CS2", "2026-02-10T09:59:00Z"));
        world.refresh(ORDER, "CS2", RefreshScene::Renewal, "2026-03-15T16:00:00Z").await;
        world.check("the renewal").await;
        world.settle().await;
        world.check("its rank").await;
        world.on("2026-02-11T10:00:00Z");
        let renewed = world.renew(&license, &activated.activation, 1).await.expect("renewed");
        world.check("the next certificate").await;
        assert_eq!(renewed.license_key, world.license(&license).await.license_key);
        world.on("2026-02-18T10:00:00Z");
        world.renew(&license, &activated.activation, 2).await.expect("renewed");
        world.publish().await;
    })
    .await;
}

async fn a_cancelled_renewal_reaches_the_client_as_superseded_whatever_fails(on: EngineName) {
    ends_the_same_whatever_fails(on, minted_before, async |world: &World| {
        let license = world.license_of(ORDER).await;
        let bought = current_key(world, &license).await;
        world.on("2026-02-01T10:00:00Z");
        world.orders.knows(order("CS2", "2026-02-01T09:59:00Z"));
        world.refresh(ORDER, "CS2", RefreshScene::Renewal, "2026-03-15T16:00:00Z").await;
        world.settle().await;
        let renewed = current_key(world, &license).await;
        world.on("2026-02-02T10:00:00Z");
        world.orders.knows(order("CS3", "2026-02-02T09:59:00Z"));
        world.refresh(ORDER, "CS3", RefreshScene::CancelRenewal, "2026-02-15T16:00:00Z").await;
        world.check("the cancellation").await;
        world.settle().await;
        world.check("its rank").await;
        world.publish().await;
        world.check("the publication").await;
        assert_eq!(world.license(&license).await.validity.ends_at, Some(at("2026-02-15T16:00:00Z")));
        assert_eq!(published(world, &renewed).await, Status::Superseded);
        assert_eq!(published(world, &bought).await, Status::Valid);
        assert_eq!(world.validate(&license, &renewed.token_id).await, Err(Refusal::LicenseSuperseded));
        assert!(world.validate(&license, &bought.token_id).await.is_ok());
    })
    .await;
}

async fn two_renewals_cancelled_one_after_the_other_leave_no_key_that_outlasts_the_license(on: EngineName) {
    let world = World::new(on).await;
    let license = minted(&world).await;
    let mut keys = Vec::new();
    for (day, order_id, scene, ends_at) in [
        (1, "CS2", RefreshScene::Renewal, "2026-03-15T16:00:00Z"),
        (2, "CS3", RefreshScene::Renewal, "2026-04-15T16:00:00Z"),
        (3, "CS4", RefreshScene::CancelRenewal, "2026-03-15T16:00:00Z"),
        (4, "CS5", RefreshScene::CancelRenewal, "2026-02-15T16:00:00Z"),
    ] {
        world.on(&format!("2026-02-0{day}T10:00:00Z"));
        world.orders.knows(order(order_id, &format!("2026-02-0{day}T09:59:00Z")));
        world.refresh(ORDER, order_id, scene, ends_at).await;
        world.settle().await;
        world.publish().await;
        world.check(order_id).await;
        keys.push(current_key(&world, &license).await);
    }
    for key in &keys[..3] {
        assert_eq!(published(&world, key).await, Status::Superseded, "{key:?}");
        assert_eq!(world.validate(&license, &key.token_id).await, Err(Refusal::LicenseSuperseded));
    }
    assert_eq!(published(&world, &keys[3]).await, Status::Valid);
}

async fn each_cause_of_a_suspension_is_lifted_by_who_set_it_whatever_fails(on: EngineName) {
    ends_the_same_whatever_fails(on, minted_before, async |world: &World| {
        let license = world.license_of(ORDER).await;
        let bought = current_key(world, &license).await;
        let activated = world.activate(&license, 1).await.expect("a place is free");
        world.on("2026-01-20T10:00:00Z");
        world.command(&license, LicenseAction::Suspend).await.expect("it runs");
        world.check("the merchant's suspension").await;
        world.on("2026-01-20T11:00:00Z");
        world.set_status(ORDER, InstanceStatus::Freeze).await;
        world.publish().await;
        world.check("the marketplace's").await;
        assert_eq!(published(world, &bought).await, Status::Suspended);
        let refused = world.renew(&license, &activated.activation, 1).await;
        assert_eq!(refused, Err(Refusal::LicenseSuspended));
        assert_eq!(world.activate(&license, 2).await, Err(Refusal::LicenseSuspended));
        let resume = LicenseAction::Resume { override_marketplace: false };
        world.command(&license, resume.clone()).await.expect("it runs");
        world.check("the merchant's resumption").await;
        assert_eq!(world.license(&license).await.state(world.now()), LicenseState::Suspended);
        world.on("2026-01-20T12:00:00Z");
        world.set_status(ORDER, InstanceStatus::Unfreeze).await;
        world.publish().await;
        world.check("the marketplace's resumption").await;
        assert_eq!(published(world, &bought).await, Status::Valid);
        world.renew(&license, &activated.activation, 1).await.expect("it goes on");
    })
    .await;
}

async fn the_merchant_lifts_both_causes_only_with_a_reason(on: EngineName) {
    let world = World::new(on).await;
    let license = minted(&world).await;
    world.command(&license, LicenseAction::Suspend).await.expect("it runs");
    world.set_status(ORDER, InstanceStatus::Freeze).await;
    let resume = LicenseAction::Resume { override_marketplace: true };
    let silent = MerchantCommand { reason: Some("  ".into()), ..command_of(&license) };
    let refused = world.ask(0, async |app| app.command_license(&silent, &resume).await).await;
    assert!(matches!(refused, Err(Refusal::Invalid { pointer, .. }) if pointer == "/reason"));
    let resumed = world.command(&license, resume.clone()).await.expect("with a reason");
    assert!(resumed.value.holds.is_empty());
    world.check("the resumption").await;
}

async fn a_renewal_of_a_suspended_license_gives_a_suspended_key(on: EngineName) {
    let world = World::new(on).await;
    let license = minted(&world).await;
    world.set_status(ORDER, InstanceStatus::Freeze).await;
    world.orders.knows(order("CS2", "2026-01-15T09:30:00Z"));
    world.refresh(ORDER, "CS2", RefreshScene::Renewal, "2026-03-15T16:00:00Z").await;
    world.settle().await;
    world.publish().await;
    world.check("the renewal").await;
    let renewed = current_key(&world, &license).await;
    assert_eq!(published(&world, &renewed).await, Status::Suspended);
    world.set_status(ORDER, InstanceStatus::Unfreeze).await;
    world.publish().await;
    world.check("the thaw").await;
    assert_eq!(published(&world, &renewed).await, Status::Valid);
}

async fn a_leaked_key_opens_nothing_any_more_whatever_fails(on: EngineName) {
    ends_the_same_whatever_fails(on, minted_before, async |world: &World| {
        let license = world.license_of(ORDER).await;
        let leaked = current_key(world, &license).await;
        let activated = world.activate(&license, 1).await.expect("a place is free");
        world.activate(&license, 2).await.expect("a place is free");
        world.on("2026-01-20T10:00:00Z");
        world.reissue_leaked(&license).await;
        world.check("the re-issue").await;
        world.publish().await;
        world.check("the publication").await;
        assert_eq!(published(world, &leaked).await, Status::Superseded);
        assert_eq!(world.redeem(&license, 0).await, Err(Refusal::LicenseKeyRefused));
        assert!(world.redeem(&license, 1).await.is_ok());
        let refused = world.renew(&license, &activated.activation, 1).await;
        assert_eq!(refused, Err(Refusal::ActivationEnded));
        let old = Some(leaked.token_id.clone());
        let refused = world.activate_with(0, &license, old, 3, "old key").await;
        assert_eq!(refused, Err(Refusal::LicenseSuperseded));
        let again = world.activate(&license, 1).await.expect("the current key opens it");
        world.check("the next activation").await;
        let old = Credential::LicenseKey { token_id: leaked.token_id };
        let refused = world.renew_on(0, &license, &again.activation, old, Some(1), "leaked").await;
        assert_eq!(refused, Err(Refusal::LicenseSuperseded));
    })
    .await;
}

async fn whichever_key_text_had_leaked_none_from_before_the_reissue_opens_anything(on: EngineName) {
    let world = World::new(on).await;
    let license = minted(&world).await;
    let mut old = vec![current_key(&world, &license).await];
    for (day, order_id, ends_at) in
        [("2026-02-01", "CS2", "2026-03-15T16:00:00Z"), ("2026-03-01", "CS3", "2026-04-15T16:00:00Z")]
    {
        world.on(&format!("{day}T10:00:00Z"));
        world.orders.knows(order(order_id, &format!("{day}T09:59:00Z")));
        world.refresh(ORDER, order_id, RefreshScene::Renewal, ends_at).await;
        world.settle().await;
        old.push(current_key(&world, &license).await);
    }
    let unexpired: Vec<IssuedKey> = world.license(&license).await.issued;
    world.reissue_leaked(&license).await;
    world.publish().await;
    world.check("the re-issue").await;
    let again = world.activate(&license, 1).await.expect("the current key opens it");
    for key in &old {
        let (token_id, nonce) = (key.token_id.clone(), world.fresh("old"));
        assert_eq!(world.validate(&license, &token_id).await, Err(Refusal::LicenseSuperseded), "{key:?}");
        let shown = Credential::LicenseKey { token_id };
        let refused = world.renew_on(0, &license, &again.activation, shown, Some(1), &nonce).await;
        assert_eq!(refused, Err(Refusal::LicenseSuperseded), "{key:?}");
    }
    for key in unexpired.iter().filter(|key| key.ends_at.is_some_and(|end| world.now() < end)) {
        assert_eq!(published(&world, key).await, Status::Superseded, "{key:?}");
    }
}

async fn machines_that_are_kept_by_a_reissue_go_on(on: EngineName) {
    let world = World::new(on).await;
    let license = minted(&world).await;
    let kept = world.activate(&license, 1).await.expect("a place is free").activation;
    let ended = world.activate(&license, 2).await.expect("a place is free").activation;
    let keep = KeepActivations::These(vec![kept.clone()]);
    world.command(&license, LicenseAction::Reissue { keep, leaked: false }).await.expect("it runs");
    world.publish().await;
    world.check("the re-issue").await;
    world.renew(&license, &kept, 1).await.expect("it was kept");
    assert_eq!(world.renew(&license, &ended, 1).await, Err(Refusal::ActivationEnded));
    world.check("a renewal").await;
}

async fn a_revoked_license_stays_revoked_whatever_fails(on: EngineName) {
    ends_the_same_whatever_fails(on, minted_before, async |world: &World| {
        let license = world.license_of(ORDER).await;
        let bought = current_key(world, &license).await;
        let activated = world.activate(&license, 1).await.expect("a place is free");
        world.on("2026-01-20T10:00:00Z");
        world.command(&license, LicenseAction::Revoke).await.expect("any license can be revoked");
        world.check("the revocation").await;
        world.publish().await;
        world.check("the publication").await;
        assert_eq!(published(world, &bought).await, Status::Invalid);
        let refused = world.renew(&license, &activated.activation, 1).await;
        assert_eq!(refused, Err(Refusal::LicenseRevoked));
        world.on("2026-01-21T10:00:00Z");
        world.orders.knows(order("CS2", "2026-01-21T09:59:00Z"));
        let renewed = world.refresh(ORDER, "CS2", RefreshScene::Renewal, "2026-03-15T16:00:00Z").await;
        assert_eq!(renewed, PurchaseOutcome::Done);
        world.settle().await;
        world.check("a renewal that was paid").await;
        assert_eq!(told(world, &license, EventKind::OrderPaidAfterRevocation).await, 1);
        assert_eq!(world.set_status(ORDER, InstanceStatus::Unfreeze).await, PurchaseOutcome::Done);
        assert_eq!(world.release(ORDER).await, PurchaseOutcome::Done);
        world.check("the release").await;
        let ended = world.license(&license).await;
        assert!(matches!(ended.end, LicenseEnd::Revoked { .. }));
        let refused = world.command(&license, LicenseAction::Resume { override_marketplace: true }).await;
        assert!(matches!(refused, Err(Refusal::IllegalState { .. })));
    })
    .await;
}

async fn a_released_license_reads_released_and_can_still_be_revoked_whatever_fails(on: EngineName) {
    ends_the_same_whatever_fails(on, minted_before, async |world: &World| {
        let license = world.license_of(ORDER).await;
        let bought = current_key(world, &license).await;
        let activated = world.activate(&license, 1).await.expect("a place is free");
        world.on("2026-01-20T10:00:00Z");
        world.release(ORDER).await;
        world.check("the release").await;
        world.publish().await;
        assert_eq!(published(world, &bought).await, Status::Invalid);
        let refused = world.renew(&license, &activated.activation, 1).await;
        assert_eq!(refused, Err(Refusal::LicenseReleased));
        world.give_back(&license, &activated.activation).await;
        world.check("a place given back").await;
        assert_eq!(world.release(ORDER).await, PurchaseOutcome::Done);
        world.on("2026-01-21T10:00:00Z");
        world.command(&license, LicenseAction::Revoke).await.expect("any license can be revoked");
        world.publish().await;
    })
    .await;
}

async fn the_first_end_is_the_marketplaces_when_it_rounds_up_by_no_more_than_two_days(on: EngineName) {
    let counted = at("2026-02-15T08:59:00Z");
    let hours = TimeDelta::hours;
    for (rounding, accepted) in [
        (TimeDelta::zero(), true),
        (hours(7), true),
        (hours(48), true),
        (hours(48) + TimeDelta::seconds(1), false),
        (-TimeDelta::seconds(1), false),
        (-hours(24), false),
    ] {
        let world = World::new(on).await;
        let expires_at = counted + rounding;
        let bought = with_line(order(ORDER, "2026-01-15T08:59:00Z"), |line| {
            line.expires_at = Some(expires_at);
        });
        let license = world.buy(bought).await;
        world.settle().await;
        world.check("the mint").await;
        let expected: Instant = if accepted { expires_at } else { counted };
        assert_eq!(world.license(&license).await.validity.ends_at, Some(expected), "{rounding}");
    }
}

async fn a_purchase_starts_when_it_was_ordered_unless_it_comes_more_than_two_days_late(on: EngineName) {
    for (ordered_at, starts_at) in [
        ("2026-01-15T08:59:00Z", "2026-01-15T08:59:00Z"),
        ("2026-01-13T09:00:00Z", "2026-01-13T09:00:00Z"),
        ("2026-01-13T08:59:59Z", "2026-01-15T09:00:00Z"),
        ("2026-01-15T09:00:01Z", "2026-01-15T09:00:00Z"),
    ] {
        let world = World::new(on).await;
        let license = world.buy(order(ORDER, ordered_at)).await;
        world.settle().await;
        world.check("the mint").await;
        assert_eq!(world.license(&license).await.validity.starts_at, at(starts_at), "{ordered_at}");
    }
}

async fn a_held_purchase_is_minted_once_its_sku_is_known_whatever_fails(on: EngineName) {
    ends_the_same_whatever_fails(
        on,
        async |_| {},
        async |world: &World| {
            world.buy(of_new_sku("CS1")).await;
            world.buy(of_new_sku("CS2")).await;
            world.settle().await;
            world.check("the wait").await;
            let waiting = world.records().await.purchases;
            assert!(waiting.iter().all(|purchase| matches!(purchase.state, PurchaseState::Held { .. })));
            world.on("2026-01-16T10:00:00Z");
            world.set_status("CS1", InstanceStatus::Freeze).await;
            world.on("2026-01-17T10:00:00Z");
            world.apply(catalog_with_new_sku()).await;
            world.check("the mapping").await;
            world.settle().await;
            world.check("the mint").await;
            assert_eq!(world.records().await.licenses.len(), 2);
        },
    )
    .await;
}

async fn a_held_purchase_that_came_with_its_order_is_minted_without_asking_whatever_fails(on: EngineName) {
    ends_the_same_whatever_fails(
        on,
        async |_| {},
        async |world: &World| {
            let details = Some(of_new_sku("G1"));
            let event = PurchaseEvent::Bought { order: order_ref("G1"), business_id: "i-G1".into(), details };
            let outcome = world.call_on(0, &outspoken_channel(), "g1", event).await;
            let expected = PurchaseOutcome::Accepted { instance_id: "i-G1".into(), ready: false };
            assert_eq!(outcome, expected);
            world.check("the wait").await;
            world.apply(catalog_with_new_sku()).await;
            world.settle().await;
            world.check("the mint").await;
            assert_eq!(world.records().await.licenses.len(), 1);
        },
    )
    .await;
}

/// Order id, scene, time of ordering, months of the order, the end it dictates.
type Later = (&'static str, RefreshScene, &'static str, u32, &'static str);

const LATER: [Later; 3] = [
    ("RENEW-A", RefreshScene::Renewal, "2026-01-16T01:00:00Z", 1, "2026-03-15T16:00:00Z"),
    ("RENEW-B", RefreshScene::Renewal, "2026-01-16T02:00:00Z", 12, "2027-03-15T16:00:00Z"),
    ("CANCEL-B", RefreshScene::CancelRenewal, "2026-01-16T03:00:00Z", 12, "2026-03-15T16:00:00Z"),
];

async fn arrive(world: &World, arrivals: &[usize], ranks_at_once: bool) {
    for (hour, arrival) in arrivals.iter().enumerate() {
        let (order_id, scene, ordered_at, months, ends_at) = LATER[*arrival];
        world.on(&format!("2026-01-17T{:02}:00:00Z", hour * 3));
        world.orders.knows(with_line(order(order_id, ordered_at), |line| {
            line.period = Some((PeriodUnit::Month, months));
        }));
        world.refresh(ORDER, order_id, scene, ends_at).await;
        world.check(order_id).await;
        if ranks_at_once {
            world.settle().await;
            world.check("a rank").await;
        }
    }
    world.settle().await;
    world.publish().await;
    world.check("all ranks").await;
}

async fn later_orders_give_the_same_end_in_whatever_order_they_arrive(on: EngineName) {
    let mut ends = Vec::new();
    let orders = [[0, 1, 2], [2, 0, 1], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 1, 0]];
    for arrivals in orders.into_iter().take(on.times(6, 2)) {
        for ranks_at_once in [true, false] {
            for minted_first in [true, false] {
                let world = World::new(on).await;
                if minted_first {
                    minted(&world).await;
                } else {
                    world.orders.set_unavailable(true);
                    world.buy(order(ORDER, "2026-01-15T08:59:00Z")).await;
                }
                let early = !minted_first && !ranks_at_once;
                world.orders.set_unavailable(early);
                if early {
                    for arrival in arrivals {
                        let (order_id, scene, ordered_at, months, ends_at) = LATER[arrival];
                        world.clock.advance(TimeDelta::hours(1));
                        world.orders.knows(with_line(order(order_id, ordered_at), |line| {
                            line.period = Some((PeriodUnit::Month, months));
                        }));
                        world.refresh(ORDER, order_id, scene, ends_at).await;
                    }
                    world.orders.set_unavailable(false);
                    world.settle().await;
                } else {
                    world.settle().await;
                    arrive(&world, &arrivals, ranks_at_once).await;
                }
                world.check("the end").await;
                let license = world.records().await.licenses.remove(0);
                assert_eq!(license.validity.ends_at, Some(at("2026-03-15T16:00:00Z")), "{arrivals:?}");
                ends.push((arrivals, ranks_at_once, minted_first, license.sold.term));
            }
        }
    }
    let first = ends[0].3;
    assert!(ends.iter().all(|end| end.3 == first), "{ends:#?}");
}

async fn an_old_renewal_that_arrives_late_supersedes_nobody(on: EngineName) {
    for ranks_at_once in [true, false] {
        let world = World::new(on).await;
        let license = minted(&world).await;
        arrive(&world, &[1, 0], ranks_at_once).await;
        let license = world.license(&license).await;
        assert_eq!(license.validity.ends_at, Some(at("2027-03-15T16:00:00Z")));
        assert!(license.issued.iter().all(|key| !key.superseded), "{:?}", license.issued);
    }
}

async fn orders_that_arrive_backwards_end_the_same_whatever_fails(on: EngineName) {
    ends_the_same_whatever_fails(on, minted_before, async |world: &World| {
        arrive(world, &[2, 1, 0], false).await
    })
    .await;
}

async fn a_repeated_order_changes_nothing(on: EngineName) {
    let world = World::new(on).await;
    minted(&world).await;
    arrive(&world, &[0, 1, 2], true).await;
    let before = summary(&world.records().await);
    for (order_id, scene, _, _, ends_at) in LATER {
        world.clock.advance(TimeDelta::hours(1));
        assert_eq!(world.refresh(ORDER, order_id, scene, ends_at).await, PurchaseOutcome::Done);
        world.settle().await;
    }
    assert_eq!(summary(&world.records().await), before);
}

async fn the_same_issue_twice_gives_one_license_whatever_fails(on: EngineName) {
    ends_the_same_whatever_fails(
        on,
        async |_| {},
        async |world: &World| {
            let first = world.issue("pro", Term::Months(1), "idempotency-1").await.expect("issued");
            world.check("the issue").await;
            let again = world.issue("pro", Term::Months(1), "idempotency-1").await.expect("repeated");
            assert_eq!(first.value.id, again.value.id);
            assert_eq!(first.revision, again.revision);
            let other = world.issue("pro", Term::Months(2), "idempotency-1").await;
            assert_eq!(other.map(|license| license.value.id), Err(Refusal::IdempotencyConflict));
            assert_eq!(world.records().await.licenses.len(), 1);
        },
    )
    .await;
}

async fn a_license_issued_for_a_month_from_the_31st_ends_on_the_last_of_february(on: EngineName) {
    let world = World::new(on).await;
    world.on("2026-01-31T08:00:00Z");
    let license = world.issue("pro", Term::Months(1), "month").await.expect("issued").value;
    assert_eq!(license.validity.ends_at, Some(at("2026-02-28T08:00:00Z")));
    let license = world.issue("pro", Term::Permanent, "for ever").await.expect("issued").value;
    assert_eq!(license.validity.ends_at, None);
    world.check("the issues").await;
}

async fn a_command_on_a_revision_that_is_gone_is_refused_with_the_current_one(on: EngineName) {
    let world = World::new(on).await;
    let license = minted(&world).await;
    let suspended = world.command(&license, LicenseAction::Suspend).await.expect("it runs");
    let resume = LicenseAction::Resume { override_marketplace: false };
    let stale = MerchantCommand { if_revision: Some(suspended.revision - 1), ..command_of(&license) };
    let refused = world.ask(0, async |app| app.command_license(&stale, &resume).await).await;
    let current = suspended.revision;
    assert_eq!(refused.map(|license| license.value.id), Err(Refusal::RevisionConflict { current }));
    let fresh = MerchantCommand { if_revision: Some(current), ..command_of(&license) };
    world.ask(0, async |app| app.command_license(&fresh, &resume).await).await.expect("current");
    world.check("the resumption").await;
}

async fn a_command_on_a_revision_is_done_once_whatever_fails(on: EngineName) {
    ends_the_same_whatever_fails(on, minted_before, async |world: &World| {
        let license = world.license_of(ORDER).await;
        let issued = world.issue("pro", Term::Months(1), "other").await.expect("issued");
        let command = MerchantCommand {
            if_revision: Some(issued.revision),
            idempotency: Some(idempotency("suspend", "suspend")),
            ..command_of(&issued.value.id)
        };
        let suspended =
            world.ask(0, async |app| app.command_license(&command, &LicenseAction::Suspend).await).await;
        let held = suspended.expect("the same request again is answered again").value.holds;
        assert!(held.merchant.is_some() && world.license(&license).await.holds.is_empty());
        world.check("the suspension").await;
        world.publish().await;
    })
    .await;
}

async fn a_copy_of_a_machine_is_noticed_and_a_lost_answer_is_not_whatever_fails(on: EngineName) {
    ends_the_same_whatever_fails(on, minted_before, async |world: &World| {
        let license = world.license_of(ORDER).await;
        let activated = world.activate(&license, 1).await.expect("a place is free");
        let shown = || Credential::Certificate { generation: 1, enrolled: None };
        let own = world.renew_on(0, &license, &activated.activation, shown(), None, "own").await;
        let own = own.expect("renewed");
        let again = world.renew_on(0, &license, &activated.activation, shown(), None, "own").await;
        assert_eq!(again.expect("the answer was lost").certificate, own.certificate);
        let copy = world.renew_on(0, &license, &activated.activation, shown(), None, "copy").await;
        assert_eq!(copy, Err(Refusal::CloneSuspected));
        world.check("the copy").await;
        assert!(told(world, &license, EventKind::ActivationConflict).await >= 1);
        world.renew(&license, &activated.activation, 2).await.expect("the holder goes on");
    })
    .await;
}

async fn who_resumes_lifts_only_the_own_cause(on: EngineName) {
    let world = World::new(on).await;
    let license = minted(&world).await;
    for (by, other) in [(HoldBy::Merchant, HoldBy::Marketplace), (HoldBy::Marketplace, HoldBy::Merchant)] {
        stop(&world, &license, by).await;
        go_on(&world, &license, other).await;
        world.check("a resumption by the other").await;
        assert_eq!(world.license(&license).await.state(world.now()), LicenseState::Suspended);
        go_on(&world, &license, by).await;
        world.check("the resumption").await;
        assert_eq!(world.license(&license).await.state(world.now()), LicenseState::Active);
    }
}

async fn stop(world: &World, license: &LicenseId, by: HoldBy) {
    match by {
        HoldBy::Marketplace => {
            world.set_status(ORDER, InstanceStatus::Freeze).await;
        }
        HoldBy::Merchant => {
            world.command(license, LicenseAction::Suspend).await.expect("it runs");
        }
    }
}

async fn go_on(world: &World, license: &LicenseId, by: HoldBy) {
    match by {
        HoldBy::Marketplace => {
            world.set_status(ORDER, InstanceStatus::Unfreeze).await;
        }
        HoldBy::Merchant => {
            let resume = LicenseAction::Resume { override_marketplace: false };
            world.command(license, resume).await.expect("it runs");
        }
    }
}
