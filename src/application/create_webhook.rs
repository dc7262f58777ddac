//! Makes an endpoint of a merchant.

use secrecy::SecretString;

use super::app::{App, UseCaseError, decided};
use super::change_webhook::{NewWebhook, WebhookView};
use super::merchant_commands::IdempotencyIdentity;
use super::ports::{ABSENT, Commit, Versioned};
use crate::domain::{
    EXPIRING_DAYS_DEFAULT, EventKind, Instant, Refusal, SecretRef, WEBHOOKS_MAX, Webhook, WebhookId,
    WebhookProgress, WebhookSecretId,
};

impl App {
    /// Makes an endpoint. It is sent what happens from now on.
    pub async fn create_webhook(&self, new: &NewWebhook) -> Result<WebhookView, UseCaseError> {
        let made = decided!(self, self.try_create_webhook(new))?;
        self.endpoints_changed(&new.merchant);
        Ok(made)
    }

    async fn try_create_webhook(&self, new: &NewWebhook) -> Result<WebhookView, UseCaseError> {
        let now = self.now();
        let id = self.webhook_id(new.idempotency.as_ref(), now);
        let others = self.webhooks_of(&new.merchant).await?;
        let secret_id = self.secret_id(new.idempotency.as_ref(), now);
        if let Some(known) = others.iter().find(|known| known.value.id == id) {
            return self.made_before(new, known, &secret_id).await;
        }
        if others.len() >= WEBHOOKS_MAX {
            let why = "the merchant has as many webhooks as there may be: delete one first";
            return Err(Refusal::IllegalState { why }.into());
        }
        let mut webhook = Webhook {
            id,
            merchant: new.merchant.clone(),
            url: new.url.clone(),
            description: new.description.clone(),
            events: new.events.clone(),
            expiring_days: new.expiring_days.clone().unwrap_or_else(|| EXPIRING_DAYS_DEFAULT.to_vec()),
            secrets: Vec::new(),
            disabled: None,
            created_at: now,
            updated_at: now,
        };
        self.check_webhook(&webhook)?;
        let text =
            self.add_secret(&mut webhook, secret_id, new.secret.as_ref(), new.idempotency.as_ref(), now)?;
        let cursor = self.chain_end(&new.merchant).await?;
        let progress =
            WebhookProgress::new(new.merchant.clone(), webhook.id.clone(), cursor, self.clock.now());
        let event = self.webhook_event(&webhook, &new.actor, EventKind::WebhookCreated, &[]);
        let commit =
            Commit::new().put(webhook.clone(), ABSENT).put(progress.clone(), ABSENT).put(event, ABSENT);
        let committed = self.store.commit(commit).await?;
        let revision = committed.revisions.first().copied().unwrap_or(ABSENT);
        Ok(WebhookView { webhook: Versioned { value: webhook, revision }, progress, secret: text })
    }

    /// The same request under the same key is answered alike.
    async fn made_before(
        &self,
        new: &NewWebhook,
        known: &Versioned<Webhook>,
        secret_id: &WebhookSecretId,
    ) -> Result<WebhookView, UseCaseError> {
        let it = &known.value;
        let days = new.expiring_days.clone().unwrap_or_else(|| EXPIRING_DAYS_DEFAULT.to_vec());
        let is_same = it.url == new.url
            && it.description == new.description
            && it.events == new.events
            && it.expiring_days == days;
        if !is_same {
            return Err(Refusal::IdempotencyConflict.into());
        }
        let progress = self.webhook_progress(&new.merchant, &it.id).await?.value;
        let secret = match (&new.secret, &new.idempotency) {
            (None, Some(identity)) => Some(self.repeatable_secret(&it.id, secret_id, identity)?),
            (Some(_), _) | (None, None) => None,
        };
        Ok(WebhookView { webhook: known.clone(), progress, secret })
    }

    fn webhook_id(&self, identity: Option<&IdempotencyIdentity>, now: Instant) -> WebhookId {
        WebhookId::from_uuid(self.id_of(&["webhook"], identity, now))
    }

    fn add_secret(
        &self,
        webhook: &mut Webhook,
        id: WebhookSecretId,
        reference: Option<&SecretRef>,
        idempotency: Option<&IdempotencyIdentity>,
        now: Instant,
    ) -> Result<Option<SecretString>, UseCaseError> {
        let (secret, text) = self.new_secret(webhook, id, reference, idempotency, now)?;
        webhook.secrets = vec![secret];
        Ok(text)
    }
}
