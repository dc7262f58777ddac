//! `lictor sandbox judge` as it is run.

use std::process::{Command, Output};
use std::sync::Arc;

use lictor::application::ports::Clock as _;
use lictor::clock::SystemClock;
use lictor::sandbox::family::Family;
use lictor::sandbox::judge::Rule;
use lictor::workers::Workers;
use serde_json::Value;

use crate::merchant::{Fault, KEY, Merchant};
use crate::support::{ACCESS_KEY, Harness, channel_speaking};

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

/// What the command says last.
fn last_line(run: &Output) -> String {
    text(&run.stderr).lines().last().unwrap_or_default().to_owned()
}

/// Ends with 1 and names exactly this rule last.
fn names_only(run: &Output, rule: Rule, fault: Fault) {
    let all = || format!("{fault:?}\n{}{}", text(&run.stdout), text(&run.stderr));
    assert_eq!(run.status.code(), Some(1), "{}", all());
    let ends = format!("the marketplace's rules are violated: {}", rule.id());
    assert!(last_line(run).ends_with(&ends), "{}", all());
}

#[test]
fn each_of_the_six_wrong_servers_fails_and_its_rule_is_named_last() {
    let bought: &[&str] = &[
        "--purchases",
        "2",
        "--buy",
        "CAD-YEAR=P1Y",
        "--open-api-listen",
        "127.0.0.1:0",
        "--open-api-access-key",
        "env:MERCHANT_KEY",
        "--open-api-secret-key",
        "env:MERCHANT_KEY",
    ];
    // What answers after six seconds has not answered after one, when this judge gives up.
    let hasty: &[&str] = &["--give-up-after", "1"];
    for (fault, rule, more) in [
        (Fault::NewKeyPerRetry, Rule::MemoStaysOnRepeat, bought),
        (Fault::BusinessIdAsIdentity, Rule::BusinessIdIsNoIdentity, bought),
        (Fault::Unsigned, Rule::BodySignPresent, bought),
        (Fault::HeaderName("body-sign"), Rule::BodySignLetterCase, bought),
        (Fault::NeverAnswers, Rule::AnswersInTime, hasty),
        (Fault::MemoChars(1_025), Rule::MemoLength, bought),
    ] {
        let merchant = merchant(Family::SaasV2, fault);
        let run = judge(&merchant.url, &[&["--protocol", "saas-v2"], more].concat());
        names_only(&run, rule, fault);
        assert!(text(&run.stdout).contains(rule.source()), "{}", text(&run.stdout));
    }
    let merchant = merchant(Family::SaasV2, Fault::Nothing);
    let run = judge(&merchant.url, &[&["--protocol", "saas-v2"], bought].concat());
    assert_eq!(run.status.code(), Some(0), "{}{}", text(&run.stdout), text(&run.stderr));
}

#[test]
fn a_storm_over_a_wrong_server_fails_and_its_rule_is_named_last() {
    for (fault, rule) in [
        (Fault::Unsigned, Some(Rule::BodySignPresent)),
        (Fault::MemoChars(1_025), Some(Rule::MemoLength)),
        (Fault::Nothing, None),
    ] {
        let merchant = merchant(Family::SaasV2, fault);
        let mut command = Command::new(env!("CARGO_BIN_EXE_lictor"));
        command
            .args(["sandbox", "serve", "--listen", "127.0.0.1:0", "--target", &merchant.url])
            .args(["--open-api-access-key", "env:MERCHANT_KEY", "--open-api-secret-key", "env:MERCHANT_KEY"])
            .args(["--protocol", "saas-v2", "--access-key", "env:MERCHANT_KEY", "--buy", "CAD-YEAR=P1Y"])
            .args(["--chaos", "--orders", "3", "--seed", "7", "--call-time", "1"]);
        let run = command.env("MERCHANT_KEY", KEY).output().expect("the binary runs");
        match rule {
            Some(rule) => names_only(&run, rule, fault),
            None => {
                assert_eq!(run.status.code(), Some(0), "{}{}", text(&run.stdout), text(&run.stderr));
            }
        }
    }
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
fn a_server_that_asks_for_its_orders_asks_the_judge() {
    let harness = Harness::start();
    harness.world.clock.set(SystemClock.now());
    let free = std::net::TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
    let open_api = free.local_addr().expect("it is bound").to_string();
    drop(free);
    let own = harness.world.sandbox.base_url();
    let channel = channel_speaking("saas-v2", "judged", &harness.world.sandbox);
    harness.apply(&channel.replace(&own, &format!("http://{open_api}")));
    let workers = harness.block_on(async { Workers::start(&harness.app) });
    let mut command = Command::new(env!("CARGO_BIN_EXE_lictor"));
    let target = format!("{}/marketplace/acme/judged", harness.url);
    command.args([
        "sandbox",
        "judge",
        "--target",
        &target,
        "--protocol",
        "saas-v2",
        "--access-key",
        "env:KEY",
    ]);
    command.args(["--purchases", "2", "--buy", "CAD-YEAR=P1Y", "--open-api-listen", &open_api]);
    command.args(["--open-api-access-key", "env:AK", "--open-api-secret-key", "env:SK", "--json"]);
    command.env_clear().env("KEY", ACCESS_KEY).env("AK", "AK").env("SK", "SK");
    let run = command.output().expect("the binary runs");
    harness.block_on(workers.stop());
    assert_eq!(run.status.code(), Some(0), "{}{}", text(&run.stdout), text(&run.stderr));
    let report: Value = serde_json::from_slice(&run.stdout).expect("JSON");
    let looked = |rule: &str| {
        let rules = report["rules"].as_array().expect("rules").iter();
        let found = rules.filter(|found| found["rule"] == rule).map(|found| found["looked"].as_u64());
        found.sum::<Option<u64>>().unwrap_or_default()
    };
    assert_eq!(looked("purchase-settles"), 2, "{report:#}");
    assert!(looked("same-order-same-instance") >= 8 && looked("memo-stays-on-repeat") >= 4, "{report:#}");
    assert_eq!(looked("repeated-release-succeeds"), 2, "{report:#}");
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
