//! Finding a license among many, beside showing one: over HTTP, the embedded store, one connection.

use std::time::{Duration, Instant};

use lictor::application::Filled;
use lictor::application::ports::{Change, Commit, Store as _};
use lictor::application::record::{Record, RecordKey};
use lictor::domain::{CustomerId, License, LicenseId, MerchantId};

use crate::shape::order;
use crate::support::api::Api;
use crate::support::{Engine, Harness, World, acme};

/// Licenses of one commit.
const PER_COMMIT: usize = 100;
/// Requests of each kind.
const REQUESTS: usize = 500;

/// Measures, and prints a table.
pub fn measure(licenses: usize) {
    let harness = Harness::start_in(World::new(), &Engine::Embedded);
    harness.apply(&acme(&harness.world.sandbox));
    let merchant = harness.merchant();
    let id = merchant.post("/v1/merchant/licenses", &order()).expect(201).text_at("/id");
    let begun = Instant::now();
    copies(&harness, &id, licenses);
    let written = begun.elapsed();
    let begun = Instant::now();
    harness.block_on(async { while harness.app.fill_index().await.expect("filled") == Filled::Some {} });
    eprintln!(
        "{licenses} licenses written in {written:.1?}, looked at by the filling of the index in {:.1?}",
        begun.elapsed()
    );
    let number = |turn: usize| turn * 7_919 % licenses;
    let show = timed(&merchant, |turn| format!("/{}", copy_id(number(turn))));
    println!("| request, {licenses} licenses | p50 | p99 | p50 to show |\n| --- | --- | --- | --- |");
    let row = |what: &str, (p50, p99): (Duration, Duration)| {
        println!("| {what} | {p50:.2?} | {p99:.2?} | {:.2} |", p50.as_secs_f64() / show.0.as_secs_f64());
    };
    row("show", show);
    row("q, a customer", timed(&merchant, |turn| format!("?q=k-{:07}", number(turn))));
    row("q, nobody", timed(&merchant, |turn| format!("?q=nobody{turn}")));
    row("customer", timed(&merchant, |turn| format!("?customer=K-{:07}", number(turn))));
    row("state=revoked, none", timed(&merchant, |_| "?state=revoked&product=acme-cad".to_owned()));
    row("a page of 50, no filter", timed(&merchant, |_| "?limit=50".to_owned()));
    row("a page of 50, state=active", timed(&merchant, |_| "?limit=50&state=active".to_owned()));
    row("q that all begin with, a page of 50", timed(&merchant, |_| "?limit=50&q=k-".to_owned()));
}

fn timed(merchant: &Api, path: impl Fn(usize) -> String) -> (Duration, Duration) {
    let mut times: Vec<_> = (0..REQUESTS)
        .map(|turn| {
            let asked = Instant::now();
            merchant.get(&format!("/v1/merchant/licenses{}", path(turn))).expect(200);
            asked.elapsed()
        })
        .collect();
    times.sort();
    (times[REQUESTS / 2], times[REQUESTS * 99 / 100])
}

fn copy_id(number: usize) -> LicenseId {
    LicenseId::from_uuid((0x0190_u128 << 112) + number as u128)
}

/// Copies of a license, each with a customer and a key of its own; nothing is signed.
fn copies(harness: &Harness, id: &str, count: usize) {
    let merchant = MerchantId::parse("acme").expect("a slug");
    let key = RecordKey::License(merchant, LicenseId::parse(id).expect("an id"));
    let found =
        harness.block_on(harness.store.load(&[key])).expect("readable").remove(0).expect("it is there");
    let Record::License(license) = found.value else { panic!("a license stands there") };
    let copy = |number: usize| License {
        id: copy_id(number),
        customer: Some(CustomerId::parse(&format!("K-{number:07}")).expect("an id")),
        license_key: format!("{}.{:020}", license.license_key, number * 7_919 % count),
        ..license.clone()
    };
    for first in (0..count).step_by(PER_COMMIT) {
        let mut commit = Commit::new();
        let numbers = first..(first + PER_COMMIT).min(count);
        commit.changes = numbers.map(|number| Change::Put(Record::License(copy(number)), 0)).collect();
        harness.block_on(harness.store.commit(commit)).expect("stored");
    }
}
