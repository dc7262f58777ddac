//! Packages that were bought by themselves: which license uses them up.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::request::Parts;
use serde::Deserialize;
use utoipa::ToSchema;

use super::license_answer::LicenseAnswer;
use super::licenses::{extent, license_id, read_if};
use crate::application::MovePackage;
use crate::domain::{LicenseId, Scope};
use crate::http::body;
use crate::http::error::ApiError;
use crate::http::openapi::forms::{LicenseIdForm, ReasonForm};
use crate::http::path::PathOf;
use crate::http::reply::{Reply, ok};
use crate::http::state::HttpState;

#[derive(Deserialize, ToSchema)]
#[schema(as = PackageMove)]
#[serde(deny_unknown_fields)]
struct MoveRequest {
    /// Null: it stands by itself.
    #[schema(value_type = Option<LicenseIdForm>)]
    to: Option<String>,
    #[schema(value_type = Option<ReasonForm>)]
    reason: Option<String>,
}

/// A package is used up by another license from now on.
#[utoipa::path(
    post, path = "/v1/merchant/licenses/{id}/move",
    params(("id" = LicenseIdForm, Path)),
    request_body = MoveRequest,
    responses((status = 200, body = LicenseAnswer, headers(("ETag" = String))), (status = 409)),
    security(("token" = [Scope::Support.as_str()])),
)]
pub async fn move_package(
    State(state): State<HttpState>,
    PathOf(id): PathOf<String>,
    parts: Parts,
    body: Bytes,
) -> Reply {
    let caller = state.caller(&parts.headers, Scope::Support).await?;
    let request: MoveRequest = body::parse(&body)?;
    if request.reason.as_ref().is_some_and(|reason| reason.len() > super::commands::REASON_BYTES_MAX) {
        let why = format!("a reason has at most {} bytes", super::commands::REASON_BYTES_MAX);
        return Err(ApiError::invalid("/reason", why));
    }
    let asked = MovePackage {
        actor: caller.actor(),
        package: license_id(&id)?,
        to: read_if("/to", request.to.as_deref(), LicenseId::parse)?,
        reason: request.reason,
        merchant: caller.merchant,
    };
    let moved = state.app.move_package(&asked).await?;
    let extent = extent(&state, &asked.merchant, &[&moved.value], false).await?;
    let answer = LicenseAnswer::of_license(&moved, &extent);
    Ok(answer.tagged(ok(&answer)?))
}
