//! Whether a marketplace may be called now: one breaker for each access to one, in the memory of this process.
//!
//! A marketplace that hangs or fails is asked by one probe at a time, ever more seldom; what waits for it is not touched.
//! When it answers again, the backlog comes at a rate that grows from a few calls a second to [`RATE_MAX_PER_SEC`].

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::TimeDelta;

use crate::domain::{Channel, Instant};

/// Calls at a time to a marketplace that answers.
const WIDTH: usize = 4;
/// Failures in a row after which a marketplace counts as broken.
const FAILURES_MAX: u32 = 3;
/// Pause before the first probe; doubles with each that fails.
const PAUSE_FIRST_MILLIS: i64 = 2_000;
/// Longest pause between two probes: a purchase is delivered within about this time after the end of an outage.
pub(super) const PAUSE_MAX_MILLIS: i64 = 60_000;
/// Probes at a time, of all marketplaces: those that hang must leave workers to those that answer.
const PROBES_MAX: usize = 8;
/// Calls a second right after an outage,
const RATE_FIRST_PER_SEC: f64 = 2.0;
/// and at most, until the backlog is done.
pub(super) const RATE_MAX_PER_SEC: f64 = 20.0;
/// How much faster after each call that was answered.
const RATE_GROWTH: f64 = 1.05;
/// Calls that may follow each other at once after an outage.
const BURST: f64 = 4.0;
/// So long without a call, and the backlog is done.
const QUIET_MILLIS: i64 = 10_000;
/// When to look again where all calls that may be under way are.
const BUSY_MILLIS: i64 = 1_000;
/// Breakers kept: those not asked for longest are forgotten, which is as if they had always answered.
const BREAKERS_MAX: usize = 4_096;

/// One access to one marketplace: what hangs, fails and is limited together.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Destination {
    base_url: String,
    access_key: String,
}

impl Destination {
    /// Where the calls of a channel go; nowhere without an open API.
    pub(super) fn of(channel: &Channel) -> Option<Self> {
        let open_api = channel.open_api.as_ref()?;
        Some(Self { base_url: open_api.base_url.clone(), access_key: open_api.access_key.to_string() })
    }
}

/// What became of one call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum CallSeen {
    /// It was answered, whatever the answer.
    Answered,
    /// No answer, or a passing fault.
    Failed,
    /// It asked not to be called before.
    AskedToWait(Instant),
}

/// Whether a job may go.
#[derive(Debug, PartialEq)]
pub(super) enum Entry<'a> {
    /// Until the permit is dropped it counts as under way.
    Go(Permit<'a>),
    /// Not before.
    Wait(Instant),
}

/// A call that is under way.
#[derive(Debug)]
pub(super) struct Permit<'a> {
    breakers: &'a Breakers,
    destination: Destination,
    is_probe: bool,
}

impl PartialEq for Permit<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.destination == other.destination && self.is_probe == other.is_probe
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        self.breakers.leave(self);
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum State {
    Working {
        failures: u32,
    },
    Broken {
        until: Instant,
        pause: TimeDelta,
    },
    /// The probe of a marketplace that was broken is under way.
    Probing {
        since: Instant,
        pause: TimeDelta,
    },
    /// The backlog of an outage is being done.
    Returning {
        rate: f64,
        tokens: f64,
        filled_at: Instant,
    },
}

#[derive(Debug)]
struct Breaker {
    state: State,
    under_way: usize,
    asked_at: Instant,
}

/// All of them. Their memory is bounded; another process has its own, and a start forgets them.
#[derive(Debug, Default)]
pub(super) struct Breakers(Mutex<BTreeMap<Destination, Breaker>>);

impl Breakers {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<Destination, Breaker>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Until when nothing is called there, if that is known. Changes nothing.
    pub(super) fn waits_until(&self, destination: &Destination, now: Instant) -> Option<Instant> {
        match self.lock().get(destination)?.state {
            State::Broken { until, .. } if now < until => Some(until),
            State::Probing { .. } => Some(now + TimeDelta::milliseconds(BUSY_MILLIS)),
            State::Broken { .. } | State::Working { .. } | State::Returning { .. } => None,
        }
    }

    /// Until when nobody may call there; not while a probe is under way, which may be who asks.
    pub(super) fn broken_until(&self, destination: &Destination, now: Instant) -> Option<Instant> {
        match self.lock().get(destination)?.state {
            State::Broken { until, .. } => Some(until).filter(|until| now < *until),
            State::Probing { .. } | State::Working { .. } | State::Returning { .. } => None,
        }
    }

    /// Whether it did not answer lately and has not answered since.
    pub(super) fn is_broken(&self, destination: &Destination) -> bool {
        self.lock().get(destination).is_some_and(|breaker| match breaker.state {
            State::Broken { .. } | State::Probing { .. } => true,
            State::Working { .. } | State::Returning { .. } => false,
        })
    }

    /// Whether one more call may go. `die` spreads those that have to wait.
    pub(super) fn enter(&self, destination: &Destination, now: Instant, die: u8) -> Entry<'_> {
        let mut known = self.lock();
        let probes = known.values().filter(|it| matches!(it.state, State::Probing { .. })).count();
        forget_one_too_many(&mut known);
        let breaker = known.entry(destination.clone()).or_insert(Breaker {
            state: State::Working { failures: 0 },
            under_way: 0,
            asked_at: now,
        });
        let is_quiet = now - breaker.asked_at > TimeDelta::milliseconds(QUIET_MILLIS);
        breaker.asked_at = now;
        if is_quiet && matches!(breaker.state, State::Returning { .. }) {
            breaker.state = State::Working { failures: 0 };
        }
        match breaker.go(now, die, probes) {
            Ok(is_probe) => {
                breaker.under_way += 1;
                Entry::Go(Permit { breakers: self, destination: destination.clone(), is_probe })
            }
            Err(until) => Entry::Wait(until),
        }
    }

    /// What became of a call there, also of one that no job made.
    pub(super) fn saw(&self, destination: &Destination, seen: &CallSeen, now: Instant, die: u8) {
        let mut known = self.lock();
        forget_one_too_many(&mut known);
        let breaker = known.entry(destination.clone()).or_insert(Breaker {
            state: State::Working { failures: 0 },
            under_way: 0,
            asked_at: now,
        });
        let next = breaker.state.after(seen, now, die);
        match (breaker.state, next) {
            (State::Working { .. } | State::Returning { .. }, State::Broken { until, .. }) => {
                tracing::warn!(base_url = destination.base_url, %until, "a marketplace does not answer: it is asked by one probe at a time");
            }
            (State::Broken { .. } | State::Probing { .. }, State::Returning { .. }) => {
                tracing::info!(base_url = destination.base_url, "a marketplace answers again");
            }
            (
                State::Working { .. }
                | State::Broken { .. }
                | State::Probing { .. }
                | State::Returning { .. },
                _,
            ) => {}
        }
        breaker.state = next;
    }

    /// The next probe may go at once: somebody asks for it by hand.
    pub(super) fn probe_now(&self, destination: &Destination, now: Instant) {
        if let Some(breaker) = self.lock().get_mut(destination)
            && let State::Broken { until, .. } = &mut breaker.state
        {
            *until = now.min(*until);
        }
    }

    fn leave(&self, permit: &Permit<'_>) {
        let mut known = self.lock();
        let Some(breaker) = known.get_mut(&permit.destination) else { return };
        breaker.under_way = breaker.under_way.saturating_sub(1);
        // A probe that called nobody says nothing: the next job is the probe.
        if let (State::Probing { since, pause }, true) = (breaker.state, permit.is_probe) {
            breaker.state = State::Broken { until: since, pause };
        }
    }
}

/// Only those that remember nothing of worth: where nothing is under way.
fn forget_one_too_many(known: &mut BTreeMap<Destination, Breaker>) {
    if known.len() < BREAKERS_MAX {
        return;
    }
    let idle = known.iter().filter(|(_, breaker)| breaker.under_way == 0);
    let oldest = idle.min_by_key(|(_, breaker)| breaker.asked_at).map(|(destination, _)| destination.clone());
    if let Some(oldest) = oldest {
        known.remove(&oldest);
    }
}

impl Breaker {
    /// Whether it goes as a probe, or when to ask again.
    fn go(&mut self, now: Instant, die: u8, probes: usize) -> Result<bool, Instant> {
        let busy = Err(now + TimeDelta::milliseconds(BUSY_MILLIS));
        match &mut self.state {
            // One that has just failed is not given four more calls to hang on.
            State::Working { failures } => {
                let width = if *failures == 0 { WIDTH } else { 1 };
                if self.under_way < width { Ok(false) } else { busy }
            }
            State::Broken { until, .. } if now < *until => Err(*until),
            State::Broken { pause, .. } if probes < PROBES_MAX => {
                self.state = State::Probing { since: now, pause: *pause };
                Ok(true)
            }
            State::Broken { .. } | State::Probing { .. } => busy,
            State::Returning { .. } if self.under_way >= WIDTH => busy,
            State::Returning { rate, tokens, filled_at } => {
                let passed_secs = millis(now - *filled_at) / 1_000.0;
                *tokens = (*tokens + passed_secs * *rate).min(BURST);
                *filled_at = now;
                if *tokens >= 1.0 {
                    *tokens -= 1.0;
                    return Ok(false);
                }
                let wait_millis = (1.0 - *tokens) / *rate * 1_000.0 * (1.0 + f64::from(die) / 1_024.0);
                Err(now + TimeDelta::milliseconds(whole(wait_millis)))
            }
        }
    }
}

impl State {
    fn after(self, seen: &CallSeen, now: Instant, die: u8) -> Self {
        let first = TimeDelta::milliseconds(PAUSE_FIRST_MILLIS);
        match (self, seen) {
            (Self::Working { .. }, CallSeen::Answered) => Self::Working { failures: 0 },
            (Self::Working { failures }, CallSeen::Failed) if failures + 1 < FAILURES_MAX => {
                Self::Working { failures: failures + 1 }
            }
            (Self::Working { .. } | Self::Returning { .. }, CallSeen::Failed) => broken(first, now, die),
            (Self::Probing { pause, .. }, CallSeen::Failed) => {
                broken((pause * 2).min(TimeDelta::milliseconds(PAUSE_MAX_MILLIS)), now, die)
            }
            // The call had begun before.
            (Self::Broken { .. }, CallSeen::Failed) => self,
            (Self::Broken { .. } | Self::Probing { .. }, CallSeen::Answered) => {
                Self::Returning { rate: RATE_FIRST_PER_SEC, tokens: BURST, filled_at: now }
            }
            (Self::Returning { rate, tokens, filled_at }, CallSeen::Answered) => {
                Self::Returning { rate: (rate * RATE_GROWTH).min(RATE_MAX_PER_SEC), tokens, filled_at }
            }
            (
                Self::Working { .. } | Self::Returning { .. } | Self::Broken { .. } | Self::Probing { .. },
                CallSeen::AskedToWait(until),
            ) => Self::Broken { until: *until, pause: first },
        }
    }
}

/// The pause is stretched by up to a quarter, so that many do not come back together.
fn broken(pause: TimeDelta, now: Instant, die: u8) -> State {
    let stretch = pause * i32::from(die) / 1_024;
    State::Broken { until: now + pause + stretch, pause }
}

fn millis(span: TimeDelta) -> f64 {
    // Hours at most: exact in a float.
    f64::from(i32::try_from(span.num_milliseconds()).unwrap_or(i32::MAX))
}

/// Rounded up, so that a wait is never cut short; at least a millisecond.
fn whole(millis: f64) -> i64 {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "at most one call of the slowest rate, in milliseconds"
    )]
    let whole = millis.ceil() as i64;
    whole.max(1)
}

#[cfg(test)]
#[path = "breakers/tests.rs"]
mod tests;
