//! Sends an endpoint once more what it was sent, or should have been: one delivery, or everything since an instant.

use super::answer_once::Begun;
use super::app::{App, UseCaseError, decided};
use super::change_webhook::WebhookCommand;
use super::merchant_commands::IdempotencyIdentity;
use super::ports::{ABSENT, Commit, Versioned, find};
use super::record::RecordKey;
use crate::domain::{
    DeliveryId, EventKind, Instant, MerchantId, REPLAY_EVENTS_MAX, REPLAYS_MAX, Refusal, ReplaySpan, Webhook,
    WebhookId, WebhookReplay,
};

/// What is sent once more.
#[derive(Debug, Clone)]
pub enum ReplayOf {
    /// This delivery's event.
    Delivery(DeliveryId),
    /// What the endpoint asks for and has happened since then: at most so many events.
    Since(Instant, u32),
}

impl App {
    /// Says of which numbers of the chain; they are sent as there is room, behind what is new.
    pub async fn replay_events(
        &self,
        command: &WebhookCommand,
        what: &ReplayOf,
    ) -> Result<ReplaySpan, UseCaseError> {
        let span = decided!(self, self.try_replay(command, what, None))?;
        self.signals.events.notify_one();
        Ok(span)
    }

    /// The same for a request that may come again when its events are long sent: once under its identity.
    pub async fn replay_events_once(
        &self,
        command: &WebhookCommand,
        what: &ReplayOf,
        identity: &IdempotencyIdentity,
    ) -> Result<(), UseCaseError> {
        decided!(self, self.try_replay_once(command, what, identity))?;
        self.signals.events.notify_one();
        Ok(())
    }

    async fn try_replay_once(
        &self,
        command: &WebhookCommand,
        what: &ReplayOf,
        identity: &IdempotencyIdentity,
    ) -> Result<(), UseCaseError> {
        match self.begin_answer(Some(&command.merchant), *identity, None).await? {
            Begun::Answered(_) => Ok(()),
            Begun::First | Begun::Elsewhere => {
                self.try_replay(command, what, Some(identity)).await.map(|_span| ())
            }
        }
    }

    async fn try_replay(
        &self,
        command: &WebhookCommand,
        what: &ReplayOf,
        identity: Option<&IdempotencyIdentity>,
    ) -> Result<ReplaySpan, UseCaseError> {
        let (merchant, id) = (&command.merchant, &command.webhook);
        let (webhook, span) = self.span_to_replay(merchant, id, what).await?;
        let webhook = webhook.value;
        let key = RecordKey::WebhookReplay(merchant.clone(), id.clone());
        let found: Option<Versioned<WebhookReplay>> = find(self.store.as_ref(), key).await?;
        let revision = found.as_ref().map_or(ABSENT, |found| found.revision);
        let mut replay = found.map_or_else(
            || WebhookReplay { merchant: merchant.clone(), webhook: id.clone(), spans: Vec::new() },
            |found| found.value,
        );
        // Asked for twice is asked for once.
        if replay.spans.contains(&span) || span.after >= span.through {
            return Ok(span);
        }
        if replay.spans.len() >= REPLAYS_MAX {
            let why = "too many replays wait already: try again when some are done";
            return Err(Refusal::IllegalState { why }.into());
        }
        replay.spans.push(span);
        let facts = [("after", span.after.to_string()), ("through", span.through.to_string())];
        let event = self.webhook_event(&webhook, &command.actor, EventKind::WebhookReplayed, &facts);
        let mut commit = Commit::new().put(replay, revision).put(event, ABSENT);
        if let Some(identity) = identity {
            commit = commit.with(self.done_under(Some(merchant), *identity));
        }
        self.store.commit(commit).await?;
        Ok(span)
    }

    /// The endpoint, and which numbers of its merchant's chain are meant.
    pub(super) async fn span_to_replay(
        &self,
        merchant: &MerchantId,
        id: &WebhookId,
        what: &ReplayOf,
    ) -> Result<(Versioned<Webhook>, ReplaySpan), UseCaseError> {
        let webhook = self.webhook(merchant, id).await?;
        if webhook.value.disabled.is_some() {
            let why = "the webhook is disabled: enable it first, and it goes on from where it stopped";
            return Err(Refusal::IllegalState { why }.into());
        }
        let span = match what {
            ReplayOf::Delivery(delivery) => {
                let seq = self
                    .find_delivery(merchant, id, delivery)
                    .await?
                    .seq
                    .ok_or(Refusal::IllegalState { why: "a test is not sent again: make another one" })?;
                ReplaySpan { after: seq - 1, through: seq, left: 1 }
            }
            ReplayOf::Since(instant, at_most) => {
                if !(1..=REPLAY_EVENTS_MAX).contains(at_most) {
                    let why =
                        format!("at most {REPLAY_EVENTS_MAX} events are sent again at once, and at least 1");
                    return Err(Refusal::Invalid { pointer: "/limit".into(), why }.into());
                }
                let through = self.chain_end(merchant).await?;
                let after = self.last_before(merchant, *instant, through).await?;
                ReplaySpan { after, through, left: *at_most }
            }
        };
        Ok((webhook, span))
    }

    /// The last number of a chain whose event happened before an instant, by halves: numbers follow time but for what was
    /// sealed a moment later than another server's.
    async fn last_before(
        &self,
        merchant: &MerchantId,
        instant: Instant,
        end: u64,
    ) -> Result<u64, UseCaseError> {
        let (mut low, mut high) = (0, end);
        while low < high {
            let middle = low + (high - low) / 2;
            match self.sealed_events(merchant, middle, 1).await?.pop() {
                Some((seq, event)) if event.at < instant => low = seq.min(high),
                Some(_) | None => high = middle,
            }
        }
        Ok(low)
    }
}
