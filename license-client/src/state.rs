//! What is kept between calls: one JSON file per product in two copies, each replaced atomically, sealed for this machine,
//! and readable by its owner only.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use license_token::base64url;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::Config;
use crate::floor::Seen;
use crate::keyset::StoredKeySet;
use crate::seal::Seal;

/// A file of another version is not guessed at.
const STATE_VERSION: u32 = 2;
/// Before there were seals and second copies.
const UNSEALED_VERSION: u32 = 1;
/// Room for two signed texts, the longest lists that speak about them, and the longest key set. What is longer was not written here.
const STATE_MAX_BYTES: u64 = 320 * 1024;
/// Most lists that speak about nothing at hand and are remembered nevertheless, such as a withdrawn license's.
const OTHER_LISTS_MAX: usize = 16;
/// Room for their texts: one of the longest.
const OTHER_LISTS_MAX_BYTES: usize = license_token::token::STATUS_LIST_TOKEN_MAX_BYTES;

/// Nothing in it is believed because it is here: signed texts are verified anew at each call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct State {
    pub v: u32,
    /// One more with each writing: of two copies the higher counts.
    pub seq: u64,
    /// The current license key, as last pasted or answered.
    pub license_key: Option<String>,
    pub certificate: Option<String>,
    pub activation_id: Option<String>,
    /// The code that was redeemed last, so that it is redeemed once.
    pub claim_code: Option<String>,
    /// What is known about time.
    pub clock: Seen,
    /// By address.
    #[serde(deserialize_with = "few_lists")]
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
            seq: 0,
            license_key: None,
            certificate: None,
            activation_id: None,
            claim_code: None,
            clock: Seen::default(),
            lists: BTreeMap::new(),
            keyset: None,
            refusal: None,
            nonce: None,
            failures: 0,
            retry_at: 0,
        }
    }
}

/// What the two copies came to.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    /// The newest copy that this machine has sealed; else an empty state.
    pub state: State,
    /// Both copies are there, and the same.
    pub is_whole: bool,
    /// What a program wrote that knew of no seals, beside a copy that is sealed. Only its signed texts count.
    pub unsealed: Option<State>,
    /// The certificate of a state that is not this machine's, or that somebody has changed: for what people are told,
    /// and for nothing else.
    pub stranger: Option<String>,
}

/// One file.
enum Copy {
    Absent,
    /// This machine's.
    Sealed(Box<State>),
    /// Of the time before there were seals.
    Unsealed(Box<State>),
    /// Damaged, changed, of a newer program, or of another machine.
    Lost {
        certificate: Option<String>,
    },
}

impl State {
    /// Reads both copies. One that is lost is healed by the other at the next writing. With both lost the state is empty: the
    /// license must be pasted again, or fetched.
    pub fn load(path: &Path, seal: &Seal) -> Kept {
        // One after the other: a file may be as long as it likes, and two texts are not needed at once.
        let (first, first_digest) = Copy::read(path, seal);
        let (second, second_digest) = Copy::read(&copy_of(path), seal);
        let is_whole = first_digest == second_digest;
        match (first, second) {
            (Copy::Sealed(first), Copy::Sealed(second)) => {
                let state = if second.seq > first.seq { *second } else { *first };
                Kept { state, is_whole, ..Kept::default() }
            }
            (Copy::Unsealed(first), Copy::Sealed(second)) => {
                Kept { state: *second, unsealed: Some(*first), ..Kept::default() }
            }
            (Copy::Sealed(state), _) | (_, Copy::Sealed(state)) => Kept { state: *state, ..Kept::default() },
            // Taken over once: from then on there is a second copy.
            (Copy::Unsealed(state), Copy::Absent) => Kept { state: state.taken_over(), ..Kept::default() },
            (first, second) => {
                Kept { stranger: first.certificate().or(second.certificate()), ..Kept::default() }
            }
        }
    }

    /// Writes both copies, one after the other: whatever happens in between, one of them is whole.
    pub fn save(&mut self, path: &Path, seal: &Seal) -> io::Result<()> {
        self.seq = self.seq.saturating_add(1);
        let text = seal.close(&serde_json::to_string_pretty(self)?);
        write_atomically(path, text.as_bytes())?;
        // Not synced: should power fail now, the first copy is on the disk and heals it.
        replace(&copy_of(path), text.as_bytes(), |_file| Ok(()))
    }

    fn taken_over(self: Box<Self>) -> Self {
        Self { v: STATE_VERSION, seq: 0, ..*self }
    }

    /// Takes in what another process has kept meanwhile, its license too when `its_license_is_newer`.
    pub fn merge(&mut self, other: Self, its_license_is_newer: bool) {
        let mut lists = std::mem::take(&mut self.lists);
        let clock = self.clock_with(&other);
        let seq = self.seq.max(other.seq);
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
        (self.clock, self.lists, self.seq, self.keyset) = (clock, lists, seq, keyset);
    }

    /// Whoever follows the newer key set has forgotten what a withdrawn key said of the time, and is not told it again.
    fn clock_with(&mut self, other: &Self) -> Seen {
        let ours = std::mem::take(&mut self.clock);
        let set = |state: &Self| state.keyset.as_ref().map_or(0, |set| set.seq);
        match set(self).cmp(&set(other)) {
            Ordering::Equal => ours.joined(&other.clock),
            Ordering::Greater => ours,
            Ordering::Less => ours.of_now(&other.clock),
        }
    }

    /// Forgets the license; what protects against an old list or a clock set back stays.
    pub fn forget_license(&mut self) {
        let (clock, seq) = (std::mem::take(&mut self.clock), self.seq);
        let (lists, keyset) = (std::mem::take(&mut self.lists), self.keyset.take());
        *self = Self { seq, clock, lists, keyset, ..Self::default() };
    }

    /// Of the lists that speak about nothing at hand only so many are kept as have room, the newest before others; of more
    /// of them only the number, so that an older text is noticed.
    pub fn forget_old_lists(&mut self, addresses: &[String]) {
        let mut others: Vec<_> =
            self.lists.keys().filter(|address| !addresses.contains(address)).cloned().collect();
        others.sort_by_key(|address| std::cmp::Reverse(self.lists[address].iat));
        let mut room = OTHER_LISTS_MAX_BYTES;
        for (number, address) in others.iter().enumerate() {
            let Some(list) = self.lists.get_mut(address) else { continue };
            match room.checked_sub(list.text.len()) {
                Some(left) => room = left,
                None => *list = StoredList { seq: list.seq, iat: list.iat, ..StoredList::default() },
            }
            if number >= OTHER_LISTS_MAX {
                self.lists.remove(address);
            }
        }
    }

    /// Whether there is nothing to remember, but when the server was last asked for a key set that it does not have.
    pub fn is_empty(&self) -> bool {
        let keyset = self.keyset.clone().filter(|kept| kept.text.is_empty());
        *self == Self { seq: self.seq, keyset, ..Self::default() }
    }
}

impl Copy {
    /// And the digest of the file.
    fn read(path: &Path, seal: &Seal) -> (Self, [u8; 32]) {
        let text = read(path);
        let digest = Sha256::digest(text.as_deref().unwrap_or_default()).into();
        (text.map_or(Self::Absent, |text| Self::judge(&text, seal)), digest)
    }

    fn judge(text: &str, seal: &Seal) -> Self {
        if Seal::is_closed(text) {
            let state: Option<State> = seal.open(text).and_then(|body| serde_json::from_str(body).ok());
            if let Some(state) = state.filter(|state| state.v == STATE_VERSION) {
                return Self::Sealed(Box::new(state));
            }
        } else if let Some(state) = unsealed(text) {
            return Self::Unsealed(Box::new(state));
        }
        let glimpse: Option<Glimpse> = serde_json::from_str(text).ok();
        Self::Lost { certificate: glimpse.and_then(|glimpse| glimpse.certificate) }
    }

    fn certificate(self) -> Option<String> {
        match self {
            Self::Absent => None,
            Self::Sealed(state) | Self::Unsealed(state) => state.certificate,
            Self::Lost { certificate } => certificate,
        }
    }
}

/// What is looked at of a state that is not believed.
#[derive(Deserialize)]
struct Glimpse {
    #[serde(default)]
    certificate: Option<String>,
}

/// The older form: its floor stood alone.
fn unsealed(text: &str) -> Option<State> {
    #[derive(Deserialize)]
    struct Floor {
        #[serde(default)]
        floor: i64,
    }
    let state: State = serde_json::from_str(text).ok()?;
    let Floor { floor } = serde_json::from_str(text).ok()?;
    (state.v == UNSEALED_VERSION).then(|| State { clock: Seen::of_floor(floor), ..state })
}

/// A map that is longer than any that is written is no state.
fn few_lists<'de, D: serde::Deserializer<'de>>(from: D) -> Result<BTreeMap<String, StoredList>, D::Error> {
    struct Few;
    impl<'de> serde::de::Visitor<'de> for Few {
        type Value = BTreeMap<String, StoredList>;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            write!(f, "a map of lists")
        }

        fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut lists = BTreeMap::new();
            while let Some((address, list)) = map.next_entry()? {
                lists.insert(address, list);
                if lists.len() > 2 * OTHER_LISTS_MAX {
                    return Err(serde::de::Error::custom("too many lists"));
                }
            }
            Ok(lists)
        }
    }
    from.deserialize_map(Few)
}

/// `None`: there is none. What cannot be read, or is longer than any state, is empty, and so no state.
fn read(path: &Path) -> Option<String> {
    let length = match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
        Ok(file) if file.is_file() && file.len() <= STATE_MAX_BYTES => file.len(),
        Ok(_) | Err(_) => return Some(String::new()),
    };
    let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or_default() + 1);
    let read = fs::File::open(path).and_then(|file| file.take(STATE_MAX_BYTES).read_to_end(&mut bytes));
    let text = read.ok().and_then(|_length| String::from_utf8(bytes).ok());
    Some(text.unwrap_or_default())
}

/// `acme-cad.license.copy.json`.
fn copy_of(path: &Path) -> PathBuf {
    path.with_extension("copy.json")
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
    replace(path, bytes, fs::File::sync_all)
}

fn replace(path: &Path, bytes: &[u8], settle: impl Fn(&fs::File) -> io::Result<()>) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut random = [0; 8];
    getrandom::fill(&mut random).map_err(|_no_randomness| io::ErrorKind::Unsupported)?;
    let beside = path.with_extension(format!("{}.tmp", base64url::encode(&random)));
    let written = write_private(&beside, bytes).and_then(|file| settle(&file));
    let renamed = written.and_then(|()| fs::rename(&beside, path));
    if renamed.is_err() {
        let _already_failed = fs::remove_file(&beside);
    }
    renamed
}

fn write_private(path: &Path, bytes: &[u8]) -> io::Result<fs::File> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(bytes)?;
    Ok(file)
}
