//! Which keys are believed: the pinned ones, as the newest key set changes them that a pinned root has signed.
//!
//! A key set comes from the server (`maintain`), or as a text or file (`check`). What was heard once is kept with the state
//! and verified anew at each call; it is never forgotten for an older one (`docs/token-format.md`, *Key sets*).

use std::sync::{Arc, PoisonError, RwLock};

use license_token::json::Value;
use license_token::trust::{self, SeenKeySet};
use license_token::{KeySet, KeySetClaims, Role, UnverifiedToken, VerifiedToken, Withdrawal};
use serde::{Deserialize, Serialize};

use crate::state::State;
use crate::{Config, NextAction, Verdict};

/// Who calls `maintain` wants news, and an unchanged key set costs an answer without a body.
const REST_SECS: i64 = 60;

/// The newest key set, as it was received.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct StoredKeySet {
    /// Empty: the server had none.
    pub text: String,
    pub seq: i64,
    pub etag: Option<String>,
    /// When it was last asked for, in Unix seconds.
    pub asked_at: i64,
}

impl StoredKeySet {
    /// Whether it is time to ask again. A time to come is a wrong clock's.
    pub fn is_due(&self, now: i64) -> bool {
        !(0..REST_SECS).contains(&now.saturating_sub(self.asked_at))
    }
}

/// The newest key set that a configuration has heard of. Clones share it: they are of one issuer.
#[derive(Debug, Clone, Default)]
pub(crate) struct News(Arc<RwLock<Option<(i64, KeySet)>>>);

impl News {
    fn keep(&self, seq: i64, keys: KeySet) {
        let mut newest = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if newest.as_ref().is_none_or(|(known, _)| *known < seq) {
            *newest = Some((seq, keys));
        }
    }

    fn keys(&self) -> Option<KeySet> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).as_ref().map(|(_, keys)| keys.clone())
    }
}

/// What is believed now.
pub(crate) fn believed(config: &Config) -> KeySet {
    config.news.keys().unwrap_or_else(|| config.keys.clone())
}

/// Takes in what is kept, before anything else of the state is verified.
pub(crate) fn recall(config: &Config, state: &State) {
    let Some(stored) = state.keyset.as_ref().filter(|stored| !stored.text.is_empty()) else { return };
    if let Ok(set) = accept(config, &stored.text, None) {
        config.news.keep(set.claims().seq, config.keys.updated_by(set.claims()));
    }
}

/// Whether a text names a key as its signer that is withdrawn, wholly or for what is newer.
pub(crate) fn is_withdrawn(config: &Config, text: &str) -> bool {
    signer(text).is_some_and(|kid| believed(config).withdrawal(&kid).is_some())
}

/// Whether nothing is known of the key that a text names as its signer: there may be a newer key set.
pub(crate) fn is_unheard_of(config: &Config, text: &str) -> bool {
    signer(text).is_some_and(|kid| believed(config).get(&kid).is_none())
}

/// The text's key as its header names it.
fn signer(text: &str) -> Option<String> {
    let token = UnverifiedToken::parse_key_set(text).ok()?;
    token.inspect().header.get("kid").and_then(Value::as_str).map(str::to_owned)
}

/// A text that was not here before counts only if its key is in good standing: whoever has a withdrawn key can date a text
/// back, and whoever holds an honest one is given another.
///
/// # Errors
/// The verdict about the text.
pub(crate) fn welcome(config: &Config, text: &str, held: Option<&String>) -> Result<(), Verdict> {
    let is_new = held.is_none_or(|held| held != text);
    if is_new && is_withdrawn(config, text) {
        return Err(Verdict::Superseded(NextAction::PasteCurrentKey));
    }
    Ok(())
}

/// What a pinned root has signed.
///
/// # Errors
/// Why it is no such key set, or goes back behind one that was seen.
pub(crate) fn accept(
    config: &Config,
    text: &str,
    seen: Option<SeenKeySet<'_>>,
) -> Result<VerifiedToken<KeySetClaims>, trust::KeySetRefusal> {
    trust::accept(text, &config.keys, &config.issuer, seen)
}

/// A key set that counts from now on.
pub(crate) struct Taken {
    /// In Unix seconds.
    pub issued_at: i64,
    /// Roles of which it withdraws a key, or more of what that has signed, than the one before.
    pub withdrawn: Vec<Role>,
}

/// Keeps a key set unless it is none, or goes back behind one that was seen.
pub(crate) fn take(config: &Config, state: &mut State, text: &str) -> Option<Taken> {
    let stored = state.keyset.clone().unwrap_or_default();
    let known = accept(config, &stored.text, None).ok();
    let seen = known.as_ref().map(|known| SeenKeySet { seq: known.claims().seq, text: Some(known.text()) });
    let set = accept(config, text, seen).ok()?;
    let (seq, keys) = (set.claims().seq, config.keys.updated_by(set.claims()));
    let is_known = |withdrawal: &&Withdrawal| {
        known.as_ref().is_some_and(|known| known.claims().revoked.contains(withdrawal))
    };
    let news = set.claims().revoked.iter().filter(|withdrawal| !is_known(withdrawal));
    let withdrawn = news.filter_map(|withdrawal| Some(keys.get(&withdrawal.kid)?.role())).collect();
    config.news.keep(seq, keys);
    state.keyset = Some(StoredKeySet { text: text.to_owned(), seq, ..stored });
    Some(Taken { issued_at: set.claims().iat, withdrawn })
}
