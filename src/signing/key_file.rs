//! Private keys on disk: PKCS#8 PEM (RFC 5958, RFC 7468), readable by their owner only.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use ed25519_dalek::SigningKey;
use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use ed25519_dalek::pkcs8::{DecodePrivateKey, EncodePrivateKey};
use zeroize::Zeroizing;

/// Largest key file that is read, in bytes.
const KEY_FILE_BYTES_MAX: u64 = 4_096;
const OWNER_ONLY: u32 = 0o600;
const OWNER_ONLY_FOLDER: u32 = 0o700;

/// Why a key file cannot be used, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// The operating system says no.
    #[error("cannot {doing} {path}: {source}")]
    Io {
        /// What was attempted.
        doing: &'static str,
        /// On which file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Others could read the key.
    #[error(
        "{path} can be read by others (mode {mode:03o}): run chmod 600 on it, and rotate the key if others had access"
    )]
    Open {
        /// Which file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// Not a key.
    #[error("{path} is no Ed25519 private key in PKCS#8 PEM: restore it from your backup of the keys folder")]
    Malformed {
        /// Which file.
        path: PathBuf,
    },
    /// The name does not fit the key in it.
    #[error("{path} holds another key than its name says: restore it from your backup of the keys folder")]
    Misnamed {
        /// Which file.
        path: PathBuf,
    },
    /// A key that must be there is not.
    #[error("{path} is missing: restore the keys folder from your backup, or point LICTOR_KEYS_DIR at it")]
    Missing {
        /// Which file or folder.
        path: PathBuf,
    },
}

impl KeyFileError {
    pub(super) fn io(doing: &'static str, path: &Path, source: io::Error) -> Self {
        Self::Io { doing, path: path.to_owned(), source }
    }
}

/// Reads a file that only its owner can read.
pub(super) fn read_secret(path: &Path) -> Result<Zeroizing<Vec<u8>>, KeyFileError> {
    let file = File::open(path).map_err(|source| KeyFileError::io("open", path, source))?;
    let metadata = file.metadata().map_err(|source| KeyFileError::io("look at", path, source))?;
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(KeyFileError::Open { path: path.to_owned(), mode });
    }
    if metadata.len() > KEY_FILE_BYTES_MAX {
        return Err(KeyFileError::Malformed { path: path.to_owned() });
    }
    let bytes = fs::read(path).map_err(|source| KeyFileError::io("read", path, source))?;
    Ok(Zeroizing::new(bytes))
}

/// Writes a new file that only its owner can read, durably. Never replaces one.
pub(super) fn write_secret(path: &Path, bytes: &[u8]) -> Result<(), KeyFileError> {
    let io = |doing| move |source| KeyFileError::io(doing, path, source);
    let mut file =
        OpenOptions::new().write(true).create_new(true).mode(OWNER_ONLY).open(path).map_err(io("create"))?;
    file.write_all(bytes).map_err(io("write"))?;
    file.sync_all().map_err(io("sync"))?;
    sync_folder_of(path)
}

/// Writes a file that only its owner can read in one step, durably: after a crash the old or the new one is there.
pub(super) fn replace_secret(path: &Path, bytes: &[u8]) -> Result<(), KeyFileError> {
    let beside = path.with_extension("making");
    if beside.exists() {
        fs::remove_file(&beside).map_err(|source| KeyFileError::io("remove", &beside, source))?;
    }
    write_secret(&beside, bytes)?;
    fs::rename(&beside, path).map_err(|source| KeyFileError::io("rename", &beside, source))?;
    sync_folder_of(path)
}

/// Makes the name of a file or folder durable.
pub(super) fn sync_folder_of(path: &Path) -> Result<(), KeyFileError> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let synced = File::open(folder).and_then(|folder| folder.sync_all());
    synced.map_err(|source| KeyFileError::io("sync the folder of", path, source))
}

/// Makes a folder that only its owner can enter, with its parents, durably.
pub(super) fn make_folder(path: &Path) -> Result<(), KeyFileError> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(OWNER_ONLY_FOLDER)
        .create(path)
        .map_err(|source| KeyFileError::io("create", path, source))?;
    sync_folder_of(path)
}

/// Reads a signing key.
pub(super) fn read_key(path: &Path) -> Result<SigningKey, KeyFileError> {
    let malformed = || KeyFileError::Malformed { path: path.to_owned() };
    let bytes = read_secret(path)?;
    let text = std::str::from_utf8(&bytes).map_err(|_| malformed())?;
    SigningKey::from_pkcs8_pem(text).map_err(|_| malformed())
}

/// Writes a new signing key.
pub(super) fn write_key(path: &Path, key: &SigningKey) -> Result<(), KeyFileError> {
    let malformed = |_| KeyFileError::Malformed { path: path.to_owned() };
    let pem = key.to_pkcs8_pem(LineEnding::LF).map_err(malformed)?;
    write_secret(path, pem.as_bytes())
}
