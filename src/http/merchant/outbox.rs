//! The outbox: work that waits, and what it waits for.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::request::Parts;
use chrono::DateTime;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::application::record::{Lane, Rank, RecordKey};
use crate::application::{OutboxEntry, OutboxFilter};
use crate::domain::{ChannelId, JobId, MerchantId, PurchaseId, Scope};
use crate::http::body;
use crate::http::error::ApiError;
use crate::http::openapi::forms::{
    InstantForm, JobIdForm, JobRankForm, JobStateForm, LicenseIdForm, PurchaseIdForm, SlugForm,
};
use crate::http::openapi::parameters::{Cursor, Limit};
use crate::http::path::PathOf;
use crate::http::query::Parameters;
use crate::http::reply::{Page, Reply, instant, ok};
use crate::http::state::HttpState;

const LIMIT_DEFAULT: usize = 50;
const LIMIT_MAX: usize = 200;
const FILTERS: [&str; 4] = ["channel", "failed", "limit", "cursor"];
/// Longest words of a failure that are shown, in characters.
const FAILURE_CHARS_MAX: usize = 500;

#[derive(Deserialize, ToSchema)]
#[schema(as = JobRetry)]
#[serde(deny_unknown_fields)]
struct RetryRequest {}

/// One job; never a code or a secret.
#[derive(Serialize, ToSchema)]
#[schema(as = Job)]
pub struct JobAnswer {
    #[schema(value_type = JobIdForm)]
    id: String,
    kind: &'static str,
    /// `running`, `due`, `waiting` or `held_back`.
    #[schema(value_type = JobStateForm)]
    state: &'static str,
    #[schema(value_type = Option<SlugForm>)]
    channel: Option<String>,
    #[schema(value_type = Option<JobRankForm>)]
    rank: Option<&'static str>,
    #[schema(value_type = Option<PurchaseIdForm>)]
    order: Option<String>,
    order_id: Option<String>,
    order_line_id: Option<String>,
    #[schema(value_type = Option<LicenseIdForm>)]
    license_id: Option<String>,
    instance_id: Option<String>,
    #[schema(value_type = Option<InstantForm>)]
    since: Option<String>,
    attempts: u32,
    #[schema(value_type = InstantForm)]
    due_at: String,
    #[schema(value_type = InstantForm)]
    next_try_at: String,
    last_failure: Option<String>,
}

/// Work that waits, and what it waits for.
#[utoipa::path(
    get, path = "/v1/merchant/outbox",
    params(("channel" = Option<SlugForm>, Query), ("failed" = Option<bool>, Query), Limit, Cursor),
    responses((status = 200, body = Page<JobAnswer>)),
    security(("token" = [Scope::Read.as_str()])),
)]
pub async fn list(State(state): State<HttpState>, parts: Parts) -> Reply {
    let caller = state.caller(&parts.headers, Scope::Read).await?;
    let parameters = Parameters::read(&parts.uri, &FILTERS)?;
    let limit = parameters.get("limit", "a limit is a number from 1 to 200", |text| {
        text.parse().ok().filter(|limit| (1..=LIMIT_MAX).contains(limit))
    })?;
    let after = parameters.get("cursor", "a cursor is the next_cursor of the page before", |text| {
        read_cursor(&caller.merchant, text)
    })?;
    let channel =
        parameters.get("channel", "a channel is named by its id", |text| ChannelId::parse(text).ok())?;
    let filter = OutboxFilter { channel, failed: parameters.flag("failed")? };
    let limit = limit.unwrap_or(LIMIT_DEFAULT);
    let (entries, next) = state.app.view_outbox(&caller.merchant, &filter, after, limit).await?;
    let items = entries.into_iter().map(JobAnswer::of).collect();
    ok(&Page { items, next_cursor: next.and_then(|key| cursor_text(&key)) })
}

/// A job is done now.
#[utoipa::path(
    post, path = "/v1/merchant/outbox/{id}/retry",
    params(("id" = JobIdForm, Path)),
    request_body = Option<RetryRequest>,
    responses((status = 200, body = JobAnswer)),
    security(("token" = [Scope::Support.as_str()])),
)]
pub async fn retry(
    State(state): State<HttpState>,
    PathOf(id): PathOf<String>,
    parts: Parts,
    body: Bytes,
) -> Reply {
    let caller = state.caller(&parts.headers, Scope::Support).await?;
    let RetryRequest {} = body::parse_or_empty(&body)?;
    let id = JobId::parse(&id).map_err(|_| ApiError::not_found("job"))?;
    ok(&JobAnswer::of(state.app.retry_job(&caller.merchant, &id, &caller.actor()).await?))
}

impl JobAnswer {
    /// As a merchant reads it.
    pub fn of(entry: OutboxEntry) -> Self {
        let OutboxEntry { job, state, next_try_at, order, license, instance } = entry;
        let (lane, kind) = (job.lane.as_ref(), job.task.kind());
        let words = |words: String| words.chars().take(FAILURE_CHARS_MAX).collect();
        Self {
            id: job.id.to_string(),
            kind,
            state: state.as_str(),
            channel: lane.and_then(|lane| lane.channel.as_ref()).map(ToString::to_string),
            rank: lane.map(|lane| rank(lane.rank)),
            order: order.as_ref().and(license.as_ref()).map(|license| PurchaseId::of(license).to_string()),
            order_id: order.as_ref().map(|order| order.order_id.to_string()),
            order_line_id: order.and_then(|order| order.line_id).map(|id| id.to_string()),
            license_id: license.map(|id| id.to_string()),
            instance_id: instance.map(|id| id.to_string()),
            since: job.since.map(instant),
            attempts: job.attempts,
            due_at: instant(job.due_at),
            next_try_at: instant(next_try_at),
            last_failure: job.last_failure.map(words),
        }
    }
}

fn rank(rank: Rank) -> &'static str {
    match rank {
        Rank::ByHand => "by_hand",
        Rank::Purchase => "purchase",
        Rank::Ordinary => "ordinary",
    }
}

/// Opaque to callers: the place of the last job in its lane.
/// Where the next page starts, as a text.
pub fn cursor_text(key: &RecordKey) -> Option<String> {
    let RecordKey::Job { lane: Some(lane), due_at, id } = key else { return None };
    let channel = lane.channel.as_ref().map_or("", |channel| channel.as_str());
    Some(format!("{channel}.{}.{}.{id}", rank(lane.rank), due_at.timestamp_millis()))
}

/// Reads it.
pub fn read_cursor(merchant: &MerchantId, text: &str) -> Option<RecordKey> {
    let mut parts = text.split('.');
    let channel = match parts.next()? {
        "" => None,
        channel => Some(ChannelId::parse(channel).ok()?),
    };
    let word = parts.next()?;
    let rank = [Rank::ByHand, Rank::Purchase, Rank::Ordinary].into_iter().find(|it| rank(*it) == word)?;
    let due_at = DateTime::from_timestamp_millis(parts.next()?.parse().ok()?)?;
    let id = JobId::parse(parts.next()?).ok()?;
    let lane = Some(Lane { merchant: merchant.clone(), channel, rank });
    parts.next().is_none().then_some(RecordKey::Job { lane, due_at, id })
}
