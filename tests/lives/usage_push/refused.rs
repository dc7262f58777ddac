//! What the marketplace does not take: too many, too old, not found. The others are not held up.

use chrono::TimeDelta;
use lictor::sandbox::open_api::Trouble;
use serde_json::{Value, json};

use super::ground::{Ground, at, hour, text};

fn minutes(meter: &str, count: i64) -> Vec<Value> {
    let start = at("2026-01-31T09:00:00Z");
    let item = |number: i64| {
        json!({
            "instance_id": meter,
            "begin": text(start + TimeDelta::seconds(number)),
            "end": text(start + TimeDelta::seconds(number + 1)),
            "value": "1",
        })
    };
    (0..count).map(item).collect()
}

#[test]
fn a_batch_that_is_too_large_is_halved_until_it_fits() {
    let ground = Ground::new();
    let meter = ground.meter();
    ground.run_until(at("2026-01-31T10:00:00Z"));
    ground.harness.world.sandbox.usage().takes_at_most(130);
    ground.record(&minutes(&meter, 500)).expect(200);
    ground.run_for(14);
    assert_eq!(ground.counted().len(), 500);
    assert!(ground.counted().values().all(|times| *times == 1));
    assert!(ground.harness.world.sandbox.usage().bodies().len() >= 4);
    assert_eq!(ground.listed("waiting").len(), 0);
}

#[test]
fn what_the_marketplace_calls_too_old_is_found_among_the_others_and_given_up() {
    let ground = Ground::new();
    let meter = ground.meter();
    ground.harness.world.sandbox.usage().takes_no_older_than(TimeDelta::days(20));
    let old = at("2026-01-31T09:00:00Z");
    ground.run_until(old + TimeDelta::days(20));
    let mut items: Vec<_> = (1..=6).map(|days| hour(&meter, old + TimeDelta::days(days), "1")).collect();
    items.insert(3, hour(&meter, old, "100"));
    ground.record(&items).expect(200);
    ground.run_for(14);
    assert_eq!(ground.counted().len(), 6);
    let dropped = ground.listed("dropped");
    assert_eq!(dropped.len(), 1);
    assert_eq!(dropped[0]["value"], json!(100));
    assert!(dropped[0]["reason"].as_str().is_some_and(|why| why.contains("MKT.9004")), "{dropped:?}");
    assert_eq!(ground.usage_info(&meter)[0]["usageValue"], json!(6));
}

#[test]
fn a_record_that_is_refused_alone_waits_for_the_next_window_and_holds_nobody_up() {
    let ground = Ground::new();
    let (meter, odd) = (ground.meter(), ground.meter());
    ground.run_until(at("2026-01-31T10:00:00Z"));
    ground.harness.world.sandbox.usage().finds(&odd, false);
    let mut items = minutes(&meter, 9);
    items.insert(4, hour(&odd, at("2026-01-31T10:00:00Z"), "2"));
    ground.record(&items).expect(200);
    ground.run_for(14);
    assert_eq!(ground.counted().len(), 9);
    let waiting = ground.listed("waiting");
    assert_eq!(waiting.len(), 1);
    assert_eq!(waiting[0]["due_at"], json!("2026-01-31T11:00:00Z"));
    ground.harness.world.sandbox.usage().finds(&odd, true);
    ground.run_for(60);
    assert_eq!(ground.counted().len(), 10);
}

#[test]
fn when_every_record_is_refused_alone_the_channel_waits_and_loses_nothing() {
    let ground = Ground::new();
    let meter = ground.meter();
    ground.run_until(at("2026-01-31T10:00:00Z"));
    ground.harness.world.sandbox.usage().finds(&meter, false);
    ground.record(&minutes(&meter, 200)).expect(200);
    let before = ground.harness.world.sandbox.open_api_calls();
    ground.run_for(14);
    let calls = ground.harness.world.sandbox.open_api_calls() - before;
    assert!(calls < 80, "{calls} calls for a setting that is wrong");
    assert_eq!(ground.listed("waiting").len(), 200);
    ground.harness.world.sandbox.usage().finds(&meter, true);
    ground.run_for(60);
    assert_eq!(ground.counted().len(), 200);
}

#[test]
fn a_wrong_key_is_told_in_the_job_and_once_it_is_right_everything_arrives() {
    let ground = Ground::new();
    let meter = ground.meter();
    ground.run_until(at("2026-01-31T10:00:00Z"));
    ground.record(&minutes(&meter, 3)).expect(200);
    ground.harness.world.set_secret("CALLBACK_KEY", "another-key");
    ground.run_for(13);
    assert_eq!(ground.checked().len(), 0);
    ground.harness.world.set_secret("CALLBACK_KEY", crate::support::ACCESS_KEY);
    ground.run_for(60);
    assert_eq!(ground.counted().len(), 3);
}

#[test]
fn the_key_for_usage_push_is_taken_before_the_one_for_callbacks() {
    let ground = Ground::new();
    let meter = ground.meter();
    let catalog = crate::support::acme(&ground.harness.world.sandbox);
    let keys = "[[channel.access_key]]\nid = \"a\"\nvalue = \"env:CALLBACK_KEY\"\n\
                [[channel.access_key]]\nid = \"b\"\nuse = \"usage-push\"\nvalue = \"env:USAGE_KEY\"\n";
    ground.harness.world.set_secret("USAGE_KEY", "key-for-usage");
    ground.harness.world.sandbox.usage().accept_key("key-for-usage".to_owned().into());
    ground.harness.apply(&format!("{}{keys}", catalog.replace("access_keys = [\"env:CALLBACK_KEY\"]\n", "")));
    // The callbacks' own key would be accepted as well: it is made wrong.
    ground.harness.world.set_secret("CALLBACK_KEY", "not-for-usage");
    ground.run_until(at("2026-01-31T10:00:00Z"));
    ground.record(&minutes(&meter, 1)).expect(200);
    ground.run_for(14);
    assert_eq!(ground.counted().len(), 1);
}

#[test]
fn the_old_push_names_the_product_and_survives_a_lost_answer() {
    let ground = Ground::with("{ push = \"old\" }");
    let meter = ground.meter();
    ground.run_until(at("2026-01-31T10:00:00Z"));
    ground.harness.world.sandbox.trouble(Trouble::AnswerLost, 1);
    ground.record(&minutes(&meter, 2)).expect(200);
    ground.run_for(14);
    let checked = ground.checked();
    let codes: Vec<_> = checked.iter().map(|record| record.code).collect();
    assert_eq!(codes, [None, None, Some("010"), Some("010")], "known again by their intervals");
    assert_eq!(checked[0].interface, lictor::sandbox::usage::Interface::Old);
    assert_eq!(checked[0].text("product_id"), "OFFI-SMS");
    assert_eq!((checked[0].text("metering_sn"), checked[0].text("relate_pkg_instance")), ("", ""));
    assert_eq!(ground.listed("pushed").len(), 2);
}
