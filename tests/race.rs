//! Machines race for places, over real HTTP, against the real binary and its store. In memory, which a process keeps for
//! itself, `tests/use_cases` says the same.

#[path = "postgres/mod.rs"]
mod cluster;
mod engines;
mod process;
#[path = "engines/site.rs"]
mod site;

use std::collections::BTreeSet;
use std::sync::Barrier;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use engines::{EngineName, for_engines};
use process::{Merchant, prove_count, start_sandbox};
use serde_json::{Value, json};
use site::site_on;

for_engines! { at_once [embedded postgres] {
    of_many_machines_that_race_for_the_last_place_exactly_one_gets_it,
    parallel_calls_of_one_machine_take_one_place,
} }

const PLACES: usize = 3;
const RACERS: usize = 64;

/// A machine of its own: three components that no other machine has.
fn machine(number: usize) -> Value {
    let commitment = |component: u8| {
        let mut bytes = [component; 16];
        bytes[..8].copy_from_slice(&number.to_be_bytes());
        URL_SAFE_NO_PAD.encode(bytes)
    };
    json!({ "components": { "os": commitment(1), "fw": commitment(2), "brd": commitment(3) } })
}

/// Asks for a place until the server decides: 503 means "not now".
fn activate(merchant: &Merchant, license_key: &str, number: usize, nonce: &str) -> (u16, Value) {
    let body = json!({
        "license_key": license_key,
        "machine": machine(number),
        "name": format!("machine {number}"),
        "nonce": nonce,
    });
    loop {
        let (status, answer) = merchant.post("/v1/activations", &body);
        if status != 503 {
            return (status, answer);
        }
    }
}

fn issue(merchant: &Merchant) -> (String, String) {
    let order = json!({ "product": "acme-cad", "spec": "cad-month", "quantity": 1 });
    let (status, license) = merchant.post("/v1/merchant/licenses", &order);
    assert_eq!(status, 201, "{license}");
    let id = license["id"].as_str().expect("it has one").to_owned();
    let key = merchant.reveal(&id)["license_key"].as_str().expect("revealed").to_owned();
    (id, key)
}

fn held(merchant: &Merchant, license: &str) -> BTreeSet<String> {
    let license = merchant.reveal(license);
    let activations = license["activations"].as_array().expect("a list").iter();
    let held = activations.filter(|activation| activation["ended_at"].is_null());
    held.map(|activation| activation["id"].as_str().expect("it has one").to_owned()).collect()
}

fn of_many_machines_that_race_for_the_last_place_exactly_one_gets_it(on: EngineName) {
    let rounds = prove_count(10);
    let sandbox = start_sandbox();
    let site = site_on(on, &sandbox.base_url());
    let server = site.start();
    let merchant = site.merchant();
    for round in 0..rounds {
        let (id, key) = issue(&merchant);
        for early in 0..PLACES - 1 {
            assert_eq!(activate(&merchant, &key, early, "early").0, 201);
        }
        let line = Barrier::new(RACERS);
        let answers: Vec<_> = std::thread::scope(|scope| {
            let race = |number: usize| {
                let (line, merchant, key) = (&line, merchant.clone(), &key);
                scope.spawn(move || {
                    line.wait();
                    activate(&merchant, key, PLACES + number, &format!("n{number}"))
                })
            };
            let racers: Vec<_> = (0..RACERS).map(race).collect();
            racers.into_iter().map(|racer| racer.join().expect("no racer fails")).collect()
        });
        let winners = answers.iter().filter(|(status, _)| *status == 201).count();
        assert_eq!(winners, 1, "round {round}");
        for (_, refused) in answers.iter().filter(|(status, _)| *status != 201) {
            assert_eq!(refused["code"], "machine_limit_reached", "round {round}: {refused}");
            assert_eq!(refused["next_action"], "release_a_machine");
        }
        assert_eq!(held(&merchant, &id).len(), PLACES, "round {round}");
    }
    server.stop();
}

fn parallel_calls_of_one_machine_take_one_place(on: EngineName) {
    let rounds = prove_count(10);
    let sandbox = start_sandbox();
    let site = site_on(on, &sandbox.base_url());
    let server = site.start();
    let merchant = site.merchant();
    for round in 0..rounds {
        let (id, key) = issue(&merchant);
        let line = Barrier::new(2);
        let answers: Vec<_> = std::thread::scope(|scope| {
            let call = |nonce: &'static str| {
                let (line, merchant, key) = (&line, merchant.clone(), &key);
                scope.spawn(move || {
                    line.wait();
                    activate(&merchant, key, 7, nonce)
                })
            };
            // Once the same request twice, once two requests of the same machine.
            let second = if round % 2 == 0 { "a" } else { "b" };
            [call("a"), call(second)].map(|call| call.join().expect("no call fails")).to_vec()
        });
        let ids: BTreeSet<_> =
            answers.iter().map(|(_, answer)| answer["activation_id"].as_str().expect("given")).collect();
        let statuses: BTreeSet<_> = answers.iter().map(|(status, _)| *status).collect();
        assert_eq!((ids.len(), statuses), (1, BTreeSet::from([200, 201])), "round {round}: {answers:?}");
        assert_eq!(held(&merchant, &id).len(), 1, "round {round}");
    }
    server.stop();
}
