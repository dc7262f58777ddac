//! The server judges its own public address: directly, and through proxies that are wrong.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use lictor::application::ports::Clock as _;
use lictor::application::{ChannelChecks as _, CheckFinding, CheckItem, CheckState, CheckedChannel};
use lictor::clock::SystemClock;
use lictor::domain::{ChannelId, MerchantId, Scope};
use lictor::service::AddressChecks;
use serde_json::{Value, json};

use crate::support::{Harness, channel_speaking};
use crate::tls;

const CHECK: &str = "/v1/merchant/channels/cad-koogallery/check";
const WITHIN: Duration = Duration::from_secs(30);

/// A service whose clock is right: answers of the marketplace carry the real date.
fn harness() -> Harness {
    let harness = Harness::start();
    harness.world.clock.set(SystemClock.now());
    harness
}

/// Item and state of each but the time taken, which is this machine's.
fn states(answer: &Value) -> Vec<(String, String)> {
    let items =
        answer["items"].as_array().expect("a list").iter().filter(|item| item["item"] != "time_limit");
    let text = |item: &Value, name: &str| item[name].as_str().expect("text").to_owned();
    items.map(|item| (text(item, "item"), text(item, "state"))).collect()
}

#[test]
fn everything_but_the_name_is_right_on_loopback_and_nothing_is_left_behind() {
    let harness = harness();
    let before = harness.merchant().get("/v1/merchant/licenses").json();
    let answer = harness.bearer(&harness.token(&[Scope::Read])).post(CHECK, &json!({})).expect(200).json();
    let expected = [
        ("access_key", "ok"),
        ("address", "fail"),
        ("reachable", "ok"),
        ("tls", "skipped"),
        ("certificate", "skipped"),
        ("header_case", "ok"),
        ("debugging", "ok"),
        ("order_query", "ok"),
        ("clock", "ok"),
    ];
    let expected: Vec<_> = expected.map(|(item, state)| (item.to_owned(), state.to_owned())).into();
    assert_eq!(states(&answer), expected, "{answer:#}");
    assert_eq!((&answer["passed"], &answer["channel"]), (&json!(false), &json!("cad-koogallery")));
    assert_eq!(answer["url"], format!("{}/marketplace/acme/cad-koogallery", harness.url));
    harness.settle();
    assert_eq!(harness.merchant().get("/v1/merchant/licenses").json(), before);
    // The mock order, and an address for its date; nothing that a purchase would ask for.
    assert_eq!(harness.world.sandbox.open_api_calls(), 1);
}

#[test]
fn every_family_is_checked_with_its_own_calls() {
    let harness = harness();
    for protocol in ["license-online", "license-code", "license-v1", "saas-v1"] {
        harness.apply(&channel_speaking(protocol, protocol, &harness.world.sandbox));
        let path = format!("/v1/merchant/channels/{protocol}/check");
        let answer = harness.merchant().post(&path, &json!({})).expect(200).json();
        let failed: Vec<_> =
            states(&answer).into_iter().filter(|(_, state)| state != "ok" && state != "skipped").collect();
        assert_eq!(failed, [("address".to_owned(), "fail".to_owned())], "{answer:#}");
    }
}

#[test]
fn words_follow_the_readers_language_and_say_what_to_do() {
    let harness = harness();
    let chinese = harness.merchant().with("Accept-Language", "zh-CN").post(CHECK, &json!({})).json();
    let english = harness.merchant().post(CHECK, &json!({})).json();
    let of = |answer: &Value| answer["items"][1]["reason"].as_str().expect("text").to_owned();
    assert!(of(&english).contains("set LICTOR_PUBLIC_URL"), "{english:#}");
    assert!(of(&chinese).contains("本机") && of(&chinese).contains("LICTOR_PUBLIC_URL"), "{chinese:#}");
}

#[test]
fn what_is_not_there_or_not_allowed_is_refused() {
    let harness = harness();
    let unknown = "/v1/merchant/channels/nothing/check";
    harness.merchant().post(unknown, &json!({})).expect_problem(404, "not_found");
    harness
        .merchant()
        .post("/v1/merchant/channels/NO%20ID/check", &json!({}))
        .expect_problem(404, "not_found");
    harness.merchant().post(CHECK, &json!({ "deep": true })).expect_problem(422, "invalid_request");
    let other = harness.bearer(&harness.token(&[Scope::Usage]));
    other.post(CHECK, &json!({})).expect_problem(403, "scope_missing");
    harness.anonymous().post(CHECK, &json!({})).expect_problem(401, "token_refused");
}

#[test]
fn keys_orders_and_clock_that_are_wrong_are_named() {
    let harness = harness();
    let finding = |wanted: CheckItem| {
        let checked = checked(&harness, &harness.url);
        checked.items.into_iter().find(|checked| checked.item == wanted).expect("it is looked at").finding
    };
    harness.world.set_secret("OPEN_API_SK", "another");
    assert!(matches!(finding(CheckItem::OrderQuery), CheckFinding::OrderQueryRefused(_)));
    harness.world.set_secret("OPEN_API_SK", "SK");
    harness.world.clock.set(SystemClock.now() + Duration::from_secs(73));
    let clock = finding(CheckItem::Clock);
    let CheckFinding::ClockFarOff { ahead_secs } = clock else { panic!("{clock:?}") };
    assert!((70..=76).contains(&ahead_secs), "{ahead_secs}");
    harness.world.clock.set(SystemClock.now() - Duration::from_secs(20));
    assert!(matches!(finding(CheckItem::Clock), CheckFinding::ClockOff { ahead_secs: -24..=-16 }));
    harness.world.clock.set(SystemClock.now());
    harness.world.set_secret("CALLBACK_KEY", "another");
    // The server and its check read the same secret: what is right stays right.
    assert!(matches!(finding(CheckItem::Debugging), CheckFinding::RulesHold { calls: 8.. }));
}

#[test]
fn a_channel_of_another_protocol_or_without_open_api_is_told_so_and_is_not_blamed() {
    let harness = harness();
    let merchant = MerchantId::parse("acme").expect("valid");
    let id = ChannelId::parse("cad-koogallery").expect("valid");
    let clock = Arc::clone(&harness.world.clock) as _;
    let checks = AddressChecks::new(Arc::clone(&harness.app), &harness.url, harness.world.secrets(), clock);
    let of = |protocol: &str, wanted: CheckItem| {
        harness.block_on(async {
            let mut channel = harness.app.channel_to_check(&merchant, &id).await.expect("it is there");
            (channel.protocol.0, channel.open_api) = (protocol.to_owned(), None);
            let checked = checks.check(&merchant, &channel, WITHIN).await;
            checked.items.into_iter().find(|checked| checked.item == wanted).map(|checked| checked.finding)
        })
    };
    assert_eq!(of("another", CheckItem::Debugging), Some(CheckFinding::NoRules));
    assert_eq!(of("another", CheckItem::OrderQuery), Some(CheckFinding::OrderQueryNotNeeded));
    assert_eq!(of("another", CheckItem::Clock), Some(CheckFinding::ClockNotNeeded));
    assert_eq!(of("saas-v2", CheckItem::OrderQuery), Some(CheckFinding::OrderQueryNotConfigured));
}

fn checked(harness: &Harness, public_url: &str) -> CheckedChannel {
    checked_by(harness, public_url, |checks| checks, WITHIN)
}

fn checked_by(
    harness: &Harness,
    public_url: &str,
    set_up: impl FnOnce(AddressChecks) -> AddressChecks,
    within: Duration,
) -> CheckedChannel {
    let clock = Arc::clone(&harness.world.clock) as _;
    let checks = AddressChecks::new(Arc::clone(&harness.app), public_url, harness.world.secrets(), clock);
    let checks = set_up(checks);
    let merchant = MerchantId::parse("acme").expect("valid");
    let id = ChannelId::parse("cad-koogallery").expect("valid");
    harness.block_on(async {
        let channel = harness.app.channel_to_check(&merchant, &id).await.expect("it is there");
        checks.check(&merchant, &channel, within).await
    })
}

/// What a proxy does to an answer.
type Spoil = fn(String) -> String;

/// Hands every call on to a service, and its answer back as `spoil` makes it.
struct Proxy {
    url: String,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Proxy {
    fn before(harness: &Harness, spoil: Spoil) -> Self {
        let upstream = harness.url.strip_prefix("http://").expect("loopback").to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
        let url = format!("http://{}", listener.local_addr().expect("it is bound"));
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            for client in listener.incoming() {
                if stopped.load(Ordering::SeqCst) {
                    break;
                }
                hand_on(client.expect("a connection"), &upstream, spoil);
            }
        });
        Self { url, stop, thread: Some(thread) }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        drop(TcpStream::connect(self.url.strip_prefix("http://").expect("loopback")));
        if let Some(thread) = self.thread.take() {
            thread.join().expect("the proxy does not panic");
        }
    }
}

/// Requests here come in one piece or two, and say how long they are; answers end with the connection.
fn hand_on(mut client: TcpStream, upstream: &str, spoil: Spoil) {
    let mut request = Vec::new();
    let mut piece = [0; 8192];
    loop {
        let count = client.read(&mut piece).unwrap_or(0);
        if count == 0 {
            return;
        }
        request.extend_from_slice(&piece[..count]);
        let text = String::from_utf8_lossy(&request);
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: ")).unwrap_or("0");
        if body.len() >= length.parse::<usize>().expect("a number") {
            break;
        }
    }
    let mut server = TcpStream::connect(upstream).expect("the service listens");
    server.write_all(&request).expect("it reads");
    let mut answer = Vec::new();
    server.read_to_end(&mut answer).expect("it answers and closes");
    let spoiled = spoil(String::from_utf8(answer).expect("answers are text"));
    let _ = client.write_all(spoiled.as_bytes());
}

fn failing(checked: &CheckedChannel) -> Vec<CheckItem> {
    let failing = checked.items.iter().filter(|checked| checked.finding.state() == CheckState::Fail);
    failing.map(|checked| checked.item).collect()
}

#[test]
fn a_proxy_that_changes_letter_case_or_bytes_is_found() {
    let harness = harness();
    let lower: Spoil = |answer| answer.replace("Body-Sign:", "body-sign:");
    let proxy = Proxy::before(&harness, lower);
    assert_eq!(failing(&checked(&harness, &proxy.url)), [CheckItem::Address, CheckItem::HeaderCase]);
    let html: Spoil = |answer| answer.replace("application/json", "text/html");
    let proxy = Proxy::before(&harness, html);
    let found = checked(&harness, &proxy.url);
    assert_eq!(failing(&found), [CheckItem::Address, CheckItem::Debugging]);
    let rule = found.items.iter().find_map(|checked| match &checked.finding {
        CheckFinding::RuleBroken { rule, source, .. } => Some((*rule, *source)),
        _ => None,
    });
    assert_eq!(rule, Some(("content-type-json", "en-us_topic_000034")));
    let bytes: Spoil = |answer| answer.replace("{\"resultCode\"", "{\"resultcode\"");
    let proxy = Proxy::before(&harness, bytes);
    assert!(failing(&checked(&harness, &proxy.url)).contains(&CheckItem::Debugging));
    let plain: Spoil = |answer| answer;
    let proxy = Proxy::before(&harness, plain);
    assert_eq!(failing(&checked(&harness, &proxy.url)), [CheckItem::Address]);
}

#[test]
fn an_address_that_is_not_there_or_does_not_answer_ends_the_check_early() {
    let harness = harness();
    let free = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
    let url = format!("http://{}", free.local_addr().expect("it is bound"));
    // Takes connections and never answers, until the check's own time is over.
    let silent = checked_by(&harness, &url, |checks| checks, Duration::from_secs(1));
    let debugging = silent.items.iter().find(|checked| checked.item == CheckItem::Debugging);
    assert_eq!(debugging.map(|checked| &checked.finding), Some(&CheckFinding::Unfinished), "{silent:?}");
    assert!(!silent.passed());
    drop(free);
    let absent = checked(&harness, &url);
    assert_eq!(failing(&absent), [CheckItem::Address, CheckItem::Reachable]);
    let skipped = absent.items.iter().filter(|checked| checked.finding == CheckFinding::NotLookedAt).count();
    assert_eq!(skipped, 5, "{absent:?}");
    let unknown = checked(&harness, "https://no-such-host.invalid");
    assert_eq!(failing(&unknown), [CheckItem::Reachable], "{unknown:?}");
}

#[test]
fn certificate_and_protocol_are_looked_at_over_tls() {
    let harness = harness();
    let ours = tls::authority("ours");
    let shown = tls::Shown { alpn: &["h2", "http/1.1"], ..tls::Shown::right() };
    // One connection to see whether it is there, one to look, one for the first call, which is answered wrongly.
    let (target, serving) = tls::server(&ours, &shown, 3);
    let url = target.url();
    let found =
        checked_by(&harness, &url, |checks| checks.with_trust(tls::trust(&ours)), Duration::from_secs(2));
    drop(serving);
    let of = |item: CheckItem| {
        found.items.iter().find(|checked| checked.item == item).map(|checked| &checked.finding)
    };
    assert!(matches!(of(CheckItem::Tls), Some(CheckFinding::TlsRight { version }) if version == "TLSv1_3"));
    assert!(matches!(of(CheckItem::Certificate), Some(CheckFinding::CertificateRight { ends_at: Some(_) })));
    assert_eq!(of(CheckItem::HeaderCase), Some(&CheckFinding::Http2Taken));
    let (target, serving) = tls::server(&tls::authority("a stranger's"), &shown, 2);
    let found = checked_by(&harness, &target.url(), |checks| checks.with_trust(tls::trust(&ours)), WITHIN);
    serving.join().expect("it does not panic");
    let certificate = found.items.iter().find(|checked| checked.item == CheckItem::Certificate);
    let expected = CheckFinding::CertificateUnknownIssuer { alone: true };
    assert_eq!(certificate.map(|checked| &checked.finding), Some(&expected));
    assert_eq!(failing(&found), [CheckItem::Address, CheckItem::Certificate]);
}

#[test]
fn the_command_ends_with_one_when_something_fails() {
    let harness = harness();
    let token = harness.token(&[Scope::Read]);
    let run = |arguments: &[&str]| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_lictor"));
        command.args(["channel", "check"]).args(arguments).args(["--url", &harness.url]);
        command.env_clear().env("LICTOR_TOKEN", &token).output().expect("the binary runs")
    };
    let checked = run(&["cad-koogallery"]);
    let printed = String::from_utf8_lossy(&checked.stdout).into_owned();
    assert_eq!(checked.status.code(), Some(1), "{printed}");
    assert!(printed.contains("fail    address") && printed.contains("ok      header_case"), "{printed}");
    assert!(String::from_utf8_lossy(&checked.stderr).contains("does not pass: address"));
    let answer: Value = serde_json::from_slice(&run(&["cad-koogallery", "--json"]).stdout).expect("JSON");
    assert_eq!(answer["items"].as_array().map(Vec::len), Some(10));
    assert_eq!(run(&["nothing"]).status.code(), Some(1));
}
