//! Endpoints are tried out, switched, given another secret, deleted; events are sent again.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::Response;
use chrono::TimeDelta;
use secrecy::ExposeSecret as _;

use super::blocks::{self, Html};
use super::desk::{Desk, go_to, with_desk, with_form};
use super::forms::{Form as Asking, summary};
use super::webhooks::{PATH, webhook_address, webhook_id};
use super::words::Webhooks;
use crate::application::ports::ABSENT;
use crate::application::{ReplayOf, WebhookCommand, WebhookView};
use crate::domain::{DeliveryId, DeliveryState, Scope};
use crate::http::error::ApiError;
use crate::http::form::Form;
use crate::http::path::PathOf;
use crate::http::state::HttpState;

/// How long the secrets of before go on signing: receivers have a day to learn the new one.
const OVERLAP: TimeDelta = TimeDelta::days(1);

/// `POST /console/webhooks/{webhook}/{test|enable|disable|replay}`
pub async fn act(
    State(state): State<HttpState>,
    PathOf((id, act)): PathOf<(String, String)>,
    parts: Parts,
    body: Bytes,
) -> Response {
    with_form(&state, &parts, body, Scope::Admin, async |desk, form| {
        let command = desk.webhook_command(&id, form)?;
        let app = &desk.state.app;
        let done = match act.as_str() {
            "enable" => app.enable_webhook(&command, false).await.map(|_view| "enable"),
            "disable" => app.disable_webhook(&command).await.map(|_view| "disable"),
            "replay" => {
                let delivery = DeliveryId::parse(form.text("delivery"));
                let delivery = delivery.map_err(|_| ApiError::not_found("delivery"))?;
                let command = WebhookCommand { if_revision: None, ..command.clone() };
                let (what, identity) = (ReplayOf::Delivery(delivery), desk.identity(form)?);
                app.replay_events_once(&command, &what, &identity).await.map(|()| "replay")
            }
            "test" => {
                let command = WebhookCommand { if_revision: None, ..command.clone() };
                let tested = app.test_webhook(&command, Some(&desk.identity(form)?)).await;
                tested.map(|delivery| match delivery.state {
                    DeliveryState::Delivered(_) => "tested",
                    DeliveryState::Pending | DeliveryState::GivenUp(_) => "test-failed",
                })
            }
            _ => return Err(ApiError::not_found("address")),
        };
        match done.map_err(ApiError::from) {
            Ok(done) => Ok(go_to(&format!("{}?done={done}", webhook_address(&command.webhook)))),
            Err(error @ ApiError::Refused(_)) => desk.webhook_refused(&command, &error).await,
            Err(error) => Err(error),
        }
    })
    .await
}

/// `GET /console/webhooks/{webhook}/secret`
pub async fn ask_secret(
    State(state): State<HttpState>,
    PathOf(id): PathOf<String>,
    parts: Parts,
) -> Response {
    with_desk(&state, &parts, Scope::Admin, async |desk| {
        let words = Webhooks::of(desk.language());
        desk.asking(&id, "secret", (words.rotate_title, words.rotate_follows, words.rotate)).await
    })
    .await
}

/// `POST /console/webhooks/{webhook}/secret`: the new one is shown once.
pub async fn rotate(
    State(state): State<HttpState>,
    PathOf(id): PathOf<String>,
    parts: Parts,
    body: Bytes,
) -> Response {
    with_form(&state, &parts, body, Scope::Admin, async |desk, form| {
        let (command, identity) = (desk.webhook_command(&id, form)?, desk.identity(form)?);
        let rotated = desk.state.app.rotate_webhook_secret(&command, None, OVERLAP, Some(&identity)).await;
        match rotated.map_err(ApiError::from) {
            Ok(view) => desk.with_secret(&view).await,
            Err(error @ ApiError::Refused(_)) => desk.webhook_refused(&command, &error).await,
            Err(error) => Err(error),
        }
    })
    .await
}

/// `GET /console/webhooks/{webhook}/delete`
pub async fn ask_delete(
    State(state): State<HttpState>,
    PathOf(id): PathOf<String>,
    parts: Parts,
) -> Response {
    with_desk(&state, &parts, Scope::Admin, async |desk| {
        let words = Webhooks::of(desk.language());
        desk.asking(&id, "delete", (words.delete_title, words.delete_follows, words.delete)).await
    })
    .await
}

/// `POST /console/webhooks/{webhook}/delete`
pub async fn delete(
    State(state): State<HttpState>,
    PathOf(id): PathOf<String>,
    parts: Parts,
    body: Bytes,
) -> Response {
    with_form(&state, &parts, body, Scope::Admin, async |desk, form| {
        let command = desk.webhook_command(&id, form)?;
        match desk.state.app.delete_webhook(&command).await.map_err(ApiError::from) {
            Ok(_) => Ok(go_to(&format!("{PATH}?done=delete"))),
            Err(error @ ApiError::Refused(_)) => desk.webhook_refused(&command, &error).await,
            Err(error) => Err(error),
        }
    })
    .await
}

impl Desk {
    /// A command on an endpoint as it was seen.
    pub fn webhook_command(&self, id: &str, form: &Form) -> Result<WebhookCommand, ApiError> {
        Ok(WebhookCommand {
            merchant: self.id().clone(),
            webhook: webhook_id(id)?,
            actor: self.caller.actor(),
            if_revision: Some(form.text("revision").parse().unwrap_or(ABSENT)),
        })
    }

    /// The endpoint as it stands now, and why nothing was done.
    async fn webhook_refused(
        &self,
        command: &WebhookCommand,
        error: &ApiError,
    ) -> Result<Response, ApiError> {
        let view = self.state.app.view_webhook(self.id(), &command.webhook).await?;
        let told = summary(self.words().refused_title, &vec![("", self.reason(error))]);
        self.webhook_page(error.status(), &view, told, None).await
    }

    /// The endpoint with the secret that was just made.
    pub async fn with_secret(&self, view: &WebhookView) -> Result<Response, ApiError> {
        let words = Webhooks::of(self.language());
        let secret = view.secret.as_ref().map(|secret| secret.expose_secret().to_owned()).unwrap_or_default();
        let shown =
            blocks::done(words.secret_once).then(blocks::long_text("new-secret", words.secret, 2, &secret));
        self.webhook_page(StatusCode::OK, view, shown, None).await
    }

    async fn asking(
        &self,
        id: &str,
        act: &str,
        (title, follows, submit): (&str, &str, &str),
    ) -> Result<Response, ApiError> {
        let words = Webhooks::of(self.language());
        let view = self.state.app.view_webhook(self.id(), &webhook_id(id)?).await?;
        let webhook = &view.webhook.value;
        let up = webhook_address(&webhook.id);
        let ((csrf, value), (once, once_value)) = (self.csrf(), self.once());
        let action = format!("{up}/{act}");
        let form = Asking::new(&action, submit)
            .hidden(csrf, value)
            .hidden(once, once_value)
            .hidden("revision", view.webhook.revision.to_string())
            .cancel(&up, self.words().cancel)
            .grave()
            .html(&Vec::new());
        let facts = blocks::facts(vec![(words.url, blocks::code(&webhook.url))]);
        let body = Html::all([facts, blocks::warning(follows), form]);
        let above = format!("{} {}", words.webhook, webhook.id);
        Ok(self.page(StatusCode::OK, title, Some((&up, &above)), body))
    }
}
