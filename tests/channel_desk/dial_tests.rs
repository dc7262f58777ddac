//! Dial tests: the last one of each activity, a failing one told at once, missing ones after 36 hours.

use std::time::Duration;

use serde_json::{Value, json};

use crate::desk::{Desk, OLD_KEY, dial_test, good, new_instance};

const CAD: &str = "cad-koogallery";
const HOUR: Duration = Duration::from_secs(3_600);

fn notices(desk: &Desk) -> Vec<(String, String, Value)> {
    let shown = desk.show(CAD);
    let text = |notice: &Value, name: &str| notice[name].as_str().expect("a text").to_owned();
    let of = |notice: &Value| (text(notice, "kind"), text(notice, "at"), notice["cause"].clone());
    shown["recent_notices"].as_array().expect("a list").iter().map(of).collect()
}

fn watch(desk: &Desk) -> usize {
    desk.flush();
    desk.harness.block_on(desk.harness.app.watch_channels()).expect("the store answers")
}

#[test]
fn a_failing_dial_test_is_told_at_once_and_not_again_within_the_hour() {
    let desk = Desk::open();
    desk.send(&desk.v2(CAD, good(), 0, &dial_test()));
    assert!(notices(&desk).is_empty());
    let late = || desk.send(&desk.v2(CAD, good(), -90, &dial_test()));
    late();
    late();
    let told = notices(&desk);
    let words = "your clock is 90 s ahead of the marketplace's, or the call was held up on its way";
    let cause = json!(words);
    assert_eq!(told, [("channel.dial_test_failed".to_owned(), "2026-01-31T08:00:00Z".to_owned(), cause)]);
    let activity = &desk.show(CAD)["activities"][0];
    assert_eq!((&activity["activity"], &activity["passed"]), (&json!("newInstance"), &json!(false)));
    assert_eq!(activity["test_failure_cause"], words);
    desk.flush();
    assert_eq!(notices(&desk).len(), 1, "the same when it is stored");
    // Another process does not tell it once more either.
    let other = desk.replica();
    let sent = desk.v2(CAD, good(), -90, &dial_test());
    other.anonymous().send(sent.method, &sent.path, &sent.body);
    other.block_on(other.app.flush_calls(true)).expect("the store takes it");
    assert_eq!(notices(&desk).len(), 1);
    desk.harness.world.clock.advance(HOUR);
    late();
    assert_eq!(notices(&desk).len(), 2);
}

#[test]
fn a_channel_that_saw_dial_tests_and_sees_none_for_36_hours_is_told_silent_once() {
    let desk = Desk::open();
    let clock = &desk.harness.world.clock;
    clock.advance(100 * HOUR);
    assert_eq!(watch(&desk), 0, "a channel that is not on sale yet is not silent");
    desk.send(&desk.v2(CAD, good(), 0, &dial_test()));
    clock.advance(12 * HOUR);
    desk.send(&desk.v2(CAD, good(), 0, &dial_test()));
    clock.advance(35 * HOUR);
    assert_eq!(watch(&desk), 0);
    clock.advance(HOUR);
    assert_eq!((watch(&desk), watch(&desk)), (1, 0));
    let told = notices(&desk);
    assert_eq!((told.len(), told[0].0.as_str(), &told[0].2), (1, "channel.silent", &json!(null)));
    let shown = desk.show(CAD);
    assert_eq!(shown["recent_notices"][0]["last_success"], shown["last_dial_test"]);
    // A new test ends the silence; the next one is told anew.
    desk.send(&desk.v2(CAD, good(), 0, &dial_test()));
    clock.advance(36 * HOUR);
    assert_eq!(watch(&desk), 1);
    assert_eq!(notices(&desk).len(), 2);
    let text = desk.harness.anonymous().get("/metrics").text;
    let line = "lictor_channel_notices_total{channel=\"acme/cad-koogallery\",kind=\"channel.silent\"} 2";
    assert!(text.lines().any(|written| written == line), "{text}");
}

#[test]
fn a_test_that_is_not_stored_yet_ends_a_silence_too() {
    let desk = Desk::open();
    desk.send(&desk.v2(CAD, good(), 0, &dial_test()));
    desk.flush();
    desk.harness.world.clock.advance(37 * HOUR);
    desk.send(&desk.v2(CAD, good(), 0, &dial_test()));
    assert_eq!(desk.harness.block_on(desk.harness.app.watch_channels()), Ok(0));
}

#[test]
fn a_stranger_who_says_that_it_is_a_dial_test_makes_one_notice_and_no_more() {
    let desk = Desk::open();
    for activity in ["newInstance", "queryInstance", "releaseInstance", "orderNotify"] {
        let body = json!({ "activity": activity, "testFlag": "1" });
        desk.send(&desk.v2(CAD, "a guess", 0, &body));
        desk.send(&desk.v2(CAD, "a guess", 500, &body));
    }
    let told = notices(&desk);
    assert_eq!((told.len(), told[0].0.as_str()), (1, "callback.rejected"), "{told:?}");
    assert_eq!(desk.show(CAD)["activities"][0]["passed"], json!(null), "it is no dial test");
}

#[test]
fn a_retired_key_in_the_console_is_told_and_an_old_call_is_not() {
    let desk = Desk::open();
    let path = format!("/marketplace/acme/{CAD}");
    let unsigned = crate::desk::Sent { path, headers: vec![], ..desk.v2(CAD, good(), 0, &dial_test()) };
    assert_ne!(desk.send(&unsigned).at("/resultCode"), "000000");
    for skew_secs in [-93_600, 93_600] {
        desk.send(&desk.v2(CAD, good(), skew_secs, &dial_test()));
    }
    let words = desk.newest(CAD)["cause"].as_str().expect("words").to_owned();
    assert!(words.contains("ahead of ours") && !words.contains("your clock"), "{words}");
    desk.send(&desk.v2(CAD, good(), 0, &json!({ "activity": "nothingOfTheKind", "testFlag": "1" })));
    assert!(notices(&desk).is_empty());
    desk.send(&desk.v2(CAD, OLD_KEY, 0, &dial_test()));
    let told: Vec<_> = notices(&desk).into_iter().map(|(kind, _, cause)| (kind, cause)).collect();
    assert_eq!(told, [("callback.rejected".to_owned(), json!("signature fits the retired key cad-2025"))]);
    assert!(desk.show(CAD)["activities"].as_array().expect("a list").iter().all(|it| it["passed"].is_null()));
}

#[test]
fn failing_tests_do_not_end_a_silence() {
    let desk = Desk::open();
    desk.send(&desk.v2(CAD, good(), 0, &dial_test()));
    desk.harness.world.clock.advance(35 * HOUR);
    desk.send(&desk.v2(CAD, OLD_KEY, 0, &dial_test()));
    desk.harness.world.clock.advance(HOUR);
    assert_eq!(watch(&desk), 1);
}

#[test]
fn a_rejected_call_is_told_when_the_merchant_can_mend_it_and_not_otherwise() {
    let desk = Desk::open();
    let told = |desk: &Desk| notices(desk).into_iter().map(|(kind, _, _)| kind).collect::<Vec<_>>();
    let junk = crate::desk::Sent { body: b"{".to_vec(), ..desk.v2(CAD, good(), 0, &json!({})) };
    desk.send(&junk);
    desk.send(&desk.v2(CAD, good(), 0, &json!({ "activity": "releaseInstance", "instanceId": "unknown" })));
    desk.send(&desk.v2(CAD, "a guess", 100, &new_instance("CS1")));
    assert!(told(&desk).is_empty());
    for _ in 0..3 {
        desk.send(&desk.v2(CAD, good(), 90, &new_instance("CS1")));
    }
    assert_eq!(told(&desk), ["callback.rejected"]);
    assert_eq!(notices(&desk)[0].2, "your clock is 90 s behind the marketplace's");
}
