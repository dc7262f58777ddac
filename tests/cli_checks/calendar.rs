//! `lictor calendar …`: what is no question is refused in words. The published cases are held in `tests/interop.rs`, where
//! two other calendars judge them too.

use serde_json::json;

use crate::{one, refused};

const ADD: [&str; 2] = ["calendar", "add"];
const WINDOWS: [&str; 2] = ["calendar", "windows"];
const TOTAL: [&str; 2] = ["calendar", "total"];

#[test]
fn terms_are_counted_from_the_start_and_permanent_has_no_end() {
    let question = json!({ "start": "2026-01-31T10:00:00Z", "term": "P1M", "times": 2 });
    assert_eq!(one(&ADD, &question), (0, json!({ "end": "2026-03-31T10:00:00Z" })));
    let offset = json!({ "start": "2026-01-31T18:00:00+08:00", "term": "P1M", "times": 1 });
    assert_eq!(one(&ADD, &offset), (0, json!({ "end": "2026-02-28T10:00:00Z" })), "counted in UTC");
    let permanent = json!({ "start": "2026-01-31T10:00:00Z", "term": "permanent", "times": 1, "at": "2026-01-31T09:59:59Z" });
    assert_eq!(one(&ADD, &permanent), (0, json!({ "end": null, "phase": "before" })));
}

#[test]
fn what_is_no_term_or_no_instant_is_refused_in_words() {
    let good = json!({ "start": "2026-01-31T10:00:00Z", "term": "P1M", "times": 1 });
    for (member, value, words) in [
        ("start", json!("2026-02-30T10:00:00Z"), "`start` must be an instant"),
        ("start", json!("2026-01-31T10:00:00.5Z"), "`start` must be an instant in whole seconds"),
        ("start", json!("2026-01-31 10:00"), "`start` must be an instant"),
        ("term", json!("P1W"), "a term is"),
        ("term", json!("P1201M"), "a term is"),
        ("term", json!("P1200Y"), "year 9999"),
        ("times", json!(-1), "whole number"),
        ("times", json!("1"), "whole number"),
        ("times", json!(4_294_967_296_u64), "not so large"),
        ("at", json!("never"), "`at` must be an instant"),
    ] {
        let mut question = good.clone();
        question[member] = value.clone();
        if value == "P1200Y" {
            question["times"] = json!(7);
        }
        refused(&ADD, &question, words);
    }
}

#[test]
fn what_is_no_window_is_refused_in_words() {
    let good = json!({
        "start": "2026-01-31T10:00:00Z", "end": null, "reset": "month", "window": "calendar", "at": "2026-02-01T00:00:00Z",
        "amount": "0.5",
    });
    let february =
        json!({ "starts_at": "2026-02-01T00:00:00Z", "ends_at": "2026-03-01T00:00:00Z", "ordinal": 1 });
    assert_eq!(one(&WINDOWS, &good), (0, february));
    assert_eq!(one(&TOTAL, &good), (0, json!({ "windows": null, "total": null })));
    for (command, member, value, words) in [
        (WINDOWS, "end", json!(0), "`end` must be a string"),
        (WINDOWS, "reset", json!("fortnight"), "`reset` must be none, hour"),
        (WINDOWS, "window", json!("rolling"), "`window` must be anniversary"),
        (WINDOWS, "at", json!(null), "`at` must be a string"),
        (TOTAL, "amount", json!(0.5), "`amount` must be a string"),
        (TOTAL, "amount", json!("0.00001"), "at most 4 decimals"),
        (TOTAL, "amount", json!("-1"), "decimal number"),
    ] {
        let mut question = good.clone();
        question[member] = value;
        refused(&command, &question, words);
    }
    let mut large = good.clone();
    (large["end"], large["amount"]) = (json!("2027-01-31T10:00:00Z"), json!("800000000000"));
    refused(&TOTAL, &large, "900000000000 or more");
    let missing = json!({ "start": "2026-01-31T10:00:00Z", "reset": "day", "amount": "1" });
    refused(&TOTAL, &missing, "`end` is missing");
}
