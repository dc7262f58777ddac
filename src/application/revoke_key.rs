//! A signing key is not believed any more.

use super::app::{App, UseCaseError, decided};
use super::key_rings::ring_key;
use super::ports::{HeldKey, Listing, list};
use super::rotate_key::RotateKey;
use crate::domain::{
    Actor, Instant, KeyId, KeyRing, KeyRole, KeyState, KeysSeen, Merchant, MerchantId, Refusal, Reissue,
    RevocationMode, RingKey, StatusList,
};

/// Most lists of a merchant that are signed again at once; the others follow when they are asked for.
const LISTS_MAX: usize = 1_000;

/// What is asked for.
#[derive(Debug, Clone)]
pub struct RevokeKey {
    /// Whose.
    pub merchant: MerchantId,
    /// Which key.
    pub kid: KeyId,
    /// What is not believed any more of what it signed.
    pub mode: RevocationMode,
    /// From when on, for [`RevocationMode::After`]; by default from now on.
    pub at: Option<Instant>,
    /// Which key takes its place if it signs; by default a new one, where this server makes keys.
    pub next: Option<KeyId>,
    /// How the keys must stand.
    pub if_seen: Option<KeysSeen>,
}

impl App {
    /// Withdraws a key in a new key set. If it signs, another takes its place at once: a new one, or the one that is named.
    /// None that happens to be staged: it may lie in the folder that was stolen. What it signed is made anew: license keys by
    /// a job, certificates as machines ask, status lists now.
    pub async fn revoke_key(&self, command: &RevokeKey, actor: &Actor) -> Result<KeyRing, UseCaseError> {
        let ring = {
            let _turn = self.turn(&command.merchant).await;
            decided!(self, self.try_revoke_key(command, actor))?
        };
        self.signals.keys.notify_one();
        self.sign_lists_again(&command.merchant).await?;
        Ok(ring)
    }

    async fn try_revoke_key(&self, command: &RevokeKey, actor: &Actor) -> Result<KeyRing, UseCaseError> {
        let (merchant, now) = (self.merchant(&command.merchant).await?, self.now());
        let found = self.ring_besides(&merchant, command.next.as_ref()).await?;
        self.check_seen(&merchant, command.if_seen.as_ref(), found.revision).await?;
        let mut ring = found.value;
        let key = self.known_or_held(&merchant, &mut ring, &command.kid)?;
        let at = command.at.filter(|_| command.mode == RevocationMode::After).unwrap_or(now);
        if at > now {
            let why = "a key is revoked from now on or from an earlier time on".to_owned();
            return Err(Refusal::Invalid { pointer: "/at".into(), why }.into());
        }
        if key.state == KeyState::Active && key.role != KeyRole::Root {
            let next = self.successor(&merchant, &ring, key.role, command)?;
            ring.stage_in_emergency(ring_key(&next, KeyState::Staged, now))?;
            // No waiting for the root: whatever the stolen key would sign meanwhile is worth nothing.
            ring.activate(&next.kid, now)?;
        }
        // What only the files know is told as well.
        if !ring.revoke(&command.kid, command.mode, at)? && self.is_stored(&ring).await? {
            return Ok(ring);
        }
        if key.role == KeyRole::License {
            ring.reissue = Some(Reissue::begin(now));
        }
        self.renew_key_set(&merchant, &mut ring, None, now)?;
        tracing::info!(merchant = %merchant.id, kid = %command.kid, mode = command.mode.as_str(), "a signing key is revoked");
        self.keep_ring(&merchant, ring, found.revision, actor).await
    }

    /// The key in the ring; one that lies in the keys folder only, staged for later, is put there.
    fn known_or_held(
        &self,
        merchant: &Merchant,
        ring: &mut KeyRing,
        kid: &KeyId,
    ) -> Result<RingKey, UseCaseError> {
        if let Some(known) = ring.key(kid) {
            return Ok(known.clone());
        }
        let held = self.signer.held_keys(merchant)?.into_iter().find(|held| held.kid == *kid);
        let held = held.ok_or(Refusal::NotFound { what: "signing key" })?;
        let key = ring_key(&held, KeyState::Staged, self.now());
        ring.keys.push(key.clone());
        Ok(key)
    }

    fn successor(
        &self,
        merchant: &Merchant,
        ring: &KeyRing,
        role: KeyRole,
        command: &RevokeKey,
    ) -> Result<HeldKey, UseCaseError> {
        let named = RotateKey {
            merchant: merchant.id.clone(),
            role,
            kid: command.next.clone(),
            stage_only: false,
            if_seen: None,
        };
        match &command.next {
            Some(_) => self.next_key(merchant, ring, &named),
            None => self.new_key(merchant, role).map_err(|error| match error {
                UseCaseError::Refused(Refusal::KeyRefused { why }) => {
                    let why =
                        format!("{why}. Then name the new key: `lictor keys revoke KID --next NEW_KID`");
                    Refusal::KeyRefused { why }.into()
                }
                other => other,
            }),
        }
    }

    /// Status lists that a withdrawn key has signed are published anew.
    async fn sign_lists_again(&self, merchant: &MerchantId) -> Result<(), UseCaseError> {
        let listing = Listing::StatusLists(merchant.clone());
        for found in list::<StatusList>(self.store.as_ref(), &listing, LISTS_MAX).await? {
            if self.signer.is_withdrawn(merchant, &found.value.token) {
                self.status_list(merchant, found.value.number).await?;
            }
        }
        Ok(())
    }
}
