//! Checks a production address from outside.

use std::time::Duration;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::application::{CheckFinding, CheckedItem};
use crate::domain::{ChannelId, Scope};
use crate::http::body;
use crate::http::check_wording::reason;
use crate::http::error::ApiError;
use crate::http::language::Language;
use crate::http::openapi::forms::{CheckStateForm, SlugForm};
use crate::http::path::PathOf;
use crate::http::reply::{Reply, ok};
use crate::http::state::HttpState;

#[derive(Deserialize, ToSchema)]
#[schema(as = ChannelCheckRequest)]
#[serde(deny_unknown_fields)]
struct CheckRequest {}

#[derive(Serialize, ToSchema)]
#[schema(as = ChannelCheck)]
struct CheckAnswer {
    #[schema(value_type = SlugForm)]
    channel: String,
    url: String,
    /// Whether nothing failed.
    passed: bool,
    items: Vec<ItemAnswer>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = CheckedItem)]
struct ItemAnswer {
    item: &'static str,
    /// `ok`, `warn`, `fail` or `skipped`.
    #[schema(value_type = CheckStateForm)]
    state: &'static str,
    reason: String,
    /// The marketplace's rule that is broken, and the page that says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    rule: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    source: Option<&'static str>,
}

/// Judges a production address from outside.
#[utoipa::path(
    post, path = "/v1/merchant/channels/{id}/check",
    params(("id" = SlugForm, Path)),
    request_body = Option<CheckRequest>,
    responses((status = 200, body = CheckAnswer)),
    security(("token" = [Scope::Read.as_str()])),
)]
pub async fn check(
    State(state): State<HttpState>,
    PathOf(id): PathOf<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Reply {
    let caller = state.caller(&headers, Scope::Read).await?;
    let CheckRequest {} = body::parse_or_empty(&body)?;
    let id = ChannelId::parse(&id).map_err(|_| ApiError::not_found("channel"))?;
    let channel = state.app.channel_to_check(&caller.merchant, &id).await?;
    let within = most_of(state.limits.request_time);
    let checked = state.checks.check(&caller.merchant, &channel, within).await;
    let language = Language::of(&headers);
    ok(&CheckAnswer {
        channel: id.to_string(),
        passed: checked.passed(),
        items: checked.items.iter().map(|item| ItemAnswer::of(item, language)).collect(),
        url: checked.url,
    })
}

/// What was found is told before the request's own time is over.
fn most_of(request_time: Duration) -> Duration {
    request_time * 9 / 10
}

impl ItemAnswer {
    fn of(checked: &CheckedItem, language: Language) -> Self {
        let CheckedItem { item, finding } = checked;
        let (rule, source) = match finding {
            CheckFinding::RuleBroken { rule, source, .. } => (Some(*rule), Some(*source)),
            _ => (None, None),
        };
        let state = finding.state().as_str();
        Self { item: item.as_str(), state, reason: reason(finding, language), rule, source }
    }
}
