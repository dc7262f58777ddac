//! The API, described from its code: OpenAPI 3.1 at `/openapi.json`.
//!
//! Each handler says by `#[utoipa::path]` what it takes and answers, and is named in [`Described`]; structs that are
//! read or written derive `ToSchema`. What all operations have in common is added by [`finish`]: statuses that follow
//! from what an operation takes, the shape of problems, headers of every answer. So a handler names of the statuses
//! from 400 only those that are its own, without a body: `(status = 409)`.
//!
//! - The scope is a security requirement, in the words of the same constant that the handler checks.
//! - What is read refuses unknown members (`deny_unknown_fields`); what is written has none beyond the described ones.
//! - In answers `Option<T>` is written as null, and so it is always there. A member with `skip_serializing_if` is never
//!   null: `#[schema(nullable = false)]`.
//! - `x-never` names statuses that would follow from what an operation takes and that it never answers.
//! - Text that is more than text has its form: [`forms`]. Parameters that many take: [`parameters`].
//!
//! The addresses of marketplaces, and pages for people, are no part of it: the former are dictated by the marketplaces,
//! the latter change as they please.

mod finish;
pub mod forms;
pub mod parameters;
mod problems;

use std::sync::LazyLock;

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::IntoResponse;
use serde_json::Value;
use sha2::{Digest, Sha256};
use utoipa::OpenApi;

use self::forms::{ListNumberForm, QueryForm};
use super::conditional::none_match;
use super::error::Problem;
use super::reply::{Reply, cacheable, hex, public};
use super::{
    activations, air_gap, backup, claims, health, keysets, merchant, moving, status_lists, usage, validate,
};

/// How long a cache may keep the document: it changes with the program only.
const MAX_AGE_SECS: u32 = 300;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "lictor",
        description = "License keys for software sold on cloud marketplaces: the merchant API, what client software calls, and what offline verification needs.\n\n\
            Errors are `application/problem+json` (RFC 9457) with a stable `code`; `title` and `reason` follow `Accept-Language` (`en`, `zh`). \
            Unknown members, unknown query parameters and parameters that stand twice are refused.",
        license(name = "Apache-2.0 OR MIT", identifier = "Apache-2.0 OR MIT"),
    ),
    paths(
        merchant::apply::apply,
        merchant::imports::import,
        merchant::usage::list,
        merchant::usage::record,
        usage::report,
        activations::activate,
        activations::delete,
        activations::renew,
        activations::release,
        air_gap::answer,
        claims::redeem,
        usage::reserve,
        usage::confirm,
        usage::release,
        validate::validate,
        status_lists::show,
        keysets::key_set_of_issuer,
        keysets::key_set,
        keysets::jwks,
        keysets::well_known,
        merchant::merchants::show,
        merchant::licenses::list,
        merchant::exports::export,
        merchant::licenses::issue,
        merchant::licenses::show,
        merchant::licenses::quota,
        merchant::bulk::issue,
        merchant::activations::list,
        merchant::activations::show,
        merchant::activations::release,
        merchant::catalog::products,
        merchant::catalog::product,
        merchant::catalog::specs,
        merchant::catalog::spec,
        merchant::explanation::show,
        merchant::commands::suspend,
        merchant::commands::resume,
        merchant::commands::revoke,
        merchant::commands::reissue,
        merchant::commands::accept,
        merchant::commands::extend,
        merchant::commands::change,
        merchant::preview::preview,
        merchant::packages::move_package,
        merchant::app_info::show,
        merchant::app_info::set,
        merchant::audit::list,
        merchant::audit::head,
        merchant::audit::chain,
        merchant::audit::stored,
        merchant::audit::adopt,
        merchant::audit::show,
        merchant::channels::list,
        merchant::channels::show,
        merchant::channels::calls,
        merchant::channels::test_code,
        merchant::orders::list,
        merchant::order_compare::compare,
        merchant::orders::fetch,
        merchant::orders::show,
        merchant::orders::map,
        merchant::orders::retry,
        merchant::outbox::list,
        merchant::outbox::retry,
        merchant::webhooks::list,
        merchant::webhooks::create,
        merchant::webhooks::show,
        merchant::webhooks::change,
        merchant::webhooks::delete,
        merchant::webhooks::test,
        merchant::webhooks::enable,
        merchant::webhooks::disable,
        merchant::webhooks::rotate,
        merchant::webhooks::deliveries,
        merchant::webhooks::replay,
        merchant::api_tokens::list,
        merchant::api_tokens::create,
        merchant::api_tokens::revoke,
        merchant::sign_in_links::list,
        merchant::sign_in_links::create,
        merchant::sign_in_links::revoke,
        merchant::sessions::list,
        merchant::sessions::end_all,
        merchant::sessions::end,
        merchant::channel_check::check,
        merchant::customers::show,
        merchant::customers::erase,
        merchant::customers::list,
        merchant::customers::erase_listed,
        air_gap::answer_for_merchant,
        merchant::status_lists::list,
        merchant::keys::list,
        merchant::keys::rotate,
        merchant::keys::retire,
        merchant::keys::revoke,
        merchant::keyset::show,
        merchant::keyset::accept,
        merchant::keyset::publish,
        backup::download,
        backup::keys,
        moving::stand,
        moving::pause,
        moving::resume,
        moving::leave,
        health::live,
        health::ready,
    ),
    components(schemas(Problem<'_>, ListNumberForm, QueryForm)),
)]
struct Described;

/// The document and its strong ETag.
struct Document {
    text: String,
    etag: HeaderValue,
}

static DOCUMENT: LazyLock<Document> = LazyLock::new(|| {
    let text = serde_json::to_string_pretty(&document()).expect("the description is JSON");
    let tag = hex(&Sha256::digest(text.as_bytes())[..16]);
    let etag = HeaderValue::from_str(&format!("\"{tag}\"")).expect("hex fits into a header");
    Document { text, etag }
});

/// The document.
pub fn document() -> Value {
    finish::finished(serde_json::to_value(Described::openapi()).expect("the description is JSON"))
}

/// `GET /openapi.json`
pub async fn show(headers: HeaderMap) -> Reply {
    let Document { text, etag } = &*DOCUMENT;
    let mut response = if none_match(&headers, etag) {
        (StatusCode::NOT_MODIFIED, [(header::CACHE_CONTROL, public(MAX_AGE_SECS))]).into_response()
    } else {
        cacheable("application/json", MAX_AGE_SECS, text.clone())
    };
    response.headers_mut().insert(header::ETAG, etag.clone());
    Ok(response)
}
