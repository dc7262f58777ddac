//! Certificates that are replaced while callers are there.

use std::sync::atomic::{AtomicBool, Ordering};

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use x509_cert::der::Decode as _;

use crate::calls::{Post, get, signed_result};
use crate::certificates::{HOST, Leaf};
use crate::front::{Front, Service};
use crate::process::wait_until;
use crate::wire::Connection;

/// A leaf that ends in so many days, with its chain.
fn leaf(service: &Service, days: i64) -> Leaf {
    let leaf = service.intermediate.leaf_between(&[HOST], (-1, days));
    Leaf { certificate: leaf.certificate + &service.intermediate.pem(), key: leaf.key }
}

fn encoded(leaf: &Leaf) -> CertificateDer<'static> {
    CertificateDer::from_pem_slice(leaf.certificate.as_bytes()).expect("a certificate")
}

fn end_of(leaf: &Leaf) -> u64 {
    let certificate = x509_cert::Certificate::from_der(&encoded(leaf)).expect("a certificate");
    certificate.tbs_certificate().validity().not_after.to_unix_duration().as_secs()
}

fn shown(service: &Service) -> CertificateDer<'static> {
    Connection::to(&service.address).leaf.expect("every server shows one")
}

fn metric(service: &Service) -> Option<u64> {
    let answer = Connection::to(&service.address).ask(&get("/metrics"));
    let text = String::from_utf8(answer.body).expect("text");
    let value = |line: &str| line.strip_prefix("lictor_certificate_expiry_timestamp_seconds ")?.parse().ok();
    text.lines().find_map(value)
}

#[test]
fn new_handshakes_see_the_new_certificate_and_no_request_fails() {
    let service = Service::over_tls(&[]);
    assert_eq!((shown(&service), metric(&service)), (encoded(&service.leaf), Some(end_of(&service.leaf))));
    let is_over = AtomicBool::new(false);
    std::thread::scope(|threads| {
        let callers: Vec<_> = (0..4)
            .map(|_| {
                threads.spawn(|| {
                    // One connection for all of it: a renewal costs nobody theirs.
                    let (mut connection, mut calls) = (Connection::to(&service.address), 0);
                    while !is_over.load(Ordering::Relaxed) {
                        let answer = connection.ask(&Post::unusual_purchase().bytes("keep-alive"));
                        assert_eq!(signed_result(&answer), "000004", "{answer:?}");
                        calls += 1;
                    }
                    calls
                })
            })
            .collect();
        let renewed = leaf(&service, 60);
        renewed.put(service.files.path());
        wait_until("the new certificate is shown", || shown(&service) == encoded(&renewed));
        wait_until("its end is told", || metric(&service) == Some(end_of(&renewed)));
        // A pair that does not fit together keeps the old one.
        let (certificate, key) = (leaf(&service, 50).certificate, leaf(&service, 50).key);
        Leaf { certificate, key }.put(service.files.path());
        let told = || service.server.said().matches("the new TLS certificate is not served").count();
        wait_until("the bad pair is told", || told() == 1);
        assert_eq!((shown(&service), metric(&service)), (encoded(&renewed), Some(end_of(&renewed))));
        // And the next good one is taken again.
        let last = leaf(&service, 40);
        last.put(service.files.path());
        wait_until("the last certificate is shown", || shown(&service) == encoded(&last));
        assert_eq!(told(), 1, "once for each change: {}", service.server.said());
        is_over.store(true, Ordering::Relaxed);
        let calls: Vec<u32> =
            callers.into_iter().map(|caller| caller.join().expect("no call failed")).collect();
        assert!(calls.iter().all(|&calls| calls > 10), "{calls:?}");
    });
}

#[test]
fn an_end_that_is_near_is_told_from_the_start_on() {
    let service = Service::over_tls(&[]);
    assert!(!service.server.said().contains("ends in"), "{}", service.server.said());
    leaf(&service, 20).put(service.files.path());
    wait_until("the end is told", || service.server.said().contains(" days, at "));
}

#[test]
fn without_tls_there_is_no_such_metric() {
    let service = Service::behind(Front::Plain).expect("it needs nothing that may be missing");
    assert_eq!(metric(&service), None);
}
