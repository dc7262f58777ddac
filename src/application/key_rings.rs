//! The key ring of each merchant: loaded, changed, followed by whoever signs.

use super::app::{App, UseCaseError};
use super::ports::{ABSENT, Commit, HeldKey, Listing, StoreError, Versioned, find, list};
use super::record::RecordKey;
use crate::domain::{
    Actor, Instant, KeyId, KeyRing, KeyRole, KeySetDraft, KeyState, KeysSeen, Merchant, MerchantId,
    PublishedKeySet, Refusal, Reissue, RingKey,
};

impl App {
    /// Lets the signer follow what the store says of every merchant's keys. Another replica may have changed it.
    pub async fn follow_key_rings(&self) -> Result<(), UseCaseError> {
        let mut fault = None;
        for merchant in list::<Merchant>(self.store.as_ref(), &Listing::Merchants, 1_000).await? {
            let merchant = merchant.value;
            let Some(ring) = self.stored_ring(&merchant.id).await? else { continue };
            let followed = self.follow_ring(&merchant, &ring.value);
            self.tell_unfollowed(&merchant.id, followed.as_ref().err());
            // Keys of one merchant that cannot be read here hold up no other.
            fault = fault.or(followed.err());
        }
        fault.map_or(Ok(()), Err)
    }

    /// Said when it begins and when it ends, not every second.
    fn tell_unfollowed(&self, merchant: &MerchantId, error: Option<&UseCaseError>) {
        let mut unfollowed = self.unfollowed.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        match error {
            Some(error) if unfollowed.insert(merchant.clone()) => {
                tracing::error!(%merchant, %error, "the merchant's keys cannot be read here, nothing is signed for it: look at its keys folder");
            }
            None if unfollowed.remove(merchant) => {
                tracing::info!(%merchant, "the merchant's keys can be read again")
            }
            Some(_) | None => {}
        }
    }

    pub(super) fn follow_ring(&self, merchant: &Merchant, ring: &KeyRing) -> Result<(), UseCaseError> {
        let before = self.signer.beliefs();
        let missing = self.signer.follow(merchant, ring)?;
        // Said when something changed, not every second.
        if before != self.signer.beliefs() {
            for kid in missing {
                tracing::error!(
                    merchant = %merchant.id, %kid,
                    "the key that should sign is not in this server's keys folder, which signs with the one before if that is \
                     still believed: copy the keys folder here"
                );
            }
        }
        Ok(())
    }

    /// The keys of a merchant as they stand, also where nothing was ever changed about them.
    pub async fn key_ring(&self, merchant: &MerchantId) -> Result<KeyRing, UseCaseError> {
        let merchant = self.merchant(merchant).await?;
        Ok(self.ring_of(&merchant).await?.value)
    }

    /// Which of them have their private halves in this server's keys folder.
    pub async fn held_keys(&self, merchant: &MerchantId) -> Result<Vec<HeldKey>, UseCaseError> {
        Ok(self.signer.held_keys(&self.merchant(merchant).await?)?)
    }

    /// The key set that clients are served, if there was ever anything to tell. Another replica may have published it.
    pub async fn published_key_set(
        &self,
        merchant: &MerchantId,
    ) -> Result<Option<PublishedKeySet>, UseCaseError> {
        Ok(self.stored_ring(merchant).await?.and_then(|ring| ring.value.published))
    }

    pub(super) async fn stored_ring(
        &self,
        merchant: &MerchantId,
    ) -> Result<Option<Versioned<KeyRing>>, StoreError> {
        find(self.store.as_ref(), RecordKey::KeyRing(merchant.clone())).await
    }

    /// The stored ring with what the keys folder knows beyond it, or what the folder says where none was stored: the newest
    /// of a role signs.
    pub(super) async fn ring_of(&self, merchant: &Merchant) -> Result<Versioned<KeyRing>, UseCaseError> {
        self.ring_besides(merchant, None).await
    }

    /// The same without a key of the folder that the command itself is about, unless it is the one that has to sign.
    pub(super) async fn ring_besides(
        &self,
        merchant: &Merchant,
        named: Option<&KeyId>,
    ) -> Result<Versioned<KeyRing>, UseCaseError> {
        let stored = self.stored_ring(&merchant.id).await?;
        let held = self.signer.held_keys(merchant)?;
        Ok(match stored {
            Some(mut ring) => {
                learn_from_folder(&mut ring.value, &held, named, self.now());
                ring
            }
            None => {
                let ring = ring_of_folder(&merchant.id, &held, self.now());
                Versioned { value: ring, revision: ABSENT }
            }
        })
    }

    /// Refuses what was decided about keys that stand otherwise by now; `revision` is that of the ring which is changed.
    pub(super) async fn check_seen(
        &self,
        merchant: &Merchant,
        seen: Option<&KeysSeen>,
        revision: u64,
    ) -> Result<(), UseCaseError> {
        let Some(seen) = seen else { return Ok(()) };
        let now = self.ring_of(merchant).await?;
        if now.revision != revision {
            return Err(StoreError::Conflict.into());
        }
        if now.value.seen() == *seen {
            Ok(())
        } else {
            Err(Refusal::RevisionConflict { current: revision }.into())
        }
    }

    /// Whether the store has these keys as they are here.
    pub(super) async fn is_stored(&self, ring: &KeyRing) -> Result<bool, StoreError> {
        Ok(self.stored_ring(&ring.merchant).await?.is_some_and(|stored| stored.value.keys == ring.keys))
    }

    /// Makes the next key set of a ring: signed if the root is here, else waiting for it. `activates` begin to sign with its
    /// publication, so that clients can know a key before they meet its signature.
    pub(super) fn renew_key_set(
        &self,
        merchant: &Merchant,
        ring: &mut KeyRing,
        activates: Option<KeyId>,
        now: Instant,
    ) -> Result<(), UseCaseError> {
        let seq = ring.next_seq(now);
        let payload = self.signer.key_set_payload(merchant, ring, seq, now)?;
        let mut waiting = ring.draft.take().map_or_else(Vec::new, |draft| draft.activates);
        waiting.extend(activates.filter(|kid| !waiting.contains(kid)));
        match self.signer.sign_key_set(merchant, &payload)? {
            Some(token) => publish(ring, PublishedKeySet { seq, token, published_at: now }, &waiting, now)?,
            None => ring.draft = Some(KeySetDraft { seq, payload, activates: waiting, made_at: now }),
        }
        Ok(())
    }

    /// Keeps a changed ring, tells what changed, and lets the signer follow it.
    pub(super) async fn keep_ring(
        &self,
        merchant: &Merchant,
        ring: KeyRing,
        revision: u64,
        actor: &Actor,
    ) -> Result<KeyRing, UseCaseError> {
        let before = match self.stored_ring(&merchant.id).await? {
            Some(stored) => stored.value,
            None => ring_of_folder(&merchant.id, &self.signer.held_keys(merchant)?, self.now()),
        };
        let commit = Commit::new().with_urgency(super::ports::Urgency::Essential).put(ring.clone(), revision);
        let told = self.told_of_ring(&before, &ring, actor);
        self.store.commit(told.into_iter().fold(commit, |commit, event| commit.put(event, ABSENT))).await?;
        self.follow_ring(merchant, &ring)?;
        Ok(ring)
    }
}

/// Publishes a signed key set; what waited for it begins to sign.
pub(super) fn publish(
    ring: &mut KeyRing,
    set: PublishedKeySet,
    activates: &[KeyId],
    now: Instant,
) -> Result<(), UseCaseError> {
    for kid in activates {
        // Revoked or retired while it waited.
        if ring.key(kid).is_some_and(|key| key.state == KeyState::Staged) {
            ring.activate(kid, now)?;
        }
    }
    (ring.published, ring.draft) = (Some(set), None);
    Ok(())
}

pub(super) fn ring_key(held: &HeldKey, state: KeyState, now: Instant) -> RingKey {
    RingKey {
        kid: held.kid.clone(),
        role: held.role,
        public: held.public,
        known_since: now,
        signs_from: None,
        signs_until: None,
        state,
    }
}

/// A store that was restored from an older backup knows less than the files: a key that was revoked since, and the one that
/// took its place.
fn learn_from_folder(ring: &mut KeyRing, held: &[HeldKey], named: Option<&KeyId>, now: Instant) {
    for held in held.iter().filter(|held| held.is_revoked) {
        if ring.learn_revoked(ring_key(held, KeyState::Verifying, now), now) && held.role == KeyRole::License
        {
            ring.reissue = Some(Reissue::begin(now));
        }
    }
    // The newest first: it signs where nothing else may.
    for held in held.iter().rev().filter(|held| !held.is_staged && !held.is_revoked) {
        let signs = ring.active(held.role).is_none();
        // A root that was taken back, for a ceremony or for good, is one of several.
        let state = if signs || held.role == KeyRole::Root { KeyState::Active } else { KeyState::Verifying };
        if state == KeyState::Active || named != Some(&held.kid) {
            ring.learn(ring_key(held, state, now));
        }
    }
}

fn ring_of_folder(merchant: &MerchantId, held: &[HeldKey], now: Instant) -> KeyRing {
    let mut keys: Vec<RingKey> = Vec::new();
    // The newest first: it signs.
    for held in held.iter().rev().filter(|held| !held.is_staged) {
        let is_newest = keys.iter().all(|key| key.role != held.role || key.state != KeyState::Active);
        let state = match (held.is_revoked, is_newest) {
            (true, _) => KeyState::Revoked { at: now, mode: crate::domain::RevocationMode::All },
            (false, true) => KeyState::Active,
            (false, false) => KeyState::Verifying,
        };
        keys.push(ring_key(held, state, now));
    }
    keys.reverse();
    KeyRing::new(merchant.clone(), keys)
}
