//! Leads many lives at once.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use chrono::TimeDelta;

use super::aftermath::{Aftermath, EndState, LineEnd, Tally};
use super::life::{self, Life, Phase, Saying};
use super::tempers::{self, Temper};
use crate::sandbox::address::{Address, AddressKeys};
use crate::sandbox::caller::{CallError, random_text};
use crate::sandbox::dial_tests::saved_cases;
use crate::sandbox::dice::Dice;
use crate::sandbox::family::Family;
use crate::sandbox::judge::wire::{Limits, Wire};
use crate::sandbox::judge::{AnswerKeys, Exchange, Expected, Judge, Rule, Twist};
use crate::sandbox::manner::Manner;
use crate::sandbox::open_api::Trouble;
use crate::sandbox::orders::Basket;
use crate::sandbox::shop::{Shop, Step};
use crate::sandbox::words::Call;
use crate::sandbox::words::kit::{Flag, Tenant};
use crate::sandbox::written::{WrittenCall, beijing_digits};
use crate::sandbox::{Clock, Sandbox};

/// Copies of one call, all at the same time.
const COPIES_MAX: usize = 20;
/// Tries of a call that must be answered well.
const TRIES_MAX: usize = 30;
/// Lives at the same time.
const CALLERS: usize = 8;

/// One production address in the storm.
pub struct StormTarget {
    pub family: Family,
    pub production_address: String,
    pub keys: AddressKeys,
    /// Bound to the address in mid-storm; both live for a while.
    pub next_keys: Option<AddressKeys>,
}

/// How the storm waits: for an address that is not done yet, and for how long at most.
pub struct Patience<'a> {
    pub between_tries: &'a (dyn Fn() + Sync),
    pub settles_within: Duration,
}

/// What will happen.
pub struct Storm<'a> {
    /// Order lines, over all targets.
    pub orders: usize,
    /// The same seed plans the same storm; what is answered first is nobody's plan.
    pub seed: u64,
    /// What is bought.
    pub baskets: Vec<Basket>,
    /// Also writes and signs in ways that the documents leave open.
    pub every_reading: bool,
    /// Told of each authorization code once it is sold: somebody redeems it.
    pub on_code: Option<&'a (dyn Fn(&str) + Sync)>,
}

struct Place<'a> {
    shop: Shop,
    keys: &'a AddressKeys,
    next_keys: Option<&'a AddressKeys>,
}

struct Running<'a> {
    storm: &'a Storm<'a>,
    sandbox: &'a Sandbox,
    patience: &'a Patience<'a>,
    places: Vec<Place<'a>>,
    clock: Clock,
    judge: Judge,
    tally: Tally,
    begun: AtomicUsize,
    faults: Mutex<Vec<String>>,
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
            for _ in 0..CALLERS.min(self.orders) {
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
            for _ in 0..CALLERS {
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

    fn fault(&self, words: String) {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner).push(words);
    }

    /// One line from its purchase to its end.
    fn lead(&self, place: &Place<'_>, mut dice: Dice) -> Result<LineEnd, CallError> {
        let Place { shop, .. } = place;
        let mut life = life::plan(shop, dice.split(), &self.storm.baskets, (self.clock)())?;
        let mut held = Vec::new();
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

    /// Tells a phase in any order, each saying many times, and then whatever was not answered well until it is. Gives
    /// the instance id, if an answer named one.
    fn tell(
        &self,
        place: &Place<'_>,
        phase: &Phase,
        dice: &mut Dice,
        held: &mut Vec<(Saying, WrittenCall, Manner)>,
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
    fn look(&self, address: &Address, written: &WrittenCall, expected: Expected) -> Sent {
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

    fn lead_kit(&self, place: &Place<'_>, mut dice: Dice) -> Result<(), CallError> {
        let family = place.shop.family();
        let tenant = Tenant {
            tenant_id: random_text(8)?,
            instance_id: random_text(16)?,
            order_id: format!("CS{}", random_text(8)?.to_uppercase()),
        };
        let now = beijing_digits((self.clock)());
        // What RSA-OAEP with a key of 3072 bits gives looks like this: 384 bytes.
        let secret = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, random_text(192)?);
        let calls: Vec<Call> = vec![
            tenant.sync(family, Flag::Add, "企业"),
            tenant.application(family, Flag::Add, "app-1", &secret),
            tenant.authorization(family, Flag::Add, "app-1", &["zhang", "li"], &now),
            tenant.department(family, Flag::Add, "O1", "研发"),
            tenant.all_departments(family, &[("O1", "研发"), ("O2", "Sales")]),
            tenant.sync(family, Flag::Modify, "新名"),
            tenant.authorization(family, Flag::Delete, "app-1", &["li"], &now),
            tenant.department(family, Flag::Delete, "O1", "研发"),
            tenant.sync(family, Flag::Delete, "新名"),
        ];
        let mut held = Vec::new();
        for call in calls {
            // The last word counts: none may come late.
            let saying = Saying { call, expire_millis: None, may_be_late: false, any_answer: false };
            self.tell(place, &vec![saying], &mut dice, &mut held)?;
        }
        Ok(())
    }

    /// The purchase is done, the instance is shown alike to everybody, what ended has ended.
    fn settle(&self, line: &LineEnd) {
        let Some(place) = self.places.iter().find(|place| place.shop.family() == line.family) else { return };
        let mut sale = line.sale.clone();
        let mut say = |step: &Step| {
            let call = place.shop.call_for(&mut sale, step, (self.clock)()).ok().flatten()?;
            let any_answer = line.state == EndState::Released;
            Some(Saying { call, expire_millis: None, may_be_late: true, any_answer })
        };
        if line.state == EndState::Released {
            let release = say(&Step::Release).map(|saying| Saying { any_answer: false, ..saying });
            let _ = release.map(|saying| self.ask(place, &saying));
            return;
        }
        let Some(bought) = say(&Step::Buy) else { return };
        let began = place.shop.address().wire().elapsed();
        let is_late = || place.shop.address().wire().elapsed() - began > self.patience.settles_within;
        let mut is_done = self.ask(place, &bought) == Some(true);
        while !is_done && !is_late() {
            (self.patience.between_tries)();
            is_done = self.ask(place, &bought) == Some(true);
        }
        let broken = (!is_done)
            .then(|| format!("{} order {} is not done", line.family.name(), line.sale.order.order_id));
        self.judge.told(Rule::PurchaseSettles, broken);
        for _ in 0..2 {
            let _ = self.ask(place, &bought);
            let _ = say(&Step::Query).map(|saying| self.ask(place, &saying));
        }
        if let Some(event) = &line.event_id {
            while place.shop.uploads(event).is_empty() && !is_late() {
                (self.patience.between_tries)();
            }
            let texts: HashMap<String, ()> =
                place.shop.uploads(event).into_iter().map(|upload| (upload.text, ())).collect();
            if texts.len() != 1 {
                self.fault(format!("event {event} was answered {} different Licenses", texts.len()));
            }
        }
    }

    /// Asks once, by the keys of the end; says whether it is done.
    fn ask(&self, place: &Place<'_>, saying: &Saying) -> Option<bool> {
        let address = place.shop.address().with_keys(place.next_keys.unwrap_or(place.keys).clone());
        let written = address.write(&saying.call, &Manner::default()).ok()?;
        let exchange = address.exchange(&written, tempers::expected(saying, &Manner::default())).ok()?;
        self.judge.look(&exchange);
        let answer = exchange.outcome.ok()?;
        Some(answer.status == 200 && answer.result_code() == "000000")
    }
}

/// What is known after sending.
enum Sent {
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
