//! What every test here needs: a disk that the test fills, and what people do while it is full.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use lictor::sandbox::orders::{Basket, Billing, Period};
use lictor::store::{DiskReserve, FreeSpace, MemoryEngine, RecordKey};
use serde_json::json;

use crate::support::api::{Answer, Api};

/// A disk of which the test says how much is free.
#[derive(Clone)]
pub struct Disk(Arc<AtomicU64>);

impl FreeSpace for Disk {
    fn free_bytes(&self) -> io::Result<u64> {
        Ok(self.0.load(Ordering::SeqCst))
    }
}

impl Disk {
    pub fn roomy() -> Self {
        Self(Arc::new(AtomicU64::new(8 << 30)))
    }

    /// So many MiB are free, and the reserve has seen it.
    pub fn leave_mib(&self, free: u64, reserve: &DiskReserve) {
        self.0.store(free << 20, Ordering::SeqCst);
        reserve.look();
    }

    pub fn reserve(&self, folder: &Path) -> Arc<DiskReserve> {
        let reserve = DiskReserve::of(folder, self.clone());
        reserve.look();
        reserve
    }
}

pub fn year() -> Basket {
    Basket::of("CAD-YEAR", Billing::Period(Period::Years(1)))
}

/// Everything that is kept: what was refused left no trace if it is the same as before.
pub fn kept(engine: &MemoryEngine) -> BTreeMap<RecordKey, Vec<u8>> {
    engine.records().into_iter().map(|(key, record)| (key, record.body.to_vec())).collect()
}

/// The call was refused for a while: 503 with the time after which to ask again.
#[track_caller]
pub fn waits(answer: Answer) {
    let answer = answer.expect_problem(503, "unavailable");
    let after = answer.header("retry-after").and_then(|secs| secs.parse::<u32>().ok());
    assert!(after.is_some_and(|secs| secs > 0), "{answer:?}");
    assert_eq!(answer.at("/next_action"), "retry");
}

/// Issues by hand. Making a token is a commit too, so the merchant has one already.
pub fn issue_by(merchant: &Api) -> Answer {
    let order = json!({ "product": "acme-cad", "spec": "cad-year" });
    merchant.post("/v1/merchant/licenses?reveal=true", &order)
}
