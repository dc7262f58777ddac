//! What a merchant does to a license: suspend, resume, revoke, re-issue, accept, extend, change.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::request::Parts;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use utoipa::ToSchema;

use super::license_answer::LicenseAnswer;
use super::licenses::{extent, license_id, read, read_if, read_instant, read_quantity, reveal};
use super::preview::later_call;
use crate::application::{
    ExtendTo, KeepActivations, LicenseAction, LicenseOrPurchase, MerchantCommand, UseCaseError,
};
use crate::domain::{ActivationId, Refusal, Scope, SpecId, Term};
use crate::http::access::Caller;
use crate::http::body;
use crate::http::conditional::{idempotency, if_match};
use crate::http::error::ApiError;
use crate::http::language::Language;
use crate::http::openapi::forms::{
    ActivationIdForm, InstantForm, KeepWordForm, LicenseIdForm, ReasonForm, SpecIdForm, TermForm,
};
use crate::http::openapi::parameters::{IdempotencyKey, IfMatch, Reveal};
use crate::http::path::PathOf;
use crate::http::reply::{Reply, ok};
use crate::http::state::HttpState;
use crate::http::tags;

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
#[serde(deny_unknown_fields)]
struct ExtendRequest {
    #[schema(value_type = Option<ReasonForm>)]
    reason: Option<String>,
    /// So long beyond the present end, such as `P7D`. One of the two is given.
    #[schema(value_type = Option<TermForm>)]
    by: Option<String>,
    /// To here.
    #[schema(value_type = Option<InstantForm>)]
    ends_at: Option<String>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ChangeRequest {
    #[schema(value_type = Option<ReasonForm>)]
    reason: Option<String>,
    /// The spec that the license becomes; of the same product.
    #[schema(value_type = SpecIdForm)]
    spec: String,
    /// How much of it; default 1.
    #[schema(minimum = 1, maximum = 100_000)]
    quantity: Option<u32>,
}

/// `all`, `none`, or activation ids.
#[derive(Deserialize, ToSchema)]
#[schema(as = KeepActivations)]
#[serde(untagged)]
pub(super) enum KeepRequest {
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
        let leaked = is_leaked(request.reason.as_deref());
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

/// Moves the end of a license to a later one.
///
/// Up to 31 days beyond the end that was bought, however often; beyond that the scope `issue` is needed as well. A later
/// renewal at the marketplace sets the end that it names.
#[utoipa::path(
    post, path = "/v1/merchant/licenses/{id}/extend",
    params(("id" = LicenseIdForm, Path), Reveal, IfMatch, IdempotencyKey),
    request_body = ExtendRequest,
    responses((status = 200, body = LicenseAnswer, headers(("ETag" = String))), (status = 409)),
    security(("token" = [Scope::Support.as_str()])),
)]
pub async fn extend(
    State(state): State<HttpState>,
    PathOf(id): PathOf<String>,
    parts: Parts,
    body: Bytes,
) -> Reply {
    let caller = state.caller(&parts.headers, Scope::Support).await?;
    let beyond_support = caller.token.allows(Scope::Issue);
    run(&state, &id, (&parts, &body), Scope::Support, |request: ExtendRequest| {
        let to = extend_to(request.by.as_deref(), request.ends_at.as_deref())?;
        Ok((request.reason, LicenseAction::Extend { to, beyond_support }))
    })
    .await
}

/// Makes a license one of another spec of its product, or of more or less of the same; end and term stay.
#[utoipa::path(
    post, path = "/v1/merchant/licenses/{id}/change",
    params(("id" = LicenseIdForm, Path), Reveal, IfMatch, IdempotencyKey),
    request_body = ChangeRequest,
    responses((status = 200, body = LicenseAnswer, headers(("ETag" = String))), (status = 409)),
    security(("token" = [Scope::Issue.as_str()])),
)]
pub async fn change(
    State(state): State<HttpState>,
    PathOf(id): PathOf<String>,
    parts: Parts,
    body: Bytes,
) -> Reply {
    run(&state, &id, (&parts, &body), Scope::Issue, |request: ChangeRequest| {
        Ok((request.reason, change_spec(&request.spec, request.quantity)?))
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
    let license = match state.app.command_license(&command, &action).await {
        Ok(license) => license,
        Err(error) => return Err(changed(state, &command, error).await),
    };
    let extent = extent(state, &command.merchant, &[&license.value], reveal).await?;
    let language = Language::of(&parts.headers);
    let later = action.later_calls(&license.value).into_iter().map(|call| later_call(call, language));
    let answer = LicenseAnswer::of_license(&license, &extent).overruled_by(later.collect());
    Ok(answer.tagged(ok(&answer)?))
}

/// A lost update is told with what the license is now.
async fn changed(state: &HttpState, command: &MerchantCommand, error: UseCaseError) -> ApiError {
    let UseCaseError::Refused(Refusal::RevisionConflict { current }) = error else { return error.into() };
    let shown = async {
        let entry = state.app.view_license(&command.merchant, &command.license).await.ok()?;
        let LicenseOrPurchase::License(license) = &entry else { return None };
        let extent = extent(state, &command.merchant, &[&license.value], false).await.ok()?;
        serde_json::to_vec(&LicenseAnswer::of_license(license, &extent)).ok()
    };
    ApiError::Changed { current_revision: Some(current), current: shown.await.and_then(tags::current) }
}

/// Why, in words: bounded, and nothing that steers a terminal.
pub(super) fn read_reason(reason: Option<String>) -> Result<Option<String>, ApiError> {
    let is_odd = |letter: char| letter.is_control() && letter != '\n';
    if reason.as_ref().is_some_and(|reason| reason.len() > REASON_BYTES_MAX || reason.contains(is_odd)) {
        let why = format!(
            "a reason has at most {REASON_BYTES_MAX} bytes and of control characters line feeds only"
        );
        return Err(ApiError::invalid("/reason", why));
    }
    Ok(reason)
}

fn command(
    caller: Caller,
    id: &str,
    (parts, body): (&Parts, &[u8]),
    reason: Option<String>,
) -> Result<MerchantCommand, ApiError> {
    let reason = read_reason(reason)?;
    Ok(MerchantCommand {
        license: license_id(id)?,
        actor: caller.actor(),
        reason,
        if_revision: if_match(&parts.headers)?,
        idempotency: idempotency(&parts.headers, &caller.token, (&parts.method, &parts.uri), body)?,
        merchant: caller.merchant,
    })
}

/// One of the two says where the end goes.
pub(super) fn extend_to(by: Option<&str>, ends_at: Option<&str>) -> Result<ExtendTo, ApiError> {
    match (by, ends_at) {
        (Some(by), None) => Ok(ExtendTo::By(read("/by", by, Term::parse)?)),
        (None, Some(ends_at)) => Ok(ExtendTo::Until(read("/ends_at", ends_at, read_instant)?)),
        (Some(_), Some(_)) => Err(ApiError::invalid("/ends_at", "give by or ends_at, not both")),
        (None, None) => Err(ApiError::invalid("/by", "give by, such as P7D, or ends_at")),
    }
}

/// What the license becomes.
pub(super) fn change_spec(spec: &str, quantity: Option<u32>) -> Result<LicenseAction, ApiError> {
    let quantity = read_quantity(quantity)?;
    Ok(LicenseAction::ChangeSpec { spec: read("/spec", spec, SpecId::parse)?, quantity })
}

/// Whether the reason says that the key has leaked.
pub(super) fn is_leaked(reason: Option<&str>) -> bool {
    reason == Some(LEAKED)
}

/// Without a word all machines keep their places, unless the key leaked.
pub(super) fn keep(keep: Option<&KeepRequest>, leaked: bool) -> Result<KeepActivations, ApiError> {
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
