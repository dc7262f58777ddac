//! What the buyer of one instance is shown: set by its merchant, and read back.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::licenses::license_id;
use crate::application::SetAppInfo;
use crate::domain::{AppInfo, Scope};
use crate::http::body;
use crate::http::error::ApiError;
use crate::http::openapi::forms::{InstantForm, LicenseIdForm};
use crate::http::openapi::parameters::IfMatch;
use crate::http::path::PathOf;
use crate::http::reply::{Reply, instant, ok};
use crate::http::state::HttpState;
use crate::http::tags::must_match;

#[derive(Deserialize, ToSchema)]
#[schema(as = AppInfoSet)]
#[serde(deny_unknown_fields)]
struct AppInfoRequest {
    front_end_url: String,
    memo: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = AppInfo)]
struct AppInfoAnswer {
    #[schema(value_type = LicenseIdForm)]
    license: String,
    front_end_url: String,
    memo: Option<String>,
    #[schema(value_type = InstantForm)]
    set_at: String,
}

/// What the buyer of an instance is shown.
#[utoipa::path(
    get, path = "/v1/merchant/licenses/{id}/app-info",
    params(("id" = LicenseIdForm, Path)),
    responses((status = 200, body = AppInfoAnswer)),
    security(("token" = [Scope::Read.as_str()])),
)]
pub async fn show(State(state): State<HttpState>, PathOf(id): PathOf<String>, headers: HeaderMap) -> Reply {
    let caller = state.caller(&headers, Scope::Read).await?;
    let app_info = state.app.app_info(&caller.merchant, &license_id(&id)?).await?;
    ok(&AppInfoAnswer::of(app_info.ok_or_else(|| ApiError::not_found("app_info"))?))
}

/// Sets what the buyer of an instance is shown.
#[utoipa::path(
    put, path = "/v1/merchant/licenses/{id}/app-info",
    params(("id" = LicenseIdForm, Path), IfMatch),
    request_body = AppInfoRequest,
    responses((status = 200, body = AppInfoAnswer), (status = 409)),
    security(("token" = [Scope::Issue.as_str()])),
)]
pub async fn set(
    State(state): State<HttpState>,
    PathOf(id): PathOf<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Reply {
    let caller = state.caller(&headers, Scope::Issue).await?;
    let request: AppInfoRequest = body::parse(&body)?;
    let license = license_id(&id)?;
    let known = state.app.app_info(&caller.merchant, &license).await?;
    must_match(&headers, known.map(AppInfoAnswer::of).as_ref())?;
    let set = SetAppInfo {
        merchant: &caller.merchant,
        license: &license,
        actor: &caller.actor(),
        front_end_url: &request.front_end_url,
        memo: request.memo.as_deref(),
    };
    ok(&AppInfoAnswer::of(state.app.set_app_info(&set).await?))
}

impl AppInfoAnswer {
    fn of(app_info: AppInfo) -> Self {
        let AppInfo { merchant: _, license, front_end_url, memo, set_at } = app_info;
        Self { license: license.to_string(), front_end_url, memo, set_at: instant(set_at) }
    }
}
