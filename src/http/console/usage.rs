//! Records of usage: which hours or days were recorded, and whether the marketplace has taken them.

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::Response;

use super::blocks::{self, Html};
use super::desk::{Desk, with_desk};
use super::forms::{Field, Form, Kind, summary};
use super::license::address_of;
use super::query::{Asked, address};
use super::quota;
use super::words::{Quota, Usage};
use crate::application::{LicenseOrPurchase, UsageFilter, instance_shown};
use crate::domain::{
    FOREIGN_ID_BYTES_MAX, InstanceId, License, LicenseId, Refusal, Scope, UsageKey, UsageRecord, UsageState,
};
use crate::http::error::ApiError;
use crate::http::merchant::usage::{cursor_text, read_cursor};
use crate::http::state::HttpState;

/// Where the list is.
pub const PATH: &str = "/console/quota/usage";
const SHOWN: usize = 50;
/// Records on the page of a license.
const SHOWN_BRIEFLY: usize = 5;

/// `GET /console/quota/usage`
pub async fn list(State(state): State<HttpState>, parts: Parts) -> Response {
    let asked = Asked::of(&parts.uri);
    with_desk(&state, &parts, Scope::Read, async |desk| {
        let state = asked.some("state").filter(|name| UsageState::NAMES.contains(name));
        let found = match desk.instance_meant(asked.text("of")).await? {
            Ok(instance) => {
                let filter = UsageFilter { instance, state: state.map(str::to_owned) };
                let before = asked.some("before").and_then(|text| read_cursor(desk.id(), text));
                Ok(desk.state.app.view_usage(desk.id(), &filter, before, SHOWN).await?)
            }
            Err(told) => Err(told),
        };
        Ok(desk.usage_page(&asked, state.unwrap_or_default(), found))
    })
    .await
}

type Found = (Vec<UsageRecord>, Option<UsageKey>);

impl Desk {
    /// The instance that is named, by itself or by its license; or what is wrong with that.
    async fn instance_meant(&self, text: &str) -> Result<Result<Option<InstanceId>, &'static str>, ApiError> {
        let words = Usage::of(self.language());
        if text.is_empty() {
            return Ok(Ok(None));
        }
        let Ok(id) = LicenseId::parse(text) else {
            return Ok(InstanceId::parse(text).map(Some).map_err(|_| words.of_wrong));
        };
        let license = match self.state.app.view_license(self.id(), &id).await.map_err(ApiError::from) {
            Ok(LicenseOrPurchase::License(license)) => license.value,
            Ok(LicenseOrPurchase::Purchase(_)) | Err(ApiError::Refused(Refusal::NotFound { .. })) => {
                return Ok(Err(words.of_none));
            }
            Err(error) => return Err(error),
        };
        let instance = self.state.app.metered_instance(&license).await?;
        Ok(instance.map(Some).ok_or(words.of_none))
    }

    fn usage_page(&self, asked: &Asked, state: &str, found: Result<Found, &'static str>) -> Response {
        let words = Usage::of(self.language());
        let of = asked.text("of");
        let (status, (records, next), mistakes) = match found {
            Ok(found) => (StatusCode::OK, found, Vec::new()),
            Err(told) => {
                let mistakes = vec![("of", told.to_owned())];
                (StatusCode::UNPROCESSABLE_ENTITY, (Vec::new(), None), mistakes)
            }
        };
        let any = (String::new(), words.any.to_owned());
        let states =
            UsageState::NAMES.iter().map(|name| ((*name).to_owned(), words.of_name(name).to_owned()));
        let states = std::iter::once(any).chain(states).collect();
        let form = Form::new(PATH, words.look)
            .field(Field::new("of", words.of, Kind::Line(FOREIGN_ID_BYTES_MAX)).value(of).hint(words.of_hint))
            .field(Field::new("state", words.state, Kind::Choice(states)).value(state))
            .looking_up(&mistakes);
        let mut body = Html::all([
            summary(self.words().errors, &mistakes),
            blocks::paragraph(words.hint),
            blocks::row([blocks::button_link("/console/outbox", words.outbox, "")]),
            form,
            self.usage_table(words.table, &records, words),
        ]);
        if let Some(next) = next {
            let more = address(PATH, &[("of", of), ("state", state), ("before", &cursor_text(&next))]);
            body = body.then(blocks::row([blocks::button_link(more, self.words().more, "")]));
        }
        self.page(status, words.title, Some((quota::PATH, Quota::of(self.language()).title)), body)
    }

    /// What was recorded last of a license, where usage is recorded of it at all.
    pub async fn usage_section(&self, license: &License) -> Result<Html, ApiError> {
        let words = Usage::of(self.language());
        let Some(instance) = self.state.app.metered_instance(license).await? else {
            return Ok(Html::default());
        };
        let filter = UsageFilter { instance: Some(instance), state: None };
        let found = self.state.app.view_usage(self.id(), &filter, None, SHOWN_BRIEFLY).await?;
        let all = blocks::button_link(address(PATH, &[("of", license.id.as_str())]), words.all, "");
        let body = self.usage_table(words.newest, &found.0, words).then(blocks::row([all]));
        Ok(blocks::section("usage", words.title, body))
    }

    fn usage_table(&self, caption: &str, records: &[UsageRecord], words: &Usage) -> Html {
        let columns = [words.interval, words.amount, words.state_and_why, words.instance, words.recorded];
        let rows = records.iter().map(|record| self.usage_row(record, words)).collect();
        blocks::table(caption, &columns, rows, words.none)
    }

    fn usage_row(&self, record: &UsageRecord, words: &Usage) -> Vec<Html> {
        let (word, kind) = words.of_state(&record.state);
        let (at, why) = match &record.state {
            UsageState::Waiting => (record.due_at, None),
            UsageState::Pushed { at } => (*at, None),
            UsageState::Dropped { at, why } => (*at, Some(why)),
        };
        let reveal = self.may(Scope::Keys);
        let shown = |instance: &InstanceId| instance_shown(record.key.marketplace, instance, reveal);
        let name = shown(&record.key.instance).unwrap_or_else(|| record.license.to_string());
        let mut instance = blocks::link_code(address_of(&record.license), name);
        if let Some(package) = record.package.as_ref().and_then(shown) {
            instance = instance.then(blocks::text(words.package)).then(blocks::code(package));
        }
        vec![
            self.reader.time(record.key.begin).then(blocks::text("–")).then(self.reader.time(record.key.end)),
            blocks::number(self.reader.number(record.value)),
            blocks::lines(
                [blocks::state(word, kind), self.reader.time(at)].into_iter().chain(why.map(blocks::english)),
            ),
            instance,
            self.reader.time(record.recorded_at),
        ]
    }
}
