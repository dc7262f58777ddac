//! The judge's client over TLS, against certificates that are to be believed and such that are not.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::Arc;
use std::thread::JoinHandle;

use chrono::{DateTime, Datelike as _, TimeDelta, Utc};
use lictor::application::ports::Clock as _;
use lictor::clock::SystemClock;
use lictor::sandbox::address::AddressKeys;
use lictor::sandbox::judge::wire::{CertificateFault, Limits, Target, TlsFacts, Trust, Wire, WireRequest};
use lictor::sandbox::judge::{CallFailure, Examiner, Rule, Severity};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tempfile::NamedTempFile;

pub type Authority = CertifiedIssuer<'static, KeyPair>;

pub fn authority(name: &str) -> Authority {
    let mut params = CertificateParams::new(Vec::new()).expect("no names");
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("it signs itself")
}

/// What a server shows.
pub struct Shown {
    pub name: &'static str,
    pub from: DateTime<Utc>,
    pub to: DateTime<Utc>,
    pub alpn: &'static [&'static str],
}

impl Shown {
    pub fn right() -> Self {
        let now = SystemClock.now();
        Self {
            name: "localhost",
            from: now - TimeDelta::days(2),
            to: now + TimeDelta::days(30),
            alpn: &["http/1.1"],
        }
    }
}

/// Serves TLS to `calls` callers, and answers each that asks something, wrongly.
pub fn server(authority: &Authority, shown: &Shown, calls: usize) -> (Target, JoinHandle<()>) {
    let key = KeyPair::generate().expect("a key");
    let mut params = CertificateParams::new(vec![shown.name.to_owned()]).expect("a name");
    let day = |instant: DateTime<Utc>| {
        let byte = |number: u32| u8::try_from(number).expect("a month or a day");
        date_time_ymd(instant.year(), byte(instant.month()), byte(instant.day()))
    };
    (params.not_before, params.not_after) = (day(shown.from), day(shown.to));
    let certificate = params.signed_by(&key, authority).expect("it is signed");
    let chain = vec![CertificateDer::from_pem_slice(certificate.pem().as_bytes()).expect("PEM")];
    let key = PrivateKeyDer::from_pem_slice(key.serialize_pem().as_bytes()).expect("PEM");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config.expect("TLS 1.2 and 1.3").with_no_client_auth().with_single_cert(chain, key);
    let mut config = config.expect("the key fits");
    config.alpn_protocols = shown.alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
    let port = listener.local_addr().expect("it is bound").port();
    let serving = std::thread::spawn(move || {
        for _ in 0..calls {
            let (tcp, _) = listener.accept().expect("somebody calls");
            let connection = rustls::ServerConnection::new(Arc::clone(&config)).expect("a connection");
            let mut stream = rustls::StreamOwned::new(connection, tcp);
            // Who only looks, or does not believe us, says nothing.
            if stream.read(&mut [0; 4096]).is_ok_and(|count| count > 0) {
                stream.write_all(b"HTTP/1.1 200 OK\r\nBody-Sign: x\r\n\r\n{}").expect("the caller reads");
                stream.conn.send_close_notify();
                let _ = stream.conn.complete_io(&mut stream.sock);
            }
        }
    });
    (Target::parse(&format!("https://localhost:{port}/")).expect("it is one"), serving)
}

/// Believes this authority, too.
pub fn trust(authority: &Authority) -> Trust {
    let mut file = NamedTempFile::new().expect("a file");
    file.write_all(authority.as_ref().pem().as_bytes()).expect("it can be written");
    Trust::public().with_file(file.path()).expect("it is PEM")
}

fn wire_trusting(authority: &Authority) -> Wire {
    Wire::new(Limits::default()).with_trust(trust(authority))
}

fn get() -> WireRequest {
    WireRequest { method: "GET", path_and_query: "/".to_owned(), headers: Vec::new(), body: Vec::new() }
}

fn inspected(trusted: &Authority, signer: &Authority, shown: &Shown) -> TlsFacts {
    let (target, serving) = server(signer, shown, 1);
    let facts = wire_trusting(trusted).inspect(&target, SystemClock.now()).expect("TLS is spoken");
    serving.join().expect("it does not panic");
    facts
}

#[test]
fn a_believed_address_is_read_over_tls() {
    let authority = authority("ours");
    let shown = Shown { alpn: &["h2", "http/1.1"], ..Shown::right() };
    let (target, serving) = server(&authority, &shown, 2);
    let wire = wire_trusting(&authority);
    let answer = wire.send(&target, &get()).expect("an answer");
    assert_eq!((answer.body.as_slice(), answer.headers[0].0.as_str()), (b"{}".as_slice(), "Body-Sign"));
    let facts = wire.inspect(&target, SystemClock.now()).expect("TLS is spoken");
    serving.join().expect("it does not panic");
    assert_eq!((facts.version.as_str(), facts.chain_length, &facts.fault), ("TLSv1_3", 1, &None));
    assert!(facts.prefers_http2, "which the client that sends never offers");
    assert_eq!(facts.not_after.map(|end| end.date_naive()), Some(shown.to.date_naive()));
}

#[test]
fn what_is_wrong_with_a_certificate_is_told_apart_and_its_end_is_told_all_the_same() {
    let (authority, stranger) = (authority("ours"), authority("a stranger's"));
    let now = SystemClock.now();
    let unknown = inspected(&authority, &stranger, &Shown::right());
    assert_eq!(unknown.fault, Some(CertificateFault::UnknownIssuer));
    assert_eq!(unknown.not_after.map(|end| end.date_naive()), Some(Shown::right().to.date_naive()));
    let ended = Shown { to: now - TimeDelta::days(1), from: now - TimeDelta::days(9), ..Shown::right() };
    assert!(matches!(
        inspected(&authority, &authority, &ended).fault,
        Some(CertificateFault::Expired { .. })
    ));
    let early = Shown { from: now + TimeDelta::days(3), ..Shown::right() };
    assert!(matches!(
        inspected(&authority, &authority, &early).fault,
        Some(CertificateFault::NotYetValid { .. })
    ));
    let other = Shown { name: "other.example", ..Shown::right() };
    let Some(CertificateFault::WrongName { names }) = inspected(&authority, &authority, &other).fault else {
        panic!("the name is another one")
    };
    assert!(names.iter().any(|name| name.contains("other.example")), "{names:?}");
}

#[test]
fn nothing_is_sent_to_an_address_that_is_not_believed() {
    let (authority, stranger) = (authority("ours"), authority("a stranger's"));
    let (target, serving) = server(&stranger, &Shown::right(), 1);
    assert!(matches!(wire_trusting(&authority).send(&target, &get()), Err(CallFailure::Tls(_))));
    serving.join().expect("it does not panic");
    let (target, serving) = server(&stranger, &Shown::right(), 1);
    let keys = AddressKeys::one("k".to_owned().into());
    let clock = Arc::new(|| SystemClock.now());
    let examiner = Examiner::new(target, keys, clock, wire_trusting(&authority));
    assert_eq!(examiner.look_at_address(), Ok(false));
    serving.join().expect("it does not panic");
    assert_eq!(examiner.judge().report().broken(Severity::Violation), [Rule::CertificateTrusted]);
}

#[test]
fn a_file_without_certificates_is_refused() {
    let file = NamedTempFile::new().expect("a file");
    assert!(Trust::public().with_file(file.path()).is_err());
    assert!(Trust::public().with_file(std::path::Path::new("no such file")).is_err());
}
