//! Endpoints and deliveries as the merchant reads them.

use axum::http::header;
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;

use crate::application::{DeliveryFilter, WebhookView};
use crate::domain::{
    Attempt, Delivery, DeliveryState, KeptSecret, Webhook, WebhookDisabled, WebhookProgress, WebhookSecret,
};
use crate::http::conditional::etag;
use crate::http::openapi::forms::{
    AttemptWordsForm, DeliveryIdForm, DeliveryStateForm, DisableCauseForm, EventIdForm, InstantForm,
    SecretReferenceForm, WebhookDescriptionForm, WebhookEventForm, WebhookIdForm, WebhookSecretForm,
    WebhookSecretIdForm, WebhookStateForm, WebhookUrlForm,
};
use crate::http::reply::instant;

/// An endpoint; never a secret but the one that was just made.
#[derive(Debug, Serialize, ToSchema)]
pub struct WebhookAnswer {
    #[schema(value_type = WebhookIdForm)]
    id: String,
    #[schema(value_type = WebhookUrlForm)]
    url: String,
    #[schema(value_type = WebhookDescriptionForm)]
    description: String,
    /// Empty: everything but what must be asked for by name.
    #[schema(value_type = Vec<WebhookEventForm>)]
    events: Vec<&'static str>,
    expiring_days: Vec<u16>,
    /// `enabled` or `disabled`.
    #[schema(value_type = WebhookStateForm)]
    state: &'static str,
    disabled: Option<WebhookDisabledAnswer>,
    secrets: Vec<WebhookSecretAnswer>,
    progress: WebhookProgressAnswer,
    revision: u64,
    #[schema(value_type = InstantForm)]
    created_at: String,
    #[schema(value_type = InstantForm)]
    updated_at: String,
    /// The text, when it was just made.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = WebhookSecretForm, required = false)]
    secret: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
struct WebhookDisabledAnswer {
    #[schema(value_type = InstantForm)]
    at: String,
    /// `by_hand`, `gone` or `failing`.
    #[schema(value_type = DisableCauseForm)]
    cause: &'static str,
}

#[derive(Debug, Serialize, ToSchema)]
struct WebhookSecretAnswer {
    #[schema(value_type = WebhookSecretIdForm)]
    id: String,
    /// `env:NAME` or `file:PATH`; null where the server keeps it.
    #[schema(value_type = Option<SecretReferenceForm>)]
    reference: Option<String>,
    #[schema(value_type = InstantForm)]
    created_at: String,
    /// From when on it signs no more.
    #[schema(value_type = Option<InstantForm>)]
    ends_at: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
struct WebhookProgressAnswer {
    /// Events on their way. Those behind them wait.
    pending: u32,
    #[schema(value_type = Option<InstantForm>)]
    failing_since: Option<String>,
    failures_in_row: u32,
    #[schema(value_type = Option<InstantForm>)]
    last_success_at: Option<String>,
    #[schema(value_type = Option<InstantForm>)]
    last_failure_at: Option<String>,
    #[schema(value_type = Option<InstantForm>)]
    next_attempt_at: Option<String>,
}

/// An event on its way, or one that has ended.
#[derive(Debug, Serialize, ToSchema)]
pub struct DeliveryAnswer {
    #[schema(value_type = DeliveryIdForm)]
    id: String,
    /// What the receiver knows it by: `webhook-id`.
    #[schema(value_type = EventIdForm)]
    event_id: String,
    #[schema(value_type = WebhookEventForm)]
    r#type: &'static str,
    /// `pending`, `delivered` or `given_up`.
    #[schema(value_type = DeliveryStateForm)]
    state: &'static str,
    attempts: u32,
    #[schema(value_type = InstantForm)]
    created_at: String,
    #[schema(value_type = Option<InstantForm>)]
    ended_at: Option<String>,
    #[schema(value_type = Option<InstantForm>)]
    next_attempt_at: Option<String>,
    last_attempt: Option<AttemptAnswer>,
}

#[derive(Debug, Serialize, ToSchema)]
struct AttemptAnswer {
    #[schema(value_type = InstantForm)]
    at: String,
    took_ms: u64,
    /// Null when there was no answer.
    status: Option<u16>,
    /// How the answer begins, or why there was none.
    #[schema(value_type = AttemptWordsForm)]
    words: String,
}

/// What is sent once more.
#[derive(Debug, Serialize, ToSchema)]
pub struct ReplayAnswer {
    /// Events behind this number of the merchant's chain,
    pub after: u64,
    /// up to and with this one,
    pub through: u64,
    /// at most so many.
    pub events_max: u32,
}

impl WebhookAnswer {
    /// As it stands.
    pub fn of(view: WebhookView) -> Self {
        let WebhookView { webhook, progress, secret } = view;
        let revision = webhook.revision;
        let Webhook {
            id,
            merchant: _,
            url,
            description,
            events,
            expiring_days,
            secrets,
            disabled,
            created_at,
            updated_at,
        } = webhook.value;
        Self {
            id: id.to_string(),
            url,
            description,
            events: events.into_iter().map(|event| event.as_str()).collect(),
            expiring_days,
            state: if disabled.is_some() { "disabled" } else { "enabled" },
            disabled: disabled.map(|WebhookDisabled { at, cause }| WebhookDisabledAnswer {
                at: instant(at),
                cause: cause.as_str(),
            }),
            secrets: secrets.into_iter().map(secret_answer).collect(),
            progress: progress_answer(&progress),
            revision,
            created_at: instant(created_at),
            updated_at: instant(updated_at),
            secret: secret.map(|text| secrecy::ExposeSecret::expose_secret(&text).to_owned()),
        }
    }

    /// The answer with the revision as its ETag.
    pub fn tagged(&self, mut response: Response) -> Response {
        response.headers_mut().insert(header::ETAG, etag(self.revision));
        response
    }

    /// Where it is found.
    pub fn location(&self) -> String {
        format!("/v1/merchant/webhooks/{}", self.id)
    }
}

fn secret_answer(secret: WebhookSecret) -> WebhookSecretAnswer {
    WebhookSecretAnswer {
        id: secret.id.to_string(),
        reference: match secret.kept {
            KeptSecret::Sealed(_) => None,
            KeptSecret::Reference(reference) => Some(reference.to_string()),
        },
        created_at: instant(secret.created_at),
        ends_at: secret.ends_at.map(instant),
    }
}

fn progress_answer(progress: &WebhookProgress) -> WebhookProgressAnswer {
    WebhookProgressAnswer {
        pending: progress.pending,
        failing_since: progress.failing_since.map(instant),
        failures_in_row: progress.failures_in_row,
        last_success_at: progress.last_success_at.map(instant),
        last_failure_at: progress.last_failure_at.map(instant),
        next_attempt_at: progress.next_due_at.map(instant),
    }
}

impl DeliveryAnswer {
    /// As it stands.
    pub fn of(delivery: &Delivery) -> Self {
        let (ended_at, next_attempt_at) = match delivery.state {
            DeliveryState::Pending => (None, Some(delivery.due_at)),
            DeliveryState::Delivered(at) | DeliveryState::GivenUp(at) => (Some(at), None),
        };
        Self {
            id: delivery.id.to_string(),
            event_id: delivery.event.to_string(),
            r#type: delivery.kind.as_str(),
            state: DeliveryFilter::of(delivery).as_str(),
            attempts: delivery.attempts,
            created_at: instant(delivery.made_at),
            ended_at: ended_at.map(instant),
            next_attempt_at: next_attempt_at.map(instant),
            last_attempt: delivery.last.as_ref().map(attempt_answer),
        }
    }
}

fn attempt_answer(attempt: &Attempt) -> AttemptAnswer {
    AttemptAnswer {
        at: instant(attempt.at),
        took_ms: u64::try_from(attempt.took.as_millis()).unwrap_or(u64::MAX),
        status: attempt.status,
        words: attempt.words.clone(),
    }
}
