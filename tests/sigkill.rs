//! The server is killed at random moments under 32 clients, and while it starts, rebuilds or stops: what it has
//! answered is there, once.

mod process;

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use process::clients::{Client, Heard, Moment, drive, findings};
use process::{Dice, Server, Site, prove_count};

const CLIENTS: usize = 32;

/// Kills of one store; then a new one, so that looking at everything after each kill stays quick.
const KILLS_PER_STORE: usize = 10;

/// Answers before a kill, at most.
const ANSWERS_MAX: usize = 150;

/// A start or a stop is killed within this time.
const START_MICROS_MAX: usize = 150_000;
const STOP_MICROS_MAX: usize = 20_000;

/// Under load, how the server ends.
fn ends(server: Server, dice: &mut Dice) {
    if dice.below(4) == 0 {
        server.terminate_and_kill(micros(dice, STOP_MICROS_MAX));
    } else {
        server.kill();
    }
}

fn micros(dice: &mut Dice, below: usize) -> Duration {
    Duration::from_micros(u64::try_from(dice.below(below)).expect("small"))
}

#[test]
fn what_the_server_has_answered_survives_every_kill() {
    let (kills, mut dice) = (prove_count(8), Dice::fresh());
    let (mut killed, mut in_starts, mut answers) = (0, 0, 0);
    while killed < kills {
        let site = Site::new("http://127.0.0.1:1");
        let data = site.folder.path().join("data");
        let launch = site.launch(&data);
        let nowhere = site.merchant_of("http://127.0.0.1:1");
        let mut clients: Vec<_> =
            (0..CLIENTS).map(|number| Client::new(number, dice.split(), nowhere.clone())).collect();
        let heard = Heard::default();
        for round in 0..KILLS_PER_STORE.min(kills - killed) {
            if round > 0 && dice.below(3) == 0 {
                // The index alone may be missing: the start that is killed is then one that rebuilds.
                if dice.below(2) == 0 {
                    std::fs::remove_dir_all(data.join("sled")).expect("removed");
                }
                Server::start_and_kill(&launch, micros(&mut dice, START_MICROS_MAX));
                in_starts += 1;
            }
            let server = Server::start(launch.clone());
            let merchant = site.merchant_of(server.url());
            findings(&merchant, &clients, Moment::now()).expect_none();
            for client in &mut clients {
                client.moves_to(merchant.clone());
            }
            under_load(server, &mut clients, &heard, &mut dice);
            killed += 1;
        }
        let server = Server::start(launch);
        let found = findings(&site.merchant_of(server.url()), &clients, Moment::now());
        found.expect_none();
        answers += found.answers;
        server.stop();
    }
    println!("{killed} kills under load and {in_starts} of starts, {answers} answers: 0 lost, 0 made twice");
}

fn under_load(server: Server, clients: &mut [Client], heard: &Heard, dice: &mut Dice) {
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let driving = scope.spawn(|| drive(clients, &stop, heard));
        heard.wait_for(heard.count() + 1 + dice.below(ANSWERS_MAX));
        ends(server, dice);
        stop.store(true, Ordering::SeqCst);
        driving.join().expect("every answer is one that was expected");
    });
}
