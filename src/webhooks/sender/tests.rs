//! No connection is ever made to a blocked address: proven by a listener that counts who comes.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use ipnet::IpNet;

use super::super::resolver::SystemNames;
use super::*;
use crate::domain::Instant;

const SECRET: &str = "whsec_bGljdG9yIHRlc3Qgc2VjcmV0IG51bWJlciAxISEh";

/// Somebody inside who must never be called, or a receiver who may be.
struct Listener {
    address: SocketAddr,
    accepted: Arc<AtomicUsize>,
    requests: Arc<Mutex<Vec<String>>>,
}

/// Answers everybody alike, and counts them.
fn listener(at: &str, answer: String) -> Listener {
    let listener = TcpListener::bind(at).expect("loopback has a free port");
    let address = listener.local_addr().expect("bound");
    let (accepted, requests) = (Arc::new(AtomicUsize::new(0)), Arc::<Mutex<Vec<String>>>::default());
    let (counted, kept) = (Arc::clone(&accepted), Arc::clone(&requests));
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            counted.fetch_add(1, Ordering::SeqCst);
            let Ok(mut stream) = stream else { continue };
            let mut read = Vec::new();
            let mut buffer = [0; 4096];
            while !String::from_utf8_lossy(&read).ends_with("\"end\":1}") {
                match stream.read(&mut buffer) {
                    Ok(0) | Err(_) => break,
                    Ok(count) => read.extend_from_slice(&buffer[..count]),
                }
            }
            kept.lock().expect("no panic").push(String::from_utf8_lossy(&read).into_owned());
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    Listener { address, accepted, requests }
}

fn ok() -> String {
    "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n".to_owned()
}

fn sender(allowed: &[&str], names: Arc<dyn Names>) -> WebhookSender {
    let allowed = AllowedNetworks::of(allowed.iter().map(|text| text.parse::<IpNet>().expect("a network")));
    WebhookSender::new(SendRules { allowed, allow_http: true }, names)
}

fn send(sender: &WebhookSender, url: &str) -> SendOutcome {
    let sent_at: Instant = "2026-01-31T08:00:00Z".parse().expect("an instant");
    let call = EventCall {
        url: url.to_owned(),
        id: "evt_1".into(),
        sent_at,
        body: "{\"end\":1}".into(),
        secrets: vec![SECRET.into()],
        within: Duration::from_secs(5),
    };
    let headers = signed(&call).expect("signed");
    sent(&sender.agent, &call, &headers)
}

fn refused(outcome: &SendOutcome) -> bool {
    matches!(outcome, SendOutcome::Failed(why) if why.starts_with("not called: "))
}

#[test]
fn no_spelling_of_this_machine_is_connected_to() {
    let inside = listener("127.0.0.1:0", ok());
    let inside_v6 = listener("[::1]:0", ok());
    let sender = sender(&[], Arc::new(SystemNames));
    let mut tried = 0;
    for (listener, hosts) in [
        (
            &inside,
            &[
                "127.0.0.1",
                "127.1",
                "127.0.1",
                "2130706433",
                "0x7f000001",
                "0x7f.0.0.1",
                "0177.0.0.1",
                "017700000001",
                "0",
                "0.0.0.0",
                "localhost",
                "LOCALHOST",
                "[::ffff:127.0.0.1]",
                "[::ffff:7f00:1]",
                "[0:0:0:0:0:ffff:7f00:0001]",
                "[::127.0.0.1]",
                "[64:ff9b::127.0.0.1]",
                "[64:ff9b::7f00:1]",
                "127.255.255.254",
                "[2002:7f00:1::]",
            ][..],
        ),
        (&inside_v6, &["[::1]", "[0:0:0:0:0:0:0:1]", "[::]", "[::0001]", "localhost"][..]),
    ] {
        for host in hosts {
            let outcome = send(&sender, &format!("http://{host}:{}/hook", listener.address.port()));
            assert!(matches!(outcome, SendOutcome::Failed(_)), "{host}: {outcome:?}");
            tried += 1;
        }
    }
    let accepted = [&inside, &inside_v6].map(|listener| listener.accepted.load(Ordering::SeqCst));
    println!("{tried} spellings tried, {accepted:?} connections");
    assert_eq!(accepted, [0, 0]);
}

/// Names that lead elsewhere each time they are asked.
#[derive(Debug)]
struct Rebinding {
    answers: Mutex<Vec<Vec<SocketAddr>>>,
    asked: AtomicUsize,
}

impl Names for Rebinding {
    fn look_up(&self, _host_and_port: &str) -> io::Result<Vec<SocketAddr>> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let mut answers = self.answers.lock().expect("no panic");
        Ok(if answers.len() > 1 { answers.remove(0) } else { answers[0].clone() })
    }
}

fn rebinding(answers: &[&[SocketAddr]]) -> Arc<Rebinding> {
    let answers = Mutex::new(answers.iter().map(|addresses| addresses.to_vec()).collect());
    Arc::new(Rebinding { answers, asked: AtomicUsize::new(0) })
}

#[test]
fn a_name_that_changes_its_mind_is_asked_once_and_what_was_judged_is_what_is_connected_to() {
    let inside = listener("127.0.0.1:0", ok());
    let receiver = listener("127.0.0.2:0", ok());
    // 127.0.0.2 is allowed, 127.0.0.1 is not: first the one, and from then on the other.
    let names = rebinding(&[&[receiver.address], &[inside.address]]);
    let sender = sender(&["127.0.0.2/32"], Arc::clone(&names) as _);
    let first = send(&sender, "http://hook.example/");
    assert!(matches!(first, SendOutcome::Answered { status: 204, .. }), "{first:?}");
    assert_eq!(names.asked.load(Ordering::SeqCst), 1, "between judging and connecting nobody is asked again");
    for _ in 0..3 {
        let later = send(&sender, "http://hook.example/");
        assert!(refused(&later), "no connection of before is used again: {later:?}");
    }
    assert_eq!((receiver.accepted.load(Ordering::SeqCst), inside.accepted.load(Ordering::SeqCst)), (1, 0));
}

#[test]
fn a_name_that_leads_outside_and_inside_is_not_called_at_all() {
    let inside = listener("127.0.0.1:0", ok());
    let receiver = listener("127.0.0.2:0", ok());
    for addresses in [[receiver.address, inside.address], [inside.address, receiver.address]] {
        let sender = sender(&["127.0.0.2/32"], rebinding(&[&addresses]));
        let outcome = send(&sender, "http://hook.example/");
        assert!(refused(&outcome), "{outcome:?}");
    }
    assert_eq!((receiver.accepted.load(Ordering::SeqCst), inside.accepted.load(Ordering::SeqCst)), (0, 0));
}

#[test]
fn a_redirect_leads_nowhere_whatever_its_status() {
    let inside = listener("127.0.0.1:0", ok());
    for status in [301, 302, 303, 307, 308] {
        let answer = format!(
            "HTTP/1.1 {status} Elsewhere\r\nLocation: http://{}/metadata\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
            inside.address
        );
        let receiver = listener("127.0.0.2:0", answer);
        // Also where both are allowed: nothing is followed.
        for allowed in [&["127.0.0.2/32"][..], &["127.0.0.0/8"][..]] {
            let sender = sender(allowed, Arc::new(SystemNames));
            let outcome = send(&sender, &format!("http://{}/hook", receiver.address));
            let SendOutcome::Answered { status: seen, words, .. } = outcome else { panic!("{outcome:?}") };
            assert_eq!(seen, status);
            assert!(words.contains("not followed"), "{words}");
        }
        assert_eq!(receiver.accepted.load(Ordering::SeqCst), 2);
    }
    assert_eq!(inside.accepted.load(Ordering::SeqCst), 0);
}

#[test]
fn an_event_carries_a_signature_of_every_secret_and_nothing_of_the_server() {
    let receiver = listener("127.0.0.1:0", ok());
    let sender = sender(&["127.0.0.1/32"], Arc::new(SystemNames));
    let outcome = send(&sender, &format!("http://{}/hook?a=b", receiver.address));
    assert!(matches!(outcome, SendOutcome::Answered { status: 204, .. }), "{outcome:?}");
    let requests = receiver.requests.lock().expect("no panic");
    let request = requests.first().expect("one came").to_lowercase();
    assert!(request.starts_with("post /hook?a=b http/1.1\r\n"), "{request}");
    for header in [
        "webhook-id: evt_1",
        "webhook-timestamp: 1769846400",
        "webhook-signature: v1,",
        "content-type: application/json",
    ] {
        assert!(request.contains(header), "{header} in {request}");
    }
    for nothing in ["cookie", "authorization", "referer", "lictor-merchant"] {
        assert!(!request.contains(nothing), "{nothing} in {request}");
    }
}

#[test]
fn answers_are_read_up_to_a_bound_and_endless_ones_end() {
    let long = format!("HTTP/1.1 500 No\r\nConnection: close\r\n\r\nfull\u{1b}[2J{}", "x".repeat(200_000));
    let receiver = listener("127.0.0.1:0", long);
    let sender = sender(&["127.0.0.1/32"], Arc::new(SystemNames));
    let outcome = send(&sender, &format!("http://{}/", receiver.address));
    let SendOutcome::Answered { status: 500, words, .. } = outcome else { panic!("{outcome:?}") };
    assert!(words.starts_with("full [2Jx") && words.chars().count() <= 200, "{words}");
}

#[test]
fn addresses_of_endpoints_are_judged_when_they_are_named() {
    let plain = sender(&[], Arc::new(SystemNames));
    let strict = WebhookSender::new(SendRules::default(), Arc::new(SystemNames));
    for url in [
        "https://example.com",
        "https://example.com:8443/a?b=c",
        "https://1.1.1.1/",
        "https://[2606:4700::1111]/",
    ] {
        assert_eq!(strict.accepts(url), Ok(()), "{url}");
    }
    for url in [
        "",
        "example.com",
        "//example.com/",
        "https:///x",
        "ftp://example.com/",
        "file:///etc/passwd",
        "gopher://example.com",
        "http://example.com/",
        "https://user@example.com/",
        "https://user:word@example.com/",
        "https://example.com/#x",
        "https://exa mple.com/",
        "https://例子.com/",
        "https://example.com\\@inside/",
        "https://127.0.0.1/",
        "https://169.254.169.254/latest/meta-data",
        "https://[::1]/",
        "https://[::ffff:10.0.0.1]/",
        "https://192.168.1.1:8443/",
        "https://example.com:/",
        "javascript:alert(1)",
    ] {
        assert!(strict.accepts(url).is_err(), "{url}");
    }
    assert!(strict.accepts(&format!("https://example.com/{}", "x".repeat(2_048))).is_err());
    assert_eq!(plain.accepts("http://example.com/"), Ok(()), "where the operator allows it");
}
