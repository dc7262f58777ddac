//! The theft drill: keys are stolen and misused, rotated and revoked. Done with the real server, its real store and the real
//! client software, each in a process of its own.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use chrono::{DateTime, SecondsFormat, Utc};
use license_token::claims::Claims;
use license_token::{
    ActivationClaims, Binding, KeySet, LicenseClaims, Role, StatusListClaims, StatusRule, Term, TokenType,
    UnverifiedToken, trust,
};
use secrecy::SecretString;
use serde_json::{Value, json};

use super::client::{Client, Started};
use super::report::{Details, Failure, Report};
use super::server::Server;
use super::shop::{ISSUER, PRODUCT};
use crate::application::ports::Clock as _;
use crate::cli::api::{Api, ApiFailure};
use crate::clock::SystemClock;
use crate::signing::StolenKey;

/// How long the re-issue of three licenses may take.
const PATIENCE: Duration = Duration::from_secs(20);
const BETWEEN_LOOKS: Duration = Duration::from_millis(20);
const YEAR_SECS: i64 = 365 * 24 * 60 * 60;

const APPLY: &str = r#"[merchant]
id = "acme"
name = "Acme Software"
issuer = "https://license.acme.example"

[[product]]
id = "acme-cad"
name = "Acme CAD"

[[spec]]
id = "cad-year"
product = "acme-cad"
name = "Yearly"
term = "P1Y"
machines = 3

[[spec]]
id = "cad-lab"
product = "acme-cad"
name = "Yearly, for laboratories without a network"
term = "P1Y"
[spec.machine]
binding = "none"
"#;

/// What a thief does with a key, and how each forgery is called.
struct Forgery {
    what: &'static str,
    text: String,
}

/// Everybody who takes part.
struct Stage {
    folder: PathBuf,
    server: Server,
    api: Api,
    /// Somebody without an API token.
    anybody: Api,
    /// What software was built with before anything was stolen.
    old_keys: PathBuf,
    /// A customer whose machine is online now and then.
    online: Client,
    /// One whose machine has a certificate and never goes online.
    offline: Client,
    /// One whose license binds no machine, and never goes online.
    lab: Client,
    licenses: Vec<String>,
}

/// Rehearses the theft of each online key.
pub fn tell(report: &mut Report) -> Result<(), Failure> {
    let folder = tempfile::tempdir().map_err(|error| format!("cannot make a temporary folder: {error}"))?;
    let stage = report
        .step("a server sells to three customers: online, offline, a laboratory", |details| {
            Stage::set(folder.path(), details)
        })?;
    steal_license_key(report, &stage)?;
    steal_activation_key(report, &stage)?;
    steal_status_key(report, &stage)?;
    report.step(
        "nothing was lost: every key that was stolen is revoked, every other one believed",
        |details| {
            let keys = stage.api.get("/v1/merchant/keys").map_err(told)?;
            let count = |state: &str| items(&keys).filter(|key| key["state"] == state).count();
            details.add(format!("{} keys sign, {} are revoked", count("active"), count("revoked")));
            expect(count("revoked") == 3 && count("active") == 4, "four keys sign and three are revoked")
        },
    )?;
    let Stage { server, .. } = stage;
    server.stop()
}

fn steal_license_key(report: &mut Report, stage: &Stage) -> Result<(), Failure> {
    let stolen = report.step(
        "the license key is stolen; software that has heard nothing believes a forgery",
        |details| {
            let stolen = stage.steal(Role::License)?;
            let (at, forgeries) = forged_keys(stage, &stolen)?;
            for forgery in &forgeries {
                details.add(forgery.what);
            }
            let pirate = stage.client("pirate", &stage.old_keys);
            let forged = forgeries.last().ok_or("nothing was forged")?;
            expect_run(&pirate.start(&["--offline", "--key", &forged.text])?, "the pirate's copy", details)?;
            Ok((stolen, at, forgeries, pirate))
        },
    )?;
    let (stolen, at, forgeries, pirate) = stolen;
    let kid = stolen.kid().to_owned();
    report.step("rotate, revoke: another key signs and a key set tells of it", |details| {
        stage.post("/v1/merchant/keys/rotate", &json!({ "role": "license" }))?;
        stage.revoke(&kid, json!({ "mode": "after", "at": time(at) }), details)
    })?;
    report.step("every license key is re-issued, and verifies", |details| {
        stage.expect_reissued(&kid, details)
    })?;
    refuse_everywhere(report, stage, "license keys", &forgeries)?;
    report.step("no honest customer is locked out: online, offline, in the laboratory", |details| {
        let set = stage.key_set("after.jwt")?;
        expect_run(&stage.online.start(&["--maintain"])?, "online, renewed", details)?;
        stage.offline.expect_run_with(&set, "offline, with the key set as a file", details)?;
        stage.lab.expect_run_with(&set, "laboratory, with the key set as a file", details)
    })?;
    report.step(
        "a forgery that was dated back and held before is refused once nothing of the key is believed",
        |details| {
            let set = stage.key_set("after.jwt")?;
            pirate.expect_run_with(&set, "the pirate's copy, under `after`", details)?;
            stage.revoke(&kid, json!({ "mode": "all" }), details)?;
            let set = stage.key_set("all.jwt")?;
            let refused = pirate.start(&["--offline", "--key", &set])?;
            expect_refusal(&refused, "the pirate's copy, under `all`", details)?;
            stage.offline.expect_run_with(&set, "offline: its certificate is another role's", details)?;
            let license = stage.license(2)?;
            let current = license["license_key"].as_str().unwrap_or_default().to_owned();
            stage.lab.start(&["--offline", "--key", &set])?;
            let lab = stage.lab.start(&["--offline", "--key", &current])?;
            expect_run(&lab, "laboratory, with key set and re-issued key as files", details)
        },
    )
}

fn steal_activation_key(report: &mut Report, stage: &Stage) -> Result<(), Failure> {
    let (kid, at, forgeries) =
        report.step("the activation key is stolen; certificates are forged", |details| {
            let stolen = stage.steal(Role::Activation)?;
            let (at, forgeries) = forged_certificates(stage, &stolen)?;
            for forgery in &forgeries {
                details.add(forgery.what);
            }
            let pirate = stage.client("pirate-machine", &stage.old_keys);
            let forged = forgeries.last().ok_or("nothing was forged")?;
            expect_run(
                &pirate.start(&["--offline", "--key", &forged.text])?,
                "the pirate's machine",
                details,
            )?;
            Ok((stolen.kid().to_owned(), at, forgeries))
        })?;
    report.step("revoked: another activation key signs at once", |details| {
        stage.revoke(&kid, json!({ "mode": "after", "at": time(at) }), details)
    })?;
    refuse_everywhere(report, stage, "certificates", &forgeries)?;
    report.step(
        "honest machines go on: offline with what they hold, online with a new certificate",
        |details| {
            let set = stage.key_set("activation.jwt")?;
            stage.offline.expect_run_with(&set, "offline, with the key set as a file", details)?;
            // It asked less than a minute ago; the file tells it that there is news.
            expect_run(&stage.online.start(&["--key", &set, "--maintain"])?, "online, renewed", details)?;
            let (_, certificate) = stage.online.kept()?;
            let signer = kid_of(&certificate);
            details.add(format!("its certificate is signed by {signer}"));
            expect(signer != kid, "the certificate is signed by the new key")
        },
    )
}

fn steal_status_key(report: &mut Report, stage: &Stage) -> Result<(), Failure> {
    let (kid, forged) =
        report.step("the status key is stolen; a list that frees the revoked is forged", |_| {
            let stolen = stage.steal(Role::Status)?;
            let list = stage.status_list()?;
            let keys = stage.believed(&stage.old_keys, None)?;
            let honest = UnverifiedToken::parse_status_list(&list)
                .and_then(|list| list.verify::<StatusListClaims>(&keys));
            let honest = honest.map_err(|refusal| format!("the published list is refused: {refusal}"))?;
            let claims = StatusListClaims { seq: 1 << 50, ..honest.claims().clone() };
            Ok((stolen.kid().to_owned(), sign(&stolen, &claims)?))
        })?;
    report.step("revoked: the lists are published anew, and the forged one counts nowhere", |details| {
        stage.revoke(&kid, json!({ "mode": "all" }), details)?;
        let set = stage.key_set("status.jwt")?;
        let keys = stage.believed(&stage.old_keys, Some(&set))?;
        let verify = |text: &str| {
            UnverifiedToken::parse_status_list(text)
                .and_then(|list| list.verify::<StatusListClaims>(&keys))
                .map(drop)
        };
        expect(verify(&forged).is_err(), "the forged list is refused under the key set")?;
        verify(&stage.status_list()?).map_err(|refusal| format!("the new list is refused: {refusal}"))?;
        let new = stage.new_software()?;
        let keys = stage.believed(&new, None)?;
        let by_new = UnverifiedToken::parse_status_list(&forged)
            .and_then(|list| list.verify::<StatusListClaims>(&keys));
        expect(by_new.is_err(), "new software refuses the forged list")?;
        let online = stage.online.start(&["--key", &set, "--maintain"])?;
        expect_run(&online, "online, with the new list", details)?;
        stage.offline.expect_run_with(&set, "offline, with the key set as a file", details)
    })
}

/// Each forgery is brought to the server, to old software that has heard, and to new software.
fn refuse_everywhere(
    report: &mut Report,
    stage: &Stage,
    what: &str,
    forgeries: &[Forgery],
) -> Result<(), Failure> {
    report.step(&format!("the server refuses forged {what}"), |details| {
        for forgery in forgeries {
            details.add(format!("{}: {}", forgery.what, stage.refusal_of(&forgery.text)?));
        }
        Ok(())
    })?;
    report.step(&format!("old software that has heard and new software refuse forged {what}"), |details| {
        let set = stage.key_set(&format!("heard-{}.jwt", forgeries.len()))?;
        let new_keys = stage.new_software()?;
        for (number, forgery) in forgeries.iter().enumerate() {
            let old = stage.client(&format!("old-{what}-{number}"), &stage.old_keys);
            old.start(&["--offline", "--key", &set])?;
            let new = stage.client(&format!("new-{what}-{number}"), &new_keys);
            for (name, client) in [("old", &old), ("new", &new)] {
                let started = client.start(&["--offline", "--key", &forgery.text])?;
                expect_refusal(&started, &format!("{name} software, {}", forgery.what), details)?;
            }
        }
        Ok(())
    })
}

impl Stage {
    fn set(folder: &Path, details: &mut Details) -> Result<Self, Failure> {
        let wrong = |error: std::io::Error| format!("cannot prepare the drill: {error}");
        std::fs::write(folder.join("apply.toml"), APPLY).map_err(wrong)?;
        let server = Server::start(folder, "127.0.0.1:0")?;
        let token = std::fs::read_to_string(folder.join("data/operator-token")).map_err(wrong)?;
        let token = SecretString::from(token.trim().to_owned());
        let api = Api::new(&server.url, Some(token), Some("acme".into()));
        let anybody = Api::new(&server.url, None, None);
        let old_keys = folder.join("pinned-before.json");
        let jwks = api.get("/v1/keysets/acme/jwks.json").map_err(told)?;
        std::fs::write(&old_keys, jwks.to_string()).map_err(wrong)?;
        let client = |name: &str| client_of(folder, &server.url, name, &old_keys);
        let (online, offline, lab) = (client("online"), client("offline"), client("lab"));
        let mut stage = Self {
            folder: folder.to_owned(),
            api,
            anybody,
            old_keys,
            online,
            offline,
            lab,
            licenses: Vec::new(),
            server,
        };
        for (spec, customer) in [("cad-year", "online"), ("cad-year", "offline"), ("cad-lab", "lab")] {
            let body = json!({ "product": PRODUCT, "spec": spec, "customer": customer });
            let license = stage.post("/v1/merchant/licenses", &body)?;
            stage.licenses.push(license["id"].as_str().unwrap_or_default().to_owned());
        }
        for (index, client) in [&stage.online, &stage.offline, &stage.lab].into_iter().enumerate() {
            let license = stage.license(index)?;
            let key = license["license_key"].as_str().unwrap_or_default();
            expect_run(&client.start(&["--key", key, "--maintain"])?, customer_name(index), details)?;
        }
        Ok(stage)
    }

    fn client(&self, name: &str, keys: &Path) -> Client {
        client_of(&self.folder, &self.server.url, name, keys)
    }

    fn post(&self, path: &str, body: &Value) -> Result<Value, Failure> {
        self.api.post(path, body).map_err(told)
    }

    fn license(&self, index: usize) -> Result<Value, Failure> {
        let id = self.licenses.get(index).ok_or("there is no such license")?;
        self.api.get(&format!("/v1/merchant/licenses/{id}?reveal=true")).map_err(told)
    }

    /// Copies the private key that signs for a role, as somebody does who can read the keys folder.
    fn steal(&self, role: Role) -> Result<StolenKey, Failure> {
        let keys = self.api.get("/v1/merchant/keys").map_err(told)?;
        let signs = |key: &&Value| key["role"] == role.as_str() && key["state"] == "active";
        let kid = items(&keys).find(signs).and_then(|key| key["kid"].as_str()).ok_or("no key signs")?;
        let path = self.folder.join(format!("keys/acme/{}-{kid}.pem", role.as_str()));
        StolenKey::read(&path, role, ISSUER).map_err(|error| error.to_string())
    }

    fn revoke(&self, kid: &str, body: Value, details: &mut Details) -> Result<(), Failure> {
        let answer = self.post(&format!("/v1/merchant/keys/{kid}/revoke"), &body)?;
        details.add(format!("key set {} is published", answer["published"]["seq"]));
        expect(answer["waiting"].is_null(), "the key set is signed by the root")
    }

    /// The published key set, as a file that can be carried.
    fn key_set(&self, name: &str) -> Result<String, Failure> {
        let answer = self.api.get("/v1/merchant/keyset").map_err(told)?;
        let text = answer["published"]["keyset"].as_str().ok_or("no key set is published")?;
        let path = self.folder.join(name);
        std::fs::write(&path, text).map_err(|error| format!("cannot write the key set: {error}"))?;
        Ok(path.display().to_string())
    }

    /// Software that was built now.
    fn new_software(&self) -> Result<PathBuf, Failure> {
        let jwks = self.api.get("/v1/keysets/acme/jwks.json").map_err(told)?;
        let path = self.folder.join("pinned-now.json");
        std::fs::write(&path, jwks.to_string()).map_err(|error| format!("cannot write the keys: {error}"))?;
        Ok(path)
    }

    fn believed(&self, pinned: &Path, set: Option<&str>) -> Result<KeySet, Failure> {
        let unreadable = |error: std::io::Error| format!("cannot read keys: {error}");
        let pinned = std::fs::read(pinned).map_err(unreadable)?;
        let pinned = KeySet::parse(&pinned).map_err(|error| error.to_string())?;
        let Some(set) = set else { return Ok(pinned) };
        let text = std::fs::read_to_string(set).map_err(unreadable)?;
        let set = trust::accept(&text, &pinned, ISSUER, None).map_err(|error| error.to_string())?;
        Ok(pinned.updated_by(set.claims()))
    }

    fn status_list(&self) -> Result<String, Failure> {
        let license = self.license(0)?;
        let uri = license["status"]["uri"].as_str().ok_or("the license names no status list")?;
        let path = uri.strip_prefix(&self.server.url).ok_or("the status list is not this server's")?;
        let mut list = Vec::new();
        self.api.download(path, &mut list, &mut |_| {}).map_err(told)?;
        String::from_utf8(list).map_err(|_| "the status list is no text".to_owned())
    }

    fn expect_reissued(&self, stolen: &str, details: &mut Details) -> Result<(), Failure> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let work = self.api.get("/v1/merchant/keyset").map_err(told)?["reissue"].clone();
            if work["reissued"] == self.licenses.len() {
                break;
            }
            if Instant::now() > deadline {
                return Err(format!("the re-issue came to an end at {work}"));
            }
            pause(BETWEEN_LOOKS);
        }
        let keys = self.believed(&self.new_software()?, None)?;
        for index in 0..self.licenses.len() {
            let license = self.license(index)?;
            let text = license["license_key"].as_str().unwrap_or_default();
            let verified =
                UnverifiedToken::parse(text).and_then(|token| token.verify::<LicenseClaims>(&keys));
            verified.map_err(|refusal| format!("a re-issued license key is refused: {refusal}"))?;
            expect(kid_of(text) != stolen, "a re-issued license key is signed by another key")?;
            details.add(format!("{}: …{}", customer_name(index), &text[text.len() - 8..]));
        }
        Ok(())
    }

    /// What the server answers to a forgery, at each place where it could be used.
    fn refusal_of(&self, text: &str) -> Result<String, Failure> {
        let is_certificate = typ_of(text) == Some(TokenType::Activation);
        let machine = json!({ "components": { "os": "AAAAAAAAAAAAAAAAAAAAAA" } });
        let calls = if is_certificate {
            let act = claims_of::<ActivationClaims>(text)?.act;
            let body = json!({ "certificate": text, "nonce": "drill" });
            vec![(format!("/v1/activations/{act}/renew"), body)]
        } else {
            let activate = json!({ "license_key": text, "machine": machine, "nonce": "drill" });
            vec![
                ("/v1/activations".to_owned(), activate),
                ("/v1/usage".to_owned(), json!({ "license_key": text, "metric": "m", "amount": 1 })),
            ]
        };
        let mut codes = Vec::new();
        for (path, body) in calls {
            match self.anybody.post(&path, &body) {
                Err(ApiFailure::Problem(problem)) if refuses(problem.code()) => {
                    codes.push(problem.code().to_owned());
                }
                Err(other) => return Err(format!("{path}: {other}")),
                Ok(answer) => return Err(format!("{path} took a forgery: {answer}")),
            }
        }
        if !is_certificate {
            let body = json!({ "license_key": text });
            let verdict = self.anybody.post("/v1/validate", &body).map_err(told)?;
            expect(verdict["valid"] == false, "the online verdict is no")?;
            codes.extend(verdict["code"].as_str().map(str::to_owned));
        }
        Ok(codes.join(", "))
    }
}

/// A forgery is unknown, or is told what everybody with an old text of that name is told.
fn refuses(code: &str) -> bool {
    matches!(code, "license_key_refused" | "license_superseded")
}

/// License keys as a thief would make them, and since when.
fn forged_keys(stage: &Stage, stolen: &StolenKey) -> Result<(i64, Vec<Forgery>), Failure> {
    let honest = |index| {
        let license = stage.license(index)?;
        claims_of::<LicenseClaims>(license["license_key"].as_str().unwrap_or_default())
    };
    let (lab, online) = (honest(2)?, honest(0)?);
    let at = next_second();
    let free = |claims: &LicenseClaims| {
        let mut policy = claims.policy;
        (policy.binding, policy.status) = (Binding::None, StatusRule::Ignore);
        LicenseClaims { policy, iat: at, jti: "tok_0000000000000000000001".into(), ..claims.clone() }
    };
    let forever = LicenseClaims { exp: None, term: Term::Permanent, ..free(&lab) };
    let other = LicenseClaims { sub: "lic_0000000000000000000001".into(), ..free(&lab) };
    let same_name = LicenseClaims {
        jti: online.jti.clone(),
        exp: online.exp.map(|end| end + 9 * YEAR_SECS),
        ..free(&online)
    };
    let dated_back =
        LicenseClaims { sub: "lic_0000000000000000000002".into(), iat: lab.iat - 60, ..free(&lab) };
    let forgeries = vec![
        Forgery { what: "an honest license, for ever", text: sign(stolen, &forever)? },
        Forgery { what: "a license that was never sold", text: sign(stolen, &other)? },
        Forgery { what: "the name of an honest key, nine more years", text: sign(stolen, &same_name)? },
        Forgery { what: "dated back to before the theft", text: sign(stolen, &dated_back)? },
    ];
    Ok((at, forgeries))
}

/// Certificates as a thief would make them, and since when.
fn forged_certificates(stage: &Stage, stolen: &StolenKey) -> Result<(i64, Vec<Forgery>), Failure> {
    let (_, certificate) = stage.offline.kept()?;
    let honest = claims_of::<ActivationClaims>(&certificate)?;
    let at = next_second();
    let mut policy = honest.policy;
    (policy.binding, policy.status) = (Binding::None, StatusRule::Ignore);
    let free = ActivationClaims {
        machine: None,
        policy,
        iat: at,
        nbf: at - 60,
        exp: at + YEAR_SECS,
        generation: honest.generation + 1,
        ..honest.clone()
    };
    let other = ActivationClaims {
        sub: "lic_0000000000000000000003".into(),
        act: "act_0000000000000000000001".into(),
        ..free.clone()
    };
    let dated_back = ActivationClaims { iat: honest.iat - 60, nbf: honest.iat - 60, ..other.clone() };
    let forgeries = vec![
        Forgery { what: "an honest activation, for any machine", text: sign(stolen, &free)? },
        Forgery { what: "an activation that never was", text: sign(stolen, &other)? },
        Forgery { what: "dated back to before the theft", text: sign(stolen, &dated_back)? },
    ];
    Ok((at, forgeries))
}

fn client_of(folder: &Path, url: &str, name: &str, keys: &Path) -> Client {
    Client {
        server: url.to_owned(),
        issuer: ISSUER.to_owned(),
        product: PRODUCT.to_owned(),
        keys_file: keys.to_owned(),
        state_dir: folder.join("machines").join(name.replace(' ', "-")),
    }
}

impl Client {
    /// Starts without a network, with a key set that somebody has carried here, and then once more without.
    fn expect_run_with(&self, set: &str, what: &str, details: &mut Details) -> Result<(), Failure> {
        expect_run(&self.start(&["--offline", "--key", set])?, what, details)
    }
}

fn customer_name(index: usize) -> &'static str {
    ["online", "offline", "laboratory"].get(index).copied().unwrap_or("customer")
}

fn expect(holds: bool, what: &str) -> Result<(), Failure> {
    if holds { Ok(()) } else { Err(format!("it does not hold that {what}")) }
}

fn expect_run(started: &Started, what: &str, details: &mut Details) -> Result<(), Failure> {
    details.add(format!("{what}: {}", started.word()));
    if started.runs { Ok(()) } else { Err(format!("{what} was refused: {}", started.verdict)) }
}

fn expect_refusal(started: &Started, what: &str, details: &mut Details) -> Result<(), Failure> {
    details.add(format!("{what}: {}", started.word()));
    if started.runs { Err(format!("{what} ran: {}", started.verdict)) } else { Ok(()) }
}

fn items(answer: &Value) -> impl Iterator<Item = &Value> {
    answer["items"].as_array().into_iter().flatten()
}

fn sign<C: Claims>(key: &StolenKey, claims: &C) -> Result<String, Failure> {
    key.sign(claims)
}

/// The claims of an honest text, as anybody can read them.
fn claims_of<C: Claims>(text: &str) -> Result<C, Failure> {
    let token = UnverifiedToken::parse(text).map_err(|refusal| refusal.to_string())?;
    C::read(token.inspect().claims).map_err(|refusal| refusal.to_string())
}

fn typ_of(text: &str) -> Option<TokenType> {
    let token = UnverifiedToken::parse(text).ok()?;
    token
        .inspect()
        .header
        .get("typ")
        .and_then(license_token::json::Value::as_str)
        .and_then(TokenType::from_typ)
}

fn kid_of(text: &str) -> String {
    let token = UnverifiedToken::parse(text).ok();
    let kid = token.as_ref().and_then(|token| token.inspect().header.get("kid"));
    kid.and_then(license_token::json::Value::as_str).unwrap_or_default().to_owned()
}

/// Waits until the clock shows a second in which nothing honest was signed; says which.
fn next_second() -> i64 {
    let now = SystemClock.now();
    pause(Duration::from_secs(1).saturating_sub(Duration::from_nanos(now.timestamp_subsec_nanos().into())));
    now.timestamp() + 1
}

#[expect(
    clippy::disallowed_methods,
    reason = "another process works, or a second passes, and nothing tells of it"
)]
fn pause(time: Duration) {
    std::thread::sleep(time);
}

fn time(secs: i64) -> String {
    DateTime::<Utc>::from_timestamp(secs, 0).unwrap_or_default().to_rfc3339_opts(SecondsFormat::Secs, true)
}

fn told(failure: ApiFailure) -> Failure {
    failure.to_string()
}
