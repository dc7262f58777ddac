//! Every write fails once lost and once kept but reported lost: retrying with the same identity ends the same.

use lictor::store::{
    CommitAnswer, CommitError, CommitRequest, Fault, MemoryEngine, RecordStore, StoreError, StoreState,
};

use crate::ground::{key, put, run};

/// Commits until it is known to be made, opening the store again after a fault: what a caller's retry does.
async fn commit_at_last(memory: &MemoryEngine, store: &mut RecordStore, n: u64) {
    loop {
        match store.commit(put(n)).await {
            Ok(_) => return,
            Err(CommitError::Conflict { key: made }) => {
                assert_eq!(made, key(n), "made by the try before");
                return;
            }
            Err(CommitError::Unknown | CommitError::Closed) => *store = RecordStore::start(memory.reopen()),
            Err(other) => panic!("{other}"),
        }
    }
}

#[test]
fn whichever_write_fails_and_however_each_commit_is_made_exactly_once() {
    for fault in Fault::PAIR {
        for failing in 1..=6 {
            let memory = MemoryEngine::new();
            memory.fail_write(failing, fault);
            run(async {
                let mut store = RecordStore::start(memory.clone());
                for n in 0..6 {
                    commit_at_last(&memory, &mut store, n).await;
                }
            });
            let stored: Vec<_> = memory.records().into_iter().map(|(key, _)| key).collect();
            assert_eq!(stored, (0..6).map(key).collect::<Vec<_>>(), "write {failing} {fault:?}");
        }
    }
}

#[test]
fn after_a_failed_write_everyone_waiting_hears_unknown_and_nothing_is_acknowledged() {
    for fault in Fault::PAIR {
        let memory = MemoryEngine::new();
        memory.fail_write(1, fault);
        run(async {
            let store = RecordStore::start(memory.clone());
            let commits: Vec<_> = (0..100)
                .map(|n| {
                    let store = store.clone();
                    tokio::spawn(async move { store.commit(put(n)).await })
                })
                .collect();
            for commit in commits {
                let outcome = commit.await.expect("no panic");
                assert!(matches!(outcome, Err(CommitError::Unknown | CommitError::Closed)), "{outcome:?}");
            }
            assert!(matches!(store.stopped().await, StoreState::Failed(StoreError::Planned)));
            assert!(matches!(store.commit(put(1)).await, Err(CommitError::Closed)));
            assert!(matches!(store.get(&key(1)).await, Err(StoreError::Closed)));
        });
        assert_eq!(memory.records().is_empty(), fault == Fault::Lost);
    }
}

#[test]
fn a_batch_that_breaks_a_rule_is_noticed_by_the_memory_engine() {
    use lictor::store::{Kind, RecordKey, Revision};
    let below_zero = |own: &str| {
        let used = RecordKey::new("merchant", Kind::Quota, own).expect("short");
        CommitRequest::new().add(used, -1, -10, 10)
    };
    let outcome: Result<CommitAnswer, CommitError> = run(async {
        let store = RecordStore::start(MemoryEngine::new());
        let outcome = store.commit(below_zero("window")).await;
        assert!(matches!(store.stopped().await, StoreState::Failed(_)));
        outcome
    });
    assert!(matches!(outcome, Err(CommitError::Unknown)), "{outcome:?}");

    let instance = RecordKey::new("merchant", Kind::Instance, "market/1").expect("short");
    run(async {
        let store = RecordStore::start(MemoryEngine::new());
        let made = store.commit(CommitRequest::new().put(instance.clone(), Revision::ABSENT, 1, "one")).await;
        let at = made.expect("made").revisions[0];
        let elsewhere = store.commit(CommitRequest::new().put(instance, at, 1, "another")).await;
        assert!(matches!(elsewhere, Err(CommitError::Unknown)), "{elsewhere:?}");
    });
}
