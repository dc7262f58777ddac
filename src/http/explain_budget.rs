//! How much work goes into explaining refusals: anybody can send a call that is refused.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use crate::domain::{ChannelId, MerchantId};

/// Refusals of one channel that are explained at once.
const AT_ONCE: f64 = 50.0;
/// And every second after that.
const PER_SEC: f64 = 5.0;

/// Refusals that may still be explained, by channel; of addresses that do not exist together under none.
#[derive(Debug, Default)]
pub struct ExplainBudget(Mutex<HashMap<Option<(MerchantId, ChannelId)>, Left>>);

#[derive(Debug)]
struct Left {
    count: f64,
    at: Instant,
}

impl ExplainBudget {
    /// Takes one, if there is one.
    pub fn take(&self, channel: Option<(&MerchantId, &ChannelId)>) -> bool {
        let (key, now) = (channel.map(|(merchant, id)| (merchant.clone(), id.clone())), Instant::now());
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let left = all.entry(key).or_insert(Left { count: AT_ONCE, at: now });
        let grown = now.duration_since(left.at).as_secs_f64() * PER_SEC;
        left.count = (left.count + grown).min(AT_ONCE);
        left.at = now;
        let is_enough = left.count >= 1.0;
        if is_enough {
            left.count -= 1.0;
        }
        is_enough
    }
}
