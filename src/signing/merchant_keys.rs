//! The keys of one merchant: kept apart by role from the first start.
//!
//! What the ring of the store says counts; without one the newest file of a role signs and every file verifies. Two endings
//! of a file's name say what no store may take back: `.staged` (made to be rotated to; signs nothing before the ring says
//! so) and `.revoked` (not believed, whatever an older ring says).

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use license_token::{KeySet, Role, SigningKey, VerifyingKey};

use super::key_file::{KeyFileError, make_folder, read_key, sync_folder_of, write_key};
use crate::domain::{KeyRing, KeyRole, KeyState, RingKey};

pub(super) const ROLES: [Role; 4] = [Role::Root, Role::License, Role::Activation, Role::Status];

/// How a key's file is named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FileKind {
    /// `<role>-<kid>.pem`
    Plain,
    /// `<role>-<kid>.staged`
    Staged,
    /// `<role>-<kid>.revoked`
    Revoked,
}

impl FileKind {
    const ALL: [Self; 3] = [Self::Plain, Self::Staged, Self::Revoked];

    pub fn ending(self) -> &'static str {
        match self {
            Self::Plain => "pem",
            Self::Staged => "staged",
            Self::Revoked => "revoked",
        }
    }

    /// The kind that a file's name says.
    pub fn of_name(name: &str) -> Option<Self> {
        let (_, ending) = name.rsplit_once('.')?;
        Self::ALL.into_iter().find(|kind| kind.ending() == ending)
    }
}

/// A key with its file.
pub(super) struct FileKey {
    pub key: SigningKey,
    pub kind: FileKind,
    written: SystemTime,
}

impl FileKey {
    fn verifying(&self) -> &VerifyingKey {
        self.key.verifying_key()
    }
}

/// One merchant's keys, parsed once.
pub(super) struct MerchantKeys {
    /// `iss` to which they are bound.
    pub issuer: String,
    /// What the ring said by which they were opened, if there was one.
    pub ring_keys: Option<Vec<RingKey>>,
    files: Vec<FileKey>,
    /// Indexes into `files`.
    signing: Vec<usize>,
    lacking: Vec<PathBuf>,
    believed: KeySet,
    withdrawn: Option<KeySet>,
}

impl MerchantKeys {
    /// Reads every key of the merchant's folder; `None` when the folder is not there.
    pub fn open(folder: &Path, issuer: &str, ring: Option<&KeyRing>) -> Result<Option<Self>, KeyFileError> {
        if !folder.exists() {
            return Ok(None);
        }
        let malformed = |_| KeyFileError::Malformed { path: folder.to_owned() };
        let files = files_of(folder, issuer)?;
        let standing = Standing::of(&files, ring);
        let (mut signing, mut lacking) = (Vec::new(), Vec::new());
        for role in ROLES {
            match standing.signs(&files, role) {
                Some(index) => signing.push(index),
                None if role == Role::Root => {}
                None => {
                    let kid =
                        ring.and_then(|ring| ring.active(own(role))).map_or("…", |key| key.kid.as_str());
                    lacking.push(path_of(folder, role, kid, FileKind::Plain));
                }
            }
        }
        // Where a ring says what is believed, a server that cannot sign goes on verifying.
        if ring.is_none()
            && let Some(path) = lacking.pop()
        {
            return Err(KeyFileError::Missing { path });
        }
        let known = standing.known(&files, issuer).map_err(malformed)?;
        let (mut believed, mut withdrawn) = (Vec::new(), Vec::new());
        for key in known {
            if standing.is_staged_only(&files, key.kid()) {
                continue;
            }
            if standing.gone.contains(key.kid()) { &mut withdrawn } else { &mut believed }.push(key);
        }
        let withdrawn =
            if withdrawn.is_empty() { None } else { Some(KeySet::new(withdrawn).map_err(malformed)?) };
        let believed = KeySet::new(believed).map_err(malformed)?;
        let (issuer, ring_keys) = (issuer.to_owned(), ring.map(|ring| ring.keys.clone()));
        Ok(Some(Self { issuer, ring_keys, files, signing, lacking, believed, withdrawn }))
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
            make_key(&making, role, issuer, &seed(), FileKind::Plain)?;
        }
        fs::rename(&making, folder).map_err(|source| KeyFileError::io("rename", &making, source))?;
        sync_folder_of(folder)?;
        Self::open(folder, issuer, None)?.ok_or_else(|| KeyFileError::Missing { path: folder.to_owned() })
    }

    /// The key that signs for a role now.
    pub fn signing(&self, role: Role) -> Option<&SigningKey> {
        let keys = self.signing.iter().map(|index| &self.files[*index].key);
        keys.into_iter().find(|key| key.verifying_key().role() == role)
    }

    /// A key that must be here to sign, and is not.
    pub fn lacking(&self) -> Option<&Path> {
        self.lacking.first().map(PathBuf::as_path)
    }

    /// What is believed of what they signed, older keys included.
    pub fn verifying(&self) -> &KeySet {
        &self.believed
    }

    /// The keys that are not believed any more.
    pub fn withdrawn(&self) -> Option<&KeySet> {
        self.withdrawn.as_ref()
    }

    /// The keys with their files, by role, the oldest first.
    pub fn files(&self) -> &[FileKey] {
        &self.files
    }
}

/// What ring and files say together.
struct Standing<'a> {
    ring: Option<&'a KeyRing>,
    /// Not believed: revoked or retired.
    gone: BTreeSet<String>,
}

impl<'a> Standing<'a> {
    fn of(files: &[FileKey], ring: Option<&'a KeyRing>) -> Self {
        let of_files = files.iter().filter(|file| file.kind == FileKind::Revoked);
        let of_files = of_files.map(|file| file.verifying().kid().to_owned());
        let of_ring = ring.map(|ring| ring.keys.as_slice()).unwrap_or_default().iter();
        let of_ring = of_ring.filter(|key| !key.state.is_believed()).map(|key| key.kid.to_string());
        Self { ring, gone: of_files.chain(of_ring).collect() }
    }

    fn of_ring(&self, kid: &str) -> Option<&RingKey> {
        self.ring?.keys.iter().find(|key| key.kid.as_str() == kid)
    }

    /// The key that the ring names, if it is here; else the newest that may sign: a server that was not given the new key
    /// yet goes on with the one before, which is still believed.
    fn signs(&self, files: &[FileKey], role: Role) -> Option<usize> {
        let of_role =
            |file: &FileKey| file.verifying().role() == role && !self.gone.contains(file.verifying().kid());
        let state = |file: &FileKey| self.of_ring(file.verifying().kid()).map(|key| &key.state);
        let named = files.iter().position(|file| of_role(file) && state(file) == Some(&KeyState::Active));
        let may_sign = |file: &FileKey| match state(file) {
            None => file.kind == FileKind::Plain,
            Some(state) => *state == KeyState::Verifying,
        };
        named.or_else(|| files.iter().rposition(|file| of_role(file) && may_sign(file)))
    }

    /// Every key of files and ring once, by role.
    fn known(
        &self,
        files: &[FileKey],
        issuer: &str,
    ) -> Result<Vec<VerifyingKey>, license_token::key_set::KeySetError> {
        let mut known: Vec<VerifyingKey> = files.iter().map(|file| file.verifying().clone()).collect();
        for key in self.ring.map(|ring| ring.keys.as_slice()).unwrap_or_default() {
            if known.iter().all(|known| known.kid() != key.kid.as_str()) {
                known.push(VerifyingKey::new(&key.public, foreign(key.role), issuer)?);
            }
        }
        known.sort_by_key(|key| ROLES.iter().position(|role| *role == key.role()));
        Ok(known)
    }

    /// Nobody was told of it yet.
    fn is_staged_only(&self, files: &[FileKey], kid: &str) -> bool {
        let is_staged = |file: &FileKey| file.kind == FileKind::Staged && file.verifying().kid() == kid;
        self.of_ring(kid).is_none() && files.iter().any(is_staged)
    }
}

/// The role in the domain's words.
pub(super) fn own(role: Role) -> KeyRole {
    match role {
        Role::Root => KeyRole::Root,
        Role::License => KeyRole::License,
        Role::Activation => KeyRole::Activation,
        Role::Status => KeyRole::Status,
    }
}

/// The role in the token's words.
pub(super) fn foreign(role: KeyRole) -> Role {
    match role {
        KeyRole::Root => Role::Root,
        KeyRole::License => Role::License,
        KeyRole::Activation => Role::Activation,
        KeyRole::Status => Role::Status,
    }
}

/// Where a key's file lies.
pub(super) fn path_of(folder: &Path, role: Role, kid: &str, kind: FileKind) -> PathBuf {
    folder.join(format!("{}-{kid}.{}", role.as_str(), kind.ending()))
}

/// Makes a key's file.
pub(super) fn make_key(
    folder: &Path,
    role: Role,
    issuer: &str,
    seed: &[u8; 32],
    kind: FileKind,
) -> Result<VerifyingKey, KeyFileError> {
    let secret = ed25519_dalek::SigningKey::from_bytes(seed);
    let key = bind(secret.clone(), role, issuer, folder)?;
    write_key(&path_of(folder, role, key.verifying_key().kid(), kind), &secret)?;
    Ok(key.verifying_key().clone())
}

/// A private key with its role and issuer.
pub(super) fn bind(
    secret: ed25519_dalek::SigningKey,
    role: Role,
    issuer: &str,
    path: &Path,
) -> Result<SigningKey, KeyFileError> {
    SigningKey::new(secret, role, issuer).map_err(|_| KeyFileError::Malformed { path: path.to_owned() })
}

/// The keys by role, the oldest first. Of several files of one key the one counts that says most: revoked, then plain.
fn files_of(folder: &Path, issuer: &str) -> Result<Vec<FileKey>, KeyFileError> {
    let io = |source| KeyFileError::io("read", folder, source);
    let mut files: Vec<FileKey> = Vec::new();
    for entry in fs::read_dir(folder).map_err(io)? {
        let entry = entry.map_err(io)?;
        let (path, name) = (entry.path(), entry.file_name());
        let Some((role, kid, kind)) = name.to_str().and_then(named) else { continue };
        let key = bind(read_key(&path)?, role, issuer, &path)?;
        if key.verifying_key().kid() != kid {
            return Err(KeyFileError::Misnamed { path });
        }
        let written = entry.metadata().and_then(|metadata| metadata.modified()).map_err(io)?;
        files.push(FileKey { key, kind, written });
    }
    let weight = |kind| match kind {
        FileKind::Revoked => 0,
        FileKind::Plain => 1,
        FileKind::Staged => 2,
    };
    files.sort_by(|one, other| {
        (one.verifying().kid(), weight(one.kind)).cmp(&(other.verifying().kid(), weight(other.kind)))
    });
    files.dedup_by(|later, earlier| later.verifying().kid() == earlier.verifying().kid());
    files.sort_by_key(|file| (ROLES.iter().position(|role| *role == file.verifying().role()), file.written));
    Ok(files)
}

fn named(name: &str) -> Option<(Role, &str, FileKind)> {
    let kind = FileKind::of_name(name)?;
    let (stem, _) = name.rsplit_once('.')?;
    let (role, kid) = stem.split_once('-')?;
    Some((Role::from_text(role)?, kid, kind))
}
