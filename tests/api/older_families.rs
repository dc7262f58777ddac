//! Production addresses of the older families, over real HTTP: the whole order comes in a query.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{TimeDelta, Utc};
use lictor::application::ports::Clock;
use lictor::store::{MemoryEngine, RecordKey};
use serde_json::{Value, json};

use crate::support::api::Answer;
use crate::support::{ACCESS_KEY, Harness, acme};
use crate::v1;

const DAY: Duration = Duration::from_secs(86_400);
const KIT_KEY: &str = "isv-kit-key-0001";

/// A service that also has a channel of each older family.
fn start_over(engine: &MemoryEngine) -> Harness {
    let harness = Harness::start_over(engine);
    harness.world.set_secret("KIT_KEY", KIT_KEY);
    let channel = |id: &str, protocol: &str| {
        format!(
            "\n[[channel]]\nid = \"{id}\"\nprotocol = \"{protocol}\"\nproducts = [\"acme-cad\"]\n\
             [[channel.access_key]]\nid = \"c\"\nvalue = \"env:CALLBACK_KEY\"\n\
             [[channel.access_key]]\nid = \"k\"\nuse = \"kit\"\nvalue = \"env:KIT_KEY\"\n"
        )
    };
    let channels = channel("cad-license", "license-v1") + &channel("cad-saas", "saas-v1");
    harness.apply(&(acme(&harness.world.sandbox) + &channels));
    harness
}

fn records(engine: &MemoryEngine) -> BTreeMap<RecordKey, Vec<u8>> {
    engine.records().into_iter().map(|(key, record)| (key, record.body.to_vec())).collect()
}

/// The marketplace's side of a channel.
struct Shop<'a> {
    harness: &'a Harness,
    channel: &'static str,
}

impl Shop<'_> {
    fn path(&self, parameters: &[(&str, &str)], key: &str) -> String {
        let time = v1::time_stamp(self.harness.world.clock.now());
        format!("/marketplace/acme/{}?{}", self.channel, v1::signed_with(key, parameters, &time))
    }

    /// What the address answers, its signature checked; a new time for each call.
    fn call(&self, parameters: &[(&str, &str)]) -> Value {
        self.harness.world.clock.advance(Duration::from_millis(1));
        self.send(&self.path(parameters, ACCESS_KEY))
    }

    fn send(&self, path: &str) -> Value {
        judged(&self.harness.anonymous().get(path), ACCESS_KEY)
    }

    fn buy(&self, order_id: &str, business_id: &str, sku: &str) -> Value {
        let activity = if self.channel == "cad-license" { "getLicense" } else { "newInstance" };
        self.call(&[
            ("activity", activity),
            ("customerId", "buyer-1"),
            ("customerName", "John Smith & Söhne"),
            ("businessId", business_id),
            ("orderId", order_id),
            ("skuCode", sku),
            ("productId", "00301-666666-0--0"),
            ("chargingMode", "1"),
            ("periodType", "year"),
            ("periodNumber", "1"),
        ])
    }

    fn change(&self, activity: &str, order_id: &str, more: &[(&str, &str)]) -> Value {
        let own = [("activity", activity), ("orderId", order_id), ("instanceId", "i-1")];
        self.call(&[&own, more].concat())
    }
}

fn judged(answer: &Answer, key: &str) -> Value {
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.header("content-type"), Some("application/json"));
    let expected = v1::body_sign(key, answer.text.as_bytes());
    assert_eq!(answer.header("body-sign"), Some(expected.as_str()), "{answer:?}");
    answer.json()
}

fn code(answer: &Value) -> &str {
    answer["resultCode"].as_str().expect("every answer has one")
}

fn license_of(harness: &Harness, order_id: &str) -> Value {
    let found = harness.merchant().get(&format!("/v1/merchant/licenses?order_id={order_id}")).expect(200);
    assert_eq!(found.at("/items").as_array().map(Vec::len), Some(1), "{found:?}");
    found.at("/items/0")
}

/// The end as the marketplace writes it, so many days from now.
fn in_days(harness: &Harness, days: i64) -> String {
    let end: chrono::DateTime<Utc> = harness.world.clock.now() + TimeDelta::days(days);
    end.format("%Y%m%d%H%M%S").to_string()
}

#[test]
fn get_license_delivers_the_license_key_and_the_same_again_for_ever() {
    let engine = MemoryEngine::new();
    let harness = start_over(&engine);
    let shop = Shop { harness: &harness, channel: "cad-license" };
    let first = shop.buy("CS1", "i-1", "CAD-YEAR");
    assert_eq!((code(&first), &first["instanceId"]), ("000000", &json!("i-1")));
    let key = first["license"].as_str().expect("the license key");
    let license = license_of(&harness, "CS1");
    assert_eq!((&license["state"], &license["product"]), (&json!("active"), &json!("acme-cad")));
    let claims = {
        let claims = key.split('.').nth(1).expect("three parts");
        let bytes = base64::Engine::decode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, claims);
        serde_json::from_slice::<Value>(&bytes.expect("base64url")).expect("claims are JSON")
    };
    assert_eq!(claims["sub"], license["id"]);
    let stored = records(&engine);
    assert_eq!(shop.buy("CS1", "another-business-id", "CAD-YEAR"), first);
    harness.world.clock.advance(DAY);
    assert_eq!(shop.buy("CS1", "a-third", "CAD-YEAR"), first, "a day later");
    assert_eq!(records(&engine), stored, "a repeat leaves nothing behind");
}

/// Software takes a claim code where it takes a license key.
#[test]
fn get_license_delivers_the_claim_code_of_a_license_that_waits_and_its_key_once_it_has_begun() {
    let harness = start_over(&MemoryEngine::new());
    let later =
        "[[spec]]\nid = \"later\"\nproduct = \"acme-cad\"\nsku = \"CAD-LATER\"\nstarts = \"acceptance\"\n";
    let merchant = "[merchant]\nid = \"acme\"\nissuer = \"https://license.acme.example\"\nlocale = \"en\"\n";
    harness.apply(&format!("{merchant}{later}"));
    let shop = Shop { harness: &harness, channel: "cad-license" };
    let waiting = shop.buy("CS1", "i-1", "CAD-LATER");
    let license = license_of(&harness, "CS1")["id"].as_str().expect("an id").to_owned();
    let shown =
        || harness.merchant().get(&format!("/v1/merchant/licenses/{license}?reveal=true")).expect(200);
    assert_eq!(waiting["license"], shown().at("/claim_code"));
    harness.merchant().post(&format!("/v1/merchant/licenses/{license}/accept"), &json!({})).expect(200);
    assert_eq!(shop.buy("CS1", "i-2", "CAD-LATER")["license"], shown().at("/license_key"));
}

#[test]
fn the_same_request_again_gets_the_same_bytes_and_changes_nothing() {
    let engine = MemoryEngine::new();
    let harness = start_over(&engine);
    let shop = Shop { harness: &harness, channel: "cad-license" };
    shop.buy("CS1", "i-1", "CAD-YEAR");
    let end = in_days(&harness, 800);
    let path = shop.path(
        &[("activity", "refreshLicense"), ("orderId", "CS2"), ("instanceId", "i-1"), ("expireTime", &end)],
        ACCESS_KEY,
    );
    let first = shop.send(&path);
    assert_eq!(code(&first), "000000");
    let stored = records(&engine);
    assert_eq!(shop.send(&path), first);
    assert_eq!(records(&engine), stored);
    harness.world.clock.advance(Duration::from_secs(301));
    assert_eq!(code(&shop.send(&path)), "000002", "stale by then");
}

#[test]
fn the_whole_life_of_an_old_license() {
    let harness = start_over(&MemoryEngine::new());
    let shop = Shop { harness: &harness, channel: "cad-license" };
    let bought = shop.buy("CS1", "i-1", "CAD-YEAR");
    let state = || license_of(&harness, "CS1")["state"].clone();
    assert_eq!(code(&shop.change("expireLicense", "CS1", &[])), "000000");
    assert_eq!(state(), "suspended");
    assert_eq!(code(&shop.change("expireLicense", "CS1", &[])), "000000", "a repeat");
    let end = in_days(&harness, 800);
    let renew = || shop.change("refreshLicense", "CS2", &[("expireTime", end.as_str())]);
    assert_eq!(code(&renew()), "000000");
    assert_eq!(state(), "active", "a renewal lifts the stop: no call of its own will");
    let renewed = shop.buy("CS1", "i-1", "CAD-YEAR");
    assert_ne!(renewed["license"], bought["license"], "every reader sees the current key");
    assert_eq!(renewed["instanceId"], bought["instanceId"]);
    assert_eq!(code(&shop.change("expireLicense", "CS1", &[])), "000000");
    assert_eq!(code(&renew()), "000000");
    assert_eq!(state(), "suspended", "the same order again lifts nothing");
    assert_eq!(code(&shop.change("releaseLicense", "CS1", &[])), "000000");
    assert_eq!(code(&shop.change("releaseLicense", "CS1", &[])), "000000");
    assert_eq!(state(), "released");
    assert_eq!(code(&shop.buy("CS1", "i-1", "CAD-YEAR")), "000000");
    let unknown = shop.call(&[("activity", "expireLicense"), ("orderId", "X"), ("instanceId", "unknown")]);
    assert_eq!(code(&unknown), "000003");
}

#[test]
fn an_order_of_an_unknown_sku_is_held_and_delivered_once_it_is_mapped() {
    let harness = start_over(&MemoryEngine::new());
    for (channel, order, instance) in [("cad-license", "CS1", "i-1"), ("cad-saas", "CS2", "i-2")] {
        let shop = Shop { harness: &harness, channel };
        let held = shop.buy(order, instance, "CAD-NEW");
        assert_eq!((code(&held), &held["instanceId"]), ("000004", &json!(instance)));
        assert_eq!(held["license"], Value::Null);
    }
    let catalog =
        acme(&harness.world.sandbox).replace("sku = \"CAD-YEAR\"", "sku = [\"CAD-YEAR\", \"CAD-NEW\"]");
    harness.apply(&catalog);
    harness.settle();
    let license = Shop { harness: &harness, channel: "cad-license" }.buy("CS1", "another", "CAD-NEW");
    assert_eq!((code(&license), &license["instanceId"]), ("000000", &json!("i-1")));
    assert!(license["license"].as_str().is_some_and(|key| !key.is_empty()));
    let saas = Shop { harness: &harness, channel: "cad-saas" }.buy("CS2", "another", "CAD-NEW");
    assert_eq!((code(&saas), &saas["instanceId"]), ("000000", &json!("i-2")));
}

#[test]
fn new_instance_shows_the_claim_code_and_is_a_read_when_the_buyer_opens_the_details() {
    let engine = MemoryEngine::new();
    let harness = start_over(&engine);
    let shop = Shop { harness: &harness, channel: "cad-saas" };
    let bought = shop.buy("CS1", "i-1", "CAD-YEAR");
    assert_eq!((code(&bought), &bought["instanceId"]), ("000000", &json!("i-1")));
    let memo = bought["appInfo"]["memo"].as_str().expect("a memo");
    let claim = memo.trim_start_matches("Claim code ").split(',').next().expect("a code");
    let claimed =
        harness.anonymous().post("/v1/claims", &json!({ "claim_code": claim, "product": "acme-cad" }));
    assert_eq!(claimed.expect(200).at("/license_id"), license_of(&harness, "CS1")["id"]);
    let stored = records(&engine);
    for _ in 0..3 {
        harness.world.clock.advance(DAY);
        assert_eq!(shop.buy("CS1", "another-business-id", "CAD-YEAR"), bought);
    }
    let query = |ids: &str| shop.call(&[("activity", "queryInstance"), ("instanceId", ids)]);
    let shown = query("i-1");
    assert_eq!(shown["info"][0]["appInfo"], bought["appInfo"]);
    assert_eq!(code(&query("i-1,unknown")), "000003");
    let hundred = vec!["i-1"; 100].join(",");
    assert_eq!(query(&hundred)["info"].as_array().map(Vec::len), Some(100));
    let longest = vec!["x".repeat(64); 100].join(",");
    assert_eq!(code(&query(&longest)), "000003", "the longest query there is gets through");
    assert_eq!(records(&engine), stored);
}

#[test]
fn the_whole_life_of_an_old_instance() {
    let harness = start_over(&MemoryEngine::new());
    let shop = Shop { harness: &harness, channel: "cad-saas" };
    shop.buy("CS1", "i-1", "CAD-MONTH");
    let shown = || license_of(&harness, "CS1");
    assert_eq!(shown()["spec"], "cad-month");
    let upgrade = || {
        let more = [("skuCode", "CAD-YEAR"), ("productId", "P2"), ("amount", "2")];
        shop.change("upgrade", "CS2", &more)
    };
    let end = shown()["ends_at"].clone();
    assert_eq!(code(&upgrade()), "000000");
    let upgraded = shown();
    assert_eq!((&upgraded["spec"], &upgraded["ends_at"]), (&json!("cad-year"), &end));
    assert_eq!(code(&upgrade()), "000000");
    assert_eq!(shown()["updated_at"], upgraded["updated_at"], "a repeat changes nothing");
    let unknown = [("skuCode", "CAD-WHAT"), ("productId", "P3")];
    assert_eq!(code(&shop.change("upgrade", "CS3", &unknown)), "000004", "asked again, not refunded");
    let status =
        |word| shop.call(&[("activity", "instanceStatus"), ("instanceId", "i-1"), ("instanceStatus", word)]);
    assert_eq!(code(&status("FREEZE")), "000000");
    assert_eq!(shown()["state"], "suspended");
    assert_eq!(code(&status("NORMAL")), "000000");
    assert_eq!(shown()["state"], "active");
    let (late, soon) = (in_days(&harness, 900), in_days(&harness, 90));
    let refresh =
        |order: &str, more: &[(&str, &str)]| code(&shop.change("refreshInstance", order, more)).to_owned();
    assert_eq!(refresh("CS4", &[("expireTime", &late), ("trialToFormal", "1")]), "000000");
    let longer = shown()["ends_at"].clone();
    assert_ne!(longer, end);
    assert_eq!(code(&shop.change("expireInstance", "CS1", &[])), "000000");
    assert_eq!(refresh("CS5", &[("expireTime", &soon), ("orderAmount", "-12.78")]), "000000");
    assert_ne!(shown()["ends_at"], longer, "a cancelled renewal moves the end back");
    assert_eq!(shown()["state"], "suspended", "and lifts nothing");
    assert_eq!(code(&shop.change("releaseInstance", "CS1", &[])), "000000");
    assert_eq!(shown()["state"], "released");
}

#[test]
fn pay_per_use_orders_have_an_instance_for_each_product() {
    let harness = start_over(&MemoryEngine::new());
    let shop = Shop { harness: &harness, channel: "cad-saas" };
    let buy = |business_id: &str, product: &str| {
        let parameters = [
            ("activity", "newInstance"),
            ("customerId", "buyer-1"),
            ("businessId", business_id),
            ("orderId", "CS1"),
            ("skuCode", "CAD-FOREVER"),
            ("productId", product),
            ("chargingMode", "0"),
        ];
        shop.call(&parameters)["instanceId"].clone()
    };
    assert_eq!((buy("i-1", "P1"), buy("i-2", "P2")), (json!("i-1"), json!("i-2")));
    assert_eq!((buy("i-3", "P1"), buy("i-4", "P2")), (json!("i-1"), json!("i-2")));
}

#[test]
fn a_dial_test_succeeds_and_leaves_nothing_behind() {
    let engine = MemoryEngine::new();
    let harness = start_over(&engine);
    let before = records(&engine);
    let common = [("testFlag", "1"), ("instanceId", "whatever"), ("orderId", "CS1"), ("businessId", "b")];
    let more = [("customerId", "c"), ("productId", "p"), ("skuCode", "s"), ("instanceStatus", "FREEZE")];
    for (channel, activities) in [
        ("cad-license", &["getLicense", "refreshLicense", "expireLicense", "releaseLicense"][..]),
        (
            "cad-saas",
            &[
                "newInstance",
                "refreshInstance",
                "expireInstance",
                "releaseInstance",
                "upgrade",
                "instanceStatus",
                "queryInstance",
            ],
        ),
    ] {
        let shop = Shop { harness: &harness, channel };
        for activity in activities {
            let own = [("activity", *activity), ("expireTime", "20300101000000")];
            let answer = shop.call(&[&own[..], &common, &more].concat());
            assert_eq!(code(&answer), "000000", "{activity}");
        }
    }
    assert_eq!(records(&engine), before);
}

#[test]
fn a_wrong_token_is_told_so_and_stores_nothing() {
    let engine = MemoryEngine::new();
    let harness = start_over(&engine);
    let shop = Shop { harness: &harness, channel: "cad-license" };
    let before = records(&engine);
    let parameters = [
        ("activity", "getLicense"),
        ("customerId", "buyer-1"),
        ("businessId", "i-1"),
        ("orderId", "CS1"),
        ("productId", "P1"),
    ];
    let right = shop.path(&parameters, ACCESS_KEY);
    let (rest, _) = right.split_once("&authToken=").expect("it is signed");
    for wrong in [
        shop.path(&parameters, KIT_KEY),
        shop.path(&parameters, "another channel's key"),
        right.replace("CS1", "CS2"),
        right[..right.len() - 6].to_owned(),
        rest.to_owned(),
    ] {
        assert_eq!(code(&shop.send(&wrong)), "000001", "{wrong}");
    }
    assert_eq!(records(&engine), before);
}

fn kit(harness: &Harness, key: &str, body: &Value) -> Answer {
    let members = body.as_object().expect("an object").iter();
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let pairs: Vec<_> = members.map(|(name, value)| (name.clone(), text(value))).collect();
    let token = v1::token(key, &pairs);
    let path = "/marketplace/acme/cad-saas/produceAPI/tenantSync";
    harness.anonymous().with("authToken", &token).post(path, body)
}

#[test]
fn the_kit_is_verified_with_its_own_key_kept_as_received_and_taken_away_again() {
    let engine = MemoryEngine::new();
    let harness = start_over(&engine);
    let of_kit = || {
        let records = records(&engine).into_iter();
        records.filter(|(key, _)| key.kind() == lictor::store::Kind::Kit).collect::<Vec<_>>()
    };
    let body = |flag: u8, name: &str| {
        harness.world.clock.advance(Duration::from_millis(1));
        let beijing = v1::time_stamp(harness.world.clock.now() + TimeDelta::hours(8));
        json!({ "instanceId": "i-1", "orderId": "CS1", "tenantId": "t-1", "tenantCode": "huawei",
            "name": name, "domainName": "https://t.example", "flag": flag, "testFlag": 0,
            "timeStamp": beijing })
    };
    let refused = kit(&harness, ACCESS_KEY, &body(1, "企业"));
    assert_eq!(code(&judged(&refused, KIT_KEY)), "000001", "the key of another interface type");
    assert_eq!(of_kit(), []);
    let sent = body(1, "企业");
    assert_eq!(code(&judged(&kit(&harness, KIT_KEY, &sent), KIT_KEY)), "000000");
    let [(_, kept)] = &of_kit()[..] else { panic!("one company") };
    let kept: Value = serde_json::from_slice(kept).expect("rows are JSON");
    assert_eq!(kept["body"], json!(sent.to_string()), "as received");
    for (flag, name, count) in [(1, "企业", 1), (2, "新名", 1), (0, "新名", 0), (0, "新名", 0)] {
        assert_eq!(code(&judged(&kit(&harness, KIT_KEY, &body(flag, name)), KIT_KEY)), "000000");
        assert_eq!(of_kit().len(), count, "{flag}");
    }
}

/// A marketplace that repeats a call while the first one is under way sends the same token again.
#[test]
fn the_same_kit_call_many_times_at_once_is_done_once_and_answered_alike() {
    let engine = MemoryEngine::new();
    let harness = start_over(&engine);
    for round in 0..20 {
        harness.world.clock.advance(Duration::from_millis(1));
        let beijing = v1::time_stamp(harness.world.clock.now() + TimeDelta::hours(8));
        let body = json!({ "instanceId": "i-1", "orderId": "CS1", "tenantId": format!("t-{round}"),
            "tenantCode": "huawei", "name": "企业", "domainName": "https://t.example", "flag": 1,
            "testFlag": 0, "timeStamp": beijing });
        let codes: Vec<String> = std::thread::scope(|scope| {
            let ask = || code(&judged(&kit(&harness, KIT_KEY, &body), KIT_KEY)).to_owned();
            let callers: Vec<_> = (0..8).map(|_| scope.spawn(ask)).collect();
            callers.into_iter().map(|caller| caller.join().expect("answered")).collect()
        });
        assert_eq!(codes, vec!["000000"; 8], "round {round}");
    }
}
