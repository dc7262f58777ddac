//! Handshakes: which versions and protocols, and those that lead nowhere.

use std::io::{Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use lictor::clock::SystemClock;
use lictor::http::{HttpLimits, Tls, TlsFiles, serve_as};

use crate::calls::get;
use crate::certificates::chain;
use crate::front::{FRONTS, Service};
use crate::wire::{Address, Connection, socket};

const OWN: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
/// RFC 5246 7.2.2
const PROTOCOL_VERSION: u8 = 70;

/// The first message of somebody who speaks at most this version (`[3, 2]`: TLS 1.1), with nothing else amiss.
fn client_hello(version: [u8; 2]) -> Vec<u8> {
    let mut hello = version.to_vec();
    hello.extend([7; 32]);
    hello.push(0);
    let suites = [0xc0, 0x2b, 0xc0, 0x2f, 0xc0, 0x09, 0xc0, 0x13, 0xc0, 0x0a, 0xc0, 0x14, 0x00, 0x2f];
    hello.extend([0, suites.len() as u8]);
    hello.extend(suites);
    hello.extend([1, 0]);
    let signatures = [0, 13, 0, 6, 0, 4, 4, 3, 8, 4];
    let groups = [0, 10, 0, 6, 0, 4, 0, 29, 0, 23];
    let points = [0, 11, 0, 2, 1, 0];
    hello.extend([0, (signatures.len() + groups.len() + points.len()) as u8]);
    hello.extend([&signatures[..], &groups, &points].concat());
    let mut message = vec![1, 0, 0, hello.len() as u8];
    message.extend(hello);
    let mut record = vec![22, 3, 1, 0, message.len() as u8];
    record.extend(message);
    record
}

/// Everything up to the end of the connection.
fn rest(mut stream: TcpStream) -> Vec<u8> {
    let mut read = Vec::new();
    // Whoever is cut off may read a reset.
    stream.read_to_end(&mut read).ok();
    read
}

fn said_to(address: SocketAddr, bytes: &[u8]) -> TcpStream {
    let mut stream = socket(address, OWN).expect("it listens");
    stream.write_all(bytes).expect("written");
    stream
}

#[test]
fn tls_1_1_is_refused_and_tls_1_2_is_not() {
    for front in FRONTS {
        let Some(service) = Service::behind(front) else { continue };
        if service.address.root.is_none() {
            continue;
        }
        let answer = rest(said_to(service.address.socket, &client_hello([3, 2])));
        assert_eq!(
            (answer.first(), answer.last()),
            (Some(&21), Some(&PROTOCOL_VERSION)),
            "{front:?} {answer:?}"
        );
        let mut stream = said_to(service.address.socket, &client_hello([3, 3]));
        let mut answer = [0; 11];
        stream.read_exact(&mut answer).expect("an answer");
        // A handshake record with a ServerHello of TLS 1.2.
        assert_eq!((answer[0], answer[5], &answer[9..]), (22, 2, &[3, 3][..]), "{front:?}");
    }
}

#[test]
fn http_2_is_agreed_on_only_where_it_is_switched_on() {
    for (settings, protocol) in [(&[][..], "http/1.1"), (&[("LICTOR_TLS_HTTP2", "on")], "h2")] {
        let service = Service::over_tls(settings);
        let connection = Connection::to(&service.address);
        assert_eq!(connection.protocol.as_deref(), Some(protocol));
    }
}

#[test]
fn handshakes_that_hang_or_are_none_end_and_leave_no_trace() {
    for http2 in ["off", "on"] {
        let service = Service::over_tls(&[("LICTOR_REQUEST_TIMEOUT_SECS", "1"), ("LICTOR_TLS_HTTP2", http2)]);
        let before = service.server.said();
        let address = service.address.socket;
        // Nothing at all, a part of a hello, plain HTTP, noise.
        let hanging: Vec<TcpStream> =
            [&b""[..], &client_hello([3, 3])[..9]].map(|it| said_to(address, it)).into();
        let garbage =
            ["GET / HTTP/1.1\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "\u{16}\u{3}\u{1}\u{7f}\u{7f}xx"];
        for text in garbage.iter().cycle().take(30) {
            let answer = rest(said_to(address, text.as_bytes()));
            assert!(!answer.starts_with(b"HTTP"), "{answer:?}");
        }
        assert!(hanging.into_iter().all(|stream| rest(stream).is_empty()), "cut off without a word");
        assert_eq!(service.server.said(), before, "the internet does that all day");
        let mut service = service;
        if http2 == "off" {
            assert_eq!(Connection::to(&service.address).ask(&get("/healthz")).status(), 200);
        }
        assert!(service.server.terminate().success());
    }
}

#[test]
fn who_sends_no_request_is_cut_off_over_tls_too() {
    let (root, _, leaf) = chain();
    let folder = tempfile::tempdir().expect("a folder");
    let (cert_file, key_file) = leaf.put(folder.path());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let runtime = runtime.expect("a runtime");
    for (http2, said) in [(false, &b""[..]), (false, b"GET /healthz HT"), (true, b""), (true, b"PRI * HT")] {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let socket = listener.local_addr().expect("bound");
        let files = TlsFiles { cert_file: cert_file.clone(), key_file: key_file.clone(), public_url: None };
        let tls = Tls::load(files, http2, Arc::new(SystemClock)).expect("a valid certificate");
        let limits = HttpLimits { header_time: Duration::from_millis(200), ..HttpLimits::default() };
        let serving = serve_as(Some(tls), listener, axum::Router::new(), limits, std::future::pending());
        let serving = runtime.spawn(serving);
        let mut connection = Connection::to(&Address { socket, root: Some(root.certificate.der().clone()) });
        connection.send(said);
        assert!(!connection.rest().starts_with(b"HTTP/1.1 2"), "{http2} {said:?}");
        serving.abort();
    }
    runtime.shutdown_background();
}

#[test]
fn headers_beyond_the_limit_are_refused_over_tls_as_over_plain_http() {
    let service = Service::over_tls(&[]);
    let long = format!("GET /healthz HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "x".repeat(32 * 1024));
    let many = format!("GET /healthz HTTP/1.1\r\nHost: a\r\n{}\r\n", "X: x\r\n".repeat(100));
    for request in [long, many] {
        assert_eq!(Connection::to(&service.address).ask(request.as_bytes()).status(), 431);
    }
}

#[test]
fn a_stop_finishes_what_is_open_and_ends_idle_connections() {
    let mut service = Service::over_tls(&[]);
    let mut connection = Connection::to(&service.address);
    assert_eq!(connection.ask(&get("/healthz")).status(), 200);
    let started = std::time::Instant::now();
    assert!(service.server.terminate().success());
    assert!(started.elapsed().as_secs() < 10, "an idle connection holds nothing up");
    connection.try_ask(&get("/healthz")).expect_err("the connection has ended");
    assert!(socket(service.address.socket, OWN).is_err(), "nobody listens");
}
