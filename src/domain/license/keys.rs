//! The license key texts of a license, and what the status list says of each.

use super::{License, LicenseEnd};
use crate::domain::{Instant, Status, StatusFlip, StatusSlot, TokenId, Validity};

/// One signed license key text of a license.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssuedKey {
    /// Its `jti`.
    pub token_id: TokenId,
    /// Its entry in a status list.
    pub slot: StatusSlot,
    /// When it was signed.
    pub issued_at: Instant,
    /// Its own `exp`; `None` is permanent.
    pub ends_at: Option<Instant>,
    /// Whether a newer key took something away from it: clients must ask for the current one.
    pub superseded: bool,
    /// Whether it was re-issued because it had leaked: it opens nothing any more.
    pub leaked: bool,
}

impl IssuedKey {
    fn span(&self) -> Validity {
        Validity::between(self.issued_at, self.ends_at)
    }

    fn ends_before(&self, other: &Self) -> bool {
        self.span().ends_before(&other.span())
    }
}

/// What becomes of the key that is replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OldKeyFate {
    /// It ends by its own time.
    StaysValid,
    /// Clients must ask for the new one, as must the holders of any older one that ends later than the new one.
    Superseded,
    /// Clients must ask for the new one, whichever they have.
    Reissued,
    /// The same, and none that they have opens anything any more.
    Leaked,
}

impl License {
    /// The current key text's facts.
    pub fn current_key(&self) -> Option<&IssuedKey> {
        self.issued.last()
    }

    /// Whether `token_id` is the current key's.
    pub fn is_current(&self, token_id: &TokenId) -> bool {
        self.current_key().is_some_and(|key| &key.token_id == token_id)
    }

    /// Whether this is a key text that the record knows nothing of although it is later than every one it knows: token
    /// ids sort by their time.
    pub fn has_lost(&self, token_id: &TokenId) -> bool {
        self.issued.iter().all(|key| &key.token_id < token_id)
    }

    /// Whether a key text was re-issued as leaked: it opens nothing, not even a renewal. Nobody knows which text
    /// had leaked, so that none from before the re-issue opens anything, not even one that a restore has lost; token ids
    /// sort by their time.
    pub fn is_leaked(&self, token_id: &TokenId) -> bool {
        let Some(last_leaked) = self.issued.iter().rposition(|key| key.leaked) else { return false };
        match self.issued.get(last_leaked + 1) {
            Some(next) => token_id < &next.token_id,
            None => token_id <= &self.issued[last_leaked].token_id,
        }
    }

    /// Whether a key text has nothing to say any more: its holder must ask for the current one.
    pub fn is_superseded(&self, token_id: &TokenId) -> bool {
        self.is_leaked(token_id) || self.issued.iter().any(|key| &key.token_id == token_id && key.superseded)
    }

    /// What becomes of the current key after the license has changed since `before`; none while it still says what the
    /// license is.
    pub fn key_fate_since(&self, before: &Self) -> Option<OldKeyFate> {
        if (&self.sold, self.validity) == (&before.sold, before.validity) {
            return None;
        }
        Some(match (self.sold.takes_from(&before.sold), self.validity.ends_before(&before.validity)) {
            (true, _) => OldKeyFate::Reissued,
            (false, true) => OldKeyFate::Superseded,
            (false, false) => OldKeyFate::StaysValid,
        })
    }

    /// Puts a new key in the place of the current one, and forgets keys whose own end has come.
    ///
    /// Older keys than the current one may still be valid by their own end; they share its fate where they
    /// promise as much.
    pub fn replace_key(&mut self, key: IssuedKey, license_key: String, fate: OldKeyFate, now: Instant) {
        for old in &mut self.issued {
            old.superseded |= match fate {
                OldKeyFate::StaysValid => false,
                OldKeyFate::Superseded => key.ends_before(old),
                OldKeyFate::Reissued | OldKeyFate::Leaked => true,
            };
            old.leaked |= fate == OldKeyFate::Leaked;
        }
        self.issued.retain(|key| !has_ended(key, now) || key.leaked);
        self.issued.push(key);
        self.license_key = license_key;
    }

    /// Adds a key beside the current one, which stays the current one.
    pub fn add_key(&mut self, key: IssuedKey) {
        let before_current = self.issued.len().saturating_sub(1);
        self.issued.insert(before_current, key);
    }

    /// What the status list says of one key text.
    pub fn status_of(&self, key: &IssuedKey) -> Status {
        match (&self.end, key.superseded, self.holds.is_empty()) {
            (LicenseEnd::Revoked { .. } | LicenseEnd::Released { .. }, _, _) => Status::Invalid,
            (LicenseEnd::Running, true, _) => Status::Superseded,
            (LicenseEnd::Running, false, false) => Status::Suspended,
            (LicenseEnd::Running, false, true) => Status::Valid,
        }
    }

    /// What every unexpired key text's entry has to say now.
    pub fn flips(&self, now: Instant) -> Vec<StatusFlip> {
        let unexpired = self.issued.iter().filter(|key| !has_ended(key, now));
        unexpired
            .map(|key| StatusFlip {
                merchant: self.merchant.clone(),
                slot: key.slot,
                status: self.status_of(key),
            })
            .collect()
    }
}

fn has_ended(key: &IssuedKey, now: Instant) -> bool {
    key.span().has_ended(now)
}
