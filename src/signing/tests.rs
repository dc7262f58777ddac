use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use super::*;
use crate::application::ports::Signer;
use crate::domain::{LocalizedText, Merchant, MerchantId};

fn settings(folder: &Path, may_create: bool) -> KeyringSettings {
    let next = AtomicU8::new(1);
    KeyringSettings {
        folder: folder.to_owned(),
        public_url: "http://127.0.0.1:1".into(),
        may_create,
        randomness: Arc::new(move || [next.fetch_add(1, Ordering::Relaxed); 32]),
    }
}

fn merchant() -> Merchant {
    Merchant {
        id: MerchantId::parse("acme").expect("valid"),
        name: LocalizedText::plain("Acme"),
        issuer: "https://license.acme.example".into(),
        time_zone: "UTC".into(),
        locale: "en".into(),
    }
}

fn key_files(folder: &Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder.join("acme")).expect("there");
    entries.map(|entry| entry.expect("readable").path()).collect()
}

#[test]
fn the_same_folder_gives_the_same_keys_after_a_restart() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("keys");
    let keyring = Keyring::create(settings(&path, true)).expect("made");
    assert_eq!(keyring.prepare_merchant(&merchant()), Ok(true));
    let jwks = keyring.jwks(&merchant()).expect("there");
    let again = Keyring::open(settings(&path, false)).expect("opened");
    assert_eq!(again.prepare_merchant(&merchant()), Ok(false));
    assert_eq!(again.jwks(&merchant()).expect("there"), jwks);
    assert_eq!(key_files(&path).len(), 4, "one key per role");
    for file in key_files(&path) {
        assert_eq!(std::fs::metadata(&file).expect("there").permissions().mode() & 0o777, 0o600);
        let text = std::fs::read_to_string(&file).expect("readable");
        assert!(text.starts_with("-----BEGIN PRIVATE KEY-----"), "PKCS#8");
    }
}

#[test]
fn a_key_that_others_can_read_is_refused_with_the_next_step() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("keys");
    let keyring = Keyring::create(settings(&path, true)).expect("made");
    keyring.prepare_merchant(&merchant()).expect("made");
    let file = key_files(&path).pop().expect("one");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o640)).expect("changed");
    let error = Keyring::open(settings(&path, true)).expect("opened").load_merchant(&merchant());
    let text = error.expect_err("refused").to_string();
    assert!(text.contains("chmod 600") && text.contains("640"), "{text}");
}

#[test]
fn a_missing_or_exchanged_key_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("keys");
    let keyring = Keyring::create(settings(&path, true)).expect("made");
    keyring.prepare_merchant(&merchant()).expect("made");
    let files = key_files(&path);
    let of_role = |role: &str| {
        files
            .iter()
            .find(|file| file.to_string_lossy().contains(&format!("/{role}-")))
            .expect("there")
            .clone()
    };
    let (license, status) = (of_role("license"), of_role("status"));
    let license_bytes = std::fs::read(&license).expect("readable");
    std::fs::write(&license, std::fs::read(status).expect("readable")).expect("written");
    let open = || Keyring::open(settings(&path, true)).expect("opened").load_merchant(&merchant());
    assert!(matches!(open(), Err(KeyFileError::Misnamed { .. })));
    std::fs::write(&license, license_bytes).expect("written");
    assert!(open().is_ok());
    std::fs::remove_file(&license).expect("removed");
    assert!(matches!(open(), Err(KeyFileError::Missing { .. })));
    std::fs::remove_dir_all(path.join("acme")).expect("removed");
    assert!(matches!(open(), Err(KeyFileError::Missing { .. })));
    let replica = Keyring::open(settings(&path, false)).expect("opened");
    assert!(replica.prepare_merchant(&merchant()).is_err(), "a replica makes no keys");
}
