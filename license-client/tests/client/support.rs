//! A license server small enough to read: it signs what it answers, on a clock that the test moves.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use license_client::{Component, Config, Uptime};
use license_token::{
    ActivationClaims, Binding, Commitment, Env, KeySet, LicenseClaims, MachineClaim, Policy, Role,
    SigningKey, SpecClaim, StatusList, StatusListClaims, StatusRef, StatusRule, StatusValue, Term, TokenType,
    UnverifiedToken, armour,
};
use serde_json::{Value, json};

pub const ISS: &str = "https://license.acme.example";
pub const AUD: &str = "acme-cad";
pub const START: i64 = 1_800_000_000;
pub const HOUR: i64 = 3_600;
pub const DAY: i64 = 24 * HOUR;
pub const MONTH: i64 = 30 * DAY;

/// The wall clock of client and server.
#[derive(Clone)]
pub struct TestClock(Arc<AtomicI64>);

impl TestClock {
    pub fn now(&self) -> i64 {
        self.0.load(Ordering::SeqCst)
    }

    pub fn set(&self, now: i64) {
        self.0.store(now, Ordering::SeqCst);
    }

    pub fn advance(&self, secs: i64) {
        self.0.fetch_add(secs, Ordering::SeqCst);
    }
}

pub fn signing_key(role: Role) -> SigningKey {
    let seed = match role {
        Role::Root => 1,
        Role::License => 2,
        Role::Activation => 3,
        Role::Status => 4,
    };
    SigningKey::from_seed(&[seed; 32], role, ISS).expect("a valid issuer")
}

/// The key that takes a role's place after a rotation; nobody pins it.
pub fn next_signing_key(role: Role) -> SigningKey {
    let seed = match role {
        Role::Root => 11,
        Role::License => 12,
        Role::Activation => 13,
        Role::Status => 14,
    };
    SigningKey::from_seed(&[seed; 32], role, ISS).expect("a valid issuer")
}

pub fn pinned() -> String {
    KeySet::new(Role::ALL.map(|role| signing_key(role).verifying_key().clone()).to_vec())
        .expect("keys")
        .to_json()
}

struct Activation {
    id: String,
    machine: BTreeMap<Component, Commitment>,
    idx: i64,
    generation: i64,
    nonce: String,
    certificate: String,
    ended: bool,
}

/// One license and what happened to it.
pub struct Shop {
    pub term: Term,
    pub ends_at: Option<i64>,
    pub lease: i64,
    pub policy: Policy,
    pub machines: usize,
    pub grace_secs: i64,
    pub upd: Option<i64>,
    pub license_key: String,
    pub claim_code: String,
    /// Answered to every call about the license.
    pub refusal: Option<&'static str>,
    /// Nothing is released.
    pub refuses_release: bool,
    /// Connections are dropped unanswered.
    pub offline: bool,
    /// The work is done and the answer lost, once.
    pub lose_next_answer: bool,
    /// Lists are answered with this ETag, and with 304 to whoever has it.
    pub etag: Option<&'static str>,
    /// Served in place of the current list.
    pub old_list: Option<String>,
    /// Claims are answered with 202.
    pub still_asking: bool,
    /// Certificates are signed by a key that nobody pinned.
    pub forges: bool,
    /// What is signed is signed by the next keys.
    pub rotated: bool,
    /// Served as the signed key set; requests for it are told apart, because every `maintain` asks.
    pub key_set: Option<String>,
    pub key_set_requests: usize,
    pub requests: Vec<String>,
    list: StatusList,
    seq: i64,
    key_idx: i64,
    issued: i64,
    activations: Vec<Activation>,
    url: String,
    clock: TestClock,
}

pub struct FakeServer {
    pub clock: TestClock,
    pub url: String,
    shop: Arc<Mutex<Shop>>,
}

impl FakeServer {
    /// Sells one license of one month, three machines, a lease of 30 days.
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let clock = TestClock(Arc::new(AtomicI64::new(START)));
        let mut shop = Shop::new(url.clone(), clock.clone());
        shop.issue_key();
        let shop = Arc::new(Mutex::new(shop));
        let served = Arc::clone(&shop);
        // Ends with the test's process.
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                answer(&served, stream);
            }
        });
        Self { clock, url, shop }
    }

    pub fn shop(&self) -> MutexGuard<'_, Shop> {
        self.shop.lock().expect("the server's thread does not panic")
    }

    pub fn key(&self) -> String {
        self.shop().license_key.clone()
    }

    pub fn requests(&self) -> Vec<String> {
        std::mem::take(&mut self.shop().requests)
    }

    /// A client on a machine with these serials.
    pub fn client(&self, folder: &Path, machine: &str) -> Config {
        let clock = self.clock.clone();
        let machine = machine.to_owned();
        Config::new(AUD, ISS, &pinned(), folder)
            .expect("a valid configuration")
            .server(&self.url)
            .clock(move || clock.now())
            .boot_clock(|| Uptime { boot: "the only start".into(), secs: 0 })
            .environment(|_name| None)
            .machine(move || {
                let components =
                    [Component::Os, Component::Fw, Component::Brd, Component::Dsk, Component::Net];
                components.map(|component| (component, format!("{machine}-{}", component.as_str()))).to_vec()
            })
    }
}

impl Shop {
    fn new(url: String, clock: TestClock) -> Self {
        Self {
            term: Term::Months(1),
            ends_at: Some(START + MONTH),
            lease: 30 * DAY,
            policy: Policy { max_status_age: Some(14 * DAY), ..Policy::default() },
            machines: 3,
            grace_secs: 3 * DAY,
            upd: None,
            license_key: String::new(),
            claim_code: "ABCDE-F0123-45678-9GHJK-MNPQR".into(),
            refusal: None,
            refuses_release: false,
            offline: false,
            lose_next_answer: false,
            etag: None,
            old_list: None,
            still_asking: false,
            forges: false,
            rotated: false,
            key_set: None,
            key_set_requests: 0,
            requests: vec![],
            list: StatusList::all_valid(),
            seq: START,
            key_idx: 0,
            issued: 0,
            activations: vec![],
            url,
            clock,
        }
    }

    fn uri(&self) -> String {
        format!("{}/v1/status-lists/acme/1", self.url)
    }

    fn signs(&self, role: Role) -> SigningKey {
        if self.rotated { next_signing_key(role) } else { signing_key(role) }
    }

    fn next(&mut self) -> i64 {
        self.issued += 1;
        self.issued
    }

    /// A new key text with a new index; the old index stays as it is.
    pub fn issue_key(&mut self) {
        self.key_idx = self.next();
        let now = self.clock.now();
        let claims = LicenseClaims {
            iss: ISS.into(),
            aud: AUD.into(),
            sub: "lic_1".into(),
            jti: format!("tok_{}", self.key_idx),
            iat: now,
            nbf: START,
            exp: self.ends_at,
            entitlements: vec!["export".into()],
            status: Some(StatusRef { idx: self.key_idx, uri: self.uri() }),
            env: Env::Live,
            term: self.term,
            spec: SpecClaim { sku: "CAD-PRO".into(), attributes: BTreeMap::new() },
            machines: None,
            quota: vec![],
            upd: self.upd,
            policy: self.policy,
            grace_secs: self.grace_secs,
        };
        self.license_key = self.signs(Role::License).sign(&claims).expect("a license key");
    }

    /// Another spec than one month; the key is issued anew.
    pub fn sell(&mut self, term: Term, ends_at: Option<i64>) {
        self.term = term;
        self.ends_at = ends_at;
        self.issue_key();
    }

    /// The marketplace tells that the customer paid for one more month.
    pub fn renew_purchase(&mut self) {
        self.ends_at = self.ends_at.map(|end| end + MONTH);
        self.issue_key();
    }

    pub fn set_key_status(&mut self, value: StatusValue) {
        let idx = usize::try_from(self.key_idx).expect("small");
        assert!(self.list.set(idx, value.bits()));
        self.seq += 1;
    }

    pub fn set_status_of_all(&mut self, value: StatusValue) {
        self.set_key_status(value);
        for activation in &self.activations {
            assert!(self.list.set(usize::try_from(activation.idx).expect("small"), value.bits()));
        }
    }

    /// Suspended by the merchant.
    pub fn suspend(&mut self) {
        self.refusal = Some("license_suspended");
        self.set_status_of_all(StatusValue::Suspended);
    }

    pub fn resume(&mut self) {
        self.refusal = None;
        self.set_status_of_all(StatusValue::Valid);
    }

    pub fn revoke(&mut self) {
        self.refusal = Some("license_revoked");
        self.set_status_of_all(StatusValue::Invalid);
    }

    /// The key leaked: replaced, and every activation ended.
    pub fn reissue_as_leaked(&mut self) {
        self.set_key_status(StatusValue::Superseded);
        self.end_activations();
        self.issue_key();
    }

    /// Every machine was released in the portal.
    pub fn end_activations(&mut self) {
        for activation in &mut self.activations {
            activation.ended = true;
            assert!(
                self.list.set(usize::try_from(activation.idx).expect("small"), StatusValue::Invalid.bits())
            );
        }
        self.seq += 1;
    }

    pub fn places_taken(&self) -> usize {
        self.activations.iter().filter(|activation| !activation.ended).count()
    }

    /// The one that was given out last.
    pub fn newest_certificate(&self) -> String {
        self.activations.last().expect("an activation").certificate.clone()
    }

    pub fn generation(&self) -> i64 {
        self.activations.iter().map(|activation| activation.generation).max().unwrap_or(0)
    }

    pub fn status_list(&self) -> String {
        let now = self.clock.now();
        let claims = StatusListClaims {
            iss: ISS.into(),
            sub: self.uri(),
            iat: now,
            exp: now + 7 * DAY,
            ttl: Some(12 * HOUR),
            env: Env::Live,
            seq: self.seq + (now - START),
            list: self.list.clone(),
        };
        self.signs(Role::Status).sign(&claims).expect("a status list")
    }

    fn certificate(&self, activation: &Activation) -> String {
        let now = self.clock.now();
        let lease_end = self.ends_at.map_or(now + self.lease, |end| end.min(now + self.lease));
        let claims = ActivationClaims {
            iss: ISS.into(),
            aud: AUD.into(),
            sub: "lic_1".into(),
            jti: format!("cert_{}_{}", activation.id, activation.generation),
            iat: now,
            nbf: START,
            exp: lease_end,
            device_key: None,
            entitlements: vec!["export".into()],
            status: Some(StatusRef { idx: activation.idx, uri: self.uri() }),
            nonce: Some(activation.nonce.clone()),
            env: Env::Live,
            act: activation.id.clone(),
            generation: activation.generation,
            renew: now + 7 * DAY,
            end: self.ends_at,
            term: self.term,
            spec: SpecClaim { sku: "CAD-PRO".into(), attributes: BTreeMap::new() },
            quota: vec![],
            ledger: None,
            machine: MachineClaim::enroll(activation.machine.clone()),
            upd: self.upd,
            policy: self.policy,
            grace_secs: self.grace_secs,
        };
        let stranger = SigningKey::from_seed(&[9; 32], Role::Activation, ISS).expect("a valid issuer");
        let key = if self.forges { stranger } else { self.signs(Role::Activation) };
        key.sign(&claims).expect("a certificate")
    }

    fn route(&mut self, line: &str, body: &Value) -> (u16, String) {
        let path: Vec<&str> = line.split([' ', '/']).filter(|part| !part.is_empty()).collect();
        match path.as_slice() {
            ["GET", "v1", "status-lists", ..] => {
                (200, self.old_list.clone().unwrap_or_else(|| self.status_list()))
            }
            ["POST", "v1", "claims"] if self.still_asking => {
                (202, json!({ "retry_after_secs": 60 }).to_string())
            }
            ["POST", "v1", "claims"] if body["claim_code"] == self.claim_code.as_str() => {
                (200, json!({ "license_key": self.license_key, "license_id": "lic_1" }).to_string())
            }
            ["POST", "v1", "claims"] => problem(401, "license_key_refused"),
            ["POST", "v1", "activations", _, "release"] if self.refuses_release => {
                problem(503, "unavailable")
            }
            ["POST", "v1", "activations", id, "release"] => {
                if let Some(activation) = self.activations.iter_mut().find(|activation| activation.id == *id)
                {
                    activation.ended = true;
                }
                (200, "{}".into())
            }
            _ if self.refusal.is_some() => problem(403, self.refusal.unwrap_or_default()),
            ["POST", "v1", "activations"] if body["license_key"] != self.license_key.as_str() => {
                problem(403, "license_superseded")
            }
            ["POST", "v1", "activations"] => self.activate(body),
            ["POST", "v1", "activations", id, "renew"] => self.renew(id, body),
            _ => problem(404, "not_found"),
        }
    }

    fn activate(&mut self, body: &Value) -> (u16, String) {
        let machine = machine_of(body);
        let again = self.activations.iter().position(|held| !held.ended && held.machine == machine);
        if let Some(position) = again {
            return self.next_certificate(position, body);
        }
        if self.places_taken() >= self.machines {
            return problem(409, "machine_limit_reached");
        }
        let idx = self.next();
        let id = format!("act_{idx}");
        let (nonce, certificate) = (String::new(), String::new());
        self.activations.push(Activation {
            id,
            machine,
            idx,
            generation: 0,
            nonce,
            certificate,
            ended: false,
        });
        self.next_certificate(self.activations.len() - 1, body)
    }

    fn renew(&mut self, id: &str, body: &Value) -> (u16, String) {
        let Some(position) = self.activations.iter().position(|activation| activation.id == id) else {
            return problem(404, "not_found");
        };
        if self.activations[position].ended {
            return problem(409, "illegal_state");
        }
        if self.activations[position].machine != machine_of(body) {
            return problem(403, "machine_mismatch");
        }
        let text = body["certificate"].as_str().expect("a certificate");
        let shown = UnverifiedToken::parse(text).expect("a token");
        let lic = shown.inspect().claims.get("lic").expect("lic");
        let generation = lic.get("gen").and_then(|value| value.as_integer()).expect("gen");
        let current = &self.activations[position];
        let repeats = generation + 1 == current.generation && body["nonce"] == current.nonce.as_str();
        if generation != current.generation && !repeats {
            return problem(409, "clone_suspected");
        }
        self.next_certificate(position, body)
    }

    fn next_certificate(&mut self, position: usize, body: &Value) -> (u16, String) {
        let nonce = body["nonce"].as_str().expect("a nonce").to_owned();
        let activation = &mut self.activations[position];
        if activation.nonce != nonce || activation.certificate.is_empty() {
            activation.generation += 1;
            activation.nonce = nonce;
            let certificate = self.certificate(&self.activations[position]);
            self.activations[position].certificate = certificate;
        }
        let activation = &self.activations[position];
        let answer = json!({
            "activation_id": activation.id,
            "certificate": activation.certificate,
            "license_key": self.license_key,
            "renew_after": "2027-01-22T08:00:00Z",
            "status_list_uri": self.uri(),
            "added_later": [1, 2],
        });
        (201, answer.to_string())
    }
}

fn machine_of(body: &Value) -> BTreeMap<Component, Commitment> {
    let components = body["machine"]["components"].as_object().expect("components");
    let entry = |(name, value): (&String, &Value)| {
        let commitment = Commitment::parse(value.as_str().expect("text")).expect("16 bytes");
        (Component::from_text(name).expect("a component"), commitment)
    };
    components.iter().map(entry).collect()
}

fn problem(status: u16, code: &str) -> (u16, String) {
    (status, json!({ "code": code, "title": "refused", "next_action": "contact_seller" }).to_string())
}

fn answer(shop: &Mutex<Shop>, mut stream: TcpStream) {
    let mut reader = BufReader::new(stream.try_clone().expect("a second handle"));
    let mut line = String::new();
    reader.read_line(&mut line).expect("a request line");
    let (mut length, mut known_etag) = (0, String::new());
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).expect("a header");
        if let Some(value) = header.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().expect("a length");
        }
        if let Some(value) = header.to_ascii_lowercase().strip_prefix("if-none-match:") {
            known_etag = value.trim().to_owned();
        }
        if header.trim().is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).expect("the body");
    let mut shop = shop.lock().expect("the tests do not panic while they hold it");
    let target = line.rsplit_once(" HTTP/").map_or(line.as_str(), |(target, _)| target).to_owned();
    if target.starts_with("GET /v1/keysets?") && !shop.offline {
        shop.key_set_requests += 1;
        let (status, text) = match &shop.key_set {
            Some(set) => (200, set.clone()),
            None => problem(404, "not_found"),
        };
        let head =
            format!("HTTP/1.1 {status} x\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", text.len());
        let _client_may_be_gone = stream.write_all(format!("{head}{text}").as_bytes());
        return;
    }
    shop.requests.push(target.clone());
    if shop.offline {
        return;
    }
    let is_unchanged = target.contains("status-lists") && shop.etag.is_some_and(|etag| etag == known_etag);
    if is_unchanged {
        let _client_may_be_gone = stream.write_all(b"HTTP/1.1 304 x\r\nConnection: close\r\n\r\n");
        shop.requests.push("304".into());
        return;
    }
    let (status, text) = shop.route(&target, &serde_json::from_slice(&body).unwrap_or(Value::Null));
    if std::mem::take(&mut shop.lose_next_answer) {
        return;
    }
    let etag = shop.etag.map(|etag| format!("ETag: {etag}\r\n")).unwrap_or_default();
    let length = text.len();
    let head = format!("HTTP/1.1 {status} x\r\n{etag}Content-Length: {length}\r\nConnection: close\r\n\r\n");
    let _client_may_be_gone = stream.write_all(format!("{head}{text}").as_bytes());
}

/// Both copies of what a client keeps.
pub struct Copies(pub [PathBuf; 2]);

impl Copies {
    pub fn of(folder: &Path) -> Self {
        Self(["license.json", "license.copy.json"].map(|name| folder.join(format!("{AUD}.{name}"))))
    }

    /// What stands in both.
    pub fn read(&self) -> String {
        let [first, second] = self.0.each_ref().map(|path| std::fs::read_to_string(path).expect("a copy"));
        assert_eq!(first, second, "the copies are the same");
        first
    }

    pub fn write_both(&self, text: &str) {
        for path in &self.0 {
            std::fs::write(path, text).expect("written");
        }
    }

    pub fn remove_both(&self) {
        for path in &self.0 {
            std::fs::remove_file(path).expect("removed");
        }
    }
}

/// A response as the server writes it for a machine without network, without its lists.
pub fn response_file(certificate: &str, license_key: &str) -> String {
    armour::write(
        &[("Product", AUD)],
        &[(TokenType::Activation, certificate), (TokenType::License, license_key)],
    )
}

/// The policy of a spec that binds no machine.
pub fn unbound() -> Policy {
    Policy { binding: Binding::None, ..Policy::default() }
}

/// The policy of a spec that wants a fresh list.
pub fn require_status() -> Policy {
    Policy { status: StatusRule::Require, max_status_age: Some(14 * DAY), ..Policy::default() }
}
