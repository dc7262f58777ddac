//! Around every request: its id, its client's address, its time limit, and the reader's language for what goes wrong.
//!
//! Both stand in every log line that is written meanwhile. No query string ever does: those of production addresses carry
//! signatures, and with the older families whole orders.

use std::net::SocketAddr;

use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tracing::Instrument as _;
use uuid::Uuid;

use super::client_address::{ClientAddress, client_address};
use super::error::ApiError;
use super::language::Language;
use super::state::HttpState;

/// On every answer.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("request-id");

/// Runs the rest within the time limit, has errors presented, and adds what every answer has.
pub async fn request_scope(State(state): State<HttpState>, mut request: Request, next: Next) -> Response {
    let request_id = format!("req_{}", Uuid::from_u128(state.ids.uuid_v7(state.app.now())).simple());
    let (language, changes) = (Language::of(request.headers()), !request.method().is_safe());
    let client = client_of(&state, &request);
    if let Some(client) = client {
        request.extensions_mut().insert(client);
    }
    let client = client.map(|ClientAddress(address)| tracing::field::display(address));
    // Of the highest level, so that it stands before warnings when nothing less is logged.
    let scope = tracing::error_span!("request", id = %request_id, client);
    let answering = answered(next, request).instrument(scope);
    let response = tokio::time::timeout(state.limits.request_time, answering).await;
    let response = response.unwrap_or_else(|_elapsed| ApiError::TimedOut { changes }.into_response());
    let mut response = presented(response, language, &request_id);
    let headers = response.headers_mut();
    if let Ok(value) = HeaderValue::from_str(&request_id) {
        headers.insert(REQUEST_ID, value);
    }
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

/// `None` only where no connection is known.
fn client_of(state: &HttpState, request: &Request) -> Option<ClientAddress> {
    let ConnectInfo(peer) = request.extensions().get::<ConnectInfo<SocketAddr>>()?;
    Some(client_address(&state.trusted_proxies, peer.ip(), request.headers()))
}

async fn answered(next: Next, request: Request) -> Response {
    let (method, uri) = (request.method().clone(), request.uri().clone());
    let response = next.run(request).await;
    tracing::debug!(%method, path = uri.path(), status = response.status().as_u16(), "a request was answered");
    response
}

/// Keeps the headers that came with an error, such as `Allow`.
fn presented(mut response: Response, language: Language, request_id: &str) -> Response {
    let Some(error) = response.extensions_mut().remove::<ApiError>() else { return response };
    let mut presented = error.present(language, request_id);
    for (name, value) in response.headers() {
        if !presented.headers().contains_key(name) && *name != header::CONTENT_LENGTH {
            presented.headers_mut().insert(name.clone(), value.clone());
        }
    }
    presented
}

/// What a panic becomes; its words went to the log where it happened.
pub fn panicked(_panic: Box<dyn std::any::Any + Send + 'static>) -> Response {
    ApiError::Panicked.into_response()
}
