//! What is said of an endpoint: asked for when it is made, and changed as it was seen.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::Response;

use super::blocks::{self, Html};
use super::desk::{Desk, go_to, with_desk, with_form};
use super::forms::{Field, Form as Asking, Kind, Mistakes, Tick, summary};
use super::webhooks::{PATH, days_text, webhook_address, webhook_id};
use super::words::Webhooks;
use crate::application::{NewWebhook, WebhookCommand, WebhookPatch, WebhookView};
use crate::domain::{
    EXPIRING_DAYS_AHEAD_MAX, EXPIRING_DAYS_DEFAULT, EXPIRING_DAYS_MAX, Refusal, Scope,
    WEBHOOK_DESCRIPTION_CHARS_MAX, Webhook, WebhookEvent,
};
use crate::http::error::ApiError;
use crate::http::form::Form;
use crate::http::path::PathOf;
use crate::http::state::HttpState;

/// Longest address of an endpoint that is typed, in characters.
const URL_CHARS_MAX: usize = 2_048;
/// Longest list of days that is typed, in characters.
const DAYS_CHARS_MAX: usize = 64;

/// `GET /console/webhooks/new`
pub async fn ask_new(State(state): State<HttpState>, parts: Parts) -> Response {
    with_desk(&state, &parts, Scope::Admin, async |desk| {
        let usual = Form::of([("expiring_days", days_text(&EXPIRING_DAYS_DEFAULT))]);
        Ok(desk.new_webhook_page(StatusCode::OK, &usual, &Vec::new()))
    })
    .await
}

/// `POST /console/webhooks/new`: the secret is shown once.
pub async fn make(State(state): State<HttpState>, parts: Parts, body: Bytes) -> Response {
    with_form(&state, &parts, body, Scope::Admin, async |desk, form| {
        let Said { url, description, events, expiring_days } = match desk.said_of_webhook(form) {
            Ok(said) => said,
            Err(mistakes) => {
                return Ok(desk.new_webhook_page(StatusCode::UNPROCESSABLE_ENTITY, form, &mistakes));
            }
        };
        let new = NewWebhook {
            merchant: desk.id().clone(),
            actor: desk.caller.actor(),
            url,
            description,
            events,
            expiring_days: Some(expiring_days),
            secret: None,
            idempotency: Some(desk.identity(form)?),
        };
        match desk.state.app.create_webhook(&new).await.map_err(ApiError::from) {
            Ok(view) => desk.with_secret(&view).await,
            Err(error @ ApiError::Refused(_)) => {
                Ok(desk.new_webhook_page(error.status(), form, &desk.webhook_mistakes(&error)))
            }
            Err(error) => Err(error),
        }
    })
    .await
}

/// `GET /console/webhooks/{webhook}/change`
pub async fn ask_change(
    State(state): State<HttpState>,
    PathOf(id): PathOf<String>,
    parts: Parts,
) -> Response {
    with_desk(&state, &parts, Scope::Admin, async |desk| {
        let view = desk.state.app.view_webhook(desk.id(), &webhook_id(&id)?).await?;
        let form = form_of(&view.webhook.value);
        Ok(desk.change_webhook_page(StatusCode::OK, &view, &form, (view.webhook.revision, Vec::new())))
    })
    .await
}

/// `POST /console/webhooks/{webhook}/change`: as it was seen, or not at all.
pub async fn change(
    State(state): State<HttpState>,
    PathOf(id): PathOf<String>,
    parts: Parts,
    body: Bytes,
) -> Response {
    with_form(&state, &parts, body, Scope::Admin, async |desk, form| {
        let command = desk.webhook_command(&id, form)?;
        let view = desk.state.app.view_webhook(desk.id(), &command.webhook).await?;
        let seen = command.if_revision.unwrap_or(view.webhook.revision);
        let said = match desk.said_of_webhook(form) {
            Ok(said) => said,
            Err(mistakes) => {
                let status = StatusCode::UNPROCESSABLE_ENTITY;
                return Ok(desk.change_webhook_page(status, &view, form, (seen, mistakes)));
            }
        };
        let patch = said.patch(&view.webhook.value);
        match desk.state.app.change_webhook(&command, &patch).await.map_err(ApiError::from) {
            Ok(_) => Ok(saved(&command)),
            Err(ApiError::Refused(Refusal::RevisionConflict { .. })) => {
                desk.webhook_changed_meanwhile(&command, form, &said).await
            }
            Err(error @ ApiError::Refused(_)) => {
                let mistakes = desk.webhook_mistakes(&error);
                Ok(desk.change_webhook_page(error.status(), &view, form, (seen, mistakes)))
            }
            Err(error) => Err(error),
        }
    })
    .await
}

fn saved(command: &WebhookCommand) -> Response {
    go_to(&format!("{}?done=change", webhook_address(&command.webhook)))
}

/// All that a form says of an endpoint.
struct Said {
    url: String,
    description: String,
    events: Vec<WebhookEvent>,
    expiring_days: Vec<u16>,
}

impl Said {
    /// What differs of an endpoint; in which order events stand says nothing.
    fn patch(&self, webhook: &Webhook) -> WebhookPatch {
        WebhookPatch {
            url: Some(self.url.clone()),
            description: Some(self.description.clone()),
            events: Some(self.events.clone()).filter(|_| !self.has_events_of(webhook)),
            expiring_days: Some(self.expiring_days.clone()),
        }
    }

    /// Whether an endpoint is so already.
    fn is_true_of(&self, webhook: &Webhook) -> bool {
        self.url == webhook.url
            && self.description == webhook.description
            && self.expiring_days == webhook.expiring_days
            && self.has_events_of(webhook)
    }

    fn has_events_of(&self, webhook: &Webhook) -> bool {
        let has = |event| self.events.contains(event);
        self.events.len() == webhook.events.len() && webhook.events.iter().all(has)
    }
}

/// The form as it stands before anybody types.
fn form_of(webhook: &Webhook) -> Form {
    let events = webhook.events.iter().map(|event| ("events", event.as_str().to_owned()));
    let rest = [
        ("url", webhook.url.clone()),
        ("description", webhook.description.clone()),
        ("expiring_days", days_text(&webhook.expiring_days)),
    ];
    Form::of(rest.into_iter().chain(events))
}

/// Numbers with anything between them; in which order they are typed does not matter.
fn days_of(text: &str) -> Option<Vec<u16>> {
    let is_between =
        |letter: char| letter.is_whitespace() || matches!(letter, ',' | ';' | '，' | '；' | '、');
    let parts = text.split(is_between).filter(|part| !part.is_empty());
    let mut days: Vec<u16> = parts.map(|part| part.parse().ok()).collect::<Option<_>>()?;
    days.sort_unstable_by_key(|day| std::cmp::Reverse(*day));
    days.dedup();
    let fits =
        days.len() <= EXPIRING_DAYS_MAX && days.iter().all(|day| (1..=EXPIRING_DAYS_AHEAD_MAX).contains(day));
    fits.then_some(days)
}

impl Desk {
    /// What was typed, or what cannot be read of it.
    fn said_of_webhook(&self, form: &Form) -> Result<Said, Mistakes> {
        let wrong = || vec![("expiring_days", Webhooks::of(self.language()).days_wrong.to_owned())];
        Ok(Said {
            url: form.text("url").to_owned(),
            description: form.typed("description"),
            events: form.all("events").filter_map(WebhookEvent::parse).collect(),
            expiring_days: days_of(form.text("expiring_days")).ok_or_else(wrong)?,
        })
    }

    /// What the rules say, at the field that it is about.
    fn webhook_mistakes(&self, error: &ApiError) -> Mistakes {
        let pointer = match error {
            ApiError::Refused(Refusal::Invalid { pointer, .. }) => pointer.as_str(),
            _ => "",
        };
        let field = match pointer.split('/').nth(1) {
            Some("url") => "url",
            Some("description") => "description",
            Some("events") => "events",
            Some("expiring_days") => "expiring_days",
            Some(_) | None => "",
        };
        vec![(field, self.reason(error))]
    }

    fn new_webhook_page(&self, status: StatusCode, typed: &Form, mistakes: &Mistakes) -> Response {
        let words = Webhooks::of(self.language());
        let (once, once_value) = self.once();
        let action = format!("{PATH}/new");
        let form = self.webhook_form(Asking::new(&action, words.make).hidden(once, once_value), typed);
        let form = form.cancel(PATH, self.words().cancel).html(mistakes);
        let body = summary(self.words().errors, mistakes).then(form);
        self.page(status, words.make, Some((PATH, words.title)), body)
    }

    /// The endpoint as it is now, and what was typed; done if it is what was meant, as by a form that is sent twice.
    async fn webhook_changed_meanwhile(
        &self,
        command: &WebhookCommand,
        form: &Form,
        said: &Said,
    ) -> Result<Response, ApiError> {
        let words = Webhooks::of(self.language());
        let view = self.state.app.view_webhook(self.id(), &command.webhook).await?;
        if said.is_true_of(&view.webhook.value) {
            return Ok(saved(command));
        }
        let told = vec![("", words.changed_meanwhile.to_owned())];
        let status = StatusCode::PRECONDITION_FAILED;
        Ok(self.change_webhook_page(status, &view, form, (view.webhook.revision, told)))
    }

    fn change_webhook_page(
        &self,
        status: StatusCode,
        view: &WebhookView,
        typed: &Form,
        (revision, mistakes): (u64, Mistakes),
    ) -> Response {
        let words = Webhooks::of(self.language());
        let id = &view.webhook.value.id;
        let up = webhook_address(id);
        let action = format!("{up}/change");
        let asking = Asking::new(&action, words.save).hidden("revision", revision.to_string());
        let form = self.webhook_form(asking, typed).cancel(&up, self.words().cancel);
        let form = form.html(&mistakes);
        let body = if status == StatusCode::PRECONDITION_FAILED {
            Html::all([
                summary(self.words().refused_title, &mistakes),
                blocks::section("now", words.now, self.webhook_facts(view, words)),
                blocks::section("change", words.typed, form),
            ])
        } else {
            summary(self.words().errors, &mistakes).then(form)
        };
        let above = format!("{} {id}", words.webhook);
        self.page(status, words.change_title, Some((&up, &above)), body)
    }

    /// The fields of an endpoint, with what was typed.
    fn webhook_form<'a>(&self, asking: Asking<'a>, typed: &Form) -> Asking<'a> {
        let words = Webhooks::of(self.language());
        let (csrf, value) = self.csrf();
        let chosen: Vec<&str> = typed.all("events").collect();
        let tick = |event: WebhookEvent| {
            let name = event.as_str();
            Tick { value: name.to_owned(), text: name.to_owned(), is_chosen: chosen.contains(&name) }
        };
        let events = WebhookEvent::NAMES.iter().filter_map(|name| WebhookEvent::parse(name));
        let events = events.filter(|event| event.can_be_asked_for()).map(tick).collect();
        let line = |name, label, max| Field::new(name, label, Kind::Line(max)).value(typed.typed(name));
        asking
            .hidden(csrf, value)
            .field(line("url", words.url, URL_CHARS_MAX).hint(words.url_hint).required())
            .field(line("description", words.description, WEBHOOK_DESCRIPTION_CHARS_MAX))
            .field(Field::new("events", words.events, Kind::Boxes(events)).hint(words.events_hint))
            .field(line("expiring_days", words.days, DAYS_CHARS_MAX).hint(words.days_hint))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_read_in_any_order_and_with_any_sign_between_them() {
        let cases: [(&str, Option<&[u16]>); 9] = [
            ("30, 7, 1", Some(&[30, 7, 1])),
            ("1 7,30 7", Some(&[30, 7, 1])),
            ("30、7，1；", Some(&[30, 7, 1])),
            ("", Some(&[])),
            ("366", Some(&[366])),
            ("367", None),
            ("0", None),
            ("soon", None),
            ("1 2 3 4 5 6 7 8 9", None),
        ];
        for (text, days) in cases {
            assert_eq!(days_of(text).as_deref(), days, "{text}");
        }
    }
}
