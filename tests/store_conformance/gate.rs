//! An engine whose writes the test holds back: what is "under way" without waiting for time.

use std::sync::Mutex;
use std::sync::mpsc::{Receiver, Sender, channel};

use lictor::store::{Batch, Direction, Engine, KeyRange, Prior, Record, RecordKey, StoreError};

/// Holds each write until the test lets it go.
pub struct Gated {
    inner: Box<dyn Engine>,
    arrived: Sender<()>,
    released: Mutex<Receiver<()>>,
    closed: Sender<()>,
}

pub struct Gate {
    /// A write has come to the gate.
    pub arrived: Receiver<()>,
    /// Lets one write through.
    pub release: Sender<()>,
    /// The engine is closed.
    pub closed: Receiver<()>,
}

pub fn gated(inner: Box<dyn Engine>) -> (Gated, Gate) {
    let (arrived, at_gate) = channel();
    let (release, released) = channel();
    let (told, closed) = channel();
    let engine = Gated { inner, arrived, released: Mutex::new(released), closed: told };
    (engine, Gate { arrived: at_gate, release, closed })
}

impl Engine for Gated {
    fn is_shared(&self) -> bool {
        self.inner.is_shared()
    }

    fn release(&self) {
        self.inner.release();
    }

    fn prepare(&self, keys: &[RecordKey]) -> Result<Prior, StoreError> {
        self.inner.prepare(keys)
    }

    fn get(&self, keys: &[RecordKey]) -> Result<Vec<Option<Record>>, StoreError> {
        self.inner.get(keys)
    }

    fn scan(
        &self,
        range: &KeyRange,
        direction: Direction,
        limit: usize,
    ) -> Result<Vec<(RecordKey, Record)>, StoreError> {
        self.inner.scan(range, direction, limit)
    }

    fn write(&self, batch: Batch) -> Result<(), StoreError> {
        // A gate that is gone stands open.
        let _ = self.arrived.send(());
        let _ = self.released.lock().expect("one writer").recv();
        self.inner.write(batch)
    }

    fn close(&self) -> Result<(), StoreError> {
        let closed = self.inner.close();
        let _ = self.closed.send(());
        closed
    }
}
