//! A customer's personal data: shown, erased, gone from the files, and erased again after a restore.

use std::path::Path;
use std::time::Duration;

use license_token::base64url;
use lictor::sandbox::address::AddressKeys;
use lictor::sandbox::family::Family;
use lictor::sandbox::orders::{Basket, Billing, OrderReason, Period};
use lictor::sandbox::words::kit::{Flag, Tenant};
use lictor::sandbox::written::beijing_digits;
use secrecy::SecretString;
use serde_json::{Value, json};

use super::ground::{Ground, done, refused};
use super::load::service;
use super::postgres::Cluster;
use super::process::{ACCESS_KEY, agent, read, wait_until};
use super::support::people::{activate, command};

const ALICE: &str = "customer-alice-7c1f";
const BOB: &str = "customer-bob-93d2";
/// What stands in texts of hers, and nowhere else.
const TRACES: [&str; 4] = [ALICE, "Alice Example", "laptop-of-alice", "alice-zhang"];

/// What the server has of one customer: an order, a license by hand, a machine, and what the Kit told.
struct Bought {
    certificate: String,
    by_hand: String,
}

fn buy(ground: &Ground, customer: &str, name: &str, machine: &str, user: &str) -> Bought {
    let (storefront, merchant) = (ground.storefront(), ground.merchant());
    let basket = Basket {
        customer_id: Some(customer.to_owned()),
        ..Basket::of("CAD-YEAR", Billing::Period(Period::Years(1)))
    };
    let order = storefront.place(OrderReason::New, basket).expect("taken");
    let instance = storefront.deliver(&order).expect("answered").instance_id().to_owned();
    wait_until("it has its license", || {
        storefront.query(&[&instance]).expect("answered").app_info(&instance).is_some()
    });
    let body = json!({ "product": "acme-cad", "spec": "cad-month", "customer": customer, "label": name });
    let (status, sold) = merchant.post("/v1/merchant/licenses?reveal=true", &body);
    assert_eq!(status, 201, "{sold}");
    let component = |kind: u8| {
        base64url::encode(&[
            kind,
            u8::try_from(user.len()).expect("short"),
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            7,
        ])
    };
    let body = json!({
        "license_key": sold["license_key"], "name": machine, "nonce": "one",
        "machine": { "components": { "os": component(1), "fw": component(2), "brd": component(3) } },
    });
    let request = agent().post(format!("{}/v1/activations", ground.site.url()));
    let (status, activated) = read(request.send(body.to_string()).expect("answered"));
    assert_eq!(status, 201, "{activated}");
    let tenant = Tenant { tenant_id: format!("t-{user}"), instance_id: instance, order_id: order.order_id };
    let address = format!("{}/marketplace/acme/cad-koogallery", ground.site.url());
    let keys = AddressKeys::one(SecretString::from(ACCESS_KEY.to_owned()));
    let shop = ground.sandbox.shop(Family::KitV2, &address, keys);
    let now = beijing_digits((ground.sandbox.clock())());
    let told = tenant.authorization(Family::KitV2, Flag::Add, "app-1", &[user], &now);
    let answer = shop.address().tell(&told).expect("answered");
    assert_eq!(answer.result_code(), "000000", "{answer:?}");
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    Bought { certificate: text(&activated["certificate"]), by_hand: text(&sold["id"]) }
}

fn both(ground: &Ground) -> (Bought, Bought) {
    let alice = buy(ground, ALICE, "Alice Example", "laptop-of-alice", "alice-zhang");
    (alice, buy(ground, BOB, "Bob Sample", "desk-of-bob", "bob-li"))
}

fn held(ground: &Ground, customer: &str) -> Value {
    done(&ground.run(&["customer", "export", customer, "--json"]))
}

fn erase(ground: &Ground, more: &[&str]) -> Value {
    done(&ground.run(&[&["customer", "erase", "--json"], more].concat()))
}

#[track_caller]
fn goes_on(ground: &Ground, bought: &Bought) {
    let claims = super::witness::claims(&bought.certificate);
    let id = claims["lic"]["act"].as_str().expect("an activation");
    let body = json!({ "certificate": bought.certificate, "nonce": "two" });
    let request = agent().post(format!("{}/v1/activations/{id}/renew", ground.site.url()));
    let (status, answer) = read(request.send(body.to_string()).expect("answered"));
    assert_eq!(status, 200, "{answer}");
}

fn erases_one_customer_and_nothing_else(ground: &Ground) -> Bought {
    let (alice, bob) = both(ground);
    let of_bob = held(ground, BOB);
    let shown = held(ground, ALICE);
    assert_eq!(shown["items"].as_array().map(Vec::len), Some(2), "{shown}");
    for trace in TRACES {
        assert!(shown.to_string().contains(trace), "{trace}: {shown}");
    }
    let key = ground.merchant().reveal(&alice.by_hand)["license_key"].clone();

    let list = ground.path("erasures");
    let erased = erase(ground, &[ALICE, "--list", &list.display().to_string()]);
    let expected = json!({ "customers": 1, "licenses": 2, "machines": 1, "kit_records": 1 });
    assert_eq!(erased, expected);
    assert_eq!(held(ground, ALICE)["items"], json!([]));
    assert_eq!(held(ground, BOB), of_bob, "what is another's stays as it is");
    let license = ground.merchant().reveal(&alice.by_hand);
    assert_eq!((&license["license_key"], &license["label"]), (&key, &json!("")));
    let pseudonym = license["customer"].as_str().expect("a pseudonym").to_owned();
    assert!(pseudonym.starts_with("erased-"), "{license}");
    assert_eq!(held(ground, &pseudonym)["items"].as_array().map(Vec::len), Some(2), "they belong together");
    goes_on(ground, &alice);
    goes_on(ground, &bob);

    // Again: nothing is left. What is erased cannot be asked for by its pseudonym.
    assert_eq!(erase(ground, &[ALICE])["licenses"], 0);
    assert!(refused(&ground.run(&["customer", "erase", &pseudonym]), 1).contains("erased already"));
    let listed = done(&ground.run(&["customer", "erasures", "--json"]));
    let saved = std::fs::read_to_string(&list).expect("there");
    assert_eq!(listed["items"][0]["customer_digest"], saved.trim(), "{listed}");
    assert!(!saved.contains("alice"));
    alice
}

/// Whether a text stands in any file below a folder, also in what is deflated there.
fn files_hold(folder: &Path, text: &str) -> Option<String> {
    let holds = |bytes: &[u8]| bytes.windows(text.len()).any(|window| window == text.as_bytes());
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("readable").path();
        if path.is_dir() {
            if let Some(found) = files_hold(&path, text) {
                return Some(found);
            }
            continue;
        }
        let bytes = std::fs::read(&path).expect("readable");
        if holds(&bytes) || parts_of(&bytes).iter().any(|part| holds(part)) {
            return Some(path.display().to_string());
        }
    }
    None
}

/// The inflated parts of a sealed segment or a snapshot, as docs/store-format.md has them.
fn parts_of(bytes: &[u8]) -> Vec<Vec<u8>> {
    let (mut at, lengths_at, header) = match bytes.get(..8) {
        Some(b"lictorJS") => (96, 0, 12),
        Some(b"lictorSN") => (64, 4, 20),
        _ => return Vec::new(),
    };
    let mut parts = Vec::new();
    while !matches!(&bytes[at..at + 4], b"lict" | b"END1") {
        let length = |at: usize| u32::from_le_bytes(std::array::from_fn(|byte| bytes[at + byte])) as usize;
        let (plain, stored) = (length(at + lengths_at), length(at + lengths_at + 4));
        let content = &bytes[at + header..at + header + stored];
        let is_deflated = stored < plain;
        let inflated = || miniz_oxide::inflate::decompress_to_vec(content).expect("it is whole");
        parts.push(if is_deflated { inflated() } else { content.to_vec() });
        at += header + stored;
    }
    parts
}

#[test]
fn erased_data_is_gone_from_the_files_of_the_embedded_store_once_it_has_forgotten() {
    let ground = Ground::embedded();
    let server = ground.start();
    let alice = erases_one_customer_and_nothing_else(&ground);
    server.stop();
    let data = ground.path("data");
    for trace in TRACES {
        assert!(files_hold(&data, trace).is_some(), "the journal still has it: {trace}");
    }
    done(&ground.run(&["store", "compact", "--forget", "--json"]));
    assert_eq!(done(&ground.run(&["store", "verify", "--json"]))["whole"], json!(true));
    for trace in TRACES {
        assert_eq!(files_hold(&data, trace), None, "{trace}");
    }
    assert!(files_hold(&data.join("snapshots"), BOB).is_some(), "the search finds what is deflated");
    assert!(files_hold(&data.join("sled"), BOB).is_some(), "and what is not");
    let server = ground.start();
    goes_on(&ground, &alice);
    server.stop();
}

#[test]
fn erased_data_is_gone_from_every_record_of_a_database() {
    let ground = Ground::shared();
    let server = ground.start();
    erases_one_customer_and_nothing_else(&ground);
    server.stop();
    let database = &ground.database.as_ref().expect("a database").name;
    let count = |text: &str| {
        let held =
            format!("select count(*) from lictor_records where position('{text}'::bytea in stored) > 0");
        Cluster::shared().sql(database, &held)
    };
    for trace in TRACES {
        assert_eq!(count(trace), "0", "{trace}");
    }
    assert_eq!((count("license.personal_data_erased").as_str(), count(BOB).as_str()), ("2", "3"));
}

#[test]
fn what_was_erased_after_a_backup_is_erased_again_by_the_list() {
    let ground = Ground::embedded();
    let server = ground.start();
    both(&ground);
    let (file, list) = (ground.path("backup"), ground.path("erasures"));
    ground.back_up(&file);
    let list = list.display().to_string();
    erase(&ground, &[ALICE, "--list", &list]);
    server.stop();
    ground.lose();
    assert_eq!(done(&ground.restore(&file))["erasures"], 0, "it came after the backup");
    let server = ground.start();
    assert_eq!(held(&ground, ALICE)["items"].as_array().map(Vec::len), Some(2), "the backup has it");
    let again = erase(&ground, &["--from-list", &list]);
    assert_eq!((&again["customers"], &again["licenses"]), (&json!(1), &json!(2)));
    assert_eq!(held(&ground, ALICE)["items"], json!([]));
    assert_eq!(held(&ground, BOB)["items"].as_array().map(Vec::len), Some(2));
    std::fs::write(ground.path("no list"), "alice\n").expect("written");
    let bad = ["customer", "erase", "--from-list", &ground.path("no list").display().to_string()];
    assert!(refused(&ground.run(&bad), 1).contains("customer_digest"));
    server.stop();
}

#[test]
fn what_ended_long_ago_is_kept_without_personal_data_and_what_runs_with_it() {
    let harness = service();
    let sell = |name: &str| {
        let order = json!({ "product": "acme-cad", "spec": "one-seat", "customer": ALICE, "label": name });
        harness.merchant().post("/v1/merchant/licenses?reveal=true", &order).expect(201)
    };
    let (ended, runs) = (sell("ended"), sell("runs"));
    for (number, sold) in [(1, &ended), (2, &runs)] {
        activate(&harness.anonymous(), &sold.text_at("/license_key"), number, "a").expect(201);
    }
    command(&harness, &ended.text_at("/id"), "revoke", &json!({ "reason": "other" })).expect(200);
    let after = |days: u64| {
        harness.world.clock.advance(Duration::from_secs(days * 86_400));
        let now = lictor::application::ports::Clock::now(harness.world.clock.as_ref());
        let erasing = harness.app.erase_what_ended(now - chrono::TimeDelta::days(30));
        tokio::runtime::Runtime::new().expect("a runtime").block_on(erasing).expect("erased")
    };
    assert_eq!(after(29).licenses, 0, "not yet");
    let erased = after(2);
    assert_eq!((erased.licenses, erased.machines), (1, 1));
    assert_eq!(after(1).licenses, 0, "once");
    let customer = |sold: &super::support::api::Answer| {
        let path = format!("/v1/merchant/licenses/{}", sold.text_at("/id"));
        harness.merchant().get(&path).expect(200).text_at("/customer")
    };
    assert!(customer(&ended).starts_with("erased-"));
    assert_eq!(customer(&runs), ALICE);
}
