//! Tells what is to be said: many copies at once, each treated in a way of its own, and shows the judge what came of them.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use chrono::TimeDelta;

use super::aftermath::Tally;
use super::life::{Phase, Saying};
use super::storm::{Place, Running};
use super::tempers::{self, Temper};
use crate::sandbox::address::Address;
use crate::sandbox::caller::CallError;
use crate::sandbox::dial_tests::saved_cases;
use crate::sandbox::dice::Dice;
use crate::sandbox::judge::{Exchange, Expected, Twist};
use crate::sandbox::manner::Manner;
use crate::sandbox::written::WrittenCall;

/// Copies of one call, all at the same time.
const COPIES_MAX: usize = 20;
/// Tries of a call that must be answered well.
const TRIES_MAX: usize = 30;

/// Written, and not sent before everything else was said.
pub(super) type Held = Vec<(Saying, WrittenCall, Manner)>;

/// What is known after sending.
pub(super) enum Sent {
    /// Accepted; the instance id, if it named one.
    Heard(Option<String>),
    Nothing,
    Held(Box<WrittenCall>, Manner),
}

fn hear(heard: &AtomicBool, instance: &Mutex<String>, named: Option<String>) {
    heard.store(true, Ordering::SeqCst);
    let mut known = instance.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(named) = named.filter(|_| known.is_empty()) {
        *known = named;
    }
}

fn heard_of(exchange: &Exchange) -> Sent {
    let Ok(answer) = &exchange.outcome else { return Sent::Nothing };
    let fine = answer.is_success() || (exchange.expected == Expected::Documented && answer.status == 200);
    if !fine {
        return Sent::Nothing;
    }
    let named = answer.object().and_then(|body| Some(body.get("instanceId")?.as_str()?.to_owned()));
    Sent::Heard(named.filter(|named| !named.is_empty()))
}

impl Running<'_> {
    /// Tells a phase in any order, each saying many times, and then whatever was not answered well until it is. Gives
    /// the instance id, if an answer named one.
    pub(super) fn tell(
        &self,
        place: &Place<'_>,
        phase: &Phase,
        dice: &mut Dice,
        held: &mut Held,
    ) -> Result<String, CallError> {
        let mut copies: Vec<(usize, Temper, Dice)> = Vec::new();
        for (number, saying) in phase.iter().enumerate() {
            let count = if dice.one_in(12) { 1 + dice.below(COPIES_MAX) } else { 1 + dice.below(3) };
            for _ in 0..count {
                let temper = tempers::temper(saying, dice, self.storm.every_reading);
                copies.push((number, temper, dice.split()));
            }
            self.tally.duplicates.fetch_add(u64::try_from(count - 1).unwrap_or(0), Ordering::Relaxed);
        }
        dice.shuffle(&mut copies);
        if dice.one_in(8) {
            self.dial(place, dice)?;
        }
        let heard: Vec<AtomicBool> = phase.iter().map(|_| AtomicBool::new(false)).collect();
        let instance = Mutex::new(String::new());
        let (next, held_back) = (AtomicUsize::new(0), Mutex::new(held));
        std::thread::scope(|scope| {
            for _ in 0..copies.len().min(COPIES_MAX) {
                scope.spawn(|| {
                    while let Some((number, temper, dice)) = copies.get(next.fetch_add(1, Ordering::SeqCst)) {
                        let saying = &phase[*number];
                        match self.send(place, saying, temper, &mut dice.clone()) {
                            Ok(Sent::Heard(named)) => hear(&heard[*number], &instance, named),
                            Ok(Sent::Nothing) => {}
                            Ok(Sent::Held(written, manner)) => held_back
                                .lock()
                                .unwrap_or_else(PoisonError::into_inner)
                                .push((saying.clone(), *written, manner)),
                            Err(error) => self.fault(error.to_string()),
                        }
                    }
                });
            }
        });
        for (saying, heard) in phase.iter().zip(&heard) {
            let mut tries = 0;
            while !heard.load(Ordering::SeqCst) {
                let usual = tempers::usual(saying, dice);
                if let Sent::Heard(named) = self.send(place, saying, &Temper::Plain(usual), dice)? {
                    hear(heard, &instance, named);
                }
                tries += 1;
                if tries > TRIES_MAX && !heard.load(Ordering::SeqCst) {
                    self.fault(format!(
                        "{} {} is never accepted",
                        saying.call.family.name(),
                        saying.call.activity
                    ));
                    break;
                }
            }
        }
        Ok(instance.into_inner().unwrap_or_else(PoisonError::into_inner))
    }

    /// One debugging call, of an instance that nobody sold.
    fn dial(&self, place: &Place<'_>, dice: &mut Dice) -> Result<(), CallError> {
        let cases = saved_cases(place.shop.family(), (self.clock)());
        let case = &cases[dice.below(cases.len())];
        let written = place.shop.address().write(case, &Manner::default())?;
        Tally::one(&self.tally.dial_tests);
        self.look(place.shop.address(), &written, Expected::Accepted);
        Ok(())
    }

    fn send(
        &self,
        place: &Place<'_>,
        saying: &Saying,
        temper: &Temper,
        dice: &mut Dice,
    ) -> Result<Sent, CallError> {
        let address = &self.address(place, dice);
        let (manner, call) = match temper {
            Temper::Plain(manner)
            | Temper::Replayed(manner, _)
            | Temper::Lost(manner, _)
            | Temper::TimedOut(manner)
            | Temper::HeldBack(manner)
            | Temper::WrongKey(manner)
            | Temper::Stale(manner) => (manner, saying.call.clone()),
            Temper::AsTest(manner) => (manner, saying.call.clone().as_dial_test()),
        };
        let written = address.write(&call, manner)?;
        let expected = tempers::expected(saying, manner);
        self.count(temper, manner);
        Ok(match temper {
            Temper::Plain(_) => self.look(address, &written, expected),
            Temper::Replayed(_, times) => {
                let again = match expected {
                    Expected::Accepted | Expected::AcceptedDespite(_) => {
                        Expected::AcceptedDespite(Twist::Replayed)
                    }
                    Expected::Refused(_) | Expected::Documented => expected,
                };
                let repeat = || drop(self.look(address, &written, again));
                // One after the other, or at the same time.
                std::thread::scope(|scope| {
                    if dice.one_in(2) {
                        (1..*times).for_each(|_| drop(scope.spawn(repeat)));
                    }
                    let first = self.look(address, &written, expected);
                    repeat();
                    first
                })
            }
            Temper::Lost(_, hang_up) => {
                let began = address.wire().elapsed();
                // Whether it arrived at all is what nobody knows.
                let _ = address.abandon(&written, *hang_up);
                self.judge.unheard(&address.lost(&written, began));
                Sent::Nothing
            }
            Temper::TimedOut(_) => {
                let began = address.wire().elapsed();
                // Whatever became of it: the time is over.
                let _ = address.time_out(&written, self.patience.call_time_passes);
                self.judge.unheard(&address.lost(&written, began));
                let usual = tempers::usual(saying, dice);
                let expected = tempers::expected(saying, &usual);
                self.look(address, &address.write(&call, &usual)?, expected)
            }
            Temper::HeldBack(manner) => Sent::Held(Box::new(written), manner.clone()),
            Temper::WrongKey(_) | Temper::Stale(_) => {
                self.look(address, &written, expected);
                Sent::Nothing
            }
            Temper::AsTest(_) => {
                self.look(address, &written, expected);
                Sent::Nothing
            }
        })
    }

    fn count(&self, temper: &Temper, manner: &Manner) {
        let tally = &self.tally;
        match temper {
            Temper::Plain(_) => {}
            Temper::Replayed(..) => Tally::one(&tally.replays),
            Temper::Lost(..) => Tally::one(&tally.dropped),
            Temper::TimedOut(_) => Tally::one(&tally.timed_out),
            Temper::HeldBack(_) => Tally::one(&tally.held_back),
            Temper::WrongKey(_) => Tally::one(&tally.wrong_keys),
            Temper::AsTest(_) => Tally::one(&tally.dial_tests),
            Temper::Stale(_) => {}
        }
        if manner.skew != TimeDelta::zero() {
            Tally::one(&tally.skewed);
        }
        let plain = Manner { skew: manner.skew, order_seed: manner.order_seed, ..Manner::default() };
        if *manner != plain {
            Tally::one(&tally.written_otherwise);
        }
    }

    /// By the keys of this moment: first the old ones, then either, then the new ones.
    fn address(&self, place: &Place<'_>, dice: &mut Dice) -> Address {
        let Some(next) = place.next_keys else { return place.shop.address().clone() };
        let third = self.storm.orders / 3;
        let begun = self.begun.load(Ordering::Relaxed);
        let is_next = begun > 2 * third || (begun > third && dice.one_in(2));
        if is_next {
            Tally::one(&self.tally.by_next_key);
        }
        place.shop.address().with_keys(if is_next { next.clone() } else { place.keys.clone() })
    }

    /// Sends it and shows the judge what came of it.
    pub(super) fn look(&self, address: &Address, written: &WrittenCall, expected: Expected) -> Sent {
        Tally::one(&self.tally.calls);
        match address.exchange(written, expected) {
            Ok(exchange) => {
                self.judge.look(&exchange);
                heard_of(&exchange)
            }
            Err(error) => {
                self.fault(error.to_string());
                Sent::Nothing
            }
        }
    }
}
