//! The sealer: one chain without gaps, whoever seals and wherever it is cut off.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use lictor::application::App;
use lictor::application::ports::{Commit, Listing, Store, list};
use lictor::application::record::Versioned;
use lictor::domain::{Actor, AuditEvent, ChainBlock, EventId, EventKind, MerchantId, Subject, Unsealed};
use lictor::store::{Fault, MemoryEngine};
use lictor::workers::Workers;
use serde_json::json;

use super::{client, exported, found, keys, seal, verified};
use crate::engines::{EngineName, for_engines};
use crate::service::engine_on;
use crate::support::{Engine, Harness, World, acme};

fn id() -> MerchantId {
    MerchantId::parse("acme").expect("valid")
}

/// Writes events without a request: what is issued, in `count` licenses.
fn issue(harness: &Harness, count: usize) {
    let merchant = harness.merchant();
    for _ in 0..count {
        merchant
            .post("/v1/merchant/licenses", &json!({ "product": "acme-cad", "spec": "cad-year" }))
            .expect(201);
    }
}

/// Writes so many events in one commit.
fn write(harness: &Harness, count: u128) {
    let event = |number| AuditEvent {
        id: EventId::from_uuid(number),
        merchant: id(),
        subject: Subject::parse("channel/cad-koogallery").expect("valid"),
        at: harness.app.now(),
        actor: Actor::Server,
        kind: EventKind::CatalogChanged,
        detail: BTreeMap::new(),
    };
    let commit = (1..=count).map(event).fold(Commit::new(), Commit::set);
    harness.block_on(harness.store.commit(commit)).expect("the store works");
}

/// Every number of the chain with its event.
fn chain(harness: &Harness) -> Vec<(u64, String)> {
    let (mut chain, mut from) = (Vec::new(), 1);
    loop {
        let listing = Listing::ChainBlocks { merchant: id(), from };
        let store: &dyn Store = harness.store.as_ref();
        let page: Vec<Versioned<ChainBlock>> =
            harness.block_on(list(store, &listing, 100)).expect("readable");
        let Some(last) = page.last() else { return chain };
        from = last.value.last_seq() + 1;
        let entries = page.iter().flat_map(|block| &block.value.entries);
        chain.extend(entries.map(|entry| (entry.seq, entry.place.event.to_string())));
    }
}

/// Numbers without gaps, and no event twice.
fn is_one_chain(chain: &[(u64, String)]) {
    let numbers: Vec<u64> = chain.iter().map(|(seq, _)| *seq).collect();
    assert_eq!(numbers, (1..=u64::try_from(chain.len()).expect("few")).collect::<Vec<_>>());
    let events: BTreeSet<&String> = chain.iter().map(|(_, event)| event).collect();
    assert_eq!(events.len(), chain.len(), "an event has two places");
}

fn waiting(harness: &Harness) -> usize {
    let store: &dyn Store = harness.store.as_ref();
    let marks = harness.block_on(list::<Unsealed>(store, &Listing::UnsealedOf(id()), 1_000));
    marks.expect("readable").len()
}

for_engines! { at_once [memory embedded postgres] {
    events_get_their_numbers_in_order_and_a_head_that_verifies,
} }

mod race {
    use super::sealers_that_race_never_fork_the_chain;
    use crate::engines::for_engines;

    for_engines! { at_once [memory postgres] {
        sealers_that_race_never_fork_the_chain,
    } }
}

fn started(on: EngineName) -> Harness {
    let harness = Harness::start_in(World::new(), &engine_on(on));
    harness.apply(&acme(&harness.world.sandbox));
    harness
}

fn events_get_their_numbers_in_order_and_a_head_that_verifies(on: EngineName) {
    let harness = started(on);
    issue(&harness, 5);
    let client = client(&harness);
    is_one_chain(&chain(&harness));
    assert_eq!(found(&verified(&keys(&harness), &exported(&client), &[])), []);
    // What follows the chain sees the same, from any number on.
    let told = |after, limit| {
        let told = harness.block_on(harness.app.sealed_events(&id(), after, limit)).expect("readable");
        told.into_iter().map(|(seq, event)| (seq, event.id.to_string())).collect::<Vec<_>>()
    };
    let all = chain(&harness);
    assert_eq!(told(0, 1_000), all);
    assert_eq!(told(3, 2), all[3..5]);
    assert_eq!(told(u64::try_from(all.len()).expect("few"), 10), []);
    let kinds = harness.block_on(harness.app.sealed_events(&id(), 0, 1_000)).expect("readable");
    let issued = kinds.iter().filter(|(_, event)| event.kind.as_str() == "license.issued").count();
    assert_eq!(issued, 5);
    // Nothing is written while nothing waits.
    let before = waiting(&harness);
    assert_eq!((before, seal(&harness)), (0, 0));
}

/// Every process believes that it holds the lease: the head's revision alone decides.
fn sealers_that_race_never_fork_the_chain(on: EngineName) {
    let harness = started(on);
    let sealers: Vec<Arc<App>> = (0..3).map(|_| Arc::new(harness.another_worker(|calls| calls))).collect();
    let expected = on.times(120, 40);
    std::thread::scope(|scope| {
        scope.spawn(|| issue(&harness, expected));
        for (number, sealer) in (0_u64..).zip(&sealers) {
            let (harness, step) = (&harness, number + 2);
            scope.spawn(move || {
                for _ in 0..expected {
                    // The clock moves on, so that leases lapse all the time.
                    harness.world.clock.advance(std::time::Duration::from_secs(step));
                    harness.block_on(sealer.seal_events()).expect("it seals, or another does");
                }
            });
        }
    });
    harness.world.clock.advance(std::time::Duration::from_secs(60));
    seal(&harness);
    let chain = chain(&harness);
    is_one_chain(&chain);
    assert_eq!(waiting(&harness), 0);
    let client = client(&harness);
    let report = verified(&keys(&harness), &exported(&client), &[]);
    assert_eq!(found(&report), []);
    let issued = harness.block_on(harness.app.sealed_events(&id(), 0, 1_000)).expect("readable");
    let issued = issued.iter().filter(|(_, event)| event.kind.as_str() == "license.issued").count();
    assert_eq!(issued, expected);
}

#[test]
fn another_server_does_not_seal_while_one_does() {
    let harness = Harness::start();
    let other = harness.another_worker(|calls| calls);
    issue(&harness, 1);
    seal(&harness);
    issue(&harness, 1);
    let round = harness.block_on(other.seal_events()).expect("it looks");
    assert_eq!(round.sealed, 0, "the first one holds the lease");
    harness.world.clock.advance(std::time::Duration::from_secs(3));
    let round = harness.block_on(other.seal_events()).expect("it looks");
    assert!(round.sealed > 0, "the first one has said nothing for its lease");
}

/// Cut off at every write of a sealing, with and without the write: after the next start nothing is lost or sealed twice.
#[test]
fn a_sealing_that_is_cut_off_loses_nothing_and_seals_nothing_twice() {
    for fault in Fault::PAIR {
        for cut_at in 1..=4 {
            let memory = MemoryEngine::new();
            let harness = Harness::start_over(&memory);
            // More than one block.
            write(&harness, 300);
            let expected = waiting(&harness);
            memory.fail_write(cut_at, fault);
            let _cut_off = harness.block_on(harness.app.seal_events());
            let harness = harness.restarted(&Engine::Memory(memory.clone()));
            harness.world.clock.advance(std::time::Duration::from_secs(10));
            seal(&harness);
            let chain = chain(&harness);
            is_one_chain(&chain);
            assert_eq!((chain.len(), waiting(&harness)), (expected, 0), "{fault:?} at write {cut_at}");
        }
    }
}

#[test]
fn the_workers_seal_what_happens_without_being_asked() {
    let harness = Harness::start();
    harness.block_on(async {
        let workers = Workers::start(&harness.app);
        while harness.app.audit_stand(&id()).await.expect("readable").unsealed > 0 {
            tokio::task::yield_now().await;
        }
        workers.stop().await;
    });
    is_one_chain(&chain(&harness));
    assert!(!chain(&harness).is_empty(), "applying the catalog was told");
}
