//! The judge's own client against a raw socket.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::thread::JoinHandle;
use std::time::Duration;

use lictor::sandbox::judge::wire::{Limits, Target, Wire, WireRequest};
use lictor::sandbox::judge::{CallFailure, Phase, WireAnswer};

/// Long enough for whatever answers at all.
const LONG: Duration = Duration::from_secs(20);
/// What is waited for in vain.
const SHORT: Duration = Duration::from_millis(800);

/// Answers one call with these bytes, then holds the connection until the caller is gone, or closes at once.
fn server(answer: &'static [u8], holds: bool) -> (Target, JoinHandle<Vec<u8>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
    let url = format!("http://{}/a?b=c", listener.local_addr().expect("it is bound"));
    let serving = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("somebody calls");
        let mut received = vec![0; 4096];
        let count = stream.read(&mut received).expect("a request");
        received.truncate(count);
        stream.write_all(answer).expect("the caller reads");
        if holds {
            let _ = stream.read(&mut [0]);
        }
        received
    });
    (Target::parse(&url).expect("it is one"), serving)
}

fn called(answer: &'static [u8], holds: bool, whole: Duration) -> (Result<WireAnswer, CallFailure>, String) {
    let (target, serving) = server(answer, holds);
    let wire = Wire::new(Limits { whole, ..Limits::default() });
    let request = WireRequest {
        method: "POST",
        path_and_query: target.path_and_query("/below", "d=e"),
        headers: vec![("X-Any", "1".to_owned())],
        body: b"{}".to_vec(),
    };
    let outcome = wire.send(&target, &request);
    let received = serving.join().expect("it does not panic");
    (outcome, String::from_utf8(received).expect("text"))
}

#[test]
fn a_request_says_what_it_was_given_and_little_more() {
    let (outcome, received) = called(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", true, LONG);
    assert_eq!(outcome.map(|answer| answer.body), Ok(b"{}".to_vec()));
    let mut lines = received.lines();
    assert_eq!(lines.next(), Some("POST /a/below?b=c&d=e HTTP/1.1"));
    assert!(lines.next().is_some_and(|line| line.starts_with("Host: 127.0.0.1:")));
    assert_eq!(lines.next(), Some("X-Any: 1"));
    assert_eq!(lines.next(), Some("Content-Length: 2"));
    assert_eq!(lines.collect::<Vec<_>>(), ["Connection: close", "", "{}"]);
}

#[test]
fn silence_ends_with_the_time_limit_and_says_what_was_waited_for() {
    let timed_out = |phase| Err(CallFailure::TimedOut { phase, after: SHORT });
    assert_eq!(called(b"", true, SHORT).0, timed_out(Phase::FirstByte));
    assert_eq!(called(b"HTTP/1.1 200 OK\r\nContent-Len", true, SHORT).0, timed_out(Phase::Rest));
    assert_eq!(
        called(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab", true, SHORT).0,
        timed_out(Phase::Rest)
    );
}

#[test]
fn a_connection_that_is_closed_early_is_no_answer() {
    assert_eq!(called(b"", false, LONG).0, Err(CallFailure::Closed));
    assert_eq!(
        called(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab", false, LONG).0,
        Err(CallFailure::Closed)
    );
    assert!(matches!(called(b"HELLO\r\n\r\n", false, LONG).0, Err(CallFailure::Unreadable(_))));
}

#[test]
fn nobody_there_is_told_apart_from_silence() {
    let free = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
    let url = format!("http://{}/", free.local_addr().expect("it is bound"));
    drop(free);
    let wire = Wire::new(Limits::default());
    let target = Target::parse(&url).expect("it is one");
    assert!(matches!(wire.reach(&target), Err(CallFailure::CannotConnect(_))));
}
