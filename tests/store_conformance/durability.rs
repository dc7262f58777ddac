//! What was answered is there after a new start.

use lictor::store::{CommitRequest, Direction, KeyRange, RecordStore};

use crate::for_every_engine;
use crate::gate::gated;
use crate::ground::{ABSENT, Ground, conflict, counter, index, key, put_new};

for_every_engine!(a_new_start_finds_everything_as_it_was, a_store_dropped_without_a_close_is_found_again,);

async fn a_new_start_finds_everything_as_it_was(ground: &impl Ground) {
    let store = ground.open();
    let at = put_new(&store, "changed", "one").await;
    let gone = put_new(&store, "gone", "").await;
    let request = CommitRequest::new()
        .put(key("changed"), at, 2, "two")
        .delete(key("gone"), gone)
        .add(counter("c"), 7, 0, 9)
        .index(index("i"), "looked up");
    let answer = store.commit(request).await.expect("made");
    let before = store.scan(KeyRange::all(), Direction::Forward, 100).await.expect("a scan");
    store.close().await.expect("closed");

    let store = ground.open();
    let after = store.scan(KeyRange::all(), Direction::Forward, 100).await.expect("a scan");
    assert_eq!(after, before);
    assert_eq!(after.len(), 3);
    assert_eq!(
        conflict(store.commit(CommitRequest::new().put(key("changed"), at, 1, "")).await),
        key("changed")
    );
    let next =
        CommitRequest::new().put(key("changed"), answer.revisions[0], 2, "three").add(counter("c"), 2, 0, 9);
    assert_eq!(store.commit(next).await.expect("at its revision").counters, [9]);
}

async fn a_store_dropped_without_a_close_is_found_again(ground: &impl Ground) {
    let (engine, gate) = gated(ground.engine());
    let store = RecordStore::start(engine);
    gate.release.send(()).expect("the engine waits");
    put_new(&store, "a", "").await;
    drop(store);
    gate.closed.recv().expect("the engine is closed in the background");
    let store = ground.open();
    assert_eq!(conflict(store.commit(CommitRequest::new().put(key("a"), ABSENT, 1, "")).await), key("a"));
}
