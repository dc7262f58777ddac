//! A small HTTP/1.1 client that keeps what a judge needs: the letter case of header names, the exact bytes, times.
//!
//! One connection per call, as a marketplace's first call of the day; no redirects, no proxies, everything bounded.
//! ALPN offers `http/1.1` only: that is what the marketplace speaks.

mod abandon;
mod reading;
mod target;
mod tls;

use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::sync::Arc;
use std::time::{Duration, Instant};

pub use abandon::HangUp;
pub use target::{Target, TargetError};
pub use tls::{CertificateFault, TlsFacts, Trust, TrustError};

use super::exchange::{CallFailure, Phase, WireAnswer};

/// Bounds of one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Per address of the name.
    pub connect: Duration,
    /// From the start of the call to the last byte, everything included.
    pub whole: Duration,
    /// Longest status line and headers.
    pub head_bytes: usize,
    /// Longest body.
    pub body_bytes: usize,
}

impl Default for Limits {
    /// The console waits 20 s; what takes longer than 5 s is judged, not cut off.
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            whole: Duration::from_secs(20),
            head_bytes: 64 * 1024,
            body_bytes: 1024 * 1024,
        }
    }
}

/// Reads the time since some start; a test passes one that it moves.
pub type Stopwatch = Arc<dyn Fn() -> Duration + Send + Sync>;

/// A stopwatch that starts now.
pub fn stopwatch() -> Stopwatch {
    let start = Instant::now();
    Arc::new(move || start.elapsed())
}

/// One request; `Host`, `Content-Length` and `Connection` are added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WireRequest {
    pub method: &'static str,
    /// Path and query as they go over the wire.
    pub path_and_query: String,
    pub headers: Vec<(&'static str, String)>,
    pub body: Vec<u8>,
}

/// Sends requests. A clone shares the roots of trust.
#[derive(Clone)]
pub struct Wire {
    limits: Limits,
    trust: Trust,
    stopwatch: Stopwatch,
}

impl std::fmt::Debug for Wire {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Wire").field("limits", &self.limits).finish_non_exhaustive()
    }
}

impl Wire {
    /// Within these limits, trusting the public authorities.
    pub fn new(limits: Limits) -> Self {
        Self { limits, trust: Trust::public(), stopwatch: stopwatch() }
    }

    /// The same, trusting these.
    #[must_use]
    pub fn with_trust(mut self, trust: Trust) -> Self {
        self.trust = trust;
        self
    }

    /// The same, its times read from this stopwatch.
    #[must_use]
    pub fn with_stopwatch(mut self, stopwatch: Stopwatch) -> Self {
        self.stopwatch = stopwatch;
        self
    }

    /// The time by its stopwatch.
    pub fn elapsed(&self) -> Duration {
        (self.stopwatch)()
    }

    /// Sends one request and reads its answer. Blocks, at most for [`Limits::whole`] and the resolver's own time.
    pub fn send(&self, target: &Target, request: &WireRequest) -> Result<WireAnswer, CallFailure> {
        let began = self.elapsed();
        let deadline = Deadline::after(self.limits.whole);
        let tcp = self.connect(target, &deadline)?;
        let bytes = request_bytes(target, request);
        let read = if target.is_tls {
            let mut tls = self.trust.connect(target, tcp, &deadline)?;
            exchange(&mut tls, &bytes, &self.limits)?
        } else {
            exchange(&mut Timed { tcp, deadline, phase: Phase::FirstByte }, &bytes, &self.limits)?
        };
        let reading::Read { status, headers, body } = read;
        Ok(WireAnswer { status, headers, body, took: self.elapsed().saturating_sub(began) })
    }

    /// Connects and sends nothing.
    pub fn reach(&self, target: &Target) -> Result<(), CallFailure> {
        self.connect(target, &Deadline::after(self.limits.whole)).map(|_| ())
    }

    /// Agrees on TLS and sends nothing: what the address shows of itself, also when it is not to be trusted.
    pub fn inspect(
        &self,
        target: &Target,
        now: chrono::DateTime<chrono::Utc>,
    ) -> Result<TlsFacts, CallFailure> {
        let deadline = Deadline::after(self.limits.whole);
        let tcp = self.connect(target, &deadline)?;
        self.trust.inspect(target, tcp, &deadline, now)
    }

    /// The first of the name's addresses that takes a connection.
    fn connect(&self, target: &Target, deadline: &Deadline) -> Result<TcpStream, CallFailure> {
        let host = target.host.trim_matches(['[', ']']);
        let addresses = (host, target.port)
            .to_socket_addrs()
            .map_err(|error| CallFailure::NameUnknown(error.to_string()))?;
        let mut failure = CallFailure::NameUnknown("the name has no address".to_owned());
        for address in addresses {
            let time = self.limits.connect.min(deadline.left(Phase::Connecting)?);
            match TcpStream::connect_timeout(&address, time) {
                Ok(tcp) => {
                    // Without it a small request may wait for an acknowledgement.
                    let _ = tcp.set_nodelay(true);
                    return Ok(tcp);
                }
                Err(error) if error.kind() == io::ErrorKind::TimedOut => {
                    failure = CallFailure::TimedOut { phase: Phase::Connecting, after: time };
                }
                Err(error) => failure = CallFailure::CannotConnect(error.to_string()),
            }
        }
        Err(failure)
    }
}

/// Writes the request and reads the answer.
fn exchange(stream: &mut impl Stream, request: &[u8], limits: &Limits) -> Result<reading::Read, CallFailure> {
    // A server may answer and close before it has read everything: what it said is read all the same.
    let written = stream.write_all(request).and_then(|()| stream.flush());
    match (reading::read(stream, limits), written) {
        (Ok(read), _) => Ok(read),
        (Err(CallFailure::Closed), Err(error)) => Err(failure_of(&error, Phase::FirstByte, limits.whole)),
        (Err(failure), _) => Err(failure),
    }
}

fn request_bytes(target: &Target, request: &WireRequest) -> Vec<u8> {
    let mut head =
        format!("{} {} HTTP/1.1\r\nHost: {}\r\n", request.method, request.path_and_query, target.authority());
    for (name, value) in &request.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    if request.method != "GET" {
        head.push_str(&format!("Content-Length: {}\r\n", request.body.len()));
    }
    head.push_str("Connection: close\r\n\r\n");
    [head.as_bytes(), &request.body].concat()
}

/// When a call has to be over.
#[derive(Debug, Clone, Copy)]
struct Deadline {
    at: Instant,
    whole: Duration,
}

impl Deadline {
    fn after(whole: Duration) -> Self {
        Self { at: Instant::now() + whole, whole }
    }

    /// Never zero: a socket takes that for "for ever".
    fn left(&self, phase: Phase) -> Result<Duration, CallFailure> {
        let left = self.at.saturating_duration_since(Instant::now());
        if left.is_zero() { Err(CallFailure::TimedOut { phase, after: self.whole }) } else { Ok(left) }
    }
}

/// Bytes both ways, bounded in time.
trait Stream: Read + Write {
    /// What is waited for from here on.
    fn waits_for(&mut self, phase: Phase);
    fn failure(&self, error: &io::Error) -> CallFailure;
}

/// A connection whose every read and write ends at the deadline.
struct Timed {
    tcp: TcpStream,
    deadline: Deadline,
    phase: Phase,
}

impl Timed {
    fn left(&self) -> io::Result<Duration> {
        self.deadline.left(self.phase).map_err(|_| io::ErrorKind::TimedOut.into())
    }
}

impl Read for Timed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.tcp.set_read_timeout(Some(self.left()?))?;
        self.tcp.read(buffer)
    }
}

impl Write for Timed {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.tcp.set_write_timeout(Some(self.left()?))?;
        self.tcp.write(buffer)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.tcp.flush()
    }
}

impl Stream for Timed {
    fn waits_for(&mut self, phase: Phase) {
        self.phase = phase;
    }

    fn failure(&self, error: &io::Error) -> CallFailure {
        failure_of(error, self.phase, self.deadline.whole)
    }
}

impl Stream for rustls::StreamOwned<rustls::ClientConnection, Timed> {
    fn waits_for(&mut self, phase: Phase) {
        self.sock.phase = phase;
    }

    fn failure(&self, error: &io::Error) -> CallFailure {
        self.sock.failure(error)
    }
}

fn failure_of(error: &io::Error, phase: Phase, after: Duration) -> CallFailure {
    if let Some(tls) = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        return CallFailure::Tls(tls.to_string());
    }
    match error.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => CallFailure::TimedOut { phase, after },
        _ => CallFailure::Closed,
    }
}
