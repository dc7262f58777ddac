//! Moves under load: every answer that clients have heard stands at the new place, and nothing is there twice.

use std::sync::atomic::{AtomicBool, Ordering};

use lictor::store::DatabaseSource;
use serde_json::Value;

use crate::command::Move;
use crate::copies::{copied, database, folder, same};
use crate::postgres::Cluster;
use crate::process::clients::{Client, Heard, Moment, drive, findings};
use crate::process::{Dice, Merchant, Server, Site};

const CLIENTS: usize = 8;

/// Clients of a site, which remember what they were answered.
pub struct Load {
    clients: Vec<Client>,
    heard: Heard,
}

impl Load {
    pub fn of(merchant: &Merchant) -> Self {
        let mut dice = Dice::fresh();
        let client = |number| Client::new(number, dice.split(), merchant.clone());
        Self { clients: (0..CLIENTS).map(client).collect(), heard: Heard::default() }
    }

    /// From now on each asks one of these, in turn.
    pub fn ask(&mut self, merchants: &[Merchant]) {
        for (number, client) in self.clients.iter_mut().enumerate() {
            client.moves_to(merchants[number % merchants.len()].clone());
        }
    }

    /// Does the work once clients have heard so many answers more, while they go on for as long as they are answered.
    pub fn during<T>(&mut self, answers: usize, work: impl FnOnce() -> T) -> T {
        let (stop, heard) = (AtomicBool::new(false), &self.heard);
        let clients = &mut self.clients;
        std::thread::scope(|scope| {
            let driving = scope.spawn(|| drive(clients, &stop, heard));
            heard.wait_for(heard.count() + answers);
            let done = work();
            stop.store(true, Ordering::SeqCst);
            driving.join().expect("every answer is one");
            done
        })
    }

    /// What was answered is there, once.
    #[track_caller]
    pub fn finds_all(&self, merchant: &Merchant) {
        let found = findings(merchant, &self.clients, Moment::now());
        found.expect_none();
        assert!(found.answers > 100, "{found:?}");
    }
}

/// Nothing is answered any more but this, and people are told why.
#[track_caller]
fn turns_everything_away(merchant: &Merchant, words: &str) {
    for path in ["/readyz", "/v1/merchant/licenses"] {
        let (status, answer) = merchant.get(path);
        assert_eq!((status, &answer["code"]), (503, &Value::from("unavailable")), "{path}: {answer}");
        assert!(answer["reason"].as_str().is_some_and(|reason| reason.contains(words)), "{path}: {answer}");
    }
    let answer = merchant.agent.get(format!("{}/readyz", merchant.url)).call().expect("an answer");
    assert!(answer.headers().contains_key("retry-after"));
}

#[track_caller]
fn moved_whole(answer: &Value) {
    assert_eq!(answer["done"], "moved", "{answer}");
    assert_eq!(answer["hash_from"], answer["hash_to"], "{answer}");
    assert!(answer["changes_meanwhile"].as_u64().is_some_and(|changes| changes > 0), "{answer}");
    let counts = answer["counts"].as_array().expect("a list").iter();
    let sum: u64 = counts.map(|count| count["records"].as_u64().expect("a number")).sum();
    assert_eq!(answer["records"], sum, "{answer}");
    println!("{} records, stopped for {} ms", answer["records"], answer["stopped_millis"]);
}

#[test]
fn a_store_that_is_served_moves_to_a_database_and_back_and_nothing_that_was_answered_is_lost() {
    let site = Site::new("http://127.0.0.1:1");
    let (data, end) = (site.folder.path().join("data"), site.folder.path().join("end"));
    let middle = Cluster::shared().database();
    let address = site.folder.path().join("address");
    std::fs::write(&address, format!("{}\n", middle.address)).expect("written");
    let place = format!("file:{}", address.display());

    let old = site.start();
    let mut load = Load::of(&site.merchant());
    moved_whole(&load.during(150, || Move::of(&site, "embedded", &place).run().done()));
    turns_everything_away(&site.merchant(), "being moved");
    old.stop();
    let refused = Server::try_start(site.launch_here()).err().expect("the records are elsewhere");
    assert!(refused.code == Some(1) && refused.said.contains("were moved to"), "{refused:?}");
    let copy = site.folder.path().join("copy");
    copied(&data, &copy);
    same(&folder(&copy), &database(&middle.parsed()));

    let replica = |port| {
        let launch = site.launch_here().port(port).env("LICTOR_STORE", &place);
        Server::start(launch.env("LICTOR_PUBLIC_URL", &site.url()))
    };
    let replicas = [replica(site.port), replica(0)];
    let merchants: Vec<_> = replicas.iter().map(|server| site.merchant_of(server.url())).collect();
    load.ask(&merchants);
    load.finds_all(&merchants[1]);
    moved_whole(&load.during(150, || Move::of(&site, &place, &end).run().done()));
    merchants.iter().for_each(|merchant| turns_everything_away(merchant, "could not be done"));
    replicas.into_iter().for_each(Server::stop);
    let refused = Server::try_start(site.launch_here().env("LICTOR_STORE", &place)).err();
    assert!(refused.is_some_and(|refused| refused.said.contains("were moved to")));
    let again = Move::of(&site, &place, &end).run().done();
    assert_eq!(again["done"], "went_on", "a move that is repeated finds itself done");
    Move::of(&site, &place, &end).undo().run().refused(1, "has ended");

    // What was left behind is still what arrived.
    DatabaseSource::take_back(&middle.parsed()).expect("it is there");
    same(&database(&middle.parsed()), &folder(&end));
    let server = Server::start(site.launch(&end).port(site.port));
    load.ask(&[site.merchant()]);
    load.during(20, || ());
    load.finds_all(&site.merchant());
    server.stop();
}
