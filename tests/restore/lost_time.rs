//! An hour is lost, twice, while 32 clients go on.

use std::time::Duration;

use license_client::Verdict;

use super::client::Client;
use super::load::{ROUND, at_once, back_up, flicker, restored, round, sell, service};
use super::process::prove_count;
use super::witness::{Witness, claims};

/// Clients whose licenses the backup knows.
const CLIENTS: usize = 32;
/// Those of them that take their place only in the lost hour.
const LATE: usize = 8;
/// Rounds of an hour.
const HOUR: usize = 5;
/// Changes in one instant, published one by one: `seq` runs ahead of the clock, by more than the
/// time until clients have asked for lists twice.
const BURST: usize = 160;

fn all_valid(verdicts: &[Verdict], when: &str) {
    for (number, verdict) in verdicts.iter().enumerate() {
        assert_eq!(verdict.code(), "valid", "client {number}, {when}: {verdict:?}");
    }
}

#[test]
fn an_hour_is_lost_and_32_clients_go_on_and_then_it_is_lost_again() {
    let (mut harness, witness) = (service(), Witness::default());
    let install = |number: usize, harness: &_| {
        let spec = if number.is_multiple_of(2) { "one-seat" } else { "three-seats" };
        Client::install(harness, &format!("client-{number}"), &sell(harness, spec, &witness).license_key)
    };
    let clients: Vec<Client> = (0..CLIENTS).map(|number| install(number, &harness)).collect();
    let (early, late) = clients.split_at(CLIENTS - LATE);
    for client in early {
        assert_eq!(client.paste(&witness).code(), "valid");
    }
    all_valid(&round(&harness, early, 4, &witness), "before the backup");

    let flickering = sell(&harness, "cad-year", &witness);

    // The backup is taken while everybody goes on.
    harness.world.clock.advance(ROUND);
    let backup = std::thread::scope(|scope| {
        let going_on = scope.spawn(|| at_once(&harness, early, 4, &witness));
        let backup = back_up(&harness, "backup");
        all_valid(&going_on.join().expect("nobody panics"), "during the backup");
        backup
    });

    for lost in (1..=prove_count(2)).map(|number| format!("hour {number}")) {
        // What happens now is lost: places are taken, leases renewed, licenses sold and revoked, lists published.
        for client in late {
            assert_eq!(client.paste(&witness).code(), "valid", "{lost}");
        }
        let stranger = install(CLIENTS, &harness);
        assert_eq!(stranger.paste(&witness).code(), "valid", "{lost}");
        for _ in 0..HOUR {
            all_valid(&round(&harness, &clients, 3, &witness), &lost);
        }
        flicker(&harness, &flickering, BURST);
        harness.world.clock.advance(Duration::from_secs(61));
        all_valid(&at_once(&harness, &clients, 0, &witness), &format!("{lost}, at its end"));

        let known: Vec<_> = late.iter().map(Client::certificate).collect();
        harness.world.clock.advance(Duration::from_secs(5));
        let restored = restored(harness, &backup);
        harness = restored.0;
        assert_eq!(
            restored.1.licenses,
            restored.1.licenses.max(CLIENTS as u64),
            "what was sold before is there"
        );

        // So soon after that a list that only follows the clock would be older than the one that they have.
        harness.world.clock.advance(Duration::from_secs(56));
        all_valid(&at_once(&harness, &clients, 3, &witness), &format!("after {lost}"));
        for _ in 0..3 {
            all_valid(&round(&harness, &clients, 3, &witness), &format!("after {lost}"));
        }
        // Places of the lost hour were taken anew, by the machines themselves.
        for (client, known) in late.iter().zip(known) {
            assert_ne!(claims(&client.certificate())["lic"]["act"], claims(&known)["lic"]["act"]);
        }
        // A license of the lost hour is not known any more; its software is told so when its lease is over.
        let told = stranger.maintain(&witness);
        assert!(matches!(told, Verdict::Malformed | Verdict::Expired(_)), "{told:?}");
        witness.is_content();
    }
    println!("{:?}", witness.counts());
}
