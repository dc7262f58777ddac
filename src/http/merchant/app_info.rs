//! What the buyer of one instance is shown: set by its merchant, and read back.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use serde::{Deserialize, Serialize};

use super::licenses::license_id;
use crate::application::SetAppInfo;
use crate::domain::{AppInfo, Scope};
use crate::http::body;
use crate::http::error::ApiError;
use crate::http::path::PathOf;
use crate::http::reply::{Reply, instant, ok};
use crate::http::state::HttpState;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AppInfoRequest {
    front_end_url: String,
    memo: Option<String>,
}

#[derive(Serialize)]
struct AppInfoAnswer {
    license: String,
    front_end_url: String,
    memo: Option<String>,
    set_at: String,
}

/// `GET /v1/merchant/licenses/{id}/app-info`
pub async fn show(State(state): State<HttpState>, PathOf(id): PathOf<String>, headers: HeaderMap) -> Reply {
    let caller = state.caller(&headers, Scope::Read).await?;
    let app_info = state.app.app_info(&caller.merchant, &license_id(&id)?).await?;
    ok(&AppInfoAnswer::of(app_info.ok_or_else(|| ApiError::not_found("app_info"))?))
}

/// `PUT /v1/merchant/licenses/{id}/app-info`
pub async fn set(
    State(state): State<HttpState>,
    PathOf(id): PathOf<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Reply {
    let caller = state.caller(&headers, Scope::Issue).await?;
    let request: AppInfoRequest = body::parse(&body)?;
    let set = SetAppInfo {
        merchant: &caller.merchant,
        license: &license_id(&id)?,
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
