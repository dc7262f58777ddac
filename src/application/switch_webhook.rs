//! Switches an endpoint off, and on again.

use super::app::{App, UseCaseError, decided};
use super::change_webhook::{WebhookCommand, WebhookView};
use super::ports::{ABSENT, Change, Commit, Versioned};
use super::record::RecordKey;
use crate::domain::{DisableCause, EventKind, WebhookDisabled};

impl App {
    /// Sends nothing any more. What happens meanwhile waits in the chain.
    pub async fn disable_webhook(&self, command: &WebhookCommand) -> Result<WebhookView, UseCaseError> {
        let disabled = decided!(self, self.try_disable_webhook(command))?;
        self.endpoints_changed(&command.merchant);
        Ok(disabled)
    }

    async fn try_disable_webhook(&self, command: &WebhookCommand) -> Result<WebhookView, UseCaseError> {
        let found = self.webhook_for(command).await?;
        let progress = self.webhook_progress(&command.merchant, &command.webhook).await?.value;
        if found.value.disabled.is_some() {
            return Ok(WebhookView { webhook: found, progress, secret: None });
        }
        let mut webhook = found.value.clone();
        let now = self.now();
        (webhook.disabled, webhook.updated_at) =
            (Some(WebhookDisabled { at: now, cause: DisableCause::ByHand }), now);
        let facts = [("cause", DisableCause::ByHand.as_str().to_owned())];
        let event = self.webhook_event(&webhook, &command.actor, EventKind::WebhookDisabled, &facts);
        self.keep_webhook(webhook, found.revision, event, progress, None).await
    }

    /// Sends again. `skip_missed`: only what happens from now on; otherwise from where it stopped.
    pub async fn enable_webhook(
        &self,
        command: &WebhookCommand,
        skip_missed: bool,
    ) -> Result<WebhookView, UseCaseError> {
        let enabled = decided!(self, self.try_enable_webhook(command, skip_missed))?;
        self.endpoints_changed(&command.merchant);
        Ok(enabled)
    }

    async fn try_enable_webhook(
        &self,
        command: &WebhookCommand,
        skip_missed: bool,
    ) -> Result<WebhookView, UseCaseError> {
        let found = self.webhook_for(command).await?;
        let Versioned { value: mut progress, revision } =
            self.webhook_progress(&command.merchant, &command.webhook).await?;
        if found.value.disabled.is_none() {
            return Ok(WebhookView { webhook: found, progress, secret: None });
        }
        let mut webhook = found.value.clone();
        (webhook.disabled, webhook.updated_at) = (None, self.now());
        progress.forgive();
        progress.next_due_at = Some(self.clock.now());
        let mut commit = Commit::new().put(webhook.clone(), found.revision);
        if skip_missed {
            progress.cursor = self.chain_end(&command.merchant).await?;
            (progress.pending, progress.oldest_at, progress.next_due_at) = (0, None, None);
            for pending in self.pending_deliveries(&command.merchant, &command.webhook).await? {
                let key = super::record::Record::Delivery(pending.value).key();
                commit = commit.with(Change::Delete(key, pending.revision));
            }
            let replay = RecordKey::WebhookReplay(command.merchant.clone(), command.webhook.clone());
            commit = commit.with(Change::Remove(replay));
        }
        let facts = [("skips_missed", skip_missed.to_string())];
        let event = self.webhook_event(&webhook, &command.actor, EventKind::WebhookEnabled, &facts);
        let commit = commit.put(progress.clone(), revision).put(event, ABSENT);
        let committed = self.store.commit(commit).await?;
        let revision = committed.revisions.first().copied().unwrap_or(ABSENT);
        Ok(WebhookView { webhook: Versioned { value: webhook, revision }, progress, secret: None })
    }
}
