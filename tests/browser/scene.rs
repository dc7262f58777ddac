//! A desk with something on it: licenses that were bought, the software of those who bought them, orders that wait.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use chrono::{SecondsFormat, TimeDelta};
use license_client::{Config, Uptime, check, maintain, request, take_response};
use license_token::Component;
use lictor::application::ports::Clock as _;
use lictor::domain::{Scope, TokenOwner};
use lictor::sandbox::Storefront;
use lictor::sandbox::orders::{Basket, Billing, Period};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::people::activate;
use crate::support::{Engine, Harness, World, acme, channel_speaking};

pub const DAY: Duration = Duration::from_secs(86_400);
/// A port on which nobody answers.
const NOBODY: &str = "http://127.0.0.1:9";

/// The service on disk, its shop, and a folder for what is carried by hand.
pub struct Scene {
    pub harness: Harness,
    shop: Storefront,
    folder: TempDir,
}

/// A license that was bought, and the order that it came of.
pub struct Bought {
    pub license: String,
    pub order: String,
    pub key: String,
    instance: String,
}

/// A machine with the software on it.
pub struct Machine {
    config: Config,
    _state: TempDir,
}

impl Scene {
    /// The catalog of `acme`, its names in both languages, and an empty store.
    pub fn open() -> Self {
        let harness = Harness::start_in(World::new(), &Engine::Embedded);
        let mut catalog = acme(&harness.world.sandbox);
        for (english, chinese) in [
            ("Yearly", "年度版"),
            ("Monthly", "月度版"),
            ("For good", "永久版"),
            ("Not bound to machines", "不绑定机器"),
        ] {
            let name = format!("name = {{ zh = \"{chinese}\", en = \"{english}\" }}");
            catalog = catalog.replace(&format!("name = \"{english}\""), &name);
        }
        harness.apply(&catalog);
        let shop = harness.storefront();
        Self { harness, shop, folder: tempfile::tempdir().expect("a folder") }
    }

    pub fn buy(&self, sku: &str, period: Period) -> Bought {
        let order = self.order(sku, period);
        self.harness.settle();
        let found =
            self.harness.merchant().get(&format!("/v1/merchant/licenses?order_id={order}")).expect(200);
        let license = found.text_at("/items/0/id");
        let path = format!("/v1/merchant/licenses/{license}?reveal=true");
        let key = self.harness.merchant().get(&path).expect(200).text_at("/license_key");
        Bought { license, order, instance: found.text_at("/items/0/instance_id"), key }
    }

    /// An order that is told, and not worked off yet; its id.
    fn order(&self, sku: &str, period: Period) -> String {
        let bought = self.shop.buy(Basket::of(sku, Billing::Period(period))).expect("the call is answered");
        bought.order.order_id
    }

    /// An order of a code that no spec knows; its id at the desk.
    pub fn held_order(&self) -> String {
        let basket = Basket { quantity: Some(2), ..Basket::of("NEW-SKU", Billing::Period(Period::Years(1))) };
        self.shop.buy(basket).expect("the call is answered");
        self.harness.settle();
        let held = self.harness.merchant().get("/v1/merchant/orders?state=held").expect(200);
        held.text_at("/items/0/id")
    }

    pub fn token(&self, scopes: &[Scope]) -> String {
        self.harness.token(scopes)
    }

    pub fn operator_token(&self) -> String {
        self.harness.token_of(TokenOwner::Server, &[Scope::Operator])
    }

    /// The software there was activated over the network; from now on it finds status lists, and nothing else.
    pub fn activated(&self, name: &str, bought: &Bought) -> Machine {
        let state = tempfile::tempdir().expect("a folder");
        let online = self.software(name, state.path()).server(&self.harness.url);
        assert_eq!(check(&online, Some(&bought.key)).code(), "valid");
        Machine { config: self.software(name, state.path()).server(NOBODY), _state: state }
    }

    /// A machine without network, and the file by which it asks for a place.
    pub fn offline(&self, name: &str, bought: &Bought) -> (Machine, PathBuf) {
        let state = tempfile::tempdir().expect("a folder");
        let config = self.software(name, state.path()).server(NOBODY);
        let file = self.folder.path().join("license-request.txt");
        std::fs::write(&file, request(&config, Some(&bought.key)).expect("a request")).expect("written");
        (Machine { config, _state: state }, file)
    }

    fn software(&self, name: &str, state: &Path) -> Config {
        let keys = self.harness.anonymous().get("/v1/keysets/acme/jwks.json").expect(200).text;
        let clock = Arc::clone(&self.harness.world.clock);
        let of = name.to_owned();
        let components = move || {
            [Component::Os, Component::Fw, Component::Brd].map(|it| (it, format!("{it:?} of {of}"))).to_vec()
        };
        Config::new("acme-cad", "https://license.acme.example", &keys, state)
            .expect("a valid configuration")
            .machine_name(name)
            .clock(move || clock.now().timestamp())
            .boot_clock(|| Uptime { boot: "the only start".into(), secs: 0 })
            .environment(|_| None)
            .machine(components)
    }

    /// What the software says before it has heard anything, and a day later with the new list.
    pub fn learns(&self, machine: &Machine) -> Value {
        let before = check(&machine.config, None).code();
        self.harness.settle();
        self.harness.world.clock.advance(DAY);
        let heard = maintain(&machine.config).code();
        json!({ "before": before, "heard": heard, "after": check(&machine.config, None).code() })
    }

    /// What the software there says to the file that was carried back.
    pub fn carried_back(machine: &Machine, file: &str) -> Value {
        let response = std::fs::read_to_string(file).expect("the browser has written it");
        take_response(&machine.config, &response)
            .map_or_else(|error| json!(format!("{error:?}")), |it| json!(it.code()))
    }

    /// Something pay-per-use that is used in these hours of its life.
    fn meter(&self, used: &[(&str, i64)]) {
        let (clock, start) = (&self.harness.world.clock, self.harness.world.clock.now());
        let bought =
            self.shop.buy(Basket::of("CAD-FOREVER", Billing::OnDemand)).expect("the call is answered");
        self.harness.settle();
        clock.advance(DAY);
        let text = |hours| (start + TimeDelta::hours(hours)).to_rfc3339_opts(SecondsFormat::Secs, true);
        let instance = bought.answer.instance_id();
        let item = |(value, hour): &(&str, i64)| json!({ "instance_id": instance, "value": value, "begin": text(*hour), "end": text(hour + 1) });
        let items: Vec<Value> = used.iter().map(item).collect();
        self.harness.merchant().post("/v1/merchant/usage-records", &json!({ "items": items })).expect(200);
    }

    /// One thing of each kind that a page can be about, by the name in the pages' addresses, with all kinds of history; and
    /// what a customer holds.
    pub fn furnish(&self) -> (Vec<(&'static str, String)>, Bought) {
        let harness = &self.harness;
        harness.apply(&channel_speaking("license-code", "cad-codes", &harness.world.sandbox));
        self.meter(&[("12.5", 0), ("1234567.8901", 1)]);
        for _ in 0..3 {
            let month = self.buy("CAD-MONTH", Period::Months(1));
            activate(&harness.anonymous(), &month.key, 7, &month.order).expect(201);
            harness.world.clock.advance(DAY * 4);
        }
        let frozen = self.buy("CAD-YEAR", Period::Years(1));
        self.shop.freeze(&frozen.instance).expect("the call is answered");
        let mut year = self.buy("CAD-YEAR", Period::Years(1));
        let places = [1, 2].map(|number| {
            activate(&harness.anonymous(), &year.key, number, &format!("n{number}"))
                .expect(201)
                .text_at("/activation_id")
        });
        for (act, reason) in
            [("suspend", "has not paid"), ("resume", "has paid <b>&amp; more</b>"), ("reissue", "lost")]
        {
            let path = format!("/v1/merchant/licenses/{}/{act}", year.license);
            harness.merchant().post(&path, &json!({ "reason": reason })).expect(200);
        }
        let path = format!("/v1/merchant/licenses/{}?reveal=true", year.license);
        year.key = harness.merchant().get(&path).expect(200).text_at("/license_key");
        let order = json!({
            "product": "acme-cad", "spec": "cad-forever", "customer": "customer-7",
            "label": "A_label_without_a_single_blank_that_is_longer_than_a_phone_is_wide_by_far",
        });
        harness.merchant().post("/v1/merchant/licenses", &order).expect(201);
        let hook = json!({ "url": "http://127.0.0.1:9/hooks/licenses", "description": "CRM" });
        let webhook = harness.merchant().post("/v1/merchant/webhooks", &hook).expect(201).text_at("/id");
        let held = self.held_order();
        // The marketplace is asked in vain what was bought: work that failed and waits.
        harness.world.set_secret("OPEN_API_SK", "wrong");
        self.order("CAD-YEAR", Period::Years(1));
        harness.settle();
        harness.block_on(async {
            while harness.app.seal_events().await.expect("events are sealed").has_more {}
        });
        let first = |path: &str, pointer: &str| harness.merchant().get(path).expect(200).text_at(pointer);
        let things = vec![
            ("license", year.license.clone()),
            ("activation", places[0].clone()),
            ("order", held),
            ("job", first("/v1/merchant/outbox", "/items/0/id")),
            ("channel", "cad-koogallery".to_owned()),
            ("api_token", first("/v1/merchant/api-tokens", "/items/0/id")),
            ("kid", first("/v1/merchant/keys", "/items/0/kid")),
            ("customer", "customer-7".to_owned()),
            ("webhook", webhook),
        ];
        (things, year)
    }
}
