//! Channels: the address to paste, how it fares, its calls with their causes.

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::Response;

use super::blocks::{self, Html};
use super::desk::{Desk, with_desk};
use super::forms::{Field, Form, Kind, Mistakes};
use super::query::{Asked, address};
use super::words::Channels;
use crate::application::{CallFilter, ChannelView};
use crate::domain::{
    ActivityStanding, CallId, ChannelCall, ChannelId, ChannelNotice, ChannelStanding, Scope,
};
use crate::http::call_wording::{cause_words, failing_words, notice_words};
use crate::http::error::ApiError;
use crate::http::marketplace::guides_of;
use crate::http::path::PathOf;
use crate::http::state::HttpState;

const PATH: &str = "/console/channels";
const NOTICES_SHOWN: usize = 20;
const CALLS_SHOWN: usize = 50;
/// Longest authorization code, in characters.
const CODE_CHARS_MAX: usize = 128;

/// `GET /console/channels`
pub async fn list(State(state): State<HttpState>, parts: Parts) -> Response {
    with_desk(&state, &parts, Scope::Read, async |desk| {
        let words = Channels::of(desk.language());
        let views = desk.state.app.view_channels(desk.id()).await?;
        let columns = [words.channel, words.protocol, words.address, words.tested, words.notices];
        let row = |view: &ChannelView| {
            vec![
                blocks::link(channel_address(&view.channel.id), &view.channel.id),
                blocks::text(&view.channel.protocol.0),
                blocks::code(&view.address),
                desk.tested(&view.standing, words),
                blocks::number(view.notices.len()),
            ]
        };
        let table = blocks::table(words.title, &columns, views.iter().map(row).collect(), words.none);
        Ok(desk.page(StatusCode::OK, words.title, None, table))
    })
    .await
}

/// `GET /console/channels/{channel}`
pub async fn show(State(state): State<HttpState>, PathOf(id): PathOf<String>, parts: Parts) -> Response {
    with_desk(&state, &parts, Scope::Read, async |desk| {
        let view = desk.state.app.view_channel(desk.id(), &channel_id(&id)?).await?;
        Ok(desk.channel_page(StatusCode::OK, &view, Html::default(), ("", &Vec::new())))
    })
    .await
}

/// `GET /console/channels/{channel}/calls`
pub async fn calls(State(state): State<HttpState>, PathOf(id): PathOf<String>, parts: Parts) -> Response {
    let asked = Asked::of(&parts.uri);
    with_desk(&state, &parts, Scope::Read, async |desk| {
        let (words, id) = (Channels::of(desk.language()), channel_id(&id)?);
        let refused = asked.text("refused") == "yes";
        let before = asked.some("before").and_then(|id| CallId::parse(id).ok());
        let filter = CallFilter { refused, before, ..CallFilter::default() };
        let (calls, next) = desk.state.app.view_calls(desk.id(), &id, &filter, CALLS_SHOWN).await?;
        let path = format!("{}/calls", channel_address(&id));
        let other = if refused {
            blocks::button_link(&path, words.all, "")
        } else {
            blocks::button_link(address(&path, &[("refused", "yes")]), words.only_refused, "")
        };
        let columns =
            [words.at, words.activity, words.result, words.cause, words.took, words.count, words.test];
        let rows = calls.iter().map(|call| desk.call_row(call, words)).collect();
        let mut body =
            blocks::row([other]).then(blocks::table(words.calls, &columns, rows, words.calls_none));
        if let Some(next) = next {
            let more = address(&path, &[("refused", asked.text("refused")), ("before", next.as_str())]);
            body = body.then(blocks::row([blocks::button_link(more, desk.words().more, "")]));
        }
        let up = channel_address(&id);
        let above = format!("{} {id}", words.channel);
        Ok(desk.page(StatusCode::OK, words.calls, Some((&up, &above)), body))
    })
    .await
}

/// A text that cannot be an id is nobody's.
pub fn channel_id(text: &str) -> Result<ChannelId, ApiError> {
    ChannelId::parse(text).map_err(|_| ApiError::not_found("channel"))
}

/// Where the page of a channel is.
pub fn channel_address(id: &ChannelId) -> String {
    format!("{PATH}/{id}")
}

impl Desk {
    /// When a dial test last succeeded.
    pub fn tested(&self, standing: &ChannelStanding, words: &Channels) -> Html {
        let tested = standing.last_dial_test();
        tested.map_or_else(|| blocks::state(words.untested, "warn"), |at| self.reader.time(at))
    }

    /// Everything about a channel, below what was just found out; with the code that was tried.
    pub fn channel_page(
        &self,
        status: StatusCode,
        view: &ChannelView,
        found: Html,
        (code, mistakes): (&str, &Mistakes),
    ) -> Response {
        let words = Channels::of(self.language());
        let channel = &view.channel;
        let products = channel.products.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let facts = blocks::facts(vec![
            (words.address, blocks::code(&view.address)),
            (words.marketplace, blocks::text(channel.marketplace.as_str())),
            (words.protocol, blocks::text(&channel.protocol.0)),
            (words.products, blocks::text(products)),
            (words.tested, self.tested(&view.standing, words)),
        ]);
        let at = channel_address(&channel.id);
        let (csrf, value) = self.csrf();
        let check = Form::new(&format!("{at}/check"), words.check).hidden(csrf, &value).html(&Vec::new());
        let check = blocks::paragraph(words.check_hint).then(check);
        let mut parts = vec![found, facts, blocks::section("check", words.check, check)];
        if channel.protocol.has_authorization_codes() && self.may(Scope::Catalog) {
            let field = Field::new("code", words.code, Kind::Line(CODE_CHARS_MAX)).required();
            let form = Form::new(&format!("{at}/test-code"), words.try_now)
                .hidden(csrf, &value)
                .field(field.value(code).hint(words.code_hint))
                .html(mistakes);
            parts.push(blocks::section("code", words.test_code, form));
        }
        parts.push(self.activities(view, words));
        parts.push(self.notices(&view.notices, words));
        parts.push(self.access_keys(view, words));
        parts.push(blocks::row([blocks::button_link(format!("{at}/calls"), words.see_calls, "")]));
        let title = format!("{} {}", words.channel, channel.id);
        self.page(status, &title, Some((PATH, words.title)), Html::all(parts))
    }

    fn activities(&self, view: &ChannelView, words: &Channels) -> Html {
        let guides = guides_of(&view.channel.protocol.0);
        let nothing = ActivityStanding::default();
        let known = &view.standing.activities;
        let own = guides.iter().map(|guide| {
            let fields = guide.fields.iter().map(|(name, value)| format!("{name} = {value}"));
            let fields = fields.collect::<Vec<_>>().join(", ");
            self.activity_row(guide.name, &fields, known.get(guide.name).unwrap_or(&nothing), words)
        });
        let is_below = |name: &&String| !guides.iter().any(|guide| guide.name == name.as_str());
        let below = known.iter().filter(|(name, _)| is_below(name));
        let below = below.map(|(name, standing)| self.activity_row(name, "–", standing, words));
        let columns = [words.activity, words.passed, words.cause, words.last_call, words.fill_in];
        let rows = own.chain(below).collect();
        let table = blocks::table(words.activities, &columns, rows, words.activities_none);
        blocks::section("activities", words.activities, table)
    }

    fn activity_row(
        &self,
        name: &str,
        fields: &str,
        standing: &ActivityStanding,
        words: &Channels,
    ) -> Vec<Html> {
        let (passed, cause) = match (standing.tested_at, standing.test_failed_at) {
            (None, None) => (blocks::text(words.never), None),
            (succeeded, failed) if succeeded > failed => {
                let at = succeeded.map(|at| self.reader.time(at)).unwrap_or_default();
                (blocks::state(words.ok, "good").then(at), None)
            }
            (_, failed) => {
                let at = failed.map(|at| self.reader.time(at)).unwrap_or_default();
                (blocks::state(words.failed, "bad").then(at), standing.test_failure.as_ref())
            }
        };
        let cause = cause.map(|cause| blocks::text(cause_words(cause, self.language())));
        let called = standing.called_at.map(|at| self.reader.time(at));
        vec![
            blocks::code(name),
            passed,
            cause.unwrap_or_else(|| blocks::text("–")),
            called.unwrap_or_else(|| blocks::text(words.never)),
            blocks::code(fields),
        ]
    }

    /// What the merchant should know, newest first.
    pub fn notices(&self, notices: &[ChannelNotice], words: &Channels) -> Html {
        let language = self.language();
        let row = |notice: &ChannelNotice| {
            let failing = notice.failing.as_ref().map(|failing| failing_words(failing, notice.at, language));
            let cause = notice.cause.as_ref().map(|cause| cause_words(cause, language)).or(failing);
            vec![
                self.reader.time(notice.at),
                blocks::text(notice_words(notice.kind, language)),
                notice.activity.as_ref().map_or_else(|| blocks::text("–"), blocks::code),
                blocks::text(cause.as_deref().unwrap_or("–")),
            ]
        };
        let columns = [words.at, words.what, words.activity, words.cause];
        let rows = notices.iter().take(NOTICES_SHOWN).map(row).collect();
        let table = blocks::table(words.notices, &columns, rows, words.notices_none);
        blocks::section("notices", words.notices, table)
    }

    fn access_keys(&self, view: &ChannelView, words: &Channels) -> Html {
        let row = |key: &crate::domain::AccessKeyRef| {
            let name = ChannelStanding::key_name(key.used_for, &key.value);
            let signed = view.standing.keys.get(&name).map(|at| self.reader.time(*at));
            let found = self.state.secrets.resolve(&key.value).is_ok();
            let (found, kind) = if found { (self.words().yes, "good") } else { (self.words().no, "bad") };
            let id = if key.retired { format!("{} ({})", key.id, words.retired) } else { key.id.clone() };
            vec![
                blocks::text(id),
                blocks::code(key.used_for.as_str()),
                blocks::code(&key.value),
                blocks::state(found, kind),
                signed.unwrap_or_else(|| blocks::text(words.never)),
            ]
        };
        let columns = [words.key, words.used_for, words.value, words.resolvable, words.last_signed];
        let rows = view.channel.access_keys.iter().map(row).collect();
        blocks::section("keys", words.keys, blocks::table(words.keys, &columns, rows, words.keys_none))
    }

    fn call_row(&self, call: &ChannelCall, words: &Channels) -> Vec<Html> {
        let kind = if call.is_refused() { "bad" } else { "good" };
        let status = if call.status == 0 { String::new() } else { call.status.to_string() };
        let result = [Some(status), call.result_code.clone()].into_iter().flatten();
        let result = result.filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" / ");
        let cause = call.cause.as_ref().map(|cause| cause_words(cause, self.language()));
        let test = if call.test { words.test } else { "–" };
        vec![
            self.reader.time(call.at),
            call.activity.as_ref().map_or_else(|| blocks::text("–"), blocks::code),
            blocks::state(result, kind),
            blocks::text(cause.as_deref().unwrap_or("–")),
            blocks::number(format!("{} ms", self.reader.number(call.took.as_millis()))),
            blocks::number(self.reader.number(call.count)),
            blocks::text(test),
        ]
    }
}
