//! Events on their way to endpoints.

use super::form::{Millis, MillisOf, Text};
use super::mirror::{row, row_enum};
use crate::domain::{
    Attempt, Delivery, DeliveryId, DeliveryState, EventId, MerchantId, WebhookEvent, WebhookId,
};

row!(
    /// One attempt.
    AttemptRow for Attempt {
        at_ms: Millis = at,
        took_ms: MillisOf = took,
        #[serde(skip_serializing_if = "Option::is_none")]
        status: Option<u16> = status,
        words: String = words,
    }
);

row_enum!(
    /// Where it stands.
    DeliveryStateRow for DeliveryState {
        Pending,
        Delivered(at: Millis),
        GivenUp(at: Millis),
    }
);

row!(
    /// One event on its way to one endpoint.
    DeliveryRow for Delivery {
        id: Text<DeliveryId> = id,
        merchant: Text<MerchantId> = merchant,
        webhook: Text<WebhookId> = webhook,
        event: Text<EventId> = event,
        kind: Text<WebhookEvent> = kind,
        #[serde(skip_serializing_if = "Option::is_none")]
        seq: Option<u64> = seq,
        made_at_ms: Millis = made_at,
        body: String = body,
        attempts: u32 = attempts,
        step: u32 = step,
        due_at_ms: Millis = due_at,
        #[serde(skip_serializing_if = "Option::is_none")]
        due_later_ms: Option<Millis> = due_later,
        #[serde(skip_serializing_if = "Option::is_none")]
        last: Option<AttemptRow> = last,
        state: DeliveryStateRow = state,
    }
);
