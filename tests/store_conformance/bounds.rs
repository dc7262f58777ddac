//! The greatest that fits is made; one more is refused before anything is written.

use lictor::store::{
    BODY_BYTES_MAX, CommitError, CommitRequest, KEY_BYTES_MAX, Kind, PRIMITIVES_PER_COMMIT_MAX, RecordKey,
};

use crate::for_every_engine;
use crate::ground::{ABSENT, Ground, counter, key};

for_every_engine!(
    the_longest_key_and_body_are_kept_and_a_longer_body_is_refused,
    the_largest_commit_is_made_and_one_primitive_more_is_refused,
    a_commit_of_too_many_bytes_is_refused,
    many_large_commits_at_once_are_all_made,
);

async fn the_longest_key_and_body_are_kept_and_a_longer_body_is_refused(ground: &impl Ground) {
    let store = ground.open();
    let own = "x".repeat(KEY_BYTES_MAX - "m".len() - 1 - 3);
    let longest = RecordKey::new("m", Kind::License, own).expect("at the bound");
    let body = vec![0xa5; BODY_BYTES_MAX];
    store
        .commit(CommitRequest::new().put(longest.clone(), ABSENT, 1, body.clone()))
        .await
        .expect("at the bound");
    store.close().await.expect("closed");
    let store = ground.open();
    assert_eq!(store.get(&longest).await.expect("a read").expect("it is there").body, body);
    let longer = CommitRequest::new().put(key("a"), ABSENT, 1, vec![0; BODY_BYTES_MAX + 1]);
    assert!(matches!(store.commit(longer).await, Err(CommitError::Invalid { .. })));
}

async fn the_largest_commit_is_made_and_one_primitive_more_is_refused(ground: &impl Ground) {
    let store = ground.open();
    let mut request = CommitRequest::new();
    for n in 1..PRIMITIVES_PER_COMMIT_MAX {
        request = request.put(key(&n.to_string()), ABSENT, 1, "body");
    }
    let largest = request.add(counter("c"), 1, 0, 1);
    let larger = largest.clone().add(counter("d"), 1, 0, 1);
    assert!(matches!(store.commit(larger).await, Err(CommitError::Invalid { .. })));
    let answer = store.commit(largest).await.expect("at the bound");
    assert_eq!(answer.revisions.len(), PRIMITIVES_PER_COMMIT_MAX - 1);
}

async fn a_commit_of_too_many_bytes_is_refused(ground: &impl Ground) {
    let store = ground.open();
    let of = |bodies: usize| {
        (0..bodies).fold(CommitRequest::new(), |request, n| {
            request.put(key(&n.to_string()), ABSENT, 1, vec![0; BODY_BYTES_MAX])
        })
    };
    assert!(matches!(store.commit(of(8)).await, Err(CommitError::Invalid { .. })));
    store.commit(of(7)).await.expect("under 2 MiB");
}

async fn many_large_commits_at_once_are_all_made(ground: &impl Ground) {
    let store = ground.open();
    let mut commits = Vec::new();
    for n in 0..12 {
        let mut request = CommitRequest::new();
        for part in 0..4 {
            request = request.put(key(&format!("{n}/{part}")), ABSENT, 1, vec![n; BODY_BYTES_MAX]);
        }
        let store = store.clone();
        commits.push(tokio::spawn(async move { store.commit(request).await }));
    }
    for commit in commits {
        commit.await.expect("no panic").expect("made");
    }
}
