//! Stores with records of every kind, and what they hold.

use std::path::Path;
use std::sync::Arc;

use lictor::store::{
    CommitRequest, DatabaseAddress, Direction, EmbeddedEngine, EmbeddedFiles, Engine, KeyRange, Kind,
    PostgresEngine, Primitive, Record, RecordKey, RecordStore, Revision,
};
use tokio::runtime::Runtime;

use crate::shape::Shape;

pub fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime")
}

/// Commits at once.
const CLIENTS: u64 = 64;

/// A closed store with so many licenses, and beside them records of every kind: with and without an end, empty and large,
/// changed and removed again, counters below and above zero.
pub fn filled(folder: &Path, licenses: u64) {
    let (runtime, shape) = (runtime(), Arc::new(Shape::learn()));
    let store = RecordStore::start(EmbeddedEngine::create(folder).expect("an empty folder"));
    runtime.block_on(async {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|client| {
                let (store, shape) = (store.clone(), Arc::clone(&shape));
                tokio::spawn(async move {
                    for license in (client..licenses).step_by(64) {
                        store.commit(sold(&shape, license)).await.expect("a new license");
                    }
                })
            })
            .collect();
        for client in clients {
            client.await.expect("no panic");
        }
        every_kind(&store).await;
        store.close().await.expect("closed");
    });
}

/// What issuing a license writes, and what its purchase writes beside it.
fn sold(shape: &Shape, license: u64) -> CommitRequest {
    let own = |kind: &str| format!("koogallery/{kind}-{license:020}");
    let mut request = shape.nth(license);
    for (kind, own, bytes) in [(Kind::Purchase, own("order"), 600), (Kind::Instance, own("instance"), 90)] {
        request = request.put(key("acme", kind, own), Revision::ABSENT, 1, vec![b'p'; bytes]);
    }
    request.primitives.push(index("acme", Kind::Index, own("customer").as_bytes()));
    request
}

pub fn key(merchant: &str, kind: Kind, own: impl AsRef<[u8]>) -> RecordKey {
    RecordKey::new(merchant, kind, own).expect("a short key")
}

async fn every_kind(store: &RecordStore) {
    for (number, kind) in (0_usize..).zip(Kind::ALL) {
        for merchant in ["", "acme", "zeta \u{e9}"] {
            let own = [&[0, 0xff, u8::try_from(number).expect("few")][..], merchant.as_bytes()].concat();
            let counter = [&own[..], b"counter"].concat();
            let until_ms = [None, Some(0), Some(u64::MAX)][number % 3];
            let body = vec![u8::try_from(number).expect("few"); [0, 1, 70_000][number % 3]];
            let put = Primitive::Put {
                key: key(merchant, kind, &own),
                revision: Revision::ABSENT,
                schema: 7,
                body,
                until_ms,
            };
            let added = Primitive::Add { key: key(merchant, kind, counter), delta: 5, min: -9, max: 9 };
            let primitives = vec![put, added, index(merchant, kind, b"gone"), index(merchant, kind, b"new")];
            store
                .commit(CommitRequest { primitives, ..CommitRequest::default() })
                .await
                .expect("new records");
            let gone = Primitive::Unindex { key: key(merchant, kind, b"gone") };
            let primitives = vec![gone, index(merchant, kind, b"new")];
            store
                .commit(CommitRequest { primitives, ..CommitRequest::default() })
                .await
                .expect("they are there");
        }
    }
}

fn index(merchant: &str, kind: Kind, own: &[u8]) -> Primitive {
    Primitive::Index { key: key(merchant, kind, own), schema: 1, body: b"index".to_vec(), until_ms: None }
}

/// What an engine holds, page by page.
pub struct Pages<'a> {
    engine: &'a dyn Engine,
    rest: KeyRange,
    page: std::vec::IntoIter<(RecordKey, Record)>,
}

impl<'a> Pages<'a> {
    pub fn of(engine: &'a dyn Engine) -> Self {
        Self { engine, rest: KeyRange::all(), page: Vec::new().into_iter() }
    }
}

impl Iterator for Pages<'_> {
    type Item = (RecordKey, Record);

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(next) = self.page.next() {
            return Some(next);
        }
        let page = self.engine.scan(&self.rest, Direction::Forward, 1_000).expect("readable");
        self.rest = self.rest.clone().after(&page.last()?.0);
        self.page = page.into_iter();
        self.page.next()
    }
}

/// Both hold the same records at the same revisions; how many.
#[track_caller]
pub fn same(one: &dyn Engine, other: &dyn Engine) -> usize {
    let (mut left, mut right, mut count) = (Pages::of(one), Pages::of(other), 0);
    loop {
        match (left.next(), right.next()) {
            (None, None) => return count,
            (left, right) => assert_eq!(left, right, "record {count}"),
        }
        count += 1;
    }
}

/// Everything in a store that is closed afterwards.
pub fn all(engine: &dyn Engine) -> Vec<(RecordKey, Record)> {
    let all = Pages::of(engine).collect();
    engine.close().expect("closed");
    all
}

pub fn folder(path: &Path) -> EmbeddedEngine {
    EmbeddedEngine::open(path).expect("a store")
}

pub fn database(address: &DatabaseAddress) -> PostgresEngine {
    PostgresEngine::open(address).expect("a store")
}

/// A copy of a folder that no process has open, as a store again if its records were moved away.
pub fn copied(from: &Path, to: &Path) {
    let done = std::process::Command::new("cp").arg("-a").arg(from).arg(to).status().expect("cp is there");
    assert!(done.success());
    EmbeddedFiles::take_back(to).expect("nobody has the copy open");
}
