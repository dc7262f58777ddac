//! The keys of one merchant: one per role, kept apart from the first start.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use license_token::{KeySet, Role, SigningKey, VerifyingKey};

use super::key_file::{KeyFileError, make_folder, read_key, sync_folder_of, write_key};

pub(super) const ROLES: [Role; 4] = [Role::Root, Role::License, Role::Activation, Role::Status];

/// One merchant's keys, parsed once.
pub(super) struct MerchantKeys {
    /// `iss` to which they are bound.
    pub issuer: String,
    newest: Vec<SigningKey>,
    all: KeySet,
}

impl MerchantKeys {
    /// Reads every key of the merchant's folder; `None` when the folder is not there.
    pub fn open(folder: &Path, issuer: &str) -> Result<Option<Self>, KeyFileError> {
        if !folder.exists() {
            return Ok(None);
        }
        let (mut newest, mut all): (_, Vec<VerifyingKey>) = (Vec::new(), Vec::new());
        for role in ROLES {
            let mut keys = keys_of(folder, role, issuer)?;
            all.extend(keys.iter().map(|(_, key)| key.verifying_key().clone()));
            match keys.pop() {
                Some((_, key)) => newest.push(key),
                None if role == Role::Root => {}
                None => return Err(KeyFileError::Missing { path: path_of(folder, role, "…") }),
            }
        }
        let all = KeySet::new(all).map_err(|_| KeyFileError::Malformed { path: folder.to_owned() })?;
        Ok(Some(Self { issuer: issuer.to_owned(), newest, all }))
    }

    /// Makes one key per role. The folder appears with all of them or not at all: a start that is killed here leaves
    /// nothing that looks like keys that were lost.
    pub fn create(
        folder: &Path,
        issuer: &str,
        mut seed: impl FnMut() -> [u8; 32],
    ) -> Result<Self, KeyFileError> {
        // The name of no merchant: ids have no dot.
        let making = folder.with_extension("making");
        if making.exists() {
            fs::remove_dir_all(&making).map_err(|source| KeyFileError::io("remove", &making, source))?;
        }
        make_folder(&making)?;
        for role in ROLES {
            let secret = ed25519_dalek::SigningKey::from_bytes(&seed());
            let key = bind(secret.clone(), role, issuer, folder)?;
            write_key(&path_of(&making, role, key.verifying_key().kid()), &secret)?;
        }
        fs::rename(&making, folder).map_err(|source| KeyFileError::io("rename", &making, source))?;
        sync_folder_of(folder)?;
        Self::open(folder, issuer)?.ok_or_else(|| KeyFileError::Missing { path: folder.to_owned() })
    }

    /// The key that signs for a role now.
    pub fn signing(&self, role: Role) -> Option<&SigningKey> {
        self.newest.iter().find(|key| key.verifying_key().role() == role)
    }

    /// What verifies their signatures, older keys included.
    pub fn verifying(&self) -> &KeySet {
        &self.all
    }
}

fn path_of(folder: &Path, role: Role, kid: &str) -> PathBuf {
    folder.join(format!("{}-{kid}.pem", role.as_str()))
}

fn bind(
    secret: ed25519_dalek::SigningKey,
    role: Role,
    issuer: &str,
    path: &Path,
) -> Result<SigningKey, KeyFileError> {
    SigningKey::new(secret, role, issuer).map_err(|_| KeyFileError::Malformed { path: path.to_owned() })
}

/// The keys of a role, oldest first.
fn keys_of(folder: &Path, role: Role, issuer: &str) -> Result<Vec<(SystemTime, SigningKey)>, KeyFileError> {
    let io = |source| KeyFileError::io("read", folder, source);
    let prefix = format!("{}-", role.as_str());
    let mut keys = Vec::new();
    for entry in fs::read_dir(folder).map_err(io)? {
        let entry = entry.map_err(io)?;
        let (path, name) = (entry.path(), entry.file_name());
        let named = name.to_str().and_then(|name| name.strip_prefix(&prefix)?.strip_suffix(".pem"));
        let Some(kid) = named else { continue };
        let key = bind(read_key(&path)?, role, issuer, &path)?;
        if key.verifying_key().kid() != kid {
            return Err(KeyFileError::Misnamed { path });
        }
        let written = entry.metadata().and_then(|metadata| metadata.modified()).map_err(io)?;
        keys.push((written, key));
    }
    keys.sort_by_key(|(written, _)| *written);
    Ok(keys)
}
