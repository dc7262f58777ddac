//! A queue that is really full: whoever is refused is told when to ask again, and finds nothing half done.

use std::future::Future as _;
use std::pin::pin;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex};
use std::task::{Context, Waker};

use lictor::http::HttpLimits;
use lictor::store::{
    Batch, CommitRequest, Direction, Engine, KeyRange, Kind, MemoryEngine, Prior, Record, RecordKey,
    RecordStore, StoreError,
};
use serde_json::json;

use crate::ground::{issue_by, kept, waits, year};
use crate::support::people::activate;
use crate::support::{Harness, World, acme};

/// Writes only while the test does not hold the gate.
struct Gated {
    inner: MemoryEngine,
    gate: Arc<Mutex<()>>,
    arrived: Sender<()>,
}

impl Engine for Gated {
    fn prepare(&self, keys: &[RecordKey]) -> Result<Prior, StoreError> {
        self.inner.prepare(keys)
    }

    fn get(&self, keys: &[RecordKey]) -> Result<Vec<Option<Record>>, StoreError> {
        self.inner.get(keys)
    }

    fn scan(
        &self,
        range: &KeyRange,
        direction: Direction,
        limit: usize,
    ) -> Result<Vec<(RecordKey, Record)>, StoreError> {
        self.inner.scan(range, direction, limit)
    }

    fn write(&self, batch: Batch) -> Result<(), StoreError> {
        let _ = self.arrived.send(());
        let _open = self.gate.lock().expect("no test panics while it holds it");
        self.inner.write(batch)
    }

    fn close(&self) -> Result<(), StoreError> {
        self.inner.close()
    }
}

fn filler(number: u8) -> CommitRequest {
    let key = RecordKey::new("acme", Kind::Escrow, [number]).expect("short");
    CommitRequest::new().index(key, *b"filler")
}

#[test]
fn a_full_queue_is_503_or_000005_and_the_same_request_succeeds_later() {
    let (memory, gate) = (MemoryEngine::new(), Arc::new(Mutex::new(())));
    let (arrived, at_gate) = channel();
    let engine = Gated { inner: memory.reopen(), gate: Arc::clone(&gate), arrived };
    let records = RecordStore::start_with_queue(engine, 1);
    let harness = Harness::start_on(World::new(), records.clone(), HttpLimits::default());
    harness.apply(&acme(&harness.world.sandbox));
    let (merchant, shop, anonymous) = (harness.merchant(), harness.storefront(), harness.anonymous());
    let sold = shop.buy(year()).expect("answers");
    harness.settle();
    let license_key = issue_by(&merchant).expect(201).text_at("/license_key");
    let instance = sold.answer.instance_id().to_owned();

    let held = gate.lock().expect("free");
    while at_gate.try_recv().is_ok() {}
    // One commit is under way, one waits, and there is no room for a third.
    let mut under_way = pin!(records.commit(filler(1)));
    let mut waiting = pin!(records.commit(filler(2)));
    let mut asked = Context::from_waker(Waker::noop());
    assert!(under_way.as_mut().poll(&mut asked).is_pending());
    at_gate.recv().expect("the first write comes to the gate");
    assert!(waiting.as_mut().poll(&mut asked).is_pending());

    let before = kept(&memory);
    let bought = shop.buy(year()).expect("answers");
    assert_eq!((bought.answer.status, bought.answer.result_code()), (200, "000005"));
    let frozen = shop.freeze(&instance).expect("answers");
    assert_eq!((frozen.status, frozen.result_code()), (200, "000005"));
    waits(activate(&anonymous, &license_key, 1, "n"));
    waits(issue_by(&merchant));
    let verdict = anonymous.post("/v1/validate", &json!({ "license_key": license_key })).expect(200);
    assert_eq!(verdict.at("/valid"), true, "reads do not wait for writes");
    assert_eq!(kept(&memory), before, "what is refused leaves no trace");

    drop(held);
    harness.block_on(under_way).expect("it was let in");
    harness.block_on(waiting).expect("it was let in");
    assert_eq!(kept(&memory).len(), before.len() + 2);
    assert_eq!(shop.deliver(&bought.order).expect("answers").result_code(), "000004");
    assert_eq!(shop.freeze(&instance).expect("answers").result_code(), "000000");
    activate(&anonymous, &license_key, 1, "n").expect(201);
    issue_by(&merchant).expect(201);
}
