//! The server's real client asks the sandbox's open API, over loopback.
#![expect(clippy::unwrap_used, reason = "a test may fail anywhere, also in its helpers")]

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use lictor::domain::{Charging, OrderDetails, OrderKind, PeriodUnit};
use lictor::marketplace::koogallery::open_api::{OpenApi, OpenApiError};
use lictor::sandbox::open_api::Trouble;
use lictor::sandbox::orders::{Basket, Billing, MockOrder, OrderReason, Period};
use lictor::sandbox::{OpenApiKeys, Sandbox};
use secrecy::SecretString;

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_658_818_056, 0).unwrap()
}

fn listener() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").unwrap()
}

fn sandbox() -> Sandbox {
    let keys = OpenApiKeys { access_key: "AK".into(), secret_key: "SK".into() };
    Sandbox::start(listener(), keys, Arc::new(now)).unwrap()
}

fn query_order(
    base_url: &str,
    access_key: &str,
    secret_key: &SecretString,
    order_id: &str,
    order_line_id: Option<&str>,
    now: DateTime<Utc>,
) -> Result<OrderDetails, OpenApiError> {
    let open_api = OpenApi { base_url, access_key, secret_key, call_time: Duration::from_secs(10) };
    open_api.query_order(order_id, order_line_id, now)
}

fn ask(sandbox: &Sandbox, order_id: &str, line_id: Option<&str>) -> Result<OrderDetails, OpenApiError> {
    query_order(&sandbox.base_url(), "AK", &SecretString::from("SK"), order_id, line_id, now())
}

fn refused(outcome: Result<OrderDetails, OpenApiError>) -> bool {
    matches!(outcome, Err(OpenApiError::Refused(_)))
}

#[test]
fn an_order_is_read_as_it_was_sold() {
    let sandbox = sandbox();
    let basket = Basket { quantity: Some(3), ..Basket::of("CAD-PRO", Billing::Period(Period::Months(2))) };
    let order = MockOrder::new("CS 1/ü&=+", OrderReason::New, now(), basket);
    sandbox.register(order.clone());
    let read = ask(&sandbox, &order.order_id, Some(&order.order_line_id)).unwrap();
    assert_eq!((read.order_id.as_str(), read.kind, read.created_at), ("CS 1/ü&=+", OrderKind::New, now()));
    assert_eq!(read.customer, order.basket.customer_id);
    let [line] = read.lines.as_slice() else { panic!("{read:?}") };
    assert_eq!((line.charging, line.period), (Charging::Period, Some((PeriodUnit::Month, 2))));
    assert_eq!((line.sku.as_deref(), line.quantity), (Some("CAD-PRO"), Some(3)));
    // 2022-07-26T06:47:36Z plus two months, rounded up to the end of the day in Beijing.
    assert_eq!(line.expires_at.unwrap().to_rfc3339(), "2022-09-26T15:59:59+00:00");
    assert_eq!(ask(&sandbox, &order.order_id, None).unwrap(), read);
    assert!(matches!(ask(&sandbox, &order.order_id, Some("another line")), Err(OpenApiError::NotFound(_))));
    assert!(matches!(ask(&sandbox, "unknown", None), Err(OpenApiError::NotFound(_))));
    assert_eq!(sandbox.open_api_calls(), 4);
}

#[test]
fn the_documented_mock_orders_are_there() {
    let sandbox = sandbox();
    for (id, kind, charging, period) in [
        ("MOCKPERIODYEARNEW", OrderKind::New, Charging::Period, Some((PeriodUnit::Year, 1))),
        ("MOCKONETIMENEW", OrderKind::New, Charging::OneTime, None),
        ("MOCKONDEMAND", OrderKind::New, Charging::OnDemand, None),
        ("MOCKONDEMANDPKG", OrderKind::New, Charging::OnDemandPackage, None),
        ("MOCKPERIODDAYTRIAL", OrderKind::Trial, Charging::Period, Some((PeriodUnit::Day, 7))),
        ("MOCKMONTYTRIALTOFORMAL", OrderKind::TrialToFormal, Charging::Period, Some((PeriodUnit::Month, 1))),
        ("MOCKMONTYUNSUBSCRIBE", OrderKind::Unsubscribe, Charging::Period, Some((PeriodUnit::Month, 1))),
        ("MOCKMONTYRENEW", OrderKind::Renew, Charging::Period, Some((PeriodUnit::Month, 1))),
        ("MOCKMONTYCHANGE", OrderKind::Change, Charging::Period, Some((PeriodUnit::Month, 1))),
    ] {
        let order = ask(&sandbox, id, Some(&format!("{id}-000001"))).unwrap();
        assert_eq!(
            (order.kind, order.lines[0].charging, order.lines[0].period),
            (kind, charging, period),
            "{id}"
        );
    }
}

#[test]
fn a_wrong_pair_or_clock_is_refused() {
    let sandbox = sandbox();
    let with = |access: &str, secret: &str, at| {
        query_order(&sandbox.base_url(), access, &SecretString::from(secret), "MOCKONDEMAND", None, at)
    };
    assert!(with("AK", "SK", now() + TimeDelta::minutes(15)).is_ok());
    assert!(refused(with("AK", "SK", now() + TimeDelta::minutes(16))));
    assert!(refused(with("AK", "sk", now())));
    assert!(refused(with("OTHER", "SK", now())));
}

#[test]
fn trouble_comes_as_ordered_and_then_ends() {
    let sandbox = sandbox();
    let outcome = || ask(&sandbox, "MOCKONDEMAND", None);
    sandbox.trouble(Trouble::Status(503), 2);
    assert!(matches!(outcome(), Err(OpenApiError::Retry(_))));
    assert!(matches!(outcome(), Err(OpenApiError::Retry(_))));
    assert!(outcome().is_ok());
    for (trouble, pause_secs) in
        [(Trouble::Status(429), None), (Trouble::Limited(None), None), (Trouble::Limited(Some(7)), Some(7))]
    {
        sandbox.trouble(trouble, 1);
        let limited = outcome();
        let Err(OpenApiError::Limited { pause, .. }) = limited else { panic!("{limited:?}") };
        assert_eq!(pause, pause_secs.map(Duration::from_secs));
    }
    sandbox.trouble(Trouble::Delay(Duration::from_millis(300)), 1);
    let started = Instant::now();
    assert!(outcome().is_ok());
    assert!(started.elapsed() >= Duration::from_millis(300));
}

#[test]
fn a_hanging_marketplace_is_given_up_after_ten_seconds() {
    let sandbox = sandbox();
    sandbox.trouble(Trouble::Hang, 1);
    let started = Instant::now();
    assert!(matches!(ask(&sandbox, "MOCKONDEMAND", None), Err(OpenApiError::Retry(_))));
    assert!((9..20).contains(&started.elapsed().as_secs()));
}

#[test]
fn a_stopped_marketplace_is_worth_another_try() {
    let sandbox = sandbox();
    let base_url = sandbox.base_url();
    drop(sandbox);
    let outcome = query_order(&base_url, "AK", &SecretString::from("SK"), "MOCKONDEMAND", None, now());
    assert!(matches!(outcome, Err(OpenApiError::Retry(_))));
}

#[test]
fn a_marketplace_that_never_answers_is_given_up_in_time() {
    let silent = listener();
    let base_url = format!("http://{}", silent.local_addr().unwrap());
    let secret_key = SecretString::from("SK");
    let call_time = Duration::from_millis(50);
    let open_api = OpenApi { base_url: &base_url, access_key: "AK", secret_key: &secret_key, call_time };
    let begin = Instant::now();
    assert!(matches!(open_api.query_order("CS1", None, now()), Err(OpenApiError::Retry(_))));
    assert!(begin.elapsed() >= call_time);
}

/// Answers one connection with these bytes.
fn one_answer(answer: Vec<u8>) -> (String, std::thread::JoinHandle<String>) {
    let listener = listener();
    let base_url = format!("http://{}", listener.local_addr().unwrap());
    let peer = std::thread::spawn(move || {
        let (mut connection, _) = listener.accept().unwrap();
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            if connection.read(&mut byte).unwrap() == 0 {
                break;
            }
            request.push(byte[0]);
        }
        // The client may hang up in the middle of what it does not want.
        let _ = connection.write_all(&answer);
        String::from_utf8(request).unwrap()
    });
    (base_url, peer)
}

fn ask_peer(base_url: &str) -> Result<OrderDetails, OpenApiError> {
    query_order(base_url, "AK", &SecretString::from("SK"), "CS1", Some("CS1-000001"), now())
}

#[test]
fn an_answer_beyond_a_mebibyte_is_not_read() {
    let body = format!("{{\"resultCode\":\"MKT.0000\",\"x\":\"{}\"}}", "x".repeat(2 * 1024 * 1024));
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
    let (base_url, peer) = one_answer([head.into_bytes(), body.into_bytes()].concat());
    assert!(matches!(ask_peer(&base_url), Err(OpenApiError::Retry(_))));
    peer.join().unwrap();
}

#[test]
fn a_redirect_is_not_followed() {
    let target = listener();
    let answer = format!(
        "HTTP/1.1 302 Found\r\nLocation: http://{}/\r\nContent-Length: 0\r\n\r\n",
        target.local_addr().unwrap()
    );
    let (base_url, peer) = one_answer(answer.into_bytes());
    assert!(refused(ask_peer(&base_url)));
    let request = peer.join().unwrap();
    assert!(request.starts_with(
        "GET /api/mkp-openapi-public/global/v1/order/query?orderId=CS1&orderLineId=CS1-000001 HTTP/1.1\r\n"
    ));
    assert_eq!(request.to_lowercase().matches("\r\nhost:").count(), 1);
    target.set_nonblocking(true).unwrap();
    assert_eq!(target.accept().unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
}

/// TLS is spoken, and a peer that speaks none is not talked to in clear.
#[test]
fn https_to_a_peer_without_tls_fails_before_anything_is_sent() {
    let listener = listener();
    let base_url = format!("https://{}", listener.local_addr().unwrap());
    let peer = std::thread::spawn(move || {
        let (mut connection, _) = listener.accept().unwrap();
        let mut hello = [0; 5];
        connection.read_exact(&mut hello).unwrap();
        connection.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").unwrap();
        hello
    });
    assert!(matches!(ask_peer(&base_url), Err(OpenApiError::Retry(_))));
    assert_eq!(peer.join().unwrap()[..2], [22, 3], "a TLS handshake record");
}
