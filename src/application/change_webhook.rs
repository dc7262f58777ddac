//! Endpoints of a merchant: made, changed, switched off and on, given another secret, deleted.

use chrono::TimeDelta;
use secrecy::SecretString;
use sha2::{Digest, Sha256};

use super::app::{App, UseCaseError, decided};
use super::event_sending::secret_owner;
use super::merchant_commands::IdempotencyIdentity;
use super::ports::{ABSENT, Change, Commit, Listing, SigningError, Urgency, Versioned, list};
use super::record::RecordKey;
use crate::domain::{
    Actor, AuditEvent, Delivery, DisableCause, EXPIRING_DAYS_AHEAD_MAX, EXPIRING_DAYS_DEFAULT,
    EXPIRING_DAYS_MAX, EventKind, Instant, KeptSecret, MerchantId, Refusal, SecretRef,
    WEBHOOK_DESCRIPTION_CHARS_MAX, WEBHOOKS_MAX, Webhook, WebhookDisabled, WebhookEvent, WebhookId,
    WebhookProgress, WebhookSecret, WebhookSecretId,
};

/// Deliveries of one endpoint that are looked at when it is deleted or goes on without them.
const DELIVERIES_MAX: usize = 1_000;
/// How long an old secret may go on signing.
const OVERLAP_MAX: TimeDelta = TimeDelta::days(30);

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

    /// Deletes an endpoint with everything that was on its way to it.
    pub async fn delete_webhook(&self, command: &WebhookCommand) -> Result<(), UseCaseError> {
        decided!(self, self.try_delete_webhook(command))?;
        self.endpoints_changed(&command.merchant);
        Ok(())
    }

    async fn try_delete_webhook(&self, command: &WebhookCommand) -> Result<(), UseCaseError> {
        let found = self.webhook_for(command).await?;
        let (merchant, id) = (command.merchant.clone(), command.webhook.clone());
        let event = self.webhook_event(&found.value, &command.actor, EventKind::WebhookDeleted, &[]);
        let mut commit = Commit::new()
            .with(Change::Delete(RecordKey::Webhook(merchant.clone(), id.clone()), found.revision))
            .with(Change::Remove(RecordKey::WebhookProgress(merchant.clone(), id.clone())))
            .with(Change::Remove(RecordKey::WebhookReplay(merchant.clone(), id.clone())))
            .put(event, ABSENT);
        let ended =
            Listing::EndedDeliveries { merchant: merchant.clone(), webhook: id.clone(), before: None };
        let ended: Vec<Versioned<Delivery>> = list(self.store.as_ref(), &ended, DELIVERIES_MAX).await?;
        for delivery in self.pending_deliveries(&merchant, &id).await?.into_iter().chain(ended) {
            commit = commit.with(Change::Remove(super::record::Record::Delivery(delivery.value).key()));
        }
        self.store.commit(commit).await?;
        Ok(())
    }

    /// Everything that is on its way to an endpoint.
    pub(super) async fn pending_deliveries(
        &self,
        merchant: &MerchantId,
        webhook: &WebhookId,
    ) -> Result<Vec<Versioned<Delivery>>, UseCaseError> {
        let listing = Listing::PendingDeliveries(merchant.clone(), webhook.clone());
        Ok(list(self.store.as_ref(), &listing, DELIVERIES_MAX).await?)
    }

    /// The endpoint of a command, if it is as it was read.
    async fn webhook_for(&self, command: &WebhookCommand) -> Result<Versioned<Webhook>, UseCaseError> {
        let found = self.webhook(&command.merchant, &command.webhook).await?;
        check_revision(command, &found)?;
        Ok(found)
    }

    async fn keep_webhook(
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

    fn check_webhook(&self, webhook: &Webhook) -> Result<(), UseCaseError> {
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

    /// A secret, and its text if it was made here.
    fn new_secret(
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
    fn repeatable_secret(
        &self,
        webhook: &WebhookId,
        id: &WebhookSecretId,
        identity: &IdempotencyIdentity,
    ) -> Result<SecretString, UseCaseError> {
        let digest = derived(&["secret", webhook.as_str(), id.as_str()], identity);
        Ok(self.outbound()?.sender.secret_of(&self.signer.token_bytes(&digest)))
    }

    fn webhook_id(&self, identity: Option<&IdempotencyIdentity>, now: Instant) -> WebhookId {
        WebhookId::from_uuid(self.id_of(&["webhook"], identity, now))
    }

    fn secret_id(&self, identity: Option<&IdempotencyIdentity>, now: Instant) -> WebhookSecretId {
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

fn check_revision(command: &WebhookCommand, found: &Versioned<Webhook>) -> Result<(), UseCaseError> {
    match command.if_revision {
        Some(wanted) if wanted != found.revision => {
            Err(Refusal::RevisionConflict { current: found.revision }.into())
        }
        Some(_) | None => Ok(()),
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

fn text_of(at: Instant) -> String {
    at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
}
