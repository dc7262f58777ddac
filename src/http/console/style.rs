//! The stylesheet, at an address that changes with it: a browser keeps it for ever.

use std::sync::LazyLock;

use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use sha2::{Digest as _, Sha256};

use crate::http::error::ApiError;
use crate::http::path::PathOf;
use crate::http::reply::{Reply, hex};

const STYLE: &str = include_str!("../../../templates/console/style.css");
/// Bytes of its digest that its address has.
const DIGEST_BYTES: usize = 8;

static NAME: LazyLock<String> =
    LazyLock::new(|| format!("{}.css", hex(&Sha256::digest(STYLE.as_bytes())[..DIGEST_BYTES])));

/// Where it is.
pub fn address() -> String {
    format!("/console/style/{}", *NAME)
}

/// `GET /console/style/{name}`
pub async fn show(PathOf(name): PathOf<String>) -> Reply {
    if name != *NAME {
        return Err(ApiError::not_found("address"));
    }
    Ok(stylesheet())
}

fn stylesheet() -> Response {
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/css; charset=utf-8")),
        (header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable")),
    ];
    (headers, STYLE).into_response()
}
