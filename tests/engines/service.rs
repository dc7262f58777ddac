//! A service in this process on each engine.

use lictor::store::MemoryEngine;

use crate::cluster::Cluster;
use crate::engines::EngineName;
use crate::support::Engine;

/// An empty store there.
pub fn engine_on(on: EngineName) -> Engine {
    match on {
        EngineName::Memory => Engine::Memory(MemoryEngine::new()),
        EngineName::Embedded => Engine::Embedded,
        EngineName::Postgres => Engine::Database(Box::new(Cluster::shared().database().parsed())),
    }
}
