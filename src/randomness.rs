//! Ids and unpredictable bytes, from the operating system and nothing in between.

use std::sync::{Mutex, PoisonError};

use uuid::{ContextV7, Timestamp, Uuid};

use crate::application::ports::IdSource;
use crate::domain::Instant;

/// The operating system's randomness, and UUIDs that grow within the process.
#[derive(Debug)]
pub struct SystemRandomness {
    context: Mutex<ContextV7>,
}

impl Default for SystemRandomness {
    fn default() -> Self {
        Self { context: Mutex::new(ContextV7::new()) }
    }
}

/// 32 unpredictable bytes.
///
/// # Panics
/// When the operating system has no randomness: nothing secure can be done then.
pub fn random_bytes() -> [u8; 32] {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).expect("the operating system gives randomness");
    bytes
}

impl IdSource for SystemRandomness {
    fn uuid_v7(&self, now: Instant) -> u128 {
        let context = self.context.lock().unwrap_or_else(PoisonError::into_inner);
        let seconds = u64::try_from(now.timestamp()).unwrap_or(0);
        let timestamp = Timestamp::from_unix(&*context, seconds, now.timestamp_subsec_nanos());
        Uuid::new_v7(timestamp).as_u128()
    }

    fn random_bytes(&self) -> [u8; 32] {
        random_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_grow_even_within_one_instant() {
        let (source, now) = (SystemRandomness::default(), "2026-01-01T00:00:00Z".parse().expect("valid"));
        let ids: Vec<u128> = (0..10_000).map(|_| source.uuid_v7(now)).collect();
        assert!(ids.windows(2).all(|pair| pair[0] < pair[1]));
    }
}
