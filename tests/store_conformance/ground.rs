//! What the suite stands on: a store that can be opened again, once per engine.

use lictor::store::{
    CommitError, CommitRequest, EmbeddedEngine, Engine, Kind, MemoryEngine, PostgresEngine, RecordKey,
    RecordStore, Revision,
};

use crate::postgres::{Cluster, Database};

/// One engine's state, living longer than a store on it.
pub trait Ground {
    fn fresh() -> Self;
    /// Opens what is there, as a new start of the program would.
    fn engine(&self) -> Box<dyn Engine>;
    fn open(&self) -> RecordStore {
        RecordStore::start(self.engine())
    }
}

pub struct Memory(MemoryEngine);

impl Ground for Memory {
    fn fresh() -> Self {
        Self(MemoryEngine::new())
    }

    fn engine(&self) -> Box<dyn Engine> {
        Box::new(self.0.reopen())
    }
}

pub struct Embedded(tempfile::TempDir);

impl Ground for Embedded {
    fn fresh() -> Self {
        Self(tempfile::tempdir().expect("a temporary folder"))
    }

    fn engine(&self) -> Box<dyn Engine> {
        let folder = self.0.path();
        let opened = if EmbeddedEngine::exists(folder) {
            EmbeddedEngine::open(folder)
        } else {
            EmbeddedEngine::create(folder)
        };
        Box::new(opened.expect("the store opens"))
    }
}

pub struct Postgres(Database);

impl Ground for Postgres {
    fn fresh() -> Self {
        Self(Cluster::shared().database())
    }

    fn engine(&self) -> Box<dyn Engine> {
        Box::new(PostgresEngine::open(&self.0.parsed()).expect("the store opens"))
    }
}

/// Runs each test once per engine.
#[macro_export]
macro_rules! for_every_engine {
    ($($test:ident),+ $(,)?) => {
        mod memory {
            $(#[test] fn $test() {
                $crate::ground::run(super::$test(&<$crate::ground::Memory as $crate::ground::Ground>::fresh()));
            })+
        }
        mod embedded {
            $(#[test] fn $test() {
                $crate::ground::run(super::$test(&<$crate::ground::Embedded as $crate::ground::Ground>::fresh()));
            })+
        }
        mod postgres {
            $(#[test] fn $test() {
                $crate::ground::run(super::$test(&<$crate::ground::Postgres as $crate::ground::Ground>::fresh()));
            })+
        }
    };
}

pub fn run(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(test);
}

pub fn key(own: &str) -> RecordKey {
    RecordKey::new("merchant", Kind::License, own).expect("a short key")
}

pub fn counter(own: &str) -> RecordKey {
    RecordKey::new("merchant", Kind::Quota, own).expect("a short key")
}

pub fn index(own: &str) -> RecordKey {
    RecordKey::new("merchant", Kind::Index, own).expect("a short key")
}

pub const ABSENT: Revision = Revision::ABSENT;

/// Puts a record where none is; returns its revision.
pub async fn put_new(store: &RecordStore, own: &str, body: &str) -> Revision {
    let request = CommitRequest::new().put(key(own), ABSENT, 1, body);
    store.commit(request).await.expect("nothing stands there").revisions[0]
}

pub async fn body(store: &RecordStore, own: &str) -> Option<String> {
    let record = store.get(&key(own)).await.expect("a read");
    record.map(|record| String::from_utf8(record.body).expect("text"))
}

/// The key that a refusal names.
#[track_caller]
pub fn conflict(refused: Result<lictor::store::CommitAnswer, CommitError>) -> RecordKey {
    match refused {
        Err(CommitError::Conflict { key }) => key,
        other => panic!("not a conflict: {other:?}"),
    }
}
