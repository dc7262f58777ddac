//! The real binary as a child process, and the people around it: a marketplace and a merchant.
#![expect(dead_code, reason = "each test binary uses a part of it")]

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use lictor::sandbox::{OpenApiKeys, Sandbox, Storefront};
use secrecy::SecretString;
use serde_json::{Value, json};

pub mod clients;

pub const ACCESS_KEY: &str = "access-key-of-the-tests";
pub const OPEN_API_SECRET: &str = "open-api-secret-of-the-tests";
pub const API_TOKEN: &str = "lictor_token-of-the-tests-0123456789abcdefghij";
pub const ISSUER: &str = "https://license.acme.example";

/// Multiplies the counts of a test: `./scripts/prove NAME --count N` sets it.
pub fn prove_count(default: usize) -> usize {
    #[expect(clippy::disallowed_methods, reason = "the count of a proof is given from outside")]
    let given = std::env::var("LICTOR_PROVE_COUNT").ok();
    given.and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// Says what a test could not do here, past the harness that keeps the words of tests that pass: `./scripts/test`
/// shows them at its end.
pub fn not_run_here(needs: &str) {
    use std::io::Write as _;
    writeln!(std::io::stdout(), "not run here: needs {needs}").expect("a place for words");
}

/// Whether calls can be made to fail here; says so if not.
pub fn strace_works() -> bool {
    let tried =
        Command::new("strace").args(["-o", "/dev/null", "-e", "inject=fsync:retval=0", "true"]).status();
    let works = tried.is_ok_and(|status| status.success());
    if !works {
        not_run_here("strace, and that it may look on");
    }
    works
}

/// A random number below `bound`, from a seed that is printed, so that a failure can be repeated.
pub struct Dice(u64);

impl Dice {
    pub fn seeded(seed: u64) -> Self {
        println!("seed {seed}");
        Self(seed | 1)
    }

    /// The same without a word, where nothing hangs on it.
    pub fn quiet(seed: u64) -> Self {
        Self(seed | 1)
    }

    pub fn fresh() -> Self {
        let bytes = lictor::randomness::random_bytes();
        Self::seeded(u64::from_le_bytes(bytes[..8].try_into().expect("eight bytes")))
    }

    /// Another one that follows from this one.
    pub fn split(&mut self) -> Self {
        self.below(1);
        Self(self.0.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(bound.max(1)).expect("fits")).expect("below a usize")
    }

    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }
}

/// An apply file with a monthly, a yearly, a permanent and a three-machine spec.
pub fn apply_file(open_api_base: &str) -> String {
    format!(
        r#"
[merchant]
id = "acme"
name = "Acme Software"
issuer = "{ISSUER}"
time_zone = "Asia/Shanghai"
locale = "en"

[[product]]
id = "acme-cad"
name = "Acme CAD"
memo = {{ zh = "激活码 {{claim_code}}，下载授权：{{portal_url}}", en = "Claim code {{claim_code}}, license at {{portal_url}}" }}

[[spec]]
id = "cad-month"
product = "acme-cad"
sku = "CAD-MONTH"
name = "Month"
term = "P1M"
machines = 3

[[spec]]
id = "cad-year"
product = "acme-cad"
sku = "CAD-YEAR"
name = "Year"
term = "P1Y"

[[spec]]
id = "cad-ordered"
product = "acme-cad"
sku = "CAD-ORDERED"
name = "As ordered"
term = "order"

[[channel]]
id = "cad-koogallery"
marketplace = "koogallery"
protocol = "saas-v2"
products = ["acme-cad"]
access_keys = ["env:TEST_ACCESS_KEY"]
open_api = {{ base_url = "{open_api_base}", access_key = "env:TEST_OPEN_API_KEY", secret_key = "env:TEST_OPEN_API_SECRET" }}

[[api_token]]
name = "tests"
scopes = ["admin"]
value = "env:TEST_API_TOKEN"
"#
    )
}

/// A stand-in marketplace on a port of its own.
pub fn start_sandbox() -> Sandbox {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let keys = OpenApiKeys {
        access_key: "open-api-key".into(),
        secret_key: SecretString::from(OPEN_API_SECRET.to_owned()),
    };
    let clock = lictor::clock::SystemClock;
    let now = move || lictor::application::ports::Clock::now(&clock);
    Sandbox::start(listener, keys, Arc::new(now)).expect("the sandbox starts")
}

/// A folder with an apply file, for servers that come and go.
pub struct Site {
    pub folder: tempfile::TempDir,
    pub port: u16,
    /// Where the records are, if not in the data folder.
    database: Option<String>,
}

impl Site {
    pub fn new(open_api_base: &str) -> Self {
        Self::in_folder(tempfile::tempdir().expect("a folder"), open_api_base)
    }

    /// The same in this folder.
    pub fn in_folder(folder: tempfile::TempDir, open_api_base: &str) -> Self {
        std::fs::write(folder.path().join("apply.toml"), apply_file(open_api_base)).expect("written");
        let probe = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = probe.local_addr().expect("bound").port();
        Self { folder, port, database: None }
    }

    /// The same on a database; makes the keys as an operator would, in one place.
    pub fn in_database(self, address: &str) -> Self {
        let run = |arguments: &[&str]| {
            let mut command = Command::new(env!("CARGO_BIN_EXE_lictor"));
            command.args(arguments).env("LICTOR_STORE", address);
            command.env("LICTOR_DATA_DIR", self.folder.path().join("data"));
            command.env("LICTOR_KEYS_DIR", self.folder.path().join("keys"));
            let done = command.output().expect("the binary starts");
            assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        };
        run(&["init"]);
        run(&["keys", "create", "acme", "--issuer", ISSUER]);
        Self { database: Some(address.to_owned()), ..self }
    }

    /// The same with another apply file.
    pub fn with_catalog(self, catalog: &str) -> Self {
        std::fs::write(self.folder.path().join("apply.toml"), catalog).expect("written");
        self
    }

    /// How to start its server on a port of its own.
    pub fn launch_here(&self) -> Launch {
        self.launch(&self.folder.path().join("data"))
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub fn storefront(&self, sandbox: &Sandbox) -> Storefront {
        let address = format!("{}/marketplace/acme/cad-koogallery", self.url());
        sandbox.storefront(&address, SecretString::from(ACCESS_KEY.to_owned()))
    }

    /// Starts the server and waits until it listens.
    pub fn start(&self) -> Server {
        Server::start(self.launch(&self.folder.path().join("data")).port(self.port))
    }

    /// How to start a server of this site on another data folder, on a port of its own; the keys are the same.
    pub fn launch(&self, data: &Path) -> Launch {
        let launch = Launch {
            program: env!("CARGO_BIN_EXE_lictor").into(),
            folder: self.folder.path().to_owned(),
            data: data.to_owned(),
            port: 0,
            under: Vec::new(),
            environment: Vec::new(),
        };
        match &self.database {
            // What a server that is killed had leased comes back after six calls.
            Some(address) => launch.env("LICTOR_STORE", address).env("LICTOR_MARKETPLACE_TIMEOUT_SECS", "1"),
            None => launch,
        }
    }

    pub fn merchant(&self) -> Merchant {
        self.merchant_of(&self.url())
    }

    pub fn merchant_of(&self, url: &str) -> Merchant {
        Merchant { agent: agent(), url: url.to_owned(), token: API_TOKEN.into() }
    }
}

/// How to start `lictor serve`.
#[derive(Clone)]
pub struct Launch {
    program: PathBuf,
    folder: PathBuf,
    data: PathBuf,
    port: u16,
    under: Vec<String>,
    environment: Vec<(String, String)>,
}

impl Launch {
    pub fn port(self, port: u16) -> Self {
        Self { port, ..self }
    }

    /// Another build of the program.
    pub fn program(self, program: &Path) -> Self {
        Self { program: program.to_owned(), ..self }
    }

    /// As the last words of another command, which must become the server itself: `strace -D`, `prlimit`, `env`.
    pub fn under<'a>(self, words: impl IntoIterator<Item = &'a str>) -> Self {
        Self { under: words.into_iter().map(str::to_owned).collect(), ..self }
    }

    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    fn command(&self) -> Command {
        let binary = self.program.to_str().expect("a path in UTF-8");
        let mut words = self.under.iter().map(String::as_str).chain([binary, "serve", "--bootstrap"]);
        let mut command = Command::new(words.next().expect("at least the binary"));
        command
            .args(words)
            .arg(self.folder.join("apply.toml"))
            .env("LICTOR_LISTEN", format!("127.0.0.1:{}", self.port))
            .env("LICTOR_DATA_DIR", &self.data)
            .env("LICTOR_KEYS_DIR", self.folder.join("keys"))
            .env("TEST_ACCESS_KEY", ACCESS_KEY)
            .env("TEST_OPEN_API_KEY", "open-api-key")
            .env("TEST_OPEN_API_SECRET", OPEN_API_SECRET)
            .env("TEST_API_TOKEN", API_TOKEN)
            .env("LICTOR_LOG_FILTER", "warn")
            .env_remove("LICTOR_PROVE_COUNT")
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null());
        command
    }
}

/// A running `lictor serve`.
pub struct Server {
    child: Child,
    url: String,
    said: tempfile::NamedTempFile,
}

/// How long a start, with all that it may have to rebuild, and an end may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// A server that ended before it listened.
#[derive(Debug)]
pub struct NotStarted {
    /// `None`: a signal ended it.
    pub code: Option<i32>,
    /// What it said.
    pub said: String,
}

impl Server {
    pub fn start(launch: Launch) -> Self {
        Self::try_start(launch).expect("the server listens")
    }

    /// Starts the server and waits until it listens or has ended; what it says goes to a file.
    pub fn try_start(launch: Launch) -> Result<Self, NotStarted> {
        let said = tempfile::NamedTempFile::new().expect("a temporary file");
        let stderr = said.reopen().expect("the same file");
        let spawned = launch.command().stdout(Stdio::piped()).stderr(stderr).spawn();
        let mut child = spawned.expect("the binary starts");
        let stdout = child.stdout.take().expect("piped");
        let (listening, heard) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if let Some((_, url)) = line.split_once("listens on ") {
                    listening.send(url.to_owned()).ok();
                }
            }
        });
        match heard.recv_timeout(PATIENCE) {
            Ok(url) => Ok(Self { child, url, said }),
            Err(mpsc::RecvTimeoutError::Timeout) => {
                child.kill().ok();
                child.wait().ok();
                panic!("a start that neither listens nor ends")
            }
            Err(mpsc::RecvTimeoutError::Disconnected) => {
                let code = child.wait().expect("it has ended").code();
                let said = std::fs::read_to_string(said.path()).expect("text");
                Err(NotStarted { code, said })
            }
        }
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    /// Its log so far.
    pub fn said(&self) -> String {
        std::fs::read_to_string(self.said.path()).expect("text")
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Starts the server and kills it after that long, listening or not.
    pub fn start_and_kill(launch: &Launch, after: Duration) {
        let command = &mut launch.command();
        let spawned = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let mut child = spawned.expect("the binary starts");
        pass(after);
        child.kill().expect("SIGKILL");
        child.wait().expect("it has ended");
    }

    /// SIGTERM, and SIGKILL that long after it, wherever the good order then is.
    pub fn terminate_and_kill(mut self, after: Duration) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).ok();
        pass(after);
        self.child.kill().ok();
        self.child.wait().expect("it ends");
    }

    /// SIGTERM, and how it ended.
    pub fn terminate(&mut self) -> ExitStatus {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).ok();
        self.ended()
    }

    /// Waits until it has ended by itself.
    pub fn ended(&mut self) -> ExitStatus {
        waited(&mut self.child)
    }

    /// `None` while it runs.
    pub fn has_ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("a child")
    }

    /// SIGKILL: no goodbye.
    pub fn kill(mut self) {
        self.child.kill().expect("it runs");
        self.child.wait().expect("it ends");
    }

    /// SIGTERM: it finishes what it has and ends with 0.
    pub fn stop(mut self) {
        let status = self.terminate();
        assert!(status.success(), "a stop is no failure: {status}");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Waits for something that happens outside this process and tells nobody.
pub fn wait_until(what: &str, mut happened: impl FnMut() -> bool) {
    let started = Instant::now();
    while !happened() {
        assert!(started.elapsed() < PATIENCE, "waited in vain: {what}");
        pass(Duration::from_millis(5));
    }
}

/// Lets a random moment come: for kills, never to wait for something.
fn pass(span: Duration) {
    let (_alive, nobody_speaks) = mpsc::channel::<()>();
    nobody_speaks.recv_timeout(span).ok();
}

/// Waits for the end of a child that must end by itself; one that hangs is killed, and that is a failure.
pub fn waited(child: &mut Child) -> ExitStatus {
    let started = Instant::now();
    loop {
        if let Some(status) = child.try_wait().expect("a child") {
            return status;
        }
        if started.elapsed() > PATIENCE {
            child.kill().ok();
            child.wait().ok();
            panic!("a process that hangs");
        }
        pass(Duration::from_millis(2));
    }
}

pub fn agent() -> ureq::Agent {
    let config = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(Duration::from_secs(30)))
        .build();
    config.new_agent()
}

/// Somebody with an API token.
#[derive(Clone)]
pub struct Merchant {
    pub agent: ureq::Agent,
    pub url: String,
    pub token: String,
}

impl Merchant {
    pub fn get(&self, path: &str) -> (u16, Value) {
        let request = self.agent.get(format!("{}{path}", self.url));
        let answer = request.header("Authorization", format!("Bearer {}", self.token)).call();
        read(answer.expect("the server answers"))
    }

    pub fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        let request = self.agent.post(format!("{}{path}", self.url));
        let answer = request.header("Authorization", format!("Bearer {}", self.token)).send(body.to_string());
        read(answer.expect("the server answers"))
    }

    /// The same where a server may be away.
    pub fn try_get(&self, path: &str) -> Result<(u16, Value), ureq::Error> {
        let request = self.agent.get(format!("{}{path}", self.url));
        request.header("Authorization", format!("Bearer {}", self.token)).call().map(read)
    }

    /// Likewise.
    pub fn try_post(&self, path: &str, body: &Value) -> Result<(u16, Value), ureq::Error> {
        let request = self.agent.post(format!("{}{path}", self.url));
        let request = request.header("Authorization", format!("Bearer {}", self.token));
        request.send(body.to_string()).map(read)
    }

    /// Likewise, of something that is done once however often it is asked for.
    pub fn try_post_once(
        &self,
        path: &str,
        idempotency_key: &str,
        body: &Value,
    ) -> Result<(u16, Value), ureq::Error> {
        let request = self.agent.post(format!("{}{path}", self.url));
        let request = request.header("Authorization", format!("Bearer {}", self.token));
        request.header("Idempotency-Key", idempotency_key).send(body.to_string()).map(read)
    }

    /// Every license, keys revealed one by one.
    pub fn licenses(&self) -> Vec<Value> {
        let (mut all, mut cursor) = (Vec::new(), None::<String>);
        loop {
            let at = cursor.as_ref().map_or_else(String::new, |cursor| format!("&cursor={cursor}"));
            let (status, page) = self.get(&format!("/v1/merchant/licenses?limit=200{at}"));
            assert_eq!(status, 200, "{page}");
            all.extend(page["items"].as_array().expect("a list").iter().cloned());
            match page["next_cursor"].as_str() {
                Some(next) => cursor = Some(next.to_owned()),
                None => return all,
            }
        }
    }

    pub fn reveal(&self, license: &str) -> Value {
        let (status, license) = self.get(&format!("/v1/merchant/licenses/{license}?reveal=true"));
        assert_eq!(status, 200, "{license}");
        license
    }

    pub fn claim(&self, code: &str) -> (u16, Value) {
        let request = self.agent.post(format!("{}/v1/claims", self.url));
        let body = json!({ "claim_code": code, "product": "acme-cad" });
        read(request.send(body.to_string()).expect("the server answers"))
    }
}

pub fn read(mut answer: ureq::http::Response<ureq::Body>) -> (u16, Value) {
    let status = answer.status().as_u16();
    let text = answer.body_mut().read_to_string().expect("a text");
    (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
}

/// The claim code in a memo: five groups of five.
pub fn claim_code_in(memo: &str) -> String {
    let is_code = |word: &&str| word.len() == 29 && word.split('-').all(|group| group.len() == 5);
    memo.split([' ', ',']).find(is_code).expect("the memo shows a claim code").to_owned()
}

pub fn path_of(folder: &Path, name: &str) -> PathBuf {
    folder.join(name)
}
