//! The program as a customer would start it.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use license_token::{Binding, Env, KeySet, LicenseClaims, Policy, Role, SigningKey, SpecClaim, Term};
use tempfile::tempdir;

const ISS: &str = "https://license.acme.example";

fn run(folder: &Path, more: &[&str]) -> Output {
    let keys = folder.join("keys.json");
    let set = KeySet::new(vec![signing_key().verifying_key().clone()]).expect("one key");
    fs::write(&keys, set.to_json()).expect("written");
    let mut command = Command::new(env!("CARGO_BIN_EXE_client-example"));
    command.args(["--product", "acme-cad", "--issuer", ISS, "--keys"]).arg(keys).arg("--state").arg(folder);
    command.args(more).output().expect("the program runs")
}

fn signing_key() -> SigningKey {
    SigningKey::from_seed(&[2; 32], Role::License, ISS).expect("a valid issuer")
}

fn license_key(exp: Option<i64>, term: Term) -> String {
    let claims = LicenseClaims {
        iss: ISS.into(),
        aud: "acme-cad".into(),
        sub: "lic_1".into(),
        jti: "tok_1".into(),
        iat: 1_700_000_000,
        nbf: 1_700_000_000,
        exp,
        entitlements: vec!["export".into()],
        status: None,
        env: Env::Live,
        term,
        spec: SpecClaim { sku: "CAD-PRO".into(), attributes: Default::default() },
        machines: None,
        quota: vec![],
        upd: None,
        policy: Policy { binding: Binding::None, ..Policy::default() },
        grace_secs: 0,
    };
    signing_key().sign(&claims).expect("a license key")
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn a_pasted_key_is_kept_and_valid_without_a_server() {
    let folder = tempdir().expect("a folder");
    let key = license_key(None, Term::Permanent);
    let first = run(folder.path(), &["--key", &key]);
    assert_eq!((first.status.code(), text(&first).trim()), (Some(0), "valid: The license is valid."));
    let later = run(folder.path(), &["--offline", "--maintain", "--json"]);
    assert_eq!(later.status.code(), Some(0));
    let json = text(&later);
    assert!(
        json.contains(r#""license_id":"lic_1""#) && json.contains(r#""entitlements":["export"]"#),
        "{json}"
    );
}

#[test]
fn a_refusal_exits_with_1_and_says_what_to_do() {
    let folder = tempdir().expect("a folder");
    let ended = run(folder.path(), &["--key", &license_key(Some(1_700_086_400), Term::Days(1))]);
    assert_eq!(
        (ended.status.code(), text(&ended).trim()),
        (Some(1), "expired: The license has ended. Renew the license.")
    );
    let chinese = run(tempdir().expect("a folder").path(), &["--locale", "zh-CN"]);
    assert_eq!(chinese.status.code(), Some(1));
    assert!(text(&chinese).contains("请粘贴"), "{}", text(&chinese));
}

#[test]
fn a_mistake_in_the_arguments_exits_with_2() {
    let command =
        |args: &[&str]| Command::new(env!("CARGO_BIN_EXE_client-example")).args(args).output().expect("runs");
    let missing = command(&["--product", "acme-cad"]);
    assert_eq!(missing.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&missing.stderr).contains("--keys is missing"));
}

#[test]
fn the_example_is_short() {
    let lines = |name: &str| {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(name);
        fs::read_to_string(path).expect("a source file").lines().count()
    };
    assert!(lines("lib.rs") + lines("main.rs") <= 60);
}
