//! Many at once: one winner, exact counters, one moment per read, a bounded queue.

use lictor::store::{
    CommitError, CommitRequest, Direction, KeyRange, Kind, RecordKey, RecordStore, StoreError,
};

use crate::for_every_engine;
use crate::gate::gated;
use crate::ground::{ABSENT, Ground, body, counter, key, put_new};

for_every_engine!(
    of_parallel_commits_at_one_revision_exactly_one_wins,
    of_parallel_claims_exactly_one_wins,
    parallel_adders_lose_nothing_and_never_pass_the_bound,
    a_read_of_many_shows_one_moment,
    readers_lose_sight_of_nothing_while_records_are_carried_to_their_place,
    readers_do_not_see_what_is_not_durable_yet,
    a_full_queue_says_so_and_what_waits_is_made,
    a_closed_store_takes_no_commit,
    what_waits_at_the_close_is_made,
);

async fn of_parallel_commits_at_one_revision_exactly_one_wins(ground: &impl Ground) {
    let store = ground.open();
    let mut at = ABSENT;
    for round in 0..5 {
        let outcomes = all(&store, 32, |n| {
            CommitRequest::new().put(key("a"), at, 1, format!("{round}/{n}")).add(counter("won"), 1, 0, 1_000)
        })
        .await;
        let mut won = outcomes.into_iter().filter_map(Result::ok);
        at = won.next().expect("one wins").revisions[0];
        assert!(won.next().is_none(), "a second one won");
    }
    assert_eq!(store.get(&counter("won")).await.expect("a read").and_then(|c| c.counter()), Some(5));
}

async fn of_parallel_claims_exactly_one_wins(ground: &impl Ground) {
    let store = ground.open();
    for lapse in 0..5 {
        let outcomes = all(&store, 32, |_| {
            let (now_ms, until_ms) = (lapse * 100, lapse * 100 + 100);
            let claim =
                lictor::store::Primitive::Claim { key: key("n"), now_ms, until_ms, schema: 1, body: vec![] };
            CommitRequest::new().with(claim)
        })
        .await;
        assert_eq!(outcomes.into_iter().filter(Result::is_ok).count(), 1);
    }
}

async fn parallel_adders_lose_nothing_and_never_pass_the_bound(ground: &impl Ground) {
    let store = ground.open();
    let outcomes = all(&store, 64 * 8, |_| CommitRequest::new().add(counter("c"), 1, 0, 500)).await;
    let mut values: Vec<i64> =
        outcomes.iter().filter_map(|outcome| Some(outcome.as_ref().ok()?.counters[0])).collect();
    values.sort_unstable();
    assert_eq!(values, (1..=500).collect::<Vec<_>>());
    let refused = outcomes.iter().filter(|o| matches!(o, Err(CommitError::CounterBounds { value: 500, .. })));
    assert_eq!(refused.count(), 12);
}

/// Commits from 64 tasks at once.
async fn all(
    store: &RecordStore,
    count: usize,
    request: impl Fn(usize) -> CommitRequest,
) -> Vec<Result<lictor::store::CommitAnswer, CommitError>> {
    let commits: Vec<_> = (0..count)
        .map(|n| {
            let (store, request) = (store.clone(), request(n));
            tokio::spawn(async move { store.commit(request).await })
        })
        .collect();
    let mut outcomes = Vec::new();
    for commit in commits {
        outcomes.push(commit.await.expect("no panic"));
    }
    outcomes
}

async fn a_read_of_many_shows_one_moment(ground: &impl Ground) {
    let store = ground.open();
    let pair = [key("left"), key("right")];
    let both = |n: u32| {
        let body = n.to_le_bytes();
        CommitRequest::new().index(pair[0].clone(), body).index(pair[1].clone(), body)
    };
    store.commit(both(0)).await.expect("made");
    let writer = {
        let (store, requests) = (store.clone(), (1..200).map(both).collect::<Vec<_>>());
        std::thread::spawn(move || {
            crate::ground::run(async {
                for request in requests {
                    store.commit(request).await.expect("made");
                }
            });
        })
    };
    let range = KeyRange::kind("merchant", Kind::License).expect("short");
    while !writer.is_finished() {
        let read = store.get_many(&pair).await.expect("a read");
        let bodies: Vec<_> = read.into_iter().flatten().map(|record| record.body).collect();
        assert_eq!(bodies[0], bodies[1]);
        let scanned = store.scan(range.clone(), Direction::Forward, 10).await.expect("a scan");
        assert_eq!(scanned[0].1.body, scanned[1].1.body);
    }
    writer.join().expect("the writer saw no error");
}

/// What stands is read whatever is written around it; enough is written that it is moved meanwhile.
async fn readers_lose_sight_of_nothing_while_records_are_carried_to_their_place(ground: &impl Ground) {
    let store = ground.open();
    let standing: Vec<_> = (0..60).map(|n| key(&format!("{n:03}"))).collect();
    let put = |request: CommitRequest, key: &RecordKey| request.put(key.clone(), ABSENT, 1, vec![1; 300]);
    store.commit(standing.iter().fold(CommitRequest::new(), put)).await.expect("made");
    let writer = {
        let store = store.clone();
        std::thread::spawn(move || {
            crate::ground::run(async {
                for round in 0..20 {
                    for n in 0..60 {
                        let between = |part: u32| key(&format!("{n:03}/{part}"));
                        let request = (0..8).fold(CommitRequest::new(), |request, part| match round % 2 {
                            0 => request.index(between(part), vec![2; 700]),
                            _ => request.unindex(between(part)),
                        });
                        store.commit(request).await.expect("made");
                    }
                }
            });
        })
    };
    let range = KeyRange::kind("merchant", Kind::License).expect("short");
    while !writer.is_finished() {
        let read = store.get_many(&standing).await.expect("a read");
        assert!(read.iter().all(Option::is_some), "{read:?}");
        for direction in [Direction::Forward, Direction::Reverse] {
            let scanned = store.scan(range.clone(), direction, 1_000).await.expect("a scan");
            let mut keys: Vec<_> =
                scanned.into_iter().map(|(key, _)| key).filter(|key| standing.contains(key)).collect();
            keys.sort();
            assert_eq!(keys, standing, "{direction:?}");
        }
    }
    writer.join().expect("the writer saw no error");
}

fn spawn_put(store: &RecordStore, own: &str) -> tokio::task::JoinHandle<lictor::store::Revision> {
    let (store, own) = (store.clone(), own.to_owned());
    tokio::spawn(async move { put_new(&store, &own, "body").await })
}

async fn readers_do_not_see_what_is_not_durable_yet(ground: &impl Ground) {
    let (engine, gate) = gated(ground.engine());
    let store = RecordStore::start(engine);
    let commit = spawn_put(&store, "a");
    tokio::task::yield_now().await;
    gate.arrived.recv().expect("the write is under way");
    assert_eq!(body(&store, "a").await, None);
    gate.release.send(()).expect("the engine waits");
    commit.await.expect("made");
    assert_eq!(body(&store, "a").await.as_deref(), Some("body"));
}

async fn a_full_queue_says_so_and_what_waits_is_made(ground: &impl Ground) {
    let (engine, gate) = gated(ground.engine());
    let store = RecordStore::start_with_queue(engine, 3);
    let first = spawn_put(&store, "first");
    tokio::task::yield_now().await;
    gate.arrived.recv().expect("the first write is under way");
    let waiting = ["a", "b", "c"].map(|own| spawn_put(&store, own));
    tokio::task::yield_now().await;
    let one_more = store.commit(CommitRequest::new().put(key("d"), ABSENT, 1, "")).await;
    assert!(matches!(one_more, Err(CommitError::Full)), "{one_more:?}");
    drop(gate);
    first.await.expect("made");
    for commit in waiting {
        commit.await.expect("made");
    }
    assert_eq!(body(&store, "d").await, None);
}

async fn a_closed_store_takes_no_commit(ground: &impl Ground) {
    let store = ground.open();
    put_new(&store, "a", "").await;
    store.close().await.expect("closed");
    store.close().await.expect("closing twice is no mistake");
    let late = store.commit(CommitRequest::new().put(key("b"), ABSENT, 1, "")).await;
    assert!(matches!(late, Err(CommitError::Closed)), "{late:?}");
    assert!(matches!(store.get(&key("a")).await, Err(StoreError::Closed)));
    assert!(matches!(store.stopped().await, lictor::store::StoreState::Closed));
}

async fn what_waits_at_the_close_is_made(ground: &impl Ground) {
    let (engine, gate) = gated(ground.engine());
    let store = RecordStore::start(engine);
    let first = spawn_put(&store, "first");
    tokio::task::yield_now().await;
    gate.arrived.recv().expect("the first write is under way");
    let waiting = ["a", "b", "c"].map(|own| spawn_put(&store, own));
    tokio::task::yield_now().await;
    drop(gate);
    store.close().await.expect("closed");
    first.await.expect("made");
    for commit in waiting {
        commit.await.expect("made");
    }
    assert_eq!(body(&ground.open(), "c").await.as_deref(), Some("body"));
}
