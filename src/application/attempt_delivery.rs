//! One attempt to send an event, and what follows from its outcome, in one commit.

use chrono::TimeDelta;

use super::app::{App, UseCaseError};
use super::deliver_events::{ATTEMPT_SECS, LEASE_SECS, Round};
use super::event_sending::{EventCall, SendOutcome};
use super::ports::{ABSENT, Change, Commit, Versioned};
use super::record::Record;
use crate::domain::{Actor, Attempt, Delivery, DisableCause, EventKind, Webhook, WebhookDisabled, excerpt};

impl App {
    pub(super) async fn attempt(
        &self,
        round: &mut Round,
        mut delivery: Versioned<Delivery>,
    ) -> Result<(), UseCaseError> {
        let key = Record::Delivery(delivery.value.clone()).key();
        let (attempt, wait) = self.send_once(&round.webhook, &delivery.value, ATTEMPT_SECS).await?;
        let (now, die) = (self.clock.now(), self.ids.random_bytes());
        let (is_success, is_gone) = (attempt.is_success(), attempt.is_gone());
        delivery.value.tried(attempt, die[0]);
        let progress = &mut round.progress.value;
        progress.count_attempt(now);
        progress.leased_until = Some(now + TimeDelta::seconds(LEASE_SECS));
        let mut brought_forward = false;
        if is_success {
            brought_forward = progress.succeeded(now);
        } else {
            progress.failed(now, wait, die[1]);
        }
        let mut commit = Commit::new();
        if delivery.value.has_ended() {
            progress.pending = progress.pending.saturating_sub(1);
            progress.since_trim = progress.since_trim.saturating_add(1);
            commit = commit.with(Change::Delete(key, delivery.revision)).set(delivery.value.clone());
        }
        let is_given_up = progress.is_given_up(now);
        commit = commit.put(progress.clone(), round.progress.revision);
        let mut waiting = Vec::new();
        if !delivery.value.has_ended() {
            waiting.push(delivery);
        }
        if brought_forward {
            // It answers again: whatever failed for its sake is tried now.
            for later in &mut round.pending {
                later.value.bring_forward(now);
            }
            waiting.append(&mut round.pending);
        }
        for delivery in &waiting {
            commit = commit.put(delivery.value.clone(), delivery.revision);
        }
        let disabled = match (is_gone, is_given_up) {
            (true, _) => Some(DisableCause::Gone),
            (false, true) => Some(DisableCause::Failing),
            (false, false) => None,
        };
        if let Some(cause) = disabled {
            commit = self.with_disabled(commit, &round.webhook, cause).await?;
        }
        let revisions = self.store.commit(commit).await?.revisions;
        let mut revisions = revisions.into_iter();
        round.progress.revision = revisions.next().unwrap_or(ABSENT);
        let kept = waiting.into_iter().zip(revisions);
        round.pending.extend(kept.map(|(it, revision)| Versioned { value: it.value, revision }));
        if disabled.is_some() {
            self.endpoints_changed(&round.merchant);
        }
        Ok(())
    }

    /// One attempt, and how long the endpoint asks to be left alone.
    pub(super) async fn send_once(
        &self,
        webhook: &Webhook,
        delivery: &Delivery,
        within_secs: u64,
    ) -> Result<(Attempt, Option<TimeDelta>), UseCaseError> {
        let (at, began) = (self.clock.now(), self.clock.elapsed());
        let secrets: Result<Vec<_>, String> =
            webhook.live_secrets(at).map(|secret| self.secret_text(webhook, secret)).collect();
        let sent = match secrets {
            Err(why) => SendOutcome::Failed(why),
            Ok(secrets) => {
                let call = EventCall {
                    url: webhook.url.clone(),
                    id: delivery.event.to_string(),
                    sent_at: at,
                    body: delivery.body.clone(),
                    secrets,
                    within: std::time::Duration::from_secs(within_secs),
                };
                self.outbound()?.sender.send(call).await
            }
        };
        let took = self.clock.elapsed().saturating_sub(began);
        let (status, words, wait) = match sent {
            SendOutcome::Answered { status, words, retry_after } => (Some(status), words, retry_after),
            SendOutcome::Failed(why) => (None, why, None),
        };
        let at = self.clock.now();
        let wait = wait.and_then(|wait| TimeDelta::from_std(wait).ok());
        Ok((Attempt { at, took, status, words: excerpt(&words) }, wait))
    }

    /// The endpoint is disabled in the commit of the attempt that decided it, and the merchant is told by the event, which
    /// its other endpoints are sent.
    async fn with_disabled(
        &self,
        commit: Commit,
        webhook: &Webhook,
        cause: DisableCause,
    ) -> Result<Commit, UseCaseError> {
        let found = self.webhook(&webhook.merchant, &webhook.id).await?;
        let mut webhook = found.value;
        let now = self.now();
        (webhook.disabled, webhook.updated_at) = (Some(WebhookDisabled { at: now, cause }), now);
        let (merchant, id, why) = (&webhook.merchant, &webhook.id, cause.as_str());
        tracing::warn!(%merchant, webhook = %id, cause = why, "an endpoint is disabled: nothing is sent to it any more");
        let facts = [("cause", why.to_owned())];
        let event = self.webhook_event(&webhook, &Actor::Server, EventKind::WebhookDisabled, &facts);
        // After the deliveries: their revisions are read in order.
        Ok(commit.put(webhook, found.revision).put(event, ABSENT))
    }
}
