//! The marketplace's calls for each step, in the words of each family, over real HTTP with real signatures.

use std::sync::OnceLock;
use std::time::Duration;

use lictor::application::ports::Clock;
use lictor::sandbox::CodeShop;
use lictor::sandbox::caller::{BodySign, Caller, SignedCall};
use lictor::sandbox::orders::{Period, digits};
use serde_json::{Map, Value, json};

use super::family::{Family, Wire};
use super::script::{Moment, Script, Step, Told};
use crate::support::api::Api;
use crate::support::{ACCESS_KEY, Harness};
use crate::v1;

/// One purchase: its story, and the name that both sides have for it.
pub struct Life {
    /// Begins the ids of its orders.
    pub id: String,
    pub script: Script,
    instance: OnceLock<String>,
    /// Its license's id, once somebody has looked.
    pub license: OnceLock<String>,
}

impl Life {
    pub fn new(id: &str, script: Script) -> Self {
        Self { id: id.to_owned(), script, instance: OnceLock::new(), license: OnceLock::new() }
    }

    /// The instance's id, once it was bought.
    pub fn instance(&self) -> Option<&str> {
        self.instance.get().map(String::as_str)
    }

    fn named(&self, instance: &str) {
        assert_eq!(self.instance.get_or_init(|| instance.to_owned()), instance, "{}: for ever", self.id);
    }

    pub fn known_as(&self) -> &str {
        self.instance().expect("it was bought")
    }
}

/// A call as it goes out.
enum Signed {
    Post(SignedCall),
    /// Path and query.
    Get(String),
    Claim(String),
}

/// One production address and the marketplace in front of it.
pub struct Shop {
    pub family: &'static Family,
    path: String,
    caller: Caller,
    codes: CodeShop,
    api: Api,
    clock: std::sync::Arc<lictor::clock::ManualClock>,
}

impl Shop {
    pub fn open(harness: &Harness, family: &'static Family) -> Self {
        let path = format!("/marketplace/acme/{}", family.name);
        let address = format!("{}{path}", harness.url);
        let codes = harness.world.sandbox.code_shop(&address, ACCESS_KEY.to_owned().into());
        let (api, clock) = (harness.anonymous(), std::sync::Arc::clone(&harness.world.clock));
        Self { family, path, caller: codes.caller().clone(), codes, api, clock }
    }

    /// The marketplace's own knowledge of a code at this moment.
    pub fn keep_code(&self, life: &Life, now: Moment) {
        if self.family.wire != Wire::Codes {
            return;
        }
        let code = code_of(life);
        if self.codes.codes().find(&code).is_none() {
            self.codes.codes().sell(&code, life.script.of_step(Step::Buy).order.clone());
        }
        self.codes.codes().change(&code, |sold| sold.ends = vec![life.script.end_at(now)]);
    }

    /// Tells a step so many times, all at once if `parallel`, each as a repetition of the marketplace: signed anew,
    /// except that every third is the very same request again.
    pub fn tell(&self, life: &Life, step: Step, copies: usize, parallel: bool) {
        let mut signed: Vec<Signed> = Vec::new();
        for copy in 0..copies {
            match signed.last() {
                Some(Signed::Post(same)) if copy % 3 == 2 => signed.push(Signed::Post(same.clone())),
                Some(Signed::Get(same)) if copy % 3 == 2 => signed.push(Signed::Get(same.clone())),
                _ => signed.push(self.sign(life, life.script.of_step(step), copy)),
            }
        }
        if parallel {
            std::thread::scope(|scope| {
                signed.iter().for_each(|call| drop(scope.spawn(|| self.send(life, step, call))));
            });
        } else {
            signed.iter().for_each(|call| self.send(life, step, call));
        }
    }

    fn sign(&self, life: &Life, told: &Told, copy: usize) -> Signed {
        match self.family.wire {
            Wire::Codes if told.step == Step::Buy => Signed::Claim(code_of(life)),
            Wire::Codes | Wire::Instances => {
                let members = if self.family.wire == Wire::Codes {
                    code_call(&code_of(life), told)
                } else {
                    instance_call(life, told, copy)
                };
                Signed::Post(self.caller.sign(members).expect("signed"))
            }
            Wire::LicenseV1 | Wire::SaasV1 => {
                self.clock.advance(Duration::from_millis(1));
                let owned = get_call(self.family.wire, life, told);
                let call: Vec<(&str, &str)> =
                    owned.iter().map(|(name, value)| (*name, value.as_str())).collect();
                let time = v1::time_stamp(self.clock.now());
                Signed::Get(format!("{}?{}", self.path, v1::signed_with(ACCESS_KEY, &call, &time)))
            }
        }
    }

    fn send(&self, life: &Life, step: Step, call: &Signed) {
        let (code, answer) = match call {
            Signed::Claim(code) => {
                let answer =
                    self.api.post("/v1/claims", &json!({ "claim_code": code, "product": "acme-cad" }));
                assert!([200, 202].contains(&answer.status), "{} {step:?}: {answer:?}", life.id);
                life.named(code);
                return;
            }
            Signed::Post(call) => {
                let answer = self.caller.send(call).expect("answered");
                assert_eq!((answer.status, answer.body_sign), (200, BodySign::Right), "{answer:?}");
                (answer.result_code().to_owned(), answer.json.unwrap_or_default())
            }
            Signed::Get(path) => {
                let answer = self.api.get(path);
                assert_eq!(answer.status, 200, "{answer:?}");
                let expected = v1::body_sign(ACCESS_KEY, answer.text.as_bytes());
                assert_eq!(answer.header("body-sign"), Some(expected.as_str()));
                let answer = answer.json();
                (answer["resultCode"].as_str().unwrap_or_default().to_owned(), answer)
            }
        };
        assert!(["000000", "000004"].contains(&code.as_str()), "{} {step:?}: {answer}", life.id);
        if step == Step::Buy {
            life.named(answer["instanceId"].as_str().expect("it has a name"));
        }
    }

    /// What the marketplace reads of an instance: code, and the text that its buyer is shown.
    pub fn read(&self, life: &Life) -> Option<(String, String)> {
        let members = json!({ "activity": "queryInstance", "instanceId": life.known_as() });
        let answer = match self.family.wire {
            Wire::Codes => return None,
            Wire::Instances => self.caller.call(object(members)).expect("answered").json.unwrap_or_default(),
            Wire::LicenseV1 | Wire::SaasV1 => {
                let buy = life.script.of_step(Step::Buy);
                let Signed::Get(path) = self.sign(life, buy, 0) else { return None };
                self.api.get(&path).json()
            }
        };
        let shown = match self.family.wire {
            Wire::Codes | Wire::Instances => &answer["info"][0]["appInfo"]["memo"],
            Wire::LicenseV1 => &answer["license"],
            Wire::SaasV1 => &answer["appInfo"]["memo"],
        };
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        Some((text(&answer["resultCode"]), text(shown)))
    }
}

/// What the marketplace gave the buyer.
fn code_of(life: &Life) -> String {
    format!("PL{}", life.id)
}

fn instance_call(life: &Life, told: &Told, copy: usize) -> Map<String, Value> {
    let order = &told.order;
    let refresh = |scene: &str| {
        json!({
            "activity": "refreshInstance", "scene": scene, "instanceId": life.known_as(),
            "orderId": order.order_id, "orderLineId": order.order_line_id, "expireTime": digits(told.ends_at),
            "productId": order.basket.product_id,
        })
    };
    let status = |word: &str| json!({ "activity": "updateInstanceStatus", "instanceId": life.known_as(), "status": word });
    object(match told.step {
        Step::Buy => json!({
            "activity": "newInstance", "orderId": order.order_id, "orderLineId": order.order_line_id,
            "businessId": format!("{}-{copy}", life.id),
        }),
        Step::Formal => refresh("TRIAL_TO_FORMAL"),
        Step::Renew => refresh("RENEWAL"),
        Step::RenewAs => refresh("RENEWAL_CHANGE"),
        Step::Cancel => refresh("UNSUBSCRIBE_RENEWAL_PERIOD"),
        Step::Upgrade | Step::UpgradeMore => json!({
            "activity": "upgradeInstance", "instanceId": life.known_as(),
            "orderId": order.order_id, "orderLineId": order.order_line_id,
        }),
        Step::Freeze => status("FREEZE"),
        Step::Unfreeze => status("UNFREEZE"),
        Step::Release => json!({ "activity": "releaseInstance", "instanceId": life.known_as() }),
    })
}

fn code_call(code: &str, told: &Told) -> Map<String, Value> {
    let order = &told.order;
    let refresh = |scene: &str| {
        json!({
            "activity": "refreshLicenseCode", "scene": scene, "license": code,
            "orderId": order.order_id, "orderLineId": order.order_line_id, "expireTime": digits(told.ends_at),
        })
    };
    let status =
        |word: &str| json!({ "activity": "updateLicenseCodeStatus", "license": code, "status": word });
    object(match told.step {
        Step::Renew => refresh("RENEWAL"),
        Step::Cancel => refresh("UNSUBSCRIBE_RENEWAL_PERIOD"),
        Step::Freeze => status("FREEZE"),
        Step::Unfreeze => status("UNFREEZE"),
        Step::Release => json!({ "activity": "releaseLicenseCode", "license": code }),
        Step::Buy | Step::Formal | Step::Upgrade | Step::RenewAs | Step::UpgradeMore => {
            unreachable!("no such call of a code")
        }
    })
}

fn get_call(wire: Wire, life: &Life, told: &Told) -> Vec<(&'static str, String)> {
    let (order, basket) = (&told.order, &told.order.basket);
    let (unit, number) = match told.period {
        Period::Days(count) => ("day", count),
        Period::Months(count) => ("month", count),
        Period::Years(count) => ("year", count),
    };
    let (end, number) = (digits(told.ends_at), number.to_string());
    let of = |activity: &str, order_id: &str| {
        vec![
            ("activity", activity.to_owned()),
            ("orderId", order_id.to_owned()),
            ("instanceId", life.known_as().to_owned()),
        ]
    };
    let first_order = life.script.of_step(Step::Buy).order.order_id.as_str();
    let license = wire == Wire::LicenseV1;
    let refresh = || {
        let mut call = of(if license { "refreshLicense" } else { "refreshInstance" }, &order.order_id);
        call.extend([
            ("expireTime", end.clone()),
            ("periodType", unit.to_owned()),
            ("periodNumber", number.clone()),
        ]);
        call
    };
    let with = |mut call: Vec<(&'static str, String)>, name, value: &str| {
        call.push((name, value.to_owned()));
        call
    };
    match told.step {
        // A trial says its end and no period.
        Step::Buy => vec![
            ("activity", if license { "getLicense" } else { "newInstance" }.to_owned()),
            ("customerId", "buyer-1".to_owned()),
            ("businessId", life.id.clone()),
            ("orderId", order.order_id.clone()),
            ("skuCode", basket.sku.clone()),
            ("productId", basket.product_id.clone()),
            ("chargingMode", "1".to_owned()),
            ("trialFlag", "1".to_owned()),
            ("expireTime", end),
            ("amount", "1".to_owned()),
        ],
        Step::Formal if license => refresh(),
        Step::Formal => with(refresh(), "trialToFormal", "1"),
        Step::Renew | Step::RenewAs => refresh(),
        Step::Cancel => with(refresh(), "orderAmount", "-12.50"),
        Step::Upgrade | Step::UpgradeMore => {
            let mut call = of("upgrade", &order.order_id);
            call.extend([
                ("skuCode", basket.sku.clone()),
                ("productId", basket.product_id.clone()),
                ("amount", basket.quantity.unwrap_or(1).to_string()),
            ]);
            call
        }
        Step::Freeze if license => of("expireLicense", first_order),
        Step::Freeze => with(of("instanceStatus", first_order), "instanceStatus", "FREEZE"),
        Step::Unfreeze => with(of("instanceStatus", first_order), "instanceStatus", "NORMAL"),
        Step::Release => of(if license { "releaseLicense" } else { "releaseInstance" }, first_order),
    }
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}
