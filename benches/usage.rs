//! Reporting usage over HTTP: many clients, one license, one package; over the embedded store beside one that keeps nothing.

use std::io::{BufReader, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use lictor::store::MemoryEngine;

use crate::figures::Figures;
use crate::issue::read_answer;
use crate::support::people::issue;
use crate::support::{Engine, Harness, World, acme};

/// Connections that each wait for an answer before they report again.
const CONNECTIONS: usize = 64;

/// A package that nobody uses up.
const METERED: &str = r#"
[merchant]
id = "acme"
name = "Acme Software"
issuer = "https://license.acme.example"

[[spec]]
id = "metered"
product = "acme-cad"
name = "Metered"
term = "P1Y"
[[spec.quota]]
metric = "calls"
unit = "call"
amount = 800000000
reset = "month"
"#;

pub struct Usage {
    pub embedded: Figures,
    pub no_store: Figures,
}

/// Both by turns, twice.
pub fn measure(time: Duration) -> Usage {
    eprintln!("reporting usage of one license over HTTP");
    let (embedded, no_store) =
        (Metered::over(&Engine::Embedded), Metered::over(&Engine::Memory(MemoryEngine::new())));
    for metered in [&embedded, &no_store] {
        metered.load(Duration::from_millis(300));
    }
    let mut usage = Usage { embedded: Figures::default(), no_store: Figures::default() };
    for _ in 0..2 {
        usage.no_store.join(no_store.load(time));
        usage.embedded.join(embedded.load(time));
    }
    usage
}

struct Metered {
    harness: Harness,
    key: String,
    round: std::sync::atomic::AtomicU32,
}

impl Metered {
    fn over(engine: &Engine) -> Self {
        let harness = Harness::start_in(World::new(), engine);
        harness.apply(&acme(&harness.world.sandbox));
        harness.apply(METERED);
        let key = issue(&harness, "metered").text_at("/license_key");
        Self { harness, key, round: std::sync::atomic::AtomicU32::new(0) }
    }

    fn load(&self, time: Duration) -> Figures {
        let round = self.round.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let begun = Instant::now();
        let micros = std::thread::scope(|scope| {
            let client = |number| scope.spawn(move || self.client(&format!("{round}-{number}"), begun, time));
            let clients: Vec<_> = (0..CONNECTIONS).map(client).collect();
            clients.into_iter().flat_map(|client| client.join().expect("no client panics")).collect()
        });
        Figures::of(begun.elapsed(), micros)
    }

    fn client(&self, name: &str, begun: Instant, time: Duration) -> Vec<u32> {
        let address = self.harness.url.trim_start_matches("http://");
        let stream = TcpStream::connect(address).expect("the service listens");
        stream.set_nodelay(true).expect("a socket");
        let mut answers = BufReader::new(stream.try_clone().expect("a socket"));
        let mut stream = stream;
        let body = r#"{"metric":"calls","amount":1}"#;
        let mut micros = Vec::new();
        while begun.elapsed() < time {
            let request = format!(
                "POST /v1/usage HTTP/1.1\r\nHost: {address}\r\nAuthorization: License {}\r\nIdempotency-Key: {name}-{}\r\n\
                 Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
                self.key,
                micros.len(),
                body.len()
            );
            let asked = Instant::now();
            stream.write_all(request.as_bytes()).expect("the service reads");
            let status = read_answer(&mut answers);
            assert!(status.starts_with("HTTP/1.1 200"), "{status}");
            micros.push(u32::try_from(asked.elapsed().as_micros()).unwrap_or(u32::MAX));
        }
        micros
    }
}
