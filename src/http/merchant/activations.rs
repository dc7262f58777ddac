//! Machines: listed by license or name, shown, and freed by the merchant.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::request::Parts;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::commands::read_reason;
use super::license_answer::{ActivationAnswer, activation};
use super::licenses::license_id;
use crate::application::{MachineFilter, PlaceFreedBy};
use crate::domain::{Activation, ActivationId, Scope};
use crate::http::access::Caller;
use crate::http::activations::short;
use crate::http::body;
use crate::http::error::ApiError;
use crate::http::openapi::forms::{ActivationIdForm, LicenseIdForm, MachineNameForm, ReasonForm};
use crate::http::openapi::parameters::{Cursor, IdempotencyKey, IfMatch, Limit};
use crate::http::path::PathOf;
use crate::http::query::Parameters;
use crate::http::reply::{Page, Reply, ok};
use crate::http::state::HttpState;
use crate::http::tags::must_match;

const LIMIT_DEFAULT: usize = 50;
const LIMIT_MAX: usize = 200;

#[derive(Deserialize, ToSchema)]
#[schema(as = ActivationRelease)]
#[serde(deny_unknown_fields)]
struct ReleaseRequest {
    #[schema(value_type = Option<ReasonForm>)]
    reason: Option<String>,
}

/// A machine and whose license it runs by.
#[derive(Serialize, ToSchema)]
#[schema(as = MachineOfLicense)]
struct MachineLine {
    #[schema(value_type = LicenseIdForm)]
    license_id: String,
    #[serde(flatten)]
    activation: ActivationAnswer,
}

impl MachineLine {
    fn of(state: &HttpState, one: &Activation) -> Self {
        Self { license_id: one.license.to_string(), activation: activation(one, state.app.signer()) }
    }
}

/// Machines of one license, or by the beginning of their name; one of the two is given.
#[utoipa::path(
    get, path = "/v1/merchant/activations",
    params(("license" = Option<LicenseIdForm>, Query), ("name" = Option<MachineNameForm>, Query), Limit, Cursor),
    responses((status = 200, body = Page<MachineLine>)),
    security(("token" = [Scope::Read.as_str()])),
)]
pub async fn list(State(state): State<HttpState>, parts: Parts) -> Reply {
    let caller = state.caller(&parts.headers, Scope::Read).await?;
    let parameters = Parameters::read(&parts.uri, &["license", "name", "limit", "cursor"])?;
    let limit = parameters.get("limit", "a limit is a number from 1 to 200", |text| {
        text.parse().ok().filter(|limit| (1..=LIMIT_MAX).contains(limit))
    })?;
    let before = parameters.get("cursor", "a cursor is the next_cursor of the page before", |text| {
        ActivationId::parse(text).ok()
    })?;
    let filter = match (parameters.text("license"), parameters.text("name")) {
        (Some(license), None) => MachineFilter::OfLicense(license_id(license)?),
        (None, Some(name)) => MachineFilter::Named(short("/name", name.to_owned(), 0)?),
        (Some(_), Some(_)) => return Err(ApiError::invalid("/name", "give license or name, not both")),
        (None, None) => {
            return Err(ApiError::invalid("/license", "give a license, or the name of a machine"));
        }
    };
    let limit = limit.unwrap_or(LIMIT_DEFAULT);
    let (found, has_more) =
        state.app.view_activations(&caller.merchant, &filter, before.as_ref(), limit).await?;
    let next_cursor = found.last().filter(|_last| has_more).map(|last| last.id.to_string());
    ok(&Page { items: found.iter().map(|one| MachineLine::of(&state, one)).collect(), next_cursor })
}

/// One machine.
#[utoipa::path(
    get, path = "/v1/merchant/activations/{id}",
    params(("id" = ActivationIdForm, Path)),
    responses((status = 200, body = MachineLine, headers(("ETag" = String)))),
    security(("token" = [Scope::Read.as_str()])),
)]
pub async fn show(State(state): State<HttpState>, PathOf(id): PathOf<String>, parts: Parts) -> Reply {
    let caller = state.caller(&parts.headers, Scope::Read).await?;
    ok(&MachineLine::of(&state, &find(&state, &caller, &id).await?))
}

/// Frees the place of a machine, without the machine.
///
/// Another machine may take the place at once. The freed one goes on until it hears of it, or until `lease_ends_at`.
#[utoipa::path(
    post, path = "/v1/merchant/activations/{id}/release",
    params(("id" = ActivationIdForm, Path), IfMatch, IdempotencyKey),
    request_body = Option<ReleaseRequest>,
    responses((status = 200, body = MachineLine), (status = 409)),
    security(("token" = [Scope::Support.as_str()])),
)]
pub async fn release(
    State(state): State<HttpState>,
    PathOf(id): PathOf<String>,
    parts: Parts,
    body: Bytes,
) -> Reply {
    let caller = state.caller(&parts.headers, Scope::Support).await?;
    let ReleaseRequest { reason } = body::parse_or_empty(&body)?;
    let reason = read_reason(reason)?;
    let held = find(&state, &caller, &id).await?;
    must_match(&parts.headers, Some(&MachineLine::of(&state, &held)))?;
    let by = PlaceFreedBy::Merchant { actor: caller.actor(), reason };
    state.app.release_place(&caller.merchant, &held.license, &held.id, &by).await?;
    ok(&MachineLine::of(&state, &find(&state, &caller, &id).await?))
}

async fn find(state: &HttpState, caller: &Caller, id: &str) -> Result<Activation, ApiError> {
    let id = ActivationId::parse(id).map_err(|_| ApiError::not_found("activation"))?;
    Ok(state.app.view_activation(&caller.merchant, &id).await?.value)
}
