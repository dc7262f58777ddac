//! Sends events to endpoints. A merchant's chain is the outbox: what stands there was written in the commit of its change.
//!
//! Each endpoint has its own place in the chain. Whoever holds its lease takes events from there as deliveries, a bounded
//! number at a time, and makes attempts one after another: an endpoint never has more than one connection from here. An
//! attempt is recorded after it was made, so a crash in between repeats it: at least once. Order is kept as long as
//! nothing fails; what failed comes later than what did not.

use chrono::TimeDelta;

use super::app::{App, UseCaseError};
use super::ports::{Change, Commit, Listing, StoreError, Versioned, list};
use super::record::Record;
use super::take_on_events::pending_room;
use crate::domain::{
    DELIVERIES_KEPT_MAX, Delivery, Merchant, MerchantId, Refusal, Webhook, WebhookId, WebhookProgress,
    WebhookReplay,
};

/// How long one attempt may take, in seconds.
pub(super) const ATTEMPT_SECS: u64 = 15;
/// How long nobody else sends to an endpoint after an attempt was recorded: longer than the next one may take.
pub(super) const LEASE_SECS: i64 = 60;
/// Attempts at one endpoint in one round.
const ATTEMPTS_PER_ROUND: usize = 64;
/// After so many ends the history is trimmed.
const TRIM_AFTER: u32 = 50;
/// Deliveries looked at for it.
const LISTED_MAX: usize = 1_000;

/// One endpoint while its lease is held.
pub(super) struct Round {
    pub(super) merchant: MerchantId,
    pub(super) webhook: Webhook,
    pub(super) progress: Versioned<WebhookProgress>,
    pub(super) pending: Vec<Versioned<Delivery>>,
    /// Where the chain ended when it was looked at last.
    pub(super) chain_end: u64,
    /// Whether something may have been asked for once more.
    pub(super) has_replay: bool,
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

pub(super) fn first_revision(revisions: &[u64]) -> Result<u64, StoreError> {
    revisions.first().copied().ok_or_else(|| StoreError::Failed("a put without a revision".into()))
}
