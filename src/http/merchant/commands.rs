//! What a merchant does to a license: suspend, resume, revoke, re-issue, accept.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::request::Parts;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use utoipa::ToSchema;

use super::license_answer::LicenseAnswer;
use super::licenses::{extent, license_id, read_if, read_instant, reveal};
use crate::application::{KeepActivations, LicenseAction, MerchantCommand};
use crate::domain::{ActivationId, Scope};
use crate::http::access::Caller;
use crate::http::body;
use crate::http::conditional::{idempotency, if_match};
use crate::http::error::ApiError;
use crate::http::openapi::forms::{ActivationIdForm, InstantForm, KeepWordForm, LicenseIdForm, ReasonForm};
use crate::http::openapi::parameters::{IdempotencyKey, IfMatch, Reveal};
use crate::http::path::PathOf;
use crate::http::reply::{Reply, ok};
use crate::http::state::HttpState;

/// Longest reason, in bytes.
pub const REASON_BYTES_MAX: usize = 1_000;
/// The reason after which an old key opens nothing any more.
const LEAKED: &str = "leaked";

#[derive(Deserialize, ToSchema)]
#[schema(as = LicenseReason)]
#[serde(deny_unknown_fields)]
struct ReasonRequest {
    #[schema(value_type = Option<ReasonForm>)]
    reason: Option<String>,
}

#[derive(Deserialize, ToSchema)]
#[schema(as = LicenseResume)]
#[serde(deny_unknown_fields)]
struct ResumeRequest {
    #[schema(value_type = Option<ReasonForm>)]
    reason: Option<String>,
    #[serde(default)]
    r#override: bool,
}

#[derive(Deserialize, ToSchema)]
#[schema(as = LicenseAccept)]
#[serde(deny_unknown_fields)]
struct AcceptRequest {
    #[schema(value_type = Option<ReasonForm>)]
    reason: Option<String>,
    /// When the buyer accepted; by default now.
    #[schema(value_type = Option<InstantForm>)]
    starts_at: Option<String>,
}

#[derive(Deserialize, ToSchema)]
#[schema(as = LicenseReissue)]
#[serde(deny_unknown_fields)]
struct ReissueRequest {
    #[schema(value_type = Option<ReasonForm>)]
    reason: Option<String>,
    keep: Option<KeepRequest>,
}

#[derive(Deserialize, ToSchema)]
#[schema(as = KeepActivations)]
#[serde(untagged)]
enum KeepRequest {
    #[schema(value_type = KeepWordForm)]
    Word(String),
    #[schema(value_type = Vec<ActivationIdForm>)]
    These(Vec<String>),
}

/// Stops a license until it is resumed.
#[utoipa::path(
    post, path = "/v1/merchant/licenses/{id}/suspend",
    params(("id" = LicenseIdForm, Path), Reveal, IfMatch, IdempotencyKey),
    request_body = Option<ReasonRequest>,
    responses((status = 200, body = LicenseAnswer, headers(("ETag" = String))), (status = 409)),
    security(("token" = [Scope::Support.as_str()])),
)]
pub async fn suspend(
    State(state): State<HttpState>,
    PathOf(id): PathOf<String>,
    parts: Parts,
    body: Bytes,
) -> Reply {
    run(&state, &id, (&parts, &body), Scope::Support, |request: ReasonRequest| {
        Ok((request.reason, LicenseAction::Suspend))
    })
    .await
}

/// Lets a license go on.
#[utoipa::path(
    post, path = "/v1/merchant/licenses/{id}/resume",
    params(("id" = LicenseIdForm, Path), Reveal, IfMatch, IdempotencyKey),
    request_body = Option<ResumeRequest>,
    responses((status = 200, body = LicenseAnswer, headers(("ETag" = String))), (status = 409)),
    security(("token" = [Scope::Support.as_str()])),
)]
pub async fn resume(
    State(state): State<HttpState>,
    PathOf(id): PathOf<String>,
    parts: Parts,
    body: Bytes,
) -> Reply {
    run(&state, &id, (&parts, &body), Scope::Support, |request: ResumeRequest| {
        Ok((request.reason, LicenseAction::Resume { override_marketplace: request.r#override }))
    })
    .await
}

/// Ends a license for good.
#[utoipa::path(
    post, path = "/v1/merchant/licenses/{id}/revoke",
    params(("id" = LicenseIdForm, Path), Reveal, IfMatch, IdempotencyKey),
    request_body = Option<ReasonRequest>,
    responses((status = 200, body = LicenseAnswer, headers(("ETag" = String))), (status = 409)),
    security(("token" = [Scope::Revoke.as_str()])),
)]
pub async fn revoke(
    State(state): State<HttpState>,
    PathOf(id): PathOf<String>,
    parts: Parts,
    body: Bytes,
) -> Reply {
    run(&state, &id, (&parts, &body), Scope::Revoke, |request: ReasonRequest| {
        Ok((request.reason, LicenseAction::Revoke))
    })
    .await
}

/// A new key in the place of the present one.
#[utoipa::path(
    post, path = "/v1/merchant/licenses/{id}/reissue",
    params(("id" = LicenseIdForm, Path), Reveal, IfMatch, IdempotencyKey),
    request_body = Option<ReissueRequest>,
    responses((status = 200, body = LicenseAnswer, headers(("ETag" = String))), (status = 409)),
    security(("token" = [Scope::Support.as_str()])),
)]
pub async fn reissue(
    State(state): State<HttpState>,
    PathOf(id): PathOf<String>,
    parts: Parts,
    body: Bytes,
) -> Reply {
    run(&state, &id, (&parts, &body), Scope::Support, |request: ReissueRequest| {
        let leaked = request.reason.as_deref() == Some(LEAKED);
        let keep = keep(request.keep.as_ref(), leaked)?;
        Ok((request.reason, LicenseAction::Reissue { keep, leaked }))
    })
    .await
}

/// Records the buyer's acceptance, with which the license begins.
#[utoipa::path(
    post, path = "/v1/merchant/licenses/{id}/accept",
    params(("id" = LicenseIdForm, Path), Reveal, IfMatch, IdempotencyKey),
    request_body = Option<AcceptRequest>,
    responses((status = 200, body = LicenseAnswer, headers(("ETag" = String))), (status = 409)),
    security(("token" = [Scope::Issue.as_str()])),
)]
pub async fn accept(
    State(state): State<HttpState>,
    PathOf(id): PathOf<String>,
    parts: Parts,
    body: Bytes,
) -> Reply {
    run(&state, &id, (&parts, &body), Scope::Issue, |request: AcceptRequest| {
        let starts_at = read_if("/starts_at", request.starts_at.as_deref(), read_instant)?;
        Ok((request.reason, LicenseAction::Accept { starts_at }))
    })
    .await
}

async fn run<T: DeserializeOwned>(
    state: &HttpState,
    id: &str,
    (parts, body): (&Parts, &[u8]),
    scope: Scope,
    read: impl FnOnce(T) -> Result<(Option<String>, LicenseAction), ApiError>,
) -> Reply {
    let caller = state.caller(&parts.headers, scope).await?;
    let reveal = reveal(&caller, &parts.uri)?;
    let (reason, action) = read(body::parse_or_empty(body)?)?;
    let command = command(caller, id, (parts, body), reason)?;
    let license = state.app.command_license(&command, &action).await?;
    let extent = extent(state, &command.merchant, &[&license.value], reveal).await?;
    let answer = LicenseAnswer::of_license(&license, &extent);
    Ok(answer.tagged(ok(&answer)?))
}

fn command(
    caller: Caller,
    id: &str,
    (parts, body): (&Parts, &[u8]),
    reason: Option<String>,
) -> Result<MerchantCommand, ApiError> {
    let is_odd = |letter: char| letter.is_control() && letter != '\n';
    if reason.as_ref().is_some_and(|reason| reason.len() > REASON_BYTES_MAX || reason.contains(is_odd)) {
        let why = format!(
            "a reason has at most {REASON_BYTES_MAX} bytes and of control characters line feeds only"
        );
        return Err(ApiError::invalid("/reason", why));
    }
    Ok(MerchantCommand {
        license: license_id(id)?,
        actor: caller.actor(),
        reason,
        if_revision: if_match(&parts.headers)?,
        idempotency: idempotency(&parts.headers, &caller.token, (&parts.method, &parts.uri), body)?,
        merchant: caller.merchant,
    })
}

/// Without a word all machines keep their places, unless the key leaked.
fn keep(keep: Option<&KeepRequest>, leaked: bool) -> Result<KeepActivations, ApiError> {
    let invalid = |pointer: &str| ApiError::invalid(pointer, "keep is all, none or a list of activation ids");
    match keep {
        None if leaked => Ok(KeepActivations::Nothing),
        None => Ok(KeepActivations::All),
        Some(KeepRequest::Word(word)) => match word.as_str() {
            "all" => Ok(KeepActivations::All),
            "none" => Ok(KeepActivations::Nothing),
            _other => Err(invalid("/keep")),
        },
        Some(KeepRequest::These(ids)) => {
            let read = |(place, id): (usize, &String)| {
                ActivationId::parse(id).map_err(|_| invalid(&format!("/keep/{place}")))
            };
            ids.iter().enumerate().map(read).collect::<Result<_, _>>().map(KeepActivations::These)
        }
    }
}
