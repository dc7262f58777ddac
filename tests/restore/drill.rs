//! The drill: an hour of orders is lost with its store, on either engine; a backup takes its place, and every order of
//! that hour is found in the seller console's list, fetched and minted again, once.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Output, Stdio};
use std::time::{Duration, Instant};

use lictor::sandbox::orders::{MockOrder, Period};
use serde_json::{Value, json};

use super::ground::{Ground, done};
use super::process::{prove_count, wait_until};

fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let started = Instant::now();
    let done = work();
    (done, started.elapsed())
}

fn missing(ground: &Ground, list: &Path, more: &[&str]) -> Output {
    let list = list.display().to_string();
    ground.run(&[&["order", "missing", "--export", &list, "--json"], more].concat())
}

#[track_caller]
fn told(output: &Output, code: i32) -> Value {
    assert_eq!(output.status.code(), Some(code), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

/// Several at once, one of them killed after the first order of it was fetched.
fn fetch_at_once(ground: &Ground, list: &Path, before: usize) {
    let list = list.display().to_string();
    let mut command = ground.command(&["order", "missing", "--export", &list, "--fetch", "--json"]);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let mut children: Vec<_> = (0..3).map(|_| command.spawn().expect("the binary starts")).collect();
    let merchant = ground.merchant();
    wait_until("one of them has fetched something", || merchant.licenses().len() > before);
    children[0].kill().expect("it is ours");
    for child in &mut children {
        child.wait().expect("it ends");
    }
}

fn drill(ground: &Ground, count: usize) {
    let (server, storefront) = (ground.start(), ground.storefront());
    let early = ground.sell(&storefront, count);
    let before = ground.licenses();
    let file = ground.path("backup");
    let (backup, backing_up) = timed(|| ground.back_up(&file));

    // The hour that is lost: as many orders again, and a renewal.
    let late = ground.sell(&storefront, count);
    let lost = ground.licenses();
    assert_eq!(lost.len(), 2 * count);
    storefront.renew(&early[0].1, Period::Months(1)).expect("it answers");
    server.kill();
    ground.lose();

    let (restored, restoring) = timed(|| done(&ground.restore(&file)));
    assert_eq!(
        (restored["licenses"].as_u64(), &restored["taken_at"]),
        (Some(count as u64), &backup["taken_at"])
    );
    let (server, starting) = timed(|| ground.start());
    assert!(server.said().contains("lictor order missing --export"), "{}", server.said());
    let (status, ready) = ground.merchant().get("/readyz");
    assert_eq!((status, &ready["lost_time"]["from"]), (200, &backup["taken_at"]));
    assert_eq!(ground.licenses(), before, "byte for byte what the backup had");

    let instances: BTreeMap<&str, &str> =
        late.iter().map(|(order, instance)| (order.order_line_id.as_str(), instance.as_str())).collect();
    let instance_of =
        |order: &MockOrder| instances.get(order.order_line_id.as_str()).map(|it| (*it).to_owned());
    let list = ground.path("orders.csv");
    std::fs::write(&list, ground.sandbox.order_list(instance_of)).expect("written");

    let (found, comparing) = timed(|| told(&missing(ground, &list, &[]), 1));
    assert_eq!(found["sums"]["missing"], json!(count), "{found}");
    assert_eq!(found["sums"]["known"], json!(count));
    assert_eq!(found["sums"]["no_purchase"], json!(1), "the renewal is told as well");
    let ((), fetching) = timed(|| fetch_at_once(ground, &list, count));
    let fetched = told(&missing(ground, &list, &["--fetch"]), 0);
    let again = told(&missing(ground, &list, &["--fetch"]), 0);
    assert_eq!(
        (&again["sums"]["known"], &again["sums"]["fetched"]),
        (&json!(2 * count), &json!(0)),
        "{fetched}"
    );

    let after = ground.licenses();
    assert_eq!(after.keys().collect::<Vec<_>>(), lost.keys().collect::<Vec<_>>(), "each order line once");
    for (line, license) in &before {
        assert_eq!(&after[line], license, "what the backup had stays");
    }
    // The marketplace goes on with the instances that it was told of in the lost hour.
    for (_, instance) in &late {
        let answer = storefront.query(&[instance]).expect("it answers");
        assert!(answer.app_info(instance).is_some(), "{answer:?}");
    }
    let renewed = storefront.renew(&late[0].1, Period::Months(1)).expect("it answers");
    assert_eq!(renewed.answer.result_code(), "000000", "{:?}", renewed.answer);
    let end = |licenses: &BTreeMap<String, Value>| licenses[&late[0].0.order_line_id]["ends_at"].clone();
    assert_ne!(end(&ground.licenses()), end(&after));
    server.stop();
    println!(
        "{}: {count} licenses backed up in {} ms and restored in {} ms, served after {} ms; {count} orders of the lost \
         hour found in {} ms, fetched and minted in {} ms",
        ground.name(),
        backing_up.as_millis(),
        restoring.as_millis(),
        starting.as_millis(),
        comparing.as_millis(),
        fetching.as_millis(),
    );
}

#[test]
fn every_order_of_the_lost_hour_is_found_and_minted_again_once_on_the_embedded_store() {
    drill(&Ground::embedded(), prove_count(12));
}

#[test]
fn every_order_of_the_lost_hour_is_found_and_minted_again_once_on_postgresql() {
    drill(&Ground::shared(), prove_count(12));
}

#[test]
fn a_list_that_cannot_be_read_and_a_channel_that_cannot_be_asked_say_so_and_change_nothing() {
    let ground = Ground::embedded();
    let server = ground.start();
    let list = ground.path("orders.csv");
    let say = |text: &[u8], more: &[&str], code: i32| {
        std::fs::write(&list, text).expect("written");
        super::ground::refused(&missing(&ground, &list, more), code)
    };
    assert!(say(b"PK\x03\x04", &[], 2).contains("CSV UTF-8"));
    assert!(say(&[0xb6, 0xa9, 0xb5, 0xa5], &[], 2).contains("CSV UTF-8"));
    assert!(say("客户,金额\n".as_bytes(), &[], 2).contains("订单号"));
    assert!(say("订单号\n\nbad id\n".as_bytes(), &[], 1).contains("1 row(s) cannot be read"));
    let unknown = "订单号\nCS-NOBODY-KNOWS\n".as_bytes();
    assert!(say(unknown, &[], 1).contains("--fetch"));
    assert!(say(unknown, &["--fetch", "--channel", "nowhere"], 1).contains("not_found"));
    assert!(say(unknown, &["--fetch"], 1).contains("license import"));
    assert_eq!(ground.merchant().licenses(), Vec::<Value>::new());
    server.stop();
}
