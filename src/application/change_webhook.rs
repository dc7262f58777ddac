//! Changes an endpoint; what all commands on endpoints share.

use secrecy::SecretString;

use super::app::{App, UseCaseError, decided};
use super::merchant_commands::IdempotencyIdentity;
use super::ports::{ABSENT, Commit, Urgency, Versioned};
use crate::domain::{
    Actor, AuditEvent, EXPIRING_DAYS_AHEAD_MAX, EXPIRING_DAYS_MAX, EventKind, MerchantId, Refusal, SecretRef,
    WEBHOOK_DESCRIPTION_CHARS_MAX, Webhook, WebhookEvent, WebhookId, WebhookProgress,
};

/// What an endpoint is to be.
#[derive(Debug, Clone)]
pub struct NewWebhook {
    /// Whose.
    pub merchant: MerchantId,
    /// Who asks.
    pub actor: Actor,
    /// Where events go.
    pub url: String,
    /// The merchant's own words.
    pub description: String,
    /// What is sent; empty: everything but what must be asked for by name.
    pub events: Vec<WebhookEvent>,
    /// How many days before the end of a license it is told; none: 30, 7 and 1.
    pub expiring_days: Option<Vec<u16>>,
    /// Where its secret is; none: the server makes one.
    pub secret: Option<SecretRef>,
    /// Who may ask twice.
    pub idempotency: Option<IdempotencyIdentity>,
}

/// What is to be changed of an endpoint; what is not said stays.
#[derive(Debug, Clone, Default)]
pub struct WebhookPatch {
    /// Where events go.
    pub url: Option<String>,
    /// The merchant's own words.
    pub description: Option<String>,
    /// What is sent.
    pub events: Option<Vec<WebhookEvent>>,
    /// How many days before the end of a license it is told.
    pub expiring_days: Option<Vec<u16>>,
}

/// Which endpoint is changed, by whom, and how it was read before.
#[derive(Debug, Clone)]
pub struct WebhookCommand {
    /// Whose.
    pub merchant: MerchantId,
    /// Which.
    pub webhook: WebhookId,
    /// Who asks.
    pub actor: Actor,
    /// The revision that it must have.
    pub if_revision: Option<u64>,
}

/// An endpoint, how far it is, and its secret if that was made just now.
#[derive(Debug)]
pub struct WebhookView {
    /// The endpoint with its revision.
    pub webhook: Versioned<Webhook>,
    /// How far events were sent.
    pub progress: WebhookProgress,
    /// The new secret: it is shown once.
    pub secret: Option<SecretString>,
}

impl App {
    /// Changes what is said of an endpoint.
    pub async fn change_webhook(
        &self,
        command: &WebhookCommand,
        patch: &WebhookPatch,
    ) -> Result<WebhookView, UseCaseError> {
        let changed = decided!(self, self.try_change_webhook(command, patch))?;
        self.endpoints_changed(&command.merchant);
        Ok(changed)
    }

    async fn try_change_webhook(
        &self,
        command: &WebhookCommand,
        patch: &WebhookPatch,
    ) -> Result<WebhookView, UseCaseError> {
        let found = self.webhook_for(command).await?;
        let mut webhook = found.value.clone();
        if let Some(url) = &patch.url {
            webhook.url.clone_from(url);
        }
        if let Some(description) = &patch.description {
            webhook.description.clone_from(description);
        }
        if let Some(events) = &patch.events {
            webhook.events.clone_from(events);
        }
        if let Some(days) = &patch.expiring_days {
            webhook.expiring_days.clone_from(days);
        }
        self.check_webhook(&webhook)?;
        let facts = changed_facts(&found.value, &webhook);
        let progress = self.webhook_progress(&command.merchant, &command.webhook).await?.value;
        if facts.is_empty() {
            return Ok(WebhookView { webhook: found, progress, secret: None });
        }
        webhook.updated_at = self.now();
        let event = self.webhook_event(&webhook, &command.actor, EventKind::WebhookChanged, &facts);
        self.keep_webhook(webhook, found.revision, event, progress, None).await
    }

    /// The endpoint of a command, if it is as it was read.
    pub(super) async fn webhook_for(
        &self,
        command: &WebhookCommand,
    ) -> Result<Versioned<Webhook>, UseCaseError> {
        let found = self.webhook(&command.merchant, &command.webhook).await?;
        check_revision(command, &found)?;
        Ok(found)
    }

    pub(super) async fn keep_webhook(
        &self,
        webhook: Webhook,
        revision: u64,
        event: AuditEvent,
        progress: WebhookProgress,
        secret: Option<SecretString>,
    ) -> Result<WebhookView, UseCaseError> {
        let commit = Commit::new().with_urgency(Urgency::Essential);
        let committed = self.store.commit(commit.put(webhook.clone(), revision).put(event, ABSENT)).await?;
        let revision = committed.revisions.first().copied().unwrap_or(ABSENT);
        Ok(WebhookView { webhook: Versioned { value: webhook, revision }, progress, secret })
    }

    /// What the audit log is told of an endpoint: its host, for an address may hold what opens it.
    pub(super) fn webhook_event(
        &self,
        webhook: &Webhook,
        actor: &Actor,
        kind: EventKind,
        facts: &[(&str, String)],
    ) -> AuditEvent {
        let mut detail = vec![("host", host_of(&webhook.url).to_owned())];
        detail.extend(facts.iter().cloned());
        self.event_about(&webhook.merchant, &webhook.id, actor, kind, &detail)
    }

    pub(super) fn check_webhook(&self, webhook: &Webhook) -> Result<(), UseCaseError> {
        let invalid = |pointer: &str, why: String| {
            UseCaseError::Refused(Refusal::Invalid { pointer: pointer.to_owned(), why })
        };
        self.outbound()?.sender.accepts(&webhook.url).map_err(|why| invalid("/url", why))?;
        let is_long = webhook.description.chars().count() > WEBHOOK_DESCRIPTION_CHARS_MAX;
        if is_long || webhook.description.chars().any(char::is_control) {
            let why = format!(
                "it has at most {WEBHOOK_DESCRIPTION_CHARS_MAX} characters and no control characters"
            );
            return Err(invalid("/description", why));
        }
        for (place, event) in webhook.events.iter().enumerate() {
            if !event.can_be_asked_for() || webhook.events[..place].contains(event) {
                let why =
                    "each event stands once, and a test goes to every endpoint that is tested".to_owned();
                return Err(invalid(&format!("/events/{place}"), why));
            }
        }
        let days = &webhook.expiring_days;
        let is_day = |day: &u16| (1..=EXPIRING_DAYS_AHEAD_MAX).contains(day);
        let descends = days.windows(2).all(|pair| pair[0] > pair[1]);
        if days.len() > EXPIRING_DAYS_MAX || !days.iter().all(is_day) || !descends {
            let why = format!(
                "at most {EXPIRING_DAYS_MAX} numbers of days from {EXPIRING_DAYS_AHEAD_MAX} down to 1, the greatest first"
            );
            return Err(invalid("/expiring_days", why));
        }
        Ok(())
    }
}

pub(super) fn check_revision(
    command: &WebhookCommand,
    found: &Versioned<Webhook>,
) -> Result<(), UseCaseError> {
    match command.if_revision {
        Some(wanted) if wanted != found.revision => {
            Err(Refusal::RevisionConflict { current: found.revision }.into())
        }
        Some(_) | None => Ok(()),
    }
}

/// What was changed, before and after.
fn changed_facts(before: &Webhook, after: &Webhook) -> Vec<(&'static str, String)> {
    let mut facts = Vec::new();
    if before.url != after.url {
        facts.push(("before.host", host_of(&before.url).to_owned()));
        facts.push(("after.host", host_of(&after.url).to_owned()));
    }
    if before.description != after.description {
        facts.push(("changed", "description".to_owned()));
    }
    if before.events != after.events {
        facts.push(("before.events", events_of(before)));
        facts.push(("after.events", events_of(after)));
    }
    if before.expiring_days != after.expiring_days {
        facts.push(("before.expiring_days", days_of(before)));
        facts.push(("after.expiring_days", days_of(after)));
    }
    facts
}

fn events_of(webhook: &Webhook) -> String {
    let names: Vec<&str> = webhook.events.iter().map(|event| event.as_str()).collect();
    if names.is_empty() { "all".to_owned() } else { names.join(",") }
}

fn days_of(webhook: &Webhook) -> String {
    webhook.expiring_days.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}

/// Host and port of an address.
pub(super) fn host_of(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.split(['/', '?']).next().unwrap_or_default()
}
