//! API tokens: made and shown once, listed without their texts, revoked.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::request::Parts;
use chrono::DateTime;
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::{ApiToken, ApiTokenId, Instant, Refusal, Scope, TokenOwner, Validity};
use crate::http::access::{actor, token_digest, token_text};
use crate::http::body;
use crate::http::conditional::idempotency;
use crate::http::error::ApiError;
use crate::http::openapi::forms::{ApiTokenIdForm, InstantForm, ScopeForm, TimeForm, TokenNameForm};
use crate::http::openapi::parameters::IdempotencyKey;
use crate::http::path::PathOf;
use crate::http::reply::{Page, Reply, created, instant, ok};
use crate::http::state::HttpState;

const NAME_BYTES_MAX: usize = 128;

#[derive(Deserialize, ToSchema)]
#[schema(as = ApiTokenCreate)]
#[serde(deny_unknown_fields)]
struct CreateRequest {
    #[schema(value_type = TokenNameForm)]
    name: String,
    #[schema(value_type = Vec<ScopeForm>, min_items = 1)]
    scopes: Vec<String>,
    #[schema(value_type = Option<TimeForm>)]
    expires_at: Option<String>,
}

#[derive(Deserialize, ToSchema)]
#[schema(as = ApiTokenRevoke)]
#[serde(deny_unknown_fields)]
struct RevokeRequest {}

#[derive(Serialize, ToSchema)]
#[schema(as = ApiToken)]
struct ApiTokenAnswer {
    #[schema(value_type = ApiTokenIdForm)]
    id: String,
    name: String,
    #[schema(value_type = Vec<ScopeForm>)]
    scopes: Vec<&'static str>,
    #[schema(value_type = InstantForm)]
    created_at: String,
    #[schema(value_type = Option<InstantForm>)]
    expires_at: Option<String>,
    #[schema(value_type = Option<InstantForm>)]
    revoked_at: Option<String>,
    /// In steps of an hour; null for one that was never used.
    #[schema(value_type = Option<InstantForm>)]
    last_used_at: Option<String>,
    /// The text, when it was just made.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    token: Option<String>,
}

/// API tokens, without their texts.
#[utoipa::path(
    get, path = "/v1/merchant/api-tokens",
    responses((status = 200, body = Page<ApiTokenAnswer>)),
    security(("token" = [Scope::Admin.as_str()])),
    extensions(("x-without-merchant" = json!(true)), ("x-never" = json!([422]))),
)]
pub async fn list(State(state): State<HttpState>, headers: HeaderMap) -> Reply {
    let (_caller, owner) = state.admin(&headers).await?;
    let tokens = state.app.api_tokens(&owner).await?;
    let used = state.app.last_uses(&tokens).await?;
    ok(&Page::whole(tokens.iter().zip(used).map(|(token, used)| ApiTokenAnswer::of(token, used)).collect()))
}

/// An API token; its text is shown this once.
#[utoipa::path(
    post, path = "/v1/merchant/api-tokens",
    params(IdempotencyKey),
    request_body = CreateRequest,
    responses((status = 201, body = ApiTokenAnswer, headers(("Location" = String)))),
    security(("token" = [Scope::Admin.as_str()])),
    extensions(("x-without-merchant" = json!(true))),
)]
pub async fn create(State(state): State<HttpState>, parts: Parts, body: Bytes) -> Reply {
    let (caller, owner) = state.admin(&parts.headers).await?;
    let repeatable = idempotency(&parts.headers, &caller, (&parts.method, &parts.uri), &body)?;
    let request: CreateRequest = body::parse(&body)?;
    let name = named(request.name)?;
    let scopes = scopes(&request.scopes, &caller, &owner)?;
    let ends_at = expires_at(request.expires_at.as_deref(), state.app.now())?;
    // The same key makes the same text, so that a repeat is answered alike and no secret is kept for it.
    let bytes = repeatable.map(|identity| state.app.signer().token_bytes(&identity.key_digest));
    let text = token_text(&bytes.unwrap_or_else(|| state.ids.random_bytes()));
    let text = text.expose_secret();
    let actor = actor(&caller);
    let token = state.app.create_api_token(token_digest(text), &name, owner, scopes, ends_at, &actor).await?;
    let answer = ApiTokenAnswer { token: Some(text.to_owned()), ..ApiTokenAnswer::of(&token, None) };
    created(&format!("/v1/merchant/api-tokens/{}", token.id), &answer)
}

/// A token opens nothing any more.
#[utoipa::path(
    post, path = "/v1/merchant/api-tokens/{id}/revoke",
    params(("id" = ApiTokenIdForm, Path)),
    request_body = Option<RevokeRequest>,
    responses((status = 200, body = ApiTokenAnswer)),
    security(("token" = [Scope::Admin.as_str()])),
    extensions(("x-without-merchant" = json!(true))),
)]
pub async fn revoke(
    State(state): State<HttpState>,
    PathOf(id): PathOf<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Reply {
    let (caller, owner) = state.admin(&headers).await?;
    let RevokeRequest {} = body::parse_or_empty(&body)?;
    let id = ApiTokenId::parse(&id).map_err(|_| ApiError::not_found("API token"))?;
    let token = state.app.revoke_api_token(&owner, &id, &actor(&caller)).await?;
    let used = state.app.last_uses(std::slice::from_ref(&token)).await?;
    ok(&ApiTokenAnswer::of(&token, used.into_iter().next().flatten()))
}

/// A name that people know somebody by in the audit log, as it was sent.
pub(super) fn named(name: String) -> Result<String, ApiError> {
    if name.trim().is_empty() || name.len() > NAME_BYTES_MAX || name.chars().any(char::is_control) {
        let why = format!("a name has 1 to {NAME_BYTES_MAX} bytes without control characters");
        return Err(ApiError::invalid("/name", why));
    }
    Ok(name)
}

/// Nobody gives what they do not have, and only the server's own tokens have `operator`.
pub(super) fn scopes(
    names: &[String],
    caller: &ApiToken,
    owner: &TokenOwner,
) -> Result<Vec<Scope>, ApiError> {
    let known = || format!("a scope is one of {}", Scope::NAMES.join(", "));
    let mut scopes = Vec::new();
    for (place, name) in names.iter().enumerate() {
        let pointer = format!("/scopes/{place}");
        let scope = Scope::parse(name).ok_or_else(|| ApiError::invalid(&pointer, known()))?;
        if !caller.allows(scope) {
            return Err(Refusal::ScopeMissing { scope: scope.as_str() }.into());
        }
        if scope == Scope::Operator && *owner != TokenOwner::Server {
            return Err(ApiError::invalid(&pointer, "a merchant's token cannot be an operator's"));
        }
        if !scopes.contains(&scope) {
            scopes.push(scope);
        }
    }
    if scopes.is_empty() { Err(ApiError::invalid("/scopes", known())) } else { Ok(scopes) }
}

fn expires_at(text: Option<&str>, now: Instant) -> Result<Option<Instant>, ApiError> {
    let Some(text) = text else { return Ok(None) };
    let invalid = |why| ApiError::invalid("/expires_at", why);
    let rule = || invalid("an instant is RFC 3339, such as 2026-01-31T08:00:00Z".to_owned());
    let end = DateTime::parse_from_rfc3339(text).map_err(|_| rule())?.to_utc();
    let lies_ahead = Validity::between(now, Some(end)).holds_at(now);
    if lies_ahead { Ok(Some(end)) } else { Err(invalid("a token ends in the future".to_owned())) }
}

impl ApiTokenAnswer {
    fn of(token: &ApiToken, last_used_at: Option<Instant>) -> Self {
        Self {
            id: token.id.to_string(),
            name: token.name.clone(),
            scopes: token.scopes.iter().map(|scope| scope.as_str()).collect(),
            created_at: instant(token.created_at),
            expires_at: token.expires_at.map(instant),
            revoked_at: token.revoked_at.map(instant),
            last_used_at: last_used_at.map(instant),
            token: None,
        }
    }
}
