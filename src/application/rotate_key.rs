//! Another key takes the place of the one that signs for a role.

use super::app::{App, UseCaseError, decided};
use super::key_rings::ring_key;
use super::ports::HeldKey;
use crate::domain::{Actor, KeyId, KeyRing, KeyRole, KeyState, KeysSeen, Merchant, MerchantId, Refusal};

/// What is asked for.
#[derive(Debug, Clone)]
pub struct RotateKey {
    /// Whose.
    pub merchant: MerchantId,
    /// For which role.
    pub role: KeyRole,
    /// Which key; by default the one that is staged, or a new one where this server makes keys.
    pub kid: Option<KeyId>,
    /// Whether clients are only told of it: it signs after another rotation.
    pub stage_only: bool,
    /// How the keys must stand.
    pub if_seen: Option<KeysSeen>,
}

impl App {
    /// Tells clients of the next key of a role in a new key set, and lets it sign. Where the root is not here the key set
    /// waits for its signature, and the key for the key set.
    pub async fn rotate_key(&self, command: &RotateKey, actor: &Actor) -> Result<KeyRing, UseCaseError> {
        if command.role == KeyRole::Root {
            let why = "a root is not rotated: a key set cannot bring another one. See docs/operate.md";
            return Err(Refusal::IllegalState { why }.into());
        }
        let _turn = self.turn(&command.merchant).await;
        decided!(self, self.try_rotate_key(command, actor))
    }

    async fn try_rotate_key(&self, command: &RotateKey, actor: &Actor) -> Result<KeyRing, UseCaseError> {
        let (merchant, now) = (self.merchant(&command.merchant).await?, self.now());
        let found = self.ring_besides(&merchant, command.kid.as_ref()).await?;
        self.check_seen(&merchant, command.if_seen.as_ref(), found.revision).await?;
        let mut ring = found.value;
        let next = self.next_key(&merchant, &ring, command)?;
        let kid = next.kid.clone();
        let is_new = ring.stage(ring_key(&next, KeyState::Staged, now))?;
        let activates = (!command.stage_only).then(|| kid.clone());
        let is_told = !is_new && ring.draft.is_none() && ring.published.is_some();
        match activates {
            // Clients were told before: it begins to sign without another key set.
            Some(kid) if is_told => ring.activate(&kid, now)?,
            activates => self.renew_key_set(&merchant, &mut ring, activates, now)?,
        }
        tracing::info!(merchant = %merchant.id, role = command.role.as_str(), %kid, stage_only = command.stage_only, "a signing key is rotated");
        self.keep_ring(&merchant, ring, found.revision, actor).await
    }

    /// The key that is named, one that is staged, one that lies staged in the folder, or a new one.
    pub(super) fn next_key(
        &self,
        merchant: &Merchant,
        ring: &KeyRing,
        command: &RotateKey,
    ) -> Result<HeldKey, UseCaseError> {
        let held = self.signer.held_keys(merchant)?;
        let of_role = held.into_iter().filter(|key| key.role == command.role && !key.is_revoked);
        let mut of_role: Vec<HeldKey> = of_role.collect();
        if let Some(kid) = &command.kid {
            let named = of_role.into_iter().find(|key| key.kid == *kid);
            return named.ok_or_else(|| {
                let role = command.role.as_str();
                let why = format!(
                    "no key {kid} of the role {role} is in this server's keys folder: copy it here first"
                );
                Refusal::KeyRefused { why }.into()
            });
        }
        let is_staged = |key: &HeldKey| match ring.key(&key.kid) {
            Some(known) => known.state == KeyState::Staged,
            None => key.is_staged,
        };
        of_role.retain(is_staged);
        match of_role.pop() {
            Some(staged) => Ok(staged),
            None => self.new_key(merchant, command.role),
        }
    }

    pub(super) fn new_key(&self, merchant: &Merchant, role: KeyRole) -> Result<HeldKey, UseCaseError> {
        let made = self.signer.make_key(merchant, role);
        made.map_err(|error| Refusal::KeyRefused { why: error.to_string() }.into())
    }
}
