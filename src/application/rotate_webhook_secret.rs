//! Gives an endpoint another secret, and makes secrets.

use chrono::TimeDelta;
use secrecy::SecretString;
use sha2::{Digest, Sha256};

use super::app::{App, UseCaseError, decided};
use super::change_webhook::{WebhookCommand, WebhookView, check_revision};
use super::event_sending::secret_owner;
use super::merchant_commands::IdempotencyIdentity;
use super::ports::SigningError;
use crate::domain::{
    EventKind, Instant, KeptSecret, Refusal, SecretRef, Webhook, WebhookId, WebhookSecret, WebhookSecretId,
};

/// How long an old secret may go on signing.
const OVERLAP_MAX: TimeDelta = TimeDelta::days(30);

impl App {
    /// Gives an endpoint another secret; those of before go on signing for so long.
    pub async fn rotate_webhook_secret(
        &self,
        command: &WebhookCommand,
        reference: Option<&SecretRef>,
        overlap: TimeDelta,
        idempotency: Option<&IdempotencyIdentity>,
    ) -> Result<WebhookView, UseCaseError> {
        if !(TimeDelta::zero()..=OVERLAP_MAX).contains(&overlap) {
            let why = format!("old secrets sign for 0 to {} s more", OVERLAP_MAX.num_seconds());
            return Err(Refusal::Invalid { pointer: "/overlap_secs".into(), why }.into());
        }
        decided!(self, self.try_rotate(command, reference, overlap, idempotency))
    }

    async fn try_rotate(
        &self,
        command: &WebhookCommand,
        reference: Option<&SecretRef>,
        overlap: TimeDelta,
        idempotency: Option<&IdempotencyIdentity>,
    ) -> Result<WebhookView, UseCaseError> {
        let now = self.now();
        let secret_id = self.secret_id(idempotency, now);
        let found = self.webhook(&command.merchant, &command.webhook).await?;
        let progress = self.webhook_progress(&command.merchant, &command.webhook).await?.value;
        if let Some(identity) = idempotency
            && found.value.secrets.iter().any(|secret| secret.id == secret_id)
        {
            let secret = match reference {
                None => Some(self.repeatable_secret(&command.webhook, &secret_id, identity)?),
                Some(_) => None,
            };
            return Ok(WebhookView { webhook: found, progress, secret });
        }
        check_revision(command, &found)?;
        let mut webhook = found.value.clone();
        let secret = self.new_secret(&webhook, secret_id, reference, idempotency, now)?;
        webhook.rotate(secret.0, now + overlap);
        webhook.updated_at = now;
        let facts = [("old_secrets_end_at", text_of(now + overlap))];
        let event = self.webhook_event(&webhook, &command.actor, EventKind::WebhookSecretRotated, &facts);
        self.keep_webhook(webhook, found.revision, event, progress, secret.1).await
    }

    /// A secret, and its text if it was made here.
    pub(super) fn new_secret(
        &self,
        webhook: &Webhook,
        id: WebhookSecretId,
        reference: Option<&SecretRef>,
        idempotency: Option<&IdempotencyIdentity>,
        now: Instant,
    ) -> Result<(WebhookSecret, Option<SecretString>), UseCaseError> {
        if let Some(reference) = reference {
            let kept = KeptSecret::Reference(reference.clone());
            let secret = WebhookSecret { id, kept, created_at: now, ends_at: None };
            let usable = self.secret_text(webhook, &secret);
            usable.map_err(|why| Refusal::Invalid { pointer: "/secret".into(), why })?;
            return Ok((secret, None));
        }
        let outbound = self.outbound()?;
        let text = match idempotency {
            Some(identity) => self.repeatable_secret(&webhook.id, &id, identity)?,
            None => outbound.sender.secret_of(&self.ids.random_bytes()),
        };
        let owner = secret_owner(webhook.merchant.as_str(), &webhook.id, id.as_str());
        let sealed = outbound.vault.seal(&owner, &text).map_err(|fault| SigningError(fault.to_string()))?;
        let secret = WebhookSecret { id, kept: KeptSecret::Sealed(sealed), created_at: now, ends_at: None };
        Ok((secret, Some(text)))
    }

    /// The secret that a repeatable request makes: nothing that anybody else can compute.
    pub(super) fn repeatable_secret(
        &self,
        webhook: &WebhookId,
        id: &WebhookSecretId,
        identity: &IdempotencyIdentity,
    ) -> Result<SecretString, UseCaseError> {
        let digest = derived(&["secret", webhook.as_str(), id.as_str()], identity);
        Ok(self.outbound()?.sender.secret_of(&self.signer.token_bytes(&digest)))
    }

    pub(super) fn secret_id(&self, identity: Option<&IdempotencyIdentity>, now: Instant) -> WebhookSecretId {
        WebhookSecretId::from_uuid(self.id_of(&["webhook-secret"], identity, now))
    }

    /// The same for the same key of a repeatable request, and else never the same.
    pub(super) fn id_of(&self, what: &[&str], identity: Option<&IdempotencyIdentity>, now: Instant) -> u128 {
        let Some(identity) = identity else { return self.ids.uuid_v7(now) };
        let digest = derived(what, identity);
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&digest[..16]);
        u128::from_be_bytes(bytes)
    }
}

/// Each part with its length before it.
fn derived(what: &[&str], identity: &IdempotencyIdentity) -> [u8; 32] {
    let mut digest = Sha256::new();
    for part in what {
        digest.update((part.len() as u64).to_be_bytes());
        digest.update(part.as_bytes());
    }
    digest.update(identity.key_digest);
    digest.finalize().into()
}

fn text_of(at: Instant) -> String {
    at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
}
