//! Secrets that must be read back: sealed under a key of the keys folder, so that the store alone opens none of them.
//!
//! XChaCha20-Poly1305 with a random nonce of 24 bytes before the ciphertext. What a secret belongs to is sealed with it
//! as associated data: moved elsewhere in the store it does not open.

use std::path::{Path, PathBuf};

use chacha20poly1305::aead::{Aead as _, KeyInit as _, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use secrecy::{ExposeSecret as _, SecretString};
use zeroize::Zeroizing;

use super::key_file::{KeyFileError, read_secret, write_secret};
use crate::application::ports::{SealedFault, SecretVault};

const KEY_BYTES: usize = 32;
const NONCE_BYTES: usize = 24;

/// Makes 32 unpredictable bytes.
type Randomness = std::sync::Arc<dyn Fn() -> [u8; 32] + Send + Sync>;

/// The vault of a keys folder. It is read at each use: another server of the same folder may have made it.
#[derive(Clone)]
pub struct Vault {
    path: PathBuf,
    randomness: Randomness,
}

impl Vault {
    /// The file's name in the keys folder.
    pub const FILE_NAME: &'static str = "vault.key";

    /// The vault of this folder, whether its key is there or not.
    pub fn of(keys_folder: &Path, randomness: Randomness) -> Self {
        Self { path: keys_folder.join(Self::FILE_NAME), randomness }
    }

    /// Whether its key is there.
    pub fn exists(&self) -> bool {
        self.path.exists()
    }

    /// Makes its key; `Ok(false)` if it is there. For whoever knows that nothing is sealed yet.
    pub fn create(&self) -> Result<bool, KeyFileError> {
        if self.exists() {
            return Ok(false);
        }
        match write_secret(&self.path, &(self.randomness)()) {
            Ok(()) => Ok(true),
            // Somebody else was faster; a key that was made is never replaced.
            Err(_) if self.exists() => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn cipher(&self) -> Result<XChaCha20Poly1305, SealedFault> {
        let path = self.path.display();
        if !self.exists() {
            return Err(SealedFault(format!(
                "{path} is missing: bring the keys folder back from its backup, or copy the file from another server; \
                 where nothing was ever sealed, `lictor keys vault` makes it"
            )));
        }
        let bytes = read_secret(&self.path).map_err(|error| SealedFault(error.to_string()))?;
        let malformed = || SealedFault(format!("{path} is no key of a vault: bring it back from its backup"));
        let key: [u8; KEY_BYTES] = bytes.as_slice().try_into().map_err(|_| malformed())?;
        let key = Zeroizing::new(key);
        Ok(XChaCha20Poly1305::new(&(*key).into()))
    }
}

impl SecretVault for Vault {
    fn seal(&self, owner: &[&str], secret: &SecretString) -> Result<Vec<u8>, SealedFault> {
        let cipher = self.cipher()?;
        let mut nonce = [0; NONCE_BYTES];
        nonce.copy_from_slice(&(self.randomness)()[..NONCE_BYTES]);
        let aad = bound_to(owner);
        let payload = Payload { msg: secret.expose_secret().as_bytes(), aad: &aad };
        let sealed = cipher.encrypt(&XNonce::from(nonce), payload);
        let sealed = sealed.map_err(|_| SealedFault("the secret cannot be sealed".to_owned()))?;
        Ok([nonce.as_slice(), &sealed].concat())
    }

    fn open(&self, owner: &[&str], sealed: &[u8]) -> Result<SecretString, SealedFault> {
        let fault = || {
            let path = self.path.display();
            SealedFault(format!(
                "a sealed secret does not open with {path}: bring back the file that sealed it, or rotate the secret"
            ))
        };
        let cipher = self.cipher()?;
        let (nonce, sealed) = sealed.split_first_chunk::<NONCE_BYTES>().ok_or_else(fault)?;
        let aad = bound_to(owner);
        let opened = cipher.decrypt(&XNonce::from(*nonce), Payload { msg: sealed, aad: &aad });
        let opened = Zeroizing::new(opened.map_err(|_| fault())?);
        let text = std::str::from_utf8(&opened).map_err(|_| fault())?;
        Ok(SecretString::from(text))
    }
}

/// Each part with its length before it, so that no two owners are the same bytes.
fn bound_to(owner: &[&str]) -> Vec<u8> {
    let mut bytes = b"lictor vault 1".to_vec();
    for part in owner {
        bytes.extend_from_slice(&(part.len() as u64).to_be_bytes());
        bytes.extend_from_slice(part.as_bytes());
    }
    bytes
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU8, Ordering};

    use super::*;

    fn vault(folder: &Path) -> Vault {
        let next = AtomicU8::new(1);
        Vault::of(folder, Arc::new(move || [next.fetch_add(1, Ordering::Relaxed); 32]))
    }

    fn secret() -> SecretString {
        SecretString::from("whsec_bGljdG9yIHRlc3Qgc2VjcmV0IG51bWJlciAxISEh")
    }

    #[test]
    fn a_secret_opens_for_its_owner_and_for_nobody_else() {
        let folder = tempfile::tempdir().expect("a folder");
        let vault = vault(folder.path());
        assert_eq!(vault.create().map_err(|error| error.to_string()), Ok(true));
        let owner = ["webhook", "acme", "whk_1", "wsk_1"];
        let sealed = vault.seal(&owner, &secret()).expect("sealed");
        let again = vault.seal(&owner, &secret()).expect("sealed");
        assert_ne!(sealed, again, "each has a nonce of its own");
        let shown = String::from_utf8_lossy(&sealed);
        assert!(!shown.contains("whsec_"));
        assert_eq!(vault.open(&owner, &sealed).expect("opens").expose_secret(), secret().expose_secret());
        for other in [
            ["webhook", "acme", "whk_2", "wsk_1"],
            ["webhook", "other", "whk_1", "wsk_1"],
            ["webhook", "acme", "whk_1", "wsk_2"],
            ["webhook", "acmew", "hk_1", "wsk_1"],
        ] {
            assert!(vault.open(&other, &sealed).is_err(), "{other:?}");
        }
    }

    #[test]
    fn a_secret_that_was_changed_or_cut_does_not_open() {
        let folder = tempfile::tempdir().expect("a folder");
        let vault = vault(folder.path());
        vault.create().expect("made");
        let sealed = vault.seal(&["a"], &secret()).expect("sealed");
        for place in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[place] ^= 1;
            assert!(vault.open(&["a"], &changed).is_err(), "byte {place}");
            assert!(vault.open(&["a"], &sealed[..place]).is_err(), "cut at {place}");
        }
    }

    #[test]
    fn a_key_is_made_once_for_its_owner_alone_and_a_missing_one_says_what_to_do() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().expect("a folder");
        let vault = vault(folder.path());
        let missing = vault.seal(&["a"], &secret()).expect_err("there is no key").to_string();
        assert!(
            missing.contains("vault.key is missing") && missing.contains("lictor keys vault"),
            "{missing}"
        );
        assert!(vault.create().expect("made"));
        let path = folder.path().join(Vault::FILE_NAME);
        let before = std::fs::read(&path).expect("there");
        assert_eq!(std::fs::metadata(&path).expect("there").permissions().mode() & 0o777, 0o600);
        assert!(!vault.create().expect("there"));
        assert_eq!(std::fs::read(&path).expect("there"), before);
    }
}
