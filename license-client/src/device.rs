//! The key that this machine keeps.

use std::path::PathBuf;

use license_token::{DeviceKey, base64url};

use crate::Config;
use crate::machine::read_short;
use crate::state;

/// `acme-cad.device-key`: 32 bytes in base64url, readable by its owner only.
fn path(config: &Config) -> PathBuf {
    state::path(config).with_extension("").with_extension("device-key")
}

/// The key, where this machine has one.
pub(crate) fn load(config: &Config) -> Option<DeviceKey> {
    let seed = base64url::decode_array(&read_short(&path(config))?)?;
    Some(DeviceKey::from_seed(&seed))
}

/// The key, made now where there is none. `None`: nothing can be kept here.
pub(crate) fn load_or_make(config: &Config) -> Option<DeviceKey> {
    if let Some(kept) = load(config) {
        return Some(kept);
    }
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).ok()?;
    state::write_atomically(&path(config), base64url::encode(&seed).as_bytes()).ok()?;
    // Another process may have been faster: what is kept counts.
    load(config)
}
