//! Several processes on one database, as far as the store goes: nobody wins twice, and a database that goes away and
//! comes back loses nothing that was answered.

#[path = "postgres/mod.rs"]
mod postgres;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use lictor::store::{
    CommitAnswer, CommitError, CommitRequest, KeyRange, Kind, PostgresEngine, Primitive, RecordKey,
    RecordStore, Revision, StoreError, StoreState,
};
use postgres::{Cluster, Database};

const ABSENT: Revision = Revision::ABSENT;

fn key(own: &str) -> RecordKey {
    RecordKey::new("merchant", Kind::License, own).expect("a short key")
}

fn counter(own: &str) -> RecordKey {
    RecordKey::new("merchant", Kind::Quota, own).expect("a short key")
}

fn replicas(database: &Database, count: usize) -> Vec<RecordStore> {
    let open = |_| RecordStore::start(PostgresEngine::open(&database.parsed()).expect("it opens"));
    (0..count).map(open).collect()
}

fn run<T>(test: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().expect("a runtime").block_on(test)
}

type Made = Result<CommitAnswer, CommitError>;

/// Commits through the replicas in turn, all at once.
async fn all(stores: &[RecordStore], count: usize, request: impl Fn(usize) -> CommitRequest) -> Vec<Made> {
    let commits: Vec<_> = (0..count)
        .map(|n| {
            let (store, request) = (stores[n % stores.len()].clone(), request(n));
            tokio::spawn(async move { store.commit(request).await })
        })
        .collect();
    let mut made = Vec::new();
    for commit in commits {
        made.push(commit.await.expect("no panic"));
    }
    made
}

#[test]
fn of_parallel_commits_at_one_revision_through_three_replicas_exactly_one_wins() {
    let stores = replicas(&Cluster::shared().database(), 3);
    run(async {
        let mut at = ABSENT;
        for round in 0..20 {
            let put = |n| {
                CommitRequest::new().put(key("a"), at, 1, format!("{round}/{n}")).add(
                    counter("won"),
                    1,
                    0,
                    99,
                )
            };
            let mut won = all(&stores, 48, put).await.into_iter().filter_map(Result::ok);
            let answer = won.next().expect("one wins");
            assert!(won.next().is_none(), "a second one won in round {round}");
            at = answer.revisions[0];
        }
        let won = stores[1].get(&counter("won")).await.expect("a read").and_then(|record| record.counter());
        assert_eq!(won, Some(20));
    });
}

#[test]
fn adders_through_three_replicas_lose_nothing_and_never_pass_the_bound() {
    let stores = replicas(&Cluster::shared().database(), 3);
    run(async {
        let made = all(&stores, 900, |_| CommitRequest::new().add(counter("c"), 1, 0, 700)).await;
        let mut values: Vec<i64> =
            made.iter().filter_map(|made| Some(made.as_ref().ok()?.counters[0])).collect();
        values.sort_unstable();
        assert_eq!(values, (1..=700).collect::<Vec<_>>());
        let refused =
            made.iter().filter(|made| matches!(made, Err(CommitError::CounterBounds { value: 700, .. })));
        assert_eq!(refused.count(), 200);
    });
}

/// What the lock is for: counted without one, the last place is sold more than once.
#[test]
fn counting_and_then_inserting_without_a_lock_passes_the_bound() {
    let cluster = Cluster::shared();
    let database = cluster.database();
    cluster.sql(&database.name, "create table place (id int primary key)");
    let most = 5;
    let barrier = std::sync::Barrier::new(8);
    let takes = |who: i32| {
        // Everybody has counted before anybody inserts: what a busy hour does now and then.
        let counted: i32 =
            cluster.sql(&database.name, "select count(*) from place").parse().expect("a number");
        barrier.wait();
        if counted < most {
            cluster.sql(&database.name, &format!("insert into place values ({who})"));
        }
    };
    std::thread::scope(|scope| {
        for who in 0..8 {
            scope.spawn(move || takes(who));
        }
    });
    let taken: i32 = cluster.sql(&database.name, "select count(*) from place").parse().expect("a number");
    assert!(taken > most, "{taken} of {most}: the negative test no longer shows anything");
}

/// Each of two commits is decided on the other's record not being there.
#[test]
fn what_is_checked_to_be_absent_stays_absent_until_the_commit() {
    let stores = replicas(&Cluster::shared().database(), 2);
    run(async {
        for round in 0..60 {
            let (left, right) = (key(&format!("{round}/left")), key(&format!("{round}/right")));
            let made = all(&stores, 2, |n| {
                let (mine, other) = if n == 0 { (&left, &right) } else { (&right, &left) };
                CommitRequest::new().check(other.clone(), ABSENT).put(mine.clone(), ABSENT, 1, "")
            })
            .await;
            assert_eq!(made.iter().filter(|made| made.is_ok()).count(), 1, "round {round}: {made:?}");
        }
    });
}

#[test]
fn revisions_of_two_replicas_never_meet() {
    let stores = replicas(&Cluster::shared().database(), 2);
    run(async {
        let made = all(&stores, 200, |n| CommitRequest::new().put(key(&n.to_string()), ABSENT, 1, "")).await;
        let mut revisions: Vec<_> = made.into_iter().map(|made| made.expect("made").revisions[0]).collect();
        revisions.sort_unstable();
        revisions.dedup();
        assert_eq!(revisions.len(), 200);
    });
}

#[test]
fn many_first_starts_at_once_make_one_schema() {
    let database = Cluster::shared().database();
    std::thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| PostgresEngine::open(&database.parsed()).expect("it opens"));
        }
    });
    let versions = Cluster::shared().sql(&database.name, "select version from lictor_schema where id = 1");
    assert_eq!(versions, lictor::store::SCHEMA_VERSION.to_string());
}

/// A database as programs of schema 1 made it.
fn of_schema_1() -> Database {
    let (cluster, database) = (Cluster::shared(), Cluster::shared().database());
    let made = concat!(
        "create table lictor_schema (id int primary key, version int not null, oldest_program int not null);",
        "insert into lictor_schema values (1, 1, 1);",
        include_str!("../migrations/0001_records.sql")
    );
    cluster.sql(&database.name, made);
    database
}

fn index_is_valid(database: &Database) -> bool {
    let valid = "select indisvalid from pg_index where indexrelid = to_regclass('lictor_records_until')";
    Cluster::shared().sql(&database.name, valid) == "t"
}

/// Writers of schema 1 go on all the while; two programs upgrade at once, and once more.
#[test]
fn a_database_of_schema_1_is_brought_up_beside_its_writers_by_two_at_once() {
    let (cluster, database) = (Cluster::shared(), of_schema_1());
    let (stop, begun) = (AtomicBool::new(false), std::sync::Barrier::new(3));
    let written = std::thread::scope(|scope| {
        let writers: Vec<_> = (0..2)
            .map(|writer| {
                let (stop, begun, database) = (&stop, &begun, &database);
                scope.spawn(move || {
                    let mut count = 0;
                    while !stop.load(Ordering::SeqCst) {
                        cluster.sql(
                            &database.name,
                            &format!(
                                "insert into lictor_records (merchant, key, revision, stored) \
                                 select 'old', convert_to({writer} || '/{count}/' || g, 'UTF8'), g, 'old' from generate_series(1, 50) g;\
                                 update lictor_records set stored = 'older' where merchant = 'old' and key = '{writer}/0/1'"
                            ),
                        );
                        count += 1;
                        if count == 3 {
                            begun.wait();
                        }
                    }
                    count
                })
            })
            .collect();
        begun.wait();
        let upgrades: Vec<_> = (0..2)
            .map(|_| scope.spawn(|| PostgresEngine::upgrade(&database.parsed()).expect("it is upgraded")))
            .collect();
        let mut from: Vec<u32> =
            upgrades.into_iter().map(|upgrade| upgrade.join().expect("no panic").0).collect();
        from.sort_unstable();
        stop.store(true, Ordering::SeqCst);
        assert_eq!(from.first(), Some(&1), "one of them did it");
        writers.into_iter().map(|writer| writer.join().expect("no writer fails")).sum::<usize>()
    });
    let newest = lictor::store::SCHEMA_VERSION;
    assert_eq!(PostgresEngine::upgrade(&database.parsed()).expect("nothing to do"), (newest, newest));
    assert!(index_is_valid(&database));
    let count = cluster.sql(&database.name, "select count(*) from lictor_records");
    assert_eq!(count, (written * 50).to_string());
    let oldest = cluster.sql(&database.name, "select oldest_program from lictor_schema where id = 1");
    assert_eq!(oldest, "1", "programs of schema 1 start on it too");
}

#[test]
fn an_upgrade_that_is_interrupted_is_taken_up_again() {
    let (cluster, database) = (Cluster::shared(), of_schema_1());
    let name = &database.name;
    // Somebody reads for a long time: the column waits, and writers do not wait behind it for long.
    let reader = cluster.hold(name, "select count(*) from lictor_records");
    std::thread::scope(|scope| {
        let upgrade = scope.spawn(|| PostgresEngine::upgrade(&database.parsed()));
        let waits = "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and query like 'alter table%' \
                     or query like '--%until%' and wait_event_type = 'Lock'";
        assert!((0..2_000).any(|_| cluster.sql(name, waits) != "0"), "it waits for the table");
        cluster.sql(name, "insert into lictor_records values ('m', 'k', 1, 's')");
        let ended = format!(
            "select pg_terminate_backend(pid) from pg_stat_activity where datname = '{name}' and application_name = 'lictor'"
        );
        cluster.sql("postgres", &ended);
        upgrade.join().expect("no panic").expect_err("its connection was cut");
    });
    assert_eq!(cluster.sql(name, "select version from lictor_schema where id = 1"), "1");
    drop(reader);
    // An index whose building was cut off is there, and of no use.
    let step = include_str!("../migrations/0002_lapses.sql");
    cluster.sql(name, &format!("{step}; update lictor_schema set version = 2 where id = 1"));
    let writer = cluster.hold(name, "insert into lictor_records values ('m', 'l', 1, 's')");
    let behind = include_str!("../migrations/0002_lapses_behind.sql");
    cluster.sql_fails(name, &format!("set statement_timeout = '300ms'; {behind}"));
    drop(writer);
    assert!(!index_is_valid(&database));
    PostgresEngine::upgrade(&database.parsed()).expect("it is built again");
    assert!(index_is_valid(&database));
}

/// Records of an older program have no note: only looking at each finds them.
#[test]
fn what_has_lapsed_is_found_without_a_look_at_the_rest() {
    let (cluster, database) = (Cluster::shared(), Cluster::shared().database());
    let store = replicas(&database, 1).remove(0);
    let nonce = |own: &str| RecordKey::new("merchant", Kind::Nonce, own).expect("a short key");
    let claim = |own: &str, now_ms, until_ms| {
        CommitRequest::new().with(Primitive::Claim {
            key: nonce(own),
            now_ms,
            until_ms,
            schema: 1,
            body: Vec::new(),
        })
    };
    let range = || KeyRange::kind("merchant", Kind::Nonce).expect("a range");
    let found = async |now_ms| {
        let page = store.lapsed(range(), now_ms, 10).await.expect("a read").expect("it is noted");
        page.into_iter().map(|(key, record)| (key, record.until_ms)).collect::<Vec<_>>()
    };
    run(async {
        for (own, until_ms) in [("a", 300), ("b", 100), ("c", 200)] {
            store.commit(claim(own, 0, until_ms)).await.expect("made");
        }
        store.commit(CommitRequest::new().put(key("for ever"), ABSENT, 1, "")).await.expect("made");
        assert_eq!(found(200).await, [(nonce("b"), Some(100)), (nonce("c"), Some(200))]);
        store.commit(claim("b", 150, 400)).await.expect("claimed anew");
        assert_eq!(found(200).await, [(nonce("c"), Some(200))]);
        cluster.sql(&database.name, "update lictor_records set until_ms = null where until_ms = 200");
        assert_eq!(found(200).await, []);
    });
}

#[test]
fn a_database_for_newer_programs_only_is_refused_and_one_that_is_merely_newer_is_not() {
    let (cluster, database) = (Cluster::shared(), Cluster::shared().database());
    drop(PostgresEngine::open(&database.parsed()).expect("it opens"));
    cluster.sql(&database.name, "update lictor_schema set version = 7 where id = 1");
    drop(PostgresEngine::open(&database.parsed()).expect("an older program runs beside a newer one"));
    cluster.sql(&database.name, "update lictor_schema set oldest_program = 7 where id = 1");
    let refused = PostgresEngine::open(&database.parsed()).err().expect("refused").to_string();
    assert!(refused.contains("needs a program of at least schema 7"), "{refused}");
}

#[test]
fn a_read_only_database_and_one_without_synchronous_commit_are_refused_with_the_next_step() {
    let (cluster, database) = (Cluster::shared(), Cluster::shared().database());
    let name = &database.name;
    cluster.sql("postgres", &format!("alter database {name} set synchronous_commit = off"));
    let refused = PostgresEngine::open(&database.parsed()).err().expect("refused").to_string();
    assert!(refused.contains("synchronous_commit is off"), "{refused}");
    cluster.sql("postgres", &format!("alter database {name} set synchronous_commit = on"));
    cluster.sql("postgres", &format!("alter database {name} set default_transaction_read_only = on"));
    let refused = PostgresEngine::open(&database.parsed()).err().expect("refused").to_string();
    assert!(refused.contains("does not allow writes") && refused.contains("name the primary"), "{refused}");
}

/// Every connection is cut again and again under load. What was answered is there, once; what was not may be tried again.
#[test]
fn connections_that_are_cut_lose_nothing_and_double_nothing() {
    let (cluster, database) = (Cluster::shared(), Cluster::shared().database());
    let stores = replicas(&database, 2);
    let acknowledged = Arc::new(AtomicI64::new(0));
    run(async {
        let writers: Vec<_> = (0..32_usize)
            .map(|writer| {
                let (store, acknowledged) = (stores[writer % 2].clone(), Arc::clone(&acknowledged));
                tokio::spawn(async move {
                    for n in 0..12 {
                        once(&store, &format!("{writer}/{n}")).await;
                        acknowledged.fetch_add(1, Ordering::Relaxed);
                    }
                })
            })
            .collect();
        let name = database.name.clone();
        let cutter = tokio::task::spawn_blocking(move || {
            for _ in 0..8 {
                let cut = format!(
                    "select pg_terminate_backend(pid) from pg_stat_activity where datname = '{name}' and pid <> pg_backend_pid()"
                );
                cluster.sql("postgres", &cut);
            }
        });
        for writer in writers {
            writer.await.expect("no panic");
        }
        cutter.await.expect("no panic");
        let counted = stores[0].get(&counter("made")).await;
        let counted = match counted {
            Err(StoreError::Unreachable { .. }) => stores[0].get(&counter("made")).await,
            told => told,
        };
        let made = counted.expect("a read").and_then(|record| record.counter());
        assert_eq!(made, Some(acknowledged.load(Ordering::Relaxed)), "each was made exactly once");
        assert_eq!(made, Some(32 * 12));
    });
}

/// Makes a record and counts it, in one commit, until somebody says that it is there.
async fn once(store: &RecordStore, own: &str) {
    loop {
        let request = CommitRequest::new().put(key(own), ABSENT, 1, "").add(counter("made"), 1, 0, i64::MAX);
        match store.commit(request).await {
            // Made now, or by the try before, whose answer was lost.
            Ok(_) | Err(CommitError::Conflict { .. }) => return,
            Err(CommitError::Unknown | CommitError::Storage(_)) => {}
            Err(other) => panic!("{other}"),
        }
    }
}

#[test]
fn a_server_that_is_gone_is_told_and_the_store_goes_on_when_it_is_back() {
    let cluster = Cluster::start(&[]);
    let database = cluster.database();
    let stores = replicas(&database, 1);
    let store = &stores[0];
    run(async {
        let put = |own: &str| CommitRequest::new().put(key(own), ABSENT, 1, "");
        store.commit(put("before")).await.expect("made");
        cluster.stop();
        let refused = store.commit(put("meanwhile")).await;
        assert!(matches!(refused, Err(CommitError::Storage(_) | CommitError::Unknown)), "{refused:?}");
        assert!(matches!(store.get(&key("before")).await, Err(StoreError::Unreachable { .. })));
        cluster.start_again();
        once(store, "after").await;
        assert!(store.get(&key("before")).await.expect("a read").is_some());
        store.close().await.expect("closed");
        assert!(matches!(store.stopped().await, StoreState::Closed));
    });
}

/// Engines that count how often they continue, the first `failures` times in vain.
fn continued_by(
    database: &Database,
    count: usize,
    failures: i64,
    turns: &Arc<AtomicI64>,
) -> Vec<RecordStore> {
    let open = |_| {
        let turns = Arc::clone(turns);
        let engine = PostgresEngine::open(&database.parsed()).expect("it opens");
        RecordStore::start(engine.continued_by(Box::new(move |_| {
            let turn = turns.fetch_add(1, Ordering::SeqCst);
            if turn < failures {
                Err(StoreError::Unreachable { doing: "continuing", why: "a test wants it".to_owned() })
            } else {
                Ok(())
            }
        })))
    };
    (0..count).map(open).collect()
}

fn revisions(made: Vec<Made>) -> Vec<Revision> {
    made.into_iter().map(|made| made.expect("made").revisions[0]).collect()
}

#[test]
fn a_database_that_was_taken_back_is_continued_once_and_no_revision_of_before_comes_again() {
    let (database, turns) = (Cluster::shared().database(), Arc::default());
    let stores = continued_by(&database, 3, 0, &turns);
    let put =
        |name: &'static str| move |n| CommitRequest::new().put(key(&format!("{name}/{n}")), ABSENT, 1, "");
    run(async {
        let mut newest = revisions(all(&stores, 30, put("first")).await).into_iter().max();
        for (round, name) in ["second", "third"].into_iter().enumerate() {
            PostgresEngine::say_recovered(&database.parsed()).expect("noted");
            let made = revisions(all(&stores, 90, put(name)).await);
            assert!(made.iter().min() > newest.as_ref(), "{name}");
            newest = made.into_iter().max();
            assert_eq!(turns.load(Ordering::SeqCst), round as i64 + 1, "one of three, once");
            assert!(stores.iter().all(|store| store.promotions() == round as u64 + 1), "and each knows");
        }
    });
}

#[test]
fn a_continuation_that_fails_is_done_again_before_anything_is_written() {
    let (database, turns) = (Cluster::shared().database(), Arc::default());
    let stores = continued_by(&database, 1, 1, &turns);
    run(async {
        stores[0].commit(CommitRequest::new().put(key("before"), ABSENT, 1, "")).await.expect("made");
        PostgresEngine::say_recovered(&database.parsed()).expect("noted");
        let put = || CommitRequest::new().put(key("after"), ABSENT, 1, "");
        let refused = stores[0].commit(put()).await;
        assert!(matches!(refused, Err(CommitError::Storage(StoreError::Unreachable { .. }))), "{refused:?}");
        stores[0].commit(put()).await.expect("the second turn");
        assert_eq!(turns.load(Ordering::SeqCst), 2);
    });
}

#[test]
fn who_cannot_continue_a_store_neither_reads_nor_writes_it_until_somebody_has() {
    let (database, turns) = (Cluster::shared().database(), Arc::default());
    let able = continued_by(&database, 1, 0, &turns);
    let unable = replicas(&database, 1);
    run(async {
        PostgresEngine::say_recovered(&database.parsed()).expect("noted");
        let put = |own| CommitRequest::new().put(key(own), ABSENT, 1, "");
        let refused = unable[0].commit(put("a")).await;
        assert!(matches!(refused, Err(CommitError::Storage(StoreError::Promoted))), "{refused:?}");
        assert!(matches!(unable[0].get(&key("a")).await, Err(StoreError::Promoted)));
        assert!(able[0].get(&key("a")).await.expect("continued, then read").is_none());
        unable[0].commit(put("a")).await.expect("it goes on");
        assert_eq!(turns.load(Ordering::SeqCst), 1);
    });
}
