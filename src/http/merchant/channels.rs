//! Channels: what to paste at the marketplace, how it fares, the last calls with the cause of each refusal.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::request::Parts;
use serde::Deserialize;
use utoipa::ToSchema;

use super::channel_answer::{CallAnswer, ChannelAnswer, ChannelLine, TrialAnswer};
use crate::application::CallFilter;
use crate::domain::{CallId, ChannelId, InstanceId, Scope};
use crate::http::body;
use crate::http::error::ApiError;
use crate::http::language::Language;
use crate::http::openapi::forms::{CallIdForm, ForeignIdForm, SlugForm};
use crate::http::openapi::parameters::{Cursor, Limit};
use crate::http::path::PathOf;
use crate::http::query::Parameters;
use crate::http::reply::{Page, Reply, ok};
use crate::http::state::HttpState;

const LIMIT_DEFAULT: usize = 50;
const LIMIT_MAX: usize = 200;
/// Longest name of an activity that is looked for.
const ACTIVITY_CHARS_MAX: usize = 64;
const FILTERS: [&str; 5] = ["activity", "refused", "since", "limit", "cursor"];

#[derive(Deserialize, ToSchema)]
#[schema(as = TestCode)]
#[serde(deny_unknown_fields)]
struct TestCodeRequest {
    #[schema(value_type = ForeignIdForm)]
    code: String,
}

/// Channels.
#[utoipa::path(
    get, path = "/v1/merchant/channels",
    responses((status = 200, body = Page<ChannelLine>)),
    security(("token" = [Scope::Read.as_str()])),
)]
pub async fn list(State(state): State<HttpState>, headers: HeaderMap) -> Reply {
    let caller = state.caller(&headers, Scope::Read).await?;
    let views = state.app.view_channels(&caller.merchant).await?;
    ok(&Page::whole(views.iter().map(ChannelLine::of).collect()))
}

/// A channel: what to paste at the marketplace, and how it fares.
#[utoipa::path(
    get, path = "/v1/merchant/channels/{id}",
    params(("id" = SlugForm, Path)),
    responses((status = 200, body = ChannelAnswer)),
    security(("token" = [Scope::Read.as_str()])),
)]
pub async fn show(State(state): State<HttpState>, PathOf(id): PathOf<String>, headers: HeaderMap) -> Reply {
    let caller = state.caller(&headers, Scope::Read).await?;
    let view = state.app.view_channel(&caller.merchant, &channel_id(&id)?).await?;
    ok(&ChannelAnswer::of(&view, state.secrets.as_ref(), Language::of(&headers)))
}

/// The last calls at a channel's address, with the cause of each refusal.
#[utoipa::path(
    get, path = "/v1/merchant/channels/{id}/calls",
    params(("id" = SlugForm, Path), ("activity" = Option<String>, Query, description = "At most 64 characters."), ("refused" = Option<bool>, Query), ("since" = Option<CallIdForm>, Query), Limit, Cursor),
    responses((status = 200, body = Page<CallAnswer>)),
    security(("token" = [Scope::Read.as_str()])),
)]
pub async fn calls(State(state): State<HttpState>, PathOf(id): PathOf<String>, parts: Parts) -> Reply {
    let caller = state.caller(&parts.headers, Scope::Read).await?;
    let parameters = Parameters::read(&parts.uri, &FILTERS)?;
    let limit = parameters.get("limit", "a limit is a number from 1 to 200", |text| {
        text.parse().ok().filter(|limit| (1..=LIMIT_MAX).contains(limit))
    })?;
    let call = |name, rule| parameters.get(name, rule, |text| CallId::parse(text).ok());
    let filter = CallFilter {
        activity: parameters.get("activity", "an activity is one of the channel's protocol", |text| {
            Some(text.to_owned()).filter(|text| text.chars().count() <= ACTIVITY_CHARS_MAX)
        })?,
        refused: parameters.flag("refused")?,
        since: call("since", "the id of a call")?,
        before: call("cursor", "a cursor is the next_cursor of the page before")?,
    };
    let (id, limit) = (channel_id(&id)?, limit.unwrap_or(LIMIT_DEFAULT));
    let (calls, next) = state.app.view_calls(&caller.merchant, &id, &filter, limit).await?;
    let language = Language::of(&parts.headers);
    let items = calls.iter().map(|call| CallAnswer::of(call, language)).collect();
    ok(&Page { items, next_cursor: next.map(|id| id.to_string()) })
}

/// What the marketplace says of a test code.
#[utoipa::path(
    post, path = "/v1/merchant/channels/{id}/test-code",
    params(("id" = SlugForm, Path)),
    request_body = TestCodeRequest,
    responses((status = 200, body = TrialAnswer), (status = 409)),
    security(("token" = [Scope::Catalog.as_str()])),
)]
pub async fn test_code(
    State(state): State<HttpState>,
    PathOf(id): PathOf<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Reply {
    let caller = state.caller(&headers, Scope::Catalog).await?;
    let request: TestCodeRequest = body::parse(&body)?;
    let rule = "an authorization code is 1 to 128 visible ASCII characters";
    let code = InstanceId::parse(request.code.trim()).map_err(|_| ApiError::invalid("/code", rule))?;
    let trial = state.app.try_code(&caller.merchant, &channel_id(&id)?, &code).await?;
    ok(&TrialAnswer::of(&trial, Language::of(&headers)))
}

/// A text that cannot be an id is nobody's.
fn channel_id(text: &str) -> Result<ChannelId, ApiError> {
    ChannelId::parse(text).map_err(|_| ApiError::not_found("channel"))
}
