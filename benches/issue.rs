//! Issuing over HTTP: the real router over the embedded store, beside the same over a store that keeps nothing.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use lictor::store::MemoryEngine;

use crate::figures::Figures;
use crate::shape::order;
use crate::support::{Engine, Harness, World, acme};

/// Connections that each wait for an answer before they ask again.
const CONNECTIONS: usize = 32;

pub struct Issue {
    pub embedded: Figures,
    pub no_store: Figures,
}

/// Both by turns, twice.
pub fn measure(time: Duration) -> Issue {
    eprintln!("issuing over HTTP");
    let (embedded, no_store) =
        (Service::over(&Engine::Embedded), Service::over(&Engine::Memory(MemoryEngine::new())));
    // What is paid once is paid before.
    for service in [&embedded, &no_store] {
        service.load(Duration::from_millis(300));
    }
    let mut issue = Issue { embedded: Figures::default(), no_store: Figures::default() };
    for _ in 0..2 {
        issue.no_store.join(no_store.load(time));
        issue.embedded.join(embedded.load(time));
    }
    issue
}

struct Service {
    harness: Harness,
    token: String,
}

impl Service {
    fn over(engine: &Engine) -> Self {
        let harness = Harness::start_in(World::new(), engine);
        harness.apply(&acme(&harness.world.sandbox));
        let token = harness.token(&[lictor::domain::Scope::Admin]);
        Self { harness, token }
    }

    fn load(&self, time: Duration) -> Figures {
        let begun = Instant::now();
        let micros = std::thread::scope(|scope| {
            let clients: Vec<_> =
                (0..CONNECTIONS).map(|_| scope.spawn(|| self.client(begun, time))).collect();
            clients.into_iter().flat_map(|client| client.join().expect("no client panics")).collect()
        });
        Figures::of(begun.elapsed(), micros)
    }

    fn client(&self, begun: Instant, time: Duration) -> Vec<u32> {
        let address = self.harness.url.trim_start_matches("http://");
        let stream = TcpStream::connect(address).expect("the service listens");
        stream.set_nodelay(true).expect("a socket");
        let mut answers = BufReader::new(stream.try_clone().expect("a socket"));
        let (mut stream, body) = (stream, order().to_string());
        let request = format!(
            "POST /v1/merchant/licenses HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            self.token,
            body.len()
        );
        let mut micros = Vec::new();
        while begun.elapsed() < time {
            // Ids are ordered by the clock, which stands still unless it is moved.
            self.harness.world.clock.advance(Duration::from_millis(1));
            let asked = Instant::now();
            stream.write_all(request.as_bytes()).expect("the service reads");
            assert!(read_answer(&mut answers).starts_with("HTTP/1.1 201"), "issued");
            micros.push(u32::try_from(asked.elapsed().as_micros()).unwrap_or(u32::MAX));
        }
        micros
    }
}

/// The status line; the rest is read away.
pub fn read_answer(answers: &mut BufReader<TcpStream>) -> String {
    let mut line = || {
        let mut line = String::new();
        answers.read_line(&mut line).expect("the service answers");
        line
    };
    let (status, mut length) = (line(), 0);
    loop {
        let header = line().to_ascii_lowercase();
        if header.trim().is_empty() {
            break;
        }
        if let Some(value) = header.strip_prefix("content-length:") {
            length = value.trim().parse().expect("a number");
        }
    }
    answers.read_exact(&mut vec![0; length]).expect("the service answers whole");
    status
}
