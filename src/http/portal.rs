//! The customer's page: a claim code, or a marketplace's authorization code, becomes the license key. No account, no JavaScript; codes travel in the body.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use percent_encoding::percent_decode;

use super::error::ApiError;
use super::language::Language;
use super::reply::instant;
use super::state::HttpState;
use super::wording::{self, PortalWords};
use crate::application::{CodeUse, Redeemed};
use crate::domain::{License, Refusal};

/// Longest form that is read, in bytes.
const FORM_BYTES_MAX: usize = 1_024;
/// Nothing but the page's own style; nobody frames it.
const CONTENT_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
);

/// `GET /portal`
pub async fn show(headers: HeaderMap) -> Response {
    page(StatusCode::OK, Language::of(&headers), "")
}

/// `POST /portal`
pub async fn redeem(State(state): State<HttpState>, headers: HeaderMap, body: Bytes) -> Response {
    let language = Language::of(&headers);
    let redeemed = match typed_code(&body) {
        Some(text) => state.redeem(&text, None, CodeUse::Reading).await,
        None => Err(Refusal::LicenseKeyRefused.into()),
    };
    match redeemed {
        Ok(Redeemed::License(license)) => page(StatusCode::OK, language, &license_part(&license, language)),
        Ok(Redeemed::Asking { .. }) => {
            let asking = PortalWords::of(language).asking;
            page(StatusCode::ACCEPTED, language, &format!("<p role=status>{asking}</p>"))
        }
        Err(ApiError::Refused(refusal)) => {
            let reason = escaped(&wording::refusal_reason(&refusal, language));
            page(StatusCode::OK, language, &format!("<p class=refused role=alert>{reason}</p>"))
        }
        Err(error) => {
            tracing::error!(code = error.code(), "the portal could not redeem a code");
            let later = PortalWords::of(language).later;
            page(
                StatusCode::SERVICE_UNAVAILABLE,
                language,
                &format!("<p class=refused role=alert>{later}</p>"),
            )
        }
    }
}

/// The member `code` of a form (`application/x-www-form-urlencoded`).
fn typed_code(body: &[u8]) -> Option<String> {
    let form = std::str::from_utf8(body).ok().filter(|form| form.len() <= FORM_BYTES_MAX)?;
    let value = form.split('&').find_map(|member| member.strip_prefix("code="))?.replace('+', " ");
    percent_decode(value.as_bytes()).decode_utf8().ok().map(|text| text.into_owned())
}

fn license_part(license: &License, language: Language) -> String {
    let words = PortalWords::of(language);
    let end = license.validity.ends_at.map_or_else(|| words.for_ever.to_owned(), instant);
    format!(
        "<h2>{product}</h2><p>{until} {end}</p><label for=key>{key_label}</label>\
         <textarea id=key readonly rows=8 spellcheck=false>{key}</textarea><p>{paste}</p>",
        product = escaped(license.product.as_str()),
        until = words.until,
        key_label = words.license_key,
        key = escaped(&license.license_key),
        paste = words.paste,
    )
}

fn page(status: StatusCode, language: Language, part: &str) -> Response {
    let words = PortalWords::of(language);
    let html = format!(
        "<!doctype html><html lang={tag}><meta charset=utf-8>\
         <meta name=viewport content=\"width=device-width,initial-scale=1\"><title>{title}</title>\
         <style>:root{{color-scheme:light dark}}body{{font:1rem/1.5 system-ui,sans-serif;max-width:40rem;margin:3rem auto;\
         padding:0 1rem}}input,textarea,button{{font:inherit;width:100%;box-sizing:border-box;padding:.5rem}}\
         textarea{{font-family:monospace;overflow-wrap:anywhere}}button{{margin-top:.75rem}}\
         .refused{{border-left:.25rem solid;padding-left:.75rem}}</style>\
         <main><h1>{title}</h1>{part}<form method=post action=/portal>\
         <label for=code>{code_label}</label><input id=code name=code required maxlength=128 autocomplete=off \
         placeholder=\"XXXXX-XXXXX-XXXXX-XXXXX-XXXXX\"><button>{show}</button></form></main></html>",
        tag = language.tag(),
        title = words.title,
        code_label = words.claim_code,
        show = words.show,
    );
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
        (header::CONTENT_SECURITY_POLICY, CONTENT_POLICY),
        (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
        (header::VARY, HeaderValue::from_static("Accept-Language")),
    ];
    (status, headers, html).into_response()
}

/// Text that cannot become markup.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
