//! What is kept between calls: one JSON file per product, replaced atomically, readable by its owner only.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use license_token::base64url;
use serde::{Deserialize, Serialize};

use crate::Config;
use crate::keyset::StoredKeySet;

/// A file of another version is not guessed at.
const STATE_VERSION: u32 = 1;
const STATE_MAX_BYTES: u64 = 1024 * 1024;

/// Nothing in it is believed because it is here: signed texts are verified anew at each call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct State {
    pub v: u32,
    /// The current license key, as last pasted or answered.
    pub license_key: Option<String>,
    pub certificate: Option<String>,
    pub activation_id: Option<String>,
    /// The code that was redeemed last, so that it is redeemed once.
    pub claim_code: Option<String>,
    /// Highest `iat` of a verified token, in Unix seconds.
    pub floor: i64,
    /// By address.
    pub lists: BTreeMap<String, StoredList>,
    /// The newest key set that a pinned root has signed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keyset: Option<StoredKeySet>,
    /// What the server said last when it refused; forgotten when a renewal succeeds.
    pub refusal: Option<StoredRefusal>,
    /// Nonce of the activation whose answer is still awaited: a repeated request gets the same answer.
    pub nonce: Option<String>,
    /// Failed attempts in a row.
    pub failures: u32,
    /// Before this nothing goes online by itself, in Unix seconds.
    pub retry_at: i64,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct StoredList {
    pub text: String,
    /// Highest ever seen, kept beside the text so that an older text is noticed.
    pub seq: i64,
    pub iat: i64,
    pub etag: Option<String>,
    /// When it was last fetched or confirmed, in Unix seconds.
    pub asked_at: i64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StoredRefusal {
    /// The server's code.
    pub code: String,
    /// In Unix seconds.
    pub at: i64,
}

impl Default for State {
    fn default() -> Self {
        Self {
            v: STATE_VERSION,
            license_key: None,
            certificate: None,
            activation_id: None,
            claim_code: None,
            floor: 0,
            lists: BTreeMap::new(),
            keyset: None,
            refusal: None,
            nonce: None,
            failures: 0,
            retry_at: 0,
        }
    }
}

impl State {
    /// A missing, damaged or too new file is an empty state: the license must be pasted again.
    pub fn load(path: &Path) -> Self {
        let mut bytes = Vec::new();
        let read = fs::File::open(path).and_then(|file| file.take(STATE_MAX_BYTES).read_to_end(&mut bytes));
        let parsed: Option<Self> = read.ok().and_then(|_length| serde_json::from_slice(&bytes).ok());
        parsed.filter(|state| state.v == STATE_VERSION).unwrap_or_default()
    }

    pub fn save(&self, path: &Path) -> io::Result<()> {
        write_atomically(path, &serde_json::to_vec_pretty(self)?)
    }

    /// Takes in what another process has kept meanwhile, its license too when `its_license_is_newer`.
    pub fn merge(&mut self, other: Self, its_license_is_newer: bool) {
        let mut lists = std::mem::take(&mut self.lists);
        let floor = self.floor.max(other.floor);
        let keyset = newest(self.keyset.take(), other.keyset.clone());
        for (address, list) in &other.lists {
            let known = lists.entry(address.clone()).or_default();
            if known.seq < list.seq {
                known.clone_from(list);
            }
        }
        if its_license_is_newer {
            *self = other;
        }
        (self.floor, self.lists, self.keyset) = (floor, lists, keyset);
    }

    /// Forgets the license; what protects against an old list or a clock set back stays.
    pub fn forget_license(&mut self) {
        let (floor, lists) = (self.floor, std::mem::take(&mut self.lists));
        let keyset = self.keyset.take();
        *self = Self { floor, lists, keyset, ..Self::default() };
    }
}

fn newest(one: Option<StoredKeySet>, other: Option<StoredKeySet>) -> Option<StoredKeySet> {
    one.into_iter().chain(other).max_by_key(|set| set.seq)
}

/// `acme-cad.license.json`.
pub(crate) fn path(config: &Config) -> PathBuf {
    let letter = |c: char| if c.is_ascii_alphanumeric() || c == '-' || c == '_' { c } else { '_' };
    let product: String = config.product.chars().map(letter).collect();
    config.folder().join(format!("{product}.license.json"))
}

/// Written beside, synced, renamed: a reader sees the old file or the new one.
pub(crate) fn write_atomically(path: &Path, bytes: &[u8]) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut random = [0; 8];
    getrandom::fill(&mut random).map_err(|_no_randomness| io::ErrorKind::Unsupported)?;
    let beside = path.with_extension(format!("{}.tmp", base64url::encode(&random)));
    let written = write_private(&beside, bytes).and_then(|()| fs::rename(&beside, path));
    if written.is_err() {
        let _already_failed = fs::remove_file(&beside);
    }
    written
}

fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}
