use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use super::*;
use crate::application::ports::Signer;
use crate::domain::{LocalizedText, Merchant, MerchantId};
use crate::signing::{Keyring, KeyringSettings};

struct Ground {
    folder: tempfile::TempDir,
    keyring: Keyring,
}

impl Ground {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let next = AtomicU8::new(1);
        let settings = KeyringSettings {
            folder: folder.path().join("keys"),
            public_url: "http://127.0.0.1:1".into(),
            may_create: true,
            randomness: Arc::new(move || [next.fetch_add(1, Ordering::Relaxed); 32]),
        };
        let keyring = Keyring::create(settings).expect("the folder is new");
        keyring.prepare_merchant(&merchant("acme")).expect("keys are made");
        Self { folder, keyring }
    }

    fn keys(&self) -> PathBuf {
        self.folder.path().join("keys")
    }

    fn back_up(&self, name: &str) -> Result<KeysBackupSummary, KeysBackupError> {
        back_up_keys(&self.keys(), &self.folder.path().join(name), at("2026-11-22T10:00:00Z"))
    }
}

fn merchant(id: &str) -> Merchant {
    Merchant {
        id: MerchantId::parse(id).expect("valid"),
        name: LocalizedText::plain("Acme"),
        issuer: "https://license.acme.example".into(),
        time_zone: "UTC".into(),
        locale: "en".into(),
    }
}

fn at(text: &str) -> Instant {
    text.parse().expect("a test writes valid instants")
}

/// Path, content and time of every key file.
fn contents(folder: &Path) -> Vec<(String, String, u64)> {
    let files = files_of(folder).expect("readable");
    files.into_iter().map(|file| (file.path, file.content.to_string(), file.modified_ms)).collect()
}

#[test]
fn what_was_backed_up_comes_back_file_by_file_with_the_order_of_the_keys() {
    let ground = Ground::new();
    let made = ground.back_up("backup").expect("backed up");
    assert_eq!(made.files.len(), 5, "four roles and the claim key: {made:?}");
    let backup = ground.folder.path().join("backup");
    assert_eq!(fs::metadata(&backup).expect("there").permissions().mode() & 0o777, 0o600);
    let again = ground.folder.path().join("again");
    assert_eq!(restore_keys(&backup, &again).expect("restored"), made);
    assert_eq!(contents(&again), contents(&ground.keys()));
    assert!(Keyring::exists(&again));
    assert_eq!(last_keys_backup(&again).expect("readable").not_in_it, Vec::<String>::new());
    restore_keys(&backup, &again).expect("repeated, it changes nothing");
}

#[test]
fn a_key_that_is_newer_than_the_backup_is_named() {
    let ground = Ground::new();
    let never = last_keys_backup(&ground.keys()).expect("readable");
    assert_eq!((never.last_at, never.not_in_it.len()), (None, 5));
    ground.back_up("backup").expect("backed up");
    let known = last_keys_backup(&ground.keys()).expect("readable");
    assert_eq!((known.last_at, known.not_in_it.len()), (Some(at("2026-11-22T10:00:00Z")), 0));
    ground.keyring.prepare_merchant(&merchant("globex")).expect("keys are made");
    let known = last_keys_backup(&ground.keys()).expect("readable");
    assert_eq!(known.not_in_it.len(), 4, "{known:?}");
    assert!(known.not_in_it.iter().all(|path| path.starts_with("globex/")), "{known:?}");
}

#[test]
fn nothing_is_ever_covered() {
    let ground = Ground::new();
    ground.back_up("backup").expect("backed up");
    assert!(matches!(ground.back_up("backup"), Err(KeysBackupError::Exists { .. })));
    let backup = ground.folder.path().join("backup");
    let other = Ground::new();
    other.keyring.prepare_merchant(&merchant("globex")).expect("keys are made");
    let before = contents(&other.keys());
    assert!(matches!(restore_keys(&backup, &other.keys()), Err(KeysBackupError::Differs { .. })));
    assert_eq!(contents(&other.keys()), before);
}

#[test]
fn a_changed_or_cut_backup_brings_nothing_back() {
    let ground = Ground::new();
    ground.back_up("backup").expect("backed up");
    let whole = fs::read(ground.folder.path().join("backup")).expect("there");
    let (damaged, target) = (ground.folder.path().join("damaged"), ground.folder.path().join("target"));
    for place in (0..whole.len()).step_by(whole.len() / 97) {
        let mut flipped = whole.clone();
        flipped[place] ^= 1;
        for bytes in [&flipped[..], &whole[..place]] {
            fs::write(&damaged, bytes).expect("written");
            assert!(restore_keys(&damaged, &target).is_err(), "byte {place}");
            assert!(!target.exists(), "byte {place}");
        }
    }
}

#[test]
fn a_path_out_of_the_keys_folder_is_refused() {
    let ground = Ground::new();
    for path in ["../evil", "/etc/evil", "a/../../evil", ".hidden"] {
        let files = vec![StoredFile { path: path.into(), modified_ms: 0, content: "AAAA".to_owned().into() }];
        let sha256 = digest_of(0, &files);
        let document = Document { format: FORMAT.into(), version: VERSION, made_at_ms: 0, files, sha256 };
        let file = ground.folder.path().join("evil");
        fs::write(&file, serde_json::to_vec(&document).expect("JSON")).expect("written");
        let refused = restore_keys(&file, &ground.folder.path().join("target"));
        assert!(matches!(refused, Err(KeysBackupError::Damaged { .. })), "{path}");
    }
}
