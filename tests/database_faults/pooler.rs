//! A pooler between the servers and the database, which gives each transaction whatever connection is free.

use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

use lictor::store::{
    CommitError, CommitRequest, DatabaseAddress, Kind, PostgresEngine, RecordKey, RecordStore, Revision,
};
use secrecy::SecretString;

use crate::house::{House, Reads};
use crate::postgres::{Cluster, as_server, give_to_server};
use crate::process::wait_until;
use crate::site::free_port;

/// `pgbouncer` in transaction mode with few connections. It ends when this goes.
struct Pooler {
    child: Child,
    settings: PathBuf,
    port: u16,
    _folder: tempfile::TempDir,
}

impl Pooler {
    fn before(cluster: &Cluster) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let (settings, users, port) =
            (folder.path().join("pgbouncer.ini"), folder.path().join("users.txt"), free_port());
        let text = format!(
            "[databases]\n* = host={} port=5432\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\n\
             unix_socket_dir =\nauth_type = trust\nauth_file = {}\npool_mode = transaction\ndefault_pool_size = 3\n\
             max_client_conn = 200\n",
            cluster.folder().display(),
            users.display()
        );
        std::fs::write(&settings, text).expect("writable");
        std::fs::write(&users, "\"lictor\" \"\"\n").expect("writable");
        for path in [folder.path(), &settings, &users] {
            give_to_server(path);
        }
        let child = Self::run(&settings, port);
        Self { child, settings, port, _folder: folder }
    }

    fn run(settings: &Path, port: u16) -> Child {
        let program =
            ["/usr/sbin/pgbouncer", "/usr/bin/pgbouncer"].into_iter().find(|path| Path::new(path).exists());
        let mut command = as_server(Path::new(program.expect("install the package pgbouncer")));
        command.arg(settings).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().expect("pgbouncer starts");
        wait_until("pgbouncer listens", || std::net::TcpStream::connect(("127.0.0.1", port)).is_ok());
        child
    }

    fn address(&self, database: &str) -> String {
        format!("postgres://lictor@127.0.0.1:{}/{database}", self.port)
    }

    /// `runuser` has the pooler as its child, and hands a SIGTERM on.
    fn stop(&mut self) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).ok();
        self.child.wait().ok();
    }

    fn start_again(&mut self) {
        self.child = Self::run(&self.settings, self.port);
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        self.stop();
    }
}

#[test]
fn through_a_pooler_of_transactions_nobody_wins_twice_and_a_snapshot_is_whole() {
    let cluster = Cluster::shared();
    let pooler = Pooler::before(cluster);
    let address = SecretString::from(pooler.address(&cluster.database().name));
    let address = DatabaseAddress::parse(&address).expect("an address");
    assert_eq!(
        PostgresEngine::upgrade(&address).expect("through a pooler too").1,
        lictor::store::SCHEMA_VERSION
    );
    let stores: Vec<RecordStore> =
        (0..4).map(|_| RecordStore::start(PostgresEngine::open(&address).expect("it opens"))).collect();
    let key = |own: &str| RecordKey::new("m", Kind::License, own).expect("short");
    let counter = RecordKey::new("m", Kind::Quota, "c").expect("short");
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().expect("a runtime");
    runtime.block_on(async {
        for round in 0..8 {
            let commits: Vec<_> = (0..24)
                .map(|n| {
                    let store = stores[n % stores.len()].clone();
                    let put = CommitRequest::new()
                        .put(key(&round.to_string()), Revision::ABSENT, 1, format!("{n}"))
                        .add(counter.clone(), 1, 0, 1_000);
                    tokio::spawn(async move { store.commit(put).await })
                })
                .collect();
            let mut won = 0;
            for commit in commits {
                match commit.await.expect("no panic") {
                    Ok(_) => won += 1,
                    Err(CommitError::Conflict { .. }) => {}
                    Err(other) => panic!("{other}"),
                }
            }
            assert_eq!(won, 1, "round {round}");
        }
        let counted = stores[1].get(&counter).await.expect("a read").and_then(|record| record.counter());
        assert_eq!(counted, Some(8));
        let summary = stores[2].write_snapshot(std::io::sink(), 0, |_| {}).await.expect("a snapshot");
        assert_eq!(summary.records, 9);
    });
}

#[test]
fn a_pooler_that_goes_away_and_comes_back_is_found_again() {
    let cluster = Cluster::shared();
    let mut pooler = Pooler::before(cluster);
    let mut house = House::on(&pooler.address(&cluster.database().name));
    pooler.stop();
    let asked = house.asks_while_it_is_away("the pooler is gone", Reads::Refused);
    pooler.start_again();
    house.goes_on(&asked);
}
