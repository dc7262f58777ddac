//! Endpoints to which events are sent, and what was sent there. Scope `admin` to change, `read` to look.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::IntoResponse as _;
use chrono::TimeDelta;
use serde::Deserialize;
use utoipa::ToSchema;

use super::licenses::read_instant;
use super::webhook_answer::{DeliveryAnswer, ReplayAnswer, WebhookAnswer};
use crate::application::{DeliveryFilter, NewWebhook, ReplayOf, WebhookCommand, WebhookPatch, WebhookView};
use crate::domain::{DeliveryId, REPLAY_EVENTS_MAX, Scope, SecretRef, WebhookEvent, WebhookId};
use crate::http::access::Caller;
use crate::http::body;
use crate::http::conditional::{idempotency, if_match};
use crate::http::error::ApiError;
use crate::http::openapi::forms::{
    DeliveryIdForm, DeliveryStateForm, InstantForm, SecretReferenceForm, WebhookDescriptionForm,
    WebhookEventForm, WebhookIdForm, WebhookUrlForm,
};
use crate::http::openapi::parameters::{Cursor, IdempotencyKey, IfMatch, Limit};
use crate::http::path::PathOf;
use crate::http::query::Parameters;
use crate::http::reply::{Page, Reply, created, ok};
use crate::http::state::HttpState;

const LIMIT_DEFAULT: usize = 50;
const LIMIT_MAX: usize = 200;
const DELIVERY_FILTERS: [&str; 3] = ["state", "limit", "cursor"];
/// How long the secrets of before sign beside a new one, unless the caller says otherwise.
const OVERLAP_DEFAULT_SECS: u32 = 24 * 3_600;
const REPLAY_LIMIT_DEFAULT: u32 = 1_000;

#[derive(Deserialize, ToSchema)]
#[schema(as = WebhookCreate)]
#[serde(deny_unknown_fields)]
struct CreateRequest {
    #[schema(value_type = WebhookUrlForm)]
    url: String,
    #[serde(default)]
    #[schema(value_type = WebhookDescriptionForm)]
    description: String,
    /// Everything but what must be asked for by name, when absent or empty.
    #[serde(default)]
    #[schema(value_type = Vec<WebhookEventForm>)]
    events: Vec<String>,
    /// 30, 7 and 1 when absent.
    expiring_days: Option<Vec<u16>>,
    /// `env:NAME` or `file:PATH`; the server makes one when absent.
    #[schema(value_type = Option<SecretReferenceForm>)]
    secret: Option<String>,
}

#[derive(Deserialize, ToSchema)]
#[schema(as = WebhookChange)]
#[serde(deny_unknown_fields)]
struct ChangeRequest {
    #[schema(value_type = Option<WebhookUrlForm>)]
    url: Option<String>,
    #[schema(value_type = Option<WebhookDescriptionForm>)]
    description: Option<String>,
    #[schema(value_type = Option<Vec<WebhookEventForm>>)]
    events: Option<Vec<String>>,
    expiring_days: Option<Vec<u16>>,
}

#[derive(Deserialize, ToSchema)]
#[schema(as = WebhookRotate)]
#[serde(deny_unknown_fields)]
struct RotateRequest {
    /// `env:NAME` or `file:PATH`; the server makes one when absent.
    #[schema(value_type = Option<SecretReferenceForm>)]
    secret: Option<String>,
    /// How long the secrets of before go on signing; a day when absent, 0 for one that leaked.
    #[schema(minimum = 0, maximum = 2_592_000)]
    overlap_secs: Option<u32>,
}

#[derive(Deserialize, ToSchema)]
#[schema(as = WebhookEnable)]
#[serde(deny_unknown_fields)]
struct EnableRequest {
    /// Whether what happened meanwhile is left out.
    #[serde(default)]
    skip_missed: bool,
}

#[derive(Deserialize, ToSchema)]
#[schema(as = WebhookNothing)]
#[serde(deny_unknown_fields)]
struct NothingRequest {}

#[derive(Deserialize, ToSchema)]
#[schema(as = WebhookReplay)]
#[serde(deny_unknown_fields)]
struct ReplayRequest {
    /// One delivery, or
    #[schema(value_type = Option<DeliveryIdForm>)]
    delivery: Option<String>,
    /// everything since then,
    #[schema(value_type = Option<InstantForm>)]
    since: Option<String>,
    /// at most so many events; 1,000 when absent.
    #[schema(minimum = 1, maximum = 10_000)]
    limit: Option<u32>,
}

/// Every endpoint to which events are sent, newest first.
#[utoipa::path(
    get, path = "/v1/merchant/webhooks",
    responses((status = 200, body = Page<WebhookAnswer>)),
    security(("token" = [Scope::Read.as_str()])),
)]
pub async fn list(State(state): State<HttpState>, parts: Parts) -> Reply {
    let caller = state.caller(&parts.headers, Scope::Read).await?;
    Parameters::read(&parts.uri, &[])?;
    let webhooks = state.app.view_webhooks(&caller.merchant).await?;
    ok(&Page::whole(webhooks.into_iter().map(WebhookAnswer::of).collect()))
}

/// Events are sent to an address from now on; its secret is shown this once.
#[utoipa::path(
    post, path = "/v1/merchant/webhooks",
    params(IdempotencyKey),
    request_body = CreateRequest,
    responses((status = 201, body = WebhookAnswer, headers(("ETag" = String), ("Location" = String)))),
    security(("token" = [Scope::Admin.as_str()])),
)]
pub async fn create(State(state): State<HttpState>, parts: Parts, body: Bytes) -> Reply {
    let caller = state.caller(&parts.headers, Scope::Admin).await?;
    let request: CreateRequest = body::parse(&body)?;
    let new = NewWebhook {
        merchant: caller.merchant.clone(),
        actor: caller.actor(),
        url: request.url,
        description: request.description,
        events: events(&request.events)?,
        expiring_days: request.expiring_days,
        secret: reference(request.secret.as_deref())?,
        idempotency: idempotency(&parts.headers, &caller.token, (&parts.method, &parts.uri), &body)?,
    };
    let answer = WebhookAnswer::of(state.app.create_webhook(&new).await?);
    Ok(answer.tagged(created(&answer.location(), &answer)?))
}

/// An endpoint, and how sending fares.
#[utoipa::path(
    get, path = "/v1/merchant/webhooks/{id}",
    params(("id" = WebhookIdForm, Path)),
    responses((status = 200, body = WebhookAnswer, headers(("ETag" = String)))),
    security(("token" = [Scope::Read.as_str()])),
)]
pub async fn show(State(state): State<HttpState>, PathOf(id): PathOf<String>, parts: Parts) -> Reply {
    let caller = state.caller(&parts.headers, Scope::Read).await?;
    tagged(state.app.view_webhook(&caller.merchant, &webhook_id(&id)?).await?)
}

/// What is said of an endpoint changes; what is not named stays.
#[utoipa::path(
    patch, path = "/v1/merchant/webhooks/{id}",
    params(("id" = WebhookIdForm, Path), IfMatch),
    request_body = ChangeRequest,
    responses((status = 200, body = WebhookAnswer, headers(("ETag" = String)))),
    security(("token" = [Scope::Admin.as_str()])),
)]
pub async fn change(
    State(state): State<HttpState>,
    PathOf(id): PathOf<String>,
    parts: Parts,
    body: Bytes,
) -> Reply {
    let caller = state.caller(&parts.headers, Scope::Admin).await?;
    let ChangeRequest { url, description, events: names, expiring_days } = body::parse(&body)?;
    let events = names.map(|names| events(&names)).transpose()?;
    let patch = WebhookPatch { url, description, events, expiring_days };
    tagged(state.app.change_webhook(&command(&caller, &id, &parts)?, &patch).await?)
}

/// An endpoint is gone, with everything that was on its way to it.
#[utoipa::path(
    delete, path = "/v1/merchant/webhooks/{id}",
    params(("id" = WebhookIdForm, Path), IfMatch),
    responses((status = 204)),
    security(("token" = [Scope::Admin.as_str()])),
)]
pub async fn delete(State(state): State<HttpState>, PathOf(id): PathOf<String>, parts: Parts) -> Reply {
    let caller = state.caller(&parts.headers, Scope::Admin).await?;
    state.app.delete_webhook(&command(&caller, &id, &parts)?).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Events are sent again, from where it stopped.
#[utoipa::path(
    post, path = "/v1/merchant/webhooks/{id}/enable",
    params(("id" = WebhookIdForm, Path), IfMatch),
    request_body = Option<EnableRequest>,
    responses((status = 200, body = WebhookAnswer, headers(("ETag" = String)))),
    security(("token" = [Scope::Admin.as_str()])),
)]
pub async fn enable(
    State(state): State<HttpState>,
    PathOf(id): PathOf<String>,
    parts: Parts,
    body: Bytes,
) -> Reply {
    let caller = state.caller(&parts.headers, Scope::Admin).await?;
    let EnableRequest { skip_missed } = body::parse_or_empty(&body)?;
    tagged(state.app.enable_webhook(&command(&caller, &id, &parts)?, skip_missed).await?)
}

/// Nothing is sent any more; what happens meanwhile is kept.
#[utoipa::path(
    post, path = "/v1/merchant/webhooks/{id}/disable",
    params(("id" = WebhookIdForm, Path), IfMatch),
    request_body = Option<NothingRequest>,
    responses((status = 200, body = WebhookAnswer, headers(("ETag" = String)))),
    security(("token" = [Scope::Admin.as_str()])),
)]
pub async fn disable(
    State(state): State<HttpState>,
    PathOf(id): PathOf<String>,
    parts: Parts,
    body: Bytes,
) -> Reply {
    let caller = state.caller(&parts.headers, Scope::Admin).await?;
    let NothingRequest {} = body::parse_or_empty(&body)?;
    tagged(state.app.disable_webhook(&command(&caller, &id, &parts)?).await?)
}

/// Another secret signs, those of before for a while as well; it is shown this once.
#[utoipa::path(
    post, path = "/v1/merchant/webhooks/{id}/secrets",
    params(("id" = WebhookIdForm, Path), IfMatch, IdempotencyKey),
    request_body = Option<RotateRequest>,
    responses((status = 200, body = WebhookAnswer, headers(("ETag" = String)))),
    security(("token" = [Scope::Admin.as_str()])),
)]
pub async fn rotate(
    State(state): State<HttpState>,
    PathOf(id): PathOf<String>,
    parts: Parts,
    body: Bytes,
) -> Reply {
    let caller = state.caller(&parts.headers, Scope::Admin).await?;
    let RotateRequest { secret, overlap_secs } = body::parse_or_empty(&body)?;
    let reference = reference(secret.as_deref())?;
    let overlap = TimeDelta::seconds(overlap_secs.unwrap_or(OVERLAP_DEFAULT_SECS).into());
    let repeatable = idempotency(&parts.headers, &caller.token, (&parts.method, &parts.uri), &body)?;
    let command = command(&caller, &id, &parts)?;
    let rotated = state.app.rotate_webhook_secret(&command, reference.as_ref(), overlap, repeatable.as_ref());
    tagged(rotated.await?)
}

/// One test event, now; the answer says what came of it.
#[utoipa::path(
    post, path = "/v1/merchant/webhooks/{id}/test",
    params(("id" = WebhookIdForm, Path), IdempotencyKey),
    request_body = Option<NothingRequest>,
    responses((status = 200, body = DeliveryAnswer)),
    security(("token" = [Scope::Admin.as_str()])),
)]
pub async fn test(
    State(state): State<HttpState>,
    PathOf(id): PathOf<String>,
    parts: Parts,
    body: Bytes,
) -> Reply {
    let caller = state.caller(&parts.headers, Scope::Admin).await?;
    let NothingRequest {} = body::parse_or_empty(&body)?;
    let repeatable = idempotency(&parts.headers, &caller.token, (&parts.method, &parts.uri), &body)?;
    let tested = state.app.test_webhook(&command(&caller, &id, &parts)?, repeatable.as_ref()).await?;
    ok(&DeliveryAnswer::of(&tested))
}

/// What was sent and what is on its way, newest first.
#[utoipa::path(
    get, path = "/v1/merchant/webhooks/{id}/deliveries",
    params(("id" = WebhookIdForm, Path), ("state" = Option<DeliveryStateForm>, Query), Limit, Cursor),
    responses((status = 200, body = Page<DeliveryAnswer>)),
    security(("token" = [Scope::Read.as_str()])),
)]
pub async fn deliveries(State(state): State<HttpState>, PathOf(id): PathOf<String>, parts: Parts) -> Reply {
    let caller = state.caller(&parts.headers, Scope::Read).await?;
    let parameters = Parameters::read(&parts.uri, &DELIVERY_FILTERS)?;
    let limit = parameters.get("limit", "a limit is a number from 1 to 200", |text| {
        text.parse().ok().filter(|limit| (1..=LIMIT_MAX).contains(limit))
    })?;
    let rule = format!("a state is one of {}", DeliveryFilter::NAMES.join(", "));
    let filter = parameters.get("state", &rule, DeliveryFilter::parse)?;
    let before = parameters.get("cursor", "a cursor is the next_cursor of the page before", |text| {
        DeliveryId::parse(text).ok()
    })?;
    let (id, limit) = (webhook_id(&id)?, limit.unwrap_or(LIMIT_DEFAULT));
    let page = state.app.view_deliveries(&caller.merchant, &id, filter, before.as_ref(), limit).await?;
    let items = page.0.iter().map(DeliveryAnswer::of).collect();
    ok(&Page { items, next_cursor: page.1.map(|next| next.to_string()) })
}

/// One delivery, or everything since an instant, is sent once more, behind what is new.
#[utoipa::path(
    post, path = "/v1/merchant/webhooks/{id}/replay",
    params(("id" = WebhookIdForm, Path)),
    request_body = ReplayRequest,
    responses((status = 200, body = ReplayAnswer), (status = 409)),
    security(("token" = [Scope::Admin.as_str()])),
)]
pub async fn replay(
    State(state): State<HttpState>,
    PathOf(id): PathOf<String>,
    parts: Parts,
    body: Bytes,
) -> Reply {
    let caller = state.caller(&parts.headers, Scope::Admin).await?;
    let request: ReplayRequest = body::parse(&body)?;
    let what = replayed(&request)?;
    let span = state.app.replay_events(&command(&caller, &id, &parts)?, &what).await?;
    ok(&ReplayAnswer { after: span.after, through: span.through, events_max: span.left })
}

fn tagged(view: WebhookView) -> Reply {
    let answer = WebhookAnswer::of(view);
    Ok(answer.tagged(ok(&answer)?))
}

fn command(caller: &Caller, id: &str, parts: &Parts) -> Result<WebhookCommand, ApiError> {
    Ok(WebhookCommand {
        merchant: caller.merchant.clone(),
        webhook: webhook_id(id)?,
        actor: caller.actor(),
        if_revision: if_match(&parts.headers)?,
    })
}

fn webhook_id(text: &str) -> Result<WebhookId, ApiError> {
    WebhookId::parse(text).map_err(|_| ApiError::not_found("webhook"))
}

fn events(names: &[String]) -> Result<Vec<WebhookEvent>, ApiError> {
    let event = |(place, name): (usize, &String)| {
        WebhookEvent::parse(name).ok_or_else(|| {
            let why = format!("an event is one of {}", WebhookEvent::NAMES.join(", "));
            ApiError::invalid(&format!("/events/{place}"), why)
        })
    };
    names.iter().enumerate().map(event).collect()
}

/// A reference; the text of a secret is never taken, so that it stands in no request and no log.
fn reference(text: Option<&str>) -> Result<Option<SecretRef>, ApiError> {
    let rule =
        || ApiError::invalid("/secret", "a secret is env:NAME or file:PATH; without one the server makes it");
    text.map(|text| SecretRef::parse(text).ok_or_else(rule)).transpose()
}

fn replayed(request: &ReplayRequest) -> Result<ReplayOf, ApiError> {
    match (&request.delivery, &request.since) {
        (Some(delivery), None) if request.limit.is_none() => {
            let delivery = DeliveryId::parse(delivery).map_err(|_| ApiError::not_found("delivery"))?;
            Ok(ReplayOf::Delivery(delivery))
        }
        (None, Some(since)) => {
            let since = read_instant(since).map_err(|rule| ApiError::invalid("/since", rule))?;
            Ok(ReplayOf::Since(since, request.limit.unwrap_or(REPLAY_LIMIT_DEFAULT)))
        }
        (Some(_), _) | (None, None) => {
            let why =
                format!("name one delivery, or since when, with a limit of at most {REPLAY_EVENTS_MAX}");
            Err(ApiError::invalid("", why))
        }
    }
}
