//! The real program: backed up under load, killed, restored by its own command, and served again.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicBool, Ordering};

use license_client::{Config, check, maintain};
use license_token::Component;
use lictor::store::{Direction, EmbeddedEngine, KeyRange, RecordStore};
use serde_json::{Value, json};

use super::process::{API_TOKEN, ISSUER, Merchant, Site, agent, read};
use super::witness::{Witness, claims};

/// Real clients, and as many that only renew.
const CLIENTS: usize = 32;

fn lictor(site: &Site, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_lictor"))
        .args(args)
        .env("LICTOR_URL", site.url())
        .env("LICTOR_DATA_DIR", site.folder.path().join("data"))
        .env("LICTOR_KEYS_DIR", site.folder.path().join("keys"))
        .env_remove("LICTOR_TOKEN")
        .env_remove("LICTOR_CONFIG")
        .output()
        .expect("the binary starts")
}

#[track_caller]
fn done(output: &Output) -> Value {
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_str(&text).unwrap_or(Value::String(text.into_owned()))
}

/// What a command that ended with this code said.
#[track_caller]
fn refused(output: &Output, code: i32) -> String {
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(code), "{text}{}", String::from_utf8_lossy(&output.stdout));
    text
}

fn back_up(site: &Site, file: &Path, more: &[&str]) -> Output {
    let token = site.folder.path().join("data/operator-token");
    let (file, token) = (file.display().to_string(), token.display().to_string());
    let mut args = vec!["backup", &file, "--json", "--token-file", &token];
    args.extend(more);
    lictor(site, &args)
}

fn restore(site: &Site, file: &Path) -> Output {
    lictor(site, &["restore", &file.display().to_string(), "--json"])
}

fn move_away(site: &Site, name: &str) {
    std::fs::rename(site.folder.path().join("data"), site.folder.path().join(name)).expect("it is moved");
}

fn issue(merchant: &Merchant, witness: &Witness) -> (String, String) {
    let order = json!({ "product": "acme-cad", "spec": "cad-month" });
    let (status, sold) = merchant.post("/v1/merchant/licenses?reveal=true", &order);
    assert_eq!(status, 201, "{sold}");
    let text = |name: &str| sold[name].as_str().expect("a text").to_owned();
    witness.license_key(&text("license_key"));
    (text("id"), text("license_key"))
}

fn change(merchant: &Merchant, license: &str, verb: &str) {
    let path = format!("/v1/merchant/licenses/{license}/{verb}");
    let (status, answer) = merchant.post(&path, &json!({ "reason": "other" }));
    assert_eq!(status, 200, "{answer}");
}

/// A customer's software.
struct Software {
    name: String,
    config: Config,
    state: PathBuf,
}

impl Software {
    fn install(site: &Site, number: usize, keys: &str) -> Self {
        let name = format!("desk-{number}");
        let folder = site.folder.path().join("clients").join(&name);
        let machine = name.clone();
        let components = move || {
            let of = |component: Component| (component, format!("{} of {machine}", component.as_str()));
            [Component::Os, Component::Fw, Component::Brd].map(of).to_vec()
        };
        let config = Config::new("acme-cad", ISSUER, keys, &folder).expect("valid");
        let config = config.server(&site.url()).environment(|_| None).machine(components);
        Self { name, config, state: folder.join("acme-cad.license.json") }
    }

    /// What it kept, shown to the witness.
    fn shown(&self, witness: &Witness) -> Value {
        let state = std::fs::read(&self.state).expect("the client keeps its state");
        let state: Value = serde_json::from_slice(&state).expect("JSON");
        witness.license_key(state["license_key"].as_str().expect("a key"));
        witness.certificate(&self.name, state["certificate"].as_str().expect("a certificate"));
        for list in state["lists"].as_object().expect("lists").values() {
            witness.list(&self.name, list["text"].as_str().expect("a text"));
        }
        if state["failures"] != 0 || !state["refusal"].is_null() {
            witness.fault(format!("{}: {} {}", self.name, state["failures"], state["refusal"]));
        }
        state
    }
}

/// The next certificate, asked for as any client might: by the one before.
fn renew(site: &Site, client: &str, certificate: &str, witness: &Witness) -> String {
    let claims = claims(certificate);
    let id = claims["lic"]["act"].as_str().expect("an activation");
    let nonce = format!("after {}", claims["jti"]);
    let body = json!({ "certificate": certificate, "nonce": nonce });
    let request = agent().post(format!("{}/v1/activations/{id}/renew", site.url()));
    let (status, answer) = read(request.send(body.to_string()).expect("the server answers"));
    assert_eq!(status, 200, "{client}: {answer}");
    let next = answer["certificate"].as_str().expect("a certificate").to_owned();
    witness.certificate(client, &next);
    next
}

#[test]
fn a_killed_server_is_restored_by_its_commands_and_its_clients_go_on() {
    let sandbox = super::process::start_sandbox();
    let site = Site::new(&sandbox.base_url());
    let (witness, merchant) = (Witness::default(), site.merchant());
    let server = site.start();
    let (_, keys) =
        read(agent().get(format!("{}/.well-known/jwks.json", site.url())).call().expect("answered"));
    let clients: Vec<_> =
        (0..CLIENTS).map(|number| Software::install(&site, number, &keys.to_string())).collect();
    let sold: Vec<_> = clients.iter().map(|_| issue(&merchant, &witness)).collect();
    for (client, (_, key)) in clients.iter().zip(&sold) {
        assert_eq!(check(&client.config, Some(key)).code(), "valid");
        client.shown(&witness);
    }
    let file = site.folder.path().join("backup.lictor");

    // Taken while licenses are issued and stopped.
    let going_on = AtomicBool::new(true);
    let backup = std::thread::scope(|scope| {
        scope.spawn(|| {
            while going_on.load(Ordering::SeqCst) {
                let (id, _) = issue(&merchant, &witness);
                change(&merchant, &id, "suspend");
            }
        });
        let backup = back_up(&site, &file, &[]);
        going_on.store(false, Ordering::SeqCst);
        backup
    });
    let backup = done(&backup);
    assert_eq!(backup["keys_backup"]["last_at"], Value::Null, "{backup}");
    assert!(backup["records"].as_u64().is_some_and(|records| records > CLIENTS as u64), "{backup}");
    holds_no_secret(&site, &file);
    assert!(refused(&back_up(&site, &file, &[]), 1).contains("--force"));
    done(&back_up(&site, &site.folder.path().join("another"), &[]));

    // What is lost: licenses, their end, renewals.
    let mut held: Vec<_> = clients
        .iter()
        .map(|client| client.shown(&witness)["certificate"].as_str().expect("it has one").to_owned())
        .collect();
    for _ in 0..3 {
        for (client, certificate) in clients.iter().zip(&mut held) {
            *certificate = renew(&site, &format!("renewing {}", client.name), certificate, &witness);
        }
        for _ in 0..12 {
            let (id, _) = issue(&merchant, &witness);
            change(&merchant, &id, "revoke");
        }
        for client in &clients {
            assert_eq!(maintain(&client.config).code(), "valid");
            client.shown(&witness);
        }
    }
    assert!(refused(&restore(&site, &file), 1).contains("a running server holds"));
    server.kill();
    assert!(refused(&restore(&site, &file), 1).contains("mv "), "a store is never written over");
    move_away(&site, "data.killed");

    let restored = done(&restore(&site, &file));
    assert!(restored["licenses"].as_u64().is_some_and(|count| count >= CLIENTS as u64), "{restored}");
    assert_eq!(restored["taken_at"], backup["taken_at"]);
    let server = site.start();
    for (client, certificate) in clients.iter().zip(&mut held) {
        assert_eq!(maintain(&client.config).code(), "valid");
        client.shown(&witness);
        *certificate = renew(&site, &format!("renewing {}", client.name), certificate, &witness);
    }
    for _ in 0..12 {
        let (id, _) = issue(&merchant, &witness);
        change(&merchant, &id, "revoke");
    }
    // The old token's file is gone with the old folder; the new one is the operator's.
    let after = done(&back_up(&site, &site.folder.path().join("after"), &[]));
    assert!(after["records"].as_u64() > backup["records"].as_u64(), "{after}");
    server.stop();
    witness.is_content();
    println!("{:?}", witness.counts());
}

/// What a backup holds behind its compression: the keys and bodies of all its records.
fn content_of(file: &Path) -> Vec<u8> {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    EmbeddedEngine::restore(&data, file, &mut |_| ()).expect("a whole backup");
    let store = RecordStore::start(EmbeddedEngine::open(&data).expect("it opens"));
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(async {
        let (mut content, mut range) = (Vec::new(), KeyRange::all());
        loop {
            let page = store.scan(range.clone(), Direction::Forward, 1_000).await.expect("a scan");
            let Some((last, _)) = page.last() else { break };
            range = range.after(last);
            for (key, record) in &page {
                content.extend_from_slice(key.as_bytes());
                content.extend_from_slice(&record.body);
            }
        }
        store.close().await.expect("closed");
        content
    })
}

/// No key file's bytes, in no form that they have on disk, and no token.
#[track_caller]
fn holds_no_secret(site: &Site, file: &Path) {
    let backup = [std::fs::read(file).expect("there"), content_of(file)].concat();
    let holds = |what: &[u8]| backup.windows(what.len()).any(|window| window == what);
    assert!(holds(b"acme-cad"), "the test reads what it believes to read");
    assert!(!holds(b"PRIVATE KEY"));
    assert!(!holds(API_TOKEN.as_bytes()));
    let token = std::fs::read_to_string(site.folder.path().join("data/operator-token")).expect("there");
    assert!(!holds(token.trim().as_bytes()));
    let keys = site.folder.path().join("keys");
    assert!(!holds(&std::fs::read(keys.join("claim.key")).expect("there")));
    let mut seen = 0;
    for entry in std::fs::read_dir(keys.join("acme")).expect("there") {
        let pem = std::fs::read_to_string(entry.expect("readable").path()).expect("a text");
        let line = pem.lines().nth(1).expect("a line of base64");
        assert!(!holds(line.as_bytes()));
        seen += 1;
    }
    assert_eq!(seen, 4, "a key of each role");
}

#[test]
fn only_the_operator_reads_a_backup() {
    let sandbox = super::process::start_sandbox();
    let site = Site::new(&sandbox.base_url());
    let server = site.start();
    for path in ["/v1/server/backup", "/v1/server/keys-backup"] {
        let (status, answer) = site.merchant().get(path);
        assert_eq!((status, &answer["code"]), (403, &json!("scope_missing")));
        let (status, answer) = read(agent().get(format!("{}{path}", site.url())).call().expect("answered"));
        assert_eq!((status, &answer["code"]), (401, &json!("token_refused")));
    }
    server.stop();
}

#[test]
fn a_stopped_server_is_backed_up_directly_and_its_keys_into_a_file_of_their_own() {
    let sandbox = super::process::start_sandbox();
    let site = Site::new(&sandbox.base_url());
    let (witness, merchant) = (Witness::default(), site.merchant());
    let server = site.start();
    let (id, key) = issue(&merchant, &witness);
    server.stop();
    let path = |name: &str| site.folder.path().join(name).display().to_string();
    let made = done(&lictor(&site, &["keys", "backup", &path("keys.backup"), "--json"]));
    // One for each of four roles, the claim key and the key of the vault.
    assert_eq!(made["files"].as_array().map(Vec::len), Some(6), "{made}");
    assert!(refused(&lictor(&site, &["keys", "backup", &path("keys.backup")]), 1).contains("never covered"));
    let file = site.folder.path().join("backup");
    let backup = done(&back_up(&site, &file, &[]));
    assert_eq!(backup["keys_backup"]["last_at"], made["made_at"]);
    assert_eq!(backup["keys_backup"]["not_in_it"], json!([]));

    // Everything is gone but the two files.
    move_away(&site, "data.old");
    std::fs::rename(site.folder.path().join("keys"), site.folder.path().join("keys.old")).expect("moved");
    assert!(refused(&restore(&site, &file), 1).contains("lictor keys restore"));
    done(&lictor(&site, &["keys", "restore", &path("keys.backup"), "--json"]));
    done(&restore(&site, &file));
    let server = site.start();
    let shown = merchant.reveal(&id);
    assert_eq!(shown["license_key"], json!(key), "byte for byte");
    server.stop();
}

#[test]
fn with_other_keys_nothing_is_restored() {
    let sandbox = super::process::start_sandbox();
    let (site, other) = (Site::new(&sandbox.base_url()), Site::new(&sandbox.base_url()));
    let server = site.start();
    issue(&site.merchant(), &Witness::default());
    server.stop();
    other.start().stop();
    let file = site.folder.path().join("backup");
    done(&back_up(&site, &file, &[]));
    move_away(&other, "data.old");
    assert!(refused(&restore(&other, &file), 1).contains("did not sign the newest license"));
    nothing_starts(&other);
}

#[test]
fn a_backup_that_was_cut_or_changed_restores_nothing() {
    let sandbox = super::process::start_sandbox();
    let site = Site::new(&sandbox.base_url());
    let server = site.start();
    let (id, _) = issue(&site.merchant(), &Witness::default());
    server.stop();
    let (file, damaged) = (site.folder.path().join("backup"), site.folder.path().join("damaged"));
    done(&back_up(&site, &file, &[]));
    move_away(&site, "data.old");
    let whole = std::fs::read(&file).expect("there");
    for part in 1..=8 {
        let place = whole.len() * part / 9;
        let mut flipped = whole.clone();
        flipped[place] ^= 1;
        for bytes in [&flipped[..], &whole[..place]] {
            std::fs::write(&damaged, bytes).expect("written");
            refused(&restore(&site, &damaged), 1);
            nothing_starts(&site);
        }
    }
    // Nothing was left behind that stands in the way.
    done(&restore(&site, &file));
    let server = site.start();
    site.merchant().reveal(&id);
    server.stop();
}

/// The folder holds no store: a start refuses, whatever it may create.
#[track_caller]
fn nothing_starts(site: &Site) {
    let said = refused(&lictor(site, &["serve", "--listen", "127.0.0.1:0"]), 1);
    assert!(said.contains("holds no store"), "{said}");
}

#[test]
fn a_restore_that_was_cut_off_starts_nothing_and_goes_on_when_repeated() {
    let sandbox = super::process::start_sandbox();
    let site = Site::new(&sandbox.base_url());
    let server = site.start();
    let (id, _) = issue(&site.merchant(), &Witness::default());
    server.stop();
    let file = site.folder.path().join("backup");
    done(&back_up(&site, &file, &[]));
    move_away(&site, "data.old");
    done(&restore(&site, &file));

    // As it is left in the middle: some of it in place, its mark not yet.
    let data = site.folder.path().join("data");
    let making = data.join(".restoring");
    std::fs::create_dir(&making).expect("made");
    for name in ["FORMAT", "journal"] {
        std::fs::rename(data.join(name), making.join(name)).expect("moved");
    }
    nothing_starts(&site);
    done(&restore(&site, &file));
    let server = site.start();
    site.merchant().reveal(&id);
    server.stop();
    assert!(!making.exists());

    // What somebody else has put there is not touched.
    move_away(&site, "data.restored");
    std::fs::create_dir(&data).expect("made");
    std::fs::write(data.join("notes"), "mine").expect("written");
    assert!(refused(&restore(&site, &file), 1).contains("is not empty"));
    assert_eq!(std::fs::read(data.join("notes")).expect("still there"), b"mine");
}

#[test]
fn a_stopped_store_is_verified_and_compacted_and_a_running_one_is_not() {
    let sandbox = super::process::start_sandbox();
    let site = Site::new(&sandbox.base_url());
    let server = site.start();
    let (id, key) = issue(&site.merchant(), &Witness::default());
    for verb in ["verify", "compact"] {
        assert!(refused(&lictor(&site, &["store", verb]), 1).contains("a running server holds"));
    }
    server.stop();
    let whole = done(&lictor(&site, &["store", "verify", "--json"]));
    assert_eq!((&whole["whole"], &whole["faults"]), (&json!(true), &json!([])));
    let compacted = done(&lictor(&site, &["store", "compact", "--json"]));
    assert!(compacted["records"].as_u64().is_some_and(|records| records > 10), "{compacted}");
    assert_eq!(done(&lictor(&site, &["store", "verify", "--json"]))["whole"], json!(true));
    let server = site.start();
    assert_eq!(site.merchant().reveal(&id)["license_key"], json!(key));
    server.stop();

    // One bit of the truth.
    let segment = std::fs::read_dir(site.folder.path().join("data/journal")).expect("there");
    let segment = segment.map(|entry| entry.expect("readable").path()).max().expect("a segment");
    let mut bytes = std::fs::read(&segment).expect("there");
    let place = bytes.iter().rposition(|byte| *byte != 0).expect("something is written") / 2;
    bytes[place] ^= 1;
    std::fs::write(&segment, bytes).expect("written");
    let output = lictor(&site, &["store", "verify", "--json"]);
    assert_eq!(output.status.code(), Some(1));
    let report: Value = serde_json::from_slice(&output.stdout).expect("a report all the same");
    assert_eq!(report["whole"], json!(false));
    assert_eq!(report["faults"][0]["part"], "journal", "{report}");
    assert!(report["next"].as_str().is_some_and(|next| next.contains("lictor restore")), "{report}");
}
