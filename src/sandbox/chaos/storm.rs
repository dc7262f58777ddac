//! Leads many lives at once.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::aftermath::{Aftermath, EndState, LineEnd, Tally};
use super::life::{self, Life, Saying};
use super::telling::Held;
use super::tempers;
use crate::sandbox::address::AddressKeys;
use crate::sandbox::caller::CallError;
use crate::sandbox::dice::Dice;
use crate::sandbox::family::Family;
use crate::sandbox::judge::wire::{Limits, Wire};
use crate::sandbox::judge::{AnswerKeys, Judge};
use crate::sandbox::open_api::Trouble;
use crate::sandbox::orders::Basket;
use crate::sandbox::shop::Shop;
use crate::sandbox::{Clock, Sandbox};

/// One production address in the storm.
pub struct StormTarget {
    pub family: Family,
    pub production_address: String,
    pub keys: AddressKeys,
    /// Bound to the address in mid-storm; both live for a while.
    pub next_keys: Option<AddressKeys>,
}

/// How the storm waits: for an address that is not done yet, for how long at most, and until a caller's time-out for
/// one call has passed.
pub struct Patience<'a> {
    pub between_tries: &'a (dyn Fn() + Sync),
    pub settles_within: Duration,
    pub call_time_passes: &'a (dyn Fn() + Sync),
}

/// What will happen.
pub struct Storm<'a> {
    /// Order lines, over all targets.
    pub orders: usize,
    /// Lives at the same time.
    pub callers: usize,
    /// The same seed plans the same storm; what is answered first is nobody's plan.
    pub seed: u64,
    /// What is bought.
    pub baskets: Vec<Basket>,
    /// Also writes and signs in ways that the documents leave open.
    pub every_reading: bool,
    /// Told of each authorization code once it is sold: somebody redeems it.
    pub on_code: Option<&'a (dyn Fn(&str) + Sync)>,
}

pub(super) struct Place<'a> {
    pub shop: Shop,
    pub keys: &'a AddressKeys,
    pub next_keys: Option<&'a AddressKeys>,
}

pub(super) struct Running<'a> {
    pub storm: &'a Storm<'a>,
    pub sandbox: &'a Sandbox,
    pub patience: &'a Patience<'a>,
    pub places: Vec<Place<'a>>,
    pub clock: Clock,
    pub judge: Judge,
    pub tally: Tally,
    pub begun: AtomicUsize,
    pub faults: Mutex<Vec<String>>,
}

impl Storm<'_> {
    /// Lives through it. Blocks until every line has come to its end, or has not within the patience.
    pub fn run(&self, sandbox: &Sandbox, targets: &[StormTarget], patience: &Patience<'_>) -> Aftermath {
        let judge = Judge::new(keys_of(targets));
        let wire = Wire::new(Limits::default());
        let place = |target| place(sandbox, target, &wire);
        let running = Running {
            storm: self,
            sandbox,
            patience,
            places: targets.iter().map(place).collect(),
            clock: sandbox.clock(),
            judge,
            tally: Tally::default(),
            begun: AtomicUsize::new(0),
            faults: Mutex::default(),
        };
        let lines = Mutex::new(Vec::new());
        std::thread::scope(|scope| {
            for _ in 0..self.callers.min(self.orders) {
                scope.spawn(|| running.lead_lives(&lines));
            }
        });
        let lines = lines.into_inner().unwrap_or_else(PoisonError::into_inner);
        self.settle_all(&running, &lines);
        Aftermath {
            lines,
            report: running.judge.report(),
            tally: running.tally,
            faults: running.faults.into_inner().unwrap_or_else(PoisonError::into_inner),
        }
    }

    fn settle_all(&self, running: &Running<'_>, lines: &[LineEnd]) {
        self.sandbox_is_well(running);
        let next = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..self.callers {
                scope.spawn(|| {
                    while let Some(line) = lines.get(next.fetch_add(1, Ordering::SeqCst)) {
                        running.settle(line);
                    }
                });
            }
        });
    }

    fn sandbox_is_well(&self, running: &Running<'_>) {
        running.sandbox.trouble(Trouble::Status(503), 0);
    }
}

fn keys_of(targets: &[StormTarget]) -> AnswerKeys {
    let all = || targets.iter().flat_map(|target| [Some(&target.keys), target.next_keys.as_ref()]).flatten();
    AnswerKeys {
        callbacks: all().map(|keys| keys.callbacks.clone()).collect(),
        kit: all().filter_map(|keys| keys.kit.clone()).collect(),
    }
}

fn place<'a>(sandbox: &Sandbox, target: &'a StormTarget, wire: &Wire) -> Place<'a> {
    let shop = sandbox.shop(target.family, &target.production_address, target.keys.clone());
    Place { shop: shop.with_wire(wire), keys: &target.keys, next_keys: target.next_keys.as_ref() }
}

impl Running<'_> {
    fn lead_lives(&self, lines: &Mutex<Vec<LineEnd>>) {
        loop {
            let number = self.begun.fetch_add(1, Ordering::SeqCst);
            if number >= self.storm.orders {
                return;
            }
            let dice = Dice::seeded(self.storm.seed ^ u64::try_from(number).unwrap_or(0).rotate_left(20));
            let place = &self.places[number % self.places.len()];
            let told = |error: CallError| self.fault(format!("order {number}: {error}"));
            if place.shop.family().is_kit() {
                self.lead_kit(place, dice).unwrap_or_else(told);
            } else {
                match self.lead(place, dice) {
                    Ok(line) => lines.lock().unwrap_or_else(PoisonError::into_inner).push(line),
                    Err(error) => told(error),
                }
            }
        }
    }

    pub(super) fn fault(&self, words: String) {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner).push(words);
    }

    /// One line from its purchase to its end.
    fn lead(&self, place: &Place<'_>, mut dice: Dice) -> Result<LineEnd, CallError> {
        let Place { shop, .. } = place;
        let mut life = life::plan(shop, dice.split(), &self.storm.baskets, (self.clock)())?;
        let mut held: Held = Vec::new();
        self.trouble(&mut dice);
        let bought = std::mem::take(&mut life.phases);
        for phase in &bought {
            let instance = self.tell(place, phase, &mut dice, &mut held)?;
            if life.sale.instance.is_empty() {
                life.sale.instance = instance;
            }
        }
        if life.sale.instance.is_empty() {
            return Err(CallError::NoInstance(life.sale.order.order_id));
        }
        let redeemed_at = if shop.family() == Family::LicenseCode { dice.below(3) } else { usize::MAX };
        let mut life = life::plan_rest(shop, dice.split(), &self.storm.baskets, life, (self.clock)())?;
        let phases = std::mem::take(&mut life.phases);
        let mut late: Vec<Saying> = bought.into_iter().flatten().collect();
        for (at, phase) in phases.into_iter().enumerate() {
            if at == redeemed_at {
                self.redeem(&life);
            }
            // What was said long ago is said again; behind the end nobody knows with what answer.
            let is_over = life.state == EndState::Released;
            let repeated = late.get(dice.below(late.len() * 2)).cloned();
            let repeated =
                repeated.map(|saying| Saying { any_answer: saying.any_answer || is_over, ..saying });
            self.tell(place, &phase, &mut dice, &mut held)?;
            if let Some(saying) = repeated {
                self.tell(place, &vec![saying], &mut dice, &mut held)?;
            }
            late.extend(phase.into_iter().filter(|saying| saying.may_be_late));
        }
        for (mut saying, written, manner) in held {
            saying.any_answer |= life.state == EndState::Released;
            self.look(place.shop.address(), &written, tempers::expected(&saying, &manner));
        }
        if redeemed_at != usize::MAX {
            self.redeem(&life);
        }
        let Life { sale, state, ends_at, event_id, .. } = life;
        Ok(LineEnd { family: shop.family(), sale, state, ends_at, event_id })
    }

    fn redeem(&self, life: &Life) {
        if let Some(on_code) = self.storm.on_code {
            on_code(&life.sale.instance);
        }
    }

    /// Now and then the open API fails as well.
    fn trouble(&self, dice: &mut Dice) {
        let trouble = match dice.below(40) {
            0 => Trouble::Status(503),
            1 => Trouble::Status(429),
            2 | 3 => Trouble::Delay(Duration::from_millis(200)),
            _ => return,
        };
        self.sandbox.trouble(trouble, 1);
    }
}
