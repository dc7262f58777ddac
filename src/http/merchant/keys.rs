//! The merchant's signing keys by role: seen by everybody who may read, changed by operators.

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::IntoResponse;
use license_token::base64url;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::keyset::KeySetAnswer;
use crate::application::{RetireKey, Retirement, RevokeKey, RotateKey, UseCaseError};
use crate::domain::{
    Instant, KeyId, KeyRing, KeyRole, KeyState, KeysSeen, MerchantId, Refusal, RevocationMode, RingKey, Scope,
};
use crate::http::access::no_merchant;
use crate::http::body;
use crate::http::error::ApiError;
use crate::http::openapi::forms::{
    InstantForm, KeyIdForm, KeyRoleForm, KeyStateForm, LookingStateForm, RevocationModeForm, RotatedRoleForm,
    TimeForm,
};
use crate::http::openapi::parameters::IfMatch;
use crate::http::path::PathOf;
use crate::http::reply::{Page, Reply, instant, ok};
use crate::http::state::HttpState;
use crate::http::tags::{self, must_match};

#[derive(Serialize, ToSchema)]
#[schema(as = SigningKey)]
struct KeyAnswer {
    #[schema(value_type = KeyIdForm)]
    kid: String,
    #[schema(value_type = KeyRoleForm)]
    role: &'static str,
    issuer: String,
    /// The 32 public bytes, base64url.
    public_key: String,
    #[schema(value_type = KeyStateForm)]
    state: &'static str,
    /// Whether its private half is in the keys folder of the server that answers.
    here: bool,
    #[schema(value_type = Option<InstantForm>)]
    signs_from: Option<String>,
    #[schema(value_type = Option<InstantForm>)]
    signs_until: Option<String>,
    /// Of a key that is retired or revoked: since when.
    #[schema(value_type = Option<InstantForm>)]
    ended_at: Option<String>,
    /// Of a revoked key: what of it is not believed.
    mode: Option<&'static str>,
}

#[derive(Deserialize, ToSchema)]
#[schema(as = KeyRotate)]
#[serde(deny_unknown_fields)]
struct RotateRequest {
    #[schema(value_type = RotatedRoleForm)]
    role: String,
    #[schema(value_type = Option<KeyIdForm>)]
    kid: Option<String>,
    #[serde(default)]
    stage: bool,
}

#[derive(Deserialize, ToSchema)]
#[schema(as = KeyRetire)]
#[serde(deny_unknown_fields)]
struct RetireRequest {}

#[derive(Deserialize, ToSchema)]
#[schema(as = KeyRevoke)]
#[serde(deny_unknown_fields)]
struct RevokeRequest {
    #[schema(value_type = RevocationModeForm)]
    mode: String,
    #[schema(value_type = Option<TimeForm>)]
    at: Option<String>,
    #[schema(value_type = Option<KeyIdForm>)]
    next: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Looking)]
struct LookingAnswer {
    #[schema(value_type = LookingStateForm)]
    state: &'static str,
    looked_at: u64,
}

/// Signing keys by role.
#[utoipa::path(
    get, path = "/v1/merchant/keys",
    responses((status = 200, body = Page<KeyAnswer>)),
    security(("token" = [Scope::Read.as_str()])),
)]
pub async fn list(State(state): State<HttpState>, headers: HeaderMap) -> Reply {
    let caller = state.caller(&headers, Scope::Read).await?;
    let ring = state.app.key_ring(&caller.merchant).await?;
    ok(&shown(&state, &ring).await?)
}

async fn shown(state: &HttpState, ring: &KeyRing) -> Result<Page<KeyAnswer>, ApiError> {
    let merchant = state.merchant(&ring.merchant).await?.ok_or_else(no_merchant)?;
    let held = state.app.held_keys(&merchant.id).await?;
    let is_here = |key: &RingKey| held.iter().any(|held| held.kid == key.kid);
    let answers = ring.keys.iter().map(|key| KeyAnswer::of(key, &merchant.issuer, is_here(key)));
    Ok(Page::whole(answers.collect()))
}

/// How the keys stand, where the caller insists on what it has read of them.
async fn seen(
    state: &HttpState,
    merchant: &MerchantId,
    headers: &HeaderMap,
) -> Result<Option<KeysSeen>, ApiError> {
    if !headers.contains_key(header::IF_MATCH) {
        return Ok(None);
    }
    let ring = state.app.key_ring(merchant).await?;
    must_match(headers, Some(&shown(state, &ring).await?))?;
    Ok(Some(ring.seen()))
}

/// A lost update is told with how the keys stand now.
async fn changed(state: &HttpState, merchant: &MerchantId, error: UseCaseError) -> ApiError {
    let UseCaseError::Refused(Refusal::RevisionConflict { .. }) = error else { return error.into() };
    let shown = async {
        let ring = state.app.key_ring(merchant).await.ok()?;
        serde_json::to_vec(&shown(state, &ring).await.ok()?).ok()
    };
    ApiError::Changed { current_revision: None, current: shown.await.and_then(tags::current) }
}

/// A new key signs from now on, or is staged.
#[utoipa::path(
    post, path = "/v1/merchant/keys/rotate",
    params(IfMatch),
    request_body = RotateRequest,
    responses((status = 200, body = KeySetAnswer), (status = 409)),
    security(("token" = [Scope::Operator.as_str()])),
)]
pub async fn rotate(State(state): State<HttpState>, headers: HeaderMap, body: Bytes) -> Reply {
    let caller = state.caller(&headers, Scope::Operator).await?;
    let request: RotateRequest = body::parse(&body)?;
    let roles = || "a role is one of license, activation, status";
    let role = KeyRole::parse(&request.role).ok_or_else(|| ApiError::invalid("/role", roles()))?;
    let kid = request.kid.as_deref().map(|kid| key_id("/kid", kid)).transpose()?;
    let if_seen = seen(&state, &caller.merchant, &headers).await?;
    let actor = caller.actor();
    let command = RotateKey { merchant: caller.merchant, role, kid, stage_only: request.stage, if_seen };
    match state.app.rotate_key(&command, &actor).await {
        Ok(ring) => answer(&ring),
        Err(error) => Err(changed(&state, &command.merchant, error).await),
    }
}

/// A key that nothing hangs on is not believed any more.
#[utoipa::path(
    post, path = "/v1/merchant/keys/{kid}/retire",
    params(("kid" = KeyIdForm, Path), IfMatch),
    request_body = Option<RetireRequest>,
    responses((status = 200, body = KeySetAnswer), (status = 202, description = "Certificates are being looked at.", body = LookingAnswer), (status = 409)),
    security(("token" = [Scope::Operator.as_str()])),
)]
pub async fn retire(
    State(state): State<HttpState>,
    PathOf(kid): PathOf<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Reply {
    let caller = state.caller(&headers, Scope::Operator).await?;
    let RetireRequest {} = body::parse_or_empty(&body)?;
    let kid = KeyId::parse(&kid).map_err(|_| ApiError::not_found("signing key"))?;
    let if_seen = seen(&state, &caller.merchant, &headers).await?;
    let actor = caller.actor();
    let command = RetireKey { merchant: caller.merchant, kid, if_seen };
    match state.app.retire_key(&command, &actor).await {
        Ok(Retirement::Done(ring)) => answer(&ring),
        Ok(Retirement::Looking { looked_at }) => {
            let answer = LookingAnswer { state: "looking", looked_at };
            Ok((StatusCode::ACCEPTED, Json(answer)).into_response())
        }
        Err(error) => Err(changed(&state, &command.merchant, error).await),
    }
}

/// A stolen key is not believed any more.
#[utoipa::path(
    post, path = "/v1/merchant/keys/{kid}/revoke",
    params(("kid" = KeyIdForm, Path), IfMatch),
    request_body = RevokeRequest,
    responses((status = 200, body = KeySetAnswer), (status = 409)),
    security(("token" = [Scope::Operator.as_str()])),
)]
pub async fn revoke(
    State(state): State<HttpState>,
    PathOf(kid): PathOf<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Reply {
    let caller = state.caller(&headers, Scope::Operator).await?;
    let request: RevokeRequest = body::parse(&body)?;
    let kid = KeyId::parse(&kid).map_err(|_| ApiError::not_found("signing key"))?;
    let modes = "mode is `all` (the key was stolen) or `after` (what it signed before `at` stays good)";
    let mode = RevocationMode::parse(&request.mode).ok_or_else(|| ApiError::invalid("/mode", modes))?;
    let at = request.at.as_deref().map(time).transpose()?;
    if at.is_some() && mode == RevocationMode::All {
        return Err(ApiError::invalid("/at", "`at` goes with the mode `after`: `all` asks for no time"));
    }
    let next = request.next.as_deref().map(|kid| key_id("/next", kid)).transpose()?;
    let if_seen = seen(&state, &caller.merchant, &headers).await?;
    let actor = caller.actor();
    let command = RevokeKey { merchant: caller.merchant, kid, mode, at, next, if_seen };
    match state.app.revoke_key(&command, &actor).await {
        Ok(ring) => answer(&ring),
        Err(error) => Err(changed(&state, &command.merchant, error).await),
    }
}

fn answer(ring: &KeyRing) -> Reply {
    ok(&KeySetAnswer::of(ring))
}

fn key_id(pointer: &str, text: &str) -> Result<KeyId, ApiError> {
    KeyId::parse(text).map_err(|error| ApiError::invalid(pointer, error.to_string()))
}

fn time(text: &str) -> Result<Instant, ApiError> {
    let at = chrono::DateTime::parse_from_rfc3339(text).map(|at| at.to_utc());
    at.map_err(|_| ApiError::invalid("/at", "a time such as 2026-12-01T00:00:00Z"))
}

impl KeyAnswer {
    fn of(key: &RingKey, issuer: &str, here: bool) -> Self {
        let (ended_at, mode) = match &key.state {
            KeyState::Staged | KeyState::Active | KeyState::Verifying => (None, None),
            KeyState::Retired { at } => (Some(*at), None),
            KeyState::Revoked { at, mode } => (Some(*at), Some(mode.as_str())),
        };
        Self {
            kid: key.kid.to_string(),
            role: key.role.as_str(),
            issuer: issuer.to_owned(),
            public_key: base64url::encode(&key.public),
            state: key.state.as_str(),
            here,
            signs_from: key.signs_from.map(instant),
            signs_until: key.signs_until.map(instant),
            ended_at: ended_at.map(instant),
            mode,
        }
    }
}
