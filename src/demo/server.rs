//! The server of the demo: this binary again, as `lictor serve`, in a process of its own.

use std::io::{BufRead, BufReader};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use super::report::Failure;
use super::shop::{ACCESS_KEY, API_TOKEN, OPEN_API_KEY, OPEN_API_SECRET};
use crate::config::own_program;

/// Longest start, replay included.
const START_LIMIT: Duration = Duration::from_secs(30);

/// A running server.
pub struct Server {
    child: Child,
    /// `http://127.0.0.1:PORT`.
    pub url: String,
}

impl Server {
    /// Starts it on `listen` and waits until it listens.
    pub fn start(folder: &Path, listen: &str) -> Result<Self, Failure> {
        let program = own_program().map_err(|error| format!("cannot find this program: {error}"))?;
        let mut child = Command::new(program)
            .arg("serve")
            .arg("--bootstrap")
            .arg(folder.join("apply.toml"))
            .env("LICTOR_LISTEN", listen)
            .env("LICTOR_DATA_DIR", folder.join("data"))
            .env("LICTOR_KEYS_DIR", folder.join("keys"))
            .env("LICTOR_LOG_FILTER", "warn")
            .env("LICTOR_CREATE", "auto")
            .env_remove("LICTOR_PUBLIC_URL")
            .env("DEMO_ACCESS_KEY", ACCESS_KEY)
            .env("DEMO_OPEN_API_KEY", OPEN_API_KEY)
            .env("DEMO_OPEN_API_SECRET", OPEN_API_SECRET)
            .env("DEMO_API_TOKEN", API_TOKEN)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("cannot start the server: {error}"))?;
        let stdout = child.stdout.take().ok_or("the server has no output")?;
        let (telling, told) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if let Some((_, url)) = line.split_once("listens on ") {
                    telling.send(url.trim().to_owned()).ok();
                }
            }
        });
        let mut server = Self { child, url: String::new() };
        server.url =
            told.recv_timeout(START_LIMIT).map_err(|_| "the server did not start: see above".to_owned())?;
        Ok(server)
    }

    /// `127.0.0.1:PORT`.
    pub fn address(&self) -> &str {
        self.url.trim_start_matches("http://")
    }

    /// SIGTERM; back when the process has ended and nobody answers at its address.
    pub fn stop(mut self) -> Result<(), Failure> {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM)
            .map_err(|error| format!("cannot stop the server: {error}"))?;
        let status = self.child.wait().map_err(|error| format!("cannot wait for the server: {error}"))?;
        if !status.success() {
            return Err(format!("the server ended with {status}"));
        }
        match TcpStream::connect(self.address()) {
            Err(_) => Ok(()),
            Ok(_) => Err("something still answers at the server's address".into()),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
