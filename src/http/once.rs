//! `Idempotency-Key` on every POST of the merchant API: done once, answered alike.
//!
//! The whole answer is kept, sealed under a key that is made of the caller's token: the store holds its digest only, so that
//! what is shown once cannot be read there. What was refused is not kept. What is too long to be
//! kept is decided again by the handler, which knows the key as well wherever doing it twice would matter.

use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;
use chacha20poly1305::aead::{Aead as _, KeyInit as _};
use chacha20poly1305::{ChaCha20Poly1305, Nonce};
use hkdf::Hkdf;
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::access::{authorization, named_merchant};
use super::conditional::kept_identity;
use super::error::ApiError;
use super::reply::Reply;
use super::state::HttpState;
use crate::application::{Begun, IdempotencyIdentity};
use crate::domain::{MerchantId, Scope, TokenOwner};

/// Longest answer that is kept, in bytes: sealed and written as text it fits into one record.
const KEPT_BYTES_MAX: usize = 160 * 1024;
const NONCE_BYTES: usize = 12;
/// What remembers the key in the commit of its change. After a crash it is done again at once: the commit knows whether it
/// was done.
const KNOW_THEIR_KEYS: [&str; 2] = ["/v1/merchant/licenses", "/v1/merchant/usage-records"];
/// Headers of an answer that belong to it; all others are made anew.
const KEPT_HEADERS: [HeaderName; 3] = [header::CONTENT_TYPE, header::ETAG, header::LOCATION];

/// An answer as it is kept.
#[derive(Serialize, Deserialize)]
struct Kept {
    status: u16,
    headers: Vec<(String, String)>,
    body: String,
}

/// A request that may be sent again.
struct Repeatable {
    owner: Option<MerchantId>,
    identity: IdempotencyIdentity,
    /// How long others wait for its answer.
    held: Option<Duration>,
    cipher: ChaCha20Poly1305,
}

/// Answers a repeated request as the first.
pub async fn once(State(state): State<HttpState>, request: Request, next: Next) -> Reply {
    let (parts, body) = request.into_parts();
    if parts.method != Method::POST || !parts.uri.path().starts_with("/v1/merchant/") {
        return Ok(next.run(Request::from_parts(parts, body)).await);
    }
    // The whole body is in hand, and within its bounds.
    let body = to_bytes(body, usize::MAX).await.map_err(|_broken_off| ApiError::MalformedJson)?;
    let Some(repeatable) = repeatable(&state, &parts, &body).await? else {
        return Ok(next.run(Request::from_parts(parts, Body::from(body))).await);
    };
    let (owner, identity) = (repeatable.owner.as_ref(), repeatable.identity);
    match state.app.begin_answer(owner, identity, repeatable.held).await? {
        Begun::Answered(sealed) => repeatable.opened(&sealed).ok_or(ApiError::StillRunning),
        Begun::Elsewhere => Err(ApiError::StillRunning),
        Begun::First => {
            let response = next.run(Request::from_parts(parts, Body::from(body))).await;
            answered(&state, &repeatable, response).await
        }
    }
}

/// Keeps what was done; what was refused may be asked again.
async fn answered(state: &HttpState, repeatable: &Repeatable, response: Response) -> Reply {
    let (owner, identity) = (repeatable.owner.as_ref(), repeatable.identity);
    if !response.status().is_success() {
        if repeatable.held.is_some() {
            state.app.drop_answer(owner, identity).await?;
        }
        return Ok(response);
    }
    let (parts, body) = response.into_parts();
    let body = to_bytes(body, usize::MAX).await.map_err(|_broken_off| ApiError::Panicked)?;
    let nonce: [u8; 32] = state.ids.random_bytes();
    let sealed = repeatable.sealed(parts.status, &parts.headers, &body, &nonce[..NONCE_BYTES]);
    // It is done: an answer that cannot be kept is an answer all the same.
    let kept = match sealed {
        Some(sealed) => state.app.keep_answer(owner, identity, sealed).await,
        None => state.app.drop_answer(owner, identity).await,
    };
    if let Err(error) = kept {
        tracing::warn!(%error, "an answer could not be kept for a repeated request");
    }
    Ok(Response::from_parts(parts, Body::from(body)))
}

/// Whoever has no live token is told so by the handler, and nothing is kept.
async fn repeatable(state: &HttpState, parts: &Parts, body: &Bytes) -> Result<Option<Repeatable>, ApiError> {
    let Some(text) = authorization(&parts.headers, "Bearer") else { return Ok(None) };
    let Ok(token) = state.any_token(&parts.headers).await else { return Ok(None) };
    let Some(identity) = kept_identity(&parts.headers, &token, (&parts.method, &parts.uri), body)? else {
        return Ok(None);
    };
    let owner = match &token.owner {
        TokenOwner::Merchant(merchant) => Some(merchant.clone()),
        TokenOwner::Server => match named_merchant(&parts.headers) {
            Ok(named) => named,
            Err(_told_by_the_handler) => return Ok(None),
        },
    };
    if let (TokenOwner::Server, Some(named)) = (&token.owner, &owner)
        && (!token.allows(Scope::Operator) || state.merchant(named).await?.is_none())
    {
        return Ok(None);
    }
    let mut key = Zeroizing::new([0; 32]);
    let derived = Hkdf::<Sha256>::new(Some(&identity.key_digest), text.as_bytes());
    derived.expand(b"lictor kept answer", &mut *key).expect("32 bytes are few enough for HKDF");
    let knows = KNOW_THEIR_KEYS.iter().any(|path| parts.uri.path().starts_with(path));
    let held = (!knows).then_some(state.limits.request_time);
    Ok(Some(Repeatable { owner, identity, held, cipher: ChaCha20Poly1305::new(&(*key).into()) }))
}

impl Repeatable {
    fn sealed(&self, status: StatusCode, headers: &HeaderMap, body: &[u8], nonce: &[u8]) -> Option<Vec<u8>> {
        let body = String::from_utf8(body.to_vec()).ok()?;
        let text = |name: &HeaderName| Some((name.to_string(), headers.get(name)?.to_str().ok()?.to_owned()));
        let headers = KEPT_HEADERS.iter().filter_map(text).collect();
        let plain = serde_json::to_vec(&Kept { status: status.as_u16(), headers, body }).ok()?;
        if plain.len() > KEPT_BYTES_MAX {
            return None;
        }
        let nonce: [u8; NONCE_BYTES] = nonce.try_into().ok()?;
        let sealed = self.cipher.encrypt(&Nonce::from(nonce), plain.as_slice()).ok()?;
        Some([&nonce[..], &sealed].concat())
    }

    fn opened(&self, sealed: &[u8]) -> Option<Response> {
        let (nonce, sealed) = sealed.split_first_chunk::<NONCE_BYTES>()?;
        let plain = self.cipher.decrypt(&Nonce::from(*nonce), sealed).ok()?;
        let kept: Kept = serde_json::from_slice(&plain).ok()?;
        let mut response = Response::new(Body::from(kept.body));
        *response.status_mut() = StatusCode::from_u16(kept.status).ok()?;
        for (name, value) in &kept.headers {
            let name = HeaderName::try_from(name).ok()?;
            response.headers_mut().insert(name, HeaderValue::from_str(value).ok()?);
        }
        Some(response)
    }
}
