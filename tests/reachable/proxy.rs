//! The shipped proxy files, run by the real proxies: only addresses, ports and paths are put in.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};

use tempfile::TempDir;

use crate::certificates::Leaf;
use crate::process::{not_run_here, wait_until, waited};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Nginx,
    Haproxy,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Nginx => "nginx",
            Self::Haproxy => "haproxy",
        }
    }

    /// Where it is installed; `/usr/sbin` is not on everybody's path.
    fn program(self) -> Option<String> {
        let places = [self.name().to_owned(), format!("/usr/sbin/{}", self.name())];
        let runs = |program: &String| {
            Command::new(program).arg("-v").stderr(Stdio::null()).stdout(Stdio::null()).status().is_ok()
        };
        places.into_iter().find(runs)
    }

    fn shipped(self) -> &'static str {
        match self {
            Self::Nginx => include_str!("../../deploy/nginx.conf"),
            Self::Haproxy => include_str!("../../deploy/haproxy.cfg"),
        }
    }
}

/// A running proxy; dropping it ends it and its workers.
pub struct Proxy {
    pub address: SocketAddr,
    child: Child,
    folder: TempDir,
}

impl Proxy {
    /// Puts it in front of `upstream`. `None` where the proxy is not installed, which is said.
    pub fn start(kind: Kind, upstream: SocketAddr, leaf: &Leaf) -> Option<Self> {
        let Some(program) = kind.program() else {
            not_run_here(kind.name());
            return None;
        };
        let (folder, address) = (tempfile::tempdir().expect("a folder"), free_address());
        let file = folder.path().join("proxy.conf");
        std::fs::write(&file, placed(kind, address, upstream, folder.path(), leaf)).expect("writable");
        let mut command = Command::new(program);
        match kind {
            Kind::Nginx => command.arg("-p").arg(folder.path()).args(["-g", "daemon off;", "-c"]).arg(&file),
            Kind::Haproxy => command.args(["-db", "-f"]).arg(&file),
        };
        let log = |name| std::fs::File::create(folder.path().join(name)).expect("writable");
        command.stdin(Stdio::null()).stdout(log("stdout")).stderr(log("stderr"));
        let child = command.spawn().expect("it is installed");
        let mut proxy = Self { address, child, folder };
        wait_until("the proxy listens", || {
            let ended = proxy.child.try_wait().expect("a child");
            assert!(ended.is_none(), "{kind:?} has ended: {}", proxy.said());
            TcpStream::connect(address).is_ok()
        });
        Some(proxy)
    }

    /// All that it has logged, its error log among it.
    pub fn said(&self) -> String {
        let files = std::fs::read_dir(self.folder.path()).expect("it is there");
        let logs = files.map(|file| file.expect("readable").path()).filter(|path| {
            path.file_name().is_some_and(|name| name != "proxy.conf")
                && path.extension().is_none_or(|it| it == "log")
        });
        logs.filter_map(|path| std::fs::read_to_string(path).ok()).collect()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // nginx' workers end with their master only when it is asked.
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).ok();
        waited(&mut self.child);
    }
}

/// The shipped file with the test's addresses, ports and paths.
fn placed(kind: Kind, address: SocketAddr, upstream: SocketAddr, folder: &Path, leaf: &Leaf) -> String {
    let (cert, key) = leaf.put(folder);
    let both = folder.join("both.pem");
    std::fs::write(&both, [leaf.certificate.as_str(), &leaf.key].concat()).expect("writable");
    let live = "/etc/letsencrypt/live/license.acme.example";
    let place = |name: &str| folder.join(name).display().to_string();
    let mut places = match kind {
        Kind::Nginx => vec![
            ("listen 443 ssl;".to_owned(), format!("listen {address} ssl;")),
            (format!("{live}/fullchain.pem"), cert.display().to_string()),
            (format!("{live}/privkey.pem"), key.display().to_string()),
            ("/run/nginx.pid".to_owned(), place("nginx.pid")),
            ("/var/log/nginx/error.log".to_owned(), place("error.log")),
            ("/var/log/nginx/lictor.log".to_owned(), place("lictor.log")),
        ],
        Kind::Haproxy => vec![
            ("bind :443 ".to_owned(), format!("bind {address} ")),
            ("/etc/haproxy/certs/license.acme.example.pem".to_owned(), place("both.pem")),
        ],
    };
    places.push((
        "server 127.0.0.1:8080".replace("server ", server(kind)),
        format!("{}{upstream}", server(kind)),
    ));
    let mut text = kind.shipped().to_owned();
    for (shipped, ours) in places {
        assert!(text.contains(&shipped), "{shipped:?} in the file for {kind:?}");
        text = text.replace(&shipped, &ours);
    }
    // Who is not root keeps the user it is.
    if !rustix::process::geteuid().is_root() {
        text = text.replace("user haproxy", "").replace("group haproxy", "").replace("user www-data;", "");
    }
    text
}

fn server(kind: Kind) -> &'static str {
    match kind {
        Kind::Nginx => "server ",
        Kind::Haproxy => "server lictor ",
    }
}

/// A port that is free, on a loopback address that this test process alone uses: neither proxy can be given a socket
/// that listens already, and so nobody takes the port meanwhile.
fn free_address() -> SocketAddr {
    static GIVEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());
    let [_, a, b, c] = std::process::id().to_be_bytes();
    let own = Ipv4Addr::new(127, 128 | a, b, c);
    let mut given = GIVEN.lock().unwrap_or_else(PoisonError::into_inner);
    loop {
        let probe = TcpListener::bind((own, 0)).expect("a free port");
        let address = probe.local_addr().expect("bound");
        if given.insert(address.port()) {
            return address;
        }
    }
}
