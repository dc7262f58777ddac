//! The same with somebody else's client, who asks for HTTP/2 as loudly as it can.

use std::process::Command;

use crate::calls::Post;
use crate::certificates::HOST;
use crate::front::{FRONTS, Front, Service};
use crate::process::not_run_here;

/// The answer with its head, as it came.
fn curl(service: &Service, post: &Post) -> Option<String> {
    let files = tempfile::tempdir().expect("a folder");
    let (body, root) = (files.path().join("body"), files.path().join("root.pem"));
    std::fs::write(&body, &post.body).expect("writable");
    std::fs::write(&root, service.root.pem()).expect("writable");
    let (address, port) = (service.address.socket.ip(), service.address.socket.port());
    let scheme = if service.address.root.is_some() { "https" } else { "http" };
    let called = Command::new("curl")
        .args(["--silent", "--show-error", "--include", "--http2", "--noproxy", "*", "--max-time", "60"])
        .args(["--resolve", &format!("{HOST}:{port}:{address}"), "--cacert"])
        .arg(root)
        .args(["--header", "Content-Type: application/json", "--data-binary"])
        .arg(format!("@{}", body.display()))
        .arg(format!("{scheme}://{HOST}:{port}{}", post.target))
        .output();
    let Ok(called) = called else {
        not_run_here("curl");
        return None;
    };
    assert!(called.status.success(), "{}", String::from_utf8_lossy(&called.stderr));
    Some(String::from_utf8(called.stdout).expect("answers are ASCII"))
}

#[test]
fn curl_that_asks_for_http_2_reads_body_sign_in_exact_letters() {
    for front in FRONTS {
        let Some(service) = Service::behind(front) else { continue };
        let Some(answer) = curl(&service, &Post::unusual_purchase()) else { return };
        assert!(answer.starts_with("HTTP/1.1 200"), "{front:?} {answer}");
        assert_eq!(
            answer.matches("\r\nBody-Sign: sign_type=\"HMAC-SHA256\"").count(),
            1,
            "{front:?} {answer}"
        );
        assert!(answer.contains("\"000004\""), "{front:?} {answer}");
    }
}

#[test]
fn http_2_is_spoken_once_it_is_switched_on_and_lower_cases_the_name() {
    let service = Service::with(Front::Tls, &[("LICTOR_TLS_HTTP2", "on")]).expect("nothing is missing");
    let Some(answer) = curl(&service, &Post::unusual_purchase()) else { return };
    assert!(answer.starts_with("HTTP/2 200"), "{answer}");
    assert!(answer.contains("\r\nbody-sign: sign_type="), "{answer}");
}
