//! Many purchases through one production address on one clock: each with its own arrivals, and everybody looking on.

use license_token::{LicenseClaims, StatusValue};
use lictor::application::ports::Clock;
use serde_json::Value;

use super::family::Family;
use super::look::{Looker, promise};
use super::model::Model;
use super::script::{Moment, Script, Step, at_hour};
use super::shop::{Life, Shop};
use crate::engines::EngineName;
use crate::service::engine_on;
use crate::support::people::activate;
use crate::support::{Harness, World, acme, channel_speaking};

/// When the server does what it has put off: asking the marketplace, publishing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Work {
    /// After every call.
    AtOnce,
    /// After the purchase, and then not before everything has arrived.
    OncePurchased,
    /// Not before everything has arrived: whatever came is older than the license.
    AtTheEnd,
}

/// A call on its way.
#[derive(Debug, Clone)]
pub struct Arrival {
    pub step: Step,
    pub at: Moment,
    pub copies: usize,
    pub parallel: bool,
}

impl Arrival {
    pub fn once(step: Step, at: Moment) -> Self {
        Self { step, at, copies: 1, parallel: false }
    }
}

/// Each call when its event happens.
pub fn timely(steps: &[Step]) -> Vec<Arrival> {
    steps.iter().map(|step| Arrival::once(*step, step.happens_at())).collect()
}

/// Each call in this order when every event has happened; the purchase when it happens, and the release.
pub fn one_after_another(steps: &[Step]) -> Vec<Arrival> {
    let at = |(index, step): (usize, &Step)| match step {
        Step::Buy | Step::Release => Arrival::once(*step, step.happens_at()),
        _ => Arrival::once(*step, at_hour(20 * 24 + 2 * i64::try_from(index).expect("few"))),
    };
    steps.iter().enumerate().map(at).collect()
}

/// One purchase on the stage.
pub struct Played {
    pub life: Life,
    /// What is special about it.
    pub what: String,
    /// In order of time.
    arrivals: Vec<Arrival>,
    /// Every key that its customer was ever handed.
    keys: Vec<LicenseClaims>,
    has_place: bool,
}

pub struct Stage<'a> {
    harness: &'a Harness,
    pub shop: Shop,
    looker: Looker<'a>,
    work: Work,
    pub lives: Vec<Played>,
}

/// A service with the two specs of the model and a channel of this family.
pub fn opened(family: &'static Family) -> Harness {
    opened_on(EngineName::Memory, family)
}

/// The same on another engine.
pub fn opened_on(on: EngineName, family: &'static Family) -> Harness {
    let harness = Harness::start_in(World::new(), &engine_on(on));
    harness.apply(&acme(&harness.world.sandbox));
    harness.world.clock.set(at_hour(-1));
    harness.apply(&catalog(&harness, family, "\"LIFE-BASIC\""));
    harness
}

pub fn catalog(harness: &Harness, family: &'static Family, basic_skus: &str) -> String {
    let channel = channel_speaking(family.protocol, family.name, &harness.world.sandbox);
    let open_api = channel.lines().rfind(|line| line.starts_with("open_api")).unwrap_or_default().to_owned();
    let channel = if family.asks_for_orders { channel } else { channel.replace(&open_api, "") };
    let spec = |id: &str, skus: &str, machines: u32, entitlements: &str, amount: u32| {
        format!(
            "\n[[spec]]\nid = \"{id}\"\nproduct = \"acme-cad\"\nsku = [{skus}]\nterm = \"order\"\n\
             machines = {machines}\nentitlements = [{entitlements}]\n[spec.offline]\nlease_days = 200\n\
             [[spec.quota]]\nmetric = \"render-minutes\"\nunit = \"minute\"\namount = {amount}\nreset = \"month\"\n"
        )
    };
    channel
        + &spec("life-basic", basic_skus, 1, "\"export\"", 100)
        + &spec("life-plus", "\"LIFE-PLUS\"", 2, "\"export\", \"render\"", 250)
}

impl<'a> Stage<'a> {
    pub fn new(harness: &'a Harness, family: &'static Family, work: Work) -> Self {
        let (shop, looker) = (Shop::open(harness, family), Looker::new(harness));
        Self { harness, shop, looker, work, lives: Vec::new() }
    }

    /// Puts one more purchase on the stage.
    pub fn add(&mut self, what: &str, steps: &[Step], first_sku: &str, mut arrivals: Vec<Arrival>) {
        let family = self.shop.family;
        let id = format!("L{:04}", self.lives.len());
        let script = Script::of(steps, &format!("CS{id}"), first_sku, family.cancels_by_name);
        for told in &script.told {
            self.harness.world.sandbox.register(told.order.clone());
        }
        arrivals.sort_by_key(|arrival| arrival.at);
        let (life, what) = (Life::new(&id, script), format!("{} {what}", family.name));
        self.lives.push(Played { life, what, arrivals, keys: Vec::new(), has_place: false });
    }

    /// Lets everything arrive that arrives until then.
    pub fn play(&mut self, until: Moment) {
        loop {
            let waiting = self.lives.iter().filter_map(|played| Some(played.arrivals.first()?.at));
            let Some(next) = waiting.min().filter(|next| *next <= until) else { break };
            self.turn_to(next);
            let mut has_purchase = false;
            let mut called = Vec::new();
            for (index, played) in self.lives.iter_mut().enumerate() {
                while played.arrivals.first().is_some_and(|arrival| arrival.at <= next) {
                    let Arrival { step, copies, parallel, .. } = played.arrivals.remove(0);
                    self.shop.tell(&played.life, step, copies, parallel);
                    has_purchase |= step == Step::Buy;
                    called.push(index);
                }
            }
            called.dedup();
            match self.work {
                Work::AtOnce => self.settle(&called),
                Work::OncePurchased if has_purchase => self.settle(&called),
                Work::OncePurchased | Work::AtTheEnd => {}
            }
        }
        self.turn_to(until);
        self.settle(&(0..self.lives.len()).collect::<Vec<_>>());
    }

    fn turn_to(&self, next: Moment) {
        let clock = &self.harness.world.clock;
        clock.set(next.max(clock.now()));
        for played in &self.lives {
            self.shop.keep_code(&played.life, clock.now());
        }
    }

    /// Every key between two jobs is one that a customer may hold.
    fn settle(&mut self, called: &[usize]) {
        self.look(called);
        self.harness.settle();
        self.look(called);
    }

    fn look(&mut self, called: &[usize]) {
        for index in called {
            let played = &mut self.lives[*index];
            let Some(seen) = self.looker.license(&played.life) else { continue };
            if !played.has_place && seen.shown["state"] == "active" {
                activate(&self.harness.anonymous(), &seen.key, 1, "n").expect(201);
                played.has_place = true;
            }
            if played.keys.iter().all(|known| known.jti != seen.claims.jti) {
                played.keys.push(seen.claims);
            }
        }
    }

    /// Every purchase says the same as the first, and as the model after these steps, everywhere; no key that was ever
    /// handed out promises more than is there.
    pub fn all_alike(&self, steps: impl Fn(Step) -> bool) {
        let mut lists = self.looker.lists();
        let mut first: Option<Value> = None;
        for played in &self.lives {
            let (seen, state) = self.looker.state(&self.shop, &played.life, &mut lists);
            let state = without_name_of_sku(&state);
            let first = first.get_or_insert_with(|| state.clone());
            assert_eq!(&state, first, "{} is not as {}", played.what, self.lives[0].what);
            let model = Model::after(&played.life.script, self.shop.family.renewal_lifts(), &steps);
            self.looker.agrees(&played.life, &seen, model.now(), &played.what);
            // What is heard of when all is over gives nothing for the windows that are over too.
            if !played.what.ends_with("long after") {
                self.looker.books_agree(&seen, model.now(), &played.what);
            }
            for key in &played.keys {
                let said = lists.of(key);
                let right = self.may_say(key, &seen.claims, &model);
                assert!(
                    right.contains(&said),
                    "{}: {said:?} of {} beside {}",
                    played.what,
                    promise(key),
                    promise(&seen.claims)
                );
            }
        }
    }

    /// What the entry of a key may say beside the current one.
    fn may_say(&self, key: &LicenseClaims, current: &LicenseClaims, model: &Model) -> Vec<StatusValue> {
        let (now, end) = (self.harness.world.clock.now().timestamp(), key.exp.unwrap_or(i64::MAX));
        let running = if model.now().is_frozen { StatusValue::Suspended } else { StatusValue::Valid };
        let lacks = |feature: &String| !current.entitlements.contains(feature);
        let promises_more = end > current.exp.unwrap_or(i64::MAX)
            || key.machines > current.machines
            || key.entitlements.iter().any(lacks)
            || key.quota[0].amount > current.quota[0].amount;
        match () {
            // Its own end says enough.
            () if end <= now => ANYTHING.to_vec(),
            () if model.now().is_released => vec![StatusValue::Invalid],
            () if key.jti == current.jti => vec![running],
            () if promises_more => vec![StatusValue::Superseded],
            () => vec![running, StatusValue::Superseded],
        }
    }

    /// One purchase step by step: after each, key, status list and merchant say what the model says, of every key.
    pub fn step_by_step(&mut self) {
        let steps: Vec<Step> = self.lives[0].life.script.steps().collect();
        for (count, step) in steps.iter().enumerate() {
            let done = &steps[..=count];
            self.play(step.happens_at());
            let played = &self.lives[0];
            let lifts = self.shop.family.renewal_lifts();
            let model = Model::after(&played.life.script, lifts, |step| done.contains(&step));
            let seen = self.looker.license(&played.life).expect("minted");
            self.looker.agrees(&played.life, &seen, model.now(), &format!("{step:?}"));
            self.looker.books_agree(&seen, model.now(), &format!("{step:?}"));
            let (now, mut lists) = (self.harness.world.clock.now(), self.looker.lists());
            for (expected, status) in model.keys(now) {
                let alike = played.keys.iter().filter(|key| {
                    key.exp == Some(expected.ends_at.timestamp())
                        && key.machines.map(u64::from) == Some(expected.machines)
                        && (key.spec.sku.as_str(), key.term.to_string())
                            == (&*expected.sku, expected.term.clone())
                });
                let said: Vec<_> = alike.map(|key| lists.of(key)).collect();
                assert!(!said.is_empty(), "no key of {expected:?} after {step:?}");
                assert!(said.iter().all(|said| *said == status), "{said:?} after {step:?}: {expected:?}");
            }
            self.looker.state(&self.shop, &played.life, &mut lists);
        }
    }

    /// The current key of a purchase.
    pub fn key_of(&self, index: usize) -> String {
        self.looker.license(&self.lives[index].life).expect("minted").key
    }

    /// Released, and every key that has not ended by itself says so.
    pub fn has_ended(&self, index: usize) {
        let (played, mut lists) = (&self.lives[index], self.looker.lists());
        let seen = self.looker.license(&played.life).expect("minted");
        assert_eq!(seen.shown["state"], "released", "{}", played.what);
        assert_eq!(lists.of(&seen.claims), StatusValue::Invalid, "{}", played.what);
    }

    /// As many machines as were bought find a place, and not one more.
    pub fn fill(&self, index: usize) {
        let seen = self.looker.license(&self.lives[index].life).expect("minted");
        let limit = u8::try_from(seen.claims.machines.expect("limited")).expect("few");
        let customer = self.harness.anonymous();
        // The first place was taken on trial, and its certificate ended with the trial.
        for number in 1..=limit {
            let place = activate(&customer, &seen.key, number, "n");
            assert!([200, 201].contains(&place.status), "{place:?}");
        }
        activate(&customer, &seen.key, limit + 1, "n").expect_problem(409, "machine_limit_reached");
    }
}

const ANYTHING: [StatusValue; 4] =
    [StatusValue::Valid, StatusValue::Invalid, StatusValue::Suspended, StatusValue::Superseded];

/// Before a spec knew it, the same thing had another SKU.
fn without_name_of_sku(state: &Value) -> Value {
    let text = state.to_string().replace("LIFE-LATER", "LIFE-BASIC");
    serde_json::from_str(&text).expect("as it was written")
}
