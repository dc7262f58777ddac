//! Commits shaped like those that issue a license, learnt from a service that issues one.

use std::sync::atomic::{AtomicU64, Ordering};

use lictor::store::{CommitRequest, Kind, MemoryEngine, RecordKey, Revision};
use serde_json::json;

use crate::support::Harness;

/// What one `POST /v1/merchant/licenses` writes.
pub struct Shape {
    records: Vec<Shaped>,
    /// Which license comes next.
    next: AtomicU64,
}

struct Shaped {
    merchant: String,
    kind: Kind,
    own: Vec<u8>,
    /// Where the license's id stands in `own`; none in what is looked up by a digest.
    id_at: Option<usize>,
    body: Vec<u8>,
    schema: u16,
}

/// Own ids are as long as this, as text.
const ID_BYTES: usize = 22;

/// How a search term of a license key begins, and how long its value is.
const KEY_TERM: &[u8] = b"term\0k";
const KEY_TERM_VALUE_BYTES: usize = 40;

/// A digit of an id, in the order of its bytes.
const DIGITS: &[u8; 64] = b"-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz";

impl Shape {
    /// Issues licenses over HTTP and keeps what the last of them has left in the store.
    pub fn learn() -> Self {
        let memory = MemoryEngine::new();
        let harness = Harness::start_over(&memory);
        let merchant = harness.merchant();
        let issue = || {
            let answer = merchant.post("/v1/merchant/licenses", &order()).expect(201);
            answer.text_at("/id")
        };
        issue();
        let before = memory.records();
        issue();
        let after = memory.records();
        let new: Vec<_> =
            after.into_iter().filter(|(key, _)| !before.iter().any(|(known, _)| known == key)).collect();
        // The id in keys is the one the record lies under, not the one that is shown.
        let license = new.iter().find(|(key, _)| key.kind() == Kind::License).expect("a license was made");
        let id = license.0.own().to_vec();
        let shaped = |(key, record): &(RecordKey, lictor::store::Record)| Shaped {
            merchant: key.merchant().to_owned(),
            kind: key.kind(),
            own: key.own().to_vec(),
            id_at: key.own().windows(id.len()).position(|part| part == id),
            body: record.body.clone(),
            schema: record.schema,
        };
        let records = new.iter().map(shaped).collect();
        Self { records, next: AtomicU64::new(0) }
    }

    /// How many records one commit has.
    pub fn records(&self) -> usize {
        self.records.len()
    }

    /// The commit of the next license.
    pub fn next(&self) -> CommitRequest {
        self.nth(self.next.fetch_add(1, Ordering::Relaxed))
    }

    /// The commit of this license.
    pub fn nth(&self, n: u64) -> CommitRequest {
        let mut request = CommitRequest::new();
        for (salt, record) in self.records.iter().enumerate() {
            request =
                request.put(record.key(n, salt as u64), Revision::ABSENT, record.schema, record.body(n));
        }
        request
    }

    /// How many were made.
    pub fn made(&self) -> u64 {
        self.next.load(Ordering::Relaxed)
    }

    /// Goes on from this license: what a store holds already is not made twice.
    pub fn skip_to(&self, n: u64) {
        self.next.store(n, Ordering::Relaxed);
    }
}

impl Shaped {
    fn key(&self, n: u64, salt: u64) -> RecordKey {
        let mut own = self.own.clone();
        match self.id_at {
            Some(at) => ordered(n, &mut own[at..at + ID_BYTES]),
            None => scatter(n ^ (salt << 56), &mut own),
        }
        // The term of a license key: the end of a signature and a digest, unlike any other's.
        if self.own.starts_with(KEY_TERM) {
            let value = &mut own[KEY_TERM.len()..KEY_TERM.len() + KEY_TERM_VALUE_BYTES];
            scatter(n ^ (salt << 56), value);
            for byte in value {
                *byte = DIGITS[usize::from(*byte % 64)];
            }
        }
        RecordKey::new(&self.merchant, self.kind, own).expect("as long as the key it was learnt from")
    }

    /// As long, and as hard to compress as what is signed.
    fn body(&self, n: u64) -> Vec<u8> {
        let mut body = self.body.clone();
        let half = body.len() / 2;
        scatter(n, &mut body[half..]);
        for byte in &mut body[half..] {
            *byte = DIGITS[usize::from(*byte % 64)];
        }
        body
    }
}

/// Greater numbers give greater ids: the first part is the time, the rest is random.
fn ordered(n: u64, id: &mut [u8]) {
    let (time, random) = id.split_at_mut(10);
    for (at, digit) in time.iter_mut().rev().enumerate() {
        *digit = DIGITS[(n >> (6 * at)) as usize % 64];
    }
    scatter(n, random);
    for byte in random {
        *byte = DIGITS[usize::from(*byte % 64)];
    }
}

/// SplitMix64.
fn scatter(seed: u64, out: &mut [u8]) {
    let mut state = seed;
    for chunk in out.chunks_mut(8) {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        chunk.copy_from_slice(&(mixed ^ (mixed >> 31)).to_le_bytes()[..chunk.len()]);
    }
}

/// What is asked for.
pub fn order() -> serde_json::Value {
    json!({ "product": "acme-cad", "spec": "cad-year", "customer": "cus-42", "label": "measured" })
}
