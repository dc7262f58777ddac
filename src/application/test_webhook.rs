//! Tries an endpoint out: one attempt, at once, whatever state it is in.

use super::app::{App, UseCaseError};
use super::change_webhook::WebhookCommand;
use super::event_sending::OutboundEvent;
use super::merchant_commands::IdempotencyIdentity;
use super::ports::{ABSENT, Commit, find};
use super::record::RecordKey;
use crate::domain::{Delivery, DeliveryId, DeliveryState, EventId, EventKind, WebhookEvent};

/// How long the attempt may take: shorter than a request may, so that its outcome is the answer.
const TEST_SECS: u64 = 8;

impl App {
    /// Sends a test event and says what came of it. It is shown among the endpoint's deliveries, and not tried again.
    pub async fn test_webhook(
        &self,
        command: &WebhookCommand,
        idempotency: Option<&IdempotencyIdentity>,
    ) -> Result<Delivery, UseCaseError> {
        let webhook = self.webhook(&command.merchant, &command.webhook).await?.value;
        let (merchant, webhook_id) = (webhook.merchant.clone(), webhook.id.clone());
        let now = self.clock.now();
        let id = DeliveryId::from_uuid(self.id_of(&["test", webhook_id.as_str()], idempotency, now));
        let key = RecordKey::Delivery {
            merchant: merchant.clone(),
            webhook: webhook_id.clone(),
            ended: true,
            id: id.clone(),
        };
        if let Some(before) = find::<Delivery>(self.store.as_ref(), key).await? {
            return Ok(before.value);
        }
        let facts = [("webhook", webhook_id.as_str())];
        let event = OutboundEvent {
            kind: WebhookEvent::Test,
            at: now,
            license: None,
            quota: &[],
            facts: &facts,
            now,
        };
        let event_id = self.id_of(&["test event", webhook_id.as_str()], idempotency, now);
        let mut delivery = Delivery {
            id,
            merchant,
            webhook: webhook_id.clone(),
            event: EventId::from_uuid(event_id),
            kind: WebhookEvent::Test,
            seq: None,
            made_at: now,
            body: self.outbound()?.sender.body(&event),
            attempts: 1,
            step: 0,
            due_at: now,
            due_later: None,
            last: None,
            state: DeliveryState::Pending,
        };
        let (attempt, _) = self.send_once(&webhook, &delivery, TEST_SECS).await?;
        let is_success = attempt.is_success();
        delivery.state = if is_success {
            DeliveryState::Delivered(attempt.at)
        } else {
            DeliveryState::GivenUp(attempt.at)
        };
        delivery.body.clear();
        let outcome = if is_success { "delivered" } else { "failed" };
        delivery.last = Some(attempt);
        let facts = [("outcome", outcome.to_owned())];
        let event = self.webhook_event(&webhook, &command.actor, EventKind::WebhookTested, &facts);
        self.store.commit(Commit::new().set(delivery.clone()).put(event, ABSENT)).await?;
        Ok(delivery)
    }
}
