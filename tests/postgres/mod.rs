//! A real PostgreSQL for one test binary: a cluster of its own in a temporary folder, reached over a socket there.
#![expect(dead_code, reason = "each test binary uses a part of it")]

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use lictor::store::DatabaseAddress;
use secrecy::SecretString;

/// A cluster. It ends when this process does, however that comes: a shell waits for the end of its input.
pub struct Cluster {
    folder: PathBuf,
    port: u16,
    settings: Vec<String>,
}

/// Statements that one connection has run, in a transaction that it keeps open. It ends when this goes.
pub struct Held(std::process::Child);

impl Drop for Held {
    fn drop(&mut self) {
        // The end of its input ends psql, and with it the transaction.
        drop(self.0.stdin.take());
        self.0.wait().ok();
    }
}

/// How a cluster is to be.
#[derive(Default)]
pub struct Wanted<'a> {
    pub settings: &'a [&'a str],
    /// Where it listens, beside its socket.
    pub port: Option<u16>,
    /// Lines before all others of `pg_hba.conf`.
    pub hba: &'a str,
    /// The words before the server's command.
    pub under: &'a [&'a str],
    /// Where the write-ahead log lies.
    pub wal: Option<&'a Path>,
}

impl Cluster {
    /// The one of this test binary, started when it is first asked for.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Cluster> = OnceLock::new();
        SHARED.get_or_init(|| Self::start(&[]))
    }

    /// One with settings of its own.
    pub fn start(settings: &[&str]) -> Self {
        Self::wanted(&Wanted { settings, ..Wanted::default() })
    }

    /// One as it is wanted.
    pub fn wanted(wanted: &Wanted<'_>) -> Self {
        let folder = new_folder();
        let made = ["--no-sync", "--auth=trust", "--username=lictor", "--encoding=UTF8", "--pgdata"];
        let mut initdb = as_server(&tools().join("initdb"));
        initdb.args(made).arg(folder.join("data"));
        if let Some(wal) = wanted.wal {
            initdb.arg("--waldir").arg(wal).arg("--wal-segsize=1");
        }
        run(&mut initdb);
        let hba = folder.join("data/pg_hba.conf");
        let usual = std::fs::read_to_string(&hba).expect("readable");
        std::fs::write(hba, format!("{}\n{usual}", wanted.hba)).expect("writable");
        Self::run_in(folder, wanted)
    }

    fn run_in(folder: PathBuf, wanted: &Wanted<'_>) -> Self {
        let (tools, data) = (tools(), folder.join("data"));
        let port = wanted.port.unwrap_or(5432);
        let (listens, at) = (if wanted.port.is_some() { "*" } else { "" }, format!("port={port}"));
        let listens = format!("listen_addresses={listens}");
        let own = [listens.as_str(), at.as_str(), "max_connections=300"];
        let settings: Vec<String> =
            own.iter().chain(wanted.settings).map(|setting| (*setting).to_owned()).collect();
        let mut server = as_server_under(wanted.under, &tools.join("postgres"));
        server.arg("-D").arg(&data).arg("-k").arg(&folder);
        for setting in &settings {
            server.args(["-c", setting]);
        }
        let program = server.get_program().to_owned();
        let told: Vec<_> = server.get_args().map(ToOwned::to_owned).collect();
        let mut shell = Command::new("sh");
        let script = "folder=$1; shift; \"$@\" >\"$folder.log\" 2>&1 & server=$!; read -r _; \
                      running() { [ -e \"$folder/data/postmaster.pid\" ] && kill $1 $(head -1 \"$folder/data/postmaster.pid\"); }; \
                      running -INT; wait $server; while running -0; do sleep 0.1; done; rm -rf \"$folder\" \"$folder.log\"";
        shell.args(["-c", script, "sh"]).arg(&folder).arg(program).args(told);
        let child = shell.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        // Its input closes with this process.
        std::mem::forget(child.expect("sh is there"));
        let mut ready = Command::new(tools.join("pg_isready"));
        ready.arg("-q").arg("-h").arg(&folder).args(["-p", &port.to_string()]);
        // Each try is a process of its own, which is pause enough.
        let tried = (0..10_000).any(|_| ready.status().is_ok_and(|status| status.success()));
        assert!(tried, "PostgreSQL does not start: see {}.log", folder.display());
        Self { folder, port, settings }
    }

    /// The folder of its socket.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The file of its socket.
    pub fn socket(&self) -> PathBuf {
        self.folder.join(format!(".s.PGSQL.{}", self.port))
    }

    /// Runs statements in a transaction, and keeps it open.
    pub fn hold(&self, database: &str, statements: &str) -> Held {
        use std::io::BufRead as _;
        let mut psql = self.psql(database);
        let mut child = psql.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("psql is there");
        let told = format!("begin;\n{statements};\n\\echo held\n");
        child.stdin.as_mut().expect("piped").write_all(told.as_bytes()).expect("it reads");
        let lines = std::io::BufReader::new(child.stdout.take().expect("piped")).lines();
        assert!(lines.map_while(Result::ok).any(|line| line == "held"), "{statements}");
        Held(child)
    }

    fn psql(&self, database: &str) -> Command {
        let mut psql = Command::new(tools().join("psql"));
        psql.args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-U", "lictor", "-d", database, "-h"]);
        psql.arg(&self.folder).args(["-p", &self.port.to_string()]);
        psql
    }

    /// Stops the server at once, as a crash would.
    pub fn stop(&self) {
        run(as_server(&tools().join("pg_ctl"))
            .args(["stop", "-m", "immediate", "-D"])
            .arg(self.folder.join("data")));
    }

    /// Kills every process of the server, as the end of its machine would.
    pub fn kill(&self) {
        let written = std::fs::read_to_string(self.folder.join("data/postmaster.pid")).expect("it runs");
        let server = written.lines().next().and_then(|line| line.parse().ok()).expect("a process");
        let kill = |process: i32| {
            let process = rustix::process::Pid::from_raw(process).expect("a process");
            // One that has ended by itself meanwhile is as dead.
            let _ = rustix::process::kill_process(process, rustix::process::Signal::KILL);
        };
        let children = std::fs::read_to_string(format!("/proc/{server}/task/{server}/children"));
        kill(server);
        children
            .expect("it runs")
            .split_whitespace()
            .for_each(|child| kill(child.parse().expect("a number")));
    }

    /// Starts it again after [`Self::stop`], and waits until it answers. It ends with the cluster's shell, which stops
    /// whatever runs in the folder.
    pub fn start_again(&self) {
        let (data, log) = (self.folder.join("data"), self.folder.join("again.log"));
        let mut start = as_server(&tools().join("pg_ctl"));
        let settings: String = self.settings.iter().map(|setting| format!(" -c {setting}")).collect();
        let options = format!("-k {}{settings}", self.folder.display());
        run(start.args(["start", "-w", "-D"]).arg(data).arg("-l").arg(log).args(["-o", &options]));
    }

    /// Runs statements, of which one must fail; each is a transaction of its own.
    pub fn sql_fails(&self, database: &str, statements: &str) {
        let mut psql = self.psql(database);
        let mut child = psql.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let child = child.as_mut().expect("psql is there");
        child.stdin.take().expect("piped").write_all(statements.as_bytes()).expect("it reads");
        assert!(!child.wait().expect("it ends").success(), "{statements}");
    }

    /// Runs statements that end the server.
    pub fn sql_until_it_panics(&self, database: &str, statements: &str) {
        let done = self.psql(database).args(["-c", statements]).output().expect("psql is there");
        assert!(!done.status.success(), "the server goes on");
        let mut ready = Command::new(tools().join("pg_isready"));
        ready.arg("-q").arg("-h").arg(&self.folder);
        assert!((0..10_000).any(|_| ready.status().is_ok_and(|status| !status.success())), "it goes on");
    }

    /// A standby that follows this one, and whose copy each commit waits for from now on.
    pub fn standby(&self) -> Self {
        let standby = self.follower();
        let waits = "alter system set synchronous_standby_names = '*'; select pg_reload_conf();";
        self.sql("postgres", waits);
        let follows = "select count(*) from pg_stat_replication where sync_state = 'sync'";
        self.wait_for(follows, "1");
        standby
    }

    /// A standby that follows this one, and that no commit waits for.
    pub fn follower(&self) -> Self {
        let folder = new_folder();
        let data = folder.join("data");
        let mut copied = as_server(&tools().join("pg_basebackup"));
        run(copied
            .args(["-U", "lictor", "-R", "-X", "stream", "-c", "fast", "-h"])
            .arg(&self.folder)
            .arg("-D")
            .arg(&data));
        let standby =
            Self::run_in(folder, &Wanted { settings: &["synchronous_standby_names="], ..Wanted::default() });
        self.wait_for("select count(*) from pg_stat_replication where state = 'streaming'", "1");
        standby
    }

    /// Waits until a standby has all that this one has, and has it receive nothing more.
    pub fn hold_back(&self, standby: &Self) {
        let written = self.sql("postgres", "select pg_current_wal_lsn()");
        standby.wait_for(&format!("select pg_last_wal_replay_lsn() >= '{written}'"), "t");
        standby.sql("postgres", "alter system set primary_conninfo = ''");
        standby.sql("postgres", "select pg_reload_conf()");
        standby.wait_for("select count(*) from pg_stat_wal_receiver", "0");
        self.wait_for("select count(*) from pg_stat_replication", "0");
    }

    /// Each question is a process of its own, which is pause enough.
    fn wait_for(&self, question: &str, answer: &str) {
        assert!((0..10_000).any(|_| self.sql("postgres", question) == answer), "{question}: {answer}");
    }

    /// Makes a standby the primary.
    pub fn promote(&self) {
        run(as_server(&tools().join("pg_ctl")).args(["promote", "-w", "-D"]).arg(self.folder.join("data")));
    }

    /// The address of a database that is on whichever of both takes writes.
    pub fn url_with(&self, other: &Self, database: &str) -> String {
        let host = |cluster: &Self| cluster.folder.display().to_string().replace('/', "%2F");
        format!("postgres://lictor@{},{}/{database}", host(self), host(other))
    }

    /// A new, empty database.
    pub fn database(&self) -> Database {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("t{}", COUNT.fetch_add(1, Ordering::Relaxed));
        self.sql("postgres", &format!("create database {name}"));
        Database { address: self.url(&name), name }
    }

    /// The address of a database.
    pub fn url(&self, database: &str) -> String {
        let host = self.folder.display().to_string().replace('/', "%2F");
        format!("postgres://lictor@{host}/{database}")
    }

    /// Runs statements.
    pub fn sql(&self, database: &str, statements: &str) -> String {
        let mut psql = self.psql(database);
        let mut child = psql
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("psql is there");
        child.stdin.take().expect("piped").write_all(statements.as_bytes()).expect("it reads");
        let done = child.wait_with_output().expect("it ends");
        assert!(done.status.success(), "{statements}: {}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8_lossy(&done.stdout).trim().to_owned()
    }
}

/// One database of a cluster.
#[derive(Clone)]
pub struct Database {
    pub address: String,
    pub name: String,
}

impl Database {
    pub fn parsed(&self) -> DatabaseAddress {
        DatabaseAddress::parse(&SecretString::from(self.address.clone())).expect("an address")
    }
}

/// A folder that the server may write to.
fn new_folder() -> PathBuf {
    let folder = tempfile::Builder::new().prefix("lictor-pg").tempdir().expect("a folder").keep();
    if is_root() {
        run(Command::new("chown").arg("postgres").arg(&folder));
    }
    folder
}

/// Where Debian puts the server's programs: the newest version.
fn tools() -> PathBuf {
    let versions = std::fs::read_dir("/usr/lib/postgresql").expect("install the package postgresql");
    let mut folders: Vec<_> = versions.flatten().map(|entry| entry.path().join("bin")).collect();
    folders.sort();
    folders.pop().expect("install the package postgresql")
}

fn is_root() -> bool {
    rustix::process::getuid().is_root()
}

/// The server does not run as root.
pub fn as_server(program: &Path) -> Command {
    as_server_under(&[], program)
}

fn as_server_under(under: &[&str], program: &Path) -> Command {
    let runuser: &[&str] = if is_root() { &["runuser", "-u", "postgres", "--"] } else { &[] };
    let mut words = under.iter().chain(runuser).map(std::ffi::OsStr::new).chain([program.as_os_str()]);
    let mut command = Command::new(words.next().expect("at least the program"));
    command.args(words).current_dir("/");
    command
}

/// Gives a file or folder to whoever the server runs as.
pub fn give_to_server(path: &Path) {
    if is_root() {
        run(Command::new("chown").arg("postgres").arg(path));
    }
}

fn run(command: &mut Command) {
    let done = command.stdin(Stdio::null()).output().expect("the program is there");
    assert!(done.status.success(), "{command:?}: {}", String::from_utf8_lossy(&done.stderr));
}
