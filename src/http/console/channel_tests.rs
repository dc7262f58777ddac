//! A channel is tested: its address from outside, and a test code at the marketplace.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::Response;

use super::blocks::{self, Html};
use super::channels::channel_id;
use super::desk::{Desk, with_form};
use super::forms::{Mistakes, summary};
use super::words::Channels;
use crate::application::ports::MarketplaceCallError;
use crate::application::{CheckFinding, CheckedChannel, CheckedItem, CodeTrial};
use crate::domain::{InstanceId, Scope};
use crate::http::call_wording::trial_words;
use crate::http::check_wording::reason;
use crate::http::error::ApiError;
use crate::http::path::PathOf;
use crate::http::state::HttpState;

/// `POST /console/channels/{channel}/check`: changes nothing, so it may be sent again.
pub async fn check(
    State(state): State<HttpState>,
    PathOf(id): PathOf<String>,
    parts: Parts,
    body: Bytes,
) -> Response {
    with_form(&state, &parts, body, Scope::Read, async |desk, _form| {
        let id = channel_id(&id)?;
        let channel = desk.state.app.channel_to_check(desk.id(), &id).await?;
        // What was found is told before the request's own time is over.
        let within = desk.state.limits.request_time * 9 / 10;
        let checked = desk.state.checks.check(desk.id(), &channel, within).await;
        let view = desk.state.app.view_channel(desk.id(), &id).await?;
        Ok(desk.channel_page(StatusCode::OK, &view, desk.report(&checked), ("", &Vec::new())))
    })
    .await
}

/// `POST /console/channels/{channel}/test-code`
pub async fn test_code(
    State(state): State<HttpState>,
    PathOf(id): PathOf<String>,
    parts: Parts,
    body: Bytes,
) -> Response {
    with_form(&state, &parts, body, Scope::Catalog, async |desk, form| {
        let (words, id) = (Channels::of(desk.language()), channel_id(&id)?);
        let view = desk.state.app.view_channel(desk.id(), &id).await?;
        let typed = form.text("code");
        let told = match InstanceId::parse(typed) {
            Err(_) => Err((StatusCode::UNPROCESSABLE_ENTITY, words.code_wrong.to_owned())),
            Ok(code) => match desk.state.app.try_code(desk.id(), &id, &code).await.map_err(ApiError::from) {
                Ok(trial) => Ok(trial),
                Err(error @ ApiError::Refused(_)) => Err((error.status(), desk.reason(&error))),
                Err(error) => return Err(error),
            },
        };
        Ok(match told {
            Ok(trial) => {
                desk.channel_page(StatusCode::OK, &view, desk.trial(&trial, words), (typed, &Vec::new()))
            }
            Err((status, told)) => {
                let mistakes: Mistakes = vec![("code", told)];
                let errors = summary(desk.words().errors, &mistakes);
                desk.channel_page(status, &view, errors, (typed, &mistakes))
            }
        })
    })
    .await
}

impl Desk {
    fn report(&self, checked: &CheckedChannel) -> Html {
        let words = Channels::of(self.language());
        let notice =
            if checked.passed() { blocks::done(words.all_right) } else { blocks::warning(words.not_right) };
        let row = |CheckedItem { item, finding }: &CheckedItem| {
            let (word, kind) = words.of_check(finding.state());
            let source = match finding {
                CheckFinding::RuleBroken { rule, source, .. } => blocks::code(format!("{rule}, {source}")),
                _ => Html::default(),
            };
            let told = blocks::text(reason(finding, self.language()));
            vec![blocks::text(words.of_item(*item)), blocks::state(word, kind), told.then(source)]
        };
        let columns = [words.item, words.found, words.todo];
        let rows = checked.items.iter().map(row).collect();
        let table = blocks::table(words.report, &columns, rows, words.all_right);
        let at = blocks::facts(vec![(words.address, blocks::code(&checked.url))]);
        blocks::section("report", words.report, Html::all([notice, at, table]))
    }

    fn trial(&self, trial: &CodeTrial, words: &'static Channels) -> Html {
        let good = || blocks::state(words.ok, "good");
        let bad = |error: &MarketplaceCallError| {
            blocks::state(words.failed, "bad").then(blocks::text(trial_words(error, self.language())))
        };
        let activated = match &trial.activated {
            Ok(_) => good(),
            // Activated by an earlier try: the answer to the second question decides.
            Err(MarketplaceCallError::CodeState) if matches!(trial.queried, Some(Ok(_))) => good(),
            Err(error) => bad(error),
        };
        let queried = trial.queried.as_ref().map(|queried| match queried {
            Ok(standing) if standing.released => blocks::state(words.released, "bad"),
            Ok(_) => good(),
            Err(error) => bad(error),
        });
        let mut rows = vec![(words.activate, activated)];
        rows.extend(queried.map(|queried| (words.heartbeat, queried)));
        blocks::section("tried", words.tried, blocks::facts(rows))
    }
}
