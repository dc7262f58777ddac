//! `lictor sandbox judge` as it is run.

use std::process::{Command, Output};
use std::sync::Arc;

use lictor::application::ports::Clock as _;
use lictor::clock::SystemClock;
use lictor::sandbox::family::Family;
use serde_json::Value;

use crate::merchant::{Fault, KEY, Merchant};

fn merchant(family: Family, fault: Fault) -> Merchant {
    Merchant::start(family, fault, Arc::new(|| SystemClock.now()), Arc::new(|_| ()))
}

fn judge(target: &str, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lictor"));
    command
        .args(["sandbox", "judge", "--target", target, "--access-key", "env:MERCHANT_KEY"])
        .args(arguments);
    command.env("MERCHANT_KEY", KEY).output().expect("the binary runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn a_right_address_is_clean_and_every_rule_is_told() {
    let merchant = merchant(Family::SaasV2, Fault::Nothing);
    let run = judge(&merchant.url, &["--protocol", "saas-v2"]);
    assert_eq!(run.status.code(), Some(0), "{}{}", text(&run.stdout), text(&run.stderr));
    for told in ["body-sign-letter-case", "zh-cn_topic_0070649475", "0 violated"] {
        assert!(text(&run.stdout).contains(told), "{}", text(&run.stdout));
    }
}

#[test]
fn a_violation_ends_with_one_and_names_its_rule() {
    let merchant = merchant(Family::SaasV2, Fault::MemoChars(1_025));
    let run = judge(&merchant.url, &["--protocol", "saas-v2", "--json"]);
    assert_eq!(run.status.code(), Some(1), "{}", text(&run.stderr));
    let report: Value = serde_json::from_slice(&run.stdout).expect("JSON");
    let broken: Vec<&Value> =
        report["rules"].as_array().expect("rules").iter().filter(|rule| rule["broken"] != 0).collect();
    assert_eq!(broken.len(), 1, "{broken:?}");
    assert_eq!((&report["clean"], &broken[0]["rule"]), (&Value::from(false), &Value::from("memo-length")));
    assert!(text(&run.stderr).contains("memo-length"));
}

#[test]
fn real_purchases_show_what_debugging_does_not() {
    let merchant = merchant(Family::LicenseV1, Fault::NewKeyPerRetry);
    let quiet = judge(&merchant.url, &["--protocol", "license-v1"]);
    assert_eq!(quiet.status.code(), Some(0), "{}", text(&quiet.stdout));
    let run = judge(&merchant.url, &["--protocol", "license-v1", "--purchases", "1", "--buy", "CAD=P1Y"]);
    assert_eq!(run.status.code(), Some(1), "{}", text(&run.stdout));
    assert!(text(&run.stderr).contains("license-stays-on-repeat") && !text(&run.stderr).contains(','));
}

#[test]
fn a_server_that_never_answers_is_given_up_on() {
    let merchant = merchant(Family::SaasV2, Fault::NeverAnswers);
    let run = judge(&merchant.url, &["--protocol", "saas-v2", "--give-up-after", "1"]);
    assert_eq!(run.status.code(), Some(1), "{}", text(&run.stdout));
    assert!(text(&run.stderr).contains("answers-in-time"));
}

#[test]
fn usage_and_an_address_where_nobody_is_have_codes_of_their_own() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
    let nowhere = format!("http://{}/", free.local_addr().expect("it is bound"));
    drop(free);
    assert_eq!(judge(&nowhere, &["--protocol", "saas-v2"]).status.code(), Some(3));
    for arguments in [
        &["--protocol", "saas-v3"][..],
        &["--protocol", "saas-v2", "--purchases", "1"],
        &["--protocol", "saas-v2", "--purchases", "1", "--buy", "CAD=P1Y"],
        &["--protocol", "saas-v2", "--ca-file", "/no/such/file"],
        &["--protocol", "saas-v2", "--access-key", "the-key-itself"],
    ] {
        assert_eq!(judge(&nowhere, arguments).status.code(), Some(2), "{arguments:?}");
    }
    assert_eq!(judge("license.acme.example", &["--protocol", "saas-v2"]).status.code(), Some(2));
}
