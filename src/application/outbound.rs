//! What events are sent with, and who asks for them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::app::{App, UseCaseError};
use super::event_sending::{EventSender, SecretVault, secret_owner};
use super::ports::{ABSENT, Listing, SecretSource, StoreError, Versioned, find, list};
use super::record::RecordKey;
use crate::domain::{
    ChainHead, KeptSecret, MerchantId, Refusal, WEBHOOKS_MAX, Webhook, WebhookEvent, WebhookId,
    WebhookProgress, WebhookSecret,
};
use secrecy::SecretString;

/// What an event costs is asked for at most this often by one process.
const ASKED_AGAIN_AFTER: Duration = Duration::from_secs(10);

/// What events are sent with.
pub struct Outbound {
    /// Makes attempts.
    pub sender: Arc<dyn EventSender>,
    /// Keeps secrets of endpoints.
    pub vault: Arc<dyn SecretVault>,
    /// Finds those that are kept elsewhere.
    pub secrets: Arc<dyn SecretSource>,
}

/// What the endpoints of merchants ask for, as this process saw it last.
#[derive(Debug, Default)]
pub(super) struct AskedFor(Mutex<HashMap<MerchantId, Seen>>);

#[derive(Debug)]
struct Seen {
    at: Duration,
    renewals: bool,
}

impl App {
    /// With what events are sent with. Without it endpoints can be looked at and nothing is sent.
    #[must_use]
    pub fn with_outbound(mut self, outbound: Outbound) -> Self {
        self.outbound = Some(Arc::new(outbound));
        self
    }

    pub(super) fn outbound(&self) -> Result<&Outbound, UseCaseError> {
        let why = "this server sends no events";
        self.outbound.as_deref().ok_or(UseCaseError::Refused(Refusal::IllegalState { why }))
    }

    /// Whether some secret of an endpoint lies in the vault.
    pub async fn has_sealed_secrets(&self) -> Result<bool, UseCaseError> {
        for merchant in self.merchants().await? {
            let webhooks = self.webhooks_of(&merchant.id).await?;
            let is_sealed = |secret: &WebhookSecret| matches!(secret.kept, KeptSecret::Sealed(_));
            if webhooks.iter().any(|webhook| webhook.value.secrets.iter().any(is_sealed)) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Every endpoint of a merchant.
    pub(super) async fn webhooks_of(
        &self,
        merchant: &MerchantId,
    ) -> Result<Vec<Versioned<Webhook>>, StoreError> {
        // Two that were made at once may be one more than there should be.
        list(self.store.as_ref(), &Listing::Webhooks(merchant.clone()), WEBHOOKS_MAX * 2).await
    }

    pub(super) async fn webhook(
        &self,
        merchant: &MerchantId,
        id: &WebhookId,
    ) -> Result<Versioned<Webhook>, UseCaseError> {
        let found = find(self.store.as_ref(), RecordKey::Webhook(merchant.clone(), id.clone())).await?;
        found.ok_or(UseCaseError::Refused(Refusal::NotFound { what: "webhook" }))
    }

    /// How far an endpoint is; one whose progress was lost begins where the chain ends.
    pub(super) async fn webhook_progress(
        &self,
        merchant: &MerchantId,
        id: &WebhookId,
    ) -> Result<Versioned<WebhookProgress>, StoreError> {
        let key = RecordKey::WebhookProgress(merchant.clone(), id.clone());
        if let Some(found) = find(self.store.as_ref(), key).await? {
            return Ok(found);
        }
        let cursor = self.chain_end(merchant).await?;
        let value = WebhookProgress::new(merchant.clone(), id.clone(), cursor, self.clock.now());
        Ok(Versioned { value, revision: ABSENT })
    }

    /// The number of the last event of a merchant's chain.
    pub(super) async fn chain_end(&self, merchant: &MerchantId) -> Result<u64, StoreError> {
        let head: Option<Versioned<ChainHead>> =
            find(self.store.as_ref(), RecordKey::ChainHead(merchant.clone())).await?;
        Ok(head.map_or(0, |head| head.value.seq))
    }

    /// The text of a secret; a fault says which and why.
    pub(super) fn secret_text(
        &self,
        webhook: &Webhook,
        secret: &WebhookSecret,
    ) -> Result<SecretString, String> {
        let outbound = self.outbound().map_err(|error| error.to_string())?;
        match &secret.kept {
            KeptSecret::Sealed(sealed) => {
                let owner = secret_owner(webhook.merchant.as_str(), &webhook.id, secret.id.as_str());
                outbound.vault.open(&owner, sealed).map_err(|fault| fault.to_string())
            }
            KeptSecret::Reference(reference) => {
                let text = outbound.secrets.resolve(reference).map_err(|fault| fault.to_string())?;
                outbound.sender.accepts_secret(&text).map_err(|rule| format!("{reference}: {rule}"))?;
                Ok(text)
            }
        }
    }

    /// Whether some endpoint of the merchant wants to know of each renewal of an activation: only then renewals write
    /// events.
    pub(super) async fn renewals_are_asked_for(&self, merchant: &MerchantId) -> Result<bool, StoreError> {
        if self.outbound.is_none() {
            return Ok(false);
        }
        let now = self.clock.elapsed();
        let known = |seen: &Seen| now.saturating_sub(seen.at) < ASKED_AGAIN_AFTER;
        let asked = |map: &HashMap<MerchantId, Seen>| {
            map.get(merchant).filter(|seen| known(seen)).map(|it| it.renewals)
        };
        if let Some(renewals) = asked(&self.asked_for.0.lock().unwrap_or_else(PoisonError::into_inner)) {
            return Ok(renewals);
        }
        let webhooks = self.webhooks_of(merchant).await?;
        let wants = |it: &Versioned<Webhook>| {
            it.value.disabled.is_none() && it.value.wants(WebhookEvent::ActivationRenewed)
        };
        let seen = Seen { at: now, renewals: webhooks.iter().any(wants) };
        let renewals = seen.renewals;
        self.asked_for.0.lock().unwrap_or_else(PoisonError::into_inner).insert(merchant.clone(), seen);
        Ok(renewals)
    }

    /// What was seen of the merchant's endpoints is seen anew.
    pub(super) fn endpoints_changed(&self, merchant: &MerchantId) {
        self.asked_for.0.lock().unwrap_or_else(PoisonError::into_inner).remove(merchant);
        self.signals.events.notify_one();
    }
}
