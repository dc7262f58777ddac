//! Endpoints that are told of events: how they fare, what was sent, and what can be done.

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::Response;

use super::blocks::{self, Html};
use super::desk::{Desk, with_desk};
use super::forms::Form;
use super::query::{Asked, address};
use super::words::Webhooks;
use crate::application::WebhookView;
use crate::domain::{Delivery, DeliveryId, DeliveryState, KeptSecret, Scope, Webhook, WebhookId};
use crate::http::error::ApiError;
use crate::http::path::PathOf;
use crate::http::state::HttpState;

/// Where the list is.
pub const PATH: &str = "/console/webhooks";
const SHOWN: usize = 50;

/// `GET /console/webhooks`
pub async fn list(State(state): State<HttpState>, parts: Parts) -> Response {
    let asked = Asked::of(&parts.uri);
    with_desk(&state, &parts, Scope::Read, async |desk| {
        let words = Webhooks::of(desk.language());
        let views = desk.state.app.view_webhooks(desk.id()).await?;
        let done = if asked.text("done") == "delete" { blocks::done(words.deleted) } else { Html::default() };
        let columns = [words.webhook, words.url, words.state, words.pending, words.last_success];
        let row = |view: &WebhookView| {
            let webhook = &view.webhook.value;
            vec![
                blocks::link(webhook_address(&webhook.id), &webhook.id),
                blocks::code(&webhook.url),
                desk.webhook_state(view, words),
                blocks::number(desk.reader.number(view.progress.pending)),
                desk.at_or_never(view.progress.last_success_at, words),
            ]
        };
        let table = blocks::table(words.title, &columns, views.iter().map(row).collect(), words.none);
        let make = if desk.may(Scope::Admin) {
            blocks::row([blocks::button_link(format!("{PATH}/new"), words.make, "")])
        } else {
            Html::default()
        };
        let body = Html::all([done, blocks::paragraph(words.hint), make, table]);
        Ok(desk.page(StatusCode::OK, words.title, None, body))
    })
    .await
}

/// `GET /console/webhooks/{webhook}`
pub async fn show(State(state): State<HttpState>, PathOf(id): PathOf<String>, parts: Parts) -> Response {
    let asked = Asked::of(&parts.uri);
    with_desk(&state, &parts, Scope::Read, async |desk| {
        let words = Webhooks::of(desk.language());
        let view = desk.state.app.view_webhook(desk.id(), &webhook_id(&id)?).await?;
        let done = words.done(asked.text("done")).map(blocks::done).unwrap_or_default();
        let before = asked.some("before").and_then(|id| DeliveryId::parse(id).ok());
        desk.webhook_page(StatusCode::OK, &view, done, before.as_ref()).await
    })
    .await
}

/// A text that cannot be an id is nobody's.
pub fn webhook_id(text: &str) -> Result<WebhookId, ApiError> {
    WebhookId::parse(text).map_err(|_| ApiError::not_found("webhook"))
}

/// Where the page of an endpoint is.
pub fn webhook_address(id: &WebhookId) -> String {
    format!("{PATH}/{id}")
}

/// Days before an end, as a form takes them.
pub fn days_text(days: &[u16]) -> String {
    days.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

impl Desk {
    fn at_or_never(&self, at: Option<crate::domain::Instant>, words: &Webhooks) -> Html {
        at.map_or_else(|| blocks::text(words.never), |at| self.reader.time(at))
    }

    fn webhook_state(&self, view: &WebhookView, words: &Webhooks) -> Html {
        match &view.webhook.value.disabled {
            None if view.progress.failures_in_row > 0 => blocks::state(words.failing, "warn"),
            None => blocks::state(words.enabled, "good"),
            Some(disabled) => {
                blocks::state(words.disabled(disabled.cause), "bad").then(self.reader.time(disabled.at))
            }
        }
    }

    /// Everything about an endpoint, below what was just done.
    pub async fn webhook_page(
        &self,
        status: StatusCode,
        view: &WebhookView,
        found: Html,
        before: Option<&DeliveryId>,
    ) -> Result<Response, ApiError> {
        let words = Webhooks::of(self.language());
        let webhook = &view.webhook.value;
        let page = self.state.app.view_deliveries(self.id(), &webhook.id, None, before, SHOWN).await?;
        let secrets = webhook.secrets.iter().map(|secret| {
            let kept = match &secret.kept {
                KeptSecret::Sealed(_) => blocks::text(words.kept_here),
                KeptSecret::Reference(reference) => blocks::code(reference),
            };
            let ends = secret.ends_at.map_or_else(|| blocks::text("–"), |at| self.reader.time(at));
            vec![blocks::code(&secret.id), kept, self.reader.time(secret.created_at), ends]
        });
        let columns = [words.secret, words.kept, words.since, words.until];
        let secrets = blocks::table(words.secrets, &columns, secrets.collect(), words.none);
        let (deliveries, next) = page;
        let columns =
            [words.delivery, words.event, words.state, words.attempts, words.last_attempt, words.answer];
        let mut columns = columns.to_vec();
        if self.may(Scope::Admin) {
            columns.push(words.again);
        }
        let rows = deliveries.iter().map(|delivery| self.delivery_row(delivery, words)).collect();
        let mut sent = blocks::table(words.deliveries, &columns, rows, words.deliveries_none);
        if let Some(next) = next {
            let more = address(&webhook_address(&webhook.id), &[("before", next.as_str())]);
            sent = sent.then(blocks::row([blocks::button_link(more, self.words().more, "")]));
        }
        let body = Html::all([
            found,
            self.webhook_facts(view, words),
            self.webhook_acts(view, words),
            blocks::section("secrets", words.secrets, secrets),
            blocks::section("deliveries", words.deliveries, self.since_link(webhook, words).then(sent)),
        ]);
        let title = format!("{} {}", words.webhook, webhook.id);
        Ok(self.page(status, &title, Some((PATH, words.title)), body))
    }

    /// What an endpoint asks for.
    pub fn events_text(&self, webhook: &Webhook, words: &Webhooks) -> String {
        let events = webhook.events.iter().map(|event| event.as_str()).collect::<Vec<_>>().join(", ");
        if events.is_empty() { words.every_event.to_owned() } else { events }
    }

    /// What is said of an endpoint, and how it fares.
    pub fn webhook_facts(&self, view: &WebhookView, words: &Webhooks) -> Html {
        let webhook = &view.webhook.value;
        let days = days_text(&webhook.expiring_days);
        let days = if days.is_empty() { words.days_none.to_owned() } else { days };
        blocks::facts(vec![
            (words.url, blocks::code(&webhook.url)),
            (
                words.description,
                blocks::text(if webhook.description.is_empty() { "–" } else { &webhook.description }),
            ),
            (words.state, self.webhook_state(view, words)),
            (words.events, blocks::text(self.events_text(webhook, words))),
            (words.days, blocks::text(days)),
            (words.pending, blocks::text(self.reader.number(view.progress.pending))),
            (words.last_success, self.at_or_never(view.progress.last_success_at, words)),
            (words.last_failure, self.at_or_never(view.progress.last_failure_at, words)),
        ])
    }

    fn webhook_acts(&self, view: &WebhookView, words: &'static Webhooks) -> Html {
        if !self.may(Scope::Admin) {
            return Html::default();
        }
        let at = webhook_address(&view.webhook.value.id);
        let (csrf, value) = self.csrf();
        let (once, once_value) = self.once();
        let revision = view.webhook.revision.to_string();
        let simple = |act: &str, word: &'static str| {
            Form::new(&format!("{at}/{act}"), word)
                .hidden(csrf, &value)
                .hidden(once, &once_value)
                .hidden("revision", &revision)
                .html(&Vec::new())
        };
        let switch = if view.webhook.value.disabled.is_some() {
            simple("enable", words.enable)
        } else {
            simple("disable", words.disable)
        };
        blocks::row([
            simple("test", words.test),
            blocks::button_link(format!("{at}/change"), words.change, ""),
            switch,
            blocks::button_link(format!("{at}/secret"), words.rotate, ""),
            blocks::button_link(format!("{at}/delete"), words.delete, "grave"),
        ])
    }

    fn since_link(&self, webhook: &Webhook, words: &Webhooks) -> Html {
        // Nothing is sent again while nothing is sent.
        if !self.may(Scope::Admin) || webhook.disabled.is_some() {
            return Html::default();
        }
        let href = format!("{}/since", webhook_address(&webhook.id));
        blocks::row([blocks::button_link(href, words.replay_since, "")])
    }

    fn delivery_row(&self, delivery: &Delivery, words: &'static Webhooks) -> Vec<Html> {
        let state = match &delivery.state {
            DeliveryState::Pending => {
                blocks::state(words.on_its_way, "").then(self.reader.time(delivery.due_at))
            }
            DeliveryState::Delivered(at) => {
                blocks::state(words.delivered, "good").then(self.reader.time(*at))
            }
            DeliveryState::GivenUp(at) => blocks::state(words.given_up, "bad").then(self.reader.time(*at)),
        };
        let last = delivery.last.as_ref();
        let status = last.and_then(|last| last.status).map(|status| status.to_string()).unwrap_or_default();
        let answer = last.map(|last| format!("{status} {}", last.words)).unwrap_or_default();
        let mut row = vec![
            blocks::code(&delivery.id),
            blocks::code(delivery.kind.as_str()),
            state,
            blocks::number(delivery.attempts),
            last.map_or_else(|| blocks::text("–"), |last| self.reader.time(last.at)),
            blocks::text(if answer.trim().is_empty() { "–" } else { answer.trim() }),
        ];
        if self.may(Scope::Admin) {
            let action = format!("{}/replay", webhook_address(&delivery.webhook));
            let ((csrf, value), (once, once_value)) = (self.csrf(), self.once());
            row.push(if delivery.seq.is_some() {
                Form::new(&action, words.again)
                    .hidden(csrf, value)
                    .hidden(once, once_value)
                    .hidden("delivery", delivery.id.to_string())
                    .html(&Vec::new())
            } else {
                blocks::text("–")
            });
        }
        row
    }
}
