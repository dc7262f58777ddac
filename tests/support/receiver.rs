//! A receiver of events: a real HTTP server on loopback that keeps what it is sent and answers as it is told.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU16, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver as Told, Sender, channel};
use std::sync::{Arc, Mutex};

use chrono::{DateTime, Utc};
use lictor::application::ports::Clock as _;
use lictor::clock::ManualClock;
use lictor::standard_webhooks::signature::{Signed, WebhookSecret, verify};
use serde_json::Value;

/// Hangs up without an answer.
pub const HANG_UP: u16 = 0;
/// Keeps the request and hangs up only when the test goes on: an answer that never comes.
pub const NEVER: u16 = 1;

/// One request.
#[derive(Debug, Clone)]
pub struct Received {
    pub at: DateTime<Utc>,
    pub id: String,
    pub timestamp: String,
    pub signature: String,
    pub body: String,
    /// What was answered.
    pub status: u16,
}

impl Received {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    pub fn kind(&self) -> String {
        self.json()["type"].as_str().expect("an event has a type").to_owned()
    }

    /// Whether a receiver with this secret takes it.
    pub fn verifies_with(&self, secret: &str) -> bool {
        let secret = WebhookSecret::parse(&secret.to_owned().into()).expect("a secret");
        let signed = Signed {
            id: &self.id,
            timestamp: &self.timestamp,
            signatures: &self.signature,
            body: self.body.as_bytes(),
        };
        verify(&[(0, secret)], &signed, self.at).is_ok()
    }
}

/// The receiver. Its thread ends with the test's process.
pub struct Receiver {
    pub address: SocketAddr,
    status: Arc<AtomicU16>,
    connections: Arc<AtomicUsize>,
    received: Arc<Mutex<Vec<Received>>>,
    arrivals: Mutex<Told<()>>,
}

impl Receiver {
    /// Answers 204 until it is told otherwise.
    pub fn start(clock: &Arc<ManualClock>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
        let address = listener.local_addr().expect("bound");
        let (status, connections) = (Arc::new(AtomicU16::new(204)), Arc::new(AtomicUsize::new(0)));
        let received = Arc::<Mutex<Vec<Received>>>::default();
        let (arrived, arrivals) = channel();
        let desk = Desk {
            status: Arc::clone(&status),
            received: Arc::clone(&received),
            clock: Arc::clone(clock),
            arrived,
            held: Vec::new(),
        };
        let counted = Arc::clone(&connections);
        std::thread::spawn(move || {
            let mut desk = desk;
            for stream in listener.incoming().flatten() {
                counted.fetch_add(1, Ordering::SeqCst);
                desk.serve(stream);
            }
        });
        Self { address, status, connections, received, arrivals: Mutex::new(arrivals) }
    }

    pub fn url(&self) -> String {
        format!("http://{}/lictor?from=test", self.address)
    }

    /// What it answers from now on.
    pub fn answer(&self, status: u16) {
        self.status.store(status, Ordering::SeqCst);
    }

    pub fn received(&self) -> Vec<Received> {
        self.received.lock().expect("no panic").clone()
    }

    /// The types of what was taken, in the order of taking.
    pub fn taken(&self) -> Vec<String> {
        let taken = self.received().into_iter().filter(|it| (200..300).contains(&it.status));
        taken.map(|it| it.kind()).collect()
    }

    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// Waits until one more request is here.
    pub fn wait_for_arrival(&self) {
        let arrivals = self.arrivals.lock().expect("no panic");
        arrivals.recv_timeout(std::time::Duration::from_secs(30)).expect("a request comes");
    }
}

struct Desk {
    status: Arc<AtomicU16>,
    received: Arc<Mutex<Vec<Received>>>,
    clock: Arc<ManualClock>,
    arrived: Sender<()>,
    held: Vec<TcpStream>,
}

impl Desk {
    fn serve(&mut self, mut stream: TcpStream) {
        let Some((head, body)) = request(&mut stream) else { return };
        let header = |name: &str| {
            let line = head.lines().find(|line| line.to_ascii_lowercase().starts_with(&format!("{name}:")));
            line.and_then(|line| line.split_once(':')).map(|(_, value)| value.trim().to_owned())
        };
        let status = self.status.load(Ordering::SeqCst);
        self.received.lock().expect("no panic").push(Received {
            at: self.clock.now(),
            id: header("webhook-id").unwrap_or_default(),
            timestamp: header("webhook-timestamp").unwrap_or_default(),
            signature: header("webhook-signature").unwrap_or_default(),
            body,
            status,
        });
        match status {
            HANG_UP => {}
            NEVER => self.held.push(stream),
            status => {
                let words = if status == 204 { "" } else { "because I say so" };
                let length = words.len();
                let answer = format!(
                    "HTTP/1.1 {status} Said\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{words}"
                );
                // The sender may have gone.
                let _ = stream.write_all(answer.as_bytes());
            }
        }
        // The test may not wait for it.
        let _ = self.arrived.send(());
    }
}

fn request(stream: &mut TcpStream) -> Option<(String, String)> {
    let (mut read, mut buffer) = (Vec::new(), [0; 8192]);
    loop {
        if let Some(end) = read.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&read[..end]).into_owned();
            let length = head.lines().find_map(|line| {
                let (name, value) = line.split_once(':')?;
                name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
            });
            if read.len() >= end + 4 + length? {
                return Some((head, String::from_utf8(read[end + 4..].to_vec()).ok()?));
            }
        }
        match stream.read(&mut buffer) {
            Ok(0) | Err(_) => return None,
            Ok(count) => read.extend_from_slice(&buffer[..count]),
        }
    }
}
