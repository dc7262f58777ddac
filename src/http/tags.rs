//! An ETag on everything that the merchant API shows: of licenses their revision, of anything else a digest of what is shown.

use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::conditional::none_match;
use super::error::ApiError;
use super::reply::{Reply, hex};

/// Bytes of the digest that stand in a tag.
const TAG_BYTES: usize = 16;
/// Longest current state that a 412 shows, in bytes.
const CURRENT_BYTES_MAX: usize = 64 * 1024;

/// Tags what is shown without a tag; who has it already is told so.
pub async fn tags(request: Request, next: Next) -> Reply {
    if request.method() != Method::GET || !request.uri().path().starts_with("/v1/merchant/") {
        return Ok(next.run(request).await);
    }
    let headers = request.headers().clone();
    let response = next.run(request).await;
    let content_type = response.headers().get(header::CONTENT_TYPE);
    let is_json = content_type.is_some_and(|value| value.as_bytes() == b"application/json");
    if response.status() != StatusCode::OK || !is_json {
        return Ok(response);
    }
    let (mut parts, body) = response.into_parts();
    let body = to_bytes(body, usize::MAX).await.map_err(|_broken_off| ApiError::Panicked)?;
    let tag = parts.headers.entry(header::ETAG).or_insert_with(|| tag_of(&body)).clone();
    if !none_match(&headers, &tag) {
        return Ok(Response::from_parts(parts, Body::from(body)));
    }
    let mut response = StatusCode::NOT_MODIFIED.into_response();
    response.headers_mut().insert(header::ETAG, tag);
    Ok(response)
}

/// Refuses a change of something that is not as the caller has read it; `shown` is what its own address shows now. Where
/// there is nothing yet, no tag matches, nor does `*` (RFC 9110 §13.1.1).
pub fn must_match(headers: &HeaderMap, shown: Option<&impl Serialize>) -> Result<(), ApiError> {
    let Some(wanted) = headers.get(header::IF_MATCH) else { return Ok(()) };
    let Some(shown) = shown else {
        return Err(ApiError::Changed { current_revision: None, current: None });
    };
    let body = serde_json::to_vec(shown).map_err(|_not_json| ApiError::Panicked)?;
    let wanted = wanted.as_bytes().trim_ascii();
    if wanted == b"*" || wanted == tag_of(&body).as_bytes() {
        return Ok(());
    }
    Err(ApiError::Changed { current_revision: None, current: current(body) })
}

/// What a 412 shows; nothing where it is too long: then the caller reads it.
pub fn current(body: Vec<u8>) -> Option<String> {
    if body.len() > CURRENT_BYTES_MAX { None } else { String::from_utf8(body).ok() }
}

fn tag_of(body: &[u8]) -> HeaderValue {
    let tag = format!("\"{}\"", hex(&Sha256::digest(body)[..TAG_BYTES]));
    HeaderValue::from_str(&tag).unwrap_or(HeaderValue::from_static("\"\""))
}
