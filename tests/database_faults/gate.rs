//! What stands between a server and its database: it can stop passing anything on, break connections, or be slow.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    Open,
    /// Takes connections and everything that is sent, and passes nothing on.
    Silent,
    /// Each connection ends with a reset, new ones at once.
    Resetting,
    /// Every piece waits for so long.
    Slow(Duration),
}

/// A gate in front of a socket. It ends with the process.
pub struct Gate {
    pub port: u16,
    shared: Arc<Shared>,
}

struct Shared {
    mode: Mutex<Mode>,
    changed: Condvar,
    open: Mutex<Vec<TcpStream>>,
    socket: PathBuf,
}

impl Gate {
    pub fn before(socket: &Path) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("bound").port();
        let shared = Arc::new(Shared {
            mode: Mutex::new(Mode::Open),
            changed: Condvar::new(),
            open: Mutex::default(),
            socket: socket.to_owned(),
        });
        let serving = Arc::clone(&shared);
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let shared = Arc::clone(&serving);
                std::thread::spawn(move || shared.serve(client));
            }
        });
        Self { port, shared }
    }

    pub fn set(&self, mode: Mode) {
        *self.shared.mode.lock().unwrap_or_else(PoisonError::into_inner) = mode;
        self.shared.changed.notify_all();
        if mode == Mode::Resetting {
            let mut open = self.shared.open.lock().unwrap_or_else(PoisonError::into_inner);
            open.drain(..).for_each(|client| reset(&client));
        }
    }
}

/// Unread bytes and no lingering: the other side hears a reset.
fn reset(client: &TcpStream) {
    let now = Some(Duration::ZERO);
    socket2::SockRef::from(client).set_linger(now).expect("a socket");
    client.shutdown(Shutdown::Both).ok();
}

impl Shared {
    fn mode(&self) -> Mode {
        *self.mode.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn serve(self: Arc<Self>, client: TcpStream) {
        if self.mode() == Mode::Resetting {
            return reset(&client);
        }
        let Ok(server) = UnixStream::connect(&self.socket) else { return };
        let again = || client.try_clone().expect("a descriptor");
        self.open.lock().unwrap_or_else(PoisonError::into_inner).push(again());
        let (to_server, from_client) = (server.try_clone().expect("a descriptor"), again());
        let shared = Arc::clone(&self);
        std::thread::spawn(move || {
            shared.pass(from_client, &to_server);
            to_server.shutdown(Shutdown::Both).ok();
        });
        self.pass(server, &client);
        client.shutdown(Shutdown::Both).ok();
    }

    fn pass(&self, mut from: impl Read, mut to: impl Write) {
        let mut bytes = [0; 16 * 1024];
        while let Ok(count) = from.read(&mut bytes) {
            let passed = self.waited() && count > 0 && to.write_all(&bytes[..count]).is_ok();
            if !passed {
                return;
            }
        }
    }

    /// Waits as the mode says, and longer while nothing passes.
    fn waited(&self) -> bool {
        let mode = self.mode.lock().unwrap_or_else(PoisonError::into_inner);
        let slow = if let Mode::Slow(span) = *mode { span } else { Duration::ZERO };
        let waited = self.changed.wait_timeout_while(mode, slow, |mode| matches!(mode, Mode::Slow(_)));
        let (mode, _) = waited.unwrap_or_else(PoisonError::into_inner);
        let mode = self.changed.wait_while(mode, |mode| *mode == Mode::Silent);
        *mode.unwrap_or_else(PoisonError::into_inner) != Mode::Resetting
    }
}
