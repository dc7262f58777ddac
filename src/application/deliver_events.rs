//! Sends events to endpoints. A merchant's chain is the outbox: what stands there was written in the commit of its change.
//!
//! Each endpoint has its own place in the chain. Whoever holds its lease takes events from there as deliveries, a bounded
//! number at a time, and makes attempts one after another: an endpoint never has more than one connection from here. An
//! attempt is recorded after it was made, so a crash in between repeats it: at least once. Order is kept as long as
//! nothing fails; what failed comes later than what did not.

use chrono::TimeDelta;

use super::app::{App, UseCaseError};
use super::event_sending::{EventCall, OutboundEvent, SendOutcome};
use super::ports::{ABSENT, Change, Commit, Listing, StoreError, Versioned, find, list};
use super::record::{Record, RecordKey};
use super::view_licenses::LicenseOrPurchase;
use crate::domain::{
    Actor, Attempt, AuditEvent, DELIVERIES_KEPT_MAX, DELIVERIES_PENDING_MAX, Delivery, DeliveryId,
    DeliveryState, DisableCause, EventKind, Merchant, MerchantId, Refusal, Subject, Webhook, WebhookDisabled,
    WebhookEvent, WebhookId, WebhookProgress, WebhookReplay, excerpt,
};

/// How long one attempt may take, in seconds.
pub(super) const ATTEMPT_SECS: u64 = 15;
/// How long nobody else sends to an endpoint after an attempt was recorded: longer than the next one may take.
const LEASE_SECS: i64 = 60;
/// Attempts at one endpoint in one round.
const ATTEMPTS_PER_ROUND: usize = 64;
/// Deliveries that are made in one commit.
const MADE_AT_A_TIME: usize = 16;
/// Events of a chain that are looked at, at a time, and how often in one round: many may be of no interest.
const PAGE: usize = 200;
const PAGES_PER_ROUND: usize = 20;
/// After so many ends the history is trimmed.
const TRIM_AFTER: u32 = 50;
/// Deliveries looked at for it.
const LISTED_MAX: usize = 1_000;

/// One endpoint while its lease is held.
struct Round {
    merchant: MerchantId,
    webhook: Webhook,
    progress: Versioned<WebhookProgress>,
    pending: Vec<Versioned<Delivery>>,
    /// Where the chain ended when it was looked at last.
    chain_end: u64,
    /// Whether something may have been asked for once more.
    has_replay: bool,
}

impl App {
    /// The endpoints to which something can be sent now.
    pub async fn endpoints_to_serve(&self) -> Result<Vec<(MerchantId, WebhookId)>, UseCaseError> {
        let mut due = Vec::new();
        if self.outbound.is_none() {
            return Ok(due);
        }
        for merchant in list::<Merchant>(self.store.as_ref(), &Listing::Merchants, LISTED_MAX).await? {
            due.extend(self.endpoints_of_to_serve(merchant.value.id).await?);
        }
        Ok(due)
    }

    async fn endpoints_of_to_serve(
        &self,
        merchant: MerchantId,
    ) -> Result<Vec<(MerchantId, WebhookId)>, UseCaseError> {
        let webhooks = self.webhooks_of(&merchant).await?;
        if webhooks.iter().all(|webhook| webhook.value.disabled.is_some()) {
            return Ok(Vec::new());
        }
        let store = self.store.as_ref();
        let listing = Listing::WebhookProgress(merchant.clone());
        let progress: Vec<Versioned<WebhookProgress>> = list(store, &listing, LISTED_MAX).await?;
        let listing = Listing::WebhookReplays(merchant.clone());
        let replays: Vec<Versioned<WebhookReplay>> = list(store, &listing, LISTED_MAX).await?;
        let (end, now) = (self.chain_end(&merchant).await?, self.clock.now());
        let has_work = |webhook: &Webhook| {
            let found = progress.iter().find(|found| found.value.webhook == webhook.id);
            let Some(progress) = found.map(|found| &found.value) else { return true };
            // A lease that was not given back is that of a server which is gone: something may be left to do.
            if let Some(until) = progress.leased_until {
                return until <= now;
            }
            let asked_for = replays.iter().any(|replay| replay.value.webhook == webhook.id);
            let has_room = pending_room(progress.pending) > 0;
            progress.next_due_at.is_some_and(|due| due <= now)
                || (has_room && (progress.cursor < end || asked_for))
        };
        let enabled = webhooks.into_iter().map(|webhook| webhook.value).filter(|it| it.disabled.is_none());
        Ok(enabled.filter(has_work).map(|webhook| (merchant.clone(), webhook.id)).collect())
    }

    /// Sends what is due everywhere, one endpoint after another; says how many attempts were made.
    pub async fn deliver_due_events(&self) -> Result<usize, UseCaseError> {
        let mut attempts = 0;
        for (merchant, webhook) in self.endpoints_to_serve().await? {
            attempts += self.deliver_to(&merchant, &webhook, &|| true).await?;
        }
        Ok(attempts)
    }

    /// Sends what is due to one endpoint, unless somebody else does, for as long as it `goes_on`; says how many attempts were
    /// made.
    pub async fn deliver_to(
        &self,
        merchant: &MerchantId,
        webhook: &WebhookId,
        goes_on: &(dyn Fn() -> bool + Send + Sync),
    ) -> Result<usize, UseCaseError> {
        let Some(mut round) = self.begin_round(merchant, webhook).await? else { return Ok(0) };
        let mut attempts = 0;
        let outcome = loop {
            if attempts >= ATTEMPTS_PER_ROUND || !goes_on() {
                break Ok(());
            }
            match self.go_on(&mut round).await {
                Ok(true) => attempts += 1,
                Ok(false) => break Ok(()),
                Err(error) => break Err(error),
            }
        };
        match outcome.and(self.end_round(round).await) {
            // Somebody has changed or deleted the endpoint, or taken over the lease: that counts.
            Ok(()) | Err(UseCaseError::Store(StoreError::Conflict)) => Ok(attempts),
            Err(error) => Err(error),
        }
    }

    async fn begin_round(
        &self,
        merchant: &MerchantId,
        id: &WebhookId,
    ) -> Result<Option<Round>, UseCaseError> {
        let Some(webhook) = self.enabled_webhook(merchant, id).await? else { return Ok(None) };
        let mut progress = self.webhook_progress(merchant, id).await?;
        let now = self.clock.now();
        if progress.value.leased_until.is_some_and(|until| now < until) {
            return Ok(None);
        }
        progress.value.leased_until = Some(now + TimeDelta::seconds(LEASE_SECS));
        match self.store.commit(Commit::new().put(progress.value.clone(), progress.revision)).await {
            Ok(committed) => progress.revision = first_revision(&committed.revisions)?,
            Err(StoreError::Conflict) => return Ok(None),
            Err(error) => return Err(error.into()),
        }
        let pending = self.pending_deliveries(merchant, id).await?;
        let chain_end = self.chain_end(merchant).await?;
        let has_replay = true;
        Ok(Some(Round { merchant: merchant.clone(), webhook, progress, pending, chain_end, has_replay }))
    }

    async fn enabled_webhook(
        &self,
        merchant: &MerchantId,
        id: &WebhookId,
    ) -> Result<Option<Webhook>, UseCaseError> {
        match self.webhook(merchant, id).await {
            Ok(found) => Ok(Some(found.value).filter(|webhook| webhook.disabled.is_none())),
            Err(UseCaseError::Refused(Refusal::NotFound { .. })) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Takes on what there is room for, and makes one attempt; `false` when nothing is due.
    async fn go_on(&self, round: &mut Round) -> Result<bool, UseCaseError> {
        // Before each attempt: it may have been switched off, or been given another secret.
        match self.enabled_webhook(&round.merchant, &round.webhook.id).await? {
            Some(webhook) => round.webhook = webhook,
            None => return Ok(false),
        }
        self.take_on(round).await?;
        let now = self.clock.now();
        if now < round.progress.value.next_attempt_at(now) {
            return Ok(false);
        }
        let due = round.pending.iter().enumerate().filter(|(_, it)| it.value.due_at <= now);
        let Some(first) = due.min_by_key(|(_, it)| (it.value.due_at, it.value.seq)).map(|(at, _)| at) else {
            return Ok(false);
        };
        let delivery = round.pending.swap_remove(first);
        self.attempt(round, delivery).await?;
        Ok(true)
    }

    /// Makes deliveries of what comes next in the chain, and of what was asked for once more, while there is room.
    async fn take_on(&self, round: &mut Round) -> Result<(), UseCaseError> {
        for _ in 0..PAGES_PER_ROUND {
            if pending_room(pending_of(round)) == 0 || round.progress.value.cursor >= round.chain_end {
                break;
            }
            let cursor = round.progress.value.cursor;
            let page = self.sealed_events(&round.merchant, cursor, PAGE).await?;
            if page.is_empty() {
                // Nothing readable is left up to the end.
                round.progress.value.cursor = round.chain_end;
                break;
            }
            self.take_page(round, page).await?;
        }
        self.take_replays(round).await
    }

    async fn take_page(&self, round: &mut Round, page: Vec<(u64, AuditEvent)>) -> Result<(), UseCaseError> {
        let mut made = Vec::new();
        for (seq, event) in page {
            if wanted(&round.webhook, &event) {
                if made.len() >= pending_room(pending_of(round)).min(MADE_AT_A_TIME) {
                    break;
                }
                made.push(self.delivery_of(&round.webhook.id, seq, &event).await?);
            }
            round.progress.value.cursor = seq;
        }
        self.keep_made(round, made, None).await
    }

    async fn take_replays(&self, round: &mut Round) -> Result<(), UseCaseError> {
        if !round.has_replay {
            return Ok(());
        }
        let key = RecordKey::WebhookReplay(round.merchant.clone(), round.webhook.id.clone());
        let Some(mut replay) = find::<WebhookReplay>(self.store.as_ref(), key).await? else {
            round.has_replay = false;
            return Ok(());
        };
        let room = pending_room(pending_of(round)).min(MADE_AT_A_TIME);
        let Some(span) = replay.value.spans.first_mut().filter(|_| room > 0) else { return Ok(()) };
        let mut made = Vec::new();
        let by_hand = span.left == 1 && span.through == span.after + 1;
        let page = self.sealed_events(&round.merchant, span.after, PAGE).await?;
        let reached_end = page.last().is_none_or(|(seq, _)| *seq >= span.through);
        let mut is_over = reached_end;
        for (seq, event) in page.into_iter().filter(|(seq, _)| *seq <= span.through) {
            // One that was named is sent again whatever the endpoint asks for now.
            if wanted(&round.webhook, &event) || (by_hand && WebhookEvent::of(event.kind).is_some()) {
                if made.len() >= room || span.left == 0 {
                    is_over = span.left == 0;
                    break;
                }
                made.push(self.delivery_of(&round.webhook.id, seq, &event).await?);
                span.left -= 1;
            }
            span.after = seq;
        }
        if is_over {
            replay.value.spans.remove(0);
        }
        self.keep_made(round, made, Some(replay)).await
    }

    /// Deliveries together with how far that is: all or nothing.
    async fn keep_made(
        &self,
        round: &mut Round,
        made: Vec<Delivery>,
        replay: Option<Versioned<WebhookReplay>>,
    ) -> Result<(), UseCaseError> {
        let progress = &mut round.progress;
        progress.value.pending += u32::try_from(made.len()).unwrap_or(0);
        let mut commit = Commit::new().put(progress.value.clone(), progress.revision);
        for delivery in &made {
            commit = commit.put(delivery.clone(), ABSENT);
        }
        commit = match replay {
            None => commit,
            Some(replay) if replay.value.spans.is_empty() => {
                let key = RecordKey::WebhookReplay(round.merchant.clone(), round.webhook.id.clone());
                commit.with(Change::Delete(key, replay.revision))
            }
            Some(replay) => commit.put(replay.value, replay.revision),
        };
        let revisions = self.store.commit(commit).await?.revisions;
        progress.revision = first_revision(&revisions)?;
        let made = made.into_iter().zip(revisions.into_iter().skip(1));
        round.pending.extend(made.map(|(value, revision)| Versioned { value, revision }));
        Ok(())
    }

    /// A delivery of an event, with the text that is sent: as things stand now, at every attempt the same.
    async fn delivery_of(
        &self,
        webhook: &WebhookId,
        seq: u64,
        event: &AuditEvent,
    ) -> Result<Delivery, UseCaseError> {
        let kind = WebhookEvent::of(event.kind).ok_or(Refusal::NotFound { what: "event" })?;
        let now = self.clock.now();
        let license = self.license_of_event(event).await?;
        let quota = match &license {
            Some(LicenseOrPurchase::License(license)) => {
                let mut views = self.view_quota(&event.merchant, &[&license.value]).await?;
                views.remove(&license.value.id).unwrap_or_default()
            }
            Some(LicenseOrPurchase::Purchase(_)) | None => Vec::new(),
        };
        let mut facts: Vec<(&str, &str)> =
            event.detail.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        if let Subject::Other(sort, id) = &event.subject {
            facts.push((sort.as_str(), id.as_str()));
        }
        let outbound = OutboundEvent {
            kind,
            at: event.at,
            license: license.as_ref(),
            quota: &quota,
            facts: &facts,
            now,
        };
        Ok(Delivery {
            id: DeliveryId::from_uuid(self.ids.uuid_v7(now)),
            merchant: event.merchant.clone(),
            webhook: webhook.clone(),
            event: event.id.clone(),
            kind,
            seq: Some(seq),
            made_at: now,
            body: self.outbound()?.sender.body(&outbound),
            attempts: 0,
            step: 0,
            due_at: now,
            due_later: None,
            last: None,
            state: DeliveryState::Pending,
        })
    }

    async fn license_of_event(&self, event: &AuditEvent) -> Result<Option<LicenseOrPurchase>, UseCaseError> {
        let Some(license) = event.license() else { return Ok(None) };
        match self.view_license(&event.merchant, license).await {
            Ok(found) => Ok(Some(found)),
            Err(UseCaseError::Refused(Refusal::NotFound { .. })) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn attempt(
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

    /// Gives the lease back and says when there is something to do next.
    async fn end_round(&self, round: Round) -> Result<(), UseCaseError> {
        let Round {
            merchant, webhook, progress: Versioned { value: mut progress, revision }, pending, ..
        } = round;
        let now = self.clock.now();
        progress.leased_until = None;
        progress.pending = u32::try_from(pending.len()).unwrap_or(u32::MAX);
        progress.oldest_at = pending.iter().map(|it| it.value.made_at).min();
        let due = pending.iter().map(|it| it.value.due_at).min();
        progress.next_due_at = due.map(|due| due.max(progress.next_attempt_at(now)));
        let mut commit = Commit::new();
        if progress.since_trim >= TRIM_AFTER {
            progress.since_trim = 0;
            for old in self.history_beyond(&merchant, &webhook.id).await? {
                commit = commit.with(Change::Remove(Record::Delivery(old).key()));
            }
        }
        self.store.commit(commit.put(progress, revision)).await?;
        Ok(())
    }

    async fn history_beyond(
        &self,
        merchant: &MerchantId,
        webhook: &WebhookId,
    ) -> Result<Vec<Delivery>, UseCaseError> {
        let (merchant, webhook) = (merchant.clone(), webhook.clone());
        let listing = Listing::EndedDeliveries { merchant, webhook, before: None };
        let ended: Vec<Versioned<Delivery>> = list(self.store.as_ref(), &listing, LISTED_MAX).await?;
        Ok(ended.into_iter().skip(DELIVERIES_KEPT_MAX).map(|old| old.value).collect())
    }
}

/// Whether an endpoint is sent an event.
fn wanted(webhook: &Webhook, event: &AuditEvent) -> bool {
    let Some(kind) = WebhookEvent::of(event.kind).filter(|kind| webhook.wants(*kind)) else { return false };
    match kind {
        WebhookEvent::LicenseExpiring => {
            let days = event.detail.get("days").and_then(|days| days.parse().ok());
            days.is_some_and(|days| webhook.expiring_days.contains(&days))
        }
        // Who is told that it is told nothing any more?
        WebhookEvent::WebhookDisabled => event.subject != Subject::from(&webhook.id),
        WebhookEvent::LicenseIssued
        | WebhookEvent::LicenseRenewed
        | WebhookEvent::LicenseSuspended
        | WebhookEvent::LicenseResumed
        | WebhookEvent::LicenseReleased
        | WebhookEvent::LicenseRevoked
        | WebhookEvent::LicenseExpired
        | WebhookEvent::ActivationCreated
        | WebhookEvent::ActivationRenewed
        | WebhookEvent::ActivationReleased
        | WebhookEvent::ActivationConflict
        | WebhookEvent::QuotaLow
        | WebhookEvent::QuotaExhausted
        | WebhookEvent::OrderHeld
        | WebhookEvent::CallbackRejected
        | WebhookEvent::ChannelDialTestFailed
        | WebhookEvent::ChannelSilent
        | WebhookEvent::CertificateExpiring
        | WebhookEvent::KeyRotated
        | WebhookEvent::Test => true,
    }
}

fn pending_room(pending: u32) -> usize {
    DELIVERIES_PENDING_MAX.saturating_sub(usize::try_from(pending).unwrap_or(usize::MAX))
}

fn pending_of(round: &Round) -> u32 {
    u32::try_from(round.pending.len()).unwrap_or(u32::MAX)
}

fn first_revision(revisions: &[u64]) -> Result<u64, StoreError> {
    revisions.first().copied().ok_or_else(|| StoreError::Failed("a put without a revision".into()))
}
