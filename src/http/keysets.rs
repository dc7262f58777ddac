//! Verifying keys as JWK Sets (RFC 7517), and what the root has signed about them. No set mixes merchants.

use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::IntoResponse;

use super::conditional::{etag, none_match};
use super::error::ApiError;
use super::openapi::forms::{JwkSetForm, SlugForm, TokenForm};
use super::openapi::parameters::IfNoneMatch;
use super::path::PathOf;
use super::query::Parameters;
use super::reply::{Reply, cacheable, public};
use super::state::HttpState;
use crate::application::UseCaseError;
use crate::domain::{Merchant, MerchantId};

const CONTENT_TYPE: &str = "application/jwk-set+json";
const SIGNED_TYPE: &str = "application/license-keyset+jwt";
/// How long a cache may keep a set: none may hide a revocation for longer than a status list.
const MAX_AGE_SECS: u32 = 60;

/// How long the store is asked who the merchant is; then what was known at the last start or apply counts.
const STORE_TIME: Duration = Duration::from_secs(1);

/// The verifying keys of a merchant, as a JWK Set (RFC 7517).
#[utoipa::path(
    get, path = "/v1/keysets/{merchant}/jwks.json",
    params(("merchant" = SlugForm, Path)),
    responses((status = 200, body = JwkSetForm, content_type = "application/jwk-set+json"), (status = 404)),
)]
pub async fn jwks(State(state): State<HttpState>, PathOf(merchant): PathOf<String>) -> Reply {
    let id = MerchantId::parse(&merchant).map_err(|_| no_key_set())?;
    let found = tokio::time::timeout(STORE_TIME, state.merchant(&id)).await;
    let merchant = match found {
        Ok(Ok(found)) => found,
        // The keys are here: software that is being started need not wait for a database.
        Ok(Err(_)) | Err(_) => Some(state.keys.merchant(&id).ok_or(ApiError::TimedOut { changes: false })?),
    };
    answer(&state, &merchant.ok_or_else(no_key_set)?)
}

/// What the root has signed about the keys of an issuer.
#[utoipa::path(
    get, path = "/v1/keysets",
    params(("issuer" = String, Query), IfNoneMatch),
    responses((status = 200, body = TokenForm, content_type = "application/license-keyset+jwt", headers(("ETag" = String))), (status = 304), (status = 404)),
)]
pub async fn key_set_of_issuer(State(state): State<HttpState>, uri: Uri, headers: HeaderMap) -> Reply {
    let parameters = Parameters::read(&uri, &["issuer"])?;
    let issuer = parameters.text("issuer");
    let issuer =
        issuer.ok_or_else(|| ApiError::invalid("/issuer", "name the issuer: /v1/keysets?issuer=…"))?;
    let merchants = state.keys.merchants();
    let found = merchants.iter().find(|merchant| merchant.issuer == issuer).ok_or_else(no_key_set)?;
    published(&state, &found.id, &headers).await
}

/// What the root has signed about the keys of a merchant.
#[utoipa::path(
    get, path = "/v1/keysets/{merchant}",
    params(("merchant" = SlugForm, Path), IfNoneMatch),
    responses((status = 200, body = TokenForm, content_type = "application/license-keyset+jwt", headers(("ETag" = String))), (status = 304), (status = 404)),
)]
pub async fn key_set(
    State(state): State<HttpState>,
    PathOf(merchant): PathOf<String>,
    headers: HeaderMap,
) -> Reply {
    let id = MerchantId::parse(&merchant).map_err(|_| no_key_set())?;
    published(&state, &id, &headers).await
}

async fn published(state: &HttpState, merchant: &MerchantId, headers: &HeaderMap) -> Reply {
    let set = state.app.published_key_set(merchant).await?.ok_or_else(no_key_set)?;
    let tag = etag(set.seq);
    let mut response = if none_match(headers, &tag) {
        (StatusCode::NOT_MODIFIED, [(header::CACHE_CONTROL, public(MAX_AGE_SECS))]).into_response()
    } else {
        cacheable(SIGNED_TYPE, MAX_AGE_SECS, set.token)
    };
    response.headers_mut().insert(header::ETAG, tag);
    Ok(response)
}

/// The verifying keys, where the server has exactly one merchant.
#[utoipa::path(
    get, path = "/.well-known/jwks.json",
    responses((status = 200, body = JwkSetForm, content_type = "application/jwk-set+json"), (status = 404)),
)]
pub async fn well_known(State(state): State<HttpState>) -> Reply {
    let found = tokio::time::timeout(STORE_TIME, state.app.merchants()).await;
    let merchants = match found {
        Ok(Ok(found)) => found,
        Ok(Err(_)) | Err(_) => state.keys.merchants(),
    };
    match merchants.as_slice() {
        [only] => answer(&state, only),
        _none_or_several => Err(no_key_set()),
    }
}

fn answer(state: &HttpState, merchant: &Merchant) -> Reply {
    let jwks = state.app.signer().jwks(merchant).map_err(UseCaseError::from)?;
    Ok(cacheable(CONTENT_TYPE, MAX_AGE_SECS, jwks))
}

fn no_key_set() -> ApiError {
    ApiError::not_found("key set")
}
