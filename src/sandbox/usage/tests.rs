//! The check, and both sides of the vector.

use super::*;
use serde_json::json;

const RECEIVED: &str = "20260301T120000Z";

fn ledger() -> UsageLedger {
    let ledger = UsageLedger::default();
    let opened = instant("20260201T000000Z").expect("an instant");
    for id in ["meter", "foreign", "retired", "abnormal"] {
        ledger.opened(id, &Basket::of("SMS", Billing::OnDemand), opened);
    }
    ledger.opened("package", &Basket::of("PACK", Billing::OnDemandPackage), opened);
    ledger.stands("foreign", Standing::Foreign);
    ledger.stands("retired", Standing::Retired);
    ledger.stands("abnormal", Standing::Abnormal);
    ledger
}

fn record(changes: &[(&str, &str)]) -> Value {
    let mut record = json!({
        "instance_id": "meter", "record_time": RECEIVED, "begin_time": "20260301T100000Z",
        "end_time": "20260301T110000Z", "usage_value": "8", "metering_sn": "sn-1",
    });
    for (name, value) in changes {
        record[*name] = json!(value);
    }
    record
}

fn push(ledger: &UsageLedger, records: &[Value]) -> UsageReply {
    let body = json!({ "usage_records": records });
    ledger.lock().take(Interface::New, &body, body.to_string().as_bytes(), instant(RECEIVED).expect("now"))
}

#[test]
fn every_code_of_a_record_is_given_by_the_check_and_not_by_the_call() {
    for (changes, code) in [
        (vec![], None),
        (vec![("instance_id", "unknown")], Some("001")),
        (vec![("begin_time", "2026-03-01T10:00:00Z")], Some("002")),
        (vec![("usage_value", "0")], Some("003")),
        (vec![("usage_value", "1.00001")], Some("003")),
        (vec![("usage_value", "1.0001")], None),
        (vec![("metering_sn", "")], Some("004")),
        (vec![("instance_id", "retired")], Some("006")),
        (vec![("instance_id", "foreign")], Some("009")),
        (vec![("begin_time", "20260301T113000Z")], Some("011")),
        (vec![("end_time", "20260301T120001Z")], Some("011")),
        (vec![("begin_time", "20260131T235959Z")], Some("007")),
        (vec![("instance_id", "package")], Some("012")),
        (vec![("instance_id", "abnormal")], Some("013")),
    ] {
        let ledger = ledger();
        ledger.takes_no_older_than(TimeDelta::days(60));
        assert_eq!(push(&ledger, &[record(&changes)]), (200, "MKT.0000"));
        assert_eq!(ledger.checked()[0].code, code, "{changes:?}");
    }
}

#[test]
fn a_second_name_and_a_second_interval_are_duplicates() {
    let ledger = ledger();
    push(&ledger, &[record(&[])]);
    push(&ledger, &[record(&[("end_time", "20260301T103000Z")]), record(&[("metering_sn", "sn-2")])]);
    let codes: Vec<_> = ledger.checked().iter().map(|checked| checked.code).collect();
    assert_eq!(codes, [None, Some("005"), Some("010")]);
}

#[test]
fn a_call_is_refused_for_too_many_and_too_old_records() {
    let ledger = ledger();
    assert_eq!(push(&ledger, &vec![record(&[]); 1_000]), (200, "MKT.0000"));
    assert_eq!(push(&ledger, &vec![record(&[]); 1_001]), (500, "MKT.9003"));
    assert_eq!(push(&ledger, &[]), (500, "MKT.9002"));
    assert_eq!(push(&ledger, &[record(&[("begin_time", "20260208T120000Z")])]), (200, "MKT.0000"));
    assert_eq!(push(&ledger, &[record(&[("begin_time", "20260208T115959Z")])]), (500, "MKT.9004"));
}

#[test]
fn the_computed_vector_is_taken_once_and_no_changed_one_is() {
    let vectors: Value =
        serde_json::from_str(include_str!("../../../tests/vectors/koogallery.json")).expect("JSON");
    for vector in vectors["usage_push"].as_array().expect("a list") {
        let part = |name: &str| vector[name].as_str().expect("text");
        let ledger = UsageLedger::default();
        ledger.accept_key(SecretString::from(part("key").to_owned()));
        let headers = |signature: &str| {
            let mut headers = HeaderMap::new();
            for (name, value) in [("signature", signature), ("ts", part("ts")), ("nonce", part("nonce"))] {
                headers.insert(
                    name.parse::<axum::http::HeaderName>().expect("a name"),
                    value.parse().expect("a value"),
                );
            }
            headers
        };
        let now = DateTime::from_timestamp_millis(part("ts").parse().expect("digits")).expect("an instant");
        ledger.takes_no_older_than(TimeDelta::days(1_000));
        let body = part("body").as_bytes();
        let taken = |signature: &str, body: &[u8]| ledger.take_new(&headers(signature), body, now);
        assert_eq!(taken("AAAA", body), (400, "MKT.0102"));
        let changed = part("body").replace("\"8\"", "\"9\"");
        assert_eq!(taken(part("signature"), changed.as_bytes()), (400, "MKT.0102"));
        assert_eq!(taken(part("signature"), body), (200, "MKT.0000"));
        assert_eq!(taken(part("signature"), body), (400, "MKT.0102"), "a nonce serves once");
    }
}
