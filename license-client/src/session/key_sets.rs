//! Key sets that are followed.

use super::Session;
use crate::held::Held;
use crate::server::Failure;
use crate::{Verdict, keyset};

impl Session<'_> {
    /// A key set brought by hand, for a machine without network.
    pub fn take_keyset(&mut self, text: &str) -> Result<(), Verdict> {
        if self.follow(text) { Ok(()) } else { Err(Verdict::Malformed) }
    }

    /// Whether the key set counts from now on. What a key that it withdraws may have said of the time binds nobody.
    pub(super) fn follow(&mut self, text: &str) -> bool {
        let Some(taken) = keyset::take(self.config, &mut self.state, text) else { return false };
        self.held = Held::load(self.config, &self.state);
        if !taken.withdrawn.is_empty() {
            let seen = std::mem::take(&mut self.seen);
            self.seen = seen.without(&taken.withdrawn, taken.issued_at, self.held.floor());
        }
        self.refresh();
        true
    }

    /// Asks for the newest key set when a text names a key that nothing is known of.
    pub(super) fn hear_of_key(&mut self, text: &str, even_in_pause: bool) {
        if keyset::is_unheard_of(self.config, text) && (even_in_pause || self.may_try()) {
            self.fetch_keyset(true);
        }
    }

    /// Fetches the key set if it is due. A server that has none, or goes back behind what is kept, changes nothing.
    pub fn fetch_keyset(&mut self, even_if_fresh: bool) {
        let stored = self.state.keyset.clone().unwrap_or_default();
        if !even_if_fresh && !stored.is_due(self.now) {
            return;
        }
        let Some(server) = self.server() else { return };
        match server.key_set(&self.config.issuer, stored.etag.as_deref()) {
            Ok(fetched) => {
                self.answered();
                let etag = match fetched {
                    Some(set) if self.follow(&set.text) => set.etag,
                    Some(_) => None,
                    None => stored.etag,
                };
                let now = self.now;
                let kept = self.state.keyset.get_or_insert_default();
                (kept.etag, kept.asked_at) = (etag, now);
                self.refresh();
            }
            Err(Failure::Refused(_)) => {
                self.answered();
                self.state.keyset.get_or_insert_default().asked_at = self.now;
            }
            Err(Failure::Unreachable) => self.failed(),
        }
    }

    /// What was held is not believed any more, and the server can give other texts.
    pub fn holds_withdrawn(&self) -> bool {
        let texts = [&self.state.license_key, &self.state.certificate];
        texts.into_iter().flatten().any(|text| keyset::is_withdrawn(self.config, text))
    }
}
