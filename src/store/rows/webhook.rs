//! Endpoints to which events are sent.

use super::channel::SecretRefRow;
use super::form::{Base64, Millis, Text};
use super::mirror::{row, row_enum};
use crate::domain::{
    DisableCause, KeptSecret, MerchantId, ReplaySpan, Webhook, WebhookDisabled, WebhookEvent, WebhookId,
    WebhookProgress, WebhookReplay, WebhookSecret, WebhookSecretId,
};

row_enum!(
    /// Where a secret is.
    KeptSecretRow for KeptSecret {
        Sealed(bytes: Base64<Vec<u8>>),
        Reference(reference: SecretRefRow),
    }
);

row!(
    /// A secret.
    WebhookSecretRow for WebhookSecret {
        id: Text<WebhookSecretId> = id,
        kept: KeptSecretRow = kept,
        created_at_ms: Millis = created_at,
        #[serde(skip_serializing_if = "Option::is_none")]
        ends_at_ms: Option<Millis> = ends_at,
    }
);

row!(
    /// Why nothing is sent.
    WebhookDisabledRow for WebhookDisabled {
        at_ms: Millis = at,
        cause: Text<DisableCause> = cause,
    }
);

row!(
    /// An endpoint.
    WebhookRow for Webhook {
        id: Text<WebhookId> = id,
        merchant: Text<MerchantId> = merchant,
        url: String = url,
        description: String = description,
        events: Vec<Text<WebhookEvent>> = events,
        expiring_days: Vec<u16> = expiring_days,
        secrets: Vec<WebhookSecretRow> = secrets,
        #[serde(skip_serializing_if = "Option::is_none")]
        disabled: Option<WebhookDisabledRow> = disabled,
        created_at_ms: Millis = created_at,
        updated_at_ms: Millis = updated_at,
    }
);

row!(
    /// How far events were sent.
    WebhookProgressRow for WebhookProgress {
        merchant: Text<MerchantId> = merchant,
        webhook: Text<WebhookId> = webhook,
        cursor: u64 = cursor,
        #[serde(skip_serializing_if = "Option::is_none")]
        leased_until_ms: Option<Millis> = leased_until,
        #[serde(skip_serializing_if = "Option::is_none")]
        failing_since_ms: Option<Millis> = failing_since,
        failures_in_row: u32 = failures_in_row,
        #[serde(skip_serializing_if = "Option::is_none")]
        rests_until_ms: Option<Millis> = rests_until,
        minute_ms: Millis = minute,
        sent_in_minute: u32 = sent_in_minute,
        #[serde(skip_serializing_if = "Option::is_none")]
        last_success_at_ms: Option<Millis> = last_success_at,
        #[serde(skip_serializing_if = "Option::is_none")]
        last_failure_at_ms: Option<Millis> = last_failure_at,
        since_trim: u32 = since_trim,
        pending: u32 = pending,
        #[serde(skip_serializing_if = "Option::is_none")]
        oldest_at_ms: Option<Millis> = oldest_at,
        #[serde(skip_serializing_if = "Option::is_none")]
        next_due_at_ms: Option<Millis> = next_due_at,
    }
);

row!(
    /// Numbers of a chain.
    ReplaySpanRow for ReplaySpan {
        after: u64 = after,
        through: u64 = through,
        left: u32 = left,
    }
);

row!(
    /// What is sent once more.
    WebhookReplayRow for WebhookReplay {
        merchant: Text<MerchantId> = merchant,
        webhook: Text<WebhookId> = webhook,
        spans: Vec<ReplaySpanRow> = spans,
    }
);
