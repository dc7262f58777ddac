//! Events since an instant are sent again: which, is shown first.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::Response;

use super::acts::SEEN;
use super::blocks::{self, Html};
use super::desk::{Desk, go_to, with_desk, with_form};
use super::explain::TIME_CHARS_MAX;
use super::forms::{Field, Form as Asking, Kind, Mistakes, summary};
use super::webhooks::{webhook_address, webhook_id};
use super::words::Webhooks;
use crate::application::{ReplayOf, ReplayPreview, WebhookCommand, WebhookView};
use crate::domain::{Instant, REPLAY_EVENTS_MAX, Scope};
use crate::http::error::ApiError;
use crate::http::form::Form;
use crate::http::path::PathOf;
use crate::http::reply::instant;
use crate::http::state::HttpState;

/// How many are sent unless somebody says otherwise.
const LIMIT_USUAL: u32 = 1_000;
/// Longest number that is typed, in characters.
const LIMIT_CHARS_MAX: usize = 10;

/// `GET /console/webhooks/{webhook}/since`
pub async fn ask(State(state): State<HttpState>, PathOf(id): PathOf<String>, parts: Parts) -> Response {
    with_desk(&state, &parts, Scope::Admin, async |desk| {
        let view = desk.state.app.view_webhook(desk.id(), &webhook_id(&id)?).await?;
        let usual = Form::of([("limit", LIMIT_USUAL.to_string())]);
        Ok(desk.replay_page(StatusCode::OK, &view, (&usual, None), &Vec::new()))
    })
    .await
}

/// `POST /console/webhooks/{webhook}/since`: what was shown is done, anything else is shown.
pub async fn replay(
    State(state): State<HttpState>,
    PathOf(id): PathOf<String>,
    parts: Parts,
    body: Bytes,
) -> Response {
    with_form(&state, &parts, body, Scope::Admin, async |desk, form| {
        let view = desk.state.app.view_webhook(desk.id(), &webhook_id(&id)?).await?;
        let (since, limit) = match desk.replay_meant(form) {
            Ok(meant) => meant,
            Err(mistakes) => {
                let status = StatusCode::UNPROCESSABLE_ENTITY;
                return Ok(desk.replay_page(status, &view, (form, None), &mistakes));
            }
        };
        let webhook = &view.webhook.value.id;
        let outcome = if form.text(SEEN) == seen(view.webhook.revision, since, limit) {
            let command = WebhookCommand {
                merchant: desk.id().clone(),
                webhook: webhook.clone(),
                actor: desk.caller.actor(),
                if_revision: None,
            };
            let (what, identity) = (ReplayOf::Since(since, limit), desk.identity(form)?);
            desk.state.app.replay_events_once(&command, &what, &identity).await.map(|()| None)
        } else {
            desk.state.app.preview_replay(desk.id(), webhook, (since, limit)).await.map(Some)
        };
        match outcome.map_err(ApiError::from) {
            Ok(None) => Ok(go_to(&format!("{}?done=since", webhook_address(webhook)))),
            Ok(Some(preview)) => {
                let seen = seen(preview.revision, since, limit);
                Ok(desk.replay_page(StatusCode::OK, &view, (form, Some((&preview, seen))), &Vec::new()))
            }
            Err(error @ ApiError::Refused(_)) => {
                let mistakes = vec![("", desk.reason(&error))];
                Ok(desk.replay_page(error.status(), &view, (form, None), &mistakes))
            }
            Err(error) => Err(error),
        }
    })
    .await
}

/// Says what was shown: since when, how many at most, and by which choice of events.
fn seen(revision: u64, since: Instant, limit: u32) -> String {
    format!("{revision} {} {limit}", instant(since))
}

impl Desk {
    fn replay_meant(&self, form: &Form) -> Result<(Instant, u32), Mistakes> {
        let (words, mut mistakes) = (Webhooks::of(self.language()), Mistakes::new());
        let since = self.reader.read_field(form.text("since"));
        if since.is_none() {
            mistakes.push(("since", words.since_wrong.to_owned()));
        }
        let limit = form.text("limit").parse().ok().filter(|it| (1..=REPLAY_EVENTS_MAX).contains(it));
        if limit.is_none() {
            mistakes.push(("limit", words.limit_wrong.to_owned()));
        }
        since.zip(limit).ok_or(mistakes)
    }

    fn replay_page(
        &self,
        status: StatusCode,
        view: &WebhookView,
        (typed, shown): (&Form, Option<(&ReplayPreview, String)>),
        mistakes: &Mistakes,
    ) -> Response {
        let words = Webhooks::of(self.language());
        let webhook = &view.webhook.value;
        let up = webhook_address(&webhook.id);
        let action = format!("{up}/since");
        let preview = shown.as_ref().map(|(preview, _)| self.replayed(preview, words)).unwrap_or_default();
        // Of nothing there is nothing to be done.
        let seen = shown.filter(|(preview, _)| preview.events > 0 || preview.has_more);
        let submit = if seen.is_some() { words.replay_since_now } else { words.show_first };
        let ((csrf, value), (once, once_value)) = (self.csrf(), self.once());
        let line = |name, label, max| Field::new(name, label, Kind::Line(max)).value(typed.typed(name));
        let form = Asking::new(&action, submit)
            .hidden(csrf, value)
            .hidden(once, once_value)
            .hidden(SEEN, seen.map(|(_, seen)| seen).unwrap_or_default())
            .field(line("since", words.replay_from, TIME_CHARS_MAX).hint(words.since_hint).required())
            .field(line("limit", words.limit, LIMIT_CHARS_MAX).hint(words.limit_hint).required())
            .cancel(&up, self.words().cancel);
        let body = Html::all([
            summary(self.words().errors, mistakes),
            blocks::facts(vec![
                (words.url, blocks::code(&webhook.url)),
                (words.events, blocks::text(self.events_text(webhook, words))),
            ]),
            blocks::warning(words.replay_follows),
            preview,
            form.html(mistakes),
        ]);
        let above = format!("{} {}", words.webhook, webhook.id);
        self.page(status, words.replay_title, Some((&up, &above)), body)
    }

    /// Which events, and from when.
    fn replayed(&self, preview: &ReplayPreview, words: &'static Webhooks) -> Html {
        let mut count = self.reader.number(preview.events);
        if preview.has_more {
            count = format!("{count} {}", words.or_more);
        }
        let mut rows = vec![(words.replayed_count, blocks::text(count))];
        rows.extend(preview.first_at.map(|at| (words.replayed_first, self.reader.time(at))));
        rows.extend(preview.last_at.map(|at| (words.replayed_last, self.reader.time(at))));
        let mut told = blocks::facts(rows);
        if preview.is_cut {
            told = told.then(blocks::paragraph(words.replayed_cut));
        }
        if preview.events == 0 && !preview.has_more {
            told = told.then(blocks::paragraph(words.replayed_none));
        }
        blocks::section("replayed", words.replayed_then, told)
    }
}
