//! A merchant with pay-per-use instances and packages.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::{SecondsFormat, TimeDelta};
use lictor::application::ports::Clock;
use lictor::domain::Instant;
use lictor::sandbox::orders::{Basket, Billing};
use lictor::sandbox::usage::CheckedUsage;
use lictor::store::MemoryEngine;
use serde_json::{Value, json};

use crate::support::api::Answer;
use crate::support::{Engine, Harness, World, acme};

/// A service whose channel pushes usage as these rules say, with the memory below it.
pub struct Ground {
    pub harness: Harness,
    pub engine: MemoryEngine,
    rules: String,
}

/// What can be bought: something metered, and a package of it.
const SPECS: &str = r#"
[[spec]]
id = "sms"
product = "acme-cad"
sku = "SMS"
name = "Messages"

[[spec]]
id = "sms-counted"
product = "acme-cad"
sku = "SMS-COUNTED"
name = "Messages, counted here"
[[spec.quota]]
metric = "sms"
unit = "message"
amount = 1000000
reset = "none"
overage = "count"

[[spec]]
id = "sms-pack"
product = "acme-cad"
sku = "SMS-PACK"
name = "A thousand messages"
term = "P1Y"

[[spec]]
id = "sms-ten"
product = "acme-cad"
sku = "SMS-TEN"
name = "Ten messages"
term = "P1Y"
kind = "package"
[[spec.quota]]
metric = "sms"
unit = "message"
amount = 10
reset = "none"
overage = "stop"
"#;

pub fn at(text: &str) -> Instant {
    text.parse().expect("a test writes valid instants")
}

pub fn text(instant: Instant) -> String {
    instant.to_rfc3339_opts(SecondsFormat::Secs, true)
}

impl Ground {
    /// `rules` is the value of the channel's `usage`.
    pub fn with(rules: &str) -> Self {
        let engine = MemoryEngine::new();
        let harness = Harness::start_in(World::new(), &Engine::Memory(engine.clone()));
        let ground = Self { harness, engine, rules: rules.to_owned() };
        ground.apply(rules);
        ground
    }

    pub fn new() -> Self {
        Self::with("{ push = \"new\" }")
    }

    pub fn apply(&self, rules: &str) {
        let catalog = acme(&self.harness.world.sandbox);
        self.harness.apply(&format!("{catalog}usage = {rules}\n{SPECS}"));
    }

    /// Ends the service and starts it again on the same records.
    pub fn restarted(self) -> Self {
        let Self { harness, engine, rules } = self;
        let harness = harness.restarted(&Engine::Memory(engine.clone()));
        Self { harness, engine, rules }
    }

    pub fn now(&self) -> Instant {
        self.harness.world.clock.now()
    }

    /// Somebody buys something metered, or a package.
    pub fn buy(&self, sku: &str, billing: Billing) -> String {
        let shop = self.harness.storefront();
        let bought = shop.buy(Basket::of(sku, billing)).expect("the call is answered");
        self.harness.settle();
        bought.answer.instance_id().to_owned()
    }

    pub fn meter(&self) -> String {
        self.buy("SMS", Billing::OnDemand)
    }

    /// Records as a merchant's meter does.
    pub fn record(&self, items: &[Value]) -> Answer {
        self.harness.merchant().post("/v1/merchant/usage-records", &json!({ "items": items }))
    }

    /// Lets time pass up to an instant, doing what is due when it is due, as the workers do.
    pub fn run_until(&self, end: Instant) {
        let clock = Arc::clone(&self.harness.world.clock);
        loop {
            let next = self.harness.block_on(self.harness.app.run_due_jobs()).expect("jobs run");
            let left = (end - clock.now()).to_std().unwrap_or(Duration::ZERO);
            match next {
                Some(Duration::ZERO) => {}
                Some(next) if next <= left => clock.advance(next),
                Some(_) | None => {
                    clock.advance(left);
                    return;
                }
            }
        }
    }

    /// The same, up to a fault of the store.
    pub fn run_until_it_fails(&self, end: Instant) {
        let clock = Arc::clone(&self.harness.world.clock);
        while let Ok(next) = self.harness.block_on(self.harness.app.run_due_jobs()) {
            let left = (end - clock.now()).to_std().unwrap_or(Duration::ZERO);
            let step = next.unwrap_or(left).min(left);
            if step == Duration::ZERO && next != Some(Duration::ZERO) {
                return;
            }
            clock.advance(step);
        }
    }

    pub fn run_for(&self, minutes: i64) {
        self.run_until(self.now() + TimeDelta::minutes(minutes));
    }

    pub fn checked(&self) -> Vec<CheckedUsage> {
        self.harness.world.sandbox.usage_records()
    }

    /// How often each interval was counted, by instance and begin.
    pub fn counted(&self) -> BTreeMap<(String, String), usize> {
        let mut counted = BTreeMap::new();
        for checked in self.checked() {
            let key = (checked.text("instance_id").to_owned(), checked.text("begin_time").to_owned());
            *counted.entry(key).or_default() += usize::from(checked.code.is_none());
        }
        counted
    }

    /// The records of a state, as the merchant sees them.
    pub fn listed(&self, state: &str) -> Vec<Value> {
        let path = format!("/v1/merchant/usage-records?state={state}&limit=200");
        let answer = self.harness.merchant().get(&path).expect(200);
        answer.at("/items").as_array().expect("a list").clone()
    }

    /// `usageInfo` of an instance, as the buyer's page asks for it.
    pub fn usage_info(&self, instance: &str) -> Value {
        let answer = self.harness.storefront().query(&[instance]).expect("the call is answered");
        assert_eq!(answer.result_code(), "000000");
        answer
            .json
            .as_ref()
            .and_then(|json| json.pointer("/info/0/usageInfo"))
            .cloned()
            .unwrap_or(Value::Null)
    }
}

/// One record of an hour that ends at `end`.
pub fn hour(instance: &str, end: Instant, value: &str) -> Value {
    json!({
        "instance_id": instance, "begin": text(end - TimeDelta::hours(1)), "end": text(end), "value": value,
    })
}
