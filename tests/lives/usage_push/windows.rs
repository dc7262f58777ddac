//! When it leaves: minutes 0 to 15, late records, daily billing, and the limits of one call.

use chrono::{TimeDelta, Timelike};
use lictor::domain::Instant;
use serde_json::{Value, json};

use super::ground::{Ground, at, hour, text};

/// When the marketplace heard of the record that was made of this.
fn heard(ground: &Ground, end: Instant) -> Option<Instant> {
    let wanted = end.format("%Y%m%dT%H%M%SZ").to_string();
    let checked = ground.checked();
    checked.iter().find(|record| record.text("end_time") == wanted).map(|record| record.received_at)
}

#[test]
fn a_record_goes_in_the_open_window_or_in_the_next_one_but_not_between() {
    for (recorded_at, from, to) in [
        // In the hour itself; in the window; at its last second; at minute 14 and 15; half an hour late.
        ("2026-01-31T09:59:59Z", "2026-01-31T10:00:00Z", "2026-01-31T10:10:00Z"),
        ("2026-01-31T10:05:00Z", "2026-01-31T10:05:00Z", "2026-01-31T10:05:20Z"),
        ("2026-01-31T10:13:59Z", "2026-01-31T10:13:59Z", "2026-01-31T10:14:00Z"),
        ("2026-01-31T10:14:00Z", "2026-01-31T11:00:00Z", "2026-01-31T11:10:00Z"),
        ("2026-01-31T10:15:00Z", "2026-01-31T11:00:00Z", "2026-01-31T11:10:00Z"),
        ("2026-01-31T10:30:00Z", "2026-01-31T11:00:00Z", "2026-01-31T11:10:00Z"),
    ] {
        let ground = Ground::new();
        let meter = ground.meter();
        ground.run_until(at(recorded_at));
        let end = at("2026-01-31T09:40:00Z");
        ground.record(&[hour(&meter, end, "1")]).expect(200);
        ground.run_until(at("2026-01-31T12:00:00Z"));
        let heard = heard(&ground, end).expect("it was pushed");
        assert!((at(from)..at(to)).contains(&heard), "recorded at {recorded_at}, heard at {heard}");
    }
}

#[test]
fn daily_billing_waits_for_midnight_in_beijing() {
    let ground = Ground::with("{ push = \"new\", billing = \"daily\" }");
    let meter = ground.meter();
    ground.run_until(at("2026-01-31T10:00:00Z"));
    let (first, late, next) =
        (at("2026-01-31T09:30:00Z"), at("2026-01-31T16:00:00Z"), at("2026-01-31T16:30:00Z"));
    ground.record(&[hour(&meter, first, "1")]).expect(200);
    ground.run_until(at("2026-01-31T16:40:00Z"));
    ground.record(&[hour(&meter, late, "2"), hour(&meter, next, "4")]).expect(200);
    ground.run_until(at("2026-02-01T17:00:00Z"));
    let minutes = |end| heard(&ground, end).map(|at| (at - self::at("2026-01-31T16:00:00Z")).num_minutes());
    assert!(minutes(first).is_some_and(|minutes| minutes < 15), "{:?}", minutes(first));
    assert_eq!(minutes(late), Some(40), "late, and before 01:00: at once");
    assert!(minutes(next).is_some_and(|minutes| (1_440..1_455).contains(&minutes)), "its day was not over");
}

#[test]
fn a_thousand_records_are_one_call_and_one_more_is_refused() {
    let ground = Ground::new();
    let meter = ground.meter();
    ground.run_until(at("2026-01-31T10:00:00Z"));
    let start = at("2026-01-31T09:00:00Z");
    let item = |number: i64| {
        json!({
            "instance_id": meter,
            "begin": text(start + TimeDelta::seconds(number)),
            "end": text(start + TimeDelta::seconds(number + 1)),
            "value": "0.0001",
            // As long as it may be.
            "metering_sn": format!("{number:064}"),
        })
    };
    let items: Vec<Value> = (0..1_001).map(item).collect();
    let refused = ground.record(&items).expect_problem(422, "invalid_request");
    assert_eq!(refused.text_at("/pointer"), "/items");
    let recorded = ground.record(&items[..1_000]).expect(200);
    assert_eq!((recorded.at("/recorded"), recorded.at("/repeated")), (json!(1_000), json!(0)));
    ground.record(&items[1_000..]).expect(200);
    ground.run_for(14);
    assert_eq!(ground.counted().len(), 1_001);
    assert_eq!(ground.harness.world.sandbox.usage().bodies().len(), 2, "a thousand, and one");
    assert_eq!(ground.usage_info(&meter)[0]["usageValue"], json!(0.1001));
}

#[test]
fn a_record_that_would_be_too_old_in_the_next_window_goes_at_once() {
    let ground = Ground::new();
    let meter = ground.meter();
    let begin = at("2026-01-31T08:30:00Z");
    ground.run_until(begin + TimeDelta::days(21) - TimeDelta::minutes(65));
    let item = |length| {
        let end = text(begin + TimeDelta::minutes(length));
        json!({ "instance_id": meter, "begin": text(begin), "end": end, "value": 1 })
    };
    assert!(ground.now().minute() > 14, "no window is open");
    ground.record(&[item(10)]).expect(200);
    ground.run_for(1);
    assert_eq!(ground.checked().len(), 1);
    assert_eq!(ground.checked()[0].code, None);
    ground.run_for(5);
    let refused = ground.record(&[item(20)]).expect_problem(422, "invalid_request");
    assert_eq!(refused.text_at("/mistakes/0/pointer"), "/items/0/begin");
}
