//! Why a license was valid or not at an instant.

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::Response;

use super::blocks::{self, Html};
use super::desk::{Desk, with_desk};
use super::forms::{Field, Form, Kind, summary};
use super::license::{address_of, license_id};
use super::query::Asked;
use super::words::Licenses;
use crate::application::Explanation;
use crate::domain::{LicenseId, Scope};
use crate::http::explanation_wording::reason;
use crate::http::path::PathOf;
use crate::http::state::HttpState;

/// Longest time that is typed, in characters.
pub const TIME_CHARS_MAX: usize = 40;

/// `GET /console/licenses/{id}/explanation`
pub async fn show(State(state): State<HttpState>, PathOf(id): PathOf<String>, parts: Parts) -> Response {
    let asked = Asked::of(&parts.uri);
    with_desk(&state, &parts, Scope::Read, async |desk| {
        let (words, id, typed) = (Licenses::of(desk.language()), license_id(&id)?, asked.text("at"));
        let now = desk.state.app.now();
        let at = if typed.is_empty() { Some(now) } else { desk.reader.read_field(typed) };
        let told = desk.state.app.explain_license(desk.id(), &id, at.unwrap_or(now)).await?;
        let mut mistakes = Vec::new();
        if at.is_none() {
            mistakes.push(("at", words.explain_wrong.to_owned()));
        }
        let form = desk.explain_form(&id, typed, words, &mistakes);
        let errors = summary(desk.words().errors, &mistakes);
        let answer = if at.is_some() { desk.explanation(&told, words) } else { Html::default() };
        let status = if at.is_some() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
        let above = format!("{} {id}", words.license);
        let up = address_of(&id);
        Ok(desk.page(status, words.explain_title, Some((&up, &above)), Html::all([errors, form, answer])))
    })
    .await
}

impl Desk {
    /// Asks for the instant.
    pub fn explain_section(&self, id: &LicenseId, words: &Licenses) -> Html {
        blocks::section("explain", words.explain, self.explain_form(id, "", words, &Vec::new()))
    }

    fn explain_form(
        &self,
        id: &LicenseId,
        typed: &str,
        words: &Licenses,
        mistakes: &super::forms::Mistakes,
    ) -> Html {
        let action = format!("{}/explanation", address_of(id));
        let at = Field::new("at", words.explain_at, Kind::Line(TIME_CHARS_MAX));
        let at = at.value(typed).hint(words.explain_hint);
        Form::new(&action, words.explain_now).field(at).looking_up(mistakes)
    }

    fn explanation(&self, told: &Explanation, words: &Licenses) -> Html {
        let state = told.recalled.state(told.at).map(|state| words.state(state));
        let state = state.map(|(word, kind)| (words.state, blocks::state(word, kind)));
        let mut rows = vec![(words.explain_at, self.reader.time(told.at))];
        rows.extend(state);
        let said = blocks::done(reason(&told.recalled, told.at, self.language()));
        let columns = [words.key_id, words.key_issued, words.key_superseded];
        let keys = told.keys.iter().map(|(id, past)| {
            let replaced = past.superseded_at.map(|at| self.reader.time(at));
            let replaced = replaced.unwrap_or_else(|| blocks::text("–"));
            vec![blocks::code(id), self.reader.time(past.issued_at), replaced]
        });
        let keys = blocks::table(words.keys_then, &columns, keys.collect(), words.no_key);
        let columns = [words.metric, words.unit, words.used, words.window_ends];
        let packages = told.packages.iter().map(|then| {
            let template = &then.held.package.template;
            let ends = then.window.ends_at.map(|end| self.reader.time(end));
            vec![
                blocks::text(&template.metric),
                blocks::text(&template.unit),
                blocks::number(self.reader.number(then.used)),
                ends.unwrap_or_else(|| blocks::text(words.permanent)),
            ]
        });
        let packages = blocks::table(words.packages_then, &columns, packages.collect(), words.quota_none);
        let events = self.events(&told.events, words.history_none);
        Html::all([
            blocks::facts(rows),
            said,
            keys,
            packages,
            blocks::section("led", words.events_then, events),
        ])
    }
}
