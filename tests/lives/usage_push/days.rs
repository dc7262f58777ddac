//! Days of hourly usage: each interval is counted once, through lost answers, outages and restarts.

use std::collections::BTreeSet;

use chrono::{TimeDelta, Timelike};
use lictor::sandbox::open_api::Trouble;
use lictor::store::Fault;
use serde_json::json;

use super::ground::{Ground, at, hour};

const HOURS: i64 = 48;

#[test]
fn two_days_of_hourly_usage_are_counted_once_each_within_their_windows_whatever_fails() {
    let mut ground = Ground::new();
    let meters = [ground.meter(), ground.meter(), ground.meter()];
    let start = at("2026-01-31T09:00:00Z");
    ground.run_until(start);
    let sandbox = |ground: &Ground, trouble, calls| ground.harness.world.sandbox.trouble(trouble, calls);
    for number in 0..HOURS {
        let end = start + TimeDelta::hours(number);
        ground.run_until(end);
        let items: Vec<_> = meters.iter().map(|meter| hour(meter, end, "1.0001")).collect();
        // A meter that is not sure whether it was heard says it again.
        ground.record(&items).expect(200);
        ground.record(&items[..2]).expect(200);
        match number {
            5 => sandbox(&ground, Trouble::AnswerLost, 1),
            11 => sandbox(&ground, Trouble::AnswerLost, 3),
            17 => sandbox(&ground, Trouble::Status(406), 2),
            // The marketplace is down for seven hours.
            24 => sandbox(&ground, Trouble::Status(503), u32::MAX),
            31 => sandbox(&ground, Trouble::Status(503), 0),
            40 => sandbox(&ground, Trouble::AnswerLost, u32::MAX),
            41 => sandbox(&ground, Trouble::AnswerLost, 0),
            _ => {}
        }
        if number % 8 == 4 || number == 11 {
            ground = ground.restarted();
        }
    }
    ground.run_for(65);
    let counted = ground.counted();
    assert_eq!(counted.len(), meters.len() * usize::try_from(HOURS).expect("few"));
    assert!(counted.values().all(|times| *times == 1), "{counted:?}");
    let checked = ground.checked();
    let names: BTreeSet<_> = checked.iter().map(|record| record.text("metering_sn").to_owned()).collect();
    assert_eq!(names.len(), counted.len(), "no interval has a second name");
    for record in &checked {
        assert!(record.received_at.minute() < 15, "{record:?}");
        assert!(matches!(record.code, None | Some("005")), "{record:?}");
    }
    let first_try = checked.iter().filter(|record| {
        let begin = record.text("begin_time");
        let received = record.received_at.format("%Y%m%dT%H").to_string();
        let begun = chrono::NaiveDateTime::parse_from_str(begin, "%Y%m%dT%H%M%SZ").expect("digits");
        record.code.is_none() && (begun + TimeDelta::hours(1)).format("%Y%m%dT%H").to_string() == received
    });
    assert!(first_try.count() >= 3 * 40, "all but those of the outage are there in the first window");
    assert_eq!((ground.listed("waiting").len(), ground.listed("dropped").len()), (0, 0));
    assert_eq!(ground.usage_info(&meters[0])[0]["usageValue"], json!(48.0048));
    // Nine tries a window while it is down, not one a second.
    let calls = ground.harness.world.sandbox.open_api_calls();
    assert!(calls < 250, "{calls}");
}

#[test]
fn a_lost_answer_is_repeated_byte_for_byte_though_more_has_come_and_the_service_was_restarted() {
    let ground = Ground::new();
    let meter = ground.meter();
    ground.run_until(at("2026-01-31T11:00:00Z"));
    let ends = ["2026-01-31T09:00:00Z", "2026-01-31T10:00:00Z", "2026-01-31T11:00:00Z"].map(at);
    ground.record(&ends.map(|end| hour(&meter, end, "8"))).expect(200);
    ground.harness.world.sandbox.trouble(Trouble::AnswerLost, 1);
    while ground.checked().is_empty() {
        ground.run_until(ground.now() + TimeDelta::seconds(1));
    }
    let half = json!({
        "instance_id": meter, "begin": "2026-01-31T10:00:00Z", "end": "2026-01-31T10:30:00Z", "value": 0.5,
    });
    ground.record(&[half]).expect(200);
    let ground = ground.restarted();
    ground.run_for(10);
    let bodies = ground.harness.world.sandbox.usage().bodies();
    assert_eq!(bodies.len(), 3);
    assert_eq!(bodies[0], bodies[1]);
    let codes: Vec<_> = ground.checked().iter().map(|record| record.code).collect();
    assert_eq!(codes, [None, None, None, Some("005"), Some("005"), Some("005"), None]);
    assert_eq!(ground.listed("pushed").len(), 4);
}

#[test]
fn wherever_the_service_ends_each_record_is_counted_once() {
    for (write, fault) in
        (1..=7).flat_map(|write| [(write, Fault::Lost), (write, Fault::KeptButReportedLost)])
    {
        let ground = Ground::new();
        let meter = ground.meter();
        ground.run_until(at("2026-01-31T10:00:00Z"));
        let ends = ["2026-01-31T09:00:00Z", "2026-01-31T10:00:00Z"].map(at);
        let items = ends.map(|end| hour(&meter, end, "8"));
        // Of the writes that follow: the records, the lease, the batch, what became of it, the end of the job.
        let (body, merchant) = (json!({ "items": items }), ground.harness.merchant());
        ground.engine.fail_write(write, fault);
        merchant.post("/v1/merchant/usage-records", &body);
        ground.run_until_it_fails(at("2026-01-31T10:13:00Z"));
        ground.engine.fail_write(u64::MAX, Fault::Lost);
        let ground = ground.restarted();
        ground.harness.block_on(ground.harness.app.take_back_job_leases()).expect("leases are taken back");
        // Whoever read no answer sends it again.
        ground.record(&items).expect(200);
        ground.run_until(at("2026-01-31T11:14:00Z"));
        let counted = ground.counted();
        assert_eq!((counted.len(), counted.values().sum::<usize>()), (2, 2), "write {write}, {fault:?}");
        assert!(ground.checked().iter().all(|record| matches!(record.code, None | Some("005"))));
        assert_eq!(ground.listed("pushed").len(), 2, "write {write}, {fault:?}");
        assert_eq!(ground.usage_info(&meter)[0]["usageValue"], json!(16), "write {write}, {fault:?}");
    }
}

#[test]
fn what_cannot_be_pushed_for_three_weeks_is_given_up_with_words_and_never_sent() {
    let ground = Ground::new();
    let meter = ground.meter();
    let end = at("2026-01-31T09:00:00Z");
    ground.run_until(end);
    ground.record(&[hour(&meter, end, "7")]).expect(200);
    ground.harness.world.sandbox.trouble(Trouble::Status(503), u32::MAX);
    // Nobody runs the service for most of the time; what that is worth is the same.
    ground.harness.world.clock.set(end + TimeDelta::days(20));
    ground.record(&[hour(&meter, ground.now(), "5")]).expect(200);
    assert_eq!(ground.usage_info(&meter)[0]["usageValue"], json!(12));
    // The last hour of the 21 days is the margin.
    let last = end - TimeDelta::hours(1) + TimeDelta::days(21) - TimeDelta::hours(1);
    ground.run_until(last);
    ground.run_for(16);
    ground.harness.world.sandbox.trouble(Trouble::Status(503), 0);
    ground.run_for(120);
    let dropped = ground.listed("dropped");
    assert_eq!(dropped.len(), 1, "{dropped:?}");
    assert!(dropped[0]["reason"].as_str().is_some_and(|why| why.contains("21 days")), "{dropped:?}");
    assert_eq!(dropped[0]["value"], json!(7));
    let sent: Vec<_> = ground.checked().iter().map(|record| record.text("usage_value").to_owned()).collect();
    assert_eq!(sent, ["5"]);
    assert_eq!(ground.usage_info(&meter)[0]["usageValue"], json!(5), "what is never charged is not shown");
}
