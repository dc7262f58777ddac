//! Machines as sets of committed components, and when two of them are the same machine.
//!
//! A commitment hides a raw serial from the server and from other merchants. It does not resist guessing: whoever
//! knows issuer and product can try all 2^48 MAC addresses.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};

use crate::base64url;
use crate::policy::words;

words! {
    /// One thing that tells machines apart. The names are part of the committed bytes.
    #[derive(PartialOrd, Ord)]
    Component {
        /// The operating system's machine id. Strong.
        Os => "os",
        /// The firmware's UUID. Strong, and different on both sides means a different machine.
        Fw => "fw",
        /// The main board's serial.
        Brd => "brd",
        /// The system disk's serial.
        Dsk => "dsk",
        /// The lowest permanent MAC address.
        Net => "net",
        /// A marketplace's own fingerprint, opaque and alone. Strong.
        Fp => "fp",
    }
}

impl Component {
    /// Every component.
    pub const ALL: [Self; 6] = [Self::Os, Self::Fw, Self::Brd, Self::Dsk, Self::Net, Self::Fp];

    /// At least one strong component must match.
    #[must_use]
    pub const fn is_strong(self) -> bool {
        matches!(self, Self::Os | Self::Fw | Self::Fp)
    }
}

/// 128 bits that stand for one component's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Commitment(pub [u8; 16]);

impl Commitment {
    /// Reads base64url of exactly 16 bytes.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        base64url::decode_array(text).map(Self)
    }

    /// Base64url, 22 characters.
    #[must_use]
    pub fn to_text(self) -> String {
        base64url::encode(&self.0)
    }
}

/// Commits one component's value for one issuer and product:
/// the first 16 bytes of HMAC-SHA-256 under SHA-256("lictor-machine-v1" ‖ 0 ‖ iss ‖ 0 ‖ aud) of name ‖ 0 ‖ value.
/// Surrounding ASCII white space and NUL are dropped and ASCII letters are folded to lower case, except in an
/// opaque fingerprint, whose letters stay. `None` for a placeholder: it counts as absent.
#[must_use]
pub fn commit(issuer: &str, audience: &str, component: Component, value: &str) -> Option<Commitment> {
    let trimmed = value.trim_matches(|edge: char| edge.is_ascii_whitespace() || edge == '\0');
    if is_placeholder(trimmed) {
        return None;
    }
    let mut salt = Sha256::new();
    salt.update(b"lictor-machine-v1\0");
    salt.update(issuer.as_bytes());
    salt.update(b"\0");
    salt.update(audience.as_bytes());
    let mut hmac = Hmac::<Sha256>::new_from_slice(&salt.finalize()).ok()?;
    hmac.update(component.as_str().as_bytes());
    hmac.update(b"\0");
    if component == Component::Fp {
        hmac.update(trimmed.as_bytes());
    } else {
        hmac.update(trimmed.to_ascii_lowercase().as_bytes());
    }
    let mut commitment = [0; 16];
    commitment.copy_from_slice(&hmac.finalize().into_bytes()[..16]);
    Some(Commitment(commitment))
}

/// Texts that vendors ship where a serial should be; compared by letters and digits only, in lower case.
const PLACEHOLDERS: [&str; 24] = [
    "tobefilledbyoem",
    "tobefilledbyoemmore",
    "defaultstring",
    "default",
    "systemserialnumber",
    "systemproductname",
    "baseboardserialnumber",
    "chassisserialnumber",
    "serialnumber",
    "notspecified",
    "notapplicable",
    "notavailable",
    "na",
    "none",
    "null",
    "unknown",
    "invalid",
    "empty",
    "oem",
    "uninitialized",
    "0123456789",
    "123456789",
    "03000200040005000006000700080009",
    "12345678123456789012345678901234",
];

/// Whether a value stands for "not known": one of the known phrases, empty, or one character repeated (zeros).
#[must_use]
pub fn is_placeholder(value: &str) -> bool {
    let bare: Vec<char> =
        value.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect();
    let repeated = bare.iter().all(|character| Some(character) == bare.first());
    repeated || PLACEHOLDERS.iter().any(|known| known.chars().eq(bare.iter().copied()))
}

/// What one machine offers now.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Machine {
    /// The components that could be read.
    pub components: BTreeMap<Component, Commitment>,
    /// RFC 7638 thumbprint of the device key, where there is one.
    pub device_key: Option<String>,
}

impl Machine {
    /// Commits raw values for one issuer and product; placeholders are left out.
    pub fn commit<'a>(
        issuer: &str,
        audience: &str,
        values: impl IntoIterator<Item = (Component, &'a str)>,
    ) -> Self {
        let committed = |(component, value)| Some((component, commit(issuer, audience, component, value)?));
        Self { components: values.into_iter().filter_map(committed).collect(), device_key: None }
    }
}

/// The machine a certificate was issued for: `machine` {`v`, `k`, `c`}.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MachineClaim {
    enrolled: BTreeMap<Component, Commitment>,
}

impl MachineClaim {
    /// Enrolls components; `None` when there are none.
    #[must_use]
    pub fn enroll(components: BTreeMap<Component, Commitment>) -> Option<Self> {
        (!components.is_empty()).then_some(Self { enrolled: components })
    }

    /// The enrolled components.
    #[must_use]
    pub fn components(&self) -> &BTreeMap<Component, Commitment> {
        &self.enrolled
    }

    /// How many must match (`k`): 3 of 5, 3 of 4, 2 of 3, all of fewer. One not offered now counts as different.
    #[must_use]
    pub fn needed(&self) -> usize {
        needed(self.enrolled.len())
    }

    /// Whether `machine` is the enrolled one. At least one strong match is needed (`os`, `fw`, an opaque
    /// fingerprint, or the device key); firmware that is present on both sides and different never matches.
    #[must_use]
    pub fn matches(&self, machine: &Machine, device_key_matches: bool) -> bool {
        let same = |component: &Component| self.enrolled.get(component) == machine.components.get(component);
        let both_fw =
            self.enrolled.contains_key(&Component::Fw) && machine.components.contains_key(&Component::Fw);
        if both_fw && !same(&Component::Fw) {
            return false;
        }
        let matching: Vec<&Component> = self.enrolled.keys().filter(|component| same(component)).collect();
        let strong = device_key_matches || matching.iter().any(|component| component.is_strong());
        strong && matching.len() >= self.needed()
    }
}

/// The threshold for `enrolled` components.
#[must_use]
pub const fn needed(enrolled: usize) -> usize {
    match enrolled {
        0..=2 => enrolled,
        3 => 2,
        4 | 5 => 3,
        more => more - 2,
    }
}
