//! Revocation that reaches offline machines, as anybody may fetch it.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::IntoResponse;

use super::conditional::{etag, none_match};
use super::error::ApiError;
use super::path::PathOf;
use super::reply::{Reply, cacheable, public};
use super::state::HttpState;
use crate::domain::MerchantId;

/// How long a cache may answer without asking: a change is published within 60 s, and none may hide it longer.
const MAX_AGE_SECS: u32 = 60;

/// `GET /v1/status-lists/{merchant}/{n}`
pub async fn show(
    State(state): State<HttpState>,
    PathOf((merchant, number)): PathOf<(String, String)>,
    headers: HeaderMap,
) -> Reply {
    let unknown = || ApiError::not_found("status list");
    let merchant = MerchantId::parse(&merchant).map_err(|_| unknown())?;
    let number = plain_number(&number).ok_or_else(unknown)?;
    let list = state.app.published_status_list(&merchant, number).await?;
    let tag = etag(list.seq);
    let mut response = if none_match(&headers, &tag) {
        (StatusCode::NOT_MODIFIED, [(header::CACHE_CONTROL, public(MAX_AGE_SECS))]).into_response()
    } else {
        cacheable("application/statuslist+jwt", MAX_AGE_SECS, list.token)
    };
    response.headers_mut().insert(header::ETAG, tag);
    Ok(response)
}

/// Only as tokens write it: `07` and `+7` are other addresses.
fn plain_number(text: &str) -> Option<u32> {
    text.parse().ok().filter(|number: &u32| number.to_string() == text)
}
