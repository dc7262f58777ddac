//! What answers have in common.

use axum::Json;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use chrono::SecondsFormat;
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::error::ApiError;
use crate::domain::{Amount, Instant};

/// What a handler gives back.
pub type Reply = Result<Response, ApiError>;

/// 200 with a JSON body.
pub fn ok(body: &impl Serialize) -> Reply {
    Ok(Json(body).into_response())
}

/// 201 with a JSON body and the address of what was made.
pub fn created(location: &str, body: &impl Serialize) -> Reply {
    let mut response = (StatusCode::CREATED, Json(body)).into_response();
    if let Ok(location) = HeaderValue::from_str(location) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    Ok(response)
}

/// 200 with a body that others may keep for `max_age_secs`.
pub fn cacheable(content_type: &'static str, max_age_secs: u32, body: String) -> Response {
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(header::CACHE_CONTROL, public(max_age_secs));
    (headers, body).into_response()
}

/// `Cache-Control` of what anybody may keep.
pub fn public(max_age_secs: u32) -> HeaderValue {
    HeaderValue::from_str(&format!("public, max-age={max_age_secs}"))
        .unwrap_or(HeaderValue::from_static("no-cache"))
}

/// A page of a list.
#[derive(Serialize, ToSchema)]
pub struct Page<T> {
    pub items: Vec<T>,
    /// Where the next page starts; null at the end.
    pub next_cursor: Option<String>,
}

impl<T> Page<T> {
    /// Everything there is.
    pub fn whole(items: Vec<T>) -> Self {
        Self { items, next_cursor: None }
    }
}

/// RFC 3339 UTC with `Z` and whole seconds.
pub fn instant(instant: Instant) -> String {
    instant.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// A JSON number with at most 4 decimals, never through a float.
pub fn amount(amount: Amount) -> Box<RawValue> {
    RawValue::from_string(amount.to_string()).expect("an amount is written as a JSON number")
}

/// Bytes in lower-case hex.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
