//! Revocation that reaches offline machines, as anybody may fetch it.

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::IntoResponse;

use super::conditional::{etag, none_match};
use super::error::ApiError;
use super::gzip;
use super::openapi::forms::{ListNumberForm, SlugForm, TokenForm};
use super::openapi::parameters::IfNoneMatch;
use super::path::PathOf;
use super::reply::{Reply, public};
use super::state::HttpState;
use crate::domain::MerchantId;

/// How long a cache may answer without asking: a change is published within 60 s, and none may hide it longer.
const MAX_AGE_SECS: u32 = 60;

/// A signed status list.
#[utoipa::path(
    get, path = "/v1/status-lists/{merchant}/{number}",
    params(("merchant" = SlugForm, Path), ("number" = ListNumberForm, Path), IfNoneMatch),
    responses((status = 200, body = TokenForm, content_type = "application/statuslist+jwt", headers(("ETag" = String))), (status = 304), (status = 404)),
)]
pub async fn show(
    State(state): State<HttpState>,
    PathOf((merchant, number)): PathOf<(String, String)>,
    headers: HeaderMap,
) -> Reply {
    let unknown = || ApiError::not_found("status list");
    let merchant = MerchantId::parse(&merchant).map_err(|_| unknown())?;
    let number = plain_number(&number).ok_or_else(unknown)?;
    let list = state.app.published_status_list(&merchant, number).await?;
    let (plain, packed) = (etag(list.seq), packed_etag(list.seq));
    let is_packed = gzip::is_accepted(&headers);
    let is_known = none_match(&headers, &plain) || none_match(&headers, &packed);
    let mut answer = HeaderMap::new();
    answer.insert(header::CACHE_CONTROL, public(MAX_AGE_SECS));
    answer.insert(header::VARY, HeaderValue::from_static("Accept-Encoding"));
    answer.insert(header::ETAG, if is_packed { packed } else { plain });
    if is_known {
        return Ok((StatusCode::NOT_MODIFIED, answer).into_response());
    }
    answer.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/statuslist+jwt"));
    let body = if is_packed {
        answer.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        Body::from(gzip::packed(&list.token))
    } else {
        Body::from(list.token)
    };
    Ok((answer, body).into_response())
}

/// Other bytes, another strong tag (RFC 9110 §8.8.3.3).
fn packed_etag(seq: u64) -> HeaderValue {
    HeaderValue::from_str(&format!("\"{seq}-gzip\"")).unwrap_or(HeaderValue::from_static("\"\""))
}

/// Only as tokens write it: `07` and `+7` are other addresses.
fn plain_number(text: &str) -> Option<u32> {
    text.parse().ok().filter(|number: &u32| number.to_string() == text)
}
