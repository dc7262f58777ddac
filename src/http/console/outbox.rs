//! The outbox: work that waits, and why; each done now if asked.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::Response;

use super::blocks::{self, Html};
use super::desk::{Desk, go_to, with_desk, with_form};
use super::forms::Form;
use super::license::address_of;
use super::query::{Asked, address};
use super::words::Orders;
use crate::application::{OutboxEntry, OutboxFilter};
use crate::domain::{JobId, Scope};
use crate::http::error::ApiError;
use crate::http::language::Language;
use crate::http::merchant::outbox::{cursor_text, read_cursor};
use crate::http::path::PathOf;
use crate::http::state::HttpState;
use crate::http::wording::in_chinese;

const PATH: &str = "/console/outbox";
const SHOWN: usize = 50;
/// Longest words of a failure that are shown, in characters.
const FAILURE_CHARS_MAX: usize = 500;

/// `GET /console/outbox`
pub async fn list(State(state): State<HttpState>, parts: Parts) -> Response {
    let asked = Asked::of(&parts.uri);
    with_desk(&state, &parts, Scope::Read, async |desk| {
        let words = Orders::of(desk.language());
        let failed = asked.text("failed") == "yes";
        let filter = OutboxFilter { channel: None, failed };
        let after = asked.some("after").and_then(|cursor| read_cursor(desk.id(), cursor));
        let (entries, next) = desk.state.app.view_outbox(desk.id(), &filter, after, SHOWN).await?;
        let other = if failed {
            blocks::button_link(PATH, words.all, "")
        } else {
            blocks::button_link(address(PATH, &[("failed", "yes")]), words.only_failed, "")
        };
        let done = if asked.text("done") == "retry" { blocks::done(words.retried) } else { Html::default() };
        let mut body = Html::all([done, blocks::row([other]), desk.jobs(&entries, words)]);
        if let Some(cursor) = next.as_ref().and_then(cursor_text) {
            let more = address(PATH, &[("failed", asked.text("failed")), ("after", &cursor)]);
            body = body.then(blocks::row([blocks::button_link(more, desk.words().more, "")]));
        }
        Ok(desk.page(StatusCode::OK, words.outbox, None, body))
    })
    .await
}

/// `POST /console/outbox/{job}/retry`
pub async fn retry(
    State(state): State<HttpState>,
    PathOf(id): PathOf<String>,
    parts: Parts,
    body: Bytes,
) -> Response {
    with_form(&state, &parts, body, Scope::Support, async |desk, _form| {
        let id = JobId::parse(&id).map_err(|_| ApiError::not_found("job"))?;
        desk.state.app.retry_job(desk.id(), &id, &desk.caller.actor()).await?;
        Ok(go_to(&address(PATH, &[("done", "retry")])))
    })
    .await
}

impl Desk {
    /// Jobs as a table.
    pub fn jobs(&self, entries: &[OutboxEntry], words: &Orders) -> Html {
        let columns =
            [words.task_and_channel, words.state, words.about, words.attempts_and_next, words.failure];
        let mut columns = columns.to_vec();
        if self.may(Scope::Support) {
            columns.push(words.act);
        }
        let rows = entries.iter().map(|entry| self.job_row(entry, words)).collect();
        blocks::table(words.outbox, &columns, rows, words.outbox_none)
    }

    /// What has no words in the reader's language is marked as English.
    fn failure(&self, why: &str) -> Html {
        let chinese = match self.language() {
            Language::English => None,
            Language::Chinese => in_chinese(why),
        };
        chinese.map_or_else(|| blocks::english(why), blocks::text)
    }

    fn job_row(&self, entry: &OutboxEntry, words: &Orders) -> Vec<Html> {
        let (word, kind) = words.of_job(entry.state);
        let channel = entry.job.lane.as_ref().and_then(|lane| lane.channel.as_ref());
        let order = entry.order.as_ref().map(|key| blocks::code(&key.order_id));
        let license = entry.license.as_ref().map(|id| blocks::link_code(address_of(id), id));
        let failure = entry.job.last_failure.as_deref().unwrap_or_default();
        let failure: String = failure.chars().take(FAILURE_CHARS_MAX).collect();
        let (task, next) =
            (blocks::text(words.of_task(&entry.job.task)), self.reader.time(entry.next_try_at));
        let mut row = vec![
            blocks::lines(std::iter::once(task).chain(channel.map(blocks::soft))),
            blocks::state(word, kind),
            blocks::lines(order.into_iter().chain(license)),
            blocks::lines([blocks::text(self.reader.number(entry.job.attempts)), next]),
            if failure.is_empty() { blocks::text("–") } else { self.failure(&failure) },
        ];
        if self.may(Scope::Support) {
            let action = format!("{PATH}/{}/retry", entry.job.id);
            let (name, csrf) = self.csrf();
            row.push(Form::new(&action, words.act).hidden(name, csrf).html(&Vec::new()));
        }
        row
    }
}
