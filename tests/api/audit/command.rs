//! The commands, as people run them.

use std::path::Path;
use std::process::{Command, Output};

use lictor::application::ports::{Change, Commit, Store};
use lictor::application::record::RecordKey;
use lictor::domain::{LicenseId, MerchantId, Scope};
use serde_json::{Value, json};

use super::{busy, seal};
use crate::support::Harness;

/// Runs `lictor audit …` with a token of `acme`.
struct Desk<'a> {
    harness: &'a Harness,
    token: String,
}

impl<'a> Desk<'a> {
    fn of(harness: &'a Harness) -> Self {
        let token = harness.token(&[Scope::Admin]);
        seal(harness);
        Self { harness, token }
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lictor"));
        command.arg("audit").args(arguments).env_clear();
        command.env("LICTOR_URL", &self.harness.url).env("LICTOR_TOKEN", &self.token);
        command.output().expect("the program runs")
    }

    /// What it answers, and its exit code.
    fn json(&self, arguments: &[&str]) -> (Value, i32) {
        let output = self.run(&[arguments, &["--json"]].concat());
        let answer = serde_json::from_slice(&output.stdout).unwrap_or(Value::Null);
        (answer, output.status.code().expect("it ends by itself"))
    }
}

fn text(path: &Path) -> &str {
    path.to_str().expect("folders of tests have plain names")
}

#[test]
fn the_log_is_listed_exported_and_verified_with_and_without_the_server() {
    let harness = Harness::start();
    let licenses = busy(&harness, 6);
    let desk = Desk::of(&harness);
    let folder = tempfile::tempdir().expect("a folder");
    let [export, keys, head] = ["audit.jsonl", "keys.json", "head.json"].map(|name| folder.path().join(name));
    let (listed, code) = desk.json(&["list", "--license", &licenses[0]]);
    assert_eq!((code, listed["items"].as_array().map(Vec::len)), (0, Some(3)));
    let id = listed["items"][0]["event"]["id"].as_str().expect("an id").to_owned();
    let shown = desk.run(&["show", &id]);
    let words = String::from_utf8(shown.stdout).expect("text");
    assert!(words.contains("license.resumed") && words.contains("looked at"), "{words}");
    let (kept, _) = desk.json(&["head"]);
    std::fs::write(&head, kept.to_string()).expect("written");
    let jwks = harness.anonymous().get("/v1/keysets/acme/jwks.json").expect(200);
    std::fs::write(&keys, &jwks.text).expect("written");

    let (report, code) = desk.json(&["verify", "--head", text(&head)]);
    assert_eq!((code, &report["ok"], &report["unsealed"]), (0, &json!(true), &json!(0)), "{report}");
    let (written, code) = desk.json(&["export", "--file", text(&export)]);
    assert_eq!((code, &written["events"]), (0, &report["entries"]));
    let again = desk.run(&["export", "--file", text(&export)]);
    assert_eq!(again.status.code(), Some(2), "a file that is there is left alone");
    let offline = ["verify", "--file", text(&export), "--jwks", text(&keys)];
    assert_eq!(desk.json(&offline), (report, 0), "the file says what the server says");
    assert_eq!(desk.run(&offline[..3]).status.code(), Some(2), "without keys nothing is proven");

    // One letter of one event.
    let lines = std::fs::read_to_string(&export).expect("readable");
    std::fs::write(&export, lines.replacen("looked at", "looked by", 1)).expect("written");
    let (report, code) = desk.json(&offline);
    assert_eq!((code, &report["findings"][0]["code"]), (1, &json!("event_altered")));
    let words = desk.run(&offline);
    let seq = &report["findings"][0]["seq"];
    assert!(String::from_utf8_lossy(&words.stdout).contains(&format!("number {seq}: evt_")));
    assert!(String::from_utf8_lossy(&words.stderr).contains("docs/audit.md"));
    // The end is cut off; a line is no JSON.
    let cut: Vec<&str> = lines.lines().take(5).collect();
    std::fs::write(&export, cut.join("\n")).expect("written");
    assert_eq!(desk.json(&[&offline[..], &["--head", text(&head)]].concat()).1, 1);
    std::fs::write(&export, format!("nothing\n{lines}")).expect("written");
    assert_eq!(desk.json(&offline).0["findings"][0]["code"], "malformed");
    let foreign = folder.path().join("foreign");
    std::fs::write(&foreign, "eyJ.a.b").expect("written");
    assert_eq!(desk.json(&[&offline[..], &["--head", text(&foreign)]].concat()).1, 2);
}

#[test]
fn what_waits_is_told_and_is_no_fault() {
    let harness = Harness::start();
    busy(&harness, 1);
    let desk = Desk::of(&harness);
    let order = json!({ "product": "acme-cad", "spec": "cad-year" });
    harness.merchant().post("/v1/merchant/licenses", &order).expect(201);
    let (report, code) = desk.json(&["verify"]);
    // The token of the request, and the license.
    assert_eq!((code, &report["unsealed"]), (0, &json!(2)), "{report}");
    assert_eq!(
        report["unsealed_since"],
        harness.app.now().to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
    );
}

#[test]
fn what_was_issued_is_held_against_the_chain_and_the_order_list() {
    let harness = Harness::start();
    busy(&harness, 3);
    let desk = Desk::of(&harness);
    let folder = tempfile::tempdir().expect("a folder");
    let orders = folder.path().join("orders.csv");
    let (fits, code) = desk.json(&["reconcile"]);
    assert_eq!((code, &fits["licenses"], &fits["items"]), (0, &json!(3), &json!([])), "{fits}");
    std::fs::write(&orders, "order_id,status\nCS1234,paid\n").expect("written");
    let (missing, code) = desk.json(&["reconcile", "--export", text(&orders)]);
    assert_eq!((code, &missing["items"][0]["outcome"]), (1, &json!("not_issued")));

    // A license that somebody has put into the store, by what there was of another.
    let id = harness.merchant().get("/v1/merchant/licenses").expect(200).text_at("/items/0/id");
    let acme = MerchantId::parse("acme").expect("valid");
    let license = LicenseId::parse(&id).expect("valid");
    let found = harness.block_on(lictor::application::ports::find::<lictor::domain::License>(
        harness.store.as_ref() as &dyn Store,
        RecordKey::License(acme, license),
    ));
    let found = found.expect("readable").expect("there").value;
    let put = lictor::domain::License { id: LicenseId::from_uuid(9), ..found };
    let changes = vec![Change::Set(lictor::application::record::Record::License(put))];
    harness.block_on(harness.store.commit(Commit { changes, ..Commit::new() })).expect("the store works");
    let (report, code) = desk.json(&["reconcile"]);
    let put = json!("lic_0000000000000000000009");
    assert_eq!(
        (code, &report["items"][0]["outcome"], &report["items"][0]["license"]),
        (1, &json!("no_event"), &put)
    );
}
