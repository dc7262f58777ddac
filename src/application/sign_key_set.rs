//! A key set comes back from the machine with the root, or is signed again by a root that is here.

use super::app::{App, UseCaseError, decided};
use super::key_rings::{publish, ring_key};
use super::ports::HeldKey;
use crate::domain::{Actor, KeyRing, KeyRole, KeyState, MerchantId, PublishedKeySet, Refusal};

impl App {
    /// Publishes what a root has signed elsewhere: exactly what was asked for, and still is what is to be told.
    pub async fn accept_key_set(
        &self,
        merchant: &MerchantId,
        text: &str,
        root: Option<&str>,
        actor: &Actor,
    ) -> Result<KeyRing, UseCaseError> {
        let _turn = self.turn(merchant).await;
        decided!(self, self.try_accept_key_set(merchant, text, root, actor))
    }

    async fn try_accept_key_set(
        &self,
        merchant: &MerchantId,
        text: &str,
        root: Option<&str>,
        actor: &Actor,
    ) -> Result<KeyRing, UseCaseError> {
        let (merchant, now) = (self.merchant(merchant).await?, self.now());
        let found = self.ring_of(&merchant).await?;
        let mut ring = found.value;
        if ring.published.as_ref().is_some_and(|set| set.token == text) {
            return Ok(ring);
        }
        let why =
            "no key set waits for a signature: `lictor keys rotate`, `revoke` or `keyset publish` makes one";
        let draft = ring.draft.clone().ok_or(Refusal::IllegalState { why })?;
        let signed = self.signer.read_key_set(&merchant, &ring, text, root).map_err(|error| {
            let why = format!("{error}: sign the request with the root that client software pins");
            Refusal::Invalid { pointer: "/keyset".into(), why }
        })?;
        if signed.payload != draft.payload {
            let why = "this is not what waits now: fetch the request again with `lictor keys keyset request`, and sign that".to_owned();
            return Err(Refusal::Invalid { pointer: "/keyset".into(), why }.into());
        }
        if ring.key(&signed.root).is_none() {
            let root = HeldKey {
                kid: signed.root,
                role: KeyRole::Root,
                public: signed.root_public,
                is_staged: false,
                is_revoked: false,
            };
            ring.keys.push(ring_key(&root, KeyState::Active, now));
        }
        let set = PublishedKeySet { seq: draft.seq, token: text.to_owned(), published_at: now };
        publish(&mut ring, set, &draft.activates, now)?;
        self.keep_ring(&merchant, ring, found.revision, actor).await
    }

    /// Makes a key set of what stands now, with a new end: signed at once, or waiting for the root.
    pub async fn publish_key_set(
        &self,
        merchant: &MerchantId,
        actor: &Actor,
    ) -> Result<KeyRing, UseCaseError> {
        let _turn = self.turn(merchant).await;
        decided!(self, self.try_publish_key_set(merchant, actor))
    }

    async fn try_publish_key_set(
        &self,
        merchant: &MerchantId,
        actor: &Actor,
    ) -> Result<KeyRing, UseCaseError> {
        let (merchant, now) = (self.merchant(merchant).await?, self.now());
        let found = self.ring_of(&merchant).await?;
        let mut ring = found.value;
        self.renew_key_set(&merchant, &mut ring, None, now)?;
        self.keep_ring(&merchant, ring, found.revision, actor).await
    }
}
