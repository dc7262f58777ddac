//! Servers with one folder of keys on one database.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use lictor::sandbox::{Sandbox, Storefront};
use secrecy::SecretString;

use crate::process::{ACCESS_KEY, Launch, Merchant, Server, Site, apply_file};

/// Running servers, each at a port that it keeps.
pub struct Replicas {
    site: Site,
    ports: Vec<u16>,
    servers: Vec<Mutex<Option<Server>>>,
    /// How many starts there were.
    starts: Mutex<usize>,
    started: Condvar,
}

/// Nothing announces that a database is back: a caller that was turned away asks again after so long.
const PATIENCE: Duration = Duration::from_millis(100);

impl Replicas {
    /// Starts `count` servers with the same keys.
    pub fn new(open_api: &str, database: &str, count: usize) -> Self {
        Self::selling(open_api, database, count, &apply_file(open_api))
    }

    /// The same with another catalog.
    pub fn selling(open_api: &str, database: &str, count: usize, catalog: &str) -> Self {
        let site = Site::new(open_api).with_catalog(catalog).in_database(database);
        let ports = (0..count).map(|_| free_port()).collect();
        let servers = (0..count).map(|_| Mutex::default()).collect();
        let (starts, started) = (Mutex::default(), Condvar::new());
        let replicas = Self { site, ports, servers, starts, started };
        for number in 0..count {
            replicas.start(number);
        }
        replicas
    }

    pub fn count(&self) -> usize {
        self.ports.len()
    }

    fn url(&self, number: usize) -> String {
        format!("http://127.0.0.1:{}", self.ports[number])
    }

    fn launch(&self, number: usize) -> Launch {
        let data = self.site.folder.path().join(format!("replica-{number}"));
        let launch = self.site.launch(&data).port(self.ports[number]);
        // One address for all, as a balancer in front of them has: tokens name it.
        launch.env("LICTOR_PUBLIC_URL", &self.url(0))
    }

    /// Starts a server; while the database is away it does not, and is started again.
    pub fn start(&self, number: usize) {
        let started = (0..200).find_map(|_| Server::try_start(self.launch(number)).ok());
        let server = started.expect("the server starts once the database is there");
        *self.servers[number].lock().unwrap_or_else(PoisonError::into_inner) = Some(server);
        *self.starts.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.started.notify_all();
    }

    /// Waits until a server has started, or for a moment.
    pub fn wait(&self) {
        let starts = self.starts.lock().unwrap_or_else(PoisonError::into_inner);
        let seen = *starts;
        let waited = self.started.wait_timeout_while(starts, PATIENCE, |starts| *starts == seen);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    }

    pub fn kill(&self, number: usize) {
        let running = self.servers[number].lock().unwrap_or_else(PoisonError::into_inner).take();
        running.expect("it runs").kill();
    }

    pub fn kill_and_start(&self, number: usize) {
        self.kill(number);
        self.start(number);
    }

    /// What the running servers have said since they started.
    pub fn said(&self) -> String {
        let said = |server: &Mutex<Option<Server>>| {
            let server = server.lock().unwrap_or_else(PoisonError::into_inner);
            server.as_ref().map(Server::said).unwrap_or_default()
        };
        self.servers.iter().map(said).collect()
    }

    /// Asks until there is an answer: a server may be away, or say that it cannot now.
    pub fn ask<T>(&self, mut request: impl FnMut() -> Option<T>) -> T {
        loop {
            if let Some(answer) = request() {
                return answer;
            }
            self.wait();
        }
    }

    pub fn storefront(&self, sandbox: &Sandbox, number: usize) -> Storefront {
        let address = format!("{}/marketplace/acme/cad-koogallery", self.url(number));
        sandbox.storefront(&address, SecretString::from(ACCESS_KEY.to_owned()))
    }

    pub fn merchant(&self, number: usize) -> Merchant {
        self.site.merchant_of(&self.url(number))
    }
}

pub fn free_port() -> u16 {
    let probe = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    probe.local_addr().expect("bound").port()
}
