//! Records of usage on the page of their license and on one of their own.

use std::time::Duration;

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use lictor::application::ports::Clock as _;
use lictor::domain::Scope;
use lictor::sandbox::orders::{Basket, Billing, Period};
use serde_json::json;

use super::browser::{Browser, shows};
use crate::support::Harness;
use crate::support::people::issue;

const HOUR: Duration = Duration::from_secs(3_600);

/// License and instance of what was bought.
fn bought(harness: &Harness, sku: &str, billing: Billing) -> (String, String) {
    let order = harness.storefront().buy(Basket::of(sku, billing)).expect("answered").order.order_id;
    harness.settle();
    let found = harness.merchant().get(&format!("/v1/merchant/licenses?order_id={order}")).expect(200);
    (found.text_at("/items/0/id"), found.text_at("/items/0/instance_id"))
}

/// Lets time pass, doing what is due when it is due, as the workers do.
fn run_for(harness: &Harness, time: Duration) {
    let clock = &harness.world.clock;
    let end = clock.now() + time;
    loop {
        let next = harness.block_on(harness.app.run_due_jobs()).expect("jobs run");
        let left = (end - clock.now()).to_std().unwrap_or(Duration::ZERO);
        match next {
            Some(Duration::ZERO) => {}
            Some(next) if next <= left => clock.advance(next),
            Some(_) | None => return clock.advance(left),
        }
    }
}

fn record(harness: &Harness, instance: &str, begin: DateTime<Utc>, value: &str) {
    let text = |at: DateTime<Utc>| at.to_rfc3339_opts(SecondsFormat::Secs, true);
    let end = begin + TimeDelta::hours(1);
    let item = json!({ "instance_id": instance, "begin": text(begin), "end": text(end), "value": value });
    harness.merchant().post("/v1/merchant/usage-records", &json!({ "items": [item] })).expect(200);
}

#[test]
fn it_is_seen_which_hours_were_recorded_taken_and_given_up() {
    let harness = Harness::start();
    let (clock, start) = (&harness.world.clock, harness.world.clock.now());
    let (license, instance) = bought(&harness, "CAD-FOREVER", Billing::OnDemand);
    let (_, other) = bought(&harness, "CAD-FOREVER", Billing::OnDemand);
    let (yearly, _) = bought(&harness, "CAD-YEAR", Billing::Period(Period::Years(1)));
    let by_hand = issue(&harness, "cad-year").text_at("/id");
    clock.advance(HOUR);
    record(&harness, &instance, start, "12.5");
    record(&harness, &other, start, "7");
    let mut reader = Browser::signed_in(&harness, &[Scope::Read], "en");
    let page = reader.get(&format!("/console/licenses/{license}"));
    // 08:00 in UTC is 16:00 in Shanghai.
    shows(&page, 200, &["Usage records", "31 Jan 2026, 16:00 UTC+8", "12.5", "waits, not before"]);
    for id in [&yearly, &by_hand] {
        let page = reader.get(&format!("/console/licenses/{id}"));
        assert!(!page.main_text().contains("Usage records"), "nothing is recorded of it");
    }
    run_for(&harness, HOUR * 2);
    // From now on the marketplace is not reached, for longer than it takes old usage.
    harness.world.set_secret("OPEN_API_SK", "wrong");
    record(&harness, &instance, start + TimeDelta::hours(1), "3");
    clock.advance(HOUR * 24 * 22);
    harness.settle();

    let mut reader = Browser::signed_in(&harness, &[Scope::Read], "en");
    let path = "/console/quota/usage";
    let all = reader.get(path);
    shows(&all, 200, &["12.5", "taken", "given up", "takes no usage that began 21 days ago"]);
    let form = all.form(path);
    let of_license = reader.submit(&form.clone().fill("of", &license));
    shows(&of_license, 200, &["12.5", "given up"]);
    assert!(!of_license.answer.text.contains(&other), "{}", of_license.answer.text);
    let taken = reader.submit(&form.clone().fill("of", &other).fill("state", "pushed"));
    shows(&taken, 200, &[&other, "taken"]);
    assert_eq!((taken.form(path).value("of"), taken.form(path).value("state")), (other.as_str(), "pushed"));
    shows(
        &reader.submit(&form.clone().fill("of", &other).fill("state", "dropped")),
        200,
        &["no such records"],
    );
    for id in [yearly.as_str(), by_hand.as_str(), "lic_0000000000000000000000"] {
        let wrong = reader.submit(&form.clone().fill("of", id));
        shows(&wrong, 422, &["Please change this", "No usage is recorded of this license"]);
        assert_eq!(wrong.form(path).value("of"), id);
    }
    shows(&reader.submit(&form.clone().fill("of", "two words")), 422, &["without blanks"]);
    let mut chinese = reader.reading(&harness, "zh-CN");
    shows(&chinese.get(path), 200, &["用量话单", "云商店已接收", "已放弃", "2026年1月31日 16:00 UTC+8"]);
}
