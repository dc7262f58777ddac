//! What only the raw bytes show.

use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::json;

use crate::support::Harness;

/// Sends the text, and returns everything up to the end of the connection.
fn raw(harness: &Harness, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(harness.url.trim_start_matches("http://")).expect("it listens");
    stream.write_all(request).expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("it answers in text");
    answer
}

#[test]
fn header_names_leave_in_title_case() {
    let harness = Harness::start();
    let shop = harness.storefront();
    let members = json!({ "activity": "queryInstance", "instanceId": "i1" });
    let call = shop.caller().sign(members.as_object().expect("an object").clone()).expect("signed");
    let (query, length) = (call.query(), call.body.len());
    let mut request = format!(
        "POST /marketplace/acme/cad-koogallery?{query} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\
         Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
    )
    .into_bytes();
    request.extend_from_slice(&call.body);
    let answer = raw(&harness, &request);
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    for name in ["Body-Sign", "Content-Type", "Request-Id", "Content-Length"] {
        assert_eq!(answer.matches(&format!("\r\n{name}: ")).count(), 1, "{name}: {answer}");
    }
}

#[test]
fn a_connection_is_kept_for_the_next_request() {
    let harness = Harness::start();
    let two = b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\nGET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    assert_eq!(raw(&harness, two).matches("HTTP/1.1 200 OK").count(), 2);
}

#[test]
fn headers_beyond_the_limit_are_refused() {
    let harness = Harness::start();
    let long = format!("GET /healthz HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "x".repeat(32 * 1024));
    assert!(raw(&harness, long.as_bytes()).starts_with("HTTP/1.1 431"));
    let many = format!("GET /healthz HTTP/1.1\r\nHost: a\r\n{}\r\n", "X: x\r\n".repeat(100));
    assert!(raw(&harness, many.as_bytes()).starts_with("HTTP/1.1 431"));
}

#[test]
fn http_2_is_not_spoken() {
    let harness = Harness::start();
    let answer = raw(&harness, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    assert!(!answer.contains(" 200 "), "{answer}");
}

#[test]
fn the_server_lives_and_is_ready() {
    let harness = Harness::start();
    assert_eq!(harness.anonymous().get("/healthz").expect(200).at("/status"), "live");
    assert_eq!(harness.anonymous().get("/readyz").expect(200).at("/status"), "ready");
}

#[test]
fn ids_of_requests_grow_with_time_and_answers_are_not_kept() {
    let harness = Harness::start();
    let ids: Vec<_> = (0..5)
        .map(|_| {
            let answer = harness.anonymous().get("/nowhere").expect_problem(404, "not_found");
            assert_eq!(answer.header("cache-control"), Some("no-store"));
            assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
            answer.header("request-id").expect("on every answer").to_owned()
        })
        .collect();
    assert!(ids.windows(2).all(|pair| pair[0] < pair[1]), "{ids:?}");
}

#[test]
fn when_the_service_has_ended_nobody_listens() {
    let mut harness = Harness::start();
    let address = harness.url.trim_start_matches("http://").to_owned();
    assert_eq!(harness.anonymous().get("/healthz").status, 200);
    harness.stop();
    assert!(TcpStream::connect(&address).is_err(), "the port is closed");
}
