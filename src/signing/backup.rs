//! The keys folder as one file, and back: never together with the data, never over the network.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use license_token::base64url;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::claim_key::ClaimKey;
use super::key_file::{KeyFileError, make_folder, read_secret, replace_secret, write_secret};
use super::merchant_keys::FileKind;
use crate::application::ports::KeysBackup;
use crate::domain::Instant;

/// Remembers in the keys folder what the last backup holds.
const LAST_BACKUP_FILE: &str = "last-backup";
const FORMAT: &str = "lictor-keys-backup";
const VERSION: u32 = 1;
/// Longest backup that is read, in bytes: some ten thousand keys.
const BACKUP_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Why the keys could not be backed up or brought back.
#[derive(Debug, thiserror::Error)]
pub enum KeysBackupError {
    /// A key file cannot be read or written.
    #[error(transparent)]
    KeyFile(#[from] KeyFileError),
    /// There is nothing to back up.
    #[error("{folder} holds no keys: name the keys folder with --keys-dir or LICTOR_KEYS_DIR")]
    NoKeys {
        /// The keys folder.
        folder: PathBuf,
    },
    /// Something is there already, and nothing is ever covered.
    #[error("{path} is there already and is never covered: name another file")]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// The keys folder is in use.
    #[error(
        "{path} is there already and differs: keys are brought back into an empty keys folder only; move it away first"
    )]
    Differs {
        /// The file in the way.
        path: PathBuf,
    },
    /// The file is not what it should be.
    #[error("{path} is no whole backup of keys ({why}): use another copy")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What does not hold.
        why: &'static str,
    },
}

/// What a backup of the keys holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeysBackupSummary {
    /// When it was made.
    pub made_at: Instant,
    /// Paths in the keys folder, sorted.
    pub files: Vec<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    format: String,
    version: u32,
    made_at_ms: i64,
    files: Vec<StoredFile>,
    /// SHA-256 over the time and over every path, time and content.
    sha256: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredFile {
    path: String,
    /// The newest key of a role is the one that signs.
    modified_ms: u64,
    content: Zeroizing<String>,
}

#[derive(Default, Serialize, Deserialize)]
struct LastBackup {
    at_ms: i64,
    /// SHA-256 by path: tells a new key from one that is in the backup, and no key from its digest.
    files: std::collections::BTreeMap<String, String>,
}

/// Writes every file of the keys folder into one new file that only its owner can read, reads it back, and remembers it
/// in the keys folder.
pub fn back_up_keys(
    folder: &Path,
    target: &Path,
    made_at: Instant,
) -> Result<KeysBackupSummary, KeysBackupError> {
    if !folder.join(ClaimKey::FILE_NAME).exists() {
        return Err(KeysBackupError::NoKeys { folder: folder.to_owned() });
    }
    if target.exists() {
        return Err(KeysBackupError::Exists { path: target.to_owned() });
    }
    let files = files_of(folder)?;
    let made_at_ms = made_at.timestamp_millis();
    let sha256 = digest_of(made_at_ms, &files);
    let document = Document { format: FORMAT.into(), version: VERSION, made_at_ms, files, sha256 };
    let text = serde_json::to_vec_pretty(&document).map(Zeroizing::new);
    let text = text.map_err(|_| damaged(target, "it cannot be written as JSON"))?;
    replace_secret(target, &text)?;
    let read_back = read_document(target)?;
    if read_back.sha256 != document.sha256 {
        return Err(damaged(target, "it reads back differently"));
    }
    let digests = document.files.iter().map(|file| (file.path.clone(), fingerprint(&file.content)));
    let last = LastBackup { at_ms: document.made_at_ms, files: digests.collect() };
    let last = serde_json::to_vec(&last).map_err(|_| damaged(target, "it cannot be remembered"))?;
    replace_secret(&folder.join(LAST_BACKUP_FILE), &last)?;
    summary(&document, target)
}

/// Brings a backup back into a keys folder that holds nothing else. Cut off, it goes on when it is repeated.
pub fn restore_keys(source: &Path, folder: &Path) -> Result<KeysBackupSummary, KeysBackupError> {
    let document = read_document(source)?;
    let contents = contents_of(&document, source)?;
    refuse_others(&document, folder)?;
    make_folder(folder)?;
    for (file, content) in document.files.iter().zip(&contents) {
        let path = folder.join(&file.path);
        if path.exists() {
            if read_secret(&path)?.as_slice() != content.as_slice() {
                return Err(KeysBackupError::Differs { path });
            }
        } else {
            make_folder(path.parent().unwrap_or(folder))?;
            write_secret(&path, content)?;
        }
        set_modified(&path, file.modified_ms)?;
    }
    let digests = document.files.iter().map(|file| (file.path.clone(), fingerprint(&file.content)));
    let last = LastBackup { at_ms: document.made_at_ms, files: digests.collect() };
    let last = serde_json::to_vec(&last).map_err(|_| damaged(source, "it cannot be remembered"))?;
    replace_secret(&folder.join(LAST_BACKUP_FILE), &last)?;
    summary(&document, source)
}

/// When the keys of a folder were last backed up, and which of them are not in that backup.
pub fn last_keys_backup(folder: &Path) -> Result<KeysBackup, KeysBackupError> {
    let path = folder.join(LAST_BACKUP_FILE);
    let known = if path.exists() { fs::read(&path).ok() } else { None };
    // What cannot be read is no proof of a backup.
    let known: Option<LastBackup> = known.and_then(|bytes| serde_json::from_slice(&bytes).ok());
    let last_at = known.as_ref().and_then(|last| Instant::from_timestamp_millis(last.at_ms));
    let known = known.unwrap_or_default().files;
    let is_missing = |file: &StoredFile| known.get(&file.path) != Some(&fingerprint(&file.content));
    let not_in_it = files_of(folder)?.into_iter().filter(is_missing).map(|file| file.path).collect();
    Ok(KeysBackup { last_at, not_in_it })
}

/// The claim key and every merchant's keys, the claim key last: with it the folder counts as one that holds keys.
fn files_of(folder: &Path) -> Result<Vec<StoredFile>, KeyFileError> {
    let mut files = Vec::new();
    for entry in names_in(folder)? {
        let below = folder.join(&entry);
        let is_other_key = entry.ends_with(".key") && entry != ClaimKey::FILE_NAME;
        if is_other_key {
            files.push(stored_file(folder, entry)?);
            continue;
        }
        // A folder with a dot is one that was not finished.
        if !below.is_dir() || entry.contains('.') {
            continue;
        }
        for name in names_in(&below)?.into_iter().filter(|name| FileKind::of_name(name).is_some()) {
            files.push(stored_file(folder, format!("{entry}/{name}"))?);
        }
    }
    files.push(stored_file(folder, ClaimKey::FILE_NAME.to_owned())?);
    Ok(files)
}

fn names_in(folder: &Path) -> Result<Vec<String>, KeyFileError> {
    let io = |source| KeyFileError::io("read", folder, source);
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).map_err(io)? {
        names.extend(entry.map_err(io)?.file_name().to_str().map(str::to_owned));
    }
    names.sort();
    Ok(names)
}

fn stored_file(folder: &Path, path: String) -> Result<StoredFile, KeyFileError> {
    let full = folder.join(&path);
    let content = Zeroizing::new(base64url::encode(&read_secret(&full)?));
    let modified = fs::metadata(&full).and_then(|metadata| metadata.modified());
    let modified = modified.map_err(|source| KeyFileError::io("look at", &full, source))?;
    let since_1970 = modified.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Ok(StoredFile { path, modified_ms: u64::try_from(since_1970.as_millis()).unwrap_or(u64::MAX), content })
}

fn set_modified(path: &Path, modified_ms: u64) -> Result<(), KeyFileError> {
    let modified = SystemTime::UNIX_EPOCH + Duration::from_millis(modified_ms);
    let file = fs::OpenOptions::new().write(true).open(path);
    let set = file.and_then(|file| file.set_modified(modified).and_then(|()| file.sync_all()));
    set.map_err(|source| KeyFileError::io("set the time of", path, source))
}

/// Nothing may lie in the folder but what an earlier try has put there.
fn refuse_others(document: &Document, folder: &Path) -> Result<(), KeysBackupError> {
    if !folder.exists() {
        return Ok(());
    }
    for name in names_in(folder)? {
        let below = format!("{name}/");
        let is_ours = |file: &StoredFile| file.path == name || file.path.starts_with(&below);
        // `README` and `.gitignore` may lie in a keys folder, and a fresh disk has its `lost+found`.
        let is_harmless =
            ["README.md", ".gitignore", "lost+found", LAST_BACKUP_FILE].contains(&name.as_str());
        if !is_harmless && !document.files.iter().any(is_ours) {
            return Err(KeysBackupError::Differs { path: folder.join(name) });
        }
    }
    Ok(())
}

fn read_document(path: &Path) -> Result<Document, KeysBackupError> {
    let io = |source| KeyFileError::io("read", path, source);
    if fs::metadata(path).map_err(io)?.len() > BACKUP_BYTES_MAX {
        return Err(damaged(path, "it is too long"));
    }
    let bytes = Zeroizing::new(fs::read(path).map_err(io)?);
    let document: Document =
        serde_json::from_slice(&bytes).map_err(|_| damaged(path, "it cannot be read"))?;
    if document.format != FORMAT || document.version != VERSION {
        return Err(damaged(path, "it is of another kind or version"));
    }
    if digest_of(document.made_at_ms, &document.files) != document.sha256 {
        return Err(damaged(path, "its digest does not hold"));
    }
    let is_own = |file: &StoredFile| {
        !file.path.split('/').any(|part| part.is_empty() || part.starts_with('.'))
            && !file.path.contains('\\')
    };
    if !document.files.iter().all(is_own) {
        return Err(damaged(path, "it names files outside a keys folder"));
    }
    Ok(document)
}

fn contents_of(document: &Document, path: &Path) -> Result<Vec<Zeroizing<Vec<u8>>>, KeysBackupError> {
    let decode = |file: &StoredFile| base64url::decode(&file.content).map(Zeroizing::new);
    let contents: Option<Vec<_>> = document.files.iter().map(decode).collect();
    contents.ok_or_else(|| damaged(path, "a key in it cannot be read"))
}

fn summary(document: &Document, path: &Path) -> Result<KeysBackupSummary, KeysBackupError> {
    let made_at = Instant::from_timestamp_millis(document.made_at_ms);
    let made_at = made_at.ok_or_else(|| damaged(path, "its time is none"))?;
    let mut files: Vec<String> = document.files.iter().map(|file| file.path.clone()).collect();
    files.sort();
    Ok(KeysBackupSummary { made_at, files })
}

fn digest_of(made_at_ms: i64, files: &[StoredFile]) -> String {
    let mut digest = Sha256::new_with_prefix(made_at_ms.to_be_bytes());
    for file in files {
        digest.update(file.path.as_bytes());
        digest.update([0]);
        digest.update(file.modified_ms.to_be_bytes());
        digest.update(file.content.as_bytes());
        digest.update([0]);
    }
    base64url::encode(&digest.finalize())
}

fn fingerprint(content: &str) -> String {
    base64url::encode(&Sha256::digest(content.as_bytes())[..16])
}

fn damaged(path: &Path, why: &'static str) -> KeysBackupError {
    KeysBackupError::Damaged { path: path.to_owned(), why }
}

#[cfg(test)]
mod tests;
