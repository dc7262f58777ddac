//! Slows whoever guesses: after some failures from one address each next try has to wait longer.
//!
//! Tokens cannot be guessed; this keeps guessing from costing the store anything. In memory of one process, within bounds.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};

use chrono::TimeDelta;

use crate::domain::Instant;

/// Failures in a row that nobody is slowed for: people paste the wrong thing.
const FREE: u32 = 5;
/// Longest wait.
const WAIT_MAX: TimeDelta = TimeDelta::seconds(60);
/// After so long without a failure all is forgotten.
const FORGOTTEN_AFTER: TimeDelta = TimeDelta::minutes(15);
/// Most addresses that are remembered.
const ADDRESSES_MAX: usize = 4_096;

/// Failures by address; of IPv6 by the network of a site, which may change the rest at will.
#[derive(Debug, Default)]
pub struct SignInBrake(Mutex<HashMap<IpAddr, Failures>>);

#[derive(Debug, Clone, Copy)]
struct Failures {
    count: u32,
    last: Instant,
}

impl Failures {
    fn free_at(&self) -> Instant {
        let Some(doublings) = self.count.checked_sub(FREE) else { return self.last };
        self.last + TimeDelta::seconds(1 << doublings.min(6)).min(WAIT_MAX)
    }

    fn is_forgotten(&self, now: Instant) -> bool {
        now - self.last >= FORGOTTEN_AFTER
    }
}

impl SignInBrake {
    /// For how many seconds this address still has to wait; 0 when it may try.
    pub fn wait_secs(&self, address: IpAddr, now: Instant) -> u32 {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let failures = all.get(&site(address)).filter(|failures| !failures.is_forgotten(now));
        let wait = failures.map_or(TimeDelta::zero(), |failures| failures.free_at() - now);
        u32::try_from(wait.num_seconds()).unwrap_or(0)
    }

    /// A try failed.
    pub fn failed(&self, address: IpAddr, now: Instant) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= ADDRESSES_MAX {
            all.retain(|_, failures| !failures.is_forgotten(now));
        }
        if all.len() >= ADDRESSES_MAX
            && let Some(oldest) = all.iter().min_by_key(|(_, failures)| failures.last).map(|(site, _)| *site)
        {
            all.remove(&oldest);
        }
        let failures = all.entry(site(address)).or_insert(Failures { count: 0, last: now });
        let before = if failures.is_forgotten(now) { 0 } else { failures.count };
        *failures = Failures { count: before.saturating_add(1), last: now };
    }

    /// A try succeeded.
    pub fn succeeded(&self, address: IpAddr) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&site(address));
    }
}

fn site(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Instant {
        Instant::UNIX_EPOCH + TimeDelta::seconds(seconds)
    }

    fn address(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn waits_double_up_to_a_minute_and_end_with_success_or_time() {
        let (brake, guesser) = (SignInBrake::default(), address("192.0.2.1"));
        let mut waits = Vec::new();
        for _ in 0..13 {
            brake.failed(guesser, at(0));
            waits.push(brake.wait_secs(guesser, at(0)));
        }
        assert_eq!(waits, [0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 60, 60, 60]);
        assert_eq!(brake.wait_secs(guesser, at(59)), 1);
        assert_eq!(brake.wait_secs(guesser, at(60)), 0);
        assert_eq!(brake.wait_secs(address("192.0.2.2"), at(0)), 0);
        brake.failed(guesser, at(900));
        assert_eq!(brake.wait_secs(guesser, at(900)), 0);
        (0..9).for_each(|_| brake.failed(guesser, at(900)));
        brake.succeeded(guesser);
        assert_eq!(brake.wait_secs(guesser, at(900)), 0);
    }

    #[test]
    fn one_site_is_one_guesser_and_memory_is_bounded() {
        let brake = SignInBrake::default();
        for host in 0..10 {
            brake.failed(address(&format!("2001:db8::{host:x}")), at(0));
        }
        assert_eq!(brake.wait_secs(address("2001:db8::ffff"), at(0)), 32);
        assert_eq!(brake.wait_secs(address("2001:db8:0:1::1"), at(0)), 0);
        for number in 0..ADDRESSES_MAX + 10 {
            let number = u32::try_from(number).expect("it fits");
            brake.failed(IpAddr::from(number.to_be_bytes()), at(1));
        }
        assert_eq!(brake.0.lock().expect("no test panics here").len(), ADDRESSES_MAX);
    }
}
