//! Each primitive: when it succeeds, when it is refused, and that a refusal leaves nothing behind.

use lictor::store::{CommitError, CommitRequest, Primitive, Revision};

use crate::for_every_engine;
use crate::ground::{ABSENT, Ground, body, conflict, counter, index, key, put_new};

for_every_engine!(
    a_commit_of_nothing_is_made,
    a_put_on_nothing_is_made_and_on_something_is_refused,
    a_put_at_the_revision_replaces_and_gives_a_new_revision,
    a_check_holds_or_refuses_the_whole_commit,
    a_delete_at_the_revision_removes_and_at_another_is_refused,
    a_revision_is_never_used_again,
    a_claim_holds_up_to_and_not_at_its_until,
    a_record_without_an_until_cannot_be_claimed,
    a_counter_starts_at_zero_and_stays_within_its_bounds,
    a_counter_does_not_wrap,
    a_counter_and_a_record_are_not_mixed_up,
    only_a_counter_at_zero_is_forgotten,
    index_writes_need_no_revision,
    a_refused_commit_leaves_nothing_behind,
    primitives_of_one_commit_see_each_other_in_order,
    the_answer_lists_revisions_and_counters_in_order,
);

async fn a_commit_of_nothing_is_made(ground: &impl Ground) {
    let answer = ground.open().commit(CommitRequest::new()).await.expect("nothing is refused");
    assert!(answer.revisions.is_empty() && answer.counters.is_empty());
}

async fn a_put_on_nothing_is_made_and_on_something_is_refused(ground: &impl Ground) {
    let store = ground.open();
    put_new(&store, "a", "first").await;
    let again = CommitRequest::new().put(key("a"), ABSENT, 1, "second");
    assert_eq!(conflict(store.commit(again).await), key("a"));
    assert_eq!(body(&store, "a").await.as_deref(), Some("first"));
}

async fn a_put_at_the_revision_replaces_and_gives_a_new_revision(ground: &impl Ground) {
    let store = ground.open();
    let first = put_new(&store, "a", "first").await;
    let answer =
        store.commit(CommitRequest::new().put(key("a"), first, 7, "second")).await.expect("at its revision");
    let record = store.get(&key("a")).await.expect("a read").expect("it is there");
    assert_eq!(
        (record.revision, record.schema, record.body.as_slice()),
        (answer.revisions[0], 7, &b"second"[..])
    );
    assert!(record.revision > first);
    assert_eq!(conflict(store.commit(CommitRequest::new().put(key("a"), first, 1, "third")).await), key("a"));
}

async fn a_check_holds_or_refuses_the_whole_commit(ground: &impl Ground) {
    let store = ground.open();
    let at = put_new(&store, "a", "").await;
    let checked = |revision| CommitRequest::new().check(key("a"), revision).add(counter("c"), 1, 0, 9);
    store.commit(checked(at)).await.expect("it stands at its revision");
    assert_eq!(conflict(store.commit(checked(ABSENT)).await), key("a"));
    assert_eq!(conflict(store.commit(CommitRequest::new().check(key("none"), at)).await), key("none"));
    store.commit(CommitRequest::new().check(key("none"), ABSENT)).await.expect("there is none");
    assert_eq!(store.get(&counter("c")).await.expect("a read").and_then(|c| c.counter()), Some(1));
}

async fn a_delete_at_the_revision_removes_and_at_another_is_refused(ground: &impl Ground) {
    let store = ground.open();
    let at = put_new(&store, "a", "").await;
    let other = Revision::from_number(at.number() + 1);
    assert_eq!(conflict(store.commit(CommitRequest::new().delete(key("a"), other)).await), key("a"));
    store.commit(CommitRequest::new().delete(key("a"), at)).await.expect("at its revision");
    assert_eq!(body(&store, "a").await, None);
    assert_eq!(conflict(store.commit(CommitRequest::new().delete(key("a"), at)).await), key("a"));
}

async fn a_revision_is_never_used_again(ground: &impl Ground) {
    let mut store = ground.open();
    let mut seen = Vec::new();
    for _ in 0..3 {
        let at = put_new(&store, "a", "same body").await;
        seen.push(at);
        store.commit(CommitRequest::new().delete(key("a"), at)).await.expect("at its revision");
        store.close().await.expect("closed");
        store = ground.open();
    }
    put_new(&store, "a", "same body").await;
    assert!(seen.windows(2).all(|pair| pair[0] < pair[1]), "{seen:?}");
    for old in seen {
        assert_eq!(
            conflict(store.commit(CommitRequest::new().put(key("a"), old, 1, "late")).await),
            key("a")
        );
    }
}

fn claim(now_ms: u64, until_ms: u64, body: &str) -> CommitRequest {
    let body = body.into();
    CommitRequest::new().with(Primitive::Claim { key: key("n"), now_ms, until_ms, schema: 1, body })
}

async fn a_claim_holds_up_to_and_not_at_its_until(ground: &impl Ground) {
    let store = ground.open();
    let first = store.commit(claim(100, 200, "one")).await.expect("nobody holds it");
    assert_eq!(conflict(store.commit(claim(199, 300, "two")).await), key("n"));
    let second = store.commit(claim(200, 300, "two")).await.expect("the claim has lapsed");
    assert!(first.revisions[0] < second.revisions[0]);
    let record = store.get(&key("n")).await.expect("a read").expect("it is there");
    assert_eq!((record.until_ms, record.body.as_slice()), (Some(300), &b"two"[..]));
}

async fn a_record_without_an_until_cannot_be_claimed(ground: &impl Ground) {
    let store = ground.open();
    put_new(&store, "n", "").await;
    assert_eq!(conflict(store.commit(claim(u64::MAX, u64::MAX, "two")).await), key("n"));
}

async fn a_counter_starts_at_zero_and_stays_within_its_bounds(ground: &impl Ground) {
    let store = ground.open();
    let add = |delta| CommitRequest::new().add(counter("c"), delta, 0, 10);
    assert_eq!(store.commit(add(10)).await.expect("at the bound").counters, [10]);
    match store.commit(add(1)).await {
        Err(CommitError::CounterBounds { key, value: 10 }) => assert_eq!(key, counter("c")),
        other => panic!("over the bound: {other:?}"),
    }
    assert_eq!(store.commit(add(-10)).await.expect("at the bound").counters, [0]);
    assert!(matches!(store.commit(add(-1)).await, Err(CommitError::CounterBounds { value: 0, .. })));
}

async fn a_counter_does_not_wrap(ground: &impl Ground) {
    let store = ground.open();
    let add = |delta| CommitRequest::new().add(counter("c"), delta, i64::MIN, i64::MAX);
    store.commit(add(i64::MAX)).await.expect("within i64");
    assert!(matches!(store.commit(add(1)).await, Err(CommitError::CounterBounds { value: i64::MAX, .. })));
}

async fn a_counter_and_a_record_are_not_mixed_up(ground: &impl Ground) {
    let store = ground.open();
    let record = put_new(&store, "a", "12345678").await;
    store.commit(CommitRequest::new().add(counter("c"), 1, 0, 9)).await.expect("within bounds");
    let at = store.get(&counter("c")).await.expect("a read").expect("it is there").revision;
    for mixed in [
        CommitRequest::new().add(key("a"), 1, 0, i64::MAX),
        CommitRequest::new().put(counter("c"), at, 1, "body"),
        CommitRequest::new().index(counter("c"), "body"),
        CommitRequest::new().put(key("new"), ABSENT, lictor::store::COUNTER_SCHEMA, "12345678"),
    ] {
        assert!(matches!(store.commit(mixed.clone()).await, Err(CommitError::Invalid { .. })), "{mixed:?}");
    }
    store
        .commit(CommitRequest::new().check(key("a"), record).delete(counter("c"), at))
        .await
        .expect("unchanged");
}

async fn only_a_counter_at_zero_is_forgotten(ground: &impl Ground) {
    let store = ground.open();
    store.commit(CommitRequest::new().add(counter("c"), 3, 0, 9)).await.expect("within its bounds");
    let forget = CommitRequest::new().unindex(counter("c"));
    assert!(matches!(store.commit(forget).await, Err(CommitError::Invalid { .. })), "it stands at 3");
    // Taken as it was read, or not at all.
    let taken = |of: i64| CommitRequest::new().add(counter("c"), -of, 0, 0).unindex(counter("c"));
    assert!(matches!(store.commit(taken(2)).await, Err(CommitError::CounterBounds { value: 3, .. })));
    store.commit(taken(3)).await.expect("it stands at 3");
    assert_eq!(store.get(&counter("c")).await.expect("a read"), None);
    let again = store.commit(CommitRequest::new().add(counter("c"), 2, 0, 9)).await;
    assert_eq!(again.expect("it starts at 0 again").counters, [2]);
}

async fn index_writes_need_no_revision(ground: &impl Ground) {
    let store = ground.open();
    for body in ["one", "two"] {
        store.commit(CommitRequest::new().index(index("i"), body)).await.expect("whatever stands there");
    }
    assert_eq!(store.get(&index("i")).await.expect("a read").expect("it is there").body, b"two");
    for _ in 0..2 {
        store.commit(CommitRequest::new().unindex(index("i"))).await.expect("whatever stands there");
    }
    assert_eq!(store.get(&index("i")).await.expect("a read"), None);
}

async fn a_refused_commit_leaves_nothing_behind(ground: &impl Ground) {
    let store = ground.open();
    let at = put_new(&store, "kept", "before").await;
    let all = CommitRequest::new()
        .put(key("new"), ABSENT, 1, "")
        .put(key("kept"), at, 1, "after")
        .add(counter("c"), 5, 0, 9)
        .index(index("i"), "")
        .with(Primitive::Claim { key: key("n"), now_ms: 1, until_ms: 2, schema: 1, body: vec![] })
        .check(key("none"), at);
    assert_eq!(conflict(store.commit(all).await), key("none"));
    assert_eq!(body(&store, "kept").await.as_deref(), Some("before"));
    let untouched = [key("new"), counter("c"), index("i"), key("n")];
    assert_eq!(store.get_many(&untouched).await.expect("a read"), [None, None, None, None]);
}

async fn primitives_of_one_commit_see_each_other_in_order(ground: &impl Ground) {
    let store = ground.open();
    let twice = CommitRequest::new().add(counter("c"), 3, 0, 5).add(counter("c"), 2, 0, 5);
    assert_eq!(store.commit(twice.clone()).await.expect("the sum is at the bound").counters, [3, 5]);
    assert!(matches!(store.commit(twice).await, Err(CommitError::CounterBounds { value: 5, .. })));
    let made_twice = CommitRequest::new().put(key("a"), ABSENT, 1, "").put(key("a"), ABSENT, 1, "");
    assert_eq!(conflict(store.commit(made_twice).await), key("a"));
    let gone = CommitRequest::new().index(index("i"), "").unindex(index("i"));
    store.commit(gone).await.expect("made");
    assert_eq!(store.get(&index("i")).await.expect("a read"), None);
}

async fn the_answer_lists_revisions_and_counters_in_order(ground: &impl Ground) {
    let store = ground.open();
    let request = CommitRequest::new()
        .add(counter("c"), 4, 0, 9)
        .put(key("b"), ABSENT, 1, "")
        .index(index("i"), "")
        .put(key("a"), ABSENT, 1, "")
        .add(counter("d"), 2, 0, 9);
    let answer = store.commit(request).await.expect("made");
    assert_eq!(answer.counters, [4, 2]);
    let records = store.get_many(&[key("b"), key("a")]).await.expect("a read");
    let stored: Vec<_> = records.into_iter().flatten().map(|record| record.revision).collect();
    assert_eq!(stored, answer.revisions);
}
