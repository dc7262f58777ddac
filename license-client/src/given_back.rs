//! What this machine gave back without network, and the proofs of it.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::{Config, state};

/// Proofs of deactivation that are kept; an older one was shown long ago.
const PROOFS_MAX: usize = 16;
/// Activations that are known to be given back. Nobody gives a machine's place back so often within one lease.
const GIVEN_BACK_MAX: usize = 1_024;
/// Room for that many ids and for the longest proofs.
const PROOFS_MAX_BYTES: u64 = 1024 * 1024;
/// What this machine gave back without network, the newest last.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Proofs(pub Vec<Proof>);

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Proof {
    pub act: String,
    /// Empty: it is one of the older.
    pub file: String,
}

/// `acme-cad.given-back.json`: beside the state, so that what brings an older state back does not bring the license back.
pub(crate) fn path(config: &Config) -> PathBuf {
    state::path(config).with_extension("").with_extension("given-back.json")
}

/// Whether this machine has given the activation back: no certificate of it counts here any more.
pub(crate) fn is_given_back(config: &Config, act: &str) -> bool {
    Proofs::load(&path(config)).0.iter().any(|proof| proof.act == act)
}

impl Proofs {
    pub fn load(path: &Path) -> Self {
        let mut bytes = Vec::new();
        let read = File::open(path).and_then(|file| file.take(PROOFS_MAX_BYTES).read_to_end(&mut bytes));
        read.ok().and_then(|_length| serde_json::from_slice(&bytes).ok()).unwrap_or_default()
    }

    pub fn save(&mut self, path: &Path) -> io::Result<()> {
        let oldest = self.0.len().saturating_sub(GIVEN_BACK_MAX);
        self.0.drain(..oldest);
        let older = self.0.len().saturating_sub(PROOFS_MAX);
        self.0.iter_mut().take(older).for_each(|proof| proof.file = String::new());
        state::write_atomically(path, &serde_json::to_vec(self)?)?;
        crate::ledger::sync_folder(path)
    }
}
