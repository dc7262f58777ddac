//! What a customer reads over the life of a license: the real client, the real service, a year in seconds.

#[path = "customer_life/air_gap.rs"]
mod air_gap;
#[path = "customer_life/auto_deployment.rs"]
mod auto_deployment;
#[path = "postgres/mod.rs"]
mod cluster;
mod engines;
#[path = "customer_life/machines.rs"]
mod machines;
#[path = "customer_life/offline_usage.rs"]
mod offline_usage;
#[path = "engines/service.rs"]
mod service;
mod support;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use engines::{EngineName, for_engines};
use license_client::{Config, NextAction, check, maintain};
use lictor::application::ports::Clock;
use lictor::domain::Instant;
use lictor::sandbox::Storefront;
use lictor::sandbox::orders::{Basket, Billing, Period};
use serde_json::json;
use service::engine_on;
use support::api::{Answer, Api};
use support::people::{activate, command};
use support::{Harness, World, acme};

for_engines! { at_once [memory embedded postgres] {
    a_customer_who_pastes_once_pays_every_month_and_is_online_once_a_week_never_reads_a_refusal,
    a_cancelled_renewal_reaches_the_client_as_superseded_and_a_renewal_cures_it,
    a_leaked_key_reaches_the_client_as_superseded_and_the_new_key_works,
    suspension_resumption_and_revocation_reach_the_client,
    a_place_whose_lease_has_ended_is_taken_without_a_sweep_and_its_old_holder_is_refused,
    a_claim_code_typed_into_the_software_begins_a_license_that_waits_for_its_first_activation,
} }

const DAY: Duration = Duration::from_secs(86_400);
/// A port on which nobody answers: the client finds status lists, and nothing else.
const NOBODY: &str = "http://127.0.0.1:9";

fn opened(on: EngineName) -> Harness {
    let harness = Harness::start_in(World::new(), &engine_on(on));
    harness.apply(&acme(&harness.world.sandbox));
    harness
}

/// The customer's software, with the service's clock and a machine of its own.
fn software(harness: &Harness, folder: &Path, server: &str) -> Config {
    let keys = harness.anonymous().get("/v1/keysets/acme/jwks.json").expect(200).text;
    let clock = Arc::clone(&harness.world.clock);
    let components = || {
        use license_token::Component::{Brd, Fw, Os};
        [(Os, "os"), (Fw, "fw"), (Brd, "brd")].map(|(name, value)| (name, value.to_owned())).to_vec()
    };
    Config::new("acme-cad", "https://license.acme.example", &keys, folder)
        .expect("a valid configuration")
        .server(server)
        .clock(move || clock.now().timestamp())
        .boot_clock(|| license_client::Uptime { boot: "the only start".into(), secs: 0 })
        .environment(|_| None)
        .machine(components)
}

/// Somebody buys; the customer reads instance id, license id and license key.
fn buy(harness: &Harness, shop: &Storefront, basket: Basket) -> (String, String, String) {
    let purchase = shop.buy(basket).expect("the call is answered");
    assert_eq!(purchase.answer.result_code(), "000004");
    harness.settle();
    let again = shop.deliver(&purchase.order).expect("the call is answered");
    assert_eq!(again.result_code(), "000000");
    let instance = again.instance_id().to_owned();
    let found = harness.merchant().get(&format!("/v1/merchant/licenses?instance_id={instance}")).expect(200);
    let license = found.text_at("/items/0/id");
    let key = key_of(harness, &license);
    (instance, license, key)
}

fn key_of(harness: &Harness, license: &str) -> String {
    let shown = harness.merchant().get(&format!("/v1/merchant/licenses/{license}?reveal=true")).expect(200);
    shown.text_at("/license_key")
}

fn end_of(harness: &Harness, license: &str) -> Instant {
    let shown = harness.merchant().get(&format!("/v1/merchant/licenses/{license}")).expect(200);
    shown.text_at("/ends_at").parse().expect("an instant")
}

fn a_customer_who_pastes_once_pays_every_month_and_is_online_once_a_week_never_reads_a_refusal(
    on: EngineName,
) {
    let harness = opened(on);
    let shop = harness.storefront();
    let folder = tempfile::tempdir().expect("a folder");
    let (instance, license, key) =
        buy(&harness, &shop, Basket::of("CAD-MONTH", Billing::Period(Period::Months(1))));
    let config = software(&harness, folder.path(), &harness.url);
    assert_eq!(check(&config, Some(&key)).code(), "valid");
    let offline = software(&harness, folder.path(), NOBODY);
    let (mut renewals, mut day) = (0, 0);
    while renewals < 12 || harness.world.clock.now() < end_of(&harness, &license) - chrono::TimeDelta::days(1)
    {
        day += 1;
        harness.world.clock.advance(DAY);
        // Paid eight days before each end, so that a weekly hour online falls in between.
        let left = end_of(&harness, &license) - harness.world.clock.now();
        if renewals < 12 && left <= chrono::TimeDelta::days(8) {
            let renewed = shop.renew(&instance, Period::Months(1)).expect("the call is answered");
            assert_eq!(renewed.answer.result_code(), "000000");
            harness.settle();
            renewals += 1;
        }
        if day % 7 == 0 {
            let verdict = maintain(&config);
            assert!(verdict.is_granted(), "day {day}, online: {verdict:?}");
        }
        let verdict = check(&offline, None);
        assert!(verdict.is_granted(), "day {day}: {verdict:?}");
    }
    assert_eq!(renewals, 12);
    let shown = harness.merchant().get(&format!("/v1/merchant/licenses/{license}")).expect(200);
    assert_eq!(shown.at("/activations").as_array().map(Vec::len), Some(1), "one place, never another");
    assert!(
        check(&offline, Some(&key)).is_granted(),
        "the key that was pasted first still means this license"
    );
}

fn a_cancelled_renewal_reaches_the_client_as_superseded_and_a_renewal_cures_it(on: EngineName) {
    let harness = opened(on);
    let shop = harness.storefront();
    let folder = tempfile::tempdir().expect("a folder");
    let (instance, license, _) =
        buy(&harness, &shop, Basket::of("CAD-MONTH", Billing::Period(Period::Months(1))));
    let first_end = end_of(&harness, &license);
    harness.world.clock.advance(DAY);
    shop.renew(&instance, Period::Months(1)).expect("the call is answered");
    harness.settle();
    let config = software(&harness, folder.path(), &harness.url);
    assert_eq!(check(&config, Some(&key_of(&harness, &license))).code(), "valid");
    assert!(end_of(&harness, &license) > first_end);

    harness.world.clock.advance(DAY);
    let cancelled = shop.cancel_renewal(&instance).expect("the call is answered");
    assert_eq!(cancelled.answer.result_code(), "000000");
    harness.settle();
    assert_eq!(end_of(&harness, &license), first_end);
    harness.world.clock.advance(DAY);
    let only_lists = software(&harness, folder.path(), NOBODY);
    let verdict = maintain(&only_lists);
    assert_eq!(verdict.code(), "superseded", "{verdict:?}");
    assert!(matches!(verdict.next_action(), Some(NextAction::GoOnline | NextAction::PasteCurrentKey)));
    harness.world.clock.advance(DAY);
    let verdict = maintain(&config);
    let ends_at = verdict.granted().and_then(|license| license.ends_at);
    assert_eq!(ends_at, Some(first_end.timestamp()), "{verdict:?}");
}

fn a_leaked_key_reaches_the_client_as_superseded_and_the_new_key_works(on: EngineName) {
    let harness = opened(on);
    let shop = harness.storefront();
    let (honest, thief) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    let (_, license, leaked) =
        buy(&harness, &shop, Basket::of("CAD-YEAR", Billing::Period(Period::Years(1))));
    let config = software(&harness, honest.path(), &harness.url);
    assert_eq!(check(&config, Some(&leaked)).code(), "valid");
    harness.world.clock.advance(DAY);
    command(&harness, &license, "reissue", &json!({ "reason": "leaked" })).expect(200);
    harness.settle();
    let verdict = maintain(&config);
    assert_eq!(verdict.code(), "superseded", "{verdict:?}");
    let pirate = software(&harness, thief.path(), &harness.url);
    assert!(!check(&pirate, Some(&leaked)).is_granted(), "the leaked key makes no activation");
    harness.world.clock.advance(DAY);
    let verdict = check(&config, Some(&key_of(&harness, &license)));
    assert_eq!(verdict.code(), "valid", "{verdict:?}");
}

fn suspension_resumption_and_revocation_reach_the_client(on: EngineName) {
    let harness = opened(on);
    let shop = harness.storefront();
    let folder = tempfile::tempdir().expect("a folder");
    let (instance, license, key) =
        buy(&harness, &shop, Basket::of("CAD-YEAR", Billing::Period(Period::Years(1))));
    let config = software(&harness, folder.path(), &harness.url);
    let only_lists = software(&harness, folder.path(), NOBODY);
    assert_eq!(check(&config, Some(&key)).code(), "valid");
    let days_later = |config: &Config| {
        harness.settle();
        harness.world.clock.advance(DAY);
        maintain(config).code()
    };
    shop.freeze(&instance).expect("the call is answered");
    assert_eq!(days_later(&only_lists), "suspended");
    command(&harness, &license, "suspend", &json!({ "reason": "chargeback" })).expect(200);
    shop.unfreeze(&instance).expect("the call is answered");
    assert_eq!(days_later(&only_lists), "suspended", "the merchant's cause stays");
    command(&harness, &license, "resume", &json!({ "reason": "paid" })).expect(200);
    assert_eq!(days_later(&config), "valid");
    command(&harness, &license, "revoke", &json!({ "reason": "fraud" })).expect(200);
    assert_eq!(days_later(&only_lists), "revoked");
    assert_eq!(days_later(&config), "revoked");
    assert_eq!(check(&config, None).code(), "revoked");
    assert_eq!(check(&config, Some(&key)).code(), "revoked", "a new paste changes nothing");
}

fn a_place_whose_lease_has_ended_is_taken_without_a_sweep_and_its_old_holder_is_refused(on: EngineName) {
    let harness = opened(on);
    let shop = harness.storefront();
    let (_, _, key) = buy(&harness, &shop, Basket::of("CAD-YEAR", Billing::Period(Period::Years(1))));
    let customer = harness.anonymous();
    let holders: Vec<_> =
        (1..=3).map(|number| activate(&customer, &key, number, "taken").expect(201)).collect();
    activate(&customer, &key, 4, "too early").expect_problem(409, "machine_limit_reached");
    harness.world.clock.advance(DAY * 10);
    for holder in &holders[1..] {
        renew(&customer, holder, "in time").expect(200);
    }
    // The first holder's lease of 30 days ends; nothing sweeps, nobody settles.
    harness.world.clock.advance(DAY * 20 - Duration::from_secs(1));
    activate(&customer, &key, 4, "a second early").expect_problem(409, "machine_limit_reached");
    harness.world.clock.advance(Duration::from_secs(1));
    activate(&customer, &key, 4, "now").expect(201);
    renew(&customer, &holders[0], "late").expect_problem(409, "illegal_state");
    activate(&customer, &key, 1, "again").expect_problem(409, "machine_limit_reached");
    activate(&customer, &key, 2, "mine").expect(200);
}

fn renew(customer: &Api, holder: &Answer, nonce: &str) -> Answer {
    let body = json!({ "certificate": holder.text_at("/certificate"), "nonce": nonce });
    customer.post(&format!("/v1/activations/{}/renew", holder.text_at("/activation_id")), &body)
}

fn a_claim_code_typed_into_the_software_begins_a_license_that_waits_for_its_first_activation(on: EngineName) {
    let harness = opened(on);
    let later = "\n[[spec]]\nid = \"cad-later\"\nproduct = \"acme-cad\"\nterm = \"P1M\"\nstarts = \"first-activation\"\n\
        [[spec]]\nid = \"cad-service\"\nproduct = \"acme-cad\"\nterm = \"P1M\"\nstarts = \"acceptance\"\n";
    harness.apply(&(acme(&harness.world.sandbox) + later));
    let folder = tempfile::tempdir().expect("a folder");
    let config = software(&harness, folder.path(), &harness.url);
    let serviced = support::people::issue(&harness, "cad-service").text_at("/claim_code");
    assert_eq!(check(&config, Some(&serviced)).code(), "needs_key");
    let issued = support::people::issue(&harness, "cad-later");
    harness.world.clock.advance(100 * DAY);
    assert_eq!(check(&config, Some(&issued.text_at("/claim_code"))).code(), "valid");
    let end = end_of(&harness, &issued.text_at("/id"));
    assert_eq!(end, "2026-06-11T08:00:00Z".parse::<Instant>().expect("an instant"));
    let offline = software(&harness, folder.path(), NOBODY);
    assert_eq!(check(&offline, None).code(), "valid");
}
