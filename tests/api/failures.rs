//! When the store breaks: 503 with Retry-After, "system error" for a marketplace, and no detail for anybody.

use std::time::Duration;

use lictor::http::HttpLimits;
use lictor::sandbox::orders::{Basket, Billing};
use lictor::store::{Fault, MemoryEngine};
use serde_json::json;

use crate::support::people::{activate, issue};
use crate::support::{Engine, Harness, World};

#[test]
fn a_commit_whose_outcome_is_unknown_says_so_and_the_next_one_is_unavailable() {
    for fault in Fault::PAIR {
        let engine = MemoryEngine::new();
        let harness = Harness::start_over(&engine);
        let key = issue(&harness, "cad-year").text_at("/license_key");
        engine.fail_write(1, fault);
        let unknown = activate(&harness.anonymous(), &key, 1, "n").expect_problem(503, "outcome_unknown");
        let later = activate(&harness.anonymous(), &key, 1, "n").expect_problem(503, "unavailable");
        let unready = harness.anonymous().get("/readyz").expect_problem(503, "unavailable");
        for answer in [unknown, later, unready] {
            assert_eq!(answer.at("/next_action"), "retry");
            assert!(answer.header("retry-after").is_some_and(|secs| secs.parse::<u32>().is_ok()));
            assert!(!answer.text_at("/reason").to_lowercase().contains("store"), "no detail for callers");
        }
        assert_eq!(harness.anonymous().get("/healthz").expect(200).at("/status"), "live");
    }
}

#[test]
fn the_marketplace_is_told_to_try_again() {
    for fault in Fault::PAIR {
        let engine = MemoryEngine::new();
        let harness = Harness::start_over(&engine);
        engine.fail_write(1, fault);
        let bought = harness.storefront().buy(Basket::of("CAD-FOREVER", Billing::OneTime)).expect("answers");
        assert_eq!((bought.answer.status, bought.answer.result_code()), (200, "000005"));
        let world = std::sync::Arc::clone(&harness.world);
        let harness = harness.restarted(&Engine::Memory(engine));
        let shop = harness.storefront();
        let again = shop.deliver(&bought.order).expect("answers");
        assert_eq!((again.result_code(), world.sandbox.open_api_calls()), ("000004", 0));
        harness.settle();
        assert_eq!(shop.deliver(&bought.order).expect("answers").result_code(), "000000");
    }
}

#[test]
fn a_request_that_takes_too_long_is_given_up() {
    let limits = HttpLimits { request_time: Duration::from_millis(20), ..HttpLimits::default() };
    let harness = Harness::start_with(World::new(), &Engine::Memory(MemoryEngine::new()), limits);
    let _held = harness.block_on(harness.store.hold());
    harness.anonymous().get("/readyz").expect_problem(503, "unavailable");
    let code = lictor::domain::ClaimCode::from_bits(&[7; 15]).reveal();
    let claim = harness.anonymous().post("/v1/claims", &json!({ "claim_code": code }));
    assert_eq!(claim.expect_problem(503, "outcome_unknown").at("/next_action"), "retry");
}

#[test]
fn a_connection_without_a_whole_request_is_ended() {
    use std::io::{Read as _, Write as _};
    let limits = HttpLimits { header_time: Duration::from_millis(20), ..HttpLimits::default() };
    let harness = Harness::start_with(World::new(), &Engine::Memory(MemoryEngine::new()), limits);
    let address = harness.url.strip_prefix("http://").expect("plain HTTP");
    for begun in ["", "GET /healthz HTTP/1.1\r\nHost: a\r\n", "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"] {
        let mut connection = std::net::TcpStream::connect(address).expect("it listens");
        connection.write_all(begun.as_bytes()).expect("it reads");
        let mut heard = Vec::new();
        // Ends because the server hangs up; the test ends by no other way.
        let _ = connection.read_to_end(&mut heard);
        assert_eq!(heard.starts_with(b"HTTP/1.1 200"), begun.ends_with("\r\n\r\n"), "{begun:?}");
    }
}

#[test]
fn a_panic_is_a_problem_of_one_request() {
    let harness = Harness::start();
    harness.store.panic_once();
    harness.anonymous().get("/readyz").expect_problem(500, "internal_error");
    harness.anonymous().get("/readyz").expect(200);
}

#[test]
fn an_open_request_is_answered_before_the_service_ends() {
    let mut harness = Harness::start();
    let (store, anonymous) = (std::sync::Arc::clone(&harness.store), harness.anonymous());
    let held = harness.block_on(store.hold());
    let before = store.asked();
    let asking = std::thread::spawn(move || anonymous.get("/readyz"));
    harness.block_on(store.asked_beyond(before));
    harness.begin_stop();
    drop(held);
    assert_eq!(asking.join().expect("it does not panic").expect(200).at("/status"), "ready");
    harness.stop();
}
