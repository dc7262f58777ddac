//! How often somebody may ask: so many requests in a window, spread or all at once.
//!
//! The generic cell rate algorithm (ITU-T I.371, virtual scheduling): of each caller one instant is kept, at which they would be
//! as fresh as a new one. Callers are bounded: those that are fresh again are forgotten, and beyond that whoever is nearest
//! to it.

use std::collections::HashMap;
use std::hash::Hash;
use std::time::Duration;

/// So many requests in a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimit {
    /// How many; at least 1.
    pub requests: u32,
    /// In which time.
    pub window: Duration,
}

/// How much a caller has left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLeft {
    /// Requests that may follow at once.
    pub remaining: u32,
    /// When all of them may again.
    pub full_in: Duration,
}

/// Who has asked how often, of at most so many callers.
#[derive(Debug)]
pub struct RateLimiter<K> {
    limit: RateLimit,
    callers_max: usize,
    /// When each is fresh again, on the clock that counts from an arbitrary moment.
    fresh_at: HashMap<K, Duration>,
}

impl RateLimit {
    /// Time that one request takes from a caller.
    fn each(self) -> Duration {
        self.window / self.requests.max(1)
    }

    fn left(self, fresh_at: Duration, now: Duration) -> RateLeft {
        let full_in = fresh_at.saturating_sub(now);
        let free = self.window.saturating_sub(full_in).as_nanos();
        let remaining = free.checked_div(self.each().as_nanos()).unwrap_or(0);
        RateLeft { remaining: u32::try_from(remaining).unwrap_or(u32::MAX), full_in }
    }
}

impl<K: Hash + Eq + Clone> RateLimiter<K> {
    /// Nobody has asked yet.
    pub fn new(limit: RateLimit, callers_max: usize) -> Self {
        Self { limit, callers_max, fresh_at: HashMap::new() }
    }

    /// The rule.
    pub fn limit(&self) -> RateLimit {
        self.limit
    }

    /// What a caller has left; or after which time one request may follow.
    pub fn left(&self, caller: &K, now: Duration) -> Result<RateLeft, Duration> {
        let fresh_at = self.fresh_at.get(caller).copied().unwrap_or(now).max(now);
        let left = self.limit.left(fresh_at, now);
        if left.remaining > 0 {
            return Ok(left);
        }
        let most = self.limit.window.saturating_sub(self.limit.each());
        Err(left.full_in.saturating_sub(most))
    }

    /// Counts one request of a caller that may ask; who may not is not counted.
    pub fn take(&mut self, caller: &K, now: Duration) -> Result<RateLeft, Duration> {
        self.left(caller, now)?;
        let fresh_at = self.fresh_at.get(caller).copied().unwrap_or(now).max(now) + self.limit.each();
        self.make_room(caller, now);
        self.fresh_at.insert(caller.clone(), fresh_at);
        Ok(self.limit.left(fresh_at, now))
    }

    fn make_room(&mut self, caller: &K, now: Duration) {
        if self.fresh_at.len() < self.callers_max || self.fresh_at.contains_key(caller) {
            return;
        }
        self.fresh_at.retain(|_, fresh_at| *fresh_at > now);
        if self.fresh_at.len() >= self.callers_max {
            let nearest = self.fresh_at.iter().min_by_key(|(_, fresh_at)| **fresh_at);
            if let Some(nearest) = nearest.map(|(caller, _)| caller.clone()) {
                self.fresh_at.remove(&nearest);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn limiter() -> RateLimiter<u32> {
        RateLimiter::new(RateLimit { requests: 10, window: 10 * SECOND }, 3)
    }

    #[test]
    fn as_many_as_the_limit_follow_at_once_and_then_one_in_each_part_of_the_window() {
        let mut limiter = limiter();
        let start = 100 * SECOND;
        for taken in 1..=10 {
            let left = RateLeft { remaining: 10 - taken, full_in: taken * SECOND };
            assert_eq!(limiter.take(&1, start), Ok(left));
        }
        assert_eq!(limiter.take(&1, start), Err(SECOND));
        assert_eq!(limiter.take(&1, start + SECOND / 2), Err(SECOND / 2));
        assert_eq!(limiter.take(&1, start + SECOND).map(|left| left.remaining), Ok(0));
        assert_eq!(limiter.take(&1, start + SECOND), Err(SECOND));
        assert_eq!(limiter.take(&1, start + 60 * SECOND).map(|left| left.remaining), Ok(9));
        assert_eq!(limiter.take(&2, start).map(|left| left.remaining), Ok(9), "others are not slowed");
    }

    #[test]
    fn callers_are_bounded_and_who_has_asked_most_is_remembered() {
        let mut limiter = limiter();
        while limiter.take(&0, SECOND).is_ok() {}
        for other in 1..1_000 {
            assert!(limiter.take(&other, SECOND).is_ok());
            assert!(limiter.fresh_at.len() <= 3);
        }
        assert!(limiter.left(&0, SECOND).is_err());
        assert!(limiter.take(&5, 60 * SECOND).is_ok());
        assert_eq!(limiter.fresh_at.len(), 1, "who is fresh again is forgotten");
    }
}
