//! `/docs`: the API as a page to read, and to try out where the browser runs its script.
//!
//! It is made from the document that `/openapi.json` serves, once per language. The frame is in both languages; what
//! handlers and types say of themselves is in English and marked so. Nothing of it comes from another host.

mod pages;
mod words;

use std::sync::LazyLock;

use askama::Template as _;
use axum::http::{HeaderMap, HeaderValue, Uri, header};
use axum::response::{IntoResponse as _, Response};

use self::pages::Page;
use super::error::ApiError;
use super::language::Language;
use super::openapi;
use super::reply::{Reply, cacheable, public};

/// The page's own style, the one script beside it, requests to this server; nobody frames it.
const CONTENT_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'self'; connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'",
);
const SCRIPT: &str = include_str!("../../templates/docs/script.js");
/// How long a cache may keep page and script: they change with the program only.
const MAX_AGE_SECS: u32 = 300;

static ENGLISH: LazyLock<Option<String>> = LazyLock::new(|| page(Language::English));
static CHINESE: LazyLock<Option<String>> = LazyLock::new(|| page(Language::Chinese));

fn page(language: Language) -> Option<String> {
    Page::of(&openapi::document(), language).render().ok()
}

/// `GET /docs`; `lang` chooses the language.
pub async fn show(headers: HeaderMap, uri: Uri) -> Reply {
    let chosen = uri.query().and_then(|query| query.split('&').find_map(|pair| pair.strip_prefix("lang=")));
    let language = Language::chosen(chosen.unwrap_or_default(), &headers);
    let page = match language {
        Language::English => ENGLISH.as_ref(),
        Language::Chinese => CHINESE.as_ref(),
    };
    let text = page.ok_or(ApiError::Panicked)?.as_str();
    let mut answer = HeaderMap::new();
    answer.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    answer.insert(header::CONTENT_LANGUAGE, HeaderValue::from_static(language.tag()));
    answer.insert(header::CACHE_CONTROL, public(MAX_AGE_SECS));
    answer.insert(header::VARY, HeaderValue::from_static("Accept-Language"));
    answer.insert(header::CONTENT_SECURITY_POLICY, CONTENT_POLICY);
    answer.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    Ok((answer, text).into_response())
}

/// `GET /docs/script.js`
pub async fn script() -> Response {
    cacheable("text/javascript; charset=utf-8", MAX_AGE_SECS, SCRIPT.to_owned())
}
