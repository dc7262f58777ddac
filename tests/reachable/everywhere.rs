//! What holds whatever stands before the service.

use crate::calls::{BODY_BYTES_MAX, Post, get, signed_result, sized, unusual_get};
use crate::front::{FRONTS, Front, Service};
use crate::wire::Connection;

/// The promise that a caller who prefers HTTP/2 reads the header in exact letters, and that bytes arrive as sent.
fn signed_calls_are_answered(front: Front) {
    let Some(service) = Service::behind(front) else { return };
    let mut connection = Connection::to(&service.address);
    let expected = (front != Front::Plain).then_some("http/1.1");
    assert_eq!(connection.protocol.as_deref(), expected, "{front:?}");
    // All on one connection, which is kept.
    for _ in 0..2 {
        let answer = connection.ask(&Post::unusual_purchase().bytes("keep-alive"));
        assert_eq!(signed_result(&answer), "000004", "{front:?} {answer:?}");
        for channel in ["cad-license", "cad-saas"] {
            let answer = connection.ask(&get(&unusual_get(channel)));
            assert_eq!(signed_result(&answer), "000000", "{front:?} {channel} {answer:?}");
        }
    }
    let forged = Post::signed_with("another channel's key", "{\"activity\":\"newInstance\"}");
    let answer = connection.ask(&forged.bytes("keep-alive"));
    assert_eq!(signed_result(&answer), "000001", "{front:?} {answer:?}");
}

#[test]
fn signed_calls_are_answered_over_plain_http() {
    signed_calls_are_answered(FRONTS[0]);
}

#[test]
fn signed_calls_are_answered_over_tls_of_its_own() {
    signed_calls_are_answered(FRONTS[1]);
}

#[test]
fn signed_calls_are_answered_behind_the_shipped_nginx_file() {
    signed_calls_are_answered(FRONTS[2]);
}

#[test]
fn signed_calls_are_answered_behind_the_shipped_haproxy_file() {
    signed_calls_are_answered(FRONTS[3]);
}

#[test]
fn a_body_beyond_the_limit_is_refused_and_one_within_it_is_not() {
    for front in FRONTS {
        let Some(service) = Service::behind(front) else { continue };
        let ask = |target: &str, bytes: usize| {
            Connection::to(&service.address).ask(&sized(target, bytes, service.proxy.is_some())).status()
        };
        assert_eq!(ask("/v1/merchant/apply", BODY_BYTES_MAX), 401, "{front:?}: it was read");
        assert_eq!(ask("/v1/merchant/apply", BODY_BYTES_MAX + 1), 413, "{front:?}");
        assert_eq!(ask("/marketplace/acme/cad-koogallery", BODY_BYTES_MAX + 1), 413, "{front:?}");
    }
}

#[test]
fn a_proxy_keeps_the_metrics_from_the_world() {
    for front in FRONTS {
        let Some(service) = Service::behind(front) else { continue };
        let answer = Connection::to(&service.address).ask(&get("/metrics"));
        let expected = if service.proxy.is_some() { 404 } else { 200 };
        assert_eq!(answer.status(), expected, "{front:?}");
    }
}
