//! Makes deliveries of what comes next in a merchant's chain, and of what was asked for once more, while there is room.

use super::app::{App, UseCaseError};
use super::deliver_events::{Round, first_revision};
use super::event_sending::OutboundEvent;
use super::ports::{ABSENT, Change, Commit, Versioned, find};
use super::record::RecordKey;
use super::view_licenses::LicenseOrPurchase;
use crate::domain::{
    AuditEvent, DELIVERIES_PENDING_MAX, Delivery, DeliveryId, DeliveryState, Refusal, Subject, Webhook,
    WebhookEvent, WebhookId, WebhookReplay,
};

/// Deliveries that are made in one commit.
const MADE_AT_A_TIME: usize = 16;
/// Events of a chain that are looked at, at a time, and how often in one round: many may be of no interest.
const PAGE: usize = 200;
const PAGES_PER_ROUND: usize = 20;

impl App {
    /// Makes deliveries of what comes next in the chain, and of what was asked for once more, while there is room.
    pub(super) async fn take_on(&self, round: &mut Round) -> Result<(), UseCaseError> {
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
}

/// Whether an endpoint is sent an event.
pub(super) fn wanted(webhook: &Webhook, event: &AuditEvent) -> bool {
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

pub(super) fn pending_room(pending: u32) -> usize {
    DELIVERIES_PENDING_MAX.saturating_sub(usize::try_from(pending).unwrap_or(usize::MAX))
}

fn pending_of(round: &Round) -> u32 {
    u32::try_from(round.pending.len()).unwrap_or(u32::MAX)
}
