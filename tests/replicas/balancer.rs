//! A balancer as an operator has one: it hands each request to one of the servers that are in, in turn, and to the next
//! one only when a connection is refused. Whatever a server answers is the answer.

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};

/// A balancer at an address of its own. It ends with the process.
#[derive(Clone)]
pub struct Balancer {
    address: String,
    shared: Arc<Shared>,
}

struct Shared {
    servers: Vec<Upstream>,
    turn: AtomicUsize,
    errors: Mutex<Vec<String>>,
    lock: Mutex<()>,
    less: Condvar,
}

struct Upstream {
    address: String,
    is_in: AtomicBool,
    in_flight: AtomicUsize,
    answered: AtomicUsize,
}

impl Balancer {
    /// Before servers on these ports, all of them out.
    pub fn before(ports: &[u16]) -> Self {
        let upstream = |port: &u16| Upstream {
            address: format!("127.0.0.1:{port}"),
            is_in: AtomicBool::new(false),
            in_flight: AtomicUsize::new(0),
            answered: AtomicUsize::new(0),
        };
        let shared = Arc::new(Shared {
            servers: ports.iter().map(upstream).collect(),
            turn: AtomicUsize::new(0),
            errors: Mutex::default(),
            lock: Mutex::default(),
            less: Condvar::new(),
        });
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("bound").to_string();
        let serving = Arc::clone(&shared);
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let shared = Arc::clone(&serving);
                std::thread::spawn(move || shared.serve(client));
            }
        });
        Self { address, shared }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn put_in(&self, number: usize) {
        self.shared.servers[number].is_in.store(true, Ordering::SeqCst);
    }

    /// Gives it nothing more, and waits until it has answered what it has.
    pub fn take_out(&self, number: usize) {
        let server = &self.shared.servers[number];
        server.is_in.store(false, Ordering::SeqCst);
        let turn = self.shared.lock.lock().unwrap_or_else(PoisonError::into_inner);
        let busy = |(): &mut ()| server.in_flight.load(Ordering::SeqCst) > 0;
        drop(self.shared.less.wait_while(turn, busy).unwrap_or_else(PoisonError::into_inner));
    }

    /// How many requests a server has answered.
    pub fn answered(&self, number: usize) -> usize {
        self.shared.servers[number].answered.load(Ordering::SeqCst)
    }

    /// Every answer that was an error, and every request that had none.
    pub fn errors(&self) -> Vec<String> {
        self.shared.errors.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Shared {
    fn serve(&self, mut client: TcpStream) {
        let Ok(Some(request)) = read_request(&mut client) else { return };
        let first_line = String::from_utf8_lossy(&request).lines().next().unwrap_or_default().to_owned();
        let answer = self.forward(&request);
        let status = answer.as_ref().ok().and_then(|answer| status_of(answer));
        if status.is_none_or(|status| status >= 500) {
            let told = answer
                .as_ref()
                .map_or_else(ToString::to_string, |it| String::from_utf8_lossy(it).into_owned());
            let mut errors = self.errors.lock().unwrap_or_else(PoisonError::into_inner);
            errors.push(format!("{first_line}: {told}"));
        }
        let nothing = b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".to_vec();
        // A client that has gone away hears nothing.
        let _ = client.write_all(&answer.unwrap_or(nothing));
    }

    /// A refused connection goes to the next one; anything else that goes wrong is told.
    fn forward(&self, request: &[u8]) -> io::Result<Vec<u8>> {
        let first = self.turn.fetch_add(1, Ordering::SeqCst);
        let in_turn = (0..self.servers.len()).map(|next| &self.servers[(first + next) % self.servers.len()]);
        for server in in_turn {
            server.in_flight.fetch_add(1, Ordering::SeqCst);
            let connected = match server.is_in.load(Ordering::SeqCst) {
                true => TcpStream::connect(&server.address).map(Some),
                false => Ok(None),
            };
            let answer = match connected {
                Ok(Some(upstream)) => Some(exchange(upstream, request)),
                Ok(None) => None,
                Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => None,
                Err(error) => Some(Err(error)),
            };
            server.in_flight.fetch_sub(1, Ordering::SeqCst);
            drop(self.lock.lock().unwrap_or_else(PoisonError::into_inner));
            self.less.notify_all();
            if let Some(answer) = answer {
                server.answered.fetch_add(1, Ordering::SeqCst);
                return answer;
            }
        }
        Err(io::Error::other("no server is in"))
    }
}

fn exchange(mut upstream: TcpStream, request: &[u8]) -> io::Result<Vec<u8>> {
    upstream.write_all(request)?;
    let mut answer = Vec::new();
    upstream.read_to_end(&mut answer)?;
    Ok(answer)
}

/// One request, told to be the last on its connection; `None` when the client sends none.
fn read_request(client: &mut TcpStream) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(at) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break at;
        }
        let mut more = [0; 4096];
        match client.read(&mut more)? {
            0 => return Ok(None),
            count => bytes.extend_from_slice(&more[..count]),
        }
    };
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let header = |line: &str, name: &str| {
        let (found, value) = line.split_once(':')?;
        found.eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
    };
    let length =
        head.lines().find_map(|line| header(line, "content-length")?.parse().ok()).unwrap_or(0_usize);
    let mut body = bytes.split_off(end + 4);
    while body.len() < length {
        let mut more = [0; 4096];
        match client.read(&mut more)? {
            0 => return Ok(None),
            count => body.extend_from_slice(&more[..count]),
        }
    }
    let kept = head.lines().filter(|line| header(line, "connection").is_none());
    let mut request: String = kept.map(|line| format!("{line}\r\n")).collect();
    request.push_str("Connection: close\r\n\r\n");
    Ok(Some([request.as_bytes(), &body].concat()))
}

fn status_of(answer: &[u8]) -> Option<u16> {
    let line = answer.split(|byte| *byte == b'\n').next()?;
    std::str::from_utf8(line).ok()?.split(' ').nth(1)?.parse().ok()
}
