//! The time that floating places go by: one that a jump of the server's clock does not move.
//!
//! A place of an ended lease is free. A clock that was set ahead would end every lease at once, and one that was set back
//! would sign leases that are over before they arrive. So the wall clock is held against the time that has passed.

use std::time::Duration;

use chrono::TimeDelta;

use super::Instant;

/// Jumps of the wall clock up to this, ahead or back, cost no live holder its place.
pub const CLOCK_JUMP_MAX: TimeDelta = TimeDelta::hours(1);
/// From one reading to the next: less is drift. Slewing (at most 0.05 %) is less for five hours.
const DRIFT_MAX: TimeDelta = TimeDelta::seconds(10);
/// How long after a clock was set back leases go on from the time before. Either it is right again by then, or it was right.
const GOING_ON: Duration = Duration::from_secs(24 * 3_600);

/// What the server's clocks showed together.
#[derive(Debug, Clone, Copy)]
struct Reading {
    wall: Instant,
    /// Since an arbitrary moment; never set.
    elapsed: Duration,
}

impl Reading {
    /// What the wall clock would show then, had nobody set it.
    fn wall_at(&self, elapsed: Duration) -> Instant {
        let passed = TimeDelta::from_std(elapsed.saturating_sub(self.elapsed)).unwrap_or(TimeDelta::MAX);
        self.wall.checked_add_signed(passed).unwrap_or(Instant::MAX_UTC)
    }
}

/// Watches the wall clock of one process.
#[derive(Debug)]
pub struct LeaseClock {
    last: Reading,
    steady_since: Duration,
    /// Where the time went on when the wall clock was last set back.
    set_back: Option<Reading>,
}

/// The time for floating places.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeaseTime {
    wall: Instant,
    /// From when leases are signed: the wall clock, or what it showed before it was set back.
    pub starts_at: Instant,
    steady_for: Duration,
}

impl LeaseClock {
    /// Begins to watch.
    pub fn starting(wall: Instant, elapsed: Duration) -> Self {
        Self { last: Reading { wall, elapsed }, steady_since: elapsed, set_back: None }
    }

    /// Takes a reading.
    pub fn read(&mut self, wall: Instant, elapsed: Duration) -> LeaseTime {
        let expected = self.last.wall_at(elapsed);
        let moved = wall - expected;
        if moved.abs() > DRIFT_MAX {
            self.steady_since = elapsed;
        }
        if moved < -DRIFT_MAX {
            let wall = self.going_on(elapsed).map_or(expected, |on| on.max(expected));
            self.set_back = Some(Reading { wall, elapsed });
        }
        self.last = Reading { wall, elapsed };
        let most = wall.checked_add_signed(CLOCK_JUMP_MAX).unwrap_or(Instant::MAX_UTC);
        let starts_at = self.going_on(elapsed).map_or(wall, |on| on.min(most).max(wall));
        LeaseTime { wall, starts_at, steady_for: elapsed.saturating_sub(self.steady_since) }
    }

    fn going_on(&self, elapsed: Duration) -> Option<Instant> {
        let set_back = self.set_back.filter(|at| elapsed.saturating_sub(at.elapsed) < GOING_ON)?;
        Some(set_back.wall_at(elapsed))
    }
}

impl LeaseTime {
    /// The time by which a floating lease of this length has ended. While the clock has not been steady for one lease, its
    /// holder may not have had the time to renew by it: then as much earlier as a clock may be wrong.
    pub fn for_ends(&self, lease: Duration) -> Instant {
        if self.steady_for >= lease {
            return self.wall;
        }
        self.wall.checked_sub_signed(CLOCK_JUMP_MAX).unwrap_or(Instant::MIN_UTC)
    }

    /// When the lease begins that follows one: never before it, for its holder's software knows that time already. A
    /// start that no such jump explains is not followed.
    pub fn start_after(&self, previous: Option<Instant>) -> Instant {
        let most = self.wall.checked_add_signed(CLOCK_JUMP_MAX).unwrap_or(Instant::MAX_UTC);
        let previous = previous.filter(|previous| *previous <= most);
        previous.map_or(self.starts_at, |previous| previous.max(self.starts_at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: u64 = 60;
    const LEASE: Duration = Duration::from_secs(10 * MINUTE);

    fn at(minutes: i64) -> Instant {
        "2026-11-22T09:00:00Z".parse::<Instant>().expect("valid") + TimeDelta::minutes(minutes)
    }

    fn after(minutes: u64) -> Duration {
        Duration::from_secs(1_000 + minutes * MINUTE)
    }

    #[test]
    fn a_lease_ends_by_the_wall_clock_once_that_was_steady_for_one_lease() {
        let mut clock = LeaseClock::starting(at(0), after(0));
        assert_eq!(clock.read(at(9), after(9)).for_ends(LEASE), at(9 - 60));
        assert_eq!(clock.read(at(10), after(10)).for_ends(LEASE), at(10));
    }

    #[test]
    fn a_clock_that_was_set_ahead_ends_no_lease_before_its_holder_could_renew() {
        let mut clock = LeaseClock::starting(at(0), after(0));
        clock.read(at(30), after(30));
        let ahead = clock.read(at(91), after(31));
        assert_eq!((ahead.for_ends(LEASE), ahead.starts_at), (at(31), at(91)));
        assert_eq!(clock.read(at(101), after(41)).for_ends(LEASE), at(101));
    }

    #[test]
    fn a_clock_that_was_set_back_signs_leases_that_go_on() {
        let mut clock = LeaseClock::starting(at(0), after(0));
        clock.read(at(30), after(30));
        assert_eq!(clock.read(at(-29), after(31)).starts_at, at(31));
        assert_eq!(clock.read(at(-20), after(40)).starts_at, at(40));
        // Set right again, and what was set back is no reason any more.
        assert_eq!(clock.read(at(41), after(41)).starts_at, at(41));
        assert_eq!(clock.read(at(24 * 60 + 40), after(24 * 60 + 40)).starts_at, at(24 * 60 + 40));
    }

    #[test]
    fn a_clock_that_was_years_ahead_moves_no_lease_by_more_than_an_hour() {
        let mut clock = LeaseClock::starting(at(0), after(0));
        clock.read(at(10 * 366 * 24 * 60), after(1));
        let right = clock.read(at(2), after(2));
        assert_eq!(right.starts_at, at(62));
        assert_eq!(right.start_after(Some(at(10 * 366 * 24 * 60))), at(62));
        let day_later = clock.read(at(24 * 60 + 3), after(24 * 60 + 3));
        assert_eq!(day_later.starts_at, at(24 * 60 + 3));
    }

    #[test]
    fn a_lease_never_begins_before_the_one_that_it_follows() {
        let mut clock = LeaseClock::starting(at(-59), after(0));
        let restarted_behind = clock.read(at(-59), after(0));
        assert_eq!(restarted_behind.start_after(Some(at(0))), at(0));
        assert_eq!(restarted_behind.start_after(None), at(-59));
    }

    #[test]
    fn drift_is_no_jump() {
        let mut clock = LeaseClock::starting(at(0), after(0));
        let drifted = at(10) + TimeDelta::seconds(9);
        assert_eq!(clock.read(drifted, after(10)).for_ends(LEASE), drifted);
        let back = at(20) + TimeDelta::seconds(1);
        assert_eq!(clock.read(back, after(20)).starts_at, back);
    }
}
